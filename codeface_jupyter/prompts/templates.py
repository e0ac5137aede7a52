"""Text with fields to fill in: the user's templates, and braces in a request."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from string import Template

from codeface_jupyter.errors import NotebookError

__all__ = [
    "fill_template",
    "interpolate",
]

# A field to fill in: a name, then attributes and indices. Anything else between braces is text.
FIELD = re.compile(r"\{([A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[(?:-?\d+|'[^'\]]*'|\"[^\"\]]*\")\])*)\}")


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
