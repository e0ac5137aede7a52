"""Answers that a model should not give, as a kernel shows and inserts them."""

import json

import pytest

from codeface_jupyter.frontend.saved_output import RESULT_MIME

# An answer that holds half an emoji, as a server may send it, in words and code.
SET_UP = """
from codeface_jupyter.engines.current_engine import CurrentEngine as _Current
from codeface_jupyter.engines.scripted import ScriptedEngine as _Engine
_session = get_ipython().configurables[-1].extension.session
_session._resources.engines = _Current(_Engine([{answer}], token_delay_s={delay_s}))
_session.response_cache.clear()
"""
HALF = "Half a smile: \ud83d\n\n```python\nx = '\ud83d'\n```"
REASONING = (
    "<think>\nOr so:\n```python\nimport shutil\nshutil.rmtree('data')\n```\nNo.\n</think>\n"
    "```python\nprint(1)\n```"
)


@pytest.fixture
def answering(notebook):
    def answer(text, *, delay_s=0.0):
        run = notebook.run(SET_UP.format(answer=ascii(text), delay_s=delay_s))
        assert run.reply["status"] == "ok", run.of_type("error")
        return notebook

    return answer


@pytest.mark.parametrize("insert", ["button", "next", "replace"])
def test_half_characters_do_not_keep_a_kernel_from_replying(answering, insert):
    run = answering(HALF).run(f"%%codeface --insert {insert}\nsmile", cell_id="c")
    assert run.reply["status"] == "ok"
    blocks = run.bundles[-1][RESULT_MIME]["blocks"]
    assert [block["code"] for block in blocks] == ["x = '\ufffd'\nx"]
    payload = run.reply["payload"]
    assert [part["text"] for part in payload] == ([] if insert == "button" else ["x = '\ufffd'\nx"])


def test_names_with_half_characters_do_not_fail_a_question(answering):
    notebook = answering("Fine.")
    notebook.run("odd = 'caf' + chr(0xDCE9); frame = {odd: odd}")
    run = notebook.run("%%codeface\nwhat is in frame, {odd}?", cell_id="c")
    assert run.reply["status"] == "ok", run.of_type("error")
    missing = notebook.run("get_ipython().run_cell_magic('codeface', '--files ' + odd, 'x')")
    assert missing.reply["status"] == "error"


def test_half_characters_in_an_error_do_not_keep_it_from_being_fixed(answering):
    notebook = answering("Fine.")
    assert notebook.run("raise ValueError(chr(0xD83D))").reply["status"] == "error"
    run = notebook.run("%codeface_fix")
    assert run.reply["status"] == "ok", run.of_type("error")
    assert "\ufffd" in run.bundles[0]["text/plain"]


def test_code_of_thoughts_is_never_inserted(answering):
    run = answering(REASONING).run("%%codeface --insert next\nprint one", cell_id="c")
    assert run.reply["payload"][0]["text"] == "print(1)"
    bundle = run.bundles[-1]
    assert [block["code"] for block in bundle[RESULT_MIME]["blocks"]] == ["print(1)"]
    assert bundle["text/markdown"].startswith("<details><summary>Thoughts</summary>")


def test_a_block_of_markdown_is_inserted_under_its_magic(answering):
    run = answering("```markdown\n# Title\n```").run("%%codeface --insert next\nwrite a title")
    assert run.reply["payload"][0]["text"] == "%%markdown\n# Title"


def test_an_explanation_becomes_a_cell_of_markdown_in_which_nothing_acts(answering):
    image = "![x](http://127.0.0.1:9/x.png)"
    text = f"It **adds**.\n\n{image} <script>alert(1)</script>\n\n```python\n1\n```"
    notebook = answering(text)
    notebook.run("def add(a, b): return a + b")

    (payload,) = notebook.run("%codeface_explain --insert next add", cell_id="c").reply["payload"]

    magic, _, words = payload["text"].partition("\n")
    assert magic == "%%markdown"
    assert words.startswith("It **adds**.")
    assert words.endswith("```python\n1\n```")
    assert "![" not in words
    assert "<script" not in words
    assert not notebook.run("%codeface_explain add", cell_id="d").reply["payload"]


def test_an_answer_in_words_alone_becomes_the_next_cell_too(answering):
    run = answering("Use a list.").run("%%codeface --insert next\nwhat is best?", cell_id="c")
    assert run.reply["payload"][0]["text"] == "%%markdown\nUse a list."


def test_no_output_of_an_answer_holds_an_image(answering):
    text = "See ![x](http://127.0.0.1:9/x.png)\n\nand <img src='http://127.0.0.1:9/y.png'>.\n"
    # Slow enough for the streaming widget to be painted.
    run = answering(text, delay_s=0.05).run("%%codeface\nshow it", cell_id="c")
    assert "![" not in json.dumps(run.bundles[-1]["text/markdown"])
    assert "![" not in run.bundles[-1][RESULT_MIME]["text"]
    states = [m["data"]["state"] for m in run.of_type("comm_msg") if "state" in m["data"]]
    shown = "".join(str(state.get("value", "")) for state in states)
    assert "See" in shown
    assert "<img" not in shown
