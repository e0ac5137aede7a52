"""How many rows a request asks for, and what an answer gives."""

import pytest

from codeface_jupyter.outcome import Outcome
from codeface_jupyter.trials.asked_count import asked_count, count_note, given_instead


@pytest.mark.parametrize(
    ("request_text", "count"),
    [
        ("only the top 2", 2),
        ("Top five products by revenue", 5),
        ("show me the first 10 rows", 10),
        ("list the 3 largest orders", 3),
        ("Which are the 3 best-selling products?", 3),
        ("sort by maths and show only the top 3", 3),
        ("only 4 rows", 4),
        ("keep the last two", 2),
        ("What are the ten most expensive orders?", 10),
        # There may be more of them, or something else.
        ("top 2 per region", 0),
        ("the top 2 products of each region", 0),
        ("show the orders of the top 3 customers", 0),
        ("only the top 3 customers' orders", 0),
        ("top 5 products and their monthly sales", 0),
        ("show the top 5 monthly", 0),
        ("show the top 10%", 0),
        ("show the top 2.5 percent", 0),
        ("only the first 3 columns", 0),
        ("select the top 10 numeric features", 0),
        ("show the last 3 months", 0),
        ("keep only the first 3 letters", 0),
        ("drop the first 3 rows", 0),
        ("show the top 3-5", 0),
        ("Keep only the top 2 regions by qty", 0),
        ("keep the first 2 levels of the index", 0),
        ("find the 2 nearest stations for the points", 0),
        ("select the first 3 sheets", 0),
        ("Take the first two parts of name as prefix", 0),
        ("top 5 in a bar diagram", 0),
        ("add 1 to the first 3 rows", 0),
        ("not only the top 3", 0),
        ("write a function that returns the top 3", 0),
        ("show the top 3. Also list the 2 smallest", 0),
        ("show the top 1", 0),
        ("show the 2 interest rates", 0),
        ("sort descending", 0),
        ("```python\nprint('top 3')\n```\nexplain", 0),
    ],
)
def test_it_is_told_from_what_is_to_be_given(request_text, count):
    assert asked_count(request_text) == count


def outcome(value, ending="ran"):
    return Outcome(ending=ending, value=value)


SEVEN = outcome("DataFrame of 7 rows and 2 columns")


@pytest.mark.parametrize(
    ("value", "before", "given"),
    [
        ("DataFrame of 5 rows and 2 columns", SEVEN, "5 rows"),
        ("DataFrame of 1,200 rows and 1 column", None, "1,200 rows"),
        ("DataFrame of 1 row and 2 columns", SEVEN, "1 row"),
        ("Series of 5", None, "5 values"),
        ("list of 3", None, "3 values"),
        ("DataFrame of 2 rows and 9 columns", SEVEN, ""),
        # There may be no more.
        ("DataFrame of 1 row and 2 columns", None, ""),
        ("DataFrame of 1 row and 2 columns", outcome("DataFrame of 1 row and 2 columns"), ""),
        ("DataFrame of 1 row and 2 columns", outcome("42"), ""),
        ("tuple of 3", None, ""),
        ("'list of 3'", None, ""),
        ("42", SEVEN, ""),
        ("", None, ""),
    ],
)
def test_another_number_is_told_where_that_is_certain(value, before, given):
    assert given_instead(outcome(value), 2, before=before) == given


def test_nothing_is_told_where_nothing_is_asked_for_or_known():
    assert given_instead(SEVEN, 0, before=None) == ""
    assert given_instead(outcome("Series of 5", "raised"), 2, before=None) == ""
    assert given_instead(None, 2, before=None) == ""


def test_the_note_says_both():
    assert count_note("5 rows", 2) == "This gives 5 rows; 2 were asked for."
    assert count_note("", 2) == ""
