"""Names that a request quotes and an answer's code does not say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeface_jupyter.trials.unsaid_names import unsaid_names, unsaid_note

CODE = "cars.groupby('origin')['mpg'].mean().reset_index(name='Average MPG')"


@pytest.mark.parametrize(
    ("request_text", "code", "unsaid"),
    [
        ('a table with "Origin" and "Average MPG" as columns', CODE, ("Origin",)),
        ("a table with “Origin” and “Average MPG” as columns", CODE, ("Origin",)),
        ("by 'origin', as 'Average MPG', called 'Low'", CODE, ("Low",)),
        ("save it in `by_origin`", CODE, ("by_origin",)),
        ("save it in `by_origin`", f"by_origin = {CODE}", ()),
        ('the "mpg" of each "mpg"', "cars['hp']", ("mpg",)),
        # As a name, an attribute, a keyword, a function, an import, and within a longer text.
        ('"cars"', "cars", ()),
        ('"mpg"', "cars.mpg", ()),
        ('"mean_mpg"', "cars.agg(mean_mpg=('mpg', 'mean'))", ()),
        ('"clean"', "def clean(cars):\n    return cars", ()),
        ('"limit"', "def clean(limit):\n    return 1", ()),
        ('"numpy" as "n"', "import numpy as n", ()),
        ('where "mpg" is high', "cars.query('mpg > 30')", ()),
        ('"mpg" in words', "f'mpg: {value}'", ()),
    ],
)
def test_what_is_quoted_has_to_be_said(request_text: str, code: str, unsaid: object) -> None:
    assert unsaid_names(request_text, code) == unsaid


@pytest.mark.parametrize(
    "request_text",
    [
        "the users' share of last year's sales",
        "don't show what isn't theirs",
        "give me a tuple `(highest, lowest)` and `len(cars)`",
        'a "DataFrame", or None: "NaN" counts as "None"',
        'wider than "…" and "=>"',
        'complete this:\n```python\nname = "nobody"\n```',
        'complete this:\n```python\nname = "nobody"\n',
        'a quote " that is not closed',
        '"' + "x" * 61 + '"',
        "",
    ],
)
def test_what_is_no_name_counts_for_nothing(request_text: str) -> None:
    assert unsaid_names(request_text, CODE) == ()


def test_what_is_not_said_in_any_case_is_told() -> None:
    note = "The request names “Fuel” and “Low cost”, this code does not."
    assert unsaid_note(["Fuel", "Origin", "Low cost"], code=CODE) == note
    assert unsaid_note(["Origin"], code=CODE) == unsaid_note([], code=CODE) == ""


def test_code_that_does_not_parse_tells_nothing() -> None:
    assert unsaid_names('the "mpg"', "cars[") == ()


@given(st.text(alphabet="ab \"'`“”\n~(", max_size=80), st.sampled_from([CODE, "a = 'b'", "("]))
def test_any_request_is_read(request_text: str, code: str) -> None:
    for name in unsaid_names(request_text, code):
        assert name in request_text
        assert f"'{name}'" not in code
