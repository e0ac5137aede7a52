"""Sessions: they own the engine and the response cache, answer questions, remember their cost."""

from __future__ import annotations

from codeface_jupyter.session.answer import Answer, Ask, BatchAnswer
from codeface_jupyter.session.events import BatchItem
from codeface_jupyter.session.session import Session

__all__ = ["Answer", "Ask", "BatchAnswer", "BatchItem", "Session"]
