"""The setting that says where answers are kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from codeface_jupyter.privacy import masked_url

__all__ = ["ResponseCacheSetting"]

REDIS_SCHEMES = ("redis", "rediss", "unix")
# Time-outs are not among them: a request must not wait for its cache.
REDIS_OPTIONS = frozenset(
    {"db", "username", "password", "ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile"}
    | {"ssl_cert_reqs", "ssl_check_hostname"}
)


@dataclass(frozen=True, repr=False)
class ResponseCacheSetting:
    """Where answers are kept: in memory, nowhere, or in Redis.

    Its text never shows the address's user, password or options.

    Attributes
    ----------
    kind
        The way of keeping them.
    url
        The server's address, password included; empty unless it is Redis.
    """

    kind: Literal["memory", "off", "redis"]
    url: SecretStr = field(default_factory=lambda: SecretStr(""))

    def __str__(self) -> str:
        return masked_url(self.url.get_secret_value()) if self.kind == "redis" else self.kind

    def __repr__(self) -> str:
        return repr(str(self))

    def __bool__(self) -> bool:
        return self.kind != "off"

    @classmethod
    def parse(cls, value: object) -> ResponseCacheSetting:
        """Read ``memory``, ``off``, an address, or a truth value for the first two.

        Raises
        ------
        ValueError
            If it is none of these; the message never repeats an address.
        """
        if isinstance(value, cls):
            return value
        word = str(value).strip()
        if word.lower() in {"memory", "true", "on", "yes", "1"}:
            return cls("memory")
        if word.lower() in {"off", "false", "no", "0"}:
            return cls("off")
        if word.partition("://")[0] not in REDIS_SCHEMES:
            raise ValueError("expected memory, off or redis://…, rediss://… or unix://…")
        _check_redis_url(word)
        return cls("redis", SecretStr(word))


def _check_redis_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None  # The parser's own message would repeat the address.
    if host is None and not url.startswith("unix:"):
        raise ValueError(
            "expected redis://user:password@host:6379/0, with special characters as %XX"
        )
    if url.startswith("unix:") and not parts.path.strip("/"):
        raise ValueError("expected unix:///path/of/the/socket")
    given = set(parse_qs(parts.query, keep_blank_values=True))
    if given - REDIS_OPTIONS:
        raise ValueError(f"allowed options are {', '.join(sorted(REDIS_OPTIONS))}")
    # The client would take them, and fail at every question.
    if parts.scheme != "rediss" and any(name.startswith("ssl_") for name in given):
        raise ValueError("options that begin with ssl_ are for TLS: use rediss://")
