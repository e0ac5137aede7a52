"""What llama.cpp's process is asked over its socket, and how much of a reply is read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from codeface_jupyter.engines.llamacpp.child import ServerProcess
from codeface_jupyter.engines.text.chat_layout import TemplateRefusedError
from codeface_jupyter.errors import GenerationError, ModelFilesError
from codeface_jupyter.prompts import Message

if TYPE_CHECKING:
    import httpx2

__all__ = ["Connection"]

# A template is worked out in milliseconds; one that takes longer, or writes more, is hostile.
TEMPLATE_TIMEOUT_S, TEMPLATE_BYTES = 2.0, 10_000_000
# Megabytes of text take a second; the processor may be busy with the notebook's own work.
TOKENIZE_TIMEOUT_S, TOKENIZE_BYTES = 60.0, 100_000_000
MAX_SAID = 300


class _RefusedError(Exception):
    """The server answered a request with an error; its message says which."""


class _TooMuchError(Exception):
    """A reply is larger than it can be."""


class Connection:
    """Asks one llama.cpp process.

    Parameters
    ----------
    process
        The process.
    model
        The model's name in errors.
    """

    def __init__(self, process: ServerProcess, *, model: str) -> None:
        import httpx2

        self.process = process
        self._model = model
        self._transport_options, self._client_options = _options(process)
        self._client = httpx2.Client(
            transport=httpx2.HTTPTransport(**self._transport_options), **self._client_options
        )

    def close(self) -> None:
        """Close the connections and end the process."""
        self._client.close()
        self.process.end()

    def tokenize(self, text: str, *, is_prompt: bool) -> list[int]:
        """Return the tokens of ``text``.

        Of a whole prompt they begin with the one that begins a text, and what stands for a
        control token is one; in any other text it is not.

        Raises
        ------
        GenerationError
            If the server refuses, or takes too long.
        ChildDiedError
            If the process has ended.
        """
        import httpx2

        body = {"content": text, "add_special": is_prompt, "parse_special": is_prompt}
        limits: dict[str, Any] = {"timeout_s": TOKENIZE_TIMEOUT_S, "max_bytes": TOKENIZE_BYTES}
        try:
            reply = self._ask("/tokenize", body, **limits)
        except (httpx2.TimeoutException, _RefusedError, _TooMuchError) as error:
            reason = str(error) or "it takes too long"
            raise GenerationError(f"llama.cpp could not count tokens: {reason}.") from error
        return [int(token) for token in reply["tokens"]]

    def apply_template(self, messages: list[Message]) -> str:
        """Return ``messages`` as the file's own chat template lays them out.

        Raises
        ------
        TemplateRefusedError
            If the template refuses them.
        ModelFilesError
            If it does not come to an end; the process is ended then.
        ChildDiedError
            If the process has ended.
        """
        import httpx2

        try:
            reply = self._ask(
                "/apply-template",
                {"messages": messages},
                timeout_s=TEMPLATE_TIMEOUT_S,
                max_bytes=TEMPLATE_BYTES,
            )
        except _RefusedError as error:
            raise TemplateRefusedError(str(error)) from None
        except (httpx2.TimeoutException, _TooMuchError):
            self.process.end()
            raise ModelFilesError(
                f"The chat template of {self._model} does not come to an end.",
                hint="Do not trust this file; fetch the model from its publisher.",
            ) from None
        return str(reply["prompt"])

    @asynccontextmanager
    async def stream(self, body: Mapping[str, Any]) -> AsyncIterator[AsyncIterator[Any]]:
        """Begin a completion; give its events, and abandon it when the block is left.

        Raises
        ------
        GenerationError
            If the server refuses it.
        ChildDiedError
            If the process ends.
        """
        import httpx2

        try:
            async with (
                httpx2.AsyncClient(
                    transport=httpx2.AsyncHTTPTransport(**self._transport_options),
                    # A long prompt is silent for long; Stop ends it.
                    timeout=None,
                    **self._client_options,
                ) as client,
                client.stream("POST", "/completion", json=body) as response,
            ):
                if response.is_error:
                    raise GenerationError(
                        f"llama.cpp refused the request: {_said(await response.aread())}."
                    )
                yield _events(response)
        except httpx2.TransportError as error:
            raise self.process.death() from error

    def _ask(
        self, path: str, body: Mapping[str, Any], *, timeout_s: float, max_bytes: int
    ) -> dict[str, Any]:
        import httpx2

        try:
            with self._client.stream("POST", path, json=body, timeout=timeout_s) as response:
                content = _read(response, max_bytes)
        except httpx2.TimeoutException:
            raise
        except httpx2.TransportError as error:
            raise self.process.death() from error
        if response.is_error:
            raise _RefusedError(_said(content))
        reply: dict[str, Any] = json.loads(content)
        return reply


def _options(process: ServerProcess) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of transports and clients that reach ``process`` and nothing else."""
    is_socket = process.address.startswith("/")
    transport = {"verify": False, **({"uds": process.address} if is_socket else {})}
    client = {
        "base_url": "http://llama.cpp" if is_socket else f"http://{process.address}",
        "headers": {"Authorization": f"Bearer {process.api_key}"},
        "trust_env": False,
    }
    return transport, client


def _read(response: httpx2.Response, max_bytes: int) -> bytes:
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > max_bytes:
            raise _TooMuchError
    return bytes(content)


async def _events(response: httpx2.Response) -> AsyncIterator[Any]:
    """Yield what the server sends, event by event."""
    async for line in response.aiter_lines():
        kind, _, content = line.partition(": ")
        if kind == "data":
            yield json.loads(content)
        elif kind == "error":
            raise GenerationError(f"llama.cpp failed: {_said(content.encode())}.")


def _said(content: bytes) -> str:
    """Return the message in the server's description of an error."""
    try:
        error = json.loads(content)
        message = error.get("error", error).get("message", "")
    except (ValueError, AttributeError):
        message = content.decode(errors="replace")
    return " ".join(str(message).split())[:MAX_SAID].rstrip(".") or "it does not say why"
