"""An answer in JupyterLab: how it streams, how it is stopped, what stays."""

import time

import pytest

LOAD = "%load_ext codeface_jupyter"
# An answer of words, one of which is a formula.
PRICES = """\
from codeface_jupyter.engines.current_engine import CurrentEngine
from codeface_jupyter.engines.scripted import ScriptedEngine
words = "It costs $12.50, or $310.00 for `$A` and `$B`, by $x^2$; $5 and $6 more."
session = get_ipython().configurables[-1].extension.session
session._resources.engines = CurrentEngine(ScriptedEngine([words], token_delay_s=0.05))"""
LONG = "%%codeface -m scripted:40ms:x300\nadd two numbers"


def test_it_streams_and_leaves_a_result_with_buttons(notebook):
    notebook.open(LOAD, LONG.replace("40ms", "20ms"), "last = 1").load()

    notebook.start(1)
    streaming = notebook.output(1).locator(".codeface-streaming")
    streaming.get_by_text("line 3 of").wait_for()
    seen = streaming.inner_text()
    notebook.screenshot("streaming")
    notebook.button(1, "Insert below").wait_for()

    assert "A scripted" in seen
    assert "line 40 of" not in seen
    assert "request = 'add two numbers'" in notebook.text(1)
    assert "line 40 of" in notebook.text(1)
    assert "tokens/s" in notebook.text(1)
    assert streaming.count() == 0
    # The colours of its code are all that its classes are for.
    assert notebook.output(1).locator("pre span[class]").count() > 0


def test_the_stop_button_acts_while_the_cell_runs_and_keeps_what_came(notebook):
    notebook.open(LOAD, LONG).load()
    notebook.start(1)
    notebook.output(1).get_by_text("tokens/s").wait_for()

    clicked = time.monotonic()
    notebook.stop_button(1).click()
    notebook.button(1, "Insert below").wait_for()

    assert time.monotonic() - clicked < 2  # of the 12 s that the whole answer takes
    assert "stopped early" in notebook.text(1)
    assert "A scripted answer" in notebook.text(1)
    assert notebook.output(1).locator(".jp-CodeFace-error").count() == 0


@pytest.mark.parametrize("command", ["codeface:stop", "notebook:interrupt-kernel"])
def test_commands_stop_it_too(notebook, command):
    notebook.open(LOAD, LONG).load()
    notebook.start(1)
    notebook.output(1).get_by_text("tokens/s").wait_for()

    notebook.command(command)
    notebook.button(1, "Insert below").wait_for()

    assert "stopped early" in notebook.text(1)
    # An interrupt is an error of the cell, but none to repair.
    assert notebook.output(1).get_by_role("button", name="Explain and fix").count() == 0


def test_without_subshells_the_button_explains_and_the_command_interrupts(notebook):
    notebook.open(LOAD, LONG)
    notebook.evaluate("p => { p.sessionContext.session.kernel.commsOverSubshells = 'disabled' }")
    notebook.load()
    notebook.start(1)
    notebook.output(1).get_by_text("tokens/s").wait_for()

    stop = notebook.stop_button(1)
    assert stop.is_disabled()
    assert "interrupt it instead" in stop.get_attribute("title")

    notebook.command("codeface:stop")
    notebook.button(1, "Insert below").wait_for()
    assert "stopped early" in notebook.text(1)


def test_the_kernel_is_shown_as_busy_while_it_answers(notebook):
    notebook.open(LOAD, LONG).load()
    notebook.start(1)
    notebook.output(1).get_by_text("tokens/s").wait_for()

    # Each message of a widget ends as idle; what counts is how it looks soon after.
    for _ in range(3):
        notebook.until("p => p.sessionContext.session.kernel.status === 'busy'")
        notebook.command("codeface:show-stats")
        notebook.page.locator(".jp-Dialog .jp-mod-accept").click()
    notebook.until("p => p.sessionContext.session.kernel.status === 'busy'")
    assert notebook.stop_button(1).is_visible()

    notebook.stop_button(1).click()
    notebook.until("p => p.sessionContext.session.kernel.status === 'idle'")
    notebook.button(1, "Insert below").wait_for()


def test_the_status_bar_tells_what_the_session_does(notebook):
    notebook.open(LOAD, LONG).load()
    status = notebook.page.locator(".jp-CodeFace-status")

    notebook.start(1)
    status.get_by_text("generating 2").wait_for()
    generating = status.inner_text()
    notebook.command("codeface:stop")
    status.get_by_text("idle").wait_for()
    status.click()
    notebook.page.locator(".jp-Dialog").get_by_role("button", name="Statistics").click()

    assert generating.startswith("generating 2")
    assert generating.endswith("tokens/s · scripted:40ms:x300 · scripted")
    dialog = notebook.page.locator(".jp-Dialog .jp-CodeFace-stats")
    dialog.get_by_text("requests").first.wait_for()
    notebook.page.keyboard.press("Escape")


def test_the_status_is_idle_again_after_a_model_could_not_be_loaded(notebook):
    notebook.open(LOAD, "%%codeface -e transformers -m ./no-such-folder\nadd two numbers").load()

    notebook.run(1)

    notebook.expect(1, "no-such-folder")
    notebook.page.locator(".jp-CodeFace-status").get_by_text("idle").wait_for()


def test_notebook_7_shows_the_status_in_its_toolbar(notebook):
    missing = []
    notebook.page.on("console", lambda m: missing.append(m.text) if "IStatusBar" in m.text else 0)
    notebook.open(LOAD, LONG, app="notebook")
    notebook.run(0)

    notebook.start(1)
    status = notebook.page.locator(".jp-Toolbar .jp-CodeFace-status")
    status.get_by_text("generating").wait_for()
    assert "scripted:40ms:x300 · scripted" in status.inner_text()
    notebook.command("codeface:stop")
    status.get_by_text("idle").wait_for()
    assert missing == []


def test_plots_of_the_cell_are_untouched(notebook):
    plot = (
        "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\n"
        "%codeface -m scripted:20ms:x60 a word\nplt.plot([2, 1]);"
    )
    notebook.open(LOAD, plot, "plt.plot([3, 4]);").load()

    notebook.run(1, 2)

    assert notebook.output(1).locator(".jp-RenderedImage img").count() == 1
    assert notebook.output(2).locator(".jp-RenderedImage img").count() == 1


def test_the_dark_theme_reads_well(notebook):
    notebook.open(LOAD, "%%codeface\nadd two numbers").load().run(1)
    notebook.button(1, "Insert below").wait_for()

    notebook.command("apputils:change-theme", theme="JupyterLab Dark")
    notebook.page.wait_for_selector("body[data-jp-theme-light='false']", state="attached")
    colours = notebook.page.evaluate(
        "() => ['pre', 'button'].map(tag => { const style = getComputedStyle("
        "document.querySelector('.jp-CodeFace-result ' + tag));"
        "return [style.color, style.backgroundColor] })"
    )

    notebook.command("apputils:change-theme", theme="JupyterLab Light")
    notebook.page.wait_for_selector("body[data-jp-theme-light='true']", state="attached")
    for foreground, background in colours:
        assert luminance(foreground) - luminance(background) > 80


def luminance(colour):
    red, green, blue = [float(part) for part in colour[4:-1].split(",")[:3]]
    return 0.3 * red + 0.6 * green + 0.1 * blue


def test_a_cell_that_is_deleted_while_its_answer_streams_harms_nothing(notebook):
    notebook.open(LOAD, LONG.replace("x300", "x60"), "'alive'").load()
    notebook.start(1)
    notebook.output(1).get_by_text("tokens/s").wait_for()

    notebook.command("notebook:delete-cell")
    notebook.until("p => p.content.widgets.length === 2")
    notebook.run(1)

    assert "alive" in notebook.text(1)
    assert notebook.errors == []


def test_in_notebook_7(notebook):
    notebook.open(LOAD, "%%codeface\nadd two numbers", "last = 1", app="notebook")
    notebook.run(0, 1)

    notebook.button(1, "Insert below").click()
    notebook.until("p => p.content.widgets.length === 4")

    assert notebook.sources[2].startswith("request = 'add two numbers'")


def test_without_the_labextension_the_answer_is_plain_markdown(plain_notebook):
    notebook = plain_notebook.open(LOAD, "%%codeface\nadd two numbers", "%codeface --dry-run hi")

    notebook.run(0, 1, 2)

    notebook.expect(1, "request = 'add two numbers'")
    notebook.expect(2, "as they were run")
    assert notebook.page.locator(".jp-CodeFace-result").count() == 0


@pytest.mark.real_model
def test_a_real_model_answers(notebook):
    notebook.open(LOAD, "%%codeface -e transformers -m qwen2.5-coder-0.5b -n 60\nadd two numbers")
    notebook.page.set_default_timeout(180_000)
    notebook.load().start(1)

    notebook.button(1, "Insert below").first.wait_for()

    assert "tokens/s" in notebook.text(1)


PICTURE = "http://127.0.0.1:9/leak.png?x=secret"
LEAKING = f"""
from codeface_jupyter.engines.current_engine import CurrentEngine
from codeface_jupyter.engines.scripted import ScriptedEngine
session = get_ipython().configurables[-1].extension.session
answer = (
    "![a]({PICTURE}) <img src='{PICTURE}'> ![b][c]\\n\\n[c]: {PICTURE}\\n\\n"
    + "```mermaid\\nflowchart LR\\n  A@{{{{ img: '{PICTURE}' }}}}\\n```\\n\\n" + "word " * 60
)
session._resources.engines = CurrentEngine(ScriptedEngine([answer], token_delay_s=0.02))
"""


@pytest.mark.parametrize("has_extension", [True, False])
def test_showing_an_answer_fetches_nothing(request, page, has_extension):
    fetched = []
    page.on("request", lambda sent: fetched.append(sent.url))
    name = "notebook" if has_extension else "plain_notebook"
    notebook = request.getfixturevalue(name)
    notebook.open(LOAD, LEAKING, "%%codeface\nshow it")
    notebook.run(0, 1)
    notebook.start(2)
    notebook.output(2).get_by_text("word word").first.wait_for()
    notebook.until("p => p.sessionContext.session.kernel.status === 'idle'")
    notebook.output(2).get_by_text("tokens").first.wait_for()
    assert [url for url in fetched if "leak.png" in url] == []


@pytest.mark.parametrize("is_plain", [False, True])
def test_formulas_are_typeset_and_amounts_of_money_are_not(request, is_plain):
    notebook = request.getfixturevalue("plain_notebook" if is_plain else "notebook")
    notebook.open(LOAD, PRICES, "%%codeface\nwhat does it cost?")
    notebook.run(0, 1)
    notebook.start(2)
    if not is_plain:
        notebook.output(2).get_by_text("or $310.00 for").wait_for()
    notebook.expect(2, "$6 more.")
    formulas = notebook.output(2).locator("mjx-container:visible")
    formulas.first.wait_for()

    assert formulas.count() == 1
    shown = " ".join(notebook.text(2).split())
    assert "It costs $12.50, or $310.00 for $A and $B, by" in shown
    assert "; $5 and $6 more." in shown
