"""What somebody meets in the first minute: no %load_ext, ways to ask, what is said meanwhile."""

DRY_RUN = "%codeface --dry-run which cells"


def test_a_fresh_kernel_needs_no_load_ext_and_gets_the_cells_at_once(notebook):
    notebook.open("never_run = 3", DRY_RUN, "last = 1")

    notebook.run(1)

    shown = notebook.expect(1, "as they stand in the notebook")
    assert "never_run = 3" in shown
    # Nothing came between.
    notebook.run(2)
    assert notebook.evaluate(
        "p => p.content.widgets.map(c => c.model.sharedModel.execution_count)"
    ) == [None, 1, 2]


def test_a_restarted_kernel_needs_none_either(notebook):
    notebook.open("%%codeface\nprint one", DRY_RUN)
    notebook.run(0)
    notebook.button(0, "Insert below").wait_for()
    notebook.evaluate("p => p.sessionContext.restartKernel().then(() => null)")
    notebook.await_kernel()

    notebook.command("notebook:run-all-cells")

    notebook.expect(1, "as they stand in the notebook")


def test_a_kernel_without_the_package_has_a_line_that_says_so(notebook):
    notebook.open(
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name: None if name == 'codeface_jupyter' else find(name)",
        "%%codeface\nprint one",
    )

    notebook.run(0)
    notebook.start(1)

    notebook.expect(1, "not found")
    notebook.page.get_by_text("%pip install codeface-jupyter").first.wait_for()


def test_the_question_is_typed_in_a_few_lines_and_kept_after_escape(notebook):
    page = notebook.open("x = 1", "last = 1").page
    notebook.select(0)
    notebook.command("codeface:ask-below")
    field = page.get_by_label("What do you want?")
    assert field.bounding_box()["height"] > 60
    page.keyboard.type("plot the mean")
    page.keyboard.press("Escape")
    field.wait_for(state="detached")

    notebook.command("codeface:ask-below")
    assert field.input_value() == "plot the mean"
    field.press("End")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("don't sort")
    page.keyboard.press("Enter")

    notebook.button(1, "Insert below").wait_for()
    assert notebook.sources[1] == "%%codeface\nplot the mean\ndon't sort"


def test_an_empty_cell_the_toolbar_and_the_menu_offer_to_ask(notebook):
    page = notebook.open("x = 1", "").page
    line = page.get_by_role("button", name="Ask CodeFace…", include_hidden=True)
    notebook.select(0)
    assert line.locator("visible=true").count() == 0

    notebook.cell(0).hover()
    notebook.cell(0).locator("[data-jp-item-name='codeface-ask']").wait_for()
    page.locator(".lm-MenuBar-itemLabel", has_text="CodeFace").click()
    page.locator(".lm-Menu").get_by_text("Explain and fix with CodeFace").wait_for()
    page.keyboard.press("Escape")
    notebook.select(1)
    assert line.locator("visible=true").get_attribute("title") == "Ask for code here (Alt+Shift+A)"
    line.locator("visible=true").click()
    page.get_by_label("What do you want?").fill("print one")
    page.keyboard.press("Enter")

    # It asks in the empty cell itself, and that is one step to undo.
    notebook.button(1, "Insert below").wait_for()
    assert notebook.sources == ["x = 1", "%%codeface\nprint one"]


def test_a_question_is_wrapped_prose_and_not_python(notebook):
    words = "don't plot more than " + "very " * 60 + "few of 'em"
    notebook.open(f"%%codeface\n{words}", "x = 'one'")

    question, code = (
        notebook.cell(0).locator(".cm-content"),
        notebook.cell(1).locator(".cm-content"),
    )

    assert question.get_attribute("data-language") == "codeface"
    assert question.locator(".cm-line").nth(1).locator("span").count() == 0
    assert question.locator(".cm-line").nth(1).bounding_box()["height"] > 30
    assert code.get_attribute("data-language") == "python"


def test_the_status_bars_dialog_chooses_loads_and_unloads_a_model(notebook):
    page = notebook.open("%load_ext codeface_jupyter", "%codeface_config").load().page
    page.locator(".jp-CodeFace-status").click()
    models, engines = (page.get_by_label(label, exact=True) for label in ("Model", "Engine"))
    page.get_by_text("does not fit in memory").first.wait_for(state="attached")
    assert models.input_value() == "scripted:10ms"
    assert engines.input_value() == "scripted"

    page.get_by_role("button", name="Load now").click()
    page.get_by_text("Loaded.").wait_for()
    page.get_by_role("button", name="Unload").click()
    page.get_by_text("Unloaded.").wait_for()
    models.select_option("smollm2-135m")
    page.get_by_text("Answers from the next question on").wait_for()
    assert "memory" in page.locator(".jp-CodeFace-picker").inner_text()
    page.get_by_role("button", name="Close").click()

    page.locator(".jp-CodeFace-status", has_text="smollm2-135m").wait_for()


SLOW = """\
%load_ext codeface_jupyter
import time
from codeface_jupyter.engines.current_engine import CurrentEngine
from codeface_jupyter.engines.scripted import ScriptedEngine
class Slow(ScriptedEngine):
    def generate(self, request, job):
        while True:
            job.progress("Preparing a-model-with-a-long-name-7b for OpenVINO (once)", 40, 100)
            time.sleep(0.1)
get_ipython().configurables[-1].extension.session._resources.engines = CurrentEngine(Slow(["x"]))"""


def test_what_is_being_done_can_be_read_to_its_end_in_a_narrow_window(notebook):
    page = notebook.open(SLOW, "%%codeface\nprint one").load().page
    page.set_viewport_size({"width": 760, "height": 760})
    notebook.start(1)
    status = notebook.output(1).locator(".widget-label", has_text="(once): 40%")
    status.wait_for()

    shown, output = status.bounding_box(), notebook.output(1).bounding_box()
    is_whole = status.evaluate("node => node.scrollWidth <= node.clientWidth")

    notebook.stop_button(1).click()
    assert is_whole
    assert shown["x"] + shown["width"] <= output["x"] + output["width"]
