"""Run the tests of an answer in the copy of the kernel, and find those that test nothing.

A test that still passes when what it tests returns None, and when it returns what nobody expects,
says nothing about it. pytest's functions without fixtures and unittest's cases are run.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import unittest
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from codeface_jupyter.namespace.classes import is_instance
from codeface_jupyter.namespace.foreign_code import told_error
from codeface_jupyter.syntax import parse_module
from codeface_jupyter.trials.failed_assertions import failed_comparison
from codeface_jupyter.trials.looking import looked_at

__all__ = ["checks_something", "run_tests"]

Told = dict[str, object]

# What unittest, numpy and pandas check with begins so; these are pytest's, doctest's, hypothesis's.
ASSERTS = "assert"
CHECKS = frozenset({"fail", "given", "raises", "run_docstring_examples", "testmod", "warns"})


@dataclass(frozen=True)
class _Failure:
    """What a test raises, and what its assertion has compared; both are empty if it passes."""

    error: str = ""
    compared: str = ""


def checks_something(code: str, *, tested: str) -> bool:
    """Whether a code checks anything: it asserts, raises, or calls what does.

    Parameters
    ----------
    code
        The code; of what cannot be read it is taken for granted.
    tested
        The name of what it is to test, which may check something itself.
    """
    tree = parse_module(code)
    if tree is None:
        return True
    own = [node for node in tree.body if getattr(node, "name", "") != tested]
    nodes = [node for statement in own for node in ast.walk(statement)]
    called = (node.func for node in nodes if isinstance(node, ast.Call))
    names = [getattr(func, "attr", getattr(func, "id", "")) for func in called]
    is_called = any(name in CHECKS or name.lower().startswith(ASSERTS) for name in names)
    return is_called or any(isinstance(node, ast.Assert | ast.Raise) for node in nodes)


def run_tests(namespace: dict[str, Any], *, names: Iterable[str], tested: str) -> list[Told]:
    """Run the tests among ``names`` and return what became of each, as JSON values.

    Parameters
    ----------
    namespace
        The copy's own names; ``tested`` is bound to something else in the end.
    names
        The names that the code has bound.
    tested
        The name of the function or class under test.
    """
    tests = list(_tests(namespace, names))
    failures = [_failure_of(test) for _, test in tests]
    idle = [not failure.error for failure in failures]
    # That None is returned may be what is tested; an object of its own is what nobody expects.
    for returned in (None, object()):
        namespace[tested] = _stand_in(namespace.get(tested), returned)
        idle = [
            is_idle and not _failure_of(test).error
            for is_idle, (_, test) in zip(idle, tests, strict=True)
        ]
    return [
        {
            "name": name,
            "error": failure.error,
            "compared": failure.compared,
            "tests_nothing": is_idle,
        }
        for (name, _), failure, is_idle in zip(tests, failures, idle, strict=True)
    ]


def _tests(
    namespace: dict[str, Any], names: Iterable[str]
) -> Iterator[tuple[str, Callable[[], object]]]:
    for name in names:
        found = namespace.get(name)
        if isinstance(found, type) and issubclass(found, unittest.TestCase):
            for method in unittest.defaultTestLoader.getTestCaseNames(found):
                yield f"{name}.{method}", partial(_run_case, found, method)
        elif name.startswith("test") and inspect.isfunction(found) and _takes_nothing(found):
            yield name, partial(_run_awaited, found) if _is_async(found) else found


def _run_case(case: type[unittest.TestCase], method: str) -> None:
    # A suite also sets the class up; it can be run only once.
    unittest.TestSuite([case(method)]).debug()


def _run_awaited(function: Callable[[], Coroutine[Any, Any, object]]) -> None:
    asyncio.run(function())


def _is_async(function: object) -> bool:
    return inspect.iscoroutinefunction(function)


def _takes_nothing(function: Callable[..., object]) -> bool:
    parameters = inspect.signature(function).parameters.values()
    return all(parameter.default is not parameter.empty for parameter in parameters)


def _stand_in(tested: object, returned: object) -> Callable[..., object]:
    """Return what takes anything and returns one thing, awaited where ``tested`` is."""

    async def returns_awaited(*_: object, **__: object) -> object:
        return returned

    def returns(*_: object, **__: object) -> object:
        return returned

    return returns_awaited if _is_async(tested) else returns


def _failure_of(test: Callable[[], object]) -> _Failure:
    """Return what a test raises."""
    try:
        test()
    except BaseException as error:  # noqa: BLE001 - that is what a test is for; pytest's too
        return _Failure() if _is_skip(error) else _told_failure(error)
    return _Failure()


def _told_failure(error: BaseException) -> _Failure:
    compared = failed_comparison(error)
    return _Failure(told_error(error) + _line_of(error, compared), compared)


def _is_skip(error: BaseException) -> bool:
    return isinstance(error, unittest.SkipTest) or is_instance(error, "_pytest.outcomes", "Skipped")


def _line_of(error: BaseException, compared: str) -> str:
    """Return what a bare assertion compares, or its statement: it has no message."""
    if not isinstance(error, AssertionError) or looked_at(lambda: str(error), otherwise=""):
        return ""
    if compared:
        return f": {compared}"
    frames = inspect.getinnerframes(error.__traceback__) if error.__traceback__ else []
    lines = frames[-1].code_context if frames else None
    return f": {lines[0].strip()}" if lines else ""
