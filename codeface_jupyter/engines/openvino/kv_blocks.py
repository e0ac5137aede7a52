"""Which blocks of a model's KV cache belong to which token sequence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from codeface_jupyter.engines.text.common_prefix import common_prefix_length

__all__ = ["KVBlocks", "TokenSequence"]


@dataclass(eq=False)
class TokenSequence:
    """Tokens that a model has read, and the blocks of their keys and values.

    Attributes
    ----------
    token_ids
        The tokens read so far.
    blocks
        The blocks for them and for those to come, in order.
    """

    token_ids: list[int]
    blocks: list[int]


class KVBlocks:
    """Hands out blocks to sequences; those that begin alike share them.

    Sequences that have ended are kept, so that a prompt which begins like one of them, or like
    one in progress, is read only from where it differs. The least recently used go when room
    is needed.

    Parameters
    ----------
    count
        The number of blocks.
    block_tokens
        The tokens that one block holds keys and values of.
    copy_block
        Copies a block's contents, from the first to the second. Where there is none, only
        whole blocks are shared.
    """

    def __init__(
        self,
        count: int,
        *,
        block_tokens: int,
        copy_block: Callable[[int, int], None] | None = None,
    ) -> None:
        self._block_tokens = block_tokens
        self._copy_block = copy_block
        self._free = list(reversed(range(count)))
        # How many sequences hold each block.
        self._holders: Counter[int] = Counter()
        # The most recently used last.
        self._kept: list[TokenSequence] = []
        self._in_progress: list[TokenSequence] = []

    @property
    def used(self) -> int:
        """The number of blocks in use, including those for tokens to come."""
        return len(self._holders)

    def begin(self, prompt_ids: Sequence[int], *, max_length: int) -> TokenSequence | None:
        """Return a sequence that reuses what was read of a prompt; never its last token.

        Parameters
        ----------
        prompt_ids
            The prompt.
        max_length
            For how many tokens there must be blocks, the prompt's and those to come.

        Returns
        -------
        TokenSequence | None
            None if other sequences that have not ended leave too little room.
        """
        like = max(
            [*self._kept, *self._in_progress],
            key=lambda one: common_prefix_length(one.token_ids, prompt_ids),
            default=None,
        )
        length = 0 if like is None else common_prefix_length(like.token_ids, prompt_ids[:-1])
        whole, rest = divmod(length, self._block_tokens)
        shared = [] if like is None else like.blocks[:whole]
        if like is not None and like in self._kept and length > 0:
            self._kept.remove(like)
            self._kept.append(like)
        self._holders.update(shared)
        new = self._take(self._blocks_for(max_length) - whole)
        if new is None:
            self._release(shared)
            return None
        if like is None or rest == 0 or self._copy_block is None:
            length = whole * self._block_tokens
        else:
            # Even if it was freed just now, its contents are there: nothing was written since.
            self._copy_block(like.blocks[whole], new[0])
        sequence = TokenSequence(list(prompt_ids[:length]), shared + new)
        self._in_progress.append(sequence)
        return sequence

    def keep(self, sequence: TokenSequence) -> None:
        """Keep a sequence that has ended; blocks that hold nothing of it are freed."""
        self._in_progress.remove(sequence)
        ids = sequence.token_ids
        needed = self._blocks_for(len(ids))
        self._release(sequence.blocks[needed:])
        del sequence.blocks[needed:]
        for kept in [one for one in self._kept if one.token_ids == ids[: len(one.token_ids)]]:
            self._drop(kept)
        if ids:
            self._kept.append(sequence)

    def kept_after(self, prompt_ids: Sequence[int]) -> list[list[int]]:
        """Return what kept sequences go on with after a prompt: earlier answers to it."""
        begin = len(prompt_ids)
        return [
            one.token_ids[begin:]
            for one in self._kept
            if len(one.token_ids) > begin and one.token_ids[:begin] == list(prompt_ids)
        ]

    def kept_blocks(self, token_ids: Sequence[int]) -> list[int]:
        """Return the blocks of a kept sequence that begins so; none if there is none."""
        begin, count = list(token_ids), self._blocks_for(len(token_ids))
        for one in self._kept:
            if begin and one.token_ids[: len(begin)] == begin:
                return one.blocks[:count]
        return []

    def clear(self) -> None:
        """Forget what is kept of sequences that have ended."""
        for kept in list(self._kept):
            self._drop(kept)

    def _blocks_for(self, tokens: int) -> int:
        return -(-tokens // self._block_tokens)

    def _take(self, count: int) -> list[int] | None:
        """Return so many free blocks, dropping kept sequences if need be; None if too few."""
        if len(self._free) + self._reclaimable() < count:
            return None
        while len(self._free) < count:
            self._drop(self._kept[0])
        blocks = [self._free.pop() for _ in range(count)]
        self._holders.update(blocks)
        return blocks

    def _reclaimable(self) -> int:
        """Return how many blocks only kept sequences hold."""
        holders = Counter(block for kept in self._kept for block in kept.blocks)
        return sum(self._holders[block] == count for block, count in holders.items())

    def _drop(self, kept: TokenSequence) -> None:
        self._kept.remove(kept)
        self._release(kept.blocks)

    def _release(self, blocks: Sequence[int]) -> None:
        for block in blocks:
            self._holders[block] -= 1
            if not self._holders[block]:
                del self._holders[block]
                self._free.append(block)
