"""What is IPython's in a cell, and which cells only ask CodeFace."""

import pytest

from codeface_jupyter.context import Cell, is_request
from codeface_jupyter.context.cells import MAX_CELLS_LOOKED_AT, clean
from codeface_jupyter.context.ipython_lines import as_typed


@pytest.mark.parametrize(
    "source",
    [
        "%%codeface\nplot it",
        "\n\n%%codeface_batch\nplot it",
        "%%time\n%%codeface\nplot it",
        "%%capture out\n\n%%codeface\nplot it",
        "# a comment\n%%codeface\nplot it",
        "%codeface plot it",
        "# a comment\n%codeface_fix 3",
        "if True:\n    %codeface plot it",
        "for n in range(3):\n    answer = %codeface plot it",
        "%codeface plot it \\\n    in red",
        "%matplotlib inline\n%codeface plot it",
    ],
)
def test_a_cell_that_only_asks_is_left_out_whole(source):
    assert is_request(source)
    assert clean(Cell(source=source))[0] == ""


@pytest.mark.parametrize(
    ("source", "left"),
    [
        ("x = 1\n%codeface plot it", "x = 1"),
        ("%%time\nx = 1\n%codeface plot \\\n  in red\ny = 2", "x = 1\ny = 2"),
        ("if x:\n    %codeface plot it\nelse:\n    y = 1", "if x:\n    pass\nelse:\n    y = 1"),
        ("%%time\n%%capture\nx = 1", "x = 1"),
        ("text = '%codeface'", "text = '%codeface'"),
    ],
)
def test_what_else_a_cell_does_is_sent_as_python(source, left):
    assert not is_request(source)
    assert clean(Cell(source=source))[0] == left


TEXTS = [
    'def is_prime(n):\n    """Is n prime?\n\n    Why?\n    """\n    return n > 1  # is it?',
    'query = """\n%s items\n!important\n? = 3\n"""',
    "rest = (\n    total\n    % n\n)",
    "# which one?\nx = 1",
    "ask = 'Really?' \\\n    'Why?'",
    "x = f'''\n{n}?\n'''",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    "magic", ["%matplotlib inline", "!ls 'a", "files = !ls", "is_prime?", "?x"]
)
def test_beside_a_magic_texts_and_comments_stay_as_they_are(magic, text):
    assert clean(Cell(source=f"{magic}\n{text}"))[0] == text
    assert clean(Cell(source=f"{text}\n{magic}"))[0] == text


@pytest.mark.parametrize("text", [TEXTS[0], TEXTS[1], TEXTS[3]])
def test_they_do_in_a_cell_that_python_cannot_read(text):
    left = f"{text}\ndef f(:\n    pass"
    assert clean(Cell(source=f"%matplotlib inline\n{left}\n!ls"))[0] == left


def test_a_shell_cell_under_another_magic_is_no_python():
    assert clean(Cell(source="%%time\n%%bash\nls"))[0] == ""


def test_every_cell_of_the_longest_notebook_is_remembered():
    cells = [Cell(source=f"v{n} = {n}") for n in range(MAX_CELLS_LOOKED_AT)]
    for cell in cells:
        clean(cell)
    misses = clean.cache_info().misses
    for cell in cells:
        clean(cell)
    assert clean.cache_info().misses == misses


@pytest.mark.parametrize(
    ("ran", "typed"),
    [
        ("get_ipython().run_line_magic('run', 'no_file.py')", "%run no_file.py"),
        ("get_ipython().run_line_magic('pip', '')", "%pip"),
        ("x = get_ipython().run_line_magic('sql', 'select 1')", "x = %sql select 1"),
        ("get_ipython().run_cell_magic('bash', '', 'exit 3\\n')", "%%bash"),
        ("get_ipython().system('ls -l')", "!ls -l"),
        ("files = get_ipython().getoutput('ls')", "files = !ls"),
        ("get_ipython().run_line_magic(name, words)", None),
        ("get_ipython().run_line_magic('run')", None),
        ("df.head()", None),
    ],
)
def test_a_line_that_ran_is_told_as_it_was_typed(ran, typed):
    assert as_typed(ran) == (ran if typed is None else typed)
