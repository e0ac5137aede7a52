"""What exports make of the cells that ask."""

import html
import re

import nbformat
import pytest
from nbconvert.exporters import HTMLExporter
from nbconvert.exporters import ScriptExporter as PlainScriptExporter
from traitlets.config import Config

from codeface_jupyter.export import (
    HIDE_TAG,
    KEEP_TAG,
    HandoutExporter,
    Questions,
    ScriptExporter,
    without_questions,
)

TAG = re.compile("<[^>]+>")
CONFIGURED = Config({"Exporter": {"preprocessors": ["codeface_jupyter.export.Questions"]}})
CELLS = [
    "%load_ext codeface_jupyter\n%config CodeFace.answers = 'hints'",
    "%%codeface --no-cache\nplot it, don't\n\n  print it",
    "x = 1\n%codeface what is x?\n%codeface_fix --id a\ny = x + 1",
    "%matplotlib inline",
]


def notebook_of(*sources, tags=()):
    cells = [nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)}) for source in sources]
    metadata = {"language_info": {"name": "python", "nbconvert_exporter": "python"}}
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def export(exporter, *sources, **options):
    """Return the text that an export shows."""
    exported, _ = exporter.from_notebook_node(notebook_of(*sources, **options))
    is_page = exporter.file_extension == ".html"
    return html.unescape(TAG.sub("", exported)) if is_page else exported


@pytest.mark.parametrize("exporter", [ScriptExporter(), PlainScriptExporter(config=CONFIGURED)])
def test_a_script_runs_without_codeface_and_keeps_what_was_asked(exporter):
    script = export(exporter, *CELLS[:3])

    names = {}
    exec(script, names)
    assert names["y"] == 2
    for line in ("# %load_ext codeface_jupyter", "# plot it, don't", "# %codeface what is x?"):
        assert line in script.splitlines()


def test_other_magics_stay_what_nbconvert_makes_of_them():
    script = export(ScriptExporter(), CELLS[3])
    assert "get_ipython().run_line_magic('matplotlib', 'inline')" in script
    assert "#" not in script.partition("In[")[2].partition("\n")[2]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("if x:\n    %codeface hi", "if x:\n    pass  # %codeface hi"),
        ("a = %codeface hi", "a = None  # %codeface hi"),
        ("%codeface add \\\n  two numbers\nx", "# %codeface add    two numbers\nx"),
        ('t = """\n%codeface hi\n"""', 't = """\n%codeface hi\n"""'),
        ("%%codeface\n", "# %%codeface"),
        ("%config CodeFace.cells = 3", "# %config CodeFace.cells = 3"),
        ("%config CodeFace", "# %config CodeFace"),
        (
            "%config CodeFaceless.a = 1",
            "get_ipython().run_line_magic('config', 'CodeFaceless.a = 1')",
        ),
        ("%config CodeFace.engine = 'auto'\nx", "# %config CodeFace.engine = 'auto'\nx"),
        ("print('CodeFace')", "print('CodeFace')"),
        ("%%time\nx", "%%time\nx"),
        ("print('codeface')", "print('codeface')"),
    ],
)
def test_what_only_looks_like_a_question_stays(source, expected):
    assert without_questions(source) == expected


def test_a_handout_has_no_questions_but_those_to_be_kept():
    page = export(HandoutExporter(), *CELLS)
    assert "plot it" not in page
    assert "load_ext" not in page
    assert "CodeFace" not in export(HandoutExporter(), "%config CodeFace.model = 'auto'")
    assert "matplotlib" in page
    # There is code of the user's in this one.
    assert "what is x?" in page
    assert "plot it" in export(HandoutExporter(), *CELLS, tags=[KEEP_TAG])


def test_a_tagged_cell_is_in_no_export():
    for exporter in (HandoutExporter(), ScriptExporter(), HTMLExporter(config=CONFIGURED)):
        assert "secret" not in export(exporter, "secret = 1", tags=[HIDE_TAG])
    assert "secret" in export(HTMLExporter(config=CONFIGURED), "secret = 1")
    assert "plot it" in export(HTMLExporter(config=CONFIGURED), *CELLS)


def test_what_is_exported_twice_is_the_same():
    once = without_questions(CELLS[2])
    assert without_questions(once) == once
    assert not Questions().enabled
