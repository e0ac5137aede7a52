import inspect
import pickle
import re
import tomllib
from pathlib import Path

import pytest

from codeface_jupyter import errors
from codeface_jupyter.errors import (
    CodeFaceError,
    ConfigError,
    DigestMismatchError,
    ModelNotFetchedError,
    NotEnoughMemoryError,
    PromptTooLongError,
    UnknownNameError,
    install_hint,
)

EXAMPLES = [
    ConfigError("no such setting", hint="look again"),
    DigestMismatchError("a.bin", expected="a" * 64, actual="b" * 64),
    ModelNotFetchedError("owner/tiny").in_dry_run(),
    NotEnoughMemoryError("too big", needed_bytes=2, available_bytes=1),
    PromptTooLongError(prompt_tokens=9, max_new_tokens=3, context_window=10),
    UnknownNameError("dff", close_names=["df"]),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda e: type(e).__name__)
def test_error_survives_pickling_with_its_fields(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def test_error_shows_as_one_line_and_a_hint():
    lines = UnknownNameError("dff", close_names=["df"])._render_traceback_()
    assert len(lines) == 2
    assert "'dff' is not defined" in lines[0]
    assert lines[1] == "Did you mean df?"


def test_prompt_too_long_says_both_numbers():
    message = str(PromptTooLongError(prompt_tokens=9000, max_new_tokens=512, context_window=8192))
    assert "9,000" in message
    assert "8,192" in message


def test_every_error_is_public_and_drawn_in_the_tree():
    classes = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, CodeFaceError)
    }
    assert classes == set(errors.__all__) - {"first_line", "install_hint", "reason_of"}
    assert all(name in errors.__doc__ for name in classes)


def test_every_extra_that_a_hint_names_exists():
    root = Path(errors.__file__).parent
    sources = "".join(file.read_text(encoding="utf-8") for file in root.rglob("*.py"))
    named = set(re.findall(r"install_hint\([\"'](\w+)[\"']\)", sources))
    project = tomllib.loads((root.parent / "pyproject.toml").read_text(encoding="utf-8"))
    assert {"openvino", "redis", "remote"} <= named
    assert named <= set(project["project"]["optional-dependencies"])
    assert install_hint("redis") == 'pip install "codeface-jupyter[redis]"'


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("No such kind.\nLong story"), "No such kind"),
        (OSError("\n  broken pipe \n"), "broken pipe"),
        (KeyError(), "KeyError"),
    ],
)
def test_an_error_is_quoted_by_its_first_line(error, line):
    assert errors.first_line(error) == line
