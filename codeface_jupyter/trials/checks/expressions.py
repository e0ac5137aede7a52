"""What an expression reads that does not exist, and what is known of its value."""

from __future__ import annotations

import ast
import builtins
import types
from collections.abc import Iterable, Iterator, Mapping

from codeface_jupyter.namespace.classes import own_attributes
from codeface_jupyter.syntax import Comprehension
from codeface_jupyter.trials.checks.attributes import (
    class_attributes,
    class_member,
    has_attribute,
    is_transparent,
    is_usual_class,
    member_names,
)
from codeface_jupyter.trials.checks.calls import CallReader, root_name
from codeface_jupyter.trials.checks.extensions import is_added_accessor, may_be_extended
from codeface_jupyter.trials.checks.frame_methods import label_nodes, rows_are_certain
from codeface_jupyter.trials.checks.indexing import chosen, chosen_groups, groups_of_column, is_mask
from codeface_jupyter.trials.checks.modules import loaded_module, members
from codeface_jupyter.trials.checks.notes import Notes
from codeface_jupyter.trials.checks.values import (
    Accessor,
    Column,
    Frame,
    Grouped,
    GroupedColumn,
    Indexer,
    Instance,
    Keys,
    Live,
    Method,
    Plot,
    Row,
    Rows,
    Value,
    class_of,
    is_plain,
)
from codeface_jupyter.trials.checks.variables import Variables
from codeface_jupyter.trials.checks.wording import code_span, nearest
from codeface_jupyter.trials.table_kinds import kind_of_attribute

__all__ = ["Expressions"]

# From here on, a number in a series' index is always a label.
PANDAS_OF_LABELS = 3
INDEXERS = frozenset({"at", "iat", "iloc", "loc"})
# The accessors of series, and the beginnings of the dtypes that they surely do not read.
ACCESSOR_DTYPES = {
    "str": ("int", "float", "bool", "datetime", "timedelta", "uint"),
    "dt": ("int", "float", "bool", "object", "str", "string", "uint"),
    "cat": ("int", "float", "bool", "object", "str", "datetime", "uint"),
}
ACCESSOR_WORDS = {"str": "text", "dt": "dates or times", "cat": "categories"}
LITERALS: Mapping[type[ast.expr], type] = {
    ast.List: list,
    ast.Tuple: tuple,
    ast.Set: set,
    ast.JoinedStr: str,
}
LOGICAL = (ast.BitAnd, ast.BitOr, ast.Invert)


class Expressions(CallReader):
    """Reads expressions in the order in which they are computed.

    Attributes
    ----------
    later
        Lambdas that may be called at any later time.
    are_libraries_extended
        Whether frames and the like may have attributes that their classes lack now.
    """

    def __init__(
        self, notes: Notes, variables: Variables, **what_code_does: frozenset[str]
    ) -> None:
        super().__init__(notes, variables, **what_code_does)
        self.later: list[ast.Lambda] = []
        self.are_libraries_extended = False

    def value(self, node: ast.expr) -> Value:
        """Read an expression and return what is known of its value."""
        found: Value = None
        match node:
            case ast.Name(id=name):
                found = self._name(name)
            case ast.Constant(value=value):
                found = Instance(type(value))
            case ast.Attribute():
                found = self._attribute(node)
            case ast.Subscript():
                found = self._item(node)
            case ast.Call():
                found = self.call(node)
            case ast.Lambda():
                self.later.append(node)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                found = self._comprehension(node)
            case ast.NamedExpr(target=target, value=value):
                self.variables[target.id] = found = self.value(value)
            case ast.Dict():
                found = self._dict(node)
            case _:
                found = self._compound(node)
        return found

    def callee(self, node: ast.expr) -> Value:
        """Read an expression that is called, which a column or a label never is."""
        if isinstance(node, ast.Attribute):
            return self._attribute(node, is_called=True)
        return self.value(node)

    def body_with(self, node: ast.Lambda, value: Value) -> None:
        """Read a lambda's body, with ``value`` for its first parameter."""
        parameters = [*node.args.posonlyargs, *node.args.args]
        if not parameters:
            return
        others = [parameter.arg for parameter in (*parameters[1:], *node.args.kwonlyargs)]
        with self.variables.hidden(others), self.variables.given(parameters[0].arg, value):
            self.value(node.body)

    def _name(self, name: str) -> Value:
        found = self.variables[name]
        if found is None and not self.variables.is_bound(name):
            builtin = members(builtins).get(name)
            return Live(builtin) if builtin is not None else None
        return found

    def _compound(self, node: ast.expr) -> Value:
        """Read the parts of an expression; of what they make, a little is known."""
        values = [self.value(part) for part in _parts(node)]
        if type(node) in LITERALS:
            return Instance(LITERALS[type(node)])
        if isinstance(node, ast.Compare):
            return _elementwise(values, dtype="bool")
        if isinstance(node, ast.BinOp | ast.UnaryOp):
            are_bool = all(isinstance(v, Column) and v.dtype == "bool" for v in values)
            is_bool = are_bool and isinstance(node.op, LOGICAL)
            return _elementwise(values, dtype="bool" if is_bool else "")
        return None

    def _dict(self, node: ast.Dict) -> Value:
        for key in node.keys:
            if key is not None:
                self.value(key)
        values = [self.value(value) for value in node.values]
        constants = [key.value for key in node.keys if isinstance(key, ast.Constant)]
        if len(constants) < len(node.keys):
            return Keys()
        return Keys(dict(zip(constants, values, strict=True)))

    def _comprehension(self, node: Comprehension) -> Value:
        first = node.generators[0]
        self.value(first.iter)
        names = {
            part.id
            for generator in node.generators
            for part in ast.walk(generator.target)
            if isinstance(part, ast.Name)
        }
        inner = [part for generator in node.generators for part in generator.ifs]
        inner += [generator.iter for generator in node.generators[1:]]
        inner += [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        with self.variables.hidden(names):
            for part in inner:
                self.value(part)
        return Instance(list) if isinstance(node, ast.ListComp) else None

    def _attribute(self, node: ast.Attribute, *, is_called: bool = False) -> Value:
        owner, name = self.value(node.value), node.attr
        if not name.startswith("_") and name not in self.excused:
            self._check_attribute(node, owner, is_called=is_called)
        found: Value = None
        match owner:
            case Frame():
                found = self._of_frame(owner, name)
            case Column():
                found = self._of_column(owner, name, node)
            case Grouped(frame=frame) if name in (frame.labels or ()):
                found = groups_of_column(owner)
            case Live(obj=obj):
                found = self._of_object(owner, obj, name)
            case Accessor(name="dt", rows=rows) if kind_of_attribute("dates", name):
                found = Column("", rows)
            case Instance() | Grouped() | GroupedColumn() | Accessor() | Keys() | Plot():
                found = Method(owner, name)
        return found

    def _check_attribute(self, node: ast.Attribute, owner: Value, *, is_called: bool) -> None:
        if self.are_libraries_extended and may_be_extended(owner):
            return
        match owner:
            case Frame(labels=labels, attributes=attributes) if labels is not None or is_called:
                known: Iterable[object] = {**(labels or {}), **dict.fromkeys(attributes)}
                self._check_class(node, owner, known, noun="column or attribute")
            case Grouped(frame=frame) if frame.labels is not None or is_called:
                self._check_class(node, owner, frame.labels or (), noun="column or attribute")
            case Column(rows=rows) | GroupedColumn(rows=rows) if is_called or _has_no_text(rows):
                self._check_class(node, owner, (), noun="attribute")
            case Accessor():
                self._check_class(node, owner, (), noun="attribute")
            case Instance(cls=cls) if is_transparent(cls) and (is_called or is_plain(cls)):
                self._check_class(node, owner, (), noun="attribute")
            case Keys():
                self._check_class(node, owner, (), noun="attribute")
            case Live(obj=obj):
                self._check_object(node, obj)

    def _check_class(
        self, node: ast.Attribute, owner: Value, known: Iterable[object], *, noun: str
    ) -> None:
        cls = class_of(owner)
        if cls is None or node.attr in set(known) or class_member(cls, node.attr) is not None:
            return
        self._report(node, [*known, *sorted(class_attributes(cls))], noun=noun)

    def _check_object(self, node: ast.Attribute, obj: object) -> None:
        # What is done with an object may give it attributes, as fitting does to an estimator.
        is_fixed = type(obj) is types.ModuleType or is_usual_class(obj)
        if not is_fixed and (id(obj) in self.changes.touched or node.attr.endswith("_")):
            return
        if has_attribute(obj, node.attr) is False:
            self._report(node, _names_of(obj), noun="attribute")

    def _report(self, node: ast.Attribute, known: list[object], *, noun: str) -> None:
        public = [name for name in known if isinstance(name, str) and not name.startswith("_")]
        close = nearest(node.attr, public)
        owner = code_span(self.notes.source.text(node.value))
        only = close.only if close.only is not None and close.only.isidentifier() else None
        self.notes.add(
            "unknown_attribute",
            f"{owner} has no {noun} {code_span(node.attr)}{close.hint()}.",
            line=node.end_lineno or node.lineno,
            edit=self.notes.renaming(node, only),
        )

    def _of_frame(self, frame: Frame, name: str) -> Value:
        cls = class_of(frame)
        if frame.library == "pandas" and name in INDEXERS:
            return Indexer(frame, name)
        if name == "plot" and frame.library == "pandas":
            return Plot(frame)
        member = class_member(cls, name) if cls is not None else None
        is_unknown = member is None and name not in (frame.labels or ())
        if is_added_accessor(member) or (is_unknown and self.are_libraries_extended):
            frame.forget()  # some of them add columns: `df.ta.sma(append=True)`
        return Method(frame, name) if member is not None else self._column(frame, name)

    def _column(self, frame: Frame, label: object) -> Value:
        if frame.labels is None or label not in frame.labels or frame.has_nested_columns:
            return None
        return Column(frame.dtypes.get(label, ""), frame.rows, frame.library)

    def _of_column(self, column: Column, name: str, node: ast.Attribute) -> Value:
        if column.library != "pandas":
            return None
        if name in ACCESSOR_DTYPES:
            if column.dtype.startswith(ACCESSOR_DTYPES[name]):
                owner = code_span(self.notes.source.text(node.value))
                self.notes.add(
                    "unknown_attribute",
                    f"{code_span(f'.{name}')} is for {ACCESSOR_WORDS[name]}; {owner} is "
                    f"{code_span(column.dtype)}.",
                    line=node.end_lineno or node.lineno,
                )
            return self._accessor(column, name)
        return Method(column, name)

    def _accessor(self, column: Column, name: str) -> Value:
        is_known = name == "str" or (name == "dt" and column.dtype.startswith("datetime64"))
        return Accessor(name, column.rows) if is_known else None

    def _of_object(self, owner: Live, obj: object, name: str) -> Value:
        if type(obj) is types.ModuleType:
            held = members(obj)
            return self.variables.value_of(held[name]) if name in held else None
        return Method(owner, name)

    def _item(self, node: ast.Subscript) -> Value:
        owner, key = self.value(node.value), node.slice
        if isinstance(key, ast.Lambda) and isinstance(owner, Frame | Indexer):
            self.body_with(key, owner if isinstance(owner, Frame) else owner.frame)
            return None
        picked = self.value(key)
        found: Value = None
        match owner:
            case Frame():
                found = self._of_frame_item(owner, node, picked)
            case Row(frame=frame) if not _may_be_position(key):
                self._check_columns(frame, node)
            case Grouped(frame=frame):
                self._check_columns(frame, node)
                found = chosen_groups(owner, key)
            case Indexer(frame=frame, name="loc" | "at"):
                found = self._of_loc(frame, node, picked)
            case Column() if is_mask(key, picked):
                found = owner
            case Keys():
                found = self._of_keys(owner, node)
        return found

    def _of_frame_item(self, frame: Frame, node: ast.Subscript, picked: Value) -> Value:
        key = node.slice
        if frame.library == "pandas" and (isinstance(key, ast.Slice) or is_mask(key, picked)):
            return frame.same_columns()
        self._check_columns(frame, node)
        if isinstance(key, ast.List):
            return chosen(frame, key)
        return self._column(frame, key.value) if isinstance(key, ast.Constant) else None

    def _check_columns(
        self, frame: Frame, node: ast.Subscript, key: ast.expr | None = None
    ) -> None:
        key = node.slice if key is None else key
        labels = list(label_nodes(key))
        if isinstance(key, ast.Constant) and type(key.value) is int and frame.library == "pandas":
            labels = [key]
        root = root_name(node.value)
        self.labels.columns(
            frame,
            labels,
            owner=_frame_node(node.value),
            root=self.variables[root] if root is not None else None,
        )

    def _of_loc(self, frame: Frame, node: ast.Subscript, picked: Value) -> Value:
        if not isinstance(node.slice, ast.Tuple) or len(node.slice.elts) != 2:  # noqa: PLR2004
            is_rows = isinstance(node.slice, ast.Slice) or is_mask(node.slice, picked)
            return frame.same_columns() if is_rows else None
        rows, columns = node.slice.elts
        if not rows_are_certain(frame.rows) and not isinstance(rows, ast.Slice | ast.Compare):
            return None
        if isinstance(columns, ast.Slice):
            for bound in (columns.lower, columns.upper):
                if isinstance(bound, ast.Constant):
                    self._check_columns(frame, node, bound)
            return None
        self._check_columns(frame, node, columns)
        if not isinstance(rows, ast.Slice | ast.Compare | ast.BinOp):
            return None
        if isinstance(columns, ast.List):
            return chosen(frame, columns)
        return self._column(frame, columns.value) if isinstance(columns, ast.Constant) else None

    def _of_keys(self, keys: Keys, node: ast.Subscript) -> Value:
        key = node.slice
        if keys.items is None or not isinstance(key, ast.Constant):
            return None
        if isinstance(key.value, str):
            self.labels.keys(keys, key, owner=node.value)
        found = keys.items.get(key.value)
        return self.variables.value_of(found.obj) if isinstance(found, Live) else found


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    return (part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr))


def _elementwise(values: list[Value], *, dtype: str) -> Value:
    """Return what an operation on series and single values gives."""
    columns = [value for value in values if isinstance(value, Column)]
    are_known = all(isinstance(value, Column | Instance) for value in values)
    if not columns or not are_known or any(c.library != "pandas" for c in columns):
        return None
    rows = columns[0].rows if all(c.rows == columns[0].rows for c in columns) else None
    return Column(dtype, rows)


def _has_no_text(rows: Rows | None) -> bool:
    """Whether no row's label can be an attribute."""
    return rows is not None and not rows.has_text


def _may_be_position(key: ast.expr) -> bool:
    """Whether a row takes a number that is no label for a position, as before pandas 3."""
    pandas = loaded_module("pandas")
    version = members(pandas).get("__version__") if pandas is not None else None
    major = version.partition(".")[0] if type(version) is str else ""
    is_number = isinstance(key, ast.Constant) and type(key.value) is int
    return is_number and (not major.isdecimal() or int(major) < PANDAS_OF_LABELS)


def _frame_node(node: ast.expr) -> ast.expr:
    """Return the frame's own expression, without an indexer."""
    is_indexer = isinstance(node, ast.Attribute) and node.attr in INDEXERS
    return node.value if is_indexer and isinstance(node, ast.Attribute) else node


def _names_of(obj: object) -> list[object]:
    if type(obj) is types.ModuleType:
        return [*member_names(obj)]
    if is_usual_class(obj):
        return [*sorted(class_attributes(obj))]
    return [*own_attributes(obj), *sorted(class_attributes(type(obj)))]
