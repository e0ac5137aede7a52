"""The example notebooks, run as a reader would run them."""

from pathlib import Path

import pytest

from codeface_jupyter.config import Settings
from codeface_jupyter.frontend.protocol import RESULT_MIME
from codeface_jupyter.models.fetch import locate
from codeface_jupyter.models.local_model import ModelRequest
from codeface_jupyter.trials.guard.support import guard_support

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


@pytest.fixture
def run_with_model(run, monkeypatch):
    # By name: what auto takes, and tells beside the answer, depends on the machine.
    monkeypatch.setenv("CODEFACE_MODEL", MODEL)
    if locate(ModelRequest(MODEL, Settings().cache_dir)) is None:
        pytest.skip(f"the model is not here: codeface pull {MODEL}")
    return run


def are_in_order(text, *numbers):
    places = [text.index(str(number)) for number in numbers]
    return places == sorted(places)


@pytest.mark.real_model
def test_quickstart_gives_sensible_code_that_runs(run_with_model):
    notebook = run_with_model(QUICKSTART)
    (answer,) = outputs(notebook, "%%codeface")
    assert answer["data"][RESULT_MIME]["finish_reason"] == "stop"
    shown = text_of(outputs(notebook, "ran = get_ipython().run_cell"))
    # The revenue of west, north and south, largest first.
    assert are_in_order(shown, 88, 80, 48)
    explained = outputs(notebook, "%codeface_explain")
    assert "8" in text_of(explained[:1])
    assert explained[-1]["data"][RESULT_MIME]["text"]
    assert "requests" in text_of(outputs(notebook, "%codeface_stats"))


@pytest.mark.real_model
@pytest.mark.skipif(guard_support().level != "strong", reason="this system cannot guard a copy")
def test_tried_answers_show_what_they_would_do(run_with_model):
    notebook = run_with_model(NOTEBOOKS / "tried.ipynb")
    assert "ran" in text_of(outputs(notebook, "print(_codeface.outcome"))
    assert "False" in text_of(outputs(notebook, "print(_codeface.outcome"))
    assert are_in_order(text_of(outputs(notebook, "%%codeface --tries 4")), 32, 22, 16)
    refused = text_of(outputs(notebook, "%%codeface\nsave sales"))
    assert "would write sales_export.csv" in refused
    assert "False" in text_of(outputs(notebook, "from pathlib import Path"))


@pytest.mark.real_model
def test_a_fixed_and_an_edited_cell_give_what_they_should(run_with_model):
    notebook = run_with_model(NOTEBOOKS / "fix_and_edit.ipynb")
    fixed, edited = (
        text_of(cell.outputs) for cell in notebook.cells if cell.source.startswith("ran = ")
    )
    assert "it has `units`" in text_of(outputs(notebook, "%codeface_fix"))
    assert are_in_order(fixed, 32, 16, 22)
    assert are_in_order(edited, 32, 22, 16)


@pytest.mark.real_model
def test_a_class_gets_words_and_no_code(run_with_model):
    notebook = run_with_model(NOTEBOOKS / "class.ipynb")
    (answer,) = outputs(notebook, "%%codeface")
    result = answer["data"][RESULT_MIME]
    assert len(result["text"].split()) > 10
    assert result["blocks"] == []
