"""Pure text: prompts and their layout, and the code in an answer."""

from __future__ import annotations

from codeface_jupyter.prompts.code_blocks import (
    OUTPUT_LANGUAGES,
    CodeBlock,
    cell_for,
    extract_code,
    extract_code_blocks,
    missing_magic,
    normalize_language,
    with_code,
)
from codeface_jupyter.prompts.examples import EDIT_EXAMPLES, EXAMPLES
from codeface_jupyter.prompts.fences import (
    FENCE_MARK,
    LINE_END,
    fenced,
    find_fences,
    markdown_parser,
    widened,
)
from codeface_jupyter.prompts.hints import HintText
from codeface_jupyter.prompts.layout import (
    COMPLETION_STOP_STRINGS,
    PROMPT_VERSION,
    chat_messages,
    completion_text,
    conversation_text,
    follow_up,
    with_going_on,
)
from codeface_jupyter.prompts.prompt import (
    COPYING_TASKS,
    Message,
    Prompt,
    Task,
)
from codeface_jupyter.prompts.repetition import (
    ends_sentence,
    without_repeated_code,
    without_repetition,
)
from codeface_jupyter.prompts.requests import (
    FIX_REQUEST,
    HINTS_INSTRUCTION,
    check_request,
    edit_instruction,
    edit_request,
    explain_request,
)
from codeface_jupyter.prompts.templates import (
    fill_template,
    interpolate,
)
from codeface_jupyter.prompts.thoughts import split_thoughts, without_thoughts

__all__ = [
    "COMPLETION_STOP_STRINGS",
    "COPYING_TASKS",
    "EDIT_EXAMPLES",
    "EXAMPLES",
    "FENCE_MARK",
    "FIX_REQUEST",
    "HINTS_INSTRUCTION",
    "LINE_END",
    "OUTPUT_LANGUAGES",
    "PROMPT_VERSION",
    "CodeBlock",
    "HintText",
    "Message",
    "Prompt",
    "Task",
    "cell_for",
    "chat_messages",
    "check_request",
    "completion_text",
    "conversation_text",
    "edit_instruction",
    "edit_request",
    "ends_sentence",
    "explain_request",
    "extract_code",
    "extract_code_blocks",
    "fenced",
    "fill_template",
    "find_fences",
    "follow_up",
    "interpolate",
    "markdown_parser",
    "missing_magic",
    "normalize_language",
    "split_thoughts",
    "widened",
    "with_code",
    "with_going_on",
    "without_repeated_code",
    "without_repetition",
    "without_thoughts",
]
