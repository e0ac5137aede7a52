"""Statements in the order in which they run, and what they do to what is known."""

from __future__ import annotations

import ast
import types
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace

from codeface_jupyter.syntax import Definition, Import
from codeface_jupyter.trials.bindings import names_bound, names_bound_in_scope
from codeface_jupyter.trials.checks.calls import root_name
from codeface_jupyter.trials.checks.changes import PURE_PACKAGES
from codeface_jupyter.trials.checks.expressions import Expressions
from codeface_jupyter.trials.checks.extensions import extends_libraries
from codeface_jupyter.trials.checks.imports import check_import, installs_packages
from codeface_jupyter.trials.checks.modules import loaded_module, members
from codeface_jupyter.trials.checks.notes import Notes
from codeface_jupyter.trials.checks.source import read_source
from codeface_jupyter.trials.checks.undefined_names import (
    made_by_functions,
    may_define_anything,
    suppresses_errors,
)
from codeface_jupyter.trials.checks.values import (
    Column,
    Frame,
    Indexer,
    Instance,
    Keys,
    Live,
    Value,
    is_plain,
)
from codeface_jupyter.trials.checks.variables import Variables

__all__ = ["read_statements", "value_of_marked"]

# Asking an object for what it may not have.
ASKING = frozenset({"delattr", "getattr", "hasattr", "setattr"})


def read_statements(notes: Notes, namespace: Mapping[str, object]) -> None:
    """Read a code from top to bottom and report what it reads that does not exist."""
    tree = notes.source.tree
    if tree is None:
        return
    names = names_bound(tree)
    expressions = Expressions(
        notes,
        Variables(namespace, assigned=names),
        excused=frozenset(_excused(tree)),
        own_functions=frozenset(_functions(tree)),
        set_by_functions=made_by_functions(namespace).union(_globals(tree)),
    )
    expressions.are_libraries_extended = extends_libraries(tree, namespace)
    _Flow(expressions, names).read(tree.body)


def value_of_marked(code: str, namespace: Mapping[str, object], *, mark: str) -> tuple[bool, Value]:
    """Return what is known of an expression amid a code.

    Parameters
    ----------
    mark
        The name that the expression is called with, as its only argument.

    Returns
    -------
    tuple
        Whether the code can be read, and the expression's value.
    """
    notes = Notes(read_source(code))
    tree = notes.source.tree
    if tree is None or may_define_anything(notes):
        return False, None
    names = names_bound(tree)
    expressions = _MarkedExpressions(notes, Variables(namespace, assigned=names))
    expressions.mark = mark
    _Flow(expressions, names).read(tree.body)
    return True, expressions.found


class _MarkedExpressions(Expressions):
    """Remembers what is known of the expression that is called with a mark."""

    mark = ""
    found: Value = None

    def call(self, node: ast.Call) -> Value:
        if not (isinstance(node.func, ast.Name) and node.func.id == self.mark):
            return super().call(node)
        # Read before anything else: what stands around it may change it later.
        self.found = self._as_it_is(self.value(node.args[0]))
        return self.found

    def _as_it_is(self, value: Value) -> Value:
        """Return a value that later lines do not change."""
        match value:
            case Frame(labels=labels):
                return replace(value, labels=None if labels is None else dict(labels))
            case Live(obj=obj):
                is_touched = self.changes.may_touch_any or id(obj) in self.changes.touched
                return replace(value, may_have_gained=is_touched)
        return value


class _Flow:
    """Reads statements; a function's body is read last, as it runs later than it stands."""

    def __init__(self, expressions: Expressions, assigned: frozenset[str]) -> None:
        self._expressions = expressions
        self._variables = expressions.variables
        self._notes = expressions.notes
        self._assigned = assigned
        self._may_install = installs_packages(expressions.notes.source)
        self._is_conditional = False
        self._bodies: list[tuple[frozenset[str], list[ast.stmt]]] = []

    def read(self, body: list[ast.stmt]) -> None:
        """Read a whole code."""
        self._all(body)
        # Whatever was bound may be bound to something else by the time that they run.
        self._variables.forget(self._assigned)
        while self._bodies or self._expressions.later:
            while self._expressions.later:
                function = self._expressions.later.pop()
                with self._variables.hidden(_parameters(function.args)):
                    self._expressions.value(function.body)
            if self._bodies:
                local, statements = self._bodies.pop(0)
                with self._variables.hidden(local):
                    self._all(statements)

    def _all(self, body: Iterable[ast.stmt]) -> None:
        for node in body:
            self._statement(node)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                found = self._expressions.value(value)
                for target in targets:
                    self._bind(target, found)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._bind(target, self._expressions.value(value))
            case ast.AugAssign(target=target, value=value):
                self._expressions.value(_as_read(target))
                self._expressions.value(value)
                self._bind(target, None)
            case ast.Import() | ast.ImportFrom():
                self._import(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self._definition(node)
            case ast.Delete(targets=targets):
                for target in targets:
                    self._delete(target)
            case _ if any(isinstance(part, ast.stmt) for part in _inner(node)):
                self._compound(node)
            case _:
                self._parts(node)

    def _parts(self, node: ast.AST) -> None:
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.expr):
                self._expressions.value(part)
            elif not isinstance(part, ast.stmt):
                self._parts(part)

    def _compound(self, node: ast.stmt) -> None:
        """Read a statement with blocks, of which each may run or not, or often."""
        bound = names_bound_in_scope([node])
        is_loop = isinstance(node, ast.For | ast.AsyncFor | ast.While)
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.expr) and not isinstance(getattr(part, "ctx", None), ast.Store):
                self._expressions.value(part)
            elif isinstance(part, ast.withitem):
                self._expressions.value(part.context_expr)
                if part.optional_vars is not None:
                    self._bind(part.optional_vars, None)
        if isinstance(node, ast.With | ast.AsyncWith):
            with self._notes.silence() if suppresses_errors(node) else nullcontext():
                self._all(node.body)
            return
        if is_loop:
            self._variables.forget(bound)
            if isinstance(node, ast.For | ast.AsyncFor):
                self._bind(node.target, None)
            self._rehearse(node)
        was_conditional = self._is_conditional
        self._is_conditional |= isinstance(node, ast.If | ast.Match)
        for block in _blocks(node):
            self._block(block, bound, is_tried=_is_tried(node, block))
        self._is_conditional = was_conditional
        self._variables.forget(bound)

    def _rehearse(self, node: ast.stmt) -> None:
        """Take the columns that a loop makes: the next time round they are there."""
        if not self._notes.is_silent:
            with self._notes.silence():
                for block in _blocks(node):
                    self._all(block)
            self._variables.forget(names_bound_in_scope([node]))

    def _block(self, block: list[ast.stmt], bound: frozenset[str], *, is_tried: bool) -> None:
        before = {name: self._variables[name] for name in bound}
        if is_tried:
            with self._notes.silence():
                self._all(block)
        else:
            self._all(block)
        for name, value in before.items():
            self._variables[name] = value

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        for decorator in node.decorator_list:
            self._expressions.value(decorator)
        self._variables.forget([node.name])
        local = names_bound_in_scope(node.body)
        if isinstance(node, ast.ClassDef):
            for base in node.bases:
                self._expressions.value(base)
        else:
            for default in [*node.args.defaults, *filter(None, node.args.kw_defaults)]:
                self._expressions.value(default)
            local |= _parameters(node.args)
        self._bodies.append((frozenset(local), node.body))

    def _import(self, node: Import) -> None:
        # What the code installs first may be there then; under a condition, elsewhere.
        if not (self._may_install or self._is_conditional):
            check_import(self._notes, node)
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            self._variables[name] = self._imported(node, alias)

    def _imported(self, node: Import, alias: ast.alias) -> Value:
        if isinstance(node, ast.ImportFrom):
            module = loaded_module(node.module or "") if not node.level else None
            held = members(module) if module is not None else {}
            found = held.get(alias.name)
            return self._variables.value_of(found) if alias.name in held else None
        module = loaded_module(alias.name if alias.asname else alias.name.partition(".")[0])
        return Live(module) if module is not None else None

    def _bind(self, target: ast.expr, value: Value) -> None:
        match target:
            case ast.Name(id=name):
                self._variables[name] = value
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                for part in parts:
                    self._bind(part, None)
            case ast.Starred(value=inner):
                self._bind(inner, None)
            case ast.Subscript():
                self._store_item(target)
            case ast.Attribute():
                self._store_attribute(target)

    def _store_item(self, target: ast.Subscript) -> None:
        owner = self._expressions.value(target.value)
        self._expressions.value(target.slice)
        match owner:
            case Frame():
                _add_labels(owner, target.slice)
            case Indexer(frame=frame):
                key = target.slice
                is_cell = isinstance(key, ast.Tuple) and len(key.elts) == 2  # noqa: PLR2004
                if is_cell and isinstance(key, ast.Tuple):
                    _add_labels(frame, key.elts[1])
                frame.rows = None
            case Keys(items=items) if items is not None:
                if isinstance(target.slice, ast.Constant):
                    items[target.slice.value] = None
                else:
                    owner.forget()
            case Column():
                pass  # its frame keeps its columns
            case _:
                self._forget_root(target.value)

    def _store_attribute(self, target: ast.Attribute) -> None:
        owner = self._expressions.value(target.value)
        if isinstance(owner, Live):
            self._expressions.changes.touched.add(id(owner.obj))
        if not isinstance(owner, Frame):
            self._forget_root(target.value)
        elif target.attr == "index":
            owner.rows = None
        elif target.attr == "columns":
            owner.labels = None
        elif owner.labels is not None and target.attr in owner.labels:
            owner.dtypes.pop(target.attr, None)
        else:
            owner.attributes.add(target.attr)

    def _forget_root(self, node: ast.expr) -> None:
        """Let nothing be known of what a chain begins with: something in it was changed."""
        name = root_name(node)
        root = self._variables[name] if name is not None else None
        is_itself = isinstance(node, ast.Name)
        match root:
            case Frame():
                root.forget()
            case Keys() if is_itself:
                root.forget()
            case Instance(cls=cls) if is_itself and is_plain(cls):
                pass  # it holds something else now, but nothing in it was changed
            case Live(obj=obj) if _is_pure_module(obj):
                pass
            case _:
                # It may be any: the variable of a loop over several frames, or one in a list.
                self._variables.forget_contents()

    def _delete(self, target: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self._variables.forget([target.id])
        elif isinstance(target, ast.Subscript):
            self._expressions.value(_as_read(target))


def _is_pure_module(obj: object) -> bool:
    """Whether what is set in a module has nothing to do with the notebook's data."""
    name = members(obj).get("__name__") if type(obj) is types.ModuleType else None
    return type(name) is str and name.partition(".")[0] in PURE_PACKAGES


def _as_read(node: ast.expr) -> ast.expr:
    """Return a target as the expression that reads it."""
    if isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
        kept = {name: getattr(node, name) for name in node._fields}
        return ast.copy_location(type(node)(**{**kept, "ctx": ast.Load()}), node)
    return node


def _add_labels(frame: Frame, key: ast.expr) -> None:
    """Take the columns that an assignment makes."""
    parts = key.elts if isinstance(key, ast.List) else [key]
    for part in parts:
        if isinstance(part, ast.Constant):
            frame.add(part.value)
        elif not isinstance(part, ast.Compare | ast.Slice):
            frame.forget()


def _inner(node: ast.AST) -> Iterator[ast.AST]:
    for part in ast.iter_child_nodes(node):
        yield part
        if isinstance(part, ast.ExceptHandler | ast.match_case):
            yield from ast.iter_child_nodes(part)


def _blocks(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    """Yield the blocks of a compound statement."""
    for field in ("body", "orelse", "finalbody"):
        block = getattr(node, field, None)
        if block:
            yield block
    for part in [*getattr(node, "handlers", ()), *getattr(node, "cases", ())]:
        yield part.body


def _is_tried(node: ast.stmt, block: list[ast.stmt]) -> bool:
    """Whether what is missing in a block is expected: handled, or asked after before."""
    if isinstance(node, ast.If):
        return any(
            isinstance(p, ast.Attribute) and p.attr == "columns" for p in ast.walk(node.test)
        )
    return isinstance(node, ast.Try | ast.TryStar) and bool(node.handlers) and block is node.body


def _parameters(arguments: ast.arguments) -> set[str]:
    return {part.arg for part in ast.walk(arguments) if isinstance(part, ast.arg)}


def _functions(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, Definition):
            yield node.name


def _globals(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield from node.names


def _excused(tree: ast.Module) -> Iterator[str]:
    """Yield the labels and attributes that a code asks after, and the attributes that it makes."""
    for node in ast.walk(tree):
        match node:
            case ast.Compare(left=left, ops=[ast.In() | ast.NotIn()], comparators=others):
                for part in (left, *others):
                    yield from _texts(part)
            case ast.Call(func=ast.Name(id=name), args=arguments) if name in ASKING:
                for part in arguments:
                    yield from _texts(part)
            case ast.Call(func=ast.Attribute(attr=name)) if name.startswith("register_"):
                yield from _texts(node)
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield name


def _texts(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value
