"""Calls: whether their arguments fit, what comes out, and what they may change."""

from __future__ import annotations

import abc
import ast
import types
from collections.abc import Iterator

from codeface_jupyter.syntax import unparsed
from codeface_jupyter.trials.checks import polars_frames
from codeface_jupyter.trials.checks.attributes import is_usual_class
from codeface_jupyter.trials.checks.changes import Changes, package_of
from codeface_jupyter.trials.checks.frame_methods import (
    argument,
    label_nodes,
    result_of,
)
from codeface_jupyter.trials.checks.labels import LabelCheck
from codeface_jupyter.trials.checks.modules import loaded_module, members
from codeface_jupyter.trials.checks.notes import Notes
from codeface_jupyter.trials.checks.series_methods import (
    result_of_accessor,
    result_of_groups,
    result_of_series,
)
from codeface_jupyter.trials.checks.signatures import check_call, signature_of_value
from codeface_jupyter.trials.checks.values import (
    PLAIN_ROWS,
    Accessor,
    Column,
    Frame,
    Grouped,
    GroupedColumn,
    Instance,
    Live,
    Method,
    Plot,
    Row,
    Value,
)
from codeface_jupyter.trials.checks.variables import Variables

__all__ = ["CallReader", "root_name"]

# Functions of pandas' that do what the method of their first argument does.
FRAME_FUNCTIONS = frozenset({"get_dummies", "melt", "merge", "pivot", "pivot_table"})
# Functions of pandas' that give a frame, unless they are to give it in pieces.
READERS = frozenset({"crosstab", "get_dummies", "melt", "merge", "pivot_table", "read_csv"})
IN_PIECES = frozenset({"chunksize", "iterator"})


class CallReader(abc.ABC):
    """Reads calls; what it is made part of reads all other expressions.

    Parameters
    ----------
    notes
        Where findings go.
    variables
        What names stand for.
    excused
        Labels and attributes that the code itself asks after or makes.
    own_functions
        The names of functions that the code defines.
    set_by_functions
        The global names that functions bind, the code's and the notebook's.
    """

    def __init__(
        self,
        notes: Notes,
        variables: Variables,
        *,
        excused: frozenset[str] = frozenset(),
        own_functions: frozenset[str] = frozenset(),
        set_by_functions: frozenset[str] = frozenset(),
    ) -> None:
        self.notes = notes
        self.variables = variables
        self.excused = excused
        self.labels = LabelCheck(notes, excused)
        self.changes = Changes(
            variables, own_functions=own_functions, set_by_functions=set_by_functions
        )
        self._results: dict[ast.Call, Value] = {}
        self._is_read_again = False

    @abc.abstractmethod
    def value(self, node: ast.expr) -> Value:
        """Read an expression and return what is known of its value."""

    @abc.abstractmethod
    def callee(self, node: ast.expr) -> Value:
        """Read an expression that is called, which a column or a label never is."""

    @abc.abstractmethod
    def body_with(self, node: ast.Lambda, value: Value) -> None:
        """Read a lambda's body, with ``value`` for its first parameter."""

    def call(self, node: ast.Call) -> Value:
        """Read a call and return what is known of what it gives."""
        if self._is_read_again and node in self._results:
            return self._results[node]
        function = self.callee(node.func)
        given = self._arguments(node, function)
        self._check_signature(node, function)
        result = self._results[node] = self._result(node, function)
        self.changes.by_call(node, function, given)
        return result

    def _arguments(self, node: ast.Call, function: Value) -> list[Value]:
        """Read the arguments and return what is known of them, and of what lists of them hold."""
        values: list[Value] = []
        for part in [*node.args, *(keyword.value for keyword in node.keywords)]:
            if isinstance(part, ast.Lambda) and isinstance(function, Method):
                handed = self._handed_on(function, node)
                if handed is not None:
                    self.body_with(part, handed)
                    continue
            inner = part.value if isinstance(part, ast.Starred) else part
            values.append(self.value(inner))
            if isinstance(inner, ast.List | ast.Tuple | ast.Dict | ast.Set):
                values += [self._again(item) for item in ast.iter_child_nodes(inner)]
        return values

    def _again(self, node: ast.AST) -> Value:
        """Return what is known of an expression that has been read.

        A call in it keeps its result: calls within calls would be read twice as often at
        each level.
        """
        before, self._is_read_again = self._is_read_again, True
        try:
            with self.notes.silence():
                return self.value(node) if isinstance(node, ast.expr) else None
        finally:
            self._is_read_again = before

    def _handed_on(self, method: Method, node: ast.Call) -> Value:
        """Return what a frame's method gives to a function that it is given."""
        frame = method.owner
        if not isinstance(frame, Frame) or frame.library != "pandas":
            return None
        if method.name == "apply" and argument(node, "raw", None) is None:
            axis = argument(node, "axis", 1)
            is_row = isinstance(axis, ast.Constant) and axis.value in (1, "columns")
            return Row(frame) if is_row else None
        if method.name == "pipe":
            return frame
        # Each new column may be made from those before it.
        return result_of(frame, "assign", node) if method.name == "assign" else None

    def _check_signature(self, node: ast.Call, function: Value) -> None:
        signature = signature_of_value(function)
        if signature is not None:
            check_call(self.notes, node, signature, name=_name_of(node.func))

    def _result(self, node: ast.Call, function: Value) -> Value:
        match function:
            case Method(owner=Frame() as frame, name=name):
                return self._frame_method(frame, name, node)
            case Method(owner=Grouped() | GroupedColumn() as groups, name=name):
                return self._of_groups(groups, name, node)
            case Method(owner=Plot(frame=frame)) | Plot(frame=frame):
                self.labels.plot(frame, node, owner=_owner(node))
            case Method(owner=Column() as column, name=name):
                if name == "groupby":
                    self._grouped_column(node)
                return result_of_series(column, name, node)
            case Method(owner=Accessor() as accessor, name=name):
                return result_of_accessor(accessor, name, node)
            case Live(obj=obj):
                return self._function_result(obj, node)
        return None

    def _frame_method(self, frame: Frame, name: str, node: ast.Call) -> Value:
        owner = _owner(node)
        if frame.library == "polars":
            return polars_frames.read_method(self.labels, self.value, frame, name, node)
        self.labels.call(frame, name, node, owner=owner, root=self._root(owner))
        if name == "merge" and node.args:
            self._merged_with(node, node.args[0])
        return result_of(frame, name, node)

    def _merged_with(self, node: ast.Call, right: ast.expr) -> None:
        """Check the columns of the other frame of a merge."""
        other = self._again(right)
        named = [argument(node, name, None) for name in ("on", "right_on")]
        if isinstance(other, Frame) and not other.has_nested_columns:
            nodes = [label for part in named if part is not None for label in label_nodes(part)]
            self.labels.columns(other, nodes, owner=right, with_levels=True)

    def _grouped_column(self, node: ast.Call) -> None:
        column = _owner(node)
        if isinstance(column, ast.Attribute | ast.Subscript):
            frame = self._again(column.value)
            if isinstance(frame, Frame) and frame.library == "pandas":
                self.labels.grouped_column(frame, node, owner=column.value)

    def _of_groups(self, groups: Grouped | GroupedColumn, name: str, node: ast.Call) -> Value:
        if isinstance(groups, Grouped) and name in ("agg", "aggregate"):
            self._aggregation(groups.frame, name, node)
        is_usual = not isinstance(groups, Grouped) or groups.is_usual
        return result_of_groups(groups, name, node) if is_usual else None

    def _aggregation(self, frame: Frame, name: str, node: ast.Call) -> None:
        owner = _owner(node)
        self.labels.call(frame, name, node, owner=owner, root=self._root(owner))
        named = [
            keyword.value.elts[0]
            for keyword in node.keywords
            if keyword.arg is not None and isinstance(keyword.value, ast.Tuple)
            if len(keyword.value.elts) == 2  # noqa: PLR2004 - a column and what to do with it
        ]
        columns = [part for part in named if isinstance(part, ast.Constant)]
        self.labels.columns(frame, columns, owner=owner, root=self._root(owner))

    def _function_result(self, obj: object, node: ast.Call) -> Value:
        pandas = loaded_module("pandas")
        held = members(pandas) if pandas is not None else {}
        names = (*FRAME_FUNCTIONS, *READERS, "DataFrame", "to_datetime", "to_numeric")
        name = next((name for name in names if held.get(name) is obj), None)
        if obj is None or name is None:
            self._check_drawing(obj, node)
            return _made_by(obj)
        if name == "DataFrame":
            return _literal_frame(node)
        frame = self._again(node.args[0]) if node.args else None
        if isinstance(frame, Column):
            return Column("", frame.rows) if name.startswith("to_") else None
        if name in FRAME_FUNCTIONS and isinstance(frame, Frame) and frame.library == "pandas":
            rest = ast.copy_location(ast.Call(node.func, node.args[1:], node.keywords), node)
            self.labels.call(frame, name, rest, owner=node.args[0])
            if name == "merge" and rest.args:
                self._merged_with(rest, rest.args[0])
        in_pieces = IN_PIECES & {keyword.arg for keyword in node.keywords}
        return Frame() if name in READERS and not in_pieces else None

    def _check_drawing(self, obj: object, node: ast.Call) -> None:
        if type(obj) is not types.FunctionType or package_of(obj) != "seaborn":
            return
        data = argument(node, "data", 0)
        frame = self._again(data) if data is not None else None
        if data is not None and isinstance(frame, Frame) and frame.library == "pandas":
            self.labels.seaborn(frame, node, owner=data)

    def _root(self, node: ast.expr) -> Value:
        name = root_name(node)
        return self.variables[name] if name is not None else None


def root_name(node: ast.expr) -> str | None:
    """Return the variable that a chain of attributes, indices and calls begins with."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def _owner(node: ast.Call) -> ast.expr:
    """Return what a method is called on."""
    return node.func.value if isinstance(node.func, ast.Attribute) else node.func


def _name_of(node: ast.expr) -> str:
    """Return what a function is called as: the last part of a chain of calls."""
    if isinstance(node, ast.Attribute) and root_name(node.value) is not None:
        simple = node.value
        while isinstance(simple, ast.Attribute):
            simple = simple.value
        return unparsed(node) if isinstance(simple, ast.Name) else node.attr
    return unparsed(node)


def _made_by(obj: object) -> Value:
    """Return what calling a builtin class, or one of scikit-learn's, makes."""
    plain = (str, int, float, list, tuple, set, frozenset, bytes, bool)
    if not is_usual_class(obj):
        return None
    return Instance(obj) if obj in plain or package_of(obj) == "sklearn" else None


def _literal_frame(node: ast.Call) -> Value:
    """Return the frame that a call of ``DataFrame`` with a dict literal makes."""
    data = argument(node, "data", 0)
    others = {keyword.arg for keyword in node.keywords} - {"data", "index"}
    if not isinstance(data, ast.Dict) or others or len(node.args) > 1:
        return Frame()
    labels = list(_literal_keys(data))
    if len(labels) < len(data.keys):
        return Frame()
    has_index = len(node.keywords) > 0 or not all(isinstance(v, ast.List) for v in data.values)
    return Frame(dict.fromkeys(labels), rows=None if has_index else PLAIN_ROWS)


def _literal_keys(node: ast.Dict) -> Iterator[object]:
    for key in node.keys:
        if isinstance(key, ast.Constant):
            yield key.value
