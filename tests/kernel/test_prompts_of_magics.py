"""Explain, fix, edit, test and what they tell the model, in a real kernel."""

import re

import pytest

from codeface_jupyter.frontend.saved_output import RESULT_MIME

LINES = "def area(r):\n    return 3 * r\nunits = {'a': 1}"


def prompt(notebook):
    return notebook.value("_codeface.prompt")


def number_of(notebook, source):
    return notebook.value(f"max(n for n, text in enumerate(In) if text.strip() == {source!r})")


def test_fix_tells_the_cell_the_error_and_the_values_on_the_failing_line(scripted):
    scripted.run(LINES)
    scripted.run("key = 'missing'\nunits[key]")
    run = scripted.run("%codeface_fix")
    assert run.reply["status"] == "ok"
    told = prompt(scripted)
    assert "units[key]" in told
    assert "KeyError: 'missing'" in told
    assert "key: str" in told
    data = run.bundles[-1][RESULT_MIME]
    assert data["prompt"] == "Fix KeyError"
    assert "-units[key]" in run.bundles[-1]["text/markdown"]


def test_fix_takes_an_older_error_by_number_and_further_wishes(scripted):
    scripted.run("1 / 0")
    scripted.run("undefined_name")
    number = number_of(scripted, "1 / 0")
    scripted.run(f"%codeface_fix --number {number} return infinity instead")
    assert "ZeroDivisionError" in prompt(scripted)
    assert "return infinity instead" in prompt(scripted)
    assert "undefined_name" not in prompt(scripted).split("This cell was run")[1]


def test_fix_of_a_syntax_error(scripted):
    scripted.run("def broken(:\n    pass")
    assert scripted.run("%codeface_fix").reply["status"] == "ok"
    assert "SyntaxError" in prompt(scripted)
    assert "def broken(:" in prompt(scripted)


def test_nothing_to_fix_is_said(scripted):
    scripted.run("%unload_ext codeface_jupyter")
    scripted.run("import sys; sys.last_exc = sys.last_value = None")
    scripted.run("%load_ext codeface_jupyter")
    run = scripted.run("%codeface_fix")
    # What follows in Run All goes on.
    assert run.reply["status"] == "ok"
    assert "nothing to fix" in run.bundles[-1]["text/plain"]


def test_own_failures_are_not_offered_for_fixing(scripted):
    scripted.run("1 / 0")
    scripted.run("%codeface -t 9 hello")
    scripted.run("%codeface_fix")
    assert "ZeroDivisionError" in prompt(scripted)


def test_edit_rewrites_the_cell_above_or_one_by_number(scripted):
    scripted.run("first = 1")
    scripted.run("second = 2")
    run = scripted.run("%codeface_edit call it {first} other")
    assert "second = 2" in prompt(scripted).rpartition("call it 1 other")[0][-200:]
    assert "-second = 2" in run.bundles[-1]["text/markdown"]
    number = number_of(scripted, "first = 1")
    run = scripted.run(f"%codeface_edit --number {number} rename it")
    assert "-first = 1" in run.bundles[-1]["text/markdown"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("%codeface_edit", "UsageError"),
        ("%codeface_edit 3", "UsageError"),
        ("%codeface_edit --number x do it", "UsageError"),
        ("%codeface_test", "UsageError"),
        ("%codeface_test units", "not a function or class"),
        ("%codeface_test print", "not a function or class with known source code"),
        ("%codeface_explain", "UsageError"),
        ("%codeface_explain unit", "Did you mean units"),
        ("%%codeface_explain units\nx = 1", "not both"),
        ("%codeface --files /no/such/file hi", "No such file"),
        ("%codeface --vars nothing_there hi", "'nothing_there' is not defined"),
        ("%codeface -T nowhere hi", "no template 'nowhere'"),
        ("%codeface_history now", "UsageError"),
    ],
)
def test_bad_input_is_one_clear_line(scripted, line, said):
    scripted.run(LINES)
    run = scripted.run(line)
    assert run.reply["status"] == "error"
    assert said in run.text + "".join(error["evalue"] for error in run.of_type("error"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("%codeface_edit --number 9999 do it", "No cell was run as In [9999]"),
        ("%codeface_fix 9999", "No cell was run as In [9999]"),
        ("%%codeface_explain\n \n", "There is nothing to explain"),
    ],
)
def test_a_cell_that_is_not_there_is_nothing_to_do(scripted, line, said):
    run = scripted.run(line)
    assert run.reply["status"] == "ok"
    assert said in run.bundles[-1]["text/plain"]


def test_test_shows_the_function_to_the_model(scripted):
    scripted.run(LINES)
    scripted.run("%codeface_test area")
    assert "return 3 * r" in prompt(scripted)
    assert "assert" in prompt(scripted)


def test_explain_takes_what_python_defines_unless_a_variable_is_called_so(scripted):
    line = "%codeface_explain --brief sorted"
    assert "(iterable, /, *, key=None" in scripted.run(line).bundles[0]["text/plain"]
    scripted.run("sorted = {'a': 1}")
    assert "dict" in scripted.run(line).bundles[0]["text/plain"]
    scripted.run("del sorted")
    # In a request, braces may be meant as braces.
    scripted.run("%codeface --no-cache what is {print}")
    assert "what is {print}" in prompt(scripted)


def test_in_a_function_braces_name_its_own_variables_first(scripted):
    scripted.run("what, n = 'nothing', 5")
    scripted.run("def ask(what):\n    %codeface --no-cache {what} of {n}\nask('the sum')")
    assert "the sum of 5" in prompt(scripted)
    scripted.run("for what in ['the mean']:\n    %codeface --no-cache {what} of {n}")
    assert "the mean of 5" in prompt(scripted)
    run = scripted.run("def explain(what):\n    %codeface_explain --brief what\nexplain({})")
    assert "dict" in run.bundles[0]["text/plain"]


@pytest.mark.parametrize("line", ["units?", "units ??"])
def test_explain_takes_a_question_mark_behind_a_name(scripted, line):
    scripted.run(LINES)
    run = scripted.run(f"%codeface_explain --brief {line}")
    assert (run.reply["status"], len(run.bundles)) == ("ok", 1)


def test_explain_takes_objects_cells_and_errors(scripted):
    scripted.run(LINES)
    run = scripted.run("%codeface_explain area")
    assert "(r)" in run.bundles[0]["text/plain"]
    assert "return 3 * r" in prompt(scripted)
    scripted.run("1 / 0")
    number = number_of(scripted, "1 / 0")
    scripted.run(f"%codeface_explain Err[{number}]")
    assert "What does this error mean" in prompt(scripted)
    scripted.run(f"%codeface_explain {number}")
    assert "What does this cell do?" in prompt(scripted)
    scripted.run("%codeface_explain units['a']")
    assert "`units['a']`" in prompt(scripted)


def test_explain_takes_code_and_words_below_it(scripted):
    scripted.run(LINES)
    run = scripted.run(
        "%%codeface_explain\nrates = [0.1, 0.2]\nkey = 'sk-0123456789abcdef0123456789'"
    )
    assert run.reply["status"] == "ok"
    sent = prompt(scripted)
    assert "What does this code do?" in sent
    assert "rates = [0.1, 0.2]" in sent
    assert "0123456789abcdef" not in sent
    assert "without code" in sent
    data = run.bundles[-1][RESULT_MIME]
    assert (data["insert"], data["outcome"]) == ("none", None)

    scripted.run("%%codeface_explain --markdown\nThe *residuals* fan out.")
    assert "What does this mean?\n\n```markdown\nThe *residuals* fan out." in prompt(scripted)


def test_chosen_variables_and_files_are_told_and_others_are_not(scripted, tmp_path):
    (tmp_path / "notes.txt").write_text("the taste of the sauce is thyme")
    scripted.run("spice = {'thyme': 3}\nother = [1, 2]")
    scripted.run(f"%codeface --cells 0 --vars spice --files {tmp_path}/notes.txt what is in it?")
    assert "spice: dict" in prompt(scripted)
    assert "other: list" not in prompt(scripted)
    assert "sauce is thyme" in prompt(scripted)
    scripted.run("%codeface --cells 0 --vars none what is spice?")
    assert "spice: dict" not in prompt(scripted)


def test_templates_of_the_users_own(scripted, tmp_path):
    scripted.run(f"import os; os.environ['CODEFACE_CONFIG'] = {str(tmp_path / 'config.toml')!r}")
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "haiku.md").write_text("Say it as a haiku in $language: $request")
    (folder / "bad.md").write_text("$request and $nonsense")
    scripted.run("%codeface -T haiku -l r spring {rain}")
    assert "Say it as a haiku in r: spring {rain}" in prompt(scripted)
    assert "Write the next cell" not in prompt(scripted)
    run = scripted.run("%codeface -T bad spring")
    assert "unknown field $nonsense" in run.of_type("error")[0]["evalue"]
    missing = scripted.run("%codeface -T ../haiku spring")
    assert "Known templates: bad, haiku" in missing.of_type("error")[0]["evalue"]


def test_follow_up_knows_the_last_exchange_until_reset(scripted):
    scripted.run("%codeface --cells 0 name the sea")
    scripted.run("%codeface --cells 0 now sort it")
    assert "name the sea" in prompt(scripted)
    assert "name the sea" in scripted.run("%codeface_history").bundles[-1]["text/plain"]
    assert re.fullmatch(r"Forgotten: \d+ exchanges\.\n", scripted.run("%codeface_reset").text)
    assert scripted.run("%codeface_reset").text == "Forgotten: 0 exchanges.\n"
    again = scripted.run("%codeface_again")
    assert "since the conversation was forgotten" in again.of_type("error")[0]["evalue"]
    scripted.run("%codeface --cells 0 --no-cache now sort it")
    assert "name the sea" not in prompt(scripted)


def test_cell_run_again_is_told_the_same_and_replayed(scripted):
    scripted.run("%codeface_reset")
    first = scripted.run("%%codeface --cells 0\nname the sea")
    again = scripted.run("%%codeface --cells 0\nname the sea")
    assert "response cache" not in first.bundles[-1]["text/markdown"]
    assert "response cache" in again.bundles[-1]["text/markdown"]


def test_context_shows_what_was_sent_and_what_would_be(scripted):
    scripted.run("unusual = 41")
    scripted.run("%codeface add one to unusual")
    shown = scripted.run("%codeface_context").bundles[-1]["text/plain"]
    assert prompt(scripted).strip() in shown
    preview = scripted.run("%codeface_context --cells 0 another thing").bundles[-1]["text/plain"]
    assert "another thing" in preview
    assert "unusual = 41" not in preview
    assert "left out" in preview
