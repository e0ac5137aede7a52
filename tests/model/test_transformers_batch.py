"""Many answers side by side are those of one after another, token for token."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from codeface_jupyter.config import Config, Settings
from codeface_jupyter.engines.base import BatchEngine
from codeface_jupyter.engines.transformers import batch_run
from codeface_jupyter.engines.transformers.engine import TransformersEngine
from codeface_jupyter.errors import GenerationError, PromptTooLongError
from codeface_jupyter.generation import Chunk, Done, GenerationRequest, SamplingParameters
from codeface_jupyter.jobs import Job
from codeface_jupyter.prompts import Prompt
from codeface_jupyter.session import Session

FAMILIES = ["qwen2", "llama", "gpt_neo", "gpt_bigcode", "mistral"]
CELLS = ("import pandas as pd", "df = pd.DataFrame({'x': [1, 2, 3]})")
WORDS = ["sum", "Group df by x and return the mean of each group", "plot", "sort the rows of df"]


@pytest.fixture
def make_engine(make_model, tmp_path):
    made: list[TransformersEngine] = []

    def make(family: str = "qwen2", *, is_base: bool = False) -> TransformersEngine:
        template = {"chat_template": None} if is_base else {}
        folder: Path = make_model(family, **template)
        settings = Settings(model=str(folder), dtype="float32", cache_dir=tmp_path / "cache")
        made.append(TransformersEngine(settings))
        return made[-1]

    yield make
    for engine in made:
        engine.unload()


def request(words: str, **sampling: Any) -> GenerationRequest:
    sampling = {"max_new_tokens": 24} | sampling
    return GenerationRequest(
        prompt=Prompt(request=words, cells=CELLS), sampling=SamplingParameters(**sampling)
    )


def alone(engine: TransformersEngine, asked: GenerationRequest) -> tuple[str, Done]:
    engine.shrink()
    chunks: list[str] = []

    def emit(event):
        if isinstance(event, Chunk):
            chunks.append(event.text)

    done = engine.generate(asked, Job(emit))
    return "".join(chunks), done


def together(
    engine: TransformersEngine,
    requests: list[GenerationRequest],
    *,
    cancel: threading.Event | None = None,
    on_result=lambda index: None,
) -> list[tuple[str, Done]]:
    results: dict[int, tuple[str, Done]] = {}

    def take(index: int, text: str, done: Done) -> None:
        assert index not in results
        results[index] = (text, done)
        on_result(index)

    engine.generate_batch(requests, on_result=take, job=Job(cancel=cancel or threading.Event()))
    return [results[index] for index in range(len(requests))]


def facts(results: list[tuple[str, Done]]) -> list[tuple[str, str, int, int]]:
    """What must be the same alone and together: text, end, and the numbers of tokens."""
    return [
        (text, done.finish_reason, done.metrics.generated_tokens, done.metrics.prompt_tokens)
        for text, done in results
    ]


def same_as_alone(engine: TransformersEngine, requests: list[GenerationRequest]) -> None:
    expected = facts([alone(engine, asked) for asked in requests])
    assert len({text for text, *_ in expected}) > 1
    engine.shrink()
    assert facts(together(engine, requests)) == expected


class TestSameAsAlone:
    @pytest.mark.parametrize("family", FAMILIES)
    @pytest.mark.parametrize("is_base", [False, True], ids=["chat", "base"])
    def test_prompts_of_different_lengths(self, make_engine, family, is_base):
        engine = make_engine(family, is_base=is_base)
        assert isinstance(engine, BatchEngine)
        same_as_alone(engine, [request(words) for words in WORDS])

    @pytest.mark.parametrize("family", ["qwen2", "mistral"])
    def test_answers_of_different_lengths(self, make_engine, family):
        lengths = [3, 60, 17, 41]
        requests = [request(w, max_new_tokens=n) for w, n in zip(WORDS, lengths, strict=True)]
        same_as_alone(make_engine(family), requests)

    def test_answers_that_end_by_themselves(self, make_engine):
        engine = make_engine("llama")
        requests = [request(f"{w} {n}", max_new_tokens=300) for w in WORDS for n in range(2)]
        same_as_alone(engine, requests)
        ends = {done.finish_reason for _, done in together(engine, requests)}
        assert "stop" in ends

    def test_stop_strings_of_each_request(self, make_engine):
        engine = make_engine()
        stops = [alone(engine, request(words))[0][4:7] for words in WORDS]
        requests = [request(w, stop_strings=(s,)) for w, s in zip(WORDS, stops, strict=True)]
        same_as_alone(engine, requests)

    def test_a_repetition_penalty_does_not_see_the_padding(self, make_engine):
        same_as_alone(make_engine(), [request(w, repetition_penalty=1.3) for w in WORDS])

    def test_seeds_and_temperatures_of_each_request(self, make_engine):
        requests = [
            request(words, temperature=0.3 + 0.4 * n, seed=n, top_k=20 * n, top_p=1 - 0.1 * n)
            for n, words in enumerate(WORDS)
        ]
        same_as_alone(make_engine(), [*requests, request("greedy among them")])

    def test_when_the_start_is_kept_already(self, make_engine):
        engine = make_engine()
        requests = [request(words) for words in WORDS]
        expected = facts([alone(engine, asked) for asked in requests])
        assert facts(together(engine, requests)) == expected
        assert facts(together(engine, requests)) == expected
        assert engine.prefixes.size_bytes > 0

    def test_when_memory_holds_only_few_at_once(self, make_engine, monkeypatch):
        monkeypatch.setattr(batch_run, "MAX_ROWS", 3)
        same_as_alone(make_engine(), [request(f"{w} {n}") for w in WORDS for n in range(2)])

    def test_afterwards_single_answers_are_what_they_were(self, make_engine):
        engine = make_engine()
        before = alone(engine, request(WORDS[1]))[0]
        together(engine, [request(words) for words in WORDS])
        after = []
        engine.generate(
            request(WORDS[1]),
            Job(lambda event: isinstance(event, Chunk) and after.append(event.text)),
        )
        assert "".join(after) == before


class TestWork:
    def test_a_start_that_all_share_is_read_once(self, make_engine):
        engine = make_engine()
        engine.load(Job())
        read: list[int] = []
        engine._loaded.model.register_forward_pre_hook(
            lambda _, __, inputs: read.append(inputs["input_ids"].numel()), with_kwargs=True
        )
        results = together(engine, [request(words, max_new_tokens=1) for words in WORDS])
        whole = sum(done.metrics.prompt_tokens for _, done in results)
        assert sum(read) < 0.6 * whole

    def test_rows_leave_the_run_as_they_end(self, make_engine):
        engine = make_engine()
        engine.load(Job())
        rows: list[int] = []
        engine._loaded.model.register_forward_pre_hook(
            lambda _, __, inputs: rows.append(inputs["input_ids"].shape[0]), with_kwargs=True
        )
        lengths = [2, 4, 6, 8]
        together(
            engine,
            [request(w, max_new_tokens=n) for w, n in zip(WORDS, lengths, strict=True)],
        )
        assert rows[1:] == [4, 4, 3, 3, 2, 2, 1, 1]

    def test_results_come_as_they_end(self, make_engine):
        order: list[int] = []
        lengths = [9, 3, 6]
        requests = [request(w, max_new_tokens=n) for w, n in zip(WORDS, lengths, strict=False)]
        together(make_engine(), requests, on_result=order.append)
        assert order == [1, 2, 0]

    def test_the_users_random_state_stays(self, make_engine):
        before = torch.get_rng_state().tolist()
        together(make_engine(), [request(words, temperature=1.0) for words in WORDS])
        assert torch.get_rng_state().tolist() == before


class TestBrokenOff:
    # The second has a sliding window: rows that have ended stay until the last one does.
    @pytest.mark.parametrize("family", ["qwen2", "mistral"])
    def test_a_cancel_ends_what_is_not_finished(self, make_engine, family):
        engine = make_engine(family)
        cancel = threading.Event()
        requests = [request("first", max_new_tokens=2), request("second", max_new_tokens=500)]
        first, second = together(
            engine, requests, cancel=cancel, on_result=lambda index: cancel.set()
        )
        assert first[1].finish_reason == "length"
        assert second[1].finish_reason == "cancelled"
        assert second[1].metrics.generated_tokens < 10
        assert not any(module._forward_pre_hooks for module in engine._loaded.model.modules())

    @pytest.mark.parametrize("passes", [0, 1, 4])
    def test_a_cancel_in_the_middle_of_a_pass(self, make_engine, passes):
        engine = make_engine()
        engine.load(Job())
        cancel = threading.Event()
        count = iter(range(1_000))
        handle = engine._loaded.model.model.layers[1].register_forward_pre_hook(
            lambda *_: cancel.set() if next(count) == passes else None
        )
        results = together(engine, [request(words) for words in WORDS], cancel=cancel)
        handle.remove()
        assert {done.finish_reason for _, done in results} == {"cancelled"}
        same_as_alone(engine, [request(words) for words in WORDS])

    def test_a_prompt_that_does_not_fit_is_refused_before_any_begins(self, make_engine):
        begun: list[int] = []
        with pytest.raises(PromptTooLongError):
            together(
                make_engine(),
                [request("fits"), request("does not", max_new_tokens=1_020)],
                on_result=begun.append,
            )
        assert begun == []

    def test_when_memory_runs_out_smaller_groups_go_on(self, make_engine):
        engine = make_engine()
        requests = [request(words) for words in WORDS]
        expected = facts([alone(engine, asked) for asked in requests])
        handle = shortage_above(engine, rows=2, after_passes=5)
        assert facts(together(engine, requests)) == expected
        handle.remove()

    def test_when_one_row_is_too_much_the_error_has_the_numbers(self, make_engine):
        engine = make_engine()
        engine.load(Job())
        handle = shortage_above(engine, rows=0)
        with pytest.raises(GenerationError, match="ran out of memory"):
            together(engine, [request(words) for words in WORDS])
        handle.remove()


def shortage_above(engine: TransformersEngine, *, rows: int, after_passes: int = 0):
    """Have passes over more than ``rows`` rows fail as if memory had run out."""
    engine.load(Job())
    passes: list[int] = []

    def fail(_, __, inputs):
        passes.append(inputs["input_ids"].shape[0])
        if passes[-1] > rows and len(passes) > after_passes:
            raise torch.OutOfMemoryError("a made-up shortage")

    return engine._loaded.model.register_forward_pre_hook(fail, with_kwargs=True)


def test_a_session_asks_side_by_side(make_engine, tmp_path):
    engine = make_engine()
    config = Config(file=tmp_path / "none.toml")
    config.set(max_new_tokens=12)
    single = Session(config=config, engine=engine)
    expected = [single.generate(words).text for words in WORDS]
    batch = Session(config=config, engine=engine)
    items = batch.generate_batch(WORDS)
    assert [item.text for item in items] == expected
    assert {item.finish_reason for item in items} <= {"stop", "length"}
