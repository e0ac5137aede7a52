"""Rounding and sorting that a request asks for, and of which a code shows no sign."""

import pytest

from codeface_jupyter.trials.missed_steps import missed_steps


@pytest.mark.parametrize(
    "request_text",
    [
        "the mean, rounded to 2 digits",
        "round the averages to the nearest integer",
        "round to one decimal",
        "add bmi (kg / m^2, one decimal)",
        "mean per class, two decimal places",
        "the shares to 3 digits",
        "which share has each? round to 2 digits.",
    ],
)
def test_rounding_is_missed(request_text):
    assert [step.name for step in missed_steps(request_text, "x = df['a'].mean()\nx")] == [
        "rounding"
    ]
    for code in (
        "df['a'].mean().round(2)",
        "np.around(x, 1)",
        "f'{x:.1f}'",
        "'%.2f' % x",
        "int(x)",
        "x // 1",
        "df.style.format(precision=1)",
        "x.astype('int64')",
        "f'{x:.{n}f}'",
        "'%d' % x",
        "df['a'].dt.normalize()",
        "pd.read_sql('SELECT ROUND(a, 2) FROM t', db)",
        "df.resample('h').mean()",
        # What others do is not known.
        "money(x)",
        "def share(x):\n    return x",
    ):
        assert missed_steps(request_text, code) == ()


@pytest.mark.parametrize(
    "request_text",
    [
        "eigenvalues of A, largest first",
        "the share of each category, highest first",
        "customers, most expensive order first, as a frame",
        "totals per region, in descending order",
        "totals per region (descending)",
        "totals per region sorted descending",
        "what is the total per region? worst first",
    ],
)
def test_an_order_is_missed(request_text):
    assert [step.name for step in missed_steps(request_text, "df.groupby('a').sum()")] == [
        "an order"
    ]
    for code in (
        "df.groupby('a').sum().sort_values('b', ascending=False)",
        "sorted(x)[::-1]",
        "x[::-1]",
        "df['a'].value_counts()",
        "counter.most_common()",
        "df.nlargest(3, 'a')",
        "np.argsort(x)",
        "db.sql('SELECT a FROM df ORDER BY a DESC')",
        "list(range(10, 0, -1))",
        "np.flip(x)",
        "np.linalg.svd(x)",
        "leaderboard(df)",
        "df.plot.bar()",
        "px.bar(df).update_xaxes(categoryorder='total descending')",
    ):
        assert missed_steps(request_text, code) == ()


def test_what_is_grouped_is_in_the_order_of_its_keys():
    request = "totals, sorted by region"
    assert missed_steps(request, "df.groupby('region')['a'].sum()") == ()
    assert [step.name for step in missed_steps(request, "df[['region', 'a']]")] == ["an order"]


@pytest.mark.parametrize(
    ("code", "is_told"),
    [
        ("df.sort_values('a')", True),
        ("df.sort_values(by=['a', 'b'], ascending=[True, True])", True),
        ("sorted(df['a'])", True),
        ("df.sort_values('a', ascending=False)", False),
        ("df.sort_values(['a', 'b'], ascending=[False, True])", False),
        ("df.sort_values('a', ascending=up)", False),
        ("sorted(df['a'], key=lambda a: -a)", False),
        ("sorted(df['a'], reverse=True)", False),
        ("df.assign(b=df['a'] * -1).sort_values('b')", False),
        ("df.sort_values('a')[::-1]", False),
        ("df.sort_values('a').nlargest(3, 'a')", False),
    ],
)
def test_the_smallest_first_is_not_the_largest_first(code, is_told):
    for request in ("sort by a, highest first", "all rows sorted descending"):
        notes = [step.note for step in missed_steps(request, code)]
        said = "The request asks for the largest first; this sorts the smallest first."
        assert notes == ([said] if is_told else [])
    assert missed_steps("sort by a, lowest first", code) == ()


def test_a_comment_or_the_name_of_a_column_does_nothing():
    code = "# sorted, rounded to one decimal\ndf['order'] = df['round'] / 3\ndf"
    steps = missed_steps("all rows, sorted by a, rounded to one decimal", code)
    assert [step.note for step in steps] == [
        "The request asks for rounding; this rounds nothing.",
        "The request asks for an order; this sorts nothing.",
    ]


@pytest.mark.parametrize(
    "request_text",
    [
        "what % of its trips are round trips?",
        "how many rounds did each team play?",
        "do not round to one decimal",
        "the first quarter with the highest sales",
        "the best first name",
        "who came first?",
        "all year-round members",
        "why is it not sorted by date?",
        "save the results of each round to one csv file",
        "extract the 4 digits after the dash",
        "which prices have more than two decimals?",
        "validate that price has two decimals",
        "check whether df is sorted by date",
        "the data is already sorted by date; compute the mean",
        "given a list, sorted in ascending order, find x",
        "the drop from high to low, in percent",
        "write bubble sort: in ascending order, from scratch",
        "are there any, largest first? check it",
        "",
    ],
)
def test_other_requests_ask_for_neither(request_text):
    assert missed_steps(request_text, "df.mean()") == ()


def test_what_python_cannot_read_is_not_judged():
    assert missed_steps("largest first", "df.mean(") == ()


def test_a_long_request_takes_no_time():
    for text in ("x" + "\n" * 50_000, "like that, highest first. " * 2_000):
        assert missed_steps(text, "x.mean()") == ()


@pytest.mark.parametrize(
    ("request_text", "code", "is_missed"),
    [
        ("total sales per city and month", "df.pivot_table('sales', 'city', 'month')", True),
        ("how many per city?", "pd.pivot_table(df, values='n', index='city')", True),
        ("total sales per city", "df.pivot_table('sales', 'city', aggfunc='sum')", False),
        ("average total per city", "df.pivot_table('sales', 'city')", False),
        ("sales per city and month", "df.pivot_table('sales', 'city', 'month')", False),
        ("total sales per city", "df.groupby('city')['sales'].sum()", False),
        # Of one value for each place the mean is that value.
        (
            "total sales per city and month",
            "t = df.groupby(['city', 'm']).sum()\nt.pivot_table('sales', 'city', 'm')",
            False,
        ),
        ("total sales per city", "df['sales']", False),
    ],
)
def test_means_in_a_pivot_table_are_no_totals(request_text, code, is_missed):
    assert [step.name for step in missed_steps(request_text, code)] == [
        "totals or counts"
    ] * is_missed


@pytest.mark.parametrize(
    ("request_text", "name", "done"),
    [
        ("running total of the daily revenue", "a running total", "x.cumsum()"),
        ("cumulative sum of a list", "a running total", "t = 0\nfor v in x:\n    t += v"),
        ("the correlation of a and b", "a correlation", "df['a'].corr(df['b'])"),
        ("convert the names to lower case", "lower case", "df['name'].str.lower()"),
        ("write departments in title case", "title case", "df['a'].str.title()"),
        ("make the codes upper case", "upper case", "[c.upper() for c in codes]"),
        ("convert `day` to datetime", "dates", "pd.to_datetime(df['day'])"),
        ("turn it into a datetime", "dates", "df['day'].astype('datetime64[ns]')"),
    ],
)
def test_what_is_to_be_computed_is_missed(request_text, name, done):
    assert [step.name for step in missed_steps(request_text, "df['a'].sum()")] == [name]
    assert missed_steps(request_text, done) == ()


@pytest.mark.parametrize(
    "request_text",
    [
        "the names that are in lower case",
        "count words, lower case or not",
        "rows whose date is a datetime",
        "check whether the correlation is high",
    ],
)
def test_what_is_only_spoken_of_is_not_missed(request_text):
    assert missed_steps(request_text, "df['a'].sum()") == ()
