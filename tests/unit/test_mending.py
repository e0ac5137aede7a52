"""A failed cell with names that exist, which is offered without asking a model."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from codeface_jupyter.config import Config
from codeface_jupyter.context import Cell, ContextSources, ErrorInfo, Rewrite
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.prompts import FIX_REQUEST, fenced
from codeface_jupyter.session import Session
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.session.auto_model import AutoModel
from codeface_jupyter.session.events import Started
from codeface_jupyter.session.resources import Resources
from codeface_jupyter.trials.checks.wording import is_slip
from codeface_jupyter.trials.guard.support import guard_support
from codeface_jupyter.view.rendering import describe_result

needs_guard = pytest.mark.skipif(
    guard_support().level != "strong", reason="this system cannot guard a copy"
)
FAILS = "total = sum(price)\ntotal"
MENDED = "total = sum(prices)\ntotal"
FROM_MODEL = "sum([1, 2])"


def said(name, other):
    return f"Line 1: there is no `{name}`; `{other}` stands in its place."


@pytest.fixture
def engine():
    return ScriptedEngine([fenced(FROM_MODEL, "python")])


@pytest.fixture
def session(tmp_path, engine):
    return Session(config=Config(file=tmp_path / "none.toml"), engine=engine)


def asked(session, code, *, request=FIX_REQUEST, task="fix", cells=(), **settings):
    cell = Cell(source=code, cell_id="c")
    error = ErrorInfo(ename="NameError", evalue="a name", traceback="", source=code)
    sources = ContextSources(
        request=request, task=task, rewrite=Rewrite.of(cell), error=error, cells=[*cells, cell]
    )
    return Ask(
        sources=sources,
        settings=session.config.with_overrides(settings),
        live_namespace={"prices": [1, 2, 3], "x": 0, "y_train": [1], "train_2023": [], "_i": ""},
    )


@needs_guard
@pytest.mark.parametrize(
    ("code", "mended", "notes"),
    [
        (FAILS, MENDED, (said("price", "prices"),)),
        ("Counter(prices)", "from collections import Counter\nCounter(prices)", ()),
        ("Print(Len(prices))", "print(len(prices))", (said("Print", "print"), said("Len", "len"))),
        ("done = true\ndone", "done = True\ndone", (said("true", "True"),)),
    ],
)
def test_it_is_there_at_once_and_the_model_is_neither_loaded_nor_asked(
    session, engine, code, mended, notes
):
    result = session.generate(asked(session, code))
    assert result.code == mended
    assert result.outcome.has_run
    assert (result.notes, result.is_local, result.prompt) == (notes, True, "")
    assert describe_result(result) == "done without a model"
    assert not engine.requests
    assert not engine.is_loaded
    assert session.metrics.summary().median_time_to_first_token_s == 0
    (record,) = session.metrics.records
    assert (record.model, record.answered_by) == ("no model", "")


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
        ("len(X_train)", {}),
        ("len(train_2024)", {}),
        ("print(i)", {}),
        ("x = prices.reversed()\nx", {}),
        ("prices.reversed()", {}),
        (FAILS, {"cells": [Cell(source="price = [1]", was_run=False)]}),
        (f"key = 'sk-ant-0123456789abcdef0123456789'\n{FAILS}", {}),
    ],
)
def test_what_is_not_only_a_name_or_is_asked_for_in_words_is_left_to_the_model(
    session, engine, code, options
):
    session.generate(asked(session, code, **options))
    assert len(engine.requests) == 1


@needs_guard
@pytest.mark.parametrize(
    ("code", "mended"),
    [
        # Each place gives another result, only one runs, or all give the same.
        ("y = abs(sum([x - 3, 2]) * 2\ny", "y = abs(sum([x - 3, 2]) * 2)\ny"),
        ("y = abs(x - 3 + len([x])\ny", FROM_MODEL),
        ("y = sum(prices[1:])[0])\ny", FROM_MODEL),
        ("y = str(x))\ny", "y = str(x)\ny"),
        ("y = prices.copy)\ny", "y = prices.copy()\ny"),
        ("y = dict)\ny", FROM_MODEL),
    ],
)
def test_where_a_bracket_may_stand_elsewhere_all_that_runs_has_to_do_the_same(
    session, code, mended
):
    cell = Cell(source=code, cell_id="c")
    error = ErrorInfo(ename="SyntaxError", evalue="not closed", source=code)
    ask = asked(session, code)
    sources = replace(ask.sources, rewrite=Rewrite.of(cell), error=error, cells=[cell])
    assert session.generate(replace(ask, sources=sources)).code == mended


@needs_guard
@pytest.mark.parametrize(
    ("below", "mended"),
    [
        ("max(totals)", "totals = [1]\nprint(totals)"),
        ("max(totalls)", "totalls = [1]\nprint(totalls)"),
        ("max(totals, totalls)", "totalls = [1]\nprint(totalls)"),
        ("x", "totalls = [1]\nprint(totalls)"),
    ],
)
def test_a_variable_gets_the_name_that_cells_below_read(session, below, mended):
    cells = [Cell(source=below, is_below=True)]
    code = "totalls = [1]\nprint(totals)"
    result = session.generate(asked(session, code, cells=cells))
    assert result.code == mended
    assert len(result.notes) == 1
    assert "`totalls`" in result.notes[0]


@needs_guard
def test_what_fails_deep_inside_a_call_is_called_all_the_same(session, engine):
    runs = "class Job:\n    def run(self):\n        return x()\njob = Job()\njob.run()"
    cell = Cell(source=runs, cell_id="c")
    error = ErrorInfo(ename="TypeError", evalue="'int' object is not callable", line="job.run()")
    ask = asked(session, runs)
    sources = replace(ask.sources, rewrite=Rewrite.of(cell), error=error, cells=[cell])
    assert session.generate(replace(ask, sources=sources)).code == FROM_MODEL
    code = "prices[0].real()"
    error = replace(error, line=code)
    cell = Cell(source=code, cell_id="c")
    sources = replace(ask.sources, rewrite=Rewrite.of(cell), error=error, cells=[cell])
    assert session.generate(replace(ask, sources=sources)).code == "prices[0].real"


@needs_guard
@pytest.mark.parametrize(
    ("code", "mended"),
    [
        ("df[df.n > 1 & df.city == 'Oslo']", "df[(df.n > 1) & (df.city == 'Oslo')]"),
        # It is not all that is wrong.
        ("df[df.n > 1 & df.n < '5']", FROM_MODEL),
    ],
)
def test_comparisons_without_brackets_get_them_if_the_cell_then_runs(session, code, mended):
    cell = Cell(source=code, cell_id="c")
    error = ErrorInfo(ename="TypeError", evalue="unsupported operand", line=code, source=code)
    ask = asked(session, code)
    sources = replace(ask.sources, rewrite=Rewrite.of(cell), error=error, cells=[cell])
    names = {"df": pd.DataFrame({"n": [1, 2], "city": ["Oslo", "Rome"]})}
    result = session.generate(replace(ask, sources=sources, live_namespace=names))
    assert result.code == mended
    assert any("binds more strongly" in note for note in result.notes) is (mended != FROM_MODEL)


@needs_guard
@pytest.mark.parametrize(
    ("code", "mended"),
    [
        ("df.groupby('city').mean()", FROM_MODEL),
        ("means = df.groupby('city').mean()", FROM_MODEL),
        (
            "df.assign(n=1).groupby('city').mean()",
            "df.assign(n=1).groupby('city').mean(numeric_only=True)",
        ),
    ],
)
def test_columns_of_text_are_left_out_only_if_there_are_others(session, code, mended):
    cell = Cell(source=code, cell_id="c")
    message = "agg function failed [how->mean,dtype->object]"
    error = ErrorInfo(ename="TypeError", evalue=message, line=code, source=code)
    ask = asked(session, code)
    sources = replace(ask.sources, rewrite=Rewrite.of(cell), error=error, cells=[cell])
    names = {"df": pd.DataFrame({"city": ["Oslo", "Rome"], "price": ["1,200", "900"]})}
    result = session.generate(replace(ask, sources=sources, live_namespace=names))
    assert result.code == mended


@needs_guard
@pytest.mark.parametrize(("code", "is_told"), [(FAILS, False), ("sum(nothing_like_it)", True)])
def test_which_model_was_chosen_is_told_only_if_one_answers(session, monkeypatch, code, is_told):
    told = []
    monkeypatch.setattr(Resources, "settled", lambda _, settings: settings.model_copy())
    monkeypatch.setattr(AutoModel, "tell", lambda _, settings, job: told.append(settings.model))
    monkeypatch.setattr(AutoModel, "is_here", True)
    session.generate(asked(session, code))
    assert bool(told) is is_told


@needs_guard
def test_what_is_to_be_fetched_is_told_before_it_is(session, monkeypatch):
    steps = []
    prepared = Resources.prepared_engine
    monkeypatch.setattr(Resources, "settled", lambda _, settings: settings.model_copy())
    monkeypatch.setattr(AutoModel, "tell", lambda *_: steps.append("told"))

    def prepare(self, settings, job):
        steps.append("prepared")
        return prepared(self, settings, job)

    monkeypatch.setattr(Resources, "prepared_engine", prepare)
    session.generate(asked(session, FAILS))
    assert steps == ["told", "prepared"]


@needs_guard
def test_another_answer_comes_from_the_model(session, engine):
    ask = asked(session, FAILS)
    events = list(session.stream(ask))
    context = next(event.context for event in events if isinstance(event, Started))
    other = ask.another_sample(events[-1].result, context=context, seed=1)
    result = session.generate(replace(other, live_namespace=ask.live_namespace))
    assert len(engine.requests) == 1
    assert "without a model" not in describe_result(result)


@needs_guard
def test_it_is_not_kept_for_a_notebook_in_which_the_names_are_others(session, engine):
    ask = asked(session, FAILS)
    session.generate(ask)
    session.generate(replace(ask, live_namespace={"cost": [1]}))
    assert len(engine.requests) == 1


@needs_guard
def test_what_the_user_says_is_left_to_the_model_even_where_that_fails(session):
    failing = Session(
        config=session.config, engine=ScriptedEngine([fenced("sum(price)", "python")])
    )
    result = failing.generate(asked(failing, FAILS, request="make it fast"))
    assert result.code == "sum(price)"


@needs_guard
def test_a_base_models_code_stands_without_a_fence(session):
    base = Session(config=session.config, engine=ScriptedEngine(["sum([1])"], is_chat=False))
    result = base.generate(asked(base, FAILS))
    assert (result.code, result.text) == (MENDED, MENDED)
    assert result.outcome.has_run


@pytest.mark.parametrize(
    ("name", "other", "is_one"),
    [
        ("agee", "age", True),
        ("age", "agee", False),
        ("XXXL", "XXL", False),
        ("iii", "ii", False),
        ("off", "of", False),
    ],
)
def test_a_letter_typed_twice_is_a_slip_in_short_names_too(name, other, is_one):
    assert is_slip(name, other) is is_one


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("stations", "station"),
        ("apend", "append"),
        ("pricse", "prices"),
        ("Unit_Price", "unit price"),
        ("Max", "max"),
        ("populaton", "population"),
        ("columqs", "columns"),
    ],
)
def test_a_slip_is_in_one_letter_the_case_the_separators_or_the_plural(name, other):
    assert is_slip(name, other)
    assert is_slip(other, name)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("X_train", "y_train"),
        ("train_2024", "train_2023"),
        ("max_price", "min_price"),
        ("height", "weight"),
        ("sales_q2", "sales_q1"),
        ("y_pred", "y_prod"),
        ("duration", "duration min"),
        ("X_test", "X_text"),
        ("X", "x"),
        ("DF", "df"),
    ],
)
def test_siblings_are_no_slips(name, other):
    assert not is_slip(name, other)
    assert not is_slip(other, name)


@needs_guard
def test_of_a_column_that_ends_in_a_space_both_names_are_told_in_quotes(session):
    code = "sales['units'].sum()"
    ask = asked(session, code)
    namespace = {**ask.live_namespace, "sales": pd.DataFrame({"Units ": [1, 2]})}
    result = session.generate(replace(ask, live_namespace=namespace))
    assert result.code == "sales['Units '].sum()"
    assert result.notes == ("Line 1: there is no `'units'`; `'Units '` stands in its place.",)


@needs_guard
def test_a_cell_of_several_lines_may_be_mended_into_another_one_that_has_run(session, engine):
    above = Cell(source=MENDED, cell_id="b", execution_count=1)
    result = session.generate(asked(session, FAILS, cells=[above]))
    assert result.code == MENDED
    assert not any("repeats" in note for note in result.notes)
    assert not engine.requests


@needs_guard
@pytest.mark.parametrize(
    ("price", "mended"),
    [
        (
            "$1,200",
            'df["price"].str.replace(r"[^\\d.+-]", "", regex=True).astype(float).mean()',
        ),
        ("cheap", FROM_MODEL),
    ],
)
def test_numbers_that_are_texts_are_read(session, price, mended):
    code = 'df["price"].astype(float).mean()'
    cell = Cell(source=code, cell_id="c")
    message = f"could not convert string to float: '{price}'"
    error = ErrorInfo(ename="ValueError", evalue=message, line=code, source=code)
    ask = asked(session, code)
    sources = replace(ask.sources, rewrite=Rewrite.of(cell), error=error, cells=[cell])
    names = {"df": pd.DataFrame({"price": [price, "$900"]})}
    result = session.generate(replace(ask, sources=sources, live_namespace=names))
    assert result.code == mended
