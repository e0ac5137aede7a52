"""Fill in the fields of a user's template, and the expressions in a request."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from string import Template
from textwrap import dedent

from codeface_jupyter.errors import NotebookError
from codeface_jupyter.syntax import parse_module

__all__ = [
    "fill_template",
    "interpolate",
]

# An expression to replace: a name, attributes and indices. Other text in braces stays.
NAME = r"[^\W\d](?:[^\s!-/:-@\[-^`{-~])*"
PATH = rf"{NAME}(?:\.{NAME}|\[(?:-?\d+|'[^'\]]*'|\"[^\"\]]*\")\])*"
FIELD = re.compile(rf"(?P<escape>\{{)?\{{(?P<path>{PATH})\}}(?(escape)\}})")
DOUBLE = r"\"(?:[^\"\\\n]|\\.)*+"
SINGLE = r"'(?:[^'\\\n]|\\.)*+"
# Code in a request is quoted from somewhere: its braces are Python's. A quotation mark that
# nothing closes is passed over with what follows it, so that nothing is looked at twice.
QUOTED = re.compile(
    rf"\{{{{?{PATH}\}}"
    r"|(?P<fence>^[ \t]*(?P<ticks>`{3,}|~{3,}).*?(?:^[ \t]*(?P=ticks)|\Z))"
    r"|(?P<span>`[^`\n]+`)"
    r"|(?<![^\W_])(?P<text>[fFrRbBuUtT]{0,2}(?:\"{3}.*?\"{3}|'{3}.*?'{3}"
    rf"|{DOUBLE}\"(?!\w)|{SINGLE}'(?!\w)))"
    rf"|(?<!\w)(?:{DOUBLE}|{SINGLE})",
    re.DOTALL | re.MULTILINE,
)
MAX_CODE_CHARS = 100_000
STATEMENTS = (
    ast.Assert, ast.Assign, ast.AsyncFor, ast.AsyncFunctionDef, ast.AsyncWith, ast.AugAssign,
    ast.ClassDef, ast.For, ast.FunctionDef, ast.If, ast.Import, ast.ImportFrom, ast.Match,
    ast.Raise, ast.Return, ast.Try, ast.While, ast.With,
)  # fmt: skip


def fill_template(text: str, fields: Mapping[str, str]) -> str:
    """Fill a user's prompt template, whose fields are written ``$name``.

    Raises
    ------
    NotebookError
        If the template uses an unknown field or a single ``$``.
    """
    template = Template(text)
    unknown = sorted(set(template.get_identifiers()) - set(fields))
    if unknown or not template.is_valid():
        what = f"the unknown field ${unknown[0]}" if unknown else "a $ without a field's name"
        raise NotebookError(
            f"The template contains {what}.",
            hint=f"Its fields can be ${', $'.join(sorted(fields))}; write $$ for a dollar sign.",
        )
    return template.substitute(fields)


def interpolate(text: str, lookup: Callable[[str], str | None]) -> str:
    """Replace each ``{expression}`` that ``lookup`` knows; other braces stay as typed.

    So do those in strings and in code, of which a request may quote some; ``{{expression}}``
    stands for the expression in braces.

    Parameters
    ----------
    text
        What the user typed.
    lookup
        Returns the text for an expression of names, attributes and indices, such as
        ``df.shape`` or ``In[3]``, or None to leave the braces alone.
    """

    def replacement(match: re.Match[str]) -> str:
        found = lookup(match["path"])
        if found is None:
            return match[0]
        return f"{{{match['path']}}}" if match["escape"] else found

    parts, position = [], 0
    for start, end in _quotations(text):
        parts += [FIELD.sub(replacement, text[position:start]), text[start:end]]
        position = end
    return "".join([*parts, FIELD.sub(replacement, text[position:])])


def _quotations(text: str) -> list[tuple[int, int]]:
    """Return where a request quotes code or a text, in order."""
    if "{" not in text:
        return []
    found = [match.span() for match in QUOTED.finditer(text) if match.lastgroup]
    found += _code(text)
    merged: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if merged and start < merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _code(text: str) -> Iterator[tuple[int, int]]:
    """Yield the paragraphs, and elsewhere the lines, that are code."""
    for paragraph in re.finditer(r"(?:^.*\S.*$\n?)+", text, re.MULTILINE):
        if _is_code(paragraph[0]):
            yield paragraph.span()
            continue
        for line in re.finditer(r"^.+$", paragraph[0], re.MULTILINE):
            if "{" in line[0] and _is_code(line[0]):
                yield paragraph.start() + line.start(), paragraph.start() + line.end()


def _is_code(text: str) -> bool:
    """Whether Python can run a text and it does something; ``total: {total}`` is a remark."""
    tree = parse_module(dedent(text).strip()) if len(text) <= MAX_CODE_CHARS else None
    return tree is not None and any(_does_something(node) for node in tree.body)


def _does_something(node: ast.stmt) -> bool:
    is_call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    return is_call or isinstance(node, STATEMENTS)
