"""Broken plug-ins of others: each harms no other engine, and says what is wrong with it."""

import re
import subprocess
import sys

import pytest

from codeface_jupyter.config import Config, Settings
from codeface_jupyter.config.engine_options import installed_engines
from codeface_jupyter.engines.registry import create_engine, engine_choice, engine_fitness
from codeface_jupyter.errors import ConfigError, EngineUnavailableError

LOADING = """
import sys
sys.path.insert(0, sys.argv[1])
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "codeface_jupyter")
shell.run_line_magic("codeface_config", "seed=3")
print("loaded")
"""


@pytest.fixture
def package(engine_package, monkeypatch):
    monkeypatch.syspath_prepend(str(engine_package))
    yield engine_package
    for module in ("codeface_echo", "codeface_broken"):
        sys.modules.pop(module, None)


def register(folder, entry_point):
    """Have the package in ``folder`` bring another engine in the place of its own."""
    entry_points = folder / "codeface_echo-1.0.dist-info" / "entry_points.txt"
    entry_points.write_text(f"[codeface_jupyter.engines]\n{entry_point}\n")


@pytest.mark.parametrize(
    ("entry_point", "said"),
    [
        ("codeface_no_such_module:plugin", "cannot be imported"),
        ("codeface_echo:EchoEngine", "is not the plug-in"),
        ("codeface_echo:EchoOptions", "is not the plug-in"),
        ("codeface_broken:nameless", "is not the plug-in"),
        ("codeface_broken:unasked", "is not the plug-in"),
        ("codeface_broken:uncreated", "is not the plug-in"),
        ("codeface_broken:hostile", "RuntimeError('no name for you')"),
        ("codeface_exiting:plugin", "cannot be imported: SystemExit(3)"),
        ("codeface_broken:arbitrary", "its options cannot be built: TypeError"),
        ("codeface_broken:forward", "options cannot be built: TypeError(\"name 'Missing'"),
        ("codeface_broken:without_default", "options cannot be built: RuntimeError('no device')"),
    ],
)
def test_a_broken_plugin_harms_no_other_and_says_what_it_is(package, caplog, entry_point, said):
    register(package, f"broken = {entry_point}")
    with caplog.at_level("WARNING"):
        fitness = engine_fitness(Settings())
    assert said in fitness["broken"].problem
    assert "broken" in caplog.text
    assert engine_choice(Settings()).name != "broken"
    with pytest.raises(EngineUnavailableError, match=re.escape(said)):
        create_engine(Settings(engine="broken"))


@pytest.mark.parametrize(
    ("plugin", "said"),
    [
        ("failing", "its plug-in failed: RuntimeError('no disk')"),
        ("silent", "a Fitness was expected, not None"),
        ("exiting", "its plug-in failed: SystemExit('no licence')"),
        ("unbuilt", "its plug-in failed: TypeError"),
    ],
)
def test_a_plugin_that_fails_when_it_is_asked_harms_no_other(package, plugin, said):
    register(package, f"broken = codeface_broken:{plugin}")
    fitness = engine_fitness(Settings())
    assert said in fitness["broken"].problem
    assert fitness["scripted"].reason
    assert engine_choice(Settings(), fitness).name != "broken"


def test_what_is_said_to_a_broken_plugin_is_left_unread_where_it_lasts(
    package, tmp_path, monkeypatch
):
    register(package, "broken = codeface_no_such_module:plugin")
    file = tmp_path / "config.toml"
    file.write_text("seed = 7\n\n[broken]\nspeed = 3\n")
    monkeypatch.setenv("CODEFACE_BROKEN__SPEED", "4")
    config = Config(file=file)
    assert config.settings.seed == 7
    assert config.set(seed=8).seed == 8
    with pytest.raises(ConfigError, match=r"broken.speed \(%config\): .*cannot be imported"):
        config.set(**{"broken.speed": 5})


@pytest.mark.parametrize(
    "entry_point",
    [
        "codeface_exiting:plugin",
        "codeface_broken:arbitrary",
        "codeface_broken:forward",
        "codeface_broken:without_default",
        "codeface_broken:exiting",
        "codeface_broken:moody",
    ],
)
def test_the_extension_loads_beside_any_of_them(package, entry_point):
    register(package, f"broken = {entry_point}")
    done = subprocess.run(
        [sys.executable, "-c", LOADING, str(package)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.endswith("loaded\n"), done.stdout + done.stderr


def test_a_default_that_cannot_be_had_a_second_time_is_empty(package):
    register(package, "broken = codeface_broken:moody")
    assert not installed_engines()["broken"].problem
    assert Settings().value_of("mood") is None
    fitness = engine_fitness(Settings())
    assert fitness["broken"].problem.startswith("defaults (for the broken engine): ")
    assert engine_choice(Settings(), fitness).name != "broken"


# A check of an option that raises what it should not


@pytest.mark.parametrize("name", ["size", "broken.size"])
def test_a_check_that_fails_refuses_the_value_without_repeating_it(package, name):
    register(package, "broken = codeface_broken:strict")
    said = rf"{re.escape(name)} \(%config\), read by the broken engine: "
    with pytest.raises(ConfigError, match=said) as caught:
        Config().set(**{name: "31337"})
    assert "31337" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_name_alone_that_another_engine_takes_makes_only_that_engine_unfit(package, monkeypatch):
    register(package, "broken = codeface_broken:strict")
    monkeypatch.setenv("CODEFACE_DTYPE", "float32")
    settings = Config().settings
    assert settings.value_of("dtype") == "float32"
    fitness = engine_fitness(settings)
    assert fitness["broken"].problem.startswith("dtype (for the broken engine): ")
    assert engine_choice(settings, fitness).name != "broken"
    with pytest.raises(ConfigError, match=r"dtype \(for the broken engine\)") as caught:
        create_engine(settings.model_copy(update={"engine": "broken"}))
    assert "float32" not in str(caught.value)


# Two of one name


@pytest.mark.parametrize("first_on_path", ["early", "late"])
def test_of_two_engines_with_one_name_the_same_wins_on_any_path(
    package, tmp_path, monkeypatch, first_on_path
):
    for distribution in ("early", "late"):
        about = tmp_path / distribution / f"{distribution}-1.0.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
        )
        (about / "entry_points.txt").write_text(
            f"[codeface_jupyter.engines]\ntwin = codeface_twins:{distribution}\n"
        )
    for distribution in sorted(("early", "late"), key=lambda name: name == first_on_path):
        monkeypatch.syspath_prepend(str(tmp_path / distribution))
    assert installed_engines()["twin"].plugin.says == "early"
