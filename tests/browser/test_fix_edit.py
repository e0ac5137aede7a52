"""Fix and edit in JupyterLab: the cell that is meant, and what Replace makes of it."""

import nbformat
import pytest

LOAD = "%load_ext codeface_jupyter"
KEY = "api_key = 'sk-ant-0123456789abcdef0123456789'"
REPLACE = "Replace cell"


@pytest.fixture
def failing(notebook):
    """A notebook with two cells of the same source, of which the first failed."""
    notebook.open(LOAD, "1 / 0", "1 / 0").load()
    notebook.run(1)
    return notebook


def test_the_cell_beside_the_button_is_replaced_not_its_twin(failing):
    failing.button(1, "Explain and fix").click()
    failing.expect(2, "ZeroDivisionError in line 1")
    failing.button(2, REPLACE).click()
    failing.output(2).get_by_text("Replaced").wait_for()

    assert failing.sources[1] != "1 / 0"
    assert failing.sources[3] == "1 / 0"


def test_replace_is_the_highlighted_button_and_accept_and_run_the_second(failing):
    failing.button(1, "Explain and fix").click()
    failing.button(2, REPLACE).wait_for()

    buttons = failing.output(2).locator(".jp-CodeFace-actions button:visible")
    assert buttons.all_inner_texts()[:2] == [REPLACE, "Accept and run"]
    assert "jp-mod-accept" in buttons.first.get_attribute("class")
    assert failing.output(2).locator(".jp-CodeFace-actions:visible").count() == 1


def test_the_first_error_of_a_notebook_without_the_extension_is_fixed(notebook):
    notebook.open("1 / 0")
    notebook.run(0)

    notebook.button(0, "Explain and fix").click()

    notebook.expect(1, "ZeroDivisionError in line 1")
    notebook.button(1, REPLACE).wait_for()


def test_after_a_restart_the_error_that_the_page_shows_is_fixed(failing):
    failing.evaluate("p => p.sessionContext.session.kernel.restart()")
    failing.await_kernel()
    failing.page.locator(".jp-CodeFace-status").wait_for(state="hidden")

    failing.button(1, "Explain and fix").click()

    failing.expect(2, "ZeroDivisionError in line 1")
    failing.button(2, REPLACE).click()
    failing.output(2).get_by_text("Replaced").wait_for()
    assert failing.sources[1] != "1 / 0"


def test_a_markdown_cell_is_edited_as_markdown(notebook):
    notebook.open(LOAD, "x = 1", nbformat.v4.new_markdown_cell("# A titel")).load()
    notebook.select(2)

    notebook.command("codeface:edit-cell", instruction="mend the title")

    notebook.expect(3, "titel")
    assert "x = 1" not in notebook.text(3)


def test_a_cell_that_was_changed_meanwhile_is_not_replaced(failing):
    failing.button(1, "Explain and fix").click()
    failing.button(2, REPLACE).wait_for()
    failing.evaluate("p => p.content.widgets[1].model.sharedModel.setSource('x = 1')")

    failing.button(2, REPLACE).click()

    failing.output(2).get_by_text("has been changed since").wait_for()
    assert failing.sources[1] == "x = 1"


def test_a_cell_with_a_key_is_not_replaced_by_an_answer_without_its_mark(notebook):
    notebook.open(LOAD, f"%%time\n{KEY}\nlen(qqq)").load()
    notebook.run(1)
    notebook.button(1, "Explain and fix").click()
    notebook.expect(2, "nothing is called")
    # The scripted engine does not repeat the mark of the line.
    notebook.expect(2, "is not offered: the answer left out or moved the mark")

    assert notebook.button(2, REPLACE).count() == 0 or notebook.button(2, REPLACE).is_hidden()
    assert "sk-ant" not in notebook.text(2)


def test_what_was_interrupted_or_only_asks_has_no_button_that_fixes_it(notebook):
    notebook.open(LOAD, "raise KeyboardInterrupt", "%%codeface --no-such-option\nplot it").load()
    notebook.run(1, 2)

    notebook.expect(1, "KeyboardInterrupt")
    notebook.expect(2, "no-such-option")
    assert notebook.button(1, "Explain and fix").count() == 0
    assert notebook.button(2, "Explain and fix").count() == 0
