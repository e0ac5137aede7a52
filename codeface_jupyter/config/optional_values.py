"""Settings that need have no value: nothing, and an empty text, which is all that some can say."""

from __future__ import annotations

from typing import get_args

from pydantic import BaseModel, SecretStr, ValidationInfo

__all__ = ["none_if_empty"]


def none_if_empty(cls: type[BaseModel], value: object, info: ValidationInfo) -> object:
    """Return None for an empty text where ``cls`` takes None; any other value as it is.

    The environment has nothing but texts, and TOML has no null.
    """
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not isinstance(text, str) or text or info.field_name is None:
        return value
    takes_none = type(None) in get_args(cls.model_fields[info.field_name].annotation)
    return None if takes_none else value
