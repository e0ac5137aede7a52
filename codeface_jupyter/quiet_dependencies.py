"""Keep the log records of other packages out of the user's log while we use them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["quiet_dependencies"]

OWN_LOGGERS = frozenset({"codeface", "codeface_jupyter"})
# By these the user's own code tells something, as in a `__repr__` that we have called.
USERS_LOGGERS = frozenset({"root", "__main__"})
_IS_OUR_WORK: ContextVar[bool] = ContextVar("_IS_OUR_WORK", default=False)


@contextmanager
def quiet_dependencies() -> Iterator[None]:
    """Keep from the root logger's handlers what other packages log below WARNING in the block.

    A level of the root logger is meant for the user's own messages: not for how a Markdown parser
    enters a rule, or a client opens a connection. Who wants those says so by a level or a handler
    of the package's own logger. Records of other work, in other threads, are not touched.
    """
    in_use, hidden = tuple(logging.root.handlers), _NotOfDependencies()
    token = _IS_OUR_WORK.set(True)
    for handler in in_use:
        handler.addFilter(hidden)
    try:
        yield
    finally:
        for handler in in_use:
            handler.removeFilter(hidden)
        _IS_OUR_WORK.reset(token)


class _NotOfDependencies(logging.Filter):
    """Lets pass what is not ours, and of ours what somebody wants to see."""

    def filter(self, record: logging.LogRecord) -> bool:
        is_shown_anyway = record.levelno >= logging.WARNING or not _IS_OUR_WORK.get()
        return is_shown_anyway or _is_asked_for(record.name)


def _is_asked_for(name: str) -> bool:
    if name.partition(".")[0] in OWN_LOGGERS | USERS_LOGGERS:
        return True
    logger = logging.getLogger(name)
    while logger.parent is not None:
        # Libraries give themselves handlers that do nothing.
        has_handlers = any(type(h) is not logging.NullHandler for h in logger.handlers)
        if logger.level or has_handlers:
            return True
        logger = logger.parent
    return False
