"""The table of an evaluation, and what stands below it."""

from rich.console import Console

from codeface_jupyter.errors import NotebookError
from codeface_jupyter.evaluation.events import BrokenOff, CellFailed, LeftOut, Measured
from codeface_jupyter.evaluation.report import Evaluation


def measured(kind, *, model="small", seconds=1.0, cell=1):
    return Measured(
        model=model,
        notebook="a.ipynb",
        cell=cell,
        request="add one",
        reference="x + 1",
        kind=kind,
        difference="" if kind == "right" else "gives 3, not 2",
        code="x + 2",
        seconds=seconds,
        tokens=20,
    )


def evaluation(*events, models=("small",)):
    found = Evaluation(models)
    for event in events:
        found.take(event)
    return found


def rows(found):
    console = Console(width=120)
    with console.capture() as shown:
        console.print(found.table())
    return [line.split() for line in shown.get().splitlines()]


def test_each_model_has_a_line_of_figures():
    kinds = [*["right"] * 6, "wrong", "wrong", "raises", "no code"]
    answers = [measured(kind, seconds=n) for n, kind in enumerate(kinds, start=1)]
    header, line = rows(evaluation(*answers))
    assert " ".join(header) == (
        "model tasks right 95 % interval raises no code median s p90 s tokens"
    )
    # Wilson's interval of 6 of 10.
    assert line == ["small", "10", "6", "(60%)", "31%", "to", "83%", "1", "1", "5.5", "9.0", "20"]


def test_models_stand_in_the_order_in_which_they_were_named():
    events = [measured("right", model="large"), measured("wrong", model="small")]
    found = rows(evaluation(*events, models=("small", "large", "never asked")))
    assert [row[0] for row in found] == ["model", "small", "large"]


def test_a_model_in_a_folder_with_brackets_has_its_name():
    _, line = rows(evaluation(measured("right", model="models[old]"), models=("models[old]",)))
    assert line[0] == "models[old]"


def test_one_answer_has_figures_too():
    _, line = rows(evaluation(measured("wrong", seconds=2.0)))
    assert line[1:4] == ["1", "0", "(0%)"]
    assert line[-3:-1] == ["2.0", "2.0"]


def test_what_was_left_out_is_counted_once_for_all_models():
    left_out = [
        LeftOut(notebook="a.ipynb", cell=cell, reason=reason)
        for cell, reason in (
            (1, "its own code raises"),
            (2, "its own code raises"),
            (3, "takes longer than the time limit"),
        )
    ]
    found = evaluation(*left_out, *left_out)
    assert list(found.remarks()) == [
        "Left out: 3 cells (2: its own code raises; 1: takes longer than the time limit)."
    ]


def test_cells_that_raised_and_models_that_failed_are_named():
    found = evaluation(
        CellFailed(notebook="a.ipynb", cell=2, error="KeyError: 'units'"),
        BrokenOff(model="large", notebook="a.ipynb", error=NotebookError("It has ended.")),
    )
    assert list(found.remarks()) == [
        "a.ipynb, cell 2 raised when it was run: KeyError: 'units'",
        "large with a.ipynb: It has ended.",
    ]


def test_models_with_other_numbers_of_tasks_are_not_compared_without_a_word():
    found = evaluation(measured("right", model="large"), models=("small", "large"))
    assert "compare with care" in "".join(found.remarks())


def test_the_record_has_figures_and_answers():
    found = evaluation(measured("right"), measured("wrong", cell=2))
    record = found.record()
    assert record["models"]["small"]["right"] == "1 (50%)"
    assert [answer["kind"] for answer in record["answers"]] == ["right", "wrong"]
    assert record["answers"][1]["difference"] == "gives 3, not 2"
