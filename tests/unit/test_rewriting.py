"""A cell that is fixed or edited: it comes back to the letter, or it is not replaced."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeface_jupyter.config import Settings
from codeface_jupyter.context import Cell, ContextSources, Rewrite
from codeface_jupyter.frontend.saved_output import RESULT_MIME
from codeface_jupyter.generation import (
    EngineIdentity,
    GenerationMetrics,
    GenerationResult,
    SamplingParameters,
)
from codeface_jupyter.prompts import FIX_REQUEST, fenced
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.session.checking import checked
from codeface_jupyter.trials.kept_names import KEPT_LINES, UNRELATED
from codeface_jupyter.trials.kept_result import KEPT_RESULT
from codeface_jupyter.trials.rewriting import LEAVES_OUT, rewritten
from codeface_jupyter.view.result_bundle import result_bundle

KEY = "api_key = 'sk-ant-0123456789abcdef0123456789'"
EXAMPLES = Path(__file__).parents[1] / "data" / "protocol" / "rewrites.json"

SOURCES = {
    "a magic": "%matplotlib inline\nimport pandas as pd\n\npd.DataFrame()",
    "a command's output": "files = !ls\nprint(files)",
    "a timed cell": "%%time\ntotal = sum(range(9))\ntotal",
    "two cell magics and a blank line": "\n%%capture out\n%%time\n\nx = 1\n",
    "a shell cell": "%%bash\nset -e\nls | wc -l\n",
    "a shell cell with options": "%%bash --out listing\nls",
    "a cell magic twice": "%%bash\n%%bash",
    "a file that is written": "%%writefile tool.py\ndef f():\n    return 1\n",
    "a key": f"import os\n{KEY}\n\nconnect(api_key)",
    "two keys side by side, and one more": f"{KEY}\n{KEY}\nx = 1\nif x:\n    {KEY}\n    use()",
    "blank lines and spaces around": "\n\n  \nx = 1  \n\n\t\n",
    "backticks": 'text = """\n```python\nx\n```\n"""\nprint(text)',
}


def answer(text, rewrite, **changes):
    values = {
        "text": text,
        "finish_reason": "stop",
        "metrics": GenerationMetrics(),
        "identity": EngineIdentity(engine="e", model="m"),
        "sampling": SamplingParameters(),
        "prompt": fenced(rewrite.text, rewrite.language),
        "language": rewrite.language,
    }
    return GenerationResult(**values | changes)


def sent(source, **cell):
    return Rewrite.of(Cell(source=source, cell_id="c1", **cell))


def echo(rewrite):
    return fenced(rewrite.text, rewrite.language)


def shown(result, rewrite):
    """Return the data that the page gets."""
    return page_data(checked(result, ask_to_rewrite(rewrite)), rewrite)


def page_data(result, rewrite):
    bundle = result_bundle(result, request="r", cell_id="c9", insert="button", changes=rewrite)
    return bundle[RESULT_MIME]


def ask_to_rewrite(rewrite, *, task="edit", cells=()):
    sources = ContextSources(request="r", task=task, rewrite=rewrite, cells=cells)
    return Ask(sources=sources, settings=Settings(), language=rewrite.language)


def replaced(present, data):
    """Put the new cell in the place of the old one, as `rewrittenSource` does on the page."""
    kept, position = [], 0
    lines = present.split("\n")
    marks = iter(data["rewrite"]["hidden"])
    hidden = next(marks, None)
    for line in data["rewrite"]["before"].split("\n"):
        if hidden and line == hidden["mark"]:
            kept.append("\n".join(lines[position : position + hidden["count"]]))
            position += hidden["count"]
            hidden = next(marks, None)
        else:
            assert lines[position] == line
            position += 1
    assert position == len(lines)
    number, written = 0, []
    for line in data["blocks"][0]["source"].split("\n"):
        is_mark = number < len(kept) and line == data["rewrite"]["hidden"][number]["mark"]
        written.append(kept[number] if is_mark else line)
        number += is_mark
    return "\n".join(written)


@pytest.mark.parametrize("name", SOURCES)
def test_an_answer_that_repeats_a_cell_gives_it_back_to_the_letter(name):
    source = SOURCES[name]
    rewrite = sent(source)
    data = shown(answer(echo(rewrite), rewrite), rewrite)
    assert data["rewrite"]["is_offered"]
    assert replaced(source, data) == source
    assert rewrite.with_hidden_lines(data["blocks"][0]["source"]) == source
    assert "sk-ant" not in json.dumps(data)


def test_hidden_lines_are_put_back_only_where_all_have_their_place():
    rewrite = sent(f"{KEY}\nx = 1\nif x:\n    {KEY}\n    use()")
    mark, *_, second, _ = rewrite.shown.split("\n")
    assert rewrite.with_hidden_lines(f"y = 2\n{mark}\nif y:\n{second}") == (
        f"y = 2\n{KEY}\nif y:\n    {KEY}"
    )
    for code in ("x = 1", mark, f"{second}\n{mark}"):
        assert rewrite.with_hidden_lines(code) is None


LINES = st.sampled_from(
    [
        "x = 1", "    y = 2", "", "  ", "%matplotlib inline", "files = !ls", "!pip install a",
        "%%time", "%%bash", "%%capture out", KEY, f"    {KEY}", "# a comment", "if x:", "```",
        "~~~", "text = '''", "'''", "\f", "a\rb", "\x00", "é = 'ü'",
        "# (a line with a secret was left out)",
    ]
)  # fmt: skip


@given(st.lists(LINES, min_size=1, max_size=12))
def test_any_cell_comes_back_to_the_letter_or_is_not_replaced(lines):
    source = "\n".join(lines)
    rewrite = sent(source)
    data = shown(answer(echo(rewrite), rewrite), rewrite)
    assert "sk-ant" not in json.dumps(data)
    if data["rewrite"]["is_offered"]:
        assert replaced(source, data) == source
    else:
        assert not data["blocks"] or "is not offered" in data["notes"][0]


SECRET_MARK = "# (a line with a secret was left out)"


@pytest.mark.parametrize(
    ("source", "text", "offered"),
    [
        ("x = 1", f"# (this cell was not run)\n{SECRET_MARK}\nx = 2", "x = 2"),
        ("%%time\nx = 1", "# (this cell was not run)\n%%time\nx = 2", "%%time\nx = 2"),
        # The cell's own stay.
        ("# (this cell was not run)\nx = 1", "# (this cell was not run)\nx = 2", None),
        (f"{KEY}\nx = 1", f"# (this cell was not run)\n{SECRET_MARK}\nx = 2", f"{KEY}\nx = 2"),
    ],
)
def test_the_prompt_s_own_marks_stay_out_of_the_cell(source, text, offered):
    rewrite = sent(source)
    data = shown(answer(fenced(text, "python"), rewrite), rewrite)
    assert data["rewrite"]["is_offered"]
    assert replaced(source, data) == (offered or text)


def test_a_heading_like_a_mark_stays_in_a_text_cell():
    rewrite = sent("some words", cell_type="markdown")
    text = "# (this cell was not run)\n\nother words"
    data = shown(answer(fenced(text, "markdown"), rewrite), rewrite)
    assert data["blocks"][0]["source"] == text


def test_the_note_of_an_obstacle_is_readable_where_only_code_is_marked_up():
    rewrite = sent("x = 1")
    data = shown(answer(fenced("x = 2", "python"), rewrite, finish_reason="length"), rewrite)
    assert data["notes"] == ["“Replace cell” is not offered: the answer was not finished."]


def test_the_head_of_a_timed_cell_is_not_sent_and_not_doubled():
    rewrite = sent("%%time\ntotal = 1")
    assert rewrite.text == "total = 1"
    for text in ("total = 2", "%%time\ntotal = 2"):
        data = shown(answer(fenced(text, "python"), rewrite), rewrite)
        assert data["blocks"][0]["source"] == "%%time\ntotal = 2"


def test_a_shell_cell_is_sent_and_comes_back_as_such():
    rewrite = sent("%%bash --out listing\nls")
    assert (rewrite.language, rewrite.text) == ("bash", "ls")
    data = shown(answer("```sh\nls -l\n```", rewrite), rewrite)
    assert data["blocks"][0]["source"] == "%%bash --out listing\nls -l"


@pytest.mark.parametrize(
    ("source", "cell_type"),
    [
        ("%%bash\nexport DB_PASSWORD=hunter2\nmake", "code"),
        ("%%time\n%%bash\ncurl -u ann:hunter2 https://example.org", "code"),
        ("%%sql postgresql://ann:hunter2@db/shop\nSELECT 1", "code"),
        ("%env DB_PASSWORD=hunter2\nconnect()", "code"),
        ("rows = !mysql --password=hunter2 shop\nlen(rows)", "code"),
        ("The password is hunter2.\n\nUse it.", "markdown"),
    ],
)
def test_a_secret_outside_of_python_is_not_sent_and_not_shown(source, cell_type):
    rewrite = sent(source, cell_type=cell_type)
    assert "hunter2" not in rewrite.shown
    assert rewrite.keeps_hidden_lines
    assert [lines.count for lines in rewrite.hidden] == [1]


def test_a_markdown_cell_stays_markdown():
    rewrite = sent("# A titel\n\n- one", cell_type="markdown")
    data = shown(answer("```markdown\n# A title\n\n- one\n```", rewrite), rewrite)
    assert data["rewrite"]["is_offered"]
    assert data["blocks"][0]["cell_type"] == "markdown"
    assert data["blocks"][0]["source"] == "# A title\n\n- one"


def test_a_changed_cell_keeps_its_key_where_it_was():
    source = f"{KEY}\nconnect(api_kee)"
    rewrite = sent(source)
    fixed = rewrite.text.replace("api_kee", "api_key")
    data = shown(answer(fenced(f"import x\n{fixed}", "python"), rewrite), rewrite)
    assert replaced(source, data) == f"import x\n{KEY}\nconnect(api_key)"


@pytest.mark.parametrize(
    ("text", "changes", "said"),
    [
        ("```python\nconnect(1)\n```", {}, "the mark of a line with a secret"),
        ("```python\nx = 1", {}, "the answer was not finished"),
        ("{echo}", {"finish_reason": "length"}, "the answer was not finished"),
        ("{echo}", {"finish_reason": "cancelled"}, "the answer was not finished"),
        ("{echo}", {"prompt": "import os"}, "too long to be sent whole"),
    ],
)
def test_what_would_lose_something_is_not_offered_and_said(text, changes, said):
    rewrite = sent(f"import os\n{KEY}\nconnect(api_key)")
    text = text.format(echo=echo(rewrite))
    data = shown(answer(text, rewrite, **changes), rewrite)
    assert not data["rewrite"]["is_offered"]
    assert said in data["notes"][0]


def test_of_several_blocks_one_is_the_new_cell_and_the_diff_is_what_replaces():
    rewrite = sent("def area(r):\n    return 3 * r\n\narea(2)")
    blocks = ["def area(r):\n    return 3 * r\n\narea(2)", "area(1)"]
    new = "import math\ndef area(r):\n    return math.pi * r**2\n\narea(2)"
    text = "\n\nor\n\n".join(fenced(code, "python") for code in [blocks[0], new, blocks[1]])
    data = shown(answer(text, rewrite), rewrite)
    (block,) = data["blocks"]
    assert block["source"] == new
    difference = data["text"].split("```")[1].splitlines()[2:]
    after = [line[1:] for line in difference if line[:1] in "+ "]
    assert [line for line in after if line] == [line for line in new.split("\n") if line]
    # The others stay as the model wrote them.
    assert "area(1)" in data["text"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("units['a']", "This only repeats the cell."),
        ("units[ 'a' ]  # fixed", "This only repeats cell [3]."),
        ("units = {'b': 1}\nsorted(units)", "This only repeats cell [2]."),
        # One statement of another cell is no repair, unless it may be what was meant.
        ("plot(units, kind='bar')", "This only repeats cell [1]."),
        ("units['b']", ""),
        ("units.get('a')", ""),
    ],
)
def test_a_repair_that_only_repeats_the_notebook_says_so(code, said):
    rewrite = sent("units['a']", execution_count=3)
    sources = ("units['b']", "plot(units, kind='bar')", "units = {'b': 1}\nsorted(units)")
    cells = [Cell(source=source, execution_count=n) for n, source in enumerate(sources)]
    ask = ask_to_rewrite(rewrite, task="fix", cells=cells)
    result = checked(answer(fenced(code, "python"), rewrite), ask)
    assert result.notes == ((said,) if said else ())
    # In the cell's place, another one would be in the notebook twice.
    place = page_data(result, rewrite)["rewrite"]
    is_another = said not in {"", "This only repeats the cell."}
    assert (place["is_offered"], place["only_repeats"]) == (not is_another, is_another)


def test_what_cannot_be_written_again_is_no_fault_of_another_answer():
    # Python refuses to write so long an integer in decimal.
    rewrite = sent("n")
    long = answer(fenced(f"n = 0x{'f' * 5_000}", "python"), rewrite)
    ask = replace(ask_to_rewrite(rewrite), other_than=answer(fenced("n = 1", "python"), rewrite))
    assert checked(long, ask).text == long.text


FARES = "# the driver's fares\ntrips['fare'] + trips['driver']"


COMMENTS = "# Load all, then compute the mean price for every single\n# city of our country.\n"
BARS = "fig = df.plot(kind='bar', colr='red').get_figure()\nfig.savefig('bars.png')"


@pytest.mark.parametrize(
    ("old", "code", "is_said"),
    [
        (FARES, "by_city = trips.groupby('city')['minutes'].mean()\nprint(by_city)", True),
        (FARES, "trips['fare'].astype(str) + trips['driver']", False),
        (FARES, "trips['fare']  # and the driver", False),
        ("df.gropuby('ctiy').maen()", "df.groupby('city').mean()", False),
        ("prinnt(lenn(items))", "print(len(items))", False),
        ("%matplotlib inline\n# a line for each shop\ndf.plott()", "df.plot()", False),
        ("df.groupby('city')['price'.mean()", "df.groupby('city')['price'].mean()", False),
        (
            "total = 0\nfor i in range(9):\n    total = total + prices[i] * counts[i]",
            "(prices * counts).sum()",
            False,
        ),
        ("pd.read_csv('/home/anna/old_sales.csv')", "pd.read_csv('sales.csv')", False),
        # What a library no longer has is replaced, and its name with it.
        ("np.asscalar(arr)", "arr.item()", False),
        ("pd.rolling_mean(units, 2)", "units.rolling(2).mean()", False),
        ("sns.barplot(x='area', y='units', data=df)", "df.plot.bar(x='area', y='units')", False),
        ("sales.index_by('area').total()", "sales.set_index('area').sum()", False),
        ("df = df.index_by('area').total().top()", "df = df.set_index('area').sum()", False),
        ("make_plot(sales.index_by('area').total())", "print(4 + 4)", True),
        # Where Python could not read the cell, its words tell; and so in a short one.
        ('names = ["Ann", "Bob, "Cyd"]', 'pd.DataFrame({"a": [1, 2, 3]})', True),
        ('names = ["Ann", "Bob, "Cyd"]', 'names = ["Ann", "Bob", "Cyd"]', False),
        (
            f"{COMMENTS}x = df.groupby('city')price.mean()",
            "x = df.groupby('city').price.mean()",
            False,
        ),
        (f"{COMMENTS}x = df.groupby('city')price.mean()", "# The mean price\nrows = [1]", True),
        ('plt.title("Sales of all our shops)', "plt.title('Sales')", False),
        ("for item in items\n    print(itm)", "for item in items:\n    print(item)", False),
        ("print 'done'", "print('done')", False),
        ("total = amount / 0", "pd.DataFrame({'a': [1]})", True),
        ("reslt", "result", False),
        # To keep the one table of a notebook is not to keep a cell.
        (BARS, "df.describe()", True),
        (BARS, "df.isna().sum()", True),
        (BARS, "df.plot.bar(color='red')", False),
        (BARS, "df.hist(kind='bar')", False),
    ],
)
def test_a_repair_that_is_about_something_else_says_so(old, code, is_said):
    rewrite = sent(old)
    sources = ContextSources(request=FIX_REQUEST, task="fix", rewrite=rewrite)
    ask = Ask(sources=sources, settings=Settings())
    new = answer(fenced(code, "python"), rewrite)
    assert (UNRELATED in checked(new, ask).notes) is is_said
    # Nor where it was stopped, or where somebody has asked for something else.
    stopped = replace(new, finish_reason="cancelled")
    for other in (checked(stopped, ask), checked(new, replace(ask, is_follow_up=True))):
        assert UNRELATED not in other.notes


@pytest.mark.parametrize(
    ("above", "old", "text", "code"),
    [
        # One that has run, and one that Python cannot read.
        (
            ["trips = 1", "total per city: trips"],
            "d['agee']",
            "trips = 1\ntotal per city: trips\n\nd['age']",
            "d['age']",
        ),
        (["%matplotlib inline"], "d['agee']", "%matplotlib inline\nd['age']", None),
        (["def f(x):"], "def f(x):\n  retturn x", "def f(x):\n  return x\n!ls", None),
    ],
)
def test_a_repair_is_parted_from_cells_that_nobody_can_read(above, old, text, code):
    cells = [Cell(source=source, execution_count=n) for n, source in enumerate(above)]
    rewrite = sent(old)
    ask = ask_to_rewrite(rewrite, task="fix", cells=[*cells, rewrite.cell])
    result = checked(answer(fenced(text, "python"), rewrite), ask)
    assert result.code == (code or text)


@pytest.mark.parametrize(
    ("old", "new", "above", "said"),
    [
        ("top = total[:3]\ntop", "top.plot()", "", ["`top` is"]),
        ("a = b = total\n", "print(a, b)", "", ["`a` and `b` are"]),
        ("top = total[:3]\ntop", "total[:3].plot()", "print(top)", []),
        ("top = total[:3]\ntop", "top.plot()", "top = 1", []),
        ("import pandas as pd\npd", "pd.DataFrame()", "%time\nimport pandas as pd", []),
        ("from numpy import array\narray", "from numpy import *\narray", "", []),
        ("list = [1]\nlist(range(3))", "values = list(range(3))", "", []),
        ("del df\ndf", "df", "", []),
        # What a magic makes.
        *[
            ("df = total", "df.head()", above, [])
            for above in [
                "df = %sql select * from t",
                "if total:\n    df = !ls",
                "%%sql df <<\nselect 1",
                "%%sql\ndf <<\nselect 1",
                "%%capture df\ntotal",
                "%time df = total",
                "%store -r df",
                "%store -r",
                "%run setup.py",
                "def load():\n    global df\n    df = total",
            ]
        ],
        ("df = total", "files = !ls\ndf = %sql x\ndf.head()", "", []),
        ("df = total", "df.head()", "%%bash\nls", ["`df` is"]),
        ("df = total", "df.head()", "%store total\nx = '%run'\n!cat df", ["`df` is"]),
        ("df = total", "df.head()", "%%codeface\nplot df", ["`df` is"]),
        ("for i in total:\n    print(i)", "[i for i in total]", "", []),
    ],
)
def test_what_a_new_cell_uses_and_no_longer_defines_is_said(old, new, above, said):
    rewrite = sent(old)
    cells = [Cell(source=above, cell_id="c2"), rewrite.cell]
    repair = ask_to_rewrite(rewrite, task="fix", cells=cells)
    notes = checked(answer(fenced(new, "python"), rewrite), repair).notes
    end = "used here, but no longer defined here or above."
    assert [note for note in notes if note.endswith(end)] == [f"{names} {end}" for names in said]

    # An edit keeps the lines that make them.
    edit = ask_to_rewrite(rewrite, task="edit", cells=cells)
    edited = checked(answer(fenced(new, "python"), rewrite), edit)
    assert edited.notes == ((KEPT_LINES,) if said else ())
    kept = old.split("\n")[0]
    assert edited.code.rstrip("\n") == (f"{kept}\n{new}" if said else new)


def test_an_edit_keeps_the_line_that_shows_the_result_and_says_so():
    rewrite = sent("%%time\ntop = []\ntop += total\ntop")
    edit = ask_to_rewrite(rewrite, task="edit", cells=[rewrite.cell])
    edited = checked(answer(fenced("top = list(total)", "python"), rewrite), edit)
    assert edited.code == "%%time\ntop = list(total)\ntop"
    assert edited.notes == (KEPT_RESULT,)
    repair = ask_to_rewrite(rewrite, task="fix", cells=[rewrite.cell])
    assert KEPT_RESULT not in checked(answer(fenced("top = [1]", "python"), rewrite), repair).notes


@pytest.mark.parametrize(
    ("new", "is_said"),
    [
        ("def load():\n    raise ValueError", True),
        ("def load():\n    raise ValueError\n\nload()\nload()", False),
        ("def load():\n    return 1\n\nload()", False),
        ("load()", True),
    ],
)
def test_a_repair_that_only_leaves_out_lines_says_so(new, is_said):
    rewrite = sent("def load():\n    raise ValueError\n\nload()")
    sources = ContextSources(request=FIX_REQUEST, task="fix", rewrite=rewrite)
    ask = Ask(sources=sources, settings=Settings())
    assert (LEAVES_OUT in checked(answer(fenced(new, "python"), rewrite), ask).notes) is is_said


def test_where_the_lines_that_make_a_name_cannot_be_told_it_is_said():
    rewrite = sent("for top in total:\n    low = (\n")
    edit = ask_to_rewrite(rewrite, task="edit", cells=[rewrite.cell])
    assert KEPT_LINES not in checked(answer(fenced("top.plot()", "python"), rewrite), edit).notes


@pytest.mark.parametrize(
    ("new", "below", "said"),
    [
        ("rest = total[3:]", ["top.plot()"], ["`top` is"]),
        (
            "rest = total[3:]",
            ["%matplotlib inline\ntop.plot()", "low.plot()"],
            ["`low` and `top` are"],
        ),
        ("top = 1", ["top.plot()"], []),
        ("rest = total[3:]", ["top = 2", "top.plot()"], []),
        ("rest = total[3:]", ["top = !ls", "%%sql low <<\nselect 1", "top.plot(low)"], []),
        ("rest = total[3:]", ["top = 2\ntop.plot()"], []),
        ("rest = total[3:]", ["%%codeface\nplot top", "%%bash\ntop", "the top (", "rest"], []),
        ("rest = total[3:]", ["def f(top):\n    low = top\n    return low"], []),
        ("rest = total[3:]", ["list(map(lambda top: top, total))", "[low for low in total]"], []),
        ("rest = total[3:]", ["def f(n):\n    return top[:n]"], ["`top` is"]),
        ("low = top = 1", ["each"], []),
        ("rest = total[3:]", ["# nothing\nrest"] * 3000 + ["top"], ["`top` is"]),
    ],
)
def test_what_a_new_cell_no_longer_defines_for_the_cells_below_is_said(new, below, said):
    above = Cell(source="total = [1, 2, 3, 4]", cell_id="c0")
    old = Cell(source="top = [each for each in total]\nlow = total[3:]", cell_id="c1")
    cells = [Cell(source=source, cell_id=f"b{number}") for number, source in enumerate(below)]
    rewrite = Rewrite.of(old, below=cells)
    # The cell that asks stands below all of them.
    ask = ask_to_rewrite(rewrite, cells=[above, old, *cells])
    notes = checked(answer(fenced(new, "python"), rewrite), ask).notes
    end = "used below, but no longer defined here or above."
    assert notes == tuple(f"{names} {end}" for names in said)


def test_an_edit_may_be_about_comments_alone():
    rewrite = sent("units['a']", execution_count=3)
    result = answer(fenced("units['a']  # the first", "python"), rewrite)
    assert checked(result, ask_to_rewrite(rewrite)).notes == ()


def test_an_answer_without_code_replaces_nothing():
    rewrite = sent("x = 1")
    assert rewritten(answer("It is right as it is.", rewrite), rewrite) is None
    data = shown(answer("It is right as it is.", rewrite), rewrite)
    assert (data["blocks"], data["rewrite"]["is_offered"]) == ([], False)


@pytest.mark.parametrize("name", json.loads(EXAMPLES.read_text(encoding="utf-8")))
def test_the_pages_examples_are_what_the_kernel_sends(name):
    example = json.loads(EXAMPLES.read_text(encoding="utf-8"))[name]
    rewrite = sent(example["present"])
    data = shown(answer(fenced(example["answer"], "python"), rewrite), rewrite)
    assert data["rewrite"] == example["rewrite"]
    assert data["blocks"][0]["source"] == example["source"]
    assert replaced(example["present"], data) == example["replaced"]
