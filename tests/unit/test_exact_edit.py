"""Edits that are made without asking a model."""

from __future__ import annotations

import pytest

from codeface_jupyter.config import Config
from codeface_jupyter.context import Cell, ContextSources, Rewrite
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.prompts import edit_request, fenced
from codeface_jupyter.session import Session
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.trials.guard.support import guard_support
from codeface_jupyter.view.rendering import describe_result

needs_guard = pytest.mark.skipif(
    guard_support().level != "strong", reason="this system cannot guard a copy"
)
CELL = "big = [p for p in prices if p > 1]\nlen(big)"
RENAMED = "large = [p for p in prices if p > 1]\nlen(large)"
FROM_MODEL = "large = 1"


@pytest.fixture
def engine():
    return ScriptedEngine([fenced(FROM_MODEL, "python")])


@pytest.fixture
def session(tmp_path, engine):
    return Session(config=Config(file=tmp_path / "none.toml"), engine=engine)


def asked(session, code=CELL, *, words="rename big to large", below=(), task="edit", **settings):
    cell = Cell(source=code, cell_id="c")
    rewrite = Rewrite.of(cell, below=below)
    sources = ContextSources(
        request=edit_request(words, rewrite.text), task=task, rewrite=rewrite, cells=[cell]
    )
    return Ask(
        sources=sources,
        settings=session.config.with_overrides(settings),
        live_namespace={"prices": [1, 2, 3], "big": [2, 3], "taken": 0},
    )


@needs_guard
def test_a_variable_is_renamed_at_once_and_the_cell_tried(session, engine):
    result = session.generate(asked(session))
    assert result.code == RENAMED
    assert result.outcome.value == "2"
    assert describe_result(result) == "done without a model"
    assert not engine.requests
    assert not engine.is_loaded


def test_it_is_renamed_where_nothing_is_tried_too(session, engine):
    result = session.generate(asked(session, tries="off"))
    assert (result.code, result.outcome) == (RENAMED, None)
    assert not engine.requests


def test_its_cell_magics_stay_and_cells_below_that_use_the_old_name_are_told(session):
    below = [Cell(source="print(big)", cell_id="d")]
    result = session.generate(asked(session, f"%%time\n{CELL}", below=below))
    assert result.code == f"%%time\n{RENAMED}"
    assert result.notes == ("`big` is used below, but no longer defined here or above.",)


@pytest.mark.parametrize(
    ("code", "options"),
    [
        (CELL, {"words": "rename big to taken"}),
        (CELL, {"words": "rename the column big to large"}),
        (CELL, {"words": "rename prices to costs"}),
        (CELL, {"tried_answers": 2}),
        (CELL, {"task": "fix"}),
        (f"key = 'sk-ant-0123456789abcdef0123456789'\n{CELL}", {}),
        (f"%%bash\n{CELL}", {}),
    ],
)
def test_what_it_may_not_be_is_left_to_the_model(session, engine, code, options):
    session.generate(asked(session, code, **options))
    assert engine.requests


@needs_guard
def test_what_fails_only_with_the_other_name_is_left_to_the_model(session, engine):
    code = "fresh = 1\n'fr' + 'esh' in globals() or 1 / 0"
    result = session.generate(asked(session, code, words="rename fresh to large"))
    assert result.code == FROM_MODEL
    assert engine.requests


@needs_guard
def test_a_cell_that_fails_as_it_is_is_renamed(session, engine):
    result = session.generate(asked(session, f"{CELL}\nbig.x"))
    assert result.code == f"{RENAMED}\nlarge.x"
    assert result.outcome.error_type == "AttributeError"
    assert not engine.requests
