"""Engines are found by name, and a wrong name is answered with the right ones."""

import pytest

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.openvino import support as openvino_model
from codeface_jupyter.engines.registry import available_engines, create_engine
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.engines.text.context_window import check_prompt_fits
from codeface_jupyter.engines.transformers.engine import TransformersEngine
from codeface_jupyter.errors import EngineUnavailableError, PromptTooLongError


def test_the_engines_of_this_package_are_registered():
    assert {"openvino", "scripted", "transformers"} <= set(available_engines())


def test_an_engine_is_made_by_name():
    assert isinstance(create_engine(Settings(engine="scripted")), ScriptedEngine)


def test_without_a_faster_one_auto_takes_the_engine_that_runs_every_model(monkeypatch):
    monkeypatch.setattr(openvino_model, "find_spec", lambda _: None)
    assert isinstance(create_engine(Settings(engine="auto")), TransformersEngine)


def test_an_unknown_engine_is_refused_and_the_known_ones_named():
    with pytest.raises(EngineUnavailableError, match=r"no engine 'fast'.*scripted.*transformers"):
        create_engine(Settings(engine="fast"))


def test_a_prompt_fits_a_window_exactly_or_one_that_is_unknown():
    check_prompt_fits(prompt_tokens=90, max_new_tokens=10, context_window=100)
    check_prompt_fits(prompt_tokens=10**9, max_new_tokens=10, context_window=None)


def test_a_prompt_one_token_too_long_is_refused_with_the_numbers():
    with pytest.raises(PromptTooLongError, match=r"91 tokens.*10.*100"):
        check_prompt_fits(prompt_tokens=91, max_new_tokens=10, context_window=100)
