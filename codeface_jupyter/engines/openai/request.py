"""One request to a server: what is sent, and how a refusal is handled."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from codeface_jupyter.engines.openai.answer import RemoteAnswer, field_of
from codeface_jupyter.engines.openai.connection import ON_BUSY, Server
from codeface_jupyter.engines.openai.errors import Explainer
from codeface_jupyter.engines.openai.options import OpenAIOptions
from codeface_jupyter.engines.text.context_window import check_prompt_fits
from codeface_jupyter.generation import FinishReason, GenerationRequest
from codeface_jupyter.prompts import (
    COMPLETION_STOP_STRINGS,
    chat_messages,
    completion_text,
    with_going_on,
)

if TYPE_CHECKING:
    import httpx2
    import openai

    from codeface_jupyter.engines.openai.stream import EventStream

__all__ = ["Requester", "stop_strings"]

EVENT_STREAM, JSON = "text/event-stream", "json"
# OpenAI's own limit; the others are found in the text as it comes.
MAX_STOP_STRINGS_SENT = 4
LIST_MODELS_TIMEOUT_S = 5.0
# Every server knows the first; OpenAI's reasoning models refuse it and want the second.
LIMIT, REASONING_LIMIT = "max_tokens", "max_completion_tokens"
REFUSALS = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})


class Requester:
    """Sends requests with an engine's settings and reads their answers.

    Parameters
    ----------
    client
        The server's client.
    server
        For errors' messages.
    model
        The model, as the server calls it.
    options
        ``remote_api`` and ``remote_context_window``.
    api_key
        Hidden wherever the server repeats it.
    """

    def __init__(
        self,
        client: openai.AsyncOpenAI,
        *,
        server: Server,
        model: str,
        options: OpenAIOptions,
        api_key: SecretStr,
    ) -> None:
        self._client = client
        self._server = server
        self._model = model
        self._options = options
        self._explainer = Explainer(server=server, model=model, api_key=api_key)
        self._limit = LIMIT

    async def answer(self, answer: RemoteAnswer, *, on_busy: Callable[[int], None]) -> FinishReason:
        """Send the request and read the answer, in whatever way that ends.

        Parameters
        ----------
        answer
            Holds the request and takes the answer.
        on_busy
            Called with the status when the server is busy and the request may be sent again.

        Raises
        ------
        PromptTooLongError
            If prompt and answer surely do not fit ``remote_context_window``.
        ModelNotFoundError
            If the server does not have the model.
        GenerationError
            If the server cannot be reached, refuses, fails, or breaks off.
        """
        import openai

        check_prompt_fits(
            prompt_tokens=answer.prompt_tokens,
            max_new_tokens=answer.request.sampling.max_new_tokens,
            context_window=self._options.remote_context_window,
        )
        ON_BUSY.set(on_busy)
        answer.begin()
        try:
            stream = await self._send(answer.request)
            async with stream:
                content_type = stream.response.headers.get("content-type", "")
                if not content_type.lower().startswith(EVENT_STREAM):
                    body = await self._json_of(stream.response, content_type)
                    raise self._explainer.explain_reply(body, content_type)
                return await answer.read(stream, self._server)
        # The client leaves malformed JSON and UTF-8 as the ValueErrors that they are.
        except (openai.OpenAIError, ValueError) as error:
            is_not_found = _status(error) == HTTPStatus.NOT_FOUND
            raise self._explainer.explain(
                error,
                has_begun=answer.has_begun,
                models=await self._models() if is_not_found else None,
            ) from error

    async def _send(self, request: GenerationRequest) -> EventStream:
        """Send ``request``; again if the server has another name for the answer's limit."""
        import openai

        limit = self._limit
        try:
            return await self._post(request, limit=limit)
        except openai.APIStatusError as error:
            if self._options.remote_api != "chat" or limit != LIMIT or not _refuses(error, limit):
                raise
            refusal = error
        try:
            stream = await self._post(request, limit=REASONING_LIMIT)
        except openai.APIStatusError as error:
            # The limit itself was refused, or the server knows neither name.
            if _refuses(error, REASONING_LIMIT):
                raise refusal from None
            self._limit = REASONING_LIMIT
            raise
        self._limit = REASONING_LIMIT
        return stream

    async def _post(self, request: GenerationRequest, *, limit: str) -> EventStream:
        from codeface_jupyter.engines.openai.stream import EventStream

        asked: dict[str, Any] = {limit: request.sampling.max_new_tokens}
        if self._options.remote_api == "chat":
            path = "/chat/completions"
            asked["messages"] = with_going_on(chat_messages(request.prompt), request.prompt)
        else:
            path = "/completions"
            asked["prompt"] = completion_text(request.prompt)
        # As plain JSON: servers leave out what the client's own classes promise.
        return await self._client.post(
            path,
            body=self._settings_sent(request) | asked,
            cast_to=object,
            stream=True,
            stream_cls=EventStream,
        )

    def _settings_sent(self, request: GenerationRequest) -> dict[str, Any]:
        sampling = request.sampling
        body: dict[str, Any] = {
            "model": self._model,
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
        }
        if sampling.seed is not None:
            body["seed"] = sampling.seed
        if stops := stop_strings(request, self._options):
            body["stop"] = list(stops[:MAX_STOP_STRINGS_SENT])
        if sampling.top_k:
            body["top_k"] = sampling.top_k
        if sampling.repetition_penalty != 1.0:
            body["repetition_penalty"] = sampling.repetition_penalty
        return body

    async def _json_of(self, response: httpx2.Response, content_type: str) -> object:
        """Return what a reply holds as JSON; None unless it is JSON and comes in time.

        Some servers and gateways send their errors so, with the status of a success.
        """
        import httpx2

        if JSON not in content_type.lower():
            return None
        with suppress(TimeoutError, httpx2.HTTPError, ValueError, RecursionError):
            async with asyncio.timeout(self._server.timeout_s):
                body: object = json.loads(await response.aread())
                return body
        return None

    async def _models(self) -> list[str] | None:
        """Return the names of the server's models, or None if it does not list them."""
        import openai

        patient = self._client.with_options(max_retries=0, timeout=LIST_MODELS_TIMEOUT_S)
        with suppress(openai.OpenAIError, ValueError):
            models = field_of(await patient.get("/models", cast_to=object), "data")
            if isinstance(models, list):
                return sorted(str(name) for model in models if (name := field_of(model, "id")))
        return None


def stop_strings(request: GenerationRequest, options: OpenAIOptions) -> tuple[str, ...]:
    """Return the texts that end an answer to ``request``."""
    is_chat = options.remote_api == "chat"
    return request.sampling.stop_strings + (() if is_chat else COMPLETION_STOP_STRINGS)


def _status(error: Exception) -> object:
    return getattr(error, "status_code", None)


def _refuses(error: openai.APIStatusError, parameter: str) -> bool:
    """Whether the server refused the request and named ``parameter``."""
    said = f"{error.message} {error.body}"
    return error.status_code in REFUSALS and bool(re.search(rf"\b{parameter}\b", said))
