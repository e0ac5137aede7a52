"""``%%codeface`` and ``%codeface``: ask in a cell. Also where ``%config CodeFace`` lands."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import traitlets
from IPython.core.error import UsageError
from IPython.core.magic import line_cell_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import magic_arguments

from codeface_jupyter.config import Settings, short_setting_fields
from codeface_jupyter.errors import ConfigError
from codeface_jupyter.magics.base import BaseMagics
from codeface_jupyter.magics.extension import warn_of
from codeface_jupyter.magics.options import ask_options, parse_request

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from codeface_jupyter.magics.extension import Extension

__all__ = ["CodeFace"]

UNSET = object()


@magics_class
class CodeFace(BaseMagics):
    """Ask the model; its traits are CodeFace's settings, so ``%config CodeFace`` shows them."""

    def __init__(self, shell: InteractiveShell, extension: Extension) -> None:
        traits = _setting_traits()
        self._settings = tuple(traits)
        # IPython's own configuration is read into them next.
        self.add_traits(**traits)
        super().__init__(shell, extension)
        self._follow_traits()

    @no_var_expand
    @line_cell_magic
    @magic_arguments()
    @ask_options
    def codeface(self, line: str, cell: str | None = None) -> None:
        """Ask for code; the answer streams below and the code can be inserted as a cell.

        The cells above go along, so the answer can use what they define. Text in
        braces that names a variable is replaced by its value: ``{df.shape}``,
        ``{In[3]}`` (a cell's source), ``{Out[3]}``, ``{Err[3]}`` (its traceback);
        all other braces stay as they are, so do those in quotes and in code, and
        ``{{df}}`` stands for ``{df}``. The result is kept in ``_codeface``, with
        ``.text``, ``.code``, ``.code_blocks``, ``.notes``, ``.findings``, ``.metrics``,
        ``.finish_reason`` and ``.prompt``.

        ::

            In [1]: %%codeface -n 200
               ...: plot units by region as bars

            In [2]: %codeface what does the last cell do?
        """
        args, words = parse_request(self.codeface, line)
        request = "\n".join(filter(None, (words, (cell or "").strip())))
        if not request:
            raise UsageError(
                "Nothing was asked. Write the request after %codeface, or below %%codeface."
            )
        from codeface_jupyter.magics.ask_and_show import ask_or_preview
        from codeface_jupyter.magics.fill_in import fill_in
        from codeface_jupyter.magics.make_ask import make_ask
        from codeface_jupyter.magics.output import Output

        filled_in = fill_in(self.extension, request)
        ask, order = make_ask(self.extension, args, filled_in)
        output = Output.of(ask, args, request=request)
        ask_or_preview(self.extension, args, ask, order=order, output=output)

    def _follow_traits(self) -> None:
        """Show the settings' values in the traits, and settle what is assigned to them."""
        config = self.extension.config
        refused: list[ConfigError] = []
        for name in self._settings:
            assigned = getattr(self, name)
            if assigned is not UNSET:
                # From IPython's own configuration, which also remembers what was refused:
                # removed, so that a bad value is reported once only.
                self.shell.config.CodeFace.pop(name, None)
                try:
                    config.set(**{name: assigned})
                except ConfigError as error:
                    refused.append(error)
        warn_of(refused, source="IPython's configuration")
        self._show_settings(config.settings)
        config.on_change(self._show_settings)
        self.observe(self._apply_trait, names=list(self._settings))

    def _show_settings(self, settings: Settings) -> None:
        for name in self._settings:
            # The engine that had an option may have gone since the extension was loaded.
            with suppress(ConfigError):
                self.set_trait(name, settings.value_of(name))

    def _apply_trait(self, change: Any) -> None:
        config = self.extension.config
        try:
            if change.new != config.settings.value_of(change.name):
                config.set(**{change.name: change.new})
        except ConfigError:
            self._show_settings(config.settings)
            raise


def _setting_traits() -> dict[str, traitlets.Any[Any, Any]]:
    """Return one trait for each setting, so that `%config CodeFace` lists, checks and sets them.

    What a magic's class has is not to be hidden by an engine's option of the same name.
    """
    return {
        name: traitlets.Any(UNSET, help=field.description or "").tag(config=True)
        for name, field in short_setting_fields().items()
        if not hasattr(CodeFace, name) and name != "extension"
    }
