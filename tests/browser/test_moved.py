"""A cell that is moved, deleted or cleared while its answer comes."""

import nbformat
import pytest

RESULT_MIME = "application/vnd.codeface.result.v1+json"
LOAD = "%load_ext codeface_jupyter"
LONG = "%%codeface -m scripted:20ms:x150 -n 150\nadd two numbers"


@pytest.fixture
def streaming(notebook):
    """A notebook in whose second cell an answer comes, which takes three seconds."""
    notebook.open(LOAD, LONG, "print('next')", "last = 1").load()
    notebook.start(1)
    notebook.output(1).get_by_text("line 2 of").wait_for()
    notebook.evaluate("p => { p.content.mode = 'command' }")
    return notebook


def saved_output(notebook, index):
    notebook.page.evaluate(
        "() => window.jupyterapp.commands.execute('docmanager:save').then(() => null)"
    )
    (output,) = nbformat.read(notebook.folder / notebook.name, as_version=4).cells[index].outputs
    return output.data


def test_a_cell_that_is_moved_keeps_its_answer(streaming):
    streaming.command("notebook:move-cell-down")

    streaming.button(2, "Insert below").wait_for()
    assert "line 13 of" in streaming.text(2)
    assert "line 13 of" in saved_output(streaming, 2)[RESULT_MIME]["text"]


def test_a_cell_that_is_moved_twice_still_shows_what_comes_and_can_be_stopped(streaming):
    streaming.command("notebook:move-cell-down")
    streaming.until("p => p.content.activeCellIndex === 2")
    streaming.command("notebook:move-cell-up")
    streaming.until("p => p.content.activeCellIndex === 1")

    streaming.output(1).locator(".codeface-streaming").get_by_text("line 5 of").wait_for()
    streaming.stop_button(1).click()

    streaming.button(1, "Insert below").wait_for()
    assert "stopped early" in streaming.text(1)
    assert RESULT_MIME in saved_output(streaming, 1)


def test_a_cell_that_is_deleted_and_brought_back_has_what_had_come(streaming):
    streaming.command("notebook:delete-cell")
    streaming.page.locator(".jp-CodeFace-status").get_by_text("idle").wait_for()
    streaming.command("notebook:undo-cell-action")

    streaming.button(1, "Insert below").wait_for()
    assert "line 2 of" in streaming.text(1)
    assert "stopped early" in streaming.text(1)


@pytest.mark.parametrize("command", ["clear-all-cell-outputs", "change-cell-to-markdown"])
def test_an_answer_whose_output_goes_ends(notebook, command):
    notebook.open(LOAD, LONG.replace("150", "900")).load()
    notebook.start(1)
    notebook.output(1).get_by_text("line 2 of").wait_for()
    status = notebook.page.locator(".jp-CodeFace-status")
    status.get_by_text("generating").wait_for()

    notebook.command(f"notebook:{command}")

    # Of the 18 s that the answer would take.
    status.get_by_text("idle").wait_for(timeout=8000)
