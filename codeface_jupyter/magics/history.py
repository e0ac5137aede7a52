"""``%codeface_history`` and ``%codeface_reset``: show and forget the conversation."""

from __future__ import annotations

import sys

from IPython.core.magic import line_magic, magics_class, no_var_expand
from IPython.display import display

from codeface_jupyter.magics.base import BaseMagics
from codeface_jupyter.magics.options import parse_nothing
from codeface_jupyter.shorten import in_one_line
from codeface_jupyter.view.tables import Table
from codeface_jupyter.wording import counted

__all__ = ["HistoryMagics"]

MAX_SHOWN_CHARS = 200


@magics_class
class HistoryMagics(BaseMagics):
    """Show and forget the conversation."""

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
            (str(number), _short(exchange.request), _short(exchange.answer))
            for number, exchange in enumerate(exchanges, start=1)
        ]
        sent = self.extension.config.settings.history_exchanges
        title = (
            f"{counted(len(rows), 'exchange')}; at most {sent} of them sent with a request "
            "(history_exchanges)"
        )
        display(Table(title, ("", "request", "answer"), rows))

    @no_var_expand
    @line_magic
    def codeface_reset(self, line: str) -> None:
        """Forget the conversation, but keep the model, the response cache and the metrics.

        ``%codeface_again`` has no answer to go on from until the next one.

        ::

            In [1]: %codeface_reset
        """
        parse_nothing("codeface_reset", line)
        conversation = self.extension.session.conversation
        count = len(conversation.exchanges)
        conversation.clear()
        self.extension.shown_answers.forget_last()
        sys.stdout.write(f"Forgotten: {counted(count, 'exchange')}.\n")


def _short(text: str) -> str:
    return in_one_line(text, max_chars=MAX_SHOWN_CHARS)
