"""An answer that is cut off by the end of its kernel, or saved while it comes, can be read."""

import re

import nbformat
import pytest

LOAD = "%load_ext codeface_jupyter"
LONG = "%%codeface -m scripted:40ms:x3000 -n 3000\nadd two numbers"
UNFINISHED = "This answer was not complete when the notebook was saved."
ENDED = "The kernel was restarted or ended before this answer was complete."


@pytest.fixture
def streaming(notebook):
    """A notebook with an answer that has come for a while."""
    notebook.open(LOAD, LONG).load()
    notebook.start(1)
    notebook.output(1).locator(".codeface-streaming").get_by_text("line 5 of").wait_for()
    return notebook


def saved(notebook):
    """Save the notebook, and return the outputs of its second cell as they are in the file."""
    notebook.page.evaluate(
        "() => window.jupyterapp.commands.execute('docmanager:save').then(() => null)"
    )
    return nbformat.read(notebook.folder / notebook.name, as_version=4).cells[1].outputs


def test_a_notebook_saved_in_mid_stream_holds_the_words_so_far(streaming):
    (output,) = saved(streaming)
    streaming.command("codeface:stop")

    assert "request = 'add two numbers'" in output.data["text/markdown"]
    assert "was not complete when this was saved" in output.data["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" not in output.data


def test_it_reopens_with_the_words_and_says_that_they_are_not_all(streaming):
    outputs = saved(streaming)
    streaming.command("codeface:stop")
    streaming.button(1, "Insert below").wait_for()
    cell = nbformat.v4.new_code_cell(LONG, outputs=outputs, execution_count=2)

    streaming.open(LOAD, cell)

    shown = streaming.expect(1, UNFINISHED)
    assert "line 1 of" in shown
    assert "Error displaying widget" not in shown
    assert streaming.stop_button(1).count() == 0


def test_after_a_restart_in_mid_stream_the_page_says_so_and_keeps_the_words(streaming):
    streaming.evaluate("p => p.sessionContext.session.kernel.restart()")

    shown = streaming.expect(1, ENDED)
    assert "line 1 of" in shown
    assert streaming.stop_button(1).count() == 0
    assert streaming.output(1).locator(".jupyter-widgets").count() == 0


def test_a_kernel_that_is_shut_down_leaves_the_words_as_well(streaming):
    streaming.evaluate("p => { void p.sessionContext.shutdown() }")

    # The server interrupts it first, and may end it before it has told how the answer ended.
    end = re.compile(f"stopped early|{re.escape(ENDED)}")
    streaming.output(1).get_by_text(end).wait_for()
    assert "line 1 of" in streaming.text(1)
    assert streaming.stop_button(1).count() == 0


def test_a_page_loaded_anew_in_mid_stream_shows_the_words(streaming):
    saved(streaming)
    streaming.load_page_again()
    streaming.page.locator(".jp-Notebook").wait_for()

    assert "line 1 of" in streaming.expect(1, UNFINISHED)
    # The words are there before the page has a kernel, and the command does nothing without one.
    streaming.until("p => p.sessionContext.session?.kernel?.connectionStatus === 'connected'")
    # Until the kernel is free, it does not tell a new page that it can be talked to.
    streaming.command("notebook:interrupt-kernel")
    streaming.page.locator(".jp-CodeFace-status").get_by_text("idle").wait_for()
