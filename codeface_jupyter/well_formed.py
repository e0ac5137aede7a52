"""Text that can be encoded: Python's strings may hold halves of characters, UTF-8 may not."""

from __future__ import annotations

__all__ = ["well_formed", "well_formed_data"]


def well_formed(text: str) -> str:
    r"""Return ``text`` with surrogate pairs joined and single surrogates replaced by ``\ufffd``.

    A kernel meets them in file names that are not UTF-8, in JSON that escapes half an
    emoji, and in text that was cut between the halves.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def well_formed_data(data: object) -> object:
    """Return JSON-like ``data`` with every text in it well-formed, keys included."""
    match data:
        case str():
            return well_formed(data)
        case dict():
            return {well_formed_data(key): well_formed_data(value) for key, value in data.items()}
        case list() | tuple():
            return [well_formed_data(value) for value in data]
    return data
