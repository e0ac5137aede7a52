"""Names the near one of our magics where IPython found none of that name."""

from __future__ import annotations

import re
import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionResult, InteractiveShell

__all__ = ["MisspeltMagics"]

NOT_FOUND = re.compile(r"(?:Line magic function|Cell magic) `(%{1,2})(\w+)` not found\.")
# `%code` and `%%face` are somebody else's.
CUTOFF = 0.75


class MisspeltMagics:
    """Says under IPython's own error which magic was probably meant.

    Parameters
    ----------
    shell
        Where the magics live.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        shell.events.register("post_run_cell", self._look_at)

    def close(self) -> None:
        """Stop looking."""
        self._shell.events.unregister("post_run_cell", self._look_at)

    def _look_at(self, result: ExecutionResult) -> None:
        error = result.error_in_exec
        found = NOT_FOUND.match(str(error)) if isinstance(error, UsageError) else None
        near = self._near(found[2], is_cell=found[1] == "%%") if found else ""
        if near:
            sys.stderr.write(f"Did you mean {near}?\n")

    def _near(self, name: str, *, is_cell: bool) -> str:
        """Return the magic of ours that ``name`` is near to, as it is written; empty if none."""
        magics = self._shell.magics_manager.magics
        ours = sorted(n for n in {*magics["line"], *magics["cell"]} if n.startswith("codeface"))
        near = get_close_matches(name.lower(), ours, n=1, cutoff=CUTOFF)
        if not near:
            return ""
        takes_cell = near[0] in magics["cell"] and (is_cell or near[0] not in magics["line"])
        return f"{'%%' if takes_cell else '%'}{near[0]}"
