"""Names that a request quotes and an answer's code does not say: it does something else then."""

from __future__ import annotations

import ast
import keyword
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from codeface_jupyter.syntax import parse_module

__all__ = [
    "ENDS_A_CLAUSE",
    "MAX_REQUEST_CHARS",
    "NOT_MEANT",
    "NOT_NAMES",
    "QUOTED",
    "in_words",
    "is_not_meant",
    "says_name",
    "unsaid_names",
    "unsaid_note",
    "without_code",
]

QUOTED = re.compile(
    # An apostrophe is no quote, nor are the inches in 12"x14".
    r'(?<![A-Za-z0-9_])"(?P<double>[^"\n]{1,60})"|(?<!\w)\'(?P<single>[^\'\n]{1,60})\'(?!\w)'
    r"|[“„](?P<curly>[^“”„\n]{1,60})[“”]"
    # The single ones of those.
    r"|(?<!\w)[\u2018\u201a](?P<low>[^\u2018\u2019\u201a\n]{1,60})[\u2018\u2019](?!\w)"
    r"|«\s?(?P<angled>[^«»\n]{1,60})»|`(?P<code>[^`\n]{1,60})`"
)
# Words, with what stands in the names of columns; no code, nothing that is only signs, and no
# value such as "10%" or "2020-01-31", which code writes in other ways. One letter tells nothing.
NAME = re.compile(r"(?!\d)\w[\w .%/()\-:&#+,?]+")
ENDS_A_CLAUSE = " \u00a0\u202f.,;:!?"
FENCED = re.compile(r"^[ \t]*(`{3,}|~{3,}).*?(?:^[ \t]*\1|\Z)", re.DOTALL | re.MULTILINE)
# What an interpreter shows goes on up to an empty line.
SESSION = re.compile(r"^[ \t]*>>>.*(?:\n[ \t]*\S.*)*", re.MULTILINE)
# Code without fences, and examples of what goes in and comes out: turned("abc") gives "cba".
CODE_LINE = re.compile(
    r"""^.*(?:\w[(\[]["']|\{["']|[=-]>|→|==).*$|^[ \t]*\w+[ \t]*=.*$""", re.MULTILINE
)
# What is not to be, and what is only like it: code that is right may not say it.
NOT_MEANT = re.compile(
    r"(?:\b(?:not|without|except|instead of|(?:rather|other) than|like|such as|e\.g\.|example"
    r"|nicht|ohne|statt|außer|sans|sin)|n['\u2019]t)(?:[ ,:(*]+\w+){0,2}[ ,:(*]*\Z",
    re.IGNORECASE,
)
CHARS_BEFORE = 48
# Longer requests are not looked through for how they ask for something.
MAX_REQUEST_CHARS = 2_000
# What is quoted as often as it is meant, and packages, which code calls by names of its own.
KINDS = frozenset({"dataframe", "dict", "false", "list", "nan", "none", "series", "true", "tuple"})
TYPES = frozenset({"array", "bool", "float", "float64", "int", "int64", "set", "str", "string"})
PACKAGES = frozenset({"matplotlib", "numpy", "pandas", "plotly", "scipy", "seaborn", "sklearn"})
NOT_NAMES = KINDS | TYPES | PACKAGES
MAX_IN_WORDS = 3


def unsaid_names(request: str, code: str) -> tuple[str, ...]:
    """Return what ``request`` quotes and ``code`` says nowhere, in the order of the request.

    A column that a request names in quotes is read, made or looked for by its name, and so is a
    category, a file or a variable: code that does not say it has not done what was asked.

    Parameters
    ----------
    request
        What was asked, in the user's words. Code in it between fences does not count.
    code
        The answer's code.

    Returns
    -------
    tuple of str
        Empty if there are none, or ``code`` does not parse.
    """
    module = parse_module(code)
    if module is None:
        return ()
    said = _Said.by(module)
    starts, ends = _parts_of_names(module)

    def is_said(name: str) -> bool:
        name = unicodedata.normalize("NFKC", name)
        return said.has(name) or name.startswith(starts) or name.endswith(ends)

    return tuple(name for name in _quoted(request) if not is_said(name))


def says_name(tree: ast.Module, name: str) -> bool:
    """Whether a code says a name, in whatever way."""
    return _Said.by(tree).has(name)


def unsaid_note(names: Iterable[str], *, code: str) -> str:
    """Return a sentence on names that an answer does without; empty if there are none.

    Those that ``code`` writes in other cases are not worth one: people quote as they remember.
    What its comments say is often only the request once more.
    """
    module = parse_module(code)
    written = _Said.by(module, lower=True) if module is not None else None
    missed = [name for name in names if written is None or not written.has(name.lower())]
    return f"The request names {in_words(missed)}, which this code does not." if missed else ""


def in_words(names: Sequence[str]) -> str:
    """Return names as they stand in a sentence, the first few of them.

    Examples
    --------
    >>> in_words(["Low", "High", "Mean"])
    '“Low”, “High” and “Mean”'
    """
    shown = [f"“{name}”" for name in names[:MAX_IN_WORDS]]
    if len(names) > MAX_IN_WORDS:
        shown[-1] = f"{len(names) - MAX_IN_WORDS + 1} more"
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def _quoted(request: str) -> Iterator[str]:
    """Yield the names that a request quotes, each once."""
    found = dict.fromkeys(_names(without_code(request)))
    yield from (name for name in found if name.lower() not in NOT_NAMES)


def without_code(request: str) -> str:
    """Return a request without the code and the examples in it."""
    for code in (FENCED, SESSION, CODE_LINE):
        request = code.sub("", request)
    return request


def _names(text: str) -> Iterator[str]:
    for match in QUOTED.finditer(text):
        quoted = match[match.lastgroup or 0].rstrip(ENDS_A_CLAUSE)
        if not NAME.fullmatch(quoted):
            continue
        if match["code"] and (not quoted.isidentifier() or keyword.iskeyword(quoted)):
            continue
        if not is_not_meant(text, match.start()):
            yield quoted


def is_not_meant(request: str, place: int) -> bool:
    """Whether what stands at a place of a request is not to be, or only like what is to be."""
    return NOT_MEANT.search(request[max(0, place - CHARS_BEFORE) : place]) is not None


@dataclass(frozen=True)
class _Said:
    """What a code says: its own names as a whole, of texts and what it calls any part."""

    names: frozenset[str]
    texts: str

    @classmethod
    def by(cls, module: ast.Module, *, lower: bool = False) -> _Said:
        """Return what a code says, in lower case perhaps."""
        names: set[str] = set()
        texts: list[str] = []
        calls = [node for node in ast.walk(module) if isinstance(node, ast.Call)]
        # `transform(np.log1p)` calls as well.
        called = {id(node.func) for node in calls}
        called |= {id(one) for node in calls for one in node.args if isinstance(one, ast.Attribute)}
        for node in ast.walk(module):
            # A function may do what is quoted by a longer name: "sort" by sort_values.
            is_text = isinstance(node, ast.Constant | ast.alias | ast.ImportFrom)
            said = _fields(node)
            if is_text or id(node) in called:
                texts += said
            else:
                names.update(said)
        written = unicodedata.normalize("NFKC", "\n".join(texts))
        if lower:
            return cls(frozenset(name.lower() for name in names), written.lower())
        return cls(frozenset(names), written)

    def has(self, name: str) -> bool:
        """Whether a code says a name, or one that begins or ends as a part of one is to."""
        if name.endswith("_") and any(one.startswith(name) for one in self.names):
            return True
        if name.startswith("_") and any(one.endswith(name) for one in self.names):
            return True
        return name in self.names or name in self.texts


def _fields(node: ast.AST) -> list[str]:
    """Return the texts and names that a node holds itself."""
    found: list[str] = []
    for _, value in ast.iter_fields(node):
        values = value if isinstance(value, list) else [value]
        found += [str(one) for one in values if isinstance(one, str | bytes)]
    return found


def _parts_of_names(module: ast.Module) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return how the texts begin and end that a code puts together: ``f"col{number}"``."""
    starts: set[str] = set()
    ends: set[str] = set()
    for node in ast.walk(module):
        match node:
            case ast.JoinedStr(values=[first, *_, last]):
                pass
            case ast.BinOp(op=ast.Add(), left=first, right=last):
                pass
            case _:
                continue
        for part, found in ((first, starts), (last, ends)):
            match part:
                case ast.Constant(value=str(text)) if text.strip():
                    found.add(text)
    return tuple(starts), tuple(ends)
