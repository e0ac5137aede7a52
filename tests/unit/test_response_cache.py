from dataclasses import fields, replace

import pytest

from codeface_jupyter.config import Config
from codeface_jupyter.generation import EngineIdentity, SamplingParameters
from codeface_jupyter.response_cache import (
    CachedResponse,
    CurrentResponseCache,
    MemoryResponseCache,
    response_key,
)

IDENTITY = EngineIdentity(engine="e", model="m", revision="r", dtype="d")
SAMPLING = SamplingParameters()
CHANGED = {
    "max_new_tokens": 1,
    "temperature": 0.5,
    "top_p": 0.5,
    "top_k": 5,
    "repetition_penalty": 1.5,
    "seed": 1,
    "stop_strings": ("x",),
}


def response(text="answer"):
    return CachedResponse(
        text=text, finish_reason="stop", prompt_tokens=3, generated_tokens=2, total_s=1.0
    )


def test_key_is_the_same_for_the_same_question():
    assert response_key(IDENTITY, SAMPLING, "p") == response_key(
        replace(IDENTITY), replace(SAMPLING), "p"
    )


@pytest.mark.parametrize("name", [field.name for field in fields(SamplingParameters)])
def test_every_sampling_setting_changes_the_key(name):
    changed = replace(SAMPLING, **{name: CHANGED[name]})
    assert response_key(IDENTITY, changed, "p") != response_key(IDENTITY, SAMPLING, "p")


@pytest.mark.parametrize("name", [field.name for field in fields(EngineIdentity)])
def test_everything_about_the_model_changes_the_key(name):
    changed = replace(IDENTITY, **{name: "other"})
    assert response_key(changed, SAMPLING, "p") != response_key(IDENTITY, SAMPLING, "p")


def test_prompt_changes_the_key():
    assert response_key(IDENTITY, SAMPLING, "p") != response_key(IDENTITY, SAMPLING, "p ")


def test_answer_expires():
    now = 0.0
    cache = MemoryResponseCache(max_bytes=100, ttl_s=10, timer=lambda: now)
    cache.put("k", response())
    now = 9.9
    assert cache.get("k") == response()
    now = 10.1
    assert cache.get("k") is None
    assert len(cache) == 0


def test_cache_is_bounded_in_bytes_and_drops_the_least_recent():
    cache = MemoryResponseCache(max_bytes=10, ttl_s=10)
    cache.put("a", response("éé"))
    cache.put("b", response("1234"))
    assert cache.size_bytes == 8
    cache.put("c", response("1234"))
    assert cache.get("a") is None
    assert cache.get("b") is not None
    cache.put("d", response("x" * 11))
    assert cache.get("d") is None
    assert cache.get("c") is not None
    cache.clear()
    assert len(cache) == 0


def test_a_cache_that_was_given_is_used_even_while_it_is_empty(tmp_path):
    config = Config(file=tmp_path / "none.toml")
    given = MemoryResponseCache(max_bytes=10, ttl_s=10)
    current = CurrentResponseCache(config.settings, given=given, warn=print)
    assert current.cache is given
    assert current.use(config.with_overrides({"response_cache_bytes": 20})) is given
