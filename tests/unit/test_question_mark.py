import pytest
from IPython.core.inputtransformer2 import TransformerManager

from codeface_jupyter.magics.question_mark import QuestionTransformer


@pytest.fixture
def transform():
    manager = TransformerManager()
    manager.token_transformers.append(QuestionTransformer)
    return manager.transform_cell


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        ("%codeface what is df?", "what is df?"),
        ("%codeface why {x}??", "why {x}??"),
        ("x = 1\n%codeface is it 'odd'?  \ny = 2", "is it 'odd'?"),
        ("if x:\n    %codeface_edit 3 clearer?", "3 clearer?"),
    ],
)
def test_words_that_end_in_a_question_mark_are_a_question(transform, cell, line):
    code = transform(cell)
    assert f"run_line_magic({cell.split('%')[1].split()[0]!r}, {line!r})" in code
    assert "pinfo" not in code


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("%codeface?", "pinfo"),
        ("%codeface hello", "run_line_magic('codeface', 'hello')"),
        ("df?", "pinfo"),
        ('text = """\n%codeface a question?\n"""', '"""\n%codeface a question?\n"""'),
        ("%%codeface\nis it?", "run_cell_magic('codeface', '', 'is it?\\n')"),
    ],
)
def test_all_else_stays_as_ipython_has_it(transform, cell, expected):
    assert expected in transform(cell)
