"""Make a question of a magic's options and of what the notebook offers."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from codeface_jupyter.context import ContextSources, FilledRequest, read_text_file
from codeface_jupyter.errors import NotAskedError
from codeface_jupyter.magics.hints import as_hints, wants_hints
from codeface_jupyter.magics.options import OPTIONS, permissions, settings_overrides
from codeface_jupyter.magics.template_files import read_template
from codeface_jupyter.prompts import fill_template, normalize_language
from codeface_jupyter.session.answer import Ask

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from codeface_jupyter.config import Settings
    from codeface_jupyter.context import Cell
    from codeface_jupyter.magics.extension import Extension

__all__ = ["ask_below", "check_that_it_is_to_ask", "make_ask", "with_request"]

NOT_ASKED = "Not asked, since the whole notebook was run."
NOT_ASKED_HINT = "Run this cell by hand to ask."


def make_ask(
    extension: Extension, args: argparse.Namespace, request: FilledRequest | str, **sources: Any
) -> tuple[Ask, str]:
    """Build the question of the cell that runs.

    Parameters
    ----------
    request
        What to ask.
    **sources
        More fields of `ContextSources`.

    Returns
    -------
    The question, and how the order of its cells is known.

    Raises
    ------
    ConfigError
        If an option's value is out of its range.
    NotebookError
        If a file cannot be read, the template is not right, or tests are wanted where hints
        only are given.
    NotAskedError
        If the cell is to ask by hand only, and was run with the whole notebook.
    """
    settings = extension.config.with_overrides(settings_overrides(args), options=OPTIONS)
    if not getattr(args, "dry_run", False):
        check_that_it_is_to_ask(extension, settings)
    settings = settings.permitting(permissions(args))
    all_cells, order = extension.notebook.cells(below=True)
    below = tuple(cell for cell in all_cells if cell.is_below)
    cells = all_cells if getattr(args, "cells", None) == "all" else all_cells[: -len(below) or None]
    ask = ask_below(cells, extension, args, request, settings=settings, **sources)
    ask = replace(ask, cell_id=extension.notebook.cell_id(), cells_below=below)
    return (as_hints(ask) if wants_hints(extension, settings) else ask), order


def ask_below(
    cells: Sequence[Cell],
    extension: Extension,
    args: argparse.Namespace,
    request: FilledRequest | str,
    *,
    settings: Settings,
    **sources: Any,
) -> Ask:
    """Build a question with what the notebook offers beside certain cells.

    Parameters
    ----------
    cells
        Those to send.
    args
        The magic's options.
    request
        What to ask.
    settings
        The settings with those options.
    **sources
        More fields of `ContextSources`.

    Raises
    ------
    NotebookError
        As `make_ask` does.
    """
    language = normalize_language(getattr(args, "language", "python"))
    filled = _filled(request, args, language=language)
    if getattr(args, "template", None):
        sources["instruction"] = ""
    conversation = extension.session.conversation
    before = partial(
        conversation.before,
        filled.text,
        count=settings.history_exchanges,
        cells=cells,
    )
    offered = {
        "cells": cells,
        "namespace": extension.notebook.namespace(),
        "variables": _variables(getattr(args, "vars", None)),
        "files": [read_text_file(path) for path in getattr(args, "files", None) or ()],
        "history": before(),
        "history_without_values": before(is_leaving=True),
        "filled": filled,
    }
    code_before = ""
    if "history" in sources:
        del offered["history_without_values"]
    elif settings.history_exchanges:
        code_before = conversation.code_before(filled.text, cells=cells)
    return Ask(
        sources=ContextSources(request=filled.text, **offered | sources),
        settings=settings,
        language=language,
        use_response_cache=not args.no_cache,
        live_namespace=extension.notebook.live_namespace(),
        code_before=code_before,
    )


def check_that_it_is_to_ask(extension: Extension, settings: Settings) -> None:
    """Make sure that the running cell may ask.

    Raises
    ------
    NotAskedError
        If it is to ask by hand only, and was run with the whole notebook.
    """
    if not extension.notebook.is_to_ask(in_run_all=settings.ask_in_run_all):
        raise NotAskedError(NOT_ASKED, hint=NOT_ASKED_HINT)


def with_request(ask: Ask, args: argparse.Namespace, request: FilledRequest | str) -> Ask:
    """Return ``ask``, made from the same options, with another request."""
    filled = _filled(request, args, language=ask.language)
    return replace(ask, sources=replace(ask.sources, request=filled.text, filled=filled))


def _filled(
    request: FilledRequest | str, args: argparse.Namespace, *, language: str
) -> FilledRequest:
    """Return a request in the template that the options name, if they do."""
    filled = FilledRequest.of(request) if isinstance(request, str) else request
    if not getattr(args, "template", None):
        return filled
    template = read_template(args.template)
    return filled.within(
        lambda text: fill_template(template, {"request": text, "language": language})
    )


def _variables(names: str | None) -> tuple[str, ...] | None:
    """Parse ``--vars``: None lets the context choose."""
    if names is None:
        return None
    return () if names == "none" else tuple(filter(None, names.split(",")))
