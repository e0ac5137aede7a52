"""Python's warnings of one kind kept from the user, who sees all others as before."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["WarningFilter", "ignored", "without"]

# As Python keeps them: action, message, category, module, line.
WarningFilter = tuple[str, re.Pattern[str] | None, type[Warning], re.Pattern[str] | None, int]


def ignored(
    category: type[Warning], *, message: str | None = None, module: str | None = None
) -> WarningFilter:
    """Return a filter for warnings that are ignored.

    Parameters
    ----------
    category
        Their class.
    message, module
        Regular expressions for how their text and the name of the module that they are about
        begin; None for any.
    """
    said, where = (None if text is None else re.compile(text) for text in (message, module))
    return ("ignore", said, category, where, 0)


@contextmanager
def without(ignoring: WarningFilter) -> Iterator[None]:
    """Let one more filter hold for a while."""
    # Into the list itself: by `filterwarnings` or `catch_warnings` Python would tell again what
    # it has told of the user's own code, and the latter also undoes what other threads do.
    filters: list[object] = warnings.filters  # type: ignore[assignment]  # a list, in fact
    filters.insert(0, ignoring)
    try:
        yield
    finally:
        with suppress(ValueError):
            filters.remove(ignoring)
