"""Engines are found by name, and a wrong name is answered with the right ones."""

import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest

from codeface_jupyter.config import Settings
from codeface_jupyter.config.engine_options import ENTRY_POINT_GROUP, installed_engines
from codeface_jupyter.engines.llamacpp import support as llamacpp_model
from codeface_jupyter.engines.openvino import support as openvino_model
from codeface_jupyter.engines.registry import available_engines, create_engine
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.engines.text.context_window import check_prompt_fits
from codeface_jupyter.engines.transformers.engine import TransformersEngine
from codeface_jupyter.errors import EngineUnavailableError, PromptTooLongError

PYPROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
OURS = PYPROJECT["project"]["entry-points"][ENTRY_POINT_GROUP]


def test_the_entry_points_are_installed_as_they_are_written():
    installed = distribution("codeface-jupyter").entry_points.select(group=ENTRY_POINT_GROUP)
    assert {point.name: point.value for point in installed} == OURS, (
        "pyproject.toml has changed since the package was installed: "
        "run `.venv/bin/python -m pip install --no-deps --editable .`"
    )


def test_the_engines_of_this_package_are_registered():
    plugins = {name: engine.plugin for name, engine in installed_engines().items()}
    ours = {n for n, p in plugins.items() if type(p).__module__.startswith("codeface_jupyter.")}
    assert ours == set(OURS)
    assert ours <= set(available_engines())


def test_the_engines_of_this_package_are_kept_apart():
    contracts = PYPROJECT["tool"]["importlinter"]["contracts"]
    [apart] = [c["modules"] for c in contracts if c["type"] == "independence"]
    # The module, or the folder, that the plug-in is in.
    engines = {".".join(value.partition(":")[0].split(".")[:3]) for value in OURS.values()}
    missing = "".join(f'\n  "{engine}",' for engine in sorted(engines - set(apart)))
    assert not missing, f'"No engine knows another" in pyproject.toml lacks{missing}'
    assert set(apart) == engines


def test_an_engine_is_made_by_name():
    assert isinstance(create_engine(Settings(engine="scripted")), ScriptedEngine)


def test_without_a_faster_one_auto_takes_the_engine_that_runs_every_model(monkeypatch):
    monkeypatch.setattr(openvino_model, "find_spec", lambda _: None)
    monkeypatch.setattr(llamacpp_model, "find_spec", lambda _: None)
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
