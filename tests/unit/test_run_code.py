"""Code runs in a copy of the kernel as a notebook's cell does, and what came of it is told."""

import asyncio
import builtins
import contextlib
import socket
import sqlite3
import sys
import threading
import warnings

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from codeface_jupyter.trials.copy import Limits, run_in_copy
from codeface_jupyter.trials.guard.landlock import landlock_version
from codeface_jupyter.trials.guard.seccomp import can_filter
from codeface_jupyter.trials.quiet_kernel import find_shell
from codeface_jupyter.trials.run_code import run_code

pytestmark = pytest.mark.skipif(
    not (landlock_version() and can_filter()), reason="needs Landlock and seccomp filters"
)

PATIENT = Limits(seconds=60)
TOLD = ("shows_value", "stdout", "stderr", "is_cut", "not_run")


@pytest.fixture(scope="module")
def shell():
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config)
    yield shell
    InteractiveShell.clear_instance()
    # What it puts into Python's own names.
    shell.builtin_trap.deactivate()


@pytest.fixture
def run(shell):
    """Return a function that runs code in a copy and tells what came of it in plain data."""

    def run(code, *, look=None, **variables):
        def work(files):
            shell.user_ns.update(variables)
            result = run_code(code, shell.user_ns, shell=find_shell())
            return {
                **{name: getattr(result, name) for name in TOLD},
                "value": repr(result.value),
                "displays": list(result.displays),
                "warnings": [[w.type_name, w.message, w.line] for w in result.warnings],
                "error": result.error
                and [result.error.type_name, result.error.message, result.error.line],
                "is_refusal": result.error and result.error.is_refusal,
                "look": look and repr(eval(look, shell.user_ns)),
            }

        report = run_in_copy(work, limits=PATIENT)
        assert report.end == "done", report
        return report.data

    return run


@pytest.mark.parametrize(
    ("code", "value", "shows_value"),
    [
        ("1 + 1", "2", True),
        ("x = 3\nx", "3", True),
        ("x = 3\nx;", "3", False),
        ("x = 3\nx;  # not shown", "3", False),
        ("x = 3  # ;\nx", "3", True),
        ("x = 3", "None", False),
        ("None", "None", False),
        ("", "None", False),
        ("# nothing", "None", False),
        ("'a;'", "'a;'", True),
        ("for n in range(3):\n    n", "None", False),
        ("import asyncio\nawait asyncio.sleep(0, 7)", "7", True),
        ("async def f():\n    return 8\nx = await f()\nx", "8", True),
        ("import asyncio\nt = asyncio.ensure_future(asyncio.sleep(0, 6))\nawait t", "6", True),
        ("import asyncio\nasyncio.run(asyncio.sleep(0, 5))", "5", True),
        ("from __future__ import annotations\ndef f(x: 1 + 1): ...\nf.__annotations__['x']",
         "'1 + 1'", True),
        ("def f(x: 1 + 1): ...\nf.__annotations__['x']", "2", True),
        ("import inspect\ndef f():\n    return 1\ninspect.getsource(f)",
         "'def f():\\n    return 1\\n'", True),
        ("%time 3 + 4", "7", True),
        ("%%time\n3 + 4", "7", True),
        ("len(In) >= 0", "True", True),
    ],
)  # fmt: skip
def test_the_last_expression_is_the_value(run, code, value, shows_value):
    found = run(code)
    assert (found["value"], found["shows_value"]) == (value, shows_value)
    assert found["error"] is None


def test_the_notebooks_variables_are_there_and_may_change(run, shell):
    found = run("rows.append(3)\nnew = 4\nrows", rows=[1, 2], look="new")
    assert (found["value"], found["look"]) == ("[1, 2, 3]", "4")
    assert "rows" not in shell.user_ns


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("x = 1\n1 / 0", ["ZeroDivisionError", "division by zero", 2]),
        ("def f():\n    return {}['a']\n\nf()", ["KeyError", "'a'", 2]),
        ("import json\njson.loads('')",
         ["JSONDecodeError", "Expecting value: line 1 column 1 (char 0)", 2]),
        ("import sys\nsys.exit(3)", ["SystemExit", "3", 2]),
        ("raise KeyboardInterrupt", ["KeyboardInterrupt", "", 1]),
        ("def f():\n    return f()\nf()",
         ["RecursionError", "maximum recursion depth exceeded", 2]),
        ("class E(Exception):\n    def __str__(self):\n        raise ValueError\nraise E",
         ["E", "", 4]),
        ("await undefined", ["NameError", "name 'undefined' is not defined", 1]),
        ("import asyncio\nawait asyncio.sleep(0)\nnext(iter([]))", ["StopIteration", "", 3]),
        ("class E(Exception):\n    def __str__(self):\n        exit()\nraise E", ["E", "", 4]),
    ],
)  # fmt: skip
def test_errors_have_their_line(run, code, error):
    assert run(code)["error"] == error


def test_a_syntax_error_has_its_line(run):
    found = run("x = 1\ny = (")
    assert found["error"][0] == "SyntaxError"
    assert found["error"][2] == 2


def test_output_is_collected_and_bounded(run):
    found = run(
        "import sys\nprint('out', end='')\nprint('err', file=sys.stderr)\n"
        "sys.stdout.buffer.write(b' bytes')\nsys.stdout.write(' \\u20ac')"
    )
    assert (found["stdout"], found["stderr"]) == ("out bytes €", "err\n")
    assert not found["is_cut"]
    found = run("print('x' * 10**7)")
    assert len(found["stdout"]) == 20_000
    assert found["is_cut"]


def test_a_kept_stream_and_logging_are_collected(run, monkeypatch):
    class Kept:
        def write(self, text):
            raise AssertionError("printed in the notebook")

        flush = write

    kept = Kept()
    monkeypatch.setattr(sys, "stdout", kept)
    assert run("kept.write('mine')", kept=kept)["stdout"] == "mine"


def test_displays_are_collected(run):
    found = run(
        "from IPython.display import HTML\n"
        "shown = display(HTML('<b>1</b>'), display_id=True)\n"
        "shown.update(HTML('<b>2</b>'))\ndisplay({'a': 1})"
    )
    assert [display["text/plain"] for display in found["displays"]][1] == "{'a': 1}"
    assert found["displays"][0]["text/html"] == "<b>2</b>"


def test_displays_have_an_end(run):
    found = run("for n in range(100):\n    display(n)")
    assert len(found["displays"]) == 20


@pytest.mark.filterwarnings("default")
def test_warnings_are_collected_with_their_line(run):
    found = run("import warnings\nwarnings.warn('old')\n1")
    assert found["warnings"] == [["UserWarning", "old", 2]]
    assert found["value"] == "1"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("!ls", "!ls is not run in a copy of the kernel"),
        ("files = !ls", "!ls is not run in a copy of the kernel"),
        ("%pip install polars", "%pip is not run in a copy of the kernel"),
        ("%%bash\nls", "%%bash is not run in a copy of the kernel"),
        ("%%writefile a.txt\nb", "%%writefile is not run in a copy of the kernel"),
        ("%run other.py", "%run is not run in a copy of the kernel"),
        ("get_ipython().system('ls')", "!ls is not run in a copy of the kernel"),
        ("%%codeface\nplot it", "%%codeface is not run in a copy of the kernel"),
    ],
)
def test_magics_and_commands_that_do_something_are_not_run(run, code, why):
    found = run(code)
    assert (found["not_run"], found["error"]) == (why, None)


@pytest.mark.parametrize(
    "code",
    ["%matplotlib inline", "%load_ext autoreload\n%autoreload 2", "%config Application.x = 1"],
)
def test_magics_without_an_effect_are_passed_over(run, code):
    found = run(f"{code}\n5")
    assert (found["value"], found["not_run"], found["error"]) == ("5", "", None)


def test_timeit_measures_once(run):
    found = run("%timeit calls.append(1)", calls=[], look="len(calls)")
    assert "per loop" in found["stdout"]
    assert found["look"] == "1"


def test_questions_are_refused(run):
    found = run("input('Name? ')")
    assert found["error"] == ["RefusedOnCopyError", "would ask you for input", 1]
    assert found["is_refusal"]
    assert run("import getpass\ngetpass.getpass()")["is_refusal"]


def test_what_fails_because_it_is_a_copy_is_told_from_what_is_wrong(run, tmp_path):
    (tmp_path / "in.txt").write_text("in")
    database = sqlite3.connect(tmp_path / "data.sqlite")
    database.execute("CREATE TABLE sales (n)")
    other, mine = socket.socketpair()
    with (tmp_path / "in.txt").open() as file, other, mine, contextlib.closing(database):
        for code in (
            "file.read()",
            "database.execute('SELECT * FROM sales').fetchall()",
            "mine.send(b'x')",
            "import urllib.request\nurllib.request.urlopen('http://localhost')",
            f"open({str(tmp_path / 'out.txt')!r}, 'w')",
            "try:\n    open('out.txt', 'w')\nexcept OSError as e:\n    raise ValueError from e",
        ):
            found = run(code, file=file, database=database, mine=mine)
            assert found["is_refusal"], (code, found)
    for code in (
        "1 / 0",
        "open('no such file')",
        "import sqlite3\nsqlite3.connect('').execute('x')",
        "import sqlite3\nsqlite3.connect('').execute(\"SELECT CAST(x'ff' AS text)\").fetchall()",
        "import sqlite3\nraise sqlite3.OperationalError('x')",
    ):
        found = run(code)
        assert found["error"], code
        assert found["is_refusal"] is False, code


def test_a_database_of_the_notebooks_thread_is_not_used_in_another(run):
    """An answer is tried in a worker thread, and its database is open in the notebook's."""
    found = []
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        code = "database.execute('SELECT 1').fetchall()"
        worker = threading.Thread(target=lambda: found.append(run(code, database=database)))
        worker.start()
        worker.join()
    assert found[0]["error"][0] == "ProgrammingError"
    assert found[0]["is_refusal"]


def test_figures_are_drawn_off_screen_and_stay(run):
    code = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.figure()\nplt.show()\n"
    found = run(f"{code}plt.gcf().show()\nplt.gcf().canvas.draw()\n(plt.get_fignums())")
    assert (found["value"], found["warnings"]) == ("[1, 2]", [])


def test_libraries_use_one_thread(run):
    found = run("import torch\ntorch.set_num_threads\ntorch.get_num_threads()")
    assert found["value"] == "1"


def test_without_ipython_plain_python_runs():
    def work(files):
        result = run_code("x = 2\nx * y", namespace := {"y": 21})
        return {"value": result.value, "x": namespace["x"]}

    assert run_in_copy(work, limits=PATIENT).data == {"value": 42, "x": 2}


def test_the_notebook_is_left_as_it_is(run, shell):
    before = (sys.stdout, builtins.input, shell.run_line_magic, list(warnings.filters))
    run("import random\nrandom.seed(1)\ninput()")
    assert (sys.stdout, builtins.input, shell.run_line_magic, list(warnings.filters)) == before
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
