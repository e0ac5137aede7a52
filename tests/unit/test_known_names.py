"""The names that exist where a code ends, by live objects that are never asked."""

import statistics
import time

import numpy as np
import pandas as pd
import pytest

from codeface_jupyter.trials.naming import KnownNames

COLUMNS = {"region", "unit price", "units"}


class Account:
    """Has one public method."""

    def close(self):
        """Close it."""


class Learner:
    """Has what it learned only once it was fitted, as an estimator of scikit-learn does."""

    def __init__(self, depth=3):
        self.depth = depth

    def fit(self, rows):
        """Learn from rows."""
        self.mean_ = rows
        return self

    def predict(self):
        """Predict."""


def train():
    """Fit the notebook's models."""


train.__module__ = "__main__"


class Tricky:
    """Answers for itself what it has."""

    def __getattr__(self, name):
        raise AssertionError(f"It was asked for {name}.")


def namespace():
    sales = pd.DataFrame({"region": ["N"], "units": [1], "unit price": [2.0]})
    return {
        "pd": pd,
        "np": np,
        "sales": sales,
        "account": Account(),
        "Learner": Learner,
        "model": Learner(),
        "models": {"first": Learner()},
        "train": train,
        "tricky": Tricky(),
        "lookup": {"alpha": 1, "frames": sales},
        "totals": sales.groupby(["region", "units"])["unit price"].sum(),
        "wide": pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_product([["a"], ["x", "y"]])),
    }


def names_at(code):
    found = KnownNames(namespace()).at_end_of(code)
    return None if found is None else set(found.options)


@pytest.mark.parametrize(
    "code",
    [
        'x = sales["',
        "x = sales['",
        'sales[["region", "',
        'if sales["',
        'for value in sales["',
        'sales[sales["',
        'rows = sales[sales.units > 1]["',
        'x = lookup["frames"]["',
        'sales.groupby("',
        'sales.groupby(["region", "',
        'sales.sort_values(by="',
        'sales.sort_values("region").groupby("',
        'sales.plot(x="',
        'sales.drop(columns=["',
        'sales.loc[sales.units > 1, "region"].sum() + sales["',
        'x = sales.loc[sales.units > 1, "',
        'sales.groupby("region").agg({"',
        'sales.groupby("region").agg(total=("',
        'sales.merge(sales, on="',
        '(\n    sales\n    .groupby("',
        'sales.groupby(\n    "',
        'sales.groupby([\n    "region",\n    "',
        'sales.groupby("region").agg({\n    "units": "sum",\n    "',
        'sales.drop(\n    columns=[\n        "',
        'x = sales[  # a column\n    "',
        'try:\n    x = sales["',
        'def f():\n    try:\n        if sales["',
        'try:\n    pass\nexcept KeyError:\n    try:\n        x = sales["',
    ],
)
def test_a_columns_name_is_one_that_is_there(code):
    assert names_at(code) == COLUMNS


def test_the_levels_of_a_series_are_those_of_its_index():
    assert names_at('totals.groupby(level="') == {"region", "units"}
    assert names_at('totals.groupby(level=["region", "') == {"region", "units"}
    assert names_at('sales.units.groupby(level="') is None


def test_only_names_that_begin_as_typed_are_left():
    assert names_at('x = sales["re') == {"region"}
    assert names_at("x = np.linsp") == {"linspace"}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("sales.query('re", {"region"}),
        ('sales.query("units > 3 and re', {"region"}),
        ('sales.query(expr="un', {"units"}),
        ('sales.query("no', {"not"}),
    ],
)
def test_in_a_query_a_name_that_has_begun_is_one_that_is_there(code, found):
    name = KnownNames(namespace()).at_end_of(code)

    assert (set(name.options), name.closing) == (found, "")


@pytest.mark.parametrize(
    "code",
    [
        *('sales.query("', 'sales.query("units > ', 'sales.query("units > 1e', 'sales.query("@re'),
        *('sales.query("region.s', "sales.query(\"region == 're", 'sales.query("`un'),
    ],
)
def test_elsewhere_in_a_query_anything_may_come(code):
    assert names_at(code) is None


def test_what_the_cell_has_made_above_exists():
    assert names_at('sales["total"] = 1\nx = sales["') == {*COLUMNS, "total"}
    assert names_at('copy = sales.assign(share=1)\nx = copy["') == {*COLUMNS, "share"}
    assert names_at('sales.assign(total=1, share=lambda rows: rows["') == {
        *COLUMNS,
        "total",
        "share",
    }


@pytest.mark.parametrize(
    "code",
    [
        'sales["',
        'sales.loc[sales.units > 1, "',
        'lookup["',
        "account.",
        'sales.rename(columns={"',
        'sales = "',
        'sales.region == "',
        'print("',
        'def f(frame):\n    return frame["',
        'frame["',
        "import numpy.",
        "from pandas.",
        "x = 1.",
        "# sales.",
        '"""sales.',
        "tricky.",
        "x = tricky.",
        'x = wide["',
        "sales._",
        'f"{sales[',
        "",
    ],
)
def test_where_a_name_is_made_or_nothing_is_known_anything_may_come(code):
    assert names_at(code) is None


def test_attributes_are_those_of_the_object():
    assert "close" in names_at("x = account.")
    assert {"region", "groupby"} < names_at("sales.")
    assert "unit price" not in names_at("sales.")
    assert "upper" in names_at('sales["region"].str.')
    assert "upper" not in names_at('sales["region"].')
    assert "region" in names_at('sales.groupby("units").')
    assert names_at("sales.groupby('units').mea") == {"mean"}


@pytest.mark.parametrize(
    "code",
    [
        "model.fit(sales)\nprint(model.",
        "model.fit(sales)\nprint(model.me",
        "if True:\n    model.fit(sales)\nprint(model.",
        "for n in range(3):\n    model.fit(n)\n    print(model.",
        "fitted = model.fit(sales)\nprint(fitted.",
        "print(model.fit(sales).",
        "models['first'].fit(sales)\nprint(models['first'].",
        "pd.Series([model])\nprint(model.",
        "train()\nprint(model.",
        "model.history = []\nprint(model.",
        "new = Learner()\nprint(new.",
        "new = Learner().fit(sales)\nprint(new.",
    ],
)
def test_what_was_done_with_an_object_may_have_given_it_attributes(code):
    assert names_at(code) is None


@pytest.mark.parametrize(
    "code",
    [
        "print(model.",
        "print(model)\nx = len(sales)\nprint(models['first'].",
        "x = Learner\nmodel.fit(model.",
    ],
)
def test_of_an_object_that_was_left_alone_the_attributes_are_known(code):
    assert {"depth", "fit", "predict"} <= names_at(code)


def test_what_has_no_place_for_further_attributes_has_those_of_its_class():
    assert "append" in names_at("x = []\nx.append(1)\nprint(x.")
    assert "linspace" in names_at("np.seterr(all='ignore')\ntrain()\nprint(np.")
    assert "depth" not in names_at("train()\nprint(Learner.")


def test_of_a_module_the_names_that_it_gives_are_known():
    found = KnownNames({"statistics": statistics}).at_end_of("statistics.")

    assert {"mean", "median"} < found.options
    assert not any(name.startswith("_") for name in found.options)


def test_names_are_spelled_as_they_are_written_in_quotes():
    labels = ["plain", 'with "quotes"', "with\nbreak", "it's", "back\\slash"]
    frame = pd.DataFrame({label: [1] for label in labels})

    def options(code):
        return KnownNames({"frame": frame}).at_end_of(code).options

    assert options('x = frame["') == {
        *("plain", r"with \"quotes\"", r"with\nbreak", "it's", r"back\\slash"),
    }
    assert options("x = frame['it") == {r"it\'s"}
    assert options('x = frame["with\\') == {r"with\nbreak"}
    assert KnownNames({"frame": frame}).at_end_of(r'x = frame["back\\"') is None


def test_names_with_joined_signs_are_offered_and_hidden_signs_spelled_out():
    frame = pd.DataFrame({"👩\u200d🚀 astronaut": [1], "\u202ehidden": [2]})
    found = KnownNames({"emoji": frame}).at_end_of('x = emoji["')

    assert found.options == {"👩\u200d🚀 astronaut", r"\u202ehidden"}


def test_a_frame_of_very_many_columns_is_not_narrowed():
    frame = pd.DataFrame({f"column{n}": [0] for n in range(2_500)})

    assert KnownNames({"frame": frame}).at_end_of('x = frame["') is None


@pytest.mark.parametrize(
    "code", ["{" * 3_000 + '"', "[" * 3_000 + 'sales["', "f(" * 3_000 + '"', "(" * 9_000]
)
def test_what_is_nested_without_end_is_not_known_and_not_fallen_over(code):
    found = KnownNames(namespace()).at_end_of(code)

    assert found is None or found.options <= COLUMNS


def test_a_list_of_thousands_costs_no_more_than_its_length():
    begin = time.process_time()
    names_at("sales.groupby(" + "1, " * 4_000 + '"')
    assert time.process_time() - begin < 0.5
