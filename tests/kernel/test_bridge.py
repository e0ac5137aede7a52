"""The bridge in a real kernel, with a front end that is played by the test."""

import uuid

import pytest

OPEN = """
import threading
from codeface_jupyter.frontend import protocol
from codeface_jupyter.frontend.bridge import Bridge
bridge = Bridge(get_ipython())
bridge.open()
"""


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
COUNT = "print(len(bridge._front_ends))"
SHOW = "s = bridge.cells(); print(s and (s.source, [c['id'] for c in s.above], sorted(s.executed)))"


@pytest.fixture
def front_end(kernel_page):
    kernel_page.run(OPEN)
    yield kernel_page
    kernel_page.run("bridge.close()")


def test_the_kernel_announces_itself_and_says_goodbye(kernel_page):
    kernel_page.run(OPEN)
    kernel_page.run("bridge.open()")
    opened = [m for m in kernel_page.seen if m["msg_type"] == "comm_open"]
    kernel_page.run("bridge.close(); bridge.close()")
    closed = [m for m in kernel_page.seen if m["msg_type"] == "comm_close"]

    assert [m["content"]["target_name"] for m in opened] == ["codeface.hello"]
    assert opened[0]["content"]["data"]["version"] == 2
    assert [m["content"]["comm_id"] for m in closed] == [opened[0]["content"]["comm_id"]]


def test_closing_closes_the_notebooks_comms_and_opening_again_takes_new_ones(front_end):
    front_end.open_comm(on_subshell=True)
    front_end.run("bridge.close()")
    assert front_end.run(COUNT) == "0"

    front_end.run("bridge.open()")
    front_end.comm_id = uuid.uuid4().hex
    front_end.open_comm(on_subshell=False)

    assert front_end.run(COUNT) == "1"


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
    result = {"path": "a.ipynb", "asking": "d", "cells": NOTEBOOK}
    front_end.send(type="response", request_id=request["request_id"], result=result)

    assert request["payload"] == {"asking": "d"}
    assert front_end.finish(running).startswith("('pulled', ['a', 'b', 'c']")


def test_a_cell_that_is_heard_of_late_is_asked_for(front_end):
    front_end.open_comm(on_subshell=True)
    front_end.push(NOTEBOOK[:3], asking="c")

    # Nothing has been heard of "d" when it begins.
    running = front_end.start(SHOW.replace("cells()", "cells(timeout_s=20)"), cell_id="d")
    request = front_end.received("get_cells")
    result = {"path": "a.ipynb", "asking": "d", "cells": NOTEBOOK}
    front_end.send(type="response", request_id=request["request_id"], result=result)
    assert front_end.finish(running).startswith("('pulled', ['a', 'b', 'c']")


def test_what_is_sent_of_a_cell_while_it_runs_counts(front_end):
    front_end.open_comm(on_subshell=True)
    front_end.push(NOTEBOOK[:3], asking="c")

    running = front_end.start(SHOW.replace("cells()", "cells(timeout_s=20)"), cell_id="d")
    request = front_end.received("get_cells")
    front_end.notify("cells", path="a.ipynb", asking="d", cells=NOTEBOOK)
    front_end.send(type="error", request_id=request["request_id"], message="not now")
    assert front_end.finish(running).startswith("('pushed', ['a', 'b', 'c']")


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
    assert front_end.run("print(bridge.is_heard_while_busy)") == "None"


def test_two_notebooks_on_one_kernel_do_not_mix(front_end):
    other = front_end.another()
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
        "event = threading.Event()\nbridge.on(protocol.STOP, lambda _: event.set())\n"
        "bridge.publish_status(model='m', engine='e', state='generating')\n"
        "print(event.wait(20))"
    )

    running = front_end.start(waiting, cell_id="d")
    front_end.received("status")
    front_end.notify("stop")

    assert front_end.finish(running) == "True"


def test_the_kernel_stays_busy_until_the_cell_ends(front_end):
    front_end.open_comm(on_subshell=True)
    running = front_end.start(
        "event = threading.Event()\nbridge.on(protocol.STOP, lambda _: event.set())\nevent.wait(20)"
    )
    front_end.wait(lambda m: m["msg_type"] == "execute_input")

    pushed = front_end.notify("settings")
    front_end.wait(
        lambda m: front_end.is_status(m, "idle") and m["parent_header"]["msg_id"] == pushed
    )
    front_end.wait(
        lambda m: front_end.is_status(m, "busy") and m["parent_header"]["msg_id"] == running
    )
    front_end.notify("stop")
    front_end.finish(running)

    assert front_end.is_status(front_end.seen[-1], "idle")


def test_other_comms_leave_the_kernel_idle_for_a_moment_only(front_end):
    front_end.open_comm(on_subshell=True)
    running = front_end.start(
        "first, second = threading.Event(), threading.Event()\n"
        "bridge.on(protocol.SETTINGS, lambda _: first.set())\n"
        "bridge.on(protocol.STOP, lambda _: second.set())\nfirst.wait(20)\n"
        "bridge.publish_status(model='m', engine='e', state='generating')\nsecond.wait(20)"
    )
    front_end.wait(lambda m: m["msg_type"] == "execute_input")

    mine, front_end.comm_id = front_end.comm_id, "a comm of a widget"
    other = front_end.send(type="update")
    front_end.comm_id = mine
    front_end.wait(
        lambda m: front_end.is_status(m, "idle") and m["parent_header"]["msg_id"] == other
    )
    front_end.notify("settings")
    front_end.received("status")

    front_end.wait(
        lambda m: front_end.is_status(m, "busy") and m["parent_header"]["msg_id"] == running
    )
    front_end.notify("stop")
    front_end.finish(running)


def test_a_figure_of_the_running_cell_survives_a_message(front_end):
    front_end.open_comm(on_subshell=True)
    front_end.run("%matplotlib inline\nimport matplotlib.pyplot as plt")
    plot = (
        "plt.plot([1, 2])\nevent = threading.Event()\n"
        "bridge.on(protocol.STOP, lambda _: event.set())\n"
        "bridge.publish_status(model='m', engine='e', state='loading')\nevent.wait(20)"
    )

    running = front_end.start(plot, cell_id="d")
    front_end.received("status")
    front_end.push(NOTEBOOK, asking="d")
    front_end.notify("stop")
    front_end.finish(running)

    figures = [m for m in front_end.seen if m["msg_type"] == "display_data"]
    assert [m["parent_header"]["msg_id"] for m in figures] == [running]
    assert "image/png" in figures[0]["content"]["data"]


NOTIFICATION = {"type": "notification", "payload": {}}


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        ({"type": "run_code"}, "does not match any of the expected tags"),
        ({**NOTIFICATION, "method": "run_code"}, "does not know the method 'run_code'"),
        ({**NOTIFICATION, "method": "cells", "payload": {"cells": [{}]}}, "cells.path: Field"),
        ({**NOTIFICATION, "method": "x" * 5_000_000}, "method: String should have at most 512"),
        ({"type": "open", "version": 1}, "speaks version 1"),
        ({"type": "open", "version": "9" * 5_000_000}, "speaks version '999"),
    ],
)
def test_a_bad_message_is_answered_in_a_line_and_changes_nothing(front_end, message, complaint):
    front_end.open_comm(on_subshell=True)
    front_end.push(NOTEBOOK, asking="d")

    front_end.send(**message)
    answer = front_end.received("error")

    assert complaint in answer["message"]
    assert answer["request_id"] is None
    assert len(answer["message"]) < 400
    assert front_end.run(SHOW, cell_id="d").startswith("('pushed', ['a', 'b', 'c']")


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        ({"method": "run_code", "payload": {}}, "does not know the method 'run_code'"),
        ({"method": "stop", "payload": {}}, "does not know the method 'stop'"),
        ({"method": "get_stats", "payload": []}, "payload: Input should be a valid dict"),
        ({"payload": {}}, "method: Field required"),
        ({"method": "try_again", "payload": {"answer_id": ""}}, "try_again.answer_id: String"),
    ],
)
def test_a_bad_request_is_answered_with_its_id(front_end, request_, complaint):
    front_end.run(
        "for request in (protocol.GET_STATS, protocol.TRY_AGAIN):\n"
        "    bridge.handle(request, lambda payload, job: {})"
    )
    front_end.open_comm(on_subshell=True)

    front_end.send(type="request", request_id="r1", **request_)
    answer = front_end.received("error")

    assert complaint in answer["message"]
    assert answer["request_id"] == "r1"


@pytest.mark.parametrize("in_thread", [False, True])
@pytest.mark.parametrize(
    ("raised", "message"),
    [
        ("ZeroDivisionError('none')", "ZeroDivisionError: none"),
        ("NotebookError('There is none.', hint='Run it.')", "There is none.\nRun it."),
        ("Cancelled()", "The request was cancelled."),
    ],
)
def test_what_a_handler_raises_reaches_the_asker(front_end, in_thread, raised, message):
    front_end.open_comm(on_subshell=True)
    front_end.run(
        "from codeface_jupyter.errors import NotebookError\n"
        "from codeface_jupyter.jobs import Cancelled\n"
        f"def fail(payload, job):\n    raise {raised}\n"
        f"bridge.handle(protocol.GET_STATS, fail, in_thread={in_thread})"
    )

    front_end.request("get_stats", "r7")

    expected = {"version": 2, "type": "error", "request_id": "r7", "message": message}
    assert front_end.received("error") == expected


def test_what_a_notification_meets_is_told_without_an_id(front_end):
    front_end.open_comm(on_subshell=True)
    front_end.run("bridge.on(protocol.STOP, lambda _: 1 / 0)")

    front_end.notify("stop")
    answer = front_end.received("error")

    assert (answer["request_id"], answer["message"]) == (
        None,
        "ZeroDivisionError: division by zero",
    )


def test_stats_settings_and_status_reach_their_ends(front_end):
    front_end.run(
        "settings = []\nbridge.on(protocol.SETTINGS, settings.append)\n"
        "bridge.handle(protocol.GET_STATS, lambda payload, job: {'text': 'requests 3'})\n"
        "bridge.publish_status(model='m', engine='e', state='loading')"
    )
    front_end.open_comm(on_subshell=True)
    said_before_it_came = front_end.received("status")["payload"]
    assert (said_before_it_came["model"], said_before_it_came["state"]) == ("m", "loading")

    front_end.notify("settings")
    front_end.notify("settings", context_cells=4)
    front_end.request("get_stats", "r1")
    assert front_end.received("response") == {
        "version": 2,
        "type": "response",
        "request_id": "r1",
        "result": {"text": "requests 3"},
    }
    assert front_end.run("print(settings)") == "[{}, {'context_cells': 4}]"


# Runs until it is cancelled, and tells when it began and how it ended.
ENDLESS = """
from codeface_jupyter.frontend.connection import Partial
ended = threading.Event()
def work(payload, job):
    job.emit(Partial({"text": "begun"}))
    try:
        job.wait(60)
        job.check()
    finally:
        ended.set()
bridge.handle(protocol.GET_STATS, work, in_thread=True)
"""


def test_a_cancel_reaches_a_running_handler_and_ends_that_one_only(front_end):
    front_end.run(ENDLESS)
    front_end.open_comm(on_subshell=True)
    front_end.request("get_stats", "r1")
    begun = front_end.received("partial")
    front_end.request("get_stats", "r2")
    front_end.received("partial")

    front_end.send(type="cancel", request_id="r1")
    first = front_end.received("error")
    front_end.send(type="cancel", request_id="r1")
    front_end.send(type="cancel", request_id="unknown")
    front_end.send(type="cancel", request_id="r2")

    assert (begun["request_id"], begun["result"]) == ("r1", {"text": "begun"})
    assert (first["request_id"], first["message"]) == ("r1", "The request was cancelled.")
    assert front_end.received("error")["request_id"] == "r2"


def test_a_handler_in_a_thread_keeps_nothing_waiting(front_end):
    front_end.run(ENDLESS)
    front_end.open_comm(on_subshell=True)
    front_end.request("get_stats", "r1")
    front_end.received("partial")

    front_end.push(NOTEBOOK, asking="d")

    assert front_end.run(SHOW, cell_id="d").startswith("('pushed', ['a', 'b', 'c']")
    front_end.send(type="cancel", request_id="r1")
    front_end.received("error")


def test_an_id_that_is_taken_and_too_many_requests_are_refused(front_end):
    front_end.run(ENDLESS)
    front_end.open_comm(on_subshell=True)
    for number in range(32):
        front_end.request("get_stats", f"r{number}")
        front_end.received("partial")

    front_end.request("get_stats", "r0")
    taken = front_end.received("error")
    front_end.request("get_stats", "one more")
    refused = front_end.received("error")
    front_end.close_comm()

    assert (taken["request_id"], taken["message"]) == (
        None,
        "The request 'r0' is already in progress.",
    )
    assert (refused["request_id"], refused["message"]) == (
        "one more",
        "32 requests are already in progress.",
    )
    assert front_end.run("print(ended.wait(20))") == "True"


@pytest.mark.parametrize("end", ["front_end.close_comm()", "front_end.run('bridge.close()')"])
def test_a_comm_that_closes_ends_what_the_front_end_asked(front_end, end):
    front_end.run(ENDLESS)
    front_end.open_comm(on_subshell=True)
    front_end.request("get_stats", "r1")
    front_end.received("partial")

    eval(end)

    assert front_end.run("print(ended.wait(20), bridge._front_ends)") == "True []"
    assert not [m for m in front_end.seen if m["content"].get("data", {}).get("type") == "error"]


def test_a_comm_that_closes_ends_what_the_kernel_asked(front_end):
    front_end.open_comm(on_subshell=True)
    front_end.push(NOTEBOOK, asking="d")
    running = front_end.start(
        "import time; t = time.perf_counter()\n"
        "print(bridge.cells(timeout_s=20).source, time.perf_counter() - t < 15)",
        cell_id="d",
    )

    front_end.received("get_cells")
    front_end.close_comm()

    assert front_end.finish(running) == "pushed True"


def test_a_request_that_is_given_up_is_cancelled_and_its_late_response_ignored(front_end):
    front_end.open_comm(on_subshell=True)
    front_end.push(NOTEBOOK, asking="d")

    assert front_end.run(SHOW, cell_id="d").startswith("('pushed'")
    request = front_end.received("get_cells")
    assert front_end.received("cancel")["request_id"] == request["request_id"]
    result = {"path": "a.ipynb", "asking": "d", "cells": []}
    front_end.send(type="response", request_id=request["request_id"], result=result)

    assert front_end.run("print(len(bridge._front_ends[0].connection._pending))") == "0"
    assert front_end.run(COUNT) == "1"


RESULT = {"path": "a.ipynb", "asking": "d", "cells": NOTEBOOK}


def test_a_second_response_is_ignored(front_end):
    front_end.open_comm(on_subshell=True)
    front_end.push(NOTEBOOK[3:], asking="d")
    running = front_end.start(SHOW.replace("cells()", "cells(timeout_s=20)"), cell_id="d")
    request_id = front_end.received("get_cells")["request_id"]

    front_end.send(type="response", request_id=request_id, result=RESULT)
    front_end.send(type="response", request_id=request_id, result={**RESULT, "cells": []})
    front_end.send(type="error", request_id=request_id, message="Too late.")

    assert front_end.finish(running).startswith("('pulled', ['a', 'b', 'c']")
    assert not [m for m in front_end.seen if m["content"].get("data", {}).get("type") == "error"]


@pytest.mark.parametrize(
    "answer",
    [
        {"type": "error", "message": "The page has no notebook."},
        {"type": "response", "result": {**RESULT, "cells": "none"}},
    ],
)
def test_a_page_that_fails_to_answer_is_not_waited_for(front_end, answer):
    front_end.open_comm(on_subshell=True)
    front_end.push(NOTEBOOK, asking="d")
    running = front_end.start(SHOW.replace("cells()", "cells(timeout_s=50)"), cell_id="d")
    request = front_end.received("get_cells")

    front_end.send(request_id=request["request_id"], **answer)

    assert front_end.finish(running).startswith("('pushed', ['a', 'b', 'c']")
    if answer["type"] == "response":
        assert (
            "get_cells.cells: Input should be a valid list"
            in (front_end.received("error")["message"])
        )


def test_status_is_sent_often_enough_and_no_more(front_end):
    front_end.open_comm(on_subshell=True)
    front_end.run(
        "for n in range(100):\n"
        "    bridge.publish_status(model='m', engine='e', state='generating', tokens_per_s=n)\n"
        "bridge.publish_status(model='m', engine='e', state='idle')"
    )
    sent = [
        m["content"]["data"]["payload"]["state"]
        for m in front_end.seen
        if m["msg_type"] == "comm_msg" and m["content"]["data"].get("method") == "status"
    ]

    assert sent[0] == "generating"
    assert sent[-1] == "idle"
    assert len(sent) < 10


def test_reloaded_pages_leave_no_heap_of_comms(front_end):
    for _ in range(10):
        front_end.another().open_comm(on_subshell=False)

    assert front_end.run(COUNT) == "8"


def test_a_page_of_another_release_holds_no_cell(front_end):
    front_end._send("comm_open", {"version": 1, "type": "open"})
    assert "speaks version 1" in front_end.received("error")["message"]
    assert front_end.run("print(bridge.shows_cell)", cell_id="d") == "False"
    front_end.another().open_comm(on_subshell=False)
    assert front_end.run("print(bridge.shows_cell)", cell_id="d") == "True"


def test_a_console_holds_no_cell_that_runs(front_end):
    front_end.open_comm(on_subshell=False)
    front_end.push([], asking=None)

    assert front_end.run("print(bridge.shows_cell)", cell_id="d") == "False"
    assert front_end.run("print(bridge.is_heard_while_busy)", cell_id="d") == "None"
    assert front_end.run(SHOW, cell_id="d") == "None"
