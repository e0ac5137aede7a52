"""Markdown as HTML: nothing but Markdown's own formatting, links to the web only.

Each block of prose runs in the direction of its own first word, code always from left to right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from codeface_jupyter.view.safe_markdown import DOLLARS, FORMULA, FORMULA_PARAGRAPH, SAFE_LINK

__all__ = ["Highlight", "html_parser"]

# Returns the HTML of a code block, from its code, what stands behind its fence, and the rest.
Highlight = Callable[[str, str, str], str]

PROSE = frozenset(
    f"{name}_open"
    for name in (
        "blockquote",
        "bullet_list",
        "heading",
        "list_item",
        "ordered_list",
        "paragraph",
        "table",
        "td",
        "th",
    )
)


def html_parser(highlight: Highlight) -> MarkdownIt:
    """Return a parser that shows HTML as text and fetches nothing.

    Parameters
    ----------
    highlight
        Writes the code blocks.
    """
    parser = (
        _Markdown("commonmark", {"html": False, "highlight": highlight})
        .enable("table")
        .disable("image")
    )
    parser.inline.ruler.before("escape", "formula", _formula)
    parser.inline.ruler.before("escape", "dollars", _dollars)
    parser.core.ruler.push("direction", _set_direction)
    parser.add_render_rule("link_open", _open_link)
    return parser


class _Markdown(MarkdownIt):
    """A parser whose links lead to the web only."""

    def validateLink(self, url: str) -> bool:  # noqa: N802 - the base class's name
        return SAFE_LINK.match(url) is not None


def _open_link(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: EnvType,
) -> str:
    """Return a link's tag; a link without an address, which needs no permission, leads nowhere."""
    if not tokens[index].attrGet("href"):
        tokens[index].attrs.pop("href", None)
    return renderer.renderToken(tokens, index, options, env)


def _formula(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - as the parser calls it
    """Take a formula as it is: its backslashes and asterisks are for whoever typesets it."""
    found = FORMULA.match(state.src, state.pos)
    if found is None and state.pos == 0:
        found = FORMULA_PARAGRAPH.fullmatch(state.src)
    if found is None:
        return False
    if not silent:
        state.push("text", "", 0).content = found[0]
    state.pos = found.end()
    return True


def _dollars(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - as the parser calls it
    """Take dollars that belong to no formula in the element in which they stand alone."""
    found = DOLLARS.match(state.src, state.pos)
    if found is None:
        return False
    if not silent:
        state.push("html_inline", "", 0).content = found[0]
    state.pos = found.end()
    return True


def _set_direction(state: StateCore) -> None:
    for token in state.tokens:
        if token.type in PROSE:
            token.attrSet("dir", "auto")
        for inline in token.children or ():
            if inline.type == "code_inline":
                inline.attrSet("dir", "ltr")
