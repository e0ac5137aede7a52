"""The connection to a server: its address, what is sent, how much of a reply is read."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import SecretStr

from codeface_jupyter.config.network_variables import variable_at_fault
from codeface_jupyter.errors import ConfigError, GenerationError

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

__all__ = ["KEYRING_SERVICE", "ON_BUSY", "Server", "connect", "find_api_key", "import_client"]

# Called with the status when the server is busy and the request may be sent again. A context
# variable, since one client serves many answers, each with its own callback.
ON_BUSY: ContextVar[Callable[[int], None] | None] = ContextVar("ON_BUSY", default=None)

KEYRING_SERVICE = "codeface-jupyter"
CONNECT_TIMEOUT_S = 10.0
# How long an idle connection is kept: proxies drop idle ones after a minute or more, some
# without closing them.
KEEP_ALIVE_S = 55.0
# One event carries a few tokens; anything near these sizes is a fault, not an answer.
MAX_LINE_BYTES = 2**20
MAX_REPLY_BYTES = 2**26
# The client would also send its version, the operating system and the processor.
SENT_HEADERS = frozenset(
    {"accept", "accept-encoding", "authorization", "connection", "content-length", "content-type"}
    | {"host", "user-agent"}
)
USER_AGENT = "codeface-jupyter"
NO_KEY = "none"
BUSY, FIRST_SERVER_ERROR = 429, 500


@dataclass(frozen=True, kw_only=True)
class Server:
    """An OpenAI-compatible server, with its timeout and retries.

    Attributes
    ----------
    base_url
        The address under which its paths lie, without a slash at the end.
    timeout_s
        The longest silence, in seconds.
    retries
        How often a request is sent again before it has an answer.
    """

    base_url: str
    timeout_s: float
    retries: int

    @property
    def host(self) -> str:
        """The host and, where the URL names one, the port."""
        return urlsplit(self.base_url).netloc

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine."""
        name = urlsplit(self.base_url).hostname or ""
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return name == "localhost"


def find_api_key(given: SecretStr | None, server: Server) -> SecretStr:
    """Return the key for ``server``: the given one, else the keyring's, else nothing.

    Raises
    ------
    ConfigError
        If the key holds characters that no HTTP header can carry.
    """
    found = given if given is not None else _keyring_key(server.host)
    key = SecretStr(found.get_secret_value().strip())
    if not all("!" <= character <= "~" for character in key.get_secret_value()):
        raise ConfigError(
            f"The key for {server.host} contains a space or a non-ASCII character.",
            hint="Copy it again into CODEFACE_API_KEY or the keyring.",
        )
    return key


def _keyring_key(host: str) -> SecretStr:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return SecretStr("")
    try:
        return SecretStr(keyring.get_password(KEYRING_SERVICE, host) or "")
    except KeyringError:
        # It is locked, or this machine has none. The server will say if it wants a key.
        return SecretStr("")


def connect(server: Server, *, api_key: SecretStr) -> AsyncOpenAI:
    """Return a client of ``server`` that sends no more than it must and reads no more than it can.

    Parameters
    ----------
    server
        Where the requests go.
    api_key
        Sent as a bearer token unless empty.

    Raises
    ------
    ConfigError
        If a variable of the environment asks for certificates or a proxy that cannot be used.
    """
    import httpx2
    import openai

    async def before(request: httpx2.Request) -> None:
        for name in set(request.headers) - SENT_HEADERS:
            del request.headers[name]
        if not api_key:
            del request.headers["authorization"]

    async def after(response: httpx2.Response) -> None:
        _bound(response)
        if response.status_code == BUSY or response.status_code >= FIRST_SERVER_ERROR:
            tell = ON_BUSY.get()
            if tell is not None:
                tell(response.status_code)

    # A redirect could carry the prompt to another machine, and so could a proxy for loopback.
    with _naming_variables():
        http_client = openai.DefaultAsyncHttpxClient(
            follow_redirects=False,
            trust_env=not server.is_loopback,
            verify=_tls_context(),
            limits=httpx2.Limits(keepalive_expiry=KEEP_ALIVE_S),
            event_hooks={"request": [before], "response": [after]},
        )
    return openai.AsyncOpenAI(
        base_url=server.base_url,
        api_key=api_key.get_secret_value() or NO_KEY,
        timeout=openai.Timeout(server.timeout_s, connect=min(CONNECT_TIMEOUT_S, server.timeout_s)),
        max_retries=server.retries,
        # What is not compressed cannot grow when it is unpacked. The client would name itself
        # and its version.
        default_headers={"Accept-Encoding": "identity", "User-Agent": USER_AGENT},
        http_client=http_client,
    )


def import_client() -> None:
    """Import the client and read the certificates: a second not to be counted as the server's.

    Raises
    ------
    ConfigError
        If a variable of the environment names certificates that cannot be read.
    """
    import openai  # noqa: F401 - imported to be there

    with _naming_variables():
        _tls_context()


@contextmanager
def _naming_variables() -> Iterator[None]:
    """Raise an error that names the variable for which no client can be made."""
    try:
        yield
    except (ImportError, OSError, ValueError) as error:
        reason = variable_at_fault(error)
        if not reason:
            raise
        raise ConfigError(
            f"No connection can be made: {reason}.",
            hint="Unset or correct it, then restart the kernel.",
        ) from error


@lru_cache(maxsize=1)
def _tls_context() -> ssl.SSLContext:
    """Return the machine's trusted certificates, which take a while to read."""
    import httpx2

    return httpx2.create_ssl_context()


def _bound(response: httpx2.Response) -> None:
    """Let ``response`` be read only as far as it can be an answer."""
    import httpx2

    host = response.request.url.host
    if response.headers.get("content-encoding", "identity") != "identity":
        raise GenerationError(
            f"{host} sent a compressed reply although it was asked not to.",
            hint="A proxy in front of the server may be the cause: ask its administrator.",
        )

    class Bounded(httpx2.AsyncByteStream):
        def __init__(self, stream: httpx2.AsyncByteStream) -> None:
            self._stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            total = line = 0
            async for chunk in self._stream:
                total += len(chunk)
                end = chunk.rfind(b"\n")
                line = line + len(chunk) if end < 0 else len(chunk) - end - 1
                if line > MAX_LINE_BYTES or total > MAX_REPLY_BYTES:
                    raise GenerationError(
                        f"{host} sent more than an answer can hold: "
                        f"{total:,} bytes, {line:,} of them in one line.",
                        hint="Check that CODEFACE_BASE_URL is the address of a model server.",
                    )
                yield chunk

        async def aclose(self) -> None:
            await self._stream.aclose()

    if isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = Bounded(response.stream)
