"""What reading ahead saves: the time to the first token with and without it, on real notebooks.

The notebooks' tasks are asked in their order, as ``%%codeface`` asks them, each notebook twice in
turn from nothing read: once each question alone, once while somebody types it in real time, as
JupyterLab has it read, and sends it off a moment after the last key.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reporting import describe_machine, spread
from session_shell import SessionShell
from session_tasks import SessionNotebook, read_notebooks
from session_trial import user_variables

from codeface_jupyter.context import Cell, ContextSources
from codeface_jupyter.jobs import Cancelled, Job
from codeface_jupyter.session.answer import Ask

if TYPE_CHECKING:
    from codeface_jupyter.session import Session

KEYS_PER_S = 6.0
# From the last key to Shift Enter.
LAST_PAUSE_S = 0.5
# As in the page: from the beginning of one reading to that of the next, at least.
INTERVAL_S = 1.5
ANSWER_TOKENS = 2
NOTHING_TYPED = "…"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One question, and whether others of the same notebook came before it.

    Attributes
    ----------
    first_s
        Seconds to its first token.
    unread
        Tokens of the prompt that were left to read when it was sent.
    read_s
        Seconds that it was read for before.
    """

    first_s: float
    unread: int
    read_s: float
    is_follow_up: bool


def asked_in(
    shell: SessionShell, notebook: SessionNotebook, *, reads_ahead: bool
) -> Iterator[Asked]:
    """Run a notebook and ask its tasks."""
    engine: Any = shell.session.engine
    engine.shrink()
    met = 0
    with shell.notebook(notebook.folder):
        for place, cell in enumerate(notebook.cells):
            if cell.task is not None:
                above = [Cell(source=one.source) for one in notebook.cells[:place]]
                yield _ask(
                    shell,
                    cell.task.question,
                    above,
                    reads_ahead=reads_ahead,
                    is_follow_up=met > 0,
                )
                met += 1
            shell.run(cell.source)


def _ask(
    shell: SessionShell,
    question: str,
    above: list[Cell],
    *,
    reads_ahead: bool,
    is_follow_up: bool,
) -> Asked:
    sources = ContextSources(request=question, cells=above, namespace=user_variables(shell.shell))
    ask = Ask(sources=sources, settings=shell.settings)
    before = shell.session.metrics.summary().read_ahead_s
    if reads_ahead:
        _type(shell.session, ask)
    begin = time.perf_counter()
    result = shell.session.generate(ask)
    wait_s = time.perf_counter() - begin - result.metrics.decode_s
    return Asked(
        first_s=wait_s,
        unread=result.metrics.prompt_tokens - result.metrics.reused_prompt_tokens,
        read_s=shell.session.metrics.summary().read_ahead_s - before,
        is_follow_up=is_follow_up,
    )


def _type(session: Session, ask: Ask) -> None:
    """Type a question while it is read, and return at the moment in which it is sent off."""
    request, is_sent, begin = ask.sources.request, threading.Event(), time.monotonic()

    def read() -> None:
        while not is_sent.is_set():
            begun = time.monotonic()
            typed = request[: int((begun - begin) * KEYS_PER_S)].strip() or NOTHING_TYPED
            so_far = replace(ask, sources=replace(ask.sources, request=typed))
            with contextlib.suppress(Cancelled):
                session.prompt_reader.read(ask.settings, lambda asked=so_far: asked, Job())
            if typed == request:
                return
            is_sent.wait(max(0.0, begun + INTERVAL_S - time.monotonic()))

    threading.Thread(target=read, daemon=True).start()
    time.sleep(len(request) / KEYS_PER_S + LAST_PAUSE_S)
    is_sent.set()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of notebooks")
    parser.add_argument("--notebooks", type=int, default=8)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    args = parser.parse_args()
    shell = SessionShell(
        model=args.model,
        response_cache="off",
        tries="off",
        max_new_tokens=ANSWER_TOKENS,
    )
    shell.session.load().read_to_end()
    found: dict[bool, list[Asked]] = {False: [], True: []}
    for number, notebook in enumerate(read_notebooks(args.data)[: args.notebooks]):
        for reads_ahead in (False, True) if number % 2 else (True, False):
            found[reads_ahead] += asked_in(shell, notebook, reads_ahead=reads_ahead)
        print(".", end="", flush=True)
    shell.close()
    print(f"\n{describe_machine('openvino')}\n{args.model}")
    print_table(found)


def print_table(found: dict[bool, list[Asked]]) -> None:
    """Print medians of first questions and of follow-ups, and what it cost."""
    print(
        "| questions | first token, s | after reading ahead, s | ratio |\n| --- | --- | --- | --- |"
    )
    for name, is_follow_up in (("the first of a notebook", False), ("follow-ups", True)):
        alone, ahead = (
            [one.first_s for one in found[kind] if one.is_follow_up is is_follow_up]
            for kind in (False, True)
        )
        ratio = statistics.median(ahead) / statistics.median(alone)
        print(f"| {name} | {spread(alone)} | {spread(ahead)} | {ratio:.2f} |")
    follow_ups = [one for one in found[True] if one.is_follow_up]
    read, unread = [one.read_s for one in follow_ups], [one.unread for one in follow_ups]
    print(f"\nReading ahead of a follow-up took {spread(read)} s.")
    most = statistics.quantiles(unread, n=10)[-1]
    print(f"Tokens left to read: {spread(unread)}, in nine of ten at most {most:.0f}.")


if __name__ == "__main__":
    main()
