"""Secrets in the lines of a text: after their name, in a URL, where a program takes them.

A line need not be Python: config files, shell commands and prose are read as well. Each
expression begins where a word does, so that no part of a line is looked at again and again.
"""

from __future__ import annotations

import itertools
import re
import sys
from bisect import bisect_right
from collections.abc import Iterator

from codeface_jupyter.privacy.names import is_secret_name, may_name_key, may_name_secret
from codeface_jupyter.privacy.values import (
    HIDDEN,
    is_issued_key,
    is_quoted_secret,
    is_unquoted_secret,
)

__all__ = ["NAMING", "SECRET_TYPES", "assigned_secrets"]

Span = tuple[int, int]

# `name = `, `"name": `, `df["name"] = `, `--name=`, `name: str = `; then comes the value. A colon
# may be as wide as the characters of Chinese and Japanese.
PAIR = re.compile(
    r"""(?<![\w.-])(?P<name>[\w.-]+)["'`]?[\])]?[^\S\n]*"""
    r"""(?P<sign>:[^\S\n]*[\w.\[\]|]{1,40}[^\S\n]?=(?!=)|:=|=>|={1,3}|!==?|[:\uff1a])"""
    r"""[^\S\n]*(?P<open>[\[({][^\S\n]*)?"""
)
QUOTED = re.compile(
    r"""[rbfutRBFUT]{0,2}(?:"(?P<double>[^"\\]*(?:\\.[^"\\]*)*)|'(?P<single>[^'\\]*(?:\\.[^'\\]*)*))"""
)
# How an issued key begins, in quotes or not.
ISSUED_KEY = re.compile(r"""(?:[rbfutRBFUT]{0,2}["'])?[A-Za-z0-9+/%]{32}""")
# What follows a string in code.
AFTER_TEXT = re.compile(r"""["']\s*[),;\]}+%]""")
NEXT_IN_LIST = re.compile(r"""["'][^\S\n]*,[^\S\n]*""")
KEY_END = re.compile(r"""["'][^\S\n]*:""")
# Longer words are looked at so far only, and hidden as a whole.
MAX_WORD_CHARS = 512
UNQUOTED = re.compile(
    rf"""(?:(?:Bearer|Basic|Token)[^\S\n]+)?(?P<value>[^\s"'`]{{1,{MAX_WORD_CHARS}}})"""
)
WORD_END = re.compile(r"""[^\s"'`]*""")
TRAILING = ",;.)]}>"
SENTENCE_END = f"{TRAILING}!?"
REST_OF_LINE = re.compile(r"""["'`]?[^\S\n]*(?:[#;].*)?""")

# Calls that are given a name, then its value.
NAMING = frozenset({
    "config", "get", "getenv", "option", "pop", "putenv", "set", "setattr", "setdefault", "setenv",
})  # fmt: skip
SECRET_TYPES = frozenset({"Secret", "SecretBytes", "SecretStr"})
LITERAL = r"""[rbfutRBFUT]{0,2}["'](?P<value>[^"'\n]+)"""
NAMED = re.compile(
    rf"""\b(?:{"|".join(sorted(NAMING))})\([^\S\n]?["'](?P<name>[^"'\n]+)"""
    rf"""["'][^\S\n]?,[^\S\n]?{LITERAL}"""
)
WRAPPED = re.compile(rf"\b(?:{'|'.join(sorted(SECRET_TYPES))})\([^\S\n]?{LITERAL}")
LOGIN = re.compile(
    r"""(?:auth["']?[^\S\n]{0,4}[:=][^\S\n]{0,4}[(\[]|(?:Basic|Digest)Auth\(|\blogin\()[^\S\n]?"""
    rf"""["'][^"'\n]*["'][^\S\n]?,[^\S\n]?{LITERAL}"""
)
LOGIN_KEY = re.compile(rf"\blogin\([^\S\n]?{LITERAL}")
URL_PASSWORD = re.compile(r"""(?<=://)[^\s/:@"'{}<>]*:(?P<value>[^\s/"'{}<>]+)@""")
URL_PARAMETER = re.compile(r"""[?&;](?P<name>[\w-]+)=(?P<value>[^&\s"'{]+)""")
# The password of a URL may hold a slash; what stands there otherwise is a port.
URL_PASSWORD_WITH_SLASH = re.compile(
    r"""(?<=://)[^\s/:@"'{}<>]+:(?!\d{1,5}[/?\#])"""
    r"""(?P<value>[^\s/"'{}<>@]{1,100}/[^\s"'{}<>@]{0,100})@[\w\[]"""
)
JDBC = re.compile(r"jdbc:oracle:\w+:[^/\s:]+/(?P<value>[^@\s/]+)@")
# JSON within a string of JSON or of code.
ESCAPED = re.compile(
    r"""(?<!\\)\\{1,3}["'](?P<name>[\w.-]{1,200})\\{1,3}["'][^\S\n]{0,4}:[^\S\n]{0,4}"""
    r"""\\{1,3}["'](?P<value>[^"'\\\n]+)"""
)
# As drivers of databases take it; in an f-string a variable stands between such braces.
IN_BRACES = re.compile(
    r"""(?<![^\s;"'])(?i:pwd|password)=\{(?P<value>[^{}"'\\\n]{3,128})\}(?!\})"""
)
FORMAT = re.compile(r"[!:=]")
# What a browser has been given: what stands there is as good as a password until it expires.
COOKIE = re.compile(
    r"""(?i:(?<![\w-])(?:set-)?cookie)["']?[^\S\n]{0,4}:[^\S\n]{0,4}[rbfutRBFUT]{0,2}["']?"""
    r"""(?P<value>[\w.-]{1,100}=(?P<first>[^\s"';]+)[^"'\n]*)"""
)
COOKIE_SIGNS = ("ookie", "COOKIE")
MIN_COOKIE_CHARS = 8
# Formats and commands in which a password has a place but no sign.
COMMAND = re.compile(
    r"""(?<![\w.-])(?:(?:--|%env[^\S\n]|%set_env[^\S\n])(?P<option>[\w-]+)[^\S\n]"""
    r"""|(?i:password|passwd)[^\S\n])"""
    r"""["']?(?P<value>[^\s"'<-][^\s"'<]*)"""
)
# Commands that are given one by an option of one letter, which for others is a port or a path.
SHORT_OPTION = re.compile(
    r"""(?<![\w.-])(?:(?:mysql|mariadb)[\w-]{0,20}[^\S\n](?:[^\n|;&]{0,200}?\s)?-p"""
    r"""|sshpass[^\S\n]{1,4}-p[^\S\n]{0,4})["']?(?P<value>[^\s"'<-][^\s"'<]*)"""
)
PGPASS_COLONS = 4
# A line that begins with the word alone may be a sentence about it.
NETRC = re.compile(
    r"\s*(?:machine[^\S\n]+\S+[^\S\n]+|default[^\S\n]+)?login[^\S\n]+\S+[^\S\n]+password\b"
    r"|[^\S\n]+password[^\S\n]+\S+$"
)
PGPASS = re.compile(r"^[^\s:#]+:(?:\d{2,5}|\*):[^\s:]+:[^\s:]+:(?P<value>\S+)$")
USER_OPTION = re.compile(
    r"""(?<!\S)(?:-u|--user|--proxy-user)[ =]?["']?[^\s:"']+:(?P<value>(?!//)[^\s"']+)"""
)
LOGIN_SIGNS = ("login", " -u", " -p", "--user")
# `-u a:b` is the shortest text that holds a password without a sign.
MIN_CHARS_WITHOUT_SIGN = 6
PROSE = re.compile(r"""(?<![\w.-])(?P<name>[\w-]+)[^\S\n]is:?[^\S\n]["'`]?(?P<value>[^\s"'`]+)""")
ELEMENT = re.compile(r"<(?P<name>[\w.:-]+)>(?P<value>[^<\n]+)</")
# A name in YAML whose value is the lines below that are further in.
BLOCK = re.compile(
    r"""(?P<indent>[^\S\n]*)(?:-[^\S\n]{1,4})?["']?(?P<name>[\w.-]+)["']?[^\S\n]{0,4}:[^\S\n]{1,4}"""
    r"""[|>][+-]?\d?[+-]?[^\S\n]{0,4}(?:\#.*)?"""
)
# `pass` is also a result, and a column: it names a secret where a login's other keys stand.
PASS = ("pass", "Pass", "PASS")
UNDER_PASS = re.compile(
    r"""(?:(?<=["']).{4}["'][^\S\n]{0,4}:[^\S\n]{0,4}(?=["'])"""
    r"""|(?<![\w.-]).{4}[^\S\n]{0,4}[:=](?!=)[^\S\n]{0,4})"""
    r"""(?:"(?P<double>[^"\n]+)"|'(?P<single>[^'\n]+)'|(?P<word>[^\s"'`,;{}()\[\]]+))"""
)
BESIDE_PASS = re.compile(
    r"""(?<![\w.-])["']?(?i:user|user_?name|login|host|host_?name)["']?[^\S\n]{0,4}[:=](?!=)"""
)
OPPOSITE_OF_PASS = re.compile(r"""(?<![^\W_])(?i:fail)""")
# Where keys are the columns of a table.
OF_COLUMNS = re.compile(
    r"(?:\b(?:agg|aggregate|astype|fillna|replace|transform)\(|\b(?:columns|dtype)=)\s*\Z"
)
CHARS_BESIDE = 300
LITERAL_END = re.compile(r"[{}]|\n[^\S\n]*\n")
# In a cell: what IPython hands to a magic or a shell, with or without a variable for its output.
SHELL_LINE = re.compile(r"\s*(?:[\w.,]+[^\S\n]*=[^\S\n]*)?[%!]{1,2}[A-Za-z]")


def assigned_secrets(text: str, *, is_code: bool) -> Iterator[Span]:
    """Yield where in ``text`` the secrets are, line by line.

    Parameters
    ----------
    text
        One line or several.
    is_code
        Whether it is Python: then a word without quotes is a value only in a comment, a
        string, or what a magic or a shell is given.
    """
    may_name = _may_name(text)
    if may_name:
        yield from _beside_logins(text)
    begin = 0
    block = _Block()
    for line in text.split("\n"):
        if may_name and block.gives(line):
            yield begin, begin + len(line)
        elif line:
            yield from (
                (begin + start, begin + end)
                for start, end in _in_line(line, is_code=is_code, may_name=may_name)
            )
        begin += len(line) + 1


def _beside_logins(text: str) -> Iterator[Span]:
    """Yield what stands under ``pass`` in a literal, or lines, with a user's name or a host."""
    for start in itertools.chain.from_iterable(_places(text, word) for word in PASS):
        match = UNDER_PASS.match(text, start)
        if match is None:
            continue
        kind = match.lastgroup or "word"
        value = match[kind]
        is_secret = (
            is_unquoted_secret("password", value, is_alone=True)
            if kind == "word"
            else is_quoted_secret("password", value)
        )
        if is_secret and _is_of_login(text, start, match.end()):
            yield match.span(kind)


def _places(text: str, word: str) -> Iterator[int]:
    place = text.find(word)
    while place >= 0:
        yield place
        place = text.find(word, place + 1)


def _is_of_login(text: str, start: int, end: int) -> bool:
    """Whether what is around a pair, in the same braces or lines, are a login's other keys."""
    first = max(0, start - CHARS_BESIDE)
    for bound in LITERAL_END.finditer(text, first, start):
        first = bound.end()
    bound_after = LITERAL_END.search(text, end, end + CHARS_BESIDE)
    last = bound_after.start() if bound_after else end + CHARS_BESIDE
    beside = f"{text[first:start]}\n{text[end:last]}"
    if OPPOSITE_OF_PASS.search(beside) or not BESIDE_PASS.search(beside):
        return False
    before = text[max(0, first - CHARS_BESIDE) : max(0, first - 1)]
    return OF_COLUMNS.search(before) is None


class _Block:
    """The lines of YAML's that belong to a name above them, one after the other."""

    def __init__(self) -> None:
        self._name = ""
        self._indent = 0

    def gives(self, line: str) -> bool:
        """Whether a line is part of a secret that is named above it."""
        if not line.strip():
            return False
        if self._name and len(line) - len(line.lstrip()) > self._indent:
            return is_quoted_secret(self._name, line.strip())
        head = BLOCK.fullmatch(line) if "|" in line or ">" in line else None
        is_secret = head is not None and is_secret_name(head["name"])
        self._name = head["name"] if head is not None and is_secret else ""
        self._indent = len(head["indent"]) if head is not None else 0
        return False


def _may_name(text: str) -> bool:
    return may_name_secret(text) or any(sign in text for sign in LOGIN_SIGNS)


def _in_line(line: str, *, is_code: bool, may_name: bool) -> Iterator[Span]:
    yield from _in_addresses(line)
    if not may_name or not _may_name(line):
        return
    yield from _in_calls(line)
    yield from _in_braces(line)
    is_text = not is_code or SHELL_LINE.match(line) is not None
    texts = [(0, len(line))] if is_text else list(_texts_in_code(line))
    yield from _pairs(line, texts)
    for start, end in texts:
        if end - start < MIN_CHARS_WITHOUT_SIGN:
            continue
        for found_start, found_end in _without_sign(line[start:end]):
            yield start + found_start, start + found_end


def _in_addresses(line: str) -> Iterator[Span]:
    if "://" in line or ":*:" in line or "jdbc:" in line or line.count(":") >= PGPASS_COLONS:
        for pattern in (URL_PASSWORD, URL_PASSWORD_WITH_SLASH, JDBC, PGPASS):
            for match in pattern.finditer(line):
                if not match["value"].startswith((HIDDEN, "$", "%", "{", "<")):
                    yield match.span("value")
    if any(sign in line for sign in COOKIE_SIGNS):
        for match in COOKIE.finditer(line):
            is_long = len(match["first"]) >= MIN_COOKIE_CHARS
            if is_long and is_unquoted_secret("password", match["first"], is_alone=False):
                yield match.span("value")


def _found(pattern: re.Pattern[str], text: str, sign: str) -> Iterator[re.Match[str]]:
    """Yield the matches of a pattern that holds a sign: most long lines do not."""
    return pattern.finditer(text) if sign in text else iter(())


def _in_braces(line: str) -> Iterator[Span]:
    for match in _found(IN_BRACES, line, "={"):
        variable = FORMAT.split(match["value"], maxsplit=1)[0]
        is_value = is_unquoted_secret("password", match["value"], is_alone=False)
        if is_value and not is_secret_name(variable):
            yield match.span("value")


def _in_calls(line: str) -> Iterator[Span]:
    for match in URL_PARAMETER.finditer(line):
        name, value = match["name"], match["value"]
        if value != HIDDEN and (is_secret_name(name) or is_issued_key(name, value)):
            yield match.span("value")
    pairs = (_found(NAMED, line, "("), ELEMENT.finditer(line), _found(ESCAPED, line, "\\"))
    for match in itertools.chain.from_iterable(pairs):
        if is_quoted_secret(match["name"], match["value"]):
            yield match.span("value")
    for match in _found(LOGIN_KEY, line, "("):
        if is_issued_key("key", match["value"]):
            yield match.span("value")
    for match in itertools.chain(_found(WRAPPED, line, "("), LOGIN.finditer(line)):
        if is_quoted_secret("password", match["value"]):
            yield match.span("value")


def _pairs(line: str, texts: list[Span]) -> Iterator[Span]:
    """Yield the values that follow the name of a secret and a sign."""
    position = 0
    while match := PAIR.search(line, position):
        position = match.end()
        name = match["name"].strip("-.")
        if not (is_secret_name(name) or _has_key(name, line, position)):
            continue
        quoted = None if _ends_text(line, position, texts) else QUOTED.match(line, position)
        if quoted is not None and match["open"] and KEY_END.match(line, quoted.end()):
            # In braces, the values are those of names of their own.
            quoted = None
        while quoted is not None:
            yield from _quoted_value(name, quoted)
            position = quoted.end()
            # In brackets, what follows a comma belongs to the same name.
            comma = NEXT_IN_LIST.match(line, position) if match["open"] else None
            quoted = QUOTED.match(line, comma.end()) if comma else None
        if position == match.end() and not match["open"] and _is_within(texts, match.start()):
            found = _unquoted_value(name, line, match)
            if found is not None:
                yield found
                position = found[1]


def _has_key(name: str, line: str, place: int) -> bool:
    """Whether an issued key may stand there: most names and most values are done with at once."""
    return ISSUED_KEY.match(line, place) is not None and may_name_key(name)


def _ends_text(line: str, place: int, texts: list[Span]) -> bool:
    """Whether a quotation mark ends the string that the name stands in, as in a prompt."""
    number = bisect_right(texts, (place, 0)) - 1
    if number >= 0 and texts[number][1] == place:
        return True
    return AFTER_TEXT.match(line, place) is not None


def _is_within(spans: list[Span], place: int) -> bool:
    number = bisect_right(spans, (place, sys.maxsize)) - 1
    return number >= 0 and place < spans[number][1]


def _quoted_value(name: str, quoted: re.Match[str]) -> Iterator[Span]:
    kind = "double" if quoted["double"] is not None else "single"
    if is_quoted_secret(name, quoted[kind]):
        yield quoted.span(kind)


def _unquoted_value(name: str, line: str, pair: re.Match[str]) -> Span | None:
    found = UNQUOTED.match(line, pair.end())
    if found is None:
        return None
    value = found["value"].rstrip(TRAILING)
    start, end = found.start("value"), found.start("value") + len(value)
    # In `user=ann password=x`, what follows is another pair; an argument may be a variable.
    is_argument = line[max(0, pair.start() - 2) : pair.start()].strip()[-1:] in ("(", ",")
    if start > found.start():
        return (start, end) if is_quoted_secret(name, value) else None
    is_alone = (
        (pair["sign"] == "=" and not is_argument)
        or ";" in value
        or REST_OF_LINE.fullmatch(line, end) is not None
    )
    if not is_unquoted_secret(name, value.partition(";")[0], is_alone=is_alone):
        return None
    is_cut = len(found["value"]) == MAX_WORD_CHARS
    whole = WORD_END.match(line, end) if is_cut else None
    return start, whole.end() if whole else end


def _without_sign(text: str) -> Iterator[Span]:
    """Yield passwords that stand in their place: in `.netrc`, in options, in a sentence."""
    is_netrc = NETRC.match(text) is not None
    for match in COMMAND.finditer(text):
        name = match["option"] or "password"
        is_named = is_netrc or match["option"] is not None
        if is_unquoted_secret(name, match["value"], is_alone=is_named):
            yield match.span("value")
    for match in itertools.chain(_found(USER_OPTION, text, "-u"), _found(SHORT_OPTION, text, "-p")):
        if is_unquoted_secret("password", match["value"], is_alone=True):
            yield match.span("value")
    for match in _found(PROSE, text, "is"):
        if is_unquoted_secret(match["name"], match["value"].rstrip(SENTENCE_END), is_alone=False):
            yield match.span("value")


def _texts_in_code(line: str) -> Iterator[Span]:
    """Yield the strings of a line of Python, and its comment."""
    position = 0
    while True:
        comment = line.find("#", position)
        quoted = QUOTED.search(line, position)
        if quoted is None or (0 <= comment < quoted.start()):
            break
        yield quoted.span()
        position = quoted.end() + 1
    if comment >= 0:
        yield comment, len(line)
