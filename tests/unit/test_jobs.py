"""Work that is stopped, by hand or after some time."""

from __future__ import annotations

import time

from codeface_jupyter.jobs import Job


def test_a_part_is_stopped_alone_and_with_the_whole() -> None:
    whole = Job()
    part, other = whole.part(), whole.part()
    part.cancel()
    assert (part.is_cancelled, other.is_cancelled, whole.is_cancelled) == (True, False, False)
    whole.cancel()
    assert other.is_cancelled


def test_a_part_that_takes_too_long_is_stopped_alone() -> None:
    whole = Job()
    part = whole.part(within_s=0.05)
    told = part.telling()
    assert not part.is_cancelled
    begin = time.monotonic()
    assert part.wait(30.0)
    assert time.monotonic() - begin < 20.0
    assert (told.is_cancelled, whole.is_cancelled) == (True, False)


def test_waiting_ends_by_itself() -> None:
    assert not Job().wait(0.0)
    assert not Job().part(within_s=30.0).wait(0.01)
