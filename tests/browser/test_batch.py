"""A batch in JupyterLab: each answer unfolds, and is inserted, changed and saved on its own."""

# Answers from a script; the rest is the real thing.
SET_UP = """\
%load_ext codeface_jupyter
import pandas as pd
from codeface_jupyter.engines.current_engine import CurrentEngine
from codeface_jupyter.engines.scripted import ScriptedEngine
sales = pd.DataFrame({"region": ["north", "south", "north"], "units": [3, 1, 2]})
codes = ["sales.groupby('region')['units'].sum()", "sales.groupby('Region')['units'].mean()"]
session = get_ipython().configurables[-1].extension.session
session._resources.engines = CurrentEngine(
    ScriptedEngine([f"```python\\n{code}\\n```" for code in codes])
)"""
BATCH = "%%codeface_batch\nadd up the units per region\nmean units per region"
APPLY = "Apply: sales has no column Region; it has region."


def answer(notebook, title):
    """Return an answer, unfolded."""
    found = notebook.output(1).locator("details", has_text=title).first
    found.locator("> summary").click()
    found.get_by_role("button", name="Insert below").wait_for()
    return found


def test_each_answer_unfolds_and_is_inserted(notebook):
    notebook.open(SET_UP, BATCH, "").load()
    notebook.run(1)
    first = answer(notebook, "0: add up the units per region")
    assert first.get_by_role("button", name="Replace cell").is_hidden()
    outcome = first.get_by_role("group", name="Tried on a copy of your notebook")
    outcome.locator("summary").click()
    outcome.get_by_text("north").wait_for()
    notebook.evaluate("p => { p.content.widgets[0].inputHidden = true }")
    notebook.screenshot("batch", height=800)
    first.get_by_role("button", name="Insert below").click()
    notebook.until("p => p.content.widgets.length === 4")
    assert notebook.sources[2] == "sales.groupby('region')['units'].sum()"


def test_a_finding_of_one_answer_is_applied_and_the_others_stay_as_they_are(notebook):
    notebook.open(SET_UP, BATCH, "").load()
    notebook.run(1)
    first = answer(notebook, "0: add up the units per region")
    second = answer(notebook, "1: mean units per region")
    first.get_by_role("button", name="Copy").focus()
    second.get_by_role("button", name=APPLY).click()
    second.get_by_text("sales.groupby('region')['units'].mean()").first.wait_for()
    assert first.get_by_role("button", name="Insert below").is_visible()
    # The change is saved for those as well who read the notebook elsewhere.
    saved = notebook.evaluate("p => p.content.model.cells.get(1).outputs.get(0).data")
    assert "groupby('region')['units'].mean()" in saved["text/markdown"]
    assert "Region']" not in saved["text/markdown"].split("<details>")[2].split("Line 1")[0]
