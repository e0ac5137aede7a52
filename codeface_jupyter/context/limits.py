"""How many tokens a prompt, and each kind of piece in it, may take."""

from __future__ import annotations

from dataclasses import dataclass

from codeface_jupyter.config import Settings

__all__ = ["ContextLimits"]


@dataclass(frozen=True, kw_only=True)
class ContextLimits:
    """How many tokens each kind of piece may take.

    Attributes
    ----------
    context_window
        The model's window; None when unknown.
    max_new_tokens
        How much of the window the answer may use.
    max_cells
        How many of the nearest cells may be sent; None is all that fit.
    max_cell_tokens, max_variable_tokens, max_error_tokens, max_file_tokens, max_history_tokens
        The budget of each kind, in tokens.
    """

    context_window: int | None
    max_new_tokens: int
    max_cells: int | None
    max_cell_tokens: int
    max_variable_tokens: int
    max_error_tokens: int
    max_file_tokens: int
    max_history_tokens: int

    @classmethod
    def from_settings(cls, settings: Settings, *, context_window: int | None) -> ContextLimits:
        """Return the limits from the settings, for a model's window."""
        return cls(
            context_window=context_window,
            max_new_tokens=settings.max_new_tokens,
            max_cells=settings.context_cells,
            max_cell_tokens=settings.context_tokens,
            max_variable_tokens=settings.variable_tokens,
            max_error_tokens=settings.error_tokens,
            max_file_tokens=settings.file_tokens,
            max_history_tokens=settings.history_tokens,
        )

    @property
    def max_prompt_tokens(self) -> int | None:
        """The tokens that the window leaves for the prompt; None when it is unknown."""
        if self.context_window is None:
            return None
        return self.context_window - self.max_new_tokens
