"""Cells that have been run, how they are to be changed, and what they are then."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SETUP", "TASKS", "EditTask"]


@dataclass(frozen=True)
class EditTask:
    """A change of a cell.

    Attributes
    ----------
    cell
        The cell.
    request
        What the user asks for.
    changed
        A cell that does what is asked; another one is right that does the same.
    says, says_no_more
        What the code has to say, and not to say any more, where it does the same as before.
    """

    cell: str
    request: str
    changed: str
    says: str = ""
    says_no_more: str = ""


SETUP = (
    "import math\nimport statistics\n\nimport numpy as np\nimport pandas as pd",
    (
        "sales = pd.DataFrame({\n"
        "    'region': ['north', 'south', 'east', 'west', 'north', 'south', 'east', 'north'],\n"
        "    'product': ['tea', 'tea', 'coffee', 'cocoa', 'coffee', 'tea', 'cocoa', 'tea'],\n"
        "    'units': [3, 11, 4, 1, 5, 9, 2, 6],\n"
        "    'price': [2.55, 3.05, 1.25, 8.0, 2.15, 4.5, 3.75, 1.0],\n"
        "    'day': pd.date_range('2024-01-29', periods=8),\n"
        "})"
    ),
    (
        "students = pd.DataFrame({\n"
        "    'name': ['Ada', 'Ben', 'Cleo', 'Dan', 'Eve', 'Finn'],\n"
        "    'grade': [1.3, 2.7, None, 3.0, 1.0, 5.0],\n"
        "    'age': [19, 23, 21, 20, 22, 25],\n"
        "    'city': ['Rome', 'Oslo', 'Rome', 'Bern', 'Oslo', 'Rome'],\n"
        "})"
    ),
    "prices = [4.5, 1.25, 3.0, 12.0, 7.5]\nwords = ['tea', 'Cocoa', 'coffee', 'Tea', 'milk']",
)

TASKS = (
    EditTask(
        "sales.groupby('region')['units'].sum().sort_values(ascending=False)",
        "show only the top 2",
        "sales.groupby('region')['units'].sum().sort_values(ascending=False).head(2)",
    ),
    EditTask(
        "sales['revenue'] = sales['units'] * sales['price']\nsales.head()",
        "round the revenue to one decimal",
        "sales['revenue'] = (sales['units'] * sales['price']).round(1)\nsales.head()",
    ),
    EditTask(
        "def area(radius):\n    return 3.14 * radius ** 2\n\narea(2)",
        "use math.pi",
        "def area(radius):\n    return math.pi * radius ** 2\n\narea(2)",
    ),
    EditTask(
        "total = 0\nfor price in prices:\n    total += price\ntotal",
        "use sum() instead of the loop",
        "total = sum(prices)\ntotal",
        says_no_more="for ",
    ),
    EditTask(
        "top = sales[sales['units'] > 3]\ntop",
        "also require a price below 3",
        "top = sales[(sales['units'] > 3) & (sales['price'] < 3)]\ntop",
    ),
    EditTask(
        "means = sales.groupby('region')['price'].mean()\nmeans",
        "use the median instead of the mean",
        "means = sales.groupby('region')['price'].median()\nmeans",
    ),
    EditTask(
        "sales.pivot_table(index='region', values='units', aggfunc='sum')",
        "one column for each product",
        "sales.pivot_table(index='region', columns='product', values='units', aggfunc='sum')",
    ),
    EditTask(
        "best = students.sort_values('age').head(3)\nbest[['name', 'age']]",
        "show the oldest three instead",
        ("best = students.sort_values('age', ascending=False).head(3)\nbest[['name', 'age']]"),
    ),
    EditTask(
        "lengths = [len(word) for word in words]\nlengths",
        "only words that begin with a capital letter",
        "lengths = [len(word) for word in words if word[0].isupper()]\nlengths",
    ),
    EditTask(
        "counts = {}\nfor word in words:\n    counts[word] = counts.get(word, 0) + 1\ncounts",
        "ignore upper and lower case",
        (
            "counts = {}\nfor word in words:\n    word = word.lower()\n"
            "    counts[word] = counts.get(word, 0) + 1\ncounts"
        ),
    ),
    EditTask(
        "students.groupby('city')['age'].mean()",
        "add the number of students in each city",
        "students.groupby('city')['age'].agg(['mean', 'count'])",
    ),
    EditTask(
        "def discount(price):\n    return price * 0.9\n\ndiscount(20)",
        "make the rate a parameter with a default of 10 percent",
        "def discount(price, rate=0.1):\n    return price * (1 - rate)\n\ndiscount(20)",
        says="rate=0.1",
    ),
    EditTask(
        "cheap = [price for price in prices if price < 5]\ncheap",
        "sort them, the highest first",
        "cheap = sorted([price for price in prices if price < 5], reverse=True)\ncheap",
    ),
    EditTask(
        "students['passed'] = students['grade'] <= 4\nstudents",
        "show only the names of those who passed",
        ("students['passed'] = students['grade'] <= 4\nstudents.loc[students['passed'], 'name']"),
    ),
    EditTask(
        "x = np.linspace(0, 1, 5)\ny = x ** 2\ny",
        "eleven points, and the cube",
        "x = np.linspace(0, 1, 11)\ny = x ** 3\ny",
    ),
    EditTask(
        "sales[sales['region'] == 'north']['units'].sum()",
        "for north and east together",
        "sales[sales['region'].isin(['north', 'east'])]['units'].sum()",
    ),
    EditTask(
        "monthly = sales.groupby(sales['day'].dt.month)['units'].sum()\nmonthly",
        "by weekday name instead of by month",
        "monthly = sales.groupby(sales['day'].dt.day_name())['units'].sum()\nmonthly",
    ),
    EditTask(
        "average = sum(prices) / 3\nprint(average)",
        "round it to two decimals",
        "average = round(sum(prices) / 3, 2)\nprint(average)",
    ),
    EditTask(
        "sales.head()",
        "without the column day",
        "sales.drop(columns='day').head()",
    ),
    EditTask(
        "older = students[students['age'] > 20]\nlen(older)",
        "change the limit to 22, inclusive",
        "older = students[students['age'] >= 22]\nlen(older)",
    ),
    EditTask(
        "def mean(values):\n    return sum(values) / len(values)\n\nmean(prices)",
        "return 0 for an empty list",
        (
            "def mean(values):\n    if not values:\n        return 0\n"
            "    return sum(values) / len(values)\n\nmean(prices)"
        ),
        says="return 0",
    ),
    EditTask(
        "sales.groupby('product').agg({'units': 'sum'})",
        "also the average price",
        "sales.groupby('product').agg({'units': 'sum', 'price': 'mean'})",
    ),
    EditTask(
        "names = students['name'].tolist()\nnames",
        "in upper case",
        "names = students['name'].str.upper().tolist()\nnames",
    ),
    EditTask(
        "for name, age in zip(students['name'], students['age']):\n    print(name, age)",
        "use an f-string that says 'Ada is 19 years old'",
        (
            "for name, age in zip(students['name'], students['age']):\n"
            "    print(f'{name} is {age} years old')"
        ),
    ),
    EditTask(
        "expensive = max(prices)\nexpensive",
        "the two largest, as a list",
        "expensive = sorted(prices, reverse=True)[:2]\nexpensive",
    ),
    EditTask(
        "matrix = np.arange(6).reshape(2, 3)\nmatrix",
        "transpose it",
        "matrix = np.arange(6).reshape(2, 3).T\nmatrix",
    ),
    EditTask(
        "filled = students['grade'].fillna(0)\nfilled",
        "fill with the median instead of 0",
        "filled = students['grade'].fillna(students['grade'].median())\nfilled",
    ),
    EditTask(
        "sales.sort_values('units')[['region', 'units']]",
        "sort by region first, then by units from high to low",
        "sales.sort_values(['region', 'units'], ascending=[True, False])[['region', 'units']]",
    ),
    EditTask(
        "squares = []\nfor number in range(6):\n    squares.append(number ** 2)\nsquares",
        "turn it into a list comprehension",
        "squares = [number ** 2 for number in range(6)]\nsquares",
        says_no_more="append",
    ),
    EditTask(
        "share = sales['units'] / sales['units'].sum()\nshare",
        "as percent with one decimal",
        "share = (sales['units'] / sales['units'].sum() * 100).round(1)\nshare",
    ),
    EditTask(
        "sales['product'].value_counts()",
        "as shares instead of counts",
        "sales['product'].value_counts(normalize=True)",
    ),
    EditTask(
        "oldest = students.loc[students['age'].idxmax(), 'name']\noldest",
        "the youngest instead",
        "oldest = students.loc[students['age'].idxmin(), 'name']\noldest",
    ),
    EditTask(
        "def label(age):\n    if age < 21:\n        return 'young'\n    return 'old'\n\n"
        "students['age'].apply(label)",
        "add a middle group for ages from 21 to 23",
        "def label(age):\n    if age < 21:\n        return 'young'\n    if age <= 23:\n"
        "        return 'middle'\n    return 'old'\n\nstudents['age'].apply(label)",
    ),
    EditTask(
        "joined = ', '.join(words)\njoined",
        "sorted alphabetically without regard to case, and separated by semicolons",
        "joined = '; '.join(sorted(words, key=str.lower))\njoined",
    ),
    EditTask(
        "result = sales['price'].describe()\nresult",
        "only for tea",
        "result = sales.loc[sales['product'] == 'tea', 'price'].describe()\nresult",
    ),
    EditTask(
        "spread = max(prices) - min(prices)\nspread",
        "use the standard deviation from the statistics module",
        "spread = statistics.stdev(prices)\nspread",
    ),
    EditTask(
        "sales['day'].min(), sales['day'].max()",
        "the number of days between them",
        "(sales['day'].max() - sales['day'].min()).days",
    ),
    EditTask(
        "students['city'].unique()",
        "how many different ones there are",
        "students['city'].nunique()",
    ),
    EditTask(
        "table = students[['name', 'age']]\ntable",
        "rename the columns to Name and Years",
        "table = students[['name', 'age']].rename(columns={'name': 'Name', 'age': 'Years'})\ntable",
    ),
    EditTask(
        "first = sales.iloc[0]\nfirst",
        "the last row",
        "first = sales.iloc[-1]\nfirst",
    ),
)
