"""``%codeface_explain``: what something in the notebook is, in facts and in the model's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import display

from codeface_jupyter.magics.options import (
    model_options,
    parse,
    sampling_options,
    settings_overrides,
)
from codeface_jupyter.prompts import explain_request
from codeface_jupyter.tables import Table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from IPython.core.interactiveshell import InteractiveShell

    from codeface_jupyter.config import Settings
    from codeface_jupyter.magics.extension import Extension
    from codeface_jupyter.namespace import Description

__all__ = ["ExplainMagics", "facts_tables"]


@magics_class
class ExplainMagics(Magics):
    """Explain what is in the notebook."""

    def __init__(self, shell: InteractiveShell, extension: Extension) -> None:
        super().__init__(shell)
        self.extension = extension

    @no_var_expand
    @line_magic
    @magic_arguments()
    @argument("--brief", action="store_true", help="Show the facts only; ask no model.")
    @sampling_options
    @model_options
    def codeface_explain(self, line: str) -> None:
        """Explain something in the notebook: first the facts, then in the model's words.

        The name may be dotted or indexed. The facts (type, shape, columns, signature,
        source) are computed from the live object; the words below them are the model's.

        ::

            In [1]: %codeface_explain df

            In [2]: %codeface_explain --brief results['best']
        """
        from codeface_jupyter.namespace import describe, resolve

        args, expression = parse(self.codeface_explain, line)
        if not expression:
            raise UsageError("Name something of the notebook: %codeface_explain NAME")
        thing = resolve(expression, self.shell.user_ns)
        description = describe(thing, name=expression, detail="full", allow_values=True)
        for table in facts_tables(description):
            display(table)
        if not args.brief:
            settings = self.extension.config.with_overrides(settings_overrides(args))
            if not self.extension.session.may_see_values(settings):
                description = describe(thing, name=expression, detail="full", allow_values=False)
            self._ask(description, settings, args)

    def _ask(self, description: Description, settings: Settings, args: argparse.Namespace) -> None:
        from codeface_jupyter.context import ContextSources
        from codeface_jupyter.magics import answering
        from codeface_jupyter.session import Ask

        notebook = self.extension.notebook
        cells, _ = notebook.cells()
        sources = ContextSources(
            request=explain_request(description.name, description.text),
            cells=cells,
            variables=(),
            task="explain",
        )
        ask = Ask(
            sources=sources,
            settings=settings,
            use_response_cache=not args.no_cache,
        )
        request = f"Explain {description.name}"
        answering.answer(self.extension, ask, answering.Output(request=request))


def facts_tables(description: Description) -> list[Table]:
    """Return what was computed about an object, as tables for people."""
    facts = dict(description.facts)
    columns = facts.pop("columns", None)
    rows = [("type", description.type_name)]
    rows += [(name.replace("_", " "), _written(value)) for name, value in facts.items() if value]
    tables = [Table(description.name, ("", ""), rows)]
    if isinstance(columns, list) and columns:
        heads = tuple(columns[0])
        tables.append(Table("columns", heads, [_cells(column, heads) for column in columns]))
    return tables


def _cells(column: Mapping[str, object], heads: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_written(column.get(head, "")) for head in heads)


def _written(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_written, value))
    return str(value)
