"""The code in an answer: fenced blocks, their languages, and cells made from them."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from codeface_jupyter.prompts.fences import (
    LINE_END,
    Fence,
    fenced,
    find_fences,
    margin_of,
    widened,
)
from codeface_jupyter.prompts.thoughts import without_thoughts
from codeface_jupyter.syntax import parse_module

__all__ = [
    "CELL_MAGICS",
    "LANGUAGE_ALIASES",
    "OUTPUT_LANGUAGES",
    "CodeBlock",
    "cell_for",
    "extract_code",
    "extract_code_blocks",
    "missing_magic",
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
# Fences that show data; some of it Python could read as an expression.
SHOWN_LANGUAGES = OUTPUT_LANGUAGES | {
    *("csv", "diff", "env", "ini", "json", "json5", "jsonl", "mermaid", "toml", "tsv", "xml"),
    *("yaml", "yml"),
}
# Where the magics come from that IPython does not bring.
EXTENSIONS = {
    "r": ": `pip install rpy2`, then `%load_ext rpy2.ipython`",
    "sql": ": `pip install jupysql`, then `%load_ext sql`",
}
# A line that announces what a program writes.
ANNOUNCES_OUTPUT = re.compile(
    r"\W*(?:(?:the|this|an?|your|example|sample|expected|it|which|will|should|and)\s+)*"
    r"(?:outputs?|results?|prints?|printed|returns|displays|shows|gives)\b.{0,40}",
    re.IGNORECASE,
)


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


def extract_code_blocks(text: str, *, default_language: str = "python") -> list[CodeBlock]:
    """Return the fenced blocks of an answer; an answer of bare code is one block.

    What a reasoning model thinks is no part of the answer. A fence ends where Python can
    read the code in it, so that fences in a string do not cut it off.

    Parameters
    ----------
    text
        The answer, in Markdown. Fences may use backticks or tildes, be indented, be nested
        in lists, or be left open by an answer that was cut off.
    default_language
        The language of a fence that names none, unless it shows what a program writes.
    """
    answer = widened(without_thoughts(text))
    fences = _fences_with_code(answer)
    languages = _languages(fences, LINE_END.split(answer), default=default_language)
    blocks = [
        CodeBlock(language, fence.code.rstrip("\n"), fence.is_closed)
        for fence, language in zip(fences, languages, strict=True)
    ]
    if not blocks and _is_bare_python(answer):
        blocks.append(CodeBlock("python", answer.strip("\n")))
    return blocks


def _languages(fences: Sequence[Fence], lines: Sequence[str], *, default: str) -> list[str]:
    """Return the language of each fence; unnamed ones are code if they look like it.

    Where others name the language that was asked for, or a line above says so, those that
    name none show what a program writes.
    """
    named = [normalize_language(fence.info, default="") for fence in fences]
    unnamed = [number for number, language in enumerate(named) if not language]
    if default not in named:
        spoken = [n for n in unnamed if not _announces_output(lines[: fences[n].first_line - 1])]
        code = [n for n in spoken if default != "python" or _is_python(fences[n].code)]
        # Where none can be read, the first is the code that went wrong.
        for number in code or spoken[:1]:
            named[number] = default
    return [language or "text" for language in named]


def _announces_output(lines: Sequence[str]) -> bool:
    above = next((line for line in reversed(lines) if line.strip()), "")
    return ANNOUNCES_OUTPUT.fullmatch(above.strip()) is not None


def _is_python(code: str) -> bool:
    """Whether a code without a language can be read, and is more than values and labels."""
    tree = parse_module(code)
    return tree is not None and any(_is_code(part) for node in tree.body for part in ast.walk(node))


def _is_code(node: ast.AST) -> bool:
    match node:
        case ast.Expr() | ast.AnnAssign(value=None):
            return False
        case ast.stmt() | ast.Call() | ast.Attribute() | ast.Subscript():
            return True
    return False


def with_code(text: str, codes: Sequence[str]) -> str:
    """Return an answer with other code in its fences, and everything else as it is.

    Parameters
    ----------
    text
        The answer, in Markdown, without thoughts.
    codes
        The code of each block that `extract_code_blocks` finds, in the same order.
    """
    text = widened(text)
    lines = LINE_END.split(text)
    fences = _fences_with_code(text)
    # From the last one on, so that the lines of those before stay where they are.
    for fence, code in reversed(list(zip(fences, codes, strict=False))):
        before = fence.code.rstrip("\n")
        if code != before:
            margin = margin_of(fence, lines)
            end = fence.first_line + len(before.split("\n"))
            shown = [f"{margin}{line}" if line else margin.rstrip() for line in code.split("\n")]
            lines[fence.first_line : end] = shown
    return "\n".join(lines)


def _fences_with_code(text: str) -> list[Fence]:
    return [fence for fence in find_fences(text) if fence.code.strip()]


def extract_code(blocks: Sequence[CodeBlock], *, language: str = "python") -> str:
    """Return the code worth inserting: the blocks of ``language``, else of any language."""
    usable = [block for block in blocks if block.language not in OUTPUT_LANGUAGES]
    wanted = [block for block in usable if block.language == language]
    return "\n\n".join(block.code for block in wanted or usable[:1])


def cell_for(
    block: CodeBlock, *, cell_magics: Collection[str] | None = None
) -> tuple[Literal["code", "markdown"], str]:
    """Return the kind of cell that ``block`` belongs in, and the cell's source.

    What the kernel cannot run, such as data or what a program writes, is shown in a Markdown
    cell.

    Parameters
    ----------
    cell_magics
        The names of the magics that are there; None if all may be.
    """
    if block.language == "markdown":
        return "markdown", block.code
    if block.code.lstrip().startswith("%%") or _is_python_block(block):
        return "code", block.code
    magic = CELL_MAGICS.get(block.language)
    if magic is None or missing_magic(block, cell_magics=cell_magics):
        return "markdown", fenced(block.code, block.language)
    return "code", f"{magic}\n{block.code}"


def missing_magic(block: CodeBlock, *, cell_magics: Collection[str] | None) -> str:
    """Return what to do so that a block can be run, if its language's magic is not there."""
    magic = CELL_MAGICS.get(block.language, "")
    is_there = cell_magics is None or magic.removeprefix("%%") in cell_magics
    if not magic or is_there or block.code.lstrip().startswith("%%"):
        return ""
    advice = EXTENSIONS.get(block.language, "")
    return f"`{magic}` is not there to run this{advice}; the code is inserted as text"


def _is_python_block(block: CodeBlock) -> bool:
    """Whether a block is Python: by its fence, or by itself where that names no language."""
    if block.language == "python":
        return True
    is_named = block.language in CELL_MAGICS or block.language in SHOWN_LANGUAGES
    return not is_named and parse_module(block.code) is not None


def _is_bare_python(text: str) -> bool:
    """Whether an answer without fences is code: it parses and is more than an expression."""
    tree = parse_module(text.strip())
    return tree is not None and any(
        not isinstance(node, ast.Expr) or isinstance(node.value, ast.Call) for node in tree.body
    )
