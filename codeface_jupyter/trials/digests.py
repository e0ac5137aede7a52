"""The digest of each thing that a code gave, so that two codes can be compared by one of them.

`digests_data` runs in the copy of the kernel; the kernel itself reads what it returns.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from codeface_jupyter.outcome import Digests
from codeface_jupyter.trials.fingerprint import (
    digest_of_figures,
    digest_of_text,
    digest_of_value,
    is_opaque,
)
from codeface_jupyter.trials.run_code import MAX_OUTPUT_CHARS, CodeRun
from codeface_jupyter.trials.state import StateBefore
from codeface_jupyter.trials.timings import without_timings

__all__ = ["digests_data", "read_digests", "shown_text"]

MAX_DIGEST_CHARS = 64
MAX_NEW = 1_000
PLAIN_TEXT = "text/plain"
OBJECT = re.compile(r"<[\w.]+ .*>", re.DOTALL)


def digests_data(
    before: StateBefore, run: CodeRun, namespace: Mapping[str, object], figures: list[Any]
) -> dict[str, object]:
    """Return the digests of what a code gave, as JSON values."""
    has_value = run.value is not None and not is_opaque(run.value)
    given = Digests(
        figures=digest_of_figures(figures),
        value=digest_of_value(run.value) if has_value else "",
        value_as_text=_digest_as_text(run.value) if has_value else "",
        printed=_digest_of_text(shown_text(run)),
        changed=before.digest(namespace),
        new=tuple(before.digests_of_new(namespace)[:MAX_NEW]),
    )
    return asdict(replace(given, is_repeat=_is_repeat(given, before, namespace)))


def shown_text(run: CodeRun) -> str:
    """Return what a code printed, and then what it displayed."""
    return "\n".join((without_timings(run.stdout), *map(_text_of_display, run.displays)))


def _text_of_display(bundle: Mapping[str, str]) -> str:
    plain = bundle.get(PLAIN_TEXT, "")
    if not OBJECT.fullmatch(plain):
        return plain
    # It says of what class it is, but not what it holds.
    others = [text for kind, text in sorted(bundle.items()) if kind != PLAIN_TEXT]
    return "\n".join(others)


def _is_repeat(given: Digests, before: StateBefore, namespace: Mapping[str, object]) -> bool:
    """Whether what counts of a code is what the variables that it names held before."""
    if given.figures or not before.keeps_data(namespace):
        return False
    held = before.held()
    if given.value:
        return given.value in map(digest_of_value, held)
    if given.printed:
        return given.printed in map(_digest_as_text, held)
    return set(given.new) <= set(map(digest_of_value, held))


def _digest_as_text(value: object) -> str:
    # As far as what is printed is kept.
    return _digest_of_text(str(value)[:MAX_OUTPUT_CHARS])


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
        new=tuple(map(_text, new[:MAX_NEW])) if isinstance(new, list | tuple) else (),
        is_repeat=data.get("is_repeat") is True,
    )


def _digest_of_text(text: str) -> str:
    return digest_of_text(text) if text.strip() else ""


def _text(data: object) -> str:
    return data[:MAX_DIGEST_CHARS] if isinstance(data, str) else ""
