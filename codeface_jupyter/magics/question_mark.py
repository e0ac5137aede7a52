"""Let a line magic's text end in a question mark.

IPython takes ``%codeface what is df?`` as a request for help on ``df``. For our
magics, such a line is a question; ``%codeface?`` alone still shows help.
"""

from __future__ import annotations

import re
import tokenize
from typing import TYPE_CHECKING, ClassVar

from IPython.core.inputtransformer2 import TokenTransformBase, find_end_of_continued_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["QuestionTransformer", "add_to", "remove_from"]

QUESTION = re.compile(r"%(codeface\w*)\s+(\S.*\?)\s*", re.DOTALL)
INDENTS = frozenset({tokenize.INDENT, tokenize.DEDENT})


class QuestionTransformer(TokenTransformBase):
    """Turns ``%codeface … ?`` into the call that it means, before IPython sees the mark.

    It works on tokens, as IPython's own transformers do, so a string that looks
    like a magic stays a string.
    """

    # IPython's help transformer has 5, and the lowest goes first.
    priority: ClassVar[int] = 4

    @classmethod
    def find(
        cls, tokens_by_line: Sequence[Sequence[tokenize.TokenInfo]]
    ) -> QuestionTransformer | None:
        """Return a transformer for the first such line, or None."""
        for line in tokens_by_line:
            tokens = [token for token in line if token.type not in INDENTS]
            is_magic = bool(tokens) and tokens[0].string == "%"
            if is_magic and QUESTION.fullmatch(tokens[0].line.strip()):
                return cls(tokens[0].start)
        return None

    def transform(self, lines: list[str]) -> list[str]:
        """Return ``lines`` with the call in place of the magic."""
        first, column = self.start_line, self.start_col
        last = find_end_of_continued_line(lines, first)
        match = QUESTION.fullmatch("".join(lines[first : last + 1])[column:])
        if match is None:
            return lines
        call = f"get_ipython().run_line_magic({match[1]!r}, {match[2]!r})\n"
        return [*lines[:first], lines[first][:column] + call, *lines[last + 1 :]]


def add_to(shell: InteractiveShell) -> None:
    """Make ``shell`` accept such questions."""
    shell.input_transformer_manager.token_transformers.append(QuestionTransformer)


def remove_from(shell: InteractiveShell) -> None:
    """Undo `add_to`."""
    transformers = shell.input_transformer_manager.token_transformers
    if QuestionTransformer in transformers:
        transformers.remove(QuestionTransformer)
