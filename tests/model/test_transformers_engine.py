"""The transformers engine answers as plain ``model.generate`` does, warm or cold."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.text.common_prefix import common_prefix_length
from codeface_jupyter.engines.transformers.engine import TransformersEngine
from codeface_jupyter.engines.transformers.generate_hooks import logits_processors
from codeface_jupyter.engines.transformers.kv_prefixes import MAX_PREFIXES, PrefixStore
from codeface_jupyter.errors import (
    ConfigError,
    EngineUnavailableError,
    FetchError,
    GenerationError,
    ModelFilesError,
    ModelNotFoundError,
    NotEnoughMemoryError,
    PromptTooLongError,
)
from codeface_jupyter.generation import Chunk, Done, GenerationRequest, SamplingParameters, Warned
from codeface_jupyter.jobs import Cancelled, Job, Progress
from codeface_jupyter.models import memory
from codeface_jupyter.prompts import Prompt

FAMILIES = ["qwen2", "llama", "gpt_neo", "gpt_bigcode", "mistral"]
# The tiny tokenizer's <|endoftext|> and <|im_end|>.
END_IDS = [0, 2]
PROMPT = Prompt(request="Group df by x", cells=("import pandas as pd", "df = pd.DataFrame()"))

MakeEngine = Callable[..., TransformersEngine]


@pytest.fixture
def make_engine(make_model, tmp_path) -> Iterator[MakeEngine]:
    made: list[TransformersEngine] = []

    def make(family: str = "qwen2", *, folder: Path | None = None, **options: Any):
        template = {"chat_template": None} if options.pop("is_base", False) else {}
        options = {"dtype": "float32", "cache_dir": tmp_path / "cache"} | options
        model = options.pop("model", None) or folder or make_model(family, **template)
        made.append(TransformersEngine(Settings(model=str(model), **options)))
        return made[-1]

    yield make
    for engine in made:
        engine.unload()


def request(prompt: Prompt = PROMPT, *, copying: bool = False, **sampling: Any):
    sampling = {"max_new_tokens": 24} | sampling
    return GenerationRequest(
        prompt=prompt, sampling=SamplingParameters(**sampling), expects_copying=copying
    )


def ask(
    engine: TransformersEngine,
    asked: GenerationRequest | None = None,
    *,
    emit: Callable[[Any], None] = lambda event: None,
    cancel: threading.Event | None = None,
) -> tuple[str, Done]:
    chunks: list[str] = []

    def collect(event: Chunk | Progress) -> None:
        if isinstance(event, Chunk):
            chunks.append(event.text)
        emit(event)

    done = engine.generate(asked or request(), Job(collect, cancel=cancel or threading.Event()))
    return "".join(chunks), done


def expected(
    folder: Path, engine: TransformersEngine, asked: GenerationRequest | None = None
) -> tuple[str, int]:
    """What a fresh model's own greedy ``generate`` answers: its text and number of tokens."""
    asked = asked or request()
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(engine.format_prompt(asked.prompt), return_tensors="pt")["input_ids"]
    output = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=asked.sampling.max_new_tokens,
        eos_token_id=END_IDS,
        pad_token_id=0,
    )
    new_ids = output[0, ids.shape[1] :]
    return tokenizer.decode(new_ids, skip_special_tokens=True), len(new_ids)


def follow_up(text: str) -> GenerationRequest:
    return request(Prompt(request=text, cells=PROMPT.cells))


class TestGreedy:
    @pytest.mark.parametrize("family", FAMILIES)
    @pytest.mark.parametrize("is_base", [False, True], ids=["chat", "base"])
    def test_the_stream_equals_plain_generate(self, make_engine, family, is_base):
        engine = make_engine(family, is_base=is_base)
        text, done = ask(engine)
        folder = Path(engine.identity.model)
        assert (text, done.metrics.generated_tokens) == expected(folder, engine)
        assert text

    @pytest.mark.parametrize("family", FAMILIES)
    def test_drafting_from_the_prompt_changes_nothing(self, make_engine, make_model, family):
        engine = make_engine(family)
        asked = request(max_new_tokens=60, copying=True)
        plain = request(max_new_tokens=60)
        assert ask(engine, asked)[0] == expected(make_model(family), engine, plain)[0]
        assert ask(engine, asked)[0] == expected(make_model(family), engine, plain)[0]

    def test_a_repetition_penalty_of_one_is_none(self, make_engine):
        engine = make_engine()
        assert ask(engine)[0] == ask(engine, request(repetition_penalty=1.0))[0]
        assert ask(engine)[0] != ask(engine, request(repetition_penalty=2.0))[0]

    def test_the_checkpoints_own_sampling_defaults_do_not_leak_in(
        self, make_engine, make_model, tmp_path
    ):
        folder = shutil.copytree(make_model(), tmp_path / "model")
        defaults = {"do_sample": True, "temperature": 0.7, "top_k": 20, "repetition_penalty": 1.9}
        (folder / "generation_config.json").write_text(json.dumps(defaults | {"eos_token_id": 0}))
        assert ask(make_engine(folder=folder))[0] == ask(make_engine())[0]


class TestEnd:
    def test_the_token_limit_is_a_length_end(self, make_engine):
        _, done = ask(make_engine(), request(max_new_tokens=5))
        assert done.finish_reason == "length"
        assert done.metrics.generated_tokens == 5

    def test_an_end_token_is_a_stop(self, make_engine):
        engine = make_engine("llama")
        _, done = ask(engine, request(Prompt(request="Group df by x"), max_new_tokens=400))
        assert done.finish_reason == "stop"
        assert done.metrics.generated_tokens < 400

    def test_a_stop_string_ends_the_answer_before_it(self, make_engine):
        engine = make_engine()
        whole, _ = ask(engine)
        stop = whole[8:11]
        text, done = ask(engine, request(stop_strings=(stop,)))
        assert text == whole[: whole.index(stop)]
        assert done.finish_reason == "stop"
        assert done.metrics.generated_tokens < 24

    def test_metrics_count_and_measure(self, make_engine):
        engine = make_engine()
        _, done = ask(engine)
        metrics = done.metrics
        text = engine.format_prompt(PROMPT)
        assert metrics.prompt_tokens == engine.count_tokens(text)
        assert metrics.generated_tokens == 24
        assert metrics.time_to_first_token_s > 0
        assert metrics.decode_s > 0
        assert metrics.peak_memory_bytes > 10 * 2**20

    def test_a_prompt_that_does_not_fit_is_refused_with_the_numbers(self, make_engine):
        engine = make_engine()
        with pytest.raises(PromptTooLongError) as raised:
            ask(engine, request(max_new_tokens=1_000))
        assert raised.value.context_window == 1_024
        assert raised.value.max_new_tokens == 1_000
        assert raised.value.prompt_tokens == ask(engine)[1].metrics.prompt_tokens


class TestSampling:
    def test_a_seed_gives_the_same_answer_again_and_another_seed_another(self, make_engine):
        engine = make_engine()
        first, again, other = (
            ask(engine, request(temperature=1.0, seed=seed))[0] for seed in (1, 1, 2)
        )
        assert first == again
        assert first != other

    def test_without_a_seed_answers_differ(self, make_engine):
        engine = make_engine()
        assert len({ask(engine, request(temperature=1.5))[0] for _ in range(4)}) > 1

    @pytest.mark.parametrize("narrow", [{"top_k": 1}, {"top_p": 1e-6}, {"temperature": 1e-4}])
    def test_the_narrowest_sampling_is_greedy(self, make_engine, narrow):
        engine = make_engine()
        sampling = {"temperature": 1.0, "seed": 5} | narrow
        assert ask(engine, request(**sampling))[0] == ask(engine)[0]

    def test_draws_follow_the_softmax_of_the_logits(self):
        probabilities = torch.tensor([0.5, 0.3, 0.15, 0.05])
        *_, noise = logits_processors(
            SamplingParameters(temperature=1.0, seed=0), device_type="cuda"
        )
        draws = noise(None, probabilities.log().expand(20_000, 4)).argmax(dim=-1)
        frequencies = draws.bincount(minlength=4) / len(draws)
        assert torch.allclose(frequencies, probabilities, atol=0.015)

    def test_on_a_cpu_all_but_the_drawn_are_ruled_out(self):
        probabilities = torch.tensor([[0.5, 0.3, 0.15, 0.05]])
        sampling = SamplingParameters(temperature=1.0, top_k=3, seed=0)
        (only_the_drawn,) = logits_processors(sampling, device_type="cpu")
        draws = torch.stack([only_the_drawn(None, probabilities.log())[0] for _ in range(4_000)])
        assert (draws.isfinite().sum(dim=-1) == 1).all()
        frequencies = draws.argmax(dim=-1).bincount(minlength=4) / len(draws)
        expected = torch.tensor([0.5, 0.3, 0.15, 0.0]) / 0.95
        assert torch.allclose(frequencies, expected, atol=0.03)

    def test_a_token_that_is_ruled_out_is_never_drawn(self):
        scores = torch.tensor([[0.0, float("-inf"), 0.0]]).expand(1_000, 3)
        *_, noise = logits_processors(
            SamplingParameters(temperature=1.0, seed=0), device_type="cuda"
        )
        assert 1 not in noise(None, scores).argmax(dim=-1)


class TestUsersState:
    def test_torch_stays_as_the_user_left_it(self, make_engine):
        torch.manual_seed(1234)
        before = (
            torch.get_rng_state().tolist(),
            torch.get_default_dtype(),
            torch.is_grad_enabled(),
            torch.get_num_threads(),
        )
        ask(make_engine(dtype="bfloat16"), request(temperature=1.0))
        after = (
            torch.get_rng_state().tolist(),
            torch.get_default_dtype(),
            torch.is_grad_enabled(),
            torch.get_num_threads(),
        )
        assert before == after

    def test_nothing_is_printed(self, make_engine, capfd):
        ask(make_engine())
        out, err = capfd.readouterr()
        assert out + err == ""


class TestCancel:
    def test_a_cancel_between_tokens_ends_with_the_token_at_hand(self, make_engine):
        cancel = threading.Event()
        shown: list[Chunk] = []

        def emit(event):
            if isinstance(event, Chunk):
                shown.append(event)
                cancel.set()

        engine = make_engine()
        text, done = ask(engine, emit=emit, cancel=cancel)
        assert done.finish_reason == "cancelled"
        assert done.metrics.generated_tokens == shown[0].generated_tokens
        assert ask(engine)[0].startswith(text)

    def test_a_cancel_while_the_prompt_is_read_leaves_the_forward_pass(self, make_engine):
        engine = make_engine()
        engine.load(Job())
        cancel = threading.Event()
        reached = []
        first, *_, last = engine._loaded.model.model.layers
        handles = [
            first.register_forward_pre_hook(lambda *_: cancel.set()),
            last.register_forward_hook(lambda *_: reached.append("last")),
        ]
        text, done = ask(engine, cancel=cancel)
        for handle in handles:
            handle.remove()
        assert (text, done.finish_reason, reached) == ("", "cancelled", [])
        assert done.metrics.generated_tokens == 0

    def test_the_model_is_left_without_hooks(self, make_engine):
        engine = make_engine()
        ask(engine)
        assert not any(module._forward_pre_hooks for module in engine._loaded.model.modules())

    def test_a_consumer_that_gives_up_is_not_taken_for_a_cancel(self, make_engine):
        def emit(event):
            if isinstance(event, Chunk):
                raise Cancelled

        with pytest.raises(Cancelled):
            ask(make_engine(), emit=emit)


class TestFollowUps:
    def test_a_follow_up_reads_only_what_is_new_and_answers_the_same(self, make_engine, make_model):
        engine = make_engine()
        ask(engine)
        asked = follow_up("Now plot it")
        text, done = ask(engine, asked)
        assert done.metrics.reused_prompt_tokens > done.metrics.prompt_tokens // 2
        assert text == expected(make_model(), engine, asked)[0]

    @pytest.mark.parametrize("family", ["llama", "gpt_neo", "gpt_bigcode"])
    def test_so_does_every_family(self, make_engine, make_model, family):
        engine = make_engine(family)
        ask(engine)
        asked = follow_up("Now plot it")
        text, done = ask(engine, asked)
        assert done.metrics.reused_prompt_tokens > 0
        assert text == expected(make_model(family), engine, asked)[0]

    def test_the_very_same_prompt_reads_one_token(self, make_engine):
        engine = make_engine()
        cold, _ = ask(engine)
        warm, done = ask(engine)
        assert warm == cold
        assert done.metrics.reused_prompt_tokens == done.metrics.prompt_tokens - 1

    def test_after_a_cancel_between_tokens(self, make_engine, make_model):
        engine = make_engine()
        cancel = threading.Event()
        ask(engine, emit=lambda event: isinstance(event, Chunk) and cancel.set(), cancel=cancel)
        text, done = ask(engine)
        assert done.metrics.reused_prompt_tokens == done.metrics.prompt_tokens - 1
        assert text == expected(make_model(), engine)[0]

    @pytest.mark.parametrize("copying", [False, True])
    @pytest.mark.parametrize("passes", range(4))
    def test_after_a_cancel_in_the_middle_of_a_pass(self, make_engine, make_model, passes, copying):
        engine = make_engine()
        engine.load(Job())
        cancel = threading.Event()
        count = iter(range(100))
        handle = engine._loaded.model.model.layers[1].register_forward_pre_hook(
            lambda *_: cancel.set() if next(count) == passes else None
        )
        _, done = ask(engine, request(copying=copying), cancel=cancel)
        handle.remove()
        assert done.finish_reason == "cancelled"
        for asked in (request(), follow_up("Now plot it"), request(copying=True)):
            assert ask(engine, asked)[0] == expected(make_model(), engine, asked)[0]

    def test_after_an_error(self, make_engine, make_model):
        engine = make_engine()
        ask(engine)
        handle = engine._loaded.model.model.layers[1].register_forward_pre_hook(fail)
        with pytest.raises(ZeroDivisionError) as raised:
            ask(engine, follow_up("Now plot it"))
        handle.remove()
        assert any(entry.name == "fail" for entry in raised.traceback)
        text, done = ask(engine)
        assert done.metrics.reused_prompt_tokens > 0
        assert text == expected(make_model(), engine)[0]

    def test_two_conversations_in_turn_both_stay_warm(self, make_engine, make_model):
        engine = make_engine()
        cells = tuple(f"def function_{n}(values): return values" for n in range(12))
        questions = [PROMPT, Prompt(request="Plot it", cells=cells)]
        for prompt in questions:
            ask(engine, request(prompt))
        for prompt in questions:
            asked = request(prompt)
            text, done = ask(engine, asked)
            assert done.metrics.reused_prompt_tokens == done.metrics.prompt_tokens - 1
            assert text == expected(make_model(), engine, asked)[0]

    def test_prompts_with_nothing_in_common_share_nothing(self, make_engine, make_model):
        engine = make_engine(is_base=True)
        ask(engine)
        assert engine.prefixes.longest([399, 398, 397]) is None
        assert ask(engine)[0] == expected(make_model(chat_template=None), engine)[0]

    def test_a_model_with_a_sliding_window_keeps_nothing(self, make_engine, make_model):
        engine = make_engine("mistral")
        for asked in (request(), follow_up("Now plot it")):
            text, done = ask(engine, asked)
            assert done.metrics.reused_prompt_tokens == 0
            assert text == expected(make_model("mistral"), engine, asked)[0]
        assert len(engine.prefixes) == 0

    def test_the_least_recently_used_conversation_goes_first(self):
        store = PrefixStore()
        conversations = [[n, 1, 2] for n in range(MAX_PREFIXES + 1)]
        for token_ids in conversations[:-1]:
            store.keep(token_ids, cache_of(token_ids))
        assert store.longest(conversations[0]).get_seq_length() == 2
        store.keep(conversations[-1], cache_of(conversations[-1]))
        assert store.longest(conversations[1]) is None
        assert all(store.longest(ids) for ids in conversations if ids != conversations[1])

    def test_another_thread_may_clear_what_is_being_looked_for(self, monkeypatch):
        store = PrefixStore()
        store.keep([1, 2, 3], cache_of([1, 2, 3]))
        clearing = threading.Thread(target=store.clear)

        def clear_amid(*token_ids: list[int]) -> int:
            if clearing.ident is None:
                clearing.start()
                clearing.join(timeout=0.1)
            return common_prefix_length(*token_ids)

        module = "codeface_jupyter.engines.transformers.kv_prefixes"
        monkeypatch.setattr(f"{module}.common_prefix_length", clear_amid)
        assert store.longest([1, 2, 3]).get_seq_length() == 2
        clearing.join()
        assert len(store) == 0

    def test_sampling_is_the_same_warm_and_cold(self, make_engine):
        asked = request(temperature=1.0, seed=3)
        engine = make_engine()
        assert ask(engine, asked)[0] == ask(engine, asked)[0]


def cache_of(token_ids: list[int]) -> DynamicCache:
    cache = DynamicCache()
    states = torch.zeros(1, 1, len(token_ids), 1)
    cache.update(states, states, 0)
    return cache


def fail(*_: object) -> None:
    raise ZeroDivisionError("the model broke")


class TestMemory:
    def test_running_out_is_a_clear_error_and_gives_memory_back(self, make_engine):
        engine = make_engine()
        ask(engine)

        def exhaust(*_: object) -> None:
            passes.append(1)
            raise torch.OutOfMemoryError("Tried to allocate 20.00 GiB.")

        passes: list[int] = []
        handle = engine._loaded.model.model.layers[1].register_forward_pre_hook(exhaust)
        with pytest.raises(
            GenerationError,
            match=r"ran out of memory.*20\.00 GiB; its weights take .* free in main memory",
        ):
            ask(engine, follow_up("Now plot it"))
        handle.remove()
        assert len(passes) == 2  # once, and once more with less
        assert len(engine.prefixes) == 0
        assert ask(engine)[1].finish_reason == "length"

    def test_weights_that_windows_has_no_memory_for_are_not_said_to_be_broken(
        self, make_engine, monkeypatch
    ):
        def no_memory(*_: object, **__: object) -> None:
            raise OSError("The paging file is too small for this operation. (os error 1455)")

        monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", no_memory)
        with pytest.raises(GenerationError, match=r"ran out of memory.*os error 1455"):
            make_engine().load(Job())

    @pytest.mark.parametrize("family", ["qwen2", "gpt_neo", "mistral"])
    @pytest.mark.parametrize("passes_before", [0, 5])
    @pytest.mark.parametrize("temperature", [0.0, 1.0])
    def test_running_out_once_gives_the_same_answer_and_says_so(
        self, make_engine, family, passes_before, temperature
    ):
        sampling = {"temperature": temperature, "seed": 7}
        told = []
        text, unbroken = ask(make_engine(family), request(**sampling), emit=told.append)
        assert not [e for e in told if isinstance(e, Warned)]
        engine = make_engine(family)
        engine.load(Job())
        passes = []

        def exhaust_once(*_: object) -> None:
            passes.append(1)
            if len(passes) == passes_before + 1:
                raise torch.OutOfMemoryError("Tried to allocate 20.00 GiB.")

        engine._loaded.model.register_forward_pre_hook(exhaust_once)
        stages = []
        again, done = ask(engine, request(**sampling), emit=stages.append)
        assert again == text
        assert done.finish_reason == unbroken.finish_reason
        assert done.metrics.generated_tokens == unbroken.metrics.generated_tokens
        (warned,) = [e for e in stages if isinstance(e, Warned)]
        assert "Memory ran out once (Tried to allocate 20.00 GiB)" in warned.text
        assert [e for e in stages if isinstance(e, Progress) and "with less" in e.stage]

    def test_nothing_of_a_broken_pass_stays_alive(self, make_engine):
        engine = make_engine()
        engine.load(Job())
        seen = []

        def exhaust(_: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            seen.append(weakref.ref(kwargs["past_key_values"]))
            raise torch.OutOfMemoryError("Tried to allocate 20.00 GiB.")

        engine._loaded.model.register_forward_pre_hook(exhaust, with_kwargs=True)
        with pytest.raises(GenerationError) as caught:
            ask(engine)
        assert caught.value  # kept, as IPython keeps the last exception
        assert [cache() for cache in seen] == [None, None]

    def test_the_users_own_tensors_survive(self, make_engine):
        mine = torch.arange(5.0)
        engine = make_engine()
        engine.load(Job())
        engine._loaded.model.register_forward_pre_hook(
            lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("full"))
        )
        with pytest.raises(GenerationError):
            ask(engine)
        assert mine.sum() == 10

    def test_a_load_that_runs_out_is_a_clear_error_and_can_be_tried_again(
        self, make_engine, monkeypatch
    ):
        def exhausted(*_: object, **__: object) -> None:
            raise torch.OutOfMemoryError("Tried to allocate 20.00 GiB.")

        engine = make_engine()
        with monkeypatch.context() as patched:
            patched.setattr(AutoModelForCausalLM, "from_pretrained", exhausted)
            with pytest.raises(GenerationError, match=r"ran out of memory.*20\.00 GiB"):
                engine.load(Job())
        assert not engine.is_loaded
        assert ask(engine)[0]

    def test_what_is_held_is_counted_and_can_be_shrunk(self, make_engine):
        engine = make_engine()
        assert engine.held_bytes() == {"weights": 0, "KV prefixes": 0}
        ask(engine)
        held = engine.held_bytes()
        assert held["weights"] == sum(p.nbytes for p in engine._loaded.model.parameters()) + sum(
            b.nbytes for b in engine._loaded.model.buffers()
        )
        assert held["KV prefixes"] > 0
        assert engine.shrink() == held["KV prefixes"]
        assert engine.held_bytes()["KV prefixes"] == 0

    def test_unload_drops_everything_and_load_takes_it_again(self, make_engine):
        engine = make_engine()
        text, _ = ask(engine)
        engine.unload()
        assert not engine.is_loaded
        assert len(engine.prefixes) == 0
        assert ask(engine)[0] == text

    def test_a_model_that_does_not_fit_is_refused(self, make_engine, make_model, monkeypatch):
        folder = make_model()
        monkeypatch.setattr(memory, "available_memory", lambda _: 1_000_000)
        with pytest.raises(NotEnoughMemoryError, match=r"needs .* are free") as raised:
            make_engine(folder=folder).load(Job())
        assert raised.value.needed_bytes > raised.value.available_bytes

    def test_a_forced_load_offloads_into_a_folder_that_ends_with_it(self, make_engine, tmp_path):
        engine = make_engine(force_load=True)
        text, _ = ask(engine)
        assert text == ask(make_engine())[0]
        assert list((tmp_path / "cache").glob("codeface-offload-*"))
        engine.unload()
        assert not list((tmp_path / "cache").glob("codeface-offload-*"))

    def test_a_folder_of_the_users_is_left_as_it_was(self, make_engine, tmp_path):
        folder = tmp_path / "mine"
        folder.mkdir()
        (folder / "notes.txt").touch()
        engine = make_engine(force_load=True, offload_folder=folder)
        engine.load(Job())
        assert len(list(folder.iterdir())) == 2
        engine.unload()
        assert [file.name for file in folder.iterdir()] == ["notes.txt"]

    def test_a_folder_that_cannot_be_written_to_names_its_setting(
        self, make_engine, tmp_path, monkeypatch
    ):
        def refuse(*_, dir, **__):  # noqa: A002 - as Python calls it
            raise PermissionError(13, "Permission denied", str(dir))

        engine = make_engine(force_load=True, offload_folder=tmp_path)
        monkeypatch.setattr(tempfile, "TemporaryDirectory", refuse)
        with pytest.raises(FetchError, match="No permission to write to") as caught:
            engine.load(Job())
        assert "CODEFACE_OFFLOAD_FOLDER" in caught.value.hint


class TestPrompt:
    def test_a_chat_prompt_follows_the_template(self, make_engine):
        engine = make_engine()
        engine.prepare(Job())
        text = engine.format_prompt(PROMPT)
        assert engine.is_chat
        assert text.startswith("<|im_start|>system\n")
        assert text.endswith("Group df by x<|im_end|>\n<|im_start|>assistant\n")

    def test_a_base_model_continues_a_script_and_stops_at_its_next_cell(self, make_engine):
        engine = make_engine(is_base=True)
        engine.prepare(Job())
        assert not engine.is_chat
        assert engine.format_prompt(PROMPT).endswith("# Group df by x\n")

    def test_a_template_without_system_role_gets_its_words_in_the_first_turn(
        self, make_engine, make_model
    ):
        template = (
            "{% for m in messages %}{% if m['role'] == 'system' %}"
            "{{ raise_exception('System role not supported') }}{% endif %}"
            "[{{ m['role'] }}]{{ m['content'] }}{% endfor %}"
        )
        engine = make_engine(folder=make_model(chat_template=template))
        engine.prepare(Job())
        text = engine.format_prompt(PROMPT)
        assert text.startswith("[user]You are a pair programmer")
        assert text.endswith("Group df by x")

    def test_a_template_that_refuses_everything_is_named(self, make_engine, make_model):
        folder = make_model(chat_template="{{ raise_exception('never') }}")
        engine = make_engine(folder=folder)
        engine.prepare(Job())
        with pytest.raises(ModelFilesError, match="refuses a plain conversation: never"):
            engine.format_prompt(PROMPT)

    @pytest.mark.parametrize("is_chat", [True, False])
    def test_the_beginning_is_marked_once(self, make_engine, make_model, tmp_path, is_chat):
        # A tokenizer that adds a marker to every text, and a template that writes it itself.
        template = "{{ bos_token }}{% for m in messages %}{{ m['content'] }}{% endfor %}"
        source = make_model("llama", chat_template=template if is_chat else None)
        folder = shutil.copytree(source, tmp_path / "model")
        file = folder / "tokenizer.json"
        tokenizer = json.loads(file.read_text())
        tokenizer["post_processor"] = {
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
            ],
            "pair": [],
            "special_tokens": {
                "<|endoftext|>": {"id": "<|endoftext|>", "ids": [0], "tokens": ["<|endoftext|>"]}
            },
        }
        file.write_text(json.dumps(tokenizer))
        engine = make_engine(folder=folder)
        engine.prepare(Job())
        ids = engine._codec.encode_prompt(engine.format_prompt(PROMPT))
        assert ids.count(0) == 1
        assert ids[0] == 0
        assert 0 not in engine._codec.encode_prompt("x")[1:]
        assert engine.count_tokens("import") == 1


class TestPrepareAndLoad:
    def test_prepare_reads_no_weights(self, make_engine):
        engine = make_engine()
        engine.prepare(Job())
        assert not engine.is_loaded
        assert engine.context_window == 1_024
        assert engine.identity.dtype == "float32"

    def test_auto_settles_on_a_dtype(self, make_engine):
        engine = make_engine(dtype="auto")
        engine.prepare(Job())
        assert engine.identity.dtype in {"float32", "bfloat16", "float16"}

    @pytest.mark.parametrize(
        ("features", "free_bytes", "options", "dtype"),
        [
            ("fpu avx2 fma", 10**12, {}, "float32"),
            ("fpu avx2 avx512bw", 10**12, {}, "bfloat16"),
            ("", 10**12, {}, "bfloat16"),
            # It would not leave the user half of it.
            ("fpu avx2 fma", 10**8, {}, "bfloat16"),
            ("fpu avx2 fma", 10**12, {"dtype": "bfloat16"}, "bfloat16"),
            ("fpu avx2 avx512bw", 10**12, {"dtype": "float32"}, "float32"),
        ],
    )
    def test_a_processor_without_16_bits_computes_in_32(
        self, make_engine, monkeypatch, tmp_path, features, free_bytes, options, dtype
    ):
        told = tmp_path / "cpuinfo"
        told.write_text(f"flags : {features}\n" if features else "")
        monkeypatch.setattr("codeface_jupyter.models.speed.CPUINFO", told)
        checkpoint = "codeface_jupyter.engines.transformers.checkpoint"
        monkeypatch.setattr(f"{checkpoint}.available_memory", lambda _: free_bytes)
        engine = make_engine(**({"dtype": "auto", "device_map": "cpu"} | options))
        engine.prepare(Job())
        assert engine.identity.dtype == dtype

    def test_where_the_room_has_gone_it_loads_in_16(self, make_engine, monkeypatch, tmp_path):
        told = tmp_path / "cpuinfo"
        told.write_text("flags : fpu avx2\n")
        monkeypatch.setattr("codeface_jupyter.models.speed.CPUINFO", told)
        free = [10**12]
        checkpoint = "codeface_jupyter.engines.transformers.checkpoint"
        monkeypatch.setattr(f"{checkpoint}.available_memory", lambda _: free[0])
        engine = make_engine(dtype="auto", device_map="cpu")
        engine.prepare(Job())
        assert engine.identity.dtype == "float32"
        free[0] = 10**8
        engine.load(Job())
        assert engine.identity.dtype == "bfloat16"
        assert engine._loaded.model.dtype == torch.bfloat16

    def test_load_reports_progress_to_the_end(self, make_engine):
        events: list[Progress] = []
        make_engine().load(Job(events.append))
        weights = [event for event in events if event.stage == "Loading the weights"]
        assert weights[0].completed == 0
        assert weights[-1].completed == weights[-1].total

    def test_load_can_be_left_from_its_progress(self, make_engine):
        def emit(event):
            if event.stage == "Loading the weights" and event.completed:
                raise Cancelled

        engine = make_engine()
        with pytest.raises(Cancelled):
            engine.load(Job(emit))
        assert not engine.is_loaded
        assert ask(engine)[1].finish_reason == "length"

    def test_a_model_that_is_not_here_is_not_fetched_when_that_is_off(self, make_engine):
        engine = make_engine(model="owner/no-such-model", auto_pull=False)
        with pytest.raises(ModelNotFoundError, match="auto_pull is off"):
            engine.prepare(Job())

    def test_an_attention_kernel_that_is_not_installed_is_refused(self, make_engine):
        engine = make_engine(attn_implementation="flash_attention_2")
        with pytest.raises(EngineUnavailableError, match="flash-attn"):
            engine.prepare(Job())

    def test_eager_attention_answers_the_same(self, make_engine):
        assert ask(make_engine(attn_implementation="eager"))[0] == ask(make_engine())[0]

    def test_a_device_that_does_not_exist_is_refused(self, make_engine):
        with pytest.raises(ConfigError, match="not a device"):
            make_engine(device_map="warp").prepare(Job())
        with pytest.raises(EngineUnavailableError, match="torch finds"):
            make_engine(device_map="cuda:99").prepare(Job())

    @pytest.mark.parametrize(
        ("file", "content"),
        [
            ("config.json", "{not json"),
            ("config.json", '{"model_type": "no_such_architecture"}'),
            ("tokenizer.json", "{}"),
            ("model.safetensors", "not tensors"),
        ],
    )
    def test_a_broken_file_is_an_error_that_names_the_folder(
        self, make_engine, make_model, tmp_path, file, content
    ):
        folder = shutil.copytree(make_model(), tmp_path / "model")
        (folder / file).write_text(content)
        with pytest.raises(ModelFilesError, match="model"):
            make_engine(folder=folder).load(Job())

    def test_weights_of_another_architecture_are_refused(self, make_engine, make_model, tmp_path):
        folder = shutil.copytree(make_model("qwen2"), tmp_path / "model")
        shutil.copy(make_model("gpt_bigcode") / "model.safetensors", folder)
        with pytest.raises(ModelFilesError, match=r"lacks \d+ weights"):
            make_engine(folder=folder).load(Job())
