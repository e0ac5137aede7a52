"""What is known of an expression in a code that goes on after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codeface_jupyter.trials.bindings import names_bound
from codeface_jupyter.trials.checks.source import read_source
from codeface_jupyter.trials.checks.statements import value_of_marked
from codeface_jupyter.trials.checks.values import Value
from codeface_jupyter.trials.naming.cursor import Cursor
from codeface_jupyter.trials.naming.lexing import Token, statement_start
from codeface_jupyter.trials.naming.unfinished import closers, handlers

__all__ = ["Owner", "read_owner"]

MARK = "_codeface_marked"


@dataclass(frozen=True)
class Owner:
    """An expression, as far as it is known.

    Attributes
    ----------
    value
        Its value.
    names
        What the code binds up to it, in whatever scope; None where its own statement could
        not be read.
    """

    value: Value = None
    names: frozenset[str] | None = None


def read_owner(cursor: Cursor, owner: Sequence[Token], namespace: Mapping[str, object]) -> Owner:
    """Read an expression where it stands, as far as the code before it can be read.

    Parameters
    ----------
    owner
        The expression's tokens.
    namespace
        The notebook's variables.
    """
    start = owner[0].start
    marked = f"{MARK}({cursor.code[start : owner[-1].end]})"
    before = [token for token in cursor.tokens if token.start < start]
    # In its place, where lambdas and comprehensions have their names; else after all that
    # stands above.
    line = cursor.tokens[statement_start(before)].start
    in_place = f"{cursor.code[:start]}{marked}{closers(before)}"
    end = handlers(cursor.code[:start])
    for code in (f"{in_place}{end}", f"{in_place}: pass{end}"):
        is_read, value = value_of_marked(code, namespace, mark=MARK)
        if is_read:
            return Owner(value, frozenset() if value is None else _names_bound(code))
    _, value = value_of_marked(f"{cursor.code[:line]}{marked}{end}", namespace, mark=MARK)
    return Owner(value)


def _names_bound(code: str) -> frozenset[str]:
    tree = read_source(code).tree
    return frozenset() if tree is None else names_bound(tree)
