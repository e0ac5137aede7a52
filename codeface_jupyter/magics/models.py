"""``%codeface_models``: which models there are, and getting one."""

from __future__ import annotations

from IPython.core.error import UsageError
from IPython.core.magic import line_magic, magics_class, no_var_expand
from IPython.display import display

from codeface_jupyter.magics.family import MagicFamily
from codeface_jupyter.tables import Table

__all__ = ["ModelMagics"]


@magics_class
class ModelMagics(MagicFamily):
    """List, fetch and unload models."""

    @no_var_expand
    @line_magic
    def codeface_models(self, line: str) -> None:
        """List the known models, fetch one, choose one, or give the loaded one's memory back.

        ::

            In [1]: %codeface_models

            In [2]: %codeface_models pull qwen2.5-coder-1.5b

            In [3]: %codeface_models use qwen2.5-coder-1.5b

            In [4]: %codeface_models unload
        """
        match line.split():
            case [] | ["list"]:
                self._list()
            case ["pull"]:
                self._pull(self.extension.config.settings.model)
            case ["pull", model]:
                self._pull(model)
            case ["use", model]:
                self.extension.config.set(model=model)
            case ["unload"]:
                self.extension.session.unload()
            case _:
                raise UsageError(
                    "%codeface_models takes nothing, or: pull [MODEL] | use MODEL | unload"
                )

    def _list(self) -> None:
        from codeface_jupyter.models.listing import COLUMNS, explain_listing, list_models

        settings = self.extension.config.settings
        rows = [model.cells() for model in list_models(settings)]
        display(Table(explain_listing(settings), COLUMNS, rows))

    def _pull(self, model: str) -> None:
        from codeface_jupyter.magics.answering import show_work

        show_work(self.extension, self.extension.session.pull(model))
