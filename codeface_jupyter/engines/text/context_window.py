"""Whether prompt and answer fit the context window."""

from __future__ import annotations

from codeface_jupyter.errors import PromptTooLongError

__all__ = ["check_prompt_fits"]


def check_prompt_fits(
    *, prompt_tokens: int, max_new_tokens: int, context_window: int | None
) -> None:
    """Raise `PromptTooLongError` unless prompt and answer fit the window; None means no limit."""
    if context_window is not None and prompt_tokens + max_new_tokens > context_window:
        raise PromptTooLongError(
            prompt_tokens=prompt_tokens,
            max_new_tokens=max_new_tokens,
            context_window=context_window,
        )
