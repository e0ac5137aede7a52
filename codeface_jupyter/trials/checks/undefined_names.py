"""Names that a code reads and nothing defines."""

from __future__ import annotations

import ast
import builtins
import dis
import sys
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from codeface_jupyter.generation import Edit, Finding
from codeface_jupyter.syntax import Comprehension, first_line
from codeface_jupyter.trials.bindings import names_bound_before, names_bound_in_scope
from codeface_jupyter.trials.checks.notes import Notes
from codeface_jupyter.trials.checks.usual_imports import usual_import
from codeface_jupyter.trials.checks.wording import code_span, nearest

__all__ = [
    "ALWAYS_THERE",
    "check_names",
    "is_about_name",
    "made_by_functions",
    "may_define_anything",
    "suppresses_errors",
]

# What IPython and the interpreter bring.
ALWAYS_THERE = frozenset(vars(builtins)) | {
    *("display", "get_ipython", "In", "Out", "exit", "quit", "open", "WindowsError"),
}
# What these are called for may define or remove any name.
NAMESPACE_FUNCTIONS = frozenset({"exec", "eval", "globals", "locals", "vars", "get_ipython"})
# Magics that define no names; others may.
HARMLESS_MAGICS = frozenset(
    {
        *("%matplotlib", "%pip", "%conda", "%config", "%load_ext", "%reload_ext", "%autoreload"),
        *("%time", "%timeit", "%%time", "%%timeit", "%%capture", "%prun", "%%prun", "%cd"),
        *("%ls", "%pwd", "%who", "%whos", "%env", "%precision", "%xmode", "%pinfo"),
    }
)
STORE_GLOBAL = dis.opmap["STORE_GLOBAL"]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def may_define_anything(notes: Notes) -> bool:
    """Whether a code may define names that cannot be seen in it."""
    tree = notes.source.tree
    escapes = (escape.text.split()[0] for escape in notes.source.escapes)
    if any(word.startswith("%") and word not in HARMLESS_MAGICS for word in escapes):
        return True
    return tree is not None and any(_opens_namespace(node) for node in ast.walk(tree))


def check_names(notes: Notes, namespace: Mapping[str, object]) -> None:
    """Report the names that neither the notebook, the code itself nor Python defines."""
    tree = notes.source.tree
    if tree is None or may_define_anything(notes):
        return
    reader = _Reader()
    reader.read(tree)
    later = made_by_functions(namespace)
    defined = reader.module_names | later
    chains = _attribute_chains(tree)
    for node in reader.open_names:
        name = node.id
        if name in namespace or name in defined or name in ALWAYS_THERE or name.startswith("_"):
            continue
        uses = [chains[other] for other in reader.open_names if other.id == name]
        there = reader.module_names - _bound_too_late(tree, name)
        known = {*namespace, *later, *there}
        _report(notes, node, usual_import(name, chains=uses), known)


def is_about_name(finding: Finding, name: str) -> bool:
    """Whether a finding says that a name is not defined."""
    is_said = finding.message.startswith(f"{code_span(name)} is not ")
    return finding.kind == "unknown_name" and is_said


def suppresses_errors(node: ast.With | ast.AsyncWith) -> bool:
    """Whether what is missing in a block is expected: it stands under ``suppress``."""
    return _mentions([item.context_expr for item in node.items], "suppress")


def _mentions(nodes: Iterable[ast.AST], name: str) -> bool:
    parts = (part for node in nodes for part in ast.walk(node))
    return any(name in (getattr(part, "id", ""), getattr(part, "attr", "")) for part in parts)


def _bound_too_late(tree: ast.Module, name: str) -> frozenset[str]:
    """Return what is bound only by the first statement that reads a name, or below it."""
    read = [place for node, place in _places(tree) if node.id == name]
    if not read:
        return frozenset()
    first = min(read, key=lambda place: (place.lineno, place.col_offset))
    return names_bound_in_scope(tree.body) - names_bound_before(tree, first)


def _places(tree: ast.Module) -> Iterable[tuple[ast.Name, ast.stmt]]:
    """Yield the names that are read at once, each with the innermost statement around it.

    The body of a function runs once everything is there.
    """
    waiting: list[tuple[ast.AST, ast.stmt]] = [(node, node) for node in tree.body]
    while waiting:
        node, place = waiting.pop()
        if isinstance(node, Function | ast.Lambda):
            continue
        if isinstance(node, ast.Name):
            yield node, place
        inner = ast.iter_child_nodes(node)
        waiting += [(part, part if isinstance(part, ast.stmt) else place) for part in inner]


def made_by_functions(namespace: Mapping[str, object]) -> frozenset[str]:
    """Return the global names that the notebook's own functions bind once they are called."""
    functions = [value for value in namespace.values() if type(value) is types.FunctionType]
    waiting: list[object] = [function.__code__ for function in functions if _is_own(function)]
    found: set[str] = set()
    while waiting:
        code = waiting.pop()
        if isinstance(code, types.CodeType):
            # To look for the byte takes far less than to disassemble all code.
            if STORE_GLOBAL in code.co_code[::2]:
                made = (i for i in dis.get_instructions(code) if i.opcode == STORE_GLOBAL)
                found |= {instruction.argval for instruction in made}
            waiting += code.co_consts
    return frozenset(found)


def _is_own(function: types.FunctionType) -> bool:
    """Whether a function binds the notebook's names, not those of a module that it is from."""
    modules = (function.__globals__.get("__name__"), function.__module__)
    return any(type(module) is str and module == "__main__" for module in modules)


def _report(notes: Notes, node: ast.Name, statement: str | None, known: set[str]) -> None:
    name = node.id
    if statement is not None:
        edit = _import_edit(notes, statement)
        message = f"{code_span(name)} is not imported: {code_span(statement)} is missing."
    else:
        close = nearest(name, sorted(other for other in known if not _is_ipythons(other)))
        close = close if close.names else nearest(name, _in_another_case(name))
        edit = notes.renaming(node, close.only)
        message = f"{code_span(name)} is not defined{close.hint('there is')}."
    notes.add("unknown_name", message, line=node.lineno, edit=edit)


def _in_another_case(name: str) -> list[str]:
    """Return what Python itself calls so but for capitals: `print` for ``Print``.

    Not where another library may be meant, as `typing` with ``List``.
    """
    if name in typing.__all__:
        return []
    return [other for other in vars(builtins) if other.casefold() == name.casefold()]


def _is_ipythons(name: str) -> bool:
    return name.startswith("_") or name in ALWAYS_THERE


def _attribute_chains(tree: ast.Module) -> dict[ast.Name, tuple[str, ...]]:
    """Return the attributes that are read of each name, one behind the other."""
    chains: dict[ast.Name, tuple[str, ...]] = {}
    # Whole chains are walked before their parts.
    for node in ast.walk(tree):
        chain: list[str] = []
        owner = node
        while isinstance(owner, ast.Attribute):
            chain.insert(0, owner.attr)
            owner = owner.value
        if isinstance(owner, ast.Name):
            chains.setdefault(owner, tuple(chain))
    return chains


def _import_edit(notes: Notes, statement: str) -> Edit | None:
    tree = notes.source.tree
    first = tree.body[0] if tree is not None else None
    is_future = isinstance(first, ast.ImportFrom) and first.module == "__future__"
    if first is None or is_future or first.col_offset:
        return None
    # Above decorators, which belong to what they decorate.
    start = notes.source.position(first_line(first), 0)
    return Edit(start=start, end=start, replacement=f"{statement}\n")


def _opens_namespace(node: ast.AST) -> bool:
    match node:
        case ast.ImportFrom(names=[ast.alias(name="*")]):
            return True
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return name in NAMESPACE_FUNCTIONS or (name == "dir" and not arguments)
    return False


@dataclass
class _Reader:
    """Goes through the scopes and keeps the names that none of them binds."""

    module_names: set[str] = field(default_factory=set)
    open_names: list[ast.Name] = field(default_factory=list)
    has_lazy_annotations: bool = False

    def read(self, tree: ast.Module) -> None:
        """Read a module."""
        # From Python 3.14 on they are computed when somebody asks for them.
        self.has_lazy_annotations = sys.version_info >= (3, 14) or any(
            isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body
        )
        self.module_names |= names_bound_in_scope(tree.body)
        for node in ast.walk(tree):
            if isinstance(node, ast.Global):
                self.module_names |= set(node.names)
        self._all(tree.body, frozenset())

    def _all(self, nodes: Iterable[ast.AST], scope: frozenset[str]) -> None:
        for node in nodes:
            self._node(node, scope)

    def _node(self, node: ast.AST, scope: frozenset[str]) -> None:
        match node:
            case ast.Name(id=name, ctx=ast.Load()) if name not in scope:
                self.open_names.append(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node, scope)
            case ast.Lambda(args=arguments, body=body):
                self._arguments(arguments, scope)
                self._node(body, scope | _argument_names(arguments))
            case ast.ClassDef():
                self._class(node, scope)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                self._comprehension(node, scope)
            case ast.Try(handlers=handlers) | ast.TryStar(handlers=handlers) if _mentions(
                handlers, "NameError"
            ):
                self._all([*handlers, *node.orelse, *node.finalbody], scope)
            case ast.With() if suppresses_errors(node):
                self._all(node.items, scope)
            case ast.AnnAssign(target=target, value=value):
                self._all([part for part in (target, value) if part is not None], scope)
            case _:
                self._all(ast.iter_child_nodes(node), scope)

    def _function(self, node: Function, scope: frozenset[str]) -> None:
        self._all(node.decorator_list, scope)
        types = names_bound_in_scope(getattr(node, "type_params", []))
        self._arguments(node.args, scope | types)
        if node.returns is not None and not self.has_lazy_annotations:
            self._node(node.returns, scope | types)
        bound = names_bound_in_scope(node.body)
        self._all(node.body, scope | types | bound | _argument_names(node.args))

    def _arguments(self, arguments: ast.arguments, scope: frozenset[str]) -> None:
        defaults = [*arguments.defaults, *(d for d in arguments.kw_defaults if d is not None)]
        self._all(defaults, scope)
        if not self.has_lazy_annotations:
            for argument in _arguments_of(arguments):
                if argument.annotation is not None:
                    self._node(argument.annotation, scope)

    def _class(self, node: ast.ClassDef, scope: frozenset[str]) -> None:
        types = names_bound_in_scope(getattr(node, "type_params", []))
        self._all([*node.decorator_list, *node.bases, *node.keywords], scope | types)
        # Its methods do not see its names; that they might is the milder mistake.
        bound = names_bound_in_scope(node.body)
        self._all(node.body, scope | types | bound)

    def _comprehension(self, node: Comprehension, scope: frozenset[str]) -> None:
        targets = [generator.target for generator in node.generators]
        bound = {
            part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)
        }
        self._node(node.generators[0].iter, scope)
        inner = scope | bound
        for number, generator in enumerate(node.generators):
            parts = [generator.target, *generator.ifs, *([generator.iter] if number else [])]
            self._all(parts, inner)
        results = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self._all(results, inner)


def _arguments_of(arguments: ast.arguments) -> list[ast.arg]:
    starred = [argument for argument in (arguments.vararg, arguments.kwarg) if argument]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *starred]


def _argument_names(arguments: ast.arguments) -> frozenset[str]:
    return frozenset(argument.arg for argument in _arguments_of(arguments))
