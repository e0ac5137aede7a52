"""Completions of a session: with which model, from which cache, and what is sent."""

import threading

import pandas as pd
import pytest

from codeface_jupyter.config import Config
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.generation import GenerationMetrics
from codeface_jupyter.infilling import Gap, Infilled
from codeface_jupyter.jobs import Cancelled, Job
from codeface_jupyter.session import Session
from codeface_jupyter.session.completion_ask import CompletionAsk


class FixedEngine(ScriptedEngine):
    """Completes everything with the same text."""

    def __init__(self, text, *, likelihood=1.0, delay_s=0.0, finish_reason="stop", **more):
        super().__init__(["unused"], **more)
        self._finish_reason = finish_reason
        self._text, self._likelihood, self._delay_s = text, likelihood, delay_s
        self.begun = threading.Event()

    def infill(self, request, job):
        self.infill_requests.append(request)
        self.begun.set()
        if job.wait(self._delay_s):
            raise Cancelled
        return Infilled(
            text=self._text if self._likelihood >= request.min_likelihood else "",
            likelihood=self._likelihood,
            finish_reason=self._finish_reason,
            metrics=GenerationMetrics(),
        )


def session_with(engine, *, is_loaded=True):
    session = Session(config=Config(), engine=engine)
    if is_loaded:
        engine.load(Job())
    return session


def ask(prefix, suffix="", **more):
    above = more.pop("above", ())
    namespace = more.pop("namespace", {})
    gap = Gap(above=tuple(above), prefix=prefix, suffix=suffix)
    return CompletionAsk(gap=gap, namespace=namespace, **more)


def complete(session, *args, **more):
    return session.completions.complete(ask(*args, **more), Job())


def test_a_line_is_gone_on_with():
    session = session_with(ScriptedEngine(["unused"]))

    assert complete(session, "numbers = li") == "st(range(10))"


def test_nothing_is_completed_before_a_model_is_in_memory():
    engine = ScriptedEngine(["unused"])
    session = session_with(engine, is_loaded=False)

    assert session.completions.silence() == "unloaded"
    engine.load(Job())
    assert session.completions.silence() == ""


def test_code_is_never_sent_to_another_machine():
    engine = ScriptedEngine(["unused"], is_local=False)
    session = session_with(engine)

    assert session.completions.silence() == "unsuited"
    assert complete(session, "numbers = li", is_asked_for=True) == ""
    assert engine.infill_requests == []


def test_typing_along_going_back_and_asking_again_need_no_model():
    engine = ScriptedEngine(["unused"])
    session = session_with(engine)
    complete(session, "numbers = ")

    assert complete(session, "numbers = list(") == "range(10))"
    assert complete(session, "numbers = li") == "st(range(10))"
    assert complete(session, "numbers = ") == "list(range(10))"
    assert len(engine.infill_requests) == 1


def test_typing_something_else_asks_the_model():
    engine = ScriptedEngine(["unused"])
    session = session_with(engine)
    complete(session, "numbers = ")

    assert complete(session, "numbers = x") == ""
    assert len(engine.infill_requests) == 2


def test_another_model_is_asked_for_what_one_has_completed():
    first, second = (ScriptedEngine(["unused"], name=name) for name in ("first", "second"))
    second.load(Job())
    session = session_with(first)
    complete(session, "numbers = li")
    session._resources.engines.engine = second
    complete(session, "numbers = li")

    assert len(second.infill_requests) == 1


def test_a_model_that_comes_meanwhile_is_not_taken_for_the_one_before(monkeypatch):
    first, second = FixedEngine("1", name="first"), FixedEngine("2", name="second")
    second.load(Job())
    session = session_with(first)

    def take_the_second():
        session._resources.engines.engine = second

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(session._resources.turns, "end_unsure", take_the_second)
        complete(session, "x = ")
    session._resources.engines.engine = first

    assert complete(session, "x = ") == "1"


def test_after_a_cell_has_run_the_model_is_asked_anew():
    engine = ScriptedEngine(["unused"])
    session = session_with(engine)
    complete(session, "numbers = ", cells_run=1)
    complete(session, "numbers = ", cells_run=2)

    assert len(engine.infill_requests) == 2


def test_what_is_unlikely_is_shown_only_to_those_who_ask():
    session = session_with(FixedEngine("1\n", likelihood=0.01))

    assert complete(session, "x = ") == ""
    assert complete(session, "x = ", is_asked_for=True) == "1"


def test_a_column_that_is_not_there_is_not_shown():
    session = session_with(FixedEngine('sales["regions"]\n'))
    sales = pd.DataFrame({"region": ["N"]})

    assert complete(session, "x = ", namespace={"sales": sales}, is_asked_for=True) == ""


SALES = pd.DataFrame({"region": ["north"], "unit price": [1.0], "units": [2]})


@pytest.mark.parametrize(
    ("prefix", "suffix", "text"),
    [
        ('monthly = sales.groupby("re', "", 'gion"'),
        ("sales.sort_values(by='re", "')", "gion"),
        ('x = sales["unit ', '"]', "price"),
        ("y = sales.loc[0, 're", "']", "gion"),
        ("top = sales.nlar", "", "gest"),
        ('x = sales["unit', '"]', ""),
        ('x = sales["', '"]', ""),
        ('x = sales["region', '"]', ""),
        ('x = sales["re', 'gion"]', ""),
        ('sales["re', '"] = 1', ""),
        ("sales.plot(ki", ")", ""),
        ("sal", "", ""),
    ],
)
def test_where_the_line_is_unlikely_the_only_name_that_exists_is_shown(prefix, suffix, text):
    session = session_with(FixedEngine("nonsense", likelihood=0.1))
    assert complete(session, prefix, suffix, namespace={"sales": SALES}) == text


def test_a_likely_line_goes_before_the_name_alone():
    session = session_with(FixedEngine('gion"].max()'))
    assert complete(session, 'x = sales["re', namespace={"sales": SALES}) == 'gion"].max()'


def test_of_a_block_that_was_cut_off_the_whole_lines_are_shown():
    session = session_with(FixedEngine("    a = 1\n    b = 2\n    c = lis", finish_reason="length"))

    found = complete(session, "def f():\n", max_lines=8)
    assert found == "    a = 1\n    b = 2"


def test_a_block_of_another_indentation_is_shown_with_the_cells():
    session = session_with(FixedEngine("  a = 1\n  return a\n"))

    assert complete(session, "def f():\n", max_lines=8) == "    a = 1\n    return a"


def test_of_a_line_that_was_cut_off_nothing_is_shown():
    session = session_with(FixedEngine("[1, 2, 3, 4", finish_reason="length"))

    assert complete(session, "x = ") == ""


def test_a_newer_completion_ends_an_older_one():
    engine = FixedEngine("1\n", delay_s=60)
    session = session_with(engine)
    ended = threading.Event()

    def first():
        with pytest.raises(Cancelled):
            complete(session, "x = ")
        ended.set()

    threading.Thread(target=first, daemon=True).start()
    assert engine.begun.wait(10)
    # Asked, it ends the first one; it need not come to anything itself.
    job = Job()
    job.cancel()
    with pytest.raises(Cancelled):
        session.completions.complete(ask("y = "), job)
    assert ended.wait(10)


def test_what_completions_cost_is_in_the_figures():
    session = session_with(ScriptedEngine(["unused"]))
    complete(session, "numbers = ")
    complete(session, "numbers = li")
    complete(session, "nothing like the script ")
    summary = session.metrics.summary()

    assert (summary.completions, summary.shown_completions, summary.known_completions) == (3, 2, 1)
    assert summary.median_completion_s > 0


def sent_for(prefix, **more):
    engine = ScriptedEngine(["unused"])
    complete(session_with(engine), prefix, **more)
    return engine.infill_requests[-1].prompt if engine.infill_requests else None


def test_cells_above_are_sent_without_magics_and_secrets():
    prompt = sent_for(
        "total = ",
        above=[
            "import pandas as pd\n%matplotlib inline",
            'API_KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz123456"\nx = 1',
            "%%bash\nls",
            "%%codeface\nadd a column",
        ],
    )

    assert prompt.files[0] == "import pandas as pd"
    assert len(prompt.files) == 2
    assert "sk-proj" not in "".join(prompt.files)


def test_nothing_of_the_variables_is_sent():
    sales = pd.DataFrame({"region": ["a very secret place"], "units": [4711]})
    prompt = sent_for("total = sales", namespace={"sales": sales})

    assert prompt.prefix == "total = sales"


@pytest.mark.parametrize(
    "prefix",
    [
        "%%bash\nls ",
        "%%codeface\nadd ",
        "%%sql\nselect ",
        'API_KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz123456',
    ],
)
def test_other_languages_requests_and_secrets_are_not_completed(prefix):
    assert sent_for(prefix) is None


def test_a_secret_elsewhere_in_the_cell_is_left_out():
    prompt = sent_for('password = "hunter2hunter2"\nnumbers = ')

    assert "hunter2" not in prompt.prefix
    assert prompt.prefix.endswith("numbers = ")


def test_far_cells_are_left_out():
    prompt = sent_for("total = ", above=[f"x{n} = [{', '.join('1' * 200)}]" for n in range(100)])

    assert prompt.files[-1].startswith("x99")
    assert len(prompt.files) < 20


def test_of_a_very_long_cell_what_is_near_is_sent_and_begins_alike():
    lines = "".join(f"x{n} = {n}\n" for n in range(4_000))
    first, second = sent_for(f"{lines}total = "), sent_for(f"{lines}total = x")

    assert len(first.prefix) < 9_000
    assert second.prefix == f"{first.prefix}x"
    assert first.prefix.startswith("x")


def test_warming_up_reads_and_offers_nothing():
    engine = ScriptedEngine(["unused"])
    session = session_with(engine)
    session.completions.warm_up(ask(""), Job())

    request = engine.infill_requests[0]
    assert request.max_new_tokens == 1
    # What masks need is made ready, too.
    assert request.guide.next_name("") is not None
