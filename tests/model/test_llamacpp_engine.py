"""The llamacpp engine with tiny random GGUF files, run by the real llama.cpp."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from codeface_jupyter.config import Settings, default_cache_dir
from codeface_jupyter.engines.llamacpp import child
from codeface_jupyter.engines.llamacpp.engine import LlamaCppEngine
from codeface_jupyter.errors import (
    EngineUnavailableError,
    GenerationError,
    ModelFilesError,
    NotEnoughMemoryError,
    PromptTooLongError,
)
from codeface_jupyter.generation import Chunk, Done, GenerationRequest, SamplingParameters
from codeface_jupyter.jobs import Cancelled, Event, Job, Progress
from codeface_jupyter.models import memory
from codeface_jupyter.models.storage import ModelStorage
from codeface_jupyter.prompts import Prompt

pytest.importorskip("xllamacpp")

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
NEVER_ENDS = (
    "{% for i in range(1000000000) %}{% for j in range(1000000000) %}{% endfor %}{% endfor %}"
)
WINDOW = 4_096
GONE_S = 20.0

MakeGguf = Callable[..., Path]


def engine_for(file: Path, **settings: object) -> LlamaCppEngine:
    return LlamaCppEngine(Settings.model_validate({"model": str(file)} | settings))


def request(
    text: str = "go on", *, max_new_tokens: int = 24, cell: str = "x = 1", **sampling: object
) -> GenerationRequest:
    return GenerationRequest(
        # The worked examples that come before a request to write take 2,000 bytes.
        prompt=Prompt(request=text, cells=(cell,), task="explain"),
        sampling=SamplingParameters(max_new_tokens=max_new_tokens, **sampling),  # type: ignore[arg-type]
    )


def answer(engine: LlamaCppEngine, asked: GenerationRequest) -> tuple[str, Done]:
    texts: list[str] = []
    done = engine.generate(asked, Job(lambda e: texts.append(e.text) if is_text(e) else None))
    return "".join(texts), done


def is_text(event: Event) -> bool:
    return isinstance(event, Chunk)


def process_of(engine: LlamaCppEngine) -> psutil.Process:
    running = engine._running
    assert running is not None
    return psutil.Process(running.process._process.pid)


def children() -> list[psutil.Process]:
    return [
        process
        for process in psutil.Process().children()
        if any("server_process" in argument for argument in process.cmdline())
    ]


def wait_until_gone(pid: int) -> None:
    process = psutil.Process(pid) if psutil.pid_exists(pid) else None
    if process is not None and process.status() != psutil.STATUS_ZOMBIE:
        process.wait(GONE_S)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gguf")


@pytest.fixture(scope="module")
def shared(folder: Path, make_gguf: MakeGguf) -> Iterator[LlamaCppEngine]:
    engine = engine_for(make_gguf(folder / "tiny.gguf"))
    engine.prepare(Job())
    yield engine
    engine.unload()


@pytest.fixture
def engine(tmp_path: Path, make_gguf: MakeGguf) -> Iterator[LlamaCppEngine]:
    engine = engine_for(make_gguf(tmp_path / "own.gguf"))
    yield engine
    engine.unload()


class TestAnswers:
    def test_it_streams_and_says_what_it_cost(self, shared: LlamaCppEngine) -> None:
        events: list[Event] = []
        done = shared.generate(request(), Job(events.append))
        chunks = [event for event in events if isinstance(event, Chunk)]
        assert done.finish_reason == "length"
        assert done.metrics.generated_tokens == 24
        assert len(chunks) > 1
        reading = [event for event in events if isinstance(event, Progress)]
        assert reading[-1] == Progress(
            "Reading the prompt", done.metrics.prompt_tokens, done.metrics.prompt_tokens
        )
        assert done.metrics.peak_memory_bytes > 0

    def test_greedy_answers_repeat_and_the_prompt_is_read_once(
        self, shared: LlamaCppEngine
    ) -> None:
        first, _ = answer(shared, request("twice"))
        second, done = answer(shared, request("twice"))
        assert second == first
        assert done.metrics.reused_prompt_tokens == done.metrics.prompt_tokens - 1

    def test_a_follow_up_reads_only_what_is_new(self, shared: LlamaCppEngine) -> None:
        cell = "y = [1, 2, 3]\n" * 20
        answer(shared, request("first", cell=cell))
        _, done = answer(shared, request("then", cell=cell))
        assert done.metrics.reused_prompt_tokens > len(cell)

    def test_a_seed_repeats_a_sample(self, shared: LlamaCppEngine) -> None:
        texts = [
            answer(shared, request(temperature=1.5, seed=seed))[0] for seed in (1, 1, 2, -1, 2**40)
        ]
        assert texts[0] == texts[1]
        assert len(set(texts)) == 4

    def test_sampling_parameters_count(self, shared: LlamaCppEngine) -> None:
        greedy, _ = answer(shared, request())
        only_one, _ = answer(shared, request(temperature=2.0, top_k=1))
        tiny_nucleus, _ = answer(shared, request(temperature=2.0, top_p=1e-6))
        penalized, _ = answer(shared, request(repetition_penalty=1.8))
        assert only_one == tiny_nucleus == greedy != penalized

    def test_stop_strings_end_an_answer_and_are_cut_off(self, shared: LlamaCppEngine) -> None:
        whole, _ = answer(shared, request())
        stop = whole[6:8]
        text, done = answer(shared, request(stop_strings=(stop,)))
        assert text == whole[: whole.index(stop)]
        assert done.finish_reason == "stop"

    def test_a_prompt_that_does_not_fit_is_refused(self, shared: LlamaCppEngine) -> None:
        with pytest.raises(PromptTooLongError):
            shared.generate(request(cell="x" * WINDOW), Job())

    def test_control_tokens_in_cells_are_text(self, shared: LlamaCppEngine) -> None:
        laid_out = shared.format_prompt(Prompt(request="<|im_end|>", cells=("<|im_start|>",)))
        assert "< |im_end|>" in laid_out
        assert "< |im_start|>" in laid_out
        assert laid_out.endswith("<|im_start|>assistant\n")

    def test_it_counts_in_the_files_own_tokens(self, shared: LlamaCppEngine) -> None:
        assert shared.count_tokens("abc") == 3
        assert shared.count_tokens("") == 0
        assert shared.context_window == WINDOW
        assert shared.is_chat

    def test_a_base_model_continues_text(self, folder: Path, make_gguf: MakeGguf) -> None:
        engine = engine_for(make_gguf(folder / "base.gguf", template=None))
        engine.prepare(Job())
        assert not engine.is_chat
        assert engine.format_prompt(Prompt(request="add")) == "# In[1]:\n\n# add\n"
        assert answer(engine, request())[1].metrics.generated_tokens > 0
        engine.unload()


class TestStop:
    def test_an_answer_ends_within_a_token(self, shared: LlamaCppEngine) -> None:
        job = Job(lambda event: job.cancel() if isinstance(event, Chunk) else None)
        done = shared.generate(request(max_new_tokens=3_000), job)
        assert done.finish_reason == "cancelled"
        assert done.metrics.generated_tokens < 100
        assert answer(shared, request())[1].finish_reason == "length"

    def test_it_does_not_wait_for_the_prompt_to_be_read(self, shared: LlamaCppEngine) -> None:
        job = Job(lambda event: job.cancel() if isinstance(event, Progress) else None)
        done = shared.generate(request(cell="stop " * 200), job)
        assert (done.finish_reason, done.metrics.generated_tokens) == ("cancelled", 0)

    def test_it_ends_the_process_while_that_loads(
        self, tmp_path: Path, make_gguf: MakeGguf
    ) -> None:
        engine = engine_for(make_gguf(tmp_path / "slow.gguf", template=NEVER_ENDS + CHATML))
        before = children()
        job = Job(lambda _: job.cancel())
        with pytest.raises(Cancelled):
            engine.prepare(job)
        assert not engine.is_loaded
        assert children() == before


class TestBatch:
    def batch(
        self, engine: LlamaCppEngine, asked: list[GenerationRequest], job: Job | None = None
    ) -> dict[int, tuple[str, Done]]:
        found: dict[int, tuple[str, Done]] = {}
        engine.generate_batch(
            asked,
            on_result=lambda index, text, done: found.update({index: (text, done)}),
            job=job or Job(),
        )
        return found

    def test_one_prompt_with_seeds_in_a_row_is_read_once(self, shared: LlamaCppEngine) -> None:
        asked = [
            request("sample", cell="z = 3\n" * 30, temperature=1.5, seed=seed) for seed in range(5)
        ]
        alone = [answer(shared, one)[0] for one in asked]
        found = self.batch(shared, asked)
        # Later tokens may differ: sums in a batch are rounded otherwise.
        assert [found[index][0][:2] for index in range(5)] == [text[:2] for text in alone]
        assert len({text for text, _ in found.values()}) == 5
        assert {done.finish_reason for _, done in found.values()} == {"length"}

    def test_more_than_it_has_slots_for(self, shared: LlamaCppEngine) -> None:
        found = self.batch(shared, [request(f"question {n}") for n in range(20)])
        assert sorted(found) == list(range(20))
        assert all(done.metrics.generated_tokens for _, done in found.values())

    def test_what_does_not_fit_at_once_waits(self, shared: LlamaCppEngine) -> None:
        asked = [request(f"{n}", max_new_tokens=WINDOW // 2) for n in range(3)]
        found = self.batch(shared, asked)
        assert [found[n][1].error for n in range(3)] == [None] * 3

    def test_unseeded_samples_differ(self, shared: LlamaCppEngine) -> None:
        found = self.batch(shared, [request(temperature=1.5)] * 6)
        assert len({text for text, _ in found.values()}) > 1

    def test_stop_ends_what_is_not_finished(self, shared: LlamaCppEngine) -> None:
        job = Job()
        threading.Timer(0.3, job.cancel).start()
        # A random model may end some by itself before, but hardly so many.
        found = self.batch(shared, [request(str(n), max_new_tokens=3_000) for n in range(24)], job)
        reasons = {done.finish_reason for _, done in found.values()}
        assert "cancelled" in reasons <= {"cancelled", "stop"}
        assert sorted(found) == list(range(24))

    def test_one_that_is_too_long_refuses_all(self, shared: LlamaCppEngine) -> None:
        found: list[int] = []
        with pytest.raises(PromptTooLongError):
            shared.generate_batch(
                [request(), request(cell="x" * WINDOW)],
                on_result=lambda index, *_: found.append(index),
                job=Job(),
            )
        assert found == []


class TestProcess:
    def test_nothing_but_a_private_socket_leads_to_it(self, shared: LlamaCppEngine) -> None:
        import httpx2

        process = process_of(shared)
        address = Path(shared._running.process.address)  # type: ignore[union-attr]
        assert process.net_connections("inet") == []
        assert address.parent.stat().st_mode & 0o777 == 0o700
        transport = httpx2.HTTPTransport(uds=str(address), verify=False)
        with httpx2.Client(transport=transport, trust_env=False) as client:
            for path in ("/tokenize", "/completion", "/apply-template", "/slots/0?action=erase"):
                assert client.post(f"http://x{path}", json={}).status_code == 401
            assert client.get("http://x/metrics").status_code == 401
            assert client.get("http://x/").status_code in {401, 404}
        key = shared._running.process.api_key  # type: ignore[union-attr]
        assert not any(key in argument for argument in process.cmdline())

    def test_an_interrupt_of_the_kernel_does_not_reach_it(self, shared: LlamaCppEngine) -> None:
        assert os.getsid(process_of(shared).pid) == process_of(shared).pid
        assert os.getsid(0) != process_of(shared).pid
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def test_unload_gives_all_memory_back(self, engine: LlamaCppEngine) -> None:
        engine.prepare(Job())
        pid = process_of(engine).pid
        address = Path(engine._running.process.address)  # type: ignore[union-attr]
        assert engine.held_bytes()["weights"] > 0
        engine.unload()
        assert not psutil.pid_exists(pid)
        assert not address.parent.exists()
        assert sum(engine.held_bytes().values()) == 0
        assert not engine.is_loaded
        assert answer(engine, request())[1].finish_reason == "length"

    def test_killed_while_it_answers_the_kernel_lives_and_asks_again(
        self, engine: LlamaCppEngine
    ) -> None:
        engine.prepare(Job())
        shown: list[str] = []

        process = process_of(engine)

        def kill(event: Event) -> None:
            if isinstance(event, Chunk):
                shown.append(event.text)
                if process.is_running():
                    process.kill()

        with pytest.raises(GenerationError, match=r"ended from outside") as caught:
            engine.generate(request(max_new_tokens=3_000), Job(kill))
        assert "ask again" in caught.value.hint
        assert shown
        assert not engine.is_loaded
        assert answer(engine, request())[1].finish_reason == "length"

    def test_killed_in_a_batch_it_says_so(self, engine: LlamaCppEngine) -> None:
        engine.prepare(Job())
        threading.Timer(0.3, process_of(engine).kill).start()
        with pytest.raises(GenerationError, match="ended from outside"):
            engine.generate_batch(
                [request(str(n), max_new_tokens=3_000) for n in range(12)],
                on_result=lambda *_: None,
                job=Job(),
            )

    def test_killed_between_two_questions_it_is_started_again(self, engine: LlamaCppEngine) -> None:
        engine.prepare(Job())
        process_of(engine).kill()
        process_of(engine).wait(GONE_S)
        assert not engine.is_loaded
        assert answer(engine, request())[1].finish_reason == "length"

    @pytest.mark.parametrize(("state", "template"), [("loaded", CHATML), ("loading", NEVER_ENDS)])
    def test_it_ends_with_a_kernel_that_is_killed(
        self, state: str, template: str, tmp_path: Path, make_gguf: MakeGguf
    ) -> None:
        file = make_gguf(tmp_path / "own.gguf", template=template)
        script = """
            import psutil, sys, threading, time
            from codeface_jupyter.config import Settings
            from codeface_jupyter.engines.llamacpp.engine import LlamaCppEngine
            from codeface_jupyter.jobs import Job
            engine = LlamaCppEngine(Settings(model=sys.argv[1]))
            threading.Thread(target=engine.prepare, args=(Job(),), daemon=True).start()
            while not (children := psutil.Process().children()):
                time.sleep(0.05)
            deadline = time.monotonic() + (5 if "loading" in sys.argv else 60)
            while not engine.is_loaded and time.monotonic() < deadline:
                time.sleep(0.05)
            running = engine._running
            print(children[0].pid, running.process.address if running else "-", flush=True)
            time.sleep(600)
        """
        kernel = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script), str(file), state],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert kernel.stdout is not None
        with kernel.stdout:
            pid, address = kernel.stdout.readline().split()
        kernel.kill()
        kernel.wait()
        wait_until_gone(int(pid))
        assert not Path(address).exists()

    def test_without_sockets_it_listens_on_loopback(
        self, engine: LlamaCppEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(child, "MAX_SOCKET_PATH", 0)
        assert answer(engine, request())[1].finish_reason == "length"
        (listening,) = [
            connection
            for connection in process_of(engine).net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        ]
        assert listening.laddr.ip == "127.0.0.1"


class TestBadInput:
    def test_a_template_that_never_ends_is_given_up(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_gguf: MakeGguf
    ) -> None:
        monkeypatch.setattr(child, "STALLED_S", 3.0)
        engine = engine_for(make_gguf(tmp_path / "loop.gguf", template=NEVER_ENDS + CHATML))
        with pytest.raises(ModelFilesError, match="did not get on with loading") as caught:
            engine.prepare(Job())
        assert "chat template" in caught.value.hint
        assert not engine.is_loaded

    def test_one_that_ends_never_only_for_real_prompts(
        self, tmp_path: Path, make_gguf: MakeGguf
    ) -> None:
        template = (
            f"{{% if 'Jupyter' in messages[0]['content'] %}}{NEVER_ENDS}{{% endif %}}{CHATML}"
        )
        engine = engine_for(make_gguf(tmp_path / "later.gguf", template=template))
        began = time.monotonic()
        with pytest.raises(ModelFilesError, match="does not come to an end"):
            engine.generate(request(), Job())
        assert time.monotonic() - began < 30
        assert not engine.is_loaded

    def test_a_template_that_refuses_everything_is_no_use(
        self, tmp_path: Path, make_gguf: MakeGguf
    ) -> None:
        template = "{{ raise_exception('not today') }}"
        engine = engine_for(make_gguf(tmp_path / "no.gguf", template=template))
        with pytest.raises(ModelFilesError, match="plain conversation fails in it"):
            engine.generate(request(), Job())
        engine.unload()

    def test_an_unknown_architecture_is_named(self, tmp_path: Path, make_gguf: MakeGguf) -> None:
        engine = engine_for(make_gguf(tmp_path / "odd.gguf", architecture="foobar"))
        with pytest.raises(ModelFilesError, match="the architecture 'foobar'") as caught:
            engine.prepare(Job())
        assert "upgrade xllamacpp" in caught.value.hint

    def test_a_file_without_its_tensors_is_refused(
        self, tmp_path: Path, make_gguf: MakeGguf
    ) -> None:
        file = make_gguf(tmp_path / "cut.gguf")
        file.write_bytes(file.read_bytes()[:-5_000])
        with pytest.raises(ModelFilesError, match="cut off"):
            engine_for(file).prepare(Job())

    def test_a_file_that_was_changed_is_loaded_anew(
        self, engine: LlamaCppEngine, make_gguf: MakeGguf
    ) -> None:
        first, _ = answer(engine, request())
        revision = engine.identity.revision
        file = Path(engine._settings.model)
        make_gguf(file.with_name("other.gguf"), seed=1).replace(file)
        second, _ = answer(engine, request())
        assert second != first
        assert engine.identity.revision != revision

    @pytest.mark.parametrize(
        ("death", "error", "message"),
        [
            ("os.kill(os.getpid(), signal.SIGILL)", EngineUnavailableError, "processor lacks"),
            ("os.kill(os.getpid(), signal.SIGKILL)", GenerationError, "memory ran out"),
            (
                "sys.stderr.write('x.cpp:12: GGML_ASSERT(a == b) failed\\n'); os.abort()",
                ModelFilesError,
                r"GGML_ASSERT\(a == b\) failed",
            ),
            ("sys.exit(3)", ModelFilesError, "ended with status 3"),
            ("raise ImportError('libgomp.so.1')", EngineUnavailableError, "libgomp.so.1"),
        ],
    )
    def test_however_the_process_ends_the_kernel_lives(
        self,
        death: str,
        error: type[Exception],
        message: str,
        engine: LlamaCppEngine,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        script = tmp_path / "dies.py"
        script.write_text(f"import os, signal, sys\nsys.stdin.readline()\n{death}\n")
        monkeypatch.setattr(child, "SCRIPT", script)
        with pytest.raises(error, match=message):
            engine.prepare(Job())

    def test_too_little_memory_is_said_before(
        self, engine: LlamaCppEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(memory, "available_memory", lambda _: 10**6)
        with pytest.raises(NotEnoughMemoryError):
            engine.prepare(Job())
        forced = engine_for(Path(engine._settings.model), force_load=True)
        forced.prepare(Job())
        forced.unload()


def test_the_context_is_as_long_as_the_option_says(tmp_path: Path, make_gguf: MakeGguf) -> None:
    file = make_gguf(tmp_path / "own.gguf")
    engine = engine_for(file, llamacpp={"context_tokens": 1_024})
    engine.prepare(Job())
    assert engine.context_window == 1_024
    engine.unload()


@pytest.mark.real_model
def test_the_shipped_model_answers_in_code_and_reads_its_prompt_once() -> None:
    gguf = ModelStorage(default_cache_dir(), "qwen2.5-coder-0.5b").gguf
    if not gguf.exists():
        pytest.skip("the shipped model has not been fetched as GGUF")
    engine = engine_for(gguf)
    asked = GenerationRequest(
        prompt=Prompt(request="Write a function that returns the mean of a list."),
        sampling=SamplingParameters(max_new_tokens=48),
    )
    cold, first = answer(engine, asked)
    warm, second = answer(engine, asked)
    engine.unload()
    # Not to the letter: over a prompt that is read in other pieces, sums are rounded otherwise.
    assert "def " in cold
    assert "def " in warm
    assert first.metrics.reused_prompt_tokens == 0 < second.metrics.reused_prompt_tokens
