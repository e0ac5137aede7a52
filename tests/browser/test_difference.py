"""The difference that fixing and editing makes: seen, and accepted."""

import pytest

LOAD = "%load_ext codeface_jupyter"
OLD = "\n".join(["import math", *(f"step_{n} = {n}" for n in range(12)), "1 / zero", "math.pi"])
NEW = OLD.replace("1 / zero", "1 / one\nprint('done')").replace("import math", "import math as m")
SCRIPT = """
from codeface_jupyter.engines.current_engine import CurrentEngine
from codeface_jupyter.engines.scripted import ScriptedEngine
session = get_ipython().configurables[-1].extension.session
session._resources.engines = CurrentEngine(ScriptedEngine([{answer!r}]))
zero = 0
one = 1
"""
ANSWER = f"Divide by one.\n\n```python\n{NEW}\n```\n\nThat is all."
DIFFERENCE = ".jp-CodeFace-difference"
MINUS = "\N{MINUS SIGN}"


@pytest.fixture
def fixed(notebook):
    """A notebook whose failing cell has been fixed, but not yet replaced."""
    notebook.open(LOAD, SCRIPT.format(answer=ANSWER), OLD).load()
    notebook.run(1, 2)
    notebook.button(2, "Explain and fix").click()
    notebook.button(3, "Accept and run").wait_for()
    return notebook


def test_it_is_shown_once_and_told_by_signs(fixed):
    difference = fixed.output(3).locator(DIFFERENCE)

    removed = difference.locator("del:visible").all_inner_texts()
    added = difference.locator("ins:visible").all_inner_texts()

    assert [text.split("\n") for text in removed] == [[MINUS, "import math"], [MINUS, "1 / zero"]]
    assert [text[0] for text in added] == ["+", "+", "+"]
    assert fixed.output(3).get_by_text("That is all.").is_visible()
    assert fixed.output(3).locator("pre:visible").count() == 0


def test_it_is_side_by_side_where_there_is_room(fixed):
    assert sides(fixed) == ["left", "right"]
    fixed.page.set_viewport_size({"width": 800, "height": 700})
    fixed.until("p => p.node.offsetWidth < 600")
    assert sides(fixed) == ["above", "below"]


def sides(notebook):
    changed = notebook.output(3).locator(".jp-CodeFace-changed").last
    old = changed.locator(".jp-CodeFace-before").bounding_box()
    new = changed.locator(".jp-CodeFace-after").bounding_box()
    return ["left", "right"] if new["x"] >= old["x"] + old["width"] - 1 else ["above", "below"]


def test_accept_and_run_replaces_the_cell_and_runs_it(fixed):
    fixed.button(3, "Accept and run").click()
    fixed.expect(2, "done")

    assert fixed.sources[2] == NEW
    assert fixed.output(3).get_by_text("Replaced and run").is_visible()
    fixed.evaluate("p => p.content.widgets[2].model.sharedModel.undo()")
    assert fixed.sources[2] == OLD


@pytest.mark.parametrize(
    "theme", ["JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast"]
)
def test_it_reads_well_in_every_theme(fixed, theme):
    fixed.use_theme(theme)

    colours = fixed.page.evaluate(
        "() => ['before', 'after'].map(side => getComputedStyle(document.querySelector("
        "`.jp-CodeFace-changed > .jp-CodeFace-${side}`)).backgroundColor)"
    )
    violations = fixed.violations(".jp-CodeFace-result")

    fixed.use_theme("JupyterLab Light")
    assert colours[0] != colours[1]
    assert violations == []
