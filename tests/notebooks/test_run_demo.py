"""The demo writes what an answer shows while it comes, as text that can be read afterwards."""

import importlib.util
import os
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

SCRIPT = Path(__file__).parents[2] / "notebooks" / "run_demo.py"
SHOWN = [
    "Reading the tokenizer … 0 s",
    "Reading the tokenizer … 1 s",
    "Step 4 of 4: Reading the prompt: 60%, 0 s",
    "Step 4 of 4: Reading the prompt: 90%, 1 s left",
    "```python",
    "```python\nx = 1\n```\n",
    "```python\nx = 1\n```\n\n\nTrying it on a copy of the kernel … 0 s",
    "```python\nx = 1\n```\n\nTried on a copy: 0.01 s\n\n[the model]",
]
CELL = """
from IPython.display import display
handle = display({"text/plain": ""}, raw=True, display_id=True)
for text in TEXTS:
    handle.update({"text/plain": text}, raw=True)
"""


@pytest.fixture
def run_demo():
    spec = importlib.util.spec_from_file_location("run_demo", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def written(run_demo, tmp_path, capfd):
    def run(texts):
        path = tmp_path / "demo.ipynb"
        cell = new_code_cell(CELL.replace("TEXTS", repr(texts)))
        nbformat.write(new_notebook(cells=[cell, new_code_cell("print('done')")]), path)
        run_demo.run(path, tmp_path / "build")
        return capfd.readouterr()

    return run


def test_progress_has_lines_of_its_own_and_an_answer_is_written_once(written):
    out, err = written(SHOWN)
    shown = out.partition("raw=True)\n")[2].partition("[cell 2]")[0]
    assert [line for line in shown.split("\n") if line] == [
        "Reading the tokenizer …",
        "Step 4 of 4: Reading the prompt …",
        "```python",
        "x = 1",
        "```",
        "Trying it on a copy of the kernel …",
        "Tried on a copy: 0.01 s",
        "[the model]",
    ]
    assert out.rstrip().endswith("done")
    # Such as that others may listen to the kernel.
    assert "WARNING" not in f"{out}{err}"


def test_an_answer_that_is_revised_is_written_anew(written):
    out, _ = written(["```python\nx = 1", "```python\ny = 2\n```"])
    assert "x = 1\n```python\ny = 2\n```" in out


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such sockets")
def test_where_the_path_of_a_socket_would_be_too_long_there_is_none(run_demo):
    assert run_demo.local_connection(Path("/tmp")).KernelManager.transport == "ipc"
    assert run_demo.local_connection(Path("/tmp", "d" * 100)) == {}
