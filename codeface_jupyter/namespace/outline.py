"""The data of a description: what a describer found out, and what is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

__all__ = ["Description", "Detail", "Kind", "Outline", "View"]

Detail = Literal["brief", "full"]
Kind = Literal[
    "array", "class", "container", "dataframe", "figure", "function", "iterator", "lazyframe",
    "model", "module", "object", "scalar", "series", "tensor", "text",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Description:
    """A short description of an object.

    Attributes
    ----------
    name
        What the notebook calls it; may be empty.
    kind
        What sort of thing it is.
    type_name
        Its class, with the module unless it is a builtin.
    facts
        What was computed, as JSON values: shape, columns, dtype, signature …
    text
        The same as text for the prompt. In brief it is one line, and for a data frame one more
        for each column that is described.
    """

    name: str
    kind: Kind
    type_name: str
    facts: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    text: str


@dataclass(frozen=True, kw_only=True)
class View:
    """How much of an object to describe: in full or in brief, with values or without.

    Attributes
    ----------
    name
        What the notebook calls it; may be empty.
    stems
        The beginnings of words that the request uses; what they name comes first in brief.
    """

    is_full: bool = False
    allow_values: bool = False
    name: str = ""
    stems: frozenset[str] = frozenset()


@dataclass
class Outline:
    """What the describer of one kind of object found out.

    Attributes
    ----------
    kind
        What sort of thing it is.
    text
        The description without the name.
    facts
        JSON values.
    body
        More lines, for full detail.
    max_chars
        The longest brief text, where it is not the same as for other kinds.
    """

    kind: Kind
    text: str
    facts: dict[str, object] = field(default_factory=dict)
    body: str = ""
    max_chars: int = 0
