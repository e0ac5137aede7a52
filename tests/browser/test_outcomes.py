"""What an answer's code did when it was tried on a copy, in JupyterLab: line, preview, others."""

import pytest

from codeface_jupyter.trials.guard.support import guard_support

pytestmark = pytest.mark.skipif(
    guard_support().level != "strong", reason="this system cannot guard a copy"
)
# Answers from a script; the rest is the real thing.
SET_UP = """\
%load_ext codeface_jupyter
import pandas as pd
from codeface_jupyter.engines.current_engine import CurrentEngine
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.jobs import Job
sales = pd.DataFrame({"region": ["north", "south", "north"], "units": [3, 1, 2]})
def fenced(code):
    return f"```python\\n{code}\\n```"
class Sampling(ScriptedEngine):
    def generate_batch(self, requests, *, on_result, job):
        for number, request in enumerate(requests):
            code = OTHERS[number % len(OTHERS)]
            on_result(number, fenced(code), ScriptedEngine([fenced(code)]).generate(request, Job()))
RAISES = "sales.groupby('area')['units'].sum()"
OTHERS = ["sales.groupby('region')['units'].sum()", "sales['units'].sum()"]
OTHERS = [OTHERS[0], *OTHERS]
ADDS = "sales['double'] = 2 * sales['units']\\nsales"
session = get_ipython().configurables[-1].extension.session
def answer(code):
    session._resources.engines = CurrentEngine(
        Sampling([fenced(code)], token_delay_s=0.01)
    )"""


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_a_line_says_what_the_code_did_and_opens_to_what_it_would_show(notebook, theme):
    notebook.open(f"{SET_UP}\nanswer(ADDS)", "%%codeface\ndouble the units", "list(sales)").load()
    notebook.page.evaluate(
        "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme
    )
    notebook.run(1)
    notebook.button(1, "Insert below").wait_for()

    outcome = notebook.output(1).get_by_role("group", name="Tried on a copy of your notebook")
    assert "DataFrame of 3 rows and 3 columns · sales adds column double" in outcome.inner_text()
    outcome.locator("summary").click()
    outcome.get_by_role("cell", name="6").wait_for()
    notebook.evaluate("p => { p.content.widgets[0].inputHidden = true }")
    notebook.screenshot(f"tried-{theme.split()[1].lower()}")
    notebook.run(2)
    # It was a copy: the notebook is as it was.
    assert "double" not in notebook.text(2)


def test_where_the_code_shows_nothing_it_opens_to_what_it_changes(notebook):
    notebook.open(f"{SET_UP}\nanswer(ADDS.splitlines()[0])", "%%codeface\ndouble the units").load()
    notebook.run(1)
    notebook.button(1, "Insert below").wait_for()
    outcome = notebook.output(1).get_by_role("group", name="Tried on a copy of your notebook")
    outcome.locator("summary").click()
    outcome.get_by_role("columnheader", name="double").wait_for()
    assert "sales afterwards:" in outcome.inner_text()


def test_an_answer_that_raises_gives_way_and_the_others_can_be_inserted(notebook):
    notebook.open(f"{SET_UP}\nanswer(RAISES)", "%%codeface\nunits per region").load()
    notebook.run(1)
    notebook.button(1, "Insert below").first.wait_for()

    assert "revised: the first one raises KeyError" in notebook.text(1)
    outcome = notebook.output(1).get_by_role("group", name="Tried on a copy of your notebook")
    assert "Series of 2" in outcome.inner_text()
    assert "answers agree" in outcome.inner_text()
    other = outcome.locator("details", has_text="Another answer")
    other.locator("summary").focus()
    notebook.page.keyboard.press("Enter")
    other.get_by_role("button", name="Insert below").click()
    notebook.until("p => p.content.widgets.length === 3")
    assert notebook.sources[2] == "sales['units'].sum()"


def test_a_saved_notebook_shows_it_without_a_kernel(notebook):
    notebook.open(f"{SET_UP}\nanswer(ADDS)", "%%codeface\ndouble the units").load()
    notebook.run(1)
    notebook.button(1, "Insert below").wait_for()
    saved = notebook.evaluate("p => p.content.model.toJSON()")
    (output,) = (o for o in saved["cells"][1]["outputs"] if "text/markdown" in o.get("data", {}))
    assert "Tried on a copy: " in "".join(output["data"]["text/markdown"])
    assert "double" in "".join(output["data"]["text/plain"])


def test_what_answers_a_question_stands_open_above_its_code(notebook):
    question = "How many units does each region have?"
    notebook.open(f"{SET_UP}\nanswer(OTHERS[0])", f"%%codeface\n{question}").load()
    notebook.run(1)
    notebook.button(1, "Insert below").wait_for()

    outcome = notebook.output(1).get_by_role("group", name="Tried on a copy of your notebook")
    outcome.get_by_role("cell", name="5").wait_for()
    notebook.evaluate("p => { p.content.widgets[0].inputHidden = true }")
    notebook.screenshot("question")
    code = notebook.output(1).locator("pre", has_text="groupby")
    assert outcome.bounding_box()["y"] < code.bounding_box()["y"]
