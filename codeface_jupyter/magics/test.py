"""``%codeface_test``: write tests for a function or class in the notebook."""

from __future__ import annotations

from dataclasses import replace

from IPython.core.error import UsageError
from IPython.core.magic import line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import magic_arguments

from codeface_jupyter.errors import NotebookError
from codeface_jupyter.magics.base import BaseMagics
from codeface_jupyter.magics.options import ask_options, parse_name
from codeface_jupyter.namespace import source_of
from codeface_jupyter.privacy import redact
from codeface_jupyter.prompts import check_request

__all__ = ["TestMagics"]


@magics_class
class TestMagics(BaseMagics):
    """Write tests for the notebook's code."""

    @no_var_expand
    @line_magic
    @magic_arguments()
    @ask_options
    def codeface_test(self, line: str) -> None:
        """Write tests for a function or class in the notebook, as a new cell.

        ::

            In [5]: %codeface_test parse_date
        """
        from codeface_jupyter.magics.ask_and_show import ask_or_preview
        from codeface_jupyter.magics.make_ask import make_ask
        from codeface_jupyter.magics.output import Output

        args, name = parse_name(self.codeface_test, line)
        if not name:
            raise UsageError("Name a function or class in the notebook: %codeface_test NAME")
        source = _source_of(self.extension.notebook.lookup(name, with_builtins=True), name)
        ask, order = make_ask(
            self.extension, args, check_request(name, source), task="test", history=()
        )
        # What an attribute belongs to has other uses in the tests.
        tested = name if name.isidentifier() else ""
        output = Output.of(ask, args, request=f"Test {name}")
        ask_or_preview(
            self.extension, args, replace(ask, tested=tested), order=order, output=output
        )


def _source_of(thing: object, name: str) -> str:
    source = source_of(thing)
    if source is None:
        raise NotebookError(
            f"{name} is not a function or class with known source code.",
            hint="Define it in a cell of this notebook, or in a module that it imports.",
        )
    return redact(source)[0]
