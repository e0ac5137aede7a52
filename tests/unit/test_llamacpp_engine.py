"""The llamacpp engine without llama.cpp: what it suits, what shares a prompt, what errors say."""

from collections.abc import Callable
from pathlib import Path

import pytest

from codeface_jupyter.config import Settings
from codeface_jupyter.config.permissions import Permissions
from codeface_jupyter.engines.base import Rank
from codeface_jupyter.engines.llamacpp import child, support
from codeface_jupyter.engines.llamacpp import engine as engine_module
from codeface_jupyter.engines.llamacpp.answer import Question, groups
from codeface_jupyter.engines.llamacpp.child import ChildDiedError
from codeface_jupyter.engines.llamacpp.engine import LlamaCppEngine
from codeface_jupyter.engines.llamacpp.failures import answer_failure, load_failure
from codeface_jupyter.engines.openvino import support as openvino_support
from codeface_jupyter.engines.openvino.engine import OpenVINOEngine
from codeface_jupyter.engines.registry import engine_choice, engine_fitness
from codeface_jupyter.engines.transformers import plugin as transformers_plugin
from codeface_jupyter.engines.transformers.engine import TransformersEngine
from codeface_jupyter.errors import (
    CodeFaceError,
    ConfigError,
    EngineUnavailableError,
    GenerationError,
    ModelFilesError,
)
from codeface_jupyter.generation import SamplingParameters
from codeface_jupyter.jobs import Job


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every engine is installed, an accelerator is not there, whatever this machine has."""
    monkeypatch.setattr(support, "find_spec", lambda name: name)
    monkeypatch.setattr(openvino_support, "find_spec", lambda name: name)
    monkeypatch.setattr(transformers_plugin, "_has_accelerator", lambda: False)


@pytest.fixture
def gguf(make_gguf: Callable[..., Path], tmp_path: Path) -> Path:
    """A model of the user's own."""
    return make_gguf(tmp_path / "m.gguf")


def settings_for(model: str | Path, tmp_path: Path, **values: object) -> Settings:
    return Settings.model_validate({"model": str(model), "cache_dir": tmp_path / "cache"} | values)


class TestFitness:
    def test_auto_takes_it_for_a_gguf_file(self, gguf: Path, tmp_path: Path) -> None:
        settings = settings_for(gguf, tmp_path)
        choice = engine_choice(settings)
        assert (choice.name, choice.reason) == ("llamacpp", "the model is a GGUF file")
        problems = {name: fitness.problem for name, fitness in engine_fitness(settings).items()}
        assert "GGUF file" in problems["openvino"]
        assert "GGUF file" in problems["transformers"]

    @pytest.mark.parametrize("engine", [OpenVINOEngine, TransformersEngine])
    def test_another_engine_that_is_named_says_which_one_can(
        self, engine: type, gguf: Path, tmp_path: Path
    ) -> None:
        settings = settings_for(gguf, tmp_path)
        with pytest.raises(ModelFilesError, match="GGUF file") as caught:
            engine(settings).prepare(Job())
        assert "engine = 'llamacpp'" in caught.value.hint

    def test_without_the_package_it_says_how_to_install_it(
        self, gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(support, "find_spec", lambda _: None)
        settings = settings_for(gguf, tmp_path)
        choice = engine_choice(settings)
        assert (choice.name, choice.can_serve) == ("llamacpp", False)
        with pytest.raises(EngineUnavailableError, match="not installed") as caught:
            LlamaCppEngine(settings).prepare(Job())
        assert caught.value.hint == 'pip install "codeface-jupyter[llamacpp]"'

    def test_a_hub_file_is_its_own_before_it_is_fetched(self, tmp_path: Path) -> None:
        choice = engine_choice(settings_for("owner/name-GGUF:Q4_K_M", tmp_path))
        assert choice.name == "llamacpp"

    def test_for_a_model_of_the_catalog_openvino_comes_first(self, tmp_path: Path) -> None:
        settings = settings_for("qwen2.5-coder-0.5b", tmp_path)
        fitness = engine_fitness(settings)
        assert fitness["llamacpp"].problem == ""
        assert Rank.GENERAL < fitness["llamacpp"].rank < fitness["openvino"].rank
        assert engine_choice(settings).name == "openvino"

    def test_without_openvino_auto_takes_it_for_what_comes_as_gguf(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(openvino_support, "find_spec", lambda _: None)
        choice = engine_choice(settings_for("qwen2.5-coder-0.5b", tmp_path))
        assert (choice.name, choice.is_fallback) == ("llamacpp", True)
        assert "OpenVINO is not installed" in choice.reason

    def test_what_has_no_gguf_is_refused_before_anything_is_fetched(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine_module, "find_or_fetch", pytest.fail)
        engine = LlamaCppEngine(settings_for("owner/other", tmp_path))
        for work in (engine.prepare, engine.convert):
            with pytest.raises(ModelFilesError, match="does not come as GGUF"):
                work(Job())

    def test_the_publishers_gguf_is_known_before_it_is_fetched(self, tmp_path: Path) -> None:
        fitness = engine_fitness(settings_for("qwen2.5-coder-7b", tmp_path))
        assert fitness["llamacpp"].problem == ""

    def test_it_does_not_pretend_to_read_safetensors(self, tmp_path: Path) -> None:
        fitness = engine_fitness(settings_for("owner/other", tmp_path))["llamacpp"]
        assert fitness.problem == "owner/other does not come as GGUF"

    @pytest.mark.parametrize("name", ["trust_remote_code", "allow_pickle"])
    def test_what_it_would_ignore_is_refused(self, name: str, gguf: Path, tmp_path: Path) -> None:
        settings = settings_for(gguf, tmp_path)
        allowed = settings.permitting(Permissions(**{name: True}))
        with pytest.raises(ConfigError, match="llamacpp engine never"):
            LlamaCppEngine(allowed)


def question(prompt: str = "ab", **sampling: object) -> Question:
    parameters = SamplingParameters(max_new_tokens=10, **sampling)  # type: ignore[arg-type]
    return Question(prompt_ids=tuple(prompt.encode()), sampling=parameters)


class TestGroups:
    def of(
        self, *questions: Question, slots: int = 8, context_tokens: int = 1_000
    ) -> list[list[int]]:
        return groups(questions, slots=slots, context_tokens=context_tokens)

    def test_seeds_in_a_row_share_a_prompt_in_their_order(self) -> None:
        asked = [question(seed=seed, temperature=1.0) for seed in (7, 5, 6)]
        assert self.of(*asked) == [[1, 2, 0]]

    def test_unseeded_samples_share_a_prompt(self) -> None:
        assert self.of(*[question(temperature=1.0)] * 3) == [[0, 1, 2]]

    def test_another_prompt_seed_or_sampling_is_on_its_own(self) -> None:
        asked = [question(seed=1), question("ac", seed=2), question(seed=4), question(top_k=3)]
        assert self.of(*asked) == [[0], [1], [2], [3]]
        assert self.of(question(seed=1), question(seed=2, top_p=0.5)) == [[0], [1]]

    def test_a_group_fits_slots_and_context(self) -> None:
        asked = [question(temperature=1.0)] * 5
        assert self.of(*asked, slots=2) == [[0, 1], [2, 3], [4]]
        assert self.of(*asked, context_tokens=32) == [[0, 1, 2], [3, 4]]


class TestDeaths:
    @pytest.mark.parametrize(
        ("lines", "said"),
        [
            (
                [
                    "0.00.011.795 E llama_model_load: error loading model: no tensor 'x'",
                    "0.00.035.311 E srv          init: exiting due to model loading error",
                    "RuntimeError: Failed to init server, please check the input params.",
                ],
                "no tensor 'x'",
            ),
            (["/src/ggml.c:5: GGML_ASSERT(n > 0) failed"], "GGML_ASSERT(n > 0) failed"),
            (["terminate called", "  what():  std::bad_alloc"], "std::bad_alloc"),
            (["0.00.01 E srv          init: no socket"], "no socket"),
            (["Traceback", "ImportError: libgomp.so.1"], "ImportError: libgomp.so.1"),
            (["nothing of the kind"], ""),
            ([], ""),
        ],
    )  # fmt: skip
    def test_the_line_that_names_the_cause_is_quoted(self, lines: list[str], said: str) -> None:
        assert child._cause(lines) == said

    @pytest.mark.parametrize(
        ("returncode", "error", "message"),
        [
            (-4, EngineUnavailableError, "instructions that this processor lacks"),
            (0xC000001D, EngineUnavailableError, "instructions that this processor lacks"),
            (-9, GenerationError, "memory ran out"),
            (-7, GenerationError, "SIGBUS"),
            (3, GenerationError, "ended with status 3"),
        ],
    )
    def test_each_end_says_what_to_do(
        self, returncode: int, error: type[CodeFaceError], message: str
    ) -> None:
        death = ChildDiedError(returncode=returncode, said="")
        raised = answer_failure(death, model="m", has_changed=False)
        assert isinstance(raised, error)
        assert message in raised.message
        assert raised.hint

    def test_a_file_that_changed_meanwhile_is_the_cause(self) -> None:
        death = ChildDiedError(returncode=-7, said="")
        raised = answer_failure(death, model="m", has_changed=True)
        assert isinstance(raised, ModelFilesError)
        assert "were changed while" in raised.message

    def test_a_broken_installation_is_not_the_models_fault(self) -> None:
        said = "ImportError: libgomp.so.1: cannot open shared object file"
        raised = load_failure(ChildDiedError(returncode=1, said=said), model="m")
        assert isinstance(raised, EngineUnavailableError)
        assert "libgomp.so.1" in raised.message
        assert "pip install" in raised.hint

    @pytest.mark.parametrize("said", ["std::bad_alloc", "unable to allocate CPU buffer"])
    def test_a_shortage_of_memory_is_not_the_files_fault(self, said: str) -> None:
        raised = load_failure(ChildDiedError(returncode=-6, said=said), model="m")
        assert f"Memory ran out while llama.cpp loaded m: {said}." in raised.message
        assert "smaller model" in raised.hint

    def test_a_build_that_cannot_run_here_says_how_to_build_another(self) -> None:
        raised = load_failure(ChildDiedError(returncode=-4, said=""), model="m")
        assert "--no-binary xllamacpp" in raised.hint
