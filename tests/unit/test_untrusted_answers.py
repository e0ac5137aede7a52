"""Whatever a model writes, no reader of the notebook runs, draws or fetches anything of it."""

import html.parser
import os
import random
import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt
from nbconvert.filters.markdown_mistune import markdown2html_mistune

from codeface_jupyter.frontend.saved_output import RESULT_MIME
from codeface_jupyter.generation import (
    EngineIdentity,
    GenerationMetrics,
    GenerationResult,
    SamplingParameters,
)
from codeface_jupyter.outcome import Change, Outcome, Preview, PreviewTable
from codeface_jupyter.view.answer_html import BLOCK_STYLE, CODE_STYLE, COLORS
from codeface_jupyter.view.rendering import GrowingMarkdown
from codeface_jupyter.view.result_bundle import result_bundle

# More for a change of what is generated or rendered: GENERATED_TEXTS=10000 takes a minute.
GENERATED_TEXTS = int(os.environ.get("GENERATED_TEXTS", "1000"))
MARKDOWN_S_OWN = {
    *("a", "blockquote", "br", "code", "dd", "del", "dl", "dt", "em", "h1", "h2", "h3", "h4"),
    *("h5", "h6", "hr", "li", "ol", "p", "pre", "s", "strong", "table", "tbody", "td", "th"),
    *("thead", "tr", "ul"),
}
# Task lists, then listings in color, the footer and folded thoughts.
OURS = {"input", "div", "span", "sub", "details", "summary", "style"}
ATTRIBUTES = {
    *("href", "title", "class", "id", "start", "style", "dir"),
    *("type", "checked", "disabled"),
}
STYLES = {
    *("text-align:left", "text-align:right"),
    *(BLOCK_STYLE, CODE_STYLE, *(f"color:{color}" for color in COLORS.values())),
}
PARSERS = [
    MarkdownIt("commonmark", {"html": True}).enable("table"),
    MarkdownIt("gfm-like", {"html": True, "linkify": False}),
]
LINK = re.compile(r"https?://|mailto:|#", re.IGNORECASE)


class Inspector(html.parser.HTMLParser):
    """Collects what a page would do besides showing text."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag not in MARKDOWN_S_OWN | OURS:
            self.found.append(tag)
        for name, value in attrs:
            if name not in ATTRIBUTES or (name == "href" and not LINK.match(value or "")):
                self.found.append(f"{tag} {name}={value}")
            if name == "style" and value not in STYLES:
                self.found.append(f"{tag} {name}={value}")

    def handle_data(self, data):
        self.text += data


def make_result(text, **changes):
    values = {
        "text": text,
        "finish_reason": "stop",
        "metrics": GenerationMetrics(generated_tokens=5),
        "identity": EngineIdentity(engine="e", model="m"),
        "sampling": SamplingParameters(),
        "prompt": "p",
    }
    return GenerationResult(**values | changes)


def bundle_of(text, **changes):
    result = make_result(text, **changes)
    return result_bundle(result, request="do it", cell_id="c", insert="button")


def pages_of(text, **changes):
    """Every page that shows an answer: while it comes, and as front ends and exporters make it."""
    yield GrowingMarkdown().render(text)
    made = bundle_of(text, **changes)
    assert made[RESULT_MIME]["text"] in made["text/markdown"]
    yield markdown2html_mistune(made["text/markdown"])
    yield from (parser.render(made["text/markdown"]) for parser in PARSERS)
    # As it is, and in Markdown, as which nbconvert exports it.
    yield made["text/html"]
    yield markdown2html_mistune(made["text/html"])
    yield from (parser.render(made["text/html"]) for parser in PARSERS)


def harm_in(text, **changes):
    return [found for page in pages_of(text, **changes) for found in Inspector(page).found]


SCRIPT = "<script>alert(1)</script>"


def test_a_figure_that_answers_a_question_is_a_picture_and_nothing_else():
    outcome = Outcome(ending="ran", preview=Preview(png=f'" onerror="alert(1)">{SCRIPT}'))
    result = make_result("```python\nplot()\n```", outcome=outcome)
    page = result_bundle(result, request="how?", cell_id="c", insert="button")["text/html"]
    assert page.count("<img") == 1
    found = Inspector(page).found
    assert [item.partition("=")[0] for item in found] == ["img", "img alt", "img src"]


SEPARATORS = ["\n", "\r", "\r\n", "\u2028", "\u2029", *"\x0b\x0c\x1c\x1d\x1e\x85"]


@pytest.mark.parametrize("separator", SEPARATORS)
def test_a_script_above_a_fence_is_text_whatever_separates_its_lines(separator):
    text = f"a{separator}{SCRIPT}{separator}b\n\n```html\n<b>x</b>\n```\n{SCRIPT}"
    assert harm_in(text) == []
    assert "<b>x</b>" in bundle_of(text)["text/markdown"]


@pytest.mark.parametrize(
    "text",
    [
        rf"\`{SCRIPT}\`",
        f"``{SCRIPT}`",
        f"a `b ``{SCRIPT}` c",
        f"$a ` b$ {SCRIPT} `",
        f"$$\n```\n$$\n{SCRIPT}\n```",
        f"\\begin{{a}}\n```\n\\end{{a}}\n{SCRIPT}\n```",
        f"\\\\[\n```\n\\\\]\n{SCRIPT}\n```",
        f"```mermaid\n{SCRIPT}\n```",
        f"- a\n\n   - b\n\n         ```\n    {SCRIPT}\n         ```",
        f"    {SCRIPT}",
        "[x](javascript:alert(1))",
        "[x]( javascript:alert(1) 'title')",
        "[x](<javascript:alert(1)>)",
        "[x](JaVaScRiPt&colon;alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](data:text/html,<b>)",
        "[x](vbscript:x) [y](file:///etc/passwd) [z](notebook.ipynb)",
        "[x][y]\n\n[y]: javascript:alert(1)",
        "[x][y]\n\n[y]:\n  javascript:alert(1)",
        "<javascript:alert(1)>",
        "[x]() [](<>)",
        "![x](https://h/x.png)",
        r"\\![x](https://h/x.png) \![x](https://h/x.png)",
        "[![x](https://h/x.png)](javascript:alert(1))",
        "![x][y]\n\n[y]: https://h/x.png",
        "<img src=x onerror=alert(1)>",
        "<iframe/src=x>",
        f"<think>\n{SCRIPT}\n```\n![x](http://h/x)\n</think>\n{SCRIPT}",
    ],
)
def test_nothing_in_an_answer_acts(text):
    assert harm_in(text) == []


# All signs that parsers look for, the names that make them harmful, and all that ends a line.
PIECES = [
    *("\n", "\n\n", "\r", "\r\n", "\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d"),
    *("\x1e", "\t", " ", "  ", "    ", "   ", "\x00", "\\", "\\\\", "`", "``", "```", "````"),
    *("~~~", "```python\n", "```mermaid\n", "\n```\n", "~~~\n", "- ", "1. ", "> ", "# ", "| "),
    *(
        "---\n",
        "===\n",
        "|---|\n",
        ": ",
        "*",
        "**",
        "_",
        "~~",
        "[",
        "]",
        "(",
        ")",
        "](",
        "![",
        "]:",
    ),
    *("<", ">", SCRIPT, "<b>", "</p>", "<!--", "-->", "<?", "<![CDATA[", "<img src=x onerror=y>"),
    *("<pre>", "</pre>", "<details>", "<a href='javascript:x'>", "&lt;", "&#60;", "&colon;"),
    *("javascript:", "[x](javascript:y)", "![x](http://h/x.png)", "[y]: javascript:z\n", "[y]"),
    *("<javascript:x>", "<https://x>", "https://x", "[x](https://y)", "data:text/html,x", "$"),
    *("$$", "\\(", "\\[", "\\\\[", "\\\\]", "\\begin{a}", "\\end{a}", "<think>", "</think>\n"),
    *("x = 1", "word", "é", "a < b", '"""', "'", '"', "print(1)", "{", "}", "\u202e", "\ud83d"),
]


def generated(count, *, seed):
    source = random.Random(seed)
    for _ in range(count):
        yield "".join(source.choices(PIECES, k=source.randint(1, 30)))


@pytest.mark.parametrize("seed", range(10))
def test_no_generated_answer_acts(seed):
    texts = generated(GENERATED_TEXTS // 10, seed=seed)
    harmful = {text: harm for text in texts if (harm := harm_in(text))}
    assert harmful == {}


def outcomes_of(text):
    """Everything that a copy of the kernel may tell, with the same text everywhere."""
    told = Outcome(
        ending="ran",
        value=text,
        printed=text,
        preview=Preview(text=text),
        changes=(Change(name=text, kind="changed", text=text),),
        warnings=(text,),
    )
    table = PreviewTable(header=("", text), rows=((text, text),), is_whole=False)
    yield told
    yield replace(told, preview=Preview(table=table))
    yield Outcome(ending="raised", error=text, error_type=text)
    yield Outcome(ending="refused", refusals=(text, text))


@pytest.mark.parametrize(
    "text",
    [
        SCRIPT,
        f"`{SCRIPT}",
        f"```\n{SCRIPT}",
        f"`````\n{SCRIPT}\n``````",
        f"a\n\n{SCRIPT}",
        "![x](https://h/x.png)",
        "[x](javascript:alert(1))",
        f"$$\n```\n$$\n{SCRIPT}",
        f"\\begin{{a}}\n```\n\\end{{a}}\n{SCRIPT}",
    ],
)
def test_nothing_that_tried_code_tells_acts(text):
    for outcome in outcomes_of(text):
        assert harm_in("```python\nx\n```", outcome=outcome) == [], outcome


@pytest.mark.parametrize("seed", range(4))
def test_nothing_generated_that_tried_code_tells_acts(seed):
    texts = generated(GENERATED_TEXTS // 40, seed=seed)
    outcomes = [outcome for text in texts for outcome in outcomes_of(text)]
    harmful = [it for it in outcomes if harm_in("```python\nx\n```", outcome=it)]
    assert harmful == []


def test_what_tried_code_tells_stays_in_its_line_and_its_listing():
    outcome = next(outcomes_of("a\n```\nb `c` \x1b[2J \u202e <i>"))
    plain = bundle_of("```python\nx\n```", outcome=outcome)["text/plain"]
    assert "\x1b" not in plain
    markdown = bundle_of("```python\nx\n```", outcome=outcome)["text/markdown"]
    line, listing = markdown.split("\n\n")[1:3]
    assert line.startswith("Tried on a copy: ")
    assert listing.startswith("````text\na\n```\nb")
    assert listing.endswith("\n````")
    data = bundle_of("```python\nx\n```", outcome=outcome)[RESULT_MIME]["outcome"]
    assert not {"\n", "\x1b", "\u202e"} & set(data["line"])
