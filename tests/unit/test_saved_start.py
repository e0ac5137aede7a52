"""The start of all prompts on disk: restored whole where it was made, or read anew."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from codeface_jupyter.engines.openvino import saved_start
from codeface_jupyter.engines.openvino.paged_model import PagedModel, Piece
from codeface_jupyter.engines.openvino.pipeline import TokenPipeline
from codeface_jupyter.engines.openvino.prompt_lookup import TokenIndex
from codeface_jupyter.engines.openvino.saved_start import START_FILE, SavedStart
from codeface_jupyter.engines.text.streaming_text import IncrementalDetokenizer
from codeface_jupyter.engines.text.token_answer import TokenAnswer
from codeface_jupyter.generation import SamplingParameters
from codeface_jupyter.jobs import Job

BLOCK = 4
START = list(range(10, 18))
MADE_BY = "a model on a machine"


class RememberingModel:
    """Two caches that hold the tokens themselves, so that one can see what a block is of."""

    block_tokens = BLOCK
    block_count = 20
    block_bytes = 1
    can_copy_blocks = True

    def __init__(self) -> None:
        self.caches = [np.zeros((self.block_count, BLOCK), np.uint8) for _ in range(2)]
        self.tokens_read = 0

    def copy_block(self, source: int, target: int) -> None:
        for cache in self.caches:
            cache[target] = cache[source]

    def blocks(self, numbers: Sequence[int]) -> list[NDArray[np.generic]]:
        return [cache[list(numbers)] for cache in self.caches]

    def put_blocks(self, numbers: Sequence[int], contents: Sequence[NDArray[np.generic]]) -> bool:
        if [content.shape for content in contents] != [(len(numbers), BLOCK)] * 2:
            return False
        for cache, content in zip(self.caches, contents, strict=True):
            cache[list(numbers)] = content
        return True

    def read(self, pieces: Sequence[Piece], *, job: Job) -> NDArray[np.float32]:
        job.check()
        for piece in pieces:
            self.tokens_read += len(piece.token_ids)
            for place, token in enumerate(piece.token_ids, start=piece.past):
                for cache in self.caches:
                    cache[piece.blocks[place // BLOCK], place % BLOCK] = token
        return np.zeros((sum(piece.wanted for piece in pieces), 50), np.float32)


class Session:
    """A model that has just been loaded."""

    def __init__(self, file: Path, *, start: list[int] = START, made_by: str = MADE_BY) -> None:
        self.model = RememberingModel()
        self.pipeline = TokenPipeline(
            cast("PagedModel", self.model), corpus=TokenIndex([]), weights_bytes=0
        )
        self.start = SavedStart(file, token_ids=self.pipeline.whole_blocks(start), made_by=made_by)
        self.start.restore(self.pipeline)

    def ask(self, prompt: list[int]) -> int:
        """Answer a prompt, save its start, and return how many of its tokens were known."""
        asked = TokenAnswer(
            prompt,
            sampling=SamplingParameters(max_new_tokens=1),
            detokenizer=IncrementalDetokenizer(str),
            eos_ids=[],
            job=Job(),
        )
        reused = self.pipeline.decode(asked, job=Job(), on_reading=lambda _: None)
        self.start.save(self.pipeline)
        return reused


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / START_FILE


def test_the_next_session_reads_only_what_comes_after_the_start(file: Path) -> None:
    first = Session(file)
    assert first.ask([*START, 1, 2]) == 0
    assert file.is_file()
    second = Session(file)
    assert second.ask([*START, 3, 4, 5]) == len(START)
    assert second.model.tokens_read == 3
    # In each cache the blocks of the start hold its tokens, as if it had been read.
    for cache in second.model.caches:
        numbers = second.pipeline._blocks.kept_blocks(START)
        assert cache[numbers].ravel().tolist() == START


def test_only_the_whole_blocks_of_the_start_are_saved(file: Path) -> None:
    start = [*START, 18, 19]
    Session(file, start=start).ask([*start, 1])
    assert Session(file, start=start).ask([*start, 7]) == len(START)


def test_nothing_is_saved_of_prompts_that_begin_otherwise(file: Path) -> None:
    session = Session(file)
    session.ask([1, *START])
    session.ask(START[:BLOCK])
    assert not file.exists()
    session.ask([*START, 1])
    assert file.exists()


def test_a_start_too_short_for_a_block_is_left_alone(file: Path) -> None:
    session = Session(file, start=START[: BLOCK - 1])
    session.ask([*START, 1])
    assert not file.exists()


@pytest.mark.parametrize(
    "other",
    [{"made_by": "another machine"}, {"start": [9, *START[1:]]}, {"start": START[:BLOCK]}],
    ids=lambda other: next(iter(other)),
)
def test_what_was_made_otherwise_is_not_used_and_is_replaced(
    file: Path, other: dict[str, object]
) -> None:
    Session(file).ask([*START, 1])
    changed = Session(file, **other)  # type: ignore[arg-type]
    start = cast("list[int]", other.get("start", START))
    assert changed.ask([*start, 1]) == 0
    assert Session(file, **other).ask([*start, 2]) == len(start)  # type: ignore[arg-type]


@pytest.mark.parametrize("damage", ["byte", "cut", "empty", "text"])
def test_a_damaged_file_is_not_used_and_is_replaced(file: Path, damage: str) -> None:
    Session(file).ask([*START, 1])
    whole = file.read_bytes()
    damaged = {
        "byte": whole[:-1] + bytes([whole[-1] ^ 1]),
        "cut": whole[:-3],
        "empty": b"",
        "text": b"not a model's",
    }
    file.write_bytes(damaged[damage])
    session = Session(file)
    assert session.ask([*START, 1]) == 0
    assert Session(file).ask([*START, 2]) == len(START)


def test_a_folder_that_cannot_be_written_costs_nothing_but_the_reading(tmp_path: Path) -> None:
    session = Session(tmp_path / "missing" / START_FILE)
    assert session.ask([*START, 1]) == 0
    assert session.ask([*START, 2]) == len(START)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_its_place_is_left_alone(file: Path) -> None:
    file.mkdir()
    assert Session(file).ask([*START, 1]) == 0
    assert [entry.name for entry in file.parent.iterdir()] == [START_FILE]


def test_what_is_shared_with_others_can_be_read_by_them(file: Path) -> None:
    file.parent.chmod(0o755)
    Session(file).ask([*START, 1])
    assert file.stat().st_mode & 0o777 == 0o644


def header_of(content: bytes) -> tuple[dict[str, dict[str, object]], bytes]:
    """Return the header of a safetensors file, and the numbers behind it."""
    begin = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:begin]), content[begin:]


# The same bytes as numbers of another kind; the last two are kinds that NumPy does not have.
@pytest.mark.parametrize("kind", ["I8", "F8_E4M3", "F8_E5M2"])
def test_a_file_whose_header_is_damaged_is_not_used_and_is_replaced(file: Path, kind: str) -> None:
    Session(file).ask([*START, 1])
    header, numbers = header_of(file.read_bytes())
    for name in header.keys() - {"__metadata__"}:
        header[name]["dtype"] = kind
    damaged = json.dumps(header).encode()
    file.write_bytes(len(damaged).to_bytes(8, "little") + damaged + numbers)
    assert Session(file).ask([*START, 1]) == 0
    assert Session(file).ask([*START, 2]) == len(START)


def test_a_file_too_large_to_be_ours_is_not_opened(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Session(file).ask([*START, 1])
    monkeypatch.setattr(saved_start, "LARGEST_BYTES", file.stat().st_size - 1)
    assert Session(file).ask([*START, 1]) == 0


def test_an_answer_is_not_lost_where_memory_is_short_for_saving(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out(*_: object) -> None:
        raise MemoryError

    session = Session(file)
    monkeypatch.setattr(session.model, "blocks", run_out)
    assert session.ask([*START, 1]) == 0
    assert not file.exists()


def test_what_memory_is_too_short_to_put_back_is_read_and_holds_no_room(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out(*_: object) -> None:
        raise MemoryError

    Session(file).ask([*START, 1])
    monkeypatch.setattr(RememberingModel, "put_blocks", run_out)
    session = Session(file)
    assert session.pipeline.kept_bytes == 0
    assert session.ask([*START, 1]) == 0
