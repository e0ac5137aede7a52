"""The installed engines and the options they bring, found when they are needed.

Engines are above this room, so none is imported here by name: each is found through the
entry points of the installed packages, and only its plug-in is imported, which is light.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    PydanticUndefinedAnnotation,
    PydanticUserError,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic.fields import FieldInfo

from codeface_jupyter.config.optional_values import meaning_of_empty
from codeface_jupyter.config.paths import as_meant
from codeface_jupyter.config.refusals import parts_of, refused_value
from codeface_jupyter.errors import ConfigError, first_line

__all__ = [
    "ENTRY_POINT_GROUP",
    "NOT_IN_RESPONSE_KEY",
    "EngineOptions",
    "InstalledEngine",
    "answer_digest",
    "by_full_name",
    "call_plugin",
    "check_option",
    "default_of",
    "engines_with",
    "flat_options",
    "installed_engines",
    "kept_secret",
    "lasting_option",
    "no_such_engine",
    "problem_of",
    "settle_options",
]

logger = logging.getLogger(__name__)

ENTRY_POINT_GROUP = "codeface_jupyter.engines"
# In `Annotated`: the option changes no answer, or the engine's identity says what came of it.
NOT_IN_RESPONSE_KEY: Final = "not in the response cache's key"
DIGEST_CHARACTERS = 16
FAILED_CHECK = "Give another value, or update the package that the engine comes with."
OWN_PACKAGE = f"{__name__.partition('.')[0]}."


class EngineOptions(BaseModel):
    """The options of an engine; each engine has its own subclass.

    Every option has a default and a description, which is shown beside its value.
    Of one that may be None, an empty text is None: so it can be written everywhere. Paths are
    absolute, and an empty one is the default.
    A `pydantic.SecretStr` is never shown. Another value of any option makes another
    response key, unless the option is a secret or marked `NOT_IN_RESPONSE_KEY`.
    """

    # Its check is built when the first value is checked, not when the extension is loaded.
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, defer_build=True)

    _optional = field_validator("*", mode="before")(meaning_of_empty)
    _paths = field_validator("*")(as_meant)


Folders = tuple[tuple[str, float], ...]
Options = TypeVar("Options", bound=EngineOptions)
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class InstalledEngine:
    """An engine that an installed package declares.

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


# What was found last, by the folders that it was found in.
_FOUND: dict[Folders, Mapping[str, InstalledEngine]] = {}


def installed_engines() -> Mapping[str, InstalledEngine]:
    """Return the installed engines by name, sorted.

    They are searched again only after a package was installed or removed.
    """
    folders = _package_folders()
    found = _FOUND.get(folders)
    if found is None:
        found = _find_engines()
        _FOUND.clear()
        # Importing a plug-in may leave bytecode beside it, which changes its folder's time too.
        _FOUND.update({folders: found, _package_folders(): found})
    return found


def no_such_engine(name: str) -> str:
    """Return the message about an engine that is not there."""
    names = ["auto", *installed_engines()]
    close = get_close_matches(name.strip().lower(), names, n=1)
    meant = f" Did you mean {close[0]}?" if close else ""
    return f"There is no engine {name!r}.{meant} Engines: {', '.join(names)}."


def flat_options() -> dict[str, FieldInfo]:
    """Return the options of all engines by their names alone, sorted.

    Where engines describe an option differently, its description is all of theirs.
    """
    described: dict[str, dict[str, FieldInfo]] = {}
    for engine in installed_engines().values():
        for name, field in engine.options.model_fields.items():
            described.setdefault(name, {})[engine.name] = field
    return {name: _common_field(described[name]) for name in sorted(described)}


def by_full_name(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``values`` with each engine's table flattened: ``openai.base_url``."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and "." not in name and name not in flat_options():
            flat |= {f"{name}.{option}": given for option, given in value.items()}
        else:
            flat[name] = value
    return flat


def call_plugin(call: Callable[[], Result], *, or_else: Callable[[str], Result]) -> Result:
    """Return what a plug-in's code returns, or ``or_else`` of what it raised.

    This is the boundary to a plug-in of others: one that is broken must harm neither the
    extension nor the other engines.
    """
    try:
        return call()
    except (Exception, SystemExit) as error:  # a script that was not made to be imported exits
        # The traceback is for the author of the engine.
        logger.debug("A plug-in failed.", exc_info=True)
        return or_else(repr(error))


def engines_with(name: str) -> Iterator[InstalledEngine]:
    """Yield the engines that have the option ``name``, alone or after its engine's name."""
    wanted, dot, option = name.rpartition(".")
    for engine in installed_engines().values():
        if (not dot or engine.name == wanted) and option in engine.options.model_fields:
            yield engine


def problem_of(name: str) -> str:
    """Return why the engine that ``name`` begins with cannot be used; empty if it can."""
    engine = installed_engines().get(name.rpartition(".")[0])
    return "" if engine is None else engine.problem


def check_option(name: str, value: object, *, source: str) -> None:
    """Refuse a value that no engine accepts.

    A name alone applies to every engine that has the option. Those that do not accept the
    value are unfit for these settings, which is no reason to refuse it for the others.

    Raises
    ------
    ConfigError
        If none of the engines with this option accepts ``value``.
    """
    refusals = {}
    for engine in engines_with(name):
        refusal = _option_refusal(engine, name, value, source=source)
        if refusal is None:
            return
        refusals[engine.name] = refusal
    if refusals:
        raise ConfigError(
            _by_engine({engine: refusal.message for engine, refusal in refusals.items()}),
            hint=_by_engine({engine: refusal.hint for engine, refusal in refusals.items()}),
        )


def kept_secret(name: str, value: object) -> object:
    """Return a value as settings keep it: a secret shows itself in no text or traceback."""
    if not isinstance(value, str):
        return value
    option = name.rpartition(".")[2]
    fields = (engine.options.model_fields[option] for engine in engines_with(name))
    is_secret = any(SecretStr in parts_of(field) for field in fields)
    return SecretStr(value) if is_secret else value


def lasting_option(name: str, value: object) -> object:
    """Return a value that `check_option` accepts as it is to be kept.

    A path is made absolute: it must not move with the working folder.
    """
    option = name.rpartition(".")[2]
    fields = [engine.options.model_fields[option] for engine in engines_with(name)]
    is_path = bool(fields) and all(Path in parts_of(field) for field in fields)
    return as_meant(Path(value)) if is_path and value and isinstance(value, str | Path) else value


def settle_options(kind: type[Options], *, engine: str, given: Mapping[str, Any]) -> Options:
    """Return an engine's options.

    Parameters
    ----------
    kind
        The engine's own options.
    engine
        Its name.
    given
        Values by name; an option's full name takes precedence over its name alone.

    Raises
    ------
    ConfigError
        If the engine does not accept a value.
    """
    names = {option: option for option in kind.model_fields if option in given}
    full_names = {option: f"{engine}.{option}" for option in kind.model_fields}
    names |= {option: name for option, name in full_names.items() if name in given}
    source = f"for the {engine} engine"
    values = {option: given[name] for option, name in names.items()}
    try:
        return _build(kind, values, said=f"{', '.join(names.values()) or 'defaults'} ({source})")
    except ValidationError as error:
        refusal = _refused(error, kind, full_names | names, source=source)
        if refusal is None:
            reason = error.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
            refusal = ConfigError(f"The options of the {engine} engine are not valid: {reason}.")
        raise refusal from None


def default_of(kind: type[EngineOptions], option: str) -> object:
    """Return the default of an option, unchecked; None if it cannot be had."""
    field = kind.model_fields[option]
    if field.default_factory_takes_validated_data:
        return call_plugin(lambda: getattr(kind(), option), or_else=lambda _: None)
    return call_plugin(lambda: field.get_default(call_default_factory=True), or_else=lambda _: None)


def answer_digest(options: EngineOptions) -> str:
    """Return a digest of the options that can change an answer; empty if all are at their default.

    Secrets are no part of it.
    """
    fields = type(options).model_fields.items()
    left_out = {name for name, field in fields if not _is_in_response_key(field)}
    changed = options.model_dump(mode="json", exclude=left_out, exclude_defaults=True)
    if not changed:
        return ""
    text = json.dumps(_sets_sorted(changed, options), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_CHARACTERS]


def _sets_sorted(dumped: Any, value: object) -> Any:
    """Return the JSON of ``value`` with the elements of its sets in order.

    They are dumped in the order of the set, which is another one in every process.
    """
    if isinstance(dumped, dict) and isinstance(value, BaseModel):
        return {key: _sets_sorted(part, getattr(value, key, None)) for key, part in dumped.items()}
    if isinstance(dumped, dict) and isinstance(value, Mapping):
        pairs = zip(dumped.items(), value.values(), strict=False)
        return {key: _sets_sorted(part, given) for (key, part), given in pairs}
    if isinstance(dumped, list) and isinstance(value, (list, tuple, set, frozenset)):
        parts = [_sets_sorted(*pair) for pair in zip(dumped, value, strict=False)]
        return parts if isinstance(value, (list, tuple)) else sorted(parts, key=json.dumps)
    return dumped


def _is_in_response_key(field: FieldInfo) -> bool:
    parts = list(parts_of(field))
    return NOT_IN_RESPONSE_KEY not in parts and SecretStr not in parts


def _option_refusal(
    engine: InstalledEngine, name: str, value: object, *, source: str
) -> ConfigError | None:
    option = name.rpartition(".")[2]
    said = f"{name} ({source}), read by the {engine.name} engine"
    try:
        _build(engine.options, {option: value}, said=said)
    except ValidationError as error:
        return _refused(error, engine.options, {option: name}, source=source)
    except ConfigError as error:
        return error
    return None


def _build(kind: type[Options], values: Mapping[str, Any], *, said: str) -> Options:
    """Return options of ``values``; ``said`` is what a check that itself fails is reported as.

    Raises
    ------
    ValidationError
        If a value is not allowed.
    ConfigError
        If a check of the plug-in raises anything else, which may hold the value.
    """

    def build() -> Options | ValidationError:
        try:
            return kind(**values)
        except ValidationError as error:
            return error

    failed = ConfigError(
        f"{said}: the engine's own check of its options failed.", hint=FAILED_CHECK
    )
    built = call_plugin(build, or_else=lambda _: failed)
    if isinstance(built, Exception):
        raise built
    return built


def _refused(
    error: ValidationError, kind: type[EngineOptions], names: Mapping[str, str], *, source: str
) -> ConfigError | None:
    """Return the error about one of the options in ``names``; None if it is about another."""
    for first in error.errors():
        option = str(first["loc"][0]) if first["loc"] else ""
        if option in names:
            return refused_value(names[option], first, kind.model_fields[option], source=source)
    return None


def _common_field(fields: Mapping[str, FieldInfo]) -> FieldInfo:
    """Return what an option may be, by engine, as any engine's, with all that they say of it."""
    field = copy(next(iter(fields.values())))
    field.description = _by_engine({name: f.description or "" for name, f in fields.items()})
    return field


def _by_engine(texts: Mapping[str, str]) -> str:
    """Return what all engines say alike, or what each of them says after its name."""
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    return "; ".join(f"{name}: {text}" for name, text in texts.items()).replace(".; ", "; ")


def _changed(folder: str) -> float:
    try:
        return Path(folder or ".").stat().st_mtime
    except OSError:
        return 0.0


@lru_cache(maxsize=64)
def _holds_packages(folder: tuple[str, float]) -> bool:
    """Whether packages are installed in a folder; IPython adds an empty one for a while."""
    try:
        return any(Path(folder[0] or ".").glob("*.*-info"))
    except OSError:
        return False


def _package_folders() -> Folders:
    """Return where packages are, with the times that installing or removing one changes."""
    folders = ((folder, _changed(folder)) for folder in sys.path)
    return tuple(filter(_holds_packages, folders))


def _find_engines() -> Mapping[str, InstalledEngine]:
    found: dict[str, InstalledEngine] = {}
    # Sorted, so that of two engines with one name the same one wins on every machine.
    for entry_point in sorted(entry_points(group=ENTRY_POINT_GROUP)):
        if entry_point.name not in found:
            found[entry_point.name] = _load(entry_point)
    return MappingProxyType(found)


def _load(entry_point: EntryPoint) -> InstalledEngine:
    return call_plugin(
        lambda: _checked(entry_point.name, entry_point.load(), place=entry_point.value),
        or_else=lambda reason: _broken(
            entry_point.name, f"its plug-in cannot be imported: {reason}"
        ),
    )


def _checked(name: str, plugin: object, *, place: str) -> InstalledEngine:
    """Return an engine with its plug-in, if that is one."""
    options = getattr(plugin, "options", None)
    is_plugin = getattr(plugin, "name", None) == name and all(
        callable(getattr(plugin, method, None)) for method in ("fitness", "create")
    )
    if is_plugin and isinstance(options, type) and issubclass(options, EngineOptions):
        engine = InstalledEngine(name=name, plugin=plugin, options=options)
        # Ours are tested, and building them takes time whenever the extension is loaded.
        return engine if options.__module__.startswith(OWN_PACKAGE) else _proved(engine)
    return _broken(name, f"{place} is not the plug-in of an engine called {name}")


def _proved(engine: InstalledEngine) -> InstalledEngine:
    """Return the engine, broken if its options cannot be built."""

    def build() -> InstalledEngine:
        try:
            engine.options.model_rebuild(force=True)
        except (PydanticUserError, PydanticUndefinedAnnotation) as error:
            # As it is, its repr names nothing, or goes on for lines.
            raise TypeError(first_line(error)) from error
        # A default that is not allowed leaves the engine unfit until another value is given.
        with suppress(ValidationError):
            engine.options()
        return engine

    return call_plugin(
        build,
        or_else=lambda reason: _broken(engine.name, f"its options cannot be built: {reason}"),
    )


def _broken(name: str, problem: str) -> InstalledEngine:
    logger.warning("The %s engine cannot be used: %s.", name, problem)
    return InstalledEngine(name=name, problem=problem)
