"""The user's own names for models, kept in a file beside the config file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from codeface_jupyter.errors import ConfigError, reason_of
from codeface_jupyter.small_files import read_json, write_whole
from codeface_jupyter.well_formed import well_formed_data

__all__ = ["Aliases"]


class Aliases:
    """Aliases for models; the case of an alias does not matter.

    Parameters
    ----------
    file
        A JSON file; it need not exist.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> dict[str, str]:
        """Return every alias and the model that it stands for, sorted.

        Raises
        ------
        ConfigError
            If the file is not one that `add` wrote.
        """
        try:
            values = well_formed_data(read_json(self._file))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise self._broken(reason_of(error)) from None
        if not isinstance(values, dict) or not all(isinstance(v, str) for v in values.values()):
            raise self._broken("expected an object that maps aliases to models")
        return {name.lower(): values[name] for name in sorted(values)}

    def resolve(self, model: str) -> str:
        """Return the model that ``model`` stands for, or ``model`` if it is no alias."""
        return self.read().get(model.strip().lower(), model)

    def add(self, name: str, model: str) -> str | None:
        """Make ``name`` stand for ``model``, and return what it stood for; None for nothing."""
        with self._changing() as aliases:
            before = aliases.get(name.lower())
            aliases[name.lower()] = model
        return before

    def remove(self, name: str) -> str:
        """Forget ``name``, and return the model that it stood for.

        Raises
        ------
        ConfigError
            If there is no such alias.
        """
        with self._changing() as aliases:
            model = aliases.pop(name.strip().lower(), None)
            if model is None:
                known = ", ".join(sorted(aliases)) or "none"
                raise ConfigError(f"There is no alias {name!r}.", hint=f"Aliases: {known}.")
        return model

    @contextmanager
    def _changing(self) -> Iterator[dict[str, str]]:
        """Lock the file for a change, and write it whole or not at all."""
        from filelock import FileLock

        folder = self._file.parent
        if self._file.parts[0].startswith("~"):
            raise self._not_written("there is no such user")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Not on the file itself: replacing that would drop the lock.
            with FileLock(folder / f".{self._file.name}.lock"):
                aliases = self.read()
                yield aliases
                self._write(aliases)
        except OSError as error:
            raise self._not_written(reason_of(error)) from None

    def _write(self, aliases: dict[str, str]) -> None:
        text = json.dumps(aliases, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
        write_whole(self._file, text.encode(), through_links=True)

    def _not_written(self, reason: str) -> ConfigError:
        return ConfigError(
            f"{self._file} cannot be written: {reason}.",
            hint="Set CODEFACE_CONFIG to a config file in a folder that you can write to.",
        )

    def _broken(self, reason: str) -> ConfigError:
        return ConfigError(
            f"The alias file {self._file} cannot be read: {reason}.",
            hint="Fix it, or delete it and define the aliases again.",
        )
