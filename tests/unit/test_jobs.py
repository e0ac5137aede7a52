"""Work that is stopped, by hand or after some time."""

from __future__ import annotations

from codeface_jupyter.jobs import Job

LONG_S = 3_600.0


def test_a_part_is_stopped_alone_and_with_the_whole() -> None:
    whole = Job()
    part, other = whole.part(), whole.part()
    part.cancel()
    assert (part.is_cancelled, other.is_cancelled, whole.is_cancelled) == (True, False, False)
    whole.cancel()
    assert other.is_cancelled


def test_a_part_that_takes_too_long_is_stopped_alone() -> None:
    whole = Job()
    part = whole.part(within_s=-1.0)
    assert (part.is_cancelled, part.telling().is_cancelled) == (True, True)
    assert part.wait(LONG_S)
    assert not whole.is_cancelled


def test_a_part_that_has_time_is_not_stopped() -> None:
    part = Job().part(within_s=LONG_S)
    assert not part.is_cancelled
    assert not part.wait(0.01)
    part.cancel()
    assert part.wait(LONG_S)
