"""Fill in the fields of a user's template, and the expressions in a request."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from string import Template

from codeface_jupyter.errors import NotebookError

__all__ = [
    "fill_template",
    "interpolate",
]

# An expression to replace: a name, attributes and indices. Other text in braces stays.
FIELD = re.compile(r"\{([A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[(?:-?\d+|'[^'\]]*'|\"[^\"\]]*\")\])*)\}")


def fill_template(text: str, fields: Mapping[str, str]) -> str:
    """Fill a user's prompt template, whose fields are written ``$name``.

    Raises
    ------
    NotebookError
        If the template uses an unknown field or a single ``$``.
    """
    template = Template(text)
    unknown = sorted(set(template.get_identifiers()) - set(fields))
    if unknown or not template.is_valid():
        what = f"the unknown field ${unknown[0]}" if unknown else "a $ without a field's name"
        raise NotebookError(
            f"The template contains {what}.",
            hint=f"Its fields can be ${', $'.join(sorted(fields))}; write $$ for a dollar sign.",
        )
    return template.substitute(fields)


def interpolate(text: str, lookup: Callable[[str], str | None]) -> str:
    """Replace each ``{expression}`` that ``lookup`` knows; other braces stay as typed.

    Parameters
    ----------
    text
        What the user typed.
    lookup
        Returns the text for an expression of names, attributes and indices, such as
        ``df.shape`` or ``In[3]``, or None to leave the braces alone.
    """

    def replacement(match: re.Match[str]) -> str:
        found = lookup(match[1])
        return match[0] if found is None else found

    return FIELD.sub(replacement, text)
