"""Work that is left as soon as it is not wanted any more."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from codeface_jupyter.jobs import Cancelled, Job

__all__ = ["until_stopped"]

CANCEL_STEP_S = 0.05


async def until_stopped(work: Coroutine[Any, Any, None], job: Job) -> None:
    """Wait for ``work``, and leave it where it is once ``job`` is stopped.

    Whatever it raises is raised, except that it was stopped itself.
    """
    task = asyncio.ensure_future(work)
    try:
        while not task.done() and not job.is_cancelled:
            await asyncio.wait({task}, timeout=CANCEL_STEP_S)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    if not task.cancelled():
        with suppress(Cancelled):
            task.result()
