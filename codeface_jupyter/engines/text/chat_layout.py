"""A prompt as the conversation or the text that a model in this process's charge is given."""

from __future__ import annotations

import re
from collections.abc import Iterable

from codeface_jupyter.models.end_tokens import END_TOKENS
from codeface_jupyter.prompts import Message, Prompt, chat_messages, completion_text

__all__ = ["ChatLayout", "without_system"]

# What separates turns without being a token of its own, as in Llama 2's template.
TURN_MARKERS = ("[INST]", "[/INST]", "<<SYS>>", "<</SYS>>")
# Worked examples take about 440 tokens: a small window is left to the notebook.
MIN_WINDOW_FOR_EXAMPLES = 4_096


class ChatLayout:
    """Lays prompts out, with control tokens in the notebook's text broken up.

    ``<|im_end|>`` becomes ``< |im_end|>``: otherwise a cell could end its turn and speak in
    another role.

    Parameters
    ----------
    control_tokens
        The texts that the tokenizer takes for more than words; the usual ones are added.
    context_window
        How many tokens the model can see at once; None if that is not known.
    """

    def __init__(self, control_tokens: Iterable[str], *, context_window: int | None) -> None:
        texts = {*control_tokens, *END_TOKENS, *TURN_MARKERS}
        # The longest first, so that none is found in the middle of another.
        longest_first = sorted((t for t in texts if len(t) > 1), key=len, reverse=True)
        self._control_tokens = re.compile("|".join(map(re.escape, longest_first)))
        self._takes_examples = context_window is None or context_window >= MIN_WINDOW_FOR_EXAMPLES

    def messages(self, prompt: Prompt) -> list[Message]:
        """Return the conversation that a chat model is given."""
        return [
            {"role": message["role"], "content": self._defused(message["content"])}
            for message in chat_messages(prompt, with_examples=self._takes_examples)
        ]

    def text(self, prompt: Prompt) -> str:
        """Return the text that a base model continues."""
        return self._defused(completion_text(prompt))

    def _defused(self, text: str) -> str:
        """Return ``text`` with a space in each control token, so that it reads as plain text."""
        return self._control_tokens.sub(lambda match: f"{match[0][0]} {match[0][1:]}", text)


def without_system(messages: list[Message]) -> list[Message]:
    """Put the system message at the start of the first user message, for templates without one."""
    system, *turns = messages
    first = next(n for n, turn in enumerate(turns) if turn["role"] == "user")
    content = f"{system['content']}\n\n{turns[first]['content']}"
    turns[first] = {"role": "user", "content": content}
    return turns
