"""The button under a cached answer: there while it can do something, and what it does."""

import subprocess
import sys

import pytest

LOAD = "%load_ext codeface_jupyter"
ASK = "%%codeface\nadd two numbers"
CACHED = "from the response cache"


def ask_twice(notebook, index=1):
    """Ask, and ask the same again, which the response cache answers."""
    notebook.run(index, index)
    notebook.expect(index, CACHED)


def test_one_click_brings_a_new_answer_to_the_same_place(notebook):
    kept = "print('before')\n%codeface add two numbers\nprint('after')"
    notebook.open(LOAD, kept, "_codeface.metrics.from_response_cache").load()
    notebook.run(1)
    notebook.expect(1, "tokens/s")
    assert notebook.button(1, "Ask again").count() == 0
    notebook.run(1)

    notebook.button(1, "Ask again").click()
    notebook.stop_button(1).wait_for()
    streaming = notebook.text(1)
    notebook.button(1, "Insert below").wait_for()

    assert "request = 'add two numbers'" in notebook.text(1)
    assert "tokens/s" in notebook.text(1)
    assert CACHED not in notebook.text(1)
    assert notebook.button(1, "Ask again").count() == 0
    assert notebook.output(1).locator(".codeface-streaming").count() == 0
    for text in (streaming, notebook.text(1)):
        assert text.index("before") < text.rindex("after")
    # No variable changes beside the user's back.
    notebook.run(2)
    assert "True" in notebook.text(2)


def test_stopping_it_brings_the_old_answer_back(notebook):
    notebook.open(LOAD, "%%codeface -m scripted:20ms:x300\nadd two numbers").load()
    ask_twice(notebook)

    notebook.button(1, "Ask again").click()
    notebook.output(1).get_by_text("tokens/s").wait_for()
    notebook.command("codeface:stop")
    notebook.button(1, "Ask again").wait_for()

    assert CACHED in notebook.text(1)
    assert "stopped" not in notebook.text(1)
    assert "line 40 of" in notebook.text(1)
    assert notebook.button(1, "Ask again").is_enabled()


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_it_goes_with_the_kernel_and_is_not_in_a_saved_notebook(notebook, app):
    notebook.open(LOAD, ASK, app=app)
    if app == "lab":
        notebook.load()
    else:
        notebook.run(0)
    ask_twice(notebook)
    notebook.button(1, "Ask again").wait_for()
    if app == "lab":
        notebook.screenshot("cached")
    notebook.command("docmanager:save")
    notebook.until("p => !p.context.model.dirty")

    # A page that is loaded anew does not hear what becomes of an old output.
    notebook.page.reload()
    notebook.button(1, "Insert below").wait_for()
    notebook.await_kernel()
    assert notebook.button(1, "Ask again").count() == 0

    ask_twice(notebook)
    notebook.button(1, "Ask again").wait_for()
    notebook.evaluate("p => { void p.sessionContext.restartKernel() }")
    notebook.button(1, "Ask again").wait_for(state="hidden")
    assert "Ask again" not in exported(notebook)


def test_without_the_labextension_a_widget_is_the_button_until_the_next_cell(plain_notebook):
    notebook = plain_notebook.open(LOAD, ASK, "1 + 1")
    notebook.run(0)
    ask_twice(notebook)
    button = notebook.output(1).locator("button.jupyter-button", has_text="Ask again")
    button.wait_for()

    button.click()
    notebook.stop_button(1).wait_for()
    notebook.expect(1, "first token after")
    assert CACHED not in notebook.text(1)
    assert button.count() == 0

    ask_twice(notebook)
    button.wait_for()
    notebook.command("docmanager:save")
    notebook.until("p => !p.context.model.dirty")
    page = exported(notebook)
    assert CACHED in page
    assert "Ask again" not in page
    assert "Button(" not in page

    notebook.run(2)
    button.wait_for(state="detached")
    assert CACHED in notebook.text(1)


def exported(notebook):
    """Return the saved notebook as static HTML."""
    command = [sys.executable, "-m", "nbconvert", "--to", "html", "--stdout"]
    done = subprocess.run(
        [*command, notebook.folder / notebook.name],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout
