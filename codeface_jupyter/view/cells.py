"""The cells that an answer's code blocks become, by the cell magics that the kernel has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from IPython.core.getipython import get_ipython

from codeface_jupyter.generation import GenerationResult
from codeface_jupyter.prompts import CodeBlock, cell_for, missing_magic

__all__ = ["block_data", "cell_magics", "with_missing_magics"]


def cell_magics() -> frozenset[str] | None:
    """Return the names of the cell magics that there are; None where there is no IPython."""
    shell = get_ipython()
    return None if shell is None else frozenset(shell.magics_manager.magics["cell"])


def with_missing_magics(result: GenerationResult) -> GenerationResult:
    """Return the result with a word on each magic that its code needs and that is not there."""
    there = cell_magics()
    missing = [missing_magic(block, cell_magics=there) for block in result.code_blocks]
    return replace(result, notes=(*result.notes, *dict.fromkeys(filter(None, missing))))


def block_data(block: CodeBlock) -> dict[str, Any]:
    """Return a block for the front end, with the cell that it would become."""
    cell_type, source = cell_for(block, cell_magics=cell_magics())
    return {
        "language": block.language,
        "code": block.code,
        "cell_type": cell_type,
        "source": source,
        "is_closed": block.is_closed,
    }
