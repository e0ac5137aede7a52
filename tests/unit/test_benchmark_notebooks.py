"""The notebooks with tasks that come with the benchmarks, and how loose answers are compared."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
NOTEBOOKS = BENCHMARKS / "notebooks"
TASKS_EACH = 8
pytest.importorskip("yaml", reason="the session benchmark is not set up")
sys.path.insert(0, str(BENCHMARKS))
session_tasks = importlib.import_module("session_tasks")
loose = importlib.import_module("loose_values")
sys.path.remove(str(BENCHMARKS))

SALES = pd.Series({"north": 3, "south": 1}, name="units")


def test_each_notebook_is_there_with_its_tasks_and_its_data() -> None:
    notebooks = session_tasks.read_notebooks(NOTEBOOKS)
    assert len(notebooks) == len(list(NOTEBOOKS.glob("*/notebook.py"))) == 10
    for notebook in notebooks:
        tasks = [cell for cell in notebook.cells if cell.task is not None]
        assert len(tasks) == TASKS_EACH
        assert list((NOTEBOOKS / notebook.name / "inputs").iterdir())


@pytest.mark.parametrize(
    "found",
    [
        SALES,
        SALES.to_frame(),
        SALES.to_frame("sum"),
        SALES.rename_axis("region").reset_index(),
        SALES.to_dict(),
    ],
)
def test_a_table_is_the_same_whatever_holds_it(found: object) -> None:
    assert loose.same_table(SALES, found)["match"]


def test_the_order_of_rows_counts_unless_it_may_be_any() -> None:
    assert not loose.same_table(SALES, SALES[::-1])["match"]
    assert loose.rows_in_any_order(SALES, SALES[::-1])["match"]
    assert not loose.rows_in_any_order(SALES, SALES + 1)["match"]
    assert not loose.same_table(SALES, 4)["match"]


@pytest.mark.parametrize(
    ("found", "is_right"),
    [
        ("north", True),
        (["north"], True),
        (("north", 3), True),
        (SALES.head(1), True),
        ({"north": 3}, True),
        (np.array(["north"]), True),
        (SALES, False),
        ("south", False),
        (["north", "south"], False),
    ],
)
def test_one_value_may_come_in_a_row_that_says_more(found: object, is_right: bool) -> None:
    assert loose.one_value("north", found)["match"] is is_right


def test_of_values_in_order_the_labels_do_not_count() -> None:
    for found in (SALES, SALES.to_frame(), SALES.to_dict(), [3, 1]):
        assert loose.last_values(SALES, found)["match"]
    assert not loose.last_values(SALES, [1, 3])["match"]
