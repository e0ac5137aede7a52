"""Find and hide secrets: lines, names and URLs that seem to hold a key, a token or a password.

The detectors are detect-secrets', called one by one: they hold no state, so any
thread may use them, whereas the library's own scan goes through global settings.
"""

from __future__ import annotations

import ast
import logging
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from codeface_jupyter.syntax import parse_module

__all__ = ["HIDDEN", "SECRET_MARK", "has_secret", "is_secret_name", "masked_url", "redact"]

SECRET_MARK = "# (a line with a secret was left out)"  # noqa: S105 - says that one was left out

# A longer line is data, not code: scanning it takes longer than it is worth, so it is left out.
MAX_LINE_CHARS = 20_000

# Every public IPv4 address is no secret; the high-entropy detectors are asked below, with care.
SKIPPED_DETECTORS = frozenset(
    {"IPPublicDetector", "HexHighEntropyString", "Base64HighEntropyString"}
)

# Formats of tokens that detect-secrets 1.5 does not know yet.
ISSUED_TOKEN = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{30,}|github_pat_\w{20,}|sk-[\w-]{20,}|AIza[\w-]{35}|ya29\.[\w-]{20,})"
)
LITERAL = r"""[rbfuRBFU]{0,2}["'](?P<value>[^"']+)["']"""
ASSIGNED = re.compile(rf"""(?P<name>[A-Za-z_]\w*)(?:["']\]?)?\s*[:=]\s*[\[(]?\s*{LITERAL}""")
URL_PARAMETER = re.compile(r"[?&](?P<name>[\w-]+)=(?P<value>[^&\s\"'{]+)")
PRIVATE_KEY_BEGIN, PRIVATE_KEY_END = "-----BEGIN ", "-----END "

AUTHORIZATION_SCHEME = re.compile(r"(?:Bearer|Basic|Token)\s+", re.IGNORECASE)

SECRET_WORDS = frozenset(
    {"authorization", "bearer", "credential", "credentials", "passphrase", "passcode"}
)
SECRET_KEY_WORDS = frozenset(
    {"access", "encryption", "license", "master", "root", "shared", "signing", "ssh"}
)
# A tokenizer's tokens are vocabulary; nearly every other name that ends in "token" is a key.
# fmt: off
TEXT_TOKEN_WORDS = frozenset({
    "begin", "bos", "cls", "current", "eos", "end", "eot", "first", "generated", "image", "input",
    "is", "last", "mask", "max", "min", "n", "new", "next", "num", "of", "output", "pad",
    "padding", "per", "prev", "previous", "sep", "separator", "sos", "special", "start", "stop",
    "sub", "target", "text", "unk", "word",
})
# fmt: on
MIN_TOKEN_CHARS = 16

# Stands for what is hidden.
HIDDEN = "***"

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]*)(:\d{1,5})?")


def redact(text: str) -> tuple[str, int]:
    """Remove the lines of ``text`` that hold a secret.

    Returns
    -------
    tuple
        The text with a short mark for each run of such lines, and how many were removed.
    """
    lines = text.split("\n")
    hidden = {number for number, line in enumerate(lines) if has_secret(line)}
    hidden.update(_in_private_keys(lines))
    hidden.update(_in_assigned_literals(text))
    if not hidden:
        return text, 0
    kept: list[str] = []
    for number, line in enumerate(lines):
        if number not in hidden:
            kept.append(line)
        elif number - 1 not in hidden:
            indent = line[: len(line) - len(line.lstrip())]
            kept.append(indent + SECRET_MARK)
    return "\n".join(kept), len(hidden)


@lru_cache(maxsize=4_096)
def has_secret(line: str) -> bool:
    """Whether a line of text seems to hold a key, a token or a password."""
    if len(line) > MAX_LINE_CHARS:
        return True
    return (
        ISSUED_TOKEN.search(line) is not None
        or any(_is_real(secret) for secret in _detected(line))
        or any(_is_named_secret(match) for match in ASSIGNED.finditer(line))
        or any(is_secret_name(match["name"]) for match in URL_PARAMETER.finditer(line))
    )


@lru_cache(maxsize=4_096)
def is_secret_name(name: str) -> bool:
    """Whether a variable, key or column of this name is likely to hold a secret."""
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]
    if SECRET_WORDS.intersection(words):
        return True
    if words and words[-1] == "token":
        return len(words) == 1 or words[-2] not in TEXT_TOKEN_WORDS
    if words[-1:] in (["key"], ["keys"]) and SECRET_KEY_WORDS.intersection(words):
        return True
    keyword, _ = _detectors()
    return any(keyword(f'{name} = "value"'))


def masked_url(url: str) -> str:
    """Return ``url`` without user, password and query.

    Anything that cannot be parsed as an address is hidden as a whole, since a
    password may be anywhere in it; a plain word is returned unchanged.

    Examples
    --------
    >>> masked_url("rediss://ann:secret@cache.example:6380/1")
    'rediss://***@cache.example:6380/1'
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return HIDDEN if set(url) & set("@:?/") else url
    if not SCHEME.fullmatch(scheme):
        return HIDDEN
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    remainder = rest[len(authority) :]
    _, at, host = authority.rpartition("@")
    # An @ further on: a slash or question mark of the password ended the authority too early.
    if "@" in remainder or not HOST_AND_PORT.fullmatch(host):
        return f"{scheme}://{HIDDEN}"
    path, *query = re.split(r"[?#]", remainder, maxsplit=1)
    return f"{scheme}://{HIDDEN + at if at else ''}{host}{path}{'?' + HIDDEN if query else ''}"


def _is_named_secret(match: re.Match[str]) -> bool:
    return _looks_assigned(match["name"], match["value"])


def _looks_assigned(name: str, value: str) -> bool:
    """Whether ``name = "value"`` gives a secret away."""
    if not value.strip() or not is_secret_name(name) or not _is_real(value):
        return False
    # A short word under the name of a token is text that somebody tokenizes.
    return not name.lower().endswith("token") or len(value) >= MIN_TOKEN_CHARS


def _is_real(secret: str) -> bool:
    """Whether a match is a value; ``{password}`` and ``<your key>`` stand for one."""
    _load_library()
    from detect_secrets.filters.heuristic import is_templated_secret

    return not is_templated_secret(AUTHORIZATION_SCHEME.sub("", secret, count=1))


def _detected(line: str) -> Iterator[str]:
    _load_library()
    from detect_secrets.filters.heuristic import is_sequential_string

    _, detectors = _detectors()
    for detect in detectors:
        yield from detect(line)
    entropic = _entropy_detector()
    for secret in entropic(line):
        # Alphabets and long words are as varied as keys, but keys mix letters and digits.
        is_mixed = re.search(r"\d", secret) and re.search(r"[A-Za-z]", secret)
        if is_mixed and not is_sequential_string(secret):
            yield secret


@lru_cache(maxsize=1)
def _load_library() -> None:
    """Import detect-secrets at first use, as it brings an HTTP client along.

    As it is imported, it has logging take all warnings: the user's own would be seen no more.
    """
    before = warnings.showwarning
    import detect_secrets  # noqa: F401 - its modules are imported where they are used

    if warnings.showwarning is not before:
        logging.captureWarnings(False)


Detect = Callable[[str], Iterable[str]]


@lru_cache(maxsize=1)
def _detectors() -> tuple[Detect, tuple[Detect, ...]]:
    """Return the keyword detector, and all those that suit code, itself included."""
    _load_library()
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    from detect_secrets.plugins.keyword import KeywordDetector

    keyword = KeywordDetector().analyze_string
    others = (
        plugin().analyze_string
        for plugin in get_mapping_from_secret_type_to_class().values()
        if plugin is not KeywordDetector and plugin.__name__ not in SKIPPED_DETECTORS
    )
    return keyword, (keyword, *others)


@lru_cache(maxsize=1)
def _entropy_detector() -> Detect:
    from detect_secrets.plugins.high_entropy_strings import Base64HighEntropyString

    plugin = Base64HighEntropyString()

    def detect(line: str) -> Iterator[str]:
        for text in plugin.analyze_string(line):
            if plugin.calculate_shannon_entropy(text) > plugin.entropy_limit:
                yield text

    return detect


def _in_private_keys(lines: list[str]) -> Iterator[int]:
    """Yield the numbers of the lines between a private key's first and last line."""
    start: int | None = None
    for number, line in enumerate(lines):
        if PRIVATE_KEY_BEGIN in line and "PRIVATE KEY" in line:
            start = number
        if PRIVATE_KEY_END in line and "PRIVATE KEY" in line:
            # A key whose first line was cut away begins where the text does.
            yield from range(start or 0, number + 1)
            start = None
    if start is not None:
        yield from range(start, len(lines))


def _in_assigned_literals(text: str) -> Iterator[int]:
    """Yield the numbers of the lines with literals assigned to a secret's name."""
    tree = parse_module(text)
    for node in ast.walk(tree) if tree is not None else ():
        for name, value in _assignments(node):
            for part in _texts(value):
                if _looks_assigned(name, str(part.value)):
                    yield from range(part.lineno - 1, part.end_lineno or part.lineno)


def _texts(value: ast.expr) -> Iterator[ast.Constant]:
    """Yield the text and bytes literals that a value is, or is a collection of."""
    match value:
        case ast.Constant(value=str() | bytes()):
            yield value
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            for part in parts:
                yield from _texts(part)
        case ast.BinOp(left=left, right=right):
            yield from _texts(left)
            yield from _texts(right)
        case ast.JoinedStr(values=parts) if not any(
            isinstance(part, ast.FormattedValue) for part in parts
        ):
            for part in parts:
                yield from _texts(part)


def _assignments(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names and values that a statement, a keyword argument or a dict pairs."""
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((_last_name(target), value) for target in targets)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield _last_name(target), value
        case ast.keyword(arg=str() as name, value=value):
            yield name, value
        case ast.Dict(keys=keys, values=values):
            yield from ((_last_name(k), v) for k, v in zip(keys, values, strict=True) if k)


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Constant(value=str() as name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str() as name)):
            return name
    return ""
