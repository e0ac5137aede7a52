"""Choose which of the notebook's variables to describe for a request, and in what order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from codeface_jupyter.context.cells import Cell, defined_names, used_names
from codeface_jupyter.context.sources import ContextSources
from codeface_jupyter.namespace import (
    Description,
    column_names,
    describe,
    is_data,
    relevance,
    resolve,
    word_stems,
)
from codeface_jupyter.privacy import is_secret_name

__all__ = ["VariableChoice", "choose_variables", "describe_names"]

NEAR_CELLS = 3
MAX_UNASKED = 3
# What being used last is worth, in columns that the request names.
NEAREST = 1.5
MAX_LOOKED_AT = 100
# IPython's own variables.
SHELL_NAMES = frozenset({"In", "Out", "exit", "quit", "open", "get_ipython"})


@dataclass(frozen=True, kw_only=True)
class VariableChoice:
    """One variable: its name, its description, or the reason for leaving it out.

    The user named it, or it is one that the request may be about all the same.
    """

    name: str
    text: str = ""
    reason: str = ""
    is_named: bool = True


def choose_variables(
    sources: ContextSources, *, names: Sequence[str], allow_values: bool
) -> Iterator[VariableChoice]:
    """Yield the variables worth describing, the ones that matter most first.

    Only those that the user listed, if so; else those that the request names, then
    data by the columns that it names and by how near the cells are that use them.

    Raises
    ------
    UnknownNameError
        If a variable that the user listed does not exist.
    """
    if sources.variables is not None:
        for name in dict.fromkeys(sources.variables):
            value = resolve(name, sources.namespace)
            yield _choice(name, value, about=sources.request, allow_values=allow_values)
        return
    in_error = sources.error.names if sources.error else {}
    seen: set[str] = set(in_error)
    for name in names:
        if name in sources.namespace and name not in seen and not _is_internal(name):
            seen.add(name)
            value = sources.namespace[name]
            yield _choice(name, value, about=sources.request, allow_values=allow_values)
    unasked = _unasked(sources, seen=seen, allow_values=allow_values)
    for name, description in islice(unasked, MAX_UNASKED):
        yield VariableChoice(name=name, text=description.text, is_named=False)


def describe_names(names: Mapping[str, object], *, allow_values: bool) -> list[str]:
    """Return a description of each name except secrets, modules, functions and classes."""
    lines = []
    for name, value in names.items():
        if is_secret_name(name) or _is_internal(name):
            continue
        description = describe(value, name=name, allow_values=allow_values)
        if description.kind not in ("module", "function", "class"):
            lines.append(description.text)
    return lines


def _choice(name: str, value: object, *, about: str, allow_values: bool) -> VariableChoice:
    if is_secret_name(name):
        return VariableChoice(name=name, reason="its name looks like that of a secret")
    description = describe(value, name=name, about=about, allow_values=allow_values)
    return VariableChoice(name=name, text=description.text)


def _unasked(
    sources: ContextSources, *, seen: set[str], allow_values: bool
) -> Iterator[tuple[str, Description]]:
    """Yield data that the request may be about, although it does not name them.

    Numbers and functions are left out: the cells show them anyway.
    """
    candidates = (
        name
        for name in _by_nearness(sources.cells, sources.namespace)
        if name not in seen and not is_secret_name(name) and is_data(sources.namespace[name])
    )
    data = list(islice(candidates, MAX_LOOKED_AT))
    stems = word_stems(sources.request)
    worth = {
        name: _columns_asked_about(sources.namespace[name], stems) + NEAREST / rank
        for rank, name in enumerate(data, start=1)
    }
    for name in sorted(data, key=lambda name: -worth[name]):
        value = sources.namespace[name]
        about = sources.request
        yield name, describe(value, name=name, about=about, allow_values=allow_values)


def _by_nearness(cells: Sequence[Cell], namespace: Mapping[str, object]) -> list[str]:
    """Return the user's names: those in the nearest cells above, then the latest defined ones."""
    code = [cell for cell in cells if cell.cell_type == "code"]
    above = [cell for cell in code if not cell.is_below]
    ordered: dict[str, None] = {}
    for cell in reversed(above[-NEAR_CELLS:]):
        ordered |= dict.fromkeys(sorted(used_names(cell.sent)))
    run = [cell for cell in code if cell.execution_count is not None]
    for cell in sorted(run, key=lambda cell: (cell.is_below, -(cell.execution_count or 0))):
        ordered |= dict.fromkeys(sorted(defined_names(cell.sent)))
    # The rest, newest first: what a script or an import brought in.
    ordered |= dict.fromkeys(reversed(list(namespace)))
    return [name for name in ordered if name in namespace and not _is_internal(name)]


def _columns_asked_about(obj: object, stems: frozenset[str]) -> float:
    """Return how many columns a request names; one that is named in part counts in part."""
    return sum(relevance(name, stems) for name in column_names(obj))


def _is_internal(name: str) -> bool:
    return name.startswith("_") or name in SHELL_NAMES
