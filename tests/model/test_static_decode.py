"""Recorded passes over keys and values of fixed length answer as plain ``generate`` does.

No GPU is needed: the passes are done anew instead of replayed, all else is the same.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.transformers import engine as engine_module
from codeface_jupyter.engines.transformers import static_decode
from codeface_jupyter.engines.transformers.engine import TransformersEngine
from codeface_jupyter.engines.transformers.fused_norms import fused_norms
from codeface_jupyter.engines.transformers.recorded_pass import (
    EagerRecorder,
    RecordedPass,
    _captured,
)
from codeface_jupyter.engines.transformers.static_decode import (
    StaticDecoder,
    can_decode_statically,
    static_decoder,
)
from codeface_jupyter.generation import Chunk, Done, GenerationRequest, SamplingParameters
from codeface_jupyter.jobs import Cancelled, Job, Progress
from codeface_jupyter.prompts import Prompt

RECORDABLE = ["qwen2", "llama", "gpt_bigcode", "starcoder2", "phi"]
# Their layers see a window of the past only, or attend in a way of their own.
PLAIN_ONLY = ["gpt_neo", "gemma3", "mistral"]
CELLS = ("import pandas as pd", "df = pd.DataFrame()")
Answer = tuple[str, Done]
QUESTIONS = ("Group df by x", "Now plot it", "Why?")


class CountingRecorder(EagerRecorder):
    """Counts recordings and passes; may run ahead of the host as on a GPU, and may fail."""

    def __init__(self, *, launches_ahead: bool = False) -> None:
        self.launches_ahead = launches_ahead
        self.recordings = 0
        self.passes = 0
        self.error: BaseException | None = None

    def record(self, work: Callable[[], torch.Tensor]) -> RecordedPass:
        self.recordings += 1
        # As before a recording on a GPU.
        work()
        if self.error is not None:
            raise self.error

        def run() -> torch.Tensor:
            self.passes += 1
            return work()

        return RecordedPass(run, size_bytes=1_000)


@pytest.fixture(params=[False, True], ids=["in step", "ahead"])
def recorder(request) -> CountingRecorder:
    return CountingRecorder(launches_ahead=request.param)


@pytest.fixture(autouse=True)
def small_capacities(monkeypatch):
    monkeypatch.setattr(static_decode, "SMALLEST_CAPACITY", 64)
    monkeypatch.setattr(static_decode, "ROOM_TOKENS", 16)


@pytest.fixture
def make_engine(make_model, tmp_path, monkeypatch) -> Callable[..., TransformersEngine]:
    def make(
        family: str = "qwen2", *, recorder: CountingRecorder | None = None, **options: Any
    ) -> TransformersEngine:
        def chosen(model):
            if recorder is None or not can_decode_statically(model):
                return None
            return StaticDecoder(model, recorder)

        monkeypatch.setattr(engine_module, "static_decoder", chosen)
        folder: Path = make_model(family)
        settings = Settings(
            model=str(folder), dtype="float32", cache_dir=tmp_path / "cache", **options
        )
        engine = TransformersEngine(settings)
        engine.load(Job())
        return engine

    # They are small: waiting for the collector after each test would take longest of all.
    return make


@pytest.fixture(scope="module")
def plain(make_model, tmp_path_factory) -> Callable[..., Answer]:
    """Return what answers without recordings, each family by one engine."""
    engines: dict[str, TransformersEngine] = {}

    def answer(asked: GenerationRequest | None = None, *, family: str = "qwen2") -> Answer:
        if family not in engines:
            cache_dir = tmp_path_factory.mktemp("plain")
            engines[family] = TransformersEngine(
                Settings(model=str(make_model(family)), dtype="float32", cache_dir=cache_dir)
            )
            engines[family].load(Job())
            engines[family]._static = None
        engines[family].shrink()
        return ask(engines[family], asked)

    return answer


def request(
    words: str = QUESTIONS[0], *, copying: bool = False, **sampling: Any
) -> GenerationRequest:
    return GenerationRequest(
        prompt=Prompt(request=words, cells=CELLS),
        sampling=SamplingParameters(**{"max_new_tokens": 40} | sampling),
        expects_copying=copying,
    )


def ask(
    engine: TransformersEngine,
    asked: GenerationRequest | None = None,
    *,
    emit: Callable[[Any], None] = lambda event: None,
    cancel: threading.Event | None = None,
) -> tuple[str, Done]:
    texts: list[str] = []

    def collect(event: Chunk | Progress) -> None:
        if isinstance(event, Chunk):
            texts.append(event.text)
        emit(event)

    done = engine.generate(asked or request(), Job(collect, cancel=cancel or threading.Event()))
    return "".join(texts), done


def facts(answer: tuple[str, Done]) -> tuple[str, str, int, int]:
    """What of an answer must not depend on how it was decoded."""
    text, done = answer
    metrics = done.metrics
    return text, done.finish_reason, metrics.generated_tokens, metrics.prompt_tokens


def cancel_after(tokens: int, cancel: threading.Event) -> Callable[[Any], None]:
    def emit(event):
        if isinstance(event, Chunk) and event.generated_tokens >= tokens:
            cancel.set()

    return emit


class TestSameAnswer:
    @pytest.mark.parametrize("family", RECORDABLE)
    def test_greedy_decoding_follows_plain_generate_through_a_conversation(
        self, plain, make_engine, recorder, family
    ):
        expected = [facts(plain(request(words), family=family)) for words in QUESTIONS]
        engine = make_engine(family, recorder=recorder)
        for _ in range(2):
            for words, facts_expected in zip(QUESTIONS, expected, strict=True):
                assert facts(ask(engine, request(words))) == facts_expected
        assert recorder.passes > 40

    @pytest.mark.parametrize("family", PLAIN_ONLY)
    def test_other_models_are_decoded_the_plain_way(self, plain, make_engine, recorder, family):
        expected = facts(plain(family=family))
        engine = make_engine(family, recorder=recorder)
        assert facts(ask(engine)) == expected
        assert (recorder.recordings, recorder.passes) == (0, 0)

    @pytest.mark.parametrize(
        "sampling",
        [
            {"repetition_penalty": 1.3},
            {"temperature": 1.0, "seed": 3},
            {"temperature": 0.8, "seed": 3, "top_p": 0.9, "top_k": 20, "repetition_penalty": 1.1},
        ],
    )
    def test_every_kind_of_sampling_is_the_same(self, plain, make_engine, recorder, sampling):
        expected = facts(plain(request(**sampling)))
        assert facts(ask(make_engine(recorder=recorder), request(**sampling))) == expected

    @pytest.mark.parametrize("tokens", [1, 2, 3])
    def test_short_answers_end_where_they_should(self, plain, make_engine, recorder, tokens):
        asked = request(max_new_tokens=tokens)
        expected = facts(plain(asked))
        assert facts(ask(make_engine(recorder=recorder), asked)) == expected

    def test_an_end_token_and_a_stop_string_end_the_answer(self, plain, make_engine, recorder):
        engine = make_engine("llama", recorder=recorder)
        ended = GenerationRequest(
            prompt=Prompt(request="Group df by x"), sampling=SamplingParameters(max_new_tokens=400)
        )
        assert facts(ask(engine, ended)) == facts(plain(ended, family="llama"))
        assert ask(engine, ended)[1].finish_reason == "stop"
        whole, _ = ask(engine)
        stopped = request(stop_strings=(whole[12:15],))
        assert facts(ask(engine, stopped)) == facts(plain(stopped, family="llama"))

    def test_an_answer_that_outgrows_its_room_moves_on(self, plain, make_engine, recorder):
        asked = request(max_new_tokens=300)
        expected = facts(plain(asked))
        engine = make_engine(recorder=recorder)
        assert facts(ask(engine, asked)) == expected
        assert recorder.recordings >= 3
        before = recorder.recordings
        assert facts(ask(engine, asked)) == expected
        assert recorder.recordings == before

    def test_only_a_few_recordings_are_kept(self, make_engine, monkeypatch):
        monkeypatch.setattr(static_decode, "SMALLEST_CAPACITY", 8)
        engine = make_engine(recorder=CountingRecorder())
        ask(engine, request(max_new_tokens=600))
        sizes = [step.capacity for step in engine._static._steps]
        assert sizes == [256, 512, 1_024]

    def test_guessing_from_the_prompt_keeps_its_own_way(self, plain, make_engine, recorder):
        expected = facts(plain(request()))
        assert facts(ask(make_engine(recorder=recorder), request(copying=True))) == expected
        assert recorder.passes == 0


class TestFollowUps:
    def test_the_answer_itself_is_reused_by_a_follow_up(self, plain, make_engine, recorder):
        engine = make_engine(recorder=recorder)
        first = ask(engine)
        assert facts(first) == facts(plain())
        # The prompt and the answer, whose last token may not have been read yet.
        total = first[1].metrics.prompt_tokens + first[1].metrics.generated_tokens
        kept = engine.prefixes._prefixes[-1]
        assert len(kept.token_ids) in {total - 1, total}
        with torch.no_grad():
            again = engine._model(input_ids=torch.tensor([kept.token_ids]), use_cache=True)
        for ours, theirs in zip(kept.cache.layers, again.past_key_values.layers, strict=True):
            assert torch.allclose(ours.keys, theirs.keys, atol=1e-4)
            assert torch.allclose(ours.values, theirs.values, atol=1e-4)

    def test_two_conversations_in_turn(self, plain, make_engine, recorder):
        cells = tuple(f"def function_{n}(values): return values" for n in range(12))
        prompts = [Prompt(request="Group df by x", cells=CELLS), Prompt(request="P", cells=cells)]
        asks = [
            GenerationRequest(prompt=prompt, sampling=SamplingParameters(max_new_tokens=30))
            for prompt in prompts * 3
        ]
        engine = make_engine(recorder=recorder)
        for asked in asks:
            assert facts(ask(engine, asked)) == facts(plain(asked))
        assert ask(engine, asks[0])[1].metrics.reused_prompt_tokens > 0

    def test_after_a_crop_to_nothing(self, plain, make_engine, recorder):
        engine = make_engine(recorder=recorder)
        expected = facts(ask(engine))
        assert engine.prefixes.longest([399, 398, 397]) is None
        engine.prefixes.clear()
        assert facts(ask(engine)) == expected
        assert ask(engine, request("Now plot it"))[0] == plain(request("Now plot it"))[0]

    @pytest.mark.parametrize("tokens", [1, 7, 20])
    def test_after_a_cancel_between_tokens(self, plain, make_engine, recorder, tokens):
        engine, cancel = make_engine(recorder=recorder), threading.Event()
        text, done = ask(engine, emit=cancel_after(tokens, cancel), cancel=cancel)
        assert done.finish_reason == "cancelled"
        assert done.metrics.generated_tokens < 30
        whole, done = ask(engine)
        assert (whole, done.finish_reason) == (plain()[0], "length")
        assert whole.startswith(text)
        assert done.metrics.reused_prompt_tokens == done.metrics.prompt_tokens - 1

    @pytest.mark.parametrize("passes", range(1, 8))
    def test_after_a_cancel_in_the_middle_of_a_pass(self, plain, make_engine, recorder, passes):
        engine, cancel = make_engine(recorder=recorder), threading.Event()
        count = iter(range(1_000))
        handle = engine._model.model.layers[1].register_forward_pre_hook(
            lambda *_: cancel.set() if next(count) == passes else None
        )
        _, done = ask(engine, cancel=cancel)
        handle.remove()
        assert done.finish_reason == "cancelled"
        for asked in (request(), request("Now plot it"), request(copying=True)):
            assert facts(ask(engine, asked)) == facts(plain(asked))

    @pytest.mark.parametrize("passes", [1, 2, 6])
    def test_after_an_error(self, plain, make_engine, recorder, passes):
        engine = make_engine(recorder=recorder)
        ask(engine)
        count = iter(range(1_000))

        def fail(*_: object) -> None:
            if next(count) == passes:
                raise ZeroDivisionError("the model broke")

        handle = engine._model.model.layers[1].register_forward_pre_hook(fail)
        with pytest.raises(ZeroDivisionError):
            ask(engine, request("Now plot it", max_new_tokens=90))
        handle.remove()
        for asked in (request("Now plot it"), request()):
            assert facts(ask(engine, asked)) == facts(plain(asked))


class TestFallback:
    @pytest.mark.parametrize(
        "error",
        [RuntimeError("operation not permitted\nwhen capturing"), TypeError("no such argument")],
    )
    def test_a_model_that_cannot_be_recorded_is_decoded_the_plain_way_and_said_once(
        self, plain, make_engine, recorder, error, caplog
    ):
        recorder.error = error
        engine = make_engine(recorder=recorder)
        with caplog.at_level(logging.INFO):
            answers = [facts(ask(engine)) for _ in range(3)]
        assert answers == [facts(plain())] * 3
        assert recorder.recordings == 1
        (line,) = [record.getMessage() for record in caplog.records]
        assert str(error).splitlines()[0] in line
        assert "plain way" in line
        assert engine.held_bytes()["decode graphs"] == 0

    def test_a_recording_without_room_is_tried_again_in_the_next_answer(
        self, plain, make_engine, recorder, caplog
    ):
        recorder.error = torch.OutOfMemoryError("Tried to allocate 20.00 GiB.")
        engine = make_engine(recorder=recorder)
        text, done = ask(engine)
        assert text == plain()[0]
        assert not done.warnings
        assert "20.00 GiB" in caplog.text
        recorder.error = None
        assert ask(engine)[0] == text
        assert recorder.passes > 30

    def test_a_recording_that_fails_midway_leaves_the_answer_whole(
        self, plain, make_engine, recorder
    ):
        engine = make_engine(recorder=recorder)
        asked = request(max_new_tokens=300)

        def break_the_second(event: Any) -> None:
            recorder.error = RuntimeError("no more")

        expected = facts(plain(asked))
        assert facts(ask(engine, asked, emit=break_the_second)) == expected
        assert recorder.passes > 10

    @pytest.mark.parametrize(
        "wrong", [lambda logits: logits + 30, lambda logits: logits * torch.nan]
    )
    def test_a_recording_that_computes_something_else_is_not_used(
        self, plain, make_engine, caplog, wrong
    ):
        class WrongRecorder(CountingRecorder):
            def record(self, work):
                return super().record(lambda: wrong(work()))

        recorder = WrongRecorder()
        engine = make_engine(recorder=recorder)
        assert ask(engine)[0] == plain()[0]
        assert recorder.passes == 1
        assert "its logits are off" in caplog.text

    def test_a_cancel_while_a_pass_is_recorded_ends_the_answer(
        self, plain, make_engine, recorder, caplog
    ):
        engine, cancel = make_engine(recorder=recorder), threading.Event()
        record = recorder.record

        def cancelled_record(work):
            cancel.set()
            return record(work)

        recorder.record = cancelled_record
        text, done = ask(engine, cancel=cancel)
        assert done.finish_reason == "cancelled"
        assert done.metrics.generated_tokens == 1
        del recorder.record
        assert not caplog.records
        assert ask(engine)[0] == plain()[0]
        assert ask(engine)[0].startswith(text)
        assert recorder.passes > 30

    def test_without_a_gpu_nothing_is_recorded(self, make_model):
        model = AutoModelForCausalLM.from_pretrained(make_model())
        assert can_decode_statically(model)
        assert static_decoder(model) is None

    def test_attention_that_takes_no_mask_is_left_to_the_plain_way(self, make_model):
        model = AutoModelForCausalLM.from_pretrained(make_model(), attn_implementation="eager")
        assert not can_decode_statically(model)


class TestWarmUp:
    def test_a_load_in_the_background_records_the_first_pass(self, plain, make_engine, recorder):
        engine = make_engine(recorder=recorder, background_load=True)
        assert recorder.recordings == 1
        assert ask(engine, request(max_new_tokens=5))[0]
        expected = facts(plain())
        assert facts(ask(engine)) == expected

    def test_any_other_load_leaves_it_to_the_answer(self, make_engine, recorder):
        make_engine(recorder=recorder)
        assert recorder.recordings == 0

    def test_it_reports_progress_and_can_be_left_there(self, plain, make_engine, recorder):
        engine = make_engine(recorder=recorder)
        engine.unload()
        engine._settings = engine._settings.model_copy(update={"background_load": True})
        stages: list[tuple[str, int | None]] = []

        def emit(event):
            stages.append((event.stage, event.completed))
            if event.stage.startswith("Warming up") and event.completed == 1:
                raise Cancelled

        with pytest.raises(Cancelled):
            engine.load(Job(emit))
        assert ("Warming up the decoder", 0) in stages
        assert recorder.recordings == 0
        assert engine.is_loaded
        assert ask(engine)[0] == plain()[0]

    def test_a_warm_up_without_room_is_no_failure_of_the_load(self, make_engine, recorder):
        recorder.error = torch.OutOfMemoryError("Tried to allocate 20.00 GiB.")
        engine = make_engine(recorder=recorder, background_load=True)
        assert engine.is_loaded


class TestCapture:
    """The part of a recording that torch leaves to us, with a graph that only takes notes."""

    class Graph:
        def __init__(self, *, complains: bool = False) -> None:
            self.calls: list[str] = []
            self.complains = complains

        def capture_begin(self, *, capture_error_mode: str) -> None:
            self.calls.append(f"begin {capture_error_mode}")

        def capture_end(self) -> None:
            self.calls.append("end")
            if self.complains:
                raise RuntimeError("the recording is invalid")

    def test_a_recording_begins_and_ends_around_the_work(self):
        graph = self.Graph()
        assert _captured(graph, lambda: graph.calls.append("work") or "output") == "output"
        assert graph.calls == ["begin thread_local", "work", "end"]

    def test_work_that_is_left_ends_the_recording_and_keeps_its_reason(self):
        graph = self.Graph(complains=True)

        def left() -> None:
            raise Cancelled

        with pytest.raises(Cancelled):
            _captured(graph, left)
        assert graph.calls[-1] == "end"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
class TestOnGpu:
    @pytest.mark.parametrize("family", RECORDABLE)
    def test_graphs_answer_as_plain_passes_do(self, make_model, tmp_path, family, caplog):
        settings = Settings(model=str(make_model(family)), dtype="float32", cache_dir=tmp_path)
        engine = TransformersEngine(settings)
        graphs = [facts(ask(engine, request(words, max_new_tokens=200))) for words in QUESTIONS]
        assert engine.held_bytes()["decode graphs"] > 0
        assert not caplog.records
        engine.shrink()
        engine._static = None
        assert graphs == [
            facts(ask(engine, request(words, max_new_tokens=200))) for words in QUESTIONS
        ]


class TestMemory:
    def test_what_recordings_hold_is_counted_and_can_be_dropped(self, make_engine, recorder):
        engine = make_engine(recorder=recorder)
        assert engine.held_bytes()["decode graphs"] == 0
        text, _ = ask(engine, request(max_new_tokens=5))
        held = engine.held_bytes()
        config = engine._model.config
        capacity = engine._static._steps[0].capacity
        width = config.hidden_size // config.num_attention_heads
        tensors = 2 * config.num_hidden_layers
        states = tensors * config.num_key_value_heads * width * capacity * 4
        assert held["decode graphs"] == states + 1_000
        assert engine.shrink() == held["decode graphs"] + held["KV prefixes"]
        assert engine.held_bytes()["decode graphs"] == 0
        assert ask(engine, request(max_new_tokens=5))[0] == text

    def test_unload_drops_them(self, make_engine, recorder):
        engine = make_engine(recorder=recorder)
        text, _ = ask(engine)
        engine.unload()
        assert "decode graphs" not in engine.held_bytes()
        assert ask(engine)[0] == text

    def test_kept_prefixes_do_not_share_the_recordings_memory(self, make_engine, recorder):
        engine = make_engine(recorder=recorder)
        ask(engine)
        before = [layer.keys.clone() for layer in engine.prefixes._prefixes[-1].cache.layers]
        kept = engine.prefixes._prefixes[-1]
        ask(engine, GenerationRequest(prompt=Prompt(request="Something else entirely")))
        for layer, keys in zip(kept.cache.layers, before, strict=True):
            assert torch.equal(layer.keys, keys)


class TestFusedNorms:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    def test_they_compute_the_same_and_leave_the_model_as_it_was(self, make_model, dtype):
        model = AutoModelForCausalLM.from_pretrained(make_model("llama"), dtype=dtype)
        ids = torch.arange(20)[None]
        with torch.no_grad():
            plain = model(input_ids=ids).logits
            with fused_norms(model):
                assert "forward" in vars(model.model.norm)
                fused = model(input_ids=ids).logits
        assert "forward" not in vars(model.model.norm)
        difference = (fused - plain).float().norm() / plain.float().norm()
        assert difference < 20 * torch.finfo(dtype).eps

    def test_a_norm_that_scales_otherwise_stays(self, make_model):
        class OffsetRMSNorm(torch.nn.Module):
            variance_epsilon = 1e-6

            def __init__(self) -> None:
                super().__init__()
                self.weight = torch.nn.Parameter(torch.zeros(8))

            def forward(self, states):
                return torch.nn.functional.rms_norm(states, (8,), 1 + self.weight, 1e-6)

        norm = OffsetRMSNorm()
        with fused_norms(norm):
            assert "forward" not in vars(norm)
