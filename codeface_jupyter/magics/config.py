"""``%codeface_config``: every setting, and where its value comes from."""

from __future__ import annotations

import json
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import line_magic, magics_class, no_var_expand
from IPython.display import display

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.registry import EngineChoice, engine_choice
from codeface_jupyter.magics.base import MagicFamily
from codeface_jupyter.view.tables import Table

__all__ = ["ConfigMagics"]


@magics_class
class ConfigMagics(MagicFamily):
    """Show and change settings."""

    @no_var_expand
    @line_magic
    def codeface_config(self, line: str) -> None:
        """Show every setting, its value and where the value comes from; or set some.

        ::

            In [1]: %codeface_config

            In [2]: %codeface_config temperature=0.2 max_new_tokens=300
        """
        config = self.extension.config
        if line.strip():
            config.set(**_assignments(line))
        settings = config.settings
        rows = [
            (name, _shown(getattr(settings, name)), config.origin(name), field.description or "")
            for name, field in Settings.model_fields.items()
        ]
        title = f"CodeFace settings; {_engine_told(engine_choice(settings))}"
        display(Table(title, ("setting", "value", "from", "meaning"), rows))


def _engine_told(choice: EngineChoice) -> str:
    if not choice.is_certain:
        return "the engine is chosen once the model has been fetched"
    return f"the engine is {choice.name}: {choice.reason}"


def _assignments(line: str) -> dict[str, Any]:
    """Parse ``name=value`` words; values are JSON, or text as it stands."""
    values: dict[str, Any] = {}
    for word in line.split():
        name, equals, text = word.partition("=")
        if not equals:
            raise UsageError(f"%codeface_config: name=value was expected, not {word!r}.")
        try:
            values[name] = json.loads(text)
        except json.JSONDecodeError:
            values[name] = text
    return values


def _shown(value: object) -> str:
    return "" if value is None else str(value)
