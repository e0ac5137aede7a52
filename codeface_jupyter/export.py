"""What nbconvert makes of the cells that only ask CodeFace: comments in scripts, none in handouts.

nbconvert finds the exporters by their entry points, so that JupyterLab's menu has them too, and
the preprocessor by its name in a configuration.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager
from nbconvert.exporters import HTMLExporter, PythonExporter
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from traitlets import Bool

from codeface_jupyter.magics.question_mark import QuestionTransformer

__all__ = ["HIDE_TAG", "KEEP_TAG", "HandoutExporter", "Questions", "ScriptExporter"]

# What teachers put on cells: leave it out of every export, and keep it although it only asks.
HIDE_TAG, KEEP_TAG = "codeface-hide", "codeface-keep"

CELL_MAGIC = re.compile(r"\s*%%codeface")
LINE_MAGIC = re.compile(
    r"(?P<before>.*?)get_ipython\(\)\.run_line_magic\("
    r"(?P<arguments>'codeface\w*',.*|'(?:re)?load_ext', 'codeface_jupyter'"
    r"|'config', ['\"]CodeFace\b.*)\)\s*"
)


class Questions(Preprocessor):
    """Turns what asks CodeFace into comments in Python scripts, and leaves out tagged cells."""

    leaves_out_questions = Bool(
        False, help="Whether cells that only ask are left out, unless they are tagged to be kept."
    ).tag(config=True)

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Return the notebook as it is to be exported."""
        nb.cells = [cell for cell in nb.cells if not self._is_left_out(cell)]
        if resources.get("output_extension") == ".py":
            for cell in nb.cells:
                if cell.cell_type == "code":
                    cell.source = without_questions(cell.source)
        return nb, resources

    def _is_left_out(self, cell: NotebookNode) -> bool:
        tags = cell.get("metadata", {}).get("tags", ())
        if HIDE_TAG in tags:
            return True
        is_question = cell.cell_type == "code" and _only_asks(cell.source)
        return self.leaves_out_questions and is_question and KEEP_TAG not in tags


class ScriptExporter(PythonExporter):
    """A Python script that runs without CodeFace: what was asked stays as comments."""

    export_from_notebook = "Script without Questions"

    def __init__(self, config: Any = None, **options: Any) -> None:
        super().__init__(config=config, **options)
        self.register_preprocessor(Questions, enabled=True)


class HandoutExporter(HTMLExporter):
    """A page without the cells that only ask, and their answers."""

    export_from_notebook = "Handout without Questions (HTML)"

    def __init__(self, config: Any = None, **options: Any) -> None:
        super().__init__(config=config, **options)
        preprocessor = Questions(parent=self, leaves_out_questions=True)
        self.register_preprocessor(preprocessor, enabled=True)


def without_questions(source: str) -> str:
    """Return a cell's source with what asks CodeFace in comments."""
    if CELL_MAGIC.match(source):
        return "\n".join(f"# {line}".rstrip() for line in source.strip().split("\n"))
    if "codeface" not in source.lower():
        return source
    # IPython knows what is a magic, where it ends, and what only looks like one.
    manager = TransformerManager()
    manager.token_transformers.append(QuestionTransformer)
    lines = manager.transform_cell(source).split("\n")
    return "\n".join(map(_without_question, lines)).rstrip("\n")


def _without_question(line: str) -> str:
    found = LINE_MAGIC.fullmatch(line)
    if found is None:
        return line
    before = found["before"]
    comment = "# %" + " ".join(ast.literal_eval(f"({found['arguments']})")).rstrip()
    if not before:
        return comment
    # A block needs a statement, and an assignment a value.
    return f"{before}{'None' if before.strip() else 'pass'}  {comment}"


def _only_asks(source: str) -> bool:
    """Whether a cell has no code of the user's."""
    shown = without_questions(source)
    return shown != source and not any(_code_in(shown))


def _code_in(source: str) -> Iterator[str]:
    return (line for line in source.split("\n") if line.strip() and not line.startswith("#"))
