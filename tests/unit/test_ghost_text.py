"""What the kernel does with a page's requests for completions when a cell begins to run."""

import threading
from types import SimpleNamespace

import pytest

from codeface_jupyter.config import Settings
from codeface_jupyter.frontend import protocol
from codeface_jupyter.jobs import Cancelled, Job
from codeface_jupyter.magics.ghost_text import GhostText

WANTED = {
    "above": [],
    "prefix": "x = ",
    "suffix": "",
    "max_lines": 1,
    "is_asked_for": False,
    "while_busy": False,
    "on_battery": True,
}


class Endless:
    """Completes and reads until it is stopped."""

    def __init__(self):
        self.begun, self._stopped = threading.Event(), Job()

    def silence(self):
        return ""

    def complete(self, _ask, job):
        self.begun.set()
        for _ in range(500):
            job.check()
            if self._stopped.wait(0.02):
                raise Cancelled
        raise AssertionError("Nobody stopped it.")

    warm_up = complete

    def stop(self):
        self._stopped.cancel()


class Bridge:
    """Remembers what is registered with it."""

    def __init__(self):
        self.handlers, self.starts = {}, []

    def handle(self, request, handler, *, in_thread):
        self.handlers[request] = handler

    def on_cell_start(self, handler):
        self.starts.append(handler)


@pytest.fixture
def kernel():
    completions, bridge = Endless(), Bridge()
    notebook = SimpleNamespace(is_running_cell=False, cells_run=1, live_namespace=dict)
    extension = SimpleNamespace(
        bridge=bridge,
        config=SimpleNamespace(settings=Settings()),
        notebook=notebook,
        session=SimpleNamespace(completions=completions),
    )
    GhostText(extension).offer()
    return SimpleNamespace(bridge=bridge, completions=completions)


def answered(kernel, request, *, then, **terms):
    """Return what a request gives if ``then`` is done while it is under way."""
    found = []
    job = Job()
    thread = threading.Thread(
        target=lambda: found.append(kernel.bridge.handlers[request]({**WANTED, **terms}, job)),
        daemon=True,
    )
    thread.start()
    assert kernel.completions.begun.wait(10)
    then()
    thread.join(5)
    return found


@pytest.mark.parametrize(
    ("request_kind", "result"),
    [(protocol.COMPLETE, {"text": "", "silence": ""}), (protocol.WARM_UP, {"silence": "busy"})],
)
def test_a_cell_that_begins_to_run_ends_it(kernel, request_kind, result):
    (start,) = kernel.bridge.starts

    assert answered(kernel, request_kind, then=start) == [result]


def test_unless_it_may_go_on(kernel):
    (start,) = kernel.bridge.starts

    assert answered(kernel, protocol.COMPLETE, then=start, while_busy=True) == []
    kernel.completions.stop()


def test_a_request_that_is_cancelled_has_no_result(kernel):
    job = Job()
    job.cancel()
    with pytest.raises(Cancelled):
        kernel.bridge.handlers[protocol.COMPLETE](WANTED, job)
