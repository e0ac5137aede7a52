"""The buttons of a result: where the code goes, what undo does, what the buttons say."""

import json
from pathlib import Path

import nbformat
import pytest

RESULTS = json.loads(
    (Path(__file__).parents[1] / "data" / "protocol" / "results.json").read_text(encoding="utf-8")
)
MIME = "application/vnd.codeface.result.v1+json"
BASH = "%%bash\nls"


def answered(result, source="%%codeface\nmean sales per city"):
    """Return a cell with the saved output of an answer."""
    output = nbformat.v4.new_output("display_data", data={MIME: result, "text/markdown": "saved"})
    return nbformat.v4.new_code_cell(source, outputs=[output], execution_count=3)


@pytest.fixture
def two_blocks(notebook):
    """A notebook with an answer of two blocks between two other cells."""
    return notebook.open("first = 1", answered(RESULTS["two blocks"]), "last = 1")


def code(result):
    return result["blocks"][0]["code"]


def test_insert_puts_a_cell_under_the_one_that_asked_and_undo_takes_it_back(two_blocks):
    notebook = two_blocks
    before = notebook.sources

    notebook.button(1, "Insert below").first.click()
    notebook.until("p => p.content.widgets.length === 4")

    assert notebook.sources == [*before[:2], code(RESULTS["two blocks"]), before[2]]
    assert notebook.active == 2
    assert notebook.evaluate("p => p.content.widgets[2].model.executionCount") is None
    notebook.command("notebook:undo-cell-action")
    notebook.until("p => p.content.widgets.length === 3")
    assert notebook.sources == before


def test_keys_go_to_the_inserted_cell_which_one_z_takes_back_and_shift_enter_runs(two_blocks):
    notebook = two_blocks
    before = notebook.sources

    notebook.button(1, "Insert below").first.press("Enter")
    notebook.until("p => p.content.widgets[2].node === document.activeElement")
    notebook.output(1).get_by_text("Inserted below").wait_for()
    notebook.page.keyboard.press("z")
    notebook.until("p => p.content.widgets.length === 3")
    assert notebook.sources == before

    notebook.button(1, "Insert below").first.click()
    notebook.until("p => p.content.widgets[2].node === document.activeElement")
    notebook.page.keyboard.press("Shift+Enter")
    notebook.expect(2, "NameError")
    assert notebook.active == 3


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_an_explanation_becomes_a_cell_of_markdown_and_undo_takes_it_back(notebook, app):
    words = "It **adds** two numbers:\n\n```python\na + b\n```\n\nand returns them."
    saved = {**RESULTS["no code"], "text": words, "insert": "none"}
    notebook.open("first = 1", answered(saved, "%codeface_explain add"), "last = 1", app=app)
    before = notebook.sources

    notebook.button(1, "Insert as Markdown").click()
    notebook.until("p => p.content.widgets.length === 4")

    assert notebook.sources == [*before[:2], words, before[2]]
    assert notebook.active == 2
    rendered = notebook.cell(2).locator(".jp-RenderedMarkdown")
    rendered.get_by_text("adds").wait_for()
    assert rendered.locator("strong").inner_text() == "adds"
    notebook.command("notebook:undo-cell-action")
    notebook.until("p => p.content.widgets.length === 3")
    assert notebook.sources == before


def test_of_an_answer_with_code_the_words_become_a_cell_of_markdown(two_blocks):
    two_blocks.button(1, "Insert as Markdown").click()
    two_blocks.until("p => p.content.widgets.length === 4")

    assert two_blocks.sources[2] == "The mean per city:\n\nAnd the files:"


def test_pressing_twice_says_so_and_goes_there(two_blocks):
    notebook = two_blocks
    insert = notebook.button(1, "Insert below").first

    insert.click()
    notebook.output(1).get_by_text("Inserted below").wait_for()
    notebook.screenshot("inserted")
    insert.click()
    notebook.output(1).get_by_text("Already inserted").wait_for()
    notebook.select(0)
    notebook.button(1, "Go to cell").first.click()
    notebook.until("p => p.content.activeCellIndex === 2")

    assert len(notebook.sources) == 4
    notebook.button(1, "Insert again").first.click()
    notebook.until("p => p.content.widgets.length === 5")


def test_after_an_undo_the_row_no_longer_says_that_a_cell_was_inserted(two_blocks):
    notebook = two_blocks
    notebook.button(1, "Insert below").first.click()
    notebook.until("p => p.content.widgets.length === 4")
    notebook.command("notebook:undo-cell-action")
    notebook.until("p => p.content.widgets.length === 3")

    notebook.output(1).get_by_text("Inserted below").wait_for(state="hidden")
    assert notebook.button(1, "Go to cell").count() == 0
    notebook.command("notebook:redo-cell-action")
    notebook.until("p => p.content.widgets.length === 4")


def test_the_notebook_s_undo_takes_back_a_replacement_before_an_earlier_insertion(two_blocks):
    notebook = two_blocks
    before = notebook.sources
    notebook.button(1, "Insert below").first.click()
    notebook.until("p => p.content.widgets.length === 4")
    notebook.button(1, "Replace cell").first.click()
    notebook.output(1).get_by_text("Replaced").wait_for()

    # As the user does it: the replaced cell has been selected, not entered.
    notebook.page.keyboard.press("z")
    notebook.output(1).get_by_text("Replaced").wait_for(state="hidden")

    assert notebook.sources == [*before[:2], code(RESULTS["two blocks"]), before[2]]
    notebook.page.keyboard.press("z")
    notebook.until("p => p.content.widgets.length === 3")
    assert notebook.sources == before


def test_replace_puts_the_code_in_the_place_of_the_request(two_blocks):
    notebook = two_blocks

    notebook.button(1, "Replace cell").first.click()
    notebook.output(1).get_by_text("Replaced").wait_for()
    assert notebook.sources[1] == code(RESULTS["two blocks"])

    notebook.evaluate("p => p.content.widgets[1].model.sharedModel.undo()")
    assert notebook.sources[1] == "%%codeface\nmean sales per city"


def test_replace_leaves_alone_what_stands_beside_the_line_that_asked(notebook):
    result = {**RESULTS["one block"], "text": "```python\nunits.plot()\n```"}
    result["blocks"] = [{**result["blocks"][0], "code": "units.plot()", "source": "units.plot()"}]
    request = f"df = df.dropna()\n%codeface {result['prompt']}"
    notebook.open(answered(result, request))

    notebook.button(0, "Replace cell").click()
    notebook.output(0).get_by_text("Replaced").wait_for()

    assert notebook.sources == ["df = df.dropna()\nunits.plot()"]


def test_replace_keeps_the_request_as_a_comment_if_the_settings_say_so(two_blocks, setting):
    setting(keepPrompt=True)

    two_blocks.button(1, "Replace cell").first.click()
    two_blocks.output(1).get_by_text("Replaced").wait_for()

    expected = "# mean sales per city\n" + code(RESULTS["two blocks"])
    assert two_blocks.sources[1] == expected


def test_settings_choose_the_first_button_and_hide_all(two_blocks, setting):
    actions = two_blocks.output(1).locator(".jp-CodeFace-actions:visible").first
    setting(insertAction="replace")
    actions.get_by_role("button").first.get_by_text("Replace cell").wait_for()

    setting(showButtons=False)
    two_blocks.output(1).get_by_text("scripted:hello").wait_for()

    assert code(RESULTS["two blocks"]) in two_blocks.text(1)
    assert actions.count() == 0


def test_insert_all_is_one_step_and_each_language_gets_its_cell(two_blocks):
    notebook = two_blocks

    notebook.button(1, "Insert all").click()
    notebook.until("p => p.content.widgets.length === 5")

    assert notebook.sources[2:4] == [code(RESULTS["two blocks"]), BASH]
    notebook.command("notebook:undo-cell-action")
    notebook.until("p => p.content.widgets.length === 3")


def test_markdown_becomes_a_markdown_cell(notebook):
    block = {
        "language": "markdown",
        "code": "# A title",
        "cell_type": "markdown",
        "source": "# A title",
        "is_closed": True,
    }
    result = {**RESULTS["one block"], "blocks": [block], "text": "```markdown\n# A title\n```"}
    notebook.open(answered(result))

    notebook.button(0, "Insert below").click()
    notebook.until("p => p.content.widgets.length === 2")

    assert notebook.evaluate("p => p.content.widgets[1].model.type") == "markdown"


def test_copy_puts_the_code_on_the_clipboard(two_blocks, context):
    context.grant_permissions(["clipboard-read", "clipboard-write"])

    two_blocks.button(1, "Copy").first.click()
    two_blocks.output(1).get_by_text("Copied").wait_for()

    copied = two_blocks.page.evaluate("() => navigator.clipboard.readText()")
    assert copied == code(RESULTS["two blocks"])


def test_the_buttons_work_without_a_kernel(two_blocks):
    notebook = two_blocks
    notebook.evaluate("p => p.sessionContext.shutdown()")
    notebook.until("p => p.sessionContext.hasNoKernel")

    notebook.button(1, "Insert below").first.click()
    notebook.until("p => p.content.widgets.length === 4")

    assert notebook.sources[2] == code(RESULTS["two blocks"])


def test_a_read_only_notebook_says_why_nothing_is_inserted(two_blocks):
    two_blocks.evaluate("p => { p.context.model.readOnly = true }")

    two_blocks.button(1, "Insert below").first.click()

    two_blocks.output(1).get_by_text("This notebook is read-only").wait_for()
    assert len(two_blocks.sources) == 3


def test_a_locked_cell_is_not_replaced(notebook):
    cell = answered(RESULTS["one block"])
    cell.metadata.editable = False
    notebook.open(cell)

    notebook.button(0, "Replace cell").click()

    notebook.output(0).get_by_text("The cell to be replaced is locked").wait_for()
    assert notebook.sources == [cell.source]


def test_the_model_cannot_put_html_or_a_request_into_the_page(notebook):
    evil = (
        "<script>window.hacked = 1</script><img src='http://127.0.0.1:1/leak' "
        "onerror='window.hacked = 1'>"
        "<style>body { display: none }</style><iframe src='http://127.0.0.1:1/'></iframe>\n\n"
        "![x](http://127.0.0.1:1/leak) **bold** <a href='javascript:window.hacked = 1'>link</a>"
    )
    requests = []
    notebook.page.on("request", lambda request: requests.append(request.url))
    # A cell that was run here is trusted, so that its output would not be sanitised.
    show = (
        f"from IPython.display import display\n"
        f"display({{{MIME!r}: { ({**RESULTS['no code'], 'text': evil})!r}}}, raw=True)"
    )
    notebook.open(show).run(0)
    result = notebook.output(0).locator(".jp-CodeFace-result")
    result.locator("strong").wait_for()
    result.get_by_text("link").click()

    assert notebook.page.evaluate("() => window.hacked") is None
    assert result.locator("script, img, style, iframe").count() == 0
    assert not [url for url in requests if "leak" in url or ":1/" in url]
    assert result.is_visible()


@pytest.mark.parametrize("bad", [{"version": 2}, "text", {"version": 1, "blocks": 3}])
def test_a_result_of_another_release_is_named_as_such(notebook, bad):
    notebook.open(answered(bad))

    notebook.output(0).get_by_text("made by another release of CodeFace").wait_for()


def test_an_answer_that_was_cut_off_can_still_be_used(notebook):
    notebook.open(answered(RESULTS["cut off"]))

    notebook.button(0, "Insert below").click()
    notebook.until("p => p.content.widgets.length === 2")

    assert notebook.sources[1] == "for"
