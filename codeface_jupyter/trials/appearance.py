"""A digest of what a cell looks like, for two codes that gave the same data.

`fingerprint` leaves out what somebody may have asked to be changed: the names of columns, digits
after the sixth, the size of a figure. Only what is known in full has a digest here. What is
drawn in a figure is not in it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from codeface_jupyter.namespace.classes import is_instance
from codeface_jupyter.outcome import Change
from codeface_jupyter.trials.few_words import PLAIN
from codeface_jupyter.trials.fingerprint import is_drawing
from codeface_jupyter.trials.run_code import CodeRun

__all__ = ["digest_of_appearance"]

MAX_DEPTH = 20
# Of more, each code that is tried would take noticeably longer.
MAX_CELLS = 200_000
SEPARATOR = "\x1f"


def digest_of_appearance(
    run: CodeRun,
    namespace: Mapping[str, object],
    *,
    changes: Sequence[Change],
    figures: Sequence[Any] = (),
) -> str:
    """Return a digest that is the same only for cells that look the same, but for one figure.

    Empty where that is not known.

    Parameters
    ----------
    run
        What came of the code.
    namespace
        The notebook's variables after it.
    changes
        What became of them.
    figures
        The figures that it drew.
    """
    value = run.value if run.shows_value else None
    is_shown = value is not None or bool(figures or run.stdout.strip() or run.displays)
    # Where nothing is shown, what is new is all that there is.
    told = [change for change in changes if change.kind != "new" or not is_shown]
    if run.is_cut or len(figures) > 1 or (figures and value is not None and not is_drawing(value)):
        return ""
    try:
        parts = [
            run.stdout,
            run.stderr,
            *(warning.message for warning in run.warnings),
            *(repr(sorted(display.items())) for display in run.displays),
            *(f"{figure.get_size_inches()} {figure.dpi}" for figure in figures),
            *([] if figures else _parts(value)),
            *(part for change in told for part in _variable(change, namespace)),
        ]
    except _UnknownError:
        return ""
    return hashlib.sha256(SEPARATOR.join(parts).encode(errors="surrogatepass")).hexdigest()


class _UnknownError(Exception):
    """Something may look otherwise than what can be read of it."""


def _variable(change: Change, namespace: Mapping[str, object]) -> Iterator[str]:
    yield f"{change.kind} {change.name}"
    yield from _parts(namespace.get(change.name))


def _parts(value: Any, *, depth: int = 0) -> Iterator[str]:
    """Yield all of a value that can be seen of it."""
    kind = type(value).__name__
    is_time = isinstance(value, dt.date | dt.time | dt.timedelta)
    if type(value) in PLAIN or is_time or getattr(value, "shape", None) == ():
        yield f"{kind} {value!r}"
    elif is_instance(value, "pandas", "DataFrame") or is_instance(value, "pandas", "Series"):
        yield kind
        yield from _table_parts(value)
    elif is_instance(value, "numpy", "ndarray") and not value.dtype.hasobject:
        yield f"{kind} {value.dtype} {value.shape} {_digest(value.tobytes())}"
    elif type(value) in {set, frozenset, range} and len(value) <= MAX_CELLS:
        # Sets of texts are written in another order in another process.
        yield f"{kind} {sorted(map(repr, value))}"
    elif depth < MAX_DEPTH and type(value) in {list, tuple, dict}:
        yield f"{kind} {len(value)}"
        items = value.items() if type(value) is dict else value
        for item in items:
            yield from _parts(item, depth=depth + 1)
    else:
        raise _UnknownError


def _table_parts(table: Any) -> Iterator[str]:
    from pandas.util import hash_pandas_object

    if table.size > MAX_CELLS:
        raise _UnknownError
    frame = table.to_frame() if table.ndim == 1 else table
    yield f"{table.shape} {table.name!r}" if table.ndim == 1 else f"{table.shape}"
    yield repr([*frame.columns, *frame.columns.names, *frame.index.names])
    yield repr([str(dtype) for dtype in (*frame.dtypes, getattr(frame.index, "dtype", ""))])
    yield _digest(hash_pandas_object(frame, index=True).to_numpy().tobytes())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
