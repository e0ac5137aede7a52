"""The options of the openai engine."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from codeface_jupyter.config import NOT_IN_RESPONSE_KEY, EngineOptions
from codeface_jupyter.config.refusals import HOLDS_URL

__all__ = ["OpenAIOptions"]


def _check_base_url(url: str) -> str:
    """Return ``url`` without a slash at its end; raise ValueError if it is not a server's."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("expected a URL such as https://host/v1")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a key belongs in api_key, not in the URL")
    if parts.query or parts.fragment:
        raise ValueError("expected a URL without ? and #")
    if parts.port == 0:  # also raises ValueError for a port that is not a number
        raise ValueError("port 0 is not a valid port")
    return url.rstrip("/")


BaseUrl = Annotated[str, AfterValidator(_check_base_url), HOLDS_URL]


class OpenAIOptions(EngineOptions):
    """Where the server is, and how to ask it."""

    base_url: BaseUrl | None = Field(
        None, description="The address of an OpenAI-compatible server, e.g. https://host/v1."
    )
    api_key: SecretStr | None = Field(
        None, description="The server's key or token; empty uses the keyring. Never shown."
    )
    remote_api: Literal["chat", "completions"] = Field(
        "chat", description="The API to use: chat, or completions for a base model."
    )
    remote_context_window: Annotated[int | None, NOT_IN_RESPONSE_KEY] = Field(
        None,
        ge=1,
        description="The context window of the server's model, in tokens; empty if unknown.",
    )
    request_timeout_s: Annotated[float, NOT_IN_RESPONSE_KEY] = Field(
        120.0, gt=0, le=3_600, description="How long a server may send nothing, in seconds."
    )
    request_retries: Annotated[int, NOT_IN_RESPONSE_KEY] = Field(
        2, ge=0, le=10, description="How often to retry when a server is busy or unreachable."
    )
