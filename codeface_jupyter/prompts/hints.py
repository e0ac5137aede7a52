"""The words of an answer without its code, as a class is given them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from keyword import iskeyword

from codeface_jupyter.prompts.fences import FENCE_MARK, LINE_END
from codeface_jupyter.prompts.thoughts import without_thoughts
from codeface_jupyter.syntax import parse_module

__all__ = ["HintText"]

# What stands before the text of a line in Markdown: a quotation, a list, emphasis.
MARGIN = re.compile(r"\A(?:\s|>|[-*+]\s|\d+[.)]\s)*[*_]{0,3}")
# Nothing but words, which Python may read as an expression ("Group and sum", "Left-join", "Sort
# (descending)") or a statement ("if needed"). Imports look alike, but are what they seem to be.
WORD = r"\*{0,3}\w+\*{0,3}"
WORDS = re.compile(
    rf"(?!(?:import|from)\s){WORD}(?:(?:\s*[-/,]\s*|[.;!?]?\s+){WORD}|\s+\([\w\s,/-]+\))*[.;!?]*"
)
TAGS = re.compile(r"<(?:code|pre|script|textarea)\b", re.IGNORECASE)
# Lines of IPython, and what was typed into Python.
TYPED = re.compile(r"\s*(?:%{1,2}[A-Za-z]|![A-Za-z]|>>> |In \[\d*\]:)")
INLINE_CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
CALLED = re.compile(r"(?<!def )(?<!class )\b([A-Za-z_]\w*)\(")
# The last sentence of a text, if it says that something follows.
ANNOUNCEMENT = re.compile(r"(?:(?<=[.!?])\s|^)(?:[^.!?\n]|[.!?](?!\s))*:[*_]*\Z", re.MULTILINE)
BRACKETS = {"(": ")", "[": "]", "{": "}"}
STRING = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")
LEFT_OUT = "`…`"
NOTHING_BUT_CODE = "The model answered with code only. Ask for the steps, or for one of them."
MAX_NAMES = 6


class HintText:
    """Lets an answer's words through as they come, line by line, and nothing of its code.

    The words end where code begins: in a fence, in a line of its own, or in HTML. What
    announces it is left out, too. Of code within a sentence the names of what it calls are
    kept. What a reasoning model thinks is no part of a hint.

    Attributes
    ----------
    is_over
        Whether no words will come any more. An answer that begins with code is read to its
        end: the names of what it calls are the hint then.
    """

    def __init__(self) -> None:
        self.is_over = False
        self._text = ""
        self._shown = ""

    def add(self, text: str) -> str:
        """Return the words that are certain now that ``text`` has come."""
        self._text += text
        # Whether a line is code is known at its end.
        return "" if self.is_over or not LINE_END.search(text) else self._new(is_whole=False)

    def finish(self) -> str:
        """Return the rest of the words: nothing more will come."""
        return "" if self.is_over else self._new(is_whole=True)

    def _new(self, *, is_whole: bool) -> str:
        words, code = _split(without_thoughts(self._text).lstrip(), is_whole=is_whole)
        self.is_over = is_whole or bool(code and words)
        if is_whole and code and not words:
            words = _looking_up(code)
        new = words.removeprefix(self._shown)
        self._shown = words
        return new


def _split(text: str, *, is_whole: bool) -> tuple[str, str]:
    """Return an answer's words as far as they are certain, and the code that follows them."""
    lines = LINE_END.split(text)
    known = lines if is_whole else lines[:-1]
    end = next((n for n, line in enumerate(known) if _is_code(line)), len(known))
    words = "\n".join(map(_without_inline_code, known[:end])).rstrip()
    # An announcement waits until it is known of what.
    return ANNOUNCEMENT.sub("", words).rstrip(), "\n".join(known[end:])


def _is_code(line: str) -> bool:
    text = MARGIN.sub("", line)
    if FENCE_MARK.match(text) or TAGS.search(text) or TYPED.match(line):
        return True
    text = text.rstrip("*_ ")
    if WORDS.fullmatch(text):
        return False
    tree = next(_readings(text), None)
    return tree is not None and not all(map(_is_mention, tree.body))


def _readings(line: str) -> Iterator[ast.Module]:
    """Yield what Python reads in a line, which may be the first one of a longer code."""
    closing = _closing(line)
    for ending in ("", closing, f"{closing}: pass", " pass", f"_{closing}"):
        tree = parse_module(f"{line}{ending}")
        if tree is not None:
            yield tree


def _closing(line: str) -> str:
    """Return what closes the brackets that a line leaves open."""
    stack: list[str] = []
    for sign in STRING.sub("", line):
        if sign in BRACKETS:
            stack.append(BRACKETS[sign])
        elif stack and sign == stack[-1]:
            stack.pop()
    return "".join(reversed(stack))


def _is_mention(node: ast.stmt) -> bool:
    """Whether a statement only names something: a function, a column, an option."""
    match node:
        case ast.Expr(value=value):
            return _is_named(value)
        case ast.Assign(targets=[ast.Name()], value=ast.Constant() | ast.Name()):
            return True
        case ast.AnnAssign(value=None):
            return True
    return False


def _is_named(value: ast.expr) -> bool:
    match value:
        case ast.Name() | ast.Constant():
            return True
        case ast.Attribute(value=owner) | ast.Call(func=owner, args=[], keywords=[]):
            return _is_named(owner)
        case ast.Subscript(value=owner, slice=ast.Constant()):
            return _is_named(owner)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return all(map(_is_named, parts))
    return False


def _without_inline_code(line: str) -> str:
    return INLINE_CODE.sub(lambda found: _named(found[0], found[2].strip()), line)


def _named(written: str, code: str) -> str:
    """Return what is said instead of a code in a sentence, unless that only names something."""
    # Methods are named with their dot.
    tree = next(_readings(f"_{code}" if code.startswith(".") else code), None)
    if tree is None or all(isinstance(n, ast.Import) or _is_mention(n) for n in tree.body):
        return written
    return _listed(_called(code)) or LEFT_OUT


def _called(code: str) -> list[str]:
    """Return the names of what a code calls, in its order, each once."""
    names = (name for name in CALLED.findall(code) if not iskeyword(name))
    return list(dict.fromkeys(names))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _looking_up(code: str) -> str:
    """Return a hint for an answer that is nothing but code."""
    names = [name for name in _called(code) if name != "print"]
    return f"Look up {_listed(names[:MAX_NAMES])}." if names else NOTHING_BUT_CODE
