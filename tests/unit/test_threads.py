import threading
import time

import pytest

from codeface_jupyter.threads import within


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
