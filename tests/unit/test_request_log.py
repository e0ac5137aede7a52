import json
import logging
import os
import stat
import subprocess
import sys

import pytest
from filelock import FileLock

from codeface_jupyter.config import Config
from codeface_jupyter.context import ContextSources
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.metrics import request_log
from codeface_jupyter.session import Session
from codeface_jupyter.session.answer import Ask

ANSWER = "a secret answer"
REQUEST = "a secret request"


@pytest.fixture
def config(tmp_path):
    return Config(file=tmp_path / "none.toml")


def ask(session, **options):
    question = Ask(
        sources=ContextSources(request=REQUEST), settings=session.config.settings, **options
    )
    on_its_way = session.stream(question)
    list(on_its_way)
    return on_its_way


def lines_of(file):
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_file_gets_one_line_per_request_without_texts(config, tmp_path):
    file = tmp_path / "new folder" / "requests.jsonl"
    config.set(request_log=file, temperature=0.5, seed=1)
    session = Session(config=config, engine=ScriptedEngine([ANSWER]))
    ask(session, cell_id="cell-1")
    ask(session)
    session.close()
    first, second = lines_of(file)
    assert first["cell_id"] == "cell-1"
    assert first["temperature"] == 0.5
    assert (first["model"], first["engine"]) == ("scripted", "scripted")
    assert first["finish_reason"] == "stop"
    assert first["answer_chars"] == len(ANSWER)
    assert first["prompt_chars"] > len(REQUEST)
    assert first["generated_tokens"] > 0
    assert (first["response_cache"], second["response_cache"]) == ("miss", "hit")
    assert "secret" not in file.read_text(encoding="utf-8")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_texts_are_there_when_switched_on(config, tmp_path):
    file = tmp_path / "requests.jsonl"
    config.set(request_log=file, log_texts=True)
    session = Session(config=config, engine=ScriptedEngine([ANSWER]))
    ask(session)
    session.close()
    (line,) = lines_of(file)
    assert line["answer"] == ANSWER
    assert REQUEST in line["prompt"]


def test_failure_is_logged_with_its_kind(config, tmp_path):
    file = tmp_path / "requests.jsonl"
    config.set(request_log=file)
    session = Session(config=config, engine=ScriptedEngine([("half", ValueError("private"))]))
    with pytest.raises(ValueError, match="private"):
        session.generate("x")
    session.close()
    (line,) = lines_of(file)
    assert (line["error"], line["finish_reason"], line["answer_chars"]) == (
        "ValueError",
        "error",
        4,
    )
    assert "private" not in file.read_text()


def test_a_dry_run_is_not_logged(config, tmp_path):
    file = tmp_path / "requests.jsonl"
    config.set(request_log=file)
    session = Session(config=config, engine=ScriptedEngine([ANSWER]))
    ask(session, dry_run=True)
    session.close()
    assert not file.exists()


def test_logger_gets_the_record_as_json_and_as_fields(config, caplog):
    caplog.set_level(logging.INFO, logger="codeface.requests")
    session = Session(config=config, engine=ScriptedEngine([ANSWER]))
    ask(session, cell_id="c")
    (record,) = caplog.records
    assert record.name == "codeface.requests"
    assert json.loads(record.getMessage()) == record.request
    assert record.request["cell_id"] == "c"
    assert "secret" not in record.getMessage()


def test_a_level_of_the_root_logger_does_not_ask_for_the_records(config, caplog):
    caplog.set_level(logging.DEBUG)
    session = Session(config=config, engine=ScriptedEngine([ANSWER]))
    ask(session)
    assert [record.name for record in caplog.records if record.name.startswith("codeface.")] == []


def test_a_file_that_is_there_is_closed_to_others(config, tmp_path):
    file = tmp_path / "requests.jsonl"
    file.write_text("{}\n")
    file.chmod(0o644)
    config.set(request_log=file)
    session = Session(config=config, engine=ScriptedEngine([ANSWER]))
    ask(session)
    session.close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_nothing_is_printed_or_logged_unless_asked(config, caplog, capsys):
    session = Session(config=config, engine=ScriptedEngine([ANSWER]))
    ask(session)
    assert caplog.records == []
    assert capsys.readouterr() == ("", "")


def test_file_is_rotated(config, tmp_path, monkeypatch):
    monkeypatch.setattr(request_log, "MAX_FILE_BYTES", 2_000)
    file = tmp_path / "requests.jsonl"
    config.set(request_log=file)
    session = Session(config=config, engine=ScriptedEngine([ANSWER]))
    for _ in range(40):
        ask(session)
    session.close()
    files = sorted(tmp_path.glob("requests.jsonl*"))
    assert len(files) == 1 + request_log.OLD_FILES_KEPT
    assert all(path.stat().st_size <= 2_000 and lines_of(path) for path in files)


@pytest.mark.parametrize("place", ["folder", "full disk"])
def test_file_that_cannot_be_written_is_warned_of_once_and_answers_come(config, tmp_path, place):
    full = tmp_path / "full"
    full.symlink_to("/dev/full")
    if place == "full disk" and not full.exists():
        pytest.skip("this system has no /dev/full")
    config.set(request_log=tmp_path if place == "folder" else full)
    session = Session(config=config, engine=ScriptedEngine([ANSWER]))
    first, second = ask(session), ask(session)
    session.close()
    assert first.result.text == second.result.text == ANSWER
    assert len(first.warnings) == 1
    assert "cannot be written" in first.warnings[0]
    assert second.warnings == ()


KERNEL = """
import sys
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.config import Config
from codeface_jupyter.context import ContextSources
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.metrics import request_log
from codeface_jupyter.session import Session

name, file, count = sys.argv[1:]
request_log.MAX_FILE_BYTES, request_log.OLD_FILES_KEPT = 5_000, 1_000
config = Config()
config.set(request_log=file)
session = Session(config=config, engine=ScriptedEngine(["x"]))
session.generate("x")
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(count)):
    sources = ContextSources(request="x")
    session.generate(
        Ask(sources=sources, settings=config.settings, cell_id=f"{name}-{number}")
    )
session.close()
"""


def test_two_kernels_write_one_file_over_many_rotations(tmp_path):
    file, count = tmp_path / "requests.jsonl", 150
    environment = os.environ | {"CODEFACE_CONFIG": str(tmp_path / "none.toml")}
    kernels = [
        subprocess.Popen(
            [sys.executable, "-c", KERNEL, name, file, str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for name in ("one", "two")
    ]
    # Both have imported everything before either writes in earnest.
    assert [kernel.stdout.readline() for kernel in kernels] == ["ready\n"] * 2
    for kernel in kernels:
        kernel.stdin.write("go\n")
        kernel.stdin.flush()
    assert [kernel.communicate() for kernel in kernels] == [("", "")] * 2
    files = list(tmp_path.glob("requests.jsonl*"))
    assert len(files) > 10
    # Each was rotated when it was full, not when only the other's had been.
    sizes = [path.stat().st_size for path in files if path != file]
    assert all(5_000 - 600 < size <= 5_000 for size in sizes)
    cells = [line["cell_id"] for path in files for line in lines_of(path) if line["cell_id"]]
    expected = [f"{name}-{number}" for name in ("one", "two") for number in range(count)]
    assert sorted(cells) == sorted(expected)


def test_a_file_that_another_kernel_holds_is_given_up_in_time(config, tmp_path, monkeypatch):
    monkeypatch.setattr(request_log, "LOCK_TIMEOUT_S", 0.05)
    file = tmp_path / "requests.jsonl"
    config.set(request_log=file)
    session = Session(config=config, engine=ScriptedEngine([ANSWER]))
    with FileLock(tmp_path / ".requests.jsonl.lock"):
        held = ask(session)
    session.close()
    assert held.result.text == ANSWER
    assert "cannot be written" in held.warnings[0]


def test_another_file_takes_over(config, tmp_path):
    session = Session(config=config, engine=ScriptedEngine([ANSWER]))
    for name in ("one", "two"):
        config.set(request_log=tmp_path / name)
        ask(session)
    config.set(request_log=None)
    ask(session)
    session.close()
    assert [len(lines_of(tmp_path / name)) for name in ("one", "two")] == [1, 1]
