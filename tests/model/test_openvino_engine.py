"""The openvino engine on tiny models, quantized here: exact, repeatable, whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from safetensors.numpy import load_file, save_file

from codeface_jupyter.config import Settings, default_cache_dir
from codeface_jupyter.engines.base import BatchEngine
from codeface_jupyter.engines.registry import engine_choice
from codeface_jupyter.errors import (
    ConfigError,
    GenerationError,
    ModelFilesError,
    NotEnoughMemoryError,
    PromptTooLongError,
)
from codeface_jupyter.generation import Chunk, Done, GenerationRequest, SamplingParameters
from codeface_jupyter.jobs import Cancelled, Job, Progress
from codeface_jupyter.models import memory
from codeface_jupyter.models.conversion.openvino_ir import OpenVINOForm
from codeface_jupyter.models.fetch import locate
from codeface_jupyter.models.local_model import ModelRequest
from codeface_jupyter.models.storage import ModelStorage
from codeface_jupyter.prompts import Prompt

pytest.importorskip("openvino_genai", reason="the extra [openvino] is not installed")

from codeface_jupyter.engines.openvino import engine as openvino_engine
from codeface_jupyter.engines.openvino import paged_model, support
from codeface_jupyter.engines.openvino.engine import OpenVINOEngine
from codeface_jupyter.engines.openvino.paged_model import OpenVINOFailedError, PagedModel, Piece
from codeface_jupyter.engines.openvino.pipeline import BATCH_ANSWERS
from codeface_jupyter.engines.openvino.prompt_lookup import PromptLookup
from codeface_jupyter.engines.openvino.saved_start import START_FILE

MakeModel = Callable[..., Path]
Events = list[Progress | Chunk]
SHIPPED_MODEL = "qwen2.5-coder-0.5b"
LONG = "values = [1, 2, 3]\n" * 40
SECONDS = 120


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def settings(make_model: MakeModel, cache_dir: Path) -> Settings:
    # float32 leaves activations what they are: answers can then be compared token by token.
    return Settings(
        model=str(make_model("qwen2")), engine="openvino", dtype="float32", cache_dir=cache_dir
    )


@pytest.fixture(scope="module")
def shared_engine(settings: Settings) -> Iterator[OpenVINOEngine]:
    engine = OpenVINOEngine(settings)
    yield engine
    engine.unload()


@pytest.fixture
def engine(shared_engine: OpenVINOEngine, cache_dir: Path) -> OpenVINOEngine:
    """The module's engine with nothing kept of earlier tests."""
    shared_engine.unload()
    for file in cache_dir.rglob(START_FILE):
        file.unlink()
    return shared_engine


def ask(text: str, **sampling: object) -> GenerationRequest:
    return GenerationRequest(
        prompt=Prompt(request=text),
        sampling=SamplingParameters(**{"max_new_tokens": 24} | sampling),  # type: ignore[arg-type]
    )


def answer(engine: OpenVINOEngine, request: GenerationRequest) -> tuple[str, Done]:
    events: Events = []
    done = engine.generate(request, Job(events.append))
    return text_of(events), done


def text_of(events: Events) -> str:
    return "".join(event.text for event in events if isinstance(event, Chunk))


def shuffle_weights(folder: Path) -> None:
    """Put other weights of the same shapes in place of a model's."""
    (file,) = folder.glob("*.safetensors")
    shuffle = np.random.default_rng(0).permutation
    weights = {
        name: shuffle(tensor.ravel()).reshape(tensor.shape)
        for name, tensor in load_file(file).items()
    }
    save_file(weights, file, metadata={"format": "pt"})


def reference(settings: Settings, request: GenerationRequest) -> str:
    """Return what transformers answers with the original weights."""
    from codeface_jupyter.engines.transformers.engine import TransformersEngine

    events: Events = []
    TransformersEngine(settings).generate(request, Job(events.append))
    return text_of(events)


@pytest.mark.parametrize("family", ["qwen2", "qwen3", "llama"])
def test_answers_begin_as_those_of_the_original_weights(
    family: str, make_model: MakeModel, cache_dir: Path
) -> None:
    # Eight bits change a random model's words sooner or later; a wrong layout, the first one.
    settings = Settings(model=str(make_model(family)), dtype="float32", cache_dir=cache_dir)
    request = ask("x", max_new_tokens=2)
    engine = OpenVINOEngine(settings)
    assert answer(engine, request)[0] == reference(settings, request)
    engine.unload()


def test_a_second_answer_to_the_same_prompt_reuses_it_and_is_the_same(
    engine: OpenVINOEngine,
) -> None:
    cold, first = answer(engine, ask(LONG))
    warm, second = answer(engine, ask(LONG))
    assert warm == cold
    assert first.metrics.reused_prompt_tokens == 0
    # The last token is read again: an answer begins with what follows it.
    assert second.metrics.prompt_tokens - second.metrics.reused_prompt_tokens == 1
    assert first.metrics.generated_tokens == second.metrics.generated_tokens


@pytest.mark.parametrize("dtype", ["float32", "auto"])
def test_a_session_begins_with_the_start_of_prompts_that_an_earlier_one_saved(
    make_model: MakeModel, tmp_path: Path, dtype: str
) -> None:
    settings = Settings(
        model=str(make_model("qwen2")), engine="openvino", dtype=dtype, cache_dir=tmp_path
    )

    def session() -> tuple[str, int]:
        engine = OpenVINOEngine(settings)
        text, done = answer(engine, ask("values = [1, 2, 3]\n"))
        engine.unload()
        return text, done.metrics.reused_prompt_tokens

    text, reused = session()
    assert reused == 0
    (file,) = tmp_path.rglob(START_FILE)
    again, reused = session()
    # Small models get no worked examples: the start is the system message.
    assert reused >= 32
    if dtype == "float32":
        assert again == text
    file.unlink()
    assert session() == (text, 0)


def test_a_session_whose_weights_have_been_replaced_leaves_no_start_to_those_that_follow(
    make_model: MakeModel, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(make_model("qwen2"), folder)
    settings = Settings(
        model=str(folder), engine="openvino", dtype="float32", cache_dir=tmp_path / "cache"
    )
    with_old_weights = OpenVINOEngine(settings)
    with_old_weights.load(Job())
    shuffle_weights(folder)
    text, _ = answer(OpenVINOEngine(settings), ask("x"))
    (file,) = tmp_path.rglob(START_FILE)
    file.unlink()
    # Only now it reads a prompt, and the converted folder is another's by now.
    answer(with_old_weights, ask("x"))
    assert file.exists()
    again, done = answer(OpenVINOEngine(settings), ask("x"))
    assert again == text
    assert done.metrics.reused_prompt_tokens == 0


def test_what_all_prompts_begin_with_is_read_when_the_model_is_converted(
    make_model: MakeModel, tmp_path: Path
) -> None:
    settings = Settings(model=str(make_model("qwen2")), engine="openvino", cache_dir=tmp_path)
    told: list[object] = []
    engine = OpenVINOEngine(settings)
    engine.convert(Job(told.append))
    assert not engine.is_loaded
    assert not [event for event in told if isinstance(event, Chunk)]
    assert [event for event in told if isinstance(event, Progress)][-1].stage == (
        "Reading what all prompts begin with"
    )
    _, done = answer(engine, ask("x"))
    assert done.metrics.reused_prompt_tokens >= 32
    engine.unload()
    # It is there: nothing is loaded for it again.
    told.clear()
    engine.convert(Job(told.append))
    assert [event for event in told if isinstance(event, Progress)] == []


def test_a_model_whose_prompts_begin_with_little_is_not_loaded_when_it_is_converted(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("loaded")

    base = make_model("qwen2", chat_template=None)
    settings = Settings(model=str(base), engine="openvino", cache_dir=tmp_path)
    monkeypatch.setattr(openvino_engine, "PagedModel", refuse)
    OpenVINOEngine(settings).convert(Job())
    assert list(tmp_path.rglob("openvino_model.bin"))


def test_a_model_that_cannot_be_loaded_now_is_converted_all_the_same(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(model=str(make_model("qwen2")), engine="openvino", cache_dir=tmp_path)

    def refuse(*_: object, **__: object) -> None:
        raise NotEnoughMemoryError("tiny", needed_bytes=2, available_bytes=1)

    engine = OpenVINOEngine(settings)
    monkeypatch.setattr(openvino_engine, "check_fits", refuse)
    engine.convert(Job())
    assert list(tmp_path.rglob("openvino_model.bin"))
    assert not list(tmp_path.rglob(START_FILE))


def test_switching_conversations_changes_no_answer(engine: OpenVINOEngine) -> None:
    questions = [LONG + "first", LONG + "second", "third"]
    cold = []
    for question in questions:
        engine.unload()
        cold.append(answer(engine, ask(question))[0])
    warm = [answer(engine, ask(question))[0] for question in (*questions, *questions)]
    assert warm == [*cold, *cold]


@pytest.mark.parametrize("sampling", [{}, {"temperature": 0.3, "seed": 3}], ids=str)
def test_speculation_changes_no_answer_and_saves_passes(
    engine: OpenVINOEngine, monkeypatch: pytest.MonkeyPatch, sampling: dict[str, Any]
) -> None:
    passes: list[int] = []

    def counted(model: PagedModel, pieces: Sequence[Piece], **how: Any) -> Any:
        passes.append(len(pieces))
        return read(model, pieces, **how)

    read = PagedModel.read
    monkeypatch.setattr(PagedModel, "read", counted)
    request = ask(LONG, max_new_tokens=100, **sampling)
    speculative, done = answer(engine, request)
    with_drafts = len(passes)
    engine.unload()
    monkeypatch.setattr(PromptLookup, "draft", lambda *_, **__: [])
    plain, _ = answer(engine, request)
    assert speculative == plain
    assert done.metrics.generated_tokens == 100
    assert with_drafts < len(passes) - with_drafts


def test_the_load_runs_the_first_pass_and_tells_if_it_fails(
    engine: OpenVINOEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(model: PagedModel, pieces: Sequence[Piece], **_: Any) -> Any:
        raise OpenVINOFailedError("could not create a primitive")

    with monkeypatch.context() as patched:
        patched.setattr(PagedModel, "read", fail)
        with pytest.raises(ModelFilesError, match="could not create a primitive") as caught:
            engine.load(Job())
    assert not engine.is_loaded
    assert "transformers" in caught.value.hint
    assert answer(engine, ask("x"))[1].finish_reason == "length"
    assert engine.is_loaded


@pytest.mark.parametrize("is_there", [True, False])
def test_the_draft_corpus_changes_no_answer(
    engine: OpenVINOEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, is_there: bool
) -> None:
    whole, _ = answer(engine, ask("x"))
    engine.unload()
    corpus = tmp_path / "corpus.py"
    if is_there:
        corpus.write_text(whole, encoding="utf-8")
    monkeypatch.setattr(openvino_engine, "DRAFT_CORPUS_FILE", corpus)
    assert answer(engine, ask("x"))[0] == whole
    assert engine._loaded is not None
    assert bool(engine._loaded.pipeline._corpus.token_ids) is is_there


def test_cancel_ends_the_answer_within_one_token(engine: OpenVINOEngine) -> None:
    whole, _ = answer(engine, ask(LONG, max_new_tokens=60))
    cancel = threading.Event()
    events: Events = []

    def stop_at_the_first(event: Progress | Chunk) -> None:
        events.append(event)
        if isinstance(event, Chunk):
            cancel.set()

    done = engine.generate(ask(LONG, max_new_tokens=60), Job(stop_at_the_first, cancel=cancel))
    first = next(event for event in events if isinstance(event, Chunk))
    assert done.finish_reason == "cancelled"
    assert done.metrics.generated_tokens == first.generated_tokens
    assert whole.startswith(text_of(events))
    assert answer(engine, ask(LONG, max_new_tokens=60))[0] == whole


def test_cancel_while_a_long_prompt_is_read_keeps_what_was_read(
    engine: OpenVINOEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel = threading.Event()
    behind: list[int] = []

    def stop_while_reading(event: Progress | Chunk) -> None:
        if isinstance(event, Progress) and event.stage == "Reading the prompt":
            behind.append(int(event.completed or 0))
            if len(behind) == 2:
                cancel.set()

    engine.load(Job())
    assert engine._loaded is not None
    with monkeypatch.context() as patched:
        patched.setattr(engine._loaded.pipeline, "_pass_tokens", 64)
        done = engine.generate(ask(LONG), Job(stop_while_reading, cancel=cancel))
    assert done.finish_reason == "cancelled"
    assert done.metrics.generated_tokens == 0
    assert behind == [0, 64]
    assert answer(engine, ask(LONG))[1].metrics.reused_prompt_tokens == 64


class StoppedRequest:
    """An inference during which the user stops the answer; it is never cancelled itself."""

    def __init__(self, request: Any, cancel: threading.Event) -> None:
        self._request, self._cancel = request, cancel

    def __getattr__(self, name: str) -> Any:
        if name == "cancel":
            raise AssertionError("A pass that is cancelled spoils the ones that follow.")
        return getattr(self._request, name)

    def infer(self, *args: Any, **options: Any) -> Any:
        self._cancel.set()
        return self._request.infer(*args, **options)


def test_a_pass_goes_to_its_end_when_it_is_stopped_and_nothing_of_it_counts(
    engine: OpenVINOEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = answer(engine, ask(LONG))
    for _ in range(5):
        # With nothing kept, so that the first pass reads the prompt.
        engine.shrink()
        assert engine._loaded is not None
        model, cancel = engine._loaded.pipeline._model, threading.Event()
        with monkeypatch.context() as patched:
            patched.setattr(model, "_request", StoppedRequest(model._request, cancel))
            done = engine.generate(ask(LONG), Job(cancel=cancel))
        assert done.finish_reason == "cancelled"
        assert done.metrics.generated_tokens == 0
        again, after = answer(engine, ask(LONG))
        assert again == whole
        assert after.metrics.reused_prompt_tokens == 0


def test_an_error_while_writing_comes_out_and_leaves_the_engine_in_order(
    engine: OpenVINOEngine,
) -> None:
    whole, _ = answer(engine, ask(LONG))

    def fail(event: Progress | Chunk) -> None:
        if isinstance(event, Chunk):
            raise LookupError("nobody listens")  # noqa: TRY004 - the error is the point, not the type

    with pytest.raises(LookupError, match="nobody listens"):
        engine.generate(ask(LONG), Job(fail))
    assert answer(engine, ask(LONG))[0] == whole


def test_a_seed_repeats_a_sampled_answer_and_no_seed_varies_it(engine: OpenVINOEngine) -> None:
    drawn = [answer(engine, ask("x", temperature=1.5, seed=7))[0] for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert len({answer(engine, ask("x", temperature=1.5))[0] for _ in range(4)}) > 1


def test_a_stop_string_ends_the_answer_before_it(engine: OpenVINOEngine) -> None:
    whole, _ = answer(engine, ask(LONG, max_new_tokens=60))
    stop = whole[len(whole) // 2 :][:3]
    text, done = answer(engine, ask(LONG, max_new_tokens=60, stop_strings=(stop,)))
    assert done.finish_reason == "stop"
    assert text == whole[: whole.index(stop)]


def test_the_limit_is_kept_also_where_tokens_are_drafted(engine: OpenVINOEngine) -> None:
    _, done = answer(engine, ask(LONG, max_new_tokens=7))
    assert done.finish_reason == "length"
    assert done.metrics.generated_tokens == 7


def test_a_prompt_beyond_the_window_is_refused_with_the_numbers(engine: OpenVINOEngine) -> None:
    with pytest.raises(PromptTooLongError, match="1,024"):
        answer(engine, ask(LONG * 20))


def test_a_batch_gives_the_answers_of_one_after_another(engine: OpenVINOEngine) -> None:
    count = BATCH_ANSWERS + 3  # the last wait for the first to end
    requests = [ask(f"{LONG} number {n}", max_new_tokens=6 + n) for n in range(count)]
    alone = [answer(engine, request)[0] for request in requests]
    engine.unload()
    assert isinstance(engine, BatchEngine)
    results: dict[int, tuple[str, Done]] = {}
    engine.generate_batch(
        requests,
        on_result=lambda index, text, done: results.update({index: (text, done)}),
        job=Job(),
    )
    assert [results[n][0] for n in range(count)] == alone
    assert {done.finish_reason for _, done in results.values()} == {"length"}


def test_answers_of_no_tokens_end_too(engine: OpenVINOEngine) -> None:
    results: dict[int, str] = {}
    engine.generate_batch(
        [ask("first", max_new_tokens=0), ask("second", max_new_tokens=3)],
        on_result=lambda index, text, _: results.update({index: text}),
        job=Job(),
    )
    assert results[0] == ""
    assert results[1] == answer(engine, ask("second", max_new_tokens=3))[0]


def test_a_cancelled_batch_ends_every_answer_and_the_engine_goes_on(
    engine: OpenVINOEngine,
) -> None:
    whole, _ = answer(engine, ask(LONG))
    cancel = threading.Event()
    ends: dict[int, str] = {}

    def take(index: int, _: str, done: Done) -> None:
        ends[index] = done.finish_reason
        cancel.set()

    requests = [ask("first", max_new_tokens=2), ask(LONG, max_new_tokens=200)]
    engine.generate_batch(requests, on_result=take, job=Job(cancel=cancel))
    assert ends == {0: "length", 1: "cancelled"}
    assert answer(engine, ask(LONG))[0] == whole


@pytest.mark.parametrize("quantization", ["int8", "int4", "q8_0", "q4_0"])
def test_every_quantization_is_made_and_answers(
    quantization: str, make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[dict[str, object]] = []

    def spied(model: PagedModel, folder: Path, **how: Any) -> None:
        given.append(how["properties"])
        make(model, folder, **how)

    make = PagedModel.__init__
    monkeypatch.setattr(PagedModel, "__init__", spied)
    settings = Settings(
        model=str(make_model("qwen2")), quantization=quantization, cache_dir=tmp_path
    )
    engine = OpenVINOEngine(settings)
    text, done = answer(engine, ask("x = 1"))
    assert engine.identity.quantization == quantization
    assert done.metrics.generated_tokens > 0
    assert text
    # Weights with a scale for each row are those whose activations go in larger groups.
    assert ("DYNAMIC_QUANTIZATION_GROUP_SIZE" in given[0]) == (quantization == "int8")


def test_what_is_held_is_told_and_kept_keys_are_dropped(engine: OpenVINOEngine) -> None:
    assert engine.held_bytes() == {"weights": 0, "KV prefixes": 0}
    assert engine.shrink() == 0
    whole, _ = answer(engine, ask(LONG))
    held = engine.held_bytes()
    assert held["weights"] > 0
    assert held["KV prefixes"] > 0
    assert engine.shrink() == held["KV prefixes"]
    assert engine.held_bytes()["KV prefixes"] == 0
    again, done = answer(engine, ask(LONG))
    assert again == whole
    assert done.metrics.reused_prompt_tokens == 0


def test_the_manifest_names_the_weights_and_the_saved_form_is_used_again(
    settings: Settings, shared_engine: OpenVINOEngine
) -> None:
    shared_engine.load(Job())
    local = locate(ModelRequest(settings.model, settings.cache_dir))
    assert local is not None
    form = OpenVINOForm(local=local, quantization="int8", cache_dir=settings.cache_dir)
    folder = form.find()
    assert folder is not None
    manifest = json.loads((folder / "codeface.json").read_text())
    assert manifest["source"] == local.revision
    assert manifest["quantization"] == "int8"
    again: Events = []
    assert (form.ensure(Job(again.append)), again) == (folder, [])
    assert [path.name for path in folder.parent.glob(".*")] == []


@pytest.mark.parametrize("damage", ["cut off", "no XML"])
def test_a_damaged_saved_form_is_made_anew(
    damage: str, make_model: MakeModel, tmp_path: Path
) -> None:
    settings = Settings(model=str(make_model("qwen2")), dtype="float32", cache_dir=tmp_path)
    engine = OpenVINOEngine(settings)
    whole, _ = answer(engine, ask("x"))
    engine.unload()
    folder = ModelStorage(tmp_path, settings.model).openvino("int8")
    if damage == "cut off":
        (folder / "openvino_model.bin").write_bytes(b"short")
    else:
        file = folder / "openvino_model.xml"
        file.write_bytes(b"?" * file.stat().st_size)
    assert answer(OpenVINOEngine(settings), ask("x"))[0] == whole


def test_a_device_that_fails_costs_no_saved_form(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(model=str(make_model("qwen2")), cache_dir=tmp_path, device_map="gpu")
    on_cpu = OpenVINOEngine(Settings(model=settings.model, cache_dir=tmp_path, device_map="cpu"))
    on_cpu.load(Job())
    made = ModelStorage(tmp_path, settings.model).openvino("int8") / "openvino_model.bin"
    time_of_before = made.stat().st_mtime_ns
    monkeypatch.setattr(support, "DEVICES", {"gpu": "NPU7"})
    with pytest.raises(ModelFilesError, match="NPU7") as caught:
        OpenVINOEngine(settings).load(Job())
    assert "device_map = 'cpu'" in caught.value.hint
    assert made.stat().st_mtime_ns == time_of_before


@pytest.mark.parametrize(
    "shortage",
    [
        MemoryError(),
        RuntimeError("Exception from src/core.cpp:85:\nstd::bad_alloc\n"),
        RuntimeError("Exception from src\\core.cpp:85:\nbad allocation\n"),
    ],
    ids=["Python's", "OpenVINO's", "OpenVINO's on Windows"],
)
def test_a_shortage_while_a_form_is_read_costs_no_saved_form(
    shortage: Exception, make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import openvino

    settings = Settings(model=str(make_model("qwen2")), cache_dir=tmp_path)
    engine = OpenVINOEngine(settings)
    engine.load(Job())
    engine.unload()

    class SmallCore(openvino.Core):  # type: ignore[misc]  # OpenVINO ships no types
        def read_model(self, _: str) -> None:
            raise shortage

    made = ModelStorage(tmp_path, settings.model).openvino("int8") / "openvino_model.bin"
    time_of_before = made.stat().st_mtime_ns
    with monkeypatch.context() as patched:
        patched.setattr(openvino, "Core", SmallCore)
        with pytest.raises(ModelFilesError, match="memory ran out") as caught:
            engine.load(Job())
    assert "smaller model" in caught.value.hint
    assert made.stat().st_mtime_ns == time_of_before


def test_a_damaged_model_in_openvinos_own_form_is_to_be_fetched_again(
    settings: Settings, shared_engine: OpenVINOEngine, tmp_path: Path
) -> None:
    shared_engine.load(Job())
    folder = tmp_path / "exported"
    shutil.copytree(settings.model, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "openvino_model.xml").write_bytes(b"<net>")
    (folder / "openvino_model.bin").write_bytes(b"")
    with pytest.raises(ModelFilesError, match="OpenVINO cannot load") as caught:
        OpenVINOEngine(settings.model_copy(update={"model": str(folder)})).load(Job())
    # The general engine would send the user back.
    assert "again" in caught.value.hint
    assert "transformers" not in caught.value.hint


def test_scores_that_are_no_numbers_are_an_error_and_their_keys_are_not_kept(
    engine: OpenVINOEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = answer(engine, ask(LONG))
    engine.shrink()

    def broken(model: PagedModel, pieces: Sequence[Piece], **how: Any) -> Any:
        return read(model, pieces, **how) * float("nan")

    read = PagedModel.read
    with monkeypatch.context() as patched:
        patched.setattr(PagedModel, "read", broken)
        with pytest.raises(GenerationError, match="nan"):
            answer(engine, ask(LONG))
    again, done = answer(engine, ask(LONG))
    assert again == whole
    assert done.metrics.reused_prompt_tokens == 0


def test_changed_weights_are_converted_again(make_model: MakeModel, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(make_model("qwen2"), model)
    before = locate(ModelRequest(str(model), tmp_path))
    assert before is not None
    OpenVINOForm(local=before, quantization="int8", cache_dir=tmp_path).ensure(Job())
    weights = model / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-4_000:] = bytes(4_000)
    weights.write_bytes(content)
    after = locate(ModelRequest(str(model), tmp_path))
    assert after is not None
    assert OpenVINOForm(local=after, quantization="int8", cache_dir=tmp_path).find() is None


def test_a_conversion_that_is_cancelled_leaves_nothing(
    make_model: MakeModel, tmp_path: Path
) -> None:
    def stop_midway(event: Progress | Chunk) -> None:
        if isinstance(event, Progress) and "Preparing" in event.stage and event.completed:
            raise Cancelled

    settings = Settings(model=str(make_model("qwen2")), engine="openvino", cache_dir=tmp_path)
    with pytest.raises(Cancelled):
        OpenVINOEngine(settings).load(Job(stop_midway))
    assert list((tmp_path / "openvino").iterdir()) == []


def test_two_processes_make_one_saved_form(make_model: MakeModel, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from codeface_jupyter.jobs import Job\n"
        "from codeface_jupyter.models.fetch import locate\n"
        "from codeface_jupyter.models.local_model import ModelRequest\n"
        "from codeface_jupyter.models.conversion.openvino_ir import OpenVINOForm\n"
        "cache = Path(sys.argv[2]); local = locate(ModelRequest(sys.argv[1], cache)); seen = []\n"
        "form = OpenVINOForm(local=local, quantization='int4', cache_dir=cache)\n"
        "form.ensure(Job(seen.append))\n"
        "sys.stdout.write(str(any(p.completed for p in seen)))\n"
    )
    command = [sys.executable, "-c", code, str(make_model("qwen2")), str(tmp_path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=SECONDS)[0] for process in running]
    assert sorted(outputs) == ["False", "True"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a file that is never written to")
def test_a_conversion_ends_with_a_kernel_that_is_killed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "tensors.json")
    code = (
        "import sys; from pathlib import Path\n"
        "from codeface_jupyter.models.conversion import openvino_ir\n"
        "with openvino_ir._writer(Path(sys.argv[1])) as (process, errors):\n"
        "    print(process.pid, flush=True)\n"
        "    process.wait()\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as kernel:
        assert kernel.stdout is not None
        writer = psutil.Process(int(kernel.stdout.readline()))
        # Once it waits for the file, nothing of it would ever end by itself.
        with (tmp_path / "tensors.json").open("w"):
            kernel.kill()
            _, alive = psutil.wait_procs([writer], timeout=10)
    assert not alive


def test_an_openvino_folder_is_served_as_it_is(
    settings: Settings, shared_engine: OpenVINOEngine, tmp_path: Path
) -> None:
    expected, _ = answer(shared_engine, ask(LONG))
    folder = tmp_path / "exported"
    shutil.copytree(ModelStorage(settings.cache_dir, settings.model).openvino("int8"), folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "config.json"):
        shutil.copy(Path(settings.model) / name, folder)
    engine = OpenVINOEngine(settings.model_copy(update={"model": str(folder)}))
    assert answer(engine, ask(LONG))[0] == expected


def test_a_folder_of_another_kind_names_the_engine_that_runs_it(
    make_model: MakeModel, tmp_path: Path
) -> None:
    settings = Settings(model=str(make_model("gpt_neo")), cache_dir=tmp_path)
    with pytest.raises(ModelFilesError, match="GPTNeoForCausalLM") as caught:
        OpenVINOEngine(settings).prepare(Job())
    assert "transformers" in caught.value.hint
    choice = engine_choice(settings)
    assert (choice.name, choice.is_fallback) == ("transformers", True)
    assert "GPTNeoForCausalLM" in choice.reason


def test_auto_takes_it_for_a_model_that_it_can_serve(settings: Settings) -> None:
    auto = Settings(model=settings.model, cache_dir=settings.cache_dir)
    assert engine_choice(auto).name == "openvino"


def test_a_device_that_is_not_there_is_named(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="cuda"):
        OpenVINOEngine(Settings(model=settings.model, device_map="cuda"))


def test_weights_that_do_not_fit_are_refused_before_they_are_loaded(
    engine: OpenVINOEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda _: 1_000_000)
    with pytest.raises(NotEnoughMemoryError, match="1 MB are free"):
        engine.load(Job())
    assert not engine.is_loaded


def test_a_failure_of_openvino_unloads_the_model_and_says_so(
    engine: OpenVINOEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.load(Job())

    def broken(*args: Any) -> dict[str, Any]:
        given = inputs(*args)
        return given | {"position_ids": given["position_ids"][:-1]}

    inputs = paged_model._inputs
    monkeypatch.setattr(paged_model, "_inputs", broken)
    assert engine._loaded is not None
    model = weakref.ref(engine._loaded.pipeline._model)
    with pytest.raises(GenerationError, match="OpenVINO failed") as caught:
        answer(engine, ask("x"))
    assert not engine.is_loaded
    # The memory is back although the error, and with it every frame, is still at hand.
    assert model() is None
    assert "unloaded" in caught.value.hint
    monkeypatch.undo()
    assert answer(engine, ask("x"))[1].finish_reason == "length"
    assert engine.is_loaded


@pytest.mark.real_model
def test_the_shipped_model_answers_in_code_and_the_same_again() -> None:
    settings = Settings(model=SHIPPED_MODEL, cache_dir=default_cache_dir(), auto_pull=False)
    if locate(ModelRequest(settings.model, settings.cache_dir)) is None:
        pytest.skip("the shipped model has not been fetched")
    engine = OpenVINOEngine(settings)
    request = ask("Write a function that returns the mean of a list.", max_new_tokens=48)
    cold, first = answer(engine, request)
    warm, second = answer(engine, request)
    engine.unload()
    assert "def " in cold
    assert warm == cold
    # The pull has left what all prompts begin with; the second time all but one token is kept.
    assert first.metrics.reused_prompt_tokens < second.metrics.reused_prompt_tokens
    assert second.metrics.prompt_tokens - second.metrics.reused_prompt_tokens == 1
