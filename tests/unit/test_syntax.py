"""Code that is only looked at."""

import ast
import warnings

import pytest

from codeface_jupyter.syntax import dumped, parse_expression, parse_module, parsed, unparsed
from codeface_jupyter.trials.checks.source import read_source

# Python reads more digits than it writes.
LONG_NUMBER = f"0x{'f' * 5000}"
# Python warns of what is called, of the backslash, and of the comparison.
DOUBTFUL = "x = (1)(2)\ny = '\\d'\nz = x is 1"


@pytest.mark.parametrize("action", ["always", "error"])
def test_what_python_warns_of_is_not_told_of_code_that_nobody_has_run(action):
    with warnings.catch_warnings(record=action == "always") as told:
        warnings.simplefilter(action)
        assert read_source(DOUBTFUL).tree is not None
        assert read_source(f"    {DOUBTFUL}".replace("\n", "\n    ")).tree is not None
        assert parse_module(DOUBTFUL) is not None
        assert parse_expression("(1)(2)") is not None
        assert not told


def test_the_users_filters_stay():
    before = list(warnings.filters)
    read_source(DOUBTFUL)
    parse_module("not (")
    assert list(warnings.filters) == before


def test_of_the_users_own_it_is_told_and_once_only():
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        for _ in range(3):
            read_source(DOUBTFUL)
            compile("x = (1)(2)", "<ipython-input-1>", "exec")
            warnings.warn("mine", UserWarning, stacklevel=1)

    assert [str(one.message) for one in told].count("mine") == 1
    assert any("not callable" in str(one.message) for one in told)


def test_a_number_that_python_does_not_write_is_compared_and_written_all_the_same():
    tree = parsed(f"x = {LONG_NUMBER} + 1")
    assert dumped(tree) == dumped(parsed(f"x  =  {LONG_NUMBER}+1"))
    assert dumped(tree) != dumped(parsed(f"x = {LONG_NUMBER}f + 1"))
    assert unparsed(tree) == f"x = {LONG_NUMBER} + 0x1"
    with pytest.raises(ValueError, match="4300 digits"):
        ast.dump(tree)


def test_usual_code_is_written_as_python_does():
    tree = parsed(DOUBTFUL)
    assert dumped(tree) == ast.dump(tree)
    assert unparsed(tree) == ast.unparse(tree)
