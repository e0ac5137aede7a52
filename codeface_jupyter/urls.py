"""Addresses that may hold a password, and how they are shown without it."""

from __future__ import annotations

import re

__all__ = ["HIDDEN", "masked_url"]

HIDDEN = "***"

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]*)(:\d{1,5})?")


def masked_url(url: str) -> str:
    """Return ``url`` without user, password and query.

    What does not read as an address is hidden as a whole, since a password may
    stand anywhere in it; a plain word is returned as it is.

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
