"""What a model is told of a gap in a cell: the cells above, and the cell around it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from codeface_jupyter.context.cells import Cell, clean, window_start
from codeface_jupyter.context.ipython_lines import is_python, is_request
from codeface_jupyter.context.tokens import TokenCounter
from codeface_jupyter.infilling import Gap, InfillPrompt
from codeface_jupyter.privacy import has_secret, redact

__all__ = ["gap_prompt"]

# Of the cell itself.
MAX_PREFIX_CHARS = 8_000
MAX_SUFFIX_CHARS = 2_000
REMEMBERED_CELLS = 2_000


def gap_prompt(gap: Gap, *, max_tokens: int, count_tokens: TokenCounter) -> InfillPrompt | None:
    """Return what is sent for a gap; None where nothing may be sent or completed.

    That is a cell in another language, a request, or a line that holds a secret. Lines with
    secrets are left out everywhere else. Variables are not described: that made completions no
    more exact, and slower (benchmarks/RESULTS.md); names that exist are kept to in another way.

    Parameters
    ----------
    max_tokens
        The most tokens for the cells above, of which the nearest are sent.
    """
    line = gap.line + gap.rest
    if not is_python(gap.prefix) or is_request(gap.prefix) or has_secret(line):
        return None
    prefix, suffix = redact(_near_end(gap.prefix))[0], redact(gap.suffix[:MAX_SUFFIX_CHARS])[0]
    if not prefix.endswith(gap.line) or not suffix.startswith(gap.rest[:MAX_SUFFIX_CHARS]):
        return None
    files = _cells(gap.above, max_tokens=max_tokens, count_tokens=count_tokens)
    return InfillPrompt(files=files, prefix=prefix, suffix=suffix)


def _near_end(prefix: str) -> str:
    """Return the lines near the end of a long text.

    What is left out grows in steps, so that what is sent begins alike from key to key.
    """
    left_out = max(len(prefix) - MAX_PREFIX_CHARS, 0)
    if not left_out:
        return prefix
    step = MAX_PREFIX_CHARS // 2
    begin = prefix.find("\n", -(-left_out // step) * step) + 1
    return prefix[begin:] if begin else ""


def _cells(above: Sequence[str], *, max_tokens: int, count_tokens: TokenCounter) -> tuple[str, ...]:
    texts = [text for text in map(_cleaned, above) if text]
    tokens = [count_tokens(text) for text in texts]
    # As the notebook grows, the first one stays the same for a while: see `window_start`.
    return tuple(texts[window_start(tokens, room=max_tokens) :])


@lru_cache(maxsize=REMEMBERED_CELLS)
def _cleaned(source: str) -> str:
    return clean(Cell(source=source))[0]
