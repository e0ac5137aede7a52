"""Where an argument of a call begins, and which of the call's parameters it may name."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass

from codeface_jupyter.trials.naming.cursor import Cursor, ends_expression, expression_before
from codeface_jupyter.trials.naming.lexing import CLOSING, OPENING, Token, opener

__all__ = ["ArgumentPlace", "argument_place_of"]

Kind = inspect.Parameter
POSITIONAL = (Kind.POSITIONAL_ONLY, Kind.POSITIONAL_OR_KEYWORD)
NAMED = (Kind.POSITIONAL_OR_KEYWORD, Kind.KEYWORD_ONLY)
DEFINING = ("class", "def")


@dataclass(frozen=True)
class ArgumentPlace:
    """Where an argument of a call would stand of which a name at most is there.

    Attributes
    ----------
    called
        The tokens of the expression that is called.
    typed
        The argument's beginning, as far as it is there.
    positional
        How many arguments before it are not named.
    given
        The parameters that those before it name.
    has_starred
        Whether one of those before it stands for several.
    has_double_starred
        Likewise for several that are named.
    is_first_of_brackets
        Whether the call may be the element of a comprehension, whose names come later.
    """

    called: tuple[Token, ...]
    typed: str
    positional: int
    given: frozenset[str]
    has_starred: bool
    has_double_starred: bool
    is_first_of_brackets: bool

    def parameters(self, signature: inspect.Signature) -> frozenset[str]:
        """Return the parameters that may still be named; none where any name may be given."""
        known = signature.parameters.values()
        if any(parameter.kind is Kind.VAR_KEYWORD for parameter in known):
            return frozenset()
        named = {parameter.name for parameter in known if parameter.kind in NAMED}
        taken = [parameter.name for parameter in known if parameter.kind in POSITIONAL]
        return frozenset(named - self.given - set(taken[: self.positional]))

    def has_to_be_named(self, signature: inspect.Signature) -> bool:
        """Whether no argument without a name may stand here."""
        if self.given or self.has_double_starred:
            return True
        kinds = [parameter.kind for parameter in signature.parameters.values()]
        is_open = self.has_starred or Kind.VAR_POSITIONAL in kinds
        return not is_open and self.positional >= sum(kind in POSITIONAL for kind in kinds)


def argument_place_of(cursor: Cursor) -> ArgumentPlace | None:
    """Return where an argument stands that a code ends in, if it may be named."""
    tokens = cursor.tokens
    is_begun = cursor.is_at_token and tokens[-1].kind == "name"
    end = len(tokens) - is_begun
    bracket = opener(tokens, end)
    if bracket is None or tokens[bracket].text != "(" or not ends_expression(tokens, bracket):
        return None
    called = expression_before(tokens, bracket)
    typed = tokens[-1].text if is_begun else ""
    if not called or _is_defined(tokens, bracket - len(called)) or typed[:1].isdigit():
        return None
    *before, last = _arguments(tokens[bracket + 1 : end])
    if last:
        return None
    named = [argument[0].text for argument in before if _is_named(argument)]
    stars = [_stars(argument) for argument in before]
    return ArgumentPlace(
        called=called,
        typed=typed,
        positional=len(before) - len(named) - sum(count > 0 for count in stars),
        given=frozenset(named),
        has_starred=1 in stars,
        has_double_starred=2 in stars,  # noqa: PLR2004 - two stars
        is_first_of_brackets=_is_first_of_brackets(tokens[: bracket - len(called)]),
    )


def _is_defined(tokens: Sequence[Token], start: int) -> bool:
    """Whether a name stands where a function or a class is made."""
    return start > 0 and tokens[start - 1].text in DEFINING


def _arguments(tokens: Sequence[Token]) -> list[list[Token]]:
    """Return what stands between a call's commas; the last is what the cursor is in."""
    found: list[list[Token]] = [[]]
    depth = lambdas = 0
    for token in tokens:
        if token.kind == "operator":
            depth += (token.text in OPENING) - (token.text in CLOSING)
        if depth == 0:
            # The commas between a lambda's parameters separate no arguments.
            lambdas += (token.text == "lambda") - (token.text == ":" and lambdas > 0)
        if token.text == "," and depth == 0 and lambdas == 0:
            found.append([])
        else:
            found[-1].append(token)
    return found


def _is_named(argument: Sequence[Token]) -> bool:
    if [token.kind for token in argument[:2]] != ["name", "operator"]:
        return False
    return argument[1].text == "=" and "=" not in [token.text for token in argument[2:3]]


def _stars(argument: Sequence[Token]) -> int:
    return next((n for n, token in enumerate(argument) if token.text != "*"), len(argument))


def _is_first_of_brackets(tokens: Sequence[Token]) -> bool:
    """Whether tokens end where brackets have just opened that a comprehension may fill."""
    depth, is_first = 0, True
    for token in reversed(tokens):
        if token.kind == "operator" and token.text in CLOSING:
            depth += 1
        elif depth == 0 and token.text in (",", "for"):
            is_first = False
        elif token.kind == "operator" and token.text in OPENING:
            if depth == 0 and is_first:
                return True
            is_first = is_first or depth == 0
            depth = max(0, depth - 1)
    return False
