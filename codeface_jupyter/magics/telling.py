"""``%codeface_context``, ``%codeface_history`` and ``%codeface_reset``: what the model is told."""

from __future__ import annotations

from IPython.core.magic import line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import magic_arguments
from IPython.display import display

from codeface_jupyter.magics.family import MagicFamily
from codeface_jupyter.magics.options import ask_options, parse, parse_nothing
from codeface_jupyter.prompts import interpolate
from codeface_jupyter.view.tables import Table

__all__ = ["TellingMagics"]

MAX_SHOWN_CHARS = 200


@magics_class
class TellingMagics(MagicFamily):
    """Show and forget what goes along with a request."""

    @no_var_expand
    @line_magic
    @magic_arguments()
    @ask_options
    def codeface_context(self, line: str) -> None:
        """Show what the last request sent, or with words, what they would send.

        A table of the pieces with their tokens and of what was left out, then the
        exact text.

        ::

            In [1]: %codeface_context

            In [2]: %codeface_context --cells 3 plot the sales
        """
        from codeface_jupyter.magics.answering import dry_run, make_ask
        from codeface_jupyter.view.rendering import ContextPreview

        args, words = parse(self.codeface_context, line)
        if words:
            request = interpolate(words, self.extension.notebook.text_of)
            ask, order = make_ask(self.extension, args, request)
            dry_run(self.extension, ask, order=order)
            return
        last = self.extension.session.last_context
        if last is None:
            display(Table("Nothing has been sent in this session.", ("",), []))
        else:
            display(ContextPreview(last, order="as they were sent"))

    @no_var_expand
    @line_magic
    def codeface_history(self, line: str) -> None:
        """Show the requests and answers of this session, oldest first.

        ::

            In [1]: %codeface_history
        """
        parse_nothing("codeface_history", line)
        exchanges = self.extension.session.conversation.exchanges
        rows = [
            (str(number), _shortened(exchange.request), _shortened(exchange.answer))
            for number, exchange in enumerate(exchanges, start=1)
        ]
        sent = self.extension.config.settings.history_exchanges
        title = f"{len(rows)} exchanges; the last {sent} go along (history_exchanges)"
        display(Table(title, ("", "request", "answer"), rows))

    @no_var_expand
    @line_magic
    def codeface_reset(self, line: str) -> None:
        """Forget the conversation; the model, the response cache and the figures stay.

        ::

            In [1]: %codeface_reset
        """
        parse_nothing("codeface_reset", line)
        self.extension.session.conversation.clear()


def _shortened(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= MAX_SHOWN_CHARS else f"{flat[: MAX_SHOWN_CHARS - 1]}…"
