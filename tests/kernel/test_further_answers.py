"""What is asked about an answer in a real kernel: more of it, another one, a question."""

import uuid

import pytest

from codeface_jupyter.frontend.saved_output import RESULT_MIME

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


def request(front_end, method, shown, **payload):
    """Ask for more about an answer, and return the response, or the error."""
    request_id = uuid.uuid4().hex
    front_end.request(method, request_id, answer_id=data_of(shown)["answer_id"], **payload)

    def is_mine(m):
        data = m["content"].get("data", {})
        is_end = data.get("type") in {"response", "error"}
        return m["msg_type"] == "comm_msg" and is_end and data["request_id"] == request_id

    return front_end.wait(is_mine)["content"]["data"]


def bundle_of(response):
    return response["result"]["bundle"]


def said(response):
    return bundle_of(response)[RESULT_MIME]


def as_shown(response):
    """Return an answer that the page has got as one that a cell has shown."""
    return {"content": {"data": bundle_of(response)}}


def next_result(front_end):
    """Return the next message that shows a whole answer."""
    return front_end.wait(lambda m: RESULT_MIME in m["content"].get("data", {}))


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


@pytest.fixture
def asked(front_end):
    """Return a function that has the first of some answers given to a cell, and shown."""

    def ask(*answers, options="", delay=0.0, on_subshell=False):
        script(front_end, *answers, delay=delay)
        front_end.open_comm(on_subshell=on_subshell)
        run = front_end.notebook.run(ASK.replace("-n 2000", f"-n 2000 {options}"), cell_id="asking")
        return result_of(run)

    return ask


def test_a_question_about_an_answer_goes_on_with_its_conversation(front_end, asked):
    front_end.notebook.run("kept = [1]")
    first = asked("one", "two", "three")
    names = front_end.notebook.value("sorted(n for n in dir() if not n.startswith('_'))")

    second = request(front_end, "follow_up", first, question="why {kept}?")
    third = request(front_end, "follow_up", as_shown(second), question="and then?")

    assert [said(second)["text"], said(third)["text"]] == ["two", "three"]
    assert said(second)["question"] == "why {kept}?"
    assert bundle_of(third)["text/markdown"].startswith("> and then?\n\nthree")
    # Each prompt begins with all that the one before it held, which engines have read.
    texts = "[_engine.format_prompt(r.prompt).removesuffix('assistant:') for r in _engine.requests]"
    a, b, c = front_end.notebook.value(texts)
    assert b.startswith(a)
    assert b[len(a) :].split() == ["assistant:", "one", "user:", "why", "[1]?"]
    assert c[len(b) :].split() == ["assistant:", "two", "user:", "and", "then?"]
    # What runs beside the user's own cells changes none of their variables.
    assert front_end.notebook.value("sorted(n for n in dir() if not n.startswith('_'))") == names
    assert front_end.notebook.value("_codeface.text") == "one"


def test_another_answer_is_another_sample_and_never_a_cached_one(front_end, asked):
    first = asked("one", "two", "three")

    assert said(request(front_end, "try_again", first))["text"] == "two"
    assert said(request(front_end, "try_again", first))["text"] == "three"

    prompts = "len({_engine.format_prompt(r.prompt) for r in _engine.requests})"
    assert front_end.notebook.value(prompts) == 1
    sampling = "[[r.sampling.temperature, r.sampling.seed] for r in _engine.requests]"
    greedy, *others = front_end.notebook.value(sampling)
    assert greedy == [0.0, None]
    assert [temperature for temperature, _ in others] == [0.7, 0.7]
    assert len({seed for _, seed in others}) == 2


def test_settings_that_sample_already_are_kept(front_end, asked):
    request(front_end, "try_again", asked("one", "two", options="-t 0.3 --seed 5"))

    last = front_end.notebook.value("[_engine.requests[-1].sampling.temperature]")
    assert last == [0.3]
    assert front_end.notebook.value("_engine.requests[-1].sampling.seed") != 5


def test_an_answer_that_was_cut_off_goes_on_where_it_ended(front_end, asked):
    first = asked("one two three four", " four five.", options="-n 3")
    assert data_of(first)["finish_reason"] == "length"

    whole = said(request(front_end, "continue_answer", first))

    begun = data_of(first)["text"]
    assert whole["text"] == f"{begun} four five."
    assert front_end.notebook.value("_engine.requests[-1].prompt.answer_begin") == begun
    assert whole["finish_reason"] in {"stop", "length"}
    assert whole["record"]["metrics"]["generated_tokens"] > 3


def test_a_whole_answer_has_nothing_to_go_on_with(front_end, asked):
    error = request(front_end, "continue_answer", asked("one"))
    assert "was not cut off" in error["message"]


def test_it_streams_and_stops_with_what_has_come(front_end, asked):
    first = asked("one", "word " * 300, delay=0.01, on_subshell=True)
    front_end.request("follow_up", "f", answer_id=data_of(first)["answer_id"], question="more")

    partial = front_end.received("partial")
    while "word word" not in partial["result"]["text"]:
        partial = front_end.received("partial")
    front_end.notify("stop")
    response = front_end.received("response")

    assert partial["result"]["bundle"] is None
    assert "token" in partial["result"]["status"]
    assert said(response)["finish_reason"] == "cancelled"
    assert "word word" in said(response)["text"]


def test_what_is_asked_under_one_answer_is_stopped_alone(front_end, asked):
    slow = "word " * 100
    first = asked("one", "two", slow, slow, delay=0.01, on_subshell=True)
    second = as_shown(request(front_end, "follow_up", first, question="more"))
    for name, shown in {"first": first, "second": second}.items():
        answer_id = data_of(shown)["answer_id"]
        front_end.request("follow_up", name, answer_id=answer_id, question="and then?")
    begun = set()
    while not begun >= {"first", "second"}:
        begun.add(front_end.received("partial")["request_id"])

    front_end.notify("stop", answer_id=data_of(second)["answer_id"])
    ended = {}
    while len(ended) < 2:
        response = front_end.received("response")
        ended[response["request_id"]] = response

    assert bundle_of(ended["second"]) is None
    assert said(ended["first"])["finish_reason"] == "stop"
    assert said(ended["first"])["text"].split() == slow.split()


def test_another_answer_that_is_stopped_or_fails_changes_nothing(front_end, asked):
    failure = "('half', _Error('The script broke.', hint='![Mend](it).'))"
    first = asked("one", failure, "word " * 300, delay=0.01, on_subshell=True)

    failed = request(front_end, "try_again", first)
    assert failed["message"] == "The script broke.\n![Mend](it)."

    front_end.request("try_again", "t", answer_id=data_of(first)["answer_id"])
    # The one that failed may have told of its half, too.
    while front_end.received("partial")["request_id"] != "t":
        continue
    front_end.notify("stop")
    assert bundle_of(front_end.received("response")) is None


def test_an_answer_to_a_question_that_breaks_off_keeps_its_words(front_end, asked):
    failure = "('half of it', _Error('The script broke.', hint='![Mend](it).'))"
    shown = request(front_end, "follow_up", asked("one", failure), question="more")

    assert said(shown)["text"] == "half of it"
    assert said(shown)["footer"].endswith("The script broke. ![Mend](it).")
    # Another machine's words are shown as they are: no image is fetched for them.
    assert r"\!\[Mend\](it)" in bundle_of(shown)["text/markdown"]


def test_a_kernel_that_does_not_know_the_answer_says_what_to_do(front_end, asked):
    asked("one")
    unknown = {"content": {"data": {RESULT_MIME: {"answer_id": "0" * 32}}}}

    error = request(front_end, "try_again", unknown)

    assert error["message"] == "This kernel no longer knows that answer.\nRun its cell again."
    assert front_end.notebook.value("len(_engine.requests)") == 1


def test_the_page_is_told_which_answers_are_known(front_end):
    def known():
        return front_end.received("answers")["payload"]["answer_ids"]

    script(front_end, "one", "two")
    front_end.open_comm(on_subshell=False)
    assert known() == []
    front_end.run(ASK, cell_id="asking")
    first = next(m for m in front_end.seen if RESULT_MIME in m["content"].get("data", {}))
    assert known() == [data_of(first)["answer_id"]]
    second = request(front_end, "try_again", first)
    assert known() == [data_of(first)["answer_id"], said(second)["answer_id"]]


def test_many_clicks_ask_once(front_end, asked):
    first = asked("one", "word " * 40, delay=0.01)
    for request_id in "abc":
        front_end.request("try_again", request_id, answer_id=data_of(first)["answer_id"])
    front_end.received("response")

    assert front_end.notebook.value("len(_engine.requests)") == 2


def test_it_is_heard_while_another_cell_runs(front_end, asked):
    first = asked("one", "two", on_subshell=True)

    def watch(run):
        if run.messages[-1]["msg_type"] == "execute_input":
            front_end.request("try_again", "t", answer_id=data_of(first)["answer_id"])

    waiting = (
        "import time as _time\n_end = _time.monotonic() + 20\n"
        "while len(_engine.requests) < 2 and _time.monotonic() < _end: _time.sleep(0.01)\n"
        "print(len(_engine.requests))"
    )
    run = front_end.notebook.run(waiting, cell_id="busy", while_running=watch)

    assert run.text == "2\n"


def test_a_repaired_cell_is_asked_about_as_a_repair(front_end):
    script(front_end, "```python\nx = 1\n```", "```python\nx = 2\n```")
    front_end.open_comm(on_subshell=False)
    failing = {"id": "bad", "type": "code", "source": "x = 1 / 0", "execution_count": None}
    asking = {"id": "asking", "type": "code", "source": "", "execution_count": None}
    cells = [{**failing, "is_cut": False}, {**asking, "is_cut": False}]
    front_end.push(cells, asking="asking")
    front_end.notebook.run("x = 1 / 0", cell_id="bad")
    run = front_end.notebook.run("%codeface_fix --id bad", cell_id="asking")

    other = request(front_end, "follow_up", result_of(run), question="make it 2")

    assert said(other)["replaces_cell_id"] == "bad"
    assert said(other)["rewrite"]["is_offered"]
    assert said(other)["blocks"][0]["code"] == "x = 2"


def test_in_a_terminal_a_line_names_the_magic_and_the_magic_does_it(front_end):
    script(front_end, "one", "two", "three four five", " six")
    terminal = {"allow_stdin": True}

    first = front_end.notebook.run("%codeface --cells 0 say a number", **terminal)
    second = front_end.notebook.run("%codeface_again", **terminal)
    third = front_end.notebook.run("%codeface_again with a word", **terminal)

    assert "%codeface_again QUESTION asks about this one" in first.text
    assert "%codeface_again QUESTION" not in second.text
    assert "two" in second.text
    assert "three" in third.text
    history = "[m['content'] for m in _engine.requests[-1].prompt.history]"
    assert front_end.notebook.value(history)[-1] == "two"


def test_in_a_terminal_an_answer_that_was_cut_off_goes_on(front_end):
    script(front_end, "one two three four", " four")
    terminal = {"allow_stdin": True}
    cut_off = front_end.notebook.run("%codeface --cells 0 -n 3 say a number", **terminal)

    front_end.notebook.run("%codeface_again --continue", **terminal)

    assert "%codeface_again --continue goes on with it" in cut_off.text
    assert front_end.notebook.value("_codeface.text").endswith(" four")


def test_a_click_on_the_plain_button_puts_another_answer_in_the_same_place(front_end):
    script(front_end, "one", "word " * 300, "two", delay=0.01)
    cached = ask_twice(front_end)
    place = display_id(result_of(cached))
    front_end.click(opened(cached, "Try again"))
    front_end.wait(lambda m: "word word" in str(m["content"].get("data", {}).get("state")))
    shown = [m["content"]["data"] for m in front_end.seen if m["msg_type"] == "update_display_data"]
    covered = next(data for data in shown if WIDGET_MIME in data)
    stop = next(m["content"]["comm_id"] for m in front_end.seen if is_button(m, "Stop"))
    front_end.click(stop)
    kept = next_result(front_end)

    # A notebook that is saved meanwhile holds the old answer.
    assert covered["text/markdown"] == result_of(cached)["content"]["data"]["text/markdown"]
    assert RESULT_MIME not in covered
    # Stopped, the old answer is back, and the button with it.
    assert display_id(kept) == place
    assert kept["content"]["data"] == result_of(cached)["content"]["data"]
    button = front_end.wait(lambda m: is_button(m, "Try again"))

    front_end.click(button["content"]["comm_id"])
    new = next_result(front_end)
    assert display_id(new) == place
    assert data_of(new)["text"] == "two"
    assert data_of(new)["earlier"][0]["data"]["text"] == "one"
    assert "Earlier answer" in new["content"]["data"]["text/markdown"]


def is_button(message, description):
    data = message["content"].get("data", {})
    return message["msg_type"] == "comm_open" and data["state"].get("description") == description


def test_the_plain_button_goes_with_the_next_cell_and_leaves_nothing_to_see(front_end):
    script(front_end, "one")
    cached = ask_twice(front_end)
    button = opened(cached, "Try again")
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
    assert opened(cached, "Try again") is None
    assert all(b[RESULT_MIME]["answer_id"] is None for b in cached.bundles if RESULT_MIME in b)


def test_an_answer_that_was_generated_has_no_widget(front_end):
    script(front_end, "one")
    first = front_end.notebook.run(ASK, cell_id="asking")

    assert opened(first, "Try again") is None
    assert data_of(result_of(first))["answer_id"]


def test_unloading_takes_the_button_away(front_end):
    script(front_end, "one")
    button = opened(ask_twice(front_end), "Try again")

    unloaded = front_end.notebook.run("%unload_ext codeface_jupyter")

    assert button in {c["comm_id"] for c in unloaded.of_type("comm_close")}
    assert front_end.notebook.run("%load_ext codeface_jupyter").reply["status"] == "ok"


CODE = "```python\nprint(max(marks))\n```"


@pytest.mark.parametrize("is_reopened", [False, True])
def test_in_a_notebook_that_wants_hints_none_of_it_is_code(front_end, is_reopened):
    script(front_end, CODE)
    page = front_end.open_comm(on_subshell=False)
    source = ASK
    cell = {"id": "q", "type": "code", "source": source, "execution_count": None, "is_cut": False}
    page.push([cell], asking="q", answers="hints")
    first = result_of(front_end.notebook.run(source, cell_id="q"))
    if is_reopened:
        # Until a cell runs, the new page has not told its cells.
        page.close_comm()
        front_end.open_comm(on_subshell=False)

    follow = request(front_end, "follow_up", first, question="give me the code")
    again = request(front_end, "try_again", first)

    assert [said(response)["blocks"] for response in (follow, again)] == [[], []]
    assert "Look up `max`" in said(follow)["text"]
    front_end.close_comm()
