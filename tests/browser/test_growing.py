"""An answer that grows: its end stays in view, it ends with its cell, the focus is not lost."""

import nbformat

LOAD = "%load_ext codeface_jupyter"
LONG = "%%codeface -m scripted:20ms:x900 -n 900\nadd two numbers"
TALL = nbformat.v4.new_markdown_cell("\n\n".join(f"Paragraph {n}" for n in range(10)))
IN_VIEW = (
    "(p, i) => { const end = p.content.widgets[i].node.querySelector('.jp-OutputArea')"
    ".getBoundingClientRect().bottom; const view = p.content.outerNode.getBoundingClientRect();"
    " return end > view.top && end <= view.bottom + 4 }"
)


def is_end_in_view(notebook, index):
    return notebook.evaluate(IN_VIEW, index)


def await_end_in_view(notebook, index):
    notebook.until(f"p => ({IN_VIEW})(p, {index})")


def test_the_page_follows_the_end_unless_the_user_scrolls_away(notebook):
    notebook.open(LOAD, TALL, LONG).load()
    notebook.start(2)
    notebook.output(2).get_by_text("line 40 of").wait_for()
    await_end_in_view(notebook, 2)

    notebook.cell(2).hover()
    notebook.page.mouse.wheel(0, -600)
    notebook.output(2).get_by_text("line 60 of").wait_for()
    assert not is_end_in_view(notebook, 2)

    notebook.page.mouse.wheel(0, 6000)
    notebook.output(2).get_by_text("line 80 of").wait_for()
    await_end_in_view(notebook, 2)
    notebook.command("codeface:stop")
    notebook.button(2, "Insert below").wait_for()
    await_end_in_view(notebook, 2)


def test_an_answer_ends_with_its_cell(notebook):
    notebook.open(LOAD, LONG, "print('next')").load()
    notebook.start(1)
    notebook.output(1).get_by_text("line 2 of").wait_for()
    status = notebook.page.locator(".jp-CodeFace-status")
    status.get_by_text("generating").wait_for()

    notebook.command("notebook:delete-cell")

    # Of the 18 s that the answer would take.
    status.get_by_text("idle").wait_for(timeout=8000)


def test_after_stop_the_focus_is_in_the_answer(notebook):
    notebook.open(LOAD, LONG).load()
    notebook.start(1)
    notebook.output(1).get_by_text("line 2 of").wait_for()

    notebook.stop_button(1).focus()
    notebook.page.keyboard.press("Enter")
    notebook.button(1, "Insert below").wait_for()

    notebook.until("p => document.activeElement.textContent === 'Insert below'")
