"""An analyst's first steps with the smallest recommended model, as the tutorial tells them."""

import re
from pathlib import Path

import pytest

from codeface_jupyter.trials.guard.support import guard_support

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorials" / "analyst.md"
DATA, ASK, _, MISTAKE, *_ = re.findall(
    r"^```python\n(.*?)\n```", TUTORIAL.read_text(encoding="utf-8"), flags=re.M | re.S
)
USE_MODEL = "%codeface_config engine=auto model=qwen2.5-coder-0.5b"

pytestmark = [
    pytest.mark.real_model,
    pytest.mark.skipif(guard_support().level != "strong", reason="this system cannot guard a copy"),
]


def ask(notebook, name):
    """Open the tutorial's notebook, and return it once its first question is answered."""
    notebook.open(USE_MODEL, DATA, ASK, MISTAKE, name=f"{name}.ipynb")
    notebook.page.set_default_timeout(180_000)
    notebook.run(0, 1)
    notebook.evaluate("p => p.content.model.sharedModel.deleteCell(0)")
    notebook.start(1)
    notebook.button(1, "Insert below").wait_for()
    return notebook


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_the_first_answer_is_right_and_says_what_it_did(notebook, theme):
    shade = theme.split()[-1].lower()
    asked = ask(notebook, f"sales-{shade}")
    asked.use_theme(theme)
    asked.output(1).locator("summary", has_text="Tried on a copy").click()

    assert "Series of 3 · sales adds column revenue" in asked.text(1)
    asked.output(1).get_by_role("row", name="west 88").wait_for()
    asked.evaluate("p => { p.content.widgets[0].inputHidden = true }")
    asked.screenshot(f"first-answer-{shade}", height=580)


def test_it_is_inserted_and_run_and_a_mistake_is_mended(notebook):
    asked = ask(notebook, "sales")
    asked.button(1, "Insert below").click()
    asked.until("p => p.content.widgets.length === 4")
    asked.run(2)
    assert "88.0" in asked.text(2)

    asked.run(3)
    asked.output(3).get_by_role("button", name="Explain and fix").click()
    asked.expect(4, "has no column")
    asked.button(4, "Accept and run").click()
    asked.expect(3, "Name: units")

    assert asked.sources[3] == 'sales.groupby("region")["units"].sum()'
