"""What a cell would show, as plain data: the first rows of a table, a figure, a value's text.

It is made in the copy of the kernel and read in the kernel itself, which takes nothing that
comes from there for more than text: a copy runs code that nobody has read.
"""

from __future__ import annotations

import base64
import binascii
import io
import pprint
import re
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from codeface_jupyter.namespace.classes import is_instance
from codeface_jupyter.outcome import Preview, PreviewTable
from codeface_jupyter.privacy import HIDDEN, is_secret_name, mask, may_be_secret
from codeface_jupyter.shorten import in_one_line, shorten
from codeface_jupyter.trials.fingerprint import is_styled
from codeface_jupyter.trials.looking import looked_at

__all__ = ["preview_data", "read_preview", "variable_data"]

MAX_ROWS = 10
MAX_COLUMNS = 12
MAX_CELL_CHARS = 60
MAX_NUMBER_CHARS = 12
MAX_TEXT_CHARS = 2_000
MAX_TEXT_LINES = 30
# Each takes two characters at least.
MAX_TEXT_ITEMS = MAX_TEXT_CHARS // 2
MAX_DEPTH = 20
MAX_PNG_BYTES = 1_000_000
FIGURE_DPI = 72
FIGURE_INCHES = (6.4, 4.8)
# Of these, a name is a column's or a row's; longer texts are about secrets.
MAX_NAME_WORDS = 3
# Beside the name of a secret: what is counted of it, and of which type it is.
NO_SECRETS = re.compile(r"[-+]?\d{1,3}|[-+]?[01]?\.\d+|<NA>|(?:u?int|float)\d+", re.IGNORECASE)
# Then come its width and its height. As small as a file may be, a picture takes what its size says
# once a browser shows it. Figures are drawn in one size here; what stands beside them adds to it.
PNG_BEGIN = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4s", 13, b"IHDR")
PNG_SIZE = struct.Struct(">II")
MAX_PNG_PIXELS = 4_000


def preview_data(value: Any, figures: Sequence[Any] = ()) -> dict[str, object]:
    """Return what of the last figure, or else of a value, is worth showing, as JSON values."""
    if figures:
        return {"png": _png(figures[-1])}
    if value is None:
        return {}
    # A frame's looks are markup, which is not taken from a copy.
    table = _table(value.data if is_styled(value) else value)
    return {"table": _without_secrets(table, "")} if table else {"text": _cut(_text(value))}


def variable_data(name: str, value: object, *, columns: Iterable[int]) -> dict[str, object]:
    """Return the first rows of a table that no cell shows, without secrets; none of all else.

    Parameters
    ----------
    name, value
        A variable.
    columns
        The frame's columns that are shown before all others, by where they stand.
    """
    table = _table(value, list(islice(columns, MAX_COLUMNS)))
    return {"variable": name, "table": _without_secrets(table, name)} if table else {}


def read_preview(data: object) -> Preview:
    """Return a preview from data that may be anything."""
    if not isinstance(data, Mapping):
        return Preview()
    text, png, told = data.get("text"), data.get("png"), data.get("variable")
    variable = _cut_cell(told) if isinstance(told, str) else ""
    return Preview(
        variable=variable,
        text=_cut(text) if isinstance(text, str) else "",
        table=_read_table(data.get("table"), variable),
        png=png if isinstance(png, str) and _is_png(png) else "",
    )


def _text(value: object) -> str:
    if isinstance(value, dict | list | tuple | set):
        return pprint.pformat(_Beginning().of(value), compact=True, sort_dicts=False)
    return repr(value)


class _Beginning:
    """Takes as much of a container as can be shown: writing all of a long one takes seconds."""

    def __init__(self) -> None:
        self._left = MAX_TEXT_ITEMS

    def of(self, value: Any, *, depth: int = 0) -> Any:
        """Return a container of the same type with its first items."""
        if depth > MAX_DEPTH:
            return value
        if type(value) is dict:
            items = self._first(value.items())
            return {key: self.of(item, depth=depth + 1) for key, item in items}
        if type(value) in {list, tuple, set}:
            return type(value)(self.of(item, depth=depth + 1) for item in self._first(value))
        return value

    def _first(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            if not self._left:
                return
            self._left -= 1
            yield item


def _cut(text: str) -> str:
    lines = text.splitlines()
    if len(lines) > MAX_TEXT_LINES:
        text = "\n".join([*lines[:MAX_TEXT_LINES], "…"])
    return shorten(text, max_chars=MAX_TEXT_CHARS)


def _table(value: Any, columns: Sequence[int] = ()) -> dict[str, Any] | None:
    """Return the first rows of a frame or series of pandas, as text."""
    is_series = is_instance(value, "pandas", "Series")
    if not is_series and not is_instance(value, "pandas", "DataFrame"):
        return None
    frame = value.to_frame() if is_series else value
    shown = frame.iloc[:MAX_ROWS, _shown_columns(frame.shape[1], columns)]
    labels = [_cell(name) if name is not None else "" for name in shown.columns]
    if is_series and value.name is None:
        labels = [""]
    if any(is_secret_name(_cell(name)) for name in shown.columns.names):
        # As those of a pivot table are: they are values.
        labels = [HIDDEN] * len(labels)
    header = ["" if shown.index.name is None else _cell(shown.index.name), *labels]
    cells = [_column(shown.iloc[:, number]) for number in range(shown.shape[1])]
    rows = [
        [_cell(label), *(column[number] for column in cells)]
        for number, label in enumerate(shown.index)
    ]
    return {"header": header, "rows": rows, "is_whole": shown.shape == frame.shape}


def _shown_columns(count: int, wanted: Sequence[int]) -> list[int]:
    """Return which of a frame's columns are shown, in their order: the wanted, and the first."""
    others = (number for number in range(count) if number not in wanted)
    return sorted(islice(chain(wanted, others), MAX_COLUMNS))


def _without_secrets(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a table with what may be secret hidden: it would be saved with the notebook."""
    is_secret = [is_secret_name(label) for label in table["header"]]
    is_secret[1:] = [is_one or is_secret_name(name) for is_one in is_secret[1:]]
    header = [mask(label)[0] for label in table["header"]]
    rows = [_row_without_secrets(row, is_secret) for row in table["rows"]]
    return {**table, "header": header, "rows": rows}


def _row_without_secrets(row: Sequence[str], is_secret: Sequence[bool]) -> list[str]:
    """Return a row with what may be secret hidden: by its column, the row's label, or its looks.

    A name may also stand in the cell before, as where columns have become rows.
    """
    shown = []
    for number, (cell, is_one) in enumerate(zip(row, is_secret, strict=True)):
        names = filter(_names_secret, {row[0], row[number - 1]} if number else ())
        is_hidden = is_one or any(_is_secret_of(name, cell) for name in names)
        shown.append(HIDDEN if is_hidden else mask(cell)[0])
    return shown


def _names_secret(text: str) -> bool:
    words = text.split()
    is_name = (
        len(words) == 1
        or text.startswith("(")
        or (len(words) <= MAX_NAME_WORDS and is_secret_name("_".join(("api", words[-1]))))
    )
    return is_name and is_secret_name(text)


def _is_secret_of(name: str, cell: str) -> bool:
    return may_be_secret(name, cell) and NO_SECRETS.fullmatch(cell) is None


def _column(column: Any) -> list[str]:
    if getattr(column.dtype, "kind", "") == "f":
        # As pandas would show them, with as many digits as the column needs.
        written = column.to_string(index=False, header=False).split("\n")
        if len(written) == len(column):
            return [_cut_cell(number.strip()) for number in written]
    return [_cell(item) for item in column]


def _cell(item: object) -> str:
    def text() -> str:
        written = str(item)
        is_long = isinstance(item, float) and len(written) > MAX_NUMBER_CHARS
        return f"{item:.6g}" if is_long else written

    return _cut_cell(looked_at(text, otherwise=type(item).__name__))


def _cut_cell(text: str) -> str:
    return in_one_line(text, max_chars=MAX_CELL_CHARS)


def _png(figure: Any) -> str:
    figure.set_size_inches(*FIGURE_INCHES)
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=FIGURE_DPI, bbox_inches="tight")
    return base64.b64encode(image.getvalue()).decode()


def _is_png(text: str) -> bool:
    if len(text) > MAX_PNG_BYTES * 4 // 3:
        return False
    try:
        image = base64.b64decode(text, validate=True)
        sizes = PNG_SIZE.unpack_from(image, len(PNG_BEGIN))
    except (binascii.Error, ValueError, struct.error):
        return False
    return image.startswith(PNG_BEGIN) and all(0 < size <= MAX_PNG_PIXELS for size in sizes)


def _read_table(data: object, variable: str) -> PreviewTable | None:
    if not isinstance(data, Mapping):
        return None
    header, rows = _cells(data.get("header")), data.get("rows")
    if not header or not isinstance(rows, list):
        return None
    cells = tuple(_cells(row) for row in rows[:MAX_ROWS])
    if any(len(row) != len(header) for row in cells):
        return None
    # Hidden in the copy as well, where more is known of the table; but code ran there.
    shown = _without_secrets({"header": header, "rows": cells}, variable)
    return PreviewTable(
        header=_cells(shown["header"]),
        rows=tuple(map(_cells, shown["rows"])),
        is_whole=data.get("is_whole") is True,
    )


def _cells(row: object) -> tuple[str, ...]:
    if not isinstance(row, list):
        return ()
    # Anything else may be a number of any length, which cannot be written.
    return tuple(_cut_cell(cell) for cell in row[: MAX_COLUMNS + 1] if isinstance(cell, str))
