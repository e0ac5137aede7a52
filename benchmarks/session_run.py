"""Ask every task of the notebooks, run each answer in a copy of the state, and judge it."""

from __future__ import annotations

import ast
import json
import pickle
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import pandas as pd
from session_faults import faulty
from session_judge import Verdict, expected_of, judge, keep_variables
from session_shell import Asker, RepairAsker, Reply, SessionShell
from session_tasks import SessionNotebook, SessionTask
from session_trial import Trial, observe, run_in_copy, user_variables

from codeface_jupyter.errors import CodeFaceError

__all__ = [
    "LeftOut",
    "Outcome",
    "Run",
    "check_judge",
    "run_faults",
    "run_notebooks",
    "run_repairs",
]

# Time limits in the tasks were written for a usual limit of one second: they only raise ours.
CPU_S = 10.0
NOTHING = "pass"
YES, NO = b"+", b"-"


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

    @property
    def reply(self) -> Reply:
        """The answer alone."""
        return Reply(**{name: getattr(self, name) for name in Reply.__dataclass_fields__})

    @property
    def line(self) -> str:
        """What became of it, in a line."""
        mark = "right" if self.is_right else "wrong"
        return f"{self.notebook} {self.index}: {mark}: {self.kind}, {self.seconds:.1f} s"


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A task that shows nothing here, and why."""

    notebook: str
    index: int
    reason: str

    @property
    def line(self) -> str:
        """What became of it, in a line; some errors are pages long."""
        return f"{self.notebook} {self.index}: left out: {self.reason.partition(chr(10))[0]}"


@dataclass
class Run:
    """The outcomes of all tasks that were asked, and the others."""

    outcomes: list[Outcome] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def add(self, result: Outcome | LeftOut) -> None:
        """Take what became of the next task."""
        if isinstance(result, Outcome):
            self.outcomes.append(result)
        else:
            self.left_out.append(result)


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
) -> Iterator[Outcome | LeftOut]:
    """Ask the tasks of all notebooks, at most ``limit`` of them; yield what becomes of each."""
    asked = 0
    for place in _places(shell, notebooks):
        if asked == limit:
            break
        expected = _expected_or_left_out(shell, place)
        if isinstance(expected, LeftOut):
            yield expected
        else:
            asked += 1
            yield _ask(shell, asker, place, expected)


def run_repairs(
    shell: SessionShell, notebooks: Iterable[SessionNotebook], failed: Mapping[tuple[str, int], str]
) -> Iterator[Outcome | LeftOut]:
    """Have cells that fail repaired, and judge the repairs as answers to the questions.

    Parameters
    ----------
    failed
        Codes that raise, by the name of the notebook and the task's place in it. Each runs
        below a comment that has the question, and leaves behind what it did until it failed:
        for each, the notebook begins anew.
    """
    for notebook in notebooks:
        for index in sorted(place for name, place in failed if name == notebook.name):
            for place in _places(shell, [notebook]):
                if place.index == index:
                    intent = _as_comment(place.task.question)
                    yield _repair(shell, place, f"{intent}\n{failed[notebook.name, index]}")
                    break


def run_faults(
    shell: SessionShell,
    notebooks: Iterable[SessionNotebook],
    *,
    count: int = 1,
    limit: int | None = None,
) -> Iterator[Outcome | LeftOut]:
    """Have the reference cells repaired, each with ``count`` faults put in, and judge the repairs.

    Of the kinds that can be put in, the rarest are. Each cell leaves behind what it did until it
    failed: for each, the notebook begins anew. In the place of a question stand the faults.
    """
    asked: Counter[str] = Counter()
    for notebook in notebooks:
        tasks = sum(cell.task is not None for cell in notebook.cells)
        for index in range(1, tasks + 1):
            if asked.total() // count == limit:
                return
            # Its folder is the working directory as long as its places are gone through.
            for place in _places(shell, [notebook]):
                if place.index == index:
                    yield _repair_faults(shell, place, count, asked)
                    break


def _repair_faults(
    shell: SessionShell, place: _Place, count: int, asked: Counter[str]
) -> Outcome | LeftOut:
    """Have a reference cell repaired, with faults put in whose kinds are counted in ``asked``."""
    found = faulty(place.task.reference, count=count, before=asked)
    if found is None:
        return _left_out(place, "too few faults can be put in")
    result = _repair(shell, place, found.code)
    if isinstance(result, LeftOut):
        return result
    asked.update(found.kinds)
    return replace(result, question=f"{', '.join(found.kinds)}:\n{found.code}")


def _as_comment(text: str) -> str:
    return "\n".join(f"# {line}" for line in text.splitlines())


def _repair(shell: SessionShell, place: _Place, code: str) -> Outcome | LeftOut:
    expected = _expected_or_left_out(shell, place)
    if isinstance(expected, LeftOut):
        return expected
    if shell.run(code).success:
        return _left_out(place, "does not fail")
    return _ask(shell, RepairAsker(shell), place, expected)


def check_judge(shell: SessionShell, notebooks: Iterable[SessionNotebook]) -> Iterator[str]:
    """Judge, without a model, what must be right and what must be wrong.

    Yields
    ------
    str
        A line for each task that is left out, and for each wrong answer that passes.
    """
    for place in _places(shell, notebooks):
        expected = _expected_or_left_out(shell, place)
        if isinstance(expected, LeftOut):
            yield expected.line
            continue
        for name, code in _wrong_answers(shell, place):
            verdict = _try(shell, place.task, code, expected)
            if verdict.is_right:
                yield f"{place.notebook.name} {place.index}: {name} passes: {code!r}"


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


def _expected_or_left_out(shell: SessionShell, place: _Place) -> bytes | LeftOut:
    """Return what the reference does, pickled, or why the task shows nothing here."""
    expected = _expected(shell, place.task)
    reason = expected if isinstance(expected, str) else _unfit(shell, place.task, expected)
    if isinstance(expected, bytes) and reason is None:
        return expected
    return _left_out(place, str(reason))


def _left_out(place: _Place, reason: str) -> LeftOut:
    return LeftOut(notebook=place.notebook.name, index=place.index, reason=reason)


def _expected(shell: SessionShell, task: SessionTask) -> bytes | str:
    """Return what the reference does, pickled, or why it cannot be known."""

    def work() -> bytes:
        before = keep_variables(user_variables(shell.shell))
        observed = observe(shell.shell, task.reference)
        if observed.error is not None:
            return _no(f"{type(observed.error).__name__}: {observed.error}")
        try:
            expected = expected_of(task, observed, before)
            return _no("does nothing") if expected.is_nothing else YES + pickle.dumps(expected)
        except Exception as error:  # noqa: BLE001 - its models and functions fail as they like
            return _no(f"cannot be kept: {type(error).__name__}: {error}")

    trial = _in_copy(work, task)
    if trial.ending != "done":
        return f"its reference: {trial.ending}"
    if trial.payload.startswith(YES):
        return trial.payload.removeprefix(YES)
    return f"its reference: {trial.payload.removeprefix(NO).decode()}"


def _no(reason: str) -> bytes:
    return NO + reason.encode(errors="replace")


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
        try:
            verdict = judge(task, observed, pickle.loads(expected))
        except Exception as error:  # noqa: BLE001 - values of any kind are compared
            verdict = Verdict(False, "cannot be compared", f"{type(error).__name__}: {error}")
        return json.dumps(asdict(verdict)).encode()

    trial = _in_copy(work, task)
    if trial.ending == "done":
        return Verdict(**json.loads(trial.payload))
    is_late = trial.ending == "time limit"
    return Verdict(False, "time limit" if is_late else "ends its process")


def _in_copy(work: Callable[[], bytes], task: SessionTask) -> Trial:
    return run_in_copy(work, cpu_s=max(CPU_S, task.max_time_s or 0), folder=Path.cwd())


def _ask(shell: SessionShell, asker: Asker, place: _Place, expected: bytes) -> Outcome:
    task = place.task
    outcome = Outcome(
        notebook=place.notebook.name,
        index=place.index,
        question=task.question,
        reference=task.reference,
        is_right=False,
        kind="not answered",
    )
    try:
        reply = asker.ask(task.question, place.cells)
    except CodeFaceError as error:
        return replace(outcome, reason=str(error))
    verdict = _try(shell, task, reply.code, expected) if reply.code else None
    return replace(outcome, **asdict(_final(verdict, reply)), **asdict(reply))


def _final(verdict: Verdict | None, reply: Reply) -> Verdict:
    """Return the verdict on an answer as a whole: what was cut off has no other fault."""
    if verdict is not None and verdict.is_right:
        return verdict
    if reply.finish_reason == "length":
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
