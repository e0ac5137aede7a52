"""``%codeface_batch``: a list of requests, answered together."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import line_cell_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import magic_arguments

from codeface_jupyter.errors import NotebookError
from codeface_jupyter.magics.base import BaseMagics
from codeface_jupyter.magics.options import (
    check_variable_name,
    context_options,
    model_options,
    parse,
    result_options,
    sampling_options,
    split_first,
    trial_options,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codeface_jupyter.context import FilledRequest
    from codeface_jupyter.session.answer import Ask
    from codeface_jupyter.session.events import BatchItem

__all__ = ["BatchMagics"]

RESULTS_VARIABLE = "_codeface_batch"
USAGE = (
    "Name a list of strings: %codeface_batch NAME, "
    "or write one request per line below %%codeface_batch."
)


@magics_class
class BatchMagics(BaseMagics):
    """Ask many things at once."""

    @no_var_expand
    @line_cell_magic
    @magic_arguments()
    @context_options
    @result_options
    @sampling_options
    @trial_options
    @model_options
    def codeface_batch(self, line: str, cell: str | None = None) -> None:
        """Answer a list of requests, side by side where the engine can.

        The list is in a variable, or below the cell magic, one request per line. The
        results are kept in ``_codeface_batch``, in the requests' order, each with
        ``.code``, ``.text``, ``.outcome``, ``.finish_reason``, ``.result`` and ``.error``: a
        request that fails does not stop the others. If it is stopped, finished answers are
        kept. Each answer's code is tried on a copy of the kernel, as ``%%codeface`` does. Each
        answer can be unfolded below the table, and in JupyterLab inserted from there.

        ::

            In [1]: %codeface_batch questions -o answers

            In [2]: %%codeface_batch -n 200
               ...: plot units by region as bars
               ...: plot sales over time

            In [3]: [answer.code for answer in answers]
        """
        args, requests = self._requests(line, cell)
        check_variable_name(args.output)
        variables = () if args.dry_run else filter(None, (RESULTS_VARIABLE, args.output))
        # No name for the questions: the error that is raised below is kept with the items, and
        # this frame with it.
        _tell_failures(self._answer(self._asks(args, requests), variables=tuple(variables)))

    def _asks(self, args: argparse.Namespace, requests: Sequence[FilledRequest | str]) -> list[Ask]:
        from codeface_jupyter.magics.make_ask import make_ask, with_request

        first, _ = make_ask(self.extension, args, requests[0])
        asks = [first, *(with_request(first, args, request) for request in requests[1:])]
        return [ask.as_preview() for ask in asks] if args.dry_run else asks

    def _requests(
        self, line: str, cell: str | None
    ) -> tuple[argparse.Namespace, Sequence[FilledRequest | str]]:
        """Return the options, and the requests; in typed ones, braces are filled in."""
        from codeface_jupyter.magics.fill_in import fill_in

        args, words = parse(self.codeface_batch, line)
        notebook = self.extension.notebook
        if cell is not None:
            if words:
                raise UsageError(
                    f"The requests go below %%codeface_batch; {words!r} is not an option."
                )
            typed = [text.strip() for text in cell.splitlines() if text.strip()]
            if not typed:
                raise UsageError(USAGE)
            return args, [fill_in(self.extension, text) for text in typed]
        if not words:
            raise UsageError(USAGE)
        # Options may follow the list's name, too: parse again without it.
        name, rest = split_first(words)
        before = line.strip().removesuffix(words)
        args, more = parse(self.codeface_batch, f"{before} {rest}")
        if more:
            raise UsageError(f"Expected one list, but got {name!r} and {more!r}.")
        return args, _texts(name, notebook.lookup(name))

    def _answer(self, asks: Sequence[Ask], *, variables: Sequence[str]) -> list[BatchItem]:
        """Answer and show ``asks``, and keep the items in ``variables``.

        Raises
        ------
        KeyboardInterrupt
            If the kernel was interrupted, once what is finished is shown and kept.
        BaseException
            The model's failure, if it left no question with an answer.
        """
        from codeface_jupyter.magics.interrupts import Interrupts
        from codeface_jupyter.magics.show_progress import view_for, watch
        from codeface_jupyter.view.batch_report import BatchReport

        begin, session = time.perf_counter(), self.extension.session
        settings = asks[0].settings

        def bundle() -> dict[str, Any] | None:
            items = answer.items
            if not answer.is_finished or all(item.error for item in items):
                return None
            elapsed_s = time.perf_counter() - begin
            return BatchReport(
                items,
                elapsed_s=elapsed_s,
                kept_as=variables[-1] if variables else "",
                format=settings.format,
                insert=settings.insert,
                cell_id=asks[0].cell_id,
            )._repr_mimebundle_()

        with Interrupts() as interrupts:
            answer = interrupts.begin(lambda: session.stream_batch(asks))
            watch(self.extension, answer, view_for(self.extension, answer), make_bundle=bundle)
            for name in variables:
                self.extension.notebook.set_variable(name, answer.items)
        return answer.items


def _texts(name: str, value: object) -> list[str]:
    """Return the requests that a variable holds.

    Raises
    ------
    NotebookError
        If it is not a list of strings, or an empty one.
    """
    # A column, an index or an array of one dimension serves as a list.
    if not isinstance(value, list | tuple) and getattr(value, "ndim", None) == 1:
        value = getattr(value, "tolist", lambda: None)()
    hint = "Use a list, a tuple or a column of a data frame."
    if not isinstance(value, list | tuple):
        raise NotebookError(
            f"{name} is of type {type(value).__name__}; expected a list of strings.", hint=hint
        )
    if not value:
        raise NotebookError(f"{name} is empty: there is nothing to ask.")
    for number, text in enumerate(value):
        if not isinstance(text, str):
            raise NotebookError(
                f"{name}[{number}] is of type {type(text).__name__}; expected a string.",
                hint=hint,
            )
    return list(value)


def _tell_failures(items: Sequence[BatchItem]) -> None:
    """Warn that some requests failed; if all did, raise the first one's error."""
    errors = [item.error for item in items if item.error is not None]
    if errors and len(errors) == len(items):
        raise errors[0]
    if errors:
        sys.stderr.write(
            f"Warning: {len(errors)} of {len(items)} requests failed; their .error says why.\n"
        )
