"""Answers for those who do not see the page, or have no mouse."""

import pytest

LOAD = "%load_ext codeface_jupyter"
LONG = "%%codeface -m scripted:40ms:x300\nadd two numbers"
ANSWER = (
    "Take **one**, see [this](https://example.org):\n\n- either\n- or\n\n"
    f"```python\nx = {'1 + ' * 60}1\n```\n\n```bash\nls\n```\n\n> or neither\n\n| a |\n|---|\n| 1 |"
)
LINES = "\n".join(f"line {number} of 300" for number in range(1, 301))
SCRIPT = f"""{LOAD}
from codeface_jupyter.engines.current_engine import CurrentEngine
from codeface_jupyter.engines.scripted import ScriptedEngine
session = get_ipython().configurables[-1].extension.session
session._resources.engines = CurrentEngine(
    ScriptedEngine([{ANSWER!r}, {LINES!r}], token_delay_s=0.01)
)
"""
LIVE_REGION = ".jp-CodeFace-announcer"


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_axe_finds_nothing(notebook, theme):
    notebook.open(SCRIPT, "%%codeface\nadd two numbers", "%%codeface\ncount to 300").load()
    notebook.use_theme(theme)
    found = {}
    notebook.run(1)
    found["result"] = notebook.violations(".jp-CodeFace-result")
    notebook.start(2)
    notebook.output(2).get_by_text("line 3 of").wait_for()
    found["streaming"] = notebook.violations(".codeface-streaming")
    notebook.command("codeface:stop")
    notebook.output(2).locator(".jp-CodeFace-result").wait_for()
    for name in ("ask-below", "show-stats", "choose-model"):
        notebook.command(f"codeface:{name}")
        notebook.page.locator(".jp-Dialog").wait_for()
        found[name] = notebook.violations(".jp-Dialog")
        notebook.page.keyboard.press("Escape")
        notebook.page.locator(".jp-Dialog").wait_for(state="detached")
    notebook.use_theme("JupyterLab Light")

    assert found == {name: [] for name in found}


def test_buttons_are_reached_and_pressed_by_keyboard_alone(notebook):
    notebook.open(SCRIPT, "%%codeface\nadd two numbers").load()
    notebook.run(1)
    notebook.button(1, "Copy all").wait_for()
    notebook.output(1).locator("pre").first.focus()

    reached = [pressed(notebook, "Tab") for _ in range(3)]
    pressed(notebook, "Enter")
    notebook.output(1).get_by_text("Copied").first.wait_for()
    pressed(notebook, "Shift+Tab")
    pressed(notebook, "Shift+Tab")
    pressed(notebook, "Space")
    notebook.until("p => p.content.widgets.length === 3")

    assert reached == [
        f"{label}, code block 1 of 2" for label in ("Insert below", "Replace cell", "Copy")
    ]
    assert notebook.sources[2].startswith("x = 1")
    # The notebook went to the new cell, and nothing was pressed in it.
    assert notebook.evaluate("p => p.content.mode") == "command"


def pressed(notebook, key):
    """Press a key, and return the name of what has the focus then."""
    notebook.page.keyboard.press(key)
    return notebook.page.evaluate(
        "() => { const node = document.activeElement;"
        "return node.getAttribute('aria-label') ?? node.textContent }"
    )


def test_a_live_region_says_that_answers_begin_end_and_fail(notebook):
    notebook.open(LOAD, LONG, "%%codeface -e no-such-engine\nhi").load()
    said = notebook.page.locator(LIVE_REGION)

    notebook.start(1)
    said.get_by_text("CodeFace is answering").wait_for(state="attached")
    notebook.command("codeface:stop")
    said.get_by_text("The answer was stopped").wait_for(state="attached")
    notebook.start(2)
    said.get_by_text("CodeFace failed").wait_for(state="attached")


def test_the_live_region_says_that_an_answer_was_stopped_before_its_first_word(notebook):
    notebook.open(LOAD, "%%codeface -m scripted:60000ms\nadd two numbers").load()
    said = notebook.page.locator(LIVE_REGION)

    notebook.start(1)
    said.get_by_text("CodeFace is answering").wait_for(state="attached")
    notebook.command("codeface:stop")
    said.get_by_text("The answer was stopped").wait_for(state="attached")


def test_stop_has_enough_contrast(notebook):
    notebook.open(LOAD, LONG).load()
    notebook.start(1)
    stop = notebook.stop_button(1)
    # What is stopped before its first word ends otherwise.
    notebook.output(1).get_by_text("A scripted answer").wait_for()
    assert notebook.violations(".codeface-streaming button") == []
    stop.focus()
    notebook.page.keyboard.press("Enter")
    notebook.expect(1, "stopped early")
