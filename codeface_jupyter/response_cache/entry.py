"""What is kept of an answer, under which key, and what a response cache can do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Protocol

from codeface_jupyter.generation import EngineIdentity, FinishReason, SamplingParameters
from codeface_jupyter.outcome import Agreement
from codeface_jupyter.prompts import PROMPT_VERSION

__all__ = ["CacheStatus", "CachedResponse", "ResponseCache", "response_key"]


@dataclass(frozen=True, kw_only=True)
class CachedResponse:
    """A finished answer, what it cost when it was generated, and what it was chosen from.

    ``answered_by`` is the model that gave it, if another one had been asked first; of an
    answer ``in_vain`` something spoke against every answer that had been asked for.
    """

    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    generated_tokens: int
    total_s: float
    agreement: Agreement | None = None
    answered_by: EngineIdentity | None = None
    in_vain: bool = False

    @property
    def size_bytes(self) -> int:
        """Bytes of the text in UTF-8."""
        return len(self.text.encode(errors="surrogatepass"))


@dataclass(frozen=True, kw_only=True)
class CacheStatus:
    """What a response cache holds.

    Attributes
    ----------
    place
        Where the answers are: ``memory``, or an address without its password.
    entries, size_bytes
        How many answers, and their bytes.
    is_complete
        Whether everything was counted; a large shared cache is counted for a while only.
    trouble
        Why it cannot be used now; empty when it can.
    """

    place: str
    entries: int = 0
    size_bytes: int = 0
    is_complete: bool = True
    trouble: str = ""


class ResponseCache(Protocol):
    """Keeps answers. Whatever goes wrong there, a request goes on without it."""

    @property
    def failures(self) -> Mapping[str, int]:
        """How often it could not serve, by reason."""

    def get(self, key: str) -> CachedResponse | None:
        """Return the answer kept under ``key``, unless it has expired."""

    def put(self, key: str, response: CachedResponse) -> None:
        """Keep ``response`` under ``key``."""

    def status(self) -> CacheStatus:
        """Count what is kept."""

    def clear(self) -> int:
        """Forget every answer, shared ones included; return how many there were."""

    def close(self) -> None:
        """Free what this process holds; answers kept elsewhere stay."""


def response_key(
    identity: EngineIdentity, sampling: SamplingParameters, prompt: str, *, choosing: str = ""
) -> str:
    """Return the SHA-256, in hex, of all that decides an answer.

    Parameters
    ----------
    choosing
        How one of several answers is chosen; empty where there is only one.
    """
    parts = {
        "identity": asdict(identity),
        "sampling": asdict(sampling),
        "prompt": prompt,
        "prompt_version": PROMPT_VERSION,
        "choosing": choosing,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
