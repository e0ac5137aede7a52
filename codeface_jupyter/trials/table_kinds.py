"""What kind of value the methods and attributes of tables, and their libraries' functions, give.

A "table" is a frame or a series, "rows" and "table rows" what ``loc`` gives of a frame and of
either, "windows" what ``rolling`` gives, "strings" and "dates" a series' ``str`` and ``dt``.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["kind_of_attribute", "kind_of_result"]

SAME_SHAPE = (
    "abs add astype bfill clip copy cummax cummin cumprod cumsum diff div drop drop_duplicates "
    "dropna ffill fillna head interpolate isin isna isnull mask mul nlargest notna notnull "
    "nsmallest pct_change rank reindex rename rename_axis replace round sample shift sort_index "
    "sort_values sub tail truediv where"
)
REDUCTIONS = "all any count idxmax idxmin max mean median min nunique prod sem std sum var"
GROUPED = f"{REDUCTIONS} agg aggregate apply describe first last quantile size transform"

RESULTS: Mapping[str, Mapping[str, str]] = {
    "pandas": {
        "frame": "DataFrame crosstab get_dummies melt merge pivot pivot_table",
        "series": "Series",
        "table": "concat",
    },
    "numpy": {"array": "arange array eye full linspace ones zeros"},
    "polars": {"polars frame": "DataFrame concat", "polars series": "Series"},
    "frame": {
        "frame": f"{SAME_SHAPE} add_prefix add_suffix assign corr cov describe explode filter "
        "join melt merge mode pivot pivot_table query reset_index select_dtypes set_axis "
        "set_index transpose",
        "series": f"{REDUCTIONS} corrwith duplicated memory_usage value_counts",
        "table": "agg aggregate apply map quantile stack transform unstack",
        "groups": "groupby resample",
        "windows": "expanding rolling",
        "array": "to_numpy",
    },
    "series": {
        "series": f"{SAME_SHAPE} between describe duplicated explode map mode value_counts",
        "table": "apply reset_index unstack",
        "frame": "to_frame",
        "array": "to_numpy unique",
        "column groups": "groupby resample",
        "windows": "expanding rolling",
    },
    "table": {
        "table": f"{SAME_SHAPE} describe map mode reset_index stack transpose unstack",
        "frame": "to_frame",
        "series": "value_counts",
        "array": "to_numpy",
    },
    "groups": {
        "frame": "agg aggregate count first head last max mean median min nth nunique prod sem "
        "std sum tail var",
        "table": f"{GROUPED} cumcount cumsum diff ngroup rank shift value_counts",
    },
    "column groups": {
        "series": "count first last max mean median min nunique prod sem size std sum var",
        "table": f"{GROUPED} cumsum diff head nth rank shift tail value_counts",
    },
    "windows": {"table": "max mean median min std sum var"},
    "strings": {
        "series": "capitalize casefold center contains count endswith find fullmatch get isalpha "
        "isdigit islower isnumeric isspace istitle isupper len ljust lower lstrip match pad "
        "removeprefix removesuffix repeat replace rjust rstrip slice startswith strip swapcase "
        "title upper zfill"
    },
    "dates": {"series": "ceil day_name floor month_name normalize strftime"},
    "array": {"array": "astype copy flatten ravel reshape transpose"},
    "polars frame": {
        "polars frame": "describe drop drop_nulls fill_null filter head join limit rename "
        "sample select sort tail unique with_columns",
        "polars groups": "group_by",
        "polars lazy frame": "lazy",
    },
    "polars lazy frame": {
        "polars lazy frame": "drop filter head limit rename select sort tail with_columns",
        "polars frame": "collect",
    },
    "polars groups": {"polars frame": "agg len max mean median min sum"},
    "polars series": {"polars series": "head sort tail unique"},
}
ATTRIBUTES: Mapping[str, Mapping[str, str]] = {
    "frame": {"frame": "T", "series": "dtypes", "rows": "iloc loc", "array": "values"},
    "series": {"strings": "str", "dates": "dt", "table rows": "iloc loc", "array": "values"},
    "table": {"table": "T", "table rows": "iloc loc", "array": "values"},
    "dates": {
        "series": "date day dayofweek dayofyear hour minute month quarter second time weekday year"
    },
    "array": {"array": "T"},
}


def kind_of_result(kind: str | None, method: str) -> str | None:
    """Return the kind of what a method gives that works neither in place nor along an axis."""
    return _find(RESULTS, kind, method)


def kind_of_attribute(kind: str | None, name: str) -> str | None:
    """Return the kind of an attribute's value."""
    return _find(ATTRIBUTES, kind, name)


def _find(table: Mapping[str, Mapping[str, str]], kind: str | None, name: str) -> str | None:
    found = table.get(kind or "", {})
    return next((result for result, names in found.items() if name in names.split()), None)
