"""Files, names and folders that are not what they should be: one line each, and no traceback."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from codeface_jupyter.cli.main import main
from codeface_jupyter.config import Config
from codeface_jupyter.context import ErrorInfo, read_text_file
from codeface_jupyter.errors import ConfigError, FetchError, ModelFilesError, NotebookError
from codeface_jupyter.magics.template_files import read_template
from codeface_jupyter.models.architecture import Architecture
from codeface_jupyter.models.conversion.openvino_ir import unsupported_reason
from codeface_jupyter.models.folder_check import read_config, weight_files
from codeface_jupyter.models.storage import ModelStorage, safe_name, writing_into
from codeface_jupyter.models.tokenizer_files import chat_template, template_version

DEEP = b"[" * 100_000
RUBBISH = {
    "bytes": bytes(range(256)),
    "NUL": b"\0\0",
    "nested": b"a = " + DEEP,
    "a number of 5,000 digits": b"seed = " + b"9" * 5_000,
    "UTF-16": "model = 'x'".encode("utf-16"),
    "a name that is too long": b"cache_dir = '/tmp/" + b"x" * 300 + b"'",
}
LONG = "x" * 300


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Offline, with nothing but what a test puts there."""
    for name, value in {"HF_HUB_OFFLINE": "1", "PIP_NO_INDEX": "1", "COLUMNS": "500"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CODEFACE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.parametrize("content", RUBBISH.values(), ids=RUBBISH)
def test_rubbish_in_the_config_file_is_refused_in_a_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"config\.toml"):
        Config(file=file)


@pytest.mark.parametrize("content", [b"\0", DEEP, b'{"a":' * 100_000, b"[]", b"1", b'{"a": 1}'])
def test_rubbish_in_the_alias_file_is_refused_in_a_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "aliases.json").write_bytes(content)
    with pytest.raises(ConfigError, match=r"aliases\.json cannot be read"):
        Config(file=tmp_path / "config.toml").aliases.read()


def test_half_a_character_in_the_alias_file_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "aliases.json").write_text(r'{"mine": "a\ud800"}')
    aliases = Config(file=tmp_path / "config.toml").aliases
    assert aliases.read() == {"mine": "a\ufffd"}
    aliases.add("other", "qwen")
    assert set(aliases.read()) == {"mine", "other"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with a name")
@pytest.mark.parametrize("path", ["pipe", "/dev/zero"])
def test_what_never_ends_is_not_read_as_a_config_file(tmp_path: Path, path: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="not a regular file"):
        Config(file=tmp_path / path)


@pytest.mark.parametrize("path", ["/" + "x" * 5_000, "~no-such-user-here/config.toml"])
def test_a_config_file_that_cannot_be_named_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("CODEFACE_CONFIG", path)
    main(["info", "qwen"])
    told = capsys.readouterr().err.replace("\n", "")
    assert told.startswith("warning: CODEFACE_CONFIG names ")
    assert "does not exist" in told


@pytest.mark.parametrize("command", ["info", "pull", "remove"])
@pytest.mark.parametrize(
    "name", [LONG, f"owner/{LONG}", f"/{LONG}", "x" * 5_000, "~no-such-user/x"]
)
def test_a_name_that_no_file_can_have_is_an_error_of_the_model(
    capsys: pytest.CaptureFixture[str], command: str, name: str
) -> None:
    options = ["--yes"] if command == "remove" else []
    assert main([command, *options, "--", name]) == 1
    told = capsys.readouterr().err
    assert "error: " in told
    assert "File name too long" not in told


@pytest.mark.parametrize("name", [LONG, "a/" + "b" * 5_000])
def test_a_long_name_is_cut_and_stays_itself(name: str) -> None:
    assert len(safe_name(name)) < 200
    assert safe_name(name) != safe_name(f"{name}c")
    assert safe_name("owner/name") == "owner--name"


@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
@pytest.mark.parametrize("command", ["pull", "remove"])
@pytest.mark.parametrize("kind", ["link", "dangling", "loop", "folder"])
def test_a_lock_that_is_no_file_is_told_and_what_it_links_to_kept(
    machine: Path, capsys: pytest.CaptureFixture[str], command: str, kind: str
) -> None:
    storage = ModelStorage(machine / "cache", "qwen2.5-coder-0.5b")
    storage.gguf.parent.mkdir(parents=True)
    if command == "remove":
        storage.gguf.write_text("x")
    lock = machine / "cache" / "locks" / f"{storage.name}.lock"
    lock.parent.mkdir()
    (machine / "mine").write_text("mine")
    if kind == "folder":
        lock.mkdir()
    else:
        targets = {"link": machine / "mine", "dangling": machine / "nowhere", "loop": lock}
        lock.symlink_to(targets[kind])
    options = ["--yes"] if command == "remove" else []
    assert main([command, "qwen", *options]) == 1
    assert f"{lock} cannot be written" in capsys.readouterr().err
    assert (machine / "mine").read_text() == "mine"
    assert not (machine / "nowhere").exists()


@pytest.mark.parametrize("number", [errno.ENAMETOOLONG, errno.ELOOP, errno.EIO])
def test_what_a_disk_refuses_is_told_with_the_file(tmp_path: Path, number: int) -> None:
    with pytest.raises(FetchError, match="x cannot be written"), writing_into(tmp_path):
        raise OSError(number, os.strerror(number), str(tmp_path / "x"))


@pytest.mark.parametrize(
    ("number", "reason"), [(errno.EDQUOT, "quota"), (errno.ENOSPC, "No space left")]
)
def test_a_disk_without_room_for_a_file_is_told_though_bytes_are_free(
    tmp_path: Path, number: int, reason: str
) -> None:
    # The folder could not even be made.
    folder = tmp_path / "cache"
    told = pytest.raises(FetchError, match=f"{folder} is full: .*{reason}.* free")
    with told, writing_into(folder):
        raise OSError(number, os.strerror(number), str(folder))


def test_an_error_of_the_network_is_not_taken_for_one_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(ConnectionResetError), writing_into(tmp_path):
        raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")


LIMITED = """
import resource, signal, sys
from codeface_jupyter.cli.main import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of files")
def test_a_quota_that_is_used_up_leaves_a_line_and_no_file(machine: Path) -> None:
    config = machine / "settings" / "config.toml"
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED, "alias", "mine", "qwen"],
        env=os.environ | {"CODEFACE_CONFIG": str(config)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert "aliases.json cannot be written" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not config.with_name("aliases.json").exists()


def test_no_folder_is_made_for_a_user_that_there_is_not(
    machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(machine)
    monkeypatch.setenv("CODEFACE_CONFIG", "~no-such-user-here/config.toml")
    assert main(["alias", "mine", "qwen"]) == 1
    assert "there is no such user" in capsys.readouterr().err
    assert not list(machine.glob("~*"))


def test_a_file_of_a_user_that_there_is_not_is_told() -> None:
    with pytest.raises(NotebookError, match="there is no such user"):
        read_text_file("~no-such-user-here/x")


@pytest.mark.parametrize("name", [LONG, "x" * 5_000, "~no-such-user-here/x"])
def test_a_template_that_no_file_can_be_is_not_there(name: str) -> None:
    with pytest.raises(NotebookError, match="There is no template"):
        read_template(name)


@pytest.mark.parametrize("name", ["a\ud800", LONG, "x" * 5_000, ""], ids=range(4))
def test_an_error_of_code_under_any_name_is_told(name: str) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        exec(compile("1 / 0", name, "exec"))
    error = caught.value
    del caught
    assert ErrorInfo.from_exception(error, source="1 / 0").ename == "ZeroDivisionError"
    broken = SyntaxError("invalid syntax", (name, 1, 1, "x = ("))
    assert "line 1" in ErrorInfo.from_exception(broken, source="x = (").traceback


GONE = """
import os, sys, tempfile
from codeface_jupyter.cli.main import main
os.chdir(tempfile.mkdtemp())
os.rmdir(os.getcwd())
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use cannot be deleted there")
@pytest.mark.parametrize("command", ["models", "doctor"])
def test_a_working_directory_that_was_deleted_does_not_end_python(command: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", GONE, command], capture_output=True, text=True, check=False
    )
    assert "working directory has been deleted" in " ".join((ran.stdout + ran.stderr).split())
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("value", [3, "LlamaForCausalLM", [3], {"a": 1}, [None]], ids=repr)
def test_architectures_that_are_no_names_are_refused(tmp_path: Path, value: object) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"architectures": value}))
    with pytest.raises(ModelFilesError, match="no list of names"):
        read_config(tmp_path)


@pytest.mark.parametrize(
    ("changed", "missing"),
    [
        ({"rms_norm_eps": None}, "rms_norm_eps"),
        ({"hidden_size": "64"}, "hidden_size"),
        ({"num_hidden_layers": 0}, "num_hidden_layers"),
        ({"rope_scaling": "linear"}, "rope_scaling"),
        ({"max_position_embeddings": [128]}, "max_position_embeddings"),
        ({"rope_theta": "x"}, "rope_theta"),
        ({"rope_parameters": {"rope_theta": float("inf")}}, "rope_theta"),
    ],
)
def test_what_a_conversion_lacks_is_named(
    tmp_path: Path, changed: dict[str, object], missing: str
) -> None:
    names = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    sizes = dict.fromkeys((*names, "max_position_embeddings"), 64)
    config = {"architectures": ["LlamaForCausalLM"], "rms_norm_eps": 1e-6, **sizes}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert unsupported_reason(tmp_path) is None
    (tmp_path / "config.json").write_text(json.dumps(config | changed))
    assert unsupported_reason(tmp_path) == f"its config.json gives no usable {missing}"


@pytest.mark.parametrize("value", [-1, "x", float("inf"), float("nan"), [], None], ids=repr)
def test_a_dimension_that_is_no_figure_counts_as_not_given(value: object) -> None:
    given = {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 64}
    assert Architecture.of(given | {"num_key_value_heads": value}).num_kv_heads == 4
    assert Architecture.of(given | {"num_hidden_layers": value}).num_layers == 0


def test_an_index_may_name_no_file_that_cannot_be(tmp_path: Path) -> None:
    index = {"weight_map": {"a": LONG}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelFilesError, match="names a file that cannot be"):
        weight_files(tmp_path)


@pytest.mark.parametrize("content", [b"\xff\xfe\x80", b"x" * 10_000_001], ids=["bytes", "huge"])
def test_a_chat_template_that_is_no_text_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "chat_template.jinja").write_bytes(content)
    with pytest.raises(ModelFilesError, match=r"chat_template\.jinja cannot be read"):
        chat_template(tmp_path, {})


def test_a_list_of_templates_may_hold_anything(tmp_path: Path) -> None:
    named = {"name": "default", "template": "{{ messages }}"}
    assert chat_template(tmp_path, {"chat_template": [3, None, named]}) == "{{ messages }}"
    assert chat_template(tmp_path, {"chat_template": [3]}) is None


def test_a_template_that_is_written_has_another_version(tmp_path: Path) -> None:
    before = template_version(tmp_path)
    (tmp_path / "chat_template.jinja").write_text("x")
    assert template_version(tmp_path) != before


def test_a_hostile_pickle_is_refused_and_never_read(
    machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, written = machine / "model", machine / "written"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"]}))
    (folder / "tokenizer.json").write_text("{}")
    # Read as a pickle, it opens a file for writing.
    (folder / "pytorch_model.bin").write_text(f"cbuiltins\nopen\n(V{written}\nVw\ntR.")
    assert main(["pull", str(folder)]) == 1
    assert "--allow-pickle" in capsys.readouterr().err
    assert not written.exists()
