import base64
import json
import re
from dataclasses import replace
from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from codeface_jupyter.context import Cell, Rewrite
from codeface_jupyter.frontend.saved_output import MAX_FINDINGS, MAX_MESSAGE_CHARACTERS, RESULT_MIME
from codeface_jupyter.generation import (
    Edit,
    EngineIdentity,
    Finding,
    GenerationMetrics,
    GenerationResult,
    SamplingParameters,
)
from codeface_jupyter.outcome import Outcome, Preview
from codeface_jupyter.prompts import with_code
from codeface_jupyter.view.rendering import GrowingMarkdown, answer_markdown
from codeface_jupyter.view.result_bundle import result_bundle
from codeface_jupyter.view.safe_markdown import safe_markdown

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
    assert set(made) == {RESULT_MIME, "text/html", "text/markdown", "text/plain"}
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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("So:\n\n```python\nx = 1", "So:\n\n```python\nx = 1\n```\n\n["),
        ("~~~~python\nx = 1\n", "~~~~python\nx = 1\n~~~~\n\n["),
        ("```python\nx = 1\n```", "```python\nx = 1\n```\n\n["),
        ("- so:\n  ```python\n  x = 1", "- so:\n  ```python\n  x = 1\n\n["),
    ],
)
def test_in_a_terminal_the_fence_is_closed_that_an_answer_was_cut_off_in(text, shown):
    made = bundle(make_result(text, finish_reason="length"))
    assert made["text/plain"].startswith(shown)


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
    changed = Rewrite.of(Cell(source="x = 0\n-- y\nz = 3", cell_id="c0"))
    made = bundle(make_result("```python\nx = 1\nz = 3\n```"), changes=changed)
    assert "```diff" in made["text/markdown"]
    for line in ("-x = 0", "--- y", "+x = 1", " z = 3"):
        assert line in made["text/plain"].splitlines()
    assert made[RESULT_MIME]["replaces_cell_id"] == "c0"
    assert len(made[RESULT_MIME]["blocks"]) == 1


def test_answer_that_changes_nothing_shows_no_difference():
    made = bundle(make_result("```python\nx = 1\n```"), changes=Rewrite.of(Cell(source="x = 1")))
    assert "diff" not in made["text/markdown"]


def checked_result(*, text=ANSWER, **changes):
    blocks = make_result(text).written_blocks
    offered = tuple(replace(block, code=block.code.replace("x", "y")) for block in blocks)
    return make_result(text, offered_blocks=offered, **changes)


def finding(message, *, line=1, edits=()):
    return Finding(kind="unknown_key", message=message, line=line, edits=edits)


def test_the_code_that_is_offered_is_what_is_shown_and_what_was_changed_is_said():
    result = checked_result(notes=("Left out `x`, that is _all_.",))
    made = bundle(result)
    assert [block["code"] for block in made[RESULT_MIME]["blocks"]] == ["y = 1", "ls"]
    assert made[RESULT_MIME]["text"] == ANSWER.replace("x = 1", "y = 1")
    assert made[RESULT_MIME]["notes"] == ["Left out `x`, that is _all_."]
    assert "```python\ny = 1\n```" in made["text/markdown"]
    assert "\n- Left out `x`, that is \\_all\\_.\n\n<sub>" in made["text/markdown"]
    # A terminal has shown the text already, as the model wrote it.
    assert made["text/plain"].startswith(ANSWER)
    assert "As offered:\n\ny = 1\n\n- Left out `x`, that is _all_.\n\n[m" in made["text/plain"]
    assert answer_markdown(checked_result(text="x = 1")) == "```python\ny = 1\n```"
    bare = checked_result(text="x = 1", is_bare_code=True)
    assert answer_markdown(bare) == "```python\ny = 1\n```"


COUNTED = Outcome(ending="ran", seconds=0.01, value="3", preview=Preview(text="3"))


@pytest.mark.parametrize(
    "question",
    [
        *("How many rows are there?", "有多少行\uff1f", "كم عدد الصفوف؟ "),
        *("How many rows (of all regions?)", "How many rows?!", "How many rows? **(all?)**\n"),
        *('"How many rows? "', "«Combien de lignes ? »", "„Wie viele Zeilen?“"),
    ],
)
def test_what_answers_a_question_stands_above_the_code_that_computed_it(question):
    result = make_result("```python\nlen(sales)\n```", outcome=COUNTED)
    made = result_bundle(result, request=question, cell_id="c1", insert="button")

    for kind in ("text/markdown", "text/html"):
        assert made[kind].index("Tried on a copy") < made[kind].index("len")
    assert made[RESULT_MIME]["outcome"]["is_answer"]


@pytest.mark.parametrize(
    ("request_", "outcome"),
    [
        ("Count the rows", COUNTED),
        ('Rename the column "rows" to "how many?"', COUNTED),
        ("How many rows are there?", replace(COUNTED, ending="raised", error_type="KeyError")),
        ("Can you define a function?", Outcome(ending="ran")),
    ],
)
def test_otherwise_what_it_did_stands_below(request_, outcome):
    result = make_result("```python\nlen(sales)\n```", outcome=outcome)
    made = result_bundle(result, request=request_, cell_id="c1", insert="button")

    assert made["text/markdown"].index("Tried on a copy") > made["text/markdown"].index("len")
    assert not made[RESULT_MIME]["outcome"]["is_answer"]


FIGURE = base64.b64encode(b"\x89PNG\r\n\x1a\nand so on").decode()


def drawn(png, *, request):
    outcome = Outcome(ending="ran", preview=Preview(png=png))
    result = make_result("```python\nsales.plot()\n```", outcome=outcome)
    return result_bundle(result, request=request, cell_id="c1", insert="button")["text/html"]


def test_a_figure_that_answers_a_question_is_in_exports_unless_it_is_very_large():
    shown = drawn(FIGURE, request="How do sales develop?")

    assert f'src="data:image/png;base64,{FIGURE}"' in shown
    assert shown.index("a figure") < shown.index("<img") < shown.index("plot")
    assert "<img" not in drawn("A" * 200_001, request="How do sales develop?")
    assert "<img" not in drawn(FIGURE, request="Plot the sales.")


def test_printed_output_that_is_cut_says_so():
    whole = Outcome(ending="ran", printed="1\n2\n", preview=Preview(text="3"))
    text = "[It prints more than is shown here.]"

    for outcome, is_said in ((whole, False), (replace(whole, is_printed_whole=False), True)):
        made = bundle(make_result("```python\nf()\n```", outcome=outcome))
        assert (f"2\n{text}\n3" in made["text/plain"]) is is_said
        assert (text in made["text/html"]) is is_said
        assert (text in made[RESULT_MIME]["outcome"]["text"]) is is_said


def test_findings_stand_under_the_code_right_above_the_last_line():
    said = "`sales` has no column `Region`; it has `region`."
    made = bundle(make_result(findings=(finding(said),), notes=("First.",)))
    for text, last in ((made["text/markdown"], "<sub>m"), (made["text/plain"], "[m")):
        *_, note, shown, blank, footer = text.split("\n")
        assert (note, shown, blank) == ("- First.", f"- Line 1: {said}", "")
        assert footer.startswith(last)


TWO = "```python\na = 1\nb = a\n```\n\n```bash\nls\n```\n\n```python\nc = b\n```"


def test_a_finding_s_place_and_edits_are_those_of_its_block():
    code = make_result(TWO).code
    assert code == "a = 1\nb = a\n\nc = b"
    edits = [Edit(start=s, end=s + 1, replacement="B") for s in (6, 17)]
    result = make_result(
        TWO,
        findings=(
            finding("first", line=2, edits=tuple(edits)),
            finding("second", line=4, edits=(Edit(start=11, end=14, replacement=""),)),
        ),
    )
    first, second = bundle(result)[RESULT_MIME]["findings"]
    assert (first["block"], first["line"]) == (0, 2)
    assert [(e["block"], e["start"], e["end"]) for e in first["edits"]] == [(0, 6, 7), (2, 4, 5)]
    assert (second["block"], second["line"]) == (2, 1)
    # What is between the blocks is in none of them.
    assert second["edits"] == []
    assert "- Block 3, line 1: second" in bundle(result)["text/plain"]


def test_the_words_of_a_finding_draw_nothing_and_stay_on_a_line():
    words = "![x](http://h/x.png) <b> `a<b>` _d_\n# no ``b`c``"
    made = bundle(make_result(findings=(finding(words),)))
    html = MarkdownIt("commonmark", {"html": True}).render(made["text/markdown"])
    assert "<img" not in html
    assert "<b>" not in html
    assert "<h1>" not in html
    assert "<code>a&lt;b&gt;</code>" in html
    assert "<code>b`c</code>" in html


def test_findings_have_a_limit_in_number_and_length():
    made = bundle(make_result(findings=(finding("word " * 200),) * 80))
    findings = made[RESULT_MIME]["findings"]
    assert len(findings) == MAX_FINDINGS
    assert max(len(item["message"]) for item in findings) <= MAX_MESSAGE_CHARACTERS
    assert made["text/plain"].count("- Line 1: ") == MAX_FINDINGS


@settings(max_examples=200)
@given(st.lists(PIECES, max_size=25))
def test_code_is_replaced_in_its_fences_and_nothing_else_changes(pieces):
    text = "".join(pieces)
    codes = [block.code for block in make_result(text).written_blocks]
    if "```" not in text:
        return
    assert with_code(text, codes) == text
    changed = with_code(text, [f"{code}\n\nnew" for code in codes])
    again = make_result(changed).written_blocks
    assert [block.code for block in again] == [f"{code}\n\nnew" for code in codes]


LIST = """1. Load:
   ```python
   x = 1 < 2
   ```
   Then look.
2. Plot:

   > ```
   > y
   > ```
   > quoted
- ```bash
  ls
  ```
"""


def test_code_in_lists_and_quotations_moves_to_the_margin_and_the_words_stay():
    shown = answer_markdown(make_result(LIST))
    assert shown.startswith(
        "1. Load:\n\n```python\nx = 1 < 2\n```\n\nThen look.\n\n2. Plot:\n\n```\ny\n```"
    )
    assert "> quoted\n\n```bash\nls\n```" not in shown
    html = MarkdownIt("commonmark").render(shown)
    assert html.count("<pre>") == 3
    assert '<ol start="2">' in html
    assert "quoted" in html


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("use `List<int>` or `d['f'](x)`", "use List<int> or d['f'](x)"),
        (r"a < b, a<b, \<i>", "a < b, a<b, <i>"),
        ("[docs](https://x.y/z) [here](#top) [mail](mailto:a@b)", "docs here mail"),
        ("![a plot](https://x.y/z.png)", "!a plot"),
        ("see [file](a.ipynb) and arr[1]: 2", "see [file](a.ipynb) and arr[1]: 2"),
        ("| a |\n|---|\n| `x<y>` |", "a\nx<y>"),
        ("`` a`b ``", "a`b"),
        ("pay $5 or $$6", "pay $5 or $$6"),
        ("    x < y", "x < y"),
    ],
)
def test_what_is_made_harmless_reads_the_same(written, text):
    page = (
        MarkdownIt("commonmark", {"html": True})
        .enable("table")
        .render(answer_markdown(make_result(written)))
    )
    shown = unescape(re.sub("<[^>]*>", "", page))
    assert shown.split() == text.split()


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("It costs $12.50, or $310.00.", "It costs {0}12.50, or {0}310.00."),
        (r"From \$5 to US$6 or \\$7", r"From {0}5 to US{0}6 or \\{0}7"),
        ("$1 for $x$ and $2", "{0}1 for $x$ and {0}2"),
        ("pay $$5", "pay <span>&#36;&#36;</span>5"),
        ("`$HOME` or `$PATH`", "`$HOME` or `$PATH`"),
        ("[for $5](https://x/$a/$b) $c", "[for {0}5](https://x/&#36;a/&#36;b) {0}c"),
        ("```bash\necho $A $B\n```", "```bash\necho $A $B\n```"),
    ],
)
def test_amounts_of_money_are_no_formulas(written, shown):
    assert safe_markdown(written) == shown.format("<span>&#36;</span>")


def test_amounts_of_money_are_as_written_in_plain_text():
    made = bundle(make_result("It costs $12.50, or $310.00."))
    assert made["text/plain"].startswith("It costs $12.50, or $310.00.")


def test_formulas_stay_formulas():
    text = "$a<b$ and $$x<y$$\n\n$$\na \\\\[2pt]\n<b\n$$\n\n\\begin{align}\nx<y\n\\end{align}"
    assert answer_markdown(make_result(text)) == text.replace("<", "< ")


def test_thoughts_are_folded_and_their_code_is_not_offered():
    text = "<think>\nmaybe\n```python\nbad()\n```\n</think>\n\nSo:\n\n```python\nx = 1\n```\n"
    made = bundle(make_result(text))
    assert [block["code"] for block in made[RESULT_MIME]["blocks"]] == ["x = 1"]
    for shown in (made[RESULT_MIME]["text"], made["text/markdown"]):
        assert shown.startswith("<details><summary>Thoughts</summary>\n\n````text\nmaybe\n")
        assert "</details>\n\nSo:\n\n```python\nx = 1\n```" in shown
    growing = GrowingMarkdown()
    pages = [growing.render(text[:end]) for end in range(0, len(text), 7)]
    assert "<details>" in pages[3]
    assert all('<span class="cf' not in page for page in pages[: text.index("So:") // 7])


def test_thoughts_that_the_prompt_began_are_folded_once_they_end():
    growing = GrowingMarkdown()
    assert ">One.</p>" in growing.render("One.\n\nTwo.\n\nThree.")
    html = growing.render("One.\n\nTwo.\n\nThree.\n</think>\n\nFour.")
    assert ">One.</p>" not in html
    assert ">Four.</p>" in html


def test_code_that_is_shown_in_another_order_than_it_runs_is_pointed_out():
    code = "if access != 'user\u202e \u2066# admin\u2069 \u2066':\n    x = 1\ny = '\u2067'"
    made = bundle(make_result(f"```python\n{code}\n```"))
    assert [note.split(",")[0] for note in made[RESULT_MIME]["notes"]] == [
        "Line 1 holds `U+202E`",
        "Line 3 holds `U+2067`",
    ]
    assert "Line 1 holds `U+202E`" in made["text/markdown"]
    assert "\u202e" not in made["text/plain"]
    assert made[RESULT_MIME]["blocks"][0]["code"] == code
