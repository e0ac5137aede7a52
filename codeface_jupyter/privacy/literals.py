"""Secrets in Python code as its tree shows them: over several lines, in calls, in lists."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator

from codeface_jupyter.privacy.assignments import NAMING, SECRET_TYPES, assigned_secrets
from codeface_jupyter.privacy.names import is_secret_name, may_name_secret
from codeface_jupyter.privacy.values import is_quoted_secret
from codeface_jupyter.syntax import parse_module

__all__ = ["secret_literals"]

# Parsing holds the interpreter for a microsecond a character, and the tree takes thrice as long.
MAX_PARSED_CHARS = 100_000
MAX_PARSED_LINE_CHARS = 5_000
MIN_DIGITS = 6

Pair = tuple[str, ast.expr]
Span = tuple[int, int]

# Calls that return what they are given, in another form.
WRAPPERS = frozenset(
    {"Field", "b64decode", "bytes", "field", "fromhex", "quote_plus", "str", "unhexlify"}
)
# Calls that are given a user's name, then the password.
LOGINS = frozenset({"BasicAuth", "HTTPBasicAuth", "HTTPDigestAuth", "login"})
# Keyword arguments for the value of what the first argument names.
NAMED_VALUES = frozenset({"default", "value"})
SETTERS = frozenset({"set_api_key", "set_password", "set_secret", "set_token"})
# Python 3.14 has `t"…"` besides `f"…"`.
TEXTS_WITH_PLACES = (ast.JoinedStr, getattr(ast, "TemplateStr", ast.JoinedStr))
PLACES = (ast.FormattedValue, getattr(ast, "Interpolation", ast.FormattedValue))
OPENING = re.compile(r"""[rbfutRBFUT]{0,2}("{3}|'{3}|["'])""")


def secret_literals(code: str) -> Iterator[Span]:
    """Yield where literals are that a secret's name is given; none if ``code`` is no Python."""
    most = MAX_PARSED_CHARS if "\n" in code else MAX_PARSED_LINE_CHARS
    if len(code) > most:
        return
    # Of the same length, and read as the same lines.
    tree = parse_module(code.replace("\r", " "))
    if tree is None:
        return
    place = _Places(code)
    suspects = (ast.walk(s) for s in _statements_naming_secrets(tree, code.split("\n")))
    for node in itertools.chain.from_iterable(suspects):
        if isinstance(node, ast.Constant) and node.lineno != node.end_lineno:
            yield from _in_lines(code, place.inside(node))
        for name, value in _pairs(node):
            for literal in _literals(value):
                if _gives_away(name, literal.value):
                    yield place.inside(literal)


def _statements_naming_secrets(tree: ast.Module, lines: list[str]) -> Iterator[ast.stmt]:
    """Yield the statements that are worth a walk, which takes as long as parsing does."""
    last_end = 1
    for statement in tree.body:
        end = statement.end_lineno or statement.lineno
        # From the end of the one before, since decorators come before a definition's own line.
        if may_name_secret("\n".join(lines[last_end - 1 : end])):
            yield statement
        last_end = end


def _in_lines(code: str, text: Span) -> Iterator[Span]:
    """Yield what the lines of a string say, such as a config file that is written from it."""
    begin, end = text
    for found_start, found_end in assigned_secrets(code[begin:end], is_code=False):
        yield begin + found_start, begin + found_end


class _Places:
    """Turns the positions of a tree, in bytes of a line, into places in the text."""

    def __init__(self, code: str) -> None:
        self._code = code
        self._lines = code.split("\n")
        self._starts = [0, *itertools.accumulate(len(line) + 1 for line in self._lines)]

    def inside(self, node: ast.Constant) -> Span:
        """Return where a literal is, without its quotes."""
        start = self._place(node.lineno, node.col_offset)
        end = self._place(node.end_lineno or node.lineno, node.end_col_offset or 0)
        opening = OPENING.match(self._code, start, end)
        if opening is None:
            return start, end
        return opening.end(), max(opening.end(), end - len(opening[1]))

    def _place(self, line: int, column: int) -> int:
        text = self._lines[line - 1]
        chars = column if text.isascii() else len(text.encode()[:column].decode())
        return self._starts[line - 1] + chars


def _gives_away(name: str, value: object) -> bool:
    if isinstance(value, int):
        return is_secret_name(name) and len(str(abs(value))) >= MIN_DIGITS
    return is_quoted_secret(name, value if isinstance(value, str) else str(value))


def _pairs(node: ast.AST) -> Iterator[Pair]:
    """Yield the names and values that a statement, a call, a dict or a comparison pairs."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _unpacked(target, value)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield _last_name(target), value
        case ast.NamedExpr(target=target, value=value):
            yield _last_name(target), value
        case ast.keyword(arg=str() as name, value=value):
            yield from _keyword(name, value)
        case ast.Dict(keys=keys, values=values):
            yield from ((_last_name(k), v) for k, v in zip(keys, values, strict=True) if k)
        case ast.Compare(left=left, comparators=[right, *_]):
            yield _last_name(left), right
            yield _last_name(right), left
        case ast.arguments():
            yield from _defaults(node)
        case ast.Call():
            yield from _call(node)


def _unpacked(target: ast.expr, value: ast.expr) -> Iterator[Pair]:
    match target, value:
        case (
            (ast.Tuple(elts=names) | ast.List(elts=names)),
            (ast.Tuple(elts=values) | ast.List(elts=values)),
        ):
            for name, part in zip(names, values, strict=False):
                yield _last_name(name), part
        case _:
            yield from _keyword(_last_name(target), value)


def _keyword(name: str, value: ast.expr) -> Iterator[Pair]:
    yield name, value
    if name.lower().endswith("auth"):
        match value:
            case ast.Tuple(elts=[_, password]) | ast.List(elts=[_, password]):
                yield "password", password


def _defaults(node: ast.arguments) -> Iterator[Pair]:
    positional = [*node.posonlyargs, *node.args]
    if node.defaults:
        for argument, value in zip(positional[-len(node.defaults) :], node.defaults, strict=True):
            yield argument.arg, value
    for argument, default in zip(node.kwonlyargs, node.kw_defaults, strict=True):
        if default is not None:
            yield argument.arg, default


def _call(node: ast.Call) -> Iterator[Pair]:
    name, arguments = _last_name(node.func), node.args
    if name in SECRET_TYPES:
        yield from (("password", argument) for argument in arguments)
    elif name in SETTERS:
        yield from (("password", argument) for argument in arguments[-1:])
    elif name in LOGINS:
        yield from (("password", argument) for argument in arguments[1:2])
        yield from (("password", k.value) for k in node.keywords if k.arg == "key")
    elif name in NAMING:
        for first, second in itertools.pairwise(arguments):
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value, second
    match arguments:
        case [ast.Constant(value=str() as named), *_]:
            yield from ((named, k.value) for k in node.keywords if k.arg in NAMED_VALUES)


def _literals(value: ast.expr) -> Iterator[ast.Constant]:
    """Yield the literals that a value is, may be, or is a collection of."""
    left = [value]
    while left:
        part = left.pop()
        match part:
            case ast.Constant(value=bool()):
                pass
            case ast.Constant(value=str() | bytes() | int()):
                yield part
            case _ if isinstance(part, TEXTS_WITH_PLACES) and not any(
                isinstance(piece, PLACES) for piece in part.values
            ):
                text = "".join(str(p.value) for p in part.values if isinstance(p, ast.Constant))
                yield ast.copy_location(ast.Constant(text), part)
            case _:
                left += _parts(part)


def _parts(value: ast.expr) -> list[ast.expr]:
    match value:
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            return parts
        case ast.Dict(values=parts) | ast.BoolOp(values=parts):
            return parts
        case ast.BinOp(left=left, right=right) | ast.IfExp(body=left, orelse=right):
            return [left, right]
        case ast.Call(func=ast.Attribute(value=ast.Constant() as text)):
            return [text]
        case ast.Call(func=func, args=arguments) if _last_name(func) in WRAPPERS:
            return arguments
    return []


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Constant(value=str() as name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str() as name)):
            return name
    return ""
