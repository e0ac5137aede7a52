"""From tokens to text that can be shown: whole characters, no stop strings.

Three steps, shared by all engines: an `IncrementalDetokenizer` turns tokens into
text, a `TextFilter` holds back what must not be shown yet, and an `AnswerWriter`
emits what is left as chunks and keeps the counts and the clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import regex

from codeface_jupyter.generation import Chunk, Done, FinishReason, GenerationMetrics
from codeface_jupyter.jobs import Event, Job
from codeface_jupyter.well_formed import well_formed

__all__ = ["AnswerWriter", "IncrementalDetokenizer", "TextFilter", "collected"]

REPLACEMENT_CHARACTER = "\ufffd"
# A character of n bytes that is not complete yet decodes to at most n - 1 replacements.
UNSETTLED_REPLACEMENTS = 3
HIGH_SURROGATES = ("\ud800", "\udbff")
# Longer clusters are no character of any script, and each chunk would read them anew.
MAX_CLUSTER_CHARS = 128
GRAPHEME_CLUSTER = regex.compile(r"\X")
# Nothing can join a cluster that ends so; a carriage return may still meet its line feed.
CLOSED_CLUSTER = regex.compile(r"[\p{GCB=Control}\p{GCB=LF}]\Z")


class IncrementalDetokenizer:
    r"""Decodes tokens as they come, never splitting a character.

    Each step decodes only the tokens since the last but one settled text, so the
    whole answer costs linear time. The tokens before keep decoders from treating
    a later token as the first of a text, which some strip of its space. Bytes that
    are no UTF-8 become ``\ufffd`` as soon as no later byte can complete them.

    Parameters
    ----------
    decode
        Gives the text of token ids, specials included, nothing cleaned up.
    special_ids
        Tokens that are markup and have no text in the answer.
    prompt_ids
        The tokens before the answer; the answer continues their text.
    """

    # Enough for any decoder to see that it is not at the start of a text.
    PROMPT_TOKENS = 4

    def __init__(
        self,
        decode: Callable[[list[int]], str],
        *,
        special_ids: Collection[int] = (),
        prompt_ids: Sequence[int] = (),
    ) -> None:
        self._decode = decode
        self._special_ids = frozenset(special_ids)
        self._settled_ids = self._without_specials(prompt_ids[-self.PROMPT_TOKENS :])
        self._settled_text = decode(self._settled_ids) if self._settled_ids else ""
        self._open_ids: list[int] = []
        # Characters of the open tokens' text that were returned already.
        self._returned = 0

    def add(self, token_ids: Sequence[int]) -> str:
        """Return the text that ``token_ids`` complete; it may be empty."""
        self._open_ids += self._without_specials(token_ids)
        if not self._open_ids:
            return ""
        text = self._open_text()
        unsettled = len(text) - len(text.rstrip(REPLACEMENT_CHARACTER))
        end = len(text) - min(unsettled, UNSETTLED_REPLACEMENTS)
        new = text[self._returned : end]
        self._returned = max(self._returned, end)
        if not unsettled:
            self._settle()
        return new

    def finish(self) -> str:
        """Return what is left: the replacements for a character that was never completed."""
        if not self._open_ids:
            return ""
        rest = self._open_text()[self._returned :]
        self._settle()
        return rest

    def _without_specials(self, token_ids: Sequence[int]) -> list[int]:
        return [token_id for token_id in token_ids if token_id not in self._special_ids]

    def _open_text(self) -> str:
        text = self._decode(self._settled_ids + self._open_ids)
        if text.startswith(self._settled_text):
            return text[len(self._settled_text) :]
        # A byte-fallback decoder takes back a character that stray bytes follow; it was shown.
        return self._decode(self._open_ids)

    def _settle(self) -> None:
        self._settled_ids, self._open_ids = self._open_ids, []
        self._settled_text = self._decode(self._settled_ids)
        self._returned = 0


class TextFilter:
    """Holds back what must not be shown yet, and ends the text at a stop string.

    Held back are the last grapheme cluster, which a combining mark may still
    extend, and the possible beginning of a stop string. A control character such
    as a line feed ends its cluster at once (Unicode Annex 29). So is the first half of a
    surrogate pair, which servers may cut in two; a half that stays single is replaced.

    Attributes
    ----------
    is_stopped
        Whether a stop string was met: the one that was complete first, from its
        start on, is cut off.
    """

    def __init__(self, *, stop_strings: Sequence[str] = ()) -> None:
        self.is_stopped = False
        self._stop_strings = tuple(stop_strings)
        self._held = ""
        self._half = ""

    def add(self, text: str) -> str:
        """Return what can be shown now that ``text`` has come."""
        if self.is_stopped:
            return ""
        self._held += self._whole(text)
        stop = self._stop_position()
        if stop is not None:
            self.is_stopped = True
            return self._release(stop)
        return self._release(self._last_boundary(before=self._possible_stop_position()))

    def finish(self) -> str:
        """Return what was held back: nothing more will come."""
        rest, self._half = self._half, ""
        self._held += "" if self.is_stopped else well_formed(rest)
        return self._release(len(self._held))

    def _whole(self, text: str) -> str:
        """Return the text that is whole now, and keep the half of a pair at its end."""
        text = self._half + text
        first, last = HIGH_SURROGATES
        self._half = text[-1:] if first <= text[-1:] <= last else ""
        return well_formed(text.removesuffix(self._half))

    def _release(self, end: int) -> str:
        shown, rest = self._held[:end], self._held[end:]
        self._held = "" if self.is_stopped else rest
        return shown

    def _stop_position(self) -> int | None:
        """Return where the stop string that was complete first begins."""
        found = [
            (start + len(stop), start)
            for stop in self._stop_strings
            if (start := self._held.find(stop)) >= 0
        ]
        return min(found)[1] if found else None

    def _possible_stop_position(self) -> int:
        """Return where the longest unfinished stop string at the end begins."""
        longest = 0
        for stop in self._stop_strings:
            for length in range(min(len(stop) - 1, len(self._held)), longest, -1):
                if self._held.endswith(stop[:length]):
                    longest = length
                    break
        return len(self._held) - longest

    def _last_boundary(self, *, before: int) -> int:
        """Return the end of the last finished cluster that ends at or before ``before``."""
        boundary = 0
        for cluster in GRAPHEME_CLUSTER.finditer(self._held):
            is_open = cluster.end() == len(self._held) and not _is_closed(cluster[0])
            if cluster.end() > before or is_open:
                break
            boundary = cluster.end()
        return boundary


def _is_closed(cluster: str) -> bool:
    """Whether nothing is to join a cluster any more."""
    return len(cluster) > MAX_CLUSTER_CHARS or bool(CLOSED_CLUSTER.search(cluster))


class AnswerWriter:
    """Emits an answer as chunks, counts its tokens and takes its times; public for engines.

    Parameters
    ----------
    job
        Gets each `Chunk`.
    stop_strings
        Texts that end the answer.
    """

    def __init__(self, job: Job, *, stop_strings: Sequence[str] = ()) -> None:
        self.generated_tokens = 0
        self._job = job
        self._filter = TextFilter(stop_strings=stop_strings)
        self._started = time.perf_counter()
        self._first: float | None = None
        self._last = self._started
        self._shown: list[str] = []

    @property
    def text(self) -> str:
        """The text of all chunks so far."""
        return "".join(self._shown)

    @property
    def is_stopped(self) -> bool:
        """Whether the answer has met a stop string."""
        return self._filter.is_stopped

    def write(self, text: str) -> None:
        """Take the text of one more token; it may be empty."""
        self._last = time.perf_counter()
        if self._first is None:
            self._first = self._last
        self.generated_tokens += 1
        self._show(self._filter.add(text))

    def flush(self, text: str = "") -> None:
        """Show what was held back, after a last ``text`` that belongs to tokens seen before."""
        self._show(self._filter.add(text) + self._filter.finish())

    def done(
        self, finish_reason: FinishReason, *, metrics: GenerationMetrics | None = None
    ) -> Done:
        """Show the rest and return the end of the stream.

        Parameters
        ----------
        finish_reason
            Why the answer ended.
        metrics
            What the engine knows besides the answer's tokens and times.
        """
        self.flush()
        first = self._last if self._first is None else self._first
        return Done(
            finish_reason=finish_reason,
            metrics=replace(
                metrics or GenerationMetrics(),
                generated_tokens=self.generated_tokens,
                time_to_first_token_s=first - self._started,
                decode_s=self._last - first,
            ),
        )

    def _show(self, text: str) -> None:
        if text:
            self._shown.append(text)
            self._job.emit(Chunk(text, self.generated_tokens))


def collected(texts: list[str], job: Job) -> Job:
    """Return a job that appends each chunk's text to ``texts`` and reports nothing else."""

    def take(event: Event) -> None:
        if isinstance(event, Chunk):
            texts.append(event.text)

    return job.telling(take)
