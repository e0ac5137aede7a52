"""A prompt as the text that a model on this machine is given: a conversation, or a script."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from codeface_jupyter.errors import ModelFilesError
from codeface_jupyter.generation import SamplingParameters
from codeface_jupyter.models.end_tokens import END_TOKENS
from codeface_jupyter.prompts import (
    COMPLETION_STOP_STRINGS,
    Message,
    Prompt,
    chat_messages,
    completion_text,
)

__all__ = ["ChatLayout", "TemplateRefusedError", "completing"]

# Returns a conversation as a chat template has it, up to where the model's answer begins.
LayOut = Callable[[list[Message]], str]

# What separates turns without being a token of its own, as in Llama 2's template.
TURN_MARKERS = ("[INST]", "[/INST]", "<<SYS>>", "<</SYS>>")
# Worked examples take about 440 tokens: a small window is left to the notebook.
MIN_WINDOW_FOR_EXAMPLES = 4_096


class TemplateRefusedError(Exception):
    """A chat template is broken, or will not lay out these messages."""


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
    model_name
        The model's name in errors.
    """

    def __init__(
        self, control_tokens: Iterable[str], *, context_window: int | None, model_name: str
    ) -> None:
        texts = {*control_tokens, *END_TOKENS, *TURN_MARKERS}
        # The longest first, so that none is found in the middle of another.
        longest_first = sorted((t for t in texts if len(t) > 1), key=len, reverse=True)
        self._control_tokens = re.compile("|".join(map(re.escape, longest_first)))
        self._model_name = model_name
        self._takes_examples = context_window is None or context_window >= MIN_WINDOW_FOR_EXAMPLES

    def text(self, prompt: Prompt, *, lay_out: LayOut | None) -> str:
        """Return the text that the model is given.

        Parameters
        ----------
        prompt
            What to lay out.
        lay_out
            Applies the model's chat template, or raises `TemplateRefusedError`; None for a base
            model, which continues a script.

        Raises
        ------
        ModelFilesError
            If the template refuses a conversation without a system message too.
        """
        if lay_out is None:
            return self.defused(completion_text(prompt))
        return self._conversation(prompt, lay_out) + self.defused(prompt.answer_begin)

    def _conversation(self, prompt: Prompt, lay_out: LayOut) -> str:
        messages = self._messages(prompt)
        try:
            return lay_out(messages)
        except TemplateRefusedError:
            # Some templates refuse the system role.
            try:
                return lay_out(_without_system(messages))
            except TemplateRefusedError as error:
                raise ModelFilesError(
                    f"The chat template of {self._model_name} refuses a plain conversation: "
                    f"{error}."
                ) from error

    def _messages(self, prompt: Prompt) -> list[Message]:
        return [
            {"role": message["role"], "content": self.defused(message["content"])}
            for message in chat_messages(prompt, with_examples=self._takes_examples)
        ]

    def defused(self, text: str) -> str:
        """Return ``text`` with a space in each control token, so that it reads as plain text."""
        return self._control_tokens.sub(lambda match: f"{match[0][0]} {match[0][1:]}", text)


def completing(sampling: SamplingParameters) -> SamplingParameters:
    """Return ``sampling`` for a base model, whose answer ends where another cell begins."""
    return replace(sampling, stop_strings=sampling.stop_strings + COMPLETION_STOP_STRINGS)


def _without_system(messages: list[Message]) -> list[Message]:
    """Put the system message at the start of the first user message, for templates without one."""
    system, *turns = messages
    first = next(n for n, turn in enumerate(turns) if turn["role"] == "user")
    content = f"{system['content']}\n\n{turns[first]['content']}"
    turns[first] = {"role": "user", "content": content}
    return turns
