"""An answer tried on a copy of the kernel before it is shown, and others where it fails."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd
import pytest

from codeface_jupyter.config import Config
from codeface_jupyter.context import Cell, ContextSources, ErrorInfo, Rewrite
from codeface_jupyter.context.request import FilledRequest
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.generation import Chunk, Done, GenerationRequest, GenerationResult, Revised
from codeface_jupyter.jobs import Cancelled, Event, Job, Progress
from codeface_jupyter.outcome import Agreement
from codeface_jupyter.prompts import Task, edit_request, fenced
from codeface_jupyter.session import Session, trying
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.session.events import Started
from codeface_jupyter.session.tried_answers import CHANGES_A_COPY, LEAVES_BLANK
from codeface_jupyter.trials import copy_support
from codeface_jupyter.trials.guard.support import guard_support
from codeface_jupyter.trials.idle_code import IDLE
from codeface_jupyter.trials.kept_beginning import kept_beginning, repair_beginning
from codeface_jupyter.trials.rejections import SAME_AGAIN, SAME_ANSWER
from codeface_jupyter.trials.run_tests import checks_something
from codeface_jupyter.view.outcomes import alternatives_data, outcome_line

needs_guard = pytest.mark.skipif(
    guard_support().level != "strong", reason="this system cannot guard a copy"
)
pytestmark = needs_guard

TOTAL = "sum(prices)"
RAISES = "prices['total']"
in_python = partial(fenced, language="python")
UNKNOWN = "print(sum(price_list))"


class Sampling(ScriptedEngine):
    """Answers a first question, and samples for it side by side."""

    def __init__(
        self,
        first: str,
        *samples: str,
        before_each: Callable[[int], None] | None = None,
        order: Sequence[int] | None = None,
    ):
        super().__init__([in_python(first)])
        self._order = range(len(samples)) if order is None else order
        self.samples = samples
        self.sampled: list[GenerationRequest] = []
        self._before_each = before_each or (lambda _: None)

    def generate_batch(
        self,
        requests: Sequence[GenerationRequest],
        *,
        on_result: Callable[[int, str, Done], None],
        job: Job,
    ) -> None:
        self.sampled = list(requests)
        for index in [index for index in self._order if index < len(requests)]:
            self._before_each(index)
            if job.is_cancelled:
                return
            code = self.samples[index]
            done = ScriptedEngine([in_python(code)]).generate(requests[index], Job())
            on_result(index, in_python(code), done)


@pytest.fixture
def namespace() -> dict[str, Any]:
    return {"prices": [1.0, 2.0, 3.0], "changed": []}


@pytest.fixture
def ask_with(
    tmp_path: Any, namespace: dict[str, Any]
) -> Callable[..., tuple[GenerationResult, list[Event]]]:
    def ask(
        engine: ScriptedEngine,
        *,
        cells: Sequence[Cell] = (),
        sources: ContextSources | None = None,
        task: Task = "write",
        tested: str = "",
        **settings: Any,
    ) -> tuple[GenerationResult, list[Event]]:
        config = Config(file=tmp_path / "none.toml")
        session = Session(config=config, engine=engine)
        question = Ask(
            sources=sources or ContextSources(request="the total", cells=cells, task=task),
            settings=config.with_overrides(settings),
            live_namespace=namespace,
            tested=tested,
        )
        events = list(session.stream(question))
        return events[-1].result, events

    return ask


def test_code_that_runs_stays_with_what_it_did(ask_with) -> None:
    engine = Sampling(TOTAL)
    result, events = ask_with(engine)
    assert result.outcome.ending == "ran"
    assert result.outcome.value == "6.0"
    assert result.agreement is None
    assert result.alternatives == ()
    assert not engine.sampled
    assert not [event for event in events if isinstance(event, Revised)]
    assert (result.metrics.tries, result.metrics.tries_s > 0) == (1, True)


def test_nothing_of_the_notebook_changes(ask_with, namespace) -> None:
    result, _ = ask_with(Sampling("changed.append(1)\nprices.clear()\nimport this_is_new"))
    assert result.outcome.ending == "raised"
    assert namespace == {"prices": [1.0, 2.0, 3.0], "changed": []}


MAKES_SALES = "sales = [1, 2]"


def test_where_a_cell_has_not_been_run_that_is_said_and_nobody_else_is_asked(ask_with) -> None:
    engine = Sampling("sum(sales)", TOTAL, TOTAL)
    result, _ = ask_with(engine, cells=[Cell(source=MAKES_SALES, was_run=False)])
    assert result.code == "sum(sales)"
    assert result.notes[-1].startswith("`sales` is not there yet: a cell above makes it")
    assert result.findings == ()
    assert not engine.sampled


def test_what_else_is_not_defined_is_told_beside_a_cell_to_be_run(ask_with) -> None:
    cell = Cell(source=MAKES_SALES, was_run=False)
    result, _ = ask_with(Sampling("sum(sales)\nsum(price_list)"), cells=[cell])
    (finding,) = result.findings
    assert finding.message.startswith("`price_list` is not defined")


@pytest.mark.parametrize(
    "cell", [Cell(source=MAKES_SALES), Cell(source="x = 1", was_run=False), None]
)
def test_a_name_that_no_cell_to_be_run_makes_is_doubted(ask_with, cell) -> None:
    engine = Sampling("sum(sales)", TOTAL, TOTAL)
    result, _ = ask_with(engine, cells=[cell] if cell else [])
    assert result.code == TOTAL
    assert engine.sampled


def test_once_the_cell_has_been_run_the_same_answer_is_tried_anew(ask_with, namespace) -> None:
    engine = Sampling("sum(sales)", TOTAL, TOTAL)
    ask_with(engine, cells=[Cell(source=MAKES_SALES, was_run=False)])
    namespace["sales"] = [1, 2]
    result, _ = ask_with(engine, cells=[Cell(source=MAKES_SALES)])
    assert result.outcome.value == "3"


@pytest.mark.parametrize("first", [RAISES, UNKNOWN])
def test_where_it_fails_what_most_others_do_takes_its_place(ask_with, first) -> None:
    result, events = ask_with(Sampling(first, "max(prices)", TOTAL, RAISES, "prices[0] + 5"))
    assert result.code == TOTAL
    assert result.agreement == Agreement(agreeing=2, tried=5, is_first=False)
    assert [other.code for other in result.alternatives] == ["max(prices)"]
    (revised,) = [event for event in events if isinstance(event, Revised)]
    assert revised.text == in_python(TOTAL)
    assert revised.reason.startswith("the first one raises ")
    assert (result.metrics.generated_tokens, result.metrics.decode_s) == (
        revised.generated_tokens,
        0,
    )


def test_an_answer_that_leaves_out_what_was_asked_for_gives_way_to_one_that_does_not(
    ask_with,
) -> None:
    first, other = "{'total': sum(prices)}", "{'Total': sum(prices)}"
    engine = Sampling(first, first, other, "{'Total': 1}['total']", "{'all': sum(prices)}")
    sources = ContextSources(request='a dict with the sum as "Total"')
    result, events = ask_with(engine, sources=sources)
    assert result.code == other
    assert result.agreement == Agreement(agreeing=1, tried=5, is_first=False)
    (revised,) = [event for event in events if isinstance(event, Revised)]
    assert revised.reason == "the first one does without “Total”"


def test_where_no_other_says_more_what_ran_stays(ask_with) -> None:
    empty = "[name for name in prices if name == 'Total']"
    engine = Sampling(TOTAL, "max(prices)", "max(prices)", "{'Total': 1}['total']", empty, empty)
    sources = ContextSources(request='the sum, called "Total"')
    result, events = ask_with(engine, sources=sources)
    assert len(engine.sampled) == 8
    assert (result.code, result.agreement, result.alternatives) == (TOTAL, None, ())
    assert result.notes[-1] == "The request names “Total”, which this code does not."
    assert not [event for event in events if isinstance(event, Revised)]


def test_a_title_in_other_cases_is_what_was_asked_for(ask_with) -> None:
    first = f"{PLOT}\naxes.set_title('Monthly Sales')"
    engine = Sampling(first, first.replace("Monthly Sales", "monthly sales"))
    sources = ContextSources(request='plot the prices with the title "monthly sales"')
    result, _ = ask_with(engine, sources=sources)
    assert (result.code, result.notes, engine.sampled) == (first, (), [])


def test_an_answer_of_another_kind_than_was_asked_for_gives_way_to_one_of_it(ask_with) -> None:
    engine = Sampling("max(prices)", TOTAL, "list(prices)", TOTAL, "[1][2]")
    sources = ContextSources(request="Return the prices as a list")
    result, events = ask_with(engine, sources=sources)
    assert result.code == "list(prices)"
    assert result.notes == ()
    (revised,) = [event for event in events if isinstance(event, Revised)]
    assert revised.reason == "the first one gives no list"


def test_where_no_other_is_of_that_kind_the_first_stays_and_it_is_said(ask_with) -> None:
    engine = Sampling("max(prices)", TOTAL, TOTAL)
    result, events = ask_with(engine, sources=ContextSources(request="Return them in a dict"))
    assert (result.code, result.agreement) == ("max(prices)", None)
    assert result.notes[-1].startswith("The request asks for a dict; this gives `")
    assert not [event for event in events if isinstance(event, Revised)]


IMPORTS = "from nolib.models import Scaler\nScaler(prices)"


@pytest.mark.parametrize(
    ("request_text", "code", "is_doubted"),
    [
        ("scale them with Scaler", IMPORTS, False),
        ("fit an XGBoost, with xgboost", "import xgboost", False),
        ("scale them with a scaler", IMPORTS, True),
        ("the mean of prices", "from statutils import mean", True),
        ("clean the data", "import data", True),
        ("scale them", IMPORTS, True),
        ("scale them with Scaler", "import statistics as Scaler\n1 / 0", True),
    ],
)
def test_no_others_are_asked_for_a_module_that_is_asked_for_and_not_installed(
    ask_with, request_text, code, is_doubted
) -> None:
    engine = Sampling(code, TOTAL)
    result, _ = ask_with(engine, sources=ContextSources(request=request_text))
    assert bool(engine.sampled) is is_doubted
    assert is_doubted or any("not installed" in finding.message for finding in result.findings)


@pytest.mark.parametrize("request_text", ['the "sum" of prices', "the sum, called Total"])
def test_an_answer_that_says_what_is_quoted_is_not_doubted(ask_with, request_text) -> None:
    engine = Sampling(TOTAL, "max(prices)")
    ask_with(engine, sources=ContextSources(request=request_text))
    assert engine.sampled == []


def test_what_is_in_a_value_that_was_filled_in_need_not_be_said(ask_with) -> None:
    request = FilledRequest(
        text='the total of {"apple": 1}, {"pear": 2}, "plum"',
        text_without_values="the total of {fruit}",
    )
    engine = Sampling(TOTAL, "max(prices)")
    ask_with(engine, sources=ContextSources(request=request.text, filled=request))
    assert engine.sampled == []


def test_a_follow_up_may_be_to_take_out_what_was_asked_for(ask_with, tmp_path, namespace) -> None:
    session = Session(config=Config(file=tmp_path / "none.toml"), engine=Sampling("'Total', 1"))
    asked = Ask(
        sources=ContextSources(request='the sum, called "Total"'),
        settings=session.config.with_overrides({}),
        live_namespace=namespace,
    )
    first = list(session.stream(asked))
    context = next(event.context for event in first if isinstance(event, Started))
    about = asked.about(first[-1].result, FilledRequest.of("without it"), context=context)
    engine = Sampling(TOTAL, "'Total', 2")
    follow_up = Session(config=session.config, engine=engine)
    events = list(follow_up.stream(replace(about, live_namespace=namespace)))
    result = events[-1].result
    assert (result.code, engine.sampled, result.notes) == (TOTAL, [], ())

    # So it is where another answer to it is wanted.
    context = next(event.context for event in events if isinstance(event, Started))
    other = about.another_sample(result, context=context, seed=1)
    engine = Sampling("max(prices)", "'Total', 2")
    again = Session(config=session.config, engine=engine)
    result = again.generate(replace(other, live_namespace=namespace))
    assert (result.code, engine.sampled, result.notes) == ("max(prices)", [], ())


@pytest.mark.parametrize(
    ("words", "code", "shown"),
    [
        ("no, I want the largest", "sum(prices) + 0", "max(prices)"),
        ("that isn't what I asked for", "sum(prices) + 0", "max(prices)"),
        ("without a loop, please", "sum(prices) + 0", "sum(prices) + 0"),
        ("No, in one line please", "sum(prices) + 0", "sum(prices) + 0"),
        ("no-loop version, please", "sum(prices) + 0", "sum(prices) + 0"),
        ("no, I want the largest", "min(prices)", "min(prices)"),
    ],
)
def test_what_does_the_same_as_a_rejected_answer_gives_way(
    tmp_path, namespace, words, code, shown
) -> None:
    result, _ = rejecting(tmp_path, namespace, words, Sampling(code, TOTAL, "max(prices)", TOTAL))
    assert (result.code, result.notes) == (shown, ())


def test_where_all_do_the_same_as_what_was_rejected_that_is_said(tmp_path, namespace) -> None:
    engine = Sampling("sum(prices) + 0", TOTAL, TOTAL)
    result, _ = rejecting(tmp_path, namespace, "no, not that", engine)
    assert result.code == "sum(prices) + 0"
    assert result.notes == ("This does the same as the answer before.",)
    assert len(engine.sampled) == 8


@pytest.mark.parametrize(
    ("code", "shown", "notes"),
    [
        # The same code, and another that does something else is there.
        (f"# the total\n{TOTAL}", "max(prices)", ()),
        # Another way to do the same.
        ("sum(prices) + 0", "sum(prices) + 0", (SAME_AGAIN,)),
        ("min(prices)", "min(prices)", ()),
    ],
)
def test_another_answer_is_not_the_same_again(tmp_path, namespace, code, shown, notes) -> None:
    result = trying_again(tmp_path, namespace, Sampling(code, TOTAL, "max(prices)", TOTAL))
    assert (result.code, result.notes) == (shown, notes)


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ("def f(x): return x + 1", "def g(a, b): return a * b"),
        (TOTAL, f"{'-' * 400}1"),
    ],
)
def test_what_cannot_be_compared_is_not_said_to_be_the_same(
    tmp_path, namespace, first, code
) -> None:
    request = "a function" if "def" in code else "the sum"
    engines = {"engine": Sampling(code), "first": Sampling(first)}
    result = trying_again(tmp_path, namespace, **engines, request=request)
    assert (result.code, result.notes) == (code, ())


@pytest.mark.parametrize(("words", "is_same"), [("It adds.", True), ("It sums all up.", False)])
def test_an_explanation_is_in_its_words(tmp_path, namespace, words, is_same) -> None:
    first, second = (
        ScriptedEngine([f"{said}\n\n{in_python(TOTAL)}"]) for said in ("It adds.", words)
    )
    result = trying_again(tmp_path, namespace, second, first=first, task="explain")
    assert (SAME_ANSWER in result.notes) is is_same


def test_where_there_is_no_other_answer_that_is_said(tmp_path, namespace) -> None:
    engine = Sampling(TOTAL, TOTAL, TOTAL)
    result = trying_again(tmp_path, namespace, engine)
    assert (result.code, result.notes) == (TOTAL, (SAME_ANSWER,))
    assert len(engine.sampled) == 8


def test_the_same_words_are_the_same_answer(tmp_path, namespace) -> None:
    prose = ScriptedEngine(["It is six."])
    assert trying_again(tmp_path, namespace, prose, first=prose).notes == (SAME_ANSWER,)


def trying_again(tmp_path, namespace, engine, *, first=None, task="write", request="the sum"):
    """Ask for a total, and then for another answer; return that one."""
    session = Session(config=Config(file=tmp_path / "none.toml"), engine=first or Sampling(TOTAL))
    asked = Ask(
        sources=ContextSources(request=request, task=task),
        settings=session.config.with_overrides({}),
        live_namespace=namespace,
    )
    events = list(session.stream(asked))
    context = next(event.context for event in events if isinstance(event, Started))
    other = asked.another_sample(events[-1].result, context=context, seed=1)
    again = Session(config=session.config, engine=engine)
    return again.generate(replace(other, live_namespace=namespace))


def rejecting(tmp_path, namespace, words, engine, first_code=TOTAL):
    """Ask for a total, and then about that answer; return the second one's result and events."""
    session = Session(config=Config(file=tmp_path / "none.toml"), engine=Sampling(first_code))
    asked = Ask(
        sources=ContextSources(request="the sum"),
        settings=session.config.with_overrides({}),
        live_namespace=namespace,
    )
    first = list(session.stream(asked))
    context = next(event.context for event in first if isinstance(event, Started))
    about = asked.about(first[-1].result, FilledRequest.of(words), context=context)
    again = Session(config=session.config, engine=engine)
    events = list(again.stream(replace(about, live_namespace=namespace)))
    return events[-1].result, events


def test_a_replayed_answer_is_not_doubted_again_for_what_it_leaves_out(tmp_path, namespace) -> None:
    engine = Sampling(TOTAL, "max(prices)", "max(prices)")
    config = Config(file=tmp_path / "none.toml")
    session = Session(config=config, engine=engine)
    ask = Ask(
        sources=ContextSources(request='the sum, called "Total"'),
        settings=config.with_overrides({}),
        live_namespace=namespace,
    )
    kept = list(session.stream(ask))[-1].result
    assert len(engine.sampled) == 8
    engine.sampled = []
    replayed = list(session.stream(ask))[-1].result
    assert replayed.metrics.from_response_cache
    assert engine.sampled == []
    assert replayed.notes == kept.notes


def test_where_the_one_shown_leaves_out_the_same_that_is_not_why(ask_with) -> None:
    engine = Sampling(TOTAL, "max(prices)", "max(prices)")
    sources = ContextSources(request='the sum, called "Total"')
    _, events = ask_with(engine, sources=sources, tried_answers=3)
    (revised,) = [event for event in events if isinstance(event, Revised)]
    assert revised.reason == "2 of 3 answers agree"


def test_an_edited_cell_need_not_say_what_is_quoted(ask_with) -> None:
    cell = Cell(source="label = 'Total'\nsum(prices)", cell_id="c1")
    engine = Sampling(TOTAL, "max(prices)")
    sources = ContextSources(request='drop the "Total"', task="edit", rewrite=Rewrite.of(cell))
    ask_with(engine, sources=sources)
    assert engine.sampled == []


@pytest.mark.parametrize(
    ("request_text", "sample", "is_told"),
    [
        ("the median of profit", "sales['price'].median()", True),
        ("the median price", "sales['price'].median()", False),
        ("the median of Profit", "sales.assign(profit=sales['price'] * 2)['profit'].max()", False),
    ],
)
def test_a_column_asked_for_in_vain_is_told_where_an_answer_does_without(
    ask_with, namespace, request_text, sample, is_told
) -> None:
    namespace["sales"] = pd.DataFrame({"price": [1.0, 2.0]})
    sources = ContextSources(request=request_text)
    result, _ = ask_with(Sampling("sales['profit'].median()", *[sample] * 8), sources=sources)
    assert result.code == sample
    told = "`sales` has no column `profit`; its columns are `price`. This answer does without it."
    assert (told in result.notes) is is_told


@pytest.mark.parametrize("first", ["sales['profit'].median()", None])
def test_a_column_asked_for_that_an_answer_makes_up_is_told(ask_with, namespace, first) -> None:
    namespace["sales"] = pd.DataFrame({"price": [1.0, 2.0]})
    makes_up = "sales['profit'] = sales['price'] - 1\nsales['profit'].median()"
    sources = ContextSources(request="what is the median profit?")
    result, _ = ask_with(Sampling(first or makes_up, *[makes_up] * 8), sources=sources)
    assert result.code == makes_up
    assert result.notes == ("`sales` has no column `profit`; this code makes one from `price`.",)


def test_of_one_answer_it_says_so_in_the_singular(ask_with) -> None:
    _, events = ask_with(Sampling(RAISES, TOTAL, RAISES))
    (revised,) = [event for event in events if isinstance(event, Revised)]
    assert revised.reason == "the first one raises TypeError"


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]])
def test_the_choice_is_the_same_in_whatever_order_they_end(ask_with, order) -> None:
    engine = Sampling(RAISES, "min(prices)", "max(prices)", "prices[2]", "prices[0]", order=order)
    result, _ = ask_with(engine)
    assert result.code == "min(prices)"
    assert [other.code for other in result.alternatives] == ["max(prices)"]


def test_a_copy_of_a_cell_is_no_answer(ask_with) -> None:
    engine = Sampling("a = 1\nb = a + 1", TOTAL, TOTAL)
    cell = Cell(source="a = 1\nb = a + 1", execution_count=1)
    result, _ = ask_with(engine, cells=[cell])

    assert result.code == TOTAL
    assert not any("repeats" in note for note in result.notes)


def test_where_none_runs_the_first_stays_and_says_why(ask_with) -> None:
    result, events = ask_with(Sampling(RAISES, RAISES, "1 / 0"))
    assert result.code == RAISES
    assert (result.outcome.ending, result.outcome.error_type) == ("raised", "TypeError")
    assert result.outcome.error_line == 1
    assert not [event for event in events if isinstance(event, Revised)]


REPEATED = Cell(source=TOTAL)


@pytest.mark.parametrize(
    ("samples", "cells", "notes"),
    [
        ([RAISES, "1 / 0", UNKNOWN], (), ("3 other answers were tried; none ran.",)),
        (["1 / 0"], (), ("1 other answer was tried; none ran.",)),
        ([TOTAL, RAISES], [REPEATED], ("2 other answers were tried; none is better.",)),
        ([], (), ()),
    ],
)
def test_where_others_were_tried_in_vain_that_is_said(ask_with, samples, cells, notes) -> None:
    result, _ = ask_with(Sampling(RAISES, *samples), cells=cells)
    assert (result.code, result.notes) == (RAISES, notes)


def test_samples_differ_by_their_seeds_and_can_be_repeated(ask_with) -> None:
    engine = Sampling(RAISES, TOTAL)
    ask_with(engine, seed=7)
    seeds = [request.sampling.seed for request in engine.sampled]
    assert seeds == list(range(8, 16))
    assert all(request.sampling.temperature > 0 for request in engine.sampled)


def test_so_many_answers_as_are_asked_for_are_compared(ask_with) -> None:
    engine = Sampling("max(prices)", TOTAL, TOTAL, "0")
    result, events = ask_with(engine, tried_answers=4)
    assert len(engine.sampled) == 3
    assert result.code == TOTAL
    assert result.agreement == Agreement(agreeing=2, tried=4, is_first=False)
    progress = [event for event in events if isinstance(event, Progress) and event.unit]
    assert [(event.completed, event.total) for event in progress] == [
        (1, 4), (2, 4), (3, 4), (4, 4),
    ]  # fmt: skip


def test_it_ends_once_the_rest_cannot_change_the_choice(ask_with) -> None:
    asked: list[int] = []
    engine = Sampling(TOTAL, *[TOTAL] * 8, before_each=asked.append)
    result, _ = ask_with(engine, tried_answers=9)
    # The fifth of nine is a majority; the engine hears of it before the next one.
    assert result.agreement == Agreement(agreeing=5, tried=5, is_first=True)
    assert asked == [0, 1, 2, 3, 4]


# Longer than the first answer, and than what is short in any case.
LONG = f"{TOTAL}  # {'word ' * 60}"


def test_once_samples_are_longer_than_the_first_answer_one_that_runs_is_enough(ask_with) -> None:
    asked: list[int] = []
    samples = [RAISES + " ", RAISES + "  ", LONG, LONG, LONG, TOTAL]
    result, _ = ask_with(Sampling(RAISES, *samples, before_each=asked.append))
    assert (result.code, result.agreement.tried) == (LONG, 4)
    assert asked == [0, 1, 2, 3]


def test_short_ones_are_all_waited_for_and_so_are_long_ones_while_none_runs(ask_with) -> None:
    asked: list[int] = []
    fails_at_length = f"{RAISES}  # {'word ' * 60}"
    samples = ["max(prices)", TOTAL, TOTAL, fails_at_length]
    ask_with(Sampling(RAISES, *[fails_at_length] * 2, *samples, before_each=asked.append))
    assert asked == [0, 1, 2, 3, 4, 5]


def test_those_that_were_asked_for_are_waited_for(ask_with) -> None:
    result, _ = ask_with(Sampling(RAISES, LONG, "max(prices)", "0"), tried_answers=4)
    assert result.agreement.tried == 4


def test_what_is_long_and_leaves_out_what_was_asked_for_is_not_enough(ask_with) -> None:
    sources = ContextSources(request='a dict with the sum as "Total"')
    says_it = "{'Total': sum(prices)}"
    result, _ = ask_with(Sampling(RAISES, LONG, says_it, says_it), sources=sources)
    assert (result.code, result.agreement.tried) == (says_it, 4)


def test_what_is_shorter_than_a_long_first_answer_is_not_yet_enough(ask_with) -> None:
    longer = f"{RAISES}  # {'word ' * 90}"
    result, _ = ask_with(Sampling(longer, LONG, "max(prices)", "max(prices)"))
    assert (result.code, result.agreement.tried) == ("max(prices)", 4)


def test_those_that_nobody_asked_for_are_given_up_where_they_take_long(
    ask_with, monkeypatch
) -> None:
    monkeypatch.setattr(trying, "PATIENCE_S", -1.0)
    result, _ = ask_with(Sampling(RAISES, TOTAL))
    assert (result.code, result.outcome.ending) == (RAISES, "raised")
    assert trying.TOO_SLOW in result.notes

    result, _ = ask_with(Sampling(RAISES, TOTAL, TOTAL), tried_answers=3)
    assert (result.code, trying.TOO_SLOW in result.notes) == (TOTAL, False)


def test_where_all_have_come_in_the_end_none_were_given_up(ask_with) -> None:
    class Late(Sampling):
        def generate_batch(self, requests, *, on_result, job):
            super().generate_batch(requests, on_result=on_result, job=job)
            # As if the time were over by now.
            job.cancel()

    result, _ = ask_with(Late(RAISES, *(f"{RAISES}{' ' * number}" for number in range(1, 9))))
    assert result.outcome.ending == "raised"
    assert trying.TOO_SLOW not in result.notes


def test_what_came_before_they_were_given_up_counts(ask_with) -> None:
    class Impatient(Sampling):
        def generate_batch(self, requests, *, on_result, job):
            super().generate_batch(requests[:1], on_result=on_result, job=job)
            raise Cancelled

    result, _ = ask_with(Impatient(RAISES, TOTAL, TOTAL))
    assert (result.code, result.agreement.tried) == (TOTAL, 2)


def test_what_was_given_up_once_is_tried_the_next_time(tmp_path, namespace, monkeypatch) -> None:
    engine = Sampling(RAISES, TOTAL, TOTAL)
    session = Session(config=Config(file=tmp_path / "none.toml"), engine=engine)
    ask = Ask(
        sources=ContextSources(request="the total"),
        settings=session.config.with_overrides({}),
        live_namespace=namespace,
    )
    with monkeypatch.context() as patch:
        patch.setattr(trying, "PATIENCE_S", -1.0)
        assert session.generate(ask).code == RAISES
    assert session.generate(ask).code == TOTAL


def test_the_same_code_is_run_once(ask_with) -> None:
    result, _ = ask_with(Sampling("max(prices)", TOTAL, TOTAL, TOTAL), tried_answers=4)
    assert result.metrics.tries == 2


@pytest.mark.parametrize(
    ("settings", "code"),
    [({"tries": "off"}, RAISES), ({"tries": "off", "tried_answers": 4}, RAISES)],
)
def test_turned_off_nothing_is_run(ask_with, settings, code) -> None:
    engine = Sampling(code, TOTAL)
    result, _ = ask_with(engine, **settings)
    assert (result.code, result.outcome, result.metrics.tries) == (code, None, 0)
    assert not engine.sampled


def test_an_engine_that_samples_one_at_a_time_tries_one_answer(ask_with) -> None:
    result, _ = ask_with(ScriptedEngine([in_python(RAISES)]))
    assert (result.outcome.ending, result.agreement) == ("raised", None)


def test_a_remote_engine_is_asked_once(ask_with) -> None:
    engine = Sampling(RAISES, TOTAL)
    engine.is_local = False
    result, _ = ask_with(engine)
    assert result.outcome.ending == "raised"
    assert not engine.sampled


def test_prose_is_not_run(ask_with) -> None:
    result, _ = ask_with(ScriptedEngine(["The total is six."]))
    assert (result.outcome, result.metrics.tries) == (None, 0)


def test_a_limit_of_time_ends_it(ask_with) -> None:
    engine = Sampling("while True: pass", TOTAL)
    result, _ = ask_with(engine, try_timeout_s=0.3)
    assert result.outcome.ending == "timed out"
    assert not engine.sampled


def test_what_the_copy_may_not_do_is_no_fault(ask_with, tmp_path) -> None:
    target = tmp_path / "prices.txt"
    engine = Sampling(f"open({str(target)!r}, 'w').write('x')", TOTAL)
    result, _ = ask_with(engine)
    assert result.outcome.ending == "refused"
    assert "prices.txt" in result.outcome.refusals[0]
    assert not target.exists()
    assert not engine.sampled


def test_an_engine_that_fails_at_sampling_leaves_the_first(ask_with) -> None:
    def fail(_: int) -> None:
        raise RuntimeError("out of memory")

    result, _ = ask_with(Sampling(RAISES, TOTAL, before_each=fail))
    assert (result.code, result.outcome.ending) == (RAISES, "raised")


@pytest.mark.parametrize("first", ["def add_up():\n    return sum(prices)", "# The total"])
def test_an_answer_that_does_nothing_gives_way_to_one_that_does(ask_with, first) -> None:
    asked = ContextSources(request="the total of prices")
    result, events = ask_with(Sampling(first, TOTAL), sources=asked)
    assert result.code == TOTAL
    (revised,) = [event for event in events if isinstance(event, Revised)]
    assert revised.reason == "the first one does nothing by itself"
    assert IDLE not in result.notes

    other = ContextSources(request="all prices")
    result, _ = ask_with(Sampling(first, first), sources=other)
    assert (result.code, IDLE in result.notes) == (first, True)


def test_where_a_library_keeps_answers_from_being_tried_a_note_says_so(
    ask_with, monkeypatch
) -> None:
    monkeypatch.setattr(copy_support, "hanging_libraries", lambda: ["polars"])
    result, _ = ask_with(Sampling(TOTAL))
    assert result.outcome is None
    note = "Not tried on a copy: polars would not answer in a copy of the kernel."
    assert result.notes == (note,)
    assert ask_with(Sampling(TOTAL), tries="off")[0].notes == ()


def test_stopping_it_keeps_the_first_answer(tmp_path, namespace) -> None:
    config = Config(file=tmp_path / "none.toml")
    engine = Sampling(RAISES, TOTAL, TOTAL, before_each=lambda index: index and answer.cancel())
    question = Ask(
        sources=ContextSources(request="the total"),
        settings=config.settings,
        live_namespace=namespace,
    )
    session = Session(config=config, engine=engine)
    answer = session.stream(question)
    list(answer)
    assert answer.result.code == RAISES
    assert answer.result.finish_reason == "stop"
    assert answer.result.outcome.ending == "raised"
    assert answer.result.notes == (trying.STOPPED,)
    # Asked again, it is chosen among others: it is not replayed as if it had been.
    engine.samples = (TOTAL, "sum(prices)  # again")
    again = session.generate(question)
    assert not again.metrics.from_response_cache
    assert again.code == TOTAL


def test_tests_that_check_nothing_are_none(ask_with, namespace) -> None:
    exec("def halve(x):\n    return x / 2", namespace)
    function = "def halve(x):\n    return x / 2"
    checks = "assert halve(4) == 2"
    result, _ = ask_with(Sampling(function, function, checks), task="test", tested="halve")
    assert (result.code, result.agreement) == (checks, None)

    result, _ = ask_with(Sampling(function, function), task="test", tested="halve")
    assert (result.code, result.notes) == (
        function,
        ("There are no tests in this answer.", "1 other answer was tried; none is better."),
    )


GRADE = "def grade(mark):\n    return 'A' if mark > 90 else 'B'"
AT_THE_LIMIT = "assert grade(90) == 'A'"
AWAY_FROM_IT = "assert grade(95) == 'A'"
FAILED_THERE = (
    "Another answer's test failed: `grade(90) gives 'B', not 'A'`. "
    "Either that test or the code that it tests is wrong."
)


@pytest.mark.parametrize(
    ("first", "samples"),
    [
        (AT_THE_LIMIT, [AWAY_FROM_IT]),
        # Once, the first of them whose comparison is known.
        (AT_THE_LIMIT, ["assert grade(0) == 'F'", AWAY_FROM_IT, AWAY_FROM_IT]),
        ("assert grades(90) == 'A'", [AT_THE_LIMIT, AWAY_FROM_IT, AWAY_FROM_IT]),
        (
            f"def test_top():\n    {AWAY_FROM_IT}\n\ndef test_limit():\n    {AT_THE_LIMIT}",
            [AWAY_FROM_IT],
        ),
    ],
)
def test_a_test_that_failed_is_told_where_others_are_shown(
    ask_with, namespace, first: str, samples: list[str]
) -> None:
    exec(GRADE, namespace)
    result, _ = ask_with(Sampling(first, *samples), task="test", tested="grade")
    assert result.code == AWAY_FROM_IT
    assert result.notes.count(FAILED_THERE) == 1
    assert sum("test failed" in note for note in result.notes) == 1


@pytest.mark.parametrize(
    ("first", "shown"),
    [
        # What was compared is not known, or the answer's own function is at fault.
        ("assert grade(90) == 'A', 'the limit'", AWAY_FROM_IT),
        ("assert grade(90) > 'B'", AWAY_FROM_IT),
        ("assert grade() == 'A'", AWAY_FROM_IT),
        (f"def grade(mark):\n    return 'B'\n\n{AT_THE_LIMIT}", AWAY_FROM_IT),
        # What is shown says it itself.
        (AT_THE_LIMIT, AT_THE_LIMIT),
        (AWAY_FROM_IT, AWAY_FROM_IT),
    ],
)
def test_nothing_is_told_of_a_test_otherwise(ask_with, namespace, first: str, shown: str) -> None:
    exec(GRADE, namespace)
    result, _ = ask_with(Sampling(first, shown), task="test", tested="grade")
    assert result.code == shown
    assert not any("test failed" in note for note in result.notes)


def test_of_other_requests_no_failed_test_is_told(ask_with, namespace) -> None:
    exec(GRADE, namespace)
    result, _ = ask_with(Sampling(AT_THE_LIMIT, TOTAL))
    assert result.code == TOTAL
    assert result.notes == ()


def test_a_secret_in_a_failed_test_is_hidden(ask_with, namespace) -> None:
    secret = "sk-proj-" + "a1B2" * 10
    namespace["issue"] = lambda: [secret]
    tests = ["assert issue() == []", "assert len(issue()) == 1"]
    result, _ = ask_with(Sampling(*tests), task="test", tested="issue")
    (note,) = result.notes
    assert note.startswith("Another answer's test failed: `issue() gives ")
    assert secret not in note


def test_what_failed_is_not_sent_with_a_follow_up(tmp_path, namespace) -> None:
    exec(GRADE, namespace)
    config = Config(file=tmp_path / "none.toml")
    engine = Sampling(AT_THE_LIMIT, AWAY_FROM_IT)
    session = Session(config=config, engine=engine)
    ask = Ask(
        sources=ContextSources(request="Test grade", task="test"),
        settings=config.settings,
        live_namespace=namespace,
        tested="grade",
    )
    first = list(session.stream(ask))
    assert FAILED_THERE in first[-1].result.notes
    context = next(event.context for event in first if isinstance(event, Started))
    session.generate(ask.about(first[-1].result, FilledRequest.of("more"), context=context))
    assert AWAY_FROM_IT in str(engine.requests[-1].prompt)
    assert "test failed" not in str(engine.requests[-1])


def test_those_that_do_the_same_agree_whatever_else_they_lack(ask_with) -> None:
    sources = ContextSources(request='the sum, called "Total"')
    says_it = f"{{'Total': {TOTAL}}}['Total']"
    result, _ = ask_with(Sampling(TOTAL, says_it), sources=sources, tried_answers=2)
    assert result.agreement == Agreement(agreeing=2, tried=2, is_first=False)


def test_of_others_that_cannot_be_compared_nobody_says_how_many_agree(ask_with) -> None:
    wanted = ContextSources(request="a function")
    engine = Sampling("def f(): return 1", "def f(): return 2")
    result, _ = ask_with(engine, sources=wanted, tried_answers=2)
    (other,) = alternatives_data(result)
    assert "agree" not in other["outcome"]["line"]


@pytest.mark.parametrize("tried_answers", [1, 4])
def test_a_replayed_answer_is_tried_in_the_notebook_as_it_is(
    tmp_path, namespace, tried_answers
) -> None:
    config = Config(file=tmp_path / "none.toml")
    engine = Sampling(RAISES, TOTAL, "0", TOTAL)
    session = Session(config=config, engine=engine)
    question = Ask(
        sources=ContextSources(request="the total"),
        settings=config.with_overrides({"tried_answers": tried_answers}),
        live_namespace=namespace,
    )
    first = session.generate(question)
    assert first.code == TOTAL
    engine.sampled = []
    namespace["prices"] = [5.0]
    replayed = session.generate(question)
    assert (replayed.code, replayed.outcome.value) == (TOTAL, "5.0")
    assert replayed.metrics.from_response_cache
    assert not engine.sampled
    # What it was chosen from is kept with it; it is the first answer now.
    assert replayed.agreement == replace(first.agreement, is_first=True)


def test_a_replayed_answer_that_fails_by_now_has_nobody_agree_with_it(tmp_path, namespace) -> None:
    config = Config(file=tmp_path / "none.toml")
    engine = Sampling(TOTAL, TOTAL, TOTAL)
    session = Session(config=config, engine=engine)
    question = Ask(
        sources=ContextSources(request="the total"),
        settings=config.with_overrides({"tried_answers": 3}),
        live_namespace=namespace,
    )
    assert session.generate(question).agreement is not None
    engine._order = ()
    del namespace["prices"]
    replayed = session.generate(question)
    assert replayed.metrics.from_response_cache
    assert replayed.outcome.ending == "raised"
    assert replayed.agreement is None


def test_only_numbers_of_it_are_recorded(ask_with) -> None:
    result, _ = ask_with(Sampling(RAISES, TOTAL, TOTAL))
    record = result.record()
    assert record["tried"] == "ran"
    assert record["agreement"] == {"agreeing": 2, "tried": 3, "is_first": False}
    # Times may have any digits.
    assert "6.0" not in str({**record, "metrics": {}})


def test_matplotlib_is_not_imported_for_it(ask_with) -> None:
    had_it = "matplotlib.pyplot" in sys.modules
    ask_with(Sampling(TOTAL))
    assert ("matplotlib.pyplot" in sys.modules) is had_it


class TestTests:
    """Tests that an answer has written are run against what they test."""

    @pytest.fixture
    def outcome_of(self, tmp_path) -> Callable[[str], Any]:
        def halve(number: float) -> float:
            return number / 2

        def outcome_of(code: str) -> Any:
            config = Config(file=tmp_path / "none.toml")
            question = Ask(
                sources=ContextSources(request="Test halve", task="test"),
                settings=config.settings,
                live_namespace={"halve": halve},
                tested="halve",
            )
            engine = ScriptedEngine([in_python(code)])
            return Session(config=config, engine=engine).generate(question).outcome

        return outcome_of

    def test_those_that_pass_are_counted(self, outcome_of) -> None:
        outcome = outcome_of(
            "def test_two():\n    assert halve(2) == 1\n\n"
            "def test_four():\n    assert halve(4) == 2"
        )
        assert outcome.ending == "ran"
        assert [(t.name, t.error, t.tests_nothing) for t in outcome.tests] == [
            ("test_four", "", False),
            ("test_two", "", False),
        ]
        assert "2 tests pass" in outcome_line(outcome)

    def test_one_that_fails_says_where(self, outcome_of) -> None:
        outcome = outcome_of("def test_two():\n    assert halve(2) == 2")
        assert outcome.ending == "raised"
        assert outcome.tests[0].error.startswith("AssertionError")
        assert "in `test_two`" in outcome_line(outcome)

    def test_one_that_tests_nothing_is_named(self, outcome_of) -> None:
        outcome = outcome_of("def test_it_runs():\n    halve(2)")
        assert outcome.tests[0].tests_nothing
        assert "`test_it_runs` tests nothing" in outcome_line(outcome)

    def test_cases_of_unittest_are_run(self, outcome_of) -> None:
        outcome = outcome_of(
            "import unittest\n\nclass TestHalve(unittest.TestCase):\n"
            "    def setUp(self):\n        self.two = 2\n"
            "    def test_two(self):\n        self.assertEqual(halve(self.two), 1)\n"
            "    def test_text(self):\n"
            "        with self.assertRaises(TypeError):\n            halve('2')\n"
        )
        assert [test.name for test in outcome.tests] == [
            "TestHalve.test_text",
            "TestHalve.test_two",
        ]
        assert not any(test.error or test.tests_nothing for test in outcome.tests)

    def test_a_class_is_set_up_before_its_cases(self, outcome_of) -> None:
        outcome = outcome_of(
            "import unittest\n\nclass TestHalve(unittest.TestCase):\n"
            "    @classmethod\n    def setUpClass(cls):\n        cls.two = 2\n"
            "    @classmethod\n    def tearDownClass(cls):\n        del cls.two\n"
            "    def test_four(self):\n        self.assertEqual(halve(2 * self.two), 2)\n"
            "    def test_two(self):\n        self.assertEqual(halve(self.two), 1)\n"
            "    def test_idle(self):\n        halve(self.two)\n"
        )
        assert [(t.name.partition(".")[2], t.error, t.tests_nothing) for t in outcome.tests] == [
            ("test_four", "", False),
            ("test_idle", "", True),
            ("test_two", "", False),
        ]

    def test_that_none_is_returned_can_be_tested(self, outcome_of) -> None:
        outcome = outcome_of(
            "def halve(number):\n    return number / 2 if number else None\n\n"
            "def test_nothing():\n    assert halve(0) is None\n"
        )
        assert [(t.error, t.tests_nothing) for t in outcome.tests] == [("", False)]

    @pytest.mark.parametrize(
        ("body", "error", "tests_nothing"),
        [
            ("assert await halve(2) == 1", "", False),
            ("assert await halve(2) == 2", "AssertionError", False),
            ("await halve(2)", "", True),
        ],
    )
    def test_what_is_asynchronous_is_awaited(
        self, outcome_of, body: str, error: str, tests_nothing: bool
    ) -> None:
        outcome = outcome_of(
            "later = halve\n"
            "async def halve(number):\n    return later(number)\n\n"
            f"async def test_later():\n    {body}\n"
        )
        (test,) = outcome.tests
        assert test.error.startswith(error)
        assert bool(test.error) is bool(error)
        assert test.tests_nothing is tests_nothing

    def test_bare_assertions_are_run_as_code(self, outcome_of) -> None:
        outcome = outcome_of("assert halve(2) == 1\nif halve:\n    assert halve(4) == 2")
        assert outcome.ending == "ran"
        assert outcome_line(outcome).endswith(" s · 2 assertions hold")
        assert outcome_of("assert halve(2) == 2").error_type == "AssertionError"

    def test_one_that_needs_a_fixture_is_left_alone(self, outcome_of) -> None:
        outcome = outcome_of("def test_file(tmp_path):\n    assert 0")
        assert outcome.tests == ()
        assert outcome_line(outcome).endswith(" s · defines `test_file`")


def edit_of(
    cell: str | Cell, edited: str, tmp_path: Any, namespace: dict[str, Any], **settings: Any
) -> GenerationResult:
    config = Config(file=tmp_path / "none.toml")
    rewrite = Rewrite.of(Cell(source=cell, cell_id="c") if isinstance(cell, str) else cell)
    question = Ask(
        sources=ContextSources(
            request=f"nicer: {rewrite.cell.source}", task="edit", rewrite=rewrite
        ),
        settings=config.with_overrides(settings),
        live_namespace=namespace,
    )
    return Session(config=config, engine=ScriptedEngine([in_python(edited)])).generate(question)


@pytest.mark.parametrize(
    ("edited", "note"),
    [
        (TOTAL, "Before the change, the cell printed `6.0`."),
        ("print(total := sum(prices))", None),
    ],
)
def test_what_a_cell_takes_is_not_what_it_printed(tmp_path, namespace, edited, note) -> None:
    # As `%%time` does.
    times = "print('CPU times: user', time_ns() % 1_000_003); print('Wall time: 5 μs')"
    times = f"from time import time_ns; {times}"
    cell = f"print(sum(prices)); {times}"
    result = edit_of(cell, f"{edited}\n{times if note is None else ''}", tmp_path, namespace)
    assert result.notes == ((note,) if note else ())


@pytest.mark.parametrize(
    ("cell", "edited", "note"),
    [
        (TOTAL, "total = sum(prices)\ntotal", "The edited cell gives the same as before."),
        (TOTAL, "max(prices)", "Before the change, the cell gave 6.0."),
        (RAISES, TOTAL, "Before the change, the cell raised TypeError."),
        ("print(sum(prices))", TOTAL, "Before the change, the cell printed `6.0`."),
        ("total = sum(prices)", TOTAL, None),
        ("total = sum(prices)", "whole = sum(prices)", None),
        (TOTAL, "float(sum(prices) + 1e-9)", None),
        (f"print('Total:', {TOTAL})", f"print('Total:  ', {TOTAL})", None),
        ("import time; time.sleep(9)", TOTAL, None),
    ],
)
def test_an_edited_cell_is_compared_with_what_it_was(
    tmp_path, namespace, cell, edited, note
) -> None:
    result = edit_of(cell, edited, tmp_path, namespace, try_timeout_s=0.5)
    assert result.outcome.ending == "ran"
    assert result.notes == ((note,) if note else ())


FAILED = ErrorInfo(ename="KeyError", evalue="'tmp'")


@pytest.mark.parametrize(
    ("run", "note"),
    [
        ({"execution_count": 3}, "Run again now, the old cell raises KeyError."),
        ({"execution_count": 3, "error": FAILED}, "Before the change, the cell raised KeyError."),
        (
            {"execution_count": 3, "error": replace(FAILED, ename="NameError")},
            "Run again now, the old cell raises KeyError.",
        ),
        ({"was_run": False}, "Before the change, the cell raised KeyError."),
    ],
)
def test_a_cell_that_fails_only_after_itself_is_not_said_to_have_failed(
    tmp_path, namespace, run, note
) -> None:
    namespace["rows"] = {"kept": 1}
    cell = Cell(source="rows.pop('tmp')", **run)
    assert edit_of(cell, "rows.pop('tmp', None)", tmp_path, namespace).notes[-1] == note


PLOT = (
    "import matplotlib.pyplot as plt\nfigure, axes = plt.subplots()\naxes.bar([1, 2], prices[:2])"
)
TABLE = "import pandas as pd\npd.DataFrame({'Preis': prices})"


@pytest.mark.parametrize(
    ("cell", "edited", "note"),
    [
        (PLOT, f"{PLOT[:-1]}, color='red')", "The figure shows the same data as before."),
        (PLOT, f"{PLOT}\naxes.set_title('Prices')", "The figure shows the same data as before."),
        (
            PLOT,
            PLOT.replace("subplots()", "subplots(figsize=(9, 9))"),
            "The figure shows the same data as before.",
        ),
        (PLOT, PLOT.replace("axes", "ax"), "The edited cell gives the same as before."),
        (PLOT, PLOT.replace("prices[:2]", "prices[1:]"), None),
        (TABLE, TABLE.replace("Preis", "price"), "The table holds the same data as before."),
        (f"{TABLE}.style", f"{TABLE}.style.highlight_max()", None),
        (TABLE, TABLE.replace("'Preis'", '"Preis"'), "The edited cell gives the same as before."),
        ("set(prices)", "{*prices}", "The edited cell gives the same as before."),
        (
            TABLE.replace("pd.D", "frame = pd.D"),
            TABLE.replace("pd.D", "frame = pd.D").replace("Preis", "price"),
            None,
        ),
    ],
)
def test_what_only_looks_different_is_not_said_to_be_the_same(
    tmp_path, namespace, cell, edited, note
) -> None:
    result = edit_of(cell, edited, tmp_path, namespace)
    assert result.notes == ((note,) if note else ())


@pytest.mark.parametrize("words", ["you forgot to sort", "please sort it as well"])
def test_the_same_code_once_more_is_no_answer_to_what_is_said_about_it(
    tmp_path, namespace, words
) -> None:
    engine = Sampling(TOTAL, "sorted(prices)", "sorted(prices)")
    result, events = rejecting(tmp_path, namespace, words, engine, TOTAL)
    assert result.code == "sorted(prices)"
    (revised,) = [event for event in events if isinstance(event, Revised)]
    assert revised.reason == "the first one does the same as the answer before"
    again, _ = rejecting(tmp_path, namespace, words, Sampling(TOTAL, TOTAL), TOTAL)
    assert (again.code, again.notes) == (TOTAL, (SAME_ANSWER,))


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("add a comment to each line", f"# adds up all the prices\n{TOTAL}"),
        ("put it in brackets", f"({TOTAL})"),
        ("are you sure?", TOTAL),
    ],
)
def test_what_is_only_written_in_another_way_is_what_may_be_wanted(
    tmp_path, namespace, words, code
) -> None:
    engine = Sampling(code, "sorted(prices)", "sorted(prices)")
    result, _ = rejecting(tmp_path, namespace, words, engine, TOTAL)
    assert (result.code, result.notes) == (code, ())


def test_who_asks_about_the_code_may_get_it_again(tmp_path, namespace) -> None:
    words = "This adds up all the prices. " * 5
    engine = ScriptedEngine([f"{words}\n\n{in_python(TOTAL)}"])
    result, _ = rejecting(tmp_path, namespace, "what does it do?", engine, TOTAL)
    assert result.notes == ()


@pytest.mark.filterwarnings("default")
@pytest.mark.skipif(int(pd.__version__.split(".")[0]) < 3, reason="before pandas 3 it may work")
def test_a_change_of_a_copy_is_no_answer(ask_with, namespace) -> None:
    namespace["sales"] = pd.DataFrame({"units": [1.0, None]})
    # What is given to a function is not known to be a frame, so this stays as it was written.
    in_vain = "def fill(t):\n    t['units'].fillna(0, inplace=True)\nfill(sales)\nsales"
    works = "sales['units'] = sales['units'].fillna(0)\nsales"
    result, events = ask_with(Sampling(in_vain, works, works))
    assert result.code == works
    (revised,) = [event for event in events if isinstance(event, Revised)]
    assert revised.reason == "the first one changes a copy only"
    result, _ = ask_with(Sampling(in_vain, in_vain))
    assert result.notes == (CHANGES_A_COPY, "1 other answer was tried; none is better.")


def test_an_answer_in_other_colours_does_not_repeat_a_rejected_one(tmp_path, namespace) -> None:
    red = f"{PLOT[:-1]}, color='red')"
    engine = Sampling(red, TOTAL)
    result, _ = rejecting(tmp_path, namespace, "no, make the bars red", engine, PLOT)
    assert (result.code, result.notes) == (red, ())
    assert engine.sampled == []


def test_what_cannot_be_looked_at_in_full_repeats_a_rejected_answer(tmp_path, namespace) -> None:
    counted = "from collections import Counter\nCounter(prices)"
    engine = Sampling(counted.replace("prices", "list(prices)"), counted)
    result, _ = rejecting(tmp_path, namespace, "no, that is wrong", engine, counted)
    assert result.notes[-1] == SAME_AGAIN
    assert engine.sampled


def test_another_answer_that_loses_a_line_with_a_secret_says_so(ask_with) -> None:
    mark = "# (a line with a secret was left out)"
    cell = Cell(source="api_key = 'sk-ant-0123456789abcdef0123456789'\nnothing_like_it")
    rewrite = Rewrite.of(cell)
    sources = ContextSources(request=f"Repair {rewrite.text}", task="fix", rewrite=rewrite)
    whole = f"{mark}\n{TOTAL}"
    result, _ = ask_with(Sampling(f"{mark}\n{RAISES}", "0", whole, whole), sources=sources)

    assert result.code == whole
    assert [other.code for other in result.alternatives] == ["0"]
    (lossy,) = alternatives_data(result)
    assert "the mark of a line with a secret" in lossy["obstacle"]


def test_a_cell_with_something_else_wrong_is_left_to_the_model(ask_with) -> None:
    engine = Sampling("sum(nothing_like_it)", TOTAL, TOTAL)
    cell = Cell(source="sum(nothing_like_it)", execution_count=1)
    sources = ContextSources(request="Repair it", task="fix", rewrite=Rewrite.of(cell))
    result, _ = ask_with(engine, sources=sources)

    assert result.code == TOTAL


ONLY_ONCE = "Run again now, the old cell raises KeyError."
RUN = {"execution_count": 3}


def of_a_table(task: Task, source: str, **cell: Any) -> ContextSources:
    error = cell.pop("to_repair", None)
    rewrite = Rewrite.of(Cell(source=source, **cell))
    request = f"only three: {source}"
    return ContextSources(request=request, task=task, rewrite=rewrite, error=error)


def test_an_edit_that_fails_at_what_the_cell_has_done_already_is_not_doubted(
    ask_with, namespace
) -> None:
    namespace["sales"] = pd.DataFrame({"units": [1.0, 2.0]})
    drop = "sales = sales.drop(columns='old')"
    engine = Sampling(f"{drop}\nsales.head(3)", "sales.head(3)", "sales.head(3)")
    sources = of_a_table("edit", f"{drop}\nsales.head()", **RUN)
    result, _ = ask_with(engine, sources=sources)
    assert result.code == f"{drop}\nsales.head(3)"
    assert (result.notes, result.findings) == ((ONLY_ONCE,), ())
    assert engine.sampled == []
    assert result.metrics.tries == 2


NOT_HERE = "sales = sales.set_index('old')"
REPAIRED = ErrorInfo(ename="KeyError", evalue="'unit'", line="sales['unit']")


@pytest.mark.parametrize(
    ("task", "cell", "edited"),
    [
        # It was not run, it failed so before, or nobody knows what it failed with.
        ("edit", {"was_run": False}, NOT_HERE),
        ("edit", RUN | {"error": replace(REPAIRED, line=NOT_HERE)}, NOT_HERE),
        ("fix", RUN | {"to_repair": replace(REPAIRED, line=NOT_HERE)}, NOT_HERE),
        ("fix", RUN, NOT_HERE),
        # It fails in what is new, or in another way.
        ("edit", RUN, "sales = sales.set_index('older')"),
        ("edit", RUN, f"sales = 0\n{NOT_HERE}"),
    ],
)
def test_a_new_cell_that_fails_of_its_own_is_doubted(
    ask_with, namespace, task, cell, edited
) -> None:
    namespace["sales"] = pd.DataFrame({"units": [1.0, 2.0]})
    engine = Sampling(f"{edited}\nsales['units']", "sales", "sales")
    sources = of_a_table(task, f"{NOT_HERE}\nsales['unit']", **cell)
    result, _ = ask_with(engine, sources=sources)
    assert result.code == "sales"


def test_a_repair_that_fails_at_what_the_cell_has_done_already_is_not_doubted(
    ask_with, namespace
) -> None:
    namespace["sales"] = pd.DataFrame({"units": [1.0, 2.0]})
    repair = f"{NOT_HERE}\nsales['units']"
    sources = of_a_table("fix", f"{NOT_HERE}\nsales['unit']", to_repair=REPAIRED, **RUN)
    engine = Sampling(repair, "sales", "sales")
    result, _ = ask_with(engine, sources=sources)
    assert result.code == repair
    assert (result.notes, result.findings) == ((ONLY_ONCE,), ())
    assert engine.sampled == []


class Continuing(Sampling):
    """Goes on with what an answer begins with, as a model in this process does."""

    goes_on = True

    def generate_batch(self, requests, *, on_result, job) -> None:
        self.sampled = list(requests)
        for index, rest in enumerate(self.samples):
            done = ScriptedEngine([rest]).generate(requests[index], Job())
            on_result(index, rest, done)


FAILED = f"low = min(prices)\n{RAISES}"


def repair_of(source: str, *, line: str = RAISES) -> ContextSources:
    error = ErrorInfo(ename="TypeError", evalue="no such index", source=source, line=line)
    rewrite = Rewrite.of(Cell(source=source))
    return ContextSources(request="Repair it", task="fix", rewrite=rewrite, error=error)


def test_other_repairs_begin_with_what_stands_above_the_fault(ask_with) -> None:
    engine = Continuing(FAILED, f"{TOTAL} - low\n```", f"{TOTAL} - low\n```")
    result, _ = ask_with(engine, sources=repair_of(FAILED))

    assert result.code == f"low = min(prices)\n{TOTAL} - low"
    for request in engine.sampled:
        assert request.prompt.answer_begin == "```python\nlow = min(prices)\n"
        assert request.sampling.repetition_penalty == 1.2
    seeds = {request.sampling.seed for request in engine.sampled}
    assert len(seeds) == len(engine.sampled)


def test_a_penalty_of_the_user_s_own_stays(ask_with) -> None:
    engine = Continuing(FAILED, f"{TOTAL}\n```")
    ask_with(engine, sources=repair_of(FAILED), repetition_penalty=1.05)
    assert {request.sampling.repetition_penalty for request in engine.sampled} == {1.05}


def test_a_server_which_begins_anew_is_asked_for_whole_repairs(ask_with) -> None:
    repaired = f"low = min(prices)\n{TOTAL} - low"
    engine = Sampling(FAILED, repaired, repaired)
    result, _ = ask_with(engine, sources=repair_of(FAILED))
    assert result.code == repaired
    assert {request.prompt.answer_begin for request in engine.sampled} == {""}


@pytest.mark.parametrize(
    "sources",
    [
        repair_of(RAISES),
        repair_of(f"x = '{'a' * 2_000}'\n{RAISES}"),
        repair_of(f"{FAILED}\n{RAISES}"),
        repair_of(FAILED, line=""),
        repair_of(FAILED, line="somewhere else"),
        repair_of(f"text = '```'\n{RAISES}"),
        replace(repair_of(FAILED), error=None),
        replace(repair_of(FAILED), task="edit"),
    ],
)
def test_where_the_fault_is_not_known_others_are_asked_for_whole(ask_with, sources) -> None:
    engine = Sampling(RAISES, TOTAL, TOTAL)
    result, _ = ask_with(engine, sources=sources)
    assert result.code == TOTAL
    for request in engine.sampled:
        assert request.prompt.answer_begin == ""
        assert request.sampling.repetition_penalty == 1.0


@pytest.mark.parametrize(
    ("cell", "line", "kept"),
    [
        ("a = 1\n\n\n@cache\ndef f():\n    return a.b\nf()", "return a.b", "a = 1\n\n\n"),
        ("a = 1\nf(\n    a.b,\n)", "a.b,", "a = 1\n"),
        ("%%time\na = 1\na.b", "a.b", "a = 1\n"),
        ("a = 1\nfor b in", "for b in", ""),
        ("%%bash\nls\nls x", "ls x", ""),
    ],
)
def test_what_is_kept_ends_where_the_statement_at_fault_begins(cell, line, kept) -> None:
    assert kept_beginning(repair_of(cell, line=line)) == kept


@pytest.mark.parametrize(
    ("cell", "line", "begin"),
    [
        ("a = 1\n\n# the sum\nb = a.b\nb", "b = a.b", "a = 1\n\n# the sum\nb"),
        ("df[\n    'a'\n]", "df[", "df"),
        ("(a.b)", "(a.b)", "("),
        # What Python cannot read, and what stands in several places, says nothing of the place.
        ("a = 1\nfor b in", "for b in", "a"),
        ("a.b\na.b", "a.b", "a"),
        (f"x = '{'a' * 2_000}'\na.b", "a.b", "x"),
        ("# only a comment", "", ""),
        ("%%bash\nls x", "ls x", ""),
    ],
)
def test_a_first_repair_begins_as_the_cell_does_with_a_word_of_what_failed(
    cell, line, begin
) -> None:
    assert repair_beginning(repair_of(cell, line=line)) == begin
    assert repair_beginning(replace(repair_of(cell, line=line), task="edit")) == ""
    assert repair_beginning(replace(repair_of(cell, line=line), error=None)) == ""


class CutOff(Sampling):
    """Comes to its limit before its samples end."""

    def generate_batch(self, requests, *, on_result, job) -> None:
        def cut_off(index: int, text: str, done: Done) -> None:
            on_result(index, text, replace(done, finish_reason="length"))

        super().generate_batch(requests, on_result=cut_off, job=job)


def test_repairs_that_were_cut_off_have_no_vote(ask_with) -> None:
    engine = CutOff(f"{RAISES}\n0", TOTAL, TOTAL)
    result, _ = ask_with(engine, sources=repair_of(RAISES))
    assert len(engine.sampled) > 1
    assert result.code == f"{RAISES}\n0"


class GoingOn(ScriptedEngine):
    """Says the rest of an answer that it is given the beginning of."""

    goes_on = True


@pytest.mark.parametrize(
    ("cell", "kind", "message", "begin"),
    [
        # What may be mistyped, or comes after something that is missing, is not given.
        ("improt math", "SyntaxError", "invalid syntax", ""),
        ("x = 1\nwhlie x:\n    x", "SyntaxError", "invalid syntax", "x"),
        ("for x y:\n    x", "SyntaxError", "invalid syntax", "for"),
        ("prices[0", "SyntaxError", "'[' was never closed", "prices"),
        ("new = (1", "SyntaxError", "'(' was never closed", "new"),
        ("pricse[0]", "NameError", "name 'pricse' is not defined", ""),
        ("prices[where]", "NameError", "name 'where' is not defined", "prices"),
        ("model.predict(x)", "NotFittedError", "not fitted yet", ""),
    ],
)
def test_a_word_that_may_be_wrong_is_not_what_a_repair_begins_with(
    cell, kind, message, begin
) -> None:
    line = cell.split("\n")[-1].strip()
    error = ErrorInfo(ename=kind, evalue=message, source=cell, line=line)
    sources = replace(repair_of(cell), error=error, namespace={"prices": []})
    assert repair_beginning(sources) == begin


def test_a_repair_in_a_batch_has_its_beginning_too(tmp_path, namespace) -> None:
    cells = ["low = minimum(prices)", "high = maximum(prices)"]
    session = Session(
        config=Config(file=tmp_path / "none.toml"), engine=GoingOn([" = 1\n```", " = 2\n```"])
    )
    asks = [
        Ask(
            sources=repair_of(cell, line=cell),
            settings=session.config.with_overrides({"tries": "off"}),
            live_namespace=namespace,
        )
        for cell in cells
    ]
    for count in (1, 2):
        items = session.generate_batch(asks[:count])
        assert [item.result.code.split(" ")[0] for item in items] == ["low", "high"][:count]


def test_a_beginning_that_leaves_no_room_for_an_answer_is_not_given(tmp_path, namespace) -> None:
    engine = GoingOn([in_python("low = 1")], context_window=400)
    session = Session(config=Config(file=tmp_path / "none.toml"), engine=engine)
    question = Ask(
        sources=repair_of(f"x = '{'a' * 400}'\n{RAISES}"),
        settings=session.config.with_overrides({"tries": "off", "max_new_tokens": 256}),
        live_namespace=namespace,
    )
    session.generate(question)
    assert engine.requests[0].prompt.answer_begin == ""


def test_the_model_goes_on_from_that_beginning_and_the_answer_has_it(ask_with) -> None:
    cell = "low = minimum(prices)"
    engine = GoingOn([" = min(prices)\nlow\n```"])
    result, events = ask_with(engine, sources=repair_of(cell, line=cell), tries="off")
    assert result.code == "low = min(prices)\nlow"
    assert engine.requests[0].prompt.answer_begin == "```python\nlow"
    chunks = [event for event in events if isinstance(event, Chunk)]
    assert chunks[0].text.startswith("```python\nlow ")


@pytest.mark.parametrize("changes", [{"is_for_hint": True}, {"is_chat": False}, {"kept": 2_000}])
def test_where_it_cannot_go_on_so_it_begins_by_itself(tmp_path, namespace, changes) -> None:
    engine = GoingOn([in_python("low = 1")], is_chat=changes.get("is_chat", True))
    session = Session(config=Config(file=tmp_path / "none.toml"), engine=engine)
    above = "a" * changes.get("kept", 1)
    question = Ask(
        sources=repair_of(f"x = '{above}'\n{RAISES}"),
        settings=session.config.with_overrides({"tries": "off"}),
        live_namespace=namespace,
        is_for_hint=changes.get("is_for_hint", False),
    )
    session.generate(question)
    begin = engine.requests[0].prompt.answer_begin
    assert begin == ("```python\nx" if "kept" in changes else "")


@pytest.mark.parametrize(
    ("code", "is_check"),
    [
        ("assert f(2) == 4", True),
        ("np.testing.assert_allclose(f(2), 4)", True),
        ("with pytest.raises(ValueError):\n    f('a')", True),
        ("if f(2) != 4:\n    raise AssertionError", True),
        ("import doctest\ndoctest.testmod()", True),
        ("def f(x):\n    assert x\n    return x", False),
        ("f(2)", False),
        ("", False),
    ],
)
def test_what_checks_something(code, is_check) -> None:
    assert checks_something(code, tested="f") is is_check


def test_a_number_where_one_of_a_column_s_texts_is_asked_for_gives_way(ask_with, namespace) -> None:
    namespace["sales"] = pd.DataFrame({"region": ["north", "south"], "units": [3, 1]})
    best = "sales.loc[sales.units.idxmax(), 'region']"
    engine = Sampling("sales.units.max()", best, best, "sales.units.max() + 0")
    sources = ContextSources(request="Which region sells the most units?")
    result, events = ask_with(engine, sources=sources)
    assert result.code == best
    (revised,) = [event for event in events if isinstance(event, Revised)]
    assert revised.reason == "the first one gives no region"


def test_a_text_that_no_row_holds_gives_way_and_is_told_where_it_stays(ask_with, namespace) -> None:
    namespace["sales"] = pd.DataFrame({"region": ["North", "South"], "units": [3, 1]})
    in_vain, found = (f"sales[sales.region == '{name}'].units.sum()" for name in ("north", "North"))
    sources = ContextSources(request="how many units were sold in the north?")
    result, events = ask_with(Sampling(in_vain, found), sources=sources)
    assert result.code == found
    (revised,) = [event for event in events if isinstance(event, Revised)]
    assert revised.reason == "the first one looks for `'north'` in vain"
    result, _ = ask_with(Sampling(in_vain, in_vain), sources=sources)
    assert "No row of `sales.region` is `'north'`; it holds `'North'`." in result.notes


MEANS = "sales['mean'] = sales.groupby('region')['units'].mean()"
EACH = "sales['mean'] = sales.groupby('region')['units'].transform('mean')"


def test_means_of_groups_that_fit_no_row_give_way(ask_with, namespace) -> None:
    namespace["sales"] = pd.DataFrame({"region": ["north", "south"], "units": [3, 1]})
    sources = ContextSources(request="add the mean units per region")
    result, events = ask_with(Sampling(MEANS, EACH), sources=sources)
    assert result.code == EACH
    (revised,) = [event for event in events if isinstance(event, Revised)]
    assert revised.reason == "the first one leaves a column without values"
    result, _ = ask_with(Sampling(MEANS, MEANS), sources=sources)
    assert LEAVES_BLANK in result.notes


LETTERS = "sales['size'] = sales.units.map({2: 'big', 0: 'small'})"
BY_LIMIT = "sales['size'] = ['big' if units > 2 else 'small' for units in sales.units]"


@pytest.mark.parametrize(
    ("request_text", "is_doubted"),
    [
        ("add a column size: big above 2 units, else small", True),
        ("add an empty column size, to be filled in later", False),
    ],
)
def test_a_column_that_is_left_without_values_gives_way(
    ask_with, namespace, request_text, is_doubted
) -> None:
    namespace["sales"] = pd.DataFrame({"region": ["north", "south"], "units": [3, 1]})
    engine = Sampling(LETTERS, BY_LIMIT, LETTERS, BY_LIMIT)
    result, events = ask_with(engine, sources=ContextSources(request=request_text))
    assert result.code == (BY_LIMIT if is_doubted else LETTERS)
    reasons = [event.reason for event in events if isinstance(event, Revised)]
    assert reasons == (["the first one leaves a column without values"] if is_doubted else [])


def test_what_is_made_has_the_name_that_was_asked_for(ask_with, namespace) -> None:
    namespace["sales"] = pd.DataFrame({"units": [3, 1]})
    engine = Sampling("sales['Double'] = sales['units'] * 2")
    request = ContextSources(request="add a double column to sales")
    result, _ = ask_with(engine, sources=request)
    assert result.code == "sales['double'] = sales['units'] * 2"
    assert result.notes == ("Named `double`, as you asked.",)
    assert engine.sampled == []


def test_another_number_of_rows_than_was_asked_for_gives_way(ask_with, namespace) -> None:
    namespace["students"] = pd.DataFrame({"name": list("abcdefg"), "maths": range(7)})
    best = "students.nlargest(2, 'maths')"
    engine = Sampling("students.nlargest(5, 'maths')", best, best)
    sources = ContextSources(request="show the top 2 students in maths")
    result, events = ask_with(engine, sources=sources)
    assert (result.code, result.notes) == (best, ())
    (revised,) = [event for event in events if isinstance(event, Revised)]
    assert revised.reason == "the first one gives 5 rows"


def test_columns_get_the_names_that_were_asked_for(ask_with, namespace) -> None:
    namespace["sales"] = pd.DataFrame({"arm": ["a", "b", "a"], "units": [1, 2, 4]})
    summary = "sales.groupby('arm')['units'].agg(['mean', 'count'])"
    engine = Sampling(f"found = {summary}\nfound", summary)
    sources = ContextSources(request='units per arm, columns "mean" and "n"')
    result, _ = ask_with(engine, sources=sources)
    renamed = 'found = found.rename(columns={"count": "n"})'
    assert result.code == f"found = {summary}\n{renamed}\nfound"
    assert result.outcome.preview.table.header == ("arm", "mean", "n")
    assert result.notes == ("Named the column `n`, as you asked.",)
    assert result.findings == ()
    assert engine.sampled == []


@pytest.mark.parametrize(
    ("code", "read"),
    [
        (
            "sales['price'] = pd.to_numeric(sales['price'], errors='coerce')",
            "sales['price'] = pd.to_numeric(sales['price']{}, errors='coerce')",
        ),
        (
            "sales['price'] = sales['price'].str.replace('$', '').astype(float)",
            "sales['price'] = sales['price']{}.astype(float)",
        ),
    ],
)
def test_numbers_that_are_texts_are_read(ask_with, namespace, code, read) -> None:
    namespace |= {"sales": pd.DataFrame({"price": ["$1,200", "$7.5"]}), "pd": pd}
    engine = Sampling(code)
    sources = ContextSources(request="price in sales is text like $1,200, make it a number")
    result, _ = ask_with(engine, sources=sources)
    assert result.code == read.format('.str.replace(r"[^\\d.+-]", "", regex=True)')
    assert result.outcome.has_run
    assert [note.partition(":")[0] for note in result.notes] == [
        "`price` holds texts such as `$1,200`"
    ]
    assert engine.sampled == []


def test_other_texts_stay_as_they_are(ask_with, namespace) -> None:
    namespace |= {"sales": pd.DataFrame({"price": ["$1,200", "free"]}), "pd": pd}
    code = "sales['price'] = sales['price'].astype(float)"
    result, _ = ask_with(
        Sampling(code), sources=ContextSources(request="make price in sales a number")
    )
    assert result.code == code
    assert result.outcome.ending == "raised"


def test_what_does_not_sort_as_asked_gives_way_and_says_so_where_it_stays(ask_with) -> None:
    best = "sorted(prices, reverse=True)"
    sources = ContextSources(request="all prices, highest first")
    result, events = ask_with(Sampling("list(prices)", best, best), sources=sources)
    assert (result.code, result.notes) == (best, ())
    (revised,) = [event for event in events if isinstance(event, Revised)]
    assert revised.reason == "the first one sorts nothing"
    result, _ = ask_with(Sampling("list(prices)", "list(prices)"), sources=sources)
    assert result.notes[0] == "The request asks for an order; this sorts nothing."


def test_an_edit_that_keeps_another_number_of_rows_says_so(ask_with, namespace) -> None:
    namespace["students"] = pd.DataFrame({"name": list("abcdefg"), "maths": range(7)})
    cell = "students.sort_values('maths', ascending=False)"
    rewrite = Rewrite.of(Cell(source=cell, cell_id="c", execution_count=1))
    request = edit_request("only the top 2", rewrite.text)
    sources = ContextSources(request=request, task="edit", rewrite=rewrite)
    result, _ = ask_with(Sampling(f"{cell}[2:]", f"{cell}[1:]"), sources=sources)
    assert result.code == f"{cell}[2:]"
    assert result.notes[-1] == "This gives 5 rows; 2 were asked for."
    result, _ = ask_with(Sampling(f"{cell}[2:]", f"{cell}[:2]"), sources=sources)
    assert result.code == f"{cell}[:2]"
    assert not any("asked for" in note for note in result.notes)


def test_a_table_is_laid_out_as_it_was_asked_for(ask_with, namespace) -> None:
    namespace["sales"] = pd.DataFrame(
        {"store": ["A", "A", "B"], "payment": ["card", "cash", "card"], "units": [1, 2, 4]}
    )
    counted = "sales.groupby(['store', 'payment'])['units'].sum()"
    sources = ContextSources(request="units, stores as rows and payment types as columns")
    result, _ = ask_with(Sampling(counted), sources=sources)
    assert result.code == f'{counted}.unstack("payment")'
    assert result.outcome.preview.table.header == ("store", "card", "cash")
    assert result.notes == ("Put `payment` into the columns, as you asked.",)


def test_an_index_becomes_a_column_and_gets_its_name(ask_with, namespace) -> None:
    namespace["cars"] = pd.DataFrame({"origin": ["usa", "japan"], "mpg": [20.0, 30.0]})
    means = "cars.groupby('origin')['mpg'].mean()"
    sources = ContextSources(
        request='mean per origin. Return a DataFrame with "Origin" and "Average MPG" as columns.'
    )
    result, _ = ask_with(Sampling(means), sources=sources)
    assert result.outcome.preview.table.header == ("", "Origin", "Average MPG")
    assert result.notes == (
        "Made the index a column, `origin`, as you asked.",
        "Named columns `Origin` and `Average MPG`, as you asked.",
    )


def test_only_the_missing_values_are_filled(ask_with, namespace) -> None:
    namespace["staff"] = pd.DataFrame({"team": list("aabb"), "age": [20, None, 30, 40]})
    all_of_them = "staff['age'] = staff.groupby('team')['age'].transform('median')"
    best = "staff['age'] = staff['age'].fillna(staff.groupby('team')['age'].transform('median'))"
    sources = ContextSources(request="fill the missing age in staff with the median of the team")
    result, events = ask_with(Sampling(all_of_them, best, best), sources=sources)
    assert (result.code, result.notes) == (best, ())
    (revised,) = [event for event in events if isinstance(event, Revised)]
    assert revised.reason == "the first one changes values that were not missing"
    result, _ = ask_with(Sampling(all_of_them), sources=sources)
    assert "This changes 2 values of `age` that were not missing." in result.notes


def test_another_variable_than_was_spoken_of_gives_way(ask_with, namespace) -> None:
    namespace |= {"trial": pd.DataFrame({"dose": [1, 2]}), "done": pd.DataFrame({"dose": [1]})}
    best = "trial['dose'].sum()"
    sources = ContextSources(request="sum of the doses of all patients of trial")
    result, events = ask_with(Sampling("done['dose'].sum()", best, best), sources=sources)
    assert (result.code, result.notes) == (best, ())
    (revised,) = [event for event in events if isinstance(event, Revised)]
    assert revised.reason == "the first one does without “trial”"
    result, _ = ask_with(Sampling("done['dose'].sum()"), sources=sources)
    assert "The request names “trial”, which this code does not." in result.notes
