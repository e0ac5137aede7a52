"""What goes on from an answer: the prompt, what it costs, what may leave this machine."""

import time
from dataclasses import replace

import pytest

from codeface_jupyter.config import Config
from codeface_jupyter.context import Cell, ContextSources, FilledRequest
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.errors import NotebookError, PromptTooLongError
from codeface_jupyter.generation import NO_MODEL, GenerationMetrics
from codeface_jupyter.models.catalog import CATALOG
from codeface_jupyter.prompts import Prompt, chat_messages, completion_text, follow_up
from codeface_jupyter.prompts import with_going_on as for_server
from codeface_jupyter.session import Ask, Session
from codeface_jupyter.session import auto_model as auto_module
from codeface_jupyter.session.auto_model import AutoModel
from codeface_jupyter.view.rendering import describe_metrics


def asked(session, *, cells=(), **overrides):
    """Ask in a notebook with some cells; return the question, what it was given to, the answer."""
    ask = Ask(
        sources=ContextSources(request="a number", cells=[Cell(source=c) for c in cells]),
        settings=session.config.with_overrides(overrides),
    )
    answer = session.stream(ask)
    answer.read_to_end()
    return ask, answer.context, answer.result


def question(text):
    return FilledRequest.of(text)


@pytest.fixture
def config(tmp_path):
    return Config(file=tmp_path / "none.toml")


def test_a_question_keeps_the_notebook_and_the_conversation(config):
    engine = ScriptedEngine(["one", "two"])
    session = Session(config=config, engine=engine)
    ask, context, first = asked(session, cells=["x = 1"])

    second = session.generate(ask.about(first, question("why?"), context=context))

    assert second.text == "two"
    *before, last = chat_messages(engine.requests[-1].prompt)
    assert before[:-1] == chat_messages(engine.requests[0].prompt)
    assert [before[-1]["content"], last["content"]] == ["one", "why?"]
    # Later cells are told the question and what it came to in the end.
    exchange = session.conversation.exchanges[-1]
    assert (exchange.request, exchange.answer) == ("a number\n\nwhy?", "two")


@pytest.mark.parametrize(("window", "kept"), [(130, 0), (145, 1), (149, 2)])
def test_where_the_window_is_full_the_first_cells_go(config, window, kept):
    engine = ScriptedEngine(["one " * 20, "two"], context_window=window)
    session = Session(config=config, engine=engine)
    cells = ["a = 1", "b = 2", "c = 3"]
    ask, context, first = asked(session, cells=cells, max_new_tokens=25)

    session.generate(ask.about(first, question("why " * 8), context=context))

    assert engine.requests[-1].prompt.cells == tuple(cells[len(cells) - kept :])
    left_out = [p.title for p in session.last_context.report if p.reason.endswith("is full")]
    assert len(left_out) == len(cells) - kept
    with pytest.raises(PromptTooLongError):
        session.generate(ask.about(first, question("why " * 80), context=context))


def test_the_rest_of_an_answer_makes_one_text_and_one_bill(config):
    engine = ScriptedEngine(["one two three four", " and five"])
    session = Session(config=config, engine=engine)
    ask, context, first = asked(session, max_new_tokens=3)
    assert first.finish_reason == "length"

    whole = session.generate(ask.going_on(first, context=context))

    assert whole.text == f"{first.text} and five"
    assert whole.metrics.generated_tokens > first.metrics.generated_tokens == 3
    assert whole.metrics.prompt_tokens == first.metrics.prompt_tokens
    assert engine.format_prompt(engine.requests[-1].prompt).endswith(f"assistant:{first.text}")
    # It is kept under no question: the cell itself still asks for the short answer.
    again = session.generate(ask)
    assert again.text == first.text


def test_what_a_model_here_answered_is_not_sent_to_a_server(config):
    here = Session(config=config, engine=ScriptedEngine(["one"]))
    ask, context, first = asked(here)
    elsewhere = Session(config=config, engine=ScriptedEngine(["two"], is_local=False))

    with pytest.raises(NotebookError, match="is not sent to a server"):
        elsewhere.generate(ask.about(first, question("why?"), context=context))


def test_a_cell_that_was_mended_without_a_model_is_not_said_to_come_from_one(config):
    here = Session(config=config, engine=ScriptedEngine(["one"]))
    ask, context, first = asked(here)
    mended = replace(first, identity=NO_MODEL)
    elsewhere = Session(config=config, engine=ScriptedEngine(["two"], is_local=False))

    # It may hold a key of a dict, which is a value.
    with pytest.raises(NotebookError, match="was made from your variables on this machine"):
        elsewhere.generate(ask.about(mended, question("why?"), context=context))


def test_a_base_model_reads_the_conversation_as_cells():
    asked_before = Prompt(request="add", instruction="")
    prompt = follow_up(asked_before, answer="1 + 2", request="subtract")
    assert completion_text(prompt) == "# In[1]:\n\n# add\n1 + 2\n\n# In[2]:\n\n# subtract\n"


def test_a_server_is_asked_to_go_on():
    prompt = Prompt(request="add", answer_begin="1 +")
    *_, begun, last = for_server(chat_messages(prompt), prompt)
    assert begun == {"role": "assistant", "content": "1 +"}
    assert "Go on right where it ended" in last["content"]


def test_the_wait_is_the_users_and_says_what_of_it_was_the_models(config):
    session = Session(config=config, engine=ScriptedEngine(["one"]))
    ask = Ask(
        sources=ContextSources(request="a number"),
        settings=config.settings,
        asked_at=time.perf_counter() - 6,
    )
    assert session.generate(ask).metrics.wait_s > 6
    slow = GenerationMetrics(generated_tokens=3, time_to_first_token_s=0.37, wait_s=6.04)
    assert describe_metrics(slow).endswith("first token after 6.0 s (model: 0.37 s)")
    quick = GenerationMetrics(generated_tokens=3, time_to_first_token_s=0.37, wait_s=0.41)
    assert describe_metrics(quick).endswith("first token after 0.41 s")
    tried = replace(quick, tries_s=28.6)
    assert describe_metrics(tried).endswith(
        "first token after 0.41 s, trying and other answers took 29 s"
    )
    assert describe_metrics(replace(quick, tries_s=0.3)) == describe_metrics(quick)


def test_a_better_model_is_named_if_there_is_one_that_fits(config, monkeypatch):
    class Candidate:
        def __init__(self, name, *, fits):
            self.entry, self.fits = CATALOG[name], fits

    class Choice:
        wanted = Candidate("qwen2.5-coder-0.5b", fits=True)
        better = Candidate("qwen2.5-coder-1.5b", fits=True)

    monkeypatch.setattr(auto_module, "choose_model", lambda *_, **__: Choice)
    auto = AutoModel()
    note = auto.better_than("qwen2.5-coder-0.5b", config.settings)
    assert note == (
        "A better model fits here: `qwen2.5-coder-1.5b`. Choose it in JupyterLab's status bar, "
        "or with `-m qwen2.5-coder-1.5b`."
    )
    assert auto.better_than("qwen2.5-coder-1.5b", config.settings) == ""
    assert auto.better_than("of/somebody", config.settings) == ""
    Choice.better.fits = False
    assert auto.better_than("qwen2.5-coder-0.5b", config.settings) == ""
