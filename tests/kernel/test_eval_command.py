"""`codeface eval` as its user sees it, with models whose answers are known."""

import json
import os
import pty
import signal
import subprocess
import sys
from contextlib import suppress

import psutil
import pytest

from codeface_jupyter.cli.main import main
from codeface_jupyter.trials.guard.landlock import landlock_version
from codeface_jupyter.trials.guard.seccomp import can_filter

pytestmark = pytest.mark.skipif(
    not (landlock_version() and can_filter()), reason="needs Landlock and seccomp filters"
)

# An engine whose model is the name of a file of answers, by the words of a request.
ENGINE = """
import json
import os

from codeface_jupyter.config import EngineOptions
from codeface_jupyter.engines.base import Fitness
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.errors import GenerationError, PromptTooLongError


class Plugin:
    name = "known"
    options = EngineOptions

    def fitness(self, settings, options):
        return Fitness(reason="for a test")

    def create(self, settings, options):
        answers = json.loads(os.environ["KNOWN_ANSWERS"])[settings.model]

        def answer(prompt):
            text = next(text for words, text in answers.items() if words in prompt.request)
            if text == "fail":
                raise GenerationError("The engine failed.")
            if text == "too long":
                raise PromptTooLongError(prompt_tokens=9, max_new_tokens=2, context_window=10)
            return text

        return ScriptedEngine(answer, name=settings.model)


plugin = Plugin()
"""
CELLS = [
    ("code", "%load_ext codeface_jupyter\nimport shop\nprices = shop.read()"),
    ("markdown", "# Shop\n\nAdd up all prices."),
    ("code", "sum(prices)"),
    ("code", "# the largest of them\nmax(prices)"),
    ("markdown", "Append a price of nine."),
    ("code", "prices.append(9)"),
    ("code", "%%codeface\nhow many prices are there now?"),
    ("code", "len(prices)"),
    ("markdown", "Save the prices to a file."),
    ("code", "open('saved.txt', 'w').write('all')"),
]
GOOD = {
    "Add up": "```python\ntotal = sum(prices)\nprint(total)\n```",
    "largest": "It is\n```python\nsorted(prices)[-1]\n```",
    "Append": "```python\nprices = prices + [9]\n```",
    "how many": "```python\nlen(prices)\n```",
}
BAD = {
    "Add up": "```python\nsum(prices) + 1\n```",
    "largest": "```python\nprices.largest()\n```",
    "Append": "I cannot do that.",
    "how many": "too long",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a user's folder, with a notebook and what it reads; two models are installed."""
    packages = tmp_path / "packages"
    about = packages / "known-1.0.dist-info"
    about.mkdir(parents=True)
    (packages / "known_engine.py").write_text(ENGINE)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: known\nVersion: 1.0\n")
    entry_point = "[codeface_jupyter.engines]\nknown = known_engine:plugin\n"
    (about / "entry_points.txt").write_text(entry_point)
    # Both, for processes that are begun by Python and by a shell.
    monkeypatch.syspath_prepend(str(packages))
    monkeypatch.setenv("PYTHONPATH", str(packages))
    monkeypatch.setenv("KNOWN_ANSWERS", json.dumps({"good": GOOD, "bad": BAD}))
    monkeypatch.setenv("CODEFACE_ENGINE", "known")
    monkeypatch.setenv("CODEFACE_MODEL", "good")
    monkeypatch.setenv("CODEFACE_TRY_TIMEOUT_S", "60")
    monkeypatch.setenv("CODEFACE_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "empty.toml").touch()
    monkeypatch.setenv("CODEFACE_CONFIG", str(tmp_path / "empty.toml"))
    monkeypatch.setenv("COLUMNS", "120")
    work = tmp_path / "work"
    work.mkdir()
    (work / "shop.py").write_text(
        "from pathlib import Path\ndef read():\n"
        "    return [int(line) for line in Path('prices.txt').read_text().split()]\n"
    )
    (work / "prices.txt").write_text("3 5 4")
    write(work / "shop.ipynb", CELLS)
    return work


def write(file, cells):
    listed = [{"cell_type": kind, "source": source, "metadata": {}} for kind, source in cells]
    file.write_text(json.dumps({"nbformat": 4, "metadata": {}, "cells": listed}))


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def evaluate(folder, *arguments):
    return main(["eval", str(folder / "shop.ipynb"), "--timeout", "60", *arguments])


def test_each_answer_is_judged_by_what_the_cell_does(folder, tmp_path, capsys):
    before = contents(folder)
    record = tmp_path / "record.json"
    arguments = ("-m", "good", "--model", "bad", "--show", "--json", str(record))
    assert evaluate(folder, *arguments) == 0
    shown = capsys.readouterr()

    lines = {line.split()[0]: line.split() for line in shown.out.splitlines() if line.strip()}
    assert lines["good"][1:4] == ["4", "4", "(100%)"]
    assert lines["bad"][1:4] == ["4", "0", "(0%)"]
    # Of the bad one's, one raises and two have no code.
    assert lines["bad"][-5:-3] == ["1", "2"]
    assert "Left out: 1 cell (1: does what a copy may not do" in shown.out
    assert "cell 3: gives 13, not 12" in shown.out
    assert "sum(prices) + 1" in shown.out
    assert "cell 4: raises AttributeError" in shown.out
    assert "cell 8: The prompt has 9 tokens" in shown.out
    assert "good, task 1 of 5" in shown.err

    answers = json.loads(record.read_text())["answers"]
    assert [(a["model"], a["cell"], a["kind"]) for a in answers] == [
        *[("good", cell, "right") for cell in (3, 4, 6, 8)],
        *zip(["bad"] * 4, (3, 4, 6, 8), ["wrong", "raises", "no code", "no code"], strict=True),
    ]
    assert answers[0]["request"] == "Add up all prices."
    # Cells run in a copy: also the one that saves, which is run though it is no task.
    assert contents(folder) == before


def test_an_engine_that_fails_says_nothing_of_the_model(folder, monkeypatch, capsys):
    answers = {"good": GOOD, "bad": {**BAD, "Append": "fail"}}
    monkeypatch.setenv("KNOWN_ANSWERS", json.dumps(answers))
    assert evaluate(folder, "-m", "bad", "-m", "good") == 0
    shown = capsys.readouterr().out

    table, _, remarks = shown.rpartition("\n\n")
    lines = {line.split()[0]: line.split() for line in table.splitlines() if line.strip()}
    # What was measured before is kept: one wrong, one that raises, and none without code.
    assert lines["bad"][1:4] == ["2", "0", "(0%)"]
    assert lines["bad"][-5:-3] == ["1", "0"]
    assert lines["good"][1:4] == ["4", "4", "(100%)"]
    assert "shop.ipynb: The engine failed." in remarks


def test_without_a_name_the_configured_model_of_a_server_is_asked_and_a_limit_holds(folder, capsys):
    assert evaluate(folder, "--limit", "1") == 0
    shown = capsys.readouterr()
    assert [line.split()[:2] for line in shown.out.splitlines()[2:3]] == [["good", "1"]]
    assert "task 1 of 1 " in shown.err
    assert "task 2" not in shown.err


def test_a_cell_that_raises_is_named_and_what_needs_it_is_left_out(folder, capsys):
    (folder / "prices.txt").unlink()
    assert evaluate(folder, "-m", "good") == 1
    shown = capsys.readouterr()
    assert "cell 1 raised when it was run: FileNotFoundError" in shown.out
    assert "Left out: 5 cells (4: its own code raises; 1: does what" in shown.out
    assert "every task was left out" in shown.err


def test_a_cell_that_ends_its_process_ends_that_notebook_only(folder, capsys):
    write(folder / "ends.ipynb", [*CELLS[:3], ("code", "import os\nos._exit(1)"), *CELLS[3:]])
    assert main(["eval", str(folder / "ends.ipynb"), str(folder / "shop.ipynb")]) == 0
    shown = capsys.readouterr().out
    assert "ends.ipynb: The process in which the notebook ran has ended." in shown
    assert " 5 (100%)" in shown


def test_what_a_cell_begins_ends_with_it_and_a_fork_changes_no_figure(folder, capsys):
    forks = ("code", "import os\npid = os.fork()")
    file = folder.parent / "pid"
    run = "import subprocess; process = subprocess.Popen(['sleep', '600'])"
    begins = f"{run}\nopen({str(file)!r}, 'w').write(str(process.pid))"
    write(folder / "shop.ipynb", [CELLS[0], forks, ("code", begins), *CELLS[1:]])
    assert evaluate(folder, "-m", "good") == 0

    assert " 4 (100%)" in capsys.readouterr().out
    assert ends(int(file.read_text()))


def ends(pid):
    """Whether a process is over, or soon is; where nobody waits for it, it stays a zombie."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for _ in range(100):
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
            with suppress(psutil.TimeoutExpired):
                process.wait(0.1)
        return False
    return True


def test_no_cell_asks_at_the_terminal(folder):
    cells = [*CELLS[:1], ("code", "import getpass\nword = getpass.getpass()"), *CELLS[1:3]]
    write(folder / "shop.ipynb", cells)
    ours, theirs = pty.openpty()
    # `script` would do the same: a session whose terminal that is.
    begin = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    run = f"{begin}os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    command = [sys.executable, "-c", run, "-m", "codeface_jupyter.cli.main", "eval", "shop.ipynb"]
    with subprocess.Popen(
        command,
        cwd=folder,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as running:
        shown, _ = running.communicate(timeout=120)
    os.close(ours)
    os.close(theirs)
    assert "cell 2 raised when it was run: EOFError" in shown
    assert " 1 (100%)" in shown


def test_a_cell_without_end_is_interrupted_however_it_is_written():
    # In a process of its own, as the shell is.
    script = """
from codeface_jupyter.evaluation.quiet_shell import QuietShell

shell = QuietShell()
caught = "while True:\\n    try: 1\\n    except Exception: break\\nwhile True: 2"
for cell in ("while True: pass", caught):
    print(shell.run(cell, limit_s=0.3))
print(repr(shell.run("quit()", limit_s=60)))
"""
    command = [sys.executable, "-c", script]
    ran = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    told = "TimeoutError: it ran for 0.3 s, and was interrupted"
    assert ran.stdout.splitlines()[-1] == "''"
    assert ran.stdout.count(f"\n{told}\n") == 2


def test_figures_are_compared_by_what_is_drawn_and_none_is_left_for_the_next_cell(
    folder, monkeypatch, capsys
):
    pytest.importorskip("matplotlib")
    cells = [
        ("code", "import matplotlib.pyplot as plt\n%matplotlib inline\nprices = [3, 5, 4]"),
        *[("markdown", "Add up the prices as a line."), ("code", "plt.plot(prices)")],
        *[("markdown", "the largest of them as a bar"), ("code", "plt.bar([1], [5]);")],
    ]
    write(folder / "shop.ipynb", cells)
    answers = {
        "Add up": "```python\nfig, ax = plt.subplots()\nax.plot(prices, color='red')\n```",
        "largest": "```python\nplt.plot(prices)\n```",
    }
    monkeypatch.setenv("KNOWN_ANSWERS", json.dumps({"good": answers}))
    assert evaluate(folder, "--show") == 0
    shown = capsys.readouterr().out
    assert " 1 (50%)" in shown
    assert "cell 5: draws something else" in shown


def test_an_interrupt_keeps_and_shows_what_was_measured(folder, tmp_path):
    write(folder / "shop.ipynb", [*CELLS[:3], ("code", "import time\ntime.sleep(600)"), *CELLS[3:]])
    command = [sys.executable, "-m", "codeface_jupyter.cli.main", "eval", "shop.ipynb"]
    with subprocess.Popen(
        [*command, "--json", str(tmp_path / "record.json")],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        told = iter(running.stderr.readline, "")
        assert any("task 1 of 5" in line for line in told)
        running.send_signal(signal.SIGINT)
        shown, _ = running.communicate(timeout=60)
    assert running.returncode == 130
    assert " 1 (100%)" in shown
    assert len(json.loads((tmp_path / "record.json").read_text())["answers"]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.ipynb"], "There is no file none.ipynb"),
        (["shop.py"], "shop.py is not a notebook"),
        (["shop.ipynb", "--json", "nowhere/a.json"], "There is no folder nowhere"),
        (["shop.ipynb", "--json", "."], ". cannot be written"),
        (["shop.ipynb", "--json", "a" * 300], "cannot be written: File name too long"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_runs(
    folder, monkeypatch, capsys, arguments, message
):
    monkeypatch.chdir(folder)
    assert main(["eval", *arguments]) == 1
    shown = capsys.readouterr()
    assert message in " ".join(shown.err.split())
    assert not shown.out


def test_a_model_that_is_not_here_says_how_to_get_it(folder, monkeypatch, capsys):
    monkeypatch.setenv("CODEFACE_ENGINE", "transformers")
    monkeypatch.setenv("CODEFACE_MODEL", "smollm2-135m")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(folder))
    assert evaluate(folder) == 1
    told = capsys.readouterr().err
    assert "smollm2-135m is not on this machine." in told
    assert "codeface pull smollm2-135m" in told


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("--limit", value) for value in ("0", "-1", "x", "1.5", "²")),
        *(("--timeout", value) for value in ("0", "-1", "x", "inf", "nan")),
    ],
)
def test_numbers_out_of_range_are_usage_errors(folder, capsys, option, value):
    with pytest.raises(SystemExit) as caught:
        evaluate(folder, f"{option}={value}")
    assert caught.value.code == 2
    told = capsys.readouterr().err.splitlines()[-1]
    ranges = {"--limit": "a whole number, at least 1", "--timeout": "seconds, more than 0"}
    assert told.endswith(f"argument {option}: expected {ranges[option]}, but got {value!r}")


def test_links_are_copied_as_what_they_lead_to_and_environments_are_not(
    folder, tmp_path, monkeypatch, capsys
):
    elsewhere = tmp_path / "prices.txt"
    (folder / "prices.txt").rename(elsewhere)
    (folder / "prices.txt").symlink_to(elsewhere)
    (folder / "env").mkdir()
    (folder / "env" / "pyvenv.cfg").touch()
    cell = ("code", "from pathlib import Path\nPath('prices.txt').open('a').write(' 6')")
    env = [("markdown", "Is there an environment?"), ("code", "Path('env').exists()")]
    write(folder / "shop.ipynb", [cell, *CELLS[:3], *env])
    answers = {"Add up": "```python\n18\n```", "Is there": "```python\nFalse\n```"}
    monkeypatch.setenv("KNOWN_ANSWERS", json.dumps({"good": answers}))
    assert evaluate(folder) == 0
    assert " 2 (100%)" in capsys.readouterr().out
    assert elsewhere.read_text() == "3 5 4"


def test_a_folder_that_is_too_large_is_not_copied(folder, monkeypatch, capsys):
    monkeypatch.setattr("codeface_jupyter.evaluation.folder.MAX_FILES", 2)
    assert evaluate(folder) == 1
    assert "too large to be copied" in capsys.readouterr().err


def test_a_model_on_a_device_that_cannot_be_copied_is_judged_in_a_process_of_its_own(folder):
    """See `codeface_jupyter.evaluation.run`: what asks and what tries are then two processes."""
    from contextlib import contextmanager

    from codeface_jupyter.evaluation.events import Measured
    from codeface_jupyter.evaluation.messages import Answered, Expectation
    from codeface_jupyter.evaluation.run import evaluate
    from codeface_jupyter.evaluation.tasks import read_notebook
    from codeface_jupyter.outcome import Digests, Outcome

    done = []

    class Process:
        def __init__(self, number):
            self.number = number
            self.is_loaded = False

        def load(self):
            self.is_loaded = True

        def why_no_copy(self):
            return "A GPU is in use." if self.is_loaded else ""

        def expect(self, index):
            done.append((self.number, "expect"))
            return Expectation(outcome=Outcome(ending="ran", digests=Digests(value="1")))

        def ask(self, index):
            done.append((self.number, "ask"))
            return Answered(code="1", seconds=1.0, tokens=1)

        def attempt(self, code):
            done.append((self.number, "attempt"))
            return Outcome(ending="ran", digests=Digests(value="1"))

    numbers = iter((1, 2))

    @contextmanager
    def begin(notebook, settings):
        yield Process(next(numbers))

    notebooks = [read_notebook(folder / "shop.ipynb")]
    events = list(evaluate(notebooks, {"large": {}}, limit=1, begin=begin))
    assert [event.kind for event in events if isinstance(event, Measured)] == ["right"]
    assert done == [(2, "expect"), (1, "ask"), (2, "attempt")]
