"""Settings: what they are, what they may be, and where each value came from.

One precedence, highest first: a call's argument or a magic's flag, ``%config
CodeFace.name = value``, the environment (``CODEFACE_NAME``), the config file
(``config.toml`` in the user's config folder, or where ``CODEFACE_CONFIG``
points), the default.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import platformdirs
from pydantic import (
    AfterValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    PrivateAttr,
    SecretStr,
    ValidationError,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from codeface_jupyter.config.aliases import Aliases
from codeface_jupyter.config.permissions import NOTHING_MORE, Permissions
from codeface_jupyter.config.response_cache_choice import ResponseCacheChoice
from codeface_jupyter.errors import ConfigError
from codeface_jupyter.privacy import masked_url

__all__ = ["Config", "Settings", "default_cache_dir", "default_config_file"]

ENVIRONMENT_PREFIX = "CODEFACE_"
CONFIG_FILE_VARIABLE = "CODEFACE_CONFIG"
DEFAULT_MODEL = "qwen2.5-coder-0.5b"
# Flags of single calls; see `codeface_jupyter.config.permissions`.
CALL_FLAGS = frozenset({"trust_remote_code", "allow_pickle"})
SECRET_SETTINGS = frozenset({"api_key"})
URL_SETTINGS = frozenset({"base_url", "response_cache"})

StopStrings = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(max_length=16)]


def default_cache_dir() -> Path:
    """Return the user's cache folder for model files."""
    return Path(platformdirs.user_cache_dir("codeface-jupyter", appauthor=False))


def default_config_file() -> Path:
    """Return the config file: ``CODEFACE_CONFIG``, else one in the user's config folder."""
    chosen = os.environ.get(CONFIG_FILE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    return Path(platformdirs.user_config_dir("codeface-jupyter", appauthor=False)) / "config.toml"


def _check_base_url(url: str) -> str:
    """Return ``url`` without a slash at its end; raise ValueError unless a server can have it."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("a URL such as https://host/v1 was expected")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a key belongs into api_key, not into the URL")
    if parts.query or parts.fragment:
        raise ValueError("a URL without ? and # was expected")
    if parts.port == 0:  # also raises ValueError for a port that is no number
        raise ValueError("port 0 is nobody's")
    return url.rstrip("/")


BaseUrl = Annotated[str, AfterValidator(_check_base_url)]


class Settings(BaseSettings):
    """The resolved settings of a session; immutable, each checked for type and range."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, extra="forbid", frozen=True, validate_default=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from the constructor alone: `Config` reads the layers one by one."""
        return (init_settings,)

    # Private, so that neither environment nor config file nor %config can set it.
    _permissions: Permissions = PrivateAttr(default=NOTHING_MORE)

    @property
    def permissions(self) -> Permissions:
        """What this very call was allowed beyond its settings."""
        return self._permissions

    def permitting(self, permissions: Permissions) -> Settings:
        """Return these settings for a call that was allowed more."""
        settings = self.model_copy()
        settings._permissions = permissions  # noqa: SLF001 - our own, on a copy
        return settings

    # Model and engine
    model: str = Field(
        DEFAULT_MODEL,
        min_length=1,
        description="A catalog name, a hub id (owner/name) or a local folder.",
    )
    revision: str | None = Field(None, description="The hub revision of the model.")
    engine: str = Field("auto", min_length=1, description="auto, or an installed engine's name.")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="The weights' type; auto takes the one that suits the device."
    )
    quantization: Literal["auto", "int8", "int4", "q8_0", "q4_0"] = Field(
        "auto",
        description="Smaller weights: int8, int4; in openvino also q8_0, q4_0, a GGUF's blocks.",
    )
    adapter: Path | None = Field(
        None, description="A folder with a LoRA adapter by PEFT, put on top of the model."
    )
    device_map: str = Field(
        "auto", description="Where accelerate places the model: auto, cpu, cuda, cuda:1, balanced …"
    )
    attn_implementation: Literal["auto", "eager", "sdpa", "flash_attention_2"] = Field(
        "auto", description="The attention kernel; auto leaves the choice to transformers."
    )
    offload_folder: Path | None = Field(
        None, description="Where weights go that fit neither the device nor memory."
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
        description="Used share of memory above which kept KV prefixes and answers are dropped.",
    )
    auto_pull: bool = Field(True, description="Fetch a missing model at the first request.")

    background_load: bool = Field(
        False, description="Load the model in the background as soon as the extension is loaded."
    )

    # Generation
    max_new_tokens: int = Field(512, ge=1, le=131_072, description="The longest answer, in tokens.")
    temperature: float = Field(
        0.0, ge=0.0, le=2.0, description="0 is greedy; higher is more varied."
    )
    top_p: float = Field(
        1.0, gt=0.0, le=1.0, description="Sample from the smallest set with this mass."
    )
    top_k: int = Field(
        0, ge=0, description="Sample from this many of the likeliest tokens; 0 is all."
    )
    repetition_penalty: float | None = Field(
        None,
        gt=0.0,
        le=2.0,
        description="Above 1 repeats less; empty is 1.05, and 1 where a cell is to be rewritten.",
    )
    seed: int | None = Field(
        None, ge=0, lt=2**63, description="The same seed gives the same answer."
    )
    stop_strings: StopStrings = Field((), description="Texts that end the answer.")

    # Context
    context_cells: int | None = Field(
        None, ge=0, description="How many preceding cells may be sent; empty is all that fit."
    )
    context_tokens: int = Field(
        1_024, ge=0, description="The most tokens that preceding cells may take."
    )
    variable_tokens: int = Field(
        256, ge=0, description="The most tokens that descriptions of variables may take."
    )
    file_tokens: int = Field(1_024, ge=0, description="The most tokens that files may take.")
    error_tokens: int = Field(
        768, ge=0, description="The most tokens that a failed cell and its traceback may take."
    )
    history_exchanges: int = Field(
        1, ge=0, le=50, description="How many of the last exchanges are sent along."
    )
    history_tokens: int = Field(
        512, ge=0, description="The most tokens that the last exchanges may take."
    )

    # Output
    insert: Literal["button", "next", "replace", "none"] = Field(
        "button", description="What happens to the generated code."
    )
    format: Literal["auto", "code", "markdown", "text"] = Field(
        "auto", description="How the answer is shown."
    )

    # A server in this machine's place
    base_url: BaseUrl | None = Field(
        None, description="Where an OpenAI-compatible server answers, e.g. https://host/v1."
    )
    api_key: SecretStr | None = Field(
        None, description="The server's key or token; the keyring's unless given. Never shown."
    )
    remote_api: Literal["chat", "completions"] = Field(
        "chat", description="What the server's model takes; completions is for base models."
    )
    remote_context_window: int | None = Field(
        None, ge=1, description="Tokens that the server's model sees at once; empty is unknown."
    )
    request_timeout_s: float = Field(
        120.0, gt=0, le=3_600, description="The longest silence of a server, in seconds."
    )
    request_retries: int = Field(
        2, ge=0, le=10, description="How often to ask a busy or unreachable server again."
    )
    send_values_to_remote: bool = Field(
        False, description="Let values of variables leave this machine, not only their types."
    )

    # Response cache
    response_cache: Annotated[
        ResponseCacheChoice,
        NoDecode,
        PlainValidator(ResponseCacheChoice.parse),
        PlainSerializer(str),
    ] = Field(
        ResponseCacheChoice("memory"),
        description="Where answers are kept to be replayed: memory, off, or redis://…, shared.",
    )
    response_cache_sampled: bool = Field(
        False, description="Also keep answers drawn at random without a seed."
    )
    response_cache_ttl_s: float = Field(
        3_600.0, gt=0, description="How long an answer is kept, in seconds."
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


class Config:
    """Settings in layers, each value with its origin.

    Parameters
    ----------
    file
        The config file; `default_config_file` unless given. It need not exist.

    Attributes
    ----------
    aliases
        The user's own names for models, which `settings` resolve.

    Raises
    ------
    ConfigError
        If the file or the environment holds an unknown name or a bad value.
    """

    def __init__(self, *, file: Path | None = None) -> None:
        self.file = file or default_config_file()
        self.aliases = Aliases(self.file.with_name("aliases.json"))
        # Lowest first, so that later layers overwrite earlier ones.
        self._layers: dict[str, dict[str, Any]] = {
            "JupyterLab": {},
            "config file": _read_file(self.file),
            "environment": _read_environment(),
            "%config": {},
        }
        self._callbacks: list[Callable[[Settings], None]] = []
        self._settings = self._resolve({})

    @property
    def settings(self) -> Settings:
        """The values in force."""
        return self._settings

    def origin(self, name: str) -> str:
        """Return where ``name``'s value comes from: a layer's name or ``default``."""
        for layer in reversed(self._layers):
            if name in self._layers[layer]:
                return layer
        return "default"

    def set(self, **values: Any) -> Settings:
        """Change settings for this session, as ``%config`` does; all of them or none."""
        _validate(values, source="%config")
        if "model" in values:
            # What was chosen stays chosen, whatever becomes of the alias.
            values["model"] = self.aliases.resolve(values["model"])
        self._layers["%config"].update(values)
        return self._settle()

    def set_front_end(self, values: Mapping[str, Any]) -> Settings:
        """Take what the user set in JupyterLab, in place of what was taken before."""
        _validate(values, source="JupyterLab's settings")
        self._layers["JupyterLab"] = dict(values)
        return self._settle()

    def on_change(self, callback: Callable[[Settings], None]) -> None:
        """Have ``callback`` called with the new settings whenever some were set."""
        self._callbacks.append(callback)

    def with_overrides(self, overrides: Mapping[str, Any]) -> Settings:
        """Return the settings with a call's own values on top; None means not given."""
        return self._resolve({k: v for k, v in overrides.items() if v is not None})

    def _settle(self) -> Settings:
        self._settings = self._resolve({})
        for callback in self._callbacks:
            callback(self._settings)
        return self._settings

    def _resolve(self, overrides: Mapping[str, Any]) -> Settings:
        merged: dict[str, Any] = {}
        for values in self._layers.values():
            merged |= values
        merged |= overrides
        if isinstance(merged.get("model"), str):
            merged["model"] = self.aliases.resolve(merged["model"])
        return _validate(merged, source="this call")


def _validate(values: Mapping[str, Any], *, source: str) -> Settings:
    try:
        return Settings(**values)
    except ValidationError as error:
        raise _as_config_error(error, source=source) from None


def _as_config_error(error: ValidationError, *, source: str) -> ConfigError:
    """Say parameter, allowed range and value for the first thing that is wrong."""
    first = error.errors()[0]
    name = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        return _unknown_setting(name, source=source)
    message = first["msg"].removeprefix("Value error, ")
    reason = message[0].lower() + message[1:]
    return ConfigError(
        f"{name} = {_shown(name, first['input'])} ({source}): {reason}.",
        hint=f"{name}: {Settings.model_fields[name].description}",
    )


def _shown(name: str, value: object) -> str:
    # A URL may hold a password, too, and a bad one anywhere.
    holds_secret = name in URL_SETTINGS and isinstance(value, str) and masked_url(value) != value
    return "(not shown)" if holds_secret or name in SECRET_SETTINGS else repr(value)


def _unknown_setting(name: str, *, source: str) -> ConfigError:
    if name in CALL_FLAGS:
        flag = f"--{name.replace('_', '-')}"
        return ConfigError(
            f"{name} ({source}) is no setting: it is dangerous, so each call must ask for it.",
            hint=f"Write {flag} in the call that needs it.",
        )
    close = get_close_matches(name, Settings.model_fields, n=3)
    hint = f"Did you mean {', '.join(close)}?" if close else "%codeface_config lists them all."
    return ConfigError(f"There is no setting {name!r} ({source}).", hint=hint)


def _read_environment() -> dict[str, Any]:
    for variable in os.environ:
        name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
        if (
            variable.startswith(ENVIRONMENT_PREFIX)
            and variable != CONFIG_FILE_VARIABLE
            and name not in Settings.model_fields
        ):
            raise _unknown_setting(name, source=f"environment variable {variable}")
    try:
        values = EnvSettingsSource(Settings)()
    except SettingsError as error:
        raise ConfigError(
            f"{error}.", hint="Lists are written as JSON, e.g. '[\"END\"]'."
        ) from None
    _validate(values, source="environment")
    return values


def _read_file(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The config file {file} cannot be read: {error}.") from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The config file {file} is not valid TOML: {error}.") from None
    for name, value in values.items():
        _validate({name: value}, source=f"{file}, line {_line_of(name, text)}")
    return values


def _line_of(name: str, text: str) -> int:
    """Return the 1-based line that sets ``name``; TOML parsers keep no positions."""
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(rf"\s*{re.escape(name)}\s*=", line):
            return number
    return 1
