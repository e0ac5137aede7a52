"""Notebook tasks whose answer needs a column's or helper's name from the cells above."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TASKS", "NotebookTask"]


@dataclass(frozen=True)
class NotebookTask:
    """Cells that were run, a request for the next one, and what must hold after it.

    Attributes
    ----------
    cells
        Sources, in order.
    request
        What the user asks; it does not repeat the names that the answer needs.
    check
        Assertions over the namespace after the answer ran; ``_`` is the value of the
        answer's last expression.
    """

    cells: tuple[str, ...]
    request: str
    check: str


SALES = (
    "import pandas as pd",
    (
        "sales = pd.DataFrame({'region_name': ['north', 'south', 'north', 'west'],\n"
        "    'units_sold': [10, 5, 7, 2], 'unit_price_eur': [2.0, 3.0, 2.0, 8.0]})"
    ),
)
PEOPLE = (
    "import pandas as pd",
    (
        "people = pd.DataFrame({'full_name': ['Ada L', 'Alan T', 'Grace H', 'Edsger D'],\n"
        "    'birth_year': [1815, 1912, 1906, 1930], 'city': ['London', 'London', 'Oslo', None]})"
    ),
)
SENSOR = (
    "import numpy as np",
    "readings_c = np.array([20.5, 21.0, -999.0, 22.5, 19.0])\nMISSING = -999.0",
)
HELPERS = (
    "def to_snake(text):\n    return text.strip().lower().replace(' ', '_')",
    "headers = ['First Name', 'Last Name ', 'Zip Code']",
)
RATES = (
    "rates = {'USD': 1.1, 'GBP': 0.8, 'JPY': 160.0}",
    "def convert(amount_eur, currency):\n    return amount_eur * rates[currency]",
    "prices_eur = [10, 20, 30]",
)
LOGS = (
    "import re",
    "log_lines = ['2026-01-02 ERROR disk full', '2026-01-02 INFO ok', '2026-01-03 ERROR net down']",
)

TASKS: tuple[NotebookTask, ...] = (
    NotebookTask(
        SALES,
        "Store the total number of units in a variable called total.",
        "assert int(total) == 24",
    ),
    NotebookTask(
        SALES,
        "Add a column revenue to the frame: units times price.",
        "assert list(sales['revenue']) == [20.0, 15.0, 14.0, 16.0]",
    ),
    NotebookTask(
        SALES,
        "Store the units per region, as a Series, in a variable called per_region.",
        "assert per_region.to_dict() == {'north': 17, 'south': 5, 'west': 2}",
    ),
    NotebookTask(
        SALES,
        "Store the rows of the north region in a variable called north.",
        "assert len(north) == 2 and set(north['region_name']) == {'north'}",
    ),
    NotebookTask(
        SALES,
        "Store the name of the region with the highest price in a variable called dearest.",
        "assert dearest == 'west'",
    ),
    NotebookTask(
        SALES,
        "Sort the frame by units, largest first, and store it in a variable called ranked.",
        "assert list(ranked['units_sold']) == [10, 7, 5, 2]",
    ),
    NotebookTask(
        PEOPLE,
        "Store the oldest person's name in a variable called oldest.",
        "assert oldest == 'Ada L'",
    ),
    NotebookTask(
        PEOPLE,
        "Store how many people have no city in a variable called missing.",
        "assert int(missing) == 1",
    ),
    NotebookTask(
        PEOPLE,
        "Store the mean year of birth in a variable called mean_year.",
        "assert abs(float(mean_year) - 1890.75) < 0.01",
    ),
    NotebookTask(
        PEOPLE,
        "Store the names of those who live in London, as a list, in a variable called londoners.",
        "assert list(londoners) == ['Ada L', 'Alan T']",
    ),
    NotebookTask(
        PEOPLE,
        "Add a column first_name with the first word of each name.",
        "assert list(people['first_name']) == ['Ada', 'Alan', 'Grace', 'Edsger']",
    ),
    NotebookTask(
        SENSOR,
        "Store the mean of the valid readings in a variable called mean_c.",
        "assert abs(float(mean_c) - 20.75) < 1e-6",
    ),
    NotebookTask(
        SENSOR,
        "Count the missing readings and store the number in a variable called n_missing.",
        "assert int(n_missing) == 1",
    ),
    NotebookTask(
        SENSOR,
        "Store the valid readings in Fahrenheit in a variable called readings_f.",
        "assert np.allclose(sorted(readings_f), sorted([68.9, 69.8, 72.5, 66.2]))",
    ),
    NotebookTask(
        HELPERS,
        "Apply the helper to every header and store the list in a variable called clean_headers.",
        "assert list(clean_headers) == ['first_name', 'last_name', 'zip_code']",
    ),
    NotebookTask(
        HELPERS,
        "Build a dict called mapping from each header to its snake case form.",
        "assert mapping == {h: to_snake(h) for h in headers}",
    ),
    NotebookTask(
        RATES,
        "Convert all prices to pounds with the function above into a list called prices_gbp.",
        "assert [round(p, 6) for p in prices_gbp] == [8.0, 16.0, 24.0]",
    ),
    NotebookTask(
        RATES,
        "Store the currency with the highest rate in a variable called strongest.",
        "assert strongest == 'JPY'",
    ),
    NotebookTask(
        LOGS,
        "Store the messages of the error lines, without date and level, in a list called errors.",
        "assert [str(e).strip() for e in errors] == ['disk full', 'net down']",
    ),
    NotebookTask(
        LOGS,
        "Count the lines per day in a dict called per_day.",
        "assert dict(per_day) == {'2026-01-02': 2, '2026-01-03': 1}",
    ),
    NotebookTask(
        (
            (
                "class Account:\n    def __init__(self, owner, balance_cents):\n"
                "        self.owner = owner\n        self.balance_cents = balance_cents"
            ),
            "accounts = [Account('ada', 1250), Account('alan', 300), Account('grace', 990)]",
        ),
        "Store the sum of all balances in euros in a variable called total_eur.",
        "assert abs(float(total_eur) - 25.4) < 1e-9",
    ),
    NotebookTask(
        (
            (
                "orders = [{'sku': 'A1', 'qty': 2, 'price': {'net': 5.0}},\n"
                "          {'sku': 'B2', 'qty': 1, 'price': {'net': 7.5}}]"
            ),
        ),
        "Store the total net value of the orders in a variable called net_total.",
        "assert abs(float(net_total) - 17.5) < 1e-9",
    ),
    NotebookTask(
        (
            "import pandas as pd",
            (
                "temps = pd.DataFrame({'stamp': pd.date_range('2026-01-30', periods=4, freq='D'),\n"
                "    'deg_c': [1.0, 3.0, 5.0, 7.0]})"
            ),
        ),
        "Store the mean temperature per month, as a list in order, in a variable called monthly.",
        "assert [float(t) for t in monthly] == [2.0, 6.0]",
    ),
    NotebookTask(
        (
            "import pandas as pd",
            "customers = pd.DataFrame({'cust_id': [1, 2], 'cust_name': ['ada', 'alan']})",
            "invoices = pd.DataFrame({'customer': [1, 1, 2], 'amount_due': [10, 5, 7]})",
        ),
        "Store the amount due per customer name, as a dict, in a variable called due.",
        "assert {k: int(v) for k, v in dict(due).items()} == {'ada': 15, 'alan': 7}",
    ),
)
