"""The settings of a session: what they are and what each may be.

What only some engines have is an option of those engines. Options are kept here as they were
given, alone or after their engine's name, and checked by what the engine brings.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainSerializer,
    PlainValidator,
    PrivateAttr,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo

from codeface_jupyter.config.engine_options import (
    EngineOptions,
    by_full_name,
    default_of,
    engines_with,
    flat_options,
    installed_engines,
    kept_secret,
    settle_options,
)
from codeface_jupyter.config.optional_values import meaning_of_empty
from codeface_jupyter.config.paths import as_meant, without_controls
from codeface_jupyter.config.permissions import NOTHING_MORE, Permissions
from codeface_jupyter.config.refusals import HOLDS_URL
from codeface_jupyter.config.response_cache_setting import ResponseCacheSetting
from codeface_jupyter.config.user_folders import user_cache_folder
from codeface_jupyter.errors import ConfigError

__all__ = [
    "AUTO_MODEL",
    "DEFAULT_MAX_NEW_TOKENS",
    "SAME_MODEL",
    "Settings",
    "default_cache_dir",
    "setting_fields",
    "short_setting_fields",
]

# The best recommended model that runs well here; a folder of that name is ``./auto``.
AUTO_MODEL = "auto"
# To complete code: the one that answers; a folder of that name is ``./same``.
SAME_MODEL = "same"
DEFAULT_MAX_NEW_TOKENS = 512
# Longer than anybody means; Redis counts milliseconds in 64 bits.
TEN_YEARS_S = 10 * 365 * 24 * 3_600

StopStrings = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(max_length=16)]
Options = TypeVar("Options", bound=EngineOptions)


def default_cache_dir() -> Path:
    """Return the user's cache folder for model files."""
    return user_cache_folder()


class Settings(BaseModel):
    """The resolved settings of a session; immutable, each checked for type and range.

    The options of engines are taken as well, by their names alone (``dtype="float32"``), after
    their engine's name (``{"openai.base_url": …}``) or as its table (``openai={…}``).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    _optional = field_validator("*", mode="before")(meaning_of_empty)
    _paths = field_validator("*")(as_meant)

    # Private, so that neither environment nor config file nor %config can set it.
    _permissions: Permissions = PrivateAttr(default=NOTHING_MORE)
    _given_options: dict[str, Any] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _take_options(cls, values: Any, handler: ModelWrapValidatorHandler[Settings]) -> Settings:
        if not isinstance(values, Mapping):
            return handler(values)
        own = {name: value for name, value in values.items() if name in cls.model_fields}
        # Engines are searched only where an option is given.
        others = by_full_name({k: values[k] for k in values if k not in own})
        options = {
            name: kept_secret(name, value)
            for name, value in others.items()
            if any(engines_with(name))
        }
        settings = handler(own | {k: others[k] for k in others if k not in options})
        settings._given_options = options  # noqa: SLF001 - our own, just made
        return settings

    @property
    def permissions(self) -> Permissions:
        """What this call alone is allowed, beyond the settings."""
        return self._permissions

    def permitting(self, permissions: Permissions) -> Settings:
        """Return these settings for a call that was allowed more."""
        settings = self.model_copy()
        settings._permissions = permissions  # noqa: SLF001 - our own, on a copy
        return settings

    @property
    def given_options(self) -> Mapping[str, Any]:
        """The options given to engines, under the names used: ``dtype``, ``openai.base_url``."""
        return MappingProxyType(self._given_options)

    def options_of(self, engine: str, kind: type[Options]) -> Options:
        """Return the options of an engine.

        Raises
        ------
        ConfigError
            If the engine does not accept a value that was given.
        """
        return settle_options(kind, engine=engine, given=self._given_options)

    def value_of(self, name: str) -> Any:
        """Return the value of a setting, or of an option with or without its engine's name.

        Raises
        ------
        ConfigError
            If the engine does not accept the value that was given, or no engine has the option.
        """
        if name in type(self).model_fields:
            return getattr(self, name)
        engine, dot, option = name.rpartition(".")
        if not dot:
            return self._flat_value(option)
        found = next(engines_with(name), None)
        if found is None:
            raise _no_such_option(name)
        return getattr(self.options_of(engine, found.options), option)

    def _flat_value(self, option: str) -> Any:
        """Return the value given to all engines, as the first that accepts it reads it."""
        kinds = {found.name: found.options for found in engines_with(option)}
        if not kinds:
            raise _no_such_option(option)
        if option not in self._given_options:
            return default_of(next(iter(kinds.values())), option)
        given = {option: self._given_options[option]}
        for engine, kind in kinds.items():
            with suppress(ConfigError):
                return getattr(settle_options(kind, engine=engine, given=given), option)
        return None  # no engine accepts it

    # Model and engine
    model: Annotated[str, AfterValidator(without_controls)] = Field(
        AUTO_MODEL,
        min_length=1,
        description="auto, a catalog name, a hub id (owner/name) or a local folder.",
    )
    completion_model: Annotated[str, AfterValidator(without_controls)] = Field(
        AUTO_MODEL,
        min_length=1,
        description="The model that completes code as you type: auto takes a small one that is "
        "here if the one that answers is slow; same, a catalog name, a hub id or a local folder.",
    )
    revision: str | None = Field(None, description="The hub revision of the model.")
    engine: str = Field(
        "auto", min_length=1, description="auto, or the name of an installed engine."
    )
    cache_dir: Path = Field(
        default_factory=default_cache_dir, description="The folder for model files."
    )
    force_load: bool = Field(
        False, description="Load a model that does not fit, offloading the rest to disk."
    )
    memory_threshold: float = Field(
        0.9,
        gt=0.0,
        le=1.0,
        description="Share of memory in use above which KV caches, kept answers and models beside "
        "the one that answers are dropped.",
    )
    auto_pull: bool = Field(True, description="Fetch a missing model at the first request.")
    background_load: bool = Field(
        False, description="Load the model in the background as soon as the extension is loaded."
    )
    read_ahead: bool = Field(
        True,
        description="While a question or an edit is being typed in JupyterLab, load the model and "
        "read the notebook, so that the answer begins sooner; read cells that fail as well, once "
        "an error has been asked about.",
    )

    # Generation
    max_new_tokens: int = Field(
        DEFAULT_MAX_NEW_TOKENS,
        ge=1,
        le=131_072,
        description="The maximum length of an answer, in tokens.",
    )
    temperature: float = Field(
        0.0, ge=0.0, le=2.0, description="0 is greedy; higher is more varied."
    )
    top_p: float = Field(
        1.0,
        gt=0.0,
        le=1.0,
        description="Sample from the smallest set of tokens with this total probability.",
    )
    top_k: int = Field(
        0, ge=0, description="Sample from this many of the most likely tokens; 0 means all."
    )
    repetition_penalty: float | None = Field(
        None,
        gt=0.0,
        le=2.0,
        description="Above 1 repeats less; empty is the engine's default, or 1 to rewrite a cell.",
    )
    seed: int | None = Field(
        None, ge=0, lt=2**63, description="The same seed gives the same answer."
    )
    stop_strings: StopStrings = Field((), description="Texts that end the answer.")

    # Trying answers
    tries: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Run answers' code on a copy of the kernel before it is shown: auto where the "
        "system guards the copy, on also behind a weaker guard, off.",
    )
    better_model: Literal["auto", "off"] = Field(
        "auto",
        description="Where an answer fails on the copy: auto asks a better model that is on this "
        "machine, if model is auto, before others are sampled; off.",
    )
    tried_answers: int = Field(
        1,
        ge=1,
        le=32,
        description="How many answers are asked for at once, to show what most of them agree on.",
    )
    try_timeout_s: float = Field(
        5.0, gt=0.0, le=600.0, description="How long code may run on the copy, in seconds."
    )

    # Context
    context_cells: int | None = Field(
        None, ge=0, description="How many preceding cells may be sent; empty means all that fit."
    )
    context_tokens: int = Field(
        1_024, ge=0, description="The budget for preceding cells, in tokens."
    )
    variable_tokens: int = Field(
        384, ge=0, description="The budget for descriptions of variables, in tokens."
    )
    file_tokens: int = Field(1_024, ge=0, description="The budget for files, in tokens.")
    error_tokens: int = Field(
        768, ge=0, description="The budget for a failed cell and its traceback, in tokens."
    )
    history_exchanges: int = Field(
        1, ge=0, le=50, description="How many of the last exchanges are sent with a request."
    )
    history_tokens: int = Field(
        512, ge=0, description="The budget for the last exchanges, in tokens."
    )

    # Output
    insert: Literal["button", "next", "replace", "none"] = Field(
        "button", description="What to do with the code: button, next, replace or none."
    )
    format: Literal["auto", "code", "markdown", "text"] = Field(
        "auto", description="How to show the answer: auto, code, markdown or text."
    )

    answers: Literal["code", "hints"] = Field(
        "code",
        description="What is answered: code, or hints in words, as for a class.",
    )
    ask_in_run_all: bool = Field(
        True,
        description="Answer requests also when the whole notebook runs, not only by hand.",
    )

    # Privacy
    send_values_to_remote: bool = Field(
        False, description="Let values of variables leave this machine, not only their types."
    )

    # Response cache
    response_cache: Annotated[
        ResponseCacheSetting,
        HOLDS_URL,
        PlainValidator(ResponseCacheSetting.parse),
        PlainSerializer(str),
    ] = Field(
        ResponseCacheSetting("memory"),
        description="Where answers are kept for replay: memory, off, or redis://… to share them.",
    )
    response_cache_sampled: bool = Field(
        False, description="Also keep answers that were sampled without a seed."
    )
    response_cache_ttl_s: float = Field(
        3_600.0, gt=0, le=TEN_YEARS_S, description="How long an answer is kept, in seconds."
    )
    response_cache_bytes: int = Field(
        32 * 2**20, ge=0, description="How much text is kept, in bytes."
    )

    # Records
    request_log: Path | None = Field(
        None, description="A file for one line of JSON per request: lengths and times, no texts."
    )
    log_texts: bool = Field(
        False, description="Put prompts and answers into the request log as well."
    )


def _no_such_option(name: str) -> ConfigError:
    return ConfigError(
        f"No installed engine has the option {name!r}.",
        hint="%codeface_config lists the options of those that are installed.",
    )


def setting_fields() -> dict[str, FieldInfo]:
    """Return every setting, then every engine's options after the engine's name."""
    fields = dict(Settings.model_fields)
    for engine in installed_engines().values():
        for option, field in engine.options.model_fields.items():
            fields[f"{engine.name}.{option}"] = field
    return fields


def short_setting_fields() -> dict[str, FieldInfo]:
    """Return every setting, then every option of any engine by its name alone."""
    own = dict(Settings.model_fields)
    return own | {name: field for name, field in flat_options().items() if name not in own}
