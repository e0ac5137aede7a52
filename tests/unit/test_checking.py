"""Every whole answer is compared with the notebook before it is offered, at no risk to it."""

import gc
import threading
import weakref
from dataclasses import replace

import pandas as pd
import pytest

from codeface_jupyter.config import Config
from codeface_jupyter.context import Cell, ContextSources, FilledRequest, Rewrite
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.generation import Edit, Finding
from codeface_jupyter.prompts import FIX_REQUEST
from codeface_jupyter.session import Session, checking
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.session.events import Started
from codeface_jupyter.trials.earlier_code import GOES_ON
from codeface_jupyter.trials.guard.support import guard_support

CODE = "import pandas as pd\ntop = sales.head(1)\nprint(top)"
ANSWER = f"Like this:\n\n```python\n{CODE}\n```\n\n```bash\nls\n```"
OFFERED = "top = sales.head(1)\ntop"


@pytest.fixture
def session_of(tmp_path):
    def make(*answers):
        config = Config(file=tmp_path / "none.toml")
        return Session(config=config, engine=ScriptedEngine(list(answers)))

    return make


@pytest.fixture
def found(monkeypatch):
    """What the checks were asked; they find the word that is not `sales`."""
    asked = []

    def check_code(code, namespace):
        asked.append((code, namespace))
        if "sales" in namespace:
            return ()
        start = code.index("sales")
        edit = Edit(start=start, end=start + 5, replacement="sold")
        message = "`sales` is not defined; there is `sold`."
        return (Finding(kind="unknown_name", message=message, line=2, edits=(edit,)),)

    monkeypatch.setattr(checking, "check_code", check_code)
    return asked


@pytest.fixture
def notebook():
    return {"pd": pd, "sales": pd.DataFrame({"units": [1]})}


def ask(session, namespace, *, task="write", language="python", cells=(), **overrides):
    return Ask(
        sources=ContextSources(request="the first one", task=task, cells=cells),
        settings=session.config.with_overrides(overrides),
        language=language,
        live_namespace=namespace,
    )


def test_an_answer_is_offered_in_shape_and_kept_as_it_was_written(session_of, found, notebook):
    session = session_of(ANSWER)
    result = session.generate(ask(session, notebook))
    assert result.code == OFFERED
    assert result.text == ANSWER
    assert [block.code for block in result.code_blocks] == [OFFERED, "ls"]
    assert [block.code for block in result.written_blocks] == [CODE, "ls"]
    assert len(result.notes) == 2
    assert [code for code, _ in found] == [OFFERED]
    assert result.findings == ()


@pytest.mark.parametrize("task", ["write", "fix", "explain"])
@pytest.mark.parametrize(
    "mark", ["# (this cell was not run)", "    # (a line with a secret was left out)"]
)
def test_the_prompt_s_own_marks_are_not_offered(session_of, found, notebook, task, mark):
    code = f"if sales.size:\n{mark}\n    sales.tail()"
    session = session_of(f"```python\n{code}\n```\n\n```bash\n{mark}\n```")
    result = session.generate(ask(session, notebook, task=task))
    offered = code if task == "explain" else "if sales.size:\n    sales.tail()"
    assert [block.code for block in result.code_blocks] == [offered, mark]


def test_a_mark_in_a_text_or_alone_stays(session_of, found, notebook):
    mark = "# (this cell was not run)"
    code = f'text = """\n{mark}\n"""\ntext'
    for written in (code, mark, f"%matplotlib inline\n{code}"):
        session = session_of(f"```python\n{written}\n```")
        assert session.generate(ask(session, notebook)).code == written


def test_what_does_not_fit_is_in_the_result_and_its_record(session_of, found):
    session = session_of(ANSWER)
    result = session.generate(ask(session, {}))
    (finding,) = result.findings
    assert finding.kind == "unknown_name"
    assert result.code[finding.edits[0].start :].startswith("sales")
    assert result.offered_blocks is None
    (kept,) = result.record()["findings"]
    assert kept == {"kind": "unknown_name", "message": finding.message, "line": 2}


def test_a_replayed_answer_is_compared_with_the_notebook_as_it_is_now(session_of, found, notebook):
    session = session_of(ANSWER)
    live = {}
    first = session.generate(ask(session, live))
    live.update(notebook)
    second = session.generate(ask(session, live))
    assert second.metrics.from_response_cache
    assert second.text == first.text == ANSWER
    assert (len(first.findings), first.code) == (1, CODE)
    assert (len(second.findings), second.code) == (0, OFFERED)


@pytest.mark.parametrize(
    ("task", "notes"),
    [("fix", ()), ("edit", ()), ("test", ("There are no tests in this answer.",))],
)
def test_a_changed_cell_and_a_test_are_checked_but_keep_their_shape(
    session_of, found, notebook, task, notes
):
    session = session_of(ANSWER)
    result = session.generate(ask(session, notebook, task=task))
    assert (result.code, result.notes) == (CODE, notes)
    assert len(found) == 1


@pytest.mark.parametrize(
    ("answer", "changes"),
    [
        (ANSWER, {"task": "explain"}),
        (ANSWER, {"language": "bash"}),
        (ANSWER, {"max_new_tokens": 12}),
        ("It is a *mean*.", {}),
        ("```bash\nls\n```", {}),
    ],
)
def test_what_is_no_whole_python_code_is_left_alone(session_of, found, answer, changes):
    session = session_of(answer)
    result = session.generate(ask(session, {}, **changes))
    assert (result.findings, result.notes, result.offered_blocks) == ((), (), None)
    assert found == []


def test_a_question_from_outside_a_notebook_is_compared_with_none(session_of, found):
    result = session_of(ANSWER).generate("the first one")
    assert (result.code, found) == (CODE, [])


def test_an_answer_that_repeats_a_cell_says_so(session_of, found, notebook):
    session = session_of(ANSWER)
    cells = [Cell(source=CODE, execution_count=7)]
    result = session.generate(ask(session, notebook, cells=cells))
    assert result.notes == ("This only repeats cell [7].",)
    assert result.code == CODE


def test_a_repair_that_is_one_cell_after_another_is_none(session_of, notebook):
    double = "sales['double'] = 2 * sales['units']\nsales['double'].sum()"
    data = "import pandas as pd\nsales = pd.DataFrame({'units': [1]})"
    cells = [Cell(source=data, execution_count=1), Cell(source=double, execution_count=3)]
    failed = Cell(source="sales['unit'].sum()", execution_count=4)
    session = session_of(f"```python\n{data}\n\n{double}\n```")
    sources = ContextSources(
        request=FIX_REQUEST, task="fix", cells=[*cells, failed], rewrite=Rewrite.of(failed)
    )
    question = Ask(
        sources=sources,
        settings=session.config.with_overrides({"tries": "off"}),
        language="python",
        live_namespace=notebook,
    )

    assert "This only repeats cells above." in session.generate(question).notes
    if guard_support().level == "strong":
        # So the name that is near is tried.
        settings = session.config.with_overrides({})
        assert session.generate(replace(question, settings=settings)).code == "sales['units'].sum()"


def test_checks_that_fail_or_hang_harm_no_answer(session_of, notebook, monkeypatch):
    session = session_of(ANSWER)
    monkeypatch.setattr(checking, "TIMEOUT_S", 0.2)
    going = threading.Event()

    def hang(*_):
        going.set()
        while True:
            pass

    for broken in (hang, lambda *_: 1 / 0):
        monkeypatch.setattr(checking, "check_code", broken)
        result = session.generate(ask(session, notebook))
        assert (result.code, result.findings) == (OFFERED, ())
        monkeypatch.setattr(checking, "shape", broken)
        result = session.generate(ask(session, notebook))
        assert (result.code, result.findings) == (CODE, ())
        monkeypatch.undo()
        monkeypatch.setattr(checking, "TIMEOUT_S", 0.2)
    assert going.is_set()
    assert result.finish_reason == "stop"


class Thing:
    """Something of the user's."""


def test_nothing_keeps_the_user_s_objects_alive(session_of, found):
    session = session_of(ANSWER)
    live = {"sales": Thing()}
    gone = weakref.ref(live["sales"])
    result = session.generate(ask(session, live))
    (item,) = session.generate_batch([ask(session, live)])
    found.clear()
    live.clear()
    gc.collect()
    assert gone() is None
    assert result.findings == item.findings == ()


def test_each_question_of_a_batch_is_checked(session_of, found, notebook):
    session = session_of(ANSWER)
    items = session.generate_batch([ask(session, notebook), ask(session, {}), "the first one"])
    assert [item.code for item in items] == [OFFERED, CODE, CODE]
    assert [len(item.findings) for item in items] == [0, 1, 0]


FIRST = "top = sales.head(1)"


def test_what_an_answer_before_shows_or_draws_is_not_done_again(session_of, notebook):
    first = "import json\ntop = sales.head(1)\ntop['x'] = 1\njson.dumps({})\nprint(top)\ntop"
    session = session_of("```python\ntop.x.sum()\n```", "```python\njson.dumps([])\n```")
    asked = replace(ask(session, notebook), code_before=first)
    result = session.generate(asked)
    assert result.code == "top = sales.head(1)\ntop['x'] = 1\n\ntop.x.sum()"
    assert session.generate(replace(asked, use_response_cache=False)).code == (
        "import json\n\njson.dumps([])"
    )


def test_an_edited_cell_keeps_what_makes_the_names_that_it_uses(session_of, notebook):
    cell = Cell(source="top = sales.copy()\ntop.head()", cell_id="c")
    session = session_of("```python\ntop['x'] = 2\ntop.head()\n```")
    sources = ContextSources(
        request="add a column", task="edit", rewrite=Rewrite.of(cell), cells=(cell,)
    )
    question = replace(ask(session, notebook), sources=sources)
    result = session.generate(question)
    assert result.code == "top = sales.copy()\ntop['x'] = 2\ntop.head()"
    assert result.notes[0] == "Kept the lines of the cell that make what this uses."


@pytest.mark.parametrize(
    ("code", "offered"),
    [
        ("top.units.sum()", f"{FIRST}\n\ntop.units.sum()"),
        ("top = top.tail(1)\ntop", f"{FIRST}\n\ntop = top.tail(1)\ntop"),
        ("top += 1", f"{FIRST}\n\ntop += 1"),
        ("top = sales.tail(1)\ntop", None),
        ("for top in sales:\n    print(top)", None),
        ("sales.map(lambda top: top)", None),
        ("sales.tail(1)", None),
        ("bottom.units", None),
        ("top.units.sum(", None),
    ],
)
def test_an_answer_that_goes_on_from_another_one_has_its_code(session_of, notebook, code, offered):
    session = session_of(f"```python\n{FIRST}\ntop\n```", f"```python\n{code}\n```")
    asked = ask(session, notebook)
    events = list(session.stream(asked))
    context = next(event.context for event in events if isinstance(event, Started))
    question = FilledRequest.of("and the units of that?")
    about = asked.about(events[-1].result, question, context=context)
    result = session.generate(replace(about, live_namespace=notebook))
    assert result.code.startswith(offered or code)
    assert (GOES_ON in result.notes) is (offered is not None)


@pytest.mark.parametrize(
    ("cells", "names", "is_added"),
    [
        ((), {}, True),
        ((Cell(source=FIRST, was_run=False),), {}, False),
        ((), {"top": 0}, False),
    ],
    ids=["in an answer only", "in a cell that was not run", "in the notebook"],
)
def test_so_has_one_below_an_answer_that_was_not_taken_up(
    session_of, notebook, cells, names, is_added
):
    session = session_of("```python\ntop.units\n```")
    asked = ask(session, notebook | names, cells=cells)
    result = session.generate(replace(asked, code_before=FIRST))
    assert result.code == (f"{FIRST}\n\ntop.units" if is_added else "top.units")
    assert (result.notes == (GOES_ON,)) is is_added
    if is_added and result.outcome is not None:
        assert result.outcome.has_run
