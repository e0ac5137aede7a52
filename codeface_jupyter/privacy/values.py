"""Whether a text that stands where a secret would is one, or stands for one."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter

from codeface_jupyter.privacy.names import is_secret_name, may_name_key

__all__ = [
    "HIDDEN",
    "is_issued_key",
    "is_quoted_secret",
    "is_random",
    "is_unquoted_secret",
    "may_be_secret",
]

# Stands for what is hidden.
HIDDEN = "***"

# A short word under the name of a token is text that somebody tokenizes.
MIN_TOKEN_CHARS = 16
MIN_WORD_CHARS = 3
MIN_NUMBER_CHARS = 4

# Placeholders: `{password}`, `$PASSWORD`, `%(password)s`, `<your key>`, `***`, `Bearer {token}`.
PLACEHOLDER = re.compile(
    r"\s*(?:(?:Bearer|Basic|Token)\s+)?(?:[{<$]|%\(|\*{3}|\.{3}|…|\(hidden\)|x{4})", re.IGNORECASE
)
# What code and data have in place of a value.
NO_VALUES = frozenset({
    "any", "bool", "boolean", "bytes", "category", "dict", "false", "float", "int", "integer",
    "list", "nan", "nil", "none", "null", "nullable", "number", "object", "optional", "required",
    "secretbytes", "secretstr", "self", "str", "string", "text", "true", "undefined", "varchar",
})  # fmt: skip
# Dotted names and calls are code that gets a value from elsewhere.
REFERENCE = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)+")
CODE_SIGN = re.compile(r"[(\[{|]")
MIXED = re.compile(r"[^\W_]*(?:\d|[^\w\s.:,'\"-])")

# As services issue keys: in hexadecimal, or letters and digits in turn, as a URL may write them.
HEX_KEY = re.compile(r"[0-9a-fA-F]{32,256}")
MIXED_KEY = re.compile(r"(?:[A-Za-z0-9+/]|%[0-9A-F]{2}){32,256}(?:=|%3D){0,2}")
LETTER_TO_DIGIT = re.compile(r"[A-Za-z](?=\d)")
# A path, or a name with a year or a number in it, has one or two.
MIN_CHANGES = 4
# What camel case would make words of; in names they are longer.
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[+/%=]+")
MAX_WORD_CHARS = 2.8

MIN_ENTROPY_BITS = 4.5
# Nearly all of an alphabet's characters follow each other.
MAX_SEQUENTIAL_SHARE = 0.8


def is_quoted_secret(name: str, value: str) -> bool:
    """Whether a text that is given to ``name`` in quotes gives a secret away."""
    if not is_secret_name(name):
        return is_issued_key(name, value)
    return not _is_placeholder(value) and may_be_secret(name, value)


def may_be_secret(name: str, value: str) -> bool:
    """Whether a value may be the secret that its name says it is, not a type or a short word."""
    if not value.strip() or value.lower() in NO_VALUES:
        return False
    return not name.lower().endswith("token") or len(value) >= MIN_TOKEN_CHARS


def is_issued_key(name: str, value: str) -> bool:
    """Whether a value looks like an issued key, and its name does not say that it is none."""
    if not may_name_key(name):
        return False
    if HEX_KEY.fullmatch(value):
        return True
    if not MIXED_KEY.fullmatch(value):
        return False
    changes = len(LETTER_TO_DIGIT.findall(value))
    if 0 < changes < MIN_CHANGES:
        return len(value) < MAX_WORD_CHARS * len(WORD.findall(value))
    return changes >= MIN_CHANGES


def is_unquoted_secret(name: str, value: str, *, is_alone: bool) -> bool:
    """Whether a word that follows ``name`` without quotes is a secret, not code or prose.

    Parameters
    ----------
    name, value
        The two of them.
    is_alone
        Whether the value is all that follows, as in a config file.
    """
    if not is_quoted_secret(name, value) or CODE_SIGN.search(value):
        return False
    if value.isdecimal():
        return len(value) >= MIN_NUMBER_CHARS
    if REFERENCE.fullmatch(value) or (value.isidentifier() and is_secret_name(value)):
        return False
    return len(value) >= MIN_WORD_CHARS and (is_alone or MIXED.match(value) is not None)


def is_random(text: str) -> bool:
    """Whether a text mixes letters and digits so evenly that it was drawn, not written."""
    # Alphabets and long words are as varied as keys, but keys mix letters and digits.
    is_mixed = re.search(r"\d", text) and re.search(r"[A-Za-z]", text)
    return bool(is_mixed) and _entropy_bits(text) > MIN_ENTROPY_BITS and not _is_sequential(text)


def _is_placeholder(value: str) -> bool:
    return PLACEHOLDER.match(value) is not None


def _entropy_bits(text: str) -> float:
    """Return Shannon's entropy of the characters of ``text``, in bits each."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)


def _is_sequential(text: str) -> bool:
    lower = text.lower()
    steps = sum(ord(b) - ord(a) == 1 for a, b in itertools.pairwise(lower))
    return steps > MAX_SEQUENTIAL_SHARE * len(text)
