"""The list under an answer: a finding is applied, undone and saved, by keyboard as well."""

import json
from pathlib import Path

import nbformat
import pytest

RESULTS = json.loads(
    (Path(__file__).parents[1] / "data" / "protocol" / "results.json").read_text(encoding="utf-8")
)
MIME = "application/vnd.codeface.result.v1+json"
NAME = "sales has no column Region; it has region."
# An answer and a finding from a script; the rest is the real thing.
SET_UP = """\
%load_ext codeface_jupyter
import codeface_jupyter.session.checking as checking
from codeface_jupyter.engines.current_engine import CurrentEngine
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.generation import Edit, Finding
def check(code, namespace):
    start = code.index("Region")
    edit = Edit(start=start, end=start + 6, replacement="region")
    said = "`sales` has no column `Region`; it has `region`."
    return (Finding(kind="unknown_key", message=said, line=1, edits=(edit,)),)
checking.check_code = check
import pandas as pd
sales = pd.DataFrame({"region": ["north", "south", "north"], "units": [3, 1, 2]})
code = "import pandas as pd\\n\\nprint(sales.groupby('Region')['units'].sum())"
session = get_ipython().configurables[-1].extension.session
session._resources.engines = CurrentEngine(
    ScriptedEngine([f"```python\\n{code}\\n```"], token_delay_s=0.02)
)"""
MENDED = "sales.groupby('region')['units'].sum()"


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_apply_mends_the_code_and_insert_takes_it(notebook, theme):
    notebook.open(SET_UP, "%%codeface\nunits per region", "").load()
    notebook.page.evaluate(
        "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme
    )
    notebook.run(1)
    apply = notebook.button(1, f"Apply: {NAME}")
    apply.wait_for()
    assert "Left out print, so that the notebook shows the value itself." in notebook.text(1)
    notebook.evaluate("p => { p.content.widgets[0].inputHidden = true }")
    if theme == "JupyterLab Light":
        notebook.screenshot("findings")

    apply.click()
    notebook.expect(1, MENDED)
    assert "Region'" not in notebook.output(1).locator("pre").inner_text()
    notebook.button(1, "Insert below").click()
    notebook.until("p => p.content.widgets.length === 4")
    assert notebook.sources[2] == MENDED
    notebook.run(2)
    notebook.expect(2, "north")


def test_what_is_typed_or_asked_below_stays_while_a_finding_is_applied(notebook):
    slow = SET_UP.replace('```"], token', '```", "more " * 200], token')
    notebook.open(slow, "%%codeface\nunits per region").load()
    notebook.run(1)
    notebook.button(1, "Follow up").press("Enter")
    notebook.page.keyboard.type("why?")
    field = notebook.output(1).get_by_role("textbox")

    notebook.button(1, f"Apply: {NAME}").click()
    notebook.button(1, f"Undo: {NAME}").wait_for()
    assert field.input_value() == "why?"
    field.press("Enter")
    notebook.output(1).get_by_text("more more").first.wait_for()
    notebook.button(1, "Follow up").press("Enter")
    field.fill("and then?")
    notebook.button(1, f"Undo: {NAME}").click()
    notebook.button(1, f"Apply: {NAME}").wait_for()

    # What was asked is answered, and what is typed by then can be asked.
    notebook.button(1, "Follow up").nth(1).wait_for()
    assert notebook.output(1).locator("blockquote").all_inner_texts() == ["why?"]
    assert field.input_value() == "and then?"


def test_a_saved_answer_is_mended_by_keyboard_undone_and_saved(notebook):
    output = nbformat.v4.new_output(
        "display_data",
        data={MIME: RESULTS["findings"], "text/markdown": saved(RESULTS["findings"])},
    )
    asking = nbformat.v4.new_code_cell("%%codeface\nunits", outputs=[output], execution_count=3)
    notebook.open("first = 1", asking)
    lists = notebook.output(1).get_by_role("list", name="Checked against your notebook")
    lists.wait_for()
    assert lists.get_by_role("listitem").count() == 4

    notebook.button(1, f"Apply: {NAME}").focus()
    notebook.page.keyboard.press("Enter")
    undo = notebook.button(1, f"Undo: {NAME}")
    undo.wait_for()
    notebook.page.wait_for_function(
        "() => document.activeElement?.getAttribute('aria-label')?.startsWith('Undo: ')"
    )
    assert "sales['region']" in notebook.output(1).locator("pre").inner_text()
    notebook.command("docmanager:save")
    notebook.until("p => !p.context.model.dirty")
    notebook.load_page_again()
    undo.wait_for()

    (kept,) = nbformat.read(notebook.folder / notebook.name, 4).cells[1].outputs
    mended = RESULTS["a finding applied"]
    assert kept.data[MIME] == mended
    assert mended["blocks"][0]["code"] in kept.data["text/markdown"]
    assert "it has `region`. *(applied)*" in kept.data["text/markdown"]

    undo.click()
    notebook.button(1, f"Apply: {NAME}").wait_for()
    notebook.button(1, "Insert below").click()
    notebook.until("p => p.content.widgets.length === 3")
    assert notebook.sources[2] == RESULTS["findings"]["blocks"][0]["code"]


def saved(result):
    items = [f"- Line {f['line']}: {f['message']}" for f in result["findings"]]
    return "\n".join([result["text"], "", *items, "", "<sub>m</sub>"])
