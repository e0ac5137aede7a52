"""A long session in one kernel: after much has been asked, it takes no more than before.

The short form runs with the other tests, the full one by ``make soak``, which sets the numbers.
"""

import itertools
import os
import statistics
import uuid

import pytest

REQUESTS = int(os.environ.get("SOAK_REQUESTS", "120"))
COMM_MESSAGES = int(os.environ.get("SOAK_COMM_MESSAGES", "300"))

# Of resident memory, for each request: what the notebook itself keeps, such as IPython's history,
# is in it. The slack is what allocators round up by.
MOST_GROWTH_BYTES = 8_000
SLACK_BYTES = 4_000_000
# Threads and descriptors of messages that are just being handled.
MOST_MORE = {"threads": 1, "descriptors": 5, "comms": 0}
# The processor's time, since that of the clock measures what else the machine does.
MOST_CPU_GROWTH = 1.5
SLACK_CPU_S = 0.02

PREPARE = """
import comm as _comm, gc as _gc, psutil as _psutil, time as _time, pandas as pd
df = pd.DataFrame({"region": ["north", "south"] * 50, "units": range(100)})
def area(r): return 3.14 * r * r
def _held():
    _gc.collect()
    process = _psutil.Process()
    return {
        "resident_bytes": process.memory_info().rss,
        "threads": process.num_threads(),
        "descriptors": process.num_fds(),
        "comms": len(_comm.get_comm_manager().comms),
    }
"""
CELLS = {"path": "a.ipynb", "asking": None, "cells": []}
# What pages send, and what none should.
MESSAGES = (
    {"type": "request", "request_id": "bad", "method": "no such method", "payload": {}},
    {"type": "nonsense"},
    {"type": "notification", "method": "settings", "payload": {"context_cells": None}},
    {"type": "cancel", "request_id": "long gone"},
    {"type": "notification", "method": "cells", "payload": CELLS},
)
SLOW = "-m scripted:20ms:x400 --no-cache"


class Session:
    """A user at work: asks in every way there is, and looks at what the kernel holds."""

    def __init__(self, notebook, page):
        self.notebook = notebook
        self.page = page
        self.asked = 0
        self.sent = 0
        self.numbers = itertools.count()
        self.cells = {"first": "x = 1"}

    def ask(self, code, *, cell_id="asking", status="ok", asked=1, **options):
        """Run a cell that asks ``asked`` questions, and check how it ended."""
        self.asked += asked
        if cell_id is not None:
            self.cells = {**self.cells, cell_id: code}
            cells = [cell(*each) for each in self.cells.items() if each[0] != cell_id]
            self.page.push([*cells, cell(cell_id, code)], asking=cell_id)
            self.sent += 1
        run = self.notebook.run(code, cell_id=cell_id, **options)
        assert run.reply["status"] == status, run.of_type("error", "stream")
        return run

    def stop_when_it_streams(self, run):
        """Press Stop once the answer's first line is there."""
        if not self.is_stopped and any("line" in str(m["content"]) for m in run.messages[-1:]):
            self.is_stopped = True
            self.sent += 1
            self.page.notify("stop")

    def work(self):
        """Ask once in every way."""
        number = next(self.numbers)
        plot = f"%%codeface\nplot units by region, attempt {number}"
        self.ask(plot)
        self.ask(plot)
        self.ask(f"%%codeface --no-cache\nthe same without a cache, {number}")
        self.ask(f"%%codeface\nseen by a program, {number}", cell_id=None)
        self.ask(f"%%codeface_batch\nfirst {number}\nsecond {number}\nthird {number}", asked=3)
        self.ask("%codeface_explain --no-cache df")
        self.ask("%codeface_test --no-cache area")
        self.ask(f"df['nothing {number}']", cell_id="failing", status="error", asked=0)
        self.ask("%codeface_fix --no-cache")
        self.ask("%codeface -n 0 too short", status="error")
        self.ask("%codeface -m scripted:unknown no such model", status="error")
        self.is_stopped = False
        self.ask(f"%%codeface {SLOW}\nstop {number}", while_running=self.stop_when_it_streams)
        assert self.is_stopped

    def talk(self, messages):
        """Send messages, good and bad; a last request is still answered."""
        for message in itertools.islice(itertools.cycle(MESSAGES), messages - 1):
            self.page.send(**message)
        request_id = uuid.uuid4().hex
        self.page.request("get_stats", request_id)
        self.sent += messages
        while self.page.received("response")["request_id"] != request_id:
            pass

    def reload_page(self):
        """Leave the page's comm as a page that is reloaded does, and open another."""
        self.page.close_comm()
        self.page.comm_id = uuid.uuid4().hex
        self.page._send("comm_open", {"version": 2, "type": "open"})
        self.sent += 2
        self.talk(2)

    def held(self):
        return self.notebook.value("_held()")

    def cpu_s(self):
        return self.notebook.value("_time.process_time()")


def cell(cell_id, source):
    return {
        "id": cell_id,
        "type": "code",
        "source": source,
        "execution_count": None,
        "is_cut": False,
    }


@pytest.fixture
def session(scripted, kernel_page):
    assert scripted.run(PREPARE).reply["status"] == "ok"
    kernel_page.open_comm(on_subshell=True)
    yield Session(scripted, kernel_page)
    kernel_page.close_comm()


@pytest.mark.timeout(300 + 3 * REQUESTS)
def test_a_long_session_takes_no_more_at_its_end_than_at_its_beginning(session):
    rounds = []
    while session.asked < REQUESTS or session.sent < COMM_MESSAGES:
        asked_before, cpu_before_s = session.asked, session.cpu_s()
        session.work()
        rounds_left = (REQUESTS - session.asked) // (session.asked - asked_before) + 1
        session.talk(max(2, (COMM_MESSAGES - session.sent) // max(1, rounds_left)))
        session.reload_page()
        cpu_s = (session.cpu_s() - cpu_before_s) / (session.asked - asked_before)
        rounds.append({**session.held(), "cpu_s": cpu_s, "asked": session.asked})
        print(rounds[-1])

    early = median_of(rounds[len(rounds) // 6 : len(rounds) // 2])
    late = median_of(rounds[-(len(rounds) // 3) :])
    for kind, more in MOST_MORE.items():
        assert late[kind] <= early[kind] + more, kind
    grown = late["resident_bytes"] - early["resident_bytes"]
    assert grown <= SLACK_BYTES + MOST_GROWTH_BYTES * (late["asked"] - early["asked"])
    assert late["cpu_s"] <= SLACK_CPU_S + MOST_CPU_GROWTH * early["cpu_s"]


def median_of(rounds):
    return {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}
