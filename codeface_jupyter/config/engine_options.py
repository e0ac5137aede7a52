"""The engines that are installed and the options they bring, found when they are asked for.

Engines are above this room, so none is imported here by name: each is found through the
entry points of the installed packages, and only its plug-in is imported, which is light.
"""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from codeface_jupyter.config.refusals import parts_of, refused_value
from codeface_jupyter.errors import ConfigError

__all__ = [
    "ENTRY_POINT_GROUP",
    "NOT_IN_RESPONSE_KEY",
    "EngineOptions",
    "InstalledEngine",
    "answer_digest",
    "by_full_name",
    "check_option",
    "engines_with",
    "flat_options",
    "installed_engines",
    "settle_options",
]

logger = logging.getLogger(__name__)

ENTRY_POINT_GROUP = "codeface_jupyter.engines"
# In `Annotated`: the option changes no answer, or the engine's identity says what came of it.
NOT_IN_RESPONSE_KEY: Final = "not in the response cache's key"
DIGEST_CHARACTERS = 16


class EngineOptions(BaseModel):
    """What an engine can be set to; each engine has a subclass of its own.

    Every option has a default and a description, which is shown beside its value.
    A `pydantic.SecretStr` is never shown. Another value of any option makes another
    response key, unless the option is a secret or marked `NOT_IN_RESPONSE_KEY`.
    """

    # Its check is built when the first value is checked, not when the extension is loaded.
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, defer_build=True)


Options = TypeVar("Options", bound=EngineOptions)


@dataclass(frozen=True, kw_only=True)
class InstalledEngine:
    """An engine of which a package says that it has it.

    Attributes
    ----------
    name
        As settings name it.
    plugin
        What the entry point names; see `codeface_jupyter.engines.base.EnginePlugin`.
    options
        The engine's own options.
    problem
        Why the plug-in cannot be used; empty if it can.
    """

    name: str
    plugin: object = None
    options: type[EngineOptions] = EngineOptions
    problem: str = ""


def installed_engines() -> Mapping[str, InstalledEngine]:
    """Return the installed engines by name, sorted.

    They are looked for again only after something was installed or removed.
    """
    folders = ((folder, _changed(folder)) for folder in sys.path)
    return _find_engines(tuple(filter(_holds_packages, folders)))


def flat_options() -> dict[str, FieldInfo]:
    """Return the options of all engines by their names alone, sorted."""
    fields: dict[str, FieldInfo] = {}
    for engine in installed_engines().values():
        fields = dict(engine.options.model_fields) | fields
    return dict(sorted(fields.items()))


def by_full_name(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``values`` with each engine's table as single values: ``openai.base_url``."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and "." not in name and name not in flat_options():
            flat |= {f"{name}.{option}": given for option, given in value.items()}
        else:
            flat[name] = value
    return flat


def engines_with(name: str) -> Iterator[InstalledEngine]:
    """Yield the engines that have the option ``name``, alone or after its engine's name."""
    wanted, _, option = name.rpartition(".")
    for engine in installed_engines().values():
        if wanted in {"", engine.name} and option in engine.options.model_fields:
            yield engine


def check_option(name: str, value: object, *, source: str) -> None:
    """Refuse a value that no engine takes.

    A name alone speaks to every engine with such an option: those that cannot take the
    value are unfit for these settings, which is no reason to refuse it for the others.

    Raises
    ------
    ConfigError
        If none of the engines with this option takes ``value``.
    """
    refusals = []
    for engine in engines_with(name):
        refusal = _option_refusal(engine.options, name, value, source=source)
        if refusal is None:
            return
        refusals.append(refusal)
    if refusals:
        raise refusals[0]


def settle_options(kind: type[Options], *, engine: str, given: Mapping[str, Any]) -> Options:
    """Return an engine's options.

    Parameters
    ----------
    kind
        The engine's own options.
    engine
        Its name.
    given
        Values by name; an option's full name goes before its name alone.

    Raises
    ------
    ConfigError
        If the engine does not take a value.
    """
    names = {option: option for option in kind.model_fields if option in given}
    full_names = {option: f"{engine}.{option}" for option in kind.model_fields}
    names |= {option: name for option, name in full_names.items() if name in given}
    try:
        return kind(**{option: given[name] for option, name in names.items()})
    except ValidationError as error:
        source = f"for the engine {engine}"
        refusal = _refused(error, kind, full_names | names, source=source)
        if refusal is None:
            reason = error.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
            refusal = ConfigError(f"The options of the engine {engine} do not fit: {reason}.")
        raise refusal from None


def answer_digest(options: EngineOptions) -> str:
    """Return a digest of the options that can change an answer; empty if all are at their default.

    Secrets are no part of it.
    """
    fields = type(options).model_fields.items()
    left_out = {name for name, field in fields if not _is_in_response_key(field)}
    changed = options.model_dump_json(exclude=left_out, exclude_defaults=True)
    if changed == "{}":
        return ""
    return hashlib.sha256(changed.encode()).hexdigest()[:DIGEST_CHARACTERS]


def _is_in_response_key(field: FieldInfo) -> bool:
    parts = list(parts_of(field))
    return NOT_IN_RESPONSE_KEY not in parts and SecretStr not in parts


def _option_refusal(
    kind: type[EngineOptions], name: str, value: object, *, source: str
) -> ConfigError | None:
    option = name.rpartition(".")[2]
    try:
        kind(**{option: value})
    except ValidationError as error:
        return _refused(error, kind, {option: name}, source=source)
    return None


def _refused(
    error: ValidationError, kind: type[EngineOptions], names: Mapping[str, str], *, source: str
) -> ConfigError | None:
    """Return what is wrong with one of the options in ``names``; None if it is none of them."""
    for first in error.errors():
        option = str(first["loc"][0]) if first["loc"] else ""
        if option in names:
            return refused_value(names[option], first, kind.model_fields[option], source=source)
    return None


def _changed(folder: str) -> float:
    try:
        return Path(folder or ".").stat().st_mtime
    except OSError:
        return 0.0


@lru_cache(maxsize=64)
def _holds_packages(folder: tuple[str, float]) -> bool:
    """Whether packages are installed in a folder; IPython adds one without any for a while."""
    try:
        return any(Path(folder[0] or ".").glob("*.*-info"))
    except OSError:
        return False


@lru_cache(maxsize=1)
def _find_engines(_: tuple[tuple[str, float], ...]) -> Mapping[str, InstalledEngine]:
    found: dict[str, InstalledEngine] = {}
    for entry_point in sorted(entry_points(group=ENTRY_POINT_GROUP)):
        if entry_point.name not in found:
            found[entry_point.name] = _load(entry_point)
    return MappingProxyType(found)


def _load(entry_point: EntryPoint) -> InstalledEngine:
    name = entry_point.name
    try:
        plugin = entry_point.load()
    except Exception as error:  # noqa: BLE001 - others' code, which must not take the extension with it
        return _broken(name, f"its plug-in cannot be imported: {error!r}")
    options = getattr(plugin, "options", None)
    if isinstance(options, type) and issubclass(options, EngineOptions) and plugin.name == name:
        return InstalledEngine(name=name, plugin=plugin, options=options)
    return _broken(name, f"{entry_point.value} is not the plug-in of an engine called {name}")


def _broken(name: str, problem: str) -> InstalledEngine:
    logger.warning("The engine %s cannot be used: %s.", name, problem)
    return InstalledEngine(name=name, problem=problem)
