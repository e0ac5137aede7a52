"""From token ids to token ids: one answer, or many side by side."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from codeface_jupyter.engines.openvino.kv_blocks import KVBlocks, TokenSequence
from codeface_jupyter.engines.openvino.paged_model import PagedModel, Piece
from codeface_jupyter.engines.openvino.prompt_lookup import AnswersTo, PromptLookup, TokenIndex
from codeface_jupyter.engines.pass_gate import PassGate
from codeface_jupyter.engines.text.common_prefix import common_prefix_length
from codeface_jupyter.engines.text.sampler import Sampler
from codeface_jupyter.engines.text.token_answer import TokenAnswer
from codeface_jupyter.jobs import Cancelled, Job
from codeface_jupyter.models.speed import multiplies_bytes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["MIN_SHARED_TOKENS", "TokenPipeline"]

# The tokens of one pass, which nothing ends before its time: enough to use the machine (512 are
# no faster, 128 take a sixth longer), few enough for Stop. Large models use it well with fewer,
# and where the processor has no instructions for products of bytes, half are faster.
PASS_TOKENS, PASS_TOKENS_OF_LARGE_MODELS = 256, 128
LARGE_MODEL_BYTES = 1_000_000_000
# More answers side by side gain little and wait for each other.
BATCH_ANSWERS = 16
# To read so many tokens takes as long as a pass does in any case.
MIN_SHARED_TOKENS = 32


class TokenPipeline:
    """Decodes with a model in memory, and keeps what it has read.

    Parameters
    ----------
    model
        The weights, and room for keys and values.
    corpus
        A text like those to be written, to draft from.
    weights_bytes
        The size of the weights.
    """

    def __init__(self, model: PagedModel, *, corpus: TokenIndex, weights_bytes: int) -> None:
        self._model = model
        self._corpus = corpus
        is_large = weights_bytes >= LARGE_MODEL_BYTES
        pass_tokens = PASS_TOKENS_OF_LARGE_MODELS if is_large else PASS_TOKENS
        self._pass_tokens = pass_tokens if multiplies_bytes() else pass_tokens // 2
        self._blocks = KVBlocks(
            model.block_count,
            block_tokens=model.block_tokens,
            copy_block=model.copy_block if model.can_copy_blocks else None,
        )
        self._gate = PassGate()

    def warm_up(self) -> None:
        """Run a throw-away pass: the first one rearranges the weights."""
        piece = Piece([0], past=0, blocks=[0], wanted=1)
        self._model.read([piece], job=Job())

    @property
    def kept_bytes(self) -> int:
        """What the kept keys and values take, in bytes."""
        return self._blocks.used * self._model.block_bytes

    def drop_kept(self) -> None:
        """Drop the kept keys and values and free their memory."""
        with self._gate.turn():
            self._blocks.clear()
            self._model.drop_keys()

    def whole_blocks(self, token_ids: Sequence[int]) -> list[int]:
        """Return as many of the first tokens as fill blocks."""
        size = self._model.block_tokens
        return list(token_ids[: len(token_ids) // size * size])

    def kept_start(self, token_ids: Sequence[int]) -> list[NDArray[np.generic]]:
        """Return the keys and values of whole blocks of tokens; none if they are not kept."""
        if not self._model.can_copy_blocks:
            return []
        with self._gate.turn():
            numbers = self._blocks.kept_blocks(token_ids)
            return self._model.blocks(numbers) if numbers else []

    def put_start(self, token_ids: Sequence[int], contents: Sequence[NDArray[np.generic]]) -> bool:
        """Keep what `kept_start` returned for the tokens; return whether it fits this model."""
        if not self._model.can_copy_blocks:
            return False
        with self._gate.turn():
            sequence = self._blocks.begin(token_ids, max_length=len(token_ids))
            if sequence is None:
                return False
            sequence.token_ids = []
            try:
                is_put = self._model.put_blocks(sequence.blocks, contents)
                sequence.token_ids = list(token_ids) if is_put else []
            finally:
                self._blocks.keep(sequence)
            return is_put

    def decode(self, answer: TokenAnswer, *, job: Job, on_reading: Callable[[int], None]) -> int:
        """Decode one answer to its end, or until ``job`` is stopped.

        Parameters
        ----------
        answer
            Knows the prompt, and takes the tokens.
        job
            When stopped, it ends the answer after the pass that is running.
        on_reading
            Called before each pass that reads the prompt, except the last, with the number
            of its tokens that have been read.

        Returns
        -------
        int
            How many tokens of the prompt had been read before.

        Raises
        ------
        ValueError
            If there are not as many blocks as prompt and answer may need.
        """
        return self._decode(answer, job=job, on_reading=on_reading, turn=self._gate.turn)

    def decode_first(self, answer: TokenAnswer, *, job: Job) -> int:
        """Decode one answer as `decode` does, while all others wait."""
        with self._gate.hurried_turn(job):
            return self._decode(answer, job=job, on_reading=_tell_nobody, turn=nullcontext)

    def _decode(
        self,
        answer: TokenAnswer,
        *,
        job: Job,
        on_reading: Callable[[int], None],
        turn: Callable[[], AbstractContextManager[None]],
    ) -> int:
        with turn():
            decoding = self._begin(answer, _AnswersBeside(self._blocks))
        if decoding is None:
            raise ValueError(f"There is no room for {answer.max_length} tokens.")
        reused = decoding.read
        try:
            while not (answer.is_over or job.is_cancelled):
                if decoding.unread > self._pass_tokens:
                    on_reading(decoding.read)
                with turn():
                    self._pass([(decoding, decoding.propose(max_tokens=self._pass_tokens))], job)
        except Cancelled:
            if not job.is_cancelled:
                raise
        finally:
            with turn():
                self._blocks.keep(decoding.sequence)
        return reused

    def decode_batch(self, answers: Sequence[TokenAnswer], *, job: Job) -> Iterator[int]:
        """Decode all answers, some side by side; a waiting one begins when another ends.

        Yields
        ------
        int
            The index of each answer that has ended, as soon as it has; when ``job`` is
            stopped, those of all that are left.
        """
        waiting = deque(enumerate(answers))
        running: dict[int, _Decoding] = {}
        beside = _AnswersBeside(self._blocks)
        try:
            while (running or waiting) and not job.is_cancelled:
                with self._gate.turn():
                    self._admit(waiting, running, beside)
                    self._pass_of_many(list(running.values()), job)
                for index in [i for i, decoding in running.items() if decoding.answer.is_over]:
                    with self._gate.turn():
                        self._blocks.keep(running.pop(index).sequence)
                    yield index
        except Cancelled:
            if not job.is_cancelled:
                raise
        finally:
            with self._gate.turn():
                for decoding in running.values():
                    self._blocks.keep(decoding.sequence)
        yield from [*running, *(index for index, _ in waiting)]

    def _admit(
        self,
        waiting: deque[tuple[int, TokenAnswer]],
        running: dict[int, _Decoding],
        beside: _AnswersBeside,
    ) -> None:
        """Begin waiting answers while there is room; what they share is read once for all."""
        while waiting and len(running) < BATCH_ANSWERS:
            index, answer = waiting[0]
            if any(one.is_reading_start_of(answer) for one in running.values()):
                return
            decoding = self._begin(answer, beside)
            if decoding is None:
                return
            running[index] = decoding
            waiting.popleft()

    def _begin(self, answer: TokenAnswer, beside: _AnswersBeside) -> _Decoding | None:
        others = beside.answers_to(answer.token_ids)
        sequence = self._blocks.begin(answer.token_ids, max_length=answer.max_length)
        if sequence is None:
            return None
        lookup = PromptLookup(answer.token_ids, corpus=self._corpus, beside=others)
        return _Decoding(answer, sequence, lookup)

    def _pass_of_many(self, decodings: Sequence[_Decoding], job: Job) -> None:
        """Let each answer have its next token; prompts are read with the tokens that are left."""
        left = self._pass_tokens
        proposals: list[tuple[_Decoding, list[int]]] = []
        going_on = [one for one in decodings if not one.answer.is_over]
        for decoding in sorted(going_on, key=lambda one: one.unread):
            token_ids = decoding.propose(max_tokens=left, answers=len(going_on))
            left -= len(token_ids)
            if token_ids:
                proposals.append((decoding, token_ids))
        if going_on:
            self._pass(proposals, job)

    def _pass(self, proposals: Sequence[tuple[_Decoding, list[int]]], job: Job) -> None:
        """Read what each answer proposes, and let it take what follows."""
        pieces = [self._piece(decoding, token_ids) for decoding, token_ids in proposals]
        # (all wanted, vocabulary): the rows of one proposal after another.
        logits = self._model.read(pieces, job=job)
        begin = 0
        for (decoding, token_ids), piece in zip(proposals, pieces, strict=True):
            decoding.take(token_ids, logits[begin : begin + piece.wanted])
            begin += piece.wanted

    def _piece(self, decoding: _Decoding, token_ids: list[int]) -> Piece:
        length = decoding.read + len(token_ids)
        blocks = decoding.sequence.blocks[: -(-length // self._model.block_tokens)]
        # Of the known tokens only the last one's logits count; each draft token needs its own.
        wanted = max(0, length - len(decoding.answer.token_ids) + 1)
        return Piece(token_ids, past=decoding.read, blocks=blocks, wanted=wanted)


class _Decoding:
    """An answer in progress.

    Parameters
    ----------
    answer
        Knows the tokens that have come, and takes the next.
    sequence
        What has been read of it.
    lookup
        Drafts what may come next.
    """

    def __init__(self, answer: TokenAnswer, sequence: TokenSequence, lookup: PromptLookup) -> None:
        self.answer = answer
        self.sequence = sequence
        self._sampler = Sampler(answer.sampling, answer.token_ids)
        self._lookup = lookup

    @property
    def read(self) -> int:
        """How many tokens have been read."""
        return len(self.sequence.token_ids)

    @property
    def unread(self) -> int:
        """How many of the known tokens have not been read."""
        return len(self.answer.token_ids) - self.read

    def is_reading_start_of(self, other: TokenAnswer) -> bool:
        """Whether enough of its unread prompt is also the start of another's."""
        if self.unread < MIN_SHARED_TOKENS:
            return False
        shared = common_prefix_length(self.answer.token_ids, other.token_ids)
        return shared - self.read >= MIN_SHARED_TOKENS

    def propose(self, *, max_tokens: int, answers: int = 1) -> list[int]:
        """Return the tokens to read next: known ones, then draft tokens."""
        token_ids = self.answer.token_ids[self.read : self.read + max_tokens]
        # A pass yields one token more than the draft tokens that it accepts.
        left = min(max_tokens - len(token_ids), self.answer.tokens_left - 1)
        if len(token_ids) < self.unread or left <= 0:
            return token_ids
        return token_ids + self._lookup.draft(max_tokens=left, answers=answers)

    def take(self, token_ids: Sequence[int], logits: NDArray[np.float32]) -> None:
        """Take the tokens that a pass over ``token_ids`` gave, as far as the draft was right.

        ``logits``, of shape ``(1 + draft tokens, vocabulary)``, are those after the last known
        token and after each draft token; of shape ``(0, vocabulary)`` amid a prompt.
        """
        known = min(len(token_ids), self.unread)
        self.sequence.token_ids += token_ids[:known]
        draft = iter(token_ids[known:])
        for row in logits:
            token_id = self._choose(row)
            self._lookup.add(token_id)
            goes_on = self.answer.take(token_id)
            if not goes_on or next(draft, None) != token_id:
                return
            # An accepted draft token: the pass has read it already.
            self.sequence.token_ids.append(token_id)

    def _choose(self, logits: NDArray[np.float32]) -> int:
        choice = self.answer.choice
        if choice is None:
            return self._sampler.sample(logits)
        logits = choice.narrowed(logits)
        token_id = self._sampler.sample(logits)
        choice.note(logits, token_id)
        return token_id


class _AnswersBeside:
    """What the answers to each prompt of a batch say, and what earlier ones that are kept said."""

    def __init__(self, blocks: KVBlocks) -> None:
        self._blocks = blocks
        self._answers: dict[tuple[int, ...], AnswersTo] = {}

    def answers_to(self, prompt_ids: Sequence[int]) -> AnswersTo:
        """Return the answers to a prompt."""
        key = tuple(prompt_ids)
        if key not in self._answers:
            earlier = self._blocks.kept_after(prompt_ids)
            self._answers[key] = AnswersTo(prompt_ids, earlier=earlier)
        return self._answers[key]


def _tell_nobody(_: int) -> None:
    """Take how much of a prompt has been read."""
