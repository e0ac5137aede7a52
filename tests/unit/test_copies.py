"""Copies of cells in an answer: only what is certain to have run is left out of what is offered."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from codeface_jupyter.context import Cell, ErrorInfo, Rewrite
from codeface_jupyter.generation import (
    EngineIdentity,
    GenerationMetrics,
    GenerationResult,
    SamplingParameters,
)
from codeface_jupyter.trials.copies import (
    only_new,
    parsed,
    repeated_value,
    repetition,
    without_copied_text,
    without_copies,
)
from codeface_jupyter.trials.rewriting import repeats_a_cell, rewritten, without_other_cells
from codeface_jupyter.trials.shape import shape
from codeface_jupyter.view.rendering import answer_markdown

IMPORT = Cell(source="import pandas as pd", execution_count=1)
DATA = Cell(
    source="sales = pd.DataFrame({'region': ['north', 'south'], 'units': [3, 1]})",
    execution_count=2,
)
COLUMN = Cell(source="sales['price'] = 2.5", execution_count=3)
CELLS = [IMPORT, DATA, COLUMN]
NEW = "sales.groupby('region')['units'].sum()"


@pytest.fixture
def namespace():
    sales = pd.DataFrame({"region": ["north", "south"], "units": [3, 1], "price": 2.5})
    return {"pd": pd, "np": np, "sales": sales, "total": 4, "names": ["a"], "ax": object()}


def test_a_number_of_any_length_costs_nothing(namespace):
    number = Cell(source=f"limit = 0x{'f' * 5000}", execution_count=4)
    code = f"{DATA.source}\n{number.source}\n{NEW}"
    found = without_copies(code, namespace, [*CELLS, number])
    assert found.code == f"{number.source}\n{NEW}"
    assert repetition(number.source, [number]) is not None
    namespace["limit"] = int("f" * 5000, 16)
    assert (
        repeated_value(number.source, namespace, [DATA, number])
        == "This only repeats a line of cell [4]."
    )


def test_a_copied_data_cell_is_left_out_and_the_new_line_is_offered(namespace):
    code = f"{DATA.source}\n\n# Sum by region\n{NEW}"

    found = without_copies(code, namespace, CELLS)

    assert found.code == f"# Sum by region\n{NEW}"
    assert found.note == "Left out a copy of cell [2], which the notebook has run."


@pytest.mark.parametrize(
    "copy",
    [
        f"{IMPORT.source}\n{DATA.source}",
        f"{IMPORT.source}\n# the data\n{DATA.source.replace('(', '(  ')}",
        'sales = pd.DataFrame({"region": ["north", "south"], "units": [3, 1]})  # as above',
    ],
    ids=["two cells", "laid out anew", "other quotes"],
)
def test_white_space_comments_and_quotes_make_no_difference(namespace, copy):
    assert without_copies(f"{copy}\n{NEW}", namespace, CELLS).code == NEW


def with_magic(magic):
    return Cell(source=f"{magic}\n{IMPORT.source}\n{DATA.source}", execution_count=1)


@pytest.mark.parametrize(
    "magic", ["%load_ext codeface_jupyter", "%matplotlib inline\n%config A.b = 1"]
)
def test_magics_that_set_something_up_are_no_part_of_a_copy(namespace, magic):
    copy = f"{IMPORT.source}\n{DATA.source}"
    assert without_copies(f"{copy}\n{NEW}", namespace, [with_magic(magic)]).code == NEW


@pytest.mark.parametrize("magic", ["%%timeit", "%run more.py", "sales = %sql x", "x = !ls"])
def test_with_other_magics_a_cell_has_done_more_than_its_python(namespace, magic):
    copy = f"{IMPORT.source}\n{DATA.source}"
    assert without_copies(f"{copy}\n{NEW}", namespace, [with_magic(magic)]) is None
    after = Cell(source=f"{DATA.source}\n{magic}", execution_count=2)
    assert without_copies(f"{DATA.source}\n{NEW}", namespace, [after]) is None


def test_a_repair_may_be_to_leave_out_a_magic(namespace):
    cell = with_magic("%matplotlib nowhere")
    copy = f"{IMPORT.source}\n{DATA.source}"
    assert repeats_a_cell(copy, Rewrite.of(cell), [cell], task="fix") == ""


@pytest.mark.parametrize(
    ("cell", "answer"),
    [
        # A plot has to be drawn again to get a title.
        ("ax = sales.plot()", "ax = sales.plot()\nax.set_title('Units')"),
        ("sales.plot()", "sales.plot()\nplt.title('Units')"),
        # It may be wanted once more.
        ("total = total + 1", "total = total + 1\ntotal"),
        ("names.append('b')", "names.append('b')\nnames"),
        ("total = np.random.rand()", "total = np.random.rand()\ntotal"),
        ("sales = sales.dropna()", "sales = sales.dropna()\nlen(sales)"),
        # It is not the whole cell, or another one.
        ("total = 1\nnames = []", "total = 1\ntotal * 2"),
        ("total = 1", "total = 2\ntotal"),
        # What it makes is not there.
        ("gone = 1", "gone = 1\ngone"),
        ("if total:\n    total = 1", "if total:\n    total = 1\ntotal"),
        ("total: int", "total: int\ntotal"),
    ],
)
def test_in_doubt_nothing_is_left_out(namespace, cell, answer):
    assert without_copies(answer, namespace, [Cell(source=cell, execution_count=1)]) is None


def test_a_cell_that_has_not_run_is_needed(namespace):
    cells = [Cell(source=DATA.source, was_run=False)]
    assert without_copies(f"{DATA.source}\n{NEW}", namespace, cells) is None


def test_of_several_blocks_the_copies_are_not_offered(namespace):
    offer = shape([DATA.source, NEW], namespace, CELLS)
    assert offer.codes == (None, NEW)
    assert offer.notes == ("Left out a copy of cell [2], which the notebook has run.",)


def test_an_answer_of_copies_alone_stays_and_says_so(namespace):
    code = f"{IMPORT.source}\n{DATA.source}"
    offer = shape([code], namespace, CELLS)
    assert offer.codes == (code,)
    assert offer.notes == ("This only repeats lines of cells above.",)


def test_an_echo_of_the_prompt_is_not_offered_as_code():
    prompt = (
        "Variables:\nsales: DataFrame 2 rows, columns 'region'\nsales['region']: 'north'\n\nSum"
    )
    echo = "Variables:\nsales: DataFrame 2 rows, columns 'region'"
    assert only_new([echo, NEW], {}, [], prompt=prompt)[0] == [None, NEW]
    assert only_new([echo], {}, [], prompt=prompt)[0] == [echo]
    assert only_new(["print('a'", NEW], {}, [], prompt=prompt)[0] == ["print('a'", NEW]


def result(text, **changes):
    return GenerationResult(
        text=text,
        finish_reason="stop",
        metrics=GenerationMetrics(),
        identity=EngineIdentity(engine="scripted", model="scripted"),
        sampling=SamplingParameters(),
        prompt="sales.groupby('region')['unit'].sum()",
        **changes,
    )


def test_the_text_stays_as_the_model_wrote_it(namespace):
    text = f"```python\n{DATA.source}\n```\n\nThen:\n\n```python\n{NEW}\n```\n"
    written = result(text).written_blocks
    shown = result(text, offered_blocks=(written[1],), left_out=(0,))
    assert shown.text == text
    assert shown.code == NEW
    assert DATA.source in answer_markdown(shown)


def test_a_repair_that_begins_with_another_cell_replaces_only_the_failed_one(namespace):
    failed = Cell(source="sales.groupby('region')['unit'].sum()", execution_count=4)
    rewrite = Rewrite.of(failed)
    answer = result(f"```python\n{DATA.source}\n{NEW}\n```")
    new = rewritten(answer, rewrite)

    settled, note = without_other_cells(
        new, rewrite, [*CELLS, failed], namespace=namespace, task="fix"
    )

    assert settled.block.code == NEW
    assert "copy of cell [2]" in note


@pytest.mark.parametrize(
    ("failed", "code", "left"),
    [
        ("x = sale['units']", "a = 1\nb = 2\nx = sales['units']", "x = sales['units']"),
        ("sales = pd.DataFram()\nsales['a']", f"{DATA.source}\n{NEW}", NEW),
        ("b = two\nsales['a']", "a = 1\nb = 2\nsales['a']", "sales['a']"),
        ("b = 2.\nsales['a']", "b = 2\na = 1\nsales['units']", None),
    ],
)
def test_a_first_line_with_a_slip_in_it_is_kept_and_other_ones_are_not(
    namespace, failed, code, left
):
    cells = [DATA, Cell(source="a = 1", execution_count=3), Cell(source="b = 2", execution_count=4)]
    broken = Cell(source=failed, execution_count=5)
    rewrite = Rewrite.of(broken)
    new = rewritten(result(f"```python\n{code}\n```"), rewrite)

    settled, _ = without_other_cells(
        new, rewrite, [*cells, broken], namespace={**namespace, "a": 1, "b": 2}, task="fix"
    )

    assert settled.block.code == (left or code)


@pytest.mark.parametrize(
    ("task", "rest", "left", "said"),
    [
        ("fix", NEW, NEW, "Left out a copy of cell [2], which the notebook has run."),
        # What failed may run once the data are made anew.
        (
            "fix",
            NEW.replace("units", "unit"),
            None,
            "This makes `sales` anew, as a cell above did.",
        ),
        ("edit", NEW, None, "This makes `sales` anew, as a cell above did."),
        ("fix", "", None, ""),
    ],
)
def test_a_repair_does_not_make_anew_in_passing_what_was_worked_on_since(
    namespace, task, rest, left, said
):
    failed = Cell(source="sales.groupby('region')['unit'].sum()", execution_count=5)
    data = replace(DATA, source=f"import pandas as pd\n{DATA.source}\nsales")
    cleaned = Cell(source="sales = sales.dropna()", execution_count=4)
    rewrite = Rewrite.of(failed)
    code = f"{data.source}\n{rest}".strip()
    new = rewritten(result(f"```python\n{code}\n```"), rewrite)

    settled, note = without_other_cells(
        new, rewrite, [data, cleaned, failed], namespace=namespace, task=task
    )

    assert (settled.block.code, note) == (left or code, said)


PLOT = Cell(source="sales.plot()", execution_count=4)
SHOWN = Cell(source="sales['units'].max()", execution_count=5)
RAISED = Cell(
    source="sales.sum('x')", execution_count=7, error=ErrorInfo(ename="TypeError", evalue="'x'")
)


@pytest.mark.parametrize(
    ("answer", "task", "left", "said"),
    [
        (
            [DATA, PLOT, COLUMN],
            "fix",
            NEW,
            "Left out a copy of cells [2], [4] and [3], which the notebook has run.",
        ),
        ([DATA, RAISED], "fix", NEW, "Left out a copy of cells [2] and [7]."),
        ([PLOT], "edit", "", ""),
        ([DATA, PLOT, SHOWN], "fix", "", "This only repeats cells above."),
        ([PLOT, SHOWN], "edit", "", ""),
        ([SHOWN], "fix", "", ""),
    ],
)
def test_in_the_place_of_a_failed_cell_no_others_stand_whatever_they_made(
    namespace, answer, task, left, said
):
    failed = Cell(source="sales.groupby('region')['unit'].sum()", execution_count=6)
    rewrite = Rewrite.of(failed)
    code = "\n".join([*(cell.source for cell in answer), *filter(None, [left])])
    cells = [*CELLS, PLOT, SHOWN, RAISED, failed]
    new = rewritten(result(f"```python\n{code}\n```"), rewrite)

    settled, note = without_other_cells(new, rewrite, cells, namespace=namespace, task=task)

    assert settled.block.code == (left or code)
    assert note.startswith(said) if said else not note


def test_a_copy_may_do_without_what_its_cell_only_shows(namespace):
    shown = Cell(source=f"{DATA.source}\nsales.head()", execution_count=2)
    failed = Cell(source="sales.groupby('region')['unit'].sum()", execution_count=4)
    rewrite = Rewrite.of(failed)
    new = rewritten(result(f"```python\n{DATA.source}\n{NEW}\n```"), rewrite)
    settled, _ = without_other_cells(new, rewrite, [shown, failed], namespace=namespace, task="fix")
    assert settled.block.code == NEW


WITH_KEY = Cell(source=f"api_key = 'sk-{'a1b2' * 8}'\n{DATA.source}", execution_count=2)


@pytest.mark.parametrize(("task", "column"), [("fix", "unit"), ("write", "units")])
def test_a_copy_is_known_as_well_by_what_the_model_was_sent(namespace, task, column):
    failed = Cell(source=f"sales.groupby('region')['{column}'].sum()", execution_count=4)
    rewrite = Rewrite.of(failed)
    new = rewritten(result(f"```python\n{DATA.source}\n{NEW}\n```"), rewrite)

    settled, note = without_other_cells(
        new, rewrite, [WITH_KEY, failed], namespace=namespace, task=task
    )

    assert settled.block.code == NEW
    assert note == "Left out a copy of cell [2], which the notebook has run."


def test_a_repetition_of_what_was_sent_is_told():
    connect = "def connect():\n{}    return open_session('server')"
    key = Cell(source=connect.format(f"    api_key = 'sk-{'a1b2' * 8}'\n"), execution_count=2)

    assert repetition(DATA.source, [WITH_KEY]) == "This only repeats cell [2]."
    assert repetition(connect.format(""), [key, COLUMN]) == (
        "This only repeats a definition in cell [2]."
    )


def test_a_broken_cell_above_is_known_by_what_was_sent():
    broken = Cell(source=f"{WITH_KEY.source}\nfor x in", execution_count=3, was_run=False)
    sent = broken.without_secrets

    left = without_copied_text(f"{sent}\nprint(1)", [broken])

    assert left.code == "print(1)"
    assert without_copied_text("for x in\nprint(1)", [broken]) is None


def test_what_the_failed_cell_had_itself_stays_in_its_repair(namespace):
    failed = Cell(source=f"{DATA.source}\nsales['unit']", execution_count=4)
    rewrite = Rewrite.of(failed)
    code = f"{DATA.source}\nsales['units']"
    new = rewritten(result(f"```python\n{code}\n```"), rewrite)

    settled, note = without_other_cells(
        new, rewrite, [*CELLS, failed], namespace=namespace, task="fix"
    )

    assert settled.block.code == code
    assert note == ""


def ran(*sources):
    return [Cell(source=source, execution_count=n) for n, source in enumerate(sources, start=1)]


SUM = "for i in range(10):\n    total += i"
SQUARES = f"{SUM} ** 2\nprint(total)"


@pytest.mark.parametrize(
    ("cells", "answer"),
    [
        # A sum begins at zero again, also where it is zero now.
        (["total = 0", SUM], f"total = 0\n{SQUARES}"),
        (["total = 4"], f"total = 4\n{SQUARES}"),
        (["names = ['a']"], "names = ['a']\nfor x in 'bc':\n    names.append(x)"),
        (["names = list('a')"], "names = list('a')\nnames[0] = 'b'"),
        # It is another one by now.
        (["total = 10", "total = 4"], "total = 10\nprint(total)"),
        (["total = 4.0"], "total = 4.0\nprint(total)"),
        (["names = ['b', 'a']", "names.sort()"], "names = ['b', 'a']\nprint(names)"),
        (["names = list('ba')", "names.sort()"], "names = list('ba')\nprint(names)"),
        (["names = list('ba')", "x = names.pop()"], "names = list('ba')\nprint(names)"),
        (["total = len(names)", "names.append('b')"], "total = len(names)\nprint(total)"),
        (["def double(x):\n    return 2", "def double(x):\n    return 3"], None),
        *[
            ([DATA.source, later], f"{DATA.source}\nsales.isna().sum()")
            for later in [
                "sales = sales.dropna()",
                "if True:\n    sales = sales.dropna()",
                "sales.dropna(inplace=True)",
                "def clean():\n    global sales\n    sales = sales.dropna()\n\nclean()",
                "%%time\nsales = sales.dropna()",
                "%%sql sales <<\nselect 1",
                "%run clean.py",
                "sales = %sql select 1",
            ]
        ],
    ],
)
def test_what_has_changed_since_or_is_counted_on_from_is_not_left_out(namespace, cells, answer):
    namespace["double"] = lambda x: 3
    answer = answer or f"{cells[0]}\ndouble(2)"
    assert without_copies(answer, namespace, ran(*cells)) is None


@pytest.mark.parametrize(
    ("cells", "rest"),
    [
        (["total = 4", "n = total * 2"], "print(total)"),
        (["names = ['a']"], "names + ['b']"),
        (["grid = {'a': [1, (2, None)], 'b': {3}}"], "grid['a']"),
        ([DATA.source, "sales['price'] = 2.5", "sales.insert(2, 'cost', 1)"], NEW),
        ([DATA.source, "import pandas as pd\nsales.groupby('region'"], NEW),
        ([DATA.source, "%%bash\nls\n", "%matplotlib inline\nsales.plot()\n!ls sales"], NEW),
        ([DATA.source, "def clean(sales):\n    sales = sales.dropna()\n    return sales"], NEW),
        ([DATA.source, "more = sales.add(1)\nsales.drop(columns=['units'])"], NEW),
        ([DATA.source], "sales = sales.dropna()\nsales"),
        (["def double(x):\n    return 2", "import pandas as pd"], "double(2)"),
    ],
)
def test_what_is_still_as_it_was_made_is_left_out(namespace, cells, rest):
    namespace |= {"double": lambda x: 2, "grid": {"a": [1, (2, None)], "b": {3}}}
    assert without_copies(f"{cells[0]}\n{rest}", namespace, ran(*cells)).code == rest


def test_a_cell_that_ran_again_below_its_change_has_made_its_data_anew(namespace):
    changed = Cell(source="sales = sales.dropna()", execution_count=2)
    made = Cell(source=DATA.source, execution_count=3)
    assert without_copies(f"{DATA.source}\n{NEW}", namespace, [made, changed]).code == NEW
    cells = [Cell(source=DATA.source), Cell(source=changed.source, was_run=False)]
    assert without_copies(f"{DATA.source}\n{NEW}", namespace, cells).code == NEW


def test_no_class_of_the_user_s_is_asked_whether_it_is_the_same(namespace):
    class Hostile(int):
        def __eq__(self, other):
            raise AssertionError("asked")

        __hash__ = int.__hash__

    namespace["names"] = [Hostile(1)]
    assert without_copies("names = [1]\nprint(names)", namespace, ran("names = [1]")) is None


def test_a_repair_that_counts_on_from_a_cell_keeps_it(namespace):
    failed = Cell(source="for i in range(10):\n    total += i ** 2\nprint(totl)", execution_count=4)
    rewrite = Rewrite.of(failed)
    namespace["total"] = 45
    cells = ran("total = 0", SUM, "sales.plot()")
    for copies in ["total = 0", "sales.plot()\ntotal = 0"]:
        code = f"{copies}\n{SQUARES}"
        new = rewritten(result(f"```python\n{code}\n```"), rewrite)
        settled, note = without_other_cells(
            new, rewrite, [*cells, failed], namespace=namespace, task="fix"
        )
        assert (settled.block.code, note) == (code, "")


def test_a_copy_of_cells_is_known_where_one_of_them_cannot_be_read():
    unreadable = Cell(source='names = ["Ann", "Bob, "Cyd"]', execution_count=5)
    failed = Cell(source="import numpi", execution_count=6)
    copied = f"# Cell [2]:\n{DATA.source}\n\n{unreadable.source}"
    cells = [DATA, unreadable, failed]
    note = repeats_a_cell(copied, Rewrite.of(failed), cells, task="fix")
    assert note == "This only repeats cells above."
    assert not repeats_a_cell(f"{copied}\nx = (", Rewrite.of(failed), cells, task="fix")
    assert not repeats_a_cell("x = (", Rewrite.of(failed), cells, task="fix")


TABLE = "import pandas as pd\ngrades = pd.DataFrame({'mark': [90]})\ngrades.head(3)"
LETTER = "def letter(mark):\n    return 'A' if mark > 80 else 'B'"
CHECK = 'assert letter(90) == "A"'


def notebook_of(*others):
    return [
        Cell(source=source, execution_count=number)
        for number, source in enumerate([TABLE, LETTER, *others], start=1)
    ]


def names_of(cells):
    known = {}
    for cell in cells[:2]:
        exec(cell.source, known)
    return known


@pytest.mark.parametrize("count", [0, 9, 60])
@pytest.mark.parametrize(
    "other", ["%%codeface\nquestion {}", "%codeface_fix {}", "", "mean_{0} = {0}\nprint(mean_{0})"]
)
def test_the_first_cells_of_a_notebook_are_known_however_many_follow(other, count):
    cells = notebook_of(*(other.format(number) for number in range(count)))
    answer = f"{TABLE}\n\n{LETTER}\n\n{CHECK}"
    for for_one_cell in (False, True):
        found = without_copies(answer, names_of(cells), cells, for_one_cell=for_one_cell)
        assert (found.code, found.count) == (CHECK, 2)
    assert only_new([answer], names_of(cells), cells, prompt="")[0] == [CHECK]
    assert repetition(f"{TABLE}\n{LETTER}", cells)


@pytest.mark.parametrize("other", ["%%codeface\nquestion", "%codeface_fix", "", "\n\n"])
def test_a_cell_that_only_asks_or_is_empty_is_not_the_last_one_with_code(other):
    cells = [*CELLS, Cell(source="sales.head()", execution_count=4), Cell(source=other)]
    assert repetition("sales.head()", cells) == "This only repeats cell [4]."


def test_a_repair_in_a_long_notebook_holds_none_of_its_first_cells():
    cells = notebook_of(*(f"%%codeface\nquestion {number}" for number in range(20)))
    rewrite = Rewrite.of(Cell(source='assert letter(90) = "A"', execution_count=30))
    answer = result(f"```python\n{TABLE}\n\n{LETTER}\n\n{CHECK}\n```")
    new, note = without_other_cells(
        rewritten(answer, rewrite), rewrite, cells, namespace=names_of(cells), task="fix"
    )
    assert new.block.code == CHECK
    assert note == "Left out a copy of cells [1] and [2], which the notebook has run."


@pytest.mark.parametrize(
    "change",
    [
        "grades = 3", "(grades) = 3", "grades += 1", "print(grades := 3)", "del grades",
        "for grades in [1]: pass", "with open('x') as grades: pass", "import os as grades",
        "if 1 <= 2:\n    grades = 3", "grades.drop(columns='mark', inplace=True); x = 2",
        "def f():\n    global grades\n    grades = 3", "def grades(): pass", "grades = !ls",
        "match 1:\n    case grades: pass", "\uff47rades = 3", "class grades: pass",
        'print(f"last: {grades.pop(1)}")', "(grades  # )\n.pop(1))  # (",
    ],
)  # fmt: skip
def test_what_any_cell_of_many_changes_is_not_left_out(change):
    others = [f"part_{number} = grades.copy()" for number in range(30)]
    cells = notebook_of(*others, change, *others)
    is_import = change.startswith("import")
    found = without_copies(f"{TABLE}\n{CHECK}", names_of(cells), cells)
    assert (found is not None) == is_import


def test_a_name_is_known_in_whatever_characters_it_is_written():
    cells = [Cell(source="\ufb01t = 1\n\uff58 = 2", execution_count=1)]
    found = without_copies("fit = 1\nx = 2\nprint(fit)", {"fit": 1, "x": 2}, cells)
    assert found.code == "print(fit)"


def test_in_a_long_notebook_only_cells_that_may_be_copied_are_read(monkeypatch):
    read = []
    monkeypatch.setattr(
        "codeface_jupyter.trials.copies.parsed", lambda code: read.append(code) or parsed(code)
    )
    cells = notebook_of(*(f"step_{number} = {number} + 1" for number in range(200)))
    assert without_copies(f"{TABLE}\n{LETTER}\n{CHECK}", names_of(cells), cells).count == 2
    assert len(read) < 10
