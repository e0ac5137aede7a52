"""The button of an error covers nothing, is whole on a short error, and stays along a long one."""

import nbformat

LOAD = "%load_ext codeface_jupyter"
FIX = "Explain and fix"
LONG = "\n".join(
    ["def f0():", "    return 1 / 0"]
    + [f"def f{n}():\n    return f{n - 1}()" for n in range(1, 12)]
    + ["f11()"]
)


def box(locator):
    return locator.bounding_box()


def test_on_an_error_of_one_line_it_is_whole_and_covers_no_word(notebook):
    notebook.open(LOAD, "%xmode Minimal\n1 / 0", "x = 1").load()
    notebook.run(1)
    button = notebook.button(1, FIX)
    button.wait_for()
    traceback = notebook.output(1).locator(".jp-CodeFace-error > .jp-RenderedText")

    above = box(button)["y"] + box(button)["height"]
    assert above <= box(traceback)["y"] + 1
    error = box(notebook.output(1).locator(".jp-CodeFace-error"))
    assert above <= error["y"] + error["height"]


def test_along_a_long_traceback_it_stays_in_view(notebook):
    notebook.open(LOAD, LONG, "x = 1").load()
    notebook.run(1)
    button = notebook.button(1, FIX)
    button.wait_for()

    notebook.evaluate("p => { p.content.outerNode.scrollTop = 1200 }")
    notebook.until("p => p.content.outerNode.scrollTop > 600")

    view = box(notebook.page.locator(".jp-Notebook .jp-WindowedPanel-outer"))
    assert box(button)["y"] >= view["y"] - 1


def test_it_is_at_saved_errors_of_a_notebook_whose_kernel_tells_the_language(notebook):
    error = nbformat.v4.new_output(
        "error", ename="ValueError", evalue="no", traceback=["ValueError: no"]
    )
    failed = nbformat.v4.new_code_cell("raise ValueError('no')", outputs=[error])
    spec = {"name": "python3", "display_name": "Python 3"}
    notebook.open("x = 1", failed, metadata={"kernelspec": spec})

    notebook.button(1, FIX).wait_for()


def test_it_asks_although_the_notebook_scrolls_elsewhere_meanwhile(notebook):
    notebook.open(LOAD, "1 / 0").load()
    notebook.run(1)
    # What JupyterLab does with all who scroll when somebody else does.
    notebook.evaluate("p => { p.content.scrollToItem = () => Promise.reject('another item') }")
    notebook.button(1, FIX).click()

    notebook.expect(2, "A scripted answer")
