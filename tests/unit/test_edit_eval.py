"""The tasks of the benchmark of changed cells, and how answers to them are judged."""

import importlib
import sys
from pathlib import Path

import pytest

from codeface_jupyter.trials.guard.support import guard_support

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
edit_eval = importlib.import_module("edit_eval")
tasks = importlib.import_module("edit_tasks")
sys.path.remove(str(BENCHMARKS))

pytestmark = pytest.mark.skipif(
    guard_support().level != "strong", reason="this system cannot guard a copy"
)


@pytest.mark.parametrize("task", tasks.TASKS, ids=lambda task: task.request)
def test_a_task_s_own_cell_is_right_and_the_cell_as_it_was_is_not(task, capsys):
    namespace = edit_eval.notebook(task)
    expected = edit_eval.outcome_of(task.changed, namespace)
    assert edit_eval.verdict(task, task.changed, expected, namespace) == "right"
    assert edit_eval.verdict(task, task.cell, expected, namespace) != "right"


def test_what_fails_or_is_no_code_is_told_apart():
    task = tasks.TASKS[0]
    namespace = edit_eval.notebook(task)
    expected = edit_eval.outcome_of(task.changed, namespace)
    assert edit_eval.verdict(task, "nothing_like_it", expected, namespace) == "fails"
    assert edit_eval.verdict(task, "", expected, namespace) == "fails"
    assert edit_eval.verdict(task, "sales", expected, namespace) == "another value"
    overwrites = f"sales = 0\n{task.changed.replace('sales', 'pd.DataFrame(columns=list())')}"
    assert edit_eval.verdict(task, overwrites, expected, namespace) != "right"
