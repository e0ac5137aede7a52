"""The cases of the page about reliability are kept by tests that exist."""

import ast
import re
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "reliability.md").read_text(encoding="utf-8")
HELD = PAGE.partition("\n## What is not held")[0]
CASES = re.findall(r"^\| (.+) \| .+ \| `([\w/]+\.py)::([\w:]+)` \|$", HELD, re.MULTILINE)


@cache
def names_in(path):
    """Return the names of a file's functions, those of classes after their class's name."""
    file = TESTS / path
    tree = ast.parse(file.read_text(encoding="utf-8")) if file.exists() else ast.Module([], [])
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    scopes = [("", tree), *((f"{node.name}::", node) for node in classes)]
    return {
        f"{prefix}{node.name}"
        for prefix, scope in scopes
        for node in scope.body
        if isinstance(node, ast.FunctionDef)
    }


def test_every_test_that_the_page_names_exists():
    missing = [f"{path}::{name}" for _, path, name in CASES if name not in names_in(path)]
    assert missing == []


def test_every_row_names_a_test_of_its_own():
    rows = [line for line in HELD.splitlines() if re.match(r"\| (?!when \||---)", line)]
    assert len(rows) == len(CASES) == len({case[1:] for case in CASES})
    assert len(CASES) >= 100
