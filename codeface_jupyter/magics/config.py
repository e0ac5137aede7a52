"""``%codeface_config``: every setting, where its value comes from, and what each engine can do."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import line_magic, magics_class, no_var_expand
from IPython.display import display

from codeface_jupyter.config import AUTO_MODEL, Config, Settings, setting_fields
from codeface_jupyter.config.engine_options import by_full_name
from codeface_jupyter.config.sources import check_name
from codeface_jupyter.engines.auto_model import settled
from codeface_jupyter.engines.base import Fitness
from codeface_jupyter.engines.registry import engine_choice, engine_fitness
from codeface_jupyter.errors import CodeFaceError, ConfigError
from codeface_jupyter.magics.base import BaseMagics
from codeface_jupyter.magics.options import WHOLE_WORD, unquoted
from codeface_jupyter.trials.copy_support import copy_support
from codeface_jupyter.view.tables import Table

__all__ = ["ConfigMagics"]

COLUMNS = ("value", "from", "meaning")

# In JSON, a quote may be escaped.
JSON_WORD = re.compile(r"\s*((?:\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s\"'])+)(?!\S)")


@magics_class
class ConfigMagics(BaseMagics):
    """Show and change settings."""

    @no_var_expand
    @line_magic
    def codeface_config(self, line: str) -> None:
        """Show every setting, its value and where the value comes from; or set some.

        A setting's name alone shows that one. Above the list of all are the installed
        engines, whether each can serve them, and the engines' own options. An option
        without its engine's name is set for every engine that has it, ``openvino.dtype``
        for one. A value with spaces goes into quotes, and nothing after ``=`` leaves a
        setting empty that may be.

        ::

            In [1]: %codeface_config

            In [2]: %codeface_config temperature=0.2 openai.base_url=http://localhost:8000/v1

            In [3]: %codeface_config temperature

            In [4]: %codeface_config cache_dir="~/my models" context_cells=
        """
        names, values = _parsed(line)
        if values:
            self._set(values)
        if names:
            self._show(names)
        if not line.strip():
            self._show_all()
        if values or not names:
            self._warn_of_completion_model()

    def _set(self, values: Mapping[str, Any]) -> None:
        """Set some, and tell what they are now."""
        config = self.extension.config
        config.set(**values)
        own = [name for name in values if name in Settings.model_fields]
        for name in (*own, *by_full_name({k: values[k] for k in values if k not in own})):
            shown = _shown(config.settings, name) or "not set"
            sys.stdout.write(f"{name} = {shown} (this session)\n")

    def _show(self, names: Sequence[str]) -> None:
        """Show some, and an option that is named alone for every engine that has it."""
        rows = [
            row
            for row in _setting_rows(self.extension.config)
            if row[0] in names or row[0].rpartition(".")[2] in names
        ]
        display(Table("Settings", ("setting", *COLUMNS), rows))

    def _show_all(self) -> None:
        config = self.extension.config
        settings = settled(config.settings, may_probe=False)
        fitness = engine_fitness(settings)
        display(Table("Engines", ("engine", "can serve", "why"), list(_engine_rows(fitness))))
        display(_trials_table(settings))
        rows = list(_setting_rows(config))
        own, options = rows[: len(Settings.model_fields)], rows[len(Settings.model_fields) :]
        display(Table("Engine options", ("option", *COLUMNS), options))
        title = f"CodeFace settings; {_chosen_engine(settings, fitness)}"
        display(Table(title, ("setting", *COLUMNS), own))

    def _warn_of_completion_model(self) -> None:
        """Say what speaks against the model that is to complete code: nothing else does at once."""
        if self.extension.config.settings.completion_model == AUTO_MODEL:
            return
        problem = self.extension.session.completions.problem()
        if problem:
            sys.stderr.write(f"Warning: completion_model: {problem}\n")


def _trials_table(settings: Settings) -> Table:
    support = copy_support(tries=settings.tries)
    note = (
        "The code of answers is run on a copy of the kernel, which can read what you can, and "
        'neither write files, connect, nor start programs. tries = "off" or --no-try turns it off.'
    )
    row = ("now", "yes" if support.is_possible else "no", support.why)
    return Table("Trying answers", ("", "possible", "why"), [row], note)


def _engine_rows(engines: Mapping[str, Fitness]) -> Iterator[tuple[str, str, str]]:
    for name, fitness in engines.items():
        yield name, "no" if fitness.problem else "yes", fitness.problem or fitness.reason


def _setting_rows(config: Config) -> Iterator[tuple[str, str, str, str]]:
    for name, field in setting_fields().items():
        yield name, _shown(config.settings, name), config.origin(name), field.description or ""


def _chosen_engine(settings: Settings, engines: Mapping[str, Fitness]) -> str:
    try:
        choice = engine_choice(settings, engines)
    except CodeFaceError as error:
        return error.message
    if not choice.is_certain:
        return "the engine is chosen once the model has been fetched"
    if not choice.can_serve:
        return f"the engine {choice.name} is asked for and cannot serve: {choice.reason}"
    return f"the engine is {choice.name}: {choice.reason}"


def _parsed(line: str) -> tuple[list[str], dict[str, Any]]:
    """Parse names and ``name=value`` words; values are JSON, or text with or without quotes."""
    names: list[str] = []
    values: dict[str, Any] = {}
    for word in _words(line):
        name, equals, text = word.partition("=")
        if not all(part.isidentifier() for part in name.split(".")):
            raise UsageError(
                "%codeface_config: expected a setting's name, or name=value without spaces around "
                f"the =, not {word!r}."
            )
        if not equals:
            check_name(name, source="%codeface_config")
            names.append(name)
            continue
        values[name] = _value(text)
    return names, values


def _words(line: str) -> Iterator[str]:
    """Yield the words of a line with their quotes, which tell text from numbers."""
    position = 0
    while match := JSON_WORD.match(line, position) or WHOLE_WORD.match(line, position):
        yield match[1]
        position = match.end()
    if rest := line[position:].strip():
        # Not the value, which may be a secret.
        name = rest.partition("=")[0]
        raise UsageError(
            f"%codeface_config: a quote is not closed behind {name}=. Put a value that holds one "
            "into quotes of the other kind."
        )


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        plain = unquoted(text)
    if plain == text or not plain.startswith(("[", "{")):
        return plain
    # A list or a table in quotes, as a shell would have it.
    try:
        return json.loads(plain)
    except json.JSONDecodeError:
        return plain


def _shown(settings: Settings, name: str) -> str:
    try:
        value = settings.value_of(name)
    except ConfigError:
        return "(refused)"
    return "" if value is None else str(value)
