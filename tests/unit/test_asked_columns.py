"""Tables whose columns are to have the names that a request quotes."""

from dataclasses import replace

import pandas as pd
import pytest

from codeface_jupyter.outcome import Outcome, Preview, PreviewTable
from codeface_jupyter.trials.asked_columns import (
    asked_columns,
    missing_columns,
    with_asked_columns,
)

DAYS = pd.DataFrame({"temp_c": [1.0], "power_w": [2.0]})
PER_ARM = 'columns "mean", "std" and "n"'
PER_DAY = (
    'a frame `daily` with the mean of temp_c as "temp_mean" and the largest power_w as "power_max"'
)

RENAMED_DAILY = 'daily = daily.rename(columns={"temp_c": "temp_mean", "power_w": "power_max"})'


def table(*columns, variable="", count=None, value=True):
    text = f"DataFrame of 3 rows and {count or len(columns)} columns"
    header = PreviewTable(header=("", *columns), rows=(), is_whole=False)
    shown = Preview(table=header, variable=variable)
    return Outcome(ending="ran", value=text if value else "", preview=shown)


@pytest.mark.parametrize(
    ("request_text", "names"),
    [
        (PER_ARM, ("mean", "std", "n")),
        (PER_DAY, ("temp_mean", "power_max")),
        ("the columns `low`, and `high`", ("low", "high")),
        ("a column called “share of all”", ("share of all",)),
        ('"Origin" and "Average MPG" as the columns', ("Origin", "Average MPG")),
        ('"p-value" as the column and "Year" as the index', ("p-value",)),
        ('columns "a" and "b", "Year" as index', ("a", "b")),
        ('"2023 (mean)" as column', ("2023 (mean)",)),
        ('not as "total"', ()),
        ('drop the columns "a" and "b"', ()),
        ('rename the column "a" to "b"', ()),
        ("the columns age and income", ()),
        ('the rows where status is "late"', ()),
    ],
)
def test_names_are_taken_from_what_is_quoted_for_columns(request_text, names):
    assert asked_columns(request_text) == names


@pytest.mark.parametrize(
    ("code", "outcome", "request_text", "named"),
    [
        (
            "d.agg(['mean', 'std', 'count'])",
            table("mean", "std", "count"),
            PER_ARM,
            "d.agg(['mean', 'std', 'count']).rename(columns={\"count\": \"n\"})",
        ),
        (
            "daily = df.resample('D').mean()\ndaily  # shown",
            table("temp_c", "power_w"),
            PER_DAY,
            f"daily = df.resample('D').mean()\n{RENAMED_DAILY}\ndaily  # shown",
        ),
        (
            "x = table()",
            table("mean", "std", "count", variable="x"),
            PER_ARM,
            'x = table()\nx = x.rename(columns={"count": "n"})',
        ),
        (
            "a + b",
            table("mean", "std", "count"),
            PER_ARM,
            '(a + b).rename(columns={"count": "n"})',
        ),
    ],
)
def test_they_are_given_to_the_table(code, outcome, request_text, named):
    new = with_asked_columns(code, outcome, request=request_text, namespace={"df": DAYS})
    assert new.code == named
    assert new.are_given_by(table(*new.columns))
    assert not new.are_given_by(outcome)


@pytest.mark.parametrize(
    ("code", "outcome", "request_text"),
    [
        # All are there, none is, or it is not known which is which.
        ("x", table("mean", "std", "n"), PER_ARM),
        ("x", table("a", "b", "c"), PER_ARM),
        ("x", table("mean", "low", "high"), PER_ARM),
        ("x", table("temp_c", "temp_f"), PER_DAY),
        ("x", table("mean", "std", "count", "sum"), PER_ARM),
        ("x", table("mean", "std", "std"), PER_ARM),
        ("x", table("share"), 'the column "part"'),
        # Not all columns are seen, or there is no table.
        ("x", table("mean", "std", "count", count=30), PER_ARM),
        ("x", table("mean", "std", "count", value=False), PER_ARM),
        ("x", Outcome(ending="raised"), PER_ARM),
        ("x", None, PER_ARM),
        # Names that say what was computed, and say different things.
        ("x", table("city", "mean"), 'columns "city" and "max"'),
        ("x", table("city", "count"), 'columns "city" and "share"'),
        ("x", table("city", "mean_temp"), 'columns "city" and "max_temp"'),
        # A column that has a name of its own keeps it, such as a key.
        ("x", table("region", "mean", "std"), PER_ARM),
        # What the code has, or a type or variable is called, is no column's new name.
        ('convert("temp_f")', table("temp_c"), 'convert the column "temp_f"'),
        ("x", table("total", "count"), 'columns "total" and "n", the latter as `int`'),
        ("x", table("total", "count"), 'the column "total"; keep it as `df`'),
        # What the notebook calls so already is something else.
        ("x", table("temp_c", "total"), 'columns "temp_c" and "power_w"'),
        # Nothing to rename.
        ("print(x)\nx.a = 1", table("mean", "std", "count"), PER_ARM),
        ("x;", table("mean", "std", "count"), PER_ARM),
        ("x = (", table("mean", "std", "count"), PER_ARM),
    ],
)
def test_in_doubt_the_table_stays(code, outcome, request_text):
    named = with_asked_columns(code, outcome, request=request_text, namespace={"df": DAYS})
    assert named is None


@pytest.mark.parametrize(
    ("code", "outcome", "names"),
    [
        ("df.agg(['mean', 'std'])", table("mean", "std"), ("n",)),
        ("df.agg(['Mean', 'STD'])", table("Mean", "STD", "N"), ()),
        ("df.mean()", replace(table("a"), value="Series of 3"), ("std", "n")),
        # It may stand in the code for another reason, or not be seen.
        ("df.agg(n='mean')", table("mean", "std"), ()),
        ("df.agg(['mean', 'std'])", table("mean", "std", count=30), ()),
        ("df.agg(['mean', 'std'])", Outcome(ending="raised"), ()),
        ("df.agg(", table("mean", "std"), ()),
        ("df.agg(['mean', 'std'])", None, ()),
    ],
)
def test_columns_that_a_table_lacks_are_told(code, outcome, names):
    missing = missing_columns(code, outcome, request=PER_ARM, namespace={"df": DAYS})
    assert missing == names
