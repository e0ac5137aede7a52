"""Pure text: what a model is told, and the code found in what it says."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from string import Template
from typing import Literal, TypedDict

from codeface_jupyter.errors import NotebookError

__all__ = [
    "COMPLETION_STOP_STRINGS",
    "COPYING_TASKS",
    "PROMPT_VERSION",
    "CodeBlock",
    "Message",
    "Prompt",
    "Task",
    "cell_for",
    "chat_messages",
    "check_request",
    "completion_text",
    "conversation_text",
    "edit_request",
    "explain_request",
    "extract_code",
    "extract_code_blocks",
    "fenced",
    "fill_template",
    "interpolate",
    "normalise_language",
]

# Part of the response cache's key: raise it when the words below change.
PROMPT_VERSION = 2

# The same for every task: it comes first, so all requests share the start that engines keep.
SYSTEM_PROMPT = (
    "You are a pair programmer in a Jupyter notebook. Be concise. "
    "Put code into fenced blocks that name their language."
)
INSTRUCTIONS = {
    "write": (
        "Write the next cell in {language}. Use the variables, functions and imports that the "
        "cells above define, without repeating them."
    ),
    "explain": "Explain in a few sentences, without code.",
    "fix": "Repair the cell. Answer with the whole repaired cell in one {language} block.",
    "edit": "Change the cell as asked. Answer with the whole changed cell in one {language} block.",
    "test": "Write tests as plain assert statements, in one {language} block.",
}

# A base model goes on writing cells after its own: the next marker ends the answer.
COMPLETION_STOP_STRINGS = ("\n# In[", "\n# %%", "<|endoftext|>", "<file_sep>", "<jupyter_")

LANGUAGE_ALIASES = {
    "py": "python",
    "python3": "python",
    "ipython": "python",
    "ipython3": "python",
    "pycon": "python",
    "sh": "bash",
    "shell": "bash",
    "zsh": "bash",
    "js": "javascript",
    "md": "markdown",
    "htm": "html",
    "tex": "latex",
    "rscript": "r",
    "postgresql": "sql",
    "sqlite": "sql",
    "mysql": "sql",
    "rb": "ruby",
    "pl": "perl",
}
CELL_MAGICS = {
    "bash": "%%bash",
    "html": "%%html",
    "javascript": "%%javascript",
    "latex": "%%latex",
    "perl": "%%perl",
    "r": "%%R",
    "ruby": "%%ruby",
    "sql": "%%sql",
    "svg": "%%svg",
}
# Fences that show what a program prints, not what to run.
OUTPUT_LANGUAGES = frozenset({"text", "txt", "plaintext", "output", "console", "log"})


Task = Literal["write", "explain", "fix", "edit", "test"]
# These answers repeat most of a cell that the prompt holds.
COPYING_TASKS = frozenset({"fix", "edit"})


class Message(TypedDict):
    """One turn of a conversation, as chat templates take it."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What the model is to know and to do, before it is laid out for a kind of model.

    The order of the fields is the order in the prompt: what stays the same from
    request to request comes first, so that engines can reuse the start's KV cache.

    Attributes
    ----------
    cells
        Sources of the notebook's cells, in the order in which they are sent.
    history
        Earlier exchanges of this conversation.
    notes
        What changes with each request: variables, the last error.
    request
        The user's own words.
    task
        What kind of answer is wanted.
    language
        The language the answer's code is to be in.
    instruction
        What to say in place of the task's own instruction.
    """

    request: str
    task: Task = "write"
    cells: tuple[str, ...] = ()
    history: tuple[Message, ...] = ()
    notes: str = ""
    language: str = "python"
    instruction: str | None = None


@dataclass(frozen=True)
class CodeBlock:
    """One piece of code in an answer.

    Attributes
    ----------
    language
        Lower case, aliases resolved (``py`` is ``python``).
    code
        The code without its fence.
    is_closed
        False when the answer ended inside the block.
    """

    language: str
    code: str
    is_closed: bool = True


def normalise_language(info: str, *, default: str = "python") -> str:
    """Return the language that a fence's info string names, aliases resolved."""
    words = re.findall(r"[\w+#-]+", info.lower())
    name = words[0] if words else default
    return LANGUAGE_ALIASES.get(name, name)


def chat_messages(prompt: Prompt) -> list[Message]:
    """Lay ``prompt`` out as a conversation for a chat model.

    The cells open the first of the user's turns, whatever was said since: they
    change least, so consecutive requests share everything up to the conversation.
    """
    turns: list[Message] = [*prompt.history, {"role": "user", "content": _question(prompt)}]
    if prompt.cells:
        cells = fenced("\n\n".join(prompt.cells), "python")
        first = f"Cells above in the notebook:\n{cells}\n\n{turns[0]['content']}"
        turns[0] = {"role": "user", "content": first}
    return [{"role": "system", "content": SYSTEM_PROMPT}, *turns]


def _question(prompt: Prompt) -> str:
    instruction = prompt.instruction
    if instruction is None:
        instruction = INSTRUCTIONS[prompt.task].replace("{language}", prompt.language)
    return "\n\n".join(filter(None, (prompt.notes, instruction, prompt.request)))


def conversation_text(messages: Sequence[Message]) -> str:
    """Write a conversation for people: each message under its role, word for word."""
    return "".join(f"{message['role']}: {message['content']}\n\n" for message in messages)


def completion_text(prompt: Prompt) -> str:
    """Lay ``prompt`` out as a script that a base model continues.

    Cells are marked as nbconvert marks them in a script, a form that models
    trained on code have read often.
    """
    cells = [f"# In[{n}]:\n\n{cell}\n\n" for n, cell in enumerate(prompt.cells, start=1)]
    said = "\n\n".join(filter(None, (prompt.notes, prompt.request)))
    task = "\n".join(f"# {line}".rstrip() for line in said.splitlines())
    return f"{''.join(cells)}# In[{len(cells) + 1}]:\n\n{task}\n"


def explain_request(name: str, text: str, *, kind: str = "object") -> str:
    """Return the request to explain something.

    Parameters
    ----------
    name
        What the notebook calls it.
    text
        The facts about it, or the source of a cell, or the text of an error.
    kind
        ``object``, ``cell`` or ``error``.
    """
    question = {
        "object": f"What is `{name}`?",
        "cell": "What does this cell do?",
        "error": "What does this error mean, and what caused it?",
    }[kind]
    return f"{question}\n\n{fenced(text, 'python' if kind == 'cell' else 'text')}"


def edit_request(instruction: str, source: str) -> str:
    """Return the request to change the cell ``source`` as the user's ``instruction`` says."""
    return f"{fenced(source, 'python')}\n\n{instruction}"


def check_request(name: str, source: str) -> str:
    """Return the request to write tests for the function ``name``."""
    return f"Test `{name}`:\n\n{fenced(source, 'python')}"


def fill_template(text: str, fields: Mapping[str, str]) -> str:
    """Fill a user's prompt template, whose fields are written ``$name``.

    Raises
    ------
    NotebookError
        If the template names a field that there is none of.
    """
    template = Template(text)
    unknown = sorted(set(template.get_identifiers()) - set(fields))
    if unknown or not template.is_valid():
        what = f"the unknown field ${unknown[0]}" if unknown else "a lone $"
        raise NotebookError(
            f"The template has {what}.",
            hint=f"Its fields are ${', $'.join(sorted(fields))}; write $$ for a dollar sign.",
        )
    return template.substitute(fields)


def fenced(code: str, language: str) -> str:
    """Put ``code`` into a fence longer than any run of backticks inside it."""
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"


def extract_code_blocks(text: str, *, default_language: str = "python") -> list[CodeBlock]:
    """Return the fenced blocks of a Markdown ``text``; an answer of bare code is one block.

    Parameters
    ----------
    text
        The answer. Fences may be of backticks or tildes, indented, nested in
        lists, several, or left open by an answer that was cut off.
    default_language
        The language of a fence that names none.
    """
    from markdown_it import MarkdownIt

    lines = text.splitlines()
    blocks = []
    for token in MarkdownIt("commonmark").parse(text):
        if token.type == "fence" and token.map is not None:
            language = normalise_language(token.info, default=default_language)
            last = lines[token.map[1] - 1].strip() if token.map[1] - token.map[0] > 1 else ""
            is_closed = last.startswith(token.markup) and not last.strip(token.markup[0])
            blocks.append(CodeBlock(language, token.content.rstrip("\n"), is_closed))
    if not blocks and _is_bare_python(text):
        blocks.append(CodeBlock("python", text.strip("\n")))
    return [block for block in blocks if block.code.strip()]


def extract_code(blocks: Sequence[CodeBlock], *, language: str = "python") -> str:
    """Return the code worth inserting: the blocks of ``language``, else of any language."""
    usable = [block for block in blocks if block.language not in OUTPUT_LANGUAGES]
    wanted = [block for block in usable if block.language == language]
    return "\n\n".join(block.code for block in wanted or usable[:1])


def cell_for(block: CodeBlock) -> tuple[Literal["code", "markdown"], str]:
    """Return the kind of cell that ``block`` belongs in, and the cell's source."""
    if block.language == "markdown":
        return "markdown", block.code
    magic = CELL_MAGICS.get(block.language)
    if magic is None or block.code.lstrip().startswith("%%"):
        return "code", block.code
    return "code", f"{magic}\n{block.code}"


def _is_bare_python(text: str) -> bool:
    """Whether an answer without fences is code: it parses, and is more than a word."""
    try:
        tree = ast.parse(text.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(
        not isinstance(node, ast.Expr) or isinstance(node.value, ast.Call) for node in tree.body
    )


# A field to fill in: a name, then attributes and indices. Anything else between braces is text.
FIELD = re.compile(r"\{([A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[(?:-?\d+|'[^'\]]*'|\"[^\"\]]*\")\])*)\}")


def interpolate(text: str, lookup: Callable[[str], str | None]) -> str:
    """Replace each ``{expression}`` that ``lookup`` knows; all other braces stay as typed.

    Parameters
    ----------
    text
        What the user typed.
    lookup
        Gives the text for an expression of names, attributes and indices, such as
        ``df.shape`` or ``In[3]``; None leaves the braces alone.
    """

    def replacement(match: re.Match[str]) -> str:
        found = lookup(match[1])
        return match[0] if found is None else found

    return FIELD.sub(replacement, text)
