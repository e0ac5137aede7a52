"""What a code did to the variables, and whether two codes did the same."""

import base64
import pprint
import struct
import time
import tracemalloc

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from codeface_jupyter.trials.few_words import few_words, is_scalar
from codeface_jupyter.trials.fingerprint import (
    digest_of_figures,
    digest_of_text,
    digest_of_value,
    is_drawing,
)
from codeface_jupyter.trials.preview import preview_data, read_preview, variable_data
from codeface_jupyter.trials.state import StateBefore


def run(code: str, **namespace: object) -> tuple[StateBefore, dict[str, object]]:
    before = StateBefore(namespace, code)
    exec(code, namespace)
    return before, namespace


def told(code: str, **namespace: object) -> dict[str, tuple[str, str]]:
    before, after = run(code, **namespace)
    return {change.name: (change.kind, change.text) for change in before.changes(after)}


@pytest.fixture
def sales() -> pd.DataFrame:
    return pd.DataFrame({"price": [1.0, 2.0, 3.0], "units": [1, 2, 3], "day": ["a", "b", "c"]})


def refuse(*_: object) -> None:
    raise SystemExit("It cannot be looked at.")


class Hostile:
    """An object of the notebook's whose own code always raises."""

    __class__ = property(refuse)  # type: ignore[assignment]
    __repr__ = __str__ = __len__ = __bool__ = __eq__ = refuse  # type: ignore
    __hash__ = __deepcopy__ = __getattr__ = refuse  # type: ignore


class HostileType(type):
    """A class whose own code always raises."""

    __eq__ = __hash__ = __instancecheck__ = __getattr__ = refuse  # type: ignore


class TestObjectsThatCannotBeLookedAt:
    @pytest.mark.parametrize(
        "code", ["x = 1", "x = 1; hostile", "x = 1; [hostile]", "x = 1; [hostile_list]"]
    )
    def test_they_keep_nothing_of_the_others_from_being_told(self, code: str) -> None:
        hostile = {"hostile": Hostile(), "hostile_list": [Hostile()]}
        assert told(code, **hostile) == {"x": ("new", "1")}

    def test_what_is_certain_of_them_is_told(self) -> None:
        assert told("made = Thing()", Thing=Hostile) == {"made": ("new", "Hostile")}
        thing = HostileType("Thing", (), {})
        assert told("made = Thing()", Thing=thing) == {"made": ("new", "Thing")}
        assert few_words(Hostile()) == "Hostile"
        assert not is_scalar(Hostile())
        assert not is_drawing(Hostile())

    def test_in_a_table_the_others_are_shown(self) -> None:
        table = read_preview(preview_data(pd.Series([1, Hostile()], dtype=object), [])).table
        assert table is not None
        assert table.rows == (("0", "1"), ("1", "Hostile"))

    def test_what_they_are_is_not_taken_for_known(self) -> None:
        with pytest.raises(SystemExit):
            digest_of_value([1, Hostile()])


class TestLargeValues:
    """A thousand million numbers, which are made in no time and could not all be read."""

    def test_the_first_of_them_are_read(self) -> None:
        row = list(range(1_000))
        large = [[row] * 1_000] * 1_000
        assert digest_of_value(large) == digest_of_value([[row] * 1_000] * 1_000)
        assert digest_of_value(large) != digest_of_value([[row[::-1]] * 1_000] * 1_000)
        assert digest_of_value({"a": large}) != digest_of_value({"b": large})
        assert preview_data(large, [])["text"].startswith("[[[0,")
        assert told("large", large=large) == {}

    @pytest.mark.parametrize(
        "shape", [(4_000, 4_000), (2, 1_000_000), (1_000_000, 3), (300, 300, 300)]
    )
    def test_of_an_array_the_beginning_is_read(self, shape: tuple[int, ...]) -> None:
        zeros = np.broadcast_to(0.0, shape)
        other = np.zeros(shape)
        other.flat[0] = 1
        begin = time.process_time()
        assert digest_of_value(zeros) == digest_of_value(np.zeros(shape)) != digest_of_value(other)
        assert time.process_time() - begin < 6

    def test_of_a_wide_frame_the_first_columns_are_read(self) -> None:
        frame = pd.DataFrame(np.zeros((2, 100_000)))
        begin = time.process_time()
        assert digest_of_value(frame) != digest_of_value(frame.iloc[:, 1:])
        assert time.process_time() - begin < 2

    def test_a_dict_is_shown_in_its_own_order(self) -> None:
        assert preview_data({"south": 9, "north": 2}, []) == {"text": "{'south': 9, 'north': 2}"}


class TestChanges:
    @pytest.mark.parametrize(
        ("code", "columns"),
        [
            ("sales['new'] = 1", [3]),
            ("sales['units'] *= 2; sales.insert(3, 'new', 1)", [3, 1]),
            ("sales = sales[1:]; sales['new'] = 1", [3]),
            ("sales = sales.drop(columns='price')", []),
            ("sales = [1]", []),
        ],
    )
    def test_the_columns_that_are_new_or_changed_are_known(
        self, sales: pd.DataFrame, code: str, columns: list[int]
    ) -> None:
        before, after = run(code, sales=sales)
        assert list(before.changed_columns("sales", after["sales"])) == columns
        assert not list(before.changed_columns("new", after["sales"]))

    @pytest.mark.parametrize(
        ("code", "text"),
        [
            ("sales['revenue'] = sales.price * sales.units", "adds column `revenue`"),
            ("sales = sales.drop(columns=['day', 'units'])", "drops columns `units`, `day`"),
            ("sales = sales[sales.price > 1]", "from 3 to 2 rows"),
            ("sales['price'] = sales.price * 2", "changes column `price` in all 3 rows"),
            ("sales.loc[0, 'price'] = 9", "changes column `price` in 1 of 3 rows"),
            ("sales['units'] = sales.units * 1.5", "column `units` from int64 to float64"),
            (
                "sales['rate'] = sales.price * float('nan')",
                "adds column `rate`, only missing values in column `rate`",
            ),
            (
                "sales['price'] = sales.price.map({})",
                "only missing values in column `price`, changes column `price` in all 3 rows",
            ),
            ("sales['size'] = ['big', None, None]", "adds column `size`"),
            (
                "sales = sales.loc[[0, 1, 2] * 4].assign(size=[None] * 11 + ['big'])",
                "adds column `size`, from 3 to 12 rows, hardly any values in column `size`",
            ),
            ("sales['price'] = [1, 2, None]\nsales = sales[2:]", "from 3 to 1 rows"),
            ("sales = 3", "becomes 3"),
            ("sales = sales.sort_values('price', ascending=False)", "puts rows in another order"),
            ("sales = sales.set_index('day')", "drops column `day`, changes the row labels"),
            (
                "sales.index = [7, 8, 9]\nsales['units'] += 1",
                "changes the row labels, changes column `units` in all 3 rows",
            ),
            ("sales = sales[['day', 'units', 'price']]", "puts columns in another order"),
            ("sales['a`b\\n<i>'] = 0", "adds column `` a`b <i> ``"),
        ],
    )
    def test_a_frame_that_is_changed_says_how(
        self, sales: pd.DataFrame, code: str, text: str
    ) -> None:
        assert told(code, sales=sales) == {"sales": ("changed", text)}

    @pytest.mark.parametrize(
        "code", ["sales.head()", "sales = sales.copy()", "sales.sort_values('price').iloc[0]"]
    )
    def test_a_frame_that_has_the_same_values_is_no_change(
        self, sales: pd.DataFrame, code: str
    ) -> None:
        assert told(code, sales=sales) == {}

    @pytest.mark.parametrize(
        ("frame", "code", "text"),
        [
            ("[[1, 2.5], [3, 4.5]], columns=['a', 'a']", "x.iloc[0, 1] = 9",
             "changes column `a` in 1 of 2 rows"),
            ("[[1, 2], [3, 4]], columns=['a', 'a']", "x = x.iloc[:, :1]", "drops column `a`"),
            ("[[1, 2], [3, 4]], columns=[['a', 'a'], ['b', 'c']]", "x.iloc[0, 0] = 9",
             "changes column `('a', 'b')` in 1 of 2 rows"),
            ("{'a': [1, 2]}, index=[['k', 'k'], [1, 2]]", "x = x[::-1]",
             "puts rows in another order"),
            ("", "x['a'] = []", "adds column `a`"),
            ("{'a': pd.Categorical(['b', 'c'])}", "x.loc[0, 'a'] = 'c'",
             "changes column `a` in 1 of 2 rows"),
            ("{'a': pd.date_range('2020', periods=2, tz='UTC')}", "x['a'] += pd.Timedelta('1s')",
             "changes column `a` in all 2 rows"),
            ("{'a': pd.array([1, None], dtype='Int64')}", "x['a'] = x['a'].fillna(0)",
             "changes column `a` in 1 of 2 rows"),
            ("{'a': [[1], [2]]}", "x['a'][0].append(3)", "changes column `a` in 1 of 2 rows"),
            ("{'a': [1j, 2j]}", "x.loc[0, 'a'] = 3j", "changes column `a` in 1 of 2 rows"),
            ("{'a': pd.arrays.SparseArray([0, 0])}", "x['a'] = pd.arrays.SparseArray([0, 1])",
             "changes column `a` in 1 of 2 rows"),
            ("{'a': [2, 1, 2, 1], 'b': list('yxyx')}, index=[0, 1, 0, 1]", "x = x.sort_values('a')",
             "puts rows in another order"),
            ("{'a': [2, 1, 3]}, index=[0, 0, 1]", "x = (x * 2).sort_values('a')[::-1]",
             "puts rows in another order"),
            ("{'a': [2, 1, 3]}, index=[0, 0, 1]", "x.index = [0, 1, 1]", "changes the row labels"),
            ("{'a': [[2], [1], [3]]}, index=[0, 0, 1]", "x = x[::-1]",
             "puts rows in another order"),
            ("{'a': [1.0, None], 'b': [None, None]}", "x['a'] = x['a'].fillna(0)",
             "changes column `a` in 1 of 2 rows"),
            ("{'a': [pd.NaT, pd.Timestamp('2020')]}", "x['a'] = x['a'].bfill()",
             "changes column `a` in 1 of 2 rows"),
        ],
    )  # fmt: skip
    def test_a_frame_of_any_kind_says_how_it_is_changed(
        self, frame: str, code: str, text: str
    ) -> None:
        x = eval(f"pd.DataFrame({frame})")
        assert told(code, x=x, pd=pd) == {"x": ("changed", text)}
        assert told("x = x.copy()", x=eval(f"pd.DataFrame({frame})")) == {}

    @pytest.mark.parametrize(
        ("code", "text"),
        [
            ("x.mean()", ""),
            ("x['total'] = x.sum(axis=1)", "adds column `total`"),
            ("x.iloc[0, 7] = 1.5", "changes column `7` in 1 of 100 rows"),
            ("x *= 2", "changes columns `1`, `2`, `3`, `4`, `5` and 19994 more"),
        ],
    )
    def test_of_a_wide_frame_it_is_told_at_once(self, code: str, text: str) -> None:
        x = pd.DataFrame(np.arange(20_000.0) * np.ones((100, 1)))
        before, after = run(code, x=x)
        begin = time.process_time()
        assert [change.text for change in before.changes(after)] == ([text] if text else [])
        list(before.changed_columns("x", after["x"]))
        assert time.process_time() - begin < 1

    @pytest.mark.parametrize(
        ("value", "code", "text"),
        [
            (1_234_567, "x += 1", "from 1234567 to 1234568"),
            ({"a": [1_234_567]}, "x['a'][0] += 1", "values changed"),
            (np.zeros((2, 2)), "x = x.reshape(4)", "from ndarray, 2 x 2 to ndarray of 4"),
            (np.array([[1], 2], dtype=object), "x[0].append(2)", "values changed"),
            (pd.Series([[1], [2]]), "x[0].append(2)", "values changed"),
            ([pd.Series([1, 2])], "x[0][1] = 3", "values changed"),
        ],
    )
    def test_a_small_change_is_one(self, value: object, code: str, text: str) -> None:
        assert told(code, x=value) == {"x": ("changed", text)}

    @pytest.mark.parametrize(
        ("value", "code"),
        [
            (float("nan"), "x = float('nan')"),
            ([float("nan"), {"a": None}], "x = [float('nan'), {'a': None}]"),
            (np.array(["a" * 3, None], dtype=object), "x = x.copy(); x[0] = ''.join('aaa')"),
        ],
    )
    def test_equal_values_are_no_change(self, value: object, code: str) -> None:
        assert told(code, x=value) == {}

    def test_what_is_large_is_not_copied_however_deep(self) -> None:
        rows = [list(range(10_000)) for _ in range(100)]
        begin = time.process_time()
        assert told("rows[0][0]", rows=rows) == {}
        assert time.process_time() - begin < 0.3

    def test_names_that_are_none_are_passed_over(self) -> None:
        assert told("globals()[1] = 2\ny = 3") == {"y": ("new", "3")}

    def test_variables_are_new_or_gone(self) -> None:
        assert told("total = sum(values)\ndel values", values=[1, 2]) == {
            "total": ("new", "3"),
            "values": ("gone", "deleted"),
        }

    def test_what_is_defined_or_imported_is_no_news(self) -> None:
        assert told("import math\ndef f(): pass\nclass C: pass\n_hidden = 1") == {}

    @pytest.mark.parametrize(
        ("code", "text"),
        [
            ("values.append(3)", "from list of 2 to list of 3"),
            ("values[0] = 9", "values changed"),
            ("values = tuple(values)", "becomes tuple of 2"),
        ],
    )
    def test_a_list_that_is_changed_in_place_is_seen(self, code: str, text: str) -> None:
        assert told(code, values=[1, 2]) == {"values": ("changed", text)}

    def test_an_array_that_is_changed_in_place_is_seen(self) -> None:
        assert told("a[0, 0] = 7", a=np.zeros((2, 2))) == {"a": ("changed", "values changed")}

    def test_an_object_that_cannot_be_copied_is_left_alone(self) -> None:
        class Stubborn(list[int]):
            def __deepcopy__(self, memo: object) -> object:
                raise TypeError("no copies")

        assert told("values.append(1)", values=Stubborn()) == {}


def drawn(draw: str, *data: object, depth: bool = False, **named: object) -> str:
    figure = Figure()
    axes = figure.add_subplot(projection="3d" if depth else None)
    getattr(axes, draw)(*map(np.asarray, data), **named)
    return digest_of_figures([figure])


class TestDigests:
    series = pd.Series([1.0, 2.0], index=["a", "b"])
    times = pd.Series(pd.date_range("2020", periods=3, freq="min"))
    same_names = pd.DataFrame([[1, 2]], columns=["a", "a"])
    many_times = pd.Series(pd.date_range("2020", periods=30_000, freq="s"))

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (series, series.reset_index()),
            (series, series.rename("other").to_frame()),
            (pd.Series([1, 2]), [1.0, 2.0]),
            (np.array([0.1 + 0.2]), np.array([0.3])),
            ({"a": 1, "b": 2}, {"b": 2.0, "a": 1}),
            ({1, 2}, {2, 1}),
            (np.float64("nan"), None),
            (0.0, -0.0),
            (pd.DataFrame({"x": [1]}, index=[5]), pd.DataFrame({"y": [1]})),
            # Rows of a frame keep their numbers, and lose them in a list.
            (pd.Series([3, 1], index=[7, 2], name="x"), [3, 1]),
            (pd.Series([3, 1], index=[1, 0]), [3, 1]),
            (np.array(5), 5),
            (0.1 + 0.2 + 1j, 0.3 + 1j),
            (10**400, 10**400),
            (pd.Series([1, None], dtype="Int64"), [1, None]),
            (pd.Series(pd.Categorical(["a", "b"])), ["a", "b"]),
            (pd.Series(pd.arrays.SparseArray([0, 1])), [0, 1]),
            (np.ma.array([1, 2], mask=[False, True]), [1, None]),
            (times.dt.as_unit("s"), times.dt.as_unit("ns")),
            (times, [time.to_pydatetime() for time in times]),
            (pd.Series([pd.NaT, times[0]]), [None, times[0]]),
            (np.datetime64("2020-01-01"), pd.Timestamp("2020-01-01")),
            (pd.Timedelta("90s"), np.timedelta64(90_000, "ms")),
        ],
    )
    def test_equal_outcomes_have_one(self, one: object, other: object) -> None:
        assert digest_of_value(one) == digest_of_value(other)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (1, True),
            (1, "1"),
            ([1, 2], [2, 1]),
            ([1, 23], [12, 3]),
            (series, pd.Series([1.0, 2.0], index=["a", "c"])),
            (pd.Series([1.0, 2.0]), pd.Series([1.0, 2.001])),
            (pd.Series({2020: 5, 2021: 6}), pd.Series({2021: 5, 2020: 6})),
            (pd.Series({2020: 5, 2021: 6}), pd.Series({2021: 5, 2022: 6})),
            (pd.Series(["a", None]), pd.Series(["a", "b"])),
            (times, times + pd.Timedelta("1s")),
            (many_times, many_times + pd.Timedelta("1s")),
            (many_times.dt.tz_localize("UTC"), many_times.dt.tz_localize("Asia/Tokyo")),
            (times.dt.tz_localize("UTC"), times),
            (10**400, 10**400 + 1),
            (1j, 2j),
            (np.ma.array([1, 2], mask=[False, True]), np.ma.array([1, 2])),
            (
                pd.DataFrame([[1, 2]], columns=["a", "a"]),
                pd.DataFrame([[1, 3]], columns=["a", "a"]),
            ),
        ],
    )
    def test_other_outcomes_have_others(self, one: object, other: object) -> None:
        assert digest_of_value(one) != digest_of_value(other)

    def test_long_columns_are_told_apart_in_their_numbers(self) -> None:
        values = np.arange(50_000, dtype=float)
        other = values.copy()
        other[40_000] *= 1.01
        assert digest_of_value(values) == digest_of_value(values * (1 + 1e-12))
        assert digest_of_value(values) != digest_of_value(other)

    def test_words_that_are_printed_count_and_their_spacing_does_not(self) -> None:
        assert digest_of_text("mean:  3.0000001\n") == digest_of_text("mean: 3")
        assert digest_of_text("mean: 3") != digest_of_text("mean: 4")

    def test_figures_are_compared_by_what_is_drawn(self) -> None:
        red, blue, other = Figure(), Figure(), Figure()
        red.subplots().plot([1, 2, 3], color="red")
        blue.subplots().plot([1, 2, 3], color="blue", label="x")
        other.subplots().plot([1, 2, 4])
        assert digest_of_figures([red]) == digest_of_figures([blue]) != digest_of_figures([other])
        assert is_drawing(red.axes[0].lines)
        assert not is_drawing([1])

    @pytest.mark.parametrize(
        ("draw", "one", "other"),
        [
            ("pie", [[1, 2, 3]], [[1, 1, 4]]),
            ("fill_between", [[1, 2], [1, 2]], [[1, 2], [1, 3]]),
            ("pcolormesh", [np.eye(3)], [np.ones((3, 3))]),
            ("imshow", [np.eye(3)], [np.ones((3, 3))]),
            ("scatter", [[1], [2]], [[1], [3]]),
            ("stackplot", [[1, 2], [1, 2]], [[1, 2], [1, 3]]),
            ("boxplot", [[1, 2, 3]], [[1, 2, 30]]),
            ("hexbin", [[1, 2, 3]] * 2, [[1, 2, 3, 3]] * 2),
            ("bar", [["north", "south"], [4, 5]], [["south", "north"], [4, 5]]),
            ("bar", [[1, 2, 3], [4, 5, 6]], [[2021, 2022, 2023], [4, 5, 6]]),
            ("barh", [["north", "south"], [4, 5]], [["south", "north"], [4, 5]]),
            ("barh", [[1, 2, 3], [4, 5, 6]], [[2021, 2022, 2023], [4, 5, 6]]),
            ("hist", [[1, 2, 2, 3]], [[101, 102, 102, 103]]),
            ("scatter", [["a", "b"], [1, 2]], [["b", "a"], [1, 2]]),
            ("plot", [["a", "b"], [1, 2]], [["b", "a"], [1, 2]]),
            ("quiver", [[1, 2], [1, 2], [3, 4], [5, 6]], [[1, 2], [1, 2], [3, 4], [5, 7]]),
            ("barbs", [[1, 2], [1, 2], [3, 4], [5, 6]], [[1, 2], [1, 2], [3, 4], [5, 7]]),
        ],
    )
    def test_every_kind_of_figure_is_compared_by_its_data(
        self, draw: str, one: list[object], other: list[object]
    ) -> None:
        assert drawn(draw, *one) == drawn(draw, *one) != drawn(draw, *other)

    @pytest.mark.parametrize(
        ("draw", "one", "other"),
        [
            ("scatter", [[1, 2], [3, 4], [5, 6]], [[1, 2], [3, 4], [5, 7]]),
            ("plot", [[1, 2], [3, 4], [5, 6]], [[1, 2], [3, 4], [5, 7]]),
            ("plot_surface", [np.eye(2)] * 3, [np.eye(2), np.eye(2), np.ones((2, 2))]),
        ],
    )
    def test_depth_is_compared(self, draw: str, one: list[object], other: list[object]) -> None:
        assert drawn(draw, *one, depth=True) == drawn(draw, *one, depth=True)
        assert drawn(draw, *one, depth=True) != drawn(draw, *other, depth=True)

    def test_slices_are_compared_by_what_they_are_called(self) -> None:
        assert drawn("pie", [1, 2], labels=["a", "b"]) == drawn("pie", [1, 2], labels=["a", "b"])
        assert drawn("pie", [1, 2], labels=["a", "b"]) != drawn("pie", [1, 2], labels=["b", "a"])

    def test_bars_are_compared_by_what_stands_at_them(self) -> None:
        north, south = pd.Series({"north": 4, "south": 5}), pd.Series({"south": 5, "north": 4})
        other = pd.Series({"north": 5, "south": 4})

        def bars(series: pd.Series) -> str:
            figure = Figure()
            series.plot.bar(ax=figure.subplots())
            return digest_of_figures([figure])

        assert bars(north) == bars(south) != bars(other)
        assert drawn("bar", ["north", "south"], [4, 5]) == drawn("bar", ["south", "north"], [5, 4])
        # A group of bars stands around one place.
        grouped = pd.DataFrame({"a": north, "b": other})
        assert bars(grouped) != bars(grouped.set_axis(["b", "c"]))

    def test_frames_that_are_styled_are_compared_by_data_and_looks(self) -> None:
        pytest.importorskip("jinja2")
        frame = pd.DataFrame({"a": [1, 2], "b": [3.0, 4.0]})
        highest = digest_of_value(frame.style.highlight_max(axis=0))
        assert highest == digest_of_value(frame.copy().style.highlight_max())
        assert highest != digest_of_value(frame.style.highlight_min())
        assert highest != digest_of_value((frame * 2).style.highlight_max())
        assert highest != digest_of_value(frame)
        large = pd.DataFrame(np.zeros((100_000, 10)))
        begin = time.process_time()
        assert digest_of_value(large.style) == digest_of_value(large.style.highlight_max())
        assert time.process_time() - begin < 2

    def test_figures_that_are_no_matplotlibs_are_told_apart(self) -> None:
        class Chart:
            __module__ = "plotly.graph_objs"

            def __init__(self, data: str) -> None:
                self.data = data

            def __repr__(self) -> str:
                return f"Chart({self.data})"

        assert digest_of_value(Chart("a")) != digest_of_value(Chart("b"))

    def test_what_is_large_is_read_in_part_however_deep(self) -> None:
        rows = [list(range(10_000))] * 1_000
        begin = time.process_time()
        assert digest_of_value(rows) == digest_of_value(rows)
        assert time.process_time() - begin < 2


def png(width: int, height: int) -> str:
    """Return how a picture of a size begins."""
    begin = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)
    return base64.b64encode(begin + bytes(20)).decode()


class TestPreview:
    @pytest.mark.parametrize(
        ("numbers", "written"),
        [
            ([88.0, 1.25], ["88.00", "1.25"]),
            ([1_234_567.5, float("nan")], ["1234567.5", "NaN"]),
            ([1 / 3], ["0.333333"]),
        ],
    )
    def test_numbers_are_written_as_pandas_writes_them(
        self, numbers: list[float], written: list[str]
    ) -> None:
        table = read_preview(preview_data(pd.DataFrame({"x": numbers}), [])).table
        assert table is not None
        assert [row[1] for row in table.rows] == written

    def test_a_long_number_among_others_is_cut(self) -> None:
        table = read_preview(preview_data(pd.Series([0.1 + 0.2, "a"], dtype=object), [])).table
        assert table is not None
        assert [row[1] for row in table.rows] == ["0.3", "a"]

    def test_a_frame_shows_its_first_rows(self, sales: pd.DataFrame) -> None:
        table = read_preview(preview_data(pd.concat([sales] * 9), [])).table
        assert table is not None
        assert table.header == ("", "price", "units", "day")
        assert table.rows[0] == ("0", "1.0", "1", "a")
        assert len(table.rows) == 10
        assert not table.is_whole

    def test_a_frame_that_is_styled_is_a_table(self, sales: pd.DataFrame) -> None:
        pytest.importorskip("jinja2")
        assert preview_data(sales.style.highlight_max("price")) == preview_data(sales)

    def test_of_a_wide_frame_the_columns_that_are_asked_for_are_shown_in_their_place(self) -> None:
        wide = pd.DataFrame({f"c{number}": [number] for number in range(30)})
        preview = read_preview(variable_data("wide", wide, columns=[25, 3]))
        table = preview.table
        assert table is not None
        assert preview.variable == "wide"
        assert table.header == ("", *(f"c{number}" for number in range(11)), "c25")

    def test_a_figure_is_a_small_picture(self) -> None:
        with mpl.rc_context():
            figure = Figure()
            figure.subplots().plot([1, 2])
            assert read_preview(preview_data(None, [figure])).png

    @pytest.mark.parametrize(
        ("value", "header", "row"),
        [
            (pd.DataFrame([[1, 2]], columns=["a", "a"]), ("", "a", "a"), ("0", "1", "2")),
            (
                pd.DataFrame([[1]], columns=[["a"], ["b"]], index=[["k"], [3]]),
                ("", "('a', 'b')"),
                ("('k', 3)", "1"),
            ),
            (pd.Series(pd.array([None], dtype="Int64")), ("", ""), ("0", "<NA>")),
            (pd.DataFrame({"a": [[1, 2]]}), ("", "a"), ("0", "[1, 2]")),
            (pd.DataFrame({"a\nb": ["c\nd"]}), ("", "a b"), ("0", "c d")),
        ],
    )
    def test_a_frame_of_any_kind_is_a_table(
        self, value: object, header: tuple[str, ...], row: tuple[str, ...]
    ) -> None:
        table = read_preview(preview_data(value, [])).table
        assert table is not None
        assert (table.header, table.rows) == (header, (row,))

    def test_an_empty_frame_is_an_empty_table(self) -> None:
        table = read_preview(preview_data(pd.DataFrame({"a": []}), [])).table
        assert table is not None
        assert (table.header, table.rows) == (("", "a"), ())

    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            (list(range(10**6)), list(range(1_000))),
            ({n: [n] for n in range(10**6)}, {n: [n] for n in range(1_000)}),
            ([list(range(1_000))] * 1_000, [list(range(1_000))] * 2),
        ],
        ids=["list", "dict", "lists"],
    )
    def test_of_what_is_long_the_beginning_is_written(self, value: object, shown: object) -> None:
        begin = time.process_time()
        text = read_preview(preview_data(value, [])).text
        assert time.process_time() - begin < 0.2
        assert text == pprint.pformat(shown, compact=True)[: len(text) - 1] + "…"

    def test_any_other_value_is_its_text(self) -> None:
        assert read_preview(preview_data({"a": 1}, [])).text == "{'a': 1}"
        assert len(read_preview(preview_data("x" * 10_000, [])).text) == 2_000

    def test_secrets_are_hidden_whatever_a_copy_sends(self) -> None:
        key = "ghp_" + "a1B2c3D4e5" * 4
        rows = [["0", "x", "tiger"], ["password", "tiger", key]]
        data = {"table": {"header": ["", key, "password"], "rows": rows}}
        table = read_preview(data).table
        assert table is not None
        assert table.header == ("", "***", "password")
        assert table.rows == (("0", "x", "***"), ("password", "***", "***"))

    @pytest.mark.parametrize("size", [(1, 1), (4_000, 4_000)])
    def test_a_picture_of_an_ordinary_size_is_taken(self, size: tuple[int, int]) -> None:
        assert read_preview({"png": png(*size)}).png

    @pytest.mark.parametrize(
        "data",
        [
            None,
            [],
            {"png": "PHN2Zz4="},
            {"png": "no base64"},
            {"png": 3},
            {"png": png(30_000, 30_000)},
            {"png": png(10, 4_001)},
            {"png": png(0, 10)},
            {"png": base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()},
            {"table": {"header": ["a"], "rows": [["1", "2"]]}},
            {"table": {"header": [1], "rows": 5}},
            {"text": ["<b>"]},
        ],
    )
    def test_a_copy_may_send_anything(self, data: object) -> None:
        preview = read_preview(data)
        assert (preview.text, preview.table, preview.png) == ("", None, "")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param(2**16_609, "int of 16,610 bits", id="long"),
        (42, "42"),
        (None, "None"),
        (np.float64(1.5), "1.5"),
        (pd.Series([1, 2]), "Series of 2"),
        (pd.DataFrame({"a": [1]}), "DataFrame of 1 row and 1 column"),
        (np.zeros((2, 3)), "ndarray, 2 x 3"),
        ({"a": 1}, "dict of 1"),
        (object(), "object"),
        (np.zeros((0, 3)), "ndarray, 0 x 3"),
        (pd.DataFrame(), "DataFrame of 0 rows and 0 columns"),
        (pd.Series([1, 2], name="a").to_frame().T, "DataFrame of 1 row and 2 columns"),
    ],
)
def test_a_value_in_few_words(value: object, words: str) -> None:
    assert few_words(value) == words


@pytest.mark.parametrize("value", ["é" * 20_000_000, b"\xff" * 20_000_000], ids=["str", "bytes"])
def test_of_a_long_text_no_copy_is_made_for_a_few_words(value: str | bytes) -> None:
    tracemalloc.start()
    words = few_words(value)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert words == few_words(value[:5_000])
    assert peak < 1_000_000
