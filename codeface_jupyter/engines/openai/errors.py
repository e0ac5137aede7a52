"""What a server's failures mean to the user, and what to do about each."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from pydantic import SecretStr

from codeface_jupyter.engines.openai.connection import KEYRING_SERVICE, Server
from codeface_jupyter.errors import CodeFaceError, GenerationError, ModelNotFoundError
from codeface_jupyter.shorten import shorten
from codeface_jupyter.wording import counted

if TYPE_CHECKING:
    import openai

__all__ = ["Explainer", "cut_off_error", "stalled_error"]

MAX_SAID = 300
# A shorter one is a placeholder for a server that wants none: hiding "x" would garble every text.
SHORTEST_KEY_HIDDEN = 8
MAX_MODELS_NAMED = 8
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
LONG_PROMPT = re.compile(r"context.{0,20}(length|window|size)|too (long|many tokens)", re.I | re.S)
WAIT_LONGER = (
    "It may be overloaded or still loading the model; raise CODEFACE_REQUEST_TIMEOUT_S to wait "
    "longer."
)
CHECK_URL = "Check CODEFACE_BASE_URL: the address usually ends in /v1."


@dataclass(frozen=True, kw_only=True)
class Explainer:
    """Turns the client's exceptions into errors that say what to do.

    Attributes
    ----------
    server
        The server that was asked.
    model
        The model that was asked for.
    api_key
        Hidden wherever the server repeats it.
    """

    server: Server
    model: str
    api_key: SecretStr | None = None

    def explain(
        self, error: Exception, *, has_begun: bool, models: Sequence[str] | None = None
    ) -> CodeFaceError:
        """Return the error to raise in place of ``error``.

        Parameters
        ----------
        error
            What the client raised.
        has_begun
            Whether a part of the answer has come, which is kept.
        models
            The server's models; None if it did not list them.
        """
        import openai

        # The order matters: to the client, a timeout is a connection error too.
        match error:
            case openai.APIStatusError():
                return self._refused(error, models)
            case openai.APITimeoutError():
                return self._silent(has_begun=has_begun)
            case openai.APIConnectionError() if has_begun:
                return cut_off_error(self.server, has_begun=True)
            case openai.APIConnectionError():
                return self._unreachable(error)
            case openai.APIError():
                said = self._clean(_message_in(error.body) or error.message)
                return cut_off_error(self.server, has_begun=has_begun, said=said)
        return GenerationError(
            f"{self.server.host} sent something that is no part of an answer "
            f"({type(error).__name__})." + _kept(has_begun=has_begun),
            hint=f"Ask again; if it keeps happening, the server is not OpenAI-compatible. "
            f"{CHECK_URL}",
        )

    def _refused(self, error: openai.APIStatusError, models: Sequence[str] | None) -> CodeFaceError:
        host, status = self.server.host, error.status_code
        said = _message_in(error.body)
        shown = self._clean(said)
        ending = f": {shown}" if shown else "."
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return GenerationError(
                f"{host} refused the key (HTTP {status}){ending}", hint=self._key_hint()
            )
        if status == HTTPStatus.NOT_FOUND:
            return self._not_found(ending, models)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return GenerationError(
                f"{host} is too busy (HTTP 429){ending}",
                hint=f"It was asked {self._tries}. Wait a while, then ask again; "
                "CODEFACE_REQUEST_RETRIES sets how often.",
            )
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return GenerationError(
                f"{host} failed (HTTP {status}){ending}",
                hint=f"It was asked {self._tries}; its log should say why.",
            )
        if status < HTTPStatus.BAD_REQUEST:
            target = self._clean(error.response.headers.get("location", "elsewhere"))
            return GenerationError(
                f"{host} redirects to {target} (HTTP {status}); prompts do not follow redirects.",
                hint="If you trust that address, set CODEFACE_BASE_URL to it.",
            )
        return GenerationError(
            f"{host} refused the request (HTTP {status}){ending}",
            hint=_named_hint(said)
            or "Change what it names; not every server knows top_k and repetition_penalty.",
        )

    def explain_reply(self, body: object, content_type: str) -> GenerationError:
        """Return the error for a reply that is no stream of events.

        Parameters
        ----------
        body
            What it holds as JSON; None if it holds none.
        content_type
            The type that it was sent as.
        """
        is_error = isinstance(body, Mapping) and ("error" in body or body.get("object") == "error")
        said = _message_in(body) if is_error else ""
        if not self._clean(said):
            return _not_a_stream_error(self.server, content_type)
        return GenerationError(
            f"{self.server.host} answered with an error: {self._clean(said)}",
            hint=_named_hint(said)
            or "The log of the server, or of a proxy in front of it, may say more.",
        )

    def _not_found(self, ending: str, models: Sequence[str] | None) -> CodeFaceError:
        if models is None:
            return GenerationError(
                f"There is no OpenAI-compatible API at {self.server.base_url} (HTTP 404){ending}",
                hint=CHECK_URL,
            )
        names = [self._clean(name) for name in models[:MAX_MODELS_NAMED]]
        more = f" and {len(models) - len(names)} more" if len(models) > len(names) else ""
        return ModelNotFoundError(
            f"{self.server.host} has no model {self.model!r}{ending}",
            hint=f"It has {', '.join(names)}{more}: choose one with --model or CODEFACE_MODEL."
            if names
            else "It lists no models.",
        )

    @property
    def _tries(self) -> str:
        return counted(self.server.retries + 1, "time")

    def _silent(self, *, has_begun: bool) -> CodeFaceError:
        tries = "" if has_begun else f" (asked {self._tries})"
        return GenerationError(
            f"{self.server.host} sent nothing for more than {self.server.timeout_s:g} s{tries}."
            + _kept(has_begun=has_begun),
            hint=WAIT_LONGER,
        )

    def _unreachable(self, error: openai.APIConnectionError) -> CodeFaceError:
        # The client only says "Connection error."; the reason is at the root.
        causes = list(_causes(error))
        reason = self._clean(str(causes[-1])) or type(causes[-1]).__name__
        if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
            hint = (
                "If your own authority issued the server's certificate, set SSL_CERT_FILE to that "
                "authority's certificates before the kernel starts."
            )
        else:
            hint = f"Is the server running, and is the address right? {CHECK_URL}"
        return GenerationError(
            f"{self.server.base_url} cannot be reached: {reason.rstrip('.')}.", hint=hint
        )

    def _key_hint(self) -> str:
        store = f"keyring set {KEYRING_SERVICE} {self.server.host}"
        which = "The key that was sent is not valid" if self.api_key else "No key was sent"
        return f"{which}: set CODEFACE_API_KEY before the kernel starts, or store it once: {store}"

    def _clean(self, text: object) -> str:
        line = str(text)
        key = self.api_key.get_secret_value() if self.api_key else ""
        if len(key) >= SHORTEST_KEY_HIDDEN:
            line = line.replace(key, "(key)")
        line = CONTROLS.sub(" ", line).strip()
        return shorten(line, max_chars=MAX_SAID)


def cut_off_error(server: Server, *, has_begun: bool, said: str = "") -> GenerationError:
    """Return the error for an answer that broke off."""
    when = "in the middle of" if has_begun else "before the first word of"
    ending = f": {said.rstrip('.')}" if said else ""
    return GenerationError(
        f"{server.host} broke off {when} its answer{ending}." + _kept(has_begun=has_begun),
        hint="Ask again; if it happens often, look into the log of the server, or of a proxy "
        "in front of it.",
    )


def stalled_error(server: Server, *, has_begun: bool) -> GenerationError:
    """Return the error for a server that keeps the connection alive without answering."""
    return GenerationError(
        f"{server.host} kept the connection alive, but sent nothing of its answer for more than "
        f"{server.timeout_s:g} s." + _kept(has_begun=has_begun),
        hint=WAIT_LONGER,
    )


def _not_a_stream_error(server: Server, content_type: str) -> GenerationError:
    """Return the error for a reply that is a web page, or anything but a stream of events."""
    kind = CONTROLS.sub(" ", content_type)[:MAX_SAID] or "content of no type"
    return GenerationError(
        f"{server.host} answered with {kind}; expected a stream of events.", hint=CHECK_URL
    )


def _named_hint(said: str) -> str:
    """Return what to do about a refusal, by the server's words; empty if they do not tell."""
    if LONG_PROMPT.search(said):
        return (
            "Send fewer cells (--cells N) or lower --max-new-tokens; with "
            "CODEFACE_REMOTE_CONTEXT_WINDOW set, what does not fit is left out."
        )
    if "template" in said:
        return "A base model has no chat template: set CODEFACE_REMOTE_API=completions."
    if "temperature" in said:
        return "Some reasoning models accept no temperature but 1: use --temperature 1."
    return ""


def _message_in(body: object) -> str:
    """Return the server's own message as it stands, wherever in ``body`` it is."""
    # The field is "message", "detail" or "error", and may be nested in another of them.
    while isinstance(body, Mapping):
        body = next((body[key] for key in ("message", "detail", "error") if key in body), "")
    # A proxy's error page says nothing of use.
    return body.strip() if isinstance(body, str) and "<html" not in body.lower() else ""


def _kept(*, has_begun: bool) -> str:
    return " What had arrived is kept, marked as cut off." if has_begun else ""


def _causes(error: BaseException) -> list[BaseException]:
    """Return ``error`` and its causes, the root last."""
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) and cause not in chain:
        chain.append(cause)
    return chain
