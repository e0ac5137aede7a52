"""An error as a notebook's output shows it, for when the kernel no longer has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath, PureWindowsPath

from codeface_jupyter.context.error_info import ErrorInfo, is_library
from codeface_jupyter.context.ipython_lines import as_typed

__all__ = ["read_shown_error"]

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
CELL_FRAME = re.compile(r"\s*(?:Cell |Input )?In ?\[\d+\](?:, line (\d+))?|<ipython-input-")
FILE_FRAME = re.compile(r'\s*File (?:"([^"]+)"|(.+?)(?::\d+\b|$))')
FAILING_LINE = re.compile(r"-+> ?(\d+) ?(.*)")
# Of another environment, whose folders are not this one's.
STDLIB = re.compile(r"/lib/python3\.\d+t?/|/python3\d+/lib/", re.IGNORECASE)
SYNTAX_ERRORS = frozenset({"IndentationError", "SyntaxError", "TabError"})
MAX_FRAMES = 4


def read_shown_error(*, ename: str, evalue: str, traceback: str, source: str) -> ErrorInfo:
    """Return what an IPython traceback says; no values are left of a kernel that is gone.

    Parameters
    ----------
    ename, evalue, traceback
        The error output of a cell.
    source
        The cell as it stands now. It is the error's source only if the failing line is in it.
    """
    is_syntax = ename in SYNTAX_ERRORS
    every = list(_own_frames(ESCAPE.sub("", traceback), is_syntax=is_syntax))
    frames = every[-MAX_FRAMES:]
    # The outermost is this cell's; those below may be of functions that other cells define.
    first = next((code for _, where, code in every if where == "the cell"), "")
    is_unchanged = first in source
    return ErrorInfo(
        ename=ename,
        evalue=evalue,
        source=source if is_unchanged else "",
        traceback="\n".join(f"line {number} in {where}: {code}" for number, where, code in frames),
        line=frames[-1][2] if frames else "",
    )


def _own_file(shown: str) -> str:
    """Return the name of a file of the user's own; nothing for a library's."""
    # A saved notebook may come from another kind of machine.
    path = PureWindowsPath(shown).as_posix()
    with suppress(RuntimeError):  # There may be no home.
        path = Path(path).expanduser().as_posix()
    return "" if STDLIB.search(path) or is_library(path) else PurePosixPath(path).name


def _own_frames(traceback: str, *, is_syntax: bool) -> Iterator[tuple[str, str, str]]:
    """Yield the number, the place and the code of each of the user's own failing lines."""
    where = ""
    syntax_line = ""
    for line in traceback.splitlines():
        if match := CELL_FRAME.match(line):
            where, syntax_line = "the cell", match[1] or ""
        elif match := FILE_FRAME.match(line):
            where, syntax_line = _own_file(match[1] or match[2]), ""
        elif (match := FAILING_LINE.match(line)) and where:
            yield match[1], where, as_typed(match[2].strip())
        elif is_syntax and syntax_line and line.startswith("    "):
            # A syntax error has its line right below, without an arrow.
            yield syntax_line, where, line.strip()
        if not CELL_FRAME.match(line):
            syntax_line = ""
