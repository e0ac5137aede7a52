"""The command that has IPython load the extension, and the one that undoes it."""

import os
import subprocess
import sys

import pytest

from codeface_jupyter.cli.main import main


@pytest.fixture(autouse=True)
def ipython_folder(tmp_path, monkeypatch):
    folder = tmp_path / "ipython"
    folder.mkdir()
    monkeypatch.setenv("IPYTHONDIR", str(folder))
    return folder


def contents(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_disable_leaves_everything_as_it_was_before_enable(ipython_folder, capsys):
    for _ in range(2):
        assert main(["enable"]) == 0
    assert contents(ipython_folder)[-1] == "profile_default/startup/50-codeface.py"

    assert main(["disable"]) == 0
    assert contents(ipython_folder) == []
    assert main(["disable"]) == 0
    assert "not enabled" in capsys.readouterr().out


def test_what_else_is_in_the_profile_stays(ipython_folder):
    startup = ipython_folder / "profile_work" / "startup"
    startup.mkdir(parents=True)
    (startup / "00-mine.py").write_text("x = 1")
    before = contents(ipython_folder)

    assert main(["enable", "--profile", "work"]) == 0
    assert (startup / "50-codeface.py").is_file()
    assert main(["disable", "--profile", "work"]) == 0

    assert contents(ipython_folder) == before


@pytest.mark.parametrize(
    ("profile", "words"), [("none", "ipython profile create none"), ("../x", "cannot be the name")]
)
def test_a_profile_that_is_not_there_is_refused(profile, words, capsys):
    assert main(["enable", "--profile", profile]) == 1
    assert words in capsys.readouterr().err.replace("\n", " ")


def test_a_file_of_the_users_of_that_name_is_left_alone(ipython_folder, capsys):
    file = ipython_folder / "profile_default" / "startup" / "50-codeface.py"
    file.parent.mkdir(parents=True)
    file.write_text("mine = 1")

    assert main(["enable"]) == main(["disable"]) == 1

    assert file.read_text() == "mine = 1"
    assert "not written by CodeFace" in capsys.readouterr().err.replace("\n", " ")


def test_a_folder_that_cannot_be_written_is_refused_in_words(ipython_folder, capsys):
    (ipython_folder / "profile_default").write_text("no folder")

    assert main(["enable"]) == 1

    assert "cannot be written" in capsys.readouterr().err.replace("\n", " ")


@pytest.mark.parametrize("is_installed", [True, False])
def test_ipython_starts_with_the_magics_where_the_package_is(ipython_folder, is_installed):
    assert main(["enable"]) == 0
    (ipython_folder / "profile_default" / "startup" / "00-hide.py").write_text(
        "import importlib.util as _u\n"
        + ("" if is_installed else "_u.find_spec = lambda name: None\n")
    )
    code = "print('codeface' in get_ipython().magics_manager.magics['cell'])"

    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "-c", code],
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == str(is_installed)
    assert "Error" not in done.stderr
