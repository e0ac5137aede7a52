"""The shape of an answer's code: what is left out or added to it, and what it only repeats.

Each rule stands alone, changes nothing but what it names, and is not applied in doubt.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codeface_jupyter.context import Cell
from codeface_jupyter.syntax import dumped, unparsed
from codeface_jupyter.trials.bindings import names_bound
from codeface_jupyter.trials.checks import with_missing_imports
from codeface_jupyter.trials.checks.modules import loaded_module, members
from codeface_jupyter.trials.copies import only_new, parsed, repeated_value, repetition
from codeface_jupyter.trials.lasting_changes import with_lasting_changes
from codeface_jupyter.trials.shown_results import unshown_results
from codeface_jupyter.trials.value_kinds import TABLE_KINDS, ValueKinds

__all__ = [
    "Offer",
    "Shaped",
    "shape",
    "with_results",
    "without_known_imports",
    "without_last_print",
]

IMPORTS_NAMED = 2
ABSENT = object()


@dataclass(frozen=True, kw_only=True)
class Shaped:
    """A code that a rule has changed, and what it changed: a sentence of Markdown."""

    code: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What an answer offers: the code of each of its blocks, and notes of what was changed.

    A block that is only a copy has None, and is not offered.
    """

    codes: tuple[str | None, ...]
    notes: tuple[str, ...] = ()


def shape(
    codes: Sequence[str],
    namespace: Mapping[str, object],
    cells: Sequence[Cell],
    *,
    prompt: str = "",
) -> Offer:
    """Return the code of an answer's Python blocks as it is to be offered.

    Parameters
    ----------
    codes
        The blocks' code, in the answer's order.
    namespace
        The notebook's variables.
    cells
        The notebook's cells above the one that asks.
    prompt
        What the model was told.
    """
    whole = "\n\n".join(codes)
    if repeated := repetition(whole, cells) or repeated_value(whole, namespace, cells):
        return Offer(codes=tuple(codes), notes=(repeated,))
    new, notes = only_new(codes, namespace, cells, prompt=prompt)
    offer = _shape_new([code for code in new if code is not None], namespace)
    shaped = iter(offer.codes)
    return Offer(
        codes=tuple(None if code is None else next(shaped) for code in new),
        notes=(*notes, *offer.notes),
    )


def _shape_new(codes: Sequence[str], namespace: Mapping[str, object]) -> Offer:
    trees = [parsed(code) for code in codes]
    if not codes or None in trees:
        return Offer(codes=tuple(codes))
    codes, notes = _with_lasting_changes(codes, trees, namespace)
    # Where the blocks are put into one cell, only its last value is shown.
    *earlier, last = codes
    present = _without(namespace, trees[:-1])
    shaped = without_last_print(last, present) or with_results(last, present)
    notes += [shaped.note] if shaped else []
    offered: list[str] = []
    for number, code in enumerate([*earlier, shaped.code if shaped else last]):
        known = without_known_imports(code, _without(namespace, trees[:number]))
        offered.append(known.code if known else code)
        notes += [known.note] if known else []
    # What a later block lacks, an earlier one may bring.
    offered[0], imports = with_missing_imports(offered[0], namespace)
    notes += [f"Added `{statement}`." for statement in imports]
    return Offer(codes=tuple(offered), notes=tuple(dict.fromkeys(notes)))


def _with_lasting_changes(
    codes: Sequence[str], trees: Sequence[ast.Module | None], namespace: Mapping[str, object]
) -> tuple[list[str], list[str]]:
    """Return blocks whose changes of frames last, and notes of what was written otherwise."""
    lasting = [
        with_lasting_changes(code, _without(namespace, trees[:number]))
        for number, code in enumerate(codes)
    ]
    new = [one.code if one else code for one, code in zip(lasting, codes, strict=True)]
    return new, [one.note for one in lasting if one]


def without_last_print(code: str, namespace: Mapping[str, object]) -> Shaped | None:
    """Return ``code`` that ends in a table instead of printing it; None if it does not.

    Parameters
    ----------
    code
        Python.
    namespace
        The notebook's variables before it runs.
    """
    tree = parsed(code)
    if tree is None or not tree.body or _is_rebound("print", tree, namespace):
        return None
    *before, last = tree.body
    match last:
        case ast.Expr(value=ast.Call(func=ast.Name(id="print"), args=[shown], keywords=[])):
            pass
        case _:
            return None
    kinds = ValueKinds(namespace)
    for statement in before:
        kinds.take(statement)
    if kinds.of(shown) not in TABLE_KINDS:
        return None
    offered = _with_value(code, last, shown)
    same = parsed(offered) if offered is not None else None
    if offered is None or same is None or _dump(same) != _dump([*before, ast.Expr(value=shown)]):
        return None
    note = "Left out `print`, so that the notebook shows the value itself."
    return Shaped(code=offered, note=note)


def with_results(code: str, namespace: Mapping[str, object]) -> Shaped | None:
    """Return ``code`` that shows what it computes; None if it shows anything already."""
    results = unshown_results(code, namespace)
    if not results or code.rstrip().endswith(("\\", ";")):
        return None
    offered = f"{code.rstrip()}\n{', '.join(results)}"
    named = " and ".join(f"`{name}`" for name in results)
    return Shaped(code=offered, note=f"Added a line that shows {named}.")


def without_known_imports(code: str, namespace: Mapping[str, object]) -> Shaped | None:
    """Return ``code`` without the imports that the notebook has; None if there are none.

    An import goes if the very object that it gives has its name already and nothing else in
    the code binds it. Every other line stays as it is.
    """
    tree = parsed(code)
    if tree is None:
        return None
    lines = code.split("\n")
    same = [node for node in tree.body if _is_known(node, namespace)]
    rebound = {name for node in tree.body if node not in same for name in names_bound(node)}
    known = [node for node in same if _fills_lines(node, lines, rebound=rebound)]
    if "*" in rebound:
        return None
    if not known or len(known) == len(tree.body):
        return None
    gone = {number for node in known for number in range(node.lineno, _end(node) + 1)}
    kept = [line for number, line in enumerate(lines, start=1) if number not in gone]
    offered = "\n".join(kept).lstrip("\n") if 1 in gone else "\n".join(kept)
    left = parsed(offered)
    if left is None or _dump(left) != _dump([node for node in tree.body if node not in known]):
        return None
    return Shaped(code=offered, note=_imports_note(known))


def _imports_note(imports: Sequence[ast.stmt]) -> str:
    if len(imports) > IMPORTS_NAMED:
        return f"Left out {len(imports)} imports that the notebook has already."
    named = " and ".join(f"`{unparsed(node)}`" for node in imports)
    return f"Left out {named}, which the notebook has already."


def _is_known(node: ast.stmt, namespace: Mapping[str, object]) -> bool:
    """Whether a statement imports only what the notebook has under the same names."""
    match node:
        case ast.Import(names=names):
            return all(_has_module(alias, namespace) for alias in names)
        case ast.ImportFrom(module=str() as module, names=names, level=0):
            return module != "__future__" and all(
                _same(_member(module, alias.name), alias.asname or alias.name, namespace)
                for alias in names
            )
    return False


def _has_module(alias: ast.alias, namespace: Mapping[str, object]) -> bool:
    whole = sys.modules.get(alias.name, ABSENT)
    if alias.asname:
        return _same(whole, alias.asname, namespace)
    # `import a.b` binds `a`.
    top = alias.name.partition(".")[0]
    return whole is not ABSENT and _same(sys.modules.get(top, ABSENT), top, namespace)


def _member(module: str, name: str) -> object:
    """Return what a module has under a name, without running its ``__getattr__``."""
    found = loaded_module(module)
    return members(found).get(name, ABSENT) if found is not None else ABSENT


def _same(value: object, name: str, namespace: Mapping[str, object]) -> bool:
    return value is not ABSENT and namespace.get(name, ABSENT) is value


def _fills_lines(node: ast.stmt, lines: Sequence[str], *, rebound: set[str]) -> bool:
    """Whether a statement has its lines for itself, without a comment, and its names too."""
    before = _bytes(lines[node.lineno - 1])[: node.col_offset]
    after = _bytes(lines[_end(node) - 1])[node.end_col_offset :]
    return not (before + after).strip() and rebound.isdisjoint(names_bound(node))


def _with_value(code: str, last: ast.stmt, shown: ast.expr) -> str | None:
    """Return ``code`` with only the value in the place of its last statement."""
    lines = [_bytes(line) for line in code.split("\n")]
    end, column = _end(last) - 1, last.end_col_offset or 0
    rest = lines[end][column:].decode()
    if rest.strip() and not rest.lstrip().startswith("#"):
        return None
    begin = lines[last.lineno - 1][: last.col_offset].decode()
    value = ast.get_source_segment(code, shown) or ""
    if "\n" in value:
        # Its parentheses hold the lines together.
        call = ast.get_source_segment(code, last) or ""
        value = call.removeprefix("print")
    before = "".join(f"{line.decode()}\n" for line in lines[: last.lineno - 1])
    after = "".join(f"\n{line.decode()}" for line in lines[end + 1 :])
    return f"{before}{begin}{value}{rest}{after}"


def _is_rebound(name: str, tree: ast.Module, namespace: Mapping[str, object]) -> bool:
    return name in namespace or not names_bound(tree).isdisjoint({name, "*"})


def _without(
    namespace: Mapping[str, object], trees: Sequence[ast.Module | None]
) -> dict[str, object]:
    """Return ``namespace`` without what earlier blocks bind."""
    bound = {name for tree in trees if tree is not None for name in names_bound(tree)}
    if "*" in bound:
        return {}
    return {name: value for name, value in namespace.items() if name not in bound}


def _dump(code: ast.Module | Sequence[ast.stmt]) -> list[str]:
    return [dumped(node) for node in (code.body if isinstance(code, ast.Module) else code)]


def _end(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def _bytes(line: str) -> bytes:
    """Return a line in the encoding that the parser counts columns in."""
    return line.encode()
