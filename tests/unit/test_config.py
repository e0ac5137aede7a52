import os
import sys

import pytest

from codeface_jupyter.config import (
    Config,
    Settings,
    default_cache_dir,
    default_config_file,
    setting_fields,
    user_folders,
)
from codeface_jupyter.config.refusals import parts_of
from codeface_jupyter.engines.transformers.options import TransformersOptions
from codeface_jupyter.errors import ConfigError


@pytest.fixture
def file(tmp_path):
    return tmp_path / "config.toml"


def test_each_layer_overrides_the_one_below_and_says_so(file, monkeypatch):
    file.write_text('model = "from-file"\ntemperature = 0.1\nseed = 1\n')
    monkeypatch.setenv("CODEFACE_TEMPERATURE", "0.2")
    monkeypatch.setenv("CODEFACE_SEED", "2")
    config = Config(file=file)
    config.set(seed=3)
    assert config.settings.model == "from-file"
    assert config.settings.temperature == 0.2
    assert config.settings.seed == 3
    assert config.with_overrides({"seed": "4", "model": None}).seed == 4
    origins = [config.origin(name) for name in ("model", "temperature", "seed", "top_p")]
    assert origins == ["config file", "environment", "%config", "default"]


def test_values_from_the_environment_are_parsed(file, monkeypatch):
    monkeypatch.setenv("CODEFACE_STOP_STRINGS", '["END", "STOP"]')
    monkeypatch.setenv("CODEFACE_RESPONSE_CACHE", "false")
    settings = Config(file=file).settings
    assert settings.stop_strings == ("END", "STOP")
    assert settings.response_cache.kind == "off"


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"temperature": "5"}, r"temperature = '5'.*expected at most 2\."),
        ({"temperature": "warm"}, r"temperature = 'warm'.*expected a number"),
        (
            {"temperature": "nan"},
            r"temperature = 'nan'.*expected at most 2, and nan is not a number\.",
        ),
        ({"top_p": float("nan")}, r"top_p = nan.*expected at most 1, and nan is not a number\."),
        ({"max_new_tokens": 10**400}, r"max_new_tokens = 10+ .*expected at most \d+\."),
        ({"max_new_tokens": 0}, r"max_new_tokens = 0.*expected at least 1"),
        ({"insert": "below"}, r"insert = 'below'.*'button', 'next', 'replace' or 'none'"),
        ({"max_new_tokens": "few"}, r"max_new_tokens = 'few'.*: expected a whole number\."),
        ({"auto_pull": "maybe"}, r"auto_pull = 'maybe'.*: expected yes or no \(true, false\)\."),
        ({"temprature": 1}, r"no setting 'temprature'.*\n.*temperature"),
    ],
)
def test_bad_value_is_refused_with_parameter_range_and_value(file, overrides, expected):
    with pytest.raises(ConfigError, match=expected):
        Config(file=file).with_overrides(overrides)


@pytest.mark.parametrize("value", ["inf", "nan", "1e300", float("inf"), float("nan")])
def test_no_number_of_any_setting_is_without_end(file, value):
    fields = setting_fields()
    numbers = [name for name, field in fields.items() if float in parts_of(field)]
    assert {"response_cache_ttl_s", "openai.request_timeout_s"} <= set(numbers)
    for name in numbers:
        with pytest.raises(ConfigError, match=rf"{name} = .*: expected (at most|more than) \d"):
            Config(file=file).with_overrides({name: value})


def test_refused_setting_changes_nothing(file):
    config = Config(file=file)
    with pytest.raises(ConfigError):
        config.set(seed=1, temperature=9)
    assert config.settings == Settings()


@pytest.mark.parametrize("layer", ["%config", "JupyterLab"])
def test_nor_does_one_that_cannot_be_resolved_later_on(file, layer):
    aliases = file.with_name("aliases.json")
    config = Config(file=file)
    config.set(model="hello")
    aliases.write_text("{")
    with pytest.raises(ConfigError, match=r"aliases\.json"):
        config.set(seed=1) if layer == "%config" else config.set_front_end({"seed": 1})
    aliases.unlink()
    assert config.set(top_k=3) == Settings(model="hello", top_k=3)
    assert config.origin("seed") == "default"


def test_an_engine_that_is_not_there_cannot_be_set(file):
    config = Config(file=file)
    with pytest.raises(ConfigError, match=r"no engine 'vllm'\. Engines: .*openvino"):
        config.set(engine="vllm")
    assert config.settings.engine == "auto"
    assert config.set(engine="scripted").engine == "scripted"


def test_unknown_environment_variable_is_refused_by_its_name(file, monkeypatch):
    monkeypatch.setenv("CODEFACE_MODLE", "x")
    with pytest.raises(ConfigError, match=r"CODEFACE_MODLE.*\n.*model"):
        Config(file=file)


def test_malformed_list_in_the_environment_is_refused(file, monkeypatch):
    monkeypatch.setenv("CODEFACE_STOP_STRINGS", "END")
    with pytest.raises(ConfigError, match="stop_strings"):
        Config(file=file)


def test_error_in_the_file_names_line_and_key(file):
    file.write_text('model = "m"\n\ntemperature = 9\n')
    with pytest.raises(ConfigError, match=r"config\.toml, line 3"):
        Config(file=file)
    file.write_text('model = "m"\nmodle = 1\n')
    with pytest.raises(ConfigError, match=r"'modle'.*line 2"):
        Config(file=file)


def test_broken_toml_is_refused_with_its_place(file):
    file.write_text("model = \n")
    with pytest.raises(ConfigError, match="line 1"):
        Config(file=file)


def test_file_that_is_not_text_is_refused(file):
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        Config(file=file)


def test_a_servers_settings_come_from_the_environment_and_the_key_is_never_shown(file, monkeypatch):
    monkeypatch.setenv("CODEFACE_BASE_URL", "https://models.example/v1/")
    monkeypatch.setenv("CODEFACE_API_KEY", "opensesame")
    settings = Config(file=file).settings
    key = settings.value_of("api_key")
    assert settings.value_of("base_url") == "https://models.example/v1"
    assert key.get_secret_value() == "opensesame"
    assert "opensesame" not in repr(settings) + str(key) + settings.model_dump_json()


def test_no_layer_holds_a_key_as_plain_text(file, monkeypatch):
    file.write_text('[openai]\napi_key = "sesame-file"\n')
    monkeypatch.setenv("CODEFACE_API_KEY", "sesame-environment")
    config = Config(file=file)
    config.set(**{"openai.api_key": "sesame-set"})
    config.set_front_end({"api_key": "sesame-page"})
    settings = config.with_overrides({"openai.api_key": "sesame-call"})
    assert "sesame" not in repr(vars(config)) + repr(settings.given_options)
    assert settings.value_of("openai.api_key").get_secret_value() == "sesame-call"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("models.example/v1", "a URL such as"),
        ("ftp://models.example", "a URL such as"),
        ("https://models.example/v1?key=1", r"without \? and #"),
        ("https://models.example:http/v1", "[Pp]ort"),
    ],
)
def test_a_url_that_no_server_can_have_is_refused(file, url, said):
    with pytest.raises(ConfigError, match=said):
        Config(file=file).set(base_url=url)


@pytest.mark.parametrize("values", [{"api_key": 31337}, {"base_url": "https://me:31337@host/v1"}])
def test_a_refused_secret_is_not_repeated(file, values):
    with pytest.raises(ConfigError, match=r"\(not shown\)") as caught:
        Config(file=file).set(**values)
    assert "31337" not in str(caught.value)


def test_settings_of_jupyterlab_give_way_to_all_others(file, monkeypatch):
    monkeypatch.setenv("CODEFACE_CONTEXT_CELLS", "3")
    config = Config(file=file)
    config.set_front_end({"context_cells": 5, "background_load": True})
    assert config.settings.context_cells == 3
    assert config.settings.background_load is True
    assert config.origin("background_load") == "JupyterLab"
    config.set_front_end({})
    assert config.settings.background_load is False


def test_an_empty_value_is_none_in_every_layer_where_one_need_not_be_given(file, monkeypatch):
    file.write_text('context_cells = 3\nrequest_log = ""\n[llamacpp]\ncontext_tokens = ""\n')
    monkeypatch.setenv("CODEFACE_REPETITION_PENALTY", "")
    monkeypatch.setenv("CODEFACE_OPENAI__API_KEY", "")
    monkeypatch.setenv("CODEFACE_REMOTE_CONTEXT_WINDOW", "")
    config = Config(file=file)
    names = ("request_log", "repetition_penalty", "llamacpp.context_tokens")
    options = ("openai.api_key", "openai.remote_context_window")
    assert [config.settings.value_of(name) for name in (*names, *options)] == [None] * 5
    assert config.with_overrides({"context_cells": ""}).context_cells is None
    assert config.settings.context_cells == 3
    assert config.set(context_cells="").context_cells is None


def test_an_empty_value_is_refused_where_one_has_to_be(file):
    for name in ("model", "context_tokens", "request_timeout_s"):
        with pytest.raises(ConfigError, match=f"{name} = ''"):
            Config(file=file).set(**{name: ""})


def test_an_empty_cache_folder_is_the_default_one_and_not_the_working_folder(file, monkeypatch):
    file.write_text('cache_dir = "/from/file"\n')
    monkeypatch.setenv("CODEFACE_CACHE_DIR", "")
    assert Config(file=file).settings.cache_dir == default_cache_dir()
    monkeypatch.delenv("CODEFACE_CACHE_DIR")
    file.write_text('cache_dir = ""\noffload_folder = ""\nrequest_log = ""\n')
    config = Config(file=file)
    assert config.settings.cache_dir == default_cache_dir()
    assert config.settings.request_log is config.settings.value_of("offload_folder") is None
    assert config.set(cache_dir="").cache_dir == default_cache_dir()


def test_a_relative_path_does_not_move_with_the_working_folder(file, monkeypatch, tmp_path):
    begin, later = tmp_path / "begin", tmp_path / "later"
    begin.mkdir()
    later.mkdir()
    monkeypatch.chdir(begin)
    file.write_text('cache_dir = "models"\n[transformers]\nadapter = "lora"\n')
    monkeypatch.setenv("CODEFACE_REQUEST_LOG", "log.jsonl")
    config = Config(file=file)
    config.set(offload_folder="offload")
    monkeypatch.chdir(later)
    settings = config.set(seed=1)
    names = ("cache_dir", "request_log", "offload_folder", "transformers.adapter")
    found = [settings.value_of(name) for name in names]
    assert found == [begin / name for name in ("models", "log.jsonl", "offload", "lora")]
    assert config.with_overrides({"cache_dir": "here"}).cache_dir == later / "here"


def test_a_relative_config_file_does_not_move_with_the_working_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODEFACE_CONFIG", "own.toml")
    config = Config()
    monkeypatch.chdir(tmp_path.parent)
    assert config.file == default_config_file() == tmp_path / "own.toml"


@pytest.mark.skipif(sys.platform != "linux", reason="a folder in use can be removed")
def test_a_relative_path_in_a_folder_that_is_gone_is_refused_in_a_line(file, monkeypatch, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    config = Config(file=file)
    with pytest.raises(ConfigError, match="a working folder, which is gone"):
        config.set(cache_dir="models")


@pytest.fixture
def no_home(monkeypatch, tmp_path):
    """Take the user's home away, as a container does that runs as a user of its own number."""
    for variable in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "CODEFACE_CONFIG"):
        monkeypatch.delenv(variable, raising=False)

    def unknown(_):
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", unknown)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    user_folders._stand_in.cache_clear()
    yield tmp_path
    user_folders._stand_in.cache_clear()


@pytest.mark.skipif(sys.platform != "linux", reason="homes are found otherwise")
def test_without_a_home_settings_and_models_are_in_a_temporary_folder_of_ones_own(
    no_home, monkeypatch
):
    config = Config()
    folder = config.settings.cache_dir
    assert folder.parent == config.file.parent.parent == no_home
    assert folder.stat().st_mode & 0o777 == 0o700
    told = user_folders.missing_home()
    assert str(folder) in told.message
    assert "CODEFACE_CACHE_DIR" in told.hint
    monkeypatch.setenv("CODEFACE_CACHE_DIR", str(no_home / "models"))
    assert user_folders.missing_home() is None


@pytest.mark.skipif(sys.platform != "linux", reason="homes are found otherwise")
@pytest.mark.parametrize("kind", ["link", "file", "of another user"])
def test_a_temporary_folder_that_somebody_else_may_have_made_is_not_used(
    no_home, monkeypatch, kind
):
    user = os.getuid() + (kind == "of another user")
    monkeypatch.setattr("os.getuid", lambda: user)
    planted = no_home / f"codeface-jupyter-{user}"
    if kind == "link":
        planted.symlink_to(no_home)
    elif kind == "file":
        planted.touch()
    else:
        planted.mkdir()
    folder = default_cache_dir()
    assert folder not in {planted, no_home}
    assert folder.is_dir()


def test_callbacks_hear_of_every_change(file):
    heard = []
    config = Config(file=file)
    config.on_change(lambda settings: heard.append(settings.seed))
    config.set(seed=4)
    assert heard == [4]


def test_close_names_are_told_once_and_are_the_engines_own(tmp_path):
    config = Config(file=tmp_path / "none.toml")
    with pytest.raises(ConfigError, match=r"Did you mean temperature\?$"):
        config.set(temprature=1)
    with pytest.raises(ConfigError, match=r"Did you mean openai\.base_url") as caught:
        config.set(**{"openai.base_ur": "http://localhost/v1"})
    assert " base_url" not in caught.value.hint


def test_a_refused_variable_can_be_left_out_and_told(file, monkeypatch):
    monkeypatch.setenv("CODEFACE_PORT", "tcp://10.0.0.7:8000")
    monkeypatch.setenv("CODEFACE_TOP_K", "")
    monkeypatch.setenv("CODEFACE_TEMPERATURE", "0.5")
    refused = []
    config = Config(file=file, on_refused=refused.append)
    assert config.settings == Settings(temperature=0.5)
    assert sorted(name in error.message for error in refused for name in ("PORT", "TOP_K")) == [
        False, False, True, True,
    ]  # fmt: skip


def test_a_chosen_file_that_is_not_there_is_told(monkeypatch, tmp_path):
    chosen = tmp_path / "misspelt.toml"
    monkeypatch.setenv("CODEFACE_CONFIG", str(chosen))
    refused = []
    assert Config(on_refused=refused.append).settings == Settings()
    assert [error.message for error in refused] == [
        f"CODEFACE_CONFIG names {chosen}, which does not exist."
    ]
    chosen.touch()
    Config(on_refused=refused.append)
    assert len(refused) == 1


@pytest.mark.parametrize(
    "name", ["PORT", "SERVICE_HOST", "SERVICE_PORT_HTTP", "PORT_8000_TCP_ADDR", "MODELS_PORT"]
)
def test_what_a_cluster_sets_for_a_service_of_our_name_is_no_setting(file, monkeypatch, name):
    monkeypatch.setenv(f"CODEFACE_{name}", "tcp://10.0.0.7:8000")
    assert Config(file=file).settings == Settings()


def test_a_path_may_begin_in_the_users_folder(file, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    file.write_text('cache_dir = "~/models"\n')
    monkeypatch.setenv("CODEFACE_REQUEST_LOG", "~/log.jsonl")
    settings = Config(file=file).settings
    assert settings.cache_dir == tmp_path / "models"
    assert settings.request_log == tmp_path / "log.jsonl"
    given = Settings(adapter="~/lora").options_of("transformers", TransformersOptions)
    assert given.adapter == tmp_path / "lora"
    with pytest.raises(ConfigError, match="no such user"):
        Config(file=file).with_overrides({"cache_dir": "~nobody-of-this-name/models"})


def test_a_config_file_may_begin_with_the_mark_of_its_encoding(file):
    file.write_bytes(b"\xef\xbb\xbfseed = 7\n")
    assert Config(file=file).settings.seed == 7


@pytest.mark.parametrize(
    "line", [r'cache_dir = "C:\temp"', r'model = "C:\temp\model"', r'request_log = "D:\run\log"']
)
def test_a_backslash_that_toml_takes_for_a_sign_is_not_kept_silently(file, line):
    file.write_text(f"{line}\n")
    with pytest.raises(ConfigError, match="single quotes"):
        Config(file=file)
    file.write_text(line.replace('"', "'"))
    assert "\\" in str(Config(file=file).settings.value_of(line.split()[0]))
