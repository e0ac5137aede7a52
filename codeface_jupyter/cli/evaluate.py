"""`codeface eval`: how often models are right in the user's own notebooks."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.status import Status
from rich.syntax import Syntax

from codeface_jupyter.cli.console import new_console
from codeface_jupyter.config import Config
from codeface_jupyter.errors import ConfigError, NotebookError
from codeface_jupyter.evaluation.events import Begun, Event, LeftOut, Measured, Starting
from codeface_jupyter.shorten import in_one_line
from codeface_jupyter.view.terminal_text import terminal_text

if TYPE_CHECKING:
    from codeface_jupyter.evaluation.report import Evaluation

__all__ = ["add_eval_command"]

# What add_subparsers returns has no public name.
_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - see above

EXIT_INTERRUPTED = 130
TRY_S = 30.0
MAX_STATUS_CHARS = 60
# Narrower, the table would be wrapped.
TABLE_WIDTH = 100
DESCRIPTION = """Ask models for the code cells of your own notebooks, and count how often what an
answer does is what your cell does. The notebooks' cells are run, in a copy of their folder: nothing
in the folder itself is changed, but what a cell writes elsewhere, or sends, it writes and sends."""


def add_eval_command(commands: _Commands) -> None:
    """Add ``eval`` to the command line."""
    summary = "how often models are right in your own notebooks, and how fast"
    command = commands.add_parser("eval", help=summary, description=DESCRIPTION)
    command.add_argument("notebooks", nargs="+", type=Path, metavar="NOTEBOOK")
    command.add_argument(
        "-m",
        "--model",
        action="append",
        default=[],
        dest="models",
        metavar="NAME",
        help="a model to ask, as often as you like (default: every model of the catalog that is "
        "here, else the configured one)",
    )
    command.add_argument(
        "--limit", type=_count, metavar="N", help="ask each model for at most so many cells"
    )
    command.add_argument(
        "--timeout",
        type=_seconds,
        default=TRY_S,
        metavar="S",
        help="seconds that a cell may run when it is tried (default: %(default)g)",
    )
    command.add_argument("--json", type=Path, metavar="FILE", help="write everything to a file")
    command.add_argument("--show", action="store_true", help="show every answer that is not right")
    command.add_argument("--cache-dir", type=Path, metavar="FOLDER", help="where model files are")
    command.set_defaults(run=_evaluate)


def _count(text: str) -> int:
    # Not isdigit, which takes the digits of exponents too.
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number, at least 1, but got {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected seconds, more than 0, but got {text!r}")
    return value


def _evaluate(options: argparse.Namespace) -> None:
    from codeface_jupyter.evaluation.models_to_ask import models_to_ask
    from codeface_jupyter.evaluation.report import Evaluation
    from codeface_jupyter.evaluation.run import evaluate
    from codeface_jupyter.evaluation.tasks import read_notebook

    if options.json is not None:
        _check_that_it_can_be_written(options.json)
    notebooks = [read_notebook(file) for file in options.notebooks]
    models = models_to_ask(options.models, config=Config(), cache_dir=options.cache_dir)
    evaluation = Evaluation(tuple(models))
    events = evaluate(notebooks, models, limit=options.limit, try_s=options.timeout)
    is_stopped = False
    try:
        with closing(events), _progress() as show:
            for event in events:
                evaluation.take(event)
                show(event)
    except KeyboardInterrupt:
        is_stopped = True
    _show(evaluation, has_answers=options.show)
    if options.json is not None:
        _write(evaluation, options.json)
    if is_stopped:
        raise SystemExit(EXIT_INTERRUPTED)
    _check_that_something_was_measured(evaluation)


@contextmanager
def _progress() -> Iterator[_Progress]:
    """Show what is done: a line for each task, and on a terminal what is under way below them."""
    console = new_console(stderr=True, soft_wrap=True)
    console.print(
        "The notebooks' cells are run in copies of their folders; nothing in the folders is "
        "changed. Ctrl-C ends it and keeps what was measured."
    )
    with console.status("Starting") as status:
        yield _Progress(console, status)


class _Progress:
    """Tells of events."""

    def __init__(self, console: Console, status: Status) -> None:
        self._console = console
        self._status = status
        self._place = ""

    def __call__(self, event: Event) -> None:
        """Tell of one."""
        match event:
            case Starting(model=model, notebook=notebook):
                self._status.update(escape(f"{model} with {notebook}: loading the model"))
            case Begun(request=request):
                self._place = f"{event.model}, task {event.number} of {event.total}"
                asked = in_one_line(terminal_text(request), max_chars=MAX_STATUS_CHARS)
                self._status.update(escape(f"{self._place}: {asked}"))
            case Measured():
                self._tell(event, f"{event.kind}, {event.seconds:.1f} s")
            case LeftOut():
                self._tell(event, f"left out, {event.reason}")

    def _tell(self, event: Measured | LeftOut, what: str) -> None:
        where = f"{event.notebook}, cell {event.cell}"
        self._console.print(escape(terminal_text(f"{self._place} ({where}): {what}")))


def _show(evaluation: Evaluation, *, has_answers: bool) -> None:
    out = new_console()
    if has_answers:
        for answer in evaluation.wrong_answers():
            _show_answer(out, answer)
    if evaluation.measured:
        wide = new_console(width=max(out.width, TABLE_WIDTH))
        wide.print("", evaluation.table(), "", sep="\n")
    for line in evaluation.remarks():
        out.print(escape(terminal_text(line)), soft_wrap=True)


def _show_answer(out: Console, answer: Measured) -> None:
    """Show one answer: what was asked, the code, and what is wrong with it in a line."""
    where = f"{answer.model}, {answer.notebook}, cell {answer.cell}: {answer.difference}"
    out.print(f"\n[bold]{escape(terminal_text(where))}[/]", soft_wrap=True)
    out.print(Padding(escape(terminal_text(answer.request)), (0, 0, 0, 2)))
    if answer.code:
        code = Syntax(terminal_text(answer.code), "python", background_color="default")
        out.print(Padding(code, (0, 0, 0, 4)))


def _check_that_it_can_be_written(file: Path) -> None:
    """Raise ConfigError before anything is measured if ``file`` could not be written after it."""
    if not file.absolute().parent.is_dir():
        raise ConfigError(f"There is no folder {file.parent} to write {file.name} into.")
    with _told_in_a_line(file):
        # Opened where a link leads, so that only what is made here is removed.
        place = file.resolve()
        is_new = not place.exists()
        # Who reads a pipe would take the closing for the end.
        if is_new or place.is_file() or place.is_dir():
            place.open("ab").close()
        if is_new:
            place.unlink()


def _write(evaluation: Evaluation, file: Path) -> None:
    text = json.dumps(evaluation.record(), indent=1, ensure_ascii=False)
    with _told_in_a_line(file):
        file.write_text(f"{text}\n", encoding="utf-8", errors="backslashreplace")


@contextmanager
def _told_in_a_line(file: Path) -> Iterator[None]:
    """Say in a line why ``file`` cannot be written."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}.") from error


def _check_that_something_was_measured(evaluation: Evaluation) -> None:
    if evaluation.measured:
        return
    if evaluation.broken_off:
        raise evaluation.broken_off[0].error
    raise NotebookError("No model was asked: every task was left out, for the reasons above.")
