"""A failed cell with names that exist, which is offered without asking a model."""

from __future__ import annotations

from dataclasses import replace

import pytest

from codeface_jupyter.config import Config
from codeface_jupyter.context import Cell, ContextSources, Rewrite
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.prompts import FIX_REQUEST, fenced
from codeface_jupyter.session import Session
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.session.events import Started
from codeface_jupyter.trials.guard.support import guard_support
from codeface_jupyter.view.rendering import describe_result

needs_guard = pytest.mark.skipif(
    guard_support().level != "strong", reason="this system cannot guard a copy"
)
FAILS = "total = sum(price)\ntotal"
MENDED = "total = sum(prices)\ntotal"
FROM_MODEL = "sum([1, 2])"


@pytest.fixture
def engine():
    return ScriptedEngine([fenced(FROM_MODEL, "python")])


@pytest.fixture
def session(tmp_path, engine):
    return Session(config=Config(file=tmp_path / "none.toml"), engine=engine)


def asked(session, code, *, request=FIX_REQUEST, task="fix", **settings):
    cell = Cell(source=code, cell_id="c")
    return Ask(
        sources=ContextSources(request=request, task=task, rewrite=Rewrite.of(cell)),
        settings=session.config.with_overrides(settings),
        live_namespace={"prices": [1, 2, 3], "x": 0},
    )


@needs_guard
@pytest.mark.parametrize(
    ("code", "mended"),
    [
        (FAILS, MENDED),
        ("Counter(prices)", "from collections import Counter\nCounter(prices)"),
    ],
)
def test_it_is_there_at_once_and_the_model_is_neither_loaded_nor_asked(
    session, engine, code, mended
):
    result = session.generate(asked(session, code))
    assert result.code == mended
    assert result.outcome.has_run
    assert describe_result(result) == "repaired without a model"
    assert not engine.requests
    assert not engine.is_loaded
    assert session.metrics.summary().median_time_to_first_token_s == 0


@needs_guard
@pytest.mark.parametrize(
    ("code", "options"),
    [
        ("sum(nothing_like_it)", {}),
        ("sum(price) / x", {}),
        ("1 / x", {}),
        (FAILS, {"request": "return infinity instead"}),
        (FAILS, {"task": "edit"}),
        (FAILS, {"tried_answers": 3}),
        (FAILS, {"tries": "off"}),
    ],
)
def test_what_is_not_only_a_name_or_is_asked_for_in_words_is_left_to_the_model(
    session, engine, code, options
):
    session.generate(asked(session, code, **options))
    assert len(engine.requests) == 1


@needs_guard
def test_another_answer_comes_from_the_model(session, engine):
    ask = asked(session, FAILS)
    events = list(session.stream(ask))
    context = next(event.context for event in events if isinstance(event, Started))
    other = ask.another_sample(context, seed=1)
    result = session.generate(replace(other, live_namespace=ask.live_namespace))
    assert len(engine.requests) == 1
    assert "without a model" not in describe_result(result)


@needs_guard
def test_it_is_not_kept_for_a_notebook_in_which_the_names_are_others(session, engine):
    ask = asked(session, FAILS)
    session.generate(ask)
    session.generate(replace(ask, live_namespace={"cost": [1]}))
    assert len(engine.requests) == 1
