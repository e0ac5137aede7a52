"""What does not fit the notebook in an answer's code, as a notebook's front end sees it."""

import pytest

from codeface_jupyter.frontend.saved_output import RESULT_MIME

ASK = "%%codeface --cells 0\nunits per region"
CODE = "import pandas as pd\ntop = sales.groupby('Region')['units'].sum()\nprint(top)"
SAID = "`sales` has no column `Region`; it has `region`."
# What is found is scripted, as the answer is; what is looked at is the real notebook.
SET_UP = f"""
import pandas as pd
import codeface_jupyter.session.checking as _checking
from codeface_jupyter.engines.current_engine import CurrentEngine as _Current
from codeface_jupyter.engines.scripted import ScriptedEngine as _Engine
from codeface_jupyter.generation import Edit as _Edit, Finding as _Finding
sales = pd.DataFrame({{"region": ["north"], "units": [1]}})
_seen = []
def _check(code, namespace):
    _seen.append(sorted(namespace))
    start = code.index("Region")
    edit = _Edit(start=start, end=start + 6, replacement="region")
    return (_Finding(kind="unknown_key", message={SAID!r}, line=1, edits=(edit,)),)
_kept, _checking.check_code = _checking.check_code, _check
_session = get_ipython().configurables[-1].extension.session
_session._resources.engines = _Current(_Engine([{f"```python{chr(10)}{CODE}{chr(10)}```"!r}]))
_session.response_cache.clear()
"""
OFFERED = "top = sales.groupby('Region')['units'].sum()\ntop"


@pytest.fixture
def checked(notebook):
    run = notebook.run(SET_UP)
    assert run.reply["status"] == "ok", run.of_type("error")
    yield notebook
    notebook.run("_checking.check_code = _kept")


@pytest.mark.parametrize("cell_id", [None, "asking"])
def test_findings_are_in_the_output_and_in_the_result(checked, cell_id):
    run = checked.run(ASK, cell_id=cell_id)
    shown = run.bundles[-1]
    assert f"- Line 1: {SAID}\n\n<sub>" in shown["text/markdown"]
    assert "print(" not in shown["text/markdown"]
    data = shown[RESULT_MIME]
    (finding,) = data["findings"]
    start = OFFERED.index("Region")
    assert finding["edits"] == [
        {"block": 0, "start": start, "end": start + 6, "replacement": "region"}
    ]
    assert [block["source"] for block in data["blocks"]] == [OFFERED]
    assert data["record"]["findings"][0]["message"] == SAID
    assert checked.value("[f.message for f in _codeface.findings]") == [SAID]
    assert checked.value("[_codeface.code, len(_codeface.notes)]") == [OFFERED, 2]
    assert CODE in checked.value("_codeface.text")


def test_terminal_gets_them_under_the_answer(checked):
    run = checked.run(ASK, allow_stdin=True)
    assert CODE in run.text
    *_, said, blank, footer, _hint = run.text.rstrip("\n").splitlines()
    assert (said, blank) == (f"- Line 1: {SAID}", "")
    assert "tokens" in footer


def test_all_names_are_compared_also_those_that_are_not_sent(checked):
    checked.run("def _clean(frame): return frame")
    checked.run(ASK)
    names = checked.value("_seen[-1]")
    assert {"_clean", "In", "sales"} <= set(names)


def test_trying_again_compares_with_the_notebook_as_it_is_now(checked, kernel_page):
    kernel_page.open_comm(on_subshell=True)
    checked.run(ASK, cell_id="asking")
    cached = checked.run(ASK, cell_id="asking").bundles[-1][RESULT_MIME]
    checked.run("def defined_meanwhile(): pass")
    kernel_page.request("try_again", "again", answer_id=cached["answer_id"])
    response = kernel_page.received("response")
    (finding,) = response["result"]["bundle"][RESULT_MIME]["findings"]
    assert finding["message"] == SAID
    assert "defined_meanwhile" in checked.value("_seen[-1]")
    kernel_page.close_comm()


def test_a_batch_says_how_many_each_answer_has(checked):
    run = checked.run("%%codeface_batch --cells 0\nunits per region")
    assert "done, 1 finding" in run.bundles[-1]["text/plain"]
    assert checked.value("[item.findings[0].line for item in _codeface_batch]") == [1]
