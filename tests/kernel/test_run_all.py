"""Run All: what has nothing to do says so and passes, and what is to ask by hand only waits."""

import pytest

from codeface_jupyter.frontend.saved_output import RESULT_MIME, STREAM_MIME

ASK = "%%codeface\nplot it"
NOT_ASKED = {"codeface": {"is_not_asked": True}}


def cell(cell_id, source):
    made = {"id": cell_id, "type": "code", "source": source}
    return {**made, "execution_count": None, "is_cut": False}


@pytest.fixture
def page(scripted, kernel_page):
    scripted.run("x = 1", cell_id="x")
    return kernel_page.open_comm(on_subshell=False)


def run_all(page, source=ASK, **notebook):
    page.push([cell("x", "x = 1"), cell("q", source)], asking="q", is_run_all=True, **notebook)
    return page.notebook.run(source, cell_id="q")


def by_hand(page, source=ASK, **notebook):
    page.push([cell("x", "x = 1"), cell("q", source)], asking="q", is_run_all=False, **notebook)
    return page.notebook.run(source, cell_id="q")


def is_answered(run):
    assert run.reply["status"] == "ok", run.of_type("error")
    return any(RESULT_MIME in bundle for bundle in run.bundles)


def test_a_request_is_answered_in_run_all_unless_something_says_otherwise(page):
    assert is_answered(run_all(page))


def test_the_setting_leaves_requests_to_those_who_run_them_by_hand(page):
    page.notebook.run("%config CodeFace.ask_in_run_all = False")

    run = run_all(page)

    assert not is_answered(run)
    (shown,) = run.of_type("display_data")
    assert shown["data"]["text/plain"] == (
        "Not asked, since the whole notebook was run. Run this cell by hand to ask."
    )
    # By this the page knows that it may put back the earlier answer.
    assert shown["metadata"] == NOT_ASKED
    assert is_answered(by_hand(page))


@pytest.mark.parametrize(
    "source",
    ["%codeface_explain x", "%%codeface_batch\nplot it", "%codeface_test f", "%codeface_again"],
)
def test_all_that_ask_wait(page, source):
    page.notebook.run("def f():\n    return 1")
    run = run_all(page, source, ask_in_run_all=False)
    assert run.reply["status"] == "ok"
    assert run.of_type("display_data")[-1]["metadata"] == NOT_ASKED


def test_the_notebook_itself_may_say_so(page):
    assert not is_answered(run_all(page, ask_in_run_all=False))
    assert is_answered(by_hand(page, ask_in_run_all=False))
    page.notebook.run("%config CodeFace.ask_in_run_all = False")
    assert is_answered(run_all(page, ask_in_run_all=True))


def test_the_front_end_s_setting_counts(page):
    page.notify("settings", ask_in_run_all=False)
    page.request("get_stats", "after")
    page.received("response")
    assert not is_answered(run_all(page))


def test_a_program_that_runs_the_notebook_runs_all_of_it(scripted):
    scripted.run("%config CodeFace.ask_in_run_all = False")
    run = scripted.run(ASK)
    scripted.run("%config CodeFace.ask_in_run_all = True")
    assert not is_answered(run)
    assert is_answered(scripted.run(ASK))


def test_a_preview_is_shown_in_run_all_too(page):
    run = run_all(page, "%codeface --dry-run plot it", ask_in_run_all=False)
    assert "plot it" in run.bundles[-1]["text/plain"]


def test_cells_are_known_in_run_all_although_a_later_cell_was_sent_last(page):
    cells = [cell("x", "unusual = 1"), cell("q", ASK), cell("z", "z = 1")]
    page.push(cells, asking="q", is_run_all=True)
    page.push(cells, asking="z", is_run_all=True)

    page.notebook.run(ASK, cell_id="q")

    assert "unusual = 1" in page.notebook.value("_codeface.prompt")


def test_a_leftover_fix_does_not_stop_run_all(scripted):
    for line in ("%codeface_fix 3", "%codeface_fix", "%codeface_fix 3 return infinity"):
        run = scripted.run(line)
        assert run.reply["status"] == "ok", run.of_type("error")
        assert run.bundles[-1]["text/plain"]


def test_a_leftover_edit_does_not_stop_run_all(scripted):
    run = scripted.run("%codeface_edit --number 9999 add type hints")
    assert run.reply["status"] == "ok", run.of_type("error")
    assert "No cell was run as In [9999]" in run.bundles[-1]["text/plain"]


def test_an_answer_that_comes_is_in_the_output_that_would_be_saved(page):
    source = "%%codeface -m scripted:20ms:x300 -n 300\nadd two numbers"

    run = by_hand(page, source)

    coming = [bundle for bundle in run.bundles if STREAM_MIME in bundle]
    assert "application/vnd.jupyter.widget-view+json" not in str(run.bundles)
    assert all("not complete when this was saved" in b["text/plain"] for b in coming)
    assert "line 5 of" in coming[-1]["text/markdown"]
    assert coming[-1][STREAM_MIME]["cell_id"] == "q"
    # What the page needs to follow it where the cell is moved.
    assert len({bundle[STREAM_MIME]["display_id"] for bundle in coming}) == 1
    # Often enough that little is lost, and seldom enough that it costs nothing.
    assert 3 <= len(coming) <= 12
    assert STREAM_MIME not in run.bundles[-1]
