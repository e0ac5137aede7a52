"""An answer as HTML in the saved notebook: code in colour for exporters and other front ends.

It brings no style sheet, which some of them show as text, and holds no empty line, at which
HTML ends inside of Markdown.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.lexers.special import TextLexer
from pygments.token import Token, _TokenType
from pygments.util import ClassNotFound

from codeface_jupyter.prompts import normalize_language
from codeface_jupyter.view.html_markdown import html_parser
from codeface_jupyter.well_formed import well_formed

__all__ = ["NEW_CELL", "answer_html", "folded_html", "lexer_of"]

BEFORE_EMPTY_LINE = re.compile(r"\n(?=[ \t]*(?:\n|$))")
BLOCK_STYLE = (
    "margin:.5em 0;padding:.5em .75em;overflow-x:auto;"
    "background:var(--jp-cell-editor-background,#f5f5f5);"
    "color:var(--jp-content-font-color1,inherit)"
)
# nbconvert's pages give code a colour of its own, line by line.
CODE_STYLE = "background:none"
NEW_CELL = "The new cell"
FIGURE = "The figure that this code draws"
# The theme's own colours where there is one, so that light and dark both read well.
COLORS = {
    Token.Comment: "var(--jp-mirror-editor-comment-color,#406c6c)",
    Token.Keyword: "var(--jp-mirror-editor-keyword-color,#007000)",
    Token.Operator.Word: "var(--jp-mirror-editor-keyword-color,#007000)",
    Token.Literal.String: "var(--jp-mirror-editor-string-color,#ba2121)",
    Token.Literal.Number: "var(--jp-mirror-editor-number-color,#007000)",
    Token.Name.Builtin: "var(--jp-mirror-editor-builtin-color,#007000)",
    Token.Name.Class: "var(--jp-mirror-editor-def-color,#00f)",
    Token.Name.Function: "var(--jp-mirror-editor-def-color,#00f)",
    Token.Generic.Deleted: "var(--jp-error-color1,#b71c1c)",
    Token.Generic.Inserted: "var(--jp-success-color1,#1b5e20)",
}


def answer_html(
    answer: str,
    *,
    lead: str = "",
    figure: str = "",
    thoughts: Sequence[str] = (),
    difference: str = "",
    new_cell: str | None = None,
    remarks: str = "",
    footer: str = "",
) -> str:
    """Return the HTML of an answer.

    Parameters
    ----------
    answer, lead, remarks
        Markdown; HTML in it is shown as text. The lead stands first, the remarks below.
    figure
        A picture below the lead: a PNG, as base64.
    thoughts, difference, footer
        Plain text: what the model thought first, what changes in a cell, the last line.
    new_cell
        The code of the answer that the difference shows already: it is folded.
    """

    def highlight(code: str, info: str, _: str) -> str:
        is_shown_above = new_cell is not None and code.strip("\n") == new_cell.strip("\n")
        listing = _listing(code, info)
        return folded_html(NEW_CELL, listing) if is_shown_above else listing

    parser = html_parser(highlight)
    written = [str(parser.render(well_formed(lead)))] if lead else []
    written += [_picture(figure)] if figure else []
    written += [_listing(difference, "diff")] if difference else []
    written += [folded_html("Thoughts", _listing(thought.strip(), "text")) for thought in thoughts]
    written += [str(parser.render(well_formed(part))) for part in (answer, remarks)]
    if footer:
        written.append(f"<p><sub>{html.escape(footer)}</sub></p>")
    body = BEFORE_EMPTY_LINE.sub("&#10;", well_formed("".join(written)).rstrip("\n"))
    return f"<div>{body}</div>"


def folded_html(summary: str, content: str) -> str:
    """Return HTML that shows ``content``, which is HTML too, once it is unfolded."""
    return f"<details><summary>{html.escape(summary)}</summary>{content}</details>"


def lexer_of(info: str) -> Lexer:
    """Return what reads the language that stands behind a fence."""
    try:
        return get_lexer_by_name(normalize_language(info))
    except ClassNotFound:
        return TextLexer()


def _picture(png: str) -> str:
    return f'<p><img alt="{FIGURE}" src="data:image/png;base64,{html.escape(png)}"></p>'


def _listing(code: str, info: str) -> str:
    tokens = lexer_of(info).get_tokens(code.rstrip("\n"))
    colored = "".join(_colored(kind, text) for kind, text in tokens)
    listing = f'<code style="{CODE_STYLE}">{colored.rstrip()}</code>'
    return f'<pre dir="ltr" style="{BLOCK_STYLE}">{listing}</pre>'


def _colored(kind: _TokenType, text: str) -> str:
    # A token's kinds go from the widest to the narrowest.
    colors = [COLORS[wider] for wider in kind.split() if wider in COLORS]
    shown = html.escape(text)
    return f'<span style="color:{colors[-1]}">{shown}</span>' if colors else shown
