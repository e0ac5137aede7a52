"""An answer whose words go round in circles ends where they begin to."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest

from codeface_jupyter.config import Config
from codeface_jupyter.context import ContextSources
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.generation import Revised
from codeface_jupyter.prompts import without_repetition
from codeface_jupyter.session import Session
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.view.answer_view import TextView

BEGINNING = "The table holds what was sold. Each row of it is one sale in one of the regions."
CIRCLE = " The units are the number of things sold. The price is that of one of these things."
CODE = "```python\nprint('a line that is long enough')\nprint('and another line like it')\n```\n"


@pytest.mark.parametrize(
    "text",
    [
        f"{BEGINNING}{CIRCLE}{CIRCLE} The units",
        f"{BEGINNING}{CIRCLE}{CIRCLE}{CIRCLE}{CIRCLE}",
        f"{BEGINNING}{CIRCLE}{CIRCLE}\n",
    ],
)
def test_it_is_cut_where_it_says_again_what_it_has_said(text):
    assert without_repetition(text) == BEGINNING + CIRCLE


def test_one_sentence_again_and_again():
    once = "The price can be a number or nothing, as it was sold."
    assert without_repetition(" ".join([once] * 5) + " ") == once


def test_lines_of_a_list():
    lines = "- `units`: the number of units sold in each region\n- `price`: what one costs\n"
    assert without_repetition(f"Columns:\n{lines * 3}") == f"Columns:\n{lines.rstrip()}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        BEGINNING + CIRCLE,
        # What is not whole yet may still become something else.
        f"{BEGINNING}{CIRCLE} The units are the number of things sold. The price",
        f"{CIRCLE} Besides, something else is said.{CIRCLE[:50]} And then not.",
        "Yes. No. Yes. No. Yes. No. ",
        f"First:\n\n{CODE}\nAll together:\n\n{CODE}{CODE}\n",
        f"~~~\n{CIRCLE}\n{CIRCLE}\n~~~\n",
    ],
)
def test_what_does_not_go_round_stays_whole(text):
    assert without_repetition(text) is None


def answered(tmp_path, text, *, request="what is it?", task="explain"):
    session = Session(config=Config(file=tmp_path / "none.toml"), engine=ScriptedEngine([text]))
    sources = ContextSources(request=request, task=task)
    answer = session.stream(Ask(sources=sources, settings=session.config.settings))
    events = []
    answer.read_to_end(events.append)
    return answer, events


def test_an_answer_ends_there_and_says_so(tmp_path):
    answer, events = answered(tmp_path, BEGINNING + CIRCLE * 20)
    assert answer.result.text == BEGINNING + CIRCLE
    assert answer.result.finish_reason == "stop"
    assert answer.revision_note == "revised: ended where it began to repeat itself"
    assert isinstance([event for event in events if isinstance(event, Revised)][-1], Revised)
    # The model was stopped, too.
    assert answer.result.metrics.generated_tokens < 80


def test_it_is_kept_as_it_ended(tmp_path):
    session = Session(
        config=Config(file=tmp_path / "none.toml"), engine=ScriptedEngine([BEGINNING + CIRCLE * 9])
    )
    results = [session.generate("what is it?") for _ in range(2)]
    assert [result.metrics.from_response_cache for result in results] == [False, True]
    assert [result.text for result in results] == [BEGINNING + CIRCLE] * 2


def test_thoughts_may_return_to_where_they_were(tmp_path):
    text = f"<think>\n{CIRCLE * 3}\n</think>\n\nA table."
    answer, _ = answered(tmp_path, text)
    assert answer.result.answer.strip() == "A table."


def test_a_terminal_does_not_write_again_what_is_there():
    stream = io.StringIO()
    view = TextView(stream)
    answer = SimpleNamespace(text=BEGINNING + CIRCLE * 2, progress=None, revision=None)
    view.paint(answer)
    answer.text, answer.revision = BEGINNING + CIRCLE, Revised("", 0, "")
    answer.revision_note = "revised: ended where it began to repeat itself"
    view.paint(answer)
    view.finish(answer, None)
    assert stream.getvalue().count(BEGINNING) == 1
    assert stream.getvalue().endswith(f"\n[{answer.revision_note}]\n\n")
