"""Which options decide an answer, so that another value of one makes another response key."""

import os
import subprocess
import sys
from typing import Annotated

import pytest
from pydantic import Field, SecretStr

from codeface_jupyter.config import NOT_IN_RESPONSE_KEY, EngineOptions
from codeface_jupyter.config.engine_options import answer_digest, installed_engines

HASHING = """
from pydantic import BaseModel
from codeface_jupyter.config import EngineOptions
from codeface_jupyter.config.engine_options import answer_digest

class Part(BaseModel):
    names: frozenset[str] = frozenset()

class Options(EngineOptions):
    names: set[str] = set()
    table: dict[int, tuple[set[str], int]] = {}
    part: Part = Part()

words = {"one", "two", "three", "four", "five"}
print(answer_digest(Options(names=words, table={1: (words, 2)}, part=Part(names=words))))
"""


class Options(EngineOptions):
    threads: int = 4
    prices: dict[str, float] = Field(default_factory=dict)
    names: list[str] = Field(default_factory=list)
    patience: Annotated[float, NOT_IN_RESPONSE_KEY] = 1.0
    api_key: SecretStr | None = None
    headers: dict[str, SecretStr] = Field(default_factory=dict)


@pytest.mark.parametrize("changed", [{"threads": 5}, {"prices": {"a": 1}}])
def test_an_option_away_from_its_default_decides_answers(changed):
    assert answer_digest(Options(**changed)) not in {"", answer_digest(Options(threads=9))}
    assert answer_digest(Options(**changed)) == answer_digest(Options(**changed))


@pytest.mark.parametrize(
    "changed",
    [{}, {"threads": 4}, {"patience": 2}, {"api_key": "sesame"}, {"headers": {"a": "sesame"}}],
)
def test_a_default_a_mark_and_a_secret_decide_none(changed):
    assert answer_digest(Options(**changed)) == ""


@pytest.mark.parametrize("engine", ["openai", "openvino", "transformers"])
def test_what_cannot_change_an_answer_of_ours_splits_no_response_cache(engine):
    options = installed_engines()[engine].options
    given = {
        "api_key": "sesame",
        "request_timeout_s": 1,
        "request_retries": 0,
        "remote_context_window": 100,
        # The identity has what becomes of these.
        "quantization": "int8",
        "adapter": "folder",
        "offload_folder": "folder",
    }
    assert (
        answer_digest(options(**{k: v for k, v in given.items() if k in options.model_fields}))
        == ""
    )


def test_the_order_of_a_table_decides_none():
    one, other = {"a": 1, "b": 2}, {"b": 2, "a": 1}
    assert answer_digest(Options(prices=one)) == answer_digest(Options(prices=other))
    assert answer_digest(Options(prices=one)) != answer_digest(Options(prices={"a": 2, "b": 1}))


def test_the_order_of_a_list_decides_an_answer():
    one, other = Options(names=["a", "b"]), Options(names=["b", "a"])
    assert answer_digest(one) != answer_digest(other)


def test_the_order_of_a_set_in_a_process_decides_none():
    digests = {
        subprocess.run(
            [sys.executable, "-c", HASHING],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(digests) == 1
