"""Questions that a page tells of while they are typed."""

import json

import pytest

ABOVE = "numbers = [1, 2]"


@pytest.fixture
def page(scripted, kernel_page):
    scripted.run("%config CodeFace.model = 'scripted'")
    scripted.run(ABOVE)
    yield kernel_page.open_comm(on_subshell=True)
    kernel_page.close_comm()
    scripted.run("%config CodeFace.model = 'auto'")
    scripted.run("%config CodeFace.read_ahead = True")


def cell(number, source):
    common = {"type": "code", "execution_count": None, "is_cut": False}
    return {"id": f"c{number}", "source": source, **common}


def read_ahead(page, typed, *, request_id, asking="c2", **more):
    cells = [cell(1, ABOVE), cell(2, typed)]
    page.request("read_ahead", request_id, path="a.ipynb", asking=asking, cells=cells, **more)
    return answer_to(page, request_id)["result"]["silence"]


def answer_to(page, request_id):
    found = page.wait(lambda m: m["content"].get("data", {}).get("request_id") == request_id)
    return found["content"]["data"]


def prompts_read(page):
    """Return what the engine was given."""
    session = "get_ipython().magics_manager.registry['CodeFace'].extension.session"
    requests = f"[(r.prompt.cells, r.prompt.request) for r in {session}.engine.requests]"
    return json.loads(page.run(f"import json; print(json.dumps({requests}))"))


def test_a_question_is_read_as_far_as_it_is_typed(page):
    assert read_ahead(page, "%%codeface\n", request_id="a") == ""
    assert read_ahead(page, "%%codeface -n 50\nsum the", request_id="b") == ""
    assert read_ahead(page, "%%codeface sum\nthe numbers", request_id="c") == ""

    assert prompts_read(page) == [
        [[ABOVE], "…"],
        [[ABOVE], "sum the"],
        [[ABOVE], "sum\nthe numbers"],
    ]


def test_auto_counts_on_it_where_a_page_is(page):
    page.notify("settings")
    assert read_ahead(page, "%%codeface\n", request_id="a") == ""
    session = "get_ipython().magics_manager.registry['CodeFace'].extension.session"
    counts = f"print({session}._resources.reads_ahead({session}.config.settings))"
    assert page.run(counts).strip() == "True"
    page.run("%config CodeFace.read_ahead = False")
    assert page.run(counts).strip() == "False"


def test_what_a_pages_settings_begin_knows_of_the_page(page):
    extension = "get_ipython().magics_manager.registry['CodeFace'].extension"
    page.run(
        f"extension, heard = {extension}, []\nextension._has_page = False\n"
        "extension.config.on_change(lambda _: heard.append(extension._has_page))"
    )
    page._wait_for_subshell(page.notify("settings", context_cells=4))
    assert page.run("print(heard[:1])").strip() == "[True]"
    page._wait_for_subshell(page.notify("settings"))


def test_the_answer_is_to_a_prompt_that_begins_like_it(page):
    read_ahead(page, "%%codeface\nsum the", request_id="a")
    page.push([cell(1, ABOVE), cell(2, "%%codeface\nsum the numbers")], asking="c2")
    page.run("%%codeface\nsum the numbers", cell_id="c2")

    read, asked = prompts_read(page)
    assert (read[0], asked) == (asked[0], [[ABOVE], "sum the numbers"])


@pytest.mark.parametrize(
    "typed",
    [
        "numbers.sum()",
        "%%codeface_edit\nsum",
        "%%codeface",
        "%%codeface -",
        "%%codeface --",
        "%%codeface -n\nsum",
        "%%codeface --nonsense\nsum",
        "%%codeface -m qwen3-8b\nsum",
        "%%codeface --trust-remote-code\nsum",
        "%%codeface -t 7\nsum",
        "%%codeface --dry-run\nsum",
        "%%codeface --vars num\nsum",
        "%%codeface --files no/such/file\nsum",
    ],
)
def test_what_is_no_question_yet_or_is_about_another_model_waits(page, typed):
    assert read_ahead(page, typed, request_id="a") == "busy"


def test_it_is_switched_off_by_a_setting(page):
    page.run("%config CodeFace.read_ahead = False")
    assert read_ahead(page, "%%codeface\nsum the", request_id="a") == "unsuited"


def test_where_hints_are_given_they_are_read_for(page):
    assert read_ahead(page, "%%codeface\nhow?", request_id="a", answers="hints") == ""
    session = "get_ipython().magics_manager.registry['CodeFace'].extension.session"
    task = page.run(f"print({session}.engine.requests[-1].prompt.task)")
    assert task == "explain"


def test_a_page_that_does_not_say_which_cell_is_typed_in_gets_no_reading(page):
    assert read_ahead(page, "%%codeface\nsum", request_id="a", asking=None) == "busy"


FAILS = "sum(numbers, [])"
SAID = "(r.prompt.task, r.prompt.request, r.prompt.notes, r.prompt.cells)"


def load(page):
    page.run("%%codeface\nsay something")


def last_two_read(page):
    """Return what the engine was given in the last two requests."""
    session = "get_ipython().magics_manager.registry['CodeFace'].extension.session"
    requests = f"[{SAID} for r in {session}.engine.requests[-2:]]"
    return json.loads(page.run(f"import json; print(json.dumps({requests}))"))


def test_a_change_is_read_while_it_is_typed_as_it_will_be_asked(page):
    for number, typed in enumerate(["%codeface_edit --id c1 ", "%codeface_edit --id c1 begin at"]):
        assert read_ahead(page, typed, request_id=f"e{number}") == ""
    (_, nothing, *_), (task, request, _, cells) = last_two_read(page)
    assert (task, cells) == ("edit", [ABOVE])
    assert request.endswith(f"{ABOVE}\n```\n\nbegin at")
    assert request.removesuffix("begin at") == nothing.removesuffix("…")

    asked = "%codeface_edit --id c1 begin at zero"
    page.push([cell(1, ABOVE), cell(2, asked)], asking="c2")
    page.run(asked, cell_id="c2")
    before, after = last_two_read(page)
    assert [after[0], *after[2:]] == [before[0], *before[2:]]
    assert after[1] == f"{before[1]} zero"


def test_an_error_is_read_as_it_will_be_asked_about(page, kernel):
    load(page)
    kernel.run(FAILS, cell_id="c1")
    cells = [cell(1, FAILS), cell(2, "%codeface_fix --id c1")]
    page.request("read_ahead", "a", path="a.ipynb", asking="c2", cells=cells)
    assert answer_to(page, "a")["result"]["silence"] == ""

    page.push(cells, asking="c2")
    page.run("%codeface_fix --id c1", cell_id="c2")
    read, asked = last_two_read(page)
    assert read == asked
    assert read[0] == "fix"
    assert "TypeError" in read[2]


def test_no_model_is_loaded_for_an_error(page, kernel):
    kernel.run(FAILS, cell_id="c1")
    cells = [cell(1, FAILS), cell(2, "%codeface_fix --id c1")]
    page.request("read_ahead", "a", path="a.ipynb", asking="c2", cells=cells)
    assert answer_to(page, "a")["result"]["silence"] == "busy"
    session = "get_ipython().magics_manager.registry['CodeFace'].extension.session"
    assert page.run(f"print({session}.engine)").strip() == "None"


def test_a_wish_may_begin_with_a_dash(page):
    assert read_ahead(page, "%codeface_edit --id c1 -- -1 must go", request_id="a") == ""


@pytest.mark.parametrize(
    "typed",
    [
        "%codeface_edit --id",
        "%codeface_edit begin at zero",
        "%codeface_fix",
        "%codeface_edit --id gone begin at zero",
        "%codeface_edit --id c2 begin at zero",
        "%codeface_edit --id c1 -m qwen3-8b begin at zero",
        "%codeface_edit --id c1 begin\nprint(1)",
        "%codeface_fix --id c1",
        "%codeface_explain numbers",
    ],
)
def test_what_cannot_be_changed_or_has_not_failed_is_not_read(page, typed):
    load(page)
    assert read_ahead(page, typed, request_id="a") == "busy"


def begin_to_read(page, request_id):
    cells = [cell(1, ABOVE), cell(2, "%%codeface\nsum the")]
    page.request("read_ahead", request_id, path="a.ipynb", asking="c2", cells=cells)
    spare = "get_ipython().magics_manager.registry['CodeFace'].extension.session._resources.turns"
    # A silent request is none of the user's cells.
    for _ in range(100):
        page.client.execute("", silent=True, user_expressions={"is_reading": f"{spare}._spare"})
        if "SpareTurn" in str(page.client.get_shell_msg(timeout=10)["content"]["user_expressions"]):
            return
    raise AssertionError("Nothing is being read.")


def silence_of(page, request_id):
    found = [m["content"].get("data", {}) for m in page.seen]
    ours = next((data for data in found if data.get("request_id") == request_id), None)
    ours = ours or answer_to(page, request_id)
    return ours["result"]["silence"]


@pytest.mark.parametrize(
    ("source", "silence"),
    [
        ("x = 1", "busy"),
        ("%codeface_edit\nx = 1", "busy"),
        ("%%codeface\nsum the numbers", ""),
    ],
)
def test_a_cell_of_the_users_ends_the_reading_and_the_question_does_not(page, source, silence):
    page.run("%config CodeFace.model = 'scripted:700ms:x2'")
    begin_to_read(page, "a")
    page.run(source, cell_id="c2")
    assert silence_of(page, "a") == silence


def test_a_cell_that_runs_is_left_alone(page):
    page.client.execute("import time; time.sleep(2)")
    page.wait(lambda m: m["msg_type"] == "execute_input")
    assert read_ahead(page, "%%codeface\nsum", request_id="a") == "busy"
    page.wait(
        lambda m: page.is_status(m, "idle") and m["parent_header"]["msg_type"] == "execute_request"
    )
