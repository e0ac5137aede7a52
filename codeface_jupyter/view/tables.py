"""A small table for notebooks (Markdown, HTML) and terminals (text)."""

from __future__ import annotations

import html
import io
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from codeface_jupyter.view.terminal_text import terminal_text
from codeface_jupyter.well_formed import well_formed

__all__ = ["Table"]

TERMINAL_COLUMNS = 100


@dataclass(frozen=True)
class Table:
    """Rows of text under a title.

    Parameters
    ----------
    title
        Shown above the table.
    columns
        The headings; all empty for a table without headings.
    rows
        The texts of each row, one per column.
    note
        What explains them, shown below the table.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def __str__(self) -> str:
        _load_library()
        import rich.box
        from rich.console import Console
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable(box=rich.box.SIMPLE_HEAD, show_header=any(self.columns))
        for number, column in enumerate(self.columns):
            table.add_column(
                Text(column), overflow="fold", no_wrap=not number and self._begins_with_names
            )
        for row in self.rows:
            table.add_row(*map(Text, row))
        out = io.StringIO()
        # In a kernel, rich would display the table instead of writing it.
        console = Console(file=out, width=TERMINAL_COLUMNS, color_system=None, force_jupyter=False)
        # As text, since brackets would be markup; a table's own title is as narrow as the table.
        console.print(Text(self.title), end="\n" if self.title else "")
        console.print(table)
        console.print(Text(self.note), end="\n" if self.note else "")
        return "\n".join(line.rstrip() for line in out.getvalue().splitlines())

    @property
    def _begins_with_names(self) -> bool:
        """Whether the first column is to stay whole: others have room beside it."""
        from rich.cells import cell_len

        return max((cell_len(row[0]) for row in self.rows), default=0) <= TERMINAL_COLUMNS // 2

    def to_markdown(self) -> str:
        """Return the table in Markdown, with every cell's text shown literally."""
        head = f"| {' | '.join(map(_literal, self.columns))} |"
        rule = f"|{' --- |' * len(self.columns)}"
        rows = (f"| {' | '.join(map(_literal, row))} |" for row in self.rows)
        note = ("", _literal(self.note)) if self.note else ()
        return "\n".join((f"**{_literal(self.title)}**", "", head, rule, *rows, *note))

    def to_html(self) -> str:
        """Return the table in HTML, with every cell's text shown literally."""
        head = f"<thead>{_html_row('th', self.columns)}</thead>" if any(self.columns) else ""
        rows = "".join(_html_row("td", row) for row in self.rows)
        note = f"<p>{html.escape(self.note)}</p>" if self.note else ""
        return (
            f"<p><strong>{html.escape(self.title)}</strong></p>"
            f'<table style="color:inherit">{head}<tbody>{rows}</tbody></table>{note}'
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {
            "text/markdown": well_formed(self.to_markdown()),
            "text/plain": terminal_text(str(self)),
        }


@lru_cache(maxsize=1)
def _load_library() -> None:
    """Import rich, which draws a number from the user's random state, and put that back."""
    before = random.getstate()
    import rich.style  # noqa: F401 - its modules are imported where they are used

    random.setstate(before)


def _html_row(tag: str, texts: Sequence[str]) -> str:
    style = "text-align:left;padding:2px 12px 2px 0"
    cells = (f'<{tag} style="{style}">{html.escape(text)}</{tag}>' for text in texts)
    return f"<tr>{''.join(cells)}</tr>"


def _literal(text: str) -> str:
    """Escape what Markdown or HTML would interpret as markup."""
    return re.sub(r"([\\`*_{}\[\]<>|#$~])", r"\\\1", " ".join(text.split()))
