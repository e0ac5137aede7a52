from types import SimpleNamespace

import pytest

from codeface_jupyter.errors import NotebookError
from codeface_jupyter.magics.shown_answers import ANSWERS_KEPT, ShownAnswers


class Shown:
    def __init__(self, answer_id):
        self.answer_id = answer_id
        self.done = []

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
def told():
    return []


@pytest.fixture
def answers(events, told):
    return ShownAnswers(SimpleNamespace(events=events), tell=told.append)


def test_an_answer_is_found_by_its_id_only(answers):
    first, second = Shown("a"), Shown("b")
    answers.add(first)
    answers.add(second)
    assert answers.find("a") is first
    assert answers.last is second
    with pytest.raises(NotebookError, match="no longer knows"):
        answers.find("c")


def test_what_was_forgotten_is_not_the_last_but_found_by_its_id(answers):
    answers.forget_last()
    first, second = Shown("a"), Shown("b")
    answers.add(first)
    answers.forget_last()
    with pytest.raises(NotebookError, match="since the conversation was forgotten"):
        _ = answers.last
    assert answers.find("a") is first
    answers.add(second)
    assert answers.last is second


def test_before_the_first_there_is_none(answers):
    with pytest.raises(NotebookError, match="no answer yet"):
        _ = answers.last


def test_what_is_known_is_told_each_time(answers, told):
    shown = [Shown(str(n)) for n in range(ANSWERS_KEPT + 1)]
    for answer in shown:
        answers.add(answer)
    assert told[:2] == [["0"], ["0", "1"]]
    assert told[-1] == [answer.answer_id for answer in shown[1:]]


def test_what_is_old_is_forgotten(answers):
    old, *rest = [Shown(str(n)) for n in range(ANSWERS_KEPT + 1)]
    for shown in (old, *rest):
        answers.add(shown)
    assert old.done == ["withdraw"]
    assert old not in answers
    with pytest.raises(NotebookError, match="Run its cell again"):
        answers.find(old.answer_id)
    assert rest[-1] in answers


def test_the_next_cell_and_the_end_take_the_widgets_away(answers, events):
    shown = Shown("a")
    answers.add(shown)
    events.callbacks[0]("the next cell")
    assert shown.done == ["withdraw"]
    assert shown in answers  # JupyterLab's own buttons stay
    answers.close()
    assert shown.done == ["withdraw", "withdraw"]
    assert shown not in answers
    assert events.callbacks == []
