"""Which cells of a notebook are tasks, and what is asked of a model for each."""

import json

import pytest

from codeface_jupyter.errors import NotebookError
from codeface_jupyter.evaluation.tasks import read_notebook


@pytest.fixture
def notebook(tmp_path):
    """Return what reads a notebook of the given cells: text is code, a tuple has its kind."""

    def read(*cells, **content):
        return read_notebook(write(tmp_path / "analysis.ipynb", *cells, **content))

    return read


def write(file, *cells, **content):
    pairs = [("code", cell) if isinstance(cell, str) else cell for cell in cells]
    listed = [{"cell_type": kind, "source": source, "metadata": {}} for kind, source in pairs]
    file.write_text(json.dumps({"nbformat": 4, "metadata": {}, "cells": listed, **content}))
    return file


def markdown(*lines):
    return "markdown", "\n".join(lines)


def requests(notebook):
    return [task.request for task in notebook.tasks]


class TestMarkdownAbove:
    def test_the_paragraph_right_above_a_cell_is_its_request(self, notebook):
        read = notebook("x = 1", markdown("Add one to x."), "x + 1")
        [task] = read.tasks
        assert (task.request, task.reference, task.cell) == ("Add one to x.", "x + 1", 3)
        assert [cell.source for cell in task.cells] == ["x = 1"]

    def test_of_several_paragraphs_the_last_asks_and_the_others_are_told(self, notebook):
        read = notebook(markdown("# Revenue", "", "It grew.", "", "Plot it as a line."), "plot()")
        [task] = read.tasks
        assert task.request == "Plot it as a line."
        assert [cell.source for cell in task.cells] == ["# Revenue\n\nIt grew."]

    def test_a_list_belongs_to_the_paragraph_that_it_follows(self, notebook):
        text = ("Keep only rows", "", "- of this year", "- with a price")
        assert requests(notebook(markdown(*text), "x = 1")) == ["\n".join(text)]

    def test_a_paragraph_of_several_lines_is_whole(self, notebook):
        read = notebook(markdown("Count the rows", "of the table."), "len(t)")
        assert requests(read) == ["Count the rows\nof the table."]

    def test_a_heading_is_no_request_if_there_is_a_paragraph(self, notebook):
        read = notebook(markdown("Count the rows.", "", "## Rows of the table"), "len(t)")
        assert requests(read) == ["Count the rows."]

    def test_a_heading_alone_asks_if_it_says_enough(self, notebook):
        read = notebook(
            "x = 0", markdown("## Revenue per region"), "x = 1", markdown("## Results"), "x = 2"
        )
        assert requests(read) == ["Revenue per region"]

    def test_the_notebooks_title_asks_for_nothing(self, notebook):
        read = notebook(markdown("# A week of a shop"), "x = 0", *ENOUGH)
        assert requests(read) == ["Add one to x."]

    def test_a_heading_with_a_line_below_it_is_one(self, notebook):
        assert requests(notebook(markdown("Shops", "====="), "x = 1", *ENOUGH)) == ["Add one to x."]

    def test_a_cell_below_a_cell_of_code_has_no_request(self, notebook):
        assert requests(notebook(markdown("Add one to x."), "x = 1", "x = 2")) == ["Add one to x."]

    def test_markdown_that_is_not_right_above_counts_for_nothing(self, notebook):
        read = notebook(markdown("Add one to x."), ("raw", "x"), "x = 1", *ENOUGH)
        assert [task.cell for task in read.tasks] == [5]

    @pytest.mark.parametrize(
        "text",
        [
            "```\na b c d\n```",
            "![](a.png)",
            "| a | b | c |\n| - | - | - |\n| d | e | f |",
            "$$\n\\frac{a}{b} = \\alpha c\n$$",
            "<p>a b c d</p>",
            "Plot it.",
        ],
    )
    def test_what_is_no_prose_or_says_too_little_asks_for_nothing(self, notebook, text):
        read = notebook(markdown(text), "x = 1", markdown("Count the rows.", "", text), "len(t)")
        assert requests(read) == ["Count the rows."]

    def test_a_source_may_be_a_list_of_lines(self, notebook):
        assert requests(notebook(("markdown", ["Add one\n", "to x."]), "x = 1")) == [
            "Add one\nto x."
        ]


ENOUGH = (markdown("Add one to x."), "x = 1")


class TestCommentAtTheBeginning:
    def test_the_comment_is_the_request_and_the_rest_the_reference(self, notebook):
        [task] = notebook("y = 1", "# drop rows\n# without a price\n\nt = t.dropna()").tasks
        assert task.request == "drop rows\nwithout a price"
        assert task.reference == "t = t.dropna()"
        assert [cell.source for cell in task.cells] == ["y = 1"]

    def test_prose_above_is_preferred_and_a_heading_is_not(self, notebook):
        code = "# count all the rows\nlen(t)"
        read = notebook(markdown("How long is it?"), code, markdown("## The size of it"), code)
        assert requests(read) == ["How long is it?", "count all the rows"]
        assert [task.reference for task in read.tasks] == [code, "len(t)"]

    @pytest.mark.parametrize(
        "comment", ["# imports", "# df = load('a b c')", "# %% [markdown]", "# noqa: this and that"]
    )
    def test_a_name_old_code_and_directives_ask_for_nothing(self, notebook, comment):
        assert requests(notebook(f"{comment}\nx = 1", *ENOUGH)) == ["Add one to x."]

    def test_a_comment_without_code_is_no_task(self, notebook):
        assert requests(notebook("# this does nothing at all", *ENOUGH)) == ["Add one to x."]

    def test_a_comment_further_below_is_part_of_the_code(self, notebook):
        assert requests(notebook("x = 1\n# then add one to it", *ENOUGH)) == ["Add one to x."]


class TestCellsThatAsk:
    def test_what_they_ask_is_the_request_of_the_cell_that_was_inserted(self, notebook):
        read = notebook("t = [1]", "%%codeface\nhow many rows has t?", "# count\nlen(t)")
        [task] = read.tasks
        assert (task.request, task.reference) == ("how many rows has t?", "# count\nlen(t)")
        assert [cell.source for cell in task.cells] == ["t = [1]"]

    @pytest.mark.parametrize(
        ("source", "request_"),
        [
            ("%%codeface plot t\nas a line", "plot t\nas a line"),
            ("%%codeface -n 200 --vars none\nplot t", "plot t"),
        ],
    )
    def test_words_beside_the_magic_count_and_options_do_not(self, notebook, source, request_):
        assert requests(notebook(source, "x = 1")) == [request_]

    def test_they_are_not_run_nor_is_the_extension_loaded(self, notebook):
        read = notebook(
            "%load_ext codeface_jupyter\n%config CodeFace.seed = 1\nimport math",
            "%codeface_stats",
            "%%codeface\nadd",
            *ENOUGH,
        )
        assert [step.source for step in read.steps] == ["pass\npass\nimport math", "x = 1"]

    def test_a_line_that_asks_within_a_block_leaves_a_block(self, notebook):
        read = notebook("for x in (1, 2):\n    %codeface_stats\ny = 2", *ENOUGH)
        assert read.steps[0].source == "for x in (1, 2):\n    pass\ny = 2"

    def test_one_asked_for_another_magic_is_no_request(self, notebook):
        assert requests(notebook("%%codeface_batch\nadd one to x", "x = 2", *ENOUGH)) == [
            "Add one to x."
        ]


class TestWhatIsOnlyRun:
    @pytest.mark.parametrize(
        "source", ["import numpy as np", "%%bash\nls", "%matplotlib inline", "def broken(:"]
    )
    def test_imports_other_languages_magics_and_broken_code_are_no_tasks(self, notebook, source):
        read = notebook(markdown("Add one to x."), source, *ENOUGH)
        assert [task.cell for task in read.tasks] == [4]
        assert read.steps[0].source == source

    def test_python_below_a_magic_is_a_task(self, notebook):
        assert notebook(markdown("Add one to x."), "%%time\nx = 1").tasks[0].reference == (
            "%%time\nx = 1"
        )

    def test_empty_cells_are_not_run_and_are_counted(self, notebook):
        assert [step.cell for step in notebook("", "  \n", *ENOUGH).steps] == [4]


class TestRefusals:
    def refusal(self, file):
        with pytest.raises(NotebookError) as caught:
            read_notebook(file)
        return str(caught.value)

    def test_no_such_file(self, tmp_path):
        assert "There is no file" in self.refusal(tmp_path / "none.ipynb")

    def test_a_folder(self, tmp_path):
        assert "cannot be read" in self.refusal(tmp_path)

    @pytest.mark.parametrize("text", ["print(1)", "[1, 2]", "{}", "\xff"])
    def test_what_is_not_a_notebook(self, tmp_path, text):
        file = tmp_path / "a.py"
        file.write_text(text, encoding="latin-1")
        assert "is not a notebook" in self.refusal(file)

    def test_an_old_format_says_what_to_do(self, tmp_path):
        file = write(tmp_path / "old.ipynb", nbformat=3)
        assert "Open it in Jupyter and save it" in self.refusal(file)

    @pytest.mark.parametrize(
        "metadata",
        [{"language_info": {"name": "julia"}}, {"kernelspec": {"language": "R", "name": "ir"}}],
    )
    def test_another_language(self, tmp_path, metadata):
        file = write(tmp_path / "other.ipynb", *ENOUGH, metadata=metadata)
        assert "not of Python" in self.refusal(file)

    def test_no_task_says_how_requests_are_known(self, tmp_path):
        file = write(tmp_path / "bare.ipynb", "x = 1", "x + 1")
        assert "the Markdown right above it" in self.refusal(file)
