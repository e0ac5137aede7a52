"""``%codeface_batch`` in a real kernel."""

import pytest

SCRIPTED = "-e scripted -m scripted"


def test_a_lists_requests_are_answered_in_order_and_kept(notebook):
    notebook.run("questions = ['say one', 'say two', 'say one']")
    run = notebook.run(f"%codeface_batch {SCRIPTED} questions -o answers -n 40")
    assert run.reply["status"] == "ok"
    assert notebook.value("[a.request for a in answers]") == ["say one", "say two", "say one"]
    assert notebook.value("['say two' in a.code for a in answers]") == [False, True, False]
    assert notebook.value("[a.finish_reason for a in _codeface_batch]") == ["stop"] * 3
    table, *answers = run.bundles[-1]["text/markdown"].split("<details>")
    assert "3 of 3 requests answered" in table
    assert table.count("say one") == 6  # the request, its code and what that sets, twice
    assert "replayed" in table
    codes = notebook.value("[a.code for a in answers]")
    assert [code in answer for code, answer in zip(codes, answers, strict=True)] == [True] * 3
    assert "is in answers[0].code" in run.bundles[-1]["text/plain"]
    assert run.text == ""


def test_a_cells_lines_are_requests_with_their_braces_filled_in(notebook):
    notebook.run("x = 41")
    run = notebook.run(f"%%codeface_batch {SCRIPTED}\nadd one to {{x}}\n\nprint {{y}}\n")
    assert run.reply["status"] == "ok"
    requests = notebook.value("[item.request for item in _codeface_batch]")
    assert requests == ["add one to 41", "print {y}"]


def test_progress_is_counted_while_it_goes(notebook):
    run = notebook.run(
        f"%%codeface_batch {SCRIPTED}:20ms:x30\nfirst\nsecond\nthird\nfourth", cell_id="cell-1"
    )
    lines = [
        message["content"]["data"]["state"]["value"]
        for message in run.messages
        if message["msg_type"] == "comm_msg"
        and "value" in message["content"]["data"].get("state", {})
    ]
    counted = [line for line in lines if str(line).startswith("Answering")]
    assert any("2 of 4" in line and "s left" in line for line in counted)
    # The first one, which nobody sees, keeps the widgets' subshell until the extension goes.
    opened = [m["comm_id"] for m in run.of_type("comm_open")]
    assert set(opened[1:]) == {m["comm_id"] for m in run.of_type("comm_close")}


def test_interrupt_keeps_what_is_finished(notebook):
    notebook.run("questions = ['first', 'second', 'third']")

    interrupted = []

    def interrupt(run):
        is_due = any("1 of 3" in bundle["text/plain"] for bundle in run.bundles)
        if is_due and not interrupted:
            interrupted.append(True)
            notebook.manager.interrupt_kernel()

    run = notebook.run(f"%codeface_batch {SCRIPTED}:20ms:x60 questions", while_running=interrupt)
    assert run.reply["ename"] == "KeyboardInterrupt"
    ends = notebook.value("[item.finish_reason for item in _codeface_batch]")
    assert ends[0] == "stop"
    assert ends[-1] == "cancelled"
    assert "1 of 3 requests answered" in run.bundles[-1]["text/plain"]
    assert notebook.run(f"%%codeface {SCRIPTED}\nand again").reply["status"] == "ok"


def test_a_request_that_fails_is_told_and_the_others_are_kept(notebook):
    notebook.run("questions = ['say one', '   ', 'say three']")
    run = notebook.run(f"%codeface_batch {SCRIPTED} questions")
    assert run.reply["status"] == "ok"
    assert "1 of 3 requests failed" in run.text
    assert "The request is empty" in run.bundles[-1]["text/markdown"]
    ends = notebook.value("[item.finish_reason for item in _codeface_batch]")
    assert ends == ["stop", "error", "stop"]


def test_when_all_fail_the_cell_fails(notebook):
    notebook.run("questions = ['', ' ']")
    run = notebook.run(f"%codeface_batch {SCRIPTED} questions")
    assert run.reply["ename"] == "NotebookError"


def test_dry_run_counts_the_tokens_and_asks_nothing(notebook):
    run = notebook.run(f"%%codeface_batch {SCRIPTED} --dry-run\nfirst\nsecond")
    assert "first" in run.bundles[-1]["text/markdown"]
    assert notebook.value("'_codeface_batch' in globals()") is False


@pytest.mark.parametrize(
    ("setup", "line", "name", "text"),
    [
        ("", "nowhere", "UnknownNameError", "'nowhere' is not defined"),
        ("thing = 'one text'", "thing", "NotebookError", "expected a list of strings"),
        ("thing = []", "thing", "NotebookError", "thing is empty"),
        ("thing = ['a', 3]", "thing", "NotebookError", r"thing[1] is of type int"),
        ("", "", "UsageError", "Name a list of strings"),
        ("a = b = ['x']", "a b", "UsageError", "Expected one list"),
        ("a = ['x']", "a -o 2x", "UsageError", "expected the name of a variable"),
    ],
)
def test_what_is_no_list_of_texts_is_refused(notebook, setup, line, name, text):
    notebook.run(setup)
    run = notebook.run(f"%codeface_batch {SCRIPTED} {line}")
    shown = run.reply["evalue"] + "".join(run.reply.get("traceback", [])) + run.text
    assert run.reply["status"] == "error"
    assert run.reply["ename"] == name
    assert text in shown


def test_a_column_of_a_data_frame_is_a_list(notebook):
    notebook.run("import pandas as pd\nframe = pd.DataFrame({'ask': ['say one', 'say two']})")
    notebook.run("frame['to ask'] = frame['ask']")
    run = notebook.run(f"%codeface_batch {SCRIPTED} frame['to ask'] -o asked")
    assert run.reply["status"] == "ok"
    assert notebook.value("len(asked)") == 2
    run = notebook.run(f"%codeface_batch {SCRIPTED} frame.ask -o answers")
    assert run.reply["status"] == "ok"
    assert notebook.value("len(answers)") == 2
    assert notebook.run(f"%codeface_batch {SCRIPTED} frame").reply["ename"] == "NotebookError"


LOUD = """
from codeface_jupyter.engines.current_engine import CurrentEngine
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.generation import Warned

class Loud(ScriptedEngine):
    def generate(self, request, job):
        job.emit(Warned("The fan is loud."))
        return super().generate(request, job)

session = get_ipython().configurables[-1].extension.session
session._resources.engines = CurrentEngine(Loud(["one"]))
"""


def test_what_all_questions_are_warned_of_is_said_once(notebook):
    notebook.run(LOUD)
    run = notebook.run("%%codeface_batch --no-cache\nfirst\nsecond\nthird")
    assert run.reply["status"] == "ok"
    assert run.text.count("Warning: The fan is loud.") == 1
    notebook.run("%unload_ext codeface_jupyter")
    notebook.run("%load_ext codeface_jupyter")


def test_the_error_of_a_batch_that_failed_keeps_none_of_the_user_s_objects(notebook):
    notebook.run("class Thing: pass\nthing = Thing()")
    notebook.run("import gc, weakref\nalive = weakref.ref(thing)")
    run = notebook.run(f"%%codeface_batch {SCRIPTED} --vars nothing\nwhat is it?\nand again?")
    assert run.reply["ename"] == "UnknownNameError"
    assert notebook.value("len(_codeface_batch)") == 2
    notebook.run("del thing\n_ = gc.collect()")
    assert notebook.value("alive() is None") is True


ECHO = """
from codeface_jupyter.engines.current_engine import CurrentEngine
from codeface_jupyter.engines.scripted import ScriptedEngine
session = get_ipython().configurables[-1].extension.session
session._resources.engines = CurrentEngine(
    ScriptedEngine(lambda prompt: f"```python\\n{prompt.request}\\n```")
)
"""


def test_each_answer_is_tried_on_a_copy_and_the_table_says_what_came_of_it(notebook):
    notebook.run(ECHO)
    notebook.run("rows = [3, 1, 2]")
    run = notebook.run("%%codeface_batch\nsorted(rows)\nrows.append(4)\nrows['x']")
    assert notebook.value("[item.outcome.ending for item in _codeface_batch]") == [
        "ran",
        "ran",
        "raised",
    ]
    table = run.bundles[-1]["text/markdown"]
    assert "list of 3" in table
    assert "raises TypeError" in table
    assert notebook.value("rows") == [3, 1, 2]


def test_nothing_is_tried_with_no_try(notebook):
    notebook.run(f"%%codeface_batch {SCRIPTED} --no-try\nfirst\nsecond")
    assert notebook.value("[item.outcome for item in _codeface_batch]") == [None, None]
