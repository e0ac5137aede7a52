"""The example notebooks, run as a reader would run them."""

from pathlib import Path

import pytest

from codeface_jupyter.config import Settings
from codeface_jupyter.frontend.protocol import RESULT_MIME
from codeface_jupyter.models.fetch import locate
from codeface_jupyter.models.local_model import ModelRequest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
QUICKSTART = NOTEBOOKS / "quickstart.ipynb"
TIMEOUT_S = 900
MODEL = "qwen2.5-coder-0.5b"
# The notebooks are kept without outputs: what a model says is not compared letter by letter.
IGNORED = ("/cells/*/outputs", "/cells/*/execution_count", "/cells/*/metadata", "/metadata")


@pytest.fixture
def run(nb_regression):
    def run_notebook(path):
        nb_regression.exec_timeout = TIMEOUT_S
        nb_regression.diff_ignore = IGNORED
        return nb_regression.check(str(path)).nb_final

    return run_notebook


def outputs(notebook, beginning):
    """Return the outputs of the cell whose source begins so."""
    (cell,) = [cell for cell in notebook.cells if cell.source.startswith(beginning)]
    return cell.outputs


def text_of(found):
    return "".join(o.get("text", "") + o.get("data", {}).get("text/plain", "") for o in found)


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.name)
def test_notebook_runs_with_scripted_answers(run, path, monkeypatch):
    monkeypatch.setenv("CODEFACE_ENGINE", "scripted")
    notebook = run(path)
    answers = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if RESULT_MIME in output.get("data", {})
    ]
    assert answers


@pytest.mark.real_model
def test_quickstart_gives_sensible_code_that_runs(run, monkeypatch):
    # By name: what auto takes, and tells beside the answer, depends on the machine.
    monkeypatch.setenv("CODEFACE_MODEL", MODEL)
    if locate(ModelRequest(MODEL, Settings().cache_dir)) is None:
        pytest.skip(f"the model is not here: codeface pull {MODEL}")
    notebook = run(QUICKSTART)
    (answer,) = outputs(notebook, "%%codeface")
    assert answer["data"][RESULT_MIME]["finish_reason"] == "stop"
    shown = text_of(outputs(notebook, "ran = get_ipython().run_cell"))
    # The revenue of west, north and south, largest first.
    assert shown.index("88") < shown.index("80") < shown.index("48")
    explained = outputs(notebook, "%codeface_explain")
    assert "8" in text_of(explained[:1])
    assert explained[-1]["data"][RESULT_MIME]["text"]
    assert "requests" in text_of(outputs(notebook, "%codeface_stats"))
