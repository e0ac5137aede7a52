import os
import subprocess
import sys
import threading
import time

import pytest

from codeface_jupyter.threads import cancellable, within


def test_result_and_error_come_through():
    assert within(5, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 // 0)


def test_a_call_that_hangs_is_given_up():
    release = threading.Event()
    begin = time.perf_counter()
    with pytest.raises(TimeoutError, match=r"0\.05 s"):
        within(0.05, release.wait)
    assert time.perf_counter() - begin < 2
    release.set()


def test_a_timeout_of_the_call_itself_is_its_error():
    def time_out():
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        within(5, time_out)


def test_a_cancellable_call_returns_and_raises_as_it_would_by_itself():
    assert cancellable(lambda: 7, check=lambda: None) == 7
    with pytest.raises(ZeroDivisionError):
        cancellable(lambda: 1 // 0, check=lambda: None)


def test_a_cancellable_call_that_hangs_is_left_once_the_check_raises():
    release, asked = threading.Event(), []

    def check():
        asked.append(None)
        if len(asked) > 1:
            raise InterruptedError

    begin = time.perf_counter()
    with pytest.raises(InterruptedError):
        cancellable(release.wait, check=check)
    assert time.perf_counter() - begin < 2
    release.set()


FORK = """
import os, threading
from codeface_jupyter.jobs import Job
from codeface_jupyter.session.turns import Turns

turns, taken = Turns(), threading.Event()

def keep_the_turn():
    with turns.take(Job()):
        taken.set()
        threading.Event().wait()

threading.Thread(target=keep_the_turn, daemon=True).start()
taken.wait()
child = os.fork()
if child == 0:
    with turns.take(Job()):
        os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_does_not_wait_for_a_turn_that_its_parent_has():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "7\n"
