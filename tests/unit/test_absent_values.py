"""Texts that a code looks for in a column in which no row holds them."""

import pandas as pd
import pytest

from codeface_jupyter.trials.absent_values import absent_value

THREE = "`'2025-01-03'`, `'2025-02-01'` and `'2025-02-02'`"


@pytest.fixture
def notebook():
    sales = pd.DataFrame(
        {
            "city": ["Berlin", "Rome", None, "Rome"],
            "day": ["2025-01-03", "2025-02-01", "2025-02-02", "2025-02-03"],
            "password": ["a", "b", "c", "d"],
            "mixed": ["a", 1, None, 2],
            "units": [1, 2, 3, 4],
            "when": pd.to_datetime(["2025-01-03"] * 4),
        }
    )
    return {"sales": sales, "other": {"city": "Rome"}}


@pytest.mark.parametrize(
    ("code", "request_text", "note"),
    [
        (
            "sales[sales['city'] == 'rome']['units'].sum()",
            "units sold in rome",
            "No row of `sales['city']` is `'rome'`; it holds `'Rome'`.",
        ),
        (
            "(sales.day == '2023-03-31').sum()",
            "how many were sold in March?",
            f"No row of `sales.day` is `'2023-03-31'`; it holds {THREE}.",
        ),
    ],
)
def test_it_is_told_with_what_the_column_holds(notebook, code, request_text, note):
    assert absent_value(code, notebook, request=request_text).note == note


@pytest.mark.parametrize(
    "code",
    [
        "sales[sales['city'] == 'Rome']",
        # Who asks for it may want to know that there is none.
        "sales[sales['city'] == 'Paris']",
        # What is compared is not the notebook's column, or no text.
        "sales['city'] = sales['city'].str.lower()\nsales[sales['city'] == 'rome']",
        "sales[sales['city'].str.lower() == 'rome']",
        "sales.loc[sales['units'] > 1, 'city'] = 'rome'\n(sales['city'] == 'rome').sum()",
        "sales.city = 'rome'\nsales[sales['city'] == 'rome']",
        "sales.fillna({'city': 'rome'}, inplace=True)\nsales[sales['city'] == 'rome']",
        "sales['city'].replace('Rome', 'rome', inplace=True)\nsales[sales['city'] == 'rome']",
        "assert not (sales['city'] == 'rome').any()",
        "sales = load()\nsales[sales['city'] == 'rome']",
        "other['city'] == 'rome'",
        "unknown['city'] == 'rome'",
        "sales[sales['nothing'] == 'rome']",
        "sales[sales['mixed'] == 'rome']",
        "sales[sales['units'] == '7']",
        "sales[sales['when'] == '2025-01-04']",
        "sales[sales['password'] == 'rome']",
        "sales[sales['city'] != 'rome']",
        "sales[sales['city'] == name]",
        "sales[sales['city'] == ",
    ],
)
def test_anything_else_may_be_as_it_should(notebook, code):
    assert absent_value(code, notebook, request="units sold in Paris, or rom?") is None
