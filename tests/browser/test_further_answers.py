"""Under an answer: a question about it, another answer, the rest of it; nothing adds a cell."""

import json
import subprocess
import sys

import pytest

LOAD = "%load_ext codeface_jupyter"
ASK = "%%codeface\nadd two numbers"
END_IN_VIEW = (
    "p => { const end = p.content.widgets[2].node.querySelector('.jp-OutputArea')"
    ".getBoundingClientRect().bottom; const view = p.content.outerNode.getBoundingClientRect();"
    " return end > view.top && end <= view.bottom + 4 }"
)
# How far the page has scrolled back since, in pixels.
WATCH = """p => {
    let last = p.content.outerNode.scrollTop;
    window.jumpedBack = 0;
    p.content.outerNode.addEventListener('scroll', () => {
        const now = p.content.outerNode.scrollTop;
        window.jumpedBack = Math.max(window.jumpedBack, last - now);
        last = now;
    });
}"""
# The end is followed for so long after an answer, and a little longer.
FOLLOWED_MS = 3_000
CACHED = "from the response cache"
SCRIPT = """
from codeface_jupyter.engines.current_engine import CurrentEngine
from codeface_jupyter.engines.scripted import ScriptedEngine
session = get_ipython().configurables[-1].extension.session
engine = ScriptedEngine({answers!r}, token_delay_s={delay})
session._resources.engines = CurrentEngine(engine)
"""
FIRST = "The sum:\n\n```python\ntotal = 1 - 2\n```\n"
SECOND = "Sorry:\n\n```python\ntotal = 1 + 2\n```\n"


def script(*answers, delay=0.01):
    return SCRIPT.format(answers=list(answers), delay=delay)


def paragraphs(name):
    return "\n\n".join(f"Paragraph {number} of {name}." for number in range(40))


def opened(notebook, *answers, ask=ASK, delay=0.01, after=()):
    """Open a notebook whose third cell has been answered with the first of the answers."""
    notebook.open(LOAD, script(*answers, delay=delay), ask, *after).load()
    notebook.run(1, 2)
    notebook.button(2, "Try again").wait_for()
    return notebook


def follow_up(notebook, question, index=2, place=-1):
    """Ask about the last of a cell's answers with the keyboard."""
    notebook.button(index, "Follow up").nth(place).press("Enter")
    notebook.page.keyboard.type(question)
    notebook.page.keyboard.press("Enter")


def saved(notebook):
    notebook.command("docmanager:save")
    notebook.until("p => !p.context.model.dirty")
    return json.loads((notebook.folder / notebook.name).read_text())


def focused(notebook):
    return notebook.page.evaluate("() => document.activeElement.textContent")


def test_a_question_about_an_answer_is_answered_below_it(notebook):
    history = "[m['content'] for m in engine.requests[-1].prompt.history][-1]"
    opened(notebook, FIRST, SECOND, "A third.", after=[history, "len(engine.requests)"])

    follow_up(notebook, "no, that is wrong: add them")
    notebook.expect(2, "total = 1 + 2")
    notebook.output(2).get_by_text("no, that is wrong: add them").wait_for()

    assert notebook.sources[2] == ASK
    assert len(notebook.sources) == 5
    text = notebook.text(2)
    order = ["total = 1 - 2", "no, that is wrong: add them", "total = 1 + 2"]
    assert sorted(order, key=text.index) == order
    notebook.run(3)
    notebook.expect(3, "total = 1 - 2")

    # The conversation goes on below the new answer, and its code is used as any other.
    notebook.output(2).get_by_role("button", name="Insert below").nth(1).click()
    notebook.until("p => p.content.widgets.length === 6")
    assert notebook.sources[3] == "total = 1 + 2\ntotal"
    follow_up(notebook, "why?")
    notebook.expect(2, "A third.")
    outputs = saved(notebook)["cells"][2]["outputs"]
    assert ["> why?" in str(output["data"]) for output in outputs] == [False, False, True]


def test_the_page_follows_the_end_of_what_is_asked_below_an_answer(notebook):
    opened(notebook, FIRST, paragraphs("one"), paragraphs("two"), delay=0.05)
    for number, answer in enumerate(("one", "two"), start=2):
        follow_up(notebook, "why?")
        notebook.output(2).get_by_text(f"Paragraph 25 of {answer}.").wait_for()
        notebook.until(END_IN_VIEW)
        notebook.evaluate(WATCH)
        notebook.button(2, "Follow up").nth(number - 1).wait_for()
        notebook.page.wait_for_timeout(FOLLOWED_MS)
        assert notebook.evaluate(END_IN_VIEW)
        # The lasting answer took the place of the live one, and nothing jumped.
        assert notebook.evaluate("() => window.jumpedBack") == 0


def test_the_page_follows_another_answer_in_the_place_of_one(notebook):
    opened(notebook, FIRST, paragraphs("one"), delay=0.05)
    notebook.button(2, "Try again").press("Enter")
    notebook.output(2).get_by_text("Paragraph 25 of one.").wait_for()
    notebook.until(END_IN_VIEW)
    notebook.button(2, "Try again").wait_for()
    notebook.page.wait_for_timeout(FOLLOWED_MS)
    assert notebook.evaluate(END_IN_VIEW)
    assert "Try again" in focused(notebook)


@pytest.mark.parametrize("action", ["Follow up", "Try again"])
def test_the_page_stays_where_the_user_has_scrolled_to_while_more_comes(notebook, action):
    opened(notebook, FIRST, paragraphs("one"), delay=0.05)
    if action == "Follow up":
        follow_up(notebook, "why?")
    else:
        notebook.button(2, action).press("Enter")
    notebook.output(2).get_by_text("Paragraph 25 of one.").wait_for()
    notebook.cell(2).hover()
    notebook.page.mouse.wheel(0, -5000)
    notebook.until("p => p.content.outerNode.scrollTop < 100")
    notebook.output(2).get_by_text("Paragraph 39 of one.").wait_for()
    notebook.button(2, action).last.wait_for()
    notebook.page.wait_for_timeout(FOLLOWED_MS)
    assert notebook.evaluate("p => p.content.outerNode.scrollTop") < 100


def test_what_is_unfolded_right_after_an_answer_stays_in_view(notebook):
    opened(notebook, FIRST, f"{paragraphs('one')}\n\n{SECOND}", delay=0.01)
    follow_up(notebook, "why?")
    notebook.button(2, "Follow up").nth(1).wait_for()
    line = notebook.output(2).get_by_text("Tried on a copy").last
    line.evaluate("n => n.closest('details, div').append(document.createElement('p'))")
    line.click()
    line.evaluate("n => { n.closest('details, div').lastChild.style.height = '2000px' }")
    notebook.page.wait_for_timeout(FOLLOWED_MS)
    assert line.evaluate("n => n.getBoundingClientRect().top") > 0


def test_a_cell_whose_outputs_scroll_stays_in_view(notebook):
    opened(notebook, FIRST, paragraphs("one"), delay=0.02, after=["\n" * 99])
    notebook.evaluate("p => { p.content.widgets[2].outputsScrolled = true }")
    follow_up(notebook, "why?")
    notebook.output(2).get_by_text("Paragraph 39 of one.").wait_for()
    notebook.button(2, "Follow up").nth(1).wait_for()
    notebook.page.wait_for_timeout(FOLLOWED_MS)
    end = notebook.evaluate("p => p.content.widgets[2].node.getBoundingClientRect().bottom")
    assert end > 200


@pytest.mark.parametrize("place", ["button", "field"])
def test_the_notebook_is_saved_by_keyboard_from_within_an_answer(notebook, place):
    opened(notebook, FIRST)
    if place == "button":
        notebook.button(2, "Copy").click()
    else:
        notebook.button(2, "Follow up").press("Enter")
        notebook.page.keyboard.type("add them")
    assert notebook.evaluate("p => p.context.model.dirty")
    notebook.page.keyboard.press("Control+s")
    notebook.until("p => !p.context.model.dirty")

    # Keys that are not the application's still do nothing to the cells.
    notebook.page.keyboard.press("d")
    notebook.page.keyboard.press("d")
    assert len(notebook.sources) == 3


def test_the_field_is_reached_and_left_by_the_keyboard(notebook):
    opened(notebook, FIRST)

    notebook.button(2, "Follow up").press("Enter")
    field = notebook.output(2).get_by_role("textbox", name="Your question about this answer")
    assert field.evaluate("node => node === document.activeElement")
    # Elsewhere these letters are commands: a new cell, a deleted one.
    notebook.page.keyboard.type("add a bdd")
    notebook.page.keyboard.press("Shift+Enter")
    notebook.page.keyboard.type("x")
    notebook.page.keyboard.press("Control+z")
    notebook.page.wait_for_function("node => !node.value.includes('x')", arg=field.element_handle())
    notebook.page.keyboard.press("Control+Shift+z")
    notebook.page.wait_for_function("node => node.value.includes('x')", arg=field.element_handle())
    notebook.page.keyboard.press("Backspace")
    notebook.page.keyboard.press("Escape")

    assert focused(notebook) == "Follow up"
    assert field.is_hidden()
    assert len(notebook.sources) == 3
    notebook.page.keyboard.press("Enter")
    assert field.input_value() == "add a bdd\n"


def test_another_answer_takes_the_place_and_the_earlier_one_stays(notebook):
    after = ["engine.requests[-1].sampling.temperature, engine.requests[-1].sampling.seed"]
    opened(notebook, FIRST, SECOND, after=after)

    notebook.button(2, "Try again").press("Enter")
    notebook.expect(2, "total = 1 + 2")
    earlier = notebook.output(2).get_by_text("Earlier answer")
    earlier.wait_for()

    assert focused(notebook) == "Try again"
    assert "total = 1 - 2" not in notebook.text(2)
    assert len(notebook.sources) == 4
    assert "Sorry" in str(saved(notebook)["cells"][2]["outputs"][0]["data"]["text/markdown"])
    notebook.run(3)
    assert "(0.7, " in notebook.text(3)
    # By keyboard, in command mode, where Enter goes to the cell's editor elsewhere.
    earlier.press("Enter")
    notebook.expect(2, "total = 1 - 2")
    notebook.button(2, "Use this answer: Earlier answer").press("Enter")
    notebook.button(2, "Insert below").click()
    notebook.until("p => p.content.widgets.length === 5")
    assert notebook.sources[3] == "total = 1 - 2\ntotal"
    assert notebook.output(2).get_by_text("Earlier answer").count() == 1


def test_what_is_asked_below_goes_on_while_an_earlier_answer_is_brought_back(notebook):
    opened(notebook, FIRST, SECOND, paragraphs("one"), delay=0.02)
    notebook.button(2, "Try again").press("Enter")
    notebook.output(2).get_by_text("Earlier answer").press("Enter")
    follow_up(notebook, "why?")
    notebook.output(2).get_by_text("Paragraph 2 of one.").wait_for()
    notebook.button(2, "Use this answer: Earlier answer").click()
    notebook.expect(2, "total = 1 - 2")

    notebook.output(2).get_by_text("Paragraph 39 of one.").wait_for()
    notebook.button(2, "Follow up").nth(1).wait_for()
    assert "> why?" in str(saved(notebook)["cells"][2]["outputs"])


def move_down(notebook, index=2):
    notebook.select(index)
    notebook.evaluate("p => { p.content.mode = 'command' }")
    notebook.command("notebook:move-cell-down")
    notebook.until(f"p => p.content.activeCellIndex === {index + 1}")


@pytest.mark.parametrize("action", ["Follow up", "Try again"])
def test_what_is_asked_goes_on_while_the_cell_is_moved(notebook, action):
    opened(notebook, FIRST, paragraphs("one"), delay=0.02, after=["last = 1"])
    if action == "Follow up":
        follow_up(notebook, "why?")
    else:
        notebook.button(2, action).press("Enter")
    notebook.output(2).get_by_text("Paragraph 2 of one.").wait_for()
    move_down(notebook)

    notebook.button(3, "Stop").wait_for()
    notebook.output(3).get_by_text("Paragraph 39 of one.").wait_for()
    notebook.button(3, action).last.wait_for()
    assert notebook.button(3, "Stop").count() == 0
    outputs = saved(notebook)["cells"][3]["outputs"]
    assert len(outputs) == (2 if action == "Follow up" else 1)
    assert "Paragraph 39 of one." in str(outputs)


def test_what_is_typed_stays_while_the_cell_is_moved_and_can_be_asked(notebook):
    opened(notebook, FIRST, "A second.", after=["last = 1"])
    notebook.button(2, "Follow up").press("Enter")
    notebook.page.keyboard.type("why?")
    move_down(notebook)

    field = notebook.output(3).get_by_role("textbox", name="Your question about this answer")
    assert field.input_value() == "why?"
    field.press("Enter")
    notebook.expect(3, "A second.")


def test_what_is_asked_ends_with_its_cell(notebook):
    opened(notebook, FIRST, paragraphs("one"), delay=0.2)
    follow_up(notebook, "why?")
    notebook.output(2).get_by_text("Paragraph 0 of one.").wait_for()
    status = notebook.page.locator(".jp-CodeFace-status")
    status.get_by_text("generating").wait_for()
    notebook.select(2)
    notebook.command("notebook:delete-cell")
    status.get_by_text("idle").wait_for(timeout=8000)


def test_an_answer_that_was_cut_off_goes_on_as_one_text(notebook):
    ask = "%%codeface -n 60 -m scripted:10ms:x100\nadd two numbers"
    notebook.open(LOAD, ask, "len(_codeface.text)").load()
    notebook.run(1)
    notebook.expect(1, "cut off at 60 tokens")
    before = notebook.text(1)

    notebook.button(1, "Continue").press("Enter")
    notebook.button(1, "Continue").wait_for(state="hidden")
    notebook.button(1, "Try again").wait_for()

    text = notebook.text(1)
    assert "line 9 of" not in before
    assert "line 9 of" in text
    assert "100 tokens" in text
    assert notebook.output(1).locator(".jp-RenderedMarkdown pre").count() == 1
    assert text.count("A scripted answer") == 1


def test_stop_keeps_what_has_come_of_it(notebook):
    opened(notebook, "word " * 300, "other " * 300, delay=0.01)
    follow_up(notebook, "more")
    notebook.output(2).get_by_text("other other").first.wait_for()

    notebook.button(2, "Stop").click()
    notebook.expect(2, "stopped early")
    assert "other other" in notebook.text(2)

    # Another answer that is stopped leaves the old one in its place.
    notebook.button(2, "Try again").first.click()
    notebook.output(2).get_by_text("other other").nth(1).wait_for()
    notebook.command("codeface:stop")
    notebook.expect(2, "Nothing new came")
    assert "word word" in notebook.text(2)


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_it_works_in_a_notebook_that_was_saved_and_opened_again(notebook, app):
    notebook.open(LOAD, script(FIRST, SECOND, "A third."), ASK, app=app)
    notebook.run(0, 1, 2)
    notebook.button(2, "Try again").wait_for()
    saved(notebook)

    notebook.load_page_again()
    notebook.await_kernel()
    notebook.button(2, "Try again").click()
    notebook.expect(2, "total = 1 + 2")
    follow_up(notebook, "why?")
    notebook.expect(2, "A third.")
    assert "A third." in str(saved(notebook)["cells"][2]["outputs"])


def test_a_kernel_that_does_not_know_the_answer_says_so(notebook):
    opened(notebook, FIRST)
    notebook.button(2, "Follow up").press("Enter")
    notebook.page.keyboard.type("why is that?")
    notebook.evaluate("p => { void p.sessionContext.restartKernel() }")
    notebook.button(2, "Try again").wait_for(state="hidden")
    notebook.await_kernel()
    notebook.run(0)

    # What was typed before stays; afterwards nothing is typed in vain.
    field = notebook.output(2).get_by_role("textbox")
    field.press("Enter")
    notebook.expect(2, "This kernel no longer knows that answer. Run its cell again.")
    assert field.input_value() == "why is that?"
    field.press("Escape")
    for label in ("Try again", "Follow up"):
        button = notebook.button(2, label)
        assert "run its cell again" in button.get_attribute("title")
        assert button.is_disabled()
        button.press("Enter")
        notebook.expect(2, "This kernel no longer knows this answer: run its cell again")
    assert field.is_hidden()
    assert "total = 1 - 2" in notebook.text(2)

    notebook.run(1, 2)
    notebook.button(2, "Try again").click()
    notebook.expect(2, "Earlier answer")


def ask_twice(notebook, index=1):
    """Ask, and ask the same again, which the response cache answers."""
    notebook.run(index, index)
    notebook.expect(index, CACHED)


def test_without_the_labextension_a_widget_is_the_button_until_the_next_cell(plain_notebook):
    # Slow enough for Stop to be seen.
    slow = ASK.replace("%%codeface", "%%codeface -m scripted:40ms")
    notebook = plain_notebook.open(LOAD, slow, "1 + 1")
    notebook.run(0)
    ask_twice(notebook)
    button = notebook.output(1).locator("button.jupyter-button", has_text="Try again")
    button.wait_for()

    button.click()
    notebook.stop_button(1).wait_for()
    notebook.expect(1, "first token after")
    notebook.expect(1, "Earlier answer")
    assert button.count() == 0

    ask_twice(notebook)
    button.wait_for()
    saved(notebook)
    page = exported(notebook)
    assert CACHED in page
    assert "Try again" not in page
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


def test_where_there_is_no_room_the_row_stands_below_the_line_and_in_line_with_the_others(notebook):
    opened(notebook, FIRST)
    notebook.page.set_viewport_size({"width": 720, "height": 760})

    first, below = (
        notebook.button(2, name).bounding_box() for name in ("Insert below", "Follow up")
    )
    line = notebook.output(2).locator(".jp-CodeFace-footer").bounding_box()

    assert below["x"] == first["x"] == line["x"]
    assert below["y"] > line["y"] + 15
