"""How often the answer is right: pass@1 of the shipped model through the session.

Three sets: our own notebook tasks, whose answer needs a name from the cells above,
each with and without pieces of context; and PandasEval and NumpyEval (101 tasks
each, HumanEval's format, MIT, Copyright (c) Microsoft Corporation), if their files
are in the folder given by ``--data``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from notebook_tasks import TASKS, NotebookTask
from reporting import describe_machine, wilson_interval
from running_code import passes

from codeface_jupyter.config import Config
from codeface_jupyter.context import Cell, ContextSources
from codeface_jupyter.prompts import fenced
from codeface_jupyter.session import Session
from codeface_jupyter.session.answer import Ask

PIECES = ("nothing", "cells", "cells and variables")
EVALS = ("PandasEval", "NumpyEval")
COMPLETE = "Complete this code. Answer with the whole completed code."


def ask_notebook_task(session: Session, task: NotebookTask, pieces: str) -> bool:
    """Ask for a task's next cell; return whether cells, answer and check run."""
    namespace: dict[str, object] = {}
    exec("\n".join(task.cells), namespace)  # our own cells, from notebook_tasks.py
    names = {name: value for name, value in namespace.items() if not name.startswith("__")}
    sources = ContextSources(
        request=task.request,
        cells=[] if pieces == "nothing" else [Cell(source=source) for source in task.cells],
        namespace=names,
        variables=None if pieces == "cells and variables" else (),
    )
    result = session.generate(Ask(sources=sources, settings=session.config.settings))
    return passes("\n".join((*task.cells, result.code, task.check)))


def ask_completion(session: Session, task: dict[str, str]) -> bool:
    """Ask to complete a task of HumanEval's format; return whether its test passes."""
    request = f"{COMPLETE}\n\n{fenced(task['prompt'], 'python')}"
    result = session.generate(
        Ask(
            sources=ContextSources(request=request, instruction=""),
            settings=session.config.settings,
        )
    )
    candidate = task["entry_point"]
    call = "check(None)" if candidate == "none" else f"check({candidate})"
    return passes("\n".join((result.code, task["test"], call)))


def read_tasks(file: Path) -> list[dict[str, str]]:
    """Read one task per line."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]


def report(name: str, tasks: Iterable[object], ask: Callable[[object], bool]) -> None:
    """Ask every task and print a line of the table."""
    begin = time.perf_counter()
    outcomes = [ask(task) for task in tasks]
    passed, n = sum(outcomes), len(outcomes)
    low, high = wilson_interval(passed, n)
    took_s = time.perf_counter() - begin
    print(
        f"| {name} | {passed / n:.0%} | {passed}/{n} | {low:.0%} to {high:.0%} | {took_s:.0f} s |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of PandasEval.jsonl and NumpyEval.jsonl")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--only", choices=("notebook", *EVALS))
    args = parser.parse_args()
    config = Config()
    config.set(max_new_tokens=256, **dict(pair.split("=", 1) for pair in args.set))
    session = Session(config=config)
    print(describe_machine("torch", "transformers"))
    settings = config.settings
    print(f"model {settings.model}, engine {settings.engine}, greedy, one try; {args.set}\n")
    print("| tasks | pass@1 | | 95 % interval | time |\n| --- | --- | --- | --- | --- |")
    if args.only in {None, "notebook"}:
        for pieces in PIECES:
            report(
                f"notebook tasks, given {pieces}",
                TASKS,
                lambda task, pieces=pieces: ask_notebook_task(session, task, pieces),
            )
    for name in EVALS:
        file = args.data / f"{name}.jsonl" if args.data else None
        if file and file.is_file() and args.only in {None, name}:
            report(name, read_tasks(file), lambda task: ask_completion(session, task))


if __name__ == "__main__":
    main()
