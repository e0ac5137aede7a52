"""Run the tests of an answer in the copy of the kernel, and find those that test nothing.

A test that still passes when what it tests returns None, whatever it is given, says nothing about
it. pytest's functions without fixtures and unittest's cases are run.
"""

from __future__ import annotations

import ast
import inspect
import unittest
from collections.abc import Callable, Iterable, Iterator
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
    errors = [_error_of(test) for _, test in tests]
    namespace[tested] = _nothing
    return [
        {"name": name, "error": error, "tests_nothing": not error and not _error_of(test)}
        for (name, test), error in zip(tests, errors, strict=True)
    ]


def _tests(
    namespace: dict[str, Any], names: Iterable[str]
) -> Iterator[tuple[str, Callable[[], object]]]:
    for name in names:
        found = namespace.get(name)
        if isinstance(found, type) and issubclass(found, unittest.TestCase):
            for method in unittest.defaultTestLoader.getTestCaseNames(found):
                yield f"{name}.{method}", found(method).debug
        elif name.startswith("test") and inspect.isfunction(found) and _takes_nothing(found):
            yield name, found


def _takes_nothing(function: Callable[..., object]) -> bool:
    parameters = inspect.signature(function).parameters.values()
    return all(parameter.default is not parameter.empty for parameter in parameters)


def _nothing(*_: object, **__: object) -> None:
    """Stand in for what is tested."""


def _error_of(test: Callable[[], object]) -> str:
    """Return what a test raises; empty if it passes."""
    try:
        test()
    except BaseException as error:  # noqa: BLE001 - that is what a test is for; pytest's too
        return "" if _is_skip(error) else told_error(error) + _line_of(error)
    return ""


def _is_skip(error: BaseException) -> bool:
    return isinstance(error, unittest.SkipTest) or is_instance(error, "_pytest.outcomes", "Skipped")


def _line_of(error: BaseException) -> str:
    """Return what a bare assertion compares, or its statement: it has no message."""
    if not isinstance(error, AssertionError) or looked_at(lambda: str(error), otherwise=""):
        return ""
    if compared := failed_comparison(error):
        return f": {compared}"
    frames = inspect.getinnerframes(error.__traceback__) if error.__traceback__ else []
    lines = frames[-1].code_context if frames else None
    return f": {lines[0].strip()}" if lines else ""
