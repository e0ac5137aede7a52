"""The user's own variables among the names of an IPython shell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["own_variables"]


def own_variables(names: Mapping[str, Any], *, hidden: Mapping[str, object]) -> dict[str, Any]:
    """Return the variables that are the user's.

    Parameters
    ----------
    names
        All names of a shell.
    hidden
        Those that IPython put there, with their values: one that the user has set anew is theirs.
    """
    # A copy in one step: another thread may set a name meanwhile.
    return {
        name: value
        for name, value in dict(names).items()
        if not name.startswith("_") and not (name in hidden and hidden[name] is value)
    }
