"""Worked examples: requests that small models see answered before they get theirs."""

from __future__ import annotations

from dataclasses import dataclass

from codeface_jupyter.prompts.prompt import Prompt
from codeface_jupyter.prompts.requests import edit_request

__all__ = ["EDIT_EXAMPLES", "EXAMPLES", "Example", "examples_for"]


@dataclass(frozen=True)
class Example:
    """A request in a notebook, and the code that answers it."""

    prompt: Prompt
    code: str


# They show what words do not bring small models to do: one short block in steps that ends in the
# value, no print, no cell repeated, columns called as they are. Figures: benchmarks/RESULTS.md.
EXAMPLES = (
    Example(
        Prompt(
            request=(
                "Fill the missing rain with 0. Save the number of rainy days of each station "
                "in `rainy_days`."
            ),
            cells=(
                "import pandas as pd",
                "weather = pd.read_csv('weather.csv', parse_dates=['day'])",
                "weather['warm'] = weather['temp_max'] > 25",
            ),
            notes=(
                "Variables:\n"
                "weather: DataFrame 730\N{MULTIPLICATION SIGN}6, columns 'day', 'station', "
                "'rain_mm', 'temp_min', 'temp_max', 'warm'\n"
                "weather['station']: 'north', 'harbour'\n"
                "weather['rain_mm']: float64, 12 null"
            ),
        ),
        "# Fill the missing rain\n"
        "weather['rain_mm'] = weather['rain_mm'].fillna(0)\n\n"
        "# Count the rainy days of each station\n"
        "rainy_days = weather[weather['rain_mm'] > 0].groupby('station').size()\n"
        "rainy_days",
    ),
    Example(
        Prompt(
            request="What does each customer spend on average? Show the highest first.",
            cells=(
                "import pandas as pd\nimport numpy as np",
                "orders = pd.read_csv('orders.csv', parse_dates=['Ordered At'])",
                "orders['Total'] = orders['Quantity'] * orders['Unit Price (EUR)']",
            ),
            notes=(
                "Variables:\n"
                "orders: DataFrame 1204\N{MULTIPLICATION SIGN}7, columns 'Order ID', 'Ordered At', "
                "'Customer Name', 'Quantity', 'Unit Price (EUR)', 'Paid', 'Total'\n"
                "orders['Customer Name']: 'Ada Moss', 'Li Wei', 'Jon Berg', …\n"
                "orders['Total']: float64"
            ),
        ),
        "# The average of each customer, the highest first\n"
        "orders.groupby('Customer Name')['Total'].mean().sort_values(ascending=False)",
    ),
)

# They show that all of the cell comes back, with what was asked for changed and nothing else.
DAILY = "daily = weather.groupby('station')['rain_mm'].sum()\ndaily.head(3)"
TOTALS = (
    "def spending(order):\n"
    "    return order['Quantity'] * order['Unit Price (EUR)']\n\n"
    "orders['Total'] = orders.apply(spending, axis=1)\n"
    "orders['Total'].max()"
)
EDIT_EXAMPLES = (
    Example(
        Prompt(
            request=edit_request("only the warm days, and show all stations", DAILY),
            task="edit",
            cells=(
                "import pandas as pd",
                "weather = pd.read_csv('weather.csv', parse_dates=['day'])",
                DAILY,
            ),
            notes=(
                "Variables:\n"
                "weather: DataFrame 730\N{MULTIPLICATION SIGN}6, columns 'day', 'station', "
                "'rain_mm', 'temp_min', 'temp_max', 'warm'"
            ),
        ),
        "daily = weather[weather['warm']].groupby('station')['rain_mm'].sum()\ndaily",
    ),
    Example(
        Prompt(
            request=edit_request("without a function, and also the smallest", TOTALS),
            task="edit",
            cells=("import pandas as pd", "orders = pd.read_csv('orders.csv')"),
            notes=(
                "Variables:\n"
                "orders: DataFrame 1204\N{MULTIPLICATION SIGN}7, columns 'Order ID', "
                "'Customer Name', 'Quantity', 'Unit Price (EUR)', 'Paid', 'Total'"
            ),
        ),
        "orders['Total'] = orders['Quantity'] * orders['Unit Price (EUR)']\n"
        "orders['Total'].max(), orders['Total'].min()",
    ),
)


def examples_for(prompt: Prompt) -> tuple[Example, ...]:
    """Return the examples that are like a request; none for other languages and instructions."""
    if prompt.language != "python" or prompt.instruction is not None:
        return ()
    return {"write": EXAMPLES, "edit": EDIT_EXAMPLES}.get(prompt.task, ())
