"""Settings from anywhere: whatever stands there, they are made or refused in a line."""

import json
import os
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeface_jupyter.config import Config, Settings, setting_fields, short_setting_fields
from codeface_jupyter.errors import ConfigError

NAMES = st.sampled_from(sorted({*setting_fields(), *short_setting_fields()}))
WORDS = st.sampled_from(
    ["", "auto", "true", "-1", "1e999", "nan", "[]", "{}", "~", "redis://", "redis://[", "\ufeff"]
)
NUMBERS = st.integers() | st.floats()
# Half of a surrogate pair is a text too: Python makes such of file names and variables.
KEYS = WORDS | st.text(max_size=8)
TEXTS = WORDS | st.text(max_size=20) | st.text("\ud800\udcff{}'\"\\\n\x00", max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
# A table of an engine's own, with options that it has and others.
TABLES = st.dictionaries(NAMES.map(lambda name: name.rpartition(".")[2]) | KEYS, VALUES)
GIVEN = st.dictionaries(NAMES | st.sampled_from(["openai", "nobody", "openai.nothing"]), VALUES)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("config") / "config.toml"


def is_made_or_refused(make):
    """Whether settings come of it, or an error that any front end can show."""
    try:
        return isinstance(make(), Settings)
    except ConfigError as error:
        return bool(f"{error}\n{error.hint}".encode())


def in_toml(value):
    """Return a value as TOML writes it; what TOML has not is written all the same."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(k)} = {in_toml(v)}' for k, v in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(in_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)


@given(content=st.binary(max_size=60) | TEXTS.map(lambda text: text.encode(errors="replace")))
def test_any_file_is_read_or_refused(file, content):
    file.write_bytes(content)
    assert is_made_or_refused(lambda: Config(file=file).settings)


@given(given_=GIVEN, tables=st.dictionaries(st.sampled_from(["openai", "openvino"]), TABLES))
def test_any_value_in_the_file_is_taken_or_refused(file, given_, tables):
    lines = [f"{json.dumps(name)} = {in_toml(value)}" for name, value in given_.items()]
    for engine, table in tables.items():
        lines += [f"[{engine}]", *(f"{json.dumps(k)} = {in_toml(v)}" for k, v in table.items())]
    file.write_text("\n".join(lines), encoding="utf-8", errors="replace")
    assert is_made_or_refused(lambda: Config(file=file).settings)


VARIABLES = st.dictionaries(
    (NAMES.map(lambda name: name.upper().replace(".", "__")) | st.text(max_size=8))
    .map(lambda name: f"CODEFACE_{name}".replace("=", "").replace("\x00", ""))
    .filter(lambda name: name.isascii()),
    # As Python reads them, whatever bytes they are of.
    st.binary(max_size=20).map(lambda raw: os.fsdecode(raw.replace(b"\x00", b"")))
    | WORDS
    | VALUES.map(json.dumps),
    max_size=3,
)


@given(variables=VARIABLES)
def test_any_environment_is_read_or_refused(file, variables):
    file.unlink(missing_ok=True)
    with patch.dict(os.environ, variables):
        os.environ.pop("CODEFACE_CONFIG", None)
        assert is_made_or_refused(lambda: Config(file=file).settings)


@given(values=GIVEN)
def test_any_value_that_is_set_is_taken_or_changes_nothing(file, values):
    file.unlink(missing_ok=True)
    config = Config(file=file)
    before = config.settings
    told = []
    config.on_change(told.append)
    assert is_made_or_refused(lambda: config.set(**values))
    assert told or config.settings is before


@given(values=GIVEN)
def test_any_value_of_a_call_or_the_page_is_taken_or_refused(file, values):
    file.unlink(missing_ok=True)
    assert is_made_or_refused(lambda: Config(file=file).with_overrides(values))
    assert is_made_or_refused(lambda: Config(file=file).set_front_end(values))
