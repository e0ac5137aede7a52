"""A code that Python cannot read, and where it stopped."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from codeface_jupyter.syntax import LOOKED_AT, without_warnings

__all__ = ["Unreadable"]


@dataclass(frozen=True)
class Unreadable:
    """A code, and where Python stopped reading it: characters ``start`` up to ``end``."""

    code: str
    lines: tuple[str, ...]
    message: str
    line: int
    start: int
    end: int

    @classmethod
    def of(cls, code: str) -> Unreadable | None:
        """Return a code that Python cannot read; None if it can, or says nothing of a place."""
        try:
            with without_warnings():
                compile(code, LOOKED_AT, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        except SyntaxError as error:
            lines = code.split("\n")
            number = min(max(error.lineno or 1, 1), len(lines))
            start = _position(lines, number, error.offset or 1)
            end = _position(lines, error.end_lineno or number, error.end_offset or 0)
            message = error.msg or ""
            return cls(code, tuple(lines), message, number, start, max(start, end))
        except (ValueError, RecursionError, MemoryError):
            return None
        return None

    def with_line(self, line: str) -> str:
        """Return the code with another line in the place of the one at fault."""
        return "\n".join([*self.lines[: self.line - 1], line, *self.lines[self.line :]])

    @property
    def text(self) -> str:
        """The line at fault."""
        return self.lines[self.line - 1]

    @property
    def line_end(self) -> int:
        """Where that line ends."""
        return _position(self.lines, self.line, len(self.text) + 1)


def _position(lines: Sequence[str], number: int, column: int) -> int:
    """Return the place in a code of a column, from 1, of a line; below 1 is the line's end."""
    line = lines[min(number, len(lines)) - 1]
    before = sum(len(line) + 1 for line in lines[: number - 1])
    return before + (min(column - 1, len(line)) if column > 0 else len(line))
