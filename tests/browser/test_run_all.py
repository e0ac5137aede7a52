"""Run All in JupyterLab: answers that are kept, requests that go with what they asked for."""

import pytest

LOAD = "%load_ext codeface_jupyter"
ASK = "%%codeface\nadd two numbers"
AFTER = "done = 'reached'\nprint(done)"
FIX = "Explain and fix"
REPLACE = "Replace cell"
ACCEPT = "Accept and run"

PYTHON = {
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "language_info": {"name": "python"},
}


def run_all(notebook):
    notebook.page.evaluate(
        "() => window.jupyterapp.commands.execute('notebook:run-all-cells').then(() => null)"
    )


def executed(notebook, index):
    """Return a cell's number, which the page hears of with the reply, after all outputs."""
    notebook.until(f"p => p.content.widgets[{index}].model.executionCount !== null")
    return notebook.evaluate("(p, i) => p.content.widgets[i].model.executionCount", index)


def test_a_notebook_may_leave_requests_to_those_who_run_them_by_hand(notebook):
    notebook.open(LOAD, ASK, AFTER).load()
    notebook.run(1)
    notebook.button(1, "Insert below").wait_for()
    notebook.select(1)
    notebook.command("codeface:toggle-ask-in-run-all")
    notebook.until("p => p.context.model.sharedModel.getMetadata('codeface') !== undefined")
    first = executed(notebook, 1)

    run_all(notebook)

    # The request has run, and its answer is the one from before.
    notebook.expect(2, "reached")
    assert executed(notebook, 1) > first
    notebook.button(1, "Insert below").wait_for()
    assert "Not asked" not in notebook.text(1)
    notebook.run(1)
    notebook.expect(1, "from the response cache")


def test_a_request_that_was_never_asked_says_why_it_is_not(notebook):
    notebook.open(LOAD, ASK, AFTER).load()
    notebook.command("codeface:toggle-ask-in-run-all")

    run_all(notebook)

    notebook.expect(1, "Not asked, since the whole notebook was run.")
    notebook.expect(2, "reached")


def test_the_first_cell_is_not_asked_in_run_all_although_it_is_selected(notebook):
    notebook.open(ASK, AFTER, metadata={"codeface": {"ask_in_run_all": False}, **PYTHON})
    notebook.run(0)
    notebook.button(0, "Insert below").wait_for()
    first = executed(notebook, 0)
    notebook.select(0)

    run_all(notebook)

    notebook.expect(1, "reached")
    assert executed(notebook, 0) > first
    assert "from the response cache" not in notebook.text(0)
    notebook.run(0)
    notebook.expect(0, "from the response cache")


def test_cells_that_are_selected_together_are_run_by_hand(notebook):
    notebook.open(AFTER, ASK, ASK, metadata={"codeface": {"ask_in_run_all": False}, **PYTHON})
    notebook.evaluate("p => { p.content.deselectAll(); p.content.activeCellIndex = 1 }")
    notebook.evaluate("p => p.content.extendContiguousSelectionTo(2)")

    notebook.command("notebook:run-cell")

    notebook.button(1, "Insert below").wait_for()
    notebook.button(2, "Insert below").wait_for()


def test_run_all_goes_on_past_a_fix_that_has_been_accepted(notebook):
    notebook.open(LOAD, "1 / 0", AFTER).load()
    notebook.run(1)
    notebook.button(1, FIX).click()
    notebook.button(2, REPLACE).click()
    notebook.output(2).get_by_text("Replaced").wait_for()

    run_all(notebook)

    notebook.expect(3, "reached")
    notebook.expect(2, "That cell raised no error")


@pytest.mark.parametrize("accept", [REPLACE, ACCEPT])
def test_the_request_goes_with_what_it_asked_for_and_one_undo_brings_both_back(
    notebook, setting, accept
):
    notebook.open(LOAD, "1 / 0", AFTER).load()
    setting(removeRequest=True)
    notebook.load().run(1)
    notebook.button(1, FIX).click()
    notebook.button(2, REPLACE).wait_for()
    before, failed = notebook.sources, executed(notebook, 1)
    notebook.button(2, accept).click()
    notebook.until("p => p.content.widgets.length === 3")

    if accept == ACCEPT:
        notebook.until(f"p => p.content.widgets[1].model.executionCount > {failed}")
    assert notebook.sources[1] not in {"1 / 0", before[2]}
    notebook.page.keyboard.press("z")
    notebook.until("p => p.content.widgets.length === 4")
    assert notebook.sources == before


def test_two_clicks_ask_once(notebook):
    notebook.open(LOAD, "1 / 0", AFTER).load()
    notebook.run(1)

    notebook.button(1, FIX).dblclick()
    notebook.button(2, REPLACE).wait_for()

    assert len(notebook.sources) == 4
    assert executed(notebook, 2) == 3
