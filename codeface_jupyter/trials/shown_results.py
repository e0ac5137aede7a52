"""Code that computes something and shows nothing, made to show it: a name on its last line."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence

from codeface_jupyter.syntax import Definition, is_deep, parse_module
from codeface_jupyter.trials.name_changes import (
    CHANGES_IN_PLACE,
    names_changed,
    names_read,
    works_in_place,
)
from codeface_jupyter.trials.secret_values import (
    reads_secrets,
    secret_names,
    takes_secrets,
)
from codeface_jupyter.trials.value_kinds import TABLE_KINDS, ValueKinds

__all__ = ["may_show", "unshown_results"]

MAX_RESULTS = 3
# What makes something that is there to be filled.
CONTAINERS = frozenset({"Counter", "OrderedDict", "defaultdict", "deque", "dict", "list", "set"})
# What pandas does in place if it is told so. Of others, such as torch's, it gives a value too.
CHANGES_TABLES = frozenset({
    "bfill", "clip", "drop", "drop_duplicates", "dropna", "eval", "ffill", "fillna", "interpolate",
    "mask", "query", "rename", "rename_axis", "replace", "reset_index", "set_index", "sort_index",
    "sort_values", "where",
})  # fmt: skip
# What calls begin with that draw or display something, as everybody calls it.
DRAWS = re.compile(r"plt|sns|(?:ax|axs|axes|fig)\w*|display|print")


def unshown_results(code: str, namespace: Mapping[str, object]) -> tuple[str, ...]:
    """Return the new variables that a code ends in without showing them or anything else.

    These are the names that it binds and never reads, its last statement one of them, or the only
    one that its last block fills, but for those of secrets; a code that shows something, reads a
    file of secrets, or ends in a change of what was there before, has none.

    Parameters
    ----------
    code
        Python.
    namespace
        The notebook's variables before it runs.
    """
    tree = parse_module(code)
    if tree is None or is_deep(tree) or not tree.body:
        return ()
    if reads_secrets(tree) or any(map(may_show, tree.body)):
        return ()
    names = dict.fromkeys(name for node in tree.body if (name := _assigned(node)))
    last = _assigned(tree.body[-1])
    if last is None:
        filled = {name for name, _ in names_changed(tree.body[-1]) if name in names}
        is_data = len(filled) == 1 and all(_is_result(name, tree.body) for name in filled)
        return tuple(filled.difference(namespace)) if is_data and not takes_secrets(tree) else ()
    hidden = {*_read(tree, namespace), *namespace, *secret_names(tree)}
    results = tuple(name for name in names if name not in hidden)
    is_shown = last in results and len(results) <= MAX_RESULTS
    return results if is_shown else ()


def _read(tree: ast.Module, namespace: Mapping[str, object]) -> set[str]:
    """Return the names that a code reads, but for a table that its own name is made anew from."""
    read: set[str] = set()
    kinds = ValueKinds(namespace)
    may_hold_secrets = takes_secrets(tree)
    for node in tree.body:
        own = _assigned(node)
        kinds.take(node)
        is_table = own is not None and kinds.of(ast.Name(id=own)) in TABLE_KINDS
        is_own = is_table and not may_hold_secrets
        read |= {name for name in names_read(node) if name != own or not is_own}
    return read


def _assigned(node: ast.stmt) -> str | None:
    """Return the only name that a statement assigns to, or whose table it changes; else None."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return None if name.startswith("_") else name
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name)))):
            return name if _is_in_place(node) and not name.startswith("_") else None
    return None


def _is_in_place(node: ast.Expr) -> bool:
    """Whether a statement is a call that changes a table and gives nothing."""
    match node.value:
        case ast.Call(func=ast.Attribute(attr=attr)) as call:
            return attr in CHANGES_TABLES and works_in_place(call)
    return False


def _is_result(name: str, statements: Sequence[ast.stmt]) -> bool:
    """Whether what the last statement fills is data, and neither a tool nor a counter."""
    last = statements[-1]
    first = next(node for node in statements if _assigned(node) == name)
    if _draws(last) or any(map(_keeps_model, ast.walk(last))):
        return False
    match getattr(first, "value", None):
        case ast.List() | ast.Dict() | ast.Set() | ast.ListComp() | ast.DictComp() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id=made) | ast.Attribute(attr=made)) if made in CONTAINERS:
            return True
        case ast.Call(func=ast.Attribute(attr="copy")):
            return isinstance(last, ast.Assign)
        case ast.Constant(value=int() | float()):
            return isinstance(last, ast.For) and any(_adds(node, name) for node in ast.walk(last))
    return False


def _adds(node: ast.AST, name: str) -> bool:
    """Whether a number goes on from what it was: ``most = max(most, x)``."""
    match node:
        case ast.AugAssign(target=ast.Name(id=changed)):
            return changed == name
        case ast.Assign([ast.Name(id=changed)], ast.Call(func=ast.Name(id="max" | "min"))):
            return changed == name
    return False


def _keeps_model(node: ast.AST) -> bool:
    """Whether a statement puts a fitted model somewhere, of which there is little to see."""
    match node:
        case ast.Assign(value=ast.Call() as kept) | ast.Expr(ast.Call(args=[ast.Call() as kept])):
            return _called(kept) == "fit"
    return False


def may_show(node: ast.stmt) -> bool:
    """Whether a statement may show something: an expression's value, or a call in a block."""
    if isinstance(node, ast.Expr):
        return not (isinstance(node.value, ast.Constant) or _is_in_place(node))
    if isinstance(node, Definition):
        return False
    return any(isinstance(part, ast.Expr) and not _only_fills(part) for part in _inner(node))


def _inner(node: ast.stmt) -> Iterator[ast.AST]:
    return (part for part in ast.walk(node) if part is not node)


def _only_fills(node: ast.Expr) -> bool:
    """Whether a statement changes an object and shows nothing: ``found.append(x)``."""
    match node.value:
        case ast.Call(func=ast.Attribute(attr=attr)):
            return attr in CHANGES_IN_PLACE and not _draws(node)
    return False


def _draws(node: ast.AST) -> bool:
    """Whether a statement draws or displays something on its way: ``x.append(plt.plot(y))``."""
    calls = (part for part in ast.walk(node) if isinstance(part, ast.Call))
    return any(DRAWS.fullmatch(_owner(call)) or _called(call) == "plot" for call in calls)


def _owner(call: ast.Call) -> str:
    """Return the name that a call begins with: ``ax`` in ``ax[0].plot(x)``."""
    owner = call.func
    while isinstance(owner, ast.Attribute | ast.Subscript):
        owner = owner.value
    return owner.id if isinstance(owner, ast.Name) else ""


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""
