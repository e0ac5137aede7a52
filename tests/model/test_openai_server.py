"""The remote engine before a real server: `transformers serve` on loopback, a tiny model in it."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from codeface_jupyter.config import Config, Settings
from codeface_jupyter.engines.openai.engine import OpenAIEngine
from codeface_jupyter.engines.text.streaming_text import collected
from codeface_jupyter.engines.transformers.engine import TransformersEngine
from codeface_jupyter.errors import GenerationError
from codeface_jupyter.generation import Chunk, GenerationRequest, SamplingParameters
from codeface_jupyter.jobs import Job
from codeface_jupyter.prompts import Prompt
from codeface_jupyter.session import Session

START_TIMEOUT_S = 180
STOP_TIMEOUT_S = 30
RUNNING = "Uvicorn running on "


class ModelServer:
    """A server's process, its address and what it said."""

    def __init__(self, folder):
        self.model = str(folder)
        self.address = ""
        self.lines = []
        self._told = threading.Event()
        command = Path(sys.executable).with_name("transformers")
        self._process = subprocess.Popen(
            [command, "serve", folder, "--host", "127.0.0.1", "--port", "0", "--device", "cpu"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "2"},
        )
        # Reading on keeps the pipe from filling up.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_until_it_runs(self):
        assert self._told.wait(START_TIMEOUT_S), self.lines
        assert self.address, self.lines

    def stop(self):
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(STOP_TIMEOUT_S)
        self._process.stdout.close()

    def _read(self):
        for line in self._process.stdout:
            self.lines.append(line)
            if RUNNING in line:
                self.address = line.partition(RUNNING)[2].split()[0]
                self._told.set()
        self._told.set()


@pytest.fixture(scope="module")
def server(make_model):
    running = ModelServer(make_model())
    try:
        running.wait_until_it_runs()
        yield running
    finally:
        running.stop()


def settings_for(server, **changes):
    values = {"base_url": f"{server.address}/v1", "model": server.model, "engine": "openai"}
    return Settings(**values | changes)


def answer(engine, *, cancel=None, on_event=lambda _: None, **sampling):
    events = []

    def emit(event):
        events.append(event)
        on_event(event)

    request = GenerationRequest(
        prompt=Prompt(request="Group df by x.", cells=("import pandas as pd",)),
        sampling=SamplingParameters(**sampling),
    )
    done = engine.generate(request, Job(emit, cancel=cancel or threading.Event()))
    return done, "".join(event.text for event in events if isinstance(event, Chunk))


def test_the_server_answers_as_the_same_model_does_here(server):
    remote, remote_text = answer(OpenAIEngine(settings_for(server)), max_new_tokens=24)
    local_settings = Settings(model=server.model, device_map="cpu", dtype="float32")
    here = TransformersEngine(local_settings)
    local, local_text = answer(here, max_new_tokens=24)
    # The limit cut a character in two: what is left of it shows here, and not there.
    assert remote_text == local_text.rstrip("\ufffd") != ""
    assert remote.finish_reason == local.finish_reason
    assert remote.metrics.prompt_tokens == local.metrics.prompt_tokens
    assert remote.metrics.generated_tokens == local.metrics.generated_tokens
    assert remote.metrics.time_to_first_token_s > 0


def test_a_base_models_server_continues_the_script(server):
    engine = OpenAIEngine(settings_for(server, remote_api="completions"))
    done, text = answer(engine, max_new_tokens=8)
    assert text
    assert done.finish_reason == "length"
    assert done.metrics.generated_tokens == 8


def test_a_stop_string_ends_the_answer_before_it(server):
    engine = OpenAIEngine(settings_for(server))
    _, whole = answer(engine, max_new_tokens=24)
    stop = whole[len(whole) // 2 :][:2]
    done, text = answer(engine, max_new_tokens=24, stop_strings=(stop,))
    assert done.finish_reason == "stop"
    assert text == whole.partition(stop)[0]


def test_a_stopped_answer_frees_the_server_for_the_next(server):
    engine = OpenAIEngine(settings_for(server))
    cancel = threading.Event()
    done, text = answer(
        engine,
        max_new_tokens=800,
        cancel=cancel,
        on_event=lambda event: cancel.set() if isinstance(event, Chunk) else None,
    )
    assert done.finish_reason == "cancelled"
    assert text
    assert done.metrics.generated_tokens < 800
    assert answer(engine, max_new_tokens=2)[0].metrics.generated_tokens == 2


def test_a_model_that_the_server_does_not_have_is_refused_in_its_words(server):
    engine = OpenAIEngine(settings_for(server, model="no-such-model"))
    with pytest.raises(GenerationError, match="no-such-model"):
        answer(engine)


def test_a_setting_that_the_server_does_not_know_is_named(server):
    with pytest.raises(GenerationError, match="top_k"):
        answer(OpenAIEngine(settings_for(server)), top_k=5, temperature=1.0)


def test_a_session_answers_from_the_server_and_knows_that_nothing_left_the_machine(
    server, tmp_path, monkeypatch
):
    monkeypatch.setenv("CODEFACE_ENGINE", "openai")
    monkeypatch.setenv("CODEFACE_BASE_URL", f"{server.address}/v1")
    monkeypatch.setenv("CODEFACE_MODEL", server.model)
    monkeypatch.setenv("CODEFACE_MAX_NEW_TOKENS", "6")
    session = Session(config=Config(file=tmp_path / "none.toml"))
    first = session.generate("Sort it.")
    again = session.generate("Sort it.")
    assert first.text == again.text != ""
    assert first.is_local
    assert again.metrics.from_response_cache


def test_a_batch_is_answered_as_each_request_alone(server):
    engine = OpenAIEngine(settings_for(server))
    requests = [
        GenerationRequest(
            prompt=Prompt(request=words), sampling=SamplingParameters(max_new_tokens=count)
        )
        for words, count in (("Sort it.", 12), ("Plot it.", 4), ("Group df by x.", 8))
    ]
    alone, results = [], {}
    for request in requests:
        texts = []
        engine.generate(request, collected(texts, Job()))
        alone.append("".join(texts))
    engine.generate_batch(
        requests,
        on_result=lambda index, text, done: results.update({index: (text, done)}),
        job=Job(),
    )
    assert [results[index][0] for index in range(3)] == alone
    assert [results[index][1].metrics.generated_tokens for index in range(3)] == [12, 4, 8]
    engine.unload()
