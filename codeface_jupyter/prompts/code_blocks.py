"""The code in an answer: fenced blocks, their languages, and cells made from them."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from codeface_jupyter.syntax import parse_module

__all__ = [
    "OUTPUT_LANGUAGES",
    "CodeBlock",
    "cell_for",
    "extract_code",
    "extract_code_blocks",
    "fenced",
    "normalize_language",
    "with_code",
]

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

# Fences that show a program's output, not code to run.
OUTPUT_LANGUAGES = frozenset({"text", "txt", "plaintext", "output", "console", "log"})
# What the Markdown parser counts as one.
LINE_END = re.compile(r"\r\n?|\n")


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


def normalize_language(info: str, *, default: str = "python") -> str:
    """Return the language that a fence's info string names, aliases resolved."""
    words = re.findall(r"[\w+#-]+", info.lower())
    name = words[0] if words else default
    return LANGUAGE_ALIASES.get(name, name)


def fenced(code: str, language: str) -> str:
    """Put ``code`` into a fence longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"


def extract_code_blocks(text: str, *, default_language: str = "python") -> list[CodeBlock]:
    """Return the fenced blocks of a Markdown ``text``; an answer of bare code is one block.

    Parameters
    ----------
    text
        The answer. Fences may use backticks or tildes, be indented, be nested in
        lists, or be left open by an answer that was cut off.
    default_language
        The language of a fence that names none.
    """
    blocks = [
        CodeBlock(
            normalize_language(fence.info, default=default_language), fence.code, fence.is_closed
        )
        for fence in _fences(text)
    ]
    if not blocks and _is_bare_python(text):
        blocks.append(CodeBlock("python", text.strip("\n")))
    return [block for block in blocks if block.code.strip()]


def with_code(text: str, codes: Sequence[str]) -> str:
    """Return a Markdown ``text`` with other code in its fences, and everything else as it is.

    Parameters
    ----------
    text
        The answer.
    codes
        The code of each block that `extract_code_blocks` finds, in the same order.
    """
    lines = LINE_END.split(text)
    fences = [fence for fence in _fences(text) if fence.code.strip()]
    # From the last one on, so that the lines of those before stay where they are.
    for fence, code in reversed(list(zip(fences, codes, strict=False))):
        if code != fence.code:
            margin = _margin(lines[fence.first_line :], fence.code.split("\n"))
            end = fence.first_line + len(fence.code.split("\n"))
            shown = [f"{margin}{line}" if line else margin.rstrip() for line in code.split("\n")]
            lines[fence.first_line : end] = shown
    return "\n".join(lines)


def _margin(lines: Sequence[str], code: Sequence[str]) -> str:
    """Return what stands in front of each line of a fence: a quotation's sign, a list's spaces."""
    return next(
        line.removesuffix(inner) for line, inner in zip(lines, code, strict=False) if inner.strip()
    )


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


@dataclass(frozen=True)
class _Fence:
    """A fence in a text: its info string, its code, and the number of the code's first line."""

    info: str
    code: str
    is_closed: bool
    first_line: int


def _fences(text: str) -> list[_Fence]:
    from markdown_it import MarkdownIt

    lines = LINE_END.split(text)
    fences = []
    for token in MarkdownIt("commonmark").parse(text):
        if token.type == "fence" and token.map is not None:
            begin, end = token.map
            # The parser closes a fence at the end of the text too: only the line itself tells.
            last = lines[end - 1].strip() if end - begin > 1 else ""
            is_closed = last.startswith(token.markup) and not last.strip(token.markup[0])
            fences.append(_Fence(token.info, token.content.rstrip("\n"), is_closed, begin + 1))
    return fences


def _is_bare_python(text: str) -> bool:
    """Whether an answer without fences is code: it parses and is more than an expression."""
    tree = parse_module(text.strip())
    return tree is not None and any(
        not isinstance(node, ast.Expr) or isinstance(node.value, ast.Call) for node in tree.body
    )
