"""A response cache in a Redis server, shared between kernels and people."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any, Literal, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import SecretStr, TypeAdapter, ValidationError

from codeface_jupyter.errors import ResponseCacheError, install_hint
from codeface_jupyter.privacy import HIDDEN, masked_url
from codeface_jupyter.response_cache.entry import CachedResponse, CacheStatus
from codeface_jupyter.threads import within

__all__ = ["RedisResponseCache"]

logger = logging.getLogger(__name__)

T = TypeVar("T")
Failure = Literal["unreachable", "refused", "invalid"]

# The version is that of the values' format: a new format gets a new namespace.
KEY_PREFIX = "codeface:v1:response:"
SOCKET_TIMEOUT_S = 0.25
DEADLINE_S = 0.5
PAUSE_S = 30.0
COUNTING_S = 2.0
KEYS_PER_SCAN = 1_000
LARGEST_VALUE_BYTES = 8 * 2**20

RESPONSE = TypeAdapter(CachedResponse)


class RedisResponseCache:
    """Keeps answers in Redis, as JSON that is validated when it is read.

    A call to the server takes half a second at most. After a failure the server is not
    asked for a while, so that only one request loses that time, not every request.

    Parameters
    ----------
    url
        ``redis://``, ``rediss://`` (TLS) or ``unix://``, with user and password as needed.
    max_bytes
        The longest answer kept, in bytes of UTF-8; the server's settings limit the total.
    ttl_s
        How long an answer is kept, in seconds.
    warn
        Shows the user one sentence, the first time that something goes wrong.
    clock
        Returns seconds; decides when the server is tried again.
    """

    def __init__(
        self,
        url: SecretStr,
        *,
        max_bytes: int,
        ttl_s: float,
        warn: Callable[[str], None] = logger.warning,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.place = masked_url(url.get_secret_value())
        self._url = url
        self._max_bytes = max_bytes
        self._ttl_ms = max(1, round(ttl_s * 1_000))
        self._warn = warn
        self._clock = clock
        self._client: Any = None
        self._failures: Counter[str] = Counter()
        self._has_warned = False
        self._closed_until = clock()

    def __repr__(self) -> str:
        return f"RedisResponseCache({self.place!r})"

    @property
    def failures(self) -> Mapping[str, int]:
        """How often it failed: unreachable, refused, or invalid values."""
        return dict(self._failures)

    def get(self, key: str) -> CachedResponse | None:
        """Return the answer kept under ``key``; None if there is none or the server fails."""
        # A bounded read: others may have stored anything, of any size.
        value = self._attempt(lambda client: client.getrange(_name(key), 0, LARGEST_VALUE_BYTES))
        if not value:
            return None
        response = _parse(value)
        if response is None:
            self._failures["invalid"] += 1
            logger.debug("A value in %s is not one of our answers", self.place)
        return response

    def put(self, key: str, response: CachedResponse) -> None:
        """Keep ``response``, unless it is too long or the server refuses it."""
        value = json.dumps(asdict(response)).encode()
        if response.size_bytes <= self._max_bytes and len(value) <= LARGEST_VALUE_BYTES:
            self._attempt(lambda client: client.set(_name(key), value, px=self._ttl_ms))

    def status(self) -> CacheStatus:
        """Count our answers on the server, for two seconds at most."""
        entries = size_bytes = 0
        is_complete = True
        deadline = time.monotonic() + COUNTING_S
        try:
            for names in self._scan():
                sizes = self._call(partial(_sizes, names=names))
                entries, size_bytes = entries + len(sizes), size_bytes + sum(sizes)
                if time.monotonic() > deadline:
                    is_complete = False
                    break
        except ResponseCacheError as error:
            return CacheStatus(place=self.place, is_complete=False, trouble=error.message)
        return CacheStatus(
            place=self.place, entries=entries, size_bytes=size_bytes, is_complete=is_complete
        )

    def clear(self) -> int:
        """Delete all our answers on the server, for everyone; return how many.

        Raises
        ------
        ResponseCacheError
            If the server cannot be reached or refuses.
        """
        return sum(self._call(partial(_delete, names=names)) for names in self._scan())

    def close(self) -> None:
        """Close the connections; a later call opens one again."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _attempt(self, command: Callable[[Any], T]) -> T | None:
        """Return the result of ``command``, or None if the server fails or is not asked now."""
        if self._clock() < self._closed_until:
            self._failures["unreachable"] += 1
            return None
        try:
            return self._call(command)
        except ResponseCacheError as error:
            if not self._has_warned:
                self._has_warned = True
                self._warn(f"{error.message} {error.hint}")
            return None

    def _call(self, command: Callable[[Any], T]) -> T:
        """Run ``command`` with the client, within the deadline; count and name a failure."""
        redis = self._package()
        try:
            client = self._connected()
            result = within(DEADLINE_S, lambda: command(client))
        except redis.ResponseError as error:
            raise self._failed("refused", error) from None
        # With a server that is not Redis, the client's parser fails in the last three ways.
        except (redis.RedisError, OSError, LookupError, TypeError, ValueError) as error:
            self._closed_until = self._clock() + PAUSE_S
            raise self._failed("unreachable", error) from None
        self._closed_until = self._clock()
        return result

    def _package(self) -> Any:
        try:
            import redis
        except ImportError:
            self._failures["unreachable"] += 1
            raise ResponseCacheError(
                f"The response cache {self.place} needs the package redis, which is not installed.",
                hint=install_hint("redis"),
            ) from None
        return redis

    def _connected(self) -> Any:
        if self._client is None:
            from redis import ConnectionError as RedisConnectionError
            from redis import Redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry

            self._client = Redis.from_url(
                self._url.get_secret_value(),
                socket_timeout=SOCKET_TIMEOUT_S,
                socket_connect_timeout=SOCKET_TIMEOUT_S,
                # Retry once on a new connection: the old one may predate a restart.
                retry=Retry(NoBackoff(), 1, (RedisConnectionError,)),
                protocol=2,
            )
        return self._client

    def _scan(self) -> Iterator[list[bytes]]:
        cursor = 0
        while True:
            cursor, names = self._call(partial(_page, cursor=cursor))
            if names:
                yield names
            if not cursor:
                return

    def _failed(self, kind: Failure, error: Exception) -> ResponseCacheError:
        self._failures[kind] += 1
        reason = _reason(error, secrets=_secrets(self._url))
        logger.debug("Redis at %s: %s", self.place, reason)
        pause = f"; the server is tried again in {PAUSE_S:.0f} s" if kind == "unreachable" else ""
        return ResponseCacheError(
            f"The response cache {self.place} cannot be used: {reason}.",
            hint=f"Answers are generated without it{pause}.",
        )


def _name(key: str) -> str:
    return f"{KEY_PREFIX}{key}"


def _parse(value: object) -> CachedResponse | None:
    """Return the answer in a value, or None if it is anything else."""
    if not isinstance(value, bytes) or len(value) > LARGEST_VALUE_BYTES:
        return None
    try:
        response = RESPONSE.validate_json(value, strict=True)
    except ValidationError:
        return None
    return response if _is_possible(response) else None


def _is_possible(response: CachedResponse) -> bool:
    agreement = response.agreement
    if agreement is not None and not 0 < agreement.agreeing <= agreement.tried:
        return False
    numbers = (response.prompt_tokens, response.generated_tokens, response.total_s)
    is_finished = response.finish_reason in {"stop", "length"}
    return is_finished and all(0 <= n < float("inf") for n in numbers)


def _page(client: Any, *, cursor: int) -> tuple[int, list[bytes]]:
    next_cursor, names = client.scan(cursor, match=f"{KEY_PREFIX}*", count=KEYS_PER_SCAN)
    return int(next_cursor), list(names)


def _delete(client: Any, *, names: list[bytes]) -> int:
    return int(client.unlink(*names))


def _sizes(client: Any, *, names: list[bytes]) -> list[int]:
    pipeline = client.pipeline(transaction=False)
    for name in names:
        pipeline.strlen(name)
    # A key of another type returns an error, which counts as zero.
    return [size if isinstance(size, int) else 0 for size in pipeline.execute(raise_on_error=False)]


def _secrets(url: SecretStr) -> list[str]:
    parts = urlsplit(url.get_secret_value())
    quoted = (parts.password or "", *parse_qs(parts.query).get("password", ()))
    return [secret for text in quoted for secret in (text, unquote(text)) if secret]


def _reason(error: Exception, *, secrets: list[str]) -> str:
    """Return what went wrong in the user's terms.

    The server's own message is left out: it may repeat a command, password included.
    """
    import redis.exceptions as known

    for kinds, reason in (
        ((known.AuthenticationError, known.AuthorizationError), "it rejected the user or password"),
        ((known.OutOfMemoryError,), "its memory is full"),
        ((known.ReadOnlyError,), "it is read-only"),
        ((known.NoPermissionError,), f"the user has no access to the keys {KEY_PREFIX}*"),
        ((known.BusyLoadingError,), "it is still loading its data"),
        ((known.TimeoutError, TimeoutError), f"no answer within {DEADLINE_S:g} s"),
        ((known.ResponseError,), "it rejected a command"),
        ((known.ConnectionError, OSError), ""),
    ):
        if isinstance(error, kinds):
            text = reason or str(error).rstrip(".")
            for secret in secrets:
                text = text.replace(secret, HIDDEN)
            return text
    return "the server there is not Redis"
