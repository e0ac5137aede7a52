"""A cell's error, reduced to what concerns the user: own frames, failing line, its names."""

from __future__ import annotations

import ast
import linecache
import sysconfig
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, MappingProxyType

from codeface_jupyter.context.live_names import LiveNames

__all__ = ["ErrorInfo"]

MAX_FRAMES = 4
MAX_NAMES = 8
MAX_MESSAGE_CHARS = 500
# Frames of installed packages, IPython's included, do not help a notebook's user. By name, since
# packages may be the environment's, the user's, the system's, or those of a parent environment.
PACKAGE_FOLDERS = frozenset({"site-packages", "dist-packages"})
STDLIB_FOLDER = Path(sysconfig.get_path("stdlib")).resolve()


@dataclass(frozen=True, kw_only=True)
class ErrorInfo:
    """An exception that ended a cell.

    Attributes
    ----------
    ename, evalue
        The exception's class name and message.
    source
        The source of the failing cell.
    traceback
        The user's own frames, as text, outermost first.
    line
        The line that failed, without its indentation.
    names
        The objects that the failing line names, as the failing frame knows them.
    """

    ename: str
    evalue: str
    source: str = ""
    traceback: str = ""
    line: str = ""
    names: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def from_exception(cls, error: BaseException, *, source: str = "") -> ErrorInfo:
        """Extract what matters from a caught exception and the cell that raised it."""
        frames = _own_frames(error)
        line = _line(*frames[-1]) if frames else ""
        if isinstance(error, SyntaxError):
            # The code never ran: the innermost frame is the compiler's caller.
            line, frames = (error.text or "").strip(), []
        return cls(
            ename=type(error).__name__,
            evalue=_message(error),
            source=source,
            traceback="\n".join(_format(frame, number) for frame, number in frames[-MAX_FRAMES:]),
            line=line,
            names=_names_on(line, frames[-1][0]) if frames else {},
        )


def _own_frames(error: BaseException) -> list[tuple[FrameType, int]]:
    frames = list(traceback.walk_tb(error.__traceback__))
    own = [pair for pair in frames if not _is_library(pair[0].f_code.co_filename)]
    return own or frames[-1:]


def _is_library(filename: str) -> bool:
    if filename.startswith("<"):
        return filename.startswith("<frozen")
    path = Path(filename).resolve()
    return path.is_relative_to(STDLIB_FOLDER) or not PACKAGE_FOLDERS.isdisjoint(path.parts)


def _line(frame: FrameType, number: int) -> str:
    return linecache.getline(frame.f_code.co_filename, number, frame.f_globals).strip()


def _format(frame: FrameType, number: int) -> str:
    name = frame.f_code.co_name
    where = "in the cell" if name == "<module>" else f"in {name}"
    return f"line {number} {where}: {_line(frame, number)}"


def _message(error: BaseException) -> str:
    """Return an exception's message, shortened; empty if its ``__str__`` is broken."""
    text = traceback.TracebackException(type(error), error, None, lookup_lines=False)
    message = "".join(text.format_exception_only()).strip()
    message = message.rpartition("\n")[2] if isinstance(error, SyntaxError) else message
    message = message.partition(": ")[2]
    # Not `shorten`, whose ellipsis counts: the prompts of before stay the same to the letter.
    return f"{message[:MAX_MESSAGE_CHARS]}…" if len(message) > MAX_MESSAGE_CHARS else message


def _names_on(line: str, frame: FrameType) -> Mapping[str, object]:
    """Return the objects behind the names on ``line``, at most eight; none is kept alive."""
    known = [n for n in _identifiers(line) if n in frame.f_locals or n in frame.f_globals]
    return LiveNames(list(dict.fromkeys(known))[:MAX_NAMES], frame)


def _identifiers(line: str) -> list[str]:
    """Return the names on a line, in order; an incomplete statement is split into words."""
    for text in (line, f"{line} pass", f"{line}\n    pass"):
        try:
            tree = ast.parse(text)
        except SyntaxError:
            continue
        return [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    words = line.replace(".", " .").replace("(", " ( ").replace(",", " , ").split()
    return [word for word in words if word.isidentifier()]
