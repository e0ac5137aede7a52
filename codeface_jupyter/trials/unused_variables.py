"""Variables that a request speaks of, and a code does without: it takes another one for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from codeface_jupyter.namespace.classes import is_instance
from codeface_jupyter.syntax import Definition, Import, parse_module
from codeface_jupyter.trials.unsaid_names import (
    MAX_REQUEST_CHARS,
    is_not_meant,
    says_name,
    without_code,
)

__all__ = ["unused_variables"]

# "the mean score from long," and "all patients of trial". What goes on may be another thing:
# "the number of orders that …".
SPOKEN_OF = re.compile(
    r"(?:(?P<before>\w+)\s+)?\b(?P<how>from|in|into|of|using)\s+`?(?P<name>[A-Za-z_]\w{2,})`?"
    r"(?=\s*(?:[.,:;?)\n]|\Z))",
    re.IGNORECASE,
)
# What is said of things that are counted: "the number of orders", "a rise in sales".
SAYS_HOW_MANY = frozenset({
    "amount", "average", "change", "count", "decline", "decrease", "distribution", "drop",
    "fraction", "growth", "increase", "jump", "kind", "kinds", "list", "lists", "loss", "lot",
    "mean", "median", "most", "number", "numbers", "part", "percent", "percentage", "proportion",
    "rise", "share", "sort", "sum", "terms", "total", "type", "types", "value", "volume",
})  # fmt: skip
DATA = (dict, list, set, tuple)
TABLES = (
    ("pandas", "DataFrame"), ("pandas", "Series"), ("polars", "DataFrame"), ("polars", "Series"),
    ("numpy", "ndarray"),
)  # fmt: skip


def unused_variables(request: str, code: str, namespace: Mapping[str, object]) -> tuple[str, ...]:
    """Return the variables with data that ``request`` speaks of and ``code`` says nowhere.

    Parameters
    ----------
    request
        What was asked, in the user's words.
    code
        Python; empty if it cannot be read.
    namespace
        The notebook's variables before it runs.
    """
    tree = parse_module(code)
    request = without_code(request)
    if tree is None or len(request) > MAX_REQUEST_CHARS:
        return ()
    # What is only defined is given its data later.
    if all(isinstance(node, Definition | Import) for node in tree.body):
        return ()
    names = (name for name in _spoken_of(request) if _is_data(namespace.get(name)))
    return tuple(dict.fromkeys(name for name in names if not says_name(tree, name)))


def _spoken_of(request: str) -> Iterator[str]:
    for match in SPOKEN_OF.finditer(request):
        is_count = (match["before"] or "").lower() in SAYS_HOW_MANY
        if not is_count and not is_not_meant(request, match.start("name")):
            yield match["name"]


def _is_data(value: object) -> bool:
    return type(value) in DATA or any(is_instance(value, *one) for one in TABLES)
