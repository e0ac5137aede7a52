"""Names that a request quotes and an answer's code does not say."""

from __future__ import annotations

import time

import pytest
from hypothesis import find, given
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
        # A name of the code's own that is longer is another one.
        ('"profit"', "total_profit = sales['price'].sum()", ("profit",)),
        ('"profit"', "sales.total_profit", ("profit",)),
        ('"profit"', "sales.agg(total_profit=('price', 'sum'))", ("profit",)),
        ('"profit"', "def profitable(sales):\n    return sales", ("profit",)),
        # What begins or ends so was meant.
        ('with "avg_" in front', "sales.agg(avg_price=('price', 'mean'))", ()),
        ('that end in "_total"', "price_total = 1", ()),
        ('that end in "_total"', "total_price = 1", ("_total",)),
        ('apply "log" to price', "sales['price'].transform(np.log1p)", ()),
        ('"profit"', "sales['total_profit']", ()),
        ('"profit"', "profit.total()", ()),
        ('"sort" it', "cars.sort_values('hp')", ()),
        ('"linear" it is', "from sklearn.linear_model import Ridge", ()),
        ('where "mpg" is high', "cars.query('mpg > 30')", ()),
        ('"mpg" in words', "f'mpg: {value}'", ()),
        ("mit „Herkunft“, \u201aMittel\u2018 und «Marke»", CODE, ("Herkunft", "Mittel", "Marke")),
        ("as “Low”, \u2018High\u2019 and « Mean »", CODE, ("Low", "High", "Mean")),
        ('call it "Total," or "Sum."', CODE, ("Total", "Sum")),
        ('a "Total" without an "Index"', CODE, ("Total",)),
        ('"lag1" and "lag2"', "cars['lag1'] = cars['hp'] + 2", ("lag2",)),
        # As a part that a text is put together from, a pattern, a global, an exception, bytes.
        ('"col1", "col2", …, "col33"', "cars.columns = [f'col{i + 1}' for i in range(33)]", ()),
        ('"Mean mpg" and "hp_max"', "['Mean ' + name, name + '_max']", ()),
        ('"kind"', "match car:\n    case Car(kind=1):\n        pass", ()),
        ('"rest"', "match car:\n    case {**rest}:\n        pass", ()),
        ('"count"', "def f():\n    global count", ()),
        ('"error"', "try:\n    f()\nexcept ValueError as error:\n    pass", ()),
        ('"head"', "b'head'", ()),
        # One character may be written as several.
        ('"caf\u00e9"', "cars['cafe\u0301']", ()),
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
        'boards of 12"x14" and 5\'10"',
        'wider than 10"a" and "2020", with "10%" or "7.93%", graded "A" to "F"',
        'everything except "Unnamed: 0"',
        "don't use `loops`, and don't call it 'total'",
        "ohne „Unnamed“, statt 'total'",
        'set aside values such as "above" or, for example, "below"',
        "use `pandas` and `for`, not `while`",
        "turned('abc') gives 'cba'",
        "'abc' -> 'cba'",
        "counts of {'red': 1}",
        'colour = "red"',
        ">>> turned(word)\n'cba'",
        '"' + "x" * 61 + '"',
        "",
    ],
)
def test_what_is_no_name_counts_for_nothing(request_text: str) -> None:
    assert unsaid_names(request_text, CODE) == ()


def test_what_is_not_said_in_any_case_is_told() -> None:
    note = "The request names “Fuel” and “Low cost”, which this code does not."
    assert unsaid_note(["Fuel", "Origin", "Low cost"], code=CODE) == note
    assert unsaid_note(["Origin"], code=CODE) == unsaid_note([], code=CODE) == ""
    assert "“Fuel”" in unsaid_note(["Fuel"], code=f'# Called "Fuel"\n{CODE}')
    assert "“Fuel”" in unsaid_note(["Fuel"], code="fuel_total = 1")
    assert unsaid_note(["Fuel"], code="fuel = 1") == ""


def test_of_many_names_the_first_few_are_told() -> None:
    note = "The request names “Low”, “High” and 3 more, which this code does not."
    assert unsaid_note(["Low", "High", "Fuel", "Kind", "Year"], code=CODE) == note


@pytest.mark.parametrize(
    "sign", ["\n", " ", " \n", '"', "' ", "“", "«", "`", "```\n", "~", ">>>\n", 'a("\n', "a =", "{"]
)
def test_a_long_request_is_read_in_no_time(sign: str) -> None:
    begin = time.process_time()
    assert unsaid_names(sign * (100_000 // len(sign)), CODE) == ()
    assert time.process_time() - begin < 1


def test_code_that_does_not_parse_tells_nothing() -> None:
    assert unsaid_names('the "mpg"', "cars[") == ()


SIGNS = st.text(alphabet="ab \"'`“”\n~(", max_size=20)
QUOTED = st.builds(
    lambda quotes, name: f" {quotes[0]}{name}{quotes[1]} ",
    st.sampled_from(['""', "''", "``", "“”", "«»"]),
    st.sampled_from(["mpg", "origin", "Average MPG", "Fuel", "Low cost", "ab"]),
)
REQUESTS = st.lists(QUOTED | SIGNS, max_size=6).map("".join)


def test_some_requests_name_what_is_said_and_what_is_not() -> None:
    assert find(REQUESTS, lambda text: unsaid_names(text, CODE))
    assert find(REQUESTS, lambda text: "mpg" in unsaid_names(text, ""))


@given(REQUESTS, st.sampled_from([CODE, "a = 'ab'", "("]))
def test_any_request_is_read(request_text: str, code: str) -> None:
    for name in unsaid_names(request_text, code):
        assert name in request_text
        assert f"'{name}'" not in code
