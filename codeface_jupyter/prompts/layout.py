"""Lay a prompt out as messages for chat models or as text for base models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from codeface_jupyter.prompts.examples import examples_for
from codeface_jupyter.prompts.fences import fenced
from codeface_jupyter.prompts.prompt import Message, Prompt

__all__ = [
    "COMPLETION_STOP_STRINGS",
    "PROMPT_VERSION",
    "chat_messages",
    "completion_text",
    "conversation_text",
    "follow_up",
    "with_going_on",
]

# Part of the response cache's key: raise it when the words below change.
PROMPT_VERSION = 4

# The same for every task: it comes first, so all requests share the start that engines keep.
SYSTEM_PROMPT = (
    "You are a pair programmer in a Jupyter notebook. Be concise. "
    "Put code into fenced blocks that name their language."
)

INSTRUCTIONS = {
    "write": (
        "Write the next cell in {language}. Use the variables, functions and imports that the "
        "cells above define, without repeating them. End with the expression whose value answers."
    ),
    "explain": "Explain in a few sentences, without code.",
    "fix": "Repair the cell. Answer with the whole repaired cell in one {language} block.",
    "edit": "Change the cell as asked. Answer with the whole changed cell in one {language} block.",
    "test": "Write tests as plain assert statements, in one {language} block.",
}

# Servers begin an answer anew, where a model in this process continues a text.
GO_ON = "Your answer was cut off. Go on right where it ended, and repeat nothing of it."

# A base model continues with more cells after its own: the next marker ends the answer.
COMPLETION_STOP_STRINGS = ("\n# In[", "\n# %%", "<|endoftext|>", "<file_sep>", "<jupyter_")


def chat_messages(prompt: Prompt, *, with_examples: bool = False) -> list[Message]:
    """Lay ``prompt`` out as a conversation for a chat model.

    The cells open the first of the user's turns, whatever was said since: they
    change least, so that consecutive requests share everything up to the conversation.

    Parameters
    ----------
    prompt
        What the model should know and do.
    with_examples
        Whether requests to write or change a cell in Python come after examples of that, which
        small models need.
    """
    messages: list[Message] = [{"role": "system", "content": SYSTEM_PROMPT}]
    if with_examples:
        messages += _examples(prompt)
    return [*messages, *_turns(prompt)]


def _examples(prompt: Prompt) -> Iterator[Message]:
    for example in examples_for(prompt):
        yield from _turns(example.prompt)
        yield {"role": "assistant", "content": fenced(example.code, "python")}


def _turns(prompt: Prompt) -> list[Message]:
    turns: list[Message] = [*prompt.history, {"role": "user", "content": _question(prompt)}]
    if prompt.cells:
        cells = fenced("\n\n".join(prompt.cells), "python")
        first = f"Cells above in the notebook:\n{cells}\n\n{turns[0]['content']}"
        turns[0] = {"role": "user", "content": first}
    return turns


def follow_up(prompt: Prompt, *, answer: str, request: str) -> Prompt:
    """Return what asks about the answer to ``prompt``: the same conversation, a turn longer.

    Its text begins with that of ``prompt``, which an engine has read already.
    """
    said: tuple[Message, ...] = (
        {"role": "user", "content": _question(prompt)},
        {"role": "assistant", "content": answer},
    )
    history = (*prompt.history, *said)
    return replace(prompt, history=history, notes="", request=request, follows_up=True)


def with_going_on(messages: list[Message], prompt: Prompt) -> list[Message]:
    """Return a conversation for a server: one that asks to go on with an answer that was begun."""
    if not prompt.answer_begin:
        return messages
    begun: Message = {"role": "assistant", "content": prompt.answer_begin}
    return [*messages, begun, {"role": "user", "content": GO_ON}]


def _question(prompt: Prompt) -> str:
    instruction = "" if prompt.follows_up else prompt.instruction
    if instruction is None:
        instruction = INSTRUCTIONS[prompt.task].replace("{language}", prompt.language)
    return "\n\n".join(filter(None, (prompt.notes, instruction, prompt.request)))


def conversation_text(messages: Sequence[Message]) -> str:
    """Write a conversation for people: each message after its role, unchanged."""
    return "".join(f"{message['role']}: {message['content']}\n\n" for message in messages)


def completion_text(prompt: Prompt) -> str:
    """Lay ``prompt`` out as a script that a base model continues.

    Cells are marked as nbconvert marks them in a script, a form that models
    trained on code have read often.
    """
    sources = [*prompt.cells, *(_exchanges_as_cells(prompt) if prompt.follows_up else ())]
    cells = [f"# In[{n}]:\n\n{cell}\n\n" for n, cell in enumerate(sources, start=1)]
    said = "\n\n".join(filter(None, (prompt.notes, prompt.request)))
    return f"{''.join(cells)}# In[{len(cells) + 1}]:\n\n{_comment(said)}\n{prompt.answer_begin}"


def _exchanges_as_cells(prompt: Prompt) -> Iterator[str]:
    for asked, answered in zip(prompt.history[::2], prompt.history[1::2], strict=False):
        yield f"{_comment(asked['content'])}\n{answered['content'].strip()}"


def _comment(text: str) -> str:
    return "\n".join(f"# {line}".rstrip() for line in text.splitlines())
