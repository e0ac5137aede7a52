"""How often the answer is right: pass@1 of the shipped model.

Through the session, three sets: our own notebook tasks, whose answer needs a name from
the cells above, each with and without pieces of context; and PandasEval and NumpyEval
(101 tasks each, HumanEval's format, MIT, Copyright (c) Microsoft Corporation), if their
files are in the folder given by ``--data``.

``--only sessions`` asks through ``%%codeface`` in stateful notebooks, in the folder given
by ``--data`` (benchmarks/kaggle of DSEval, MIT, Copyright (c) 2024 MetaCopilot team): each
answer runs in a copy of the state that the cells before have left, and its value or its
variables are compared with the reference cell's.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from notebook_tasks import TASKS, NotebookTask
from reporting import describe_machine
from running_code import check_call, passes

from codeface_jupyter.config import Config
from codeface_jupyter.context import Cell, ContextSources
from codeface_jupyter.evaluation.proportion import wilson_interval
from codeface_jupyter.prompts import fenced
from codeface_jupyter.session import Session
from codeface_jupyter.session.answer import Ask

if TYPE_CHECKING:
    from session_run import LeftOut, Outcome
    from session_shell import Asker, SessionShell
    from session_tasks import SessionNotebook

PIECES = ("nothing", "cells", "cells and variables")
EVALS = ("PandasEval", "NumpyEval")
SESSION_PACKAGES = (
    *("pandas", "numpy", "scikit-learn", "scipy", "matplotlib", "seaborn", "statsmodels"),
    *("ipython", "openvino", "openvino-genai"),
)
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
    """Ask to complete a task of HumanEval's format; return whether its test passes.

    In a notebook in which nothing has run: that is where the answer is tried.
    """
    request = f"{COMPLETE}\n\n{fenced(task['prompt'], 'python')}"
    result = session.generate(
        Ask(
            sources=ContextSources(request=request, instruction=""),
            settings=session.config.settings,
            live_namespace={},
        )
    )
    is_right = passes("\n".join((result.code, task["test"], check_call(task))))
    ending = result.outcome.ending if result.outcome else "not tried"
    print(f"{task['task_id']} {'right' if is_right else 'wrong'} {ending}", file=sys.stderr)
    return is_right


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


def ask_sessions(args: argparse.Namespace, settings: dict[str, str]) -> None:
    """Ask the tasks of the stateful notebooks, and report, save and compare."""
    # One thread: OpenMP's pools do not survive a fork. Set before NumPy reads them.
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    from session_report import compare, load_run, report, save_run
    from session_run import Run, check_judge
    from session_shell import SessionShell
    from session_tasks import read_notebooks

    notebooks = read_notebooks(args.data, names=args.notebooks)
    print(machine := describe_machine(*SESSION_PACKAGES))
    shell = SessionShell(**settings)
    if args.check_judge:
        for line in check_judge(shell, notebooks):
            print(line, flush=True)
        return
    results, way = choose_run(args, shell, notebooks)
    about = {"machine": machine, "model": shell.settings.model, "way": way, "set": settings}
    print(f"model {about['model']}, asked by {way}, {settings}\n", flush=True)
    begin, run = time.perf_counter(), Run()
    for result in results:
        run.add(result)
        print(result.line, file=sys.stderr)
        # Each time, so that a long run that is broken off leaves what it has.
        if args.save:
            save_run(run, args.save, about=about)
    print("\n".join(report(run)))
    print(f"took {time.perf_counter() - begin:.0f} s")
    if args.against:
        print("\n".join(["", *compare(run, load_run(args.against))]))


def choose_run(
    args: argparse.Namespace, shell: SessionShell, notebooks: Sequence[SessionNotebook]
) -> tuple[Iterator[Outcome | LeftOut], str]:
    """Return what runs as the options say, and how it asks."""
    from session_report import load_run
    from session_run import run_faults, run_notebooks, run_repairs

    if args.faults:
        outcomes = run_faults(shell, notebooks, count=args.faults, limit=args.limit)
        return outcomes, f"%codeface_fix, of right cells, faults put into each: {args.faults}"
    if args.repair:
        failed = {
            (outcome.notebook, outcome.index): outcome.code
            for outcome in load_run(args.repair).outcomes
            if outcome.kind.startswith(("raises", "does not parse"))
        }
        return run_repairs(shell, notebooks, failed), f"%codeface_fix, of {args.repair.name}"
    asker, way = choose_asker(args, shell)
    return run_notebooks(shell, asker, notebooks, limit=args.limit), way


def choose_asker(args: argparse.Namespace, shell: SessionShell) -> tuple[Asker, str]:
    """Return what asks as the options say, and what to call it."""
    from session_report import load_run
    from session_shell import MagicAsker, PlainAsker, ReplayAsker

    if args.replay:
        earlier = load_run(args.replay).outcomes
        replies = ((outcome.question, outcome.reply) for outcome in earlier)
        return ReplayAsker(replies), f"{args.replay.name}, judged again"
    if args.plain:
        return PlainAsker(shell.session), "a plain sentence"
    return MagicAsker(shell, keeps_conversation=args.keep_conversation), "%%codeface"


def ask_sets(args: argparse.Namespace, settings: dict[str, str]) -> None:
    """Ask the sets of single tasks through the session."""
    config = Config()
    config.set(**{"max_new_tokens": 256, **settings})
    session = Session(config=config)
    print(describe_machine("torch", "transformers"))
    print(
        f"model {config.settings.model}, engine {config.settings.engine}, greedy, one try; "
        f"{args.set}\n"
    )
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


def whole_path(text: str) -> Path:
    # The notebooks run in folders of their own.
    return Path(text).resolve()


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=whole_path, help="folder of the tasks' files")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--only", choices=("notebook", *EVALS, "sessions"))
    sessions = parser.add_argument_group("sessions")
    sessions.add_argument("--notebooks", type=lambda names: names.split(","), default=())
    sessions.add_argument("--limit", type=int, help="ask at most so many tasks")
    sessions.add_argument(
        "--plain", action="store_true", help="ask in a plain sentence below the cells instead"
    )
    sessions.add_argument(
        "--keep-conversation", action="store_true", help="send earlier exchanges along, too"
    )
    sessions.add_argument(
        "--save", type=whole_path, metavar="FILE", help="keep prompts and answers"
    )
    sessions.add_argument(
        "--against", type=whole_path, metavar="FILE", help="a kept run to compare with"
    )
    sessions.add_argument(
        "--replay", type=whole_path, metavar="FILE", help="judge a kept run's answers again"
    )
    sessions.add_argument(
        "--repair",
        type=whole_path,
        metavar="FILE",
        help="have a kept run's answers that raise repaired, each below its question",
    )
    sessions.add_argument(
        "--faults",
        type=int,
        nargs="?",
        const=1,
        default=0,
        metavar="COUNT",
        help="have right cells repaired, each with a fault put in, or with more of them",
    )
    sessions.add_argument(
        "--check-judge", action="store_true", help="no model: judge right and wrong cells"
    )
    args = parser.parse_args()
    if args.only == "sessions" and args.data is None:
        parser.error("--only sessions needs --data, the folder of the notebooks")
    return args


def main() -> None:
    args = parse_arguments()
    settings = dict(pair.split("=", 1) for pair in args.set)
    ask = ask_sessions if args.only == "sessions" else ask_sets
    ask(args, settings)


if __name__ == "__main__":
    main()
