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
