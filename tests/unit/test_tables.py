import subprocess
import sys

from markdown_it import MarkdownIt

from codeface_jupyter.view.tables import Table

TABLE = Table("Title", ("name", "value"), [("a|b", "<script>x</script>"), ("*", "two\nlines")])


def test_text_table_shows_every_cell():
    text = str(TABLE)
    assert "Title" in text
    assert "a|b" in text
    assert "<script>x</script>" in text


def test_text_table_keeps_names_whole_where_other_columns_can_give_way():
    name, facts = "qwen2.5-coder-1.5b-instruct", "some words of it, and more"
    text = str(Table("Title", ("name", *"abcdef"), [(name, *[facts] * 6)]))
    assert name in text
    assert max(map(len, text.splitlines())) <= 100
    shown = "".join(line[len(f"  {name}") :] for line in text.splitlines()[3:])
    assert shown.count("words") == 6


def test_text_table_wraps_long_texts_in_the_first_column():
    request = "plot units by region as bars " * 10
    text = str(Table("Title", ("request", "answer"), [(request, "an answer of some words")]))
    assert "an answer of some words" in text
    assert text.count("region") == 10


def test_markdown_table_shows_cells_literally():
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(TABLE.to_markdown())
    assert "<td>a|b</td>" in html
    assert "<script>" not in html
    assert "<td>*</td>" in html
    assert "<td>two lines</td>" in html


def test_notebooks_get_both():
    assert set(TABLE._repr_mimebundle_()) == {"text/markdown", "text/plain"}


def test_the_first_table_leaves_the_random_state_alone():
    code = """
import random
from codeface_jupyter.view.tables import Table
before = random.getstate()
str(Table("Title", ("name",), [("a",)]))
assert random.getstate() == before
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_note_explains_the_columns_below_the_table():
    table = Table("Title", ("name",), [("a",)], note="*a* is <first>.")
    assert str(table).rstrip().endswith("*a* is <first>.")
    assert table.to_html().endswith("<p>*a* is &lt;first&gt;.</p>")
    html = MarkdownIt("commonmark").enable("table").render(table.to_markdown())
    assert html.endswith("</table>\n<p>*a* is &lt;first&gt;.</p>\n")


def test_text_table_shows_brackets_as_they_are():
    table = Table('pip install "codeface-jupyter[red]"', ("[name]", "v"), [("a[b]", "[bold]")])
    text = str(table)
    for shown in ('"codeface-jupyter[red]"', "[name]", "a[b]", "[bold]"):
        assert shown in text
