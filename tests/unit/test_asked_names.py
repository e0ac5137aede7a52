"""What a request wants something new to be called, and code that calls it otherwise."""

from __future__ import annotations

import pandas as pd
import pytest

from codeface_jupyter.trials.asked_names import asked_names, with_asked_name

SALES = {"sales": pd.DataFrame({"units": [1], "price": [2.0]})}


@pytest.mark.parametrize(
    ("request_text", "names"),
    [
        ("add a revenue column to sales, qty times price", {"revenue": "column"}),
        ("add minutes = how long each trip took", {"minutes": "column"}),
        ("add a column total to full: quantity * price", {"total": "column"}),
        ("a letter column called letter, from the average", {"letter": "column"}),
        ("now revenue by month, one column per store. call it monthly", {"monthly": ""}),
        ("Join them. Call the result `full`; no other column", {"full": ""}),
        ("a frame named long with the scores", {"long": "variable"}),
        ("Save the merged data in-place in `economy`.", {"economy": "variable"}),
        ('Save it in a new column "Cleaned Salary".', {"Cleaned Salary": "column"}),
        ('Save the salaries in the "Salary in USD" column.', {"Salary in USD": "column"}),
        ("Create `N`: a copy of `M` with zeros", {"N": "variable"}),
        ("All pairs of distances. Name it `D`.", {"D": ""}),
    ],
)
def test_what_is_to_be_called_so_is_read(request_text: str, names: dict[str, str]) -> None:
    assert asked_names(request_text) == names


@pytest.mark.parametrize(
    "request_text",
    [
        "add a numeric column with the ratio",
        "add a new column to sales",
        'make a feature of the "GDP growth (annual %)" column',
        "all students named Anna",
        "do not call it monthly",
        "how many columns are there?",
        "the column names in lower case",
        "call the function with 3",
        "write a function for the nth fibonacci number and call it twice",
        "a decorator that caches a function called repeatedly",
        "define it and call it recursively",
        "compute feature importance for the model",
        "calculate column means",
        "compute the last column",
        "add column headers to the table",
        "create a stacked column chart of sales",
        "create feature vectors",
        "make a histogram for the feature price with ten bins",
        "```\na column called x\n```",
        "",
    ],
)
def test_what_is_no_name_of_something_new_is_not(request_text: str) -> None:
    assert asked_names(request_text) == {}


@pytest.mark.parametrize(
    ("request_text", "code", "renamed"),
    [
        (
            "add a revenue column",
            "sales['Revenue'] = sales['units'] * 2\nsales[\"Revenue\"].sum()",
            "sales['revenue'] = sales['units'] * 2\nsales[\"revenue\"].sum()",
        ),
        (
            'save it in a column named "net total"',
            "sep = 'a\x0cb\u2028'\nsales['ä'] = 1",
            "sep = 'a\x0cb\u2028'\nsales['net total'] = 1",
        ),
        (
            "add a revenue column",
            "note = 'a\u2028b'\nsales['x'] = 1",
            "note = 'a\u2028b'\nsales['revenue'] = 1",
        ),
        ("units by month. call it monthly", "m = sales.sum()\nm", "monthly = sales.sum()\nmonthly"),
        ("a function named half", "def f(x):\n    return x / 2", "def half(x):\n    return x / 2"),
    ],
)
def test_the_name_that_was_asked_for_takes_the_place_of_another(
    request_text: str, code: str, renamed: str
) -> None:
    found = with_asked_name(code, request_text, SALES)
    assert found is not None
    assert found.code == renamed
    assert found.note.startswith("Named `")


@pytest.mark.parametrize(
    ("request_text", "code"),
    [
        ("add a revenue column", "sales['revenue'] = 1"),
        ("add a revenue column", "sales = sales.assign(revenue=1)"),
        ("add a revenue column", "sales['a'] = 1\nsales['b'] = 2"),
        ("add a revenue column", "sales['units'] = 1"),
        ("add a revenue column", "sales['x'] = 1\nsales.x.sum()"),
        # What is called so may be a method, a value, or something else's.
        ("add a column called avg", "sales['mean'] = sales.units.transform('mean')"),
        ("add a column called level", "sales['high'] = np.where(sales.units > 2, 'high', 'low')"),
        ("add a column called x", "sales['n'] = 1\nother['n'] = 2"),
        ("add a column called x", "sales['n'] = 1\nsales[['n', 'units']]"),
        ("add a column called x", "counts = {}\ncounts['n'] = len(sales)"),
        ("add a price column", "sales['cost'] = 1"),
        ("add a revenue column", "sales['x'] = 1\nsales.query('x > 2')"),
        ("add a revenue column", "total = sales['units'].sum()"),
        ("call it monthly", "sales = sales.dropna()"),
        ("call it monthly", "sales.sum()"),
        ("a frame named low and a frame named high", "a = sales\nb = sales"),
        ("a class called Cart, then a variable called cart", "class Cart:\n    x = 1"),
        ("call it monthly", "m = ("),
    ],
)
def test_where_it_is_not_clear_which_one_is_meant_code_stays(request_text: str, code: str) -> None:
    assert with_asked_name(code, request_text, SALES) is None
