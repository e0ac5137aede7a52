"""What the engine openai can be set to."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from codeface_jupyter.config import NOT_IN_RESPONSE_KEY, EngineOptions
from codeface_jupyter.config.refusals import HOLDS_URL

__all__ = ["OpenAIOptions"]


def _check_base_url(url: str) -> str:
    """Return ``url`` without a slash at its end; raise ValueError unless a server can have it."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("a URL such as https://host/v1 was expected")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a key belongs in api_key, not in the URL")
    if parts.query or parts.fragment:
        raise ValueError("a URL without ? and # was expected")
    if parts.port == 0:  # also raises ValueError for a port that is not a number
        raise ValueError("no server can have port 0")
    return url.rstrip("/")


BaseUrl = Annotated[str, AfterValidator(_check_base_url), HOLDS_URL]


class OpenAIOptions(EngineOptions):
    """Where the server is, and how to ask it."""

    base_url: BaseUrl | None = Field(
        None, description="The address of an OpenAI-compatible server, e.g. https://host/v1."
    )
    api_key: SecretStr | None = Field(
        None, description="The server's key or token; empty is the keyring's. Never shown."
    )
    remote_api: Literal["chat", "completions"] = Field(
        "chat", description="What the server's model takes; completions is for base models."
    )
    remote_context_window: Annotated[int | None, NOT_IN_RESPONSE_KEY] = Field(
        None, ge=1, description="Tokens that the server's model sees at once; empty is unknown."
    )
    request_timeout_s: Annotated[float, NOT_IN_RESPONSE_KEY] = Field(
        120.0, gt=0, le=3_600, description="How long a server may be silent, in seconds."
    )
    request_retries: Annotated[int, NOT_IN_RESPONSE_KEY] = Field(
        2, ge=0, le=10, description="How often to ask a busy or unreachable server again."
    )
