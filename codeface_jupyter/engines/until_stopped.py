"""Work on an event loop that is left as soon as it is not wanted any more."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from codeface_jupyter.jobs import Cancelled, Job

__all__ = ["until_stopped"]

T = TypeVar("T")

CANCEL_STEP_S = 0.05


async def until_stopped(work: Coroutine[Any, Any, T], job: Job) -> T:
    """Return what ``work`` returns, and leave it where it is once ``job`` is stopped.

    Raises
    ------
    Cancelled
        If it was left.
    """
    task = asyncio.ensure_future(work)
    try:
        while not task.done() and not job.is_cancelled:
            await asyncio.wait({task}, timeout=CANCEL_STEP_S)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    if task.cancelled():
        raise Cancelled
    return task.result()
