"""A column that a question is about, that no table has, and that the code makes itself."""

import numpy as np
import pandas as pd
import pytest

from codeface_jupyter.trials.made_up_columns import made_up_column_note

ASKED = "what is the average discount per region?"
MADE = "sales['discount'] = sales['price'] - sales['price'].min()\nsales['discount'].mean()"
FROM_PRICE = "`sales` has no column `discount`; this code makes one from `price`."
MADE_UP = "`sales` has no column `discount`; this code makes one up."


def live(**more):
    columns = ["region", "price", "quantity", "date"]
    return {"np": np, "pd": pd, "sales": pd.DataFrame(columns=columns), **more}


@pytest.mark.parametrize(
    ("code", "note"),
    [
        (MADE, FROM_PRICE),
        ("sales['discount'] = sales.price * 0.1", FROM_PRICE),
        ("sales['discount'] = sales.groupby('region')['price'].transform('max')", FROM_PRICE),
        ("sales.assign(discount=sales['price'] * 0.1)['discount'].mean()", FROM_PRICE),
        ("x = sales.assign(discount=lambda d: d['price'] * 0.1)\nx", FROM_PRICE),
        ("copy = sales.copy()\ncopy['discount'] = copy['price'] * 0.1", FROM_PRICE),
        ("sales['discount'] = np.random.rand(len(sales))", MADE_UP),
        ("sales['discount'] = 0", MADE_UP),
        (
            "sales['discount'] = sales['price'] * sales['quantity']",
            "`sales` has no column `discount`; this code makes one from `price` and `quantity`.",
        ),
    ],
)
def test_what_it_is_made_from_is_told(code, note):
    assert made_up_column_note(ASKED, code, live()) == note


@pytest.mark.parametrize(
    "request_text",
    [
        "Plot the discounts by region",
        "show discount per region",
        "Which country has the highest Discount?",
        "average discount per region",
        "the total discount",
        "Please list the top 5 regions by discount",
        'what is the median "discount"?',
        "can you show the discount of each region",
    ],
)
def test_a_question_is_about_what_is_there(request_text):
    assert made_up_column_note(request_text, MADE, live()) == FROM_PRICE


@pytest.mark.parametrize(
    "request_text",
    [
        "add a column discount and show its mean",
        "compute the discount per region",
        "calculate the discount",
        "create discount",
        "show the price minus its minimum, and call it discount",
        'show the price less its minimum as "discount"',
        "what is the mean of a new column, discount?",
        "show discount = price - min",
        "plot a discount that is derived in some way",
        "show the distance to the lowest price, named discount",
        "show it, saved as discount",
        "how would a discount change the total?",
        "what is the total with a discount?",
        "what is the total at 10% discount?",
        "what is left after 10 percent discount?",
        "what is the discount at 19 per cent?",
        "what discount do we give at 20 off?",
        "plot price against discount, discount being the rest",
        "what is the mean discount, if discount means the rest?",
        "make a feature discount",
        "define discount, and show it",
        "show me discount (the price less the lowest)",
        # The request names what it is to be made of.
        "what is the discount, the price less the lowest?",
        "show the discount in prices",
        # It is not named, or as a part of another name.
        "what is the average price per region?",
        "what is the discounted total?",
        "what is the discount_rate?",
        "use discount",
        "",
    ],
)
def test_whoever_wants_it_made_is_told_nothing(request_text):
    assert made_up_column_note(request_text, MADE, live()) == ""


@pytest.mark.parametrize(
    ("request_text", "code"),
    [
        ("compute revenue per region", "sales['revenue'] = sales['price'] * sales['quantity']"),
        ("calculate the growth rate", "sales['growth'] = sales['price'].pct_change()"),
        ("what is the growth?", "sales['growth'] = sales['price'].pct_change()"),
        ("which month sells most?", "sales['month'] = pd.to_datetime(sales['date'])"),
        ("what sells in spring?", "sales['spring'] = sales['date'].dt.month.isin([3, 4, 5])"),
        ("which share has each region?", "sales['share'] = sales['price'] / sales['price'].sum()"),
        ("show a moving average", "sales['moving'] = sales['price'].rolling(7).mean()"),
        ("which ones are expensive?", "sales['expensive'] = sales['price'] > 100"),
        ("which ones are cheap?", "sales['cheap'] = sales['price'].lt(10)"),
        ("show the rank of each", "sales['rank'] = sales['price'].rank()"),
    ],
)
def test_what_is_computed_as_the_request_wants_it_is_no_fault(request_text, code):
    assert made_up_column_note(request_text, code, live()) == ""


@pytest.mark.parametrize(
    ("code", "more"),
    [
        # It is there already, in this table, another, or a variable.
        (MADE, {"sales": pd.DataFrame(columns=["price", "discount"])}),
        (MADE, {"sales": pd.DataFrame(columns=["price", "Discount"])}),
        (MADE, {"offers": pd.DataFrame(columns=["discount"])}),
        ("sales['discount'] = discount", {"discount": 0.1}),
        ("sales['discount'] = sales['price'].map(rates)", {"rates": {}}),
        ("sales['discount'] = off(sales['price'])", {"off": abs}),
        ("sales['discount'] = sales.index", {}),
        ("sales['discount'] = sales['region'].str[0]", {}),
        ("sales['discount'] = np.where(sales['region'] == 'N', 0, 1)", {}),
        ("sales['discount'] = sales['cost'] - 1", {}),
        # Another table by then.
        ("sales = pd.read_csv('a.csv')\nsales['discount'] = 0", {}),
        ("sales = sales.merge(x)\nsales['discount'] = sales['price']", {}),
        ("other = f()\nother['discount'] = 0", {}),
        ("options['discount'] = 0", {"options": {}}),
        # It is made where it is missing.
        ("if 'discount' not in sales:\n    sales['discount'] = 0", {}),
        ("sales['discount'].mean()", {}),
        ("sales['discount'] = (", {}),
    ],
)
def test_in_doubt_nothing_is_told(code, more):
    assert made_up_column_note(ASKED, code, live(**more)) == ""
