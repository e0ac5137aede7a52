"""``%%codeface`` and ``%codeface``: ask in a cell. Also where ``%config CodeFace`` lands."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

import traitlets
from IPython.core.error import UsageError
from IPython.core.magic import line_cell_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import magic_arguments

from codeface_jupyter.config import Settings, short_setting_fields
from codeface_jupyter.errors import ConfigError
from codeface_jupyter.magics.base import BaseMagics
from codeface_jupyter.magics.options import ask_options, parse
from codeface_jupyter.prompts import interpolate

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from codeface_jupyter.magics.extension import Extension

__all__ = ["CodeFace"]


UNSET = object()

# What a magic's class has is not to be hidden by an engine's option of the same name.
SETTINGS = {
    name: field
    for name, field in short_setting_fields().items()
    if not hasattr(BaseMagics, name) and name not in {"codeface", "extension"}
}
# One trait for each setting, so that `%config CodeFace` lists, checks and sets them.
_SettingTraits: Any = types.new_class(
    "_SettingTraits",
    (BaseMagics,),
    exec_body=lambda body: body.update(
        {
            name: traitlets.Any(UNSET, help=field.description or "").tag(config=True)
            for name, field in SETTINGS.items()
        }
    ),
)


@magics_class
class CodeFace(_SettingTraits):
    """Ask the model; its traits are CodeFace's settings, so ``%config CodeFace`` shows them."""

    def __init__(self, shell: InteractiveShell, extension: Extension) -> None:
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
        all other braces stay as they are. The result is kept in ``_codeface``, with
        ``.text``, ``.code``, ``.code_blocks``, ``.metrics``, ``.finish_reason`` and
        ``.prompt``.

        ::

            In [1]: %%codeface -n 200
               ...: plot units by region as bars

            In [2]: %codeface what does the last cell do?
        """
        args, words = parse(self.codeface, line)
        request = "\n".join(filter(None, (words, (cell or "").strip())))
        if not request:
            raise UsageError(
                "Nothing was asked. Write the request after %codeface, or below %%codeface."
            )
        from codeface_jupyter.magics.ask_and_show import Output, ask_or_preview, make_ask

        filled_in = interpolate(request, self.extension.notebook.text_of)
        ask, order = make_ask(self.extension, args, filled_in)
        output = Output.of(ask, args, request=request)
        ask_or_preview(self.extension, args, ask, order=order, output=output)

    def _follow_traits(self) -> None:
        """Show the settings' values in the traits, and settle what is assigned to them."""
        config = self.extension.config
        for name in SETTINGS:
            assigned = getattr(self, name)
            if assigned is not UNSET:
                # From IPython's own configuration, which also remembers what was refused:
                # taken out first, a bad value is complained of once and not for ever.
                self.shell.config.CodeFace.pop(name, None)
                config.set(**{name: assigned})
        self._show_settings(config.settings)
        config.on_change(self._show_settings)
        self.observe(self._apply_trait, names=list(SETTINGS))

    def _show_settings(self, settings: Settings) -> None:
        for name in SETTINGS:
            self.set_trait(name, settings.value_of(name))

    def _apply_trait(self, change: Any) -> None:
        config = self.extension.config
        if change.new == config.settings.value_of(change.name):
            return
        try:
            config.set(**{change.name: change.new})
        except ConfigError:
            self._show_settings(config.settings)
            raise
