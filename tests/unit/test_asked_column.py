"""A question for one of the names in a column, and an answer that gives a number."""

import pandas as pd
import pytest

from codeface_jupyter.outcome import Outcome
from codeface_jupyter.trials.asked_column import asked_column, gives_a_number
from codeface_jupyter.trials.asked_kind import kind_note

SALES = pd.DataFrame({"Region": ["north", "south"], "year": [2023, 2024], "units": [3, 1]})


@pytest.mark.parametrize(
    ("request_text", "column"),
    [
        ("Which region sells the most units?", "region"),
        ("And which region has the highest price?", "region"),
        ("what region is it", "region"),
        ("Which year was the best?", ""),
        ("Which product sells most?", ""),
        ("Which region and how many units?", ""),
        ("Which region sells most, and how many units does it sell?", ""),
        ("The units of the region which sells most", ""),
        ("Which regions are there?", ""),
    ],
)
def test_a_question_may_ask_for_one_of_the_texts_in_a_column(request_text, column):
    assert asked_column(request_text, {"sales": SALES, "n": 1}) == column


def test_a_column_of_numbers_in_one_table_and_of_texts_in_another_tells_nothing():
    other = SALES.assign(Region=[1, 2])
    assert asked_column("Which region sells most?", {"a": SALES, "b": other}) == ""


@pytest.mark.parametrize(
    "years",
    [
        ["2023", "2024"],
        ["before", "2024"],
        pd.Series([2023, 2024], dtype=object),
        pd.Series(["before", 2024.0], dtype=object),
        pd.Series(["2023", "2024"], dtype="string"),
    ],
)
def test_what_looks_like_a_number_may_be_one_of_the_column(years):
    assert asked_column("Which year was the best?", {"sales": SALES.assign(year=years)}) == ""


def test_missing_values_are_no_numbers():
    missing = SALES.assign(Region=pd.Series(["north", None], dtype=object))
    assert asked_column("Which region sells most?", {"sales": missing}) == "region"
    nan = SALES.assign(Region=pd.Series(["north", float("nan")], dtype=object))
    assert asked_column("Which region sells most?", {"sales": nan}) == "region"


def test_only_the_first_values_of_a_long_column_are_looked_at():
    texts = pd.DataFrame({"region": ["north"] * 1_000 + ["7"]})
    assert asked_column("Which region sells most?", {"sales": texts}) == "region"


@pytest.mark.parametrize(
    ("outcome", "is_number"),
    [
        (Outcome(ending="ran", value="10.5"), True),
        (Outcome(ending="ran", value="-1_000"), True),
        (Outcome(ending="ran", printed="17\n"), True),
        (Outcome(ending="ran", value="'north'"), False),
        (Outcome(ending="ran", value="Series of 2"), False),
        (Outcome(ending="ran", printed="north 17\n"), False),
        (Outcome(ending="ran"), False),
        (Outcome(ending="raised", value="1"), False),
        (None, False),
    ],
)
def test_a_number_is_told_from_all_else(outcome, is_number):
    assert gives_a_number(outcome) is is_number


def test_the_note_says_what_was_printed_instead():
    outcome = Outcome(ending="ran", printed="17\n")
    assert kind_note(outcome, "region") == "The request asks for a region; this gives `17`."
