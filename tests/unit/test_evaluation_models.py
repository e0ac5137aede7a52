"""Which models are asked if the user names some, or none."""

import pytest

from codeface_jupyter.config import Config
from codeface_jupyter.errors import ModelNotFoundError
from codeface_jupyter.evaluation import models_to_ask as module
from codeface_jupyter.evaluation.models_to_ask import models_to_ask


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Return what gives the models' names, where some of the catalog are here."""
    (tmp_path / "empty.toml").touch()
    for name, value in (("CONFIG", tmp_path / "empty.toml"), ("ENGINE", "transformers")):
        monkeypatch.setenv(f"CODEFACE_{name}", str(value))
    monkeypatch.setenv("CODEFACE_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("CODEFACE_MODEL", "qwen3-0.6b")

    def ask(*names, here=()):
        monkeypatch.setattr(module, "is_here", lambda request: request.name in here)
        return list(models_to_ask(names, config=Config()))

    return ask


def test_without_a_name_those_of_the_catalog_that_are_here(asked):
    here = {"smollm2-135m", "qwen2.5-coder-0.5b"}
    assert asked(here=here) == ["qwen2.5-coder-0.5b", "smollm2-135m"]


def test_with_none_here_the_configured_one_is_to_be_pulled(asked):
    with pytest.raises(ModelNotFoundError) as caught:
        asked()
    assert caught.value.hint == "codeface pull qwen3-0.6b"


def test_those_that_are_named_in_their_order_and_each_once(asked):
    here = {"smollm2-135m", "qwen3-0.6b"}
    assert asked("smollm2-135m", "qwen3-0.6b", "smollm2-135m", here=here) == [
        "smollm2-135m",
        "qwen3-0.6b",
    ]


def test_a_server_is_asked_for_its_own_model_only(asked, monkeypatch):
    monkeypatch.setenv("CODEFACE_ENGINE", "openai")
    monkeypatch.setenv("CODEFACE_MODEL", "our-own-32b")
    monkeypatch.setenv("CODEFACE_OPENAI__BASE_URL", "http://127.0.0.1:9/v1")
    assert asked(here={"smollm2-135m"}) == ["our-own-32b"]
