import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from codeface_jupyter.context import Cell
from codeface_jupyter.frontend.protocol import RESULT_MIME
from codeface_jupyter.generation import (
    EngineIdentity,
    GenerationMetrics,
    GenerationResult,
    SamplingParameters,
)
from codeface_jupyter.view.rendering import GrowingMarkdown, answer_markdown, result_bundle

ANSWER = "Use this:\n\n```python\nx = 1\n```\n\nand\n\n```bash\nls\n```\n"


def make_result(text=ANSWER, **changes):
    values = {
        "text": text,
        "finish_reason": "stop",
        "metrics": GenerationMetrics(generated_tokens=5, decode_s=1.0, time_to_first_token_s=0.1),
        "identity": EngineIdentity(engine="e", model="m"),
        "sampling": SamplingParameters(),
        "prompt": "p",
    }
    return GenerationResult(**values | changes)


def bundle(result, **options):
    return result_bundle(result, request="do it", cell_id="c1", insert="button", **options)


def test_bundle_serves_our_renderer_every_front_end_and_terminals():
    made = bundle(make_result())
    assert set(made) == {RESULT_MIME, "text/markdown", "text/plain"}
    blocks = made[RESULT_MIME]["blocks"]
    assert [block["source"] for block in blocks] == ["x = 1", "%%bash\nls"]
    assert made[RESULT_MIME]["cell_id"] == "c1"
    assert made[RESULT_MIME]["record"]["model"] == "m"
    assert "4.0 tokens/s" in made["text/plain"]
    json.dumps(made)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"finish_reason": "cancelled"}, "stopped early"),
        ({"finish_reason": "length"}, "cut off at 512 tokens"),
        ({"finish_reason": "error"}, "ended by an error"),
        ({"is_local": False}, "m · remote · 5 tokens"),
        (
            {"metrics": GenerationMetrics(generated_tokens=5, from_response_cache=True)},
            "from the response cache; --no-cache asks again",
        ),
    ],
)
def test_bundle_says_how_the_answer_ended(changes, said):
    made = bundle(make_result(**changes))
    assert said in made["text/markdown"]
    assert said in made["text/plain"]


def test_note_is_shown_as_it_is_and_draws_nothing():
    note = "asking again failed: ![x](http://h/x.png) <b> $a$ `c` _d_ a_b"
    made = bundle(make_result(), answer_id="a1", note=note)
    assert made[RESULT_MIME]["answer_id"] == "a1"
    assert made[RESULT_MIME]["footer"].endswith(f" · {note}")
    html = MarkdownIt("commonmark", {"html": True}).render(made["text/markdown"])
    assert "<img" not in html
    assert "<b>" not in html
    assert html.count("<code") == 2  # the answer's own blocks
    assert "![x](http://h/x.png) &lt;b&gt; $a$ `c` _d_ a_b" in html


def test_formats_show_what_they_say():
    assert answer_markdown(make_result()) == ANSWER
    assert answer_markdown(make_result(), format="code") == (
        "```python\nx = 1\n```\n\n```bash\nls\n```"
    )
    assert answer_markdown(make_result("a *b*"), format="text") == "```text\na *b*\n```"
    assert answer_markdown(make_result("x = 1")) == "```python\nx = 1\n```"
    bare = make_result("y = 2\n", is_bare_code=True)
    assert answer_markdown(bare) == "```python\ny = 2\n```"


HOSTILE = "<script>alert(1)</script> `<b>` <img src=x onerror=alert(1)>\n\n```html\n<b>x</b>\n```"


def test_html_in_an_answer_is_text_for_exporters():
    markdown = bundle(make_result(HOSTILE))["text/markdown"]
    html = MarkdownIt("commonmark", {"html": True}).render(markdown)
    assert "<script>" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html
    assert "<code>&lt;b&gt;</code>" in html


def test_html_in_a_streaming_answer_is_text():
    html = GrowingMarkdown().render(HOSTILE + "\n\n[x](javascript:alert(1))")
    assert "<script>" not in html
    assert "<img" not in html
    assert 'href="javascript' not in html


PIECES = st.sampled_from(
    ["# h\n", "text ", "\n", "\n\n", "```python\n", "```\n", "x = 1\n", "- item\n", "`c` ", "> q\n"]
)


@settings(max_examples=200)
@given(st.lists(PIECES, max_size=25))
def test_growing_text_renders_as_the_whole_does(pieces):
    growing = GrowingMarkdown()
    text = ""
    for piece in pieces:
        text += piece
        html = growing.render(text)
        assert html == GrowingMarkdown().render(text)


def test_answer_that_rewrites_a_cell_shows_the_change_and_names_the_cell():
    changed = Cell(source="x = 0\n-- y\nz = 3", cell_id="c0")
    made = bundle(make_result("```python\nx = 1\nz = 3\n```"), changes=changed)
    assert "```diff" in made["text/markdown"]
    for line in ("-x = 0", "--- y", "+x = 1", " z = 3"):
        assert line in made["text/plain"].splitlines()
    assert made[RESULT_MIME]["replaces_cell_id"] == "c0"
    assert len(made[RESULT_MIME]["blocks"]) == 1


def test_answer_that_changes_nothing_shows_no_difference():
    made = bundle(make_result("```python\nx = 1\n```"), changes=Cell(source="x = 1"))
    assert "diff" not in made["text/markdown"]
