"""The example notebooks, run as a reader would run them."""

import json
import os
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from codeface_jupyter.config import Settings
from codeface_jupyter.frontend.saved_output import RESULT_MIME
from codeface_jupyter.models.fetch import locate
from codeface_jupyter.models.local_model import ModelRequest
from codeface_jupyter.trials.guard.support import guard_support

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
QUICKSTART = NOTEBOOKS / "quickstart.ipynb"
TIMEOUT_S = 900
MODEL = "qwen2.5-coder-0.5b"
# The notebooks are kept without outputs: what a model says is not compared letter by letter.
IGNORED = ("/cells/*/outputs", "/cells/*/execution_count", "/cells/*/metadata", "/metadata")


# One that is asked in another process; all others have an answer of their own.
EVALUATION = NOTEBOOKS / "own_evaluation.ipynb"


@pytest.fixture
def run(nb_regression, monkeypatch):
    # As `jupyter lab` does, so that a cell finds the commands that stand beside it.
    scripts = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{scripts}{os.pathsep}{os.environ['PATH']}")

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


def answer_of(found):
    """Return the record of the answer among a cell's outputs."""
    (answer,) = [o["data"][RESULT_MIME] for o in found if RESULT_MIME in o.get("data", {})]
    return answer


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
    assert answers or path == EVALUATION


def test_run_all_goes_on_where_the_extra_for_gguf_files_is_missing():
    cells = json.loads((NOTEBOOKS / "models.ipynb").read_text("utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells]
    asked = next(n for n, s in enumerate(sources) if s.startswith("%config CodeFace.model")) + 1
    assert sources[asked].startswith("%%codeface")
    assert "raises-exception" in cells[asked]["metadata"]["tags"]


def test_pictures_and_pages_that_a_notebook_shows_are_there():
    link = re.compile(r"\]\((?!https?:)([^)\s]+)\)")
    notebooks = list(NOTEBOOKS.rglob("*.ipynb"))
    links = [(path, to) for path in notebooks for to in link.findall(path.read_text("utf-8"))]
    assert links
    for path, target in links:
        page, _, heading = target.partition("#")
        file = path.parent / page
        assert file.exists(), f"{path.name} links to {target}"
        assert not heading or heading in headings(file), f"{path.name} links to {target}"


def headings(page):
    """Return what a page's headings are linked by."""
    found = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in found}


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


@pytest.mark.real_model
def test_what_is_explained_is_told_in_facts_and_in_words(run_with_model):
    notebook = run_with_model(NOTEBOOKS / "explain.ipynb")
    prices, table, column, function, error = (
        cell.outputs for cell in notebook.cells if cell.source.startswith("%codeface_explain")
    )
    assert "'tea' = 2.5, 'coffee' = 3.0, 'cake' = 4.0" in text_of(prices)
    assert "4.0" in answer_of(prices)["text"]
    assert "8, 3" in text_of(table)
    assert "2.5 to 4" in text_of(table)
    assert all(name in answer_of(table)["text"] for name in ("region", "units", "price"))
    assert "int64" in text_of(column)
    assert not [output for output in column if RESULT_MIME in output["data"]]
    assert "(table)" in text_of(function)
    assert "sum" in answer_of(function)["text"]
    sentence = answer_of(error)["text"]
    assert "two" in sentence
    assert "integer" in sentence
    assert ". " not in sentence


@pytest.mark.real_model
def test_a_batch_is_answered_in_order_and_its_answers_can_be_used(run_with_model):
    notebook = run_with_model(NOTEBOOKS / "batch.ipynb")
    ran = text_of(outputs(notebook, "for answer in answers:\n    get_ipython"))
    # The number of rows, the highest price, and the units of north, west and south.
    assert are_in_order(ran, 8, 4.0, 32, 22, 16)
    moods = text_of(outputs(notebook, 'reviews["mood"]'))
    assert re.findall("positive|negative", moods) == ["positive", "negative"] * 2
    query = text_of(outputs(notebook, "print(query.code)"))
    assert totals(query) == [("north", 32), ("south", 16), ("west", 22)]


def totals(query):
    """Run a query on the notebook's table."""
    regions = ("north", "south", "north", "west", "south", "west", "north", "south")
    units = (12, 7, 9, 14, 3, 8, 11, 6)
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE sales (region, units)")
        rows = zip(regions, units, strict=True)
        database.executemany("INSERT INTO sales VALUES (?, ?)", rows)
        return sorted(row[:2] for row in database.execute(query))


@pytest.mark.real_model
def test_only_the_same_question_within_the_time_limit_is_replayed(run_with_model):
    notebook = run_with_model(NOTEBOOKS / "cache.ipynb")
    first, again, anew, short, later = (
        answer_of(cell.outputs) for cell in notebook.cells if cell.source.startswith("%%codeface")
    )
    assert {answer["text"] for answer in (again, anew, short, later)} == {first["text"]}
    assert "temperatures.mean()" in first["text"]
    for name, is_replayed in (("again", "True"), ("anew", "False"), ("later", "False")):
        shown = text_of(outputs(notebook, f"{name}.metrics.from_response_cache"))
        assert shown == is_replayed
    assert re.search(r"hits +1\b", text_of(outputs(notebook, "%codeface_cache")))
    figures = text_of(outputs(notebook, "frame = %codeface_stats"))
    assert re.findall("True|False", figures) == ["False", "True", "False", "False", "False"]
    assert re.search(r"requests +5\b", text_of(outputs(notebook, "%codeface_stats")))


@pytest.mark.real_model
def test_a_gguf_file_answers_as_the_model_of_the_catalog_does(run_with_model):
    pytest.importorskip("xllamacpp")
    notebook = run_with_model(NOTEBOOKS / "models.ipynb")
    assert MODEL in text_of(notebook.cells[3].outputs)
    answers = [
        cell.outputs for cell in notebook.cells if cell.source.startswith("%%codeface\nshow")
    ]
    assert len(answers) == 2
    assert all("max(words, key=len)" in answer_of(found)["text"] for found in answers)
    shown = text_of(outputs(notebook, "_codeface.identity.engine, "))
    assert MODEL in shown
    assert "llamacpp" not in shown
    (last,) = [c for c in notebook.cells if c.source == "_codeface.identity.engine"]
    assert text_of(last.outputs) == "'llamacpp'"


@pytest.mark.real_model
def test_the_model_is_in_memory_where_ghost_text_is_tried(run_with_model):
    notebook = run_with_model(NOTEBOOKS / "ghost_text.ipynb")
    answer = answer_of(outputs(notebook, "%%codeface"))
    assert ".mean()" in answer["text"]


@pytest.mark.real_model
@pytest.mark.skipif(guard_support().level != "strong", reason="this system cannot guard a copy")
def test_an_evaluation_counts_what_is_right_and_shows_what_is_not(run_with_model):
    notebook = run_with_model(EVALUATION)
    assert "in each region, largest first?" in text_of(outputs(notebook, "import nbformat"))
    shown = text_of(outputs(notebook, "%%bash"))
    tasks, right = map(int, re.search(rf"{MODEL} +(\d+) +(\d+) \(", shown).groups())
    assert tasks == 5
    assert right >= 3
    assert shown.count("analysis/week.ipynb, cell") >= tasks - right
