"""What the kernel learns of the notebook, through restarts, reloads, other notebooks and views."""

from pathlib import Path

import nbformat
import pytest

LOAD = "%load_ext codeface_jupyter"
DRY_RUN = "%codeface --dry-run which cells"
COMMS = (
    "from comm import get_comm_manager\n"
    "print([c.target_name for c in get_comm_manager().comms.values()].count('codeface.notebook'))"
)

# Runs until the test has changed a cell below it.
UNTIL_CHANGED = (
    "import pathlib, time\nend = time.monotonic() + 30\n"
    "while not pathlib.Path('changed').exists() and time.monotonic() < end: time.sleep(0.01)"
)


def markdown(source):
    return nbformat.v4.new_markdown_cell(source)


def locked(source):
    """Return a cell as nbgrader makes it."""
    metadata = {"editable": False, "deletable": False}
    return nbformat.v4.new_code_cell(source, metadata=metadata)


def test_cells_above_reach_the_prompt_in_document_order(notebook):
    notebook.open(
        LOAD,
        "second = 2",
        markdown("# The title"),
        "never_run = 3",
        DRY_RUN,
        "below = 4",
    ).load()

    notebook.run(5, 1, 4)
    shown = notebook.expect(4, "as they stand in the notebook").partition("Cells above")[2]

    order = [shown.index(words) for words in ("second = 2", "# The title", "never_run = 3")]
    assert order == sorted(order)
    assert "below = 4" not in shown


def test_cells_are_taken_as_they_are_when_their_turn_comes_in_run_all(notebook):
    (notebook.folder / "changed").unlink(missing_ok=True)
    notebook.open(LOAD, UNTIL_CHANGED, "old = 1", DRY_RUN).load()
    notebook.command("notebook:run-all-cells")
    notebook.until("p => p.content.widgets[1].node.innerText.includes('[*]')")

    notebook.evaluate("p => p.content.widgets[2].model.sharedModel.setSource('new = 1')")
    (notebook.folder / "changed").touch()
    notebook.output(3).get_by_text("as they stand").wait_for()

    notebook.expect(3, "new = 1")


def test_a_restarted_kernel_is_told_again(notebook):
    notebook.open(LOAD, "x = 1", DRY_RUN).load()
    notebook.evaluate("p => { void p.sessionContext.restartKernel() }")
    notebook.page.locator(".jp-CodeFace-status").wait_for(state="hidden")
    notebook.await_kernel()

    notebook.load().run(2)

    notebook.expect(2, "as they stand in the notebook")


def test_a_reloaded_page_finds_the_session_again(notebook):
    notebook.open(LOAD, "x = 1", DRY_RUN, COMMS).load()
    notebook.command("docmanager:save")
    notebook.until("p => !p.context.model.dirty")

    notebook.load_page_again()
    notebook.await_kernel()
    notebook.page.locator(".jp-CodeFace-status").wait_for()
    notebook.run(2)

    notebook.expect(2, "as they stand in the notebook")


def test_two_notebooks_have_their_own_cells(notebook):
    notebook.open(LOAD, "apples = 1", DRY_RUN).load()
    first = notebook.name
    notebook.command("notebook:create-new", kernelName="python3")
    notebook.until(f"p => p.context.path !== {first!r} && p.content.model.cells.length > 0")
    notebook.await_kernel()
    notebook.evaluate(
        "(p, sources) => { p.content.model.sharedModel.insertCells(0,"
        " sources.map(source => ({cell_type: 'code', source}))) }",
        [LOAD, "pears = 1", DRY_RUN],
    )
    notebook.load().run(2)
    panel = notebook.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    panel.get_by_text("as they stand").first.wait_for()
    pears = panel.inner_text()
    notebook.command("docmanager:open", path=first)
    notebook.until(f"p => p.context.path === {first!r}")
    notebook.run(2)
    panel.get_by_text("as they stand").first.wait_for()
    apples = panel.inner_text()

    assert "pears = 1" in pears
    assert "apples" not in pears
    assert "apples = 1" in apples
    assert "pears" not in apples


def test_two_views_of_a_notebook_share_one_connection(notebook):
    notebook.open(LOAD, "x = 1", COMMS).load()

    notebook.command("docmanager:clone")
    notebook.page.locator(".jp-NotebookPanel").nth(1).wait_for()
    notebook.run(2)

    assert notebook.page.locator(".jp-NotebookPanel").nth(1).inner_text().count("\n1") >= 1
    assert (
        notebook.evaluate(
            "p => p.content.widgets[2].model.outputs.get(0).data['text/plain']"
            " ?? p.content.widgets[2].model.outputs.get(0).toJSON().text"
        )
        == "1\n"
    )


def test_a_console_on_the_same_kernel_goes_by_what_was_run(notebook):
    notebook.open(LOAD, "x = 1").load()
    notebook.command("notebook:create-console")
    console = notebook.page.locator(".jp-CodeConsole")
    console.locator(".jp-CodeConsole-promptCell .cm-content").click()
    notebook.page.keyboard.type(DRY_RUN)
    notebook.page.keyboard.press("Shift+Enter")

    console.get_by_text("as they were run").wait_for()
    assert notebook.errors == []


def test_the_extension_unloads_and_loads_again(notebook):
    notebook.open(LOAD, "%unload_ext codeface_jupyter", DRY_RUN).load()

    notebook.run(1)
    notebook.page.locator(".jp-CodeFace-status").wait_for(state="hidden")
    notebook.load().run(2)

    notebook.expect(2, "as they stand in the notebook")


def test_a_cell_of_five_megabytes_breaks_nothing(notebook):
    huge = f"text = '{'x' * 5_000_000}'"
    notebook.open(LOAD, "near = 1", DRY_RUN).load()
    notebook.evaluate(
        "(p, source) => { p.content.model.sharedModel.insertCell(1, {cell_type: 'code', source}) }",
        huge,
    )

    notebook.run(3)

    notebook.expect(3, "near = 1")
    # ipywidgets reports a widget that is closed while the page, busy with the cell, makes its view.
    assert [error for error in notebook.errors if "jupyterlab-manager" not in error] == []


def test_ask_inserts_and_runs_a_magic_cell_that_can_be_undone(notebook):
    notebook.open("x = 1", "last = 1")
    notebook.select(0)

    notebook.command("codeface:ask-below", request="add two numbers")
    notebook.button(1, "Insert below").wait_for()

    assert notebook.sources == ["x = 1", "%%codeface\nadd two numbers", "last = 1"]
    notebook.command("notebook:undo-cell-action")
    notebook.until("p => p.content.widgets.length === 2")


def test_explain_takes_a_cell_that_has_not_been_run_or_what_is_selected_in_it(notebook):
    notebook.open("total = 0\nfor n in range(3):\n    total += n")
    notebook.select(0)
    notebook.command("codeface:explain-selection")
    notebook.button(1, "Insert as Markdown").wait_for()
    cell_id = notebook.evaluate("p => p.content.widgets[0].model.id")
    assert notebook.sources[1] == f"%codeface_explain --id {cell_id}"

    notebook.evaluate(
        "p => { p.content.activeCellIndex = 0; p.content.activeCell.editor.setSelection("
        "{ start: { line: 1, column: 0 }, end: { line: 2, column: 14 } }) }"
    )
    notebook.command("codeface:explain-selection")
    notebook.until("p => p.content.widgets.length === 3")
    assert notebook.sources[1] == "%%codeface_explain\nfor n in range(3):\n    total += n"
    notebook.button(1, "Insert as Markdown").wait_for()
    assert notebook.button(1, "Insert below").count() == 0


def test_a_locked_cell_is_left_alone(notebook):
    page = notebook.open("x = 1", locked(""), locked("y = 2")).page
    notebook.select(2)
    notebook.command("codeface:edit-cell", instruction="rename it")
    said = page.locator(".Toastify__toast")
    said.get_by_text("This cell is locked, so it cannot be edited.").wait_for()
    said.get_by_role("button", name="Hide").click()
    said.wait_for(state="detached")

    notebook.select(1)
    notebook.command("codeface:ask-below", request="add two numbers")
    notebook.button(2, "Insert below").wait_for()

    assert notebook.sources == ["x = 1", "", "%%codeface\nadd two numbers", "y = 2"]


def test_the_palette_and_the_context_menu_offer_the_commands(notebook):
    notebook.open("x = 1").page.keyboard.press("Control+Shift+C")
    palette = notebook.page.locator(".lm-CommandPalette-content")
    palette.get_by_text("Ask CodeFace…").first.wait_for()
    notebook.page.keyboard.press("Escape")

    notebook.cell(0).click(button="right")

    notebook.page.locator(".lm-Menu").get_by_text("Explain with CodeFace").wait_for()


def test_an_error_has_a_button_that_asks_for_its_repair(notebook):
    notebook.open(LOAD, "1 / 0", "last = 1").load()
    notebook.run(1)

    notebook.expect(1, "ZeroDivisionError")
    notebook.screenshot("error")
    notebook.button(1, "Explain and fix").click()
    notebook.until("p => p.content.widgets.length === 4")

    cell_id = notebook.evaluate("p => p.content.widgets[1].model.id")
    assert notebook.sources[2] == f"%codeface_fix --id {cell_id}"


@pytest.mark.parametrize("language", ["R"])
def test_a_notebook_of_another_language_is_left_alone(notebook, language):
    error = nbformat.v4.new_output("error", ename="E", evalue="e", traceback=["Traceback of R"])
    spec = {"name": language, "display_name": language, "language": language}
    notebook.open(
        nbformat.v4.new_code_cell("stop()", outputs=[error], execution_count=1),
        metadata={"language_info": {"name": language}, "kernelspec": spec},
        wait=False,
    )
    notebook.output(0).get_by_text("Traceback of R").wait_for()

    assert notebook.button(0, "Explain and fix").count() == 0
    assert not notebook.page.evaluate(
        "() => window.jupyterapp.commands.isEnabled('codeface:ask-below')"
    )


def test_the_file_menu_exports_under_the_names_that_the_documentation_says(notebook):
    page = notebook.open("1").page
    told = (Path(__file__).parents[2] / "docs" / "jupyterlab.md").read_text(encoding="utf-8")
    page.locator(".lm-MenuBar-itemLabel", has_text="File").click()
    page.locator(".lm-Menu").get_by_text("Save and Export Notebook As").hover()

    for name in ("Codeface-handout", "Codeface-script"):
        page.locator(".lm-Menu").get_by_text(name, exact=True).wait_for()
        assert f"*{name}*" in told
    page.keyboard.press("Escape")
