"""What is said of objects that a notebook holds, and how names find them."""

from __future__ import annotations

import builtins
import functools
import math
import subprocess
import sys
import textwrap
import time
import types
from collections import OrderedDict, deque, namedtuple

import numpy as np
import pandas as pd
import pytest

from codeface_jupyter.errors import NotebookError, UnknownNameError
from codeface_jupyter.namespace import close_names, describe, resolve
from codeface_jupyter.namespace.relevance import relevant, word_stems
from codeface_jupyter.namespace.writing import TIMES

Point = namedtuple("Point", "x y")


def helper(x: int, *, scale: float = 2.0) -> float:
    """Scale a number.

    Not told in brief.
    """
    return x * scale


class Shop:
    """Sells things."""

    def __init__(self, town: str) -> None:
        self.town = town
        self.password = "hunter2"

    def sell(self, what: str) -> None: ...


@pytest.fixture
def sales() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "region": ["north", None, "south", "north"],
            "units": [1, 2, 3, 4],
            "price": [1.5, math.nan, math.nan, 2.0],
            "day": pd.to_datetime(["2024-01-01"] * 4),
        }
    )


def test_the_attributes_of_a_plain_namespace_are_told() -> None:
    text = describe(types.SimpleNamespace(rate=0.1), allow_values=True, detail="full").text
    assert text == "types.SimpleNamespace with rate = 0.1"


def test_a_frame_in_brief_names_its_columns_as_code_does(sales: pd.DataFrame) -> None:
    assert describe(sales, name="sales").text.splitlines() == [
        f"sales: DataFrame 4{TIMES}4, columns 'region', 'units', 'price', 'day'",
        "sales['region']: str, 1 null",
        "sales['units']: int64",
        "sales['price']: float64, 2 null",
        "sales['day']: datetime64[us]",
    ]


def test_only_the_columns_that_are_asked_about_are_described(sales: pd.DataFrame) -> None:
    frame = sales.rename(columns={"units": "Units Sold", "price": "unitPrice"})

    text = describe(frame, name="sales", about="What was the price of a unit?").text

    assert text.splitlines()[1:] == [
        "sales['unitPrice']: float64, 2 null",
        "sales['Units Sold']: int64",
    ]
    assert len(describe(frame, name="sales", about="sort it").text.splitlines()) == 1


def test_a_frame_with_values_shows_a_few_words(sales: pd.DataFrame) -> None:
    text = describe(sales, name="sales", allow_values=True).text
    assert "sales['region']: 'north', 'south', 1 null" in text.splitlines()


def test_categories_are_told_from_examples() -> None:
    frame = pd.DataFrame({"few": ["x", "y"] * 10, "many": [f"v{n}" for n in range(20)]})

    text = describe(frame, name="f", allow_values=True).text

    assert "f['few']: 'x', 'y'\n" in text
    assert text.endswith("f['many']: 'v0', 'v1', 'v2', …")


def test_of_many_columns_those_that_are_asked_about_are_named() -> None:
    frame = pd.DataFrame({f"measurement number {n}": [n] for n in range(300)})
    frame["Shoe size"] = 1

    text = describe(frame.iloc[:, ::-1], name="f", about="the mean shoe size").text
    wide = describe(frame.iloc[:, 150:], name="f", about="the mean shoe size").text

    assert "'Shoe size'" in text
    assert "'Shoe size'" in wide
    assert len(text) < 1_100
    assert "more" in text


def test_a_frame_in_full_shows_values_of_every_column(sales: pd.DataFrame) -> None:
    description = describe(sales, detail="full", allow_values=True)
    assert "units (int64, range 1 to 4, mean 2.5)" in description.text
    assert "day (datetime64[us], range 2024-01-01 to 2024-01-01)" in description.text
    assert description.facts["shape"] == [4, 4]
    columns = description.facts["columns"]
    assert isinstance(columns, list)
    assert columns[2] == {
        "name": "price",
        "dtype": "float64",
        "nulls": 2,
        "samples": ["1.5", "2.0"],
        "range": "1.5 to 2",
        "mean": "1.75",
    }


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3, 1, 2], "range 1 to 3, mean 2"),
        ([0.1, 0.25], "range 0.1 to 0.25, mean 0.175"),
        ([12_345_678.9, 0.0], "range 0 to 12345679, mean 6172839"),
        (pd.array([1, None, 4], dtype="Int64"), "range 1 to 4, mean 2.5"),
        (pd.to_datetime(["2024-03-01", "2024-01-02"]), "range 2024-01-02 to 2024-03-01"),
        (pd.to_datetime(["2024-03-01 10:30"]), "range 2024-03-01 10:30:00 to 2024-03-01 10:30:00"),
        ([True, False], ""),
        (["b", "a"], ""),
        ([1j], ""),
        ([None, None], ""),
    ],
)
def test_how_far_a_column_reaches_is_told_in_full_only(values: object, expected: str) -> None:
    series = pd.Series(values, name="it")
    in_full = describe(series, detail="full", allow_values=True).text
    assert expected in in_full
    assert ("range" in in_full) is bool(expected)
    assert "range" not in describe(series, allow_values=True).text
    assert "range" not in describe(series, detail="full").text


def test_a_secret_columns_reach_is_not_told() -> None:
    frame = pd.DataFrame({"password": [1234, 5678], "units": [1, 2]})
    description = describe(frame, detail="full", allow_values=True)
    assert "1234" not in f"{description.text}{description.facts}"
    assert "range 1 to 2" in description.text


@pytest.mark.parametrize(
    ("index", "reach"),
    [
        (pd.Index([2023, 2021]), "2021 to 2023"),
        (pd.Index([0.5, 0.25]), "0.25 to 0.5"),
        (pd.Index([3, None], dtype="Int64"), "3 to 3"),
        (pd.Index(["b", "a"]), ""),
        (pd.Index([True, False]), ""),
        (pd.Index([], dtype="int64"), ""),
    ],
)
def test_the_reach_of_an_index(index: pd.Index, reach: str) -> None:
    frame = pd.DataFrame({"units": range(len(index))}, index=index.rename("key"))
    for thing in (frame, frame["units"]):
        description = describe(thing, detail="full", allow_values=True)
        expected = f"key ({index.dtype}{f', {reach}' if reach else ''})"
        assert description.facts["index"] == expected


def test_what_cannot_be_summed_up_costs_nothing_else() -> None:
    class Odd(pd.Series):
        @property
        def _constructor(self) -> type[Odd]:
            return Odd

        def min(self, *_: object, **__: object) -> object:
            raise ValueError("no smallest one")

    description = describe(Odd([1, 2], name="units"), detail="full", allow_values=True)
    assert description.text == "Series of 2: units (int64, e.g. 1 2)"


def test_a_prompt_does_not_pay_for_the_index() -> None:
    class Watched(pd.DatetimeIndex):
        def notna(self) -> object:
            raise AssertionError("all of it was looked at")

    index = Watched(pd.date_range("2024-01-01", periods=3))
    series = pd.Series(range(3)).set_axis(index)
    assert "index: (datetime64" in describe(series, allow_values=True).text


def test_a_sample_says_that_it_is_one() -> None:
    frame = pd.DataFrame({"units": range(600_000), "price": 1.5})
    text = describe(frame, detail="full", allow_values=True).text
    assert "units (int64, range ~0 to 599997, mean ~299998)" in text


def test_the_reach_of_an_index_of_times() -> None:
    series = pd.Series(range(3), index=pd.date_range("2024-01-30", periods=3))
    description = describe(series, detail="full", allow_values=True)
    assert "2024-01-30 to 2024-02-01" in str(description.facts["index"])
    assert "2024" not in describe(series, detail="full").text


def test_an_index_that_is_more_than_numbering_is_told(sales: pd.DataFrame) -> None:
    totals = sales.groupby("region")["units"].agg(["sum", "mean"])
    assert "columns 'sum', 'mean'; index: region (str)\n" in describe(totals).text
    pairs = sales.set_index(["region", "day"])
    assert "index: MultiIndex (region, day)" in describe(pairs).text


def test_odd_columns_are_named_as_they_are() -> None:
    frame = pd.DataFrame([[1, 2, 3, 4]], columns=pd.Index([1, (2, "x"), 1, None], dtype=object))
    assert "columns 1, (2, 'x'), 1, None\n" in describe(frame).text


def test_a_wide_frame_stays_short() -> None:
    text = describe(pd.DataFrame(np.zeros((3, 5_000)))).text
    assert len(text) < 420
    assert "columns 0 to 4999" in text


@pytest.mark.parametrize(
    ("label", "about"),
    [
        ("diagnosis", "rows of each diagnosis"),
        ("patientAge", "the mean age of patients"),
        ("Year 2024", "the total of 2024"),
        (("state", "diagnosis"), "by diagnosis"),
    ],
)
@pytest.mark.parametrize("place", [0, 299, 300])
def test_beyond_200_columns_too_the_one_that_is_asked_about_is_named(label, about, place) -> None:
    labels = [f"stage{n}" for n in range(300)]
    labels.insert(place, label)
    frame = pd.DataFrame(np.zeros((2, 301)), columns=pd.Index(labels, tupleize_cols=False))
    lines = describe(frame, name="f", about=about).text.split("\n")

    assert repr(label) in lines[0]
    assert lines[1:] == [f"f[{label!r}]: float64"]


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        ([*range(784), "label"], "0 to 783, 'label'"),
        (["id", *range(784), "label"], "'id', 0 to 783, 'label'"),
        ([*range(3), *range(3)], "0 to 2, 0 to 2"),
        ([*range(5), "a", -1], "0 to 4, 'a', -1"),
        ([0, 1, "x"], "0, 1, 'x'"),
        ([0, 1], "0 to 1"),
        ([0], "0"),
        ([2022, 2023, 2024], "2022, 2023, 2024"),
        ([*range(250), "y", *range(300, 350)], "0 to 249, 'y', 300, 301, 302"),
    ],
)
def test_numbered_columns_are_told_as_far_as_they_go(labels, named) -> None:
    text = describe(pd.DataFrame(np.zeros((2, len(labels))), columns=labels)).text
    assert f"columns {named}" in text


def test_columns_that_are_not_named_are_counted() -> None:
    labels = ["y" * 100 + str(n) for n in range(20)]
    text = describe(pd.DataFrame(np.zeros((2, 804)), columns=[*range(784), *labels])).text
    assert "columns 0 to 783, 'yyy" in text
    assert text.partition("\n")[0].endswith("7', … 12 more")


def test_of_100_000_columns_the_one_that_is_asked_about_is_found_at_once() -> None:
    labels = [f"gene_expression_{n}" for n in range(100_000)] + ["diagnosis"]
    stems = word_stems("how the diagnosis depends on " + " ".join(f"word{n}" for n in range(500)))
    start = time.thread_time()
    assert relevant(labels, stems, most=5)[0] == 100_000
    assert time.thread_time() - start < 1


def test_mixed_columns_say_what_they_hold() -> None:
    frame = pd.DataFrame({"tags": pd.Series([["a"], ["b"]], dtype=object)})
    assert "'tags': object of list" in describe(frame).text


def test_a_large_frame_is_sampled() -> None:
    values = np.ones(4_000_000)
    values[::4] = np.nan
    text = describe(pd.DataFrame({"a": values})).text
    assert "~1,000,000 null" in text or "~" in text


def test_values_of_secret_columns_and_keys_are_hidden() -> None:
    frame = pd.DataFrame({"password": ["hunter2"], "name": ["ann"]})
    config = {"api_key": "k-12345", "host": "h"}
    shop = Shop("Bern")
    for obj in (frame, config, shop):
        text = describe(obj, detail="full", allow_values=True).text
        assert "hunter2" not in text
        assert "k-12345" not in text
    assert describe("hunter2", name="password", allow_values=True).text == "password: str of 7"


def test_secret_columns_are_known_by_any_level_of_their_names() -> None:
    labels = pd.MultiIndex.from_tuples([("password", "first"), ("user", "password"), ("user", "a")])
    frame = pd.DataFrame([["hunter1", "hunter2", "ann"]], columns=labels)
    for detail in ("brief", "full"):
        text = describe(frame, detail=detail, allow_values=True).text
        assert "hunter" not in text
        assert "ann" in text


def test_the_secret_in_a_row_of_a_frame_is_hidden() -> None:
    row = pd.Series({"name": "ann", "password": "hunter2"})
    text = describe(row, detail="full", allow_values=True).text
    assert "hunter2" not in text
    assert "ann" in text


KEY = "ghp_aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5"


@pytest.mark.parametrize("place", [0, 40, 56, 120, 150, 170])
def test_a_secret_in_a_column_s_name_is_not_cut_in_two(place: int) -> None:
    frame = pd.DataFrame({f"{'x' * place} {KEY}": ["seen"], "units": ["few"]})
    for detail in ("brief", "full"):
        assert KEY[:6] not in describe(frame, name="f", detail=detail, allow_values=True).text


def test_a_secret_in_an_object_s_own_words_is_not_cut_in_two() -> None:
    class Client:
        def __repr__(self) -> str:
            return f"<Client {'x' * 135} {KEY}>"

    class Chart:
        def _ai_repr_(self) -> str:
            return f"A chart {'x' * 380} {KEY}"

    for obj in (Client(), Chart()):
        assert KEY[:6] not in describe(obj, name="c", allow_values=True).text


@pytest.mark.parametrize(
    ("obj", "text"),
    [
        (3, "int = 3"),
        (True, "bool = True"),
        (np.float64(1.5), "float64 = 1.5"),
        (None, "NoneType"),
        ("hello", "str of 5: 'hello'"),
        ([1, 2, "a"], "list of 3 int or str: 1, 2, 'a'"),
        ([], "list of 0"),
        ({"a": 1, "b": [2]}, "dict of 2: 'a' (int), 'b' (list)"),
        ({1: "x"}, "dict of 1: int to str"),
        (OrderedDict(a=1), "OrderedDict of 1: 'a' (int)"),
        (deque([1.0]), "deque of 1 float: 1.0"),
        (Point(1, "y"), "Point(x (int), y (str))"),
        ([{"id": 1}, {"id": 2}], "list of 2 dict, the first: dict of 1: 'id' (int)"),
        (np.arange(6.0).reshape(2, 3), f"ndarray 2{TIMES}3 float64, range 0 to 5"),
        (np.array([1.0, math.inf]), "ndarray 2 float64, range 1 to 1, 50% not finite"),
        (np.array([math.nan]), "ndarray 1 float64, 100% not finite"),
        (np.array([]), "ndarray 0 float64"),
        (np.array(["a"]), "ndarray 1 <U1"),
        (pd.Series([1, 2], name="units"), "Series of 2: units (int64)"),
        (pd.Series([1.0, None]), "Series of 2: (float64, 1 null)"),
        (pd.Index(["a", "b"]), "Index of 2: (str, e.g. 'a' 'b')"),
        (helper, "def helper(x: int, *, scale: float = 2.0) -> float  # Scale a number."),
        (
            functools.partial(helper, scale=1.0),
            "def partial(x: int, *, scale: float = 1.0) -> float",
        ),
        (Shop, "class Shop(town: str) -> None, with sell  # Sells things."),
        (math, "module math"),
        (pd, f"module pandas {pd.__version__}"),
    ],
)
def test_what_is_said_in_brief(obj: object, text: str) -> None:
    found = describe(obj, allow_values=True).text
    assert found == text or found.startswith(f"{text}  # ")


def test_without_leave_no_value_is_told() -> None:
    for obj in (31337, "31337", [31337], {"31337": 1}, np.array([31337]), pd.Series(["31337"])):
        for detail in ("brief", "full"):
            assert "31337" not in describe(obj, detail=detail).text  # type: ignore[arg-type]


def test_full_detail_of_a_function_is_its_source() -> None:
    description = describe(helper, detail="full")
    assert "return x * scale" in description.text
    assert description.facts["signature"] == "(x: int, *, scale: float = ...) -> float"
    description = describe(helper, detail="full", allow_values=True)
    assert description.facts["signature"] == "(x: int, *, scale: float = 2.0) -> float"


def test_an_object_of_the_users_class_is_told_by_its_attributes() -> None:
    shop = Shop("Bern")
    assert describe(shop).text.endswith("Shop with town (str), password (str)")


def test_a_repr_of_ones_own_is_used() -> None:
    class Money:
        def __repr__(self) -> str:
            return "<Money 3 CHF>"

    assert describe(Money(), allow_values=True).text.endswith("Money: <Money 3 CHF>")
    assert "3 CHF" not in describe(Money()).text


def test_ai_repr_wins() -> None:
    class Chart:
        hints: dict[str, object]

        def _ai_repr_(self, **hints: object) -> dict[str, object]:
            self.hints = hints
            return {"image/png": b"...", "text/plain": "a chart of sales"}

    class LaterChart:
        async def _ai_repr_(self) -> dict[str, object]:
            return {"text/markdown": "a *later* chart"}

    chart = Chart()
    assert describe(chart, name="c", allow_values=True).text == "c: a chart of sales"
    assert chart.hints == {"multimodal": False}
    assert describe(LaterChart(), allow_values=True).text == "a *later* chart"


def test_an_ai_repr_without_text_is_passed_over() -> None:
    class Picture:
        def __init__(self) -> None:
            self.width = 3

        def _ai_repr_(self) -> dict[str, object]:
            return {"image/png": b"..."}

    assert describe(Picture(), allow_values=True).text.endswith("Picture with width (int)")


def test_a_tensor_and_a_torch_model() -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.arange(12.0).reshape(3, 4).T.requires_grad_()
    assert describe(tensor, allow_values=True).text == (
        f"Tensor 4{TIMES}3 float32 on cpu, requires grad, range 0 to 11"
    )
    model = torch.nn.Sequential(torch.nn.Linear(3, 4))
    assert describe(model).text == (
        "Sequential, 16 parameters (float32 on cpu), training mode: 0 (Linear)"
    )
    assert "meta" in describe(torch.empty(3, device="meta"), allow_values=True).text


def test_a_figure_is_told_by_its_labels() -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    axes.plot([1, 2])
    axes.set(title="Sales", xlabel="day", ylabel="CHF")
    size = f"Figure 6.4{TIMES}4.8 in"
    with_values = describe(figure, allow_values=True).text
    assert with_values == f"{size}, 1 axes: 'Sales' CHF vs day 1 line"
    assert describe(figure).text == f"{size}, 1 axes: 1 line"


def test_polars_frames_and_a_lazy_frame_that_stays_lazy() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"a": [1, None], "b": ["x", "y"]})
    assert describe(frame, name="f", allow_values=True).text.splitlines() == [
        f"f: polars DataFrame 2{TIMES}2, columns 'a', 'b'",
        "f['a']: Int64, 1 null",
        "f['b']: 'x', 'y', …",
    ]

    def fail(_: object) -> object:
        raise AssertionError("collected")

    lazy = frame.lazy().with_columns(
        polars.col("a").map_elements(fail, return_dtype=polars.Int64).alias("c")
    )
    assert describe(lazy, name="f").text.splitlines() == [
        f"f: polars LazyFrame ?{TIMES}3, columns 'a', 'b', 'c'",
        "'a': Int64",
        "'b': String",
        "'c': Int64",
    ]


def test_the_values_that_a_polars_type_allows_are_no_part_of_its_name() -> None:
    polars = pytest.importorskip("polars")
    kind = polars.Enum(["north", "south"])
    frame = polars.DataFrame(
        {"a": ["north"], "b": [["south"]], "c": [{"d": "north"}]},
        schema={"a": kind, "b": polars.List(kind), "c": polars.Struct({"d": kind})},
    )
    for obj in (frame, frame["a"], frame.lazy()):
        for detail in ("brief", "full"):
            description = describe(obj, name="f", detail=detail)
            assert "Enum" in description.text
            assert "north" not in f"{description.text} {description.facts}"
    assert "f['a']: 'north', …" in describe(frame, name="f", allow_values=True).text


def test_arrow_tables() -> None:
    arrow = pytest.importorskip("pyarrow")
    table = arrow.table({"a": [1, None], "b": ["x", "y"]})
    assert describe(table, name="f", allow_values=True).text.splitlines() == [
        f"f: pyarrow Table 2{TIMES}2, columns 'a', 'b'",
        "f['a']: int64, 1 null",
        "f['b']: 'x', 'y', …",
    ]


def test_a_scikit_learn_model() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    model = linear_model.Ridge(alpha=2.0)
    assert describe(model, allow_values=True).text == "Ridge(alpha=2.0), not fitted"
    assert describe(model).text == "Ridge(alpha=float), not fitted"
    model.fit(np.eye(3), np.ones(3))
    assert describe(model, allow_values=True).text == "Ridge(alpha=2.0), fitted on 3 features"


class Estimator:
    """Stands in for what scikit-learn's estimators have in common."""

    def __init__(self, steps=(), transformer_list=()):
        self.steps, self.transformer_list = steps, transformer_list

    def get_params(self, *, deep):
        """Return what tells nothing here."""
        return {}

    def fit(self):
        """Learn something."""
        self.coef_ = [1.0]
        return self


class Pipeline(Estimator):
    """Keeps what is learned in its steps."""


class FeatureUnion(Estimator):
    """Keeps it in its parts."""


class Stateless(Estimator):
    """Says for itself that it is fitted."""

    def __sklearn_is_fitted__(self):
        raise AssertionError("It was asked.")


def pipeline(*steps):
    return Pipeline([(f"step {n}", step) for n, step in enumerate(steps)])


def union(*parts):
    return FeatureUnion(transformer_list=[(f"part {n}", part) for n, part in enumerate(parts)])


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (pipeline(Estimator(), Estimator().fit()), ", fitted"),
        (pipeline(Estimator().fit(), Estimator()), ", not fitted"),
        (pipeline(Estimator().fit(), "passthrough", None), ", fitted"),
        (pipeline("passthrough"), ""),
        (pipeline(Estimator(), Stateless()), ""),
        (pipeline(Estimator(), pipeline(Estimator().fit())), ", fitted"),
        (pipeline(), ""),
        (union(Estimator().fit(), "drop"), ", fitted"),
        (union(Estimator().fit(), Estimator()), ", not fitted"),
        (union(Estimator().fit(), Stateless()), ""),
        (Stateless(), ""),
        (Estimator(), ", not fitted"),
    ],
)
def test_a_pipeline_is_fitted_as_its_last_step_is(monkeypatch, model, said) -> None:
    for name, held in (
        ("sklearn.base", {"BaseEstimator": Estimator}),
        ("sklearn.pipeline", {"Pipeline": Pipeline, "FeatureUnion": FeatureUnion}),
    ):
        monkeypatch.setitem(sys.modules, name, types.SimpleNamespace(**held))
    assert describe(model).text == f"{type(model).__name__}(){said}"


def test_the_limit_holds() -> None:
    frame = pd.DataFrame({f"column_{n}": [1] for n in range(100)})
    assert len(describe(frame, max_chars=80).text) <= 80
    assert len(describe(helper, detail="full", max_chars=50).text) <= 50


def test_describing_imports_no_library() -> None:
    code = textwrap.dedent("""
        import sys
        from codeface_jupyter.namespace import describe
        describe([1, {"a": 2}], allow_values=True, detail="full")
        sys.exit(any(name in sys.modules for name in ("pandas", "numpy", "torch", "polars")))
    """)
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Names


def test_names_attributes_and_indices_are_found(sales: pd.DataFrame) -> None:
    namespace = {"sales": sales, "results": {"best": [{"n": 7}]}}
    assert resolve("sales", namespace) is sales
    assert resolve(" sales.shape[-1] ", namespace) == 4
    assert resolve("results['best'][0]['n']", namespace) == 7


@pytest.mark.parametrize(
    ("expression", "close"),
    [
        ("sale", "sales"),
        ("sales.pric", "price"),
        ("sales['pric']", "'price'"),
        ("r['bst']", "'best'"),
    ],
)
def test_an_unknown_name_lists_close_ones(sales: pd.DataFrame, expression: str, close: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        resolve(expression, {"sales": sales, "r": {"best": 1}})
    assert close in caught.value.close_names


@pytest.mark.parametrize(
    ("expression", "close"),
    [
        ("nope", ()),
        ("prnt", ("print",)),
        ("lst", ("last",)),
        ("Nonne", ()),
    ],
)
def test_of_what_python_defines_only_what_is_very_near_is_listed(
    expression: str, close: tuple[str, ...]
) -> None:
    with pytest.raises(UnknownNameError) as caught:
        resolve(expression, {**vars(builtins), "last": 1})
    assert caught.value.close_names == close


@pytest.mark.parametrize("expression", ["f(x)", "a + b", "", "x[y]", "x[1:2]", "lambda: 1", "1 +"])
def test_anything_but_a_name_is_refused(expression: str) -> None:
    with pytest.raises(NotebookError, match="is not a name, attribute or index"):
        resolve(expression, {"x": [1], "y": 0, "a": 1, "b": 2, "f": print})


def test_a_property_that_raises_is_there_and_says_what_it_raised() -> None:
    class Broken:
        @property
        def value(self) -> int:
            raise ValueError("no rows yet")

    with pytest.raises(NotebookError, match=r"x\.value cannot be read: it raised ValueError: no"):
        resolve("x.value", {"x": Broken()})
    with pytest.raises(UnknownNameError):
        resolve("x.valeu", {"x": Broken()})


def test_private_names_are_not_offered() -> None:
    assert close_names("sale", ["_sale", "sales"]) == ("sales",)


def test_a_module_that_loads_itself_lazily_is_not_loaded() -> None:
    class Lazy(types.ModuleType):
        def __getattribute__(self, name: str) -> object:
            raise AssertionError(name)

    assert describe(Lazy("later")).text == "module later"


def test_labels_that_look_alike_are_told_apart() -> None:
    frame = pd.DataFrame({0: [1], "0": [2], "a\nb": [3], "a b": [4]})
    facts = describe(frame, detail="full", allow_values=True).facts["columns"]
    assert [column["name"] for column in facts] == ["0", "'0'", r"'a\nb'", "a b"]  # type: ignore[attr-defined]


def test_masked_values_do_not_count() -> None:
    array = np.ma.masked_array([1.0, 2.0, -999.0], mask=[False, False, True])
    text = describe(array, allow_values=True).text
    assert "range 1 to 2" in text
    assert "33% masked" in text


def test_facts_hold_no_secret() -> None:
    class Client:
        def __repr__(self) -> str:
            return "Client(host='h', api_key='k-1234567', password=hunter2)"

    def connect(password: str = "hunter2") -> None: ...

    for thing in (Client(), connect):
        description = describe(thing, detail="full", allow_values=True)
        told = description.text + str(description.facts)
        assert "k-1234567" not in told
        assert "hunter2" not in told
