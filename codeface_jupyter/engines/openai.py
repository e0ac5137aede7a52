"""An engine on another machine: any server that speaks OpenAI's HTTP API.

vLLM, TGI, llama-server, Ollama and ``transformers serve`` do, as do the hosted
services. The server is trusted with what is sent and with nothing else: its
replies are bounded, and every way in which it may fail has its own message.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.base import check_prompt_fits
from codeface_jupyter.engines.openai_connection import (
    Server,
    connect,
    find_api_key,
    import_client,
    run_until_cancelled,
)
from codeface_jupyter.engines.openai_errors import Explainer, cut_off_error, not_a_stream_error
from codeface_jupyter.engines.streaming_text import AnswerWriter
from codeface_jupyter.errors import EngineUnavailableError, GenerationError
from codeface_jupyter.generation import (
    Cancelled,
    Done,
    Emit,
    EngineIdentity,
    FinishReason,
    GenerationMetrics,
    GenerationRequest,
    Progress,
)
from codeface_jupyter.prompts import (
    COMPLETION_STOP_STRINGS,
    Prompt,
    chat_messages,
    completion_text,
    conversation_text,
)

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream

__all__ = ["OpenAIEngine"]

EVENT_STREAM = "text/event-stream"
# OpenAI's own limit; the others are found in the text as it comes.
MAX_STOP_STRINGS_SENT = 4
# A finished answer does not wait longer for its token counts.
USAGE_WAIT_S = 2.0
LIST_MODELS_TIMEOUT_S = 5.0
# Measured on code and English prose with Qwen2.5-Coder's tokenizer: 4.0 to 4.2 bytes a token;
# 3.3 on German, 3.9 on Chinese, and one token for each digit. Rather too many than too few.
BYTES_PER_TOKEN = 3.5


class OpenAIEngine:
    """Answers from an OpenAI-compatible server.

    What is sent is the prompt that `format_prompt` shows, the model's name, the
    sampling settings and the key; no more. ``top_k`` and ``repetition_penalty`` are
    not OpenAI's, so they are sent only when they differ from "none".

    Parameters
    ----------
    settings
        ``base_url``, ``api_key``, ``model`` and the other settings of a server.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._server = Server(
            base_url=settings.base_url or "",
            timeout_s=settings.request_timeout_s,
            retries=settings.request_retries,
        )
        self._api_key: str | None = None

    @property
    def identity(self) -> EngineIdentity:
        """The model; in the revision's place a digest that tells servers apart."""
        # Two servers may serve different weights under one name, and share a response cache.
        digest = hashlib.sha256(self._server.base_url.encode()).hexdigest()
        return EngineIdentity(
            engine="openai", model=self._settings.model, revision=f"server-{digest[:8]}"
        )

    @property
    def is_local(self) -> bool:
        """Whether the server is on this machine, so that nothing leaves it."""
        return self._server.is_loopback

    @property
    def is_loaded(self) -> bool:
        """True: the weights are the server's business."""
        return True

    @property
    def is_chat(self) -> bool:
        """Whether the model takes a conversation; ``remote_api`` says so."""
        return self._settings.remote_api == "chat"

    @property
    def context_window(self) -> int | None:
        """The setting ``remote_context_window``: the API does not tell."""
        return self._settings.remote_context_window

    def prepare(self, emit: Emit) -> None:  # noqa: ARG002 - an engine's signature
        """Check that there is a client and a server's address; ask nobody yet.

        Raises
        ------
        EngineUnavailableError
            If the package is not installed or ``base_url`` is not set.
        """
        if find_spec("openai") is None:
            raise EngineUnavailableError(
                "The openai engine needs the package openai, which is not installed.",
                hint='Install it: pip install "codeface-jupyter[remote]"',
            )
        if not self._server.base_url:
            raise EngineUnavailableError(
                "The openai engine needs a server's address, and base_url is not set.",
                hint="Set it: %codeface_config base_url=http://localhost:8000/v1, "
                "or CODEFACE_BASE_URL before the kernel starts.",
            )

    def load(self, emit: Emit) -> None:
        """Import the client and find the key.

        Raises
        ------
        EngineUnavailableError
            As `prepare` does.
        ConfigError
            If the key cannot be sent.
        """
        if self._api_key is not None:
            return
        self.prepare(emit)
        emit(Progress("Importing the client"))
        import_client()
        secret = self._settings.api_key
        given = None if secret is None else secret.get_secret_value()
        self._api_key = find_api_key(given, self._server)

    def unload(self) -> None:
        """Forget the key; connections end with each answer."""
        self._api_key = None

    def format_prompt(self, prompt: Prompt) -> str:
        """Return what is sent, word for word; the server lays it out for its model."""
        if self.is_chat:
            return conversation_text(chat_messages(prompt))
        return completion_text(prompt)

    def count_tokens(self, text: str) -> int:
        """Return about how many tokens ``text`` has: the server's tokenizer is not here."""
        digits = sum(map(str.isdigit, text))
        return digits + math.ceil((len(text.encode(errors="replace")) - digits) / BYTES_PER_TOKEN)

    def generate(self, request: GenerationRequest, *, emit: Emit, cancel: threading.Event) -> Done:
        """Answer ``request``; cancelling closes the connection at once.

        Raises
        ------
        PromptTooLongError
            If prompt and answer surely do not fit ``remote_context_window``.
        ModelNotFoundError
            If the server has no such model.
        GenerationError
            If the server cannot be reached, refuses, fails, or breaks off; chunks
            that were emitted stay the answer's beginning.
        """
        self.load(emit)
        prompt_tokens = self.count_tokens(self.format_prompt(request.prompt))
        check_prompt_fits(
            prompt_tokens=prompt_tokens,
            max_new_tokens=request.sampling.max_new_tokens,
            context_window=self.context_window,
        )
        emit(Progress(f"Waiting for {self._server.host}"))
        writer = AnswerWriter(emit, stop_strings=self._stop_strings(request))
        answering = _Answering(request, writer=writer, emit=emit)
        try:
            reason = run_until_cancelled(self._answer(answering, emit), cancel)
        except Cancelled:
            if not cancel.is_set():
                raise
            reason = "cancelled"
        except GenerationError:
            writer.flush()
            raise
        metrics = answering.usage or GenerationMetrics(prompt_tokens=prompt_tokens)
        return writer.done(reason, metrics=metrics)

    async def _answer(self, answering: _Answering, emit: Emit) -> FinishReason:
        """Send the request and read the answer, in whatever way that ends."""
        import openai

        api_key = self._api_key or ""
        explainer = Explainer(server=self._server, model=self._settings.model, api_key=api_key)
        async with connect(self._server, api_key=api_key, emit=emit) as client:
            try:
                stream = await self._send(client, answering.request)
                async with stream:
                    content_type = stream.response.headers.get("content-type", "")
                    if not content_type.startswith(EVENT_STREAM):
                        raise not_a_stream_error(self._server, content_type)
                    return await answering.read(stream, self._server)
            # The client leaves malformed JSON and UTF-8 as the ValueErrors that they are.
            except (openai.OpenAIError, ValueError) as error:
                raise explainer.explain(
                    error,
                    has_begun=answering.has_begun,
                    models=await self._models(client) if _is_not_found(error) else None,
                ) from error

    async def _send(self, client: AsyncOpenAI, request: GenerationRequest) -> AsyncStream[object]:
        from openai import AsyncStream

        asked: dict[str, object]
        if self.is_chat:
            path, asked = "/chat/completions", {"messages": chat_messages(request.prompt)}
        else:
            path, asked = "/completions", {"prompt": completion_text(request.prompt)}
        # As plain JSON: servers leave out what the client's own classes promise.
        return await client.post(
            path,
            body=self._body(request) | asked,
            cast_to=object,
            stream=True,
            stream_cls=AsyncStream[object],
        )

    def _body(self, request: GenerationRequest) -> dict[str, Any]:
        sampling = request.sampling
        body: dict[str, Any] = {
            "model": self._settings.model,
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": sampling.max_new_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
        }
        if sampling.seed is not None:
            body["seed"] = sampling.seed
        if stop_strings := self._stop_strings(request):
            body["stop"] = list(stop_strings[:MAX_STOP_STRINGS_SENT])
        if sampling.top_k:
            body["top_k"] = sampling.top_k
        if sampling.repetition_penalty != 1.0:
            body["repetition_penalty"] = sampling.repetition_penalty
        return body

    def _stop_strings(self, request: GenerationRequest) -> tuple[str, ...]:
        return request.sampling.stop_strings + (() if self.is_chat else COMPLETION_STOP_STRINGS)

    async def _models(self, client: AsyncOpenAI) -> list[str] | None:
        """Return the names of the server's models, or None if it does not tell."""
        import openai

        patient = client.with_options(max_retries=0, timeout=LIST_MODELS_TIMEOUT_S)
        with suppress(openai.OpenAIError, ValueError):
            models = _field(await patient.get("/models", cast_to=object), "data")
            if isinstance(models, list):
                return sorted(str(name) for model in models if (name := _field(model, "id")))
        return None


class _Answering:
    """One answer, read from a server's events.

    Attributes
    ----------
    usage
        The server's own token counts, once it has told them.
    has_begun
        Whether text has come.
    """

    def __init__(self, request: GenerationRequest, *, writer: AnswerWriter, emit: Emit) -> None:
        self.request = request
        self.usage: GenerationMetrics | None = None
        self.has_begun = False
        self._writer = writer
        self._emit = emit
        self._thoughts = 0

    async def read(self, events: AsyncIterator[object], server: Server) -> FinishReason:
        """Write the answer as it comes; return why it ended.

        Raises
        ------
        GenerationError
            If it ended before its end.
        """
        import openai

        reason: str | None = None
        try:
            async with asyncio.timeout(None) as limit:
                async for event in events:
                    piece = _Piece.of(event)
                    if self._is_full(piece):
                        return "length"
                    self._take(piece)
                    reason = piece.finish_reason or reason
                    if self._writer.is_stopped or (reason and self.usage):
                        break
                    if piece.finish_reason:
                        limit.reschedule(asyncio.get_running_loop().time() + USAGE_WAIT_S)
        except (openai.OpenAIError, GenerationError, TimeoutError, ValueError):
            # Nothing that comes after the answer's end can spoil it.
            if reason is None:
                raise
        if self._writer.is_stopped:
            return "stop"
        if reason is None:
            raise cut_off_error(server, has_begun=self.has_begun)
        if reason == "content_filter":
            raise cut_off_error(server, has_begun=self.has_begun, said="its content filter acted")
        return "length" if reason == "length" else "stop"

    def _is_full(self, piece: _Piece) -> bool:
        """Whether the answer would grow longer than asked: not every server keeps the limit."""
        return bool(piece.text) and (
            self._writer.generated_tokens >= self.request.sampling.max_new_tokens
        )

    def _take(self, piece: _Piece) -> None:
        if piece.text:
            self.has_begun = True
            self._writer.write(piece.text)
        elif piece.is_thought:
            self._thoughts += 1
            self._emit(Progress("The model is thinking", self._thoughts))
        if piece.usage is not None:
            self.usage = piece.usage
            self._writer.generated_tokens = piece.usage.generated_tokens


@dataclass(frozen=True, kw_only=True)
class _Piece:
    """What one event says; whatever is not of its type counts as not said."""

    text: str
    is_thought: bool
    finish_reason: str | None
    usage: GenerationMetrics | None

    @classmethod
    def of(cls, event: object) -> _Piece:
        choices = _field(event, "choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        delta = _field(choice, "delta")
        text = next(
            (
                text
                for text in (_field(delta, "content"), _field(choice, "text"))
                if isinstance(text, str)
            ),
            "",
        )
        reason = _field(choice, "finish_reason")
        return cls(
            text=text,
            # vLLM's and DeepSeek's name, then Ollama's and OpenRouter's.
            is_thought=bool(_field(delta, "reasoning_content") or _field(delta, "reasoning")),
            finish_reason=reason if isinstance(reason, str) else None,
            usage=_usage(_field(event, "usage")),
        )


def _usage(usage: object) -> GenerationMetrics | None:
    prompt, generated = _field(usage, "prompt_tokens"), _field(usage, "completion_tokens")
    if not isinstance(prompt, int) or not isinstance(generated, int):
        return None
    cached = _field(_field(usage, "prompt_tokens_details"), "cached_tokens")
    return GenerationMetrics(
        prompt_tokens=prompt,
        reused_prompt_tokens=cached if isinstance(cached, int) else 0,
        generated_tokens=generated,
    )


def _field(holder: object, name: str) -> object:
    # Where an object was to be there may be anything.
    return holder.get(name) if isinstance(holder, Mapping) else None


def _is_not_found(error: Exception) -> bool:
    return getattr(error, "status_code", None) == HTTPStatus.NOT_FOUND
