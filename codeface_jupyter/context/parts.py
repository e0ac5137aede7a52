"""The parts of a prompt while it is put together: what is sent of each, or why it is not."""

from __future__ import annotations

from dataclasses import dataclass

from codeface_jupyter.context.context import Piece, PieceKind

__all__ = [
    "BEGINNING",
    "CUT",
    "IN_PART",
    "NO_FILE_ROOM",
    "NO_ROOM",
    "NO_VARIABLE_ROOM",
    "Part",
]

NO_ROOM = "the context window is full"
NO_FILE_ROOM = "the budget for files is used up"
NO_VARIABLE_ROOM = "the budget for variables is used up"
IN_PART = "only the relevant part"
BEGINNING = "only the beginning"
CUT = "cut to the budget"
DID_NOT_FIT = frozenset({NO_ROOM, NO_FILE_ROOM, NO_VARIABLE_ROOM, BEGINNING, CUT})


@dataclass
class Part:
    """A part that is still being fitted, with its text.

    Attributes
    ----------
    kind, title, tokens, reason
        As in `Piece`; several reasons have commas between them.
    text
        What is sent of it; empty when it is left out.
    is_named
        Whether the user named it.
    """

    kind: PieceKind
    title: str
    text: str = ""
    tokens: int = 0
    reason: str = ""
    is_named: bool = False

    def leave_out(self, reason: str) -> None:
        """Send nothing of it."""
        self.text, self.tokens, self.reason = "", 0, reason

    @property
    def piece(self) -> Piece:
        """Its line in the report."""
        return Piece(
            kind=self.kind,
            title=self.title,
            tokens=self.tokens,
            included=bool(self.text),
            reason=self.reason,
        )

    @property
    def note(self) -> str:
        """What the user should know of it: that they named it, and it did not fit; or nothing."""
        if not self.is_named or DID_NOT_FIT.isdisjoint(self.reason.split(", ")):
            return ""
        what = "Sent in part" if self.text else "Not sent"
        return f"{what}: {self.title} ({self.reason})."
