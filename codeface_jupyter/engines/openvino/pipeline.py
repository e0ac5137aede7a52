"""From token ids to token ids: one answer, or many side by side."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codeface_jupyter.engines.openvino.kv_blocks import KeyBlocks, TokenSequence
from codeface_jupyter.engines.openvino.paged_model import PagedModel, Piece
from codeface_jupyter.engines.openvino.prompt_lookup import PromptLookup, TokenText
from codeface_jupyter.engines.text.sampler import TokenChooser
from codeface_jupyter.generation import SamplingParameters
from codeface_jupyter.jobs import Cancelled, Job

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["AnswerRun", "TokenPipeline"]

# So many tokens are read in one pass: enough to use the machine, few enough to tell progress.
PASS_TOKENS = 512
# More answers side by side gain little and wait for each other.
BATCH_ANSWERS = 16
# A pass that is full of other answers' tokens has room for likely guesses only.
LIKELY_RUN = 4


@dataclass(eq=False)
class AnswerRun:
    """One answer to be decoded.

    Attributes
    ----------
    prompt_ids
        The tokens before it.
    sampling
        How tokens are chosen; stop strings are the caller's.
    take
        Given each token as it comes; returns whether to go on.
    """

    prompt_ids: list[int]
    sampling: SamplingParameters
    take: Callable[[int], bool]

    @property
    def room(self) -> int:
        """The tokens of prompt and longest answer."""
        return len(self.prompt_ids) + self.sampling.max_new_tokens


class TokenPipeline:
    """Decodes with a model in memory, and keeps what it has read.

    Parameters
    ----------
    model
        The weights, and room for keys and values.
    habits
        A text like those to be written, to guess from.
    """

    def __init__(self, model: PagedModel, *, habits: TokenText) -> None:
        self._model = model
        self._habits = habits
        self._blocks = KeyBlocks(
            model.block_count,
            block_tokens=model.block_tokens,
            copy_block=model.copy_block if model.can_copy_blocks else None,
        )

    def warm_up(self) -> None:
        """Run a pass for nothing: the first one rearranges the weights."""
        piece = Piece([0], past=0, blocks=[0], wanted=1)
        self._model.read([piece], job=Job())

    @property
    def kept_bytes(self) -> int:
        """What the kept keys and values take, in bytes."""
        return self._blocks.used * self._model.block_bytes

    def drop_kept(self) -> None:
        """Drop the kept keys and values, and give their memory back."""
        self._blocks.clear()
        self._model.drop_keys()

    def decode(
        self,
        run: AnswerRun,
        *,
        job: Job,
        on_reading: Callable[[int], None],
    ) -> int:
        """Decode one answer to its end, or until ``job`` is stopped.

        Parameters
        ----------
        run
            The answer.
        job
            Stopped, it ends the answer, also in the middle of a pass.
        on_reading
            Told, before each pass but the last that reads the prompt, how many of its
            tokens are behind.

        Returns
        -------
        int
            How many tokens of the prompt had been read before.
        """
        decoding = self._begin(run)
        assert decoding is not None, "A prompt beyond the room is refused before."
        reused = decoding.read
        try:
            while not (decoding.is_over or job.is_cancelled):
                if decoding.unread > PASS_TOKENS:
                    on_reading(decoding.read)
                self._pass([(decoding, decoding.propose(at_most=PASS_TOKENS))], job)
        except Cancelled:
            if not job.is_cancelled:
                raise
        finally:
            self._blocks.keep(decoding.sequence)
        return reused

    def decode_batch(self, runs: Sequence[AnswerRun], *, job: Job) -> Iterator[int]:
        """Decode all answers, some side by side; a waiting one begins when another ends.

        Yields
        ------
        int
            The index of each answer that has ended, as soon as it has; when ``job`` is
            stopped, those of all that are left.
        """
        waiting = deque(enumerate(runs))
        running: dict[int, _Decoding] = {}
        try:
            while (running or waiting) and not job.is_cancelled:
                self._admit(waiting, running)
                self._pass_of_many(list(running.values()), job)
                for index in [i for i, decoding in running.items() if decoding.is_over]:
                    self._blocks.keep(running.pop(index).sequence)
                    yield index
        except Cancelled:
            if not job.is_cancelled:
                raise
        finally:
            for decoding in running.values():
                self._blocks.keep(decoding.sequence)
        yield from [*running, *(index for index, _ in waiting)]

    def _admit(self, waiting: deque[tuple[int, AnswerRun]], running: dict[int, _Decoding]) -> None:
        """Begin waiting answers while there is room."""
        while waiting and len(running) < BATCH_ANSWERS:
            index, run = waiting[0]
            decoding = self._begin(run)
            if decoding is None:
                return
            running[index] = decoding
            waiting.popleft()

    def _begin(self, run: AnswerRun) -> _Decoding | None:
        sequence = self._blocks.begin(run.prompt_ids, room=run.room)
        return None if sequence is None else _Decoding(run, sequence, habits=self._habits)

    def _pass_of_many(self, decodings: Sequence[_Decoding], job: Job) -> None:
        """Let each answer have its next token; prompts are read with the room that is left."""
        left = PASS_TOKENS
        proposals: list[tuple[_Decoding, list[int]]] = []
        going_on = [one for one in decodings if not one.is_over]
        for decoding in sorted(going_on, key=lambda one: one.unread):
            token_ids = decoding.propose(at_most=left, shortest_run=LIKELY_RUN)
            left -= len(token_ids)
            if token_ids:
                proposals.append((decoding, token_ids))
        if going_on:
            self._pass(proposals, job)

    def _pass(self, proposals: Sequence[tuple[_Decoding, list[int]]], job: Job) -> None:
        """Read what each answer proposes, and let it take what follows."""
        pieces = [self._piece(decoding, token_ids) for decoding, token_ids in proposals]
        logits = self._model.read(pieces, job=job)
        begin = 0
        for (decoding, token_ids), piece in zip(proposals, pieces, strict=True):
            decoding.take(token_ids, logits[begin : begin + piece.wanted])
            begin += piece.wanted

    def _piece(self, decoding: _Decoding, token_ids: list[int]) -> Piece:
        length = decoding.read + len(token_ids)
        blocks = decoding.sequence.blocks[: -(-length // self._model.block_tokens)]
        # Of what is known, only the last token's logits count; each guess needs its own.
        wanted = max(0, length - len(decoding.known) + 1)
        return Piece(token_ids, past=decoding.read, blocks=blocks, wanted=wanted)


class _Decoding:
    """An answer under way.

    Attributes
    ----------
    sequence
        What has been read of it.
    known
        The prompt's tokens and the answer's, as far as they have come.
    is_over
        Whether it has ended.
    """

    def __init__(self, run: AnswerRun, sequence: TokenSequence, *, habits: TokenText) -> None:
        self.sequence = sequence
        self.known = list(run.prompt_ids)
        self.is_over = run.sampling.max_new_tokens < 1
        self._run = run
        self._chooser = TokenChooser(run.sampling, run.prompt_ids)
        self._lookup = PromptLookup(run.prompt_ids, habits=habits)

    @property
    def read(self) -> int:
        """How many tokens have been read."""
        return len(self.sequence.token_ids)

    @property
    def unread(self) -> int:
        """How many of the known tokens have not been read."""
        return len(self.known) - self.read

    def propose(self, *, at_most: int, shortest_run: int = 1) -> list[int]:
        """Return the tokens to read next: known ones, then guesses."""
        token_ids = self.known[self.read : self.read + at_most]
        left = min(at_most - len(token_ids), self._run.room - len(self.known) - 1)
        if len(token_ids) < self.unread or left <= 0:
            return token_ids
        return token_ids + self._lookup.guess(at_most=left, shortest_run=shortest_run)

    def take(self, token_ids: Sequence[int], logits: NDArray[np.float32]) -> None:
        """Take what a pass over ``token_ids`` gave: tokens, as long as the guesses hold."""
        known = min(len(token_ids), self.unread)
        self.sequence.token_ids += token_ids[:known]
        guesses = iter(token_ids[known:])
        for row in logits:
            token_id = self._chooser.choose(row)
            self._lookup.add(token_id)
            self.known.append(token_id)
            goes_on = self._run.take(token_id)
            self.is_over = not goes_on or len(self.known) == self._run.room
            if self.is_over or next(guesses, None) != token_id:
                return
            self.sequence.token_ids.append(token_id)
