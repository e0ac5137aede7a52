"""``%codeface_again``: the last answer once more: another one, the rest of it, or a question."""

from __future__ import annotations

from dataclasses import replace

from IPython.core.error import UsageError
from IPython.core.magic import line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments

from codeface_jupyter.magics.base import BaseMagics
from codeface_jupyter.magics.options import parse_request

__all__ = ["AgainMagics"]


@magics_class
class AgainMagics(BaseMagics):
    """Go on from the last answer."""

    @no_var_expand
    @line_magic
    @magic_arguments()
    @argument("--continue", dest="goes_on", action="store_true", help="Go on where it was cut off.")
    def codeface_again(self, line: str) -> None:
        """Answer the last question in another way, or a question about the last answer.

        It does what *Try again*, *Follow up* and *Continue* do under an answer in JupyterLab.
        Another answer is a sample with a seed of its own.

        ::

            In [2]: %codeface_again

            In [3]: %codeface_again without a loop, please

            In [4]: %codeface_again --continue
        """
        args, words = parse_request(self.codeface_again, line)
        if args.goes_on and words:
            raise UsageError("%codeface_again --continue takes no question.")
        from codeface_jupyter.magics.ask_and_show import answer
        from codeface_jupyter.magics.fill_in import fill_in
        from codeface_jupyter.magics.hints import as_now_wanted
        from codeface_jupyter.magics.make_ask import check_that_it_is_to_ask

        check_that_it_is_to_ask(self.extension, self.extension.config.settings)
        shown = self.extension.shown_answers.last
        if args.goes_on:
            ask = shown.going_on()
        elif words:
            ask = shown.about(fill_in(self.extension, words))
        else:
            ask = shown.another_sample()
        ask = as_now_wanted(self.extension, ask)
        ask = replace(ask, live_namespace=self.extension.notebook.live_namespace())
        answer(self.extension, ask, replace(shown.output, background=False))
