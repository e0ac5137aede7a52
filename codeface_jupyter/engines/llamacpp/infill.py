"""Completions of code: of the likeliest tokens that llama.cpp names, the best that may come."""

from __future__ import annotations

import asyncio
import codecs
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from codeface_jupyter.engines.llamacpp.running_model import RunningModel
from codeface_jupyter.engines.text.guided import GuidedText
from codeface_jupyter.engines.text.vocabulary import NameContinuations
from codeface_jupyter.engines.until_stopped import until_stopped
from codeface_jupyter.generation import FinishReason, GenerationMetrics
from codeface_jupyter.infilling import Infilled, InfillRequest, NextName
from codeface_jupyter.jobs import Job
from codeface_jupyter.threads import cancellable, new_lock

__all__ = ["GapFiller"]

# How many likely tokens llama.cpp is to name. Where a name of the notebook has to come, another
# is often a thousand times as likely; naming so many takes less than a twentieth of a pass.
NAMED_TOKENS, NAMED_TOKENS_OF_NAMES = 64, 2_000
# Of a pass, before one was seen; and the longest pause.
UNKNOWN_PASS_S, MAX_PAUSE_S = 0.2, 1.0


class GapFiller:
    """Fills gaps one after another, beside the answers that llama.cpp may be writing.

    Parameters
    ----------
    running
        The model.
    """

    def __init__(self, running: RunningModel) -> None:
        self._running = running
        self._lock = new_lock()
        self._pause = _Pause()

    def fill(self, request: InfillRequest, job: Job) -> Infilled:
        """Fill a gap.

        Raises
        ------
        PromptTooLongError
            If prompt and completion do not fit the context.
        GenerationError
            If llama.cpp refuses.
        ChildDiedError
            If its process ends.
        Cancelled
            If ``job`` was stopped.
        """
        prompt_ids = self._running.infill_ids(request)
        with self._lock:
            filling = _Filling(prompt_ids, request)
            while not self._is_done(filling, job):
                self._pause.wait(job)
                asyncio.run(until_stopped(self._ask(filling), job))
        return filling.infilled()

    def _is_done(self, filling: _Filling, job: Job) -> bool:
        """Add what is left of a name, if only one can be meant; return whether that is all."""
        job.check()
        if filling.is_over:
            return True
        if filling.has_unknown_tokens:
            filling.know_tokens(self._tokens_of(filling.text, job))
        rest = filling.settled_name()
        if rest:
            filling.add(self._tokens_of(rest, job), rest)
        return filling.is_over

    def _tokens_of(self, text: str, job: Job) -> list[int]:
        tokenize = partial(self._running.connection.tokenize, text, is_prompt=False)
        return cancellable(tokenize, check=job.check)

    async def _ask(self, filling: _Filling) -> None:
        """Take tokens until the completion is over, or another token than the streamed one."""
        token_times: list[float] = []
        has_ended = False
        async with self._running.connection.stream(filling.body()) as events:
            try:
                async for event in events:
                    has_ended = bool(event.get("stop"))
                    if "completion_probabilities" in event and not has_ended:
                        token_times.append(time.monotonic())
                    # A single token's stream is at its end by then, which is heard out.
                    if not (filling.take(event) or has_ended or filling.asks_for_one_token):
                        return
            finally:
                self._pause.note(token_times)
                if not has_ended:
                    # llama.cpp notices only after its next pass that nobody listens any more.
                    self._pause.begin()


class _Pause:
    """Lets llama.cpp leave a stream before it gets the next, which then finds its prompt read."""

    def __init__(self) -> None:
        self._until = 0.0
        self._pass_s = UNKNOWN_PASS_S

    def note(self, token_times: Sequence[float]) -> None:
        """Take how long a pass takes from when the tokens of a stream came."""
        if len(token_times) > 1:
            self._pass_s = min(token_times[-1] - token_times[-2], MAX_PAUSE_S)

    def begin(self) -> None:
        """Begin a pause of one pass."""
        self._until = time.monotonic() + self._pass_s

    def wait(self, job: Job) -> None:
        """Wait for its end.

        Raises
        ------
        Cancelled
            If ``job`` is stopped meanwhile.
        """
        job.wait(max(0.0, self._until - time.monotonic()))
        job.check()


@dataclass(frozen=True)
class _Offer:
    """A token that llama.cpp holds to be likely."""

    token_id: int
    token: bytes
    probability: float

    @classmethod
    def of(cls, named: dict[str, Any]) -> _Offer:
        """Return what one entry of the server's list says."""
        return cls(int(named["id"]), bytes(named["bytes"]), math.exp(named["logprob"]))

    @classmethod
    def all_of(cls, streamed: dict[str, Any]) -> list[_Offer]:
        """Return the likely tokens beside a streamed one, and that.

        A character of several tokens is told with its last one, as that and as the bytes of all;
        of the others neither ids nor rivals are known.
        """
        offers = [cls.of(named) for named in streamed["top_logprobs"]]
        whole = cls.of(streamed)
        own = next((offer for offer in offers if offer.token_id == whole.token_id), whole)
        return [whole] if len(whole.token) > len(own.token) else offers


class _Filling:
    """One completion, from the server's events."""

    def __init__(self, prompt_ids: Sequence[int], request: InfillRequest) -> None:
        self._ids = list(prompt_ids)
        self._prompt_tokens = len(prompt_ids)
        self.has_unknown_tokens = False
        self._most_ids = len(prompt_ids) + request.max_new_tokens
        self._written = GuidedText(request)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._reason: FinishReason | None = None
        self._reused: int | None = None
        self._started = time.perf_counter()
        self._times: list[float] = []
        self._named = NAMED_TOKENS
        self._ids_before = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing more is wanted."""
        return self._reason is not None

    @property
    def asks_for_one_token(self) -> bool:
        """Whether no more was asked for: where a name has to come, the next one depends on it."""
        return self._named == NAMED_TOKENS_OF_NAMES

    @property
    def text(self) -> str:
        """The completion, as far as it has come."""
        return self._written.whole_text

    def know_tokens(self, token_ids: Sequence[int]) -> None:
        """Take the tokens of the text, where the server has not told all of them."""
        self._ids[self._prompt_tokens :] = token_ids
        self.has_unknown_tokens = False
        self._end_at_limit()

    def settled_name(self) -> str:
        """Return what is left of a name, if only one can be meant; else nothing."""
        name = None if self.is_over else self._next_name()
        return "" if name is None else name.settled

    def add(self, token_ids: Sequence[int], text: str) -> None:
        """Take tokens and the text that they stand for."""
        self._ids += token_ids
        if self._written.add(text):
            self._reason = "stop"
        self._end_at_limit()

    def _end_at_limit(self) -> None:
        if not self.is_over and len(self._ids) >= self._most_ids:
            self._reason = "length"

    def body(self) -> dict[str, Any]:
        """Return what llama.cpp is asked to go on with what there is."""
        self._ids_before = len(self._ids)
        is_name = self._next_name() is not None
        self._named = NAMED_TOKENS_OF_NAMES if is_name else NAMED_TOKENS
        tokens_left = self._most_ids - len(self._ids)
        return {
            "prompt": self._ids,
            "stream": True,
            "return_progress": True,
            "cache_prompt": True,
            "n_predict": 1 if self.asks_for_one_token else tokens_left,
            "samplers": ["temperature"],
            "temperature": 0.0,
            "n_probs": self._named,
        }

    def take(self, event: dict[str, Any]) -> bool:
        """Take what the server sent; return whether what it sends next is wanted."""
        if event.get("stop"):
            self._end(event)
        elif (progress := event.get("prompt_progress")) is not None and self._reused is None:
            self._reused = int(progress["cache"])
        # A character of several tokens comes as one event.
        tokens = event.get("completion_probabilities", ())
        return all(map(self._take_token, tokens)) and not self.is_over

    def infilled(self) -> Infilled:
        """Return what has come."""
        first, last = (self._times[0], self._times[-1]) if self._times else (self._started,) * 2
        return Infilled(
            text=self._written.text,
            likelihood=self._written.likelihood,
            finish_reason=self._reason or "cancelled",
            metrics=GenerationMetrics(
                prompt_tokens=self._prompt_tokens,
                reused_prompt_tokens=self._reused or 0,
                generated_tokens=len(self._ids) - self._prompt_tokens,
                time_to_first_token_s=first - self._started,
                decode_s=last - first,
            ),
        )

    def _next_name(self) -> NextName | None:
        name = self._written.next_name()
        pending = self._decoder.getstate()[0]
        return replace(name, pending=pending) if name is not None and pending else name

    def _end(self, event: dict[str, Any]) -> None:
        has_come = len(self._ids) > self._ids_before
        # Without a token to take, it would be asked the same for ever.
        if event.get("stop_type") != "limit" or not has_come:
            self._reason = self._reason or "stop"

    def _take_token(self, streamed: dict[str, Any]) -> bool:
        """Take the likeliest token that may come; return whether the server went on with it."""
        offers = _Offer.all_of(streamed)
        self.has_unknown_tokens |= len(offers) == 1 < len(streamed["top_logprobs"])
        name = self._next_name()
        if name is not None:
            may_come = NameContinuations(name)
            offers = [offer for offer in offers if may_come.include(offer.token)]
        if offers:
            self._take_best(offers, is_one_of_all=name is None)
        elif self.asks_for_one_token:
            self._written.note(0.0)
            self._reason = "stop"
        return bool(offers) and self._ids[-1] == int(streamed["id"])

    def _take_best(self, offers: Sequence[_Offer], *, is_one_of_all: bool) -> None:
        best = max(offers, key=lambda offer: offer.probability)
        together = 1.0 if is_one_of_all else sum(offer.probability for offer in offers)
        self._written.note(best.probability / together)
        self._times.append(time.perf_counter())
        self.add([best.token_id], self._decoder.decode(best.token))
        if not best.token:
            # A token without a text ends it.
            self._reason = "stop"
