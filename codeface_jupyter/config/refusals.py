"""Why a name or a value is refused, without repeating a secret."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from typing import Any, Final, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from codeface_jupyter.errors import ConfigError
from codeface_jupyter.privacy import masked_url

__all__ = ["HOLDS_URL", "parts_of", "refused_value", "unknown_setting"]

# Flags of single calls; see `codeface_jupyter.config.permissions`.
CALL_FLAGS = frozenset({"trust_remote_code", "allow_pickle"})
HOLDS_URL: Final = "holds a URL"  # In `Annotated`: a refused value may hold a password anywhere.

ALL_SETTINGS = "The reference lists them all; so does %codeface_config, once it is loaded."


LIMITS = frozenset({"greater_than", "greater_than_equal", "less_than", "less_than_equal"})
# By the type of pydantic's error, which fills the braces; others are told in its own words.
EXPECTED = {
    "bool_parsing": "yes or no (true, false)",
    "bool_type": "yes or no (true, false)",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "path_type": "a path",
    "string_type": "text",
    "tuple_type": "a list",
}


def refused_value(
    name: str, error: ErrorDetails, field: FieldInfo, *, source: str, option: str = ""
) -> ConfigError:
    """Return the error that names a setting, its value and what is allowed.

    Parameters
    ----------
    name
        The setting, as the user wrote it.
    error
        The first of pydantic's errors about it.
    field
        What the setting may be.
    source
        Where the value came from.
    option
        The option of a magic that was typed, which the user knows better than the setting.
    """
    value = error["input"]
    as_text = shlex.quote(str(value)) if option else repr(value)
    shown = as_text if _may_be_shown(value, field) else "(not shown)"
    given = f"{option} {shown}" if option else f"{name} = {shown} ({source})"
    return ConfigError(f"{given}: {_reason(error)}.", hint=f"{option or name}: {field.description}")


def _reason(error: ErrorDetails) -> str:
    expected = EXPECTED.get(error["type"])
    if error["type"] in LIMITS and _is_nan(error["input"]):
        # It is within no limits, whatever these are.
        expected = f"{expected}, and nan is not a number"
    if expected is not None:
        limits = {name: _written(value) for name, value in error.get("ctx", {}).items()}
        return f"expected {expected.format(**limits)}"
    message = error["msg"].removeprefix("Value error, ")
    return message[0].lower() + message[1:]


def _is_nan(value: Any) -> bool:
    with suppress(ValueError, TypeError, OverflowError):
        return math.isnan(float(value))
    return False


def _written(limit: object) -> object:
    # Of a number that may have a fraction, the limit is a float.
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit


def unknown_setting(
    name: str, *, source: str, known: Iterable[str], engines: Mapping[str, str]
) -> ConfigError:
    """Return the error for a name that is not a setting, with the names closest to it.

    Parameters
    ----------
    name
        As the user wrote it, or an option after its engine's name.
    source
        Where it stands.
    known
        The names that there are.
    engines
        The installed engines, each with why it cannot be used; empty if it can.
    """
    engine, _, option = name.rpartition(".")
    if option in CALL_FLAGS:
        flag = f"--{option.replace('_', '-')}"
        return ConfigError(
            f"{name} ({source}) is not a setting: it is dangerous, so each call must ask for it.",
            hint=f"Add {flag} to the call that needs it.",
        )
    own = [other for other in known if engine and other.startswith(f"{engine}.")]
    close = get_close_matches(name, own or list(known), n=3)
    hint = f"Did you mean {', '.join(close)}?" if close else ALL_SETTINGS
    if not engine:
        return ConfigError(f"There is no setting {name!r} ({source}).", hint=hint)
    if problem := engines.get(engine):
        return ConfigError(
            f"{name} ({source}): the engine {engine} cannot be used: {problem}.",
            hint="Update or remove the package that it comes with.",
        )
    if engine in engines:
        return ConfigError(f"The {engine} engine has no option {option!r} ({source}).", hint=hint)
    if not close:
        hint = f"Engines: {', '.join(engines)}."
    return ConfigError(f"{name} ({source}): no engine {engine!r} is installed.", hint=hint)


def parts_of(field: FieldInfo) -> Iterator[object]:
    """Yield everything that the type of a setting mentions, marks such as `HOLDS_URL` among it."""
    yield from field.metadata
    yield from _mentioned(field.annotation)


def _mentioned(annotation: object) -> Iterator[object]:
    yield annotation
    for part in get_args(annotation):
        yield from _mentioned(part)


def _may_be_shown(value: object, field: FieldInfo) -> bool:
    parts = list(parts_of(field))
    is_secret = any(part is SecretStr for part in parts)
    may_hold_one = HOLDS_URL in parts or "://" in str(value)
    return not (is_secret or (may_hold_one and masked_url(str(value)) != str(value)))
