"""The vocabulary of one answer: what is asked, what streams back, what is kept."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Literal

from codeface_jupyter.config.settings import DEFAULT_MAX_NEW_TOKENS
from codeface_jupyter.jobs import Event
from codeface_jupyter.outcome import Agreement, Alternative, Outcome
from codeface_jupyter.prompts import (
    CodeBlock,
    Prompt,
    extract_code,
    extract_code_blocks,
    split_thoughts,
)

__all__ = [
    "NO_MODEL",
    "BrokenOff",
    "Chunk",
    "Done",
    "Edit",
    "EngineIdentity",
    "Failed",
    "Finding",
    "FindingKind",
    "FinishReason",
    "GenerationMetrics",
    "GenerationRequest",
    "GenerationResult",
    "Remarked",
    "Revised",
    "SamplingParameters",
    "Warned",
]

FinishReason = Literal["stop", "length", "cancelled", "error"]
FindingKind = Literal[
    "syntax",
    "unknown_name",
    "missing_module",
    "unknown_attribute",
    "unknown_key",
    "bad_call",
    "overwrites",
    "effect",
]


@dataclass(frozen=True, kw_only=True)
class SamplingParameters:
    """How the next token is chosen, under Hugging Face's names; unless given, the likeliest is.

    Attributes
    ----------
    max_new_tokens
        The maximum length of the answer, in tokens.
    temperature
        0 is greedy decoding.
    top_p, top_k
        Nucleus mass in (0, 1] and number of candidates; 1 and 0 mean all.
    repetition_penalty
        1 is none.
    seed
        Makes a sampled answer repeatable on the same engine and machine.
    stop_strings
        Texts that end the answer; they are not part of it.
    """

    max_new_tokens: int = DEFAULT_MAX_NEW_TOKENS
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0
    seed: int | None = None
    stop_strings: tuple[str, ...] = ()

    @property
    def do_sample(self) -> bool:
        """Whether tokens are drawn at random."""
        return self.temperature > 0


@dataclass(frozen=True, kw_only=True)
class GenerationRequest:
    """One question to an engine: what to answer, and how.

    Attributes
    ----------
    prompt
        What is asked.
    sampling
        How tokens are chosen.
    expects_copying
        Whether the answer mostly repeats the prompt, as an edited cell does. An
        engine may then guess tokens from the prompt; the answer stays the same.
    """

    prompt: Prompt
    sampling: SamplingParameters = field(default_factory=SamplingParameters)
    expects_copying: bool = False

    @classmethod
    def to_read(cls, prompt: Prompt) -> GenerationRequest:
        """Return a request that has an engine read a prompt, and answer with one token at most."""
        return cls(prompt=prompt, sampling=SamplingParameters(max_new_tokens=1))


@dataclass(frozen=True, kw_only=True)
class EngineIdentity:
    """What decides an answer besides the request; part of the response cache's key.

    Attributes
    ----------
    engine, model
        Their names.
    revision
        The hub's commit, or a digest of the files.
    dtype
        The weights' type.
    quantization
        How the weights were made smaller; empty where they were not.
    adapter
        The fingerprint of the adapter on top of the weights; empty without one.
    options
        A digest of the engine's options; empty where none differs from its default. The
        session enters it, for an engine that it made by its settings.
    """

    engine: str
    model: str
    revision: str = ""
    dtype: str = ""
    quantization: str = ""
    adapter: str = ""
    options: str = ""


# Of an answer that was worked out without one.
NO_MODEL = EngineIdentity(engine="none", model="no model")


@dataclass(frozen=True, kw_only=True)
class GenerationMetrics:
    """What an answer cost.

    Attributes
    ----------
    prompt_tokens, generated_tokens
        Token counts of the prompt and of the answer.
    reused_prompt_tokens
        How many of the prompt's tokens were in the KV cache already.
    time_to_first_token_s, decode_s
        Seconds from the request to the first token, and from there to the last.
    load_s
        Seconds spent bringing the model into memory for this request.
    wait_s
        Seconds that the user waited for the first token: from the question on, with all that
        came before the model's part; 0 where that is not known.
    peak_memory_bytes
        The device's peak for CUDA, the process's peak resident set otherwise.
    from_response_cache
        Whether the answer was replayed instead of generated.
    is_shared
        Whether it was that of an equal question of its batch though nothing may be replayed.
    tries
        How many codes were run on a copy of the kernel.
    tries_s
        Seconds spent on that, and on the answers that were asked for beside the first.
    """

    prompt_tokens: int = 0
    reused_prompt_tokens: int = 0
    generated_tokens: int = 0
    time_to_first_token_s: float = 0.0
    decode_s: float = 0.0
    load_s: float = 0.0
    wait_s: float = 0.0
    peak_memory_bytes: int = 0
    from_response_cache: bool = False
    is_shared: bool = False
    tries: int = 0
    tries_s: float = 0.0

    @property
    def decode_tokens_per_s(self) -> float:
        """Tokens after the first one, per second of decoding."""
        return (self.generated_tokens - 1) / self.decode_s if self.decode_s > 0 else 0.0

    @property
    def total_s(self) -> float:
        """Seconds from the request, model in memory, to the last token."""
        return self.time_to_first_token_s + self.decode_s


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A change of a code: characters ``start`` up to ``end``, from 0, become ``replacement``."""

    start: int
    end: int
    replacement: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something about an answer's code that does not fit the notebook, found without running it.

    Attributes
    ----------
    kind
        What is wrong. ``unknown_name``, ``missing_module``, ``unknown_attribute`` and
        ``unknown_key`` (a column, an index level, a key) say that something does not exist.
    message
        A sentence of Markdown for the user; it names the nearest thing that exists.
    line
        The line of the code, from 1.
    missing
        The column or key that does not exist; empty where it is none of these.
    edits
        The changes that mend it, where exactly one name is close; none overlaps another.
    """

    kind: FindingKind
    message: str
    line: int
    missing: str = ""
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, kw_only=True)
class GenerationResult:
    """A finished answer: the text, the code in it, and the record of how it came to be.

    Attributes
    ----------
    text
        The answer as the model wrote it.
    offered_blocks
        The code blocks as they are offered, where they differ from those in ``text``.
    left_out
        The numbers of those blocks in ``text`` that are not offered, since they are copies.
    notes
        What was changed for that, and what else is to be said of the code: sentences of
        Markdown.
    findings
        What does not fit the notebook; lines and edits are those of ``code``.
    outcome
        What ``code`` did on a copy of the kernel; None if it was not tried.
    agreement, alternatives
        How many of several answers do the same, and what the others do.
    is_revised
        Whether it took the place of a first answer; ``metrics`` are those of the model in
        ``identity``, which may be another one than was asked first.
    """

    text: str
    finish_reason: FinishReason
    metrics: GenerationMetrics
    identity: EngineIdentity
    sampling: SamplingParameters
    prompt: str
    language: str = "python"
    is_bare_code: bool = False
    is_local: bool = True
    offered_blocks: tuple[CodeBlock, ...] | None = None
    left_out: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    outcome: Outcome | None = None
    agreement: Agreement | None = None
    alternatives: tuple[Alternative, ...] = ()
    is_revised: bool = False

    @cached_property
    def answer(self) -> str:
        """What the model says in the text, without what it thinks before."""
        return "".join(text for text, is_thought in self._parts if not is_thought)

    @property
    def thoughts(self) -> list[str]:
        """What a reasoning model thinks in the text: no code of it is offered or sent again."""
        return [text for text, is_thought in self._parts if is_thought and text.strip()]

    @cached_property
    def _parts(self) -> list[tuple[str, bool]]:
        if self.is_bare_code:
            return [(self.text, False)]
        return [(part.text, part.is_thought) for part in split_thoughts(self.text)]

    @property
    def code_blocks(self) -> list[CodeBlock]:
        """The answer's fenced blocks as they are offered."""
        return self.written_blocks if self.offered_blocks is None else list(self.offered_blocks)

    @cached_property
    def written_blocks(self) -> list[CodeBlock]:
        """The answer's fenced blocks; for a base model's bare code, the whole answer."""
        if self.is_bare_code:
            return [CodeBlock(self.language, self.text.strip("\n"))]
        return extract_code_blocks(self.text, default_language=self.language)

    @property
    def code(self) -> str:
        """The code worth inserting: the blocks in the asked-for language, joined."""
        return extract_code(self.code_blocks, language=self.language)

    @property
    def ended_by_itself(self) -> bool:
        """Whether nobody stopped it and nothing failed; it may have come to its limit."""
        return self.finish_reason in {"stop", "length"}

    @property
    def prompt_digest(self) -> str:
        """SHA-256 of the exact prompt, in hex."""
        return hashlib.sha256(self.prompt.encode()).hexdigest()

    def record(self) -> dict[str, object]:
        """Return what is kept in the notebook about the answer's origin, as JSON values."""
        return {
            **asdict(self.identity),
            "is_local": self.is_local,
            # Through JSON: its tuples become lists, as they come back from a saved notebook.
            "sampling": json.loads(json.dumps(asdict(self.sampling))),
            "finish_reason": self.finish_reason,
            "metrics": asdict(self.metrics),
            "prompt_sha256": self.prompt_digest,
            "findings": [
                {"kind": finding.kind, "message": finding.message, "line": finding.line}
                for finding in self.findings
            ],
            "tried": None if self.outcome is None else self.outcome.ending,
            "agreement": None if self.agreement is None else asdict(self.agreement),
        }

    def __repr__(self) -> str:
        m = self.metrics
        return (
            f"<GenerationResult {self.finish_reason}, {m.generated_tokens} tokens, "
            f"{len(self.code_blocks)} code blocks>"
        )


@dataclass(frozen=True)
class Chunk(Event):
    """Text of the answer, whole characters only, and the tokens generated so far."""

    text: str
    generated_tokens: int


@dataclass(frozen=True)
class Revised(Event):
    """A text that replaces the whole answer so far; later chunks continue it.

    Attributes
    ----------
    text
        The answer as it is from now on.
    generated_tokens
        Tokens generated for it.
    reason
        Why, as the user reads it: a few words that follow "revised:".
    """

    text: str
    generated_tokens: int
    reason: str


@dataclass(frozen=True)
class Remarked(Event):
    """What the user may want to know, shown quietly beside the answer: nothing is wrong."""

    text: str


@dataclass(frozen=True)
class Warned(Event):
    """A warning of one sentence, shown beside the answer."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Done(Event):
    """The end of an answer: why it ended, what it cost, and what came of it.

    Attributes
    ----------
    error
        What one answer of a batch failed with, while the others go on; an answer on its
        own raises it.
    result
        The finished answer; None from an engine, and from work that gives no answer.
    """

    finish_reason: FinishReason
    metrics: GenerationMetrics
    error: Exception | None = None
    result: GenerationResult | None = None


@dataclass(frozen=True)
class BrokenOff(Event):
    """The answer as far as it came before an error, which is raised in the consumer next."""

    result: GenerationResult


@dataclass(frozen=True)
class Failed(Event):
    """The end of a stream by an exception, which is raised in the consumer."""

    error: BaseException
