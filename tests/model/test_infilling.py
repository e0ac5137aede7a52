"""Filling gaps, by all engines that do: the layout, the guide, and who goes first."""

from __future__ import annotations

import threading
import time

import pytest

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.base import InfillEngine
from codeface_jupyter.engines.transformers.engine import TransformersEngine
from codeface_jupyter.errors import GenerationError
from codeface_jupyter.generation import Chunk, GenerationRequest, SamplingParameters
from codeface_jupyter.infilling import InfillPrompt, InfillRequest, NextName
from codeface_jupyter.jobs import Cancelled, Job
from codeface_jupyter.prompts import Prompt

TOKENS = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|repo_name|>", "<|file_sep|>")
GAP = InfillPrompt(files=("import pandas as pd", "df = pd.DataFrame()"), prefix='df["', suffix='"]')
NAMES = ("values", "groupby")


class Columns:
    """Allows one of some names, and nothing after it."""

    def __init__(self, names=NAMES):
        self._names = names

    def next_name(self, text):
        return NextName(options=frozenset(self._names), typed=text, closing='"')

    def is_complete(self, text):
        return text.rstrip('"') in self._names


def made_engine(name, make_model, make_gguf, tmp_path):
    if name == "llamacpp":
        pytest.importorskip("xllamacpp", reason="the extra [llamacpp] is not installed")
        from codeface_jupyter.engines.llamacpp.engine import LlamaCppEngine

        file = make_gguf(tmp_path / "m.gguf", more_tokens=TOKENS)
        return LlamaCppEngine(Settings(model=str(file), cache_dir=tmp_path / "cache"))
    folder = make_model("qwen2", more_tokens=TOKENS)
    settings = Settings(model=str(folder), dtype="float32", cache_dir=tmp_path / "cache")
    if name == "transformers":
        return TransformersEngine(settings)
    pytest.importorskip("openvino_genai", reason="the extra [openvino] is not installed")
    from codeface_jupyter.engines.openvino.engine import OpenVINOEngine

    return OpenVINOEngine(settings)


@pytest.fixture(params=["openvino", "transformers", "llamacpp"])
def engine(request, make_model, make_gguf, tmp_path):
    made = made_engine(request.param, make_model, make_gguf, tmp_path)
    made.load(Job())
    yield made
    made.unload()


def infill(engine, *, prompt=GAP, job=None, **more):
    return engine.infill(InfillRequest(prompt=prompt, **more), job or Job())


def question(**sampling):
    return GenerationRequest(
        prompt=Prompt(request="Group df by x"), sampling=SamplingParameters(**sampling)
    )


def test_an_engine_says_whether_it_can(engine):
    assert isinstance(engine, InfillEngine)
    assert engine.can_infill
    engine.unload()
    assert not engine.can_infill
    with pytest.raises(GenerationError):
        infill(engine)


def test_a_chat_model_without_the_tokens_cannot(make_model, tmp_path):
    settings = Settings(model=str(make_model("qwen2")), cache_dir=tmp_path / "cache")
    engine = TransformersEngine(settings)
    engine.load(Job())

    assert not engine.can_infill


def test_a_base_model_goes_on_with_what_is_before_the_gap(make_model, tmp_path):
    folder = make_model("qwen2", chat_template=None)
    engine = TransformersEngine(Settings(model=str(folder), cache_dir=tmp_path / "cache"))
    engine.load(Job())

    assert engine.can_infill
    assert infill(engine, max_new_tokens=3).metrics.generated_tokens > 0


def test_a_gap_is_filled_the_same_each_time(engine):
    first, second = infill(engine, max_new_tokens=8), infill(engine, max_new_tokens=8)

    assert first.text == second.text
    # llama.cpp keeps keys and values in half precision: of what it has read before, it computes
    # other numbers than of what it reads at once.
    rel = 1e-2 if engine.identity.engine == "llamacpp" else 1e-3
    assert first.likelihood == pytest.approx(second.likelihood, rel=rel)
    assert 0 < first.likelihood <= 1


def test_what_is_too_unlikely_ends_early(engine):
    whole = infill(engine, max_new_tokens=8)
    ended = infill(engine, max_new_tokens=8, min_likelihood=0.9)

    assert ended.likelihood < 0.9
    assert ended.metrics.generated_tokens < whole.metrics.generated_tokens


def test_what_was_read_before_is_not_read_again(engine):
    infill(engine, max_new_tokens=2)
    more = InfillPrompt(files=GAP.files, prefix=GAP.prefix + "va", suffix=GAP.suffix)
    second = infill(engine, prompt=more, max_new_tokens=2)

    assert second.metrics.reused_prompt_tokens > second.metrics.prompt_tokens // 2


def test_only_names_that_are_allowed_come(engine):
    found = infill(engine, guide=Columns())

    assert found.text.rstrip('"') in NAMES
    assert found.finish_reason == "stop"


class Endless:
    """Allows names that never come to an end."""

    def next_name(self, text):
        return NextName(options=frozenset({f"{text}ab", f"{text}ba"}), typed=text)

    def is_complete(self, text):
        return False


def test_no_more_tokens_come_than_may(engine):
    found = infill(engine, guide=Endless(), max_new_tokens=3)

    assert found.finish_reason == "length"
    assert found.metrics.generated_tokens == 3
    assert set(found.text) <= set("ab")


@pytest.mark.parametrize("engine", ["openvino", "transformers"], indirect=True)
def test_names_of_characters_of_several_tokens_come_whole(engine):
    names = ("größe", "größte", "価格", "価値", "👩a", "👩b")
    guide = Columns(names)
    found = infill(engine, guide=guide)

    assert found.text.rstrip('"') in names


@pytest.mark.parametrize("engine", ["llamacpp"], indirect=True)
def test_llama_cpp_tells_of_no_half_character_and_the_completion_ends_there(engine):
    names = ("größe", "größte", "価格", "価値", "👩a", "👩b")
    found = infill(engine, guide=Columns(names))

    assert found.finish_reason == "stop"
    assert any(name.startswith(found.text.rstrip('"')) for name in names)


def test_control_tokens_in_a_cell_are_plain_text(engine):
    odd = InfillPrompt(prefix="x = '<|fim_middle|>'\ny = ", suffix="")
    plain = InfillPrompt(prefix="x = '< |fim_middle|>'\ny = ", suffix="")

    assert infill(engine, prompt=odd, max_new_tokens=8) .text == (
        infill(engine, prompt=plain, max_new_tokens=8).text
    )  # fmt: skip


def test_half_a_character_in_a_cell_fails_nothing(engine):
    halves = InfillPrompt(files=("a = '\ud83d'",), prefix="x = '\udc3c", suffix="\ud83d'")

    assert infill(engine, prompt=halves, max_new_tokens=3).metrics.generated_tokens > 0


def test_a_stopped_completion_ends_as_cancelled(engine):
    job = Job()
    job.cancel()
    with pytest.raises(Cancelled):
        infill(engine, job=job)


def test_a_completion_is_made_amid_an_answer_and_changes_nothing_of_it(engine):
    alone: list[str] = []
    job = Job(lambda event: alone.append(event.text) if isinstance(event, Chunk) else None)
    engine.generate(question(max_new_tokens=120), job)
    undisturbed = infill(engine, max_new_tokens=8).text

    came: list[str] = []
    begun, completed = threading.Event(), []

    def tell(event):
        if isinstance(event, Chunk):
            came.append(event.text)
            begun.set()
            # Long enough for the completion to ask for its turn.
            time.sleep(0.005)

    answering = threading.Thread(
        target=lambda: engine.generate(question(max_new_tokens=120), Job(tell)), daemon=True
    )
    answering.start()
    assert begun.wait(30)
    found = infill(engine, max_new_tokens=8)
    completed.append(answering.is_alive())
    answering.join(60)

    assert found.text == undisturbed
    assert completed == [True]
    assert "".join(came) == "".join(alone)
