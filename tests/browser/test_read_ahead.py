"""A question that is read while it is typed."""

import ast

import pytest

MAGICS = "get_ipython().magics_manager.registry.get('CodeFace')"
SESSION = f"{MAGICS}.extension.session"
HAS_ENGINE = f"{MAGICS} and {SESSION}.engine"
READ = f"[r.prompt.request for r in {SESSION}.engine.requests] if {HAS_ENGINE} else []"

CELL = (
    "```python\n%load_ext codeface_jupyter\n%config CodeFace.model = 'scripted'\nnumbers = [1]\n```"
)
FIX = "Repair this cell so that it does what it was meant to."


class TypedQuestion:
    """A notebook of which the second cell is being edited."""

    def __init__(self, notebook):
        self.notebook = notebook
        self.keyboard = notebook.page.keyboard

    def open(self, model="scripted"):
        first = f"%load_ext codeface_jupyter\n%config CodeFace.model = '{model}'\nnumbers = [1]"
        self.notebook.open(first, "").load()
        self.edit(1)
        return self

    def edit(self, index):
        self.notebook.select(index)
        self.notebook.evaluate(
            "p => { p.content.mode = 'edit'; p.content.activeCell.editor.focus() }"
        )
        self.notebook.until(f"p => p.content.widgets[{index}].editor.hasFocus()")

    @property
    def read(self):
        """The questions that the engine was given."""
        shown = self.notebook.evaluate(
            """async (p, expression) => {
                const kernel = p.sessionContext.session.kernel;
                const reply = await kernel.requestExecute({
                    code: '', silent: true, user_expressions: { value: expression }
                }).done;
                return reply.content.user_expressions.value.data['text/plain'];
            }""",
            READ,
        )
        return ast.literal_eval(shown)

    def await_read(self, *questions):
        for _ in range(60):
            if self.read == list(questions):
                return
            self.notebook.page.wait_for_timeout(100)
        assert self.read == list(questions)


@pytest.fixture
def question(notebook):
    return TypedQuestion(notebook)


def test_a_question_is_read_at_each_pause_and_then_answered(question):
    question.open()
    question.keyboard.type("%%codeface\n", delay=20)
    question.await_read("…")
    question.keyboard.type("sum the", delay=20)
    question.await_read("…", "sum the")
    question.keyboard.type(" numbers", delay=20)
    question.keyboard.press("Shift+Enter")

    question.notebook.expect(1, "sum the numbers")
    assert question.read[:2] == ["…", "sum the"]
    assert question.read[-1] == "sum the numbers"


def test_the_extension_is_loaded_for_a_question_that_is_typed(question):
    question.notebook.open("numbers = [1]", "")
    question.notebook.run(0)
    question.edit(1)
    question.keyboard.type("%%codeface\nsum them", delay=20)

    question.notebook.page.locator(".jp-CodeFace-status").wait_for()
    question.await_read("sum them")


def test_what_is_no_question_is_not_read(question):
    question.open()
    question.keyboard.type("%%codeface_edit\nsum(numbers)", delay=20)
    question.notebook.page.wait_for_timeout(900)
    assert question.read == []


def test_one_thing_is_read_at_a_time_and_the_last_that_was_typed_comes_next(question):
    question.open("scripted:2500ms")
    question.keyboard.type("%%codeface\n", delay=20)
    question.await_read("…")
    question.keyboard.type("sum them", delay=200)
    question.await_read("…", "sum them")


def test_what_is_typed_in_the_dialog_is_read_for_a_cell_below(question):
    question.open()
    question.notebook.select(0)
    question.notebook.command("codeface:ask-below")
    question.await_read("…")
    question.keyboard.type("sum them", delay=20)
    question.await_read("…", "sum them")
    question.keyboard.press("Enter")

    question.notebook.expect(1, "sum them")
    assert question.read == ["…", "sum them", "sum them"]


def test_what_is_typed_to_change_a_cell_is_read_with_the_cell(question):
    question.open()
    question.notebook.select(0)
    question.notebook.command("codeface:edit-cell")
    question.await_read(f"{CELL}\n\n…")
    question.keyboard.insert_text("call it values")
    question.await_read(*(f"{CELL}\n\n{words}" for words in ("…", "call it values")))
    question.keyboard.press("Enter")

    question.notebook.expect(1, "numbers = [1]")
    assert question.read[-1] == f"{CELL}\n\ncall it values"


def test_an_error_is_read_once_another_has_been_asked_about(question):
    question.open()
    question.keyboard.type("numbers[1]")
    question.notebook.run(1)
    question.notebook.button(1, "Explain and fix").click()
    question.notebook.expect(2, "IndexError in line 1")
    question.await_read(FIX)

    question.notebook.run(1)
    question.await_read(FIX, FIX)


def test_an_error_is_not_read_if_none_has_been_asked_about(question):
    question.open()
    # Other tests have used the page.
    question.notebook.load_page_again()
    question.notebook.await_kernel()
    question.notebook.page.locator(".jp-CodeFace-status").wait_for()
    question.edit(1)
    question.keyboard.type("%%codeface\nsum the numbers", delay=20)
    question.keyboard.press("Shift+Enter")
    question.notebook.expect(1, "sum the numbers")
    question.notebook.evaluate(
        "p => p.content.widgets[0].model.sharedModel.setSource('numbers[1]')"
    )
    question.notebook.run(0)
    question.notebook.button(0, "Explain and fix").wait_for()
    question.notebook.page.wait_for_timeout(900)
    assert FIX not in question.read
