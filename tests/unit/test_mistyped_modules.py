"""Modules that are not found, and those that may have been meant."""

from __future__ import annotations

import matplotlib as mpl
import pytest

from codeface_jupyter.context import ErrorInfo
from codeface_jupyter.trials.mistyped_modules import meant_module
from codeface_jupyter.trials.slips import without_slip


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("numpi", "numpy"),
        ("pands", "pandas"),
        ("jsno", "json"),
        ("matplotlib.pylot", "matplotlib.pyplot"),
        ("nothing_like_it", None),
        # A module of one's own.
        *((name, None) for name in ("signals", "jsons", "tokens", "platforms", "times", "enums")),
        ("matplotlib.nothing", None),
        ("nothing.pyplot", None),
        # What is not installed is not offered in the place of another.
        ("pyspakr", None),
    ],
)
def test_the_one_that_is_there_is_meant(name: str, meant: str | None) -> None:
    # What is imported can be listed.
    assert mpl.__path__
    found = meant_module(f"No module named '{name}'")
    assert found == (None if meant is None else (name, meant))


def test_the_cell_imports_and_names_it() -> None:
    text = "import numpi\nx = numpi.ones(2)  # 'numpi'\nprint('numpi', a.numpi)"
    error = ErrorInfo(ename="ModuleNotFoundError", evalue="No module named 'numpi'")
    (found,) = without_slip(text, error)
    assert found.code == ("import numpy\nx = numpy.ones(2)  # 'numpi'\nprint('numpi', a.numpi)")
    assert found.notes == ("The module is called `numpy`.",)


def test_what_the_cell_does_not_name_itself_is_left_alone() -> None:
    error = ErrorInfo(ename="ModuleNotFoundError", evalue="No module named 'numpi'")
    assert list(without_slip("import helpers", error)) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("import numpi as np\nnp.ones(2)", "import numpy as np\nnp.ones(2)"),
        ("from numpi import ones\nf(numpi=1)", "from numpy import ones\nf(numpi=1)"),
        ("import numpi\nx = '2 numpi'\nnumpi.e", "import numpy\nx = '2 numpi'\nnumpy.e"),
        # Nothing proves that it is meant.
        ("import numpi", None),
        ("from numpi import *", None),
    ],
)
def test_only_the_module_is_renamed_and_only_where_something_is_read_of_it(
    text: str, code: str | None
) -> None:
    error = ErrorInfo(ename="ModuleNotFoundError", evalue="No module named 'numpi'")
    assert [one.code for one in without_slip(text, error)] == ([code] if code else [])
