"""``%codeface_context``: show what is sent to the model, piece by piece."""

from __future__ import annotations

from IPython.core.magic import line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import magic_arguments
from IPython.display import display

from codeface_jupyter.magics.base import BaseMagics
from codeface_jupyter.magics.options import ask_options, parse_request
from codeface_jupyter.view.tables import Table

__all__ = ["ContextMagics"]


@magics_class
class ContextMagics(BaseMagics):
    """Show what is sent with a request."""

    @no_var_expand
    @line_magic
    @magic_arguments()
    @ask_options
    def codeface_context(self, line: str) -> None:
        """Show what the last request sent, or what the given request would send.

        Shows a table of the pieces, with their tokens and with what was left out, and
        then the exact text.

        ::

            In [1]: %codeface_context

            In [2]: %codeface_context --cells 3 plot the sales
        """
        from codeface_jupyter.magics.ask_and_show import dry_run
        from codeface_jupyter.magics.fill_in import fill_in
        from codeface_jupyter.magics.make_ask import make_ask
        from codeface_jupyter.view.rendering import ContextPreview

        args, words = parse_request(self.codeface_context, line)
        if words:
            request = fill_in(self.extension, words)
            ask, order = make_ask(self.extension, args, request)
            dry_run(self.extension, ask, order=order)
            return
        last = self.extension.session.last_context
        if last is None:
            display(Table("Nothing has been sent in this session yet.", ("",), []))
        else:
            display(ContextPreview(last, order="as they were sent"))
