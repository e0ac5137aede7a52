"""The layers that settings come from, and which one each value came from.

One precedence, highest first: a call's argument or a magic's flag, ``%config
CodeFace.name = value``, the environment (``CODEFACE_NAME``), the config file
(``config.toml`` in the user's config folder, or where ``CODEFACE_CONFIG``
points), JupyterLab's settings, the default. Within one layer an engine's own table takes
precedence over an option's name alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from codeface_jupyter.config.aliases import Aliases
from codeface_jupyter.config.engine_options import (
    engines_with,
    installed_engines,
    no_such_engine,
)
from codeface_jupyter.config.settings import Settings
from codeface_jupyter.config.sources import (
    NO_OPTIONS,
    checked,
    default_config_file,
    missing_config_file,
    read_environment,
    read_file,
)
from codeface_jupyter.errors import ConfigError

__all__ = ["Config"]

NAMES_OF_MODELS = ("model", "completion_model")


class Config:
    """Settings in layers, each value with its origin.

    Parameters
    ----------
    file
        The config file; `default_config_file` unless given. It need not exist.
    on_refused
        Called with what is wrong with each variable of the environment that cannot be used,
        which is then left out; raised unless given. That there is no file where
        ``CODEFACE_CONFIG`` points is told, and never raised.

    Attributes
    ----------
    aliases
        The user's own names for models, which `settings` resolve.

    Raises
    ------
    ConfigError
        If the file or the environment holds an unknown name or a bad value.
    """

    def __init__(
        self,
        *,
        file: Path | None = None,
        on_refused: Callable[[ConfigError], object] | None = None,
    ) -> None:
        self.file = file or default_config_file()
        if on_refused is not None and file is None and (missing := missing_config_file()):
            on_refused(missing)
        self.aliases = Aliases(self.file.with_name("aliases.json"))
        # Lowest first, so that later layers overwrite earlier ones.
        self._layers: dict[str, dict[str, Any]] = {
            "JupyterLab": {},
            "config file": read_file(self.file),
            "environment": read_environment(on_refused=on_refused),
            "%config": {},
        }
        self._callbacks: list[Callable[[Settings], None]] = []
        self._settings = self._resolve(self._layers.values())

    @property
    def settings(self) -> Settings:
        """The values in force."""
        return self._settings

    def origin(self, name: str) -> str:
        """Return where ``name``'s value comes from: a layer's name or ``default``.

        ``name`` is a setting, or an option after its engine's name.
        """
        for layer in reversed(self._layers):
            if name in self._layers[layer] or _alone(name) in self._layers[layer]:
                return layer
        return "default"

    def set(self, **values: Any) -> Settings:
        """Change settings for this session, as ``%config`` does; all of them or none.

        Raises
        ------
        ConfigError
            If a name is unknown, a value is not allowed, or there is no engine of that name.
        """
        values = checked(values, source="%config")
        # Other layers outlive the engines that are installed now.
        if (engine := values.get("engine", "auto")) not in {"auto", *installed_engines()}:
            raise ConfigError(no_such_engine(engine))
        # The model stays chosen, whatever becomes of the alias.
        values |= self._models_named_in(values)
        return self._replace("%config", _laid_over(self._layers["%config"], values))

    def set_front_end(self, values: Mapping[str, Any]) -> Settings:
        """Take what the user set in JupyterLab, replacing what was taken before."""
        return self._replace("JupyterLab", checked(values, source="JupyterLab's settings"))

    def on_change(self, callback: Callable[[Settings], None]) -> None:
        """Call ``callback`` with the new settings whenever some were set."""
        self._callbacks.append(callback)

    def with_overrides(
        self, overrides: Mapping[str, Any], *, options: Mapping[str, str] = NO_OPTIONS
    ) -> Settings:
        """Return the settings with a call's own values on top.

        Parameters
        ----------
        overrides
            By name; None means not given.
        options
            The options of a magic that gave them, by the settings' names.

        Raises
        ------
        ConfigError
            If a name is unknown or a value is not allowed.
        """
        given = {name: value for name, value in overrides.items() if value is not None}
        own = checked(given, source="this call", options=options)
        return self._resolve([*self._layers.values(), own])

    def _replace(self, layer: str, values: dict[str, Any]) -> Settings:
        layers = self._layers | {layer: values}
        # What cannot be resolved, as with a broken file of aliases, is not to come in force later.
        settings = self._resolve(layers.values())
        self._layers, self._settings = layers, settings
        for callback in self._callbacks:
            callback(settings)
        return settings

    def _resolve(self, layers: Iterable[Mapping[str, Any]]) -> Settings:
        merged: dict[str, Any] = {}
        for values in layers:
            merged = _laid_over(merged, values)
        merged |= self._models_named_in(merged)
        # Options of an engine that is broken or was removed are left out.
        return Settings(**{name: value for name, value in merged.items() if _is_known(name)})

    def _models_named_in(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Return the settings in ``values`` that name a model, with the alias resolved."""
        named = (name for name in NAMES_OF_MODELS if name in values)
        return {name: self.aliases.resolve(values[name]) for name in named}


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return both layers as one: an option's name alone hides every engine's own value below."""
    return {name: value for name, value in below.items() if _alone(name) not in above} | {**above}


def _is_known(name: str) -> bool:
    return name in Settings.model_fields or any(engines_with(name))


def _alone(name: str) -> str:
    """Return an option's name without its engine's, where it can stand alone."""
    option = name.rpartition(".")[2]
    return name if option in Settings.model_fields else option
