"""What a code did to the variables, and whether two codes did the same."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from codeface_jupyter.trials.fingerprint import (
    digest_of_figures,
    digest_of_text,
    digest_of_value,
    is_drawing,
)
from codeface_jupyter.trials.preview import preview_data, read_preview
from codeface_jupyter.trials.state import StateBefore, few_words


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


class TestChanges:
    @pytest.mark.parametrize(
        ("code", "text"),
        [
            ("sales['revenue'] = sales.price * sales.units", "adds column `revenue`"),
            ("sales = sales.drop(columns=['day', 'units'])", "drops columns `units`, `day`"),
            ("sales = sales[sales.price > 1]", "from 3 to 2 rows"),
            ("sales['price'] = sales.price * 2", "changes column `price`"),
            ("sales.loc[0, 'price'] = 9", "changes column `price`"),
            ("sales['units'] = sales.units * 1.5", "column `units` from int64 to float64"),
            ("sales = 3", "becomes 3"),
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


class TestDigests:
    series = pd.Series([1.0, 2.0], index=["a", "b"])

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
            (pd.Series(["a", None]), pd.Series(["a", "b"])),
            (pd.Series(pd.to_datetime(["2020-01-01"])), pd.Series(pd.to_datetime(["2020-01-02"]))),
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


class TestPreview:
    def test_a_frame_shows_its_first_rows(self, sales: pd.DataFrame) -> None:
        table = read_preview(preview_data(pd.concat([sales] * 9), [])).table
        assert table is not None
        assert table.header == ("", "price", "units", "day")
        assert table.rows[0] == ("0", "1", "1", "a")
        assert len(table.rows) == 10
        assert not table.is_whole

    def test_a_figure_is_a_small_picture(self) -> None:
        with mpl.rc_context():
            figure = Figure()
            figure.subplots().plot([1, 2])
            assert read_preview(preview_data(None, [figure])).png

    def test_any_other_value_is_its_text(self) -> None:
        assert read_preview(preview_data({"a": 1}, [])).text == "{'a': 1}"
        assert len(read_preview(preview_data("x" * 10_000, [])).text) == 2_000

    @pytest.mark.parametrize(
        "data",
        [
            None,
            [],
            {"png": "PHN2Zz4="},
            {"png": "no base64"},
            {"png": 3},
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
        (42, "42"),
        (None, "None"),
        (np.float64(1.5), "1.5"),
        (pd.Series([1, 2]), "Series of 2"),
        (pd.DataFrame({"a": [1]}), "DataFrame of 1 row and 1 column"),
        (np.zeros((2, 3)), "ndarray, 2 x 3"),
        ({"a": 1}, "dict of 1"),
        (object(), "object"),
    ],
)
def test_a_value_in_few_words(value: object, words: str) -> None:
    assert few_words(value) == words
