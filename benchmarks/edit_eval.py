"""How many changes of cells `%codeface_edit` gets right: tasks with a cell that does what is asked.

Each cell has been run, and its answer is right if, run on a copy of what is there then, it gives,
prints and changes the same as the cell of the task. Names that it makes besides do not count.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
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
    namespace: dict[str, object] = {"__name__": "__main__"}
    for source in (*SETUP, task.cell):
        exec(source, namespace)
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
    seconds = time.perf_counter() - begin
    expected = _outcome(task.changed, namespace)
    if expected is None or not expected.has_run:
        raise RuntimeError(f"The cell of a task fails: {task.changed}")
    outcome = _outcome(result.code, namespace) if result.code else None
    verdict = _verdict(outcome, expected)
    if verdict == "right" and not (task.says in result.code and _is_gone(task, result.code)):
        verdict = "not as asked"
    tokens = result.metrics.generated_tokens
    return Judged(task.cell, task.request, result.code, verdict, tokens, seconds)


def _is_gone(task: EditTask, code: str) -> bool:
    return not task.says_no_more or task.says_no_more not in code


def _outcome(code: str, namespace: dict[str, object]) -> Outcome | None:
    return try_code(code, namespace, limits=LIMITS, has_digests=True)


def _verdict(outcome: Outcome | None, expected: Outcome) -> str:
    if outcome is None or not outcome.has_run:
        return "fails"
    given, wanted = outcome.digests, expected.digests
    if given is None or wanted is None:
        return "unknown"
    for what in ("value", "printed", "changed"):
        if getattr(given, what) != getattr(wanted, what):
            return f"another {what}"
    return "right"


if __name__ == "__main__":
    main()
