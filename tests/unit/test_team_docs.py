"""The team's guide names settings that exist, and its JupyterHub example gives good ones."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from codeface_jupyter.config import CONFIG_FILE_VARIABLE, Config, short_setting_fields
from codeface_jupyter.engines.registry import create_engine
from codeface_jupyter.jobs import Job

GUIDE = Path(__file__).parents[2] / "docs" / "team.md"
NOT_SETTINGS = {CONFIG_FILE_VARIABLE, "CODEFACE_KEYS"}  # the second is the example's own


@pytest.fixture(scope="module")
def guide():
    return GUIDE.read_text(encoding="utf-8")


def test_every_setting_that_the_guide_names_exists(guide):
    named = set(re.findall(r"CODEFACE_[A-Z_]+", guide)) - NOT_SETTINGS
    assert {name.removeprefix("CODEFACE_").lower() for name in named} <= set(short_setting_fields())


def test_the_values_in_the_guides_table_are_accepted(guide, tmp_path, monkeypatch):
    rows = re.findall(r"^\| `(\w+)` \| `CODEFACE_(\w+)=([^`…]+)` \|", guide, flags=re.M)
    assert len(rows) >= 8
    for name, variable, value in rows:
        assert variable == name.upper()
        monkeypatch.setenv(f"CODEFACE_{variable}", value)
    assert Config(file=tmp_path / "none.toml").settings.engine == "openai"


def test_the_hubs_example_gives_each_user_an_engine_with_their_own_key(
    guide, tmp_path, monkeypatch
):
    (tmp_path / "ann").write_text("anns-key\n")
    monkeypatch.setenv("CODEFACE_KEYS", str(tmp_path))
    example = guide.partition("`jupyterhub_config.py`")[2]
    code = re.search(r"```python\n(.*?)```", example, flags=re.S)[1]
    hub = SimpleNamespace(Spawner=SimpleNamespace(environment={}))
    exec(compile(code, str(GUIDE), "exec"), {"c": hub})
    monkeypatch.delenv("CODEFACE_KEYS")
    spawner = SimpleNamespace(user=SimpleNamespace(name="ann"))
    for name, value in hub.Spawner.environment.items():
        monkeypatch.setenv(name, value(spawner) if callable(value) else value)
    settings = Config(file=tmp_path / "none.toml").settings
    assert settings.value_of("api_key").get_secret_value() == "anns-key"
    engine = create_engine(settings)
    engine.prepare(Job())
    assert not engine.is_local
    assert engine.context_window == 32768
