"""What ``%codeface_config`` says of settings that are named."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from IPython.core.error import UsageError

from codeface_jupyter.config import Config
from codeface_jupyter.errors import ConfigError
from codeface_jupyter.magics.config import ConfigMagics


@pytest.fixture
def config(tmp_path):
    return Config(file=tmp_path / "none.toml")


@pytest.fixture
def magic(config):
    problem = "no-such-model is not on this machine"
    session = SimpleNamespace(completions=SimpleNamespace(problem=lambda: problem))
    return ConfigMagics(None, SimpleNamespace(config=config, session=session)).codeface_config


def test_what_was_set_is_told_and_nothing_else(magic, capsys):
    magic("history_exchanges=0")
    assert capsys.readouterr() == ("history_exchanges = 0 (this session)\n", "")
    magic("temperature=0.5 openai.base_url=http://localhost:8000/v1 seed=null")
    assert capsys.readouterr().out.splitlines() == [
        "temperature = 0.5 (this session)",
        "seed = not set (this session)",
        "openai.base_url = http://localhost:8000/v1 (this session)",
    ]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("tries='off'", "off"),
        ('tries="off"', "off"),
        ("model='qwen2.5-coder-0.5b'", "qwen2.5-coder-0.5b"),
        ('cache_dir="/My Files/models"', Path("/My Files/models")),
        ("cache_dir='/My Files/models'", Path("/My Files/models")),
        ("cache_dir=/My' 'Files/models", Path("/My Files/models")),
        ("request_log='/x.jsonl'", Path("/x.jsonl")),
        ('stop_strings=["END","it\'s"]', ("END", "it's")),
        ('stop_strings=\'["END", "STOP"]\'', ("END", "STOP")),
        (r"""stop_strings=["\"\"\"","END"]""", ('"""', "END")),
        (r'''cache_dir="/My \"Files\""''', Path('/My "Files"')),
        ("seed='3'", 3),
        ("context_cells=", None),
        ("seed=null", None),
        ("auto_pull=false", False),
    ],
)
def test_quotes_group_and_are_no_part_of_a_value(magic, config, line, value):
    magic(line)
    assert config.settings.value_of(line.partition("=")[0]) == value


def test_a_quote_that_is_not_closed_is_refused_and_nothing_is_set(magic, config):
    with pytest.raises(UsageError, match="a quote is not closed behind cache_dir=") as refused:
        magic("seed=3 cache_dir=/home/o'brien")
    assert "brien" not in str(refused.value)
    assert config.settings.seed is None
    magic('cache_dir="/home/o\'brien"')
    assert config.settings.cache_dir == Path("/home/o'brien")


def test_a_key_that_was_set_is_not_told(magic, capsys):
    magic("openai.api_key=s3cret")
    told = capsys.readouterr().out
    assert told.startswith("openai.api_key = ")
    assert "s3cret" not in told


def test_a_completion_model_that_cannot_be_used_is_told_with_the_change(magic, capsys):
    magic("completion_model=no-such-model")
    told = capsys.readouterr()
    assert told.out == "completion_model = no-such-model (this session)\n"
    assert told.err == "Warning: completion_model: no-such-model is not on this machine\n"


def test_a_name_alone_shows_that_setting(magic, capsys):
    magic("temperature=0.5")
    capsys.readouterr()
    magic("temperature")
    shown = capsys.readouterr().out
    assert "0.5" in shown
    assert "%config" in shown
    assert "0 is greedy" in shown
    assert "max_new_tokens" not in shown


def test_an_options_name_alone_shows_it_for_each_engine(magic, capsys):
    magic("base_url")
    assert "openai.base_url" in capsys.readouterr().out
    magic("openai.base_url seed")
    shown = capsys.readouterr().out
    assert "openai.base_url" in shown
    assert "seed" in shown


@pytest.mark.parametrize("line", ["temprature", "temprature=1", "seed=1 temprature"])
def test_an_unknown_name_is_refused_with_the_close_ones_and_nothing_is_set(magic, capsys, line):
    with pytest.raises(ConfigError, match=r"no setting 'temprature'.*\n.*temperature"):
        magic(line)
    assert not capsys.readouterr().out
