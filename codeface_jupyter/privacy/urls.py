"""URLs without what they hold of users, passwords and keys."""

from __future__ import annotations

import re

from codeface_jupyter.privacy.values import HIDDEN

__all__ = ["masked_url"]

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]*)(:\d{1,5})?")


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
