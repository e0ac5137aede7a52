"""``%codeface_fix`` and ``%codeface_edit``: change an existing cell."""

from __future__ import annotations

from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import magic_arguments
from IPython.display import display

from codeface_jupyter.context import ErrorInfo, FilledRequest, Rewrite
from codeface_jupyter.magics.base import BaseMagics
from codeface_jupyter.magics.error_cause import explain_error
from codeface_jupyter.magics.options import ask_options, parse_request, target_options
from codeface_jupyter.magics.targets import cells_below, find_cell, find_error, with_error
from codeface_jupyter.prompts import FIX_REQUEST, edit_request
from codeface_jupyter.view.findings import Remark

__all__ = ["FixEditMagics", "edit_sources", "fix_sources", "to_edit"]


@magics_class
class FixEditMagics(BaseMagics):
    """Fix and edit the notebook's cells; nothing changes until the user accepts it."""

    @no_var_expand
    @line_magic
    @magic_arguments()
    @target_options
    @ask_options
    def codeface_fix(self, line: str) -> None:
        """Fix the cell that failed last, or the cell with the given number.

        What caused the error is said first, as far as it can be told from the error and
        the live values. The model is given the failing cell, the traceback through your
        own code, and the objects that the failing line uses. The fixed cell is shown as
        a diff; it can replace the failing cell, or be inserted below.

        ::

            In [5]: %codeface_fix

            In [6]: %codeface_fix 3

            In [7]: %codeface_fix --number 3 return infinity instead
        """
        from codeface_jupyter.magics.ask_and_show import ask_or_preview
        from codeface_jupyter.magics.make_ask import make_ask
        from codeface_jupyter.magics.output import Output

        args, words = parse_request(self.codeface_fix, line, takes_number=True)
        error, cell = find_error(self.extension.notebook, number=args.number, cell_id=args.id)
        rewrite = Rewrite.of(cell, below=cells_below(self.extension.notebook, cell))
        args.language = rewrite.language
        sources = fix_sources(error, rewrite)
        ask, order = make_ask(self.extension, args, words or FIX_REQUEST, **sources)
        if not args.dry_run:
            self._say_cause(error)
        output = Output.of(ask, args, request=f"Fix {error.ename}", changes=rewrite)
        ask_or_preview(self.extension, args, ask, order=order, output=output)

    @no_var_expand
    @line_magic
    @magic_arguments()
    @target_options
    @ask_options
    def codeface_edit(self, line: str) -> None:
        """Change the cell above, or the cell that an option names, as you ask.

        The changed cell is shown as a diff; it can replace the old cell, or be inserted
        below.

        ::

            In [5]: %codeface_edit use a dict comprehension

            In [6]: %codeface_edit --number 3 add type hints
        """
        from codeface_jupyter.magics.ask_and_show import ask_or_preview
        from codeface_jupyter.magics.fill_in import fill_in
        from codeface_jupyter.magics.make_ask import make_ask
        from codeface_jupyter.magics.output import Output

        args, instruction = parse_request(self.codeface_edit, line)
        if not instruction or instruction.isdecimal():
            raise UsageError("Say what to change: %codeface_edit [--number N] INSTRUCTION")
        cell = find_cell(self.extension.notebook, number=args.number, cell_id=args.id)
        cell = with_error(cell, self.extension.notebook.failures)
        rewrite = Rewrite.of(cell, below=cells_below(self.extension.notebook, cell))
        args.language = rewrite.language
        request = to_edit(fill_in(self.extension, instruction), rewrite)
        ask, order = make_ask(self.extension, args, request, **edit_sources(rewrite))
        output = Output.of(ask, args, request=instruction, changes=rewrite)
        ask_or_preview(self.extension, args, ask, order=order, output=output)

    def _say_cause(self, error: ErrorInfo) -> None:
        """Say first what can be said without the model."""
        display(Remark(explain_error(error, self.extension.notebook.live_namespace())))


def fix_sources(error: ErrorInfo, rewrite: Rewrite) -> dict[str, Any]:
    """Return the fields of `ContextSources` that ask to repair a cell."""
    return {"task": "fix", "error": error, "rewrite": rewrite, "history": ()}


def edit_sources(rewrite: Rewrite) -> dict[str, Any]:
    """Return the fields of `ContextSources` that ask to change a cell."""
    return {"task": "edit", "rewrite": rewrite, "history": ()}


def to_edit(instruction: FilledRequest, rewrite: Rewrite) -> FilledRequest:
    """Return the request to change a cell."""
    return instruction.within(
        lambda text: edit_request(text, rewrite.text, language=rewrite.language)
    )
