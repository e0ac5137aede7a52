"""Read settings from the config file and the environment; an error names the place."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_origin

from pydantic import ValidationError

from codeface_jupyter.config.engine_options import (
    by_full_name,
    check_option,
    engines_with,
    installed_engines,
    kept_secret,
    lasting_option,
    problem_of,
)
from codeface_jupyter.config.refusals import parts_of, refused_value, unknown_setting
from codeface_jupyter.config.settings import Settings, setting_fields, short_setting_fields
from codeface_jupyter.config.user_folders import user_config_folder
from codeface_jupyter.errors import ConfigError, first_line, reason_of
from codeface_jupyter.small_files import read_text

__all__ = [
    "CONFIG_FILE_VARIABLE",
    "NO_OPTIONS",
    "check_name",
    "checked",
    "default_config_file",
    "missing_config_file",
    "read_environment",
    "read_file",
]

ENVIRONMENT_PREFIX = "CODEFACE_"
CONFIG_FILE_VARIABLE = "CODEFACE_CONFIG"
# What Kubernetes sets in every pod for a service whose name begins with "codeface".
SERVICE_VARIABLE = re.compile(
    r"_SERVICE_HOST$|_SERVICE_PORT(_\w+)?$|_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$"
)
BACKSLASHES = (
    "A backslash in double quotes begins a special character: write a path in single quotes, "
    "as in 'C:\\models'."
)
NO_OPTIONS: Mapping[str, str] = MappingProxyType({})
COLLECTIONS = frozenset({dict, frozenset, list, set, tuple})


def default_config_file() -> Path:
    """Return the config file: ``CODEFACE_CONFIG``, else one in the user's config folder."""
    chosen = os.environ.get(CONFIG_FILE_VARIABLE)
    if chosen:
        # Suppressed where there is no such user or working folder, nor such a file.
        with suppress(RuntimeError, FileNotFoundError):
            return _where_it_began(Path(chosen).expanduser())
        return Path(chosen)
    return user_config_folder() / "config.toml"


@lru_cache(maxsize=8)
def _where_it_began(file: Path) -> Path:
    """Return an absolute path, of a relative one that of the first time: ``%cd`` comes later."""
    return file.absolute()


def missing_config_file() -> ConfigError | None:
    """Return what is wrong with ``CODEFACE_CONFIG`` if it names no file; None if nothing is.

    Not to be raised where aliases may be kept beside a file that is yet to be written.
    """
    chosen = os.environ.get(CONFIG_FILE_VARIABLE)
    # `Path.exists` raises for a path that is too long.
    if not chosen or os.path.exists(default_config_file()):  # noqa: PTH110 - see above
        return None
    return ConfigError(f"{CONFIG_FILE_VARIABLE} names {chosen}, which does not exist.")


def checked(
    values: Mapping[str, Any], *, source: str, options: Mapping[str, str] = NO_OPTIONS
) -> dict[str, Any]:
    """Return ``values`` with engines' tables flattened, once every name and value is checked.

    Paths among them are absolute: what is kept must not move with the working folder.

    Parameters
    ----------
    values
        By name.
    source
        Where they came from.
    options
        The options of a magic that set them, by the settings' names.

    Raises
    ------
    ConfigError
        If a name is unknown or a value is not allowed.
    """
    own = {name: value for name, value in values.items() if name in Settings.model_fields}
    others = {
        name: kept_secret(name, value)
        for name, value in by_full_name({k: values[k] for k in values if k not in own}).items()
    }
    for name in others:
        check_name(name, source=source)
    try:
        settings = Settings(**own)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        field = Settings.model_fields[name]
        option = options.get(name, "")
        raise refused_value(name, first, field, source=source, option=option) from None
    for name, value in others.items():
        check_option(name, value, source=source)
    meant = {name: getattr(settings, name) for name in own}
    paths = {name: value for name, value in meant.items() if isinstance(value, Path)}
    return own | paths | {name: lasting_option(name, value) for name, value in others.items()}


def check_name(name: str, *, source: str) -> None:
    """Refuse what is neither a setting nor an engine's option, with or without the engine's name.

    Raises
    ------
    ConfigError
        If it is neither.
    """
    if name in Settings.model_fields or any(engines_with(name)):
        return
    known = dict.fromkeys((*short_setting_fields(), *setting_fields()))
    engines = {engine.name: engine.problem for engine in installed_engines().values()}
    raise unknown_setting(name, source=source, known=known, engines=engines)


def read_environment(
    *, on_refused: Callable[[ConfigError], object] | None = None
) -> dict[str, Any]:
    """Return what ``CODEFACE_`` variables set; two underscores end an engine's name.

    Parameters
    ----------
    on_refused
        Called for each variable that names no setting or holds a value that is not allowed,
        which is then left out.

    Raises
    ------
    ConfigError
        At the first such variable, unless ``on_refused`` is given or a cluster has set it.
    """
    values: dict[str, Any] = {}
    for variable in os.environ:
        if not variable.upper().startswith(ENVIRONMENT_PREFIX) or variable == CONFIG_FILE_VARIABLE:
            continue
        try:
            values |= _set_by(variable)
        except ConfigError as error:
            if on_refused is not None:
                on_refused(error)
            elif not SERVICE_VARIABLE.search(variable):
                raise
    return values


def _set_by(variable: str) -> dict[str, Any]:
    """Return what one variable sets; by itself, so that an error names it."""
    name, source = _setting_of(variable), f"environment variable {variable}"
    given = kept_secret(name, os.environ[variable])
    value = _parsed(name, given, source=source) if isinstance(given, str) else given
    return _lasting(name, value, source=source)


def read_file(file: Path) -> dict[str, Any]:
    """Return what a config file sets; nothing if there is no such file.

    Raises
    ------
    ConfigError
        If it cannot be read, or at the first wrong line.
    """
    try:
        # Editors on Windows begin a file with a mark of its encoding.
        text = read_text(file, encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"The config file {file} cannot be read: {reason_of(error)}.") from None
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # Also of numbers with too many digits, and of lists in lists without end.
        is_deep = isinstance(error, RecursionError)
        reason = "it is nested too deeply" if is_deep else first_line(error)
        raise ConfigError(
            f"The config file {file} is not valid TOML: {reason}.",
            hint=BACKSLASHES if "\\" in text else "",
        ) from None
    values: dict[str, Any] = {}
    for name, value in tables.items():
        single = {name: value} if name in Settings.model_fields else by_full_name({name: value})
        for full_name, given in single.items():
            source = f"{file}, line {_line_of(full_name, text)}"
            values |= _lasting(full_name, kept_secret(full_name, given), source=source)
    return values


def _lasting(name: str, value: object, *, source: str) -> dict[str, Any]:
    """Return a value of the file or the environment, checked unless its engine is broken.

    A broken plug-in is reported elsewhere, and must not keep the extension from loading.
    """
    return {name: value} if problem_of(name) else checked({name: value}, source=source)


def _setting_of(variable: str) -> str:
    """Return the setting that a variable names: ``CODEFACE_OPENAI__BASE_URL``, openai.base_url."""
    engine, separator, option = variable[len(ENVIRONMENT_PREFIX) :].lower().partition("__")
    if not separator:
        return engine
    # Variables have no dashes, and on Windows no lower case.
    names = {name.lower().replace("-", "_"): name for name in installed_engines()}
    return f"{names.get(engine, engine)}.{option}"


def _parsed(name: str, text: str, *, source: str) -> object:
    """Return a variable's value: JSON where the setting is a list or a table, text elsewhere."""
    field = Settings.model_fields.get(name)
    if field is None:
        option = name.rpartition(".")[2]
        engine = next(engines_with(name), None)
        field = engine.options.model_fields[option] if engine else None
    if field is None or not any(get_origin(part) in COLLECTIONS for part in parts_of(field)):
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{name} ({source}): expected JSON: {error}.",
            hint='Write a list as \'["END"]\', a table as \'{"name": "value"}\'.',
        ) from None


def _line_of(name: str, text: str) -> int:
    """Return the 1-based line that sets ``name``; TOML parsers keep no positions."""
    table, _, _ = name.rpartition(".")
    current = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line):
            current = _unquoted(header[1])
        elif written := re.match(r"\s*([\w.\"'-]+)\s*=", line):
            key = ".".join(filter(None, (current, _unquoted(written[1]))))
            if key == name or (table and key == table):
                return number
    return 1


def _unquoted(key: str) -> str:
    return key.replace('"', "").replace("'", "")
