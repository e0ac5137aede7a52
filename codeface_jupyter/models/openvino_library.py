"""OpenVINO, imported so that it tells nobody that it was."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from codeface_jupyter.threads import new_lock

__all__ = ["import_openvino"]

# Tells Google Analytics of each import, unless somebody has opted out: the operating system, the
# version, a number of this installation that it keeps in the home folder, and counts.
TELEMETRY = "openvino_telemetry"
_LOCK = new_lock()


def import_openvino() -> Any:
    """Return OpenVINO; if it is imported by this, it sends nothing and keeps no number.

    It goes without its telemetry where that is not installed, as it seems to be meanwhile. What
    the user's own code has imported before stays as it was.
    """
    with _LOCK:
        if "openvino" in sys.modules:
            return importlib.import_module("openvino")
        # None may stand there by somebody's own wish, and stays.
        was_there = TELEMETRY in sys.modules
        before = sys.modules.get(TELEMETRY)
        # For Python, what cannot be imported.
        sys.modules[TELEMETRY] = None  # type: ignore[assignment]
        try:
            return importlib.import_module("openvino")
        finally:
            del sys.modules[TELEMETRY]
            if was_there:
                sys.modules[TELEMETRY] = before  # type: ignore[assignment]
