"""``%codeface_explain``: explain something in the notebook, with facts and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.error import UsageError
from IPython.core.magic import line_cell_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import display

from codeface_jupyter.context import Cell, is_python
from codeface_jupyter.errors import NothingToDoError
from codeface_jupyter.magics.base import BaseMagics
from codeface_jupyter.magics.options import (
    OPTIONS,
    context_options,
    model_options,
    parse_name,
    sampling_options,
    settings_overrides,
)
from codeface_jupyter.magics.targets import cell_with_id
from codeface_jupyter.namespace import Description, describe
from codeface_jupyter.privacy import redact
from codeface_jupyter.prompts import explain_request
from codeface_jupyter.view.tables import Table
from codeface_jupyter.wording import counted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

__all__ = ["ExplainMagics", "facts_tables"]

# The kind of text that each of these names gives.
TEXTS = {"In": "cell", "Err": "error"}


@magics_class
class ExplainMagics(BaseMagics):
    """Explain what is in the notebook."""

    @no_var_expand
    @line_cell_magic
    @magic_arguments()
    @argument("--brief", action="store_true", help="Show only the facts, without asking the model.")
    @argument("--id", metavar="ID", help="Explain the cell with this id in the notebook.")
    @argument("--markdown", action="store_true", help="Below the magic stands text, not code.")
    @argument("--insert", help="What to do with the explanation: next, replace or none.")
    @context_options
    @sampling_options
    @model_options
    def codeface_explain(self, line: str, cell: str | None = None) -> None:
        """Explain something in the notebook: first the facts, then an explanation.

        Takes a variable, function, class or module, dotted or indexed; ``In[3]``,
        ``Out[3]`` or ``Err[3]``; or a cell's number. The facts (type, shape, columns,
        signature, source) are computed from the live object; the explanation below
        them is the model's. Below ``%%codeface_explain`` stands the code to explain, such
        as a part of a cell.

        ::

            In [1]: %codeface_explain df

            In [2]: %codeface_explain --brief results['best']

            In [3]: %codeface_explain Err[2]

            In [4]: %%codeface_explain
               ...: df.pivot(columns="year")
        """
        args, expression = parse_name(self.codeface_explain, line)
        # As one asks Python for help.
        expression = expression.rstrip("? ")
        if cell is not None and (expression or args.id is not None):
            raise UsageError("Name something, or write code below %%codeface_explain: not both.")
        if cell is not None:
            below = Cell(source=cell.strip("\n"), cell_type="markdown" if args.markdown else "code")
            name, kind, text = self._shown(below, "code", title="what stands below")
        elif args.id is not None:
            found = cell_with_id(self.extension.notebook, args.id)
            name, kind, text = self._shown(found, "cell", title=found.title)
        elif expression:
            name, kind, text = self._look_up(expression, args)
        else:
            raise UsageError("Name something in the notebook: %codeface_explain NAME")
        if not args.brief:
            self._ask(args, name, kind, text)

    def _shown(self, cell: Cell, kind: str, *, title: str) -> tuple[str, str, str]:
        """Show the facts about a cell or a part of one; return its title, its kind and its text."""
        if not cell.source.strip():
            raise NothingToDoError("There is nothing to explain: the cell is empty.")
        kind = "words" if cell.cell_type == "markdown" else kind
        display(_text_facts(title, kind, cell.source))
        return title, kind, cell.without_secrets

    def _look_up(self, expression: str, args: argparse.Namespace) -> tuple[str, str, str]:
        """Show the facts about something; return its name, its kind and its text."""
        notebook = self.extension.notebook
        if expression.isdecimal():
            expression = f"In[{expression}]"
        thing = notebook.lookup(expression, with_builtins=True)
        what = TEXTS.get(expression.partition("[")[0])
        if what and isinstance(thing, str):
            display(_text_facts(expression, what, thing))
            is_code = what == "cell" and is_python(thing)
            return expression, what, redact(thing, is_code=is_code)[0]
        # The user may see all values; the model sees them only where they stay on this machine.
        description = describe(thing, name=expression, detail="full", allow_values=True)
        for table in facts_tables(description):
            display(table)
        settings = self.extension.config.with_overrides(settings_overrides(args), options=OPTIONS)
        if not self.extension.session.may_see_values(settings):
            description = describe(thing, name=expression, detail="full")
        return expression, "object", description.text

    def _ask(self, args: argparse.Namespace, name: str, kind: str, text: str) -> None:
        from codeface_jupyter.magics.ask_and_show import ask_or_preview
        from codeface_jupyter.magics.make_ask import make_ask
        from codeface_jupyter.magics.output import Output

        request = explain_request(name, text, kind=kind)
        ask, order = make_ask(
            self.extension, args, request, task="explain", variables=(), history=()
        )
        output = Output(
            request=f"Explain {name}", insert=args.insert or "none", is_explanation=True
        )
        ask_or_preview(self.extension, args, ask, order=order, output=output)


def _text_facts(name: str, what: str, text: str) -> Table:
    return Table(name, ("", ""), [(what, counted(len(text.splitlines()), "line"))])


def facts_tables(description: Description) -> list[Table]:
    """Return what was computed about an object, as tables for people."""
    facts = dict(description.facts)
    columns = facts.pop("columns", None)
    # They are named with what is under them.
    if "items" in facts:
        facts.pop("keys", None)
    rows = [("type", description.type_name)]
    rows += [(name.replace("_", " "), _written(value)) for name, value in facts.items() if value]
    tables = [Table(description.name, ("", ""), rows)]
    if isinstance(columns, list) and columns:
        # Not every column has a range.
        heads = tuple(dict.fromkeys(head for column in columns for head in column))
        tables.append(Table("columns", heads, [_cells(column, heads) for column in columns]))
    return tables


def _cells(column: Mapping[str, object], heads: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_written(column.get(head, "")) for head in heads)


def _written(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_written, value))
    return str(value)
