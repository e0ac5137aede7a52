"""Worked examples: requests that small models see answered before they get theirs."""

from __future__ import annotations

from dataclasses import dataclass

from codeface_jupyter.prompts.prompt import Prompt

__all__ = ["EXAMPLES", "Example"]


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
