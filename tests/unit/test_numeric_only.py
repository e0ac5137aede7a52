"""Cells that fail since a column of text was to be computed with."""

from __future__ import annotations

import pandas as pd
import pytest

from codeface_jupyter.context import ErrorInfo
from codeface_jupyter.trials.numeric_only import LEFT_OUT
from codeface_jupyter.trials.slips import without_slip

FRAME = pd.DataFrame({"a": ["x", "y", "x"], "b": [1, 2, 3], "c": ["p", "q", "r"]})


def mended(code: str) -> list[str]:
    """Run a cell that fails, and return what it may have been meant to be."""
    with pytest.raises(Exception) as raised:  # noqa: PT011 - which one depends on pandas
        exec(code, {"df": FRAME.copy(), "NAMES": ["b", "c"]})
    error = ErrorInfo(
        ename=type(raised.value).__name__,
        evalue=str(raised.value),
        line=code.rsplit("\n", maxsplit=1)[-1],
    )
    found = list(without_slip(code, error))
    assert all(one.notes == (LEFT_OUT,) for one in found)
    return [one.code for one in found]


@pytest.mark.parametrize(
    ("code", "without"),
    [
        ("df.groupby('a').mean()", "df.groupby('a').mean(numeric_only=True)"),
        ("x = 1\ndf.mean( )", "x = 1\ndf.mean(numeric_only=True )"),
        ("df.corr(method='pearson',)", "df.corr(method='pearson', numeric_only=True)"),
        ("df.quantile(.5).round(1)", "df.quantile(.5, numeric_only=True).round(1)"),
        ("df.rolling(2).mean()", "df.rolling(2).mean(numeric_only=True)"),
        ("df[df.b > 0].corr()", "df[df.b > 0].corr(numeric_only=True)"),
        ("df[1:].mean()", "df[1:].mean(numeric_only=True)"),
        ("df.groupby('a').std()", "df.groupby('a').std(numeric_only=True)"),
    ],
)
def test_the_numbers_alone_are_computed_with(code: str, without: str) -> None:
    (found,) = mended(code)
    assert found == without
    exec(found, {"df": FRAME.copy()})


@pytest.mark.parametrize(
    "code", ["df.corr(numeric_only=False)", "float('x')", "df.groupby('a').agg('mean')"]
)
def test_what_names_no_such_computation_or_has_the_argument_stays(code: str) -> None:
    assert mended(code) == []


@pytest.mark.parametrize(
    "code",
    [
        *("df.groupby('a')[['c']].mean()", "df.groupby('a')['c'].mean()", "df[['b', 'c']].corr()"),
        *("df.loc[:, ['b', 'c']].mean()", "df[['c']].groupby(df.a).median()", "df[NAMES].mean()"),
    ],
)
def test_a_column_that_is_asked_for_by_its_name_is_not_left_out(code: str) -> None:
    assert mended(code) == []
