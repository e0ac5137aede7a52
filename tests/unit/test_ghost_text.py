"""What the kernel does with a page's requests for completions when a cell begins to run."""

import threading
from types import SimpleNamespace

import psutil
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
    """Completes and reads until its job is stopped, or it may end."""

    def __init__(self):
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.on_asked = lambda: None

    def silence(self):
        return ""

    def complete(self, _ask, job):
        self.on_asked()
        self.begun.set()
        for _ in range(500):
            job.check()
            if self.may_end.wait(0.02):
                job.check()
                return "1"
        raise AssertionError("Nobody stopped it.")

    warm_up = complete


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
    thread.join(10)
    return found


ENDED = [
    (protocol.COMPLETE, {"text": "", "silence": ""}),
    (protocol.WARM_UP, {"silence": "busy"}),
]


@pytest.mark.parametrize(("request_kind", "result"), ENDED)
def test_a_cell_that_begins_to_run_ends_it(kernel, request_kind, result):
    (start,) = kernel.bridge.starts

    assert answered(kernel, request_kind, then=lambda: start("x = 1")) == [result]


@pytest.mark.parametrize(("request_kind", "result"), ENDED)
def test_so_does_one_that_begins_before_the_model_is_asked(kernel, request_kind, result):
    """No cell ran when the request was looked at, and nothing was being completed yet."""
    (start,) = kernel.bridge.starts
    kernel.completions.on_asked = lambda: start("x = 1")

    assert answered(kernel, request_kind, then=lambda: None) == [result]


def test_unless_it_may_go_on(kernel):
    (start,) = kernel.bridge.starts

    def start_and_let_it_end():
        start("x = 1")
        kernel.completions.may_end.set()

    found = answered(kernel, protocol.COMPLETE, then=start_and_let_it_end, while_busy=True)
    assert found == [{"text": "1", "silence": ""}]


def test_a_request_that_is_cancelled_has_no_result(kernel):
    job = Job()
    job.cancel()
    with pytest.raises(Cancelled):
        kernel.bridge.handlers[protocol.COMPLETE](WANTED, job)


@pytest.mark.parametrize(("is_plugged", "silence"), [(False, "on_battery"), (True, ""), (None, "")])
def test_only_a_machine_that_is_known_to_have_no_mains_is_on_battery(
    kernel, monkeypatch, is_plugged, silence
):
    battery = SimpleNamespace(percent=50, secsleft=0, power_plugged=is_plugged)
    monkeypatch.setattr(psutil, "sensors_battery", lambda: battery, raising=False)
    kernel.completions.may_end.set()

    found = kernel.bridge.handlers[protocol.COMPLETE]({**WANTED, "on_battery": False}, Job())

    assert found["silence"] == silence
