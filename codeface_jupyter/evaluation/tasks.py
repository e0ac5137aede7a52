"""A notebook's tasks: code cells, each with the request in words that its author gave for it.

A request is what a `%%codeface` cell above the code says, else the last paragraph of the Markdown
right above, else the comment that the code begins with, else a heading right above.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt

from codeface_jupyter.context import Cell, is_python, is_request
from codeface_jupyter.context.ipython_lines import python_in, split_cell_magics
from codeface_jupyter.errors import NotebookError
from codeface_jupyter.small_files import read_json
from codeface_jupyter.syntax import Import, parse_module

__all__ = ["HOW_REQUESTS_ARE_KNOWN", "Notebook", "Step", "Task", "read_notebook"]

HOW_REQUESTS_ARE_KNOWN = (
    "A code cell is a task if the Markdown right above it, or the comment that it begins with, "
    "says what it does in more than two words, or if it follows a %%codeface cell."
)
# Notebooks hold their figures.
LARGEST_BYTES = 500_000_000
FORMAT = 4
LANGUAGES = frozenset({"", "python", "python3", "ipython"})
# Fewer words name a thing, and ask for none.
MIN_WORDS = 3
WORD = re.compile(r"[^\W\d_]\w*")
COMMENT = re.compile(r"\s*#+ ?(.*)")
# Comments for programs.
DIRECTIVE = re.compile(r"\s*#\s*(!|%%|-\*-|noqa|type:|pylint:|mypy:|fmt:|flake8|ruff|@)", re.I)
OWN_LINE = re.compile(
    r"^([ \t]*)%(?:(?:re)?load_ext +codeface_jupyter\b|codeface|config +CodeFace\b).*$", re.M
)
LISTS = frozenset({"bullet_list_open", "ordered_list_open"})
PROSE = frozenset({"paragraph_open", "blockquote_open"}) | LISTS
HEADING = "heading_open"
# A paragraph that is a formula.
FORMULA = re.compile(r"\s*(\$\$|\\(begin|\[))")
MARKDOWN = MarkdownIt().enable("table")


@dataclass(frozen=True, kw_only=True)
class Task:
    """A code cell to be asked for.

    Attributes
    ----------
    index
        Its place among the notebook's tasks, from 0.
    cell
        Its place among the notebook's cells, from 1.
    request
        What its author said of it.
    reference
        The code that its author wrote.
    cells
        The cells above the request.
    """

    index: int
    cell: int
    request: str
    reference: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Step:
    """A code cell as it is run, and the task that it is the answer to; None if it is none."""

    cell: int
    source: str
    task: Task | None = None


@dataclass(frozen=True, kw_only=True)
class Notebook:
    """A notebook as its tasks and all else that is to be run.

    Attributes
    ----------
    file
        Where it lies.
    steps
        Its code cells in order, without those that ask CodeFace.
    """

    file: Path
    steps: tuple[Step, ...]

    @property
    def name(self) -> str:
        """How the user called it."""
        return str(self.file)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The steps that answer a request, in order."""
        return tuple(step.task for step in self.steps if step.task is not None)


def read_notebook(file: Path) -> Notebook:
    """Read a notebook and find its tasks; nothing of it is run.

    Raises
    ------
    NotebookError
        If there is no such file, it is no notebook of Python, or it has no task.
    """
    cells = [_cell(data) for data in _content(file)]
    notebook = Notebook(file=file, steps=tuple(_steps(cells)))
    if not notebook.tasks:
        raise NotebookError(f"No task was found in {file}.", hint=HOW_REQUESTS_ARE_KNOWN)
    return notebook


def _content(file: Path) -> list[object]:
    """Return the cells of a notebook's file."""
    try:
        content = read_json(file, largest_bytes=LARGEST_BYTES)
    except FileNotFoundError:
        raise NotebookError(f"There is no file {file}.") from None
    except OSError as error:
        raise NotebookError(f"{file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise NotebookError(f"{file} is not a notebook: {error}.") from error
    if not isinstance(content, dict) or "nbformat" not in content:
        raise NotebookError(f"{file} is not a notebook.", hint="A notebook is an .ipynb file.")
    cells = content.get("cells")
    if content["nbformat"] != FORMAT or not isinstance(cells, list):
        raise NotebookError(
            f"{file} has the notebook format {content['nbformat']}, not {FORMAT}.",
            hint="Open it in Jupyter and save it, which brings it up to date.",
        )
    language = _language(content)
    if language.lower() not in LANGUAGES:
        raise NotebookError(f"{file} is a notebook of {language}, not of Python.")
    return cells


def _language(content: Mapping[str, object]) -> str:
    """Return the language that a notebook says it is of; empty if it says none."""
    metadata = content.get("metadata")
    for part, name in (("language_info", "name"), ("kernelspec", "language")):
        about = metadata.get(part) if isinstance(metadata, dict) else None
        language = about.get(name) if isinstance(about, dict) else None
        if isinstance(language, str):
            return language
    return ""


def _cell(data: object) -> Cell:
    """Return a cell of a notebook's file; one of another kind counts, and says nothing."""
    if not isinstance(data, dict) or data.get("cell_type") not in {"code", "markdown"}:
        return Cell(source="", cell_type="markdown")
    lines = data.get("source")
    source = "".join(map(str, lines)) if isinstance(lines, list) else str(lines or "")
    return Cell(source=source, cell_type="code" if data["cell_type"] == "code" else "markdown")


def _steps(cells: Sequence[Cell]) -> Iterator[Step]:
    index = 0
    for number, cell in enumerate(cells):
        if cell.cell_type != "code" or is_request(cell.source) or not cell.source.strip():
            continue
        source = OWN_LINE.sub(r"\1pass", cell.source)
        found = _request(cells[:number], source) if _is_code(source) else None
        task = _task(index, number + 1, *found) if found is not None else None
        index += task is not None
        yield Step(cell=number + 1, source=source, task=task)


def _task(index: int, cell: int, request: str, reference: str, above: Sequence[Cell]) -> Task:
    return Task(index=index, cell=cell, request=request, reference=reference, cells=tuple(above))


def _is_code(source: str) -> bool:
    """Whether a cell is Python that does something; what is defined or imported does not."""
    tree = parse_module(python_in(source))
    return is_python(source) and tree is not None and any(map(_does_something, tree.body))


def _does_something(node: ast.stmt) -> bool:
    return not isinstance(node, ast.Pass | Import)


def _request(above: Sequence[Cell], source: str) -> tuple[str, str, Sequence[Cell]] | None:
    """Return a code cell's request, the rest of its code, and the cells above the request."""
    last = above[-1] if above else Cell(source="")
    if last.cell_type == "code":
        asked = _asked(last.source)
        if asked:
            return asked, source, above[:-1]
    prose, rest = _last_paragraph(last.source) if last.cell_type == "markdown" else ("", "")
    left = [*above[:-1], *([Cell(source=rest, cell_type="markdown")] if rest.strip() else [])]
    if prose:
        return prose, source, left
    comment, code = _comment_and_code(source)
    if comment:
        return comment, code, above
    # The first cell's heading is the notebook's title.
    may_ask = last.cell_type == "markdown" and len(above) > 1
    heading = _last_heading(last.source) if may_ask else ""
    return (heading, source, above[:-1]) if heading else None


def _asked(source: str) -> str:
    """Return what a `%%codeface` cell asks; empty for any other cell."""
    names, body = split_cell_magics(source)
    if names != ("codeface",):
        return ""
    line = source.lstrip().partition("\n")[0].removeprefix("%%codeface").strip()
    # Options are for the model that was asked then.
    words = "" if re.search(r"(^| )-", line) else line
    return "\n".join(filter(None, (words, body.strip())))


def _last_paragraph(markdown: str) -> tuple[str, str]:
    """Return the last paragraph of a Markdown text, and the text without it.

    A list belongs to the paragraph that it follows. One that says too little does not count.
    """
    lines = markdown.split("\n")
    blocks = [
        (token.type, token.map)
        for token in MARKDOWN.parse(markdown)
        if token.level == 0 and token.map and token.nesting >= 0
    ]
    for place in reversed(range(len(blocks))):
        kind, (begin, end) = blocks[place]
        if kind not in PROSE:
            continue
        if kind in LISTS and place and blocks[place - 1][0] == "paragraph_open":
            begin = blocks[place - 1][1][0]
        text = "\n".join(lines[begin:end]).strip()
        if _says_enough(text) and not FORMULA.match(text):
            return text, "\n".join((*lines[:begin], *lines[end:])).strip()
    return "", markdown


def _last_heading(markdown: str) -> str:
    """Return the last heading of a Markdown text, if it says enough."""
    tokens = MARKDOWN.parse(markdown)
    headings = [text.content for token, text in pairwise(tokens) if token.type == HEADING]
    return headings[-1].strip() if headings and _says_enough(headings[-1]) else ""


def _comment_and_code(source: str) -> tuple[str, str]:
    """Return the comment that a cell begins with, if it is in words, and the code below it."""
    lines = source.strip("\n").split("\n")
    comments: list[str] = []
    for line in lines:
        found = COMMENT.fullmatch(line)
        if found is None:
            break
        comments.append("" if DIRECTIVE.match(line) else found[1].rstrip())
    text = "\n".join(filter(None, comments))
    # Code in a comment asks for nothing.
    if not _says_enough(text) or parse_module(text) is not None:
        return "", source
    return text, "\n".join(lines[len(comments) :]).strip("\n")


def _says_enough(text: str) -> bool:
    return len(WORD.findall(text)) >= MIN_WORDS
