"""The magics in a real kernel, seen as a notebook's front end sees them."""

import json

import pytest

from codeface_jupyter.frontend.saved_output import RESULT_MIME

TIMEOUT_S = 30
SCRIPTED = "-e scripted -m scripted"
LONG = f"%%codeface {SCRIPTED}:10ms:x2000 -n 2000\ntalk for a while"


def test_program_sees_text_grow_and_one_lasting_output(notebook):
    run = notebook.run(f"%%codeface {SCRIPTED}:20ms\nsay hello")
    assert run.reply["status"] == "ok"
    texts = [bundle["text/plain"] for bundle in run.bundles]
    assert len(texts) > 3
    assert RESULT_MIME in run.bundles[-1]
    assert "say hello" in run.bundles[-1]["text/markdown"]
    assert len(run.of_type("display_data")) == 1
    assert run.text == ""


def test_front_end_sees_widgets_which_are_gone_at_the_end(notebook):
    run = notebook.run(f"%%codeface {SCRIPTED}:20ms\nsay hello", cell_id="cell-1")
    assert "application/vnd.jupyter.widget-view+json" in run.bundles[0]
    # What exports say of a notebook that is saved meanwhile.
    assert "was not complete when this was saved" in run.bundles[0]["text/markdown"]
    assert run.bundles[-1][RESULT_MIME]["cell_id"] == "cell-1"
    opened = [m["comm_id"] for m in run.of_type("comm_open")]
    closed = {m["comm_id"] for m in run.of_type("comm_close")}
    assert len(closed) > 1
    # The first one, which nobody sees, keeps the widgets' subshell until the extension goes.
    assert closed == set(opened[1:])
    again = notebook.run(f"%%codeface {SCRIPTED}:20ms\nsay hello again", cell_id="cell-1")
    opened_again = {m["comm_id"] for m in again.of_type("comm_open")}
    assert opened_again == {m["comm_id"] for m in again.of_type("comm_close")}
    end = notebook.run("%unload_ext codeface_jupyter")
    assert opened[0] in {m["comm_id"] for m in end.of_type("comm_close")}
    notebook.run("%load_ext codeface_jupyter")


def test_terminal_sees_plain_text(notebook):
    run = notebook.run(f"%%codeface {SCRIPTED}\nsay hello", allow_stdin=True)
    assert "say hello" in run.text
    footer, hint = run.text.splitlines()[-2:]
    assert "tokens" in footer
    assert "%codeface_again" in hint
    assert run.bundles == []


def test_result_is_kept_in_variables(notebook):
    notebook.run(f"%%codeface {SCRIPTED} -o mine\nsay hello")
    assert notebook.value("[mine is _codeface, _codeface.finish_reason]") == [True, "stop"]
    assert "say hello" in notebook.value("mine.code")


def test_earlier_cells_go_along_but_magics_and_secrets_do_not(notebook):
    notebook.run("unusual_name = 41")
    notebook.run("api_key = 'sk-ant-0123456789abcdef0123456789'")
    notebook.run(f"%%codeface {SCRIPTED}\nuse it")
    prompt = notebook.value("_codeface.prompt")
    assert "unusual_name = 41" in prompt
    assert "sk-ant" not in prompt
    assert "load_ext" not in prompt
    notebook.run(f"%%codeface {SCRIPTED} --cells 0\nuse it")
    assert "unusual_name = 41" not in notebook.value("_codeface.prompt")


def test_braces_are_filled_in_with_what_they_name(notebook):
    notebook.run("x = 41")
    notebook.run("x + 1")
    notebook.run("1 / 0")
    run = notebook.run(rf"%codeface {SCRIPTED} it's {{x}}, {{nope}}, \n, {{'a': 1}}")
    assert run.reply["status"] == "ok"
    assert r"it's 41, {nope}, \n, {'a': 1}" in notebook.value("_codeface.prompt")
    number = notebook.value("max(Out)")
    notebook.run(f"%codeface {SCRIPTED} {{In[{number}]}} gave {{Out[{number}]}}")
    assert "x + 1 gave 42" in notebook.value("_codeface.prompt")
    failed = notebook.value("next(n for n, text in enumerate(In) if text == '1 / 0')")
    notebook.run(f"%codeface {SCRIPTED} fix {{Err[{failed}]}}")
    assert "ZeroDivisionError" in notebook.value("_codeface.prompt")


def test_a_cell_is_named_as_it_was_typed_not_as_ipython_runs_it(notebook):
    typed = "%%capture out\nfiles = %pwd"
    number = notebook.run(typed).reply["execution_count"]
    notebook.run(f"%codeface {SCRIPTED} --cells 0 say what {{In[{number}]}} does")
    assert f"say what {typed} does" in notebook.value("_codeface.prompt")
    notebook.run(f"%codeface_explain {SCRIPTED} --cells 0 {number}")
    assert typed in notebook.value("_codeface.prompt")
    notebook.run("In = ['mine']")
    notebook.run(f"%codeface {SCRIPTED} --cells 0 say {{In[0]}}")
    assert "say mine" in notebook.value("_codeface.prompt")


def test_a_secret_in_what_was_typed_is_not_sent_and_a_line_says_so(notebook):
    notebook.run("password = 'hunter2'")
    run = notebook.run(f"%codeface {SCRIPTED} why is {{password}} not 'token=x', password: hunter3")
    prompt = notebook.value("_codeface.prompt")
    assert "why is {password} not" in prompt
    assert "hunter" not in prompt
    assert "{password} went as typed" in run.text
    assert "it went as ***" in run.text


def test_values_in_braces_and_local_answers_do_not_reach_a_server(notebook):
    notebook.run("n = 41421")
    notebook.run(f"%codeface {SCRIPTED} multiply {{n}} by two")
    server = "%codeface -e openai --cells 0 --dry-run"
    notebook.run("%codeface_config base_url=https://models.example/v1")
    try:
        run = notebook.run(f"{server} use {{n}}")
        shown = run.bundles[-1]["text/plain"]
        assert "use {n}" in shown
        assert "41421" not in shown
        assert "send_values_to_remote" in run.text
        notebook.run("%codeface_config send_values_to_remote=true")
        assert "use 41421" in notebook.run(f"{server} use {{n}}").bundles[-1]["text/plain"]
    finally:
        notebook.run("%codeface_config send_values_to_remote=false")


def test_dry_run_shows_the_prompt_and_asks_nothing(notebook):
    notebook.run("unusual_name = 41")
    run = notebook.run(f"%%codeface {SCRIPTED} --dry-run\nuse it")
    shown = run.bundles[-1]["text/plain"]
    assert "unusual_name = 41" in shown
    assert "tokens" in shown.splitlines()[0]
    assert notebook.value("'_codeface' in globals()") is False


def test_background_frees_the_kernel_and_answers_in_its_own_cell(notebook):
    run = notebook.run(f"%%codeface {SCRIPTED}:10ms:x60 -b -o later\ntake your time")
    assert run.reply["status"] == "ok"
    first = run.messages[0]["parent_header"]["msg_id"]
    assert notebook.value("1 + 1") == 2
    while True:
        message = notebook.client.get_iopub_msg(timeout=TIMEOUT_S)
        if RESULT_MIME in message["content"].get("data", {}):
            break
    assert message["parent_header"]["msg_id"] == first
    assert notebook.value("later.finish_reason") == "stop"


def test_insert_next_offers_the_next_cell(notebook):
    run = notebook.run(f"%%codeface {SCRIPTED} --insert next\nsay hello")
    (payload,) = run.reply["payload"]
    assert payload["source"] == "set_next_input"
    assert payload["text"] == notebook.value("_codeface.code")
    assert payload["replace"] is False
    replaced = notebook.run(f"%%codeface {SCRIPTED} --insert replace\nsay hello")
    assert replaced.reply["payload"][0]["replace"] is True


@pytest.mark.parametrize(
    ("line", "ename", "said"),
    [
        ("%codeface -t 9 hello", "ConfigError", "--temperature 9: expected at most 2."),
        ("%codeface -e nonsense hello", "EngineUnavailableError", "nonsense"),
        ("%codeface_explain nothing_like_it", "UnknownNameError", "not defined"),
        ("%codeface -m no/such-model --cells 0 hello", "FetchError", "no/such-model"),
        ("%codeface_config temprature=1", "ConfigError", "temprature"),
    ],
)
def test_errors_are_one_line_and_fail_the_cell(notebook, line, ename, said, monkeypatch):
    notebook.run("import os; os.environ['HF_HUB_OFFLINE'] = '1'")
    run = notebook.run(line)
    assert run.reply["status"] == "error"
    (error,) = run.of_type("error")
    assert error["ename"] == ename
    assert said in error["evalue"]
    assert len(error["traceback"]) <= 2


@pytest.mark.parametrize(
    "line",
    [
        "%codeface",
        "%codeface --bogus hi",
        "%codeface -o 1x hi",
        "%codeface_stats hi",
        "%codeface plot it --dry-run",
        "%codeface_context plot it --dry-run",
        "%codeface_again shorter --continue",
        "%codeface_edit shorter --dry-run",
        "%codeface_fix shorter --dry-run",
        "%codeface_explain x -n 9",
        "%codeface_test x -n 9",
    ],
)
def test_wrong_syntax_is_a_usage_error(notebook, line):
    run = notebook.run(line)
    assert run.reply["status"] == "error"
    assert run.text.startswith("UsageError")


def test_same_question_is_replayed_and_no_cache_asks_again(notebook):
    question = f"%%codeface {SCRIPTED} --cells 0\nsay hello"
    notebook.run(question)
    replay = notebook.run(question)
    assert "from the response cache" in replay.bundles[-1]["text/markdown"]
    fresh = notebook.run(question.replace("--cells", "--no-cache --cells"))
    assert "from the response cache" not in fresh.bundles[-1]["text/markdown"]
    stats = json.loads(notebook.run("%codeface_stats --json").text)
    assert stats["requests"] == 3
    assert stats["response_cache_hits"] == 1


def test_stats_and_explain_show_tables(notebook):
    notebook.run("values = [1, 2, 3]")
    explained = notebook.run(f"%codeface_explain {SCRIPTED} values")
    assert "list" in explained.bundles[0]["text/plain"]
    assert RESULT_MIME in explained.bundles[-1]
    brief = notebook.run("%codeface_explain --brief values")
    assert len(brief.bundles) == 1
    assert "requests" in notebook.run("%codeface_stats").bundles[0]["text/plain"]


def test_config_magic_and_percent_config_agree(notebook):
    notebook.run("%config CodeFace.temperature = 0.3")
    assert "0.3" in notebook.run("%config CodeFace.temperature").bundles[-1]["text/plain"]
    notebook.run("%codeface_config max_new_tokens=77 temperature=0.4")
    shown = notebook.run("%codeface_config").bundles[-1]["text/plain"]
    assert "77" in shown
    assert "%config" in shown
    assert "0.4" in notebook.run("%config CodeFace.temperature").bundles[-1]["text/plain"]
    notebook.run("%codeface_config temperature=0 max_new_tokens=512")


def test_config_says_when_the_engine_cannot_be_told_yet(notebook):
    engine = notebook.run("%config CodeFace.engine").bundles[-1]["text/plain"].strip("'")
    model = notebook.run("%config CodeFace.model").bundles[-1]["text/plain"].strip("'")
    notebook.run("%codeface_config engine=auto model=owner/never-fetched")
    told = notebook.run("%codeface_config")
    notebook.run(f"%codeface_config engine={engine} model={model}")
    shown = told.bundles[-1]["text/plain"]
    assert "the engine is chosen once the model has been fetched" in " ".join(shown.split())


def test_load_unload_load_leaves_nothing_behind(notebook):
    notebook.run("%unload_ext codeface_jupyter")
    run = notebook.run("%codeface hello")
    assert "not found" in run.text
    assert notebook.run("%load_ext codeface_jupyter").reply["status"] == "ok"
    assert notebook.run(f"%codeface {SCRIPTED} hello").reply["status"] == "ok"


def test_help_lists_the_options(notebook):
    payload = notebook.run("%codeface?").reply["payload"][0]["data"]["text/plain"]
    for option in ("--max-new-tokens", "--dry-run", "--insert", "{Err[3]}"):
        assert option in payload


def test_model_is_loaded_in_the_background_when_asked(notebook):
    notebook.run("%unload_ext codeface_jupyter")
    notebook.run("import os; os.environ['CODEFACE_BACKGROUND_LOAD'] = '1'")
    notebook.run(f"os.environ['CODEFACE_ENGINE'] = {'scripted'!r}")
    notebook.run("%load_ext codeface_jupyter")
    notebook.run(
        "extension = get_ipython().configurables[-1].extension\n"
        "done = extension.background_load.join(20), len(extension.answers)"
    )
    assert notebook.value("[*done, extension.session.engine.is_loaded]") == [True, 0, True]
    notebook.run("del extension; os.environ.pop('CODEFACE_BACKGROUND_LOAD')")
    notebook.run("os.environ.pop('CODEFACE_ENGINE')")


def test_nothing_is_loaded_after_unloading(notebook):
    notebook.run("extension = get_ipython().configurables[-1].extension")
    notebook.run("%unload_ext codeface_jupyter")
    # As the page's settings, which arrive in a subshell's thread.
    notebook.run("extension._apply_front_end_settings({'background_load': True})")
    assert notebook.value("extension.background_load is None") is True
    notebook.run("del extension")


def test_what_cannot_be_run_here_is_offered_as_text(scripted):
    answer = '```sql\nselect 1\n```\n\n```json\n{"a": 1}\n```\n\n```python\nx = 1\n```'
    scripted.run(
        "from codeface_jupyter.engines.current_engine import CurrentEngine\n"
        "from codeface_jupyter.engines.scripted import ScriptedEngine\n"
        "session = get_ipython().configurables[-1].extension.session\n"
        f"session._resources.engines = CurrentEngine(ScriptedEngine([{answer!r}]))"
    )
    run = scripted.run("%%codeface --no-cache\nread it", cell_id="asks")
    data = run.bundles[-1][RESULT_MIME]
    kinds = [(block["language"], block["cell_type"]) for block in data["blocks"]]
    assert kinds == [("sql", "markdown"), ("json", "markdown"), ("python", "code")]
    assert data["blocks"][0]["source"] == "```sql\nselect 1\n```"
    (note,) = [note for note in data["notes"] if "sql" in note]
    assert "`%%sql` is not there to run this: `pip install jupysql`" in note
