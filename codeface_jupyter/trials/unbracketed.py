"""Comparisons joined by `&` or `|` without brackets around each, which Python reads otherwise."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from codeface_jupyter.syntax import parse_expression
from codeface_jupyter.trials.checks.source import Source

__all__ = ["Unbracketed", "unbracketed"]

SIGN = re.compile(r"[\s()]*([&|])[\s()]*")


@dataclass(frozen=True)
class Unbracketed:
    """Comparisons that are joined by a sign which binds more strongly than they do.

    Attributes
    ----------
    sign
        The sign: ``&`` or ``|``.
    comparison
        The sign of a comparison beside it: ``==``.
    code
        The whole code with brackets around each comparison.
    """

    sign: str
    comparison: str
    code: str

    @property
    def told(self) -> str:
        """What is wrong, as Markdown: part of a sentence, or one by itself."""
        return (
            f"`{self.sign}` binds more strongly than `{self.comparison}`, "
            "so each comparison needs brackets around it."
        )


def unbracketed(source: Source, statement: ast.stmt) -> Unbracketed | None:
    """Return the one place in a statement where comparisons lack brackets; None for none."""
    found = [node for node in ast.walk(statement) if isinstance(node, ast.Compare)]
    places = [(node, signs) for node in found if (signs := list(_signs(source, node)))]
    if len(places) != 1:
        return None
    node, signs = places[0]
    start, end = source.span(node)
    bounds = [start, *(bound for at in signs for bound in (at, at + 1)), end]
    parts = [source.code[a:b] for a, b in pairwise(bounds)]
    # Every other part is a sign.
    parts[::2] = map(_in_brackets, parts[::2])
    written = ast.unparse(ast.Compare(ast.Name("a"), node.ops[:1], [ast.Name("b")]))
    return Unbracketed(
        sign=source.code[signs[0]],
        comparison=" ".join(written.split()[1:-1]),
        code=f"{source.code[:start]}{''.join(parts)}{source.code[end:]}",
    )


def _signs(source: Source, compare: ast.Compare) -> Iterator[int]:
    """Yield where the signs stand that join the operands of a comparison without brackets."""
    for operand in (compare.left, *compare.comparators):
        yield from _signs_in(source, operand)


def _signs_in(source: Source, node: ast.expr) -> Iterator[int]:
    match node:
        case ast.BinOp(left=left, op=ast.BitAnd() | ast.BitOr(), right=right):
            if _has_brackets(source, node):
                return
            yield from _signs_in(source, left)
            between = source.span(left)[1]
            sign = SIGN.fullmatch(source.code, between, source.span(right)[0])
            # Otherwise it is beside a comment.
            if sign is not None:
                yield sign.start(1)
            yield from _signs_in(source, right)


def _has_brackets(source: Source, node: ast.expr) -> bool:
    start, end = source.span(node)
    return source.code[:start].rstrip().endswith("(") and source.code[end:].lstrip().startswith(")")


def _in_brackets(part: str) -> str:
    """Return a comparison in brackets, and anything else, and one that has them, as it is."""
    text = part.strip()
    has_brackets = text.startswith("(") and isinstance(parse_expression(text[1:-1]), ast.Compare)
    if has_brackets or not isinstance(parse_expression(text), ast.Compare):
        return part
    begin = part.index(text)
    return f"{part[:begin]}({text}){part[begin + len(text) :]}"
