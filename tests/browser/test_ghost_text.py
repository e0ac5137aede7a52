"""Code that is suggested in grey while it is typed."""

import json
import re
from pathlib import Path

import pytest

SUGGESTION = ".jp-GhostText:not(.jp-GhostText-lineSpacer, .jp-GhostText-letterSpacer)"
KERNEL = Path(__file__).with_name("completing_kernel.py")
TEXTS = {
    "df.": "head(2).sum()",
    "def f(x):": "\n    y = x + 1\n    return y",
    "df.head(2).sum()": "\ndf.tail()",
}


class GhostTextPage:
    """A notebook whose kernel completes what it is told to; its second cell is being edited."""

    def __init__(self, notebook):
        self.notebook = notebook
        self.page = notebook.page
        self.keyboard = notebook.page.keyboard

    def open(self, *cells, texts=TEXTS, **options):
        first = f"%load_ext codeface_jupyter\n%run -i {KERNEL}\ntexts.update({texts!r})"
        self.notebook.open(first, *(cells or ("", "")), **options)
        self.notebook.load()
        self.edit(1)
        return self

    def edit(self, index, line_end=True):
        self.notebook.select(index)
        self.notebook.evaluate(
            "p => { p.content.mode = 'edit'; p.content.activeCell.editor.focus() }"
        )
        self.notebook.until(f"p => p.content.widgets[{index}].editor.hasFocus()")
        if line_end:
            self.keyboard.press("Control+End")

    @property
    def suggestion(self):
        # What has been typed to its end leaves an empty element.
        return self.page.locator(SUGGESTION).filter(has_text=re.compile(r"\S"))

    def expect(self, text):
        self.page.wait_for_function(
            """([selector, text]) => {
                const found = [...document.querySelectorAll(selector)];
                return found.length === 1 && found[0].innerText === text;
            }""",
            arg=[SUGGESTION, text],
        )

    def expect_none(self, milliseconds=900):
        self.page.wait_for_timeout(milliseconds)
        assert self.suggestion.count() == 0

    def source(self, index=1):
        return self.notebook.sources[index]

    def kernel(self, expression):
        """Return what an expression is in the kernel, without a trace in the notebook."""
        return json.loads(
            self.notebook.evaluate(
                """async (p, expression) => {
                    const kernel = p.sessionContext.session.kernel;
                    const code = `__import__('json').dumps(${expression})`;
                    const reply = await kernel.requestExecute({
                        code: '', silent: true, user_expressions: { value: code }
                    }).done;
                    const text = reply.content.user_expressions.value.data['text/plain'];
                    return text.slice(1, -1);
                }""",
                expression,
            )
        )


@pytest.fixture
def ghost_text(notebook):
    return GhostTextPage(notebook)


def test_a_suggestion_appears_and_tab_takes_it(ghost_text):
    ghost_text.open("df = 1", "", "below = 1")
    ghost_text.edit(2)
    ghost_text.keyboard.type("df.")
    ghost_text.expect("head(2).sum()")
    # Nothing is in the cell before it is accepted.
    assert ghost_text.source(2) == "df."

    ghost_text.keyboard.press("Tab")

    # What comes next is asked for at once.
    ghost_text.expect("\ndf.tail()")
    assert ghost_text.source(2) == "df.head(2).sum()"
    assert ghost_text.kernel("asked")[-2:] == ["df.", "df.head(2).sum()"]


def test_typing_along_keeps_it(ghost_text):
    ghost_text.open().keyboard.type("df.")
    ghost_text.expect("head(2).sum()")

    for key, left in [("h", "ead(2).sum()"), ("e", "ad(2).sum()"), ("a", "d(2).sum()")]:
        ghost_text.keyboard.type(key)
        ghost_text.expect(left)
    assert ghost_text.kernel("asked[-1]") == "df."

    # Something else ends it, and Tab is the editor's own again.
    ghost_text.keyboard.type("x ")
    ghost_text.expect_none()
    assert ghost_text.page.locator(".jp-mod-inline-completer-active").count() == 0


def test_a_bracket_that_the_editor_closes_is_typed_along(ghost_text):
    ghost_text.open(texts={"x.": "sum(axis=0)"})
    ghost_text.notebook.evaluate(
        "({ content }) => { content.editorConfig = { ...content.editorConfig,"
        " code: { ...content.editorConfig.code, autoClosingBrackets: true } } }"
    )
    ghost_text.keyboard.type("x.")
    ghost_text.expect("sum(axis=0)")

    ghost_text.keyboard.type("sum(")

    ghost_text.expect("axis=0")
    assert ghost_text.source() == "x.sum()"
    ghost_text.keyboard.press("Tab")
    ghost_text.page.wait_for_timeout(200)
    assert ghost_text.source() == "x.sum(axis=0)"


def test_a_new_line_is_typed_along(ghost_text):
    ghost_text.open().keyboard.type("def f(x):")
    ghost_text.expect("\n    y = x + 1\n    return y")

    ghost_text.keyboard.press("Enter")

    ghost_text.expect("y = x + 1\n    return y")
    assert ghost_text.kernel("asked[-1]") == "def f(x):"


# What others do with JupyterLab's list of who suggests something; it has no way to end it.
MANAGER = """async change => {
    const registry = window.jupyterapp.pluginRegistry ?? window.jupyterapp._pluginRegistry;
    const token = [...registry._services.keys()].find(
        token => token.name.endsWith(':ICompletionProviderManager'));
    const manager = await registry.resolveRequiredService(token);
    const other = { identifier: 'other', name: 'Other', schema: { default: {} } };
    if (change === 'add') {
        manager.registerInlineProvider({ ...other, fetch: async () => ({ items: [] }) });
    } else {
        manager._inlineProviders.delete('other');
    }
}"""


def test_in_an_indented_blank_line_it_is_asked_for_unless_others_would_be_too(ghost_text):
    ghost_text.open(texts={"    ": "print(1)"})
    ghost_text.page.evaluate(MANAGER, "add")
    try:
        ghost_text.keyboard.type("if True:\n")
        ghost_text.expect_none()
        assert ghost_text.kernel("asked") == []
    finally:
        ghost_text.page.evaluate(MANAGER, "remove")

    ghost_text.keyboard.press("Control+a")
    ghost_text.keyboard.type("if True:\n")
    ghost_text.expect("print(1)")


def test_signs_beyond_the_first_plane_are_counted_as_the_editor_does(ghost_text):
    ghost_text.open(texts={"x = '😀'; df.": "head(2)"}).keyboard.type("x = '😀'; df.")

    ghost_text.expect("head(2)")
    ghost_text.keyboard.press("Tab")
    assert ghost_text.source() == "x = '😀'; df.head(2)"


class Console:
    """The prompt of a code console, whose kernel completes what it is told to."""

    def __init__(self, ghost_text):
        self.ghost_text = ghost_text
        self.notebook = ghost_text.notebook

    def create(self, command, **arguments):
        self.notebook.command(command, **arguments)
        self.notebook.until("p => p.console && p.sessionContext.session.kernel.status === 'idle'")
        return self.focus()

    def focus(self):
        self.notebook.evaluate("p => p.console.promptCell.editor.focus()")
        self.notebook.until("p => p.console.promptCell.editor.hasFocus()")
        return self

    def run(self, code):
        self.notebook.evaluate("(p, code) => p.console.inject(code)", code)

    @property
    def prompt(self):
        return self.notebook.evaluate("p => p.console.promptCell.model.sharedModel.getSource()")


@pytest.fixture
def console(ghost_text):
    return Console(ghost_text)


def test_a_console_has_it_at_its_prompt(ghost_text, console):
    ghost_text.notebook.open("")
    console.create("console:create", kernelPreference={"name": "python3"})
    texts = {"x.": "bit_length().real"}
    console.run(f"%load_ext codeface_jupyter\n%run -i {KERNEL}\ntexts.update({texts!r})")
    console.run("x = 2")
    ghost_text.keyboard.type("x.")
    ghost_text.expect("bit_length().real")
    assert ghost_text.kernel("above[1:]") == ["x = 2"]

    ghost_text.keyboard.press("Alt+Shift+W")
    ghost_text.expect("().real")
    ghost_text.keyboard.press("Tab")
    assert console.prompt == "x.bit_length().real"
    ghost_text.notebook.command("console:run-forced")
    ghost_text.notebook.until("p => p.console.promptCell.model.sharedModel.getSource() === ''")
    console.focus()

    # The next prompt knows what was run in the last one.
    ghost_text.keyboard.type("x.")
    ghost_text.expect("bit_length().real")
    assert ghost_text.kernel("above[1:]") == ["x = 2", "x.bit_length().real"]
    ghost_text.keyboard.press("Escape")
    ghost_text.expect_none(300)


def test_the_console_of_a_notebook_has_it_from_the_same_kernel(ghost_text, console):
    ghost_text.open()
    console.create("notebook:create-console")
    ghost_text.keyboard.type("df.")
    ghost_text.expect("head(2).sum()")

    ghost_text.keyboard.press("Alt+Shift+L")

    assert console.prompt == "df.head(2).sum()"
    assert ghost_text.kernel("max(at_once)") == 1


def test_words_and_lines_are_accepted_one_by_one(ghost_text):
    ghost_text.open().keyboard.type("def f(x):")
    ghost_text.expect("\n    y = x + 1\n    return y")

    ghost_text.keyboard.press("Alt+Shift+W")
    ghost_text.expect(" = x + 1\n    return y")
    assert ghost_text.source() == "def f(x):\n    y"
    ghost_text.keyboard.press("Alt+Shift+L")
    ghost_text.expect("\n    return y")
    ghost_text.keyboard.press("Alt+Shift+L")
    ghost_text.page.wait_for_timeout(200)
    assert ghost_text.source() == "def f(x):\n    y = x + 1\n    return y"
    # Where nothing is suggested the keys do nothing.
    ghost_text.keyboard.press("Alt+Shift+W")
    ghost_text.expect_none()
    assert ghost_text.source() == "def f(x):\n    y = x + 1\n    return y"


def test_one_undo_takes_back_what_was_accepted(ghost_text):
    ghost_text.open().keyboard.type("df.")
    ghost_text.expect("head(2).sum()")
    ghost_text.keyboard.press("Alt+Shift+W")
    ghost_text.expect("(2).sum()")
    ghost_text.keyboard.press("Tab")
    ghost_text.keyboard.type("\nx")
    assert ghost_text.source() == "df.head(2).sum()\nx"

    for left in ["df.head(2).sum()", "df.head", "df."]:
        ghost_text.keyboard.press("Control+z")
        ghost_text.page.wait_for_timeout(100)
        assert ghost_text.source() == left
    # What was undone is not suggested again before something is typed.
    ghost_text.expect_none()


def test_escape_takes_it_away_until_something_is_typed(ghost_text):
    ghost_text.open().keyboard.type("df.")
    ghost_text.expect("head(2).sum()")

    ghost_text.keyboard.press("Escape")
    ghost_text.keyboard.press("Enter")
    ghost_text.expect_none()
    assert ghost_text.kernel("asked[-1]") == "df."

    ghost_text.keyboard.press("Backspace")
    ghost_text.keyboard.type(".")
    ghost_text.expect("head(2).sum()")


def test_a_key_asks_for_it_in_words_too(ghost_text):
    ghost_text.open(texts={"# the su": "m of all", "x": " = 1"}).keyboard.type("# the su")
    ghost_text.expect_none()
    assert ghost_text.kernel("asked") == []

    ghost_text.keyboard.press("Alt+\\")

    ghost_text.expect("m of all")


# Files and sockets that are open, and threads.
HELD = "[__import__('psutil').Process().num_fds(), __import__('threading').active_count()]"


def test_fast_typing_does_not_pile_up_requests(ghost_text):
    keys = "x" * 1_000
    ghost_text.open(texts={keys: " = 1"})
    ghost_text.kernel("globals().update(seconds=0.3)")
    files, threads = ghost_text.kernel(HELD)

    ghost_text.keyboard.type(keys, delay=20)

    ghost_text.expect(" = 1")
    assert ghost_text.kernel("max(at_once)") == 1
    assert ghost_text.kernel("len(asked)") < 500
    assert ghost_text.source() == keys
    files_after, threads_after = ghost_text.kernel(HELD)
    assert (files_after - files, threads_after - threads) <= (10, 2)
    assert threads_after <= threads + 2


def test_a_slow_answer_to_what_stood_there_before_is_not_shown(ghost_text):
    ghost_text.open(texts={"df.": "head()", "df.t": ""})
    ghost_text.kernel("globals().update(seconds=1.0)")
    ghost_text.keyboard.type("df.")
    ghost_text.page.wait_for_timeout(700)
    ghost_text.keyboard.press("ArrowLeft")

    ghost_text.expect_none(1500)
    assert ghost_text.kernel("len(in_progress)") == 0


def test_moving_the_cursor_ends_it_and_loses_no_text(ghost_text):
    ghost_text.open(")", "", texts={"f(": "x"})
    ghost_text.keyboard.press("Home")
    ghost_text.keyboard.type("f(")
    ghost_text.expect("x")

    ghost_text.keyboard.press("ArrowRight")
    ghost_text.expect_none()
    ghost_text.keyboard.press("Tab")
    ghost_text.page.wait_for_timeout(200)

    assert ghost_text.source().startswith("f()")


def test_nothing_is_asked_with_a_selection_or_within_a_word(ghost_text):
    ghost_text.open("df", "")
    ghost_text.keyboard.press("Shift+Home")
    ghost_text.keyboard.press("Alt+\\")
    ghost_text.keyboard.press("Home")
    ghost_text.keyboard.press("x")
    ghost_text.expect_none()
    assert ghost_text.kernel("asked") == []


def test_nothing_is_asked_while_a_list_of_names_is_open(ghost_text):
    ghost_text.open("first_name = first_word = 1\n", "", texts={"first_": "word"})
    ghost_text.keyboard.type("first_")
    ghost_text.expect("word")
    ghost_text.keyboard.press("Escape")
    ghost_text.edit(1)
    ghost_text.keyboard.press("Tab")
    names = ghost_text.page.locator(".jp-Completer .jp-Completer-item")
    names.first.wait_for()

    ghost_text.keyboard.type("n")

    ghost_text.expect_none()
    assert names.first.is_visible()
    assert ghost_text.kernel("asked[-1]").endswith("first_")


def test_two_notebooks_have_suggestions_of_their_own(ghost_text, page, lab):
    from tests.browser.conftest import NotebookPage

    with page.context.new_page() as second_page:
        other = GhostTextPage(NotebookPage(second_page, lab))
        other.open(texts={"df.": "tail()"})
        ghost_text.open()
        other.keyboard.type("df.")
        ghost_text.keyboard.type("df.")
        ghost_text.expect("head(2).sum()")
        other.expect("tail()")
        assert other.kernel("asked[-1]") == ghost_text.kernel("asked[-1]") == "df."


def test_a_restart_ends_it_and_it_comes_back(ghost_text):
    ghost_text.open()
    ghost_text.kernel("globals().update(seconds=30.0)")
    ghost_text.keyboard.type("df.")
    ghost_text.page.wait_for_timeout(700)
    ghost_text.notebook.evaluate("p => p.sessionContext.restartKernel().then(() => null)")
    ghost_text.notebook.await_kernel()
    ghost_text.expect_none(100)

    ghost_text.notebook.load()
    ghost_text.edit(1)
    ghost_text.keyboard.press("Backspace")
    ghost_text.keyboard.type(".")

    ghost_text.expect("head(2).sum()")


def test_a_notebook_switches_it_off_and_says_so(ghost_text):
    notebook = ghost_text.notebook
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    off = {"kernelspec": kernel, "language_info": kernel, "codeface": {"ghost_text": False}}
    ghost_text.open(metadata=off).keyboard.type("df.")
    ghost_text.expect_none()
    assert ghost_text.kernel("asked") == []
    status = notebook.page.locator(".jp-CodeFace-status")
    assert "Ghost text is off" in status.get_attribute("title")

    notebook.command("codeface:toggle-ghost-text")
    ghost_text.edit(1)
    ghost_text.keyboard.press("Backspace")
    ghost_text.keyboard.type(".")

    ghost_text.expect("head(2).sum()")
    assert "Ghost text is on" in status.get_attribute("title")
    assert notebook.evaluate("p => p.context.model.sharedModel.getMetadata('codeface')") is None


def test_the_menu_accepts_a_word(ghost_text):
    page = ghost_text.open().page
    ghost_text.keyboard.type("df.")
    ghost_text.expect("head(2).sum()")

    page.locator(".lm-MenuBar-itemLabel", has_text="CodeFace").click()
    page.locator(".lm-Menu").get_by_text("Accept the next word").click()

    ghost_text.expect("(2).sum()")
    assert ghost_text.source() == "df.head"


def test_the_keys_are_nobody_elses(ghost_text):
    keys = ghost_text.open().page.evaluate(
        "() => window.jupyterapp.commands.keyBindings"
        "  .filter(b => ['Alt Shift W', 'Alt Shift L'].includes(b.keys.join(' ')))"
        "  .map(b => b.command)"
    )
    # In notebooks and in consoles.
    assert sorted(keys) == ["codeface:accept-line"] * 2 + ["codeface:accept-word"] * 2


def test_loading_a_model_is_offered_once_and_nothing_is_asked_meanwhile(ghost_text):
    page = ghost_text.open().page
    ghost_text.kernel("globals().update(silence='unloaded')")
    ghost_text.keyboard.type("df.")
    page.get_by_role("button", name="Not now").click()
    asked = ghost_text.kernel("asked")

    ghost_text.edit(1)
    for key in "tail().":
        ghost_text.keyboard.type(key)
        page.wait_for_timeout(400)

    assert ghost_text.kernel("asked") == asked
    assert page.get_by_role("button", name="Not now").count() == 0


def test_a_cell_that_gets_the_focus_is_read_ahead_once(ghost_text):
    ghost_text.open("first = 1", "second = 2", "")
    ghost_text.page.wait_for_timeout(600)
    ghost_text.edit(2)
    ghost_text.page.wait_for_timeout(600)
    ghost_text.keyboard.press("Escape")
    ghost_text.edit(2)
    ghost_text.page.wait_for_timeout(600)

    warmed = ghost_text.kernel("warmed")
    assert warmed[-1] == "second = 2"
    assert warmed.count("second = 2") == 1
    assert ghost_text.kernel("asked") == []


def test_notebook_7_has_it_too(ghost_text):
    ghost_text.open(app="notebook").keyboard.type("df.")
    ghost_text.expect("head(2).sum()")
    ghost_text.keyboard.press("Alt+Shift+W")
    ghost_text.expect("(2).sum()")
    ghost_text.keyboard.press("Tab")
    ghost_text.expect("\ndf.tail()")
    assert ghost_text.source() == "df.head(2).sum()"


def test_a_model_that_was_loaded_for_it_completes_but_not_while_a_cell_runs(ghost_text):
    notebook, page = ghost_text.notebook, ghost_text.page
    notebook.open(
        "%load_ext codeface_jupyter\nimport time\nnumbers = [1, 2]", "time.sleep(8)", "", ""
    )
    notebook.load()
    ghost_text.edit(2)
    ghost_text.keyboard.type("total = s")
    page.get_by_role("button", name="Load it").click()
    page.wait_for_timeout(1500)
    ghost_text.edit(2)
    ghost_text.keyboard.type("u")
    ghost_text.expect("m(numbers)")

    notebook.start(1)
    ghost_text.edit(3)
    ghost_text.keyboard.type("total = su")
    ghost_text.expect_none(2000)
    notebook.until("p => p.sessionContext.session.kernel.status === 'idle'")
    ghost_text.keyboard.type("m")
    ghost_text.expect("(numbers)")


DATA = """%load_ext codeface_jupyter
%config CodeFace.engine = 'openvino'
%config CodeFace.model = 'qwen2.5-coder-0.5b'
get_ipython().magics_manager.registry['CodeFace'].extension.session.load().read_to_end()
import pandas as pd"""
SALES = """sales = pd.DataFrame(
    {
        "region": ["north", "south", "north", "west"],
        "units": [12, 7, 9, 14],
        "price": [2.5, 3.0, 2.5, 4.0],
    }
)
sales["revenue"] = sales["units"] * sales["price"]
sales.head(2)"""


@pytest.mark.real_model
@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_the_model_goes_on_with_a_column_that_is_there(ghost_text, theme):
    notebook = ghost_text.notebook
    notebook.page.set_default_timeout(120_000)
    notebook.open(DATA, SALES, "")
    notebook.use_theme(theme)
    notebook.run(0)
    notebook.run(1)
    notebook.evaluate("p => p.content.model.sharedModel.deleteCell(0)")
    ghost_text.edit(1)

    ghost_text.keyboard.type("mean_price = ")

    ghost_text.page.locator(SUGGESTION).filter(has_text='sales["price"]').wait_for()
    notebook.screenshot(f"ghost-text-{theme.split()[-1].lower()}")
