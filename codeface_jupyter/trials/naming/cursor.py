"""What kind of name would come where a code ends: an attribute, a label, an argument's label."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from codeface_jupyter.trials.naming.lexing import (
    CLOSING,
    OPENING,
    Token,
    is_open_string,
    lex,
    opener,
)

__all__ = ["Cursor", "Place", "ends_expression", "expression_before", "place_of"]

# Of a frame, what takes rows before columns.
ROW_INDEXERS = frozenset({"at", "loc"})
QUERY = "query"
# Not a variable of Python's, an attribute, or the end of a number.
NAME_IN_QUERY = re.compile(r"(?<![\w@.])[^\W\d]\w*$")
QUOTES_IN_QUERY = "'\"`"
# A list in a dict in a call; deeper stands nothing that is known.
MAX_NESTING = 4


@dataclass(frozen=True)
class Place:
    """Where a name would stand.

    Attributes
    ----------
    owner
        The tokens of the expression whose attribute or label it is.
    typed
        The name's beginning, as far as it is there.
    quote
        The quote of the string that it stands in; empty for an attribute.
    method
        The method or function of ``owner`` that is called with it; empty for a label in
        brackets.
    argument
        Its place among the positional arguments, from 0, or its parameter's name.
    is_key
        Whether it is the key of a dict.
    is_listed
        Whether it is one of a list.
    is_in_query
        Whether it has begun in the text of a query, which has a syntax of its own.
    """

    owner: tuple[Token, ...]
    typed: str
    quote: str = ""
    method: str = ""
    argument: int | str = 0
    is_key: bool = False
    is_listed: bool = False
    is_in_query: bool = False


@dataclass(frozen=True)
class Cursor:
    """A code that ends at the cursor, and its tokens but for line ends within brackets."""

    code: str
    tokens: tuple[Token, ...]

    @classmethod
    def of(cls, code: str) -> Cursor:
        """Read a code."""
        return cls(code, tuple(_without_line_ends(lex(code))))

    @property
    def is_at_token(self) -> bool:
        """Whether the code ends in a token, not in a space after it."""
        return bool(self.tokens) and self.tokens[-1].end == len(self.code)


def _without_line_ends(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the tokens but for line ends within brackets, which mean nothing."""
    depth = 0
    for token in tokens:
        if token.kind == "operator":
            depth = max(0, depth + (token.text in OPENING) - (token.text in CLOSING))
        if token.kind != "newline" or depth == 0:
            yield token


def place_of(cursor: Cursor) -> Place | None:
    """Return where a label or an attribute stands that may be known, if a code ends in one."""
    if not cursor.is_at_token:
        return None
    last = cursor.tokens[-1]
    if last.kind == "string":
        return _in_string(cursor.tokens) if is_open_string(last) else None
    return _attribute(cursor.tokens)


def _attribute(tokens: Sequence[Token]) -> Place | None:
    last = tokens[-1]
    is_begun = last.kind == "name"
    dot = len(tokens) - 1 - is_begun
    if dot < 1 or tokens[dot].text != "." or tokens[dot].kind != "operator":
        return None
    owner = expression_before(tokens, dot)
    return Place(owner, last.text if is_begun else "") if owner else None


def _in_string(tokens: Sequence[Token]) -> Place | None:
    last = tokens[-1]
    quote = last.text[0]
    if quote not in "'\"":
        return None
    place = _element(tokens, len(tokens) - 1)
    if place is None:
        return None
    text = last.text[1:]
    if place.method == QUERY and place.argument in (0, "expr"):
        return _in_query(place, text)
    return replace(place, typed=text, quote=quote)


def _in_query(place: Place, text: str) -> Place | None:
    """Return the place of the name that a query ends in; before it has begun, anything may come."""
    begun = NAME_IN_QUERY.search(text)
    if begun is None or any(text.count(quote) % 2 for quote in QUOTES_IN_QUERY):
        return None
    return replace(place, typed=begun[0], is_in_query=True)


def _element(tokens: Sequence[Token], end: int, *, depth: int = 0) -> Place | None:
    """Return where an element of brackets stands that begins at ``end``."""
    bracket = opener(tokens, end) if depth < MAX_NESTING else None
    if bracket is None:
        return None
    if tokens[bracket].text != "{" and ends_expression(tokens, bracket):
        is_call = tokens[bracket].text == "("
        return (_argument if is_call else _subscript)(tokens, bracket, end)
    return _element_of_literal(tokens, bracket, end, depth=depth)


def _element_of_literal(
    tokens: Sequence[Token], bracket: int, end: int, *, depth: int
) -> Place | None:
    """Return where a list, a dict or a tuple stands of which something begins at ``end``."""
    kind, before = tokens[bracket].text, tokens[end - 1].text
    is_first = before in (kind, ",")
    place = _element(tokens, bracket, depth=depth + 1) if is_first else None
    if place is None:
        return None
    if kind == "[":
        return replace(place, is_listed=True)
    if kind == "{":
        return replace(place, is_key=True) if place.method else None
    # The first of a pair, as in `agg(total=("price", "sum"))`.
    is_pair = before == "(" and place.method == "agg" and isinstance(place.argument, str)
    return place if is_pair else None


def _subscript(tokens: Sequence[Token], bracket: int, end: int) -> Place | None:
    owner = expression_before(tokens, bracket)
    if end == bracket + 1:
        return Place(owner, "") if owner and not _is_row_indexer(owner) else None
    is_second = tokens[end - 1].text == "," and opener(tokens, end) == bracket
    if owner and is_second and _is_row_indexer(owner):
        return Place(owner[:-2], "")
    return None


def _argument(tokens: Sequence[Token], bracket: int, end: int) -> Place | None:
    called = expression_before(tokens, bracket)
    if not called or called[-1].kind != "name":
        return None
    owner = called[:-2] if len(called) > 1 and called[-2].text == "." else ()
    argument: int | str | None
    if tokens[end - 1].text == "=":
        argument = tokens[end - 2].text
    elif tokens[end - 1].text in ("(", ","):
        argument = _commas(tokens, bracket, end)
    else:
        return None
    return Place(owner, "", "", called[-1].text, argument) if owner else None


def _commas(tokens: Sequence[Token], bracket: int, end: int) -> int:
    count, depth = 0, 0
    for token in tokens[bracket + 1 : end]:
        if token.kind == "operator":
            depth += (token.text in OPENING) - (token.text in CLOSING)
            count += token.text == "," and depth == 0
    return count


def _is_row_indexer(owner: Sequence[Token]) -> bool:
    return len(owner) > 2 and owner[-1].text in ROW_INDEXERS and owner[-2].text == "."  # noqa: PLR2004 - a frame, a dot, the name


def ends_expression(tokens: Sequence[Token], end: int) -> bool:
    """Whether an expression ends right before ``tokens[end]``, so that a bracket belongs to it."""
    if end == 0:
        return False
    token = tokens[end - 1]
    is_word = token.kind == "name" and token.text not in KEYWORDS
    return is_word or token.kind == "string" or token.text in (")", "]")


def expression_before(tokens: Sequence[Token], end: int) -> tuple[Token, ...]:
    """Return the tokens of the chain of names, calls and subscripts that ends at ``end``."""
    start = end
    while start > 0:
        if tokens[start - 1].kind == "newline":
            break
        start -= 1
        if tokens[start].text in (")", "]"):
            inner = opener(tokens, start)
            if inner is None:
                return ()
            start = inner
            if ends_expression(tokens, start):
                continue
        elif not _is_operand(tokens[start]):
            return ()
        if start == 0 or tokens[start - 1].text != ".":
            break
        start -= 1
    return tuple(tokens[start:end])


def _is_operand(token: Token) -> bool:
    is_name = token.kind == "name" and not token.text[0].isdigit()
    return token.kind == "string" or (is_name and token.text not in KEYWORDS)


KEYWORDS = frozenset(
    {
        *("and", "as", "assert", "async", "await", "del", "elif", "else", "for", "from", "if"),
        *("import", "in", "is", "lambda", "not", "or", "raise", "return", "while", "with", "yield"),
    }
)
