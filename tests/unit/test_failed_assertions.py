"""What a failed assertion says of the values that it compared."""

from __future__ import annotations

import itertools
import linecache
import time

import pytest

from codeface_jupyter.trials.copy import Limits
from codeface_jupyter.trials.failed_assertions import failed_comparison
from codeface_jupyter.trials.outcome import try_code

NAME = "<an assertion of these tests>"
LIMITS = Limits(seconds=20)
NUMBERS = "counter = itertools.count()\ndef double(x):\n    return x + 3\n"


def compared(code: str) -> str:
    """Run code that fails and return what is said of it."""
    linecache.cache[NAME] = (len(code), None, code.splitlines(keepends=True), NAME)
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - of any kind
        exec(compile(code, NAME, "exec"), {"itertools": itertools, "time": time})
    return failed_comparison(caught.value)


@pytest.mark.parametrize(
    ("assertion", "told"),
    [
        ("assert double(2) == 4", "double(2) gives 5, not 4"),
        (
            "def test():\n    x = 2\n    assert double(x) == 2 * x\ntest()",
            "double(x) gives 5, not 4",
        ),
        ("assert [double(2)] == [\n    4,\n]", "[double(2)] gives [5], not [4]"),
        ("assert str(double(2)) == '4'", "str(double(2)) gives '5', not '4'"),
        ("assert set() == {1}", "set() gives set(), not {1}"),
    ],
)
def test_both_values_are_said(assertion: str, told: str) -> None:
    assert compared(NUMBERS + assertion) == told


@pytest.mark.parametrize(
    "assertion",
    [
        "assert double(2) == 4, 'two and two'",
        "assert double(2) < 4",
        "assert double(2) == 4 == 5",
        "assert not double(2)",
        "assert next(counter) == 1",
        "assert next(counter) == 7",
        "password = 'hunter2'\nassert password == ''",
        "key = __import__('os').environ.get('API_KEY', 'hunter2')\nassert '' == key",
        "raise AssertionError",
        "1 / 0",
        "def wait():\n    time.sleep(0.4)\n    return 1\nassert wait() == wait() + 1",
    ],
)
def test_nothing_is_said_that_is_not_certain(assertion: str) -> None:
    assert compared(NUMBERS + assertion) == ""


def test_an_answer_tells_what_its_assertion_found() -> None:
    outcome = try_code("assert double(2) == 4", {"double": lambda x: x + 3}, limits=LIMITS)
    assert outcome is not None
    assert (outcome.error_type, outcome.error) == ("AssertionError", "double(2) gives 5, not 4")
    assert outcome.compared == outcome.error


def test_what_an_assertion_says_itself_is_no_comparison() -> None:
    outcome = try_code("assert 1 == 2, '1 gives 1, not 2'", {}, limits=LIMITS)
    assert outcome is not None
    assert (outcome.error, outcome.compared) == ("1 gives 1, not 2", "")


def test_a_test_tells_what_it_found() -> None:
    code = "def test_double():\n    assert double(2) == 4"
    outcome = try_code(code, {"double": lambda x: x + 3}, limits=LIMITS, tested="double")
    assert outcome is not None
    assert "double(2) gives 5, not 4" in outcome.error
    assert outcome.compared == outcome.tests[0].compared == "double(2) gives 5, not 4"
