"""A click that asks a cached answer's question once more, in a real kernel."""

import uuid

import pytest

from codeface_jupyter.frontend.protocol import RESULT_MIME, STREAM_MIME

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
ASK = "%%codeface --cells 0 -n 2000\nsay a number"
SCRIPT = """
from codeface_jupyter.engines.scripted import ScriptedEngine as _Engine
from codeface_jupyter.engines.current_engine import CurrentEngine as _Current
from codeface_jupyter.errors import GenerationError as _Error
_session = get_ipython().configurables[-1].extension.session
_engine = _Engine({answers}, token_delay_s={delay})
_session._resources.engines = _Current(_engine)
_session.response_cache.clear()
"""


@pytest.fixture
def front_end(notebook, kernel_page):
    """Return the page of a notebook in which the extension is loaded."""
    return kernel_page


def script(front_end, *answers, delay=0.0):
    listed = ", ".join(a if a.startswith("(") else repr(a) for a in answers)
    run = front_end.notebook.run(SCRIPT.format(answers=f"[{listed}]", delay=delay))
    assert run.reply["status"] == "ok", run.of_type("error")


def ask_twice(front_end):
    """Ask in one cell twice, and return what the second, cached run sent."""
    front_end.notebook.run(ASK, cell_id="asking")
    return front_end.notebook.run(ASK, cell_id="asking")


def ask_again(front_end, answer_id):
    front_end.request("ask_again", uuid.uuid4().hex, answer_id=answer_id)


def next_result(front_end):
    """Return the next message that shows a whole answer."""
    return front_end.wait(
        lambda m: RESULT_MIME in (data := m["content"].get("data", {})) and STREAM_MIME not in data
    )


def opened(run, description):
    """Return the comm of a button among a run's messages."""
    states = {c["comm_id"]: c["data"].get("state", {}) for c in run.of_type("comm_open")}
    return next((i for i, s in states.items() if s.get("description") == description), None)


def result_of(run):
    return next(m for m in run.messages if RESULT_MIME in m["content"].get("data", {}))


def data_of(message):
    return message["content"]["data"][RESULT_MIME]


def display_id(message):
    return message["content"]["transient"]["display_id"]


def test_a_click_asks_the_engine_again_and_the_new_answer_takes_the_old_ones_place(front_end):
    script(front_end, "one", "two")
    front_end.notebook.run("kept = [1]")
    cached = ask_twice(front_end)
    names = front_end.notebook.value("sorted(n for n in dir() if not n.startswith('_'))")
    cached = front_end.notebook.run(ASK, cell_id="asking")
    assert data_of(result_of(cached))["text"] == "one"

    front_end.click(opened(cached, "Ask again"))
    new = next_result(front_end)

    assert data_of(new)["text"] == "two"
    assert data_of(new)["answer_id"] is None
    assert "response cache" not in new["content"]["data"]["text/markdown"]
    assert display_id(new) == display_id(result_of(cached))
    assert new["parent_header"]["msg_id"] == result_of(cached)["parent_header"]["msg_id"]
    assert front_end.notebook.value("len(_engine.requests)") == 2
    assert front_end.notebook.value("_engine.requests[0].prompt == _engine.requests[1].prompt")
    counted = (
        "[_session.metrics.summary().requests, _session.metrics.summary().response_cache_hits]"
    )
    assert front_end.notebook.value(counted) == [4, 2]
    # What runs beside the user's own cells changes none of their variables.
    assert front_end.notebook.value("sorted(n for n in dir() if not n.startswith('_'))") == names
    assert front_end.notebook.value("_codeface.text") == "one"
    # The new answer has taken the old one's place in the response cache too.
    again = front_end.notebook.run(ASK, cell_id="asking")
    assert data_of(result_of(again))["text"] == "two"


def test_the_new_answer_streams_with_a_stop_button_where_the_old_one_stood(front_end):
    script(front_end, "one", "word " * 300, delay=0.01)
    cached = ask_twice(front_end)
    place = display_id(result_of(cached))

    front_end.click(opened(cached, "Ask again"))
    front_end.wait(lambda m: "word word" in str(m["content"].get("data", {}).get("state")))
    seen = list(front_end.seen)
    shown = [m["content"]["data"] for m in seen if m["msg_type"] == "update_display_data"]
    covered = next(data for data in shown if WIDGET_MIME in data)
    stop = next(
        m["content"]["comm_id"]
        for m in seen
        if m["msg_type"] == "comm_open"
        and m["content"]["data"]["state"].get("description") == "Stop"
    )
    front_end.click(stop)
    kept = next_result(front_end)

    # A notebook that is saved meanwhile holds the old answer.
    assert covered["text/markdown"] == result_of(cached)["content"]["data"]["text/markdown"]
    assert RESULT_MIME not in covered
    # Stopped, the old answer is back, and the button with it.
    assert display_id(kept) == place
    assert kept["content"]["data"] == result_of(cached)["content"]["data"]
    front_end.wait(lambda m: is_button(m, "Ask again"))


def is_button(message, description):
    data = message["content"].get("data", {})
    return message["msg_type"] == "comm_open" and data["state"].get("description") == description


def test_an_answer_that_fails_keeps_the_old_one_and_says_why(front_end):
    failure = "('half', _Error('The script broke.', hint='![Mend](it).'))"
    script(front_end, "one", failure, "three")
    cached = ask_twice(front_end)
    front_end.open_comm(on_subshell=False)

    ask_again(front_end, data_of(result_of(cached))["answer_id"])
    next_result(front_end)  # the old answer comes back first,
    kept = next_result(front_end)  # then with a word on what happened

    assert data_of(kept)["text"] == "one"
    said = "asking again failed: The script broke. ![Mend](it)."
    assert data_of(kept)["footer"].endswith(said)
    # Another machine's words are shown as they are: no image is fetched for them.
    assert r"\!\[Mend\](it)" in kept["content"]["data"]["text/markdown"]

    ask_again(front_end, data_of(kept)["answer_id"])
    assert data_of(next_result(front_end))["text"] == "three"


def test_with_the_labextension_its_own_button_is_enough_and_knows_the_answer(front_end):
    script(front_end, "one", "two")
    front_end.notebook.run(ASK, cell_id="asking")
    front_end.open_comm(on_subshell=False)

    cached = front_end.notebook.run(ASK, cell_id="asking")
    assert opened(cached, "Ask again") is None
    answer_id = data_of(result_of(cached))["answer_id"]
    ask_again(front_end, answer_id)

    assert data_of(next_result(front_end))["text"] == "two"
    # The answer that it named is gone, so a second message finds nothing.
    ask_again(front_end, answer_id)
    error = front_end.wait(lambda m: m["content"].get("data", {}).get("type") == "error")
    assert "does not remember the question" in error["content"]["data"]["message"]
    assert front_end.notebook.value("len(_engine.requests)") == 2


def test_an_id_that_this_kernel_did_not_give_asks_nothing(front_end):
    script(front_end, "one")
    ask_twice(front_end)
    front_end.open_comm(on_subshell=False)

    ask_again(front_end, "0" * 32)

    error = front_end.wait(lambda m: m["content"].get("data", {}).get("type") == "error")
    assert "Run its cell again with --no-cache." in error["content"]["data"]["message"]
    assert front_end.notebook.value("len(_engine.requests)") == 1


def test_many_clicks_ask_once(front_end):
    script(front_end, "one", "word " * 40, delay=0.01)
    answer_id = data_of(result_of(ask_twice(front_end)))["answer_id"]
    front_end.open_comm(on_subshell=False)

    for _ in range(3):
        ask_again(front_end, answer_id)
    next_result(front_end)

    assert front_end.notebook.value("len(_engine.requests)") == 2


def test_a_click_is_heard_while_another_cell_runs(front_end):
    script(front_end, "one", "two")
    cached = ask_twice(front_end)
    front_end.open_comm(on_subshell=True)

    def watch(run):
        message = run.messages[-1]
        if message["msg_type"] == "execute_input":
            ask_again(front_end, data_of(result_of(cached))["answer_id"])

    waiting = (
        "import time as _time\n_end = _time.monotonic() + 20\n"
        "while len(_engine.requests) < 2 and _time.monotonic() < _end: _time.sleep(0.01)\n"
        "print(len(_engine.requests))"
    )
    run = front_end.notebook.run(waiting, cell_id="busy", while_running=watch)

    assert run.text == "2\n"
    assert RESULT_MIME not in str(run.bundles), "the answer belongs to the cell that asked"


def test_the_plain_button_goes_with_the_next_cell_and_leaves_nothing_to_see(front_end):
    script(front_end, "one")
    cached = ask_twice(front_end)
    button = opened(cached, "Ask again")
    shown = [b for b in cached.bundles if b.get("text/html") == ""]
    assert [set(bundle) for bundle in shown] == [{WIDGET_MIME, "text/html", "text/plain"}]
    assert shown[0]["text/plain"] == ""

    after = front_end.notebook.run("1")

    assert {"text/html": "", "text/plain": ""} in after.bundles
    assert button in {c["comm_id"] for c in after.of_type("comm_close")}


@pytest.mark.parametrize("shown_to", [{}, {"allow_stdin": True}])
def test_where_nobody_can_click_there_is_no_button(front_end, shown_to):
    script(front_end, "one")
    front_end.notebook.run(ASK, **shown_to)

    cached = front_end.notebook.run(ASK, **shown_to)

    assert "response cache" in cached.text + str(cached.bundles)
    assert opened(cached, "Ask again") is None
    assert all(b[RESULT_MIME]["answer_id"] is None for b in cached.bundles if RESULT_MIME in b)


def test_an_answer_that_was_generated_has_no_button(front_end):
    script(front_end, "one")
    first = front_end.notebook.run(ASK, cell_id="asking")

    assert opened(first, "Ask again") is None
    assert data_of(result_of(first))["answer_id"] is None


def test_unloading_takes_the_button_away(front_end):
    script(front_end, "one")
    button = opened(ask_twice(front_end), "Ask again")

    unloaded = front_end.notebook.run("%unload_ext codeface_jupyter")

    assert button in {c["comm_id"] for c in unloaded.of_type("comm_close")}
    assert front_end.notebook.run("%load_ext codeface_jupyter").reply["status"] == "ok"
