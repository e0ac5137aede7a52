"""Fix and edit take the cell that is meant, as a notebook's page on a real kernel has it."""

import pytest

from codeface_jupyter.frontend.saved_output import RESULT_MIME
from codeface_jupyter.trials.copy_support import copy_support

LOAD = "%load_ext codeface_jupyter"


def cell(cell_id, source, *, number=None, cell_type="code", error=None):
    made = {
        "id": cell_id,
        "type": cell_type,
        "source": source,
        "execution_count": number,
        "is_cut": False,
    }
    return made if error is None else {**made, "error": error}


def shown(ename, evalue, line):
    traceback = f"{ename}  Traceback\nCell In[2], line 1\n\x1b[32m----> 1\x1b[39m {line}\n\n{ename}"
    return {"ename": ename, "evalue": evalue, "traceback": traceback}


class Asking:
    """A page whose last cell asks; its cells are sent before each question."""

    def __init__(self, kernel, page):
        self.kernel, self.page = kernel, page
        self.cells = []

    def run(self, cell_id, source, **options):
        """Run a cell of the notebook, which then stands in it."""
        run = self.kernel.run(source, cell_id=cell_id)
        number = run.reply["execution_count"]
        self.cells.append(cell(cell_id, source, number=number, **options))
        return run

    def ask(self, source):
        self.page.push([*self.cells, cell("asks", source)], asking="asks")
        return self.kernel.run(source, cell_id="asks")

    def refused(self, source):
        """Return the error's text of a question that is refused."""
        run = self.ask(source)
        assert run.reply["status"] == "error"
        return run.of_type("error")[0]["evalue"]

    def passed(self, source):
        """Return what a cell says that has nothing to do, and lets what follows run."""
        run = self.ask(source)
        assert run.reply["status"] == "ok", run.of_type("error")
        (bundle,) = run.bundles
        return bundle["text/plain"]

    def data(self, source):
        """Return the result's data of a question."""
        run = self.ask(source)
        assert run.reply["status"] == "ok", run.of_type("error")
        return run.bundles[-1][RESULT_MIME]

    @property
    def prompt(self):
        return self.kernel.value("_codeface.prompt")


@pytest.fixture
def asking(scripted, kernel_page):
    return Asking(scripted, kernel_page.open_comm(on_subshell=False))


def test_edit_takes_the_cell_with_the_id_not_the_one_above(asking):
    asking.run("a", "first = 1")
    asking.run("b", "second = 2")
    data = asking.data("%codeface_edit --id a call it other")
    assert data["replaces_cell_id"] == "a"
    place = {"is_offered": True, "only_repeats": False}
    assert data["rewrite"] == {"before": "first = 1", "hidden": [], **place}


def test_the_beginning_of_a_uuid_names_the_cell(asking):
    first, second = "3f2a9c1e-8b1d-4c5e-9f00-0123456789ab", "3f2a9c1e-0000-4c5e-9f00-0123456789ab"
    asking.run(first, "first = 1")
    asking.run("b", "second = 2")
    data = asking.data("%codeface_edit --id 3f2a9c1e call it other")
    assert data["replaces_cell_id"] == first
    asking.run(second, "third = 3")
    assert "several cells" in asking.passed("%codeface_edit --id 3f2a9c1e call it other")


@pytest.mark.parametrize("there", ["c10", "c1-0", "3f2a9c1e0", "3f2a9c1-e"])
def test_the_beginning_of_another_id_names_no_cell(asking, there):
    asking.run(there, "first = 1")
    for gone in ("c1", "3f2a9c1", "3f2a9c1e"):
        assert "no longer in this" in asking.passed(f"%codeface_edit --id {gone} call it other")


def test_an_instruction_may_begin_with_a_number(asking):
    asking.run("a", "first = 1")
    asking.run("b", "second = 2")
    data = asking.data("%codeface_edit 2 decimals only please")
    assert data["replaces_cell_id"] == "b"
    assert "2 decimals only please" in asking.prompt


def test_of_two_equal_cells_the_one_that_is_meant_is_replaced(asking):
    asking.run("a", "1 / 0")
    asking.run("b", "1 / 0")
    assert asking.data("%codeface_fix --id a")["replaces_cell_id"] == "a"
    number = asking.cells[0]["execution_count"]
    assert asking.data(f"%codeface_fix {number}")["replaces_cell_id"] == "a"
    assert asking.data("%codeface_fix")["replaces_cell_id"] == "b"


def test_a_markdown_cell_is_edited_as_markdown(asking):
    asking.run("a", "x = 1")
    asking.cells.append(cell("m", "# A titel", cell_type="markdown"))
    data = asking.data("%codeface_edit --id m mend the title")
    assert data["replaces_cell_id"] == "m"
    assert "in one markdown block" in asking.prompt
    assert [block["cell_type"] for block in data["blocks"]] == ["markdown"]


def test_a_cell_that_has_not_been_run_is_explained_by_its_id_and_one_of_markdown_as_words(asking):
    asking.cells.append(cell("a", "def double(x):\n    return 2 * x"))
    asking.cells.append(cell("m", "# A title", cell_type="markdown"))
    assert asking.data("%codeface_explain --id a")["insert"] == "none"
    assert "What does this cell do?" in asking.prompt
    assert "return 2 * x" in asking.prompt
    asking.data("%codeface_explain --id m")
    assert "What does this mean?\n\n```markdown\n# A title" in asking.prompt


def test_after_a_restart_a_number_of_before_is_refused(asking):
    # The count that the page still shows is an earlier kernel's.
    asking.run("a", "x = 1")
    number = asking.cells[0]["execution_count"]
    asking.cells[0] = cell("old", "other = 2", number=number)
    said = asking.passed(f"%codeface_edit --number {number} rename it")
    assert f"No cell of the notebook is still what was In [{number}]" in said


def test_a_cell_that_was_changed_since_it_failed_is_not_repaired(asking):
    asking.run("a", "1 / 0")
    asking.cells[0]["source"] = "1 / 1"
    for line in ("%codeface_fix", "%codeface_fix --id a"):
        assert "has been changed since it failed" in asking.passed(line)


def test_a_cell_that_succeeded_since_has_no_error(asking):
    asking.run("a", "1 / 0")
    asking.cells.clear()
    asking.run("a", "1 / 1")
    assert "raised no error" in asking.passed("%codeface_fix --id a")
    number = asking.run("b", "x = 1").reply["execution_count"]
    assert f"In [{number}] raised no error" in asking.passed(f"%codeface_fix {number}")


def test_a_cell_that_is_gone_is_not_taken_for_another(asking):
    asking.run("a", "1 / 0")
    asking.cells[0] = cell("b", "x = 1")
    for line in ("%codeface_fix --id a", "%codeface_fix", "%codeface_edit --id a do it"):
        assert "no longer in this notebook" in asking.passed(line)


def test_a_request_is_not_edited(asking):
    asking.cells.append(cell("q", "%%codeface\nplot it"))
    assert "is a request to CodeFace" in asking.refused("%codeface_edit --id q do it")


def test_the_error_that_the_page_shows_is_taken_when_the_kernel_has_none(asking):
    error = shown("KeyError", "'b'", "units['b']")
    asking.cells.append(cell("old", "units['b']", number=2, error=error))
    asking.kernel.run("%unload_ext codeface_jupyter\n%load_ext codeface_jupyter")
    asking.kernel.run("%config CodeFace.engine = 'scripted'")
    asking.page.open_comm(on_subshell=False)
    data = asking.data("%codeface_fix --id old")
    assert data["replaces_cell_id"] == "old"
    assert "KeyError: 'b'" in asking.prompt
    assert "line 1 in the cell: units['b']" in asking.prompt


def test_an_error_of_before_the_extension_was_loaded_is_known(kernel, kernel_page):
    kernel.run("%reset -f")
    kernel.run("key = 'b'\n{'a': 1}[key]", cell_id="a")
    run = kernel.run(f"{LOAD}\n%config CodeFace.engine = 'scripted'\n%codeface_fix")
    assert run.reply["status"] == "ok"
    assert "{'a': 1}[key]" in kernel.value("_codeface.prompt")
    assert "KeyError: 'b'" in kernel.value("_codeface.prompt")
    kernel.run("%config CodeFace.engine = 'auto'")
    kernel.run("%unload_ext codeface_jupyter")


def test_fix_first_says_what_caused_the_error(asking):
    asking.run("a", "price = 3")
    asking.run("b", "prise + 1")
    run = asking.ask("%codeface_fix")
    first = run.bundles[0]["text/plain"]
    assert "nothing is called `prise` here; there is `price`" in first


def test_an_interrupted_cell_is_not_repaired(asking):
    asking.run("a", "1 / 0")
    asking.run("b", "raise KeyboardInterrupt")
    assert "was interrupted" in asking.passed("%codeface_fix")
    asking.run("c", "x = 1")
    assert asking.data("%codeface_fix")["replaces_cell_id"] == "a"


@pytest.mark.parametrize("code", ["import sys\nsys.exit(1)", "raise SystemExit"])
def test_a_cell_that_ended_itself_is_named_and_not_an_earlier_one_repaired(asking, code):
    asking.run("a", "1 / 0")
    asking.run("b", code)
    assert "was ended by SystemExit" in asking.passed("%codeface_fix")
    error = shown("SystemExit", "1", "sys.exit(1)")
    asking.cells.append(cell("old", code, number=9, error=error))
    assert "was ended by SystemExit" in asking.passed("%codeface_fix --id old")


def test_an_interrupt_that_the_page_shows_is_no_error_either(asking):
    error = shown("KeyboardInterrupt", "", "wait()")
    asking.cells.append(cell("old", "wait()", number=2, error=error))
    assert "was interrupted" in asking.passed("%codeface_fix --id old")


def test_an_error_whose_text_fails_is_the_last_one(asking):
    asking.run("a", "1 / 0")
    asking.run("b", "class Bad(Exception):\n    def __str__(self): raise RuntimeError('no')")
    asking.run("c", "raise Bad()")
    assert asking.data("%codeface_fix")["replaces_cell_id"] == "c"


def test_what_led_to_an_error_is_told(asking):
    asking.run(
        "a",
        "def load(text):\n"
        "    try:\n"
        "        return int(text)\n"
        "    except ValueError as error:\n"
        "        raise RuntimeError('bad configuration') from error\n"
        "load('x')",
    )
    asking.ask("%codeface_fix")
    assert "Its cause:\nline 3 in load: return int(text)\nValueError: invalid" in asking.prompt


def test_a_key_stays_out_of_prompt_and_output(asking):
    key = "api_key = 'sk-ant-0123456789abcdef0123456789'"
    asking.run("a", f"%matplotlib inline\n{key}\nlen(api_kee)")
    run = asking.ask("%codeface_fix")
    assert "sk-ant" not in asking.prompt
    assert "%matplotlib inline" in asking.prompt
    assert "sk-ant" not in str(run.bundles)
    data = run.bundles[-1][RESULT_MIME]
    assert data["rewrite"]["hidden"] == [
        {"mark": "# (a line with a secret was left out)", "count": 1}
    ]


def inserted(kernel, answer, magic, words=""):
    """Return what is inserted for an answer, and what is said."""
    kernel.run(
        "from codeface_jupyter.engines.current_engine import CurrentEngine\n"
        "from codeface_jupyter.engines.scripted import ScriptedEngine\n"
        "session = get_ipython().configurables[-1].extension.session\n"
        f"session._resources.engines = CurrentEngine(ScriptedEngine([{answer!r}]))"
    )
    run = kernel.run(f"{magic} --insert next --no-try --no-cache {words}")
    assert run.reply["status"] == "ok", run.text
    return [payload["text"] for payload in run.reply["payload"]], run.text


def test_the_cell_that_is_inserted_has_its_key(scripted):
    key = "api_key = 'sk-ant-0123456789abcdef0123456789'"
    scripted.run(f"{key}\nlen(api_kee)")
    answer = "```python\n# (a line with a secret was left out)\nlen(api_key)\n```"
    assert inserted(scripted, answer, "%codeface_fix") == ([f"{key}\nlen(api_key)"], "")


def test_the_cell_that_is_inserted_has_its_cell_magic(scripted):
    number = scripted.run("%%capture out\nprices = 1").reply["execution_count"]
    answer = "```python\nprices = [1]\n```"
    edit = f"%codeface_edit --number {number}"
    cells, _ = inserted(scripted, answer, edit, "make it a list")
    assert cells == ["%%capture out\nprices = [1]"]


@pytest.mark.parametrize(
    ("answer", "options", "said"),
    [
        ("```python\nlen(api_key)\n```", "", "the mark of a line with a secret"),
        ("```python\nlen('a long text', and, more)\n```", "-n 6", "the answer was not finished."),
        ("It is right as it is.", "", "the answer holds no code."),
    ],
)
def test_what_cannot_take_the_cell_s_place_is_not_inserted(scripted, answer, options, said):
    scripted.run("api_key = 'sk-ant-0123456789abcdef0123456789'\nlen(api_kee)")
    sources, told = inserted(scripted, answer, f"%codeface_fix {options}")
    assert sources == []
    assert told.startswith("Not inserted: ")
    assert said in told


def test_the_cell_just_above_is_told_when_the_asking_one_is_not_stored(scripted):
    scripted.run("unusual_name = 41")
    content = {
        "code": "%codeface use it",
        "silent": False,
        "store_history": False,
        "allow_stdin": False,
    }
    client = scripted.client
    request = client.session.msg("execute_request", content)
    client.shell_channel.send(request)
    scripted._reply(request["header"]["msg_id"])
    assert "unusual_name = 41" in scripted.value("_codeface.prompt")


@pytest.mark.parametrize(
    "source",
    [
        "%%time\n%%codeface\nplot it in red",
        "%%capture out\n%%codeface\nplot it in red",
        "# for the report\n%%codeface\nplot it in red",
        "if True:\n    %codeface plot it in red",
        "answer = %codeface plot it \\\n   in red",
    ],
)
def test_a_request_is_never_sent_as_python(scripted, source):
    scripted.run(source)
    scripted.run("%codeface_reset")
    scripted.run("%codeface --no-cache say hello")
    assert "in red" not in scripted.value("_codeface.prompt")
    assert "if True" not in scripted.value("_codeface.prompt")


def test_a_request_that_failed_is_not_repaired_by_the_model(asking):
    asking.run(
        "a", "%%codeface -m no-such-model\nplot it", error=shown("ModelError", "none", "plot")
    )
    assert "is a request to CodeFace" in asking.refused("%codeface_fix --id a")


@pytest.mark.parametrize("ids", [["a", "b"], [None, None]])
def test_an_edit_tells_whether_the_cell_failed_when_it_was_run(asking, ids):
    if not copy_support(tries="auto").is_possible:
        pytest.skip("code cannot be tried here")
    sources = ["rows.pop('tmp')", "1 / 0"]
    asking.kernel.run("rows = {'tmp': 1}")
    runs = [asking.kernel.run(one, cell_id=id_) for one, id_ in zip(sources, ids, strict=True)]
    numbers = [run.reply["execution_count"] for run in runs]
    if ids[0]:
        asking.cells += [
            cell(id_, source, number=number)
            for id_, source, number in zip(ids, sources, numbers, strict=True)
        ]
    said = [
        "Run again now, the old cell raises KeyError.",
        "Before the change, the cell raised ZeroDivisionError.",
    ]
    for number, note in zip(numbers, said, strict=True):
        line = f"%codeface_edit --number {number} say more"
        data = asking.data(line) if ids[0] else asking.kernel.run(line).bundles[-1][RESULT_MIME]
        assert note in data["notes"]
