"""``%codeface_fix`` and ``%codeface_edit``: change an existing cell."""

from __future__ import annotations

import re

from IPython.core.error import UsageError
from IPython.core.magic import line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import magic_arguments

from codeface_jupyter.context import Cell
from codeface_jupyter.magics.base import BaseMagics
from codeface_jupyter.magics.options import ask_options, parse
from codeface_jupyter.privacy import redact
from codeface_jupyter.prompts import edit_request

__all__ = ["FixEditMagics"]

FIX_REQUEST = "Repair this cell so that it does what it was meant to."


@magics_class
class FixEditMagics(BaseMagics):
    """Fix and edit the notebook's cells; nothing changes until the user accepts it."""

    @no_var_expand
    @line_magic
    @magic_arguments()
    @ask_options
    def codeface_fix(self, line: str) -> None:
        """Fix the cell that failed last, or the cell with the given number.

        The model is given the failing cell, the traceback through your own code, and
        the objects that the failing line uses. The fixed cell is shown as a diff; it
        can be inserted below, or replace the failing cell.

        ::

            In [5]: %codeface_fix

            In [6]: %codeface_fix 3
        """
        from codeface_jupyter.magics.ask_and_show import Output, ask_or_preview, make_ask

        args, words = parse(self.codeface_fix, line)
        number, wish = _number_and_words(words)
        error = self.extension.notebook.error(number)
        ask, order = make_ask(
            self.extension, args, wish or FIX_REQUEST, task="fix", error=error, history=()
        )
        failed = self._failed_cell(error.source)
        output = Output.of(ask, args, request=f"Fix {error.ename}", changes=failed)
        ask_or_preview(self.extension, args, ask, order=order, output=output)

    @no_var_expand
    @line_magic
    @magic_arguments()
    @ask_options
    def codeface_edit(self, line: str) -> None:
        """Change the cell above, or the cell with the given number, as you ask.

        The changed cell is shown as a diff; it can be inserted below, or replace the
        old cell.

        ::

            In [5]: %codeface_edit use a dict comprehension

            In [6]: %codeface_edit 3 add type hints
        """
        from codeface_jupyter.magics.ask_and_show import Output, ask_or_preview, make_ask
        from codeface_jupyter.magics.fill_in import fill_in

        args, words = parse(self.codeface_edit, line)
        number, instruction = _number_and_words(words)
        if not instruction:
            raise UsageError("Say what to change: %codeface_edit [NUMBER] INSTRUCTION")
        cell = self.extension.notebook.cell(number)
        source, _ = redact(cell.source)
        request = fill_in(self.extension, instruction).within(
            lambda text: edit_request(text, source)
        )
        ask, order = make_ask(self.extension, args, request, task="edit", history=())
        output = Output.of(ask, args, request=instruction, changes=cell)
        ask_or_preview(self.extension, args, ask, order=order, output=output)

    def _failed_cell(self, source: str) -> Cell:
        """Return the failing cell as it is in the notebook now, for the Replace button."""
        cells, _ = self.extension.notebook.cells(below=True)
        same = [cell for cell in cells if cell.source.strip() == source.strip()]
        return same[-1] if same else Cell(source=source)


def _number_and_words(text: str) -> tuple[int | None, str]:
    """Split a cell's number off the beginning."""
    match = re.match(r"(\d+)(?:\s+|$)(.*)", text, re.DOTALL)
    return (int(match[1]), match[2]) if match else (None, text)
