"""How many changes of cells `%codeface_edit` gets right: tasks with a cell that does what is asked.

Each cell has been run, and its answer is right if, run on a copy of what is there then, it gives,
prints and changes the same as the cell of the task. Names that it makes besides do not count.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import sys
import time
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path

from edit_tasks import SETUP, TASKS, EditTask

from codeface_jupyter.config import Config
from codeface_jupyter.context import Cell, ContextSources, Rewrite
from codeface_jupyter.outcome import Outcome
from codeface_jupyter.prompts import edit_request
from codeface_jupyter.session import Session
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.trials.copy import Limits
from codeface_jupyter.trials.outcome import try_code

LIMITS = Limits(seconds=10)


@dataclass(frozen=True)
class Judged:
    """An answer to a task, and what became of it."""

    cell: str
    request: str
    code: str
    verdict: str
    tokens: int
    seconds: float


def main() -> None:
    """Ask for all changes, and print what came of them."""
    args = _arguments()
    settings = dict(pair.split("=", 1) for pair in args.set)
    session = Session(config=Config())
    judged = []
    for task in TASKS[: args.limit]:
        judged.append(_judged(session, task, settings))
        print(f"{judged[-1].verdict}: {task.request}", file=sys.stderr)
    if args.save:
        args.save.write_text(json.dumps([asdict(one) for one in judged], indent=1))
    right = sum(one.verdict == "right" for one in judged)
    fails = sum(one.verdict == "fails" for one in judged)
    print(f"right {right} of {len(judged)}, {fails} fail or hold no code")
    for what in ("tokens", "seconds"):
        values = [getattr(one, what) for one in judged]
        mean, median = statistics.mean(values), statistics.median(values)
        print(f"{what}: mean {mean:.1f}, median {median:.1f}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, help="how many tasks")
    parser.add_argument("--save", type=Path, help="keep the answers in a JSON file")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    return parser.parse_args()


def _judged(session: Session, task: EditTask, settings: dict[str, str]) -> Judged:
    """Ask for a change in a notebook of its own."""
    namespace = notebook(task)
    expected = outcome_of(task.changed, namespace)
    cells = [Cell(source=text, execution_count=n) for n, text in enumerate((*SETUP, task.cell), 1)]
    sources = ContextSources(
        request=edit_request(task.request, task.cell),
        task="edit",
        cells=cells,
        namespace=namespace,
        rewrite=Rewrite.of(cells[-1]),
    )
    settled = session.config.with_overrides(settings)
    begin = time.perf_counter()
    result = session.generate(Ask(sources=sources, settings=settled, live_namespace=namespace))
    return Judged(
        cell=task.cell,
        request=task.request,
        code=result.code,
        verdict=verdict(task, result.code, expected, namespace),
        tokens=result.metrics.generated_tokens,
        seconds=time.perf_counter() - begin,
    )


def notebook(task: EditTask) -> dict[str, object]:
    """Return the variables of a notebook in which a task's cell has been run."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    with redirect_stdout(io.StringIO()):
        for source in (*SETUP, task.cell):
            exec(source, namespace)
    return namespace


def outcome_of(code: str, namespace: dict[str, object]) -> Outcome | None:
    """Return what a cell does on a copy; None if there is none, or it could not be tried."""
    return try_code(code, namespace, limits=LIMITS, has_digests=True) if code else None


def verdict(
    task: EditTask, code: str, expected: Outcome | None, namespace: dict[str, object]
) -> str:
    """Return what became of an answer: "right", or what it does instead."""
    outcome = outcome_of(code, namespace)
    if outcome is None or outcome.digests is None:
        return "fails"
    if expected is None or expected.digests is None:
        raise RuntimeError(f"The cell of a task fails: {task.changed}")
    for what in ("value", "printed", "changed"):
        if getattr(outcome.digests, what) != getattr(expected.digests, what):
            return f"another {what}"
    is_gone = not task.says_no_more or task.says_no_more not in code
    return "right" if task.says in code and is_gone else "not as asked"


if __name__ == "__main__":
    main()
