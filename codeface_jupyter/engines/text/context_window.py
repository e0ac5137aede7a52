"""How many tokens a context holds, and whether prompt and answer fit into them."""

from __future__ import annotations

from codeface_jupyter.errors import PromptTooLongError

__all__ = ["MIN_CAPACITY_TOKENS", "capacity_tokens", "check_prompt_fits"]

KV_CACHE_BYTES = 512 * 2**20
# Even a model with large keys and values gets room for a notebook's prompt.
MIN_CAPACITY_TOKENS = 8_192


def capacity_tokens(kv_bytes_per_token: int) -> int:
    """Return how many tokens' keys and values are kept; few if their size is unknown, 0."""
    affordable = KV_CACHE_BYTES // kv_bytes_per_token if kv_bytes_per_token else 0
    return max(MIN_CAPACITY_TOKENS, affordable)


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
