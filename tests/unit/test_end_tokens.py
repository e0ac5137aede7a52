"""The tokens that end an answer, as a model's folder names them."""

import json
from pathlib import Path

import pytest

from codeface_jupyter.models.end_tokens import configured_eos_ids


@pytest.mark.parametrize(
    ("generation", "config", "found"),
    [
        ({"eos_token_id": [1, 2]}, {"eos_token_id": 3}, [1, 2]),
        ({"eos_token_id": None}, {"eos_token_id": 0}, 0),
        (None, {"text_config": {"eos_token_id": 4}}, 4),
        (None, {"eos_token_id": 5, "text_config": {"eos_token_id": 6}}, 5),
        (None, {"text_config": "none"}, None),
        ("no object", {"eos_token_id": 7}, 7),
        (None, None, None),
        ({"eos_token_id": "x"}, None, []),
        ({"eos_token_id": [1, "x", None, {}, -2]}, None, [1]),
    ],
)
def test_the_generation_config_comes_first_then_the_config_and_its_part_about_text(
    tmp_path: Path, generation: object, config: object, found: object
) -> None:
    for name, content in (("generation_config", generation), ("config", config)):
        if content is not None:
            (tmp_path / f"{name}.json").write_text(json.dumps(content))
    assert configured_eos_ids(tmp_path) == found
