"""An answer as HTML while it grows, and as the lasting output when it is done.

The model's text is untrusted: it may repeat what data that it has seen wants to be shown.
HTML in it is shown as text, and nothing in it is fetched before somebody clicks.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from pygments import highlight
from pygments.formatters import HtmlFormatter

from codeface_jupyter.context import Context
from codeface_jupyter.generation import NO_MODEL, GenerationMetrics, GenerationResult
from codeface_jupyter.prompts import (
    LINE_END,
    fenced,
    split_thoughts,
    with_code,
)
from codeface_jupyter.quiet_dependencies import quiet_dependencies
from codeface_jupyter.trials.rewriting import Rewritten
from codeface_jupyter.view.answer_html import folded_html, lexer_of
from codeface_jupyter.view.html_markdown import html_parser
from codeface_jupyter.view.safe_markdown import folded, safe_markdown
from codeface_jupyter.view.tables import Table
from codeface_jupyter.view.terminal_text import terminal_text
from codeface_jupyter.well_formed import well_formed
from codeface_jupyter.wording import counted

__all__ = [
    "ContextPreview",
    "GrowingMarkdown",
    "answer_markdown",
    "describe_metrics",
    "describe_result",
    "said_markdown",
    "warm_up",
    "without_half_fence",
]

# Pygments' token classes in the theme's own colors, so that light and dark both read well.
STYLE = """<style>
.codeface-answer pre{margin:.5em 0;padding:.5em .75em;overflow-x:auto;border-radius:4px;
background:var(--jp-cell-editor-background,#f5f5f5);color:var(--jp-content-font-color1,inherit);
font-family:var(--jp-code-font-family,monospace);font-size:var(--jp-code-font-size,13px);
line-height:1.4}
.codeface-answer p code,.codeface-answer li code{font-family:var(--jp-code-font-family,monospace)}
.cf-k,.cf-kn,.cf-kd,.cf-kr,.cf-kc,.cf-ow{color:var(--jp-mirror-editor-keyword-color,#008000)}
.cf-s,.cf-s1,.cf-s2,.cf-sa,.cf-sd,.cf-si,.cf-se,.cf-sb{
color:var(--jp-mirror-editor-string-color,#ba2121)}
.cf-c,.cf-c1,.cf-cm,.cf-ch{color:var(--jp-mirror-editor-comment-color,#408080);font-style:italic}
.cf-mi,.cf-mf,.cf-mh,.cf-mo,.cf-mb{color:var(--jp-mirror-editor-number-color,#080)}
.cf-nb,.cf-bp{color:var(--jp-mirror-editor-builtin-color,#008000)}
.cf-nf,.cf-nc,.cf-fm{color:var(--jp-mirror-editor-def-color,#00f)}
.cf-o{color:var(--jp-mirror-editor-operator-color,#a2f)}
</style>"""


# A user does not notice less than this before the model begins.
NOTICED_WAIT_S = 0.2
# Less needs no explanation.
NOTICED_TRYING_S = 2.0

HALF_FENCE = re.compile(r"^[ \t]*`{1,2}\Z", re.MULTILINE)


class GrowingMarkdown:
    """Renders a growing Markdown text again and again at little cost.

    A block is rendered for the last time once another has begun after it; each call
    renders only the last block, so the cost does not grow with the answer. What a model
    thinks before it answers is folded.
    """

    def __init__(self) -> None:
        self._finished = ""
        self._finished_html = ""
        self._markdown = html_parser(_highlight_fence)

    def render(self, text: str) -> str:
        """Return the HTML of ``text``."""
        parts = split_thoughts(well_formed(text))
        said = "".join(part.text for part in parts if not part.is_thought)
        if not said.startswith(self._finished):
            # What seemed to be said turned out to be a thought.
            self._finished = self._finished_html = ""
        thoughts = "".join(_folded_html(part.text) for part in parts if part.is_thought)
        return f'{STYLE}<div class="codeface-answer">{thoughts}{self._render(said)}</div>'

    def _render(self, said: str) -> str:
        rest = said[len(self._finished) :]
        tokens = self._markdown.parse(rest)
        begin = _last_block(tokens)
        line = tokens[begin].map[0] if begin and tokens[begin].map else 0  # type: ignore[index]
        if line:
            self._finished_html += self._html(tokens[:begin])
            self._finished += rest[: _line_begin(rest, line)]
        return f"{self._finished_html}{self._html(tokens[begin if line else 0 :])}"

    def _html(self, tokens: Sequence[Token]) -> str:
        options: OptionsDict = self._markdown.options
        return str(self._markdown.renderer.render(tokens, options, {}))


def without_half_fence(text: str) -> str:
    """Return a text that still grows, without a last line that looks like half a fence."""
    return HALF_FENCE.sub("", text)


@quiet_dependencies()
def warm_up() -> None:
    """Import what the first code needs to be painted, which takes longer than a pause may."""
    GrowingMarkdown().render(fenced("x = 1", "python"))


def _folded_html(thoughts: str) -> str:
    return folded_html("Thoughts", f"<pre><code>{html.escape(thoughts.strip())}</code></pre>")


def _line_begin(text: str, number: int) -> int:
    """Return where a line begins, as the parser counts lines."""
    ends = LINE_END.finditer(text)
    return next(islice(ends, number - 1, None)).end()


def _last_block(tokens: Sequence[Token]) -> int:
    """Return the index of the token that opens the last top-level block."""
    for index in range(len(tokens) - 1, -1, -1):
        if tokens[index].level == 0 and tokens[index].nesting >= 0:
            return index
    return 0


def _highlight_fence(code: str, info: str, _: object) -> str:
    formatter = HtmlFormatter(nowrap=True, classprefix="cf-")
    return f'<pre dir="ltr"><code>{highlight(code, lexer_of(info), formatter)}</code></pre>'


def answer_markdown(
    result: GenerationResult,
    *,
    format: str = "auto",  # noqa: A002 - the flag's name
    new_cell: Rewritten | None = None,
) -> str:
    """Return an answer as Markdown, its code as it is offered, or the code alone in fences.

    Whatever the model wrote, it holds no image and nothing but Markdown's own formatting.

    Parameters
    ----------
    result
        The answer.
    format
        The setting of that name.
    new_cell
        The cell that it makes of another one, shown in the place of the block it is made of.
    """
    answer = said_markdown(result, format=format, new_cell=new_cell)
    if format == "code" or not result.thoughts:
        return answer
    return "\n\n".join([*map(folded, result.thoughts), answer.strip("\n")])


def said_markdown(
    result: GenerationResult,
    *,
    format: str,  # noqa: A002 - the flag's name
    new_cell: Rewritten | None,
) -> str:
    """Return an answer as `answer_markdown` does, without what the model thought first."""
    if format == "text" and not result.is_bare_code:
        return fenced(result.answer, "text")
    written = result.written_blocks
    is_unfenced = len(written) == 1 and written[0].code == result.answer.strip("\n")
    if format == "code" or result.is_bare_code or is_unfenced:
        fences = [fenced(block.code, block.language) for block in result.code_blocks]
        return safe_markdown("\n\n".join(fences))
    if result.offered_blocks is None:
        return safe_markdown(result.answer)
    blocks = iter(result.offered_blocks)
    offered = [
        block if number in result.left_out else next(blocks, block)
        for number, block in enumerate(written)
    ]
    if new_cell is not None:
        offered = [*written[: new_cell.number], new_cell.block, *written[new_cell.number + 1 :]]
    return safe_markdown(with_code(result.answer, [block.code for block in offered]))


def describe_metrics(metrics: GenerationMetrics) -> str:
    """Return what an answer cost, in one line."""
    tokens = counted(metrics.generated_tokens, "token")
    if metrics.is_shared:
        return f"{tokens}, shared with an equal question"
    if metrics.from_response_cache:
        return f"{tokens} from the response cache; --no-cache asks again"
    parts = [tokens]
    if metrics.decode_s > 0:
        parts.append(f"{metrics.decode_tokens_per_s:.1f} tokens/s")
    parts.append(_describe_wait(metrics))
    if metrics.tries_s >= NOTICED_TRYING_S:
        parts.append(f"trying and other answers took {metrics.tries_s:.0f} s")
    return ", ".join(filter(None, parts))


def _describe_wait(metrics: GenerationMetrics) -> str:
    """Return how long the user waited for the first token, and how much of it was the model's."""
    model_s, wait_s = metrics.time_to_first_token_s, metrics.wait_s
    if not model_s:
        return ""
    if wait_s - model_s < NOTICED_WAIT_S:
        return f"first token after {max(model_s, wait_s):.2f} s"
    return f"first token after {wait_s:.1f} s (model: {model_s:.2f} s)"


def describe_result(result: GenerationResult) -> str:
    """Return the line under an answer: the model and where it ran, what it cost, how it ended."""
    if result.identity == NO_MODEL:
        return "done without a model"
    ending = {
        "cancelled": "stopped early",
        "length": f"cut off at {counted(result.sampling.max_new_tokens, 'token')}; -n allows more",
        "error": "ended by an error",
        "stop": "",
    }[result.finish_reason]
    if not result.text.strip() and result.ended_by_itself:
        ending = "the answer is empty: try again, or ask in other words"
    place = "" if result.is_local else "remote"
    parts = (result.identity.model, place, describe_metrics(result.metrics), ending)
    return " · ".join(filter(None, parts))


@dataclass(frozen=True)
class ContextPreview:
    """What a request would send: a table of its pieces, then the exact text.

    Parameters
    ----------
    context
        The prompt and the report of how it came about.
    order
        How the order of the cells is known.
    """

    context: Context
    order: str

    def __str__(self) -> str:
        return f"{self._table()}\n\n{self.context.text}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        text = fenced(self.context.text, "text")
        return {
            "text/markdown": well_formed(f"{self._table().to_markdown()}\n\n{text}"),
            "text/plain": terminal_text(str(self)),
        }

    def _table(self) -> Table:
        rows = [
            (
                piece.kind,
                piece.title,
                f"{piece.tokens:,}" if piece.included else "left out",
                piece.reason,
            )
            for piece in self.context.report
        ]
        title = f"{counted(self.context.prompt_tokens, 'token')}; cells {self.order}"
        return Table(title, ("piece", "what", "tokens", "note"), rows)
