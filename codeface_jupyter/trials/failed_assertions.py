"""What a comparison in a failed assertion has found: a bare one says neither side's value.

A test may be as wrong as what it tests. With the value beside the one that was expected, the
user can tell which.
"""

from __future__ import annotations

import ast
import linecache
from functools import partial
from types import FrameType

from codeface_jupyter.namespace.foreign_code import attempt
from codeface_jupyter.shorten import in_one_line
from codeface_jupyter.syntax import parse_module, unparsed
from codeface_jupyter.trials.few_words import CONTAINERS, few_words
from codeface_jupyter.trials.looking import looked_at
from codeface_jupyter.trials.secret_values import gives_secret, secret_names

__all__ = ["failed_comparison"]

MAX_SIDE_CHARS = 80
LOOK_S = 0.5
NAMELESS = "<a side of an assertion>"


def failed_comparison(error: BaseException) -> str:
    """Return what a bare assertion has compared: "double(2) gives 5, not 4"; empty if unknown.

    Only for a copy of the kernel: both sides are evaluated again.
    """
    traceback = error.__traceback__
    if not isinstance(error, AssertionError) or error.args or traceback is None:
        return ""
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    frame = traceback.tb_frame
    tree = parse_module("".join(linecache.getlines(frame.f_code.co_filename)))
    if tree is None:
        return ""
    match _assertion(tree, traceback.tb_lineno):
        case ast.Assert(test=ast.Compare(left=left, ops=[ast.Eq()], comparators=[right])):
            secrets = secret_names(tree)
            if gives_secret(left, secrets) or gives_secret(right, secrets):
                return ""
            compare = partial(_compared, left, right, frame)
            told = looked_at(lambda: attempt(compare, timeout_s=LOOK_S), otherwise=None)
            return told or ""
    return ""


def _assertion(tree: ast.Module, line: int) -> ast.Assert | None:
    """Return the statement in a line of a code, if it is an assertion."""
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Assert))
    return next((n for n in nodes if n.lineno <= line <= (n.end_lineno or n.lineno)), None)


def _compared(left: ast.expr, right: ast.expr, frame: FrameType) -> str:
    found, wanted = (_evaluated(side, frame) for side in (left, right))
    # What gives another value each time does not say what it gave.
    is_lasting = _evaluated(left, frame) == found and _evaluated(right, frame) == wanted
    if found == wanted or not is_lasting:
        return ""
    what = in_one_line(unparsed(left), max_chars=MAX_SIDE_CHARS)
    return f"{what} gives {_written(found)}, not {_written(wanted)}"


def _evaluated(side: ast.expr, frame: FrameType) -> object:
    code = compile(ast.Expression(body=side), NAMELESS, "eval", dont_inherit=True)
    return eval(code, frame.f_globals, frame.f_locals)  # noqa: S307 - the answer's own code again


def _written(value: object) -> str:
    if isinstance(value, CONTAINERS):
        return in_one_line(repr(value), max_chars=MAX_SIDE_CHARS)
    return few_words(value)
