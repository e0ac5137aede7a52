"""What a code takes from where secrets are kept, so that its value is not shown."""

from __future__ import annotations

import ast
import re
from collections.abc import Container, Iterator

from codeface_jupyter.privacy import is_secret_name
from codeface_jupyter.syntax import is_deep, parse_module

__all__ = ["gives_secret", "reads_secrets", "secret_names", "shows_secret", "takes_secrets"]

# Calls that return what their first argument names, or what the user types.
LOOKUPS = frozenset({"get", "get_password", "get_secret", "getenv", "pop"})
QUESTIONS = frozenset({"getpass"})
KEPT_IN = frozenset({"environ", "get_password", "get_secret", "getenv", "userdata"}) | QUESTIONS
# Files that hold secrets, what reads them by itself, and texts in whose company secrets are.
SECRET_FILE = re.compile(
    r"\.env\b|\.netrc\b|\.pgpass\b|\.pem\b|\bid_(?:rsa|ed25519)\b|\b(?:secrets?|credentials?)\.\w+$",
    re.IGNORECASE,
)
FILE_READERS = frozenset({"dotenv", "dotenv_values", "netrc"})
OF_SECRETS = re.compile(r"secret|passw|token|bearer|credential|api[_-]?key", re.IGNORECASE)
# Methods that return what they belong to, in another form.
FORMS = frozenset({"decode", "encode", "get_secret_value", "lstrip", "rstrip", "strip"})
# Calls that return one of the values that they are given, or several.
CHOICES = frozenset({
    "iter", "list", "max", "min", "next", "repr", "reversed", "set", "sorted", "str", "tuple",
})  # fmt: skip
# What a column says of its values without saying them; of anything else it may say them. An index
# does not: of how often each value is there, it is the values.
COUNTS = frozenset({
    "all", "any", "columns", "contains", "count", "dtype", "dtypes", "duplicated",
    "empty", "endswith", "eq", "fullmatch", "hasnans", "isalnum", "isalpha", "isdecimal",
    "isdigit", "isin", "islower", "is_null", "isna", "isnull", "isnumeric", "isupper",
    "is_unique", "len", "match", "memory_usage", "name", "nbytes", "ndim", "ne", "notna",
    "notnull", "nunique", "n_unique", "shape", "size", "startswith",
})  # fmt: skip


def secret_names(tree: ast.AST) -> frozenset[str]:
    """Return the names that a code binds to a secret: by what they say, or by its source.

    Examples
    --------
    >>> sorted(secret_names(ast.parse("key = os.environ['API_KEY']; api_token = 3; size = 1")))
    ['api_token', 'key']
    """
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets, value=value):
                pass
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                targets = [target]
            case ast.NamedExpr(target=target, value=value):
                targets = [target]
            case _:
                continue
        found = {name.id for name in targets if isinstance(name, ast.Name)}
        is_secret = gives_secret(value, names)
        names.update(name for name in found if is_secret or is_secret_name(name))
    return frozenset(names)


def reads_secrets(tree: ast.AST) -> bool:
    """Whether a code names a file of secrets, calls for one, or takes the whole environment."""
    names = (node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
    is_file = any(map(SECRET_FILE.search, _texts(tree))) or not FILE_READERS.isdisjoint(names)
    return is_file or _takes_environment(tree)


def _takes_environment(tree: ast.AST) -> bool:
    """Whether a code does anything with the environment but look up a variable in it."""
    taken: set[int] = set()
    looked_up: set[int] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id="environ") | ast.Attribute(attr="environ"):
                taken.add(id(node))
            case ast.Subscript(value=owner):
                looked_up.add(id(owner))
            case ast.Attribute(value=owner, attr=attr) if attr in LOOKUPS:
                looked_up.add(id(owner))
    return not taken <= looked_up


def takes_secrets(tree: ast.AST) -> bool:
    """Whether a code may take a secret from anywhere, or asks where secrets are kept."""
    if reads_secrets(tree) or any(map(OF_SECRETS.search, _texts(tree))):
        return True
    names = secret_names(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in KEPT_IN:
                return True
            case ast.expr() if gives_secret(node, names):
                return True
    return bool(names)


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str() as text):
                yield text


def shows_secret(code: str) -> bool:
    """Whether the last value of a code, in plain Python, is a secret or holds one."""
    tree = parse_module(code)
    if tree is None or is_deep(tree) or not tree.body:
        return False
    last = tree.body[-1]
    return isinstance(last, ast.Expr) and gives_secret(last.value, secret_names(tree))


def gives_secret(value: ast.expr, names: Container[str] = ()) -> bool:
    """Whether an expression is a secret or holds one, as far as it says so.

    Parameters
    ----------
    value
        The expression.
    names
        Names that are known to hold secrets, whatever they say.
    """
    match value:
        case ast.Name(id=name):
            return name in names or is_secret_name(name)
        case ast.Attribute(value=owner, attr=name):
            return is_secret_name(name) or _is_value_of(owner, name, names)
        case ast.Subscript(value=owner, slice=place):
            is_item = not isinstance(owner, ast.Name) or not _is_text(place)
            return _names_secret(place) or (is_item and gives_secret(owner, names))
        case ast.Dict(keys=keys, values=values):
            return any(_is_secret_key(key) for key in keys) or _any_gives(values, names)
        case ast.Call():
            return _call_gives(value, names)
    return _any_gives(_parts(value), names)


def _any_gives(values: list[ast.expr], names: Container[str]) -> bool:
    return any(gives_secret(value, names) for value in values)


def _is_value_of(owner: ast.expr, name: str, names: Container[str]) -> bool:
    """Whether an attribute of a secret is one: of a column its ``values``, not its ``shape``.

    What a name stands for may have many; of ``df["password"]`` and the like it is known.
    """
    is_known = not isinstance(owner, ast.Name)
    return is_known and name not in COUNTS and gives_secret(owner, names)


def _names_secret(place: ast.expr) -> bool:
    """Whether brackets hold the name of a secret, as in ``df.loc[0, "password"]``."""
    match place:
        case ast.Tuple(elts=places):
            return any(map(_is_secret_key, places))
    return _is_secret_key(place)


def _is_text(place: ast.expr) -> bool:
    return isinstance(place, ast.Constant) and isinstance(place.value, str)


def _is_secret_key(key: ast.expr | None) -> bool:
    match key:
        case ast.Constant(value=str() as name):
            return is_secret_name(name)
    return False


def _call_gives(call: ast.Call, names: Container[str]) -> bool:
    match call:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in QUESTIONS:
            return True
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[first, *_]) if (
            name in LOOKUPS and _is_secret_key(first)
        ):
            return True
        case ast.Call(func=ast.Attribute(value=text, attr=name)):
            return gives_secret(text, names) if name in FORMS else _is_value_of(text, name, names)
        case ast.Call(func=ast.Name(id=name), args=[first, *_]) if name in CHOICES:
            return gives_secret(first, names)
    return False


def _parts(value: ast.expr) -> list[ast.expr]:
    match value:
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            return parts
        case ast.BoolOp(values=parts) | ast.JoinedStr(values=parts):
            return parts
        case ast.BinOp(left=left, right=right) | ast.IfExp(body=left, orelse=right):
            return [left, right]
        case ast.FormattedValue(value=part) | ast.Starred(value=part) | ast.Await(value=part):
            return [part]
        case ast.NamedExpr(target=target, value=part):
            return [target, part]
    return []
