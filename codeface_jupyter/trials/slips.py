"""Slips in a cell that failed which Python's own words tell, and the cell without them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from codeface_jupyter.context import ErrorInfo
from codeface_jupyter.trials.checks.source import Source, read_source
from codeface_jupyter.trials.failed_statement import UNREADABLE, failed_statement
from codeface_jupyter.trials.mistyped_modules import with_module_that_is_there
from codeface_jupyter.trials.numeric_only import LEFT_OUT, holds_text, with_numbers_only
from codeface_jupyter.trials.syntax_slips import readable
from codeface_jupyter.trials.unbracketed import unbracketed

__all__ = ["Mended", "without_slip"]

NOT_CALLABLE = re.compile(r"'\w+' object is not callable")
# A list of columns is wanted, and a tuple is one key.
TUPLE_KEY = re.compile(r"\('|Cannot subset columns with a tuple")


@dataclass(frozen=True)
class Mended:
    """What a cell may have been meant to be.

    Attributes
    ----------
    code
        The cell without the slip.
    others
        What may be meant as well. If two of all these run, they have to do the same.
    proof
        Code that runs only if it was one; empty if nothing else can have been meant.
    notes
        What was wrong, where Python itself does not say so: sentences of Markdown.
    leaves_out
        Whether it leaves something out, and so cannot be meant if nothing is left.
    """

    code: str
    proof: str = ""
    notes: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    leaves_out: bool = False


def without_slip(text: str, error: ErrorInfo) -> Iterator[Mended]:
    """Yield what a cell may have been meant to be; each has to be tried.

    Parameters
    ----------
    text
        The cell, in Python.
    error
        What it failed with.
    """
    if error.ename in UNREADABLE:
        read = readable(text)
        if read is not None:
            yield Mended(read.code, notes=read.slips, others=read.others)
        return
    if error.ename == "ModuleNotFoundError":
        renamed = with_module_that_is_there(text, error.evalue)
        if renamed is not None:
            code, note = renamed
            yield Mended(code, notes=(note,))
        return
    source = read_source(text)
    statement = failed_statement(source.tree, text, error)
    if statement is None:
        return
    if error.ename == "TypeError" and NOT_CALLABLE.search(error.evalue):
        yield from _uncalled(source, statement)
    if error.ename in {"KeyError", "ValueError"} and TUPLE_KEY.match(error.evalue):
        yield from _listed(source, statement)
    if holds_text(error):
        codes = with_numbers_only(source, statement)
        yield from (Mended(code, notes=(LEFT_OUT,), leaves_out=True) for code in codes)
    if error.ename in {"TypeError", "ValueError"}:
        yield from _bracketed(source, statement)


def _uncalled(source: Source, statement: ast.stmt) -> Iterator[Mended]:
    """Yield the code with an attribute in the place of a call of it: ``shape``, not ``shape()``.

    What failed may as well be called by it, deep inside: it has to be one that nobody can call.
    """
    above = source.code[: source.span(statement)[0]]
    for node in ast.walk(statement):
        match node:
            case ast.Call(func=ast.Attribute() as called, args=[], keywords=[]):
                end, whole_end = source.span(called)[1], source.span(node)[1]
                proof = f"{above}assert not callable({source.text(called)})"
                yield Mended(f"{source.code[:end]}{source.code[whole_end:]}", proof)


def _listed(source: Source, statement: ast.stmt) -> Iterator[Mended]:
    """Yield the code with a list of names in the place of several: ``df[["a", "b"]]``."""
    for node in ast.walk(statement):
        match node:
            case ast.Subscript(slice=ast.Tuple(elts=[ast.Constant(value=str()), *_]) as key):
                start, end = source.span(key)
                names = source.code[start:end]
                names = names[1:-1] if names.startswith("(") else names
                yield Mended(f"{source.code[:start]}[{names}]{source.code[end:]}")


def _bracketed(source: Source, statement: ast.stmt) -> Iterator[Mended]:
    """Yield the code with brackets around each of the comparisons that `&` or `|` join."""
    found = unbracketed(source, statement)
    if found is not None:
        yield Mended(found.code, notes=(found.told,))
