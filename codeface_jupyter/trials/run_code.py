"""Run a cell's code as IPython would, inside a copy of the kernel, and say what came of it."""

from __future__ import annotations
import __future__

import ast
import asyncio
import errno
import inspect
import io
import linecache
import sqlite3
import time
import tokenize
import warnings
from collections.abc import Awaitable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, TypeVar, cast

from codeface_jupyter.trials.collected import CollectedDisplays, CollectedText
from codeface_jupyter.trials.failed_assertions import failed_comparison
from codeface_jupyter.trials.guard.audit import RefusedOnCopyError
from codeface_jupyter.trials.hanging import TRIED_CODE
from codeface_jupyter.trials.looking import looked_at
from codeface_jupyter.trials.quiet_kernel import (
    NotOnCopyError,
    collect_displays,
    draw_offscreen,
    refuse_questions,
    replace_streams,
    restrict_magics,
    use_one_thread,
    work_alone,
)

__all__ = ["MAX_OUTPUT_CHARS", "CodeError", "CodeRun", "CodeWarning", "run_code"]

T = TypeVar("T")

MAX_OUTPUT_CHARS = 20_000
MAX_MESSAGE_CHARS = 2_000
MAX_WARNINGS = 20
FUTURE_FLAGS = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
# What the operating system says of what a copy may not do, and of descriptors it does not have.
REFUSING_ERRORS = frozenset({errno.EPERM, errno.EACCES, errno.EBADF, errno.ENOTSOCK})
# And SQLite, which has its own words: reading fails, only for reading, cannot be opened.
REFUSING_SQLITE_ERRORS = frozenset(
    {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
)
SQLITE_KIND = 0xFF
# A copy runs in another thread than the notebook, which its module for SQLite minds.
OTHER_THREAD = "SQLite objects created in a thread"
NO_TOKENS = frozenset(
    {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER, tokenize.INDENT,
     tokenize.DEDENT}
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class CodeError:
    """What code raised.

    Attributes
    ----------
    type_name
        The class of the error.
    message
        Its message, cut to a length.
    line
        The line of the code in which it came up, from 1; None if in none.
    is_refusal
        Whether it came, as far as one can tell, of running in a copy: what it would have done
        was refused, or something that is open in the notebook did not work.
    compared
        What a bare assertion that failed has compared; empty if it is none, or not known.
    exception
        The error itself.
    """

    type_name: str
    message: str
    line: int | None
    is_refusal: bool
    compared: str
    exception: BaseException = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class CodeWarning:
    """A warning that came while code ran.

    Attributes
    ----------
    type_name
        The class of the warning.
    message
        Its message, cut to a length.
    line
        The line of the code that it is about, from 1; None if about none.
    """

    type_name: str
    message: str
    line: int | None


@dataclass(frozen=True, kw_only=True)
class CodeRun:
    """What came of running code.

    Attributes
    ----------
    value
        The value of the last expression; None if there is none.
    shows_value
        Whether a notebook would show it: it is not None, and no semicolon ends the code.
    displays
        What was displayed, in order: text by MIME type.
    stdout, stderr
        What was printed, cut to a length.
    is_cut
        Whether more was printed.
    warnings
        The warnings that a notebook would show.
    error
        What was raised; None if it ran to its end.
    not_run
        Why it could not be run in a copy: "!ls is not run in a copy of the kernel"; else empty.
    seconds
        How long it took.
    """

    value: object = None
    shows_value: bool = False
    displays: tuple[Mapping[str, str], ...] = ()
    stdout: str = ""
    stderr: str = ""
    is_cut: bool = False
    warnings: tuple[CodeWarning, ...] = ()
    error: CodeError | None = None
    not_run: str = ""
    seconds: float = 0.0


def run_code(code: str, namespace: dict[str, Any], *, shell: Any | None = None) -> CodeRun:
    """Run ``code`` in ``namespace`` and return what came of it.

    Only for a copy of the kernel: it turns this process's output, magics and plots off.

    Parameters
    ----------
    code
        A cell as a user writes it.
    namespace
        The notebook's own variables, which the code may change.
    shell
        IPython's shell (`find_shell`): its syntax, magics and displays; None for Python alone.
    """
    out, err = (CollectedText(max_chars=MAX_OUTPUT_CHARS) for _ in range(2))
    replace_streams(out=out, err=err)
    refuse_questions()
    draw_offscreen()
    use_one_thread()
    work_alone()
    displays = CollectedDisplays()
    if shell is not None:
        displays = collect_displays(shell)
        restrict_magics(shell)
    begin = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        value, error = _attempt(code, namespace, shell)
    not_run = str(error) if isinstance(error, NotOnCopyError) else ""
    return CodeRun(
        value=value,
        shows_value=value is not None and not _ends_with_semicolon(code),
        displays=tuple(displays.bundles),
        stdout=out.text,
        stderr=err.text,
        is_cut=out.is_cut or err.is_cut,
        warnings=tuple(map(_told_warning, caught[:MAX_WARNINGS])),
        error=None if error is None or not_run else _told_error(error),
        not_run=not_run,
        seconds=time.perf_counter() - begin,
    )


def _attempt(
    code: str, namespace: dict[str, Any], shell: Any | None
) -> tuple[object, BaseException | None]:
    try:
        return _run(code, namespace, shell)
    except BaseException as error:  # noqa: BLE001 - the code's own error is what is asked for
        return None, error


def _run(
    code: str, namespace: dict[str, Any], shell: Any | None
) -> tuple[object, BaseException | None]:
    """Return the value of the last expression, and what was raised."""
    source = code if shell is None else shell.transform_cell(code)
    # For tracebacks, and for those who ask for the source of a function.
    linecache.cache[TRIED_CODE] = (len(source), None, source.splitlines(keepends=True), TRIED_CODE)
    tree = ast.parse(source, TRIED_CODE)
    if shell is not None:
        tree = shell.transform_ast(tree)
    parts = list(_compiled(tree, 0 if shell is None else shell.compile.flags))
    evaluation = _evaluated(parts, namespace)
    if not _needs_loop(parts, shell):
        return _without_loop(evaluation)
    with asyncio.Runner() as runner:
        return runner.run(evaluation)


async def _evaluated(
    parts: Sequence[CodeType], namespace: dict[str, Any]
) -> tuple[object, BaseException | None]:
    value: object = None
    try:
        for part in parts:
            value = eval(part, namespace)  # noqa: S307 - it is there for that, under guard
            if _is_awaited(part):
                value = await cast("Awaitable[object]", value)
    except BaseException as error:  # noqa: BLE001 - a coroutine would make another one of some
        return None, error
    return value, None


def _needs_loop(parts: Sequence[CodeType], shell: Any | None) -> bool:
    """Whether an event loop runs while the code does: always in a kernel, else if it awaits."""
    return getattr(shell, "kernel", None) is not None or any(map(_is_awaited, parts))


def _without_loop(evaluation: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns that waits for nothing."""
    try:
        evaluation.send(None)
    except StopIteration as end:
        return cast("T", end.value)
    raise RuntimeError("The code waits for something without an event loop.")


def _is_awaited(part: CodeType) -> bool:
    return bool(part.co_flags & inspect.CO_COROUTINE)


def _compiled(tree: ast.Module, flags: int) -> Iterator[CodeType]:
    for part in _parts(tree):
        compiled = _compile(part, flags)
        flags |= compiled.co_flags & FUTURE_FLAGS
        yield compiled


def _parts(tree: ast.Module) -> Iterator[ast.Module | ast.Expression]:
    """Yield the statements, and the last one by itself if it has a value."""
    *body, last = tree.body or [ast.Pass()]
    if not isinstance(last, ast.Expr):
        yield tree
        return
    if body:
        yield ast.Module(body=body, type_ignores=[])
    yield ast.Expression(body=last.value)


def _compile(part: ast.Module | ast.Expression, flags: int) -> CodeType:
    mode = "exec" if isinstance(part, ast.Module) else "eval"
    flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    # Not with this module's own flags.
    compiled: CodeType = compile(part, TRIED_CODE, mode, flags=flags, dont_inherit=True)
    return compiled


def _ends_with_semicolon(code: str) -> bool:
    last = ""
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type not in NO_TOKENS:
                last = token.string
    except (tokenize.TokenError, SyntaxError):
        last = code.rstrip()[-1:]
    return last == ";"


def _told_error(error: BaseException) -> CodeError:
    compared = failed_comparison(error)
    return CodeError(
        type_name=type(error).__name__,
        message=_message(error) or compared,
        line=_line_of(error),
        is_refusal=any(map(_is_refusal, _chain(error))),
        compared=compared,
        exception=error,
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those that led to it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _is_refusal(error: BaseException) -> bool:
    match error:
        case RefusedOnCopyError():
            return True
        case OSError():
            return error.errno in REFUSING_ERRORS
        case sqlite3.OperationalError():
            # What Python's own part of sqlite3 raises, or somebody's code, has no code.
            return getattr(error, "sqlite_errorcode", 0) & SQLITE_KIND in REFUSING_SQLITE_ERRORS
        case sqlite3.ProgrammingError():
            return str(error).startswith(OTHER_THREAD)
    return False


def _line_of(error: BaseException) -> int | None:
    if isinstance(error, SyntaxError) and error.filename == TRIED_CODE:
        return error.lineno
    line, traceback = None, error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == TRIED_CODE:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line


def _told_warning(warning: warnings.WarningMessage) -> CodeWarning:
    return CodeWarning(
        type_name=warning.category.__name__,
        message=_message(warning.message),
        line=warning.lineno if warning.filename == TRIED_CODE else None,
    )


def _message(error: object) -> str:
    # Python names the file of what it cannot read, which here is none of the user's.
    said = error
    if isinstance(error, SyntaxError) and error.filename == TRIED_CODE:
        said = error.msg
    return looked_at(lambda: str(said)[:MAX_MESSAGE_CHARS], otherwise="")
