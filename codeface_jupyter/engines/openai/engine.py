"""An engine on another machine: any server that speaks OpenAI's HTTP API.

vLLM, TGI, llama-server, Ollama and ``transformers serve`` do, as do the hosted
services. The server is trusted with what is sent and with nothing else: its
replies are bounded, and every way in which it may fail has its own message.
"""

from __future__ import annotations

import hashlib
import math
import queue
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from importlib.util import find_spec

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.openai.answer import RemoteAnswer
from codeface_jupyter.engines.openai.batch import SideBySide
from codeface_jupyter.engines.openai.client import KeptClient
from codeface_jupyter.engines.openai.connection import Server, find_api_key, import_client
from codeface_jupyter.engines.openai.options import OpenAIOptions
from codeface_jupyter.engines.openai.request import Requester, stop_strings
from codeface_jupyter.engines.text.streaming_text import collected
from codeface_jupyter.errors import EngineUnavailableError, GenerationError, install_hint
from codeface_jupyter.generation import Done, EngineIdentity, GenerationRequest
from codeface_jupyter.jobs import Cancelled, Job
from codeface_jupyter.prompts import (
    Prompt,
    chat_messages,
    completion_text,
    conversation_text,
    with_going_on,
)
from codeface_jupyter.threads import cancellable

__all__ = ["OpenAIEngine"]

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
        ``model``, as the server calls it.
    options
        ``base_url``, ``api_key`` and the other options; those in ``settings`` unless given.
    """

    # A server has a default of its own, and not every server knows the parameter.
    default_repetition_penalty = 1.0

    def __init__(self, settings: Settings, options: OpenAIOptions | None = None) -> None:
        self._settings = settings
        self._options = options or settings.options_of("openai", OpenAIOptions)
        self._server = Server(
            base_url=self._options.base_url or "",
            timeout_s=self._options.request_timeout_s,
            retries=self._options.request_retries,
        )
        self._loaded: tuple[KeptClient, Requester] | None = None

    @property
    def identity(self) -> EngineIdentity:
        """The model, with a digest of the server's address as its revision."""
        # Two servers may serve different weights under one name and share a response cache.
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
        """True: loading the weights is the server's task."""
        return True

    @property
    def is_chat(self) -> bool:
        """Whether the model takes a conversation; ``remote_api`` says so."""
        return self._options.remote_api == "chat"

    @property
    def context_window(self) -> int | None:
        """The option ``remote_context_window``: the API does not report it."""
        return self._options.remote_context_window

    def prepare(self, job: Job) -> None:  # noqa: ARG002 - an engine's signature
        """Check that there is a client and a server's address; nothing is sent yet.

        Raises
        ------
        EngineUnavailableError
            If the package is not installed or ``base_url`` is not set.
        """
        if find_spec("openai") is None:
            raise EngineUnavailableError(
                "The openai engine needs the package openai, which is not installed.",
                hint=install_hint("remote"),
            )
        if not self._server.base_url:
            raise EngineUnavailableError(
                "The openai engine needs a server's address, but base_url is not set.",
                hint="Set it: %codeface_config base_url=http://localhost:8000/v1, "
                "or CODEFACE_BASE_URL before the kernel starts.",
            )

    def load(self, job: Job) -> None:
        """Import the client, find the key, and keep one client for all answers.

        Raises
        ------
        EngineUnavailableError
            As `prepare` does.
        ConfigError
            If the key cannot be sent.
        """
        self._load(job)

    def _load(self, job: Job) -> tuple[KeptClient, Requester]:
        if self._loaded is not None and self._loaded[0].is_served:
            return self._loaded
        self.prepare(job)
        job.progress("Importing the client")
        import_client()
        given = self._options.api_key
        # A keyring may ask the user to unlock it, and wait for that.
        api_key = cancellable(lambda: find_api_key(given, self._server), check=job.check)
        client = KeptClient(self._server, api_key=api_key)
        requester = Requester(
            client.openai,
            server=self._server,
            model=self._settings.model,
            options=self._options,
            api_key=api_key,
        )
        self._loaded = client, requester
        return self._loaded

    def unload(self) -> None:
        """Close the connections and forget the key."""
        loaded, self._loaded = self._loaded, None
        if loaded is not None:
            client, _ = loaded
            client.close()

    def format_prompt(self, prompt: Prompt) -> str:
        """Return the exact text that is sent; the server lays it out for its model."""
        if self.is_chat:
            return conversation_text(with_going_on(chat_messages(prompt), prompt))
        return completion_text(prompt)

    def count_tokens(self, text: str) -> int:
        """Estimate the number of tokens in ``text``: the server's tokenizer is not here."""
        digits = sum(map(str.isdigit, text))
        return digits + math.ceil((len(text.encode(errors="replace")) - digits) / BYTES_PER_TOKEN)

    def generate(self, request: GenerationRequest, job: Job) -> Done:
        """Answer ``request``; cancelling closes the connection at once.

        Raises
        ------
        PromptTooLongError
            If prompt and answer surely do not fit ``remote_context_window``.
        ModelNotFoundError
            If the server does not have the model.
        GenerationError
            If the server cannot be reached, refuses, fails, or breaks off; what was
            shown stays as the beginning of the answer.
        """
        client, requester = self._connect(job)
        answer = self._remote_answer(request, job)

        def on_busy(status: int) -> None:
            job.progress(f"{self._server.host} is busy (HTTP {status})")

        try:
            reason = client.run(requester.answer(answer, on_busy=on_busy), job)
        except Cancelled:
            if not job.is_cancelled:
                raise
            reason = "cancelled"
        except GenerationError:
            answer.flush()
            raise
        return answer.done(reason)

    def generate_batch(
        self,
        requests: Sequence[GenerationRequest],
        *,
        on_result: Callable[[int, str, Done], None],
        job: Job,
    ) -> None:
        """Answer all ``requests``, a few at once, and fewer once the server has too much to do.

        Stopping ``job`` closes the connections at once.

        Raises
        ------
        EngineUnavailableError
            As `prepare` does.
        ConfigError
            If the key cannot be sent.
        """
        client, requester = self._connect(job)
        ended: queue.SimpleQueue[tuple[int, str, Done] | Future[None]] = queue.SimpleQueue()
        texts: list[list[str]] = [[] for _ in requests]
        work = SideBySide(
            [
                self._remote_answer(request, collected(pieces, job))
                for request, pieces in zip(requests, texts, strict=True)
            ],
            send=requester.answer,
            report=lambda index, done: ended.put((index, "".join(texts[index]), done)),
        )
        future = client.start(work.run(), job)
        future.add_done_callback(ended.put)
        try:
            while not isinstance(result := ended.get(), Future):
                on_result(*result)
            future.result()
        except (Cancelled, CancelledError):
            if not job.is_cancelled:
                raise Cancelled from None
        finally:
            future.cancel()

    def _connect(self, job: Job) -> tuple[KeptClient, Requester]:
        loaded = self._load(job)
        job.progress(f"Waiting for {self._server.host}")
        return loaded

    def _remote_answer(self, request: GenerationRequest, job: Job) -> RemoteAnswer:
        return RemoteAnswer(
            request,
            prompt_tokens=self.count_tokens(self.format_prompt(request.prompt)),
            stop_strings=stop_strings(request, self._options),
            job=job,
        )
