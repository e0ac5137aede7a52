"""Names of variables, keys and columns that are likely to hold a secret."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["is_secret_name", "may_name_key", "may_name_secret"]

# A longer one is no name; what it ends in says what it is.
MAX_NAME_CHARS = 200

SECRET_WORDS = frozenset(
    {
        *("authorization", "bearer", "cred", "credential", "credentials", "creds"),
        *("passphrase", "passcode"),
    }
)
SECRET_KEY_WORDS = frozenset(
    {"access", "encryption", "license", "master", "root", "shared", "signing", "ssh"}
)
SECRET_TOKENS_WORDS = frozenset({"access", "api", "auth", "bearer", "refresh", "secret"})
# What has a `pass` or a `pw`; of filters and loops, `low_pass` and `first_pass` are said. By
# itself, `pass` is as often the opposite of `fail`.
# fmt: off
ACCOUNT_WORDS = frozenset({
    "account", "admin", "db", "email", "ftp", "imap", "login", "mail", "my", "mysql", "pg",
    "postgres", "proxy", "redis", "root", "smtp", "ssh", "user",
})
# A tokenizer's tokens are vocabulary; nearly every other name that ends in "token" is a key.
TEXT_TOKEN_WORDS = frozenset({
    "begin", "bos", "cls", "current", "eos", "end", "eot", "first", "generated", "image", "input",
    "is", "last", "mask", "max", "min", "n", "new", "next", "num", "of", "output", "pad",
    "padding", "per", "prev", "previous", "sep", "separator", "sos", "special", "start", "stop",
    "sub", "target", "text", "unk", "word",
})
# The last word of a name says what it holds: something about a secret.
ABOUT_WORDS = frozenset({
    "age", "col", "cols", "column", "columns", "count", "counts", "date", "dir", "dtype", "env",
    "expiry", "field", "fields", "file", "filename", "folder", "len", "length", "lengths", "name",
    "names", "path", "paths", "policy", "rules", "size", "strength", "type", "var",
})
# A name that ends in "key" may be an issued one's or a table's: the value tells. Of these it is
# the table's, or no secret.
DATA_KEY_WORDS = frozenset({
    "cache", "foreign", "group", "hash", "index", "join", "merge", "object", "partition",
    "primary", "public", "row", "sort", "surrogate",
})
# Others whose value tells: a signed URL's, and what Azure and OpenWeather call a key.
KEY_WORDS = frozenset({"appid", "sig", "signature", "subscription"})
# fmt: on
# Wherever in a name they stand.
FRAGMENT = re.compile(
    r"(?:api|auth|service|account|db|database|priv|private|client)[_\-. ]?key"
    r"|(?:db|database|key|require)[_\-. ]?pass"
    r"|passw(?:or)?d|passwort|kennwort|pwd|secret(?!ar)|contrase(?:ñ|n)a|mot[_\-. ]?de[_\-. ]?passe"
    r"|пароль|密码|密碼|パスワード|비밀번호"
)
# Each name that is a secret's has one of them; most lines have none, and are done with at once.
HINTS = (
    "pass", "pw", "secret", "token", "key", "auth", "cred", "bearer", "contrase",
    "kennwort", "пароль", "密码", "密碼", "パスワード", "비밀번호", "appid", "sig=", "signature",
    "subscription",
)  # fmt: skip
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@lru_cache(maxsize=4_096)
def is_secret_name(name: str) -> bool:
    """Whether a variable, key or column of this name is likely to hold a secret."""
    name = name[-MAX_NAME_CHARS:]
    words = [word.lower() for word in WORD.findall(name)]
    is_about_one = bool(words) and words[-1] in ABOUT_WORDS
    return not is_about_one and _holds_secret(name.lower(), words)


def _holds_secret(name: str, words: list[str]) -> bool:
    if words in (["token"], ["pw"]) or SECRET_WORDS.intersection(words) or FRAGMENT.search(name):
        return True
    match words:
        case [*_, kind, "token"]:
            return kind not in TEXT_TOKEN_WORDS
        case [*_, kind, "tokens"]:
            return kind in SECRET_TOKENS_WORDS
        case [*_, owner, "pass" | "pw"]:
            return owner in ACCOUNT_WORDS
        case [*_, "key" | "keys"]:
            return not SECRET_KEY_WORDS.isdisjoint(words)
    return False


@lru_cache(maxsize=4_096)
def may_name_key(name: str) -> bool:
    """Whether what stands under a name is a secret if it looks like an issued key."""
    words = [word.lower() for word in WORD.findall(name[-MAX_NAME_CHARS:])]
    match words:
        case [*_, kind, "key"]:
            return kind not in DATA_KEY_WORDS
        case [*_, last]:
            return last.endswith("key") or last in KEY_WORDS
    return False


def may_name_secret(text: str) -> bool:
    """Whether a text may hold the name of a secret; if not, it holds none."""
    lower = text.lower()
    return any(hint in lower for hint in HINTS)
