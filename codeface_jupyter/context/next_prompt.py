"""A prompt that goes on from one that has been answered, within the model's window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from codeface_jupyter.context.context import Context, Piece
from codeface_jupyter.context.limits import ContextLimits
from codeface_jupyter.context.parts import NO_ROOM
from codeface_jupyter.errors import PromptTooLongError
from codeface_jupyter.prompts import Prompt
from codeface_jupyter.shorten import in_one_line

__all__ = ["settle_next_prompt"]

MAX_TITLE_CHARS = 60


def settle_next_prompt(
    prompt: Prompt,
    *,
    before: Context,
    answer: str,
    limits: ContextLimits,
    count_tokens: Callable[[str], int],
    format_prompt: Callable[[Prompt], str],
) -> Context:
    """Return the context of a prompt that follows up an answer, or goes on with it.

    Where it does not fit, cells are left out, the first ones first.

    Parameters
    ----------
    prompt
        The new prompt.
    before, answer
        What the answer was given to, and the answer.
    limits, count_tokens, format_prompt
        As `build_context` takes them.

    Raises
    ------
    PromptTooLongError
        If it does not fit without cells either.
    """
    most = limits.max_prompt_tokens
    left_out = 0
    text = format_prompt(prompt)
    while most is not None and count_tokens(text) > most:
        if not prompt.cells:
            raise PromptTooLongError(
                prompt_tokens=count_tokens(text),
                max_new_tokens=limits.max_new_tokens,
                context_window=limits.context_window or 0,
            )
        prompt, left_out = replace(prompt, cells=prompt.cells[1:]), left_out + 1
        text = format_prompt(prompt)
    added = [Piece(kind="history", title="its answer", tokens=count_tokens(answer), included=True)]
    if prompt.follows_up and not prompt.answer_begin:
        title = in_one_line(prompt.request, max_chars=MAX_TITLE_CHARS)
        tokens = count_tokens(prompt.request)
        added.append(Piece(kind="request", title=title, tokens=tokens, included=True))
    return Context(
        prompt=prompt,
        text=text,
        prompt_tokens=count_tokens(text),
        report=(*_without_cells(before.report, left_out), *added),
    )


def _without_cells(report: tuple[Piece, ...], count: int) -> list[Piece]:
    """Return a report of which the first ``count`` cells are no longer sent."""
    pieces: list[Piece] = []
    for piece in report:
        is_dropped = count > 0 and piece.kind == "cell" and piece.included
        if is_dropped:
            count -= 1
        pieces.append(
            replace(piece, included=False, tokens=0, reason=NO_ROOM) if is_dropped else piece
        )
    return pieces
