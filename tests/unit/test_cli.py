"""The command line, as its user sees it: what it prints, and how it exits."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from codeface_jupyter.cli import doctor, evaluate
from codeface_jupyter.cli import main as cli
from codeface_jupyter.cli.main import main
from codeface_jupyter.config import Settings
from codeface_jupyter.engines import auto_model
from codeface_jupyter.engines.pull import Pulled
from codeface_jupyter.engines.registry import EngineChoice
from codeface_jupyter.evaluation.events import Starting
from codeface_jupyter.models import listing, speed, speed_records
from codeface_jupyter.models.catalog import LOOKED_UP
from codeface_jupyter.models.local_model import LocalModel, ModelRequest
from codeface_jupyter.models.speed import MachineSpeed

OPENVINO = "openvino"


@pytest.fixture(autouse=True)
def quiet_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No network, an empty cache folder, no settings of the developer's own."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("CODEFACE_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "empty.toml").touch()
    monkeypatch.setenv("CODEFACE_CONFIG", str(tmp_path / "empty.toml"))
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path


@pytest.fixture
def measured_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cores of a server, with memory for the models in question."""
    machine = MachineSpeed(
        cpu="test", cores=2, measured_on="2026-11-28", bytes_per_s=43e9, flop_per_s=280e9
    )
    monkeypatch.setattr(speed_records, "probe_machine", lambda: machine)
    monkeypatch.setattr(speed, "BYTE_PRODUCTS", speed.cpu_features())
    monkeypatch.setattr(
        auto_model, "engine_choice", lambda _: EngineChoice(name=OPENVINO, reason="")
    )
    monkeypatch.setattr(auto_model, "available_memory", lambda _: 20 * 10**9)


def test_help_names_the_commands_and_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for words in ("pull", "models", "doctor", "examples:", "codeface pull"):
        assert words in text


def test_no_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
    assert "required: COMMAND" in capsys.readouterr().err


def test_an_error_is_one_line_and_a_hint_and_exit_code_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["pull", "../nowhere"]) == 1
    text = capsys.readouterr()
    assert text.out == ""
    assert text.err.startswith("error: '../nowhere' is neither a folder here nor a model's name.")
    assert "codeface models" in text.err
    assert "Traceback" not in text.err


def test_pulling_for_an_engine_that_is_not_there_is_an_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "model").mkdir()
    assert main(["pull", str(tmp_path / "model"), "-e", "vllm"]) == 1
    told = " ".join(capsys.readouterr().err.split())
    assert told.startswith("error: There is no engine 'vllm'. Engines: ")
    assert "openvino" in told
    assert "entry point" not in told


def test_a_bad_setting_is_an_error_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODEFACE_TEMPERATURE", "9")
    assert main(["models"]) == 1
    assert "temperature" in capsys.readouterr().err


def test_a_chosen_config_file_that_is_not_there_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODEFACE_CONFIG", "/nowhere/codeface.toml")
    assert main(["info", "qwen"]) == 0
    told = capsys.readouterr().err
    assert told == (
        "warning: CODEFACE_CONFIG names /nowhere/codeface.toml, which does not exist.\n"
    )


def test_a_model_of_which_nothing_is_known_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "qwen2.5-codr-0.5b"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("error: qwen2.5-codr-0.5b is neither in the catalog nor on this")
    assert "Did you mean qwen2.5-coder-0.5b" in told.err


def test_ctrl_c_exits_130_without_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "pull_model", interrupted)
    assert main(["pull"]) == 130
    assert "Interrupted" in capsys.readouterr().err


def test_pulling_a_local_folder_says_where_it_is(
    quiet_machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = quiet_machine / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"]}))
    (folder / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    (folder / "tokenizer.json").write_text("{}")
    assert main(["pull", str(folder)]) == 0
    assert str(folder) in capsys.readouterr().out.replace("\n", "")


def test_progress_is_one_line_per_stage_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with cli._progress() as job:
        for completed in range(5):
            job.progress("Downloading tiny", completed, 4, "B")
        job.progress("Joining tiny", 1, 4, "B")
    assert capsys.readouterr().err == "Downloading tiny …\nJoining tiny …\n"


def test_progress_is_a_bar_with_size_speed_and_time_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with cli._progress() as job:
        job.progress("Asking the hub")
        job.progress("Downloading tiny", 500_000, 2_000_000, "B")
    text = capsys.readouterr().err
    assert not any("bytes" in line for line in text.splitlines() if "Asking" in line)
    assert "Downloading tiny" in text
    assert "0.5/2.0 MB" in text
    assert "MB/s" in text or "?" in text


@pytest.mark.parametrize("has_pty", [False, True])
def test_nothing_moves_and_nothing_is_coloured_in_a_cells_output(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, has_pty: bool
) -> None:
    # As ipykernel sets them; a cell's ! runs the command in a pseudo-terminal.
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("TERM", "xterm-color")
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: has_pty)
    with cli._progress() as job:
        job.progress("Downloading tiny", 1, 4, "B")
    with evaluate._progress() as show:
        show(Starting(model="tiny", notebook="a.ipynb"))
    assert main(["models"]) == 0
    assert main(["pull", "../nowhere"]) == 1
    told = capsys.readouterr()
    assert told.err.startswith("Downloading tiny …\nThe notebooks' cells are run")
    assert "loading the model" not in told.err
    assert "qwen2.5-coder-0.5b" in told.out
    assert not {"\x1b", "\r"} & set(told.out + told.err)


def test_models_shows_size_licence_and_what_fits(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "available_memory", lambda _: 4 * 10**9)
    assert main(["models"]) == 0
    # Two spaces at least are between columns, and none are in prose.
    lines = [line for line in capsys.readouterr().out.splitlines() if "  " in line]
    rows = {line.split()[0]: line for line in lines}
    assert "Apache-2.0" in rows["qwen2.5-coder-0.5b"]
    assert "491 MB  1.3 GB" in rows["qwen2.5-coder-0.5b"]
    assert "30%        62%  Apache-2.0" in rows["qwen2.5-coder-0.5b"]
    assert "67.5 GB  68.6 GB (-64.6 GB)" in rows["codellama-34b"]


@pytest.mark.usefixtures("measured_machine")
def test_models_can_be_read_at_80_columns_and_say_what_auto_takes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    row = lines.index("qwen2.5-coder-1.5b  Apache-2.0")
    assert "fetch 1.1 GB · memory 3.5 GB" in lines[row + 1]
    assert "~20 tokens/s · notebooks 43% · HumanEval 71%" in lines[row + 1]
    assert any(line.startswith("auto uses qwen2.5-coder-") for line in lines)
    # The words of the machine's language are not English.
    assert f"looked up on {LOOKED_UP.isoformat()};" in listing.explain_listing(
        Settings(), aliases={}
    )


@pytest.mark.usefixtures("measured_machine")
def test_pull_without_a_name_fetches_what_auto_wants(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []

    def pull(request: ModelRequest, **_: object) -> Pulled:
        asked.append(request.model)
        files = LocalModel(name=request.name, path=Path(), source="hub", entry=request.entry)
        return Pulled(files=files, engine="openvino")

    monkeypatch.setattr(cli, "pull_model", pull)
    said = []
    for words in (["pull"], ["pull", "auto"], ["pull", "smollm2"]):
        assert main([*words, "--cache-dir", str(tmp_path)]) == 0
        said.append(capsys.readouterr().out)
    assert asked == ["qwen2.5-coder-1.5b", "qwen2.5-coder-1.5b", "smollm2"]
    assert all("is ready" in text for text in said)
    # On this machine it is slow for ghost text.
    advice = (
        "some 3 times as fast from a small model: codeface pull qwen2.5-coder-0.5b "
        f"--cache-dir {tmp_path}"
    )
    assert [advice in text for text in said] == [True, True, False]


def test_doctor_says_what_is_there_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert f"Python {sys.version_info.major}.{sys.version_info.minor}" in text
    for words in ("torch", "memory", "cache folder", "HF_HUB_OFFLINE", "codeface pull"):
        assert words in text


@pytest.fixture
def forbidden_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder below a folder that only others may look into, as for any user but root."""
    folder = tmp_path / "of-others" / "cache"
    stat, mkdir = Path.stat, Path.mkdir

    def only_elsewhere(path: Path) -> None:
        if path.is_relative_to(folder):
            raise PermissionError(13, "Permission denied", str(path))

    def looked_at(path: Path, **options: Any) -> os.stat_result:
        only_elsewhere(path)
        return stat(path, **options)

    def made(path: Path, *arguments: Any, **options: Any) -> None:
        only_elsewhere(path)
        mkdir(path, *arguments, **options)

    monkeypatch.setattr(Path, "stat", looked_at)
    monkeypatch.setattr(Path, "mkdir", made)
    monkeypatch.setattr("os.access", lambda *_: False)
    monkeypatch.setenv("CODEFACE_CACHE_DIR", str(folder))
    return folder


def test_doctor_goes_on_where_it_may_not_look_into_the_cache_folder(
    forbidden_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert f"cache folder no permission to write to {forbidden_cache}" in told
    assert "set CODEFACE_CACHE_DIR" in told
    assert "ipywidgets" in told


@pytest.mark.parametrize("command", ["pull", "remove"])
@pytest.mark.parametrize("model", ["qwen2.5-coder-0.5b", "owner/name"])
def test_a_cache_folder_that_is_not_to_be_looked_into_is_told_in_a_line(
    forbidden_cache: Path, capsys: pytest.CaptureFixture[str], command: str, model: str
) -> None:
    assert main([command, model]) == 1
    told = " ".join(capsys.readouterr().err.split())
    assert f"error: No permission to write to {forbidden_cache}" in told
    assert "Set CODEFACE_CACHE_DIR to a folder of your own." in told


def test_doctor_names_a_missing_package_and_how_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        doctor, "OPTIONAL_PACKAGES", {"no-such-package-here": "pip install no-such-package-here"}
    )
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert "not installed" in text
    assert "pip install no-such-package-here" in text


def test_the_command_starts_without_torch() -> None:
    code = "import sys, codeface_jupyter.cli.main; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_real_interrupt_ends_the_process_cleanly(quiet_machine: Path) -> None:
    lock = quiet_machine / "cache" / "locks" / "qwen2.5-coder-0.5b.lock"
    lock.parent.mkdir(parents=True)
    # While we hold the lock the command waits, which is when the user loses patience.
    with FileLock(lock):
        process = subprocess.Popen(
            [sys.executable, "-m", "codeface_jupyter.cli.main", "pull", "qwen2.5-coder-0.5b"],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        assert "Waiting for another process" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        assert process.wait(timeout=30) == 130
    process.stderr.close()
    assert "Traceback" not in said


class TestRecordOfAnEvaluation:
    """Whether it can be written is known before anything is measured."""

    @pytest.fixture(autouse=True)
    def _here(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)

    @pytest.fixture
    def refusal(self, capsys: pytest.CaptureFixture[str]) -> Callable[[str], str]:
        """What is said of a file, where there is no notebook either."""

        def refusal(file: str) -> str:
            assert main(["eval", "none.ipynb", "--json", file]) == 1
            return " ".join(capsys.readouterr().err.split())

        return refusal

    def test_a_folder_and_a_name_that_none_can_have_are_refused(
        self, refusal: Callable[[str], str]
    ) -> None:
        assert ". cannot be written: " in refusal(".")
        assert "cannot be written: " in refusal("a" * 300)
        assert "There is no folder nowhere" in refusal("nowhere/a.json")

    def test_a_file_and_a_folder_that_are_read_only_are_refused(
        self, refusal: Callable[[str], str], tmp_path: Path
    ) -> None:
        folder, file = tmp_path / "folder", tmp_path / "old.json"
        folder.mkdir(mode=0o500)
        file.touch(mode=0o400)
        if os.access(folder, os.W_OK):
            pytest.skip("this user may write everywhere")
        assert "folder/a.json cannot be written: Permission denied." in refusal("folder/a.json")
        assert "old.json cannot be written: Permission denied." in refusal("old.json")

    def test_asking_leaves_everything_as_it_was(
        self, refusal: Callable[[str], str], tmp_path: Path
    ) -> None:
        old = tmp_path / "old.json"
        old.write_text("what was measured before")
        os.utime(old, (1, 1))
        (tmp_path / "link.json").symlink_to("linked.json")
        before = sorted(tmp_path.iterdir())
        for file in ("old.json", "new.json", "link.json", os.devnull):
            assert "There is no file none.ipynb" in refusal(file)
        assert sorted(tmp_path.iterdir()) == before
        assert (old.read_text(), old.stat().st_mtime) == ("what was measured before", 1)
