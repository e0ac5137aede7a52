"""Which cells are sent, what of them, and that the choice keeps its promises."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeface_jupyter.context.cells import Cell, CellChoice, choose, clean, nearest, render
from codeface_jupyter.context.tokens import TokenCounter, cut_end, cut_middle


def count_words(text: str) -> int:
    """Stand in for a tokenizer: words, signs and line ends are a token each."""
    return len(re.findall(r"\w+|[^\w ]", text))


def choose_cells(
    cells: list[Cell], *, names: tuple[str, ...] = (), max_tokens: int, max_cells: int | None = None
) -> list[CellChoice]:
    return choose(
        cells,
        names=names,
        max_tokens=max_tokens,
        max_cells=max_cells,
        count_tokens=TokenCounter(count_words),
    )


def sent(choices: list[CellChoice]) -> list[str]:
    return [choice.text for choice in choices if choice.text]


def filler(number: int) -> Cell:
    """Return a cell of exactly ten tokens, its separator included."""
    return Cell(source=f"v{number} = -u + 1 * 2", execution_count=number)


@pytest.mark.parametrize(
    ("source", "left"),
    [
        ("x = 1\n%matplotlib inline\n!pip install y", "x = 1"),
        ("%%time\nx = 1", "x = 1"),
        ("files = !ls\nx = 1", "x = 1"),
        ("df.head?\nx = 1", "x = 1"),
        ("%%codeface\nplot it", ""),
        ("%%bash\nls", ""),
        ("text = '''\n%not a magic\n'''", "text = '''\n%not a magic\n'''"),
        ("x = (7\n% 3)", "x = (7\n% 3)"),
        ("   \n", ""),
    ],
)
def test_magics_are_left_out_and_python_stays(source: str, left: str) -> None:
    assert clean(Cell(source=source))[0] == left


def test_a_secret_line_is_left_out_and_said_so() -> None:
    text, reason = clean(Cell(source="password = 'hunter2'\nconnect(password)"))
    assert "hunter2" not in text
    assert "connect(password)" in text
    assert reason == "a secret left out"


def test_markdown_is_sent_as_comments_and_a_cell_not_run_with_a_mark() -> None:
    assert (
        render(Cell(source="", cell_type="markdown"), "# Title\n\ntext") == "# # Title\n#\n# text"
    )
    assert render(Cell(source="", was_run=False), "x = 1") == "# (this cell was not run)\nx = 1"


def test_all_cells_that_fit_are_sent_as_they_are() -> None:
    cells = [filler(number) for number in range(5)]
    assert sent(choose_cells(cells, max_tokens=50)) == [cell.source for cell in cells]


def test_one_token_less_than_needed_leaves_out_the_far_ones() -> None:
    choices = choose_cells([filler(number) for number in range(5)], max_tokens=49)
    assert [bool(choice.text) for choice in choices] == [False, False, True, True, True]
    assert choices[0].reason == "far above, and the budget is used up"


def test_definitions_of_a_far_cell_stay_whatever_numbers_are_in_it() -> None:
    number = f"0x{'f' * 3700}"
    definition = Cell(source=f"def f(n={number}):\n    return n + {'u + ' * 200}u")
    chosen = choose_cells([definition, *map(filler, range(20))], max_tokens=100)
    assert sent(chosen)[0].startswith(f"def f(n={number}):")


def test_imports_definitions_and_what_the_request_names_stay() -> None:
    cells = [
        Cell(source="import pandas as pd\nother = 3"),
        Cell(source='def total(df):\n    """Add up.\n\n    More."""\n    a = 1\n    return a'),
        Cell(source="sales = pd.read_csv('s.csv')"),
        *[filler(number) for number in range(40)],
    ]
    choices = choose_cells(cells, names=("sales",), max_tokens=120)
    assert sent(choices)[:3] == [
        "import pandas as pd",
        'def total(df):\n    """Add up."""\n    ...',
        "sales = pd.read_csv('s.csv')",
    ]
    assert choices[2].is_needed
    assert choices[-1].text == cells[-1].source


def test_the_latest_definition_of_a_name_is_the_one_that_stays() -> None:
    cells = [
        Cell(source="sales = 1"),
        Cell(source="sales = 2"),
        *[filler(number) for number in range(40)],
    ]
    texts = sent(choose_cells(cells, names=("sales",), max_tokens=80))
    assert "sales = 2" in texts
    assert "sales = 1" not in texts


def test_a_long_cell_is_cut_in_the_middle_with_a_mark() -> None:
    cell = Cell(source="\n".join(f"a{number} = {number}" for number in range(100)))
    (choice,) = choose_cells([cell], max_tokens=60)
    assert choice.text.startswith("a0 = 0\n")
    assert choice.text.endswith("a99 = 99")
    assert re.search(r"# … \(\d+ lines left out\)", choice.text)
    assert choice.reason == "cut in the middle"


def test_the_number_of_cells_can_be_limited() -> None:
    cells = [filler(number) for number in range(5)]
    assert sent(choose_cells(cells, max_tokens=500, max_cells=2)) == [c.source for c in cells[3:]]
    assert sent(choose_cells(cells, max_tokens=500, max_cells=0)) == []
    farthest = choose_cells(cells, max_tokens=500, max_cells=1)[0]
    assert farthest.reason == "beyond the nearest 1 cell"


def below(number: int) -> Cell:
    return replace(filler(number), is_below=True)


def test_the_nearest_are_counted_from_the_cell_that_asks() -> None:
    cells = [filler(0), filler(1), below(2), below(3), below(4)]
    for count, left in ((1, [1]), (2, [0, 1]), (3, [0, 1, 2]), (4, [0, 1, 2, 3])):
        choices = choose_cells(cells, max_tokens=500, max_cells=count)
        assert sent(choices) == [cells[number].source for number in left]
        assert nearest(cells, count) == [cells[number] for number in left]


def test_cells_below_go_before_those_above_where_not_all_fit() -> None:
    cells = [filler(0), filler(1), below(2), below(3), below(4)]
    choices = choose_cells(cells, max_tokens=49)
    assert sent(choices) == [cell.source for cell in cells[:3]]
    assert choices[4].reason == "far below, and the budget is used up"


def test_a_giant_cell_takes_no_time_and_stays_within_the_budget() -> None:
    cell = Cell(source="x = 1\n" * 800_000)
    (choice,) = choose_cells([cell], max_tokens=100)
    assert 0 < count_words(choice.text) <= 100


SOURCES = st.sampled_from(
    [
        "import numpy as np",
        "def f(x):\n    y = x\n    return y",
        "class A:\n    def m(self):\n        return 1",
        "sales = load('sales.csv')",
        "for i in range(3):\n    print(i)",
        "x = 1\n" * 30,
        "broken (",
        "%%codeface\nask",
        "%magic\nz = 3",
        "",
    ]
)
CELLS = st.lists(
    st.builds(
        Cell,
        source=SOURCES,
        cell_type=st.sampled_from(["code", "code", "code", "markdown"]),
        was_run=st.booleans(),
    ),
    max_size=25,
)
NAMES = st.sets(st.sampled_from(["sales", "f", "z", "nothing"])).map(tuple)


@given(cells=CELLS, names=NAMES, max_tokens=st.integers(0, 200))
def test_never_over_budget_and_always_in_document_order(
    cells: list[Cell], names: tuple[str, ...], max_tokens: int
) -> None:
    choices = choose_cells(cells, names=names, max_tokens=max_tokens)
    assert [choice.cell for choice in choices] == cells
    assert count_words("\n\n".join(sent(choices))) <= max_tokens
    assert all(choice.text or choice.reason for choice in choices)


@given(cells=CELLS, names=NAMES, more=SOURCES)
def test_while_all_fits_the_next_request_starts_like_the_last(
    cells: list[Cell], names: tuple[str, ...], more: str
) -> None:
    before = sent(choose_cells(cells, max_tokens=10_000))
    after = sent(choose_cells([*cells, Cell(source=more)], names=names, max_tokens=10_000))
    assert after[: len(before)] == before


@given(max_tokens=st.integers(40, 200), length=st.integers(1, 100))
def test_when_not_all_fits_the_start_changes_only_now_and_then(
    max_tokens: int, length: int
) -> None:
    starts = []
    for number in range(length):
        texts = sent(choose_cells([filler(n) for n in range(number + 1)], max_tokens=max_tokens))
        starts.append(texts[0])
    changes = sum(one != other for one, other in pairwise(starts))
    # A step leaves out half of the three quarters that are not kept for definitions.
    assert changes <= length * 10 // (max_tokens * 3 // 4 // 2) + 1


@given(lines=st.lists(st.text("ab =", max_size=12), max_size=40), max_tokens=st.integers(0, 80))
def test_cutting_keeps_both_ends_and_the_budget(lines: list[str], max_tokens: int) -> None:
    text = "\n".join(lines)
    cut = cut_middle(text, max_tokens=max_tokens, count_tokens=count_words)
    assert count_words(cut) <= max_tokens
    if cut:
        assert cut.startswith(lines[0])


def test_one_line_that_is_cut_is_one_line() -> None:
    text = "a\n" + "b = b + b + b + b + b + b\n" + "c"
    assert (
        cut_middle(text, max_tokens=12, count_tokens=count_words) == "a\n# … (1 line left out)\nc"
    )


def test_cutting_the_end() -> None:
    assert cut_end("a b c d", max_tokens=3, count_tokens=count_words) == "a b …"
    assert cut_end("a b c d", max_tokens=4, count_tokens=count_words) == "a b c d"


def test_a_text_is_counted_once() -> None:
    asked: list[str] = []

    def count(text: str) -> int:
        asked.append(text)
        return len(text)

    counter = TokenCounter(count)
    assert [counter("abc"), counter("abc"), counter("")] == [3, 3, 0]
    assert asked == ["abc"]
