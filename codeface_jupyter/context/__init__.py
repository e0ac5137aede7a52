"""What a prompt says about the notebook: cells, variables, files, the last error.

`build_context` chooses within a budget counted in the engine's own tokens, and reports
what is included and what is not. It works on plain data: no kernel, no front end, no engine.
"""

from __future__ import annotations

from codeface_jupyter.context.build_context import build_context
from codeface_jupyter.context.cells import Cell
from codeface_jupyter.context.context import Context
from codeface_jupyter.context.error_info import ErrorInfo
from codeface_jupyter.context.files import TextFile, read_text_file
from codeface_jupyter.context.ipython_lines import is_python, is_request
from codeface_jupyter.context.limits import ContextLimits
from codeface_jupyter.context.next_prompt import settle_next_prompt
from codeface_jupyter.context.request import SECRET_NOTE, FilledRequest
from codeface_jupyter.context.rewrite import Rewrite
from codeface_jupyter.context.shown_error import read_shown_error
from codeface_jupyter.context.sources import ContextSources
from codeface_jupyter.context.tokens import TokenCounter

__all__ = [
    "SECRET_NOTE",
    "Cell",
    "Context",
    "ContextLimits",
    "ContextSources",
    "ErrorInfo",
    "FilledRequest",
    "Rewrite",
    "TextFile",
    "TokenCounter",
    "build_context",
    "is_python",
    "is_request",
    "read_shown_error",
    "read_text_file",
    "settle_next_prompt",
]
