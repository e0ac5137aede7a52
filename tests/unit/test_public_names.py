"""Public is what is in ``__all__``: what one module takes from another is in it."""

import ast
from pathlib import Path

import codeface_jupyter

ROOT = Path(codeface_jupyter.__file__).parent


def module_name(file):
    parts = ("codeface_jupyter", *file.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def public_names(tree):
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def test_what_a_module_takes_from_another_is_public_there():
    trees = {module_name(file): ast.parse(file.read_text("utf-8")) for file in ROOT.rglob("*.py")}
    public = {name: public_names(tree) for name, tree in trees.items()}
    taken = {
        (node.module, alias.name)
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in trees
        for alias in node.names
        if f"{node.module}.{alias.name}" not in trees
    }
    assert taken
    assert sorted((module, name) for module, name in taken if name not in public[module]) == []
