"""How far a completion goes: to the end of its line, or of the block that it is to fill."""

from __future__ import annotations

from codeface_jupyter.infilling import Gap
from codeface_jupyter.trials.completing.indentation import opens_block, width
from codeface_jupyter.trials.naming.lexing import CLOSING, OPENING, lex

__all__ = ["Bounds"]

QUOTES = "'\""


class Bounds:
    """Ends a completion while it is made, and cuts it afterwards.

    Parameters
    ----------
    gap
        Where the cursor stands.
    max_lines
        The most lines of a block; other completions have one.
    """

    def __init__(self, gap: Gap, *, max_lines: int) -> None:
        self._gap = gap
        self._floor = _block_floor(gap) if max_lines > 1 else None
        self._max_lines = max_lines if self._floor is not None else 1

    def is_complete(self, text: str) -> bool:
        """Whether a completion has reached its end, with the beginning of what follows."""
        if self._floor is None and self._gap.line.strip():
            return "\n" in text
        lines = text.lstrip("\n").split("\n")
        if self._floor is None:
            return len(lines) > 1
        # The first one goes on with the cursor's own line, or is below a colon.
        further = lines[1:] if text[:1] != "\n" else lines
        return len(lines) > self._max_lines or any(map(self._is_beyond, further))

    def cut(self, text: str) -> str:
        """Return what of a completion is within the bounds, and not there already."""
        if self._gap.rest.strip():
            first = text.partition("\n")[0]
            return _before_rest(first, self._gap.rest, prefix=self._gap.prefix)
        if self._floor is None:
            return self._one_line(text)
        return self._block(text)

    def _one_line(self, text: str) -> str:
        if not self._gap.line.strip():
            text = text.lstrip("\n")
        return self._without_comment(text.partition("\n")[0]).rstrip()

    def _without_comment(self, text: str) -> str:
        """Return a line's text up to a comment, unless the line is one already."""
        line = self._gap.prefix + text
        tokens = lex(line)
        is_commented = bool(tokens) and tokens[-1].kind == "comment"
        begin = tokens[-1].start - len(self._gap.prefix) if is_commented else len(text)
        return text[:begin] if begin >= 0 else text

    def _block(self, text: str) -> str:
        begins_below = text[:1] == "\n" and bool(self._gap.line.strip())
        lines = (text if begins_below else text.lstrip("\n")).split("\n")
        kept = lines[:1]
        for line in lines[1:]:
            if self._is_beyond(line):
                break
            kept.append(line)
        kept = "\n".join(kept[: self._max_lines + begins_below]).rstrip().split("\n")
        return "\n".join(self._without_those_below(kept)).rstrip()

    def _without_those_below(self, lines: list[str]) -> list[str]:
        """Drop the lines at the end that stand below the cursor already."""
        below = [line.rstrip() for line in self._gap.suffix.split("\n") if line.strip()]
        for count in range(min(len(lines), len(below)), 0, -1):
            if [line.rstrip() for line in lines[-count:]] == below[:count]:
                return lines[:-count]
        return lines

    def _is_beyond(self, line: str) -> bool:
        """Whether a line, as far as it has come, is no longer of the block."""
        return self._floor is not None and bool(line.strip()) and width(line) < self._floor


def _block_floor(gap: Gap) -> int | None:
    """Return the least indentation of the block that is to be filled; None if there is none."""
    if gap.rest.strip():
        return None
    if opens_block(gap.line):
        return width(gap.line) + 1
    if gap.line.strip():
        return None
    if opens_block(gap.line_above):
        return width(gap.line_above) + 1
    return width(gap.line) or None


def _before_rest(text: str, rest: str, *, prefix: str) -> str:
    """Return what of a text fits before the rest of its line."""
    end = rest.lstrip()[:1]
    if end and end in QUOTES:
        return text.partition(end)[0]
    if end in CLOSING:
        return text[: _unopened(text, prefix)]
    # The rest itself, or its beginning.
    for length in range(min(len(text), len(rest)), 0, -1):
        if text.endswith(rest[:length]):
            return text[:-length]
    return text


def _unopened(text: str, prefix: str) -> int:
    """Return where a bracket closes that the text has not opened; its length if none does.

    One in a string, which may have begun before the text, closes nothing.
    """
    depth = 0
    for token in lex(prefix + text):
        place = token.start - len(prefix)
        if token.kind == "operator" and place >= 0:
            depth += (token.text in OPENING) - (token.text in CLOSING)
            if depth < 0:
                return place
    return len(text)
