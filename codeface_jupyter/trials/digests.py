"""The digest of each thing that a code gave, so that two codes can be compared by one of them.

`digests_data` runs in the copy of the kernel; the kernel itself reads what it returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeface_jupyter.outcome import Digests
from codeface_jupyter.trials.fingerprint import (
    digest_of_figures,
    digest_of_text,
    digest_of_value,
)
from codeface_jupyter.trials.run_code import MAX_OUTPUT_CHARS, CodeRun
from codeface_jupyter.trials.state import StateBefore

__all__ = ["digests_data", "read_digests"]

MAX_DIGEST_CHARS = 64
MAX_NEW = 1_000
PLAIN_TEXT = "text/plain"


def digests_data(
    before: StateBefore, run: CodeRun, namespace: Mapping[str, object], figures: list[Any]
) -> dict[str, object]:
    """Return the digests of what a code gave, as JSON values."""
    has_value = run.value is not None
    return {
        "figures": digest_of_figures(figures) if figures else "",
        "value": digest_of_value(run.value) if has_value else "",
        # As far as what is printed is kept.
        "value_as_text": _digest_of_text(str(run.value)[:MAX_OUTPUT_CHARS]) if has_value else "",
        "printed": _digest_of_text(_shown(run)),
        "changed": before.digest(namespace),
        "new": before.digests_of_new(namespace)[:MAX_NEW],
    }


def read_digests(data: object) -> Digests | None:
    """Return digests from data that may be anything; None if there are none."""
    if not isinstance(data, Mapping):
        return None
    new = data.get("new")
    return Digests(
        figures=_text(data.get("figures")),
        value=_text(data.get("value")),
        value_as_text=_text(data.get("value_as_text")),
        printed=_text(data.get("printed")),
        changed=_text(data.get("changed")),
        new=tuple(map(_text, new[:MAX_NEW])) if isinstance(new, list) else (),
    )


def _shown(run: CodeRun) -> str:
    """Return what a code printed, and then what it displayed."""
    return "\n".join((run.stdout, *(bundle.get(PLAIN_TEXT, "") for bundle in run.displays)))


def _digest_of_text(text: str) -> str:
    return digest_of_text(text) if text.strip() else ""


def _text(data: object) -> str:
    return data[:MAX_DIGEST_CHARS] if isinstance(data, str) else ""
