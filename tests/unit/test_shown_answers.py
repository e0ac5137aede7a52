from types import SimpleNamespace

import pytest

from codeface_jupyter.errors import NotebookError
from codeface_jupyter.magics.replayed_answers import ANSWERS_KEPT, ReplayedAnswers


class Cached:
    def __init__(self, answer_id):
        self.answer_id = answer_id
        self.done = []

    def begin(self):
        self.done.append("begin")

    def withdraw(self):
        self.done.append("withdraw")


class Events:
    def __init__(self):
        self.callbacks = []

    def register(self, event, callback):
        assert event == "pre_run_cell"
        self.callbacks.append(callback)

    def unregister(self, event, callback):
        assert event == "pre_run_cell"
        self.callbacks.remove(callback)


@pytest.fixture
def events():
    return Events()


@pytest.fixture
def answers(events):
    return ReplayedAnswers(SimpleNamespace(events=events))


def test_an_answer_is_asked_for_by_its_id_only(answers):
    first, second = Cached("a"), Cached("b")
    answers.add(first)
    answers.add(second)
    answers.begin("b")
    assert (first.done, second.done) == ([], ["begin"])
    with pytest.raises(NotebookError, match="does not remember the question"):
        answers.begin("c")


def test_what_was_replaced_and_what_is_old_is_forgotten(answers):
    old, *rest = [Cached(str(n)) for n in range(ANSWERS_KEPT + 1)]
    for cached in (old, *rest):
        answers.add(cached)
    answers.discard(rest[0])
    assert old.done == ["withdraw"]
    for gone in (old, rest[0]):
        assert gone not in answers
        with pytest.raises(NotebookError, match="Run its cell again"):
            answers.begin(gone.answer_id)
    assert rest[-1] in answers


def test_the_next_cell_and_the_end_take_the_buttons_away(answers, events):
    cached = Cached("a")
    answers.add(cached)
    events.callbacks[0]("the next cell")
    assert cached.done == ["withdraw"]
    assert cached in answers  # JupyterLab's own button stays
    answers.close()
    assert cached.done == ["withdraw", "withdraw"]
    assert cached not in answers
    assert events.callbacks == []
