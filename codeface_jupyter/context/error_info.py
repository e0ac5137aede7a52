"""A cell's error, reduced to what concerns the user: own frames, failing line, its names."""

from __future__ import annotations

import ast
import linecache
import os
import sysconfig
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import TypeGuard

from codeface_jupyter.context.ipython_lines import as_typed, split_cell_magics
from codeface_jupyter.context.live_names import LiveNames
from codeface_jupyter.namespace.classes import class_name
from codeface_jupyter.syntax import parse_line

__all__ = ["ErrorInfo", "is_library"]

MAX_FRAMES = 4
MAX_NAMES = 8
MAX_CAUSES = 4
MAX_MESSAGE_CHARS = 500
# Frames of installed packages, IPython's included, do not help a notebook's user. By name, since
# packages may be the environment's, the user's, the system's, or those of a parent environment.
PACKAGE_FOLDERS = frozenset({"site-packages", "dist-packages"})
# Compiled code names its source, which is not installed.
CYTHON_SUFFIXES = frozenset({".pxd", ".pxi", ".pyx"})
# What `%%time` and `%%timeit` run has no lines that Python could find.
TIMED_CODE = ("<timed ", "<magic-timeit>")
# What `eval`, `ast.parse` and the like call a text that they are given, as `df.query` does.
GIVEN_TEXTS = frozenset({"<expr>", "<string>", "<unknown>"})
MAGIC_CALL = "get_ipython().run_"
KERNEL_FOLDER = "ipykernel_"
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
    causes
        The errors that led to it and those that it groups, as text, each under a line that
        says what it is to the one before.
    line
        The line that failed, without its indentation.
    names
        The objects that the failing line names, as the failing frame knows them.
    """

    ename: str
    evalue: str
    source: str = ""
    traceback: str = ""
    causes: str = ""
    line: str = ""
    names: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def from_exception(cls, error: BaseException, *, source: str = "") -> ErrorInfo:
        """Extract what matters from a caught exception and the cell that raised it."""
        frames = _own_frames(error)
        line = _line(*frames[-1], source) if frames else ""
        if _is_of_code(error, source):
            # The code never ran: the innermost frame is the compiler's caller.
            line, frames = (error.text or "").strip(), []
        return cls(
            ename=class_name(type(error)),
            evalue=_message(error),
            source=source,
            traceback=_written_frames(error, source),
            causes="\n".join(_causes(error, source)),
            line=line,
            names=_names_on(line, frames[-1][0]) if frames else {},
        )


def _own_frames(error: BaseException) -> list[tuple[FrameType, int]]:
    frames = list(traceback.walk_tb(error.__traceback__))
    own = [pair for pair in frames if not is_library(pair[0].f_code.co_filename)]
    return own or frames[-1:]


def _written_frames(error: BaseException, source: str) -> str:
    """Return the user's own frames of an error; of a syntax error, the line that is meant."""
    if _is_of_code(error, source):
        if error.lineno is None or not error.text:
            return ""
        where = _place(str(error.filename or ""))
        return f"line {error.lineno} in {where}: {error.text.strip()}"
    frames = _own_frames(error)[-MAX_FRAMES:]
    return "\n".join(_format(frame, number, source) for frame, number in frames)


def _is_of_code(error: BaseException, source: str) -> TypeGuard[SyntaxError]:
    """Whether a cell or a file cannot be read, not a text that a call in one is given."""
    if not isinstance(error, SyntaxError):
        return False
    frames = _own_frames(error)
    is_given = error.filename in GIVEN_TEXTS and bool(frames)
    # What `%time` is given is the user's code all the same.
    return not is_given or MAGIC_CALL in _line_that_ran(*frames[-1], source)


def _is_of_a_file(filename: str) -> bool:
    """Whether code comes from a file of its own.

    ipykernel names files for cells in a folder of its process, and writes them for a debugger.
    """
    if Path(filename).parent.name.startswith(KERNEL_FOLDER):
        return False
    # `Path.is_file` raises for a name that no file can have, as generated code may bear.
    return not filename.startswith("<") and os.path.isfile(filename)  # noqa: PTH113 - see above


def _causes(error: BaseException, source: str) -> Iterator[str]:
    """Yield what led to an error and what it groups, each in a few lines."""
    seen = {id(error)}
    for relation, other in islice(_related(error, seen), MAX_CAUSES):
        what = f"{type(other).__name__}: {_message(other)}".removesuffix(": ")
        yield "\n".join(filter(None, [f"{relation}:", _written_frames(other, source), what]))


def _related(error: BaseException, seen: set[int]) -> Iterator[tuple[str, BaseException]]:
    """Yield errors behind an error, each with what it is to the one before; each one once."""
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            if id(part) not in seen:
                seen.add(id(part))
                yield "It groups", part
                yield from _related(part, seen)
    is_direct = error.__cause__ is not None
    behind = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if behind is None or id(behind) in seen:
        return
    seen.add(id(behind))
    if not _says_the_same(behind, error):
        yield "Its cause" if is_direct else "It was raised while handling", behind
    yield from _related(behind, seen)


def _says_the_same(behind: BaseException, error: BaseException) -> bool:
    """Whether a library only passed on an error of its own: it tells nothing more."""
    frames = traceback.walk_tb(behind.__traceback__)
    is_own = any(not is_library(frame.f_code.co_filename) for frame, _ in frames)
    return not is_own and type(behind) is type(error) and _message(behind) == _message(error)


def is_library(filename: str) -> bool:
    """Whether code of this file is Python's or an installed package's, not the user's own."""
    if filename.startswith("<"):
        return filename.startswith("<frozen")
    try:
        path = Path(filename).resolve()
    except (OSError, ValueError):
        return False
    if path.suffix in CYTHON_SUFFIXES and not path.is_file():
        return True
    return path.is_relative_to(STDLIB_FOLDER) or not PACKAGE_FOLDERS.isdisjoint(path.parts)


def _line(frame: FrameType, number: int, source: str) -> str:
    return as_typed(_line_that_ran(frame, number, source))


def _line_that_ran(frame: FrameType, number: int, source: str) -> str:
    filename = frame.f_code.co_filename
    if not filename.startswith(TIMED_CODE):
        return _line_of_file(filename, number, frame.f_globals)
    lines = split_cell_magics(source)[1].split("\n")
    return lines[number - 1].strip() if number <= len(lines) else ""


def _line_of_file(filename: str, number: int, names: dict[str, object]) -> str:
    try:
        return linecache.getline(filename, number, names).strip()
    except ValueError:
        # No file can have that name.
        return ""


def _format(frame: FrameType, number: int, source: str) -> str:
    name = frame.f_code.co_name
    where = _place(frame.f_code.co_filename) if name == "<module>" else name
    return f"line {number} in {where}: {_line(frame, number, source)}"


def _place(filename: str) -> str:
    return Path(filename).name if _is_of_a_file(filename) else "the cell"


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
    _, tree = parse_line(line)
    if tree is not None:
        return [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    words = line.replace(".", " .").replace("(", " ( ").replace(",", " , ").split()
    return [word for word in words if word.isidentifier()]
