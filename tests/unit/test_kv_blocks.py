"""Blocks of keys and values: shared where sequences begin alike, never written for another."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codeface_jupyter.engines.openvino.kv_blocks import KVBlocks, TokenSequence

BLOCK = 4
# Few different tokens, so that sequences often begin alike.
tokens = st.lists(st.integers(0, 1), min_size=1, max_size=3 * BLOCK)


class Memory:
    """Blocks with contents, as a model has them."""

    def __init__(self, count: int, *, can_copy: bool = True) -> None:
        self.contents: list[list[int | None]] = [[None] * BLOCK for _ in range(count)]
        self.blocks = KVBlocks(
            count, block_tokens=BLOCK, copy_block=self.copy if can_copy else None
        )

    def copy(self, source: int, target: int) -> None:
        self.contents[target] = list(self.contents[source])

    def begin(self, prompt: list[int], *, new: int = 0) -> TokenSequence:
        sequence = self.blocks.begin(prompt, max_length=len(prompt) + new)
        assert sequence is not None
        return sequence

    def write(self, sequence: TokenSequence, new: list[int]) -> None:
        for token in new:
            block, place = divmod(len(sequence.token_ids), BLOCK)
            self.contents[sequence.blocks[block]][place] = token
            sequence.token_ids.append(token)

    def read(self, sequence: TokenSequence) -> list[int | None]:
        stored = [token for block in sequence.blocks for token in self.contents[block]]
        return stored[: len(sequence.token_ids)]

    def answer(self, prompt: list[int], *, new: list[int] | None = None) -> TokenSequence:
        """Read a prompt and its answer, and keep both."""
        new = new or []
        sequence = self.begin(prompt, new=len(new))
        self.write(sequence, prompt[len(sequence.token_ids) :] + new)
        self.blocks.keep(sequence)
        return sequence


def test_a_prompt_that_begins_like_a_kept_one_has_its_start() -> None:
    memory = Memory(8)
    memory.answer([1, 2, 3, 4, 5, 6], new=[7, 8])
    again = memory.begin([1, 2, 3, 4, 5, 9, 9])
    assert again.token_ids == [1, 2, 3, 4, 5]
    assert memory.read(again) == again.token_ids


def test_the_last_token_is_always_read_again() -> None:
    memory = Memory(8)
    memory.answer([1, 2, 3, 4])
    assert memory.begin([1, 2, 3, 4]).token_ids == [1, 2, 3]


def test_whole_blocks_are_shared_where_blocks_cannot_be_copied() -> None:
    memory = Memory(8, can_copy=False)
    memory.answer([1, 2, 3, 4, 5, 6])
    assert memory.begin([1, 2, 3, 4, 5, 6, 7]).token_ids == [1, 2, 3, 4]


def test_the_least_recently_used_goes_when_room_is_needed() -> None:
    first, second = [1, 1, 1, 1, 5], [2, 2, 2, 2]
    memory = Memory(5)
    memory.answer(first)
    memory.answer(second)
    memory.answer([1, 1, 1, 1, 6])  # begins like the first, so that is used once more
    memory.answer([3] * 2 * BLOCK)
    assert memory.begin(second).token_ids == []
    assert memory.begin(first).token_ids == first[:-1]


def test_a_prompt_that_begins_like_one_in_progress_has_its_start() -> None:
    memory = Memory(8)
    first = memory.begin([1, 2, 3, 4, 5, 6], new=2)
    memory.write(first, [1, 2, 3, 4, 5])
    second = memory.begin([1, 2, 3, 4, 5, 6], new=2)
    assert memory.read(second) == [1, 2, 3, 4, 5]
    memory.write(first, [6, 7, 8])
    memory.write(second, [6, 9, 9])
    assert memory.read(first) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert memory.read(second) == [1, 2, 3, 4, 5, 6, 9, 9]
    for one in (first, second):
        memory.blocks.keep(one)
    memory.blocks.clear()
    assert memory.blocks.used == 0


def test_a_block_that_makes_room_for_its_own_copy_is_copied_all_the_same() -> None:
    memory = Memory(2)
    memory.answer([1, 2, 3, 4, 5, 6])
    again = memory.begin([1, 2, 3, 4, 5, 7], new=2)
    assert memory.read(again) == [1, 2, 3, 4, 5]


def test_there_is_no_room_while_others_that_have_not_ended_hold_it() -> None:
    memory = Memory(3)
    memory.answer([1] * BLOCK)
    running = memory.begin([2] * BLOCK, new=BLOCK)
    # It could share the kept block, but finds none for what follows.
    assert memory.blocks.begin([1] * BLOCK + [1], max_length=2 * BLOCK) is None
    # Nothing that is kept was dropped in vain.
    assert memory.blocks.used == 3
    memory.blocks.keep(running)
    assert memory.begin([1] * BLOCK).token_ids == [1] * (BLOCK - 1)


def test_a_longer_one_takes_the_place_of_its_start() -> None:
    memory = Memory(8)
    memory.answer([1, 2, 3])
    memory.answer([1, 2, 3, 4, 5])
    assert memory.blocks.used == 2
    memory.blocks.clear()
    assert memory.blocks.used == 0


@given(
    st.lists(st.tuples(tokens, tokens, st.booleans()), max_size=12),
    st.booleans(),
)
def test_no_sequence_ever_finds_the_keys_of_another(
    asked: list[tuple[list[int], list[int], bool]], can_copy: bool
) -> None:
    # Two answers are always under way together, the second begun when the first is half read;
    # each may be left so.
    memory = Memory(24, can_copy=can_copy)
    running: list[tuple[TokenSequence, list[int]]] = []
    for prompt, new, is_left in asked:
        sequence = memory.begin(prompt, new=len(new))
        assert sequence.token_ids == prompt[: len(sequence.token_ids)]
        assert len(sequence.token_ids) < len(prompt)
        assert memory.read(sequence) == sequence.token_ids
        whole = prompt[len(sequence.token_ids) :] + new
        half = len(whole) // 2
        memory.write(sequence, whole[:half])
        running.append((sequence, [] if is_left else whole[half:]))
        if len(running) == 2:
            for one, rest in running:
                memory.write(one, rest)
            for one, _ in running:
                assert memory.read(one) == one.token_ids
                memory.blocks.keep(one)
            running = []
    for one, _ in running:
        memory.blocks.keep(one)
    memory.blocks.clear()
    assert memory.blocks.used == 0
