"""Ask every task of the notebooks, run each answer in a copy of the state, and judge it."""

from __future__ import annotations

import ast
import json
import pickle
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from session_judge import Verdict, expected_of, judge, keep_variables
from session_shell import Asker, SessionShell
from session_tasks import SessionNotebook, SessionTask
from session_trial import Trial, observe, run_in_copy, user_variables

from codeface_jupyter.errors import CodeFaceError

if TYPE_CHECKING:
    from codeface_jupyter.generation import GenerationResult

__all__ = ["LeftOut", "Outcome", "Run", "check_judge", "run_notebooks"]

# Time limits in the tasks were written for a usual limit of one second: they only raise ours.
CPU_S = 10.0
NOTHING = "pass"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one task, and all that is needed to see why.

    Attributes
    ----------
    notebook, index
        The notebook, and the task's place in it, from 1.
    is_right, kind, reason, found
        The verdict.
    prompt, text, code
        What the model was given, what it said, and the code in it.
    prompt_tokens, tokens, seconds
        What the answer cost.
    finish_reason
        ``length`` if it was cut off.
    """

    notebook: str
    index: int
    question: str
    reference: str
    is_right: bool
    kind: str
    reason: str = ""
    found: str = ""
    prompt: str = ""
    text: str = ""
    code: str = ""
    prompt_tokens: int = 0
    tokens: int = 0
    seconds: float = 0.0
    finish_reason: str = ""


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A task that shows nothing here, and why."""

    notebook: str
    index: int
    reason: str


@dataclass
class Run:
    """The outcomes of all tasks that were asked, and the others."""

    outcomes: list[Outcome] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


@dataclass(frozen=True)
class _Place:
    """A task at its place: the shell has run all cells before it, and nothing else."""

    notebook: SessionNotebook
    index: int
    task: SessionTask
    cells: tuple[str, ...]
    """The cells before it."""
    references: tuple[str, ...]
    """Those of them that answer tasks."""


def run_notebooks(
    shell: SessionShell,
    asker: Asker,
    notebooks: Iterable[SessionNotebook],
    *,
    limit: int | None = None,
) -> Run:
    """Ask the tasks of all notebooks, at most ``limit`` of them."""
    run = Run()
    for place in _places(shell, notebooks):
        if limit is not None and len(run.outcomes) >= limit:
            break
        named = {"notebook": place.notebook.name, "index": place.index}
        expected = _expected(shell, place.task)
        reason = expected if isinstance(expected, str) else _unfit(shell, place.task, expected)
        if reason or isinstance(expected, str):
            run.left_out.append(LeftOut(**named, reason=reason or ""))
            continue
        outcome = _ask(shell, asker, place, expected)
        run.outcomes.append(outcome)
        mark = "+" if outcome.is_right else "-"
        print(f"{mark} {place.notebook.name} {place.index}: {outcome.kind}", file=sys.stderr)
    return run


def check_judge(shell: SessionShell, notebooks: Iterable[SessionNotebook]) -> Iterator[str]:
    """Judge, without a model, what must be right and what must be wrong.

    Yields
    ------
    str
        A line for each task that is left out, and for each wrong answer that passes.
    """
    for place in _places(shell, notebooks):
        where = f"{place.notebook.name} {place.index}"
        expected = _expected(shell, place.task)
        reason = expected if isinstance(expected, str) else _unfit(shell, place.task, expected)
        if reason or isinstance(expected, str):
            yield f"{where}: left out: {reason}"
            continue
        for name, code in _wrong_answers(shell, place):
            verdict = _try(shell, place.task, code, expected)
            if verdict.is_right:
                yield f"{where}: {name} passes as {verdict.kind}: {code!r}"


def _places(shell: SessionShell, notebooks: Iterable[SessionNotebook]) -> Iterator[_Place]:
    """Run the notebooks; stop at each task before its reference is run."""
    for notebook in notebooks:
        with shell.notebook(notebook.folder):
            cells: list[str] = []
            references: list[str] = []
            for cell in notebook.cells:
                if cell.task is not None:
                    index = len(references) + 1
                    yield _Place(notebook, index, cell.task, tuple(cells), tuple(references))
                    references.append(cell.source)
                shell.run(cell.source)
                cells.append(cell.source)


def _expected(shell: SessionShell, task: SessionTask) -> bytes | str:
    """Return what the reference does, pickled, or why it cannot be known."""

    def work() -> bytes:
        before = keep_variables(user_variables(shell.shell))
        observed = observe(shell.shell, task.reference)
        if observed.error is not None:
            return pickle.dumps(f"{type(observed.error).__name__}: {observed.error}")
        try:
            expected = expected_of(task, observed, before)
            return pickle.dumps("it does nothing" if expected.is_nothing else expected)
        except Exception as error:  # noqa: BLE001 - a reference's model or function fails as it likes
            return pickle.dumps(f"cannot be kept: {type(error).__name__}: {error}")

    trial = _in_copy(work, task)
    if trial.ending != "done":
        return f"its reference: {trial.ending}"
    expected = pickle.loads(trial.payload)  # from our own copy of this process
    return f"its reference: {expected}" if isinstance(expected, str) else trial.payload


def _unfit(shell: SessionShell, task: SessionTask, expected: bytes) -> str | None:
    """Return why the task shows nothing: its reference is wrong, or nothing at all is right."""
    verdict = _try(shell, task, task.reference, expected)
    if not verdict.is_right:
        return f"its reference, judged by itself: {verdict.kind}: {verdict.reason}"
    return "to do nothing is right" if _try(shell, task, NOTHING, expected).is_right else None


def _try(shell: SessionShell, task: SessionTask, code: str, expected: bytes) -> Verdict:
    """Run an answer's code in a copy of the state and judge it there."""

    def work() -> bytes:
        observed = observe(shell.shell, code, forbidden=task.forbidden_names)
        verdict = judge(task, observed, pickle.loads(expected))
        return json.dumps(asdict(verdict)).encode()

    trial = _in_copy(work, task)
    if trial.ending == "done":
        return Verdict(**json.loads(trial.payload))
    is_late = trial.ending == "time limit"
    return Verdict(False, "time limit" if is_late else "ends its process")


def _in_copy(work: object, task: SessionTask) -> Trial:
    return run_in_copy(work, cpu_s=max(CPU_S, task.max_time_s or 0), folder=Path.cwd())


def _ask(shell: SessionShell, asker: Asker, place: _Place, expected: bytes) -> Outcome:
    task = place.task
    about = {
        "notebook": place.notebook.name,
        "index": place.index,
        "question": task.question,
        "reference": task.reference,
    }
    begin = time.perf_counter()
    try:
        result = asker.ask(task.question, place.cells)
    except CodeFaceError as error:
        return Outcome(**about, is_right=False, kind="not answered", reason=str(error))
    seconds = time.perf_counter() - begin
    verdict = _try(shell, task, result.code, expected) if result.code else None
    return Outcome(
        **about,
        **asdict(_final(verdict, result)),
        prompt=result.prompt,
        text=result.text,
        code=result.code,
        prompt_tokens=result.metrics.prompt_tokens,
        tokens=result.metrics.generated_tokens,
        seconds=round(seconds, 3),
        finish_reason=result.finish_reason,
    )


def _final(verdict: Verdict | None, result: GenerationResult) -> Verdict:
    """Return the verdict on an answer as a whole: what was cut off has no other fault."""
    if verdict is not None and verdict.is_right:
        return verdict
    if result.finish_reason == "length":
        reason = "no code" if verdict is None else verdict.kind
        return Verdict(False, "cut off at the token limit", reason)
    return verdict or Verdict(False, "no code")


def _wrong_answers(shell: SessionShell, place: _Place) -> Iterator[tuple[str, str]]:
    """Yield answers that must not pass, with their names."""
    yield "nothing", ""
    yield "pass", NOTHING
    if place.references:
        yield "the reference before", place.references[-1]
    frames = [v for v in shell.shell.user_ns.values() if isinstance(v, pd.DataFrame)]
    columns = [[c for c in frame.columns if isinstance(c, str)] for frame in frames]
    other = _with_another_column(place.task.reference, columns)
    if other is not None:
        yield "another column", other


def _with_another_column(code: str, columns: Sequence[Sequence[str]]) -> str | None:
    """Return ``code`` with the last column that it reads in place of another's, if it reads one."""
    tree = ast.parse(code)
    for node in reversed([n for n in ast.walk(tree) if isinstance(n, ast.Subscript)]):
        name = node.slice
        if not (isinstance(node.ctx, ast.Load) and isinstance(name, ast.Constant)):
            continue
        for those in columns:
            if name.value in those and len(those) > 1:
                name.value = those[(those.index(name.value) + 1) % len(those)]
                return ast.unparse(tree)
    return None
