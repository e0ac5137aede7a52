"""The Dockerfile names what is there; `make release-check` runs it."""

import importlib
import json
import re
import sys
import tomllib
from pathlib import Path

import pytest

from codeface_jupyter.cli.main import main
from codeface_jupyter.models import catalog

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text()
IGNORE = (ROOT / ".dockerignore").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture
def dockerfile(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / ".ci"))
    return importlib.import_module("dockerfile")


@pytest.fixture
def image_build(dockerfile):
    return importlib.import_module("image_build")


@pytest.fixture
def builder(tmp_path, monkeypatch):
    """Have a script stand for Docker; what is given returns the file of what it was told."""

    def stand_in(refused):
        script, told = tmp_path / "builder", tmp_path / "told"
        script.write_text(f'#!/bin/sh\necho "$@" >> {told}\ntest "$1" != {refused}\n')
        script.chmod(0o755)
        monkeypatch.setenv("RELEASE_IMAGE_TOOL", str(script))
        return told

    monkeypatch.setenv("RELEASE_IMAGE_OPTIONS", "")
    return stand_in


@pytest.fixture
def steps(dockerfile):
    return [step for stage in dockerfile.stages(TEXT) for step in stage]


def test_what_it_copies_is_there_and_sent(dockerfile, steps):
    sent = set(dockerfile.context_files())
    copied = [dockerfile.copied(step) for step in steps if step.word == "COPY"]
    sources = {source for stage, sources, _ in copied if not stage for source in sources}
    for source in sources:
        assert [name for name in sent if name == source or name.startswith(f"{source}/")], source
    # Nothing is sent for nothing.
    assert {name.partition("/")[0] for name in sent} == sources


@pytest.mark.parametrize(
    ("path", "is_sent"),
    [
        ("codeface_jupyter/errors.py", True),
        ("codeface_jupyter/labextension/package.json", False),
        ("labextension/src/index.ts", True),
        ("labextension/.npmrc", True),
        ("labextension/node_modules/a/b.js", False),
        ("notebooks/.ipynb_checkpoints/a.ipynb", False),
        ("codeface_jupyter/cli/__pycache__/main.pyc", False),
        ("docs/images/error.png", True),
        ("tests/conftest.py", False),
        (".git/config", False),
        (".venv/bin/python", False),
    ],
)
def test_what_is_built_and_what_it_does_not_need_is_not_sent(dockerfile, path, is_sent):
    assert dockerfile.is_sent(path, ignore=IGNORE) == is_sent


def test_the_wheel_that_is_built_has_what_a_build_needs(dockerfile):
    build = dockerfile.stages(TEXT)[1]
    copied = {source for s in build if s.word == "COPY" for source in dockerfile.copied(s)[1]}
    project = PROJECT["project"]
    assert {"pyproject.toml", "hatch_build.py", project["readme"]} <= copied
    assert set(project["license-files"]) <= copied


def test_what_it_installs_and_fetches_exists():
    extras = re.search(r"\.whl\)\[([\w,]+)\]", TEXT)[1].split(",")
    assert set(extras) <= set(PROJECT["project"]["optional-dependencies"])
    groups, models = (
        re.findall(named, TEXT) for named in (r"pyproject.toml:(\w+)", r"codeface pull (\S+)")
    )
    assert groups
    assert set(groups) <= set(PROJECT["dependency-groups"])
    assert models
    assert all(map(catalog.find, models))


def test_the_commands_of_ours_exist(capsys):
    named = re.findall(r"RUN codeface (\w+)", TEXT)
    assert named
    for name in named:
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        assert ended.value.code == 0


def test_it_starts_jupyterlab_on_the_quick_start_as_a_user_who_is_not_root(dockerfile, steps):
    last = dockerfile.stages(TEXT)[-1]
    words = [step.word for step in last]
    assert words[-1] == "CMD"
    (user,) = [step.text for step in last if step.word == "USER"]
    assert user == "${NB_UID}"
    assert {"NB_USER", "NB_UID"} <= {s.text.partition("=")[0] for s in last if s.word == "ARG"}
    command = json.loads(last[-1].text)
    assert command[:2] == ["jupyter", "lab"]
    (page,) = [word for word in command if "default_url" in word]
    assert (ROOT / page.partition("/tree/")[2]).is_file()


def test_a_check_starts_it_for_this_machine_only(dockerfile):
    command = json.loads(dockerfile.stages(TEXT)[-1][-1].text)
    started = dockerfile.start_command(command, port=4321)
    assert started[:2] == ["jupyter", "lab"]
    assert {"--ip=127.0.0.1", "--port=4321", "--IdentityProvider.token="} < set(started)
    assert not [word for word in started if "0.0.0.0" in word or "8888" in word]


def test_its_python_is_one_that_the_package_takes():
    version = re.search(r"PYTHON_IMAGE=python:(\d+\.\d+)", TEXT)[1]
    assert f"Programming Language :: Python :: {version}" in PROJECT["project"]["classifiers"]


def test_it_names_no_host():
    assert "://" not in TEXT


@pytest.mark.skipif(sys.platform == "win32", reason="a script stands for Docker")
class TestImageBuild:
    @pytest.mark.parametrize("refused", ["info", "pull"])
    def test_it_is_not_run_where_nothing_builds_or_pythons_image_is_out_of_reach(
        self, image_build, builder, refused, tmp_path
    ):
        told = builder(refused)
        with pytest.raises(sys.modules["commands"].NotRunError):
            image_build.build_image(tmp_path / "scratch")
        assert "build" not in told.read_text()

    def test_a_build_that_fails_is_a_failure(self, image_build, builder, tmp_path):
        told = builder("build")
        with pytest.raises(sys.modules["commands"].CheckFailedError):
            image_build.build_image(tmp_path / "scratch")
        assert "pull docker.io/library/python:3.11-slim" in told.read_text()

    def test_an_image_in_place_of_pythons_is_not_fetched(
        self, image_build, builder, tmp_path, monkeypatch
    ):
        told = builder("run")
        monkeypatch.setenv("RELEASE_IMAGE_OPTIONS", "--build-arg PYTHON_IMAGE=localhost/mine")
        with pytest.raises(sys.modules["commands"].CheckFailedError):
            image_build.build_image(tmp_path / "scratch")
        words = [line.split()[0] for line in told.read_text().splitlines()]
        assert words == ["info", "build", "run", "image"]
