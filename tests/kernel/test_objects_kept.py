"""What a failed cell named is freed when the user deletes it, in a real kernel."""

import pytest

CLASS = """
import gc, weakref
class Big:
    def __init__(self):
        self.parts = [0] * 1000
    def __getitem__(self, key):
        raise KeyError(key)
"""
SCRIPTED = "-e scripted -m scripted"


@pytest.fixture
def with_big(notebook):
    notebook.run(CLASS)
    notebook.run("big = Big(); reference = weakref.ref(big)")
    return notebook


def is_freed(notebook):
    notebook.run("del big; _ = gc.collect()")
    return notebook.value("reference() is None")


def test_an_error_keeps_nothing_of_its_line_alive(with_big):
    assert with_big.run("big, 1 / 0").reply["ename"] == "ZeroDivisionError"
    assert is_freed(with_big)


def test_what_the_failing_line_names_is_described_while_it_is_there(with_big):
    with_big.run("number = 41\nbig['missing'], number")
    with_big.run(f"%codeface_fix {SCRIPTED}")
    assert "number" in with_big.value("_codeface.prompt")
    with_big.run("def f():\n    rows = [1, 2, 3]\n    return rows['x']\nf()")
    with_big.run(f"%codeface_fix {SCRIPTED}")
    assert "rows" in with_big.value("_codeface.prompt")


@pytest.mark.parametrize(
    "line",
    [
        f"%codeface {SCRIPTED} -t 9 use big",
        "%codeface -e transformers -m /no/such/folder use big",
        "%codeface_explain nothing_like_it",
        "%codeface_batch -e transformers -m /no/such/folder questions",
    ],
)
def test_an_error_of_ours_keeps_nothing_of_the_notebook_alive(with_big, line):
    with_big.run("questions = ['about big']")
    assert with_big.run(line).reply["status"] == "error"
    assert is_freed(with_big)


def test_an_interrupted_cell_keeps_nothing_of_the_notebook_alive(with_big):
    interrupted = []

    def interrupt(run):
        if len(run.bundles) >= 5 and not interrupted:
            interrupted.append(True)
            with_big.manager.interrupt_kernel()

    run = with_big.run(f"%codeface {SCRIPTED}:10ms:x2000 use big", while_running=interrupt)
    assert run.reply["ename"] == "KeyboardInterrupt"
    assert is_freed(with_big)
