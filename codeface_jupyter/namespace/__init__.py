"""Short descriptions of the notebook's live objects, and finding an object by its name.

Describing an object never changes it, prints nothing, and takes a fraction of a
second whatever the object's own code does: see `codeface_jupyter.namespace.foreign_code`.
"""

from __future__ import annotations

from codeface_jupyter.namespace.as_text import as_text
from codeface_jupyter.namespace.describe import column_names, describe, is_data
from codeface_jupyter.namespace.outline import Description
from codeface_jupyter.namespace.own_variables import own_variables
from codeface_jupyter.namespace.relevance import relevance, word_stems
from codeface_jupyter.namespace.resolve import close_names, resolve
from codeface_jupyter.namespace.source import source_of

__all__ = [
    "Description",
    "as_text",
    "close_names",
    "column_names",
    "describe",
    "is_data",
    "own_variables",
    "relevance",
    "resolve",
    "source_of",
    "word_stems",
]
