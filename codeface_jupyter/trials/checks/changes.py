"""What a call may change of the frames, dicts and objects that something is known of."""

from __future__ import annotations

import ast
import sys
import types

from codeface_jupyter.namespace.classes import module_of
from codeface_jupyter.trials.checks.attributes import is_usual_class
from codeface_jupyter.trials.checks.frame_methods import (
    ROW_METHODS,
    VALUE_METHODS,
    argument,
    is_true,
)
from codeface_jupyter.trials.checks.modules import members
from codeface_jupyter.trials.checks.values import Frame, Keys, Live, Method, Plot, Value, class_of
from codeface_jupyter.trials.checks.variables import Variables

__all__ = ["PURE_PACKAGES", "Changes", "package_of"]

# Their functions do not change the frames that they are given, nor the notebook's variables;
# nor do they give other libraries' classes further attributes.
PURE_PACKAGES = frozenset(
    {
        *("IPython", "builtins", "collections", "copy", "functools", "itertools", "json", "math"),
        *("matplotlib", "numpy", "pandas", "pickle", "plotly", "polars", "pprint", "re"),
        *("scipy", "seaborn", "sklearn", "statistics", "statsmodels", "xgboost", "lightgbm"),
    }
)
FRAME_CHANGING = frozenset({"insert", "pop", "update", "__setitem__", "__delitem__"})
KEYS_CHANGING = frozenset({"clear", "pop", "popitem", "setdefault", "update"})


class Changes:
    """Lets be forgotten what is no longer certain.

    Parameters
    ----------
    variables
        What names stand for.
    own_functions
        The names of functions that the code defines.
    set_by_functions
        The global names that functions bind.

    Attributes
    ----------
    touched
        The ids of objects with which something was done.
    may_touch_any
        Whether something may have been done with any object of the notebook's.
    """

    def __init__(
        self,
        variables: Variables,
        *,
        own_functions: frozenset[str],
        set_by_functions: frozenset[str],
    ) -> None:
        self._variables = variables
        self._own_functions = own_functions
        self._set_by_functions = set_by_functions
        self.touched: set[int] = set()
        self.may_touch_any = False

    def by_call(self, node: ast.Call, function: Value, given: list[Value]) -> None:
        """Forget what a call may change.

        Parameters
        ----------
        node
            The call.
        function
            What is called.
        given
            The arguments, and what lists of them hold.
        """
        match function:
            case Method(owner=Frame() as frame, name=name):
                self._change_frame(frame, name, node)
            case Method(owner=Keys() as keys, name=name) if name in KEYS_CHANGING:
                keys.forget()
            case Method(owner=Live(obj=obj)):
                self.touched.add(id(obj))
        self.touched |= {id(value.obj) for value in given if isinstance(value, Live)}
        is_pure = self._is_pure(function)
        if not is_pure or self._gives_users_function(node):
            self._variables.forget(self._set_by_functions)
        if is_pure and not self._is_handed_on(node, function):
            return
        if self._may_change_any(node, function):
            self.may_touch_any = True
            self._variables.forget_contents()
        for value in given:
            if isinstance(value, Frame | Keys):
                value.forget()

    def _change_frame(self, frame: Frame, name: str, node: ast.Call) -> None:
        if name == "insert":
            label = argument(node, "column", 1)
            if isinstance(label, ast.Constant):
                frame.add(label.value)
            else:
                frame.forget()
        elif name in FRAME_CHANGING or name == "pipe":
            frame.forget()
        elif is_true(argument(node, "inplace", None)):
            kept = frame.labels if name in ROW_METHODS | VALUE_METHODS else None
            frame.forget()
            frame.labels = kept

    def _is_pure(self, function: Value) -> bool:
        if isinstance(function, Method):
            owner = function.owner
            cls = class_of(owner)
            return not isinstance(owner, Live) or (
                cls is not None and package_of(cls) in PURE_PACKAGES
            )
        if isinstance(function, Plot):
            return True
        if not isinstance(function, Live) or function.obj is setattr:
            return False
        return package_of(function.obj) in PURE_PACKAGES

    def _may_change_any(self, node: ast.Call, function: Value) -> bool:
        """Whether a call may change any of the notebook's frames and dicts."""
        return (
            self._is_users(node.func, function)
            or self._is_handed_on(node, function)
            or (function is None and _works_in_place(node))
        )

    def _is_handed_on(self, node: ast.Call, function: Value) -> bool:
        """Whether a function of the user's is given to one that may call it with a frame."""
        return isinstance(function, Live) and self._gives_users_function(node)

    def _gives_users_function(self, node: ast.Call) -> bool:
        parts = [*node.args, *(keyword.value for keyword in node.keywords)]
        names = [part for part in parts if isinstance(part, ast.Name)]
        return any(
            name.id in self._own_functions or _is_users_function(self._variables[name.id])
            for name in names
        )

    def _is_users(self, node: ast.expr, function: Value) -> bool:
        """Whether a function may be one of the notebook's, which can change its variables."""
        if isinstance(node, ast.Name) and (node.id in self._own_functions or function is None):
            return not _is_builtin(node.id)
        match function:
            case Method(owner=Live(obj=obj)):
                return _is_users_own(type(obj))
            case Live(obj=obj):
                return type(obj) is not types.BuiltinFunctionType and _is_users_own(obj)
        return False


def package_of(obj: object) -> str:
    """Return the top-level package that a function or a class is from; its object is not asked."""
    if type(obj) is types.BuiltinFunctionType or type(obj) is types.FunctionType:
        module = obj.__module__
    elif is_usual_class(obj):
        module = module_of(obj)
    else:
        module = module_of(type(obj))
    return module.partition(".")[0] if type(module) is str else ""


def _is_users_function(value: Value) -> bool:
    return (
        isinstance(value, Live)
        and type(value.obj) is types.FunctionType
        and _is_users_own(value.obj)
    )


def _is_users_own(obj: object) -> bool:
    """Whether a function, or the class of something else, is from no package."""
    package = package_of(obj)
    return package in ("", "__main__") or package not in sys.modules


def _works_in_place(node: ast.Call) -> bool:
    is_changing = isinstance(node.func, ast.Attribute) and node.func.attr in FRAME_CHANGING
    return is_changing or is_true(argument(node, "inplace", None))


def _is_builtin(name: str) -> bool:
    return name in members(sys.modules["builtins"])
