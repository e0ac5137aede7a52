"""Settings that need have no value: nothing, and an empty text, which is all that some can say."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from pydantic import BaseModel, SecretStr, ValidationInfo

__all__ = ["meaning_of_empty"]


def meaning_of_empty(cls: type[BaseModel], value: object, info: ValidationInfo) -> object:
    """Return what an empty text stands for in ``cls``; any other value as it is.

    It is None where ``cls`` takes None, and the default of a path, since a path without a
    character would be the working folder. The environment has nothing but texts, and TOML has
    no null.
    """
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not isinstance(text, str) or text or info.field_name is None:
        return value
    field = cls.model_fields[info.field_name]
    if type(None) in get_args(field.annotation):
        return None
    is_path = field.annotation is Path and not field.is_required()
    return field.get_default(call_default_factory=True) if is_path else value
