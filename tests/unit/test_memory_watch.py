"""Memory running short: what goes, in which order, and what stays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from codeface_jupyter.config import Config
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.errors import first_line
from codeface_jupyter.models.memory_usage import DeviceMemory, says_memory_ran_out, shortage_in
from codeface_jupyter.response_cache import CachedResponse, MemoryResponseCache
from codeface_jupyter.session import Session
from codeface_jupyter.session.memory_watch import MemoryWatch
from codeface_jupyter.view.reports import memory_table

ANSWER = CachedResponse(
    text="12345", finish_reason="stop", prompt_tokens=1, generated_tokens=1, total_s=1.0
)


class WarmEngine(ScriptedEngine):
    """A scripted engine that keeps something between requests."""

    kept_bytes = 1_000

    def held_bytes(self) -> dict[str, int]:
        return {"weights": 5_000_000, "KV prefixes": self.kept_bytes}

    def shrink(self) -> int:
        dropped, self.kept_bytes = self.kept_bytes, 0
        return dropped


class SharedCache:
    """A response cache that is not this process's own."""

    is_closed = False

    def close(self) -> None:
        self.is_closed = True

    clear = close


def used(*shares: float) -> MemoryWatch:
    """A watch that measures these shares, one after another, then the last one for ever."""
    left: Iterator[float] = iter(shares)
    last = shares[-1]

    def measure() -> list[DeviceMemory]:
        share = next(left, last)
        return [DeviceMemory(name="m", total_bytes=1_000, free_bytes=round(1_000 * (1 - share)))]

    return MemoryWatch(measure=measure)


@pytest.fixture
def engine() -> WarmEngine:
    return WarmEngine(["x"])


@pytest.fixture
def cache() -> MemoryResponseCache:
    kept = MemoryResponseCache(max_bytes=100, ttl_s=100)
    kept.put("k", ANSWER)
    return kept


def test_nothing_goes_while_there_is_room(engine, cache) -> None:
    watch = used(0.9)
    assert watch.make_room(threshold=0.9, owners=(engine,), response_cache=cache) == 0
    assert engine.kept_bytes
    assert len(cache) == 1
    assert watch.shrinks == 0


def test_kv_prefixes_go_first_and_may_be_enough(engine, cache) -> None:
    watch = used(0.95, 0.5)
    assert watch.make_room(threshold=0.9, owners=(engine,), response_cache=cache) == 1_000
    assert engine.kept_bytes == 0
    assert len(cache) == 1


def test_then_the_answers_of_this_process(engine, cache) -> None:
    watch = used(0.95)
    assert watch.make_room(threshold=0.9, owners=(engine,), response_cache=cache) == 1_005
    assert len(cache) == 0
    assert (watch.shrinks, watch.dropped_bytes) == (1, 1_005)
    # Nothing is left to drop: that is no second time.
    watch.make_room(threshold=0.9, owners=(engine,), response_cache=cache)
    assert watch.shrinks == 1


def test_answers_that_others_share_stay(engine) -> None:
    shared = SharedCache()
    used(0.99).make_room(threshold=0.9, owners=(engine,), response_cache=shared)
    assert not shared.is_closed


def test_an_engine_elsewhere_has_nothing_to_drop(cache) -> None:
    remote = ScriptedEngine(["x"])
    assert used(0.95).make_room(threshold=0.9, owners=(remote,), response_cache=cache) == 5


def test_a_session_shrinks_before_it_answers_and_tells_in_its_report(tmp_path) -> None:
    engine = WarmEngine(["first", "second"])
    config = Config(file=tmp_path / "none.toml")
    session = Session(config=config, engine=engine)
    session._resources.memory_watch = used(0.5)
    session.generate("one")
    assert engine.kept_bytes
    session._resources.memory_watch = used(0.95, 0.5)
    assert session.generate("two").text == "second"
    assert engine.kept_bytes == 0
    report = session.memory()
    assert (report.shrinks, report.dropped_bytes) == (1, 1_000)
    assert report.engine_bytes["weights"] == 5_000_000
    assert report.process_bytes > 1_000_000
    text = str(memory_table(report))
    for words in ("50% of 1 kB used", "weights", "5 MB"):
        assert words in text
    assert "1 kB, 1 time" in text


def test_the_threshold_is_a_setting(tmp_path) -> None:
    config = Config(file=tmp_path / "none.toml")
    config.set(memory_threshold=1.0)
    engine = WarmEngine(["first"])
    session = Session(config=config, engine=engine)
    session._resources.memory_watch = used(0.99)
    session.generate("one")
    assert engine.kept_bytes


class TestShortage:
    def test_work_that_fits_has_none(self) -> None:
        assert shortage_in(lambda: None) == ""

    def test_pythons_own_is_heard(self) -> None:
        def work() -> None:
            raise MemoryError

        assert shortage_in(work) == "MemoryError"

    @pytest.mark.parametrize(
        "text",
        [
            "DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes.",
            "DefaultCPUAllocator: not enough memory: you tried to allocate 4 bytes.",
            "MPS backend out of memory (MPS allocated: 9 GB, max allowed: 9 GB).",
            "Couldn't open file mapping: <torch_1>, error code: <1455>",
        ],
        ids=["Linux", "Windows", "Apple silicon", "a mapped file on Windows"],
    )
    def test_torchs_is_heard_on_every_system(self, text: str) -> None:
        def work() -> None:
            raise RuntimeError(text)

        assert shortage_in(work) == first_line(RuntimeError(text))

    def test_the_causes_frames_are_let_go_too(self) -> None:
        import gc
        import weakref

        class Tensor:
            pass

        kept: list[weakref.ref[Tensor]] = []
        errors: list[BaseException] = []

        def inner() -> None:
            tensor = Tensor()
            kept.append(weakref.ref(tensor))
            raise ValueError

        def work() -> None:
            try:
                inner()
            except ValueError as error:
                errors.append(error)
                raise MemoryError("full") from error

        assert shortage_in(work) == "full"
        gc.collect()
        assert kept[0]() is None

    def test_other_errors_pass(self) -> None:
        def work() -> None:
            raise RuntimeError("something else")

        with pytest.raises(RuntimeError, match="something else"):
            shortage_in(work)


@pytest.mark.parametrize(
    "text",
    [
        "ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 123",
        "ggml_aligned_malloc: insufficient memory (attempted to allocate 10 MB)",
        "DefaultCPUAllocator: can't allocate memory",
    ],
)
def test_what_engines_say_of_memory_that_ran_out_is_known(text: str) -> None:
    assert says_memory_ran_out(text)
    assert not says_memory_ran_out("failed to load the model")
