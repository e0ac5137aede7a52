"""A request to rename a variable of a cell, and the cell renamed: that takes no model."""

from __future__ import annotations

import ast
import io
import keyword
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from codeface_jupyter.syntax import dumped, identifiers, is_deep, parse_module
from codeface_jupyter.trials.bindings import names_bound, names_bound_in_scope
from codeface_jupyter.trials.kept_names import BUILTINS

__all__ = ["RenameRequest", "is_in_text"]

# Where a tree holds the names that its own code gives.
NAMED_BY = frozenset({
    (ast.Name, "id"), (ast.arg, "arg"), (ast.FunctionDef, "name"), (ast.AsyncFunctionDef, "name"),
    (ast.ClassDef, "name"), (ast.ExceptHandler, "name"), (ast.alias, "asname"),
    (ast.Global, "names"), (ast.Nonlocal, "names"), (ast.MatchAs, "name"), (ast.MatchStar, "name"),
    (ast.MatchMapping, "rest"),
})  # fmt: skip
# Nodes whose parts are not run in the order in which they are written.
COMPREHENSION = ("generators", "elt", "key", "value")
RUN_IN = {
    ast.Assign: ("value", "targets"),
    ast.AnnAssign: ("value", "target"),
    ast.NamedExpr: ("value", "target"),
    ast.For: ("iter", "target", "body", "orelse"),
    ast.AsyncFor: ("iter", "target", "body", "orelse"),
    ast.comprehension: ("iter", "target", "ifs"),
    **dict.fromkeys((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp), COMPREHENSION),
}
# Calls whose texts are for people, and what stands before code in a docstring.
SAYS = re.compile(r"print|input|(?:set_|sup)?title|(?:set_)?[xyz]?label|\w*(?:Error|Warning)")
EXAMPLE = ">>>"
FIELD = re.compile(r"\{[^{}]*\}")
WORDS = re.compile(
    r"(?:please\s+)?rename\s+(?:the\s+)?(?:variable\s+|function\s+|class\s+)?(?P<tick>`?)(?P<old>\w+)(?P=tick)"
    r"\s+(?:to|into|as|->|→)\s+(?P<new_tick>`?)(?P<new>\w+)(?P=new_tick)(?:\s+please)?\s*[.!]?",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class RenameRequest:
    """A request for another name, and nothing else."""

    old: str
    new: str

    @classmethod
    def read(cls, request: str) -> RenameRequest | None:
        """Return what is asked for: "rename big to large"; None if that is another thing."""
        found = WORDS.fullmatch(request.strip())
        return cls(old=found["old"], new=found["new"]) if found else None

    def renamed(self, code: str) -> str | None:
        """Return a code with the new name wherever the old one stands.

        None where that may be to do another thing: the code does not make what has the name,
        a column or a keyword is called the same, a text may be code that reads it, or the new
        name is in use.
        """
        tree = parse_module(code)
        if tree is None or is_deep(tree) or not (self._is_free(code) and self._is_made_in(tree)):
            return None
        renamed = _replaced(code, self.old, self.new)
        new_tree = parse_module(renamed)
        if new_tree is None:
            return None
        # Each place has to be one of the name's, and no place may be left.
        _Renaming(self.old, self.new).visit(tree)
        return renamed if dumped(tree) == dumped(new_tree) else None

    def _is_free(self, code: str) -> bool:
        is_name = self.new.isidentifier() and not keyword.iskeyword(self.new)
        return is_name and self.new not in BUILTINS and self.new not in set(identifiers(code))

    def _is_made_in(self, tree: ast.Module) -> bool:
        """Whether the name is the code's own, and no column or attribute is called the same."""
        nodes = list(ast.walk(tree))
        texts = {node.value for node in nodes if isinstance(node, ast.Constant)}
        classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
        attributes = names_bound_in_scope([part for node in classes for part in node.body])
        is_own = self.old not in texts | attributes and not is_in_text(nodes, self.old)
        return is_own and _is_made_first(tree, self.old)


def is_in_text(nodes: Sequence[ast.AST], name: str) -> bool:
    """Whether a text may stand for code with a name in it: ``df.query("price > @big")``.

    What is only said to people may have the word. Texts that are the name itself do not count.
    """
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    said = {text for node in nodes for text in _said(node)}
    return any(
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value != name
        and node not in said
        and word.search(node.value) is not None
        for node in nodes
    )


def _said(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the texts of a node that nobody but people reads: printed, or of a docstring."""
    match node:
        case ast.Expr(value=ast.Constant(value=str() as text) as whole) if EXAMPLE not in text:
            yield whole
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if SAYS.fullmatch(name):
            for said in (*node.args, *(one.value for one in node.keywords)):
                yield from said.values if isinstance(said, ast.JoinedStr) else [said]


def _is_made_first(tree: ast.Module, name: str) -> bool:
    """Whether what has a name is made before it is used; False if nothing has it."""
    for node in _as_run(tree):
        if isinstance(node, ast.AugAssign) and name in names_bound(node.target):
            return False
        called = [getattr(node, field) for kind, field in NAMED_BY if type(node) is kind]
        if name in called:
            return not isinstance(node, ast.Name) or isinstance(node.ctx, ast.Store)
    return False


def _as_run(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a tree in the order in which they come into play."""
    yield node
    for field in RUN_IN.get(type(node), node._fields):
        value = getattr(node, field, None)
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, ast.AST):
                yield from _as_run(part)


def _replaced(code: str, old: str, new: str) -> str:
    """Return a code with another name for one, outside comments and texts."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(code).readline))
    except (tokenize.TokenError, SyntaxError):
        return code
    # Characters of each line, as tokens count them: a form feed or U+2028 ends none.
    begins = [0, *accumulate(len(line) + 1 for line in code.split("\n"))]
    pieces, place, before = [], 0, ""
    for token in tokens:
        if before != "." and old in token.string:
            begin, end = (begins[row - 1] + column for row, column in (token.start, token.end))
            pieces += [code[place:begin], _renamed_token(token, old, new)]
            place = end
        before = token.string
    return "".join([*pieces, code[place:]])


def _renamed_token(token: tokenize.TokenInfo, old: str, new: str) -> str:
    if token.type == tokenize.NAME:
        return new if token.string == old else token.string
    # Before Python 3.12 a formatted string is one token, with a prefix before its quote.
    prefix = token.string.partition(token.string[-1:])[0]
    if token.type == tokenize.STRING and "f" in prefix.lower():
        word = re.compile(rf"(?<![\w.]){re.escape(old)}(?!\w)")
        return FIELD.sub(lambda field: word.sub(new, field[0]), token.string)
    return token.string


class _Renaming(ast.NodeVisitor):
    """Gives all that is called by a name in a tree another one.

    What is called so for others, as keywords and attributes, keeps its name.
    """

    def __init__(self, old: str, new: str) -> None:
        self._old, self._new = old, new

    def generic_visit(self, node: ast.AST) -> None:
        """Rename what a node itself is called, and go on with its parts."""
        for field, value in ast.iter_fields(node):
            if (type(node), field) in NAMED_BY:
                setattr(node, field, self._other(value))
        super().generic_visit(node)

    def _other(self, value: object) -> object:
        if isinstance(value, list):
            return [self._other(one) for one in value]
        return self._new if value == self._old else value
