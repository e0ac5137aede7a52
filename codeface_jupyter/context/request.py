"""What the user typed, with the braces filled in: for a model here, and for one elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

__all__ = ["SECRET_NOTE", "FilledRequest"]

SECRET_NOTE = "What looks like a secret in the request was not sent: it went as ***."  # noqa: S105 - says that one was not sent


@dataclass(frozen=True, kw_only=True)
class FilledRequest:
    """A request whose braces are filled in.

    Attributes
    ----------
    text
        The request, values of variables in it.
    text_without_values
        The same for a model that may not see values: their braces are as typed.
    filled_in, values
        The expressions that were filled in, and those of them that are values.
    notes
        What the user should know of it, one sentence each.
    """

    text: str
    text_without_values: str
    filled_in: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str) -> FilledRequest:
        """Return a request in which nothing was filled in."""
        return cls(text=text, text_without_values=text)

    def within(self, write: Callable[[str], str]) -> FilledRequest:
        """Return this request as a part of a longer one, which ``write`` makes of it."""
        return replace(
            self, text=write(self.text), text_without_values=write(self.text_without_values)
        )

    def without_values(self) -> FilledRequest:
        """Return the request for a model that may not see values, with a note where it differs."""
        if not self.values:
            return self
        names = ", ".join(f"{{{name}}}" for name in self.values)
        note = (
            f"{names} went as typed: values of variables are not sent to a server "
            "(send_values_to_remote)."
        )
        return FilledRequest(
            text=self.text_without_values,
            text_without_values=self.text_without_values,
            filled_in=tuple(name for name in self.filled_in if name not in self.values),
            notes=(*self.notes, note),
        )
