"""The bridge in a real kernel, with a front end that is played by the test."""

import queue
import time
import uuid

import pytest
from jupyter_client.manager import start_new_kernel

# ipykernel waits up to 10 s each for stdout and stderr to be flushed before a cell counts as done.
TIMEOUT_S = 60
OPEN = """
import threading
from codeface_jupyter.frontend.bridge import Bridge
bridge = Bridge(get_ipython())
bridge.open()
"""


class FrontEnd:
    """Speaks to one kernel as a notebook page does: cells with ids, and one comm."""

    def __init__(self, client):
        self.client = client
        self.seen = []
        self.read = 0
        self.comm_id = uuid.uuid4().hex
        self.subshell_id = None

    def run(self, code, *, cell_id=None):
        """Run a cell to its end and return what it printed."""
        return self.finish(self.start(code, cell_id=cell_id))

    def start(self, code, *, cell_id=None):
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        metadata = {} if cell_id is None else {"cellId": cell_id}
        message = self.client.session.msg("execute_request", content, metadata=metadata)
        self.client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def finish(self, request):
        begin = len(self.seen)
        self.wait(lambda m: is_status(m, "idle") and m["parent_header"]["msg_id"] == request)
        mine = [m for m in self.seen[begin:] if m["parent_header"].get("msg_id") == request]
        errors = [m["content"]["evalue"] for m in mine if m["msg_type"] == "error"]
        assert not errors
        return "".join(m["content"]["text"] for m in mine if m["msg_type"] == "stream").strip()

    def wait(self, condition):
        """Return the next message on IOPub that fulfils ``condition``."""
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                message = self.client.get_iopub_msg(timeout=TIMEOUT_S)
            except queue.Empty:
                break
            self.seen.append(message)
            if condition(message):
                return message
        raise AssertionError(f"not seen among {[m['msg_type'] for m in self.seen]}")

    def open_comm(self, *, on_subshell):
        self.subshell_id = None
        if on_subshell:
            request = self.client.session.msg("create_subshell_request", {})
            self.client.control_channel.send(request)
            reply = self.client.get_control_msg(timeout=TIMEOUT_S)
            self.subshell_id = reply["content"]["subshell_id"]
        opening = self._send("comm_open", {"version": 1, "type": "open", "settings": {}})
        self._wait_for_subshell(opening)
        return self

    def _wait_for_subshell(self, request):
        """Wait for a message to be handled: a subshell does so in its own time."""
        if self.subshell_id is not None:
            self.wait(lambda m: is_status(m, "idle") and m["parent_header"]["msg_id"] == request)

    def send(self, **data):
        return self._send("comm_msg", {"version": 1, **data})

    def _send(self, msg_type, data):
        content = {"comm_id": self.comm_id, "target_name": "codeface.notebook", "data": data}
        message = self.client.session.msg(msg_type, content)
        message["header"]["subshell_id"] = self.subshell_id
        self.client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def received(self, kind):
        """Return the kernel's next message of that kind, in the order in which they came."""

        def is_of_kind(m):
            return m["msg_type"] == "comm_msg" and m["content"]["data"].get("type") == kind

        unread = range(self.read, len(self.seen))
        found = next((n for n in unread if is_of_kind(self.seen[n])), None)
        if found is None:
            self.wait(is_of_kind)
            found = len(self.seen) - 1
        self.read = found + 1
        return self.seen[found]["content"]["data"]

    def push(self, cells, *, asking):
        self._wait_for_subshell(
            self.send(type="notebook", path="a.ipynb", asking=asking, cells=cells)
        )


def is_status(message, state):
    return message["msg_type"] == "status" and message["content"]["execution_state"] == state


def cell(cell_id, source, *, kind="code", execution_count=None):
    return {
        "id": cell_id,
        "type": kind,
        "source": source,
        "execution_count": execution_count,
        "is_cut": False,
    }


NOTEBOOK = [
    cell("a", "# A title", kind="markdown"),
    cell("b", "x = 1", execution_count=7),
    cell("c", "y = 2", execution_count=8),
    cell("d", "ask"),
    cell("e", "z = 3"),
]
SHOW = "s = bridge.cells(); print(s and (s.source, [c['id'] for c in s.above], sorted(s.executed)))"


@pytest.fixture(scope="module")
def kernel():
    manager, client = start_new_kernel(startup_timeout=60)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.fixture
def front_end(kernel):
    front_end = FrontEnd(kernel)
    front_end.run(OPEN)
    yield front_end
    front_end.run("bridge.close()")


def test_the_kernel_announces_itself_and_says_goodbye(kernel):
    front_end = FrontEnd(kernel)

    front_end.run(OPEN)
    front_end.run("bridge.open()")
    opened = [m for m in front_end.seen if m["msg_type"] == "comm_open"]
    front_end.run("bridge.close(); bridge.close()")
    closed = [m for m in front_end.seen if m["msg_type"] == "comm_close"]

    assert [m["content"]["target_name"] for m in opened] == ["codeface.hello"]
    assert opened[0]["content"]["data"]["version"] == 1
    assert [m["content"]["comm_id"] for m in closed] == [opened[0]["content"]["comm_id"]]


def test_closing_closes_the_notebooks_comms_and_opening_again_takes_new_ones(front_end):
    front_end.open_comm(on_subshell=True)
    front_end.run("bridge.close()")
    assert front_end.run("print(bridge.is_connected)") == "False"

    front_end.run("bridge.open()")
    front_end.comm_id = uuid.uuid4().hex
    front_end.open_comm(on_subshell=False)

    assert front_end.run("print(bridge.is_connected)") == "True"


def test_pushed_cells_come_in_document_order_with_those_that_really_ran(front_end):
    front_end.open_comm(on_subshell=False)
    front_end.run("x = 1", cell_id="b")

    front_end.push(NOTEBOOK, asking="d")

    # The saved count of "c" is another kernel's.
    assert front_end.run(SHOW, cell_id="d") == "('pushed', ['a', 'b', 'c'], ['b'])"


def test_cells_are_pulled_while_the_asking_cell_runs(front_end):
    front_end.open_comm(on_subshell=True)
    front_end.push(NOTEBOOK[3:], asking="d")

    running = front_end.start(SHOW.replace("cells()", "cells(timeout_s=20)"), cell_id="d")
    request = front_end.received("get_cells")
    front_end.send(
        type="cells",
        request_id=request["request_id"],
        path="a.ipynb",
        asking=request["asking"],
        cells=NOTEBOOK,
    )

    assert request["asking"] == "d"
    assert front_end.finish(running).startswith("('pulled', ['a', 'b', 'c']")


def test_a_front_end_that_does_not_answer_costs_one_short_wait(front_end):
    front_end.open_comm(on_subshell=True)
    front_end.push(NOTEBOOK, asking="d")
    timed = (
        "import time\nfor _ in range(3):\n"
        "    t = time.perf_counter(); s = bridge.cells()\n"
        "    print(s.source, time.perf_counter() - t > 0.1)"
    )

    assert front_end.run(timed, cell_id="d").split("\n") == [
        "pushed True",
        "pushed False",
        "pushed False",
    ]


def test_a_cell_that_no_notebook_holds_gets_no_notebook(front_end):
    front_end.open_comm(on_subshell=False)
    front_end.push(NOTEBOOK, asking="d")

    assert front_end.run(SHOW, cell_id="a cell of a console") == "None"
    assert front_end.run(SHOW) == "None"


def test_without_a_front_end_nothing_is_known_and_nothing_fails(front_end):
    told = "bridge.publish_status(model='m', engine='e', state='idle')\n"

    assert front_end.run(told + SHOW, cell_id="d") == "None"
    assert front_end.run("print(bridge.insert('1'), bridge.is_heard_while_busy)") == "False None"


def test_two_notebooks_on_one_kernel_do_not_mix(front_end):
    other = FrontEnd(front_end.client)
    front_end.open_comm(on_subshell=False)
    other.open_comm(on_subshell=False)
    front_end.push(NOTEBOOK, asking="d")
    other.push([cell("p", "1"), cell("q", "2")], asking="q")

    assert front_end.run(SHOW, cell_id="d").startswith("('pushed', ['a', 'b', 'c']")
    assert front_end.run(SHOW, cell_id="q").startswith("('pushed', ['p']")


def test_stop_is_heard_while_the_cell_runs(front_end):
    front_end.open_comm(on_subshell=True)
    # A comm that the main shell has sent on is answered on the busy main shell by ipykernel 7.4.
    waiting = (
        "event = threading.Event()\nbridge.on_stop(event.set)\n"
        "bridge.publish_status(model='m', engine='e', state='generating')\n"
        "print(event.wait(20))"
    )

    running = front_end.start(waiting, cell_id="d")
    front_end.received("status")
    front_end.send(type="stop")

    assert front_end.finish(running) == "True"


def test_the_kernel_stays_busy_until_the_cell_ends(front_end):
    front_end.open_comm(on_subshell=True)
    running = front_end.start(
        "event = threading.Event()\nbridge.on_stop(event.set)\nevent.wait(20)"
    )
    front_end.wait(lambda m: m["msg_type"] == "execute_input")

    pushed = front_end.send(type="settings", settings={})
    front_end.wait(lambda m: is_status(m, "idle") and m["parent_header"]["msg_id"] == pushed)
    front_end.wait(lambda m: is_status(m, "busy") and m["parent_header"]["msg_id"] == running)
    front_end.send(type="stop")
    front_end.finish(running)

    assert is_status(front_end.seen[-1], "idle")


def test_other_comms_leave_the_kernel_idle_for_a_moment_only(front_end):
    front_end.open_comm(on_subshell=True)
    running = front_end.start(
        "first, second = threading.Event(), threading.Event()\n"
        "bridge.on_settings(lambda _: first.set())\nbridge.on_stop(second.set)\nfirst.wait(20)\n"
        "bridge.publish_status(model='m', engine='e', state='generating')\nsecond.wait(20)"
    )
    front_end.wait(lambda m: m["msg_type"] == "execute_input")

    mine, front_end.comm_id = front_end.comm_id, "a comm of a widget"
    other = front_end.send(type="update")
    front_end.comm_id = mine
    front_end.wait(lambda m: is_status(m, "idle") and m["parent_header"]["msg_id"] == other)
    front_end.send(type="settings", settings={})
    front_end.received("status")

    front_end.wait(lambda m: is_status(m, "busy") and m["parent_header"]["msg_id"] == running)
    front_end.send(type="stop")
    front_end.finish(running)


def test_a_figure_of_the_running_cell_survives_a_message(front_end):
    front_end.open_comm(on_subshell=True)
    front_end.run("%matplotlib inline\nimport matplotlib.pyplot as plt")
    plot = (
        "plt.plot([1, 2])\nevent = threading.Event()\nbridge.on_stop(event.set)\n"
        "bridge.publish_status(model='m', engine='e', state='loading')\nevent.wait(20)"
    )

    running = front_end.start(plot, cell_id="d")
    front_end.received("status")
    front_end.push(NOTEBOOK, asking="d")
    front_end.send(type="stop")
    front_end.finish(running)

    figures = [m for m in front_end.seen if m["msg_type"] == "display_data"]
    assert [m["parent_header"]["msg_id"] for m in figures] == [running]
    assert "image/png" in figures[0]["content"]["data"]


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        ({"type": "run_code"}, "does not match any of the expected tags"),
        ({"type": "notebook", "path": "", "asking": None, "cells": [{}]}, "notebook.cells.0"),
        ({"type": "stop", "version": 2}, "speaks version 2"),
        ({"type": "stop", "version": "9" * 5_000_000}, "speaks version '999"),
    ],
)
def test_a_bad_message_is_answered_in_a_line_and_changes_nothing(front_end, message, complaint):
    front_end.open_comm(on_subshell=True)
    front_end.push(NOTEBOOK, asking="d")

    front_end.send(**message)
    answer = front_end.received("error")["message"]

    assert complaint in answer
    assert len(answer) < 400
    assert front_end.run(SHOW, cell_id="d").startswith("('pushed', ['a', 'b', 'c']")


def test_a_callback_that_fails_is_reported_to_the_sender(front_end):
    front_end.open_comm(on_subshell=True)
    front_end.run("bridge.on_stats(lambda: 1 / 0)")

    front_end.send(type="get_stats", request_id="r")

    assert front_end.received("error")["message"] == "ZeroDivisionError: division by zero"


def test_stats_settings_insertion_and_status_reach_their_ends(front_end):
    front_end.run(
        "settings = []\nbridge.on_settings(settings.append)\n"
        "bridge.on_stats(lambda: 'requests 3')\n"
        "bridge.publish_status(model='m', engine='e', state='loading')"
    )
    front_end.open_comm(on_subshell=True)
    assert front_end.received("status")["state"] == "loading"  # said before it came

    front_end.push(NOTEBOOK, asking="d")
    front_end.send(type="settings", settings={"context_cells": 4})
    front_end.send(type="get_stats", request_id="r")
    assert front_end.received("stats") == {
        "version": 1,
        "type": "stats",
        "request_id": "r",
        "text": "requests 3",
    }
    assert front_end.run("print(settings)") == "[{}, {'context_cells': 4}]"

    running = front_end.start("print(bridge.insert('z', mode='replace'))", cell_id="d")
    inserted = front_end.received("insert")
    assert (inserted["cell_id"], inserted["mode"], inserted["source"]) == ("d", "replace", "z")
    assert front_end.finish(running) == "True"


def test_status_is_sent_often_enough_and_no_more(front_end):
    front_end.open_comm(on_subshell=True)
    front_end.run(
        "for n in range(100):\n"
        "    bridge.publish_status(model='m', engine='e', state='generating', tokens_per_s=n)\n"
        "bridge.publish_status(model='m', engine='e', state='idle')"
    )
    sent = [
        m["content"]["data"]["state"]
        for m in front_end.seen
        if m["msg_type"] == "comm_msg" and m["content"]["data"]["type"] == "status"
    ]

    assert sent[0] == "generating"
    assert sent[-1] == "idle"
    assert len(sent) < 10


def test_reloaded_pages_leave_no_heap_of_comms(front_end):
    for _ in range(10):
        FrontEnd(front_end.client).open_comm(on_subshell=False)

    assert front_end.run("print(len(bridge._front_ends))") == "8"
