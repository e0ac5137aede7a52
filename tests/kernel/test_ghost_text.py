"""Completions as a page asks a real kernel for them."""

import json

import pytest


@pytest.fixture
def writer(scripted, kernel_page):
    scripted.run("%config CodeFace.model = 'scripted'")
    yield kernel_page.open_comm(on_subshell=True)
    kernel_page.close_comm()
    scripted.run("%config CodeFace.model = 'auto'")


def wanted(prefix, **more):
    terms = {"is_asked_for": False, "while_busy": False, "on_battery": True}
    return {"above": [], "prefix": prefix, "suffix": "", "max_lines": 1, **terms, **more}


def answer(writer, request_id):
    found = writer.wait(lambda m: m["content"].get("data", {}).get("request_id") == request_id)
    return found["content"]["data"]


def complete(writer, prefix, *, request_id, **more):
    writer.request("complete", request_id, **wanted(prefix, **more))
    return answer(writer, request_id)["result"]


def load(writer):
    writer.request("load_model", "load")
    writer.wait(
        lambda m: (
            m["content"].get("data", {}).get("request_id") == "load"
            and m["content"]["data"]["type"] == "response"
        )
    )


def test_nothing_is_loaded_for_ghost_text(writer):
    assert complete(writer, "numbers = ", request_id="a") == {"text": "", "silence": "unloaded"}


def test_a_line_and_a_block_are_completed(writer):
    load(writer)

    assert complete(writer, "numbers = li", request_id="a")["text"] == "st(range(10))"
    # The name is one of a cell above, which has not been run.
    above = ["numbers = [1, 2]"]
    prefix = "for number in numbers:"
    block = complete(writer, prefix, request_id="b", above=above, max_lines=8)["text"]
    assert block == "\n    square = number * number\n    print(number, square)"


def test_a_name_that_is_not_there_is_not_offered(writer):
    load(writer)
    # The script would go on with a sum over `numbers`.
    assert complete(writer, "total = ", request_id="a")["text"] == ""
    writer.run("numbers = [1, 2]")
    assert complete(writer, "total = ", request_id="b")["text"] == "sum(numbers)"


def test_a_busy_kernel_is_left_alone_unless_it_may_be_asked(writer):
    load(writer)
    writer.client.execute("import time; time.sleep(2)")
    writer.wait(lambda m: m["msg_type"] == "execute_input")

    assert complete(writer, "numbers = ", request_id="a")["silence"] == "busy"
    allowed = complete(writer, "numbers = ", request_id="b", while_busy=True)
    assert allowed["text"] == "list(range(10))"
    writer.wait(
        lambda m: (
            writer.is_status(m, "idle") and m["parent_header"]["msg_type"] == "execute_request"
        )
    )


def test_where_hints_are_given_no_code_is(writer):
    load(writer)
    writer.run("%config CodeFace.answers = 'hints'")
    assert complete(writer, "numbers = ", request_id="a")["silence"] == "unsuited"
    writer.run("%config CodeFace.answers = 'code'")


def test_warming_up_is_answered(writer):
    load(writer)
    writer.request("warm_up", "a", **wanted(""))

    assert answer(writer, "a") == {
        "version": 2, "type": "response", "request_id": "a", "result": {"silence": ""}
    }  # fmt: skip


def test_what_python_warns_of_in_a_cell_that_is_being_typed_is_not_told(writer):
    load(writer)
    assert complete(writer, "x = (1)(2)\nnumbers = li", request_id="a")["text"]
    writer.run("1")

    assert not [m["content"] for m in writer.seen if m["msg_type"] == "stream"]


HELD = """
import json, psutil, threading
print(json.dumps([psutil.Process().num_fds(), threading.active_count()]))
"""


def test_a_thousand_requests_that_are_given_up_leave_no_threads_and_sockets(writer):
    load(writer)
    complete(writer, "numbers = ", request_id="first")
    files, threads = json.loads(writer.run(HELD))
    for number in range(1_000):
        writer.request("complete", f"r{number}", **wanted(f"# {number}\nnumbers = "))
        writer.send(type="cancel", request_id=f"r{number}")
        # As the page does: what was given up is over before the next is asked.
        answer(writer, f"r{number}")

    files_after, threads_after = json.loads(writer.run(HELD))
    assert threads_after <= threads + 1
    assert files_after <= files + 3


def test_only_the_newest_of_many_requests_is_worked_on(writer):
    writer.run("%config CodeFace.model = 'scripted:500ms'")
    load(writer)
    for number in range(20):
        writer.request("complete", f"r{number}", **wanted(f"# {number}\nnumbers = "))
    ended = [
        writer.wait(lambda m: m["content"].get("data", {}).get("type") == "response")
        for _ in range(20)
    ]

    texts = [message["content"]["data"]["result"]["text"] for message in ended]
    assert texts.count("") == 19
    assert "list(range(10))" in texts
