"""An answer as HTML in the saved notebook."""

import re

import nbformat
import pytest
from nbconvert import HTMLExporter, MarkdownExporter

from codeface_jupyter.view.answer_html import answer_html
from codeface_jupyter.view.safe_markdown import safe_markdown

ANSWER = 'Take this:\n\n```python\ndef f(x):\n    return "a"\n\n\ndef g(): pass\n```'


def page_with(html, exporter):
    output = nbformat.v4.new_output("display_data", {"text/html": html, "text/plain": "plain"})
    cell = nbformat.v4.new_code_cell("1", outputs=[output])
    return exporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))[0]


def test_code_is_in_colour_and_keeps_its_empty_lines():
    html = answer_html(ANSWER)
    page = page_with(html, HTMLExporter)
    assert 'keyword-color,#007000)">def</span>' in page
    assert "\n\n\n<span" in page
    assert "plain" not in page


def test_what_a_code_shows_and_the_code_are_two_boxes_without_stripes():
    html = answer_html(ANSWER, lead="```text\n3\n```")
    boxes = re.findall(r'<pre dir="ltr" style="([^"]*)"><code style="([^"]*)">', html)
    assert len(boxes) == 2
    assert all("margin:.5em 0" in box and code == "background:none" for box, code in boxes)


@pytest.mark.parametrize("text", [ANSWER, "a\n\n\n\nb", "```\n\n\n![x](https://x.example/y)\n```"])
def test_no_empty_line_ends_it_inside_of_markdown(text):
    html = answer_html(text, thoughts=["a\n\nb"], difference="-a\n\n+b", footer="m\n\n· 3 tokens")
    assert all(line.strip() for line in html.split("\n"))
    assert html in page_with(html, MarkdownExporter)


def test_a_difference_comes_first_and_the_code_that_it_shows_is_folded():
    html = answer_html(ANSWER, difference="-old\n+new", new_cell=ANSWER.split("\n", 3)[3][:-4])
    assert html.index("-old") < html.index("<details>") < html.index("The new cell")
    assert html.index("Take this") < html.index("<details>")
    assert "<details>" not in answer_html(ANSWER, difference="-old\n+new", new_cell="other")


@pytest.mark.parametrize("block", ["{}", "# {}", "- {}", "1. {}", "> {}", "a | b\n--|--\n{} | 1"])
def test_prose_runs_in_the_direction_of_its_words(block):
    html = answer_html(block.format("דגש `x = 1`"))
    assert 'dir="auto"' in html
    assert '<code dir="ltr">x = 1</code>' in html


def test_code_always_runs_from_left_to_right():
    assert '<pre dir="ltr"' in answer_html("```python\nדגש = 1\n```")


@pytest.mark.parametrize(
    "formula",
    [r"$a_1 \{x\} * b * c$", "$$a \\\\ b$$", "\\begin{align}\na_1 *b* \\\\\n\\end{align}"],
)
def test_formulas_reach_what_typesets_them_as_they_are(formula):
    assert formula in answer_html(formula)


def test_dollars_of_amounts_stand_in_elements_of_their_own():
    html = answer_html(safe_markdown("From $5 to **$6**, for $x$ <span>"))
    assert "From <span>&#36;</span>5 to <strong><span>&#36;</span>6</strong>, for $x$" in html
    assert "&lt;span&gt;" in html


def test_thoughts_are_folded_and_all_is_text():
    html = answer_html("x", thoughts=["<b>so</b>"], footer="<i>model</i>", remarks="- `a` <u>")
    assert "<details><summary>Thoughts</summary>" in html
    for tag in ("<b>", "<i>", "<u>"):
        assert tag not in html
