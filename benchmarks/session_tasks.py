"""Notebooks with tasks: cells to run, questions to ask, reference cells, and how to judge.

A folder holds ``notebook.py`` and the files that its cells read. Cells are separated by
lines that begin with ``# %%``; one that opens with a triple-quoted YAML block is a task.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

__all__ = [
    "ModelCheck",
    "SessionCell",
    "SessionNotebook",
    "SessionTask",
    "TableTest",
    "Validation",
    "parse_notebook",
    "read_notebooks",
]

SEPARATOR = re.compile(r"^# %%.*$", re.M)
TASK_BLOCK = re.compile(r'\s*"""(.*?)"""', re.S)
# Where the question says what a name is to be, it is in quotes of some kind.
QUOTED = re.compile(r'"([^"\n]+)"|`([^`\n]+)`')
TASK_KEYS = frozenset({"question", "validator", "execution", "data"})
# `template` and `namespace_intact` say what else may change, which is not judged.
VALIDATOR_KEYS = frozenset(
    {"result", "namespace_check", "model", "table_test", "template", "namespace_intact"}
)
EXECUTION_KEYS = frozenset({"max_time", "forbid_names"})

Comparison = Mapping[str, Any] | str | None
"""Options by name, the source of a ``compare_fn(ref, sub)``, or None for the usual comparison."""


@dataclass(frozen=True, kw_only=True)
class ModelCheck:
    """A fitted model is as good as the reference's, on the reference's data.

    Attributes
    ----------
    model_name, inputs_name, labels_name
        The variables.
    ratios
        For each metric, how much of the reference's value must be reached; above 1 for
        an error, which may be larger by that much.
    """

    model_name: str
    inputs_name: str
    labels_name: str
    ratios: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class TableTest:
    """A function gives what the reference's gives, for each of some keyword arguments."""

    function_name: str
    cases: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class Validation:
    """How an answer is judged.

    Attributes
    ----------
    judges_value
        Whether the value of the last expression counts.
    value
        How it is compared.
    variables
        Variables that must have the reference's values afterwards, and how they are compared.
    model, table
        Further checks.
    """

    judges_value: bool = True
    value: Comparison = None
    variables: Mapping[str, Comparison] = field(default_factory=dict)
    model: ModelCheck | None = None
    table: TableTest | None = None


@dataclass(frozen=True, kw_only=True)
class SessionTask:
    """A question, and what its answer is compared with.

    Attributes
    ----------
    question
        What the user asks.
    reference
        The cell that answers it.
    validation
        How an answer is judged.
    max_time_s
        The answer's own time limit; None is the usual one.
    forbidden_names
        Variables that the answer may not use.
    """

    question: str
    reference: str
    validation: Validation = Validation()
    max_time_s: float | None = None
    forbidden_names: tuple[str, ...] = ()

    @property
    def quoted_names(self) -> frozenset[str]:
        """What the question has in quotes or backticks."""
        return frozenset(double or back for double, back in QUOTED.findall(self.question))


@dataclass(frozen=True, kw_only=True)
class SessionCell:
    """A cell of the notebook: what is run, and the task that it is the reference of."""

    source: str
    task: SessionTask | None = None


@dataclass(frozen=True, kw_only=True)
class SessionNotebook:
    """A notebook and the folder that it runs in."""

    name: str
    folder: Path
    cells: tuple[SessionCell, ...]


def read_notebooks(folder: Path, *, names: Collection[str] = ()) -> list[SessionNotebook]:
    """Read the notebooks of ``folder``, or those with ``names``, sorted by name.

    Raises
    ------
    ValueError
        If there is none, or not the one that is asked for.
    """
    files = {file.parent.name: file for file in sorted(folder.glob("*/notebook.py"))}
    missing = sorted(set(names) - set(files))
    if missing or not files:
        raise ValueError(f"No notebook {', '.join(missing)} in {folder}.")
    return [
        SessionNotebook(
            name=name, folder=file.parent, cells=parse_notebook(file.read_text(encoding="utf-8"))
        )
        for name, file in files.items()
        if not names or name in names
    ]


def parse_notebook(text: str) -> tuple[SessionCell, ...]:
    """Return the cells of a notebook's text.

    Raises
    ------
    ValueError
        If a task asks to be judged in a way that is not known.
    """
    return tuple(_cells(text))


def _cells(text: str) -> Iterator[SessionCell]:
    for source in SEPARATOR.split(text):
        block = TASK_BLOCK.match(source)
        described = yaml.safe_load(block[1]) if block else None
        if block and isinstance(described, dict) and "question" in described:
            reference = source[block.end() :].strip()
            yield SessionCell(source=reference, task=_task(described, reference))
        elif source.strip():
            yield SessionCell(source=source.strip())


def _task(described: Mapping[str, Any], reference: str) -> SessionTask:
    _check_keys(described, TASK_KEYS)
    execution = described.get("execution") or {}
    _check_keys(execution, EXECUTION_KEYS)
    return SessionTask(
        question=described["question"].strip(),
        reference=reference,
        validation=_validation(described.get("validator") or {}, reference),
        max_time_s=execution.get("max_time"),
        forbidden_names=tuple(execution.get("forbid_names") or ()),
    )


def _validation(validator: Mapping[str, Any], reference: str) -> Validation:
    _check_keys(validator, VALIDATOR_KEYS)
    variables = validator.get("namespace_check") or {}
    has_others = bool(variables or {"model", "table_test"} & set(validator))
    asks_for_both = bool(variables) and "template" not in validator and _computes_last(reference)
    return Validation(
        judges_value="result" in validator or asks_for_both or not has_others,
        value=validator.get("result"),
        variables=variables,
        model=_model_check(validator["model"]) if "model" in validator else None,
        table=_table_test(validator["table_test"]) if "table_test" in validator else None,
    )


def _computes_last(source: str) -> bool:
    """Whether a cell ends in an expression that does more than to show a variable."""
    last = ast.parse(source).body[-1]
    return isinstance(last, ast.Expr) and not isinstance(last.value, ast.Name)


def _model_check(described: Mapping[str, Any]) -> ModelCheck:
    metrics, ratios = described["metric_type"], described["tolerance"]
    if isinstance(metrics, str):
        metrics, ratios = [metrics], [ratios]
    return ModelCheck(
        model_name=described["model_name"],
        inputs_name=described["inputs_name"],
        labels_name=described["labels_name"],
        ratios=dict(zip(metrics, ratios, strict=True)),
    )


def _table_test(described: Mapping[str, Any]) -> TableTest:
    return TableTest(function_name=described["function_name"], cases=tuple(described["test_cases"]))


def _check_keys(described: Mapping[str, Any], known: Collection[str]) -> None:
    unknown = sorted(set(described) - set(known))
    if unknown:
        raise ValueError(f"A task says {', '.join(unknown)}, which nothing here knows.")
