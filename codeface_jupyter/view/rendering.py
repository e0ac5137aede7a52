"""An answer as HTML while it grows, and as the lasting output when it is done.

The model's text is untrusted: it may repeat what data that it has seen wants to be shown.
HTML in it is shown as text, and nothing in it is fetched before somebody clicks.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import unified_diff
from itertools import islice
from typing import Any

from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from pygments import highlight
from pygments.formatters import HtmlFormatter

from codeface_jupyter.context import Context, Rewrite
from codeface_jupyter.frontend.protocol import (
    RESULT_MIME,
    RESULT_VERSION,
    EarlierAnswer,
    HiddenLines,
    ResultRewrite,
)
from codeface_jupyter.generation import GenerationMetrics, GenerationResult
from codeface_jupyter.prompts import (
    LINE_END,
    CodeBlock,
    fenced,
    split_thoughts,
    with_code,
)
from codeface_jupyter.trials.rewriting import Rewritten, rewritten
from codeface_jupyter.view.answer_html import NEW_CELL, answer_html, folded_html, lexer_of
from codeface_jupyter.view.cells import block_data, with_missing_magics
from codeface_jupyter.view.findings import findings_data, literal, notes_data, remarks
from codeface_jupyter.view.html_markdown import html_parser
from codeface_jupyter.view.outcomes import (
    alternatives_data,
    answers_question,
    outcome_data,
    outcome_markdown,
    outcome_plain,
)
from codeface_jupyter.view.safe_markdown import folded, safe_markdown
from codeface_jupyter.view.tables import Table
from codeface_jupyter.view.terminal_text import terminal_text
from codeface_jupyter.well_formed import well_formed, well_formed_data
from codeface_jupyter.wording import counted

__all__ = [
    "ContextPreview",
    "GrowingMarkdown",
    "answer_markdown",
    "describe_metrics",
    "describe_result",
    "result_bundle",
    "warm_up",
    "with_earlier",
    "with_question",
]

EARLIER = "Earlier answer"
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
    answer = _answer_markdown(result, format=format, new_cell=new_cell)
    if format == "code" or not result.thoughts:
        return answer
    return "\n\n".join([*map(folded, result.thoughts), answer.strip("\n")])


def _answer_markdown(
    result: GenerationResult,
    *,
    format: str,  # noqa: A002 - the flag's name
    new_cell: Rewritten | None,
) -> str:
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
    if metrics.from_response_cache:
        tokens = counted(metrics.generated_tokens, "token")
        return f"{tokens} from the response cache; --no-cache asks again"
    parts = [counted(metrics.generated_tokens, "token")]
    if metrics.decode_s > 0:
        parts.append(f"{metrics.decode_tokens_per_s:.1f} tokens/s")
    parts.append(_describe_wait(metrics))
    return ", ".join(filter(None, parts))


def _describe_wait(metrics: GenerationMetrics) -> str:
    """Return how long the user waited for the first token, and how much of it was the model's."""
    model_s, wait_s = metrics.time_to_first_token_s, metrics.wait_s
    if not model_s:
        return ""
    if wait_s - model_s < NOTICED_WAIT_S:
        return f"first token after {max(model_s, wait_s):.2f} s"
    return f"first token after {wait_s:.1f} s, {model_s:.2f} s of them the model's"


def describe_result(result: GenerationResult) -> str:
    """Return the line under an answer: the model and where it ran, what it cost, how it ended."""
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


def result_bundle(
    result: GenerationResult,
    *,
    request: str,
    cell_id: str | None,
    insert: str,
    format: str = "auto",  # noqa: A002 - the flag's name
    changes: Rewrite | None = None,
    answer_id: str | None = None,
    note: str = "",
) -> dict[str, Any]:
    """Return the MIME bundle that stays in the notebook.

    Our own type carries the code for the buttons, ``text/html`` and ``text/markdown`` are for
    exporters and every front end without them, ``text/plain`` for terminals. For an answer that
    rewrites the cell ``changes``, the difference is shown above it. ``answer_id`` is
    what the front end calls the answer by; ``note`` is added to its last line.
    Under the code stands what it did when it was tried, or above it if that answers a question,
    what was changed in it and what does not fit the notebook. What needs a cell magic that is
    not there is offered as text.
    """
    result = with_missing_magics(result)
    new_cell = rewritten(result, changes) if changes else None
    text = answer_markdown(result, format=format, new_cell=new_cell)
    before = well_formed(changes.shown) if changes else ""
    difference = _difference(before, new_cell.block.code) if new_cell else ""
    shown_above = new_cell.block if new_cell and difference else None
    readable = _folding(text, shown_above)
    if difference:
        text, readable = (f"{fenced(difference, 'diff')}\n\n{t}" for t in (text, readable))
    footer = " · ".join(filter(None, (describe_result(result), note)))
    data = {
        "version": RESULT_VERSION,
        "text": text,
        "blocks": [block_data(block) for block in result.code_blocks],
        "finish_reason": result.finish_reason,
        "footer": footer,
        "cell_id": cell_id,
        "replaces_cell_id": (changes.cell.cell_id or None) if changes else None,
        "rewrite": _rewrite_data(changes, new_cell) if changes else None,
        "prompt": request,
        "insert": insert,
        "record": result.record(),
        "answer_id": answer_id,
        "notes": notes_data(result),
        "findings": findings_data(result),
        "outcome": outcome_data(result.outcome, result.agreement, request=request),
        "alternatives": alternatives_data(result),
    }
    remarked = remarks(result, is_markdown=True)
    outcome = outcome_markdown(result)
    is_answer = answers_question(result.outcome, request=request)
    lead, below = (outcome, "") if is_answer else ("", outcome)
    markdown = (lead, readable, below, remarked, f"<sub>{literal(footer)}</sub>")
    page = answer_html(
        _answer_markdown(result, format=format, new_cell=new_cell),
        lead=lead,
        thoughts=() if format == "code" else result.thoughts,
        difference=difference,
        new_cell=shown_above.code if shown_above else None,
        remarks="\n\n".join(filter(None, (below, remarked))),
        footer=footer,
    )
    # The text comes first as the model wrote it: a terminal has shown it so.
    offered = "" if result.offered_blocks is None else f"As offered:\n\n{result.code}"
    remarked = remarks(result, is_markdown=False)
    plain = (result.text, difference, offered, outcome_plain(result), remarked, f"[{footer}]")
    return {
        RESULT_MIME: well_formed_data(data),
        "text/html": page,
        "text/markdown": well_formed("\n\n".join(filter(None, markdown))),
        "text/plain": terminal_text("\n\n".join(filter(None, plain))),
    }


def with_question(bundle: dict[str, Any], question: str) -> dict[str, Any]:
    """Return a lasting output below what was asked, which is about an answer above it."""
    asked = well_formed(question)
    return {
        **bundle,
        RESULT_MIME: {**bundle[RESULT_MIME], "question": asked},
        "text/html": f"<blockquote>{html.escape(asked)}</blockquote>{bundle['text/html']}",
        "text/markdown": f"> {literal(' '.join(asked.split()))}\n\n{bundle['text/markdown']}",
    }


def with_earlier(new: dict[str, Any], earlier: dict[str, Any]) -> dict[str, Any]:
    """Return the lasting output ``new`` with the answer folded whose place it takes."""
    before = {**earlier[RESULT_MIME]}
    others = before.pop("earlier", [])
    kept = EarlierAnswer(
        data=before, markdown=earlier["text/markdown"], plain=earlier["text/plain"]
    )
    folded_answer = f"<details><summary>{EARLIER}</summary>\n\n{kept['markdown']}\n\n</details>"
    return {
        **new,
        RESULT_MIME: {**new[RESULT_MIME], "earlier": [kept, *others]},
        "text/html": f"{new['text/html']}{folded_html(EARLIER, earlier.get('text/html', ''))}",
        "text/markdown": f"{new['text/markdown']}\n\n{folded_answer}",
    }


def _folding(markdown: str, block: CodeBlock | None) -> str:
    """Return Markdown with a block's code folded, since a difference shows it already."""
    if block is None:
        return markdown
    code = fenced(block.code.rstrip("\n"), block.language)
    folded_code = f"<details><summary>{NEW_CELL}</summary>\n\n{code}\n\n</details>"
    return markdown.replace(code, folded_code, 1)


def _rewrite_data(changes: Rewrite, new_cell: Rewritten | None) -> ResultRewrite:
    """Return what the front end needs to put the new cell in the place of the old one."""
    is_offered = new_cell is not None and not new_cell.obstacle and bool(changes.cell.cell_id)
    hidden = [HiddenLines(mark=lines.mark, count=lines.count) for lines in changes.hidden or ()]
    return ResultRewrite(before=changes.shown, hidden=hidden, is_offered=is_offered)


def _difference(before: str, after: str) -> str:
    """Return a unified diff without its header, or nothing when nothing changes."""
    lines = unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    return "\n".join(list(lines)[2:])


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
