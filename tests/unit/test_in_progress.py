"""Stop, and what else reads what other threads change meanwhile."""

import threading

import pytest

from codeface_jupyter.magics.in_progress import InProgress
from codeface_jupyter.namespace import own_variables


class Work:
    """Stands for an answer."""


class Place(str):
    """A cell's id that, when it is compared, gives another thread time."""

    __slots__ = ("compared", "time_is_up")

    def __hash__(self):
        self.compared.set()
        self.time_is_up.wait(0.1)
        return super().__hash__()


@pytest.fixture
def in_progress():
    return InProgress()


def test_an_answer_may_begin_while_another_is_stopped(in_progress):
    place = Place("a")
    place.compared, place.time_is_up = threading.Event(), threading.Event()
    first, second = Work(), Work()
    in_progress.add(first, cell_id=place)

    def begin():
        place.compared.wait()
        in_progress.add(second)
        place.time_is_up.set()

    thread = threading.Thread(target=begin)
    thread.start()
    assert in_progress.shown_in("a") == [first]
    thread.join()
    assert len(in_progress) == 2


def test_only_the_answers_of_a_cell_are_found(in_progress):
    first, second = Work(), Work()
    in_progress.add(first)
    in_progress.add(first, cell_id="a")
    in_progress.add(first)
    in_progress.add(second, cell_id="b")
    assert in_progress.shown_in("a") == [first]
    assert in_progress.shown_in(None) == [first, second]
    in_progress.discard(first)
    assert in_progress.shown_in(None) == [second]


def test_only_what_is_asked_under_an_answer_is_found(in_progress):
    first, second = Work(), Work()
    in_progress.add(first, answer_id="a")
    in_progress.add(first)
    in_progress.add(second)
    assert in_progress.asked_under("a") == [first]
    assert in_progress.asked_under("b") == []
    in_progress.discard(first)
    assert in_progress.asked_under("a") == []


def test_what_nobody_keeps_is_not_kept_here(in_progress):
    in_progress.add(Work())
    assert len(in_progress) == 0


def test_variables_are_read_while_the_users_threads_set_others():
    class Hidden(dict):
        def __contains__(self, name):
            names[f"{name} of another thread"] = 1
            return super().__contains__(name)

    names = {"x": 1, "y": 2}
    assert own_variables(names, hidden=Hidden()) == {"x": 1, "y": 2}
