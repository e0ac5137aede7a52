"""The yardstick itself: how notebooks are read, answers are run and judged, runs are compared."""

from __future__ import annotations

import importlib
import os
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.session import Session

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
faults = importlib.import_module("session_faults")
judging = importlib.import_module("session_judge")
reporting = importlib.import_module("session_report")
running_code = importlib.import_module("running_code")
running = importlib.import_module("session_run")
shells = importlib.import_module("session_shell")
tasks = importlib.import_module("session_tasks")
trials = importlib.import_module("session_trial")
values = importlib.import_module("session_values")

FRAME = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, None, 1.5], "c": ["x", "y", None]})
LABELLED = FRAME.set_index("c")["a"]
NOTEBOOK = '''\
# %%
import pandas as pd

# %%
"""
question: |
  Read `inputs/sales.csv` into `sales`.

validator:
  namespace_check:
    sales:
"""

sales = pd.read_csv("inputs/sales.csv")

# %%
"""
question: How many units were sold?
"""

sales["units"].sum()

# %%
"""
question: Add a column "double" in place.
"""

sales["double"] = 2 * sales["units"]

# %%
"""
question: Fail, please.
"""

nobody
'''


def difference(expected, found, **options):
    return values.difference(expected, found, options=values.Options(**options))


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        (3, 3.0),
        (0.123456, 0.123457),
        ("x", "x"),
        (None, float("nan")),
        ((1, "x"), [1, "x"]),
        ({"a": 1.0}, {"a": 1}),
        ({1, 2}, {2, 1}),
        (FRAME, FRAME.copy()),
        (FRAME, FRAME[["c", "b", "a"]]),
        (FRAME, FRAME.astype({"a": float, "c": "category"})),
        (FRAME["a"], FRAME[["a"]]),
        (["x", "y"], pd.Series(["x", "y"], index=[7, 9])),
        (["x", "y"], pd.Index(["x", "y"])),
        (FRAME[["a"]].to_numpy(), FRAME["a"]),
        (pd.DataFrame({"d": [True, False]}), pd.DataFrame({"d": [1, 0]})),
        (LABELLED, LABELLED.to_frame()),
        (FRAME.set_index(["a", "c"]), FRAME.set_index(["a", "c"])),
    ],
)
def test_equal_values_are_equal(expected, found):
    assert difference(expected, found) is None


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        (3, 4),
        (3, "3"),
        (1, True),
        (3, None),
        (2020, 2021),
        (1_000_000, 1_000_001),
        (1e-12, 2e-7),
        ("x", "x "),
        ([1, 2], [2, 1]),
        ([1, 2], [1, 2, 3]),
        ([1], 1),
        ({"a": 1}, {"b": 1}),
        (FRAME, FRAME.rename(columns={"a": "d"})),
        (FRAME, FRAME.iloc[::-1]),
        (FRAME, FRAME.iloc[:2]),
        (FRAME, FRAME.fillna({"b": 0.0})),
        (FRAME, FRAME.astype({"a": str})),
        (FRAME["a"], FRAME["b"]),
        (LABELLED, LABELLED.set_axis(["x", "y", "z"])),
        (LABELLED, LABELLED.tolist()),
        (pd.Series([1.0, 2.0]), pd.Series([1.0, 2.001])),
        (FRAME, [1, 2, 3]),
    ],
)
def test_other_values_differ(expected, found):
    assert difference(expected, found)


def test_options_leave_out_what_they_name():
    assert difference([1, 2], [2, 1], ignore_order=True) is None
    assert difference([1, 2], [2, 2], ignore_order=True)
    assert difference(FRAME, FRAME.iloc[::-1], ignore_order=True) is None
    assert difference(LABELLED, LABELLED.iloc[::-1], ignore_order=True) is None
    swapped = LABELLED.set_axis(list(LABELLED.index[::-1]))
    assert difference(LABELLED, swapped, ignore_order=True)
    assert difference(LABELLED, swapped, ignore_index=True) is None
    assert difference({"a": 1}, {"b": 1}, ignore_index=True) is None
    assert difference(5, pd.Series([5], index=["x"]), value_only=True) is None
    assert difference(5, [6], value_only=True)
    assert difference("x", "y", type_only=True) is None
    assert difference("x", 1, type_only=True)
    renamed = FRAME.rename(columns={"a": "d"})
    assert difference(FRAME, renamed, names=frozenset({"b"})) is None
    assert difference(FRAME, renamed, names=frozenset({"a"}))
    assert difference(1e-10, 2e-10) is None
    assert difference(1e-10, 2e-10, atol=1e-19)


def test_cells_and_tasks_are_read():
    cells = tasks.parse_notebook(NOTEBOOK)
    assert [cell.task is not None for cell in cells] == [False, True, True, True, True]
    reading, counting = cells[1].task, cells[2].task
    assert reading.question == "Read `inputs/sales.csv` into `sales`."
    assert reading.reference == 'sales = pd.read_csv("inputs/sales.csv")'
    assert reading.quoted_names == {"inputs/sales.csv", "sales"}
    assert reading.validation.variables == {"sales": None}
    assert not reading.validation.judges_value
    assert counting.validation.judges_value


def test_a_task_judged_in_an_unknown_way_is_refused():
    text = '# %%\n"""\nquestion: x\nvalidator:\n  mood: good\n"""\n1\n'
    with pytest.raises(ValueError, match="mood"):
        tasks.parse_notebook(text)


def task_of(validator="", execution=""):
    return tasks.parse_notebook(
        f'# %%\n"""\nquestion: Give "total".\n{validator}\n{execution}\n"""\nx = 1\n'
    )[0].task


def observed(value=None, *, calls=(), text="", **namespace):
    return trials.Observed(namespace=namespace, value=value, calls=list(calls), text=text)


def judged(reference, answer, *, task=None, before=None):
    task = task or task_of()
    return judging.judge(task, answer, judging.expected_of(task, reference, before or {}))


def test_the_value_counts_and_a_printed_one_is_told_apart():
    reference = observed(12)
    assert judged(reference, observed(12)) == judging.Verdict(True, "value")
    assert judged(reference, observed(13)).kind == "other value"
    assert judged(reference, observed()).kind == "no value"
    printed = observed(calls=[("Units:", 12)], text="Units: 12\n")
    assert judged(reference, printed).kind == "printed"
    assert judged(reference, printed).is_right
    formatted = observed(calls=[("Units: 12",)], text="Units: 12\n")
    assert judged(reference, formatted).is_right
    for wrong in ("Units: 13\n", "of 100 units, 12\n", "12 %\n"):
        verdict = judged(reference, observed(calls=[(wrong,)], text=wrong))
        assert verdict.kind == "prints another value"


def test_a_printed_text_must_be_the_whole_answer():
    reference = observed("Blouse")
    assert judged(reference, observed(calls=[("Blouse",)], text="Blouse\n")).is_right
    said = "The item is Blouse."
    assert judged(reference, observed(calls=[(said,)], text=said)).is_right
    listed = "Hat, Blouse"
    assert not judged(reference, observed(calls=[(listed,)], text=listed)).is_right


def test_several_values_may_be_printed_a_line_each():
    reference = observed((0.5, 0.75))
    said = "Old R2: 0.5\nNew R2: 0.75\n"
    assert judged(reference, observed(calls=[(said,)], text=said)).is_right
    for wrong in ("Old: 0.75\nNew: 0.5\n", "Old: 0.5\n", "Old: 0.5\nNew: 0.75\nBoth: 1\n"):
        assert not judged(reference, observed(calls=[(wrong,)], text=wrong)).is_right


def test_column_names_that_the_question_quotes_count():
    reference = observed(pd.DataFrame({"total": [1.0], "n": [2]}))
    assert judged(reference, observed(pd.DataFrame({"total": [1.0], "count": [2]}))).is_right
    assert not judged(reference, observed(pd.DataFrame({"sum": [1.0], "n": [2]}))).is_right


def test_without_a_value_what_was_changed_counts():
    before = {"kept": [1], "changed": [1]}
    reference = observed(kept=[1], changed=[2])
    assert judged(reference, observed(kept=[0], changed=[2]), before=before).is_right
    verdict = judged(reference, observed(kept=[1], changed=[1]), before=before)
    assert (verdict.is_right, verdict.kind) == (False, "other variables")


def test_named_variables_count_and_nothing_else():
    task = task_of("validator:\n  namespace_check:\n    x:\n")
    assert judged(observed(x=1), observed("anything", x=1), task=task).is_right
    assert judged(observed(x=1), observed(1), task=task).reason == "no variable x"
    assert not judged(observed(x=1), observed(1, x=2), task=task).is_right


def test_a_comparison_of_its_own_is_used():
    source = "validator:\n  result: |\n    def compare_fn(ref, sub):\n"
    source += '      return {"match": len(ref) == len(sub), "reason": "length"}\n'
    assert judged(observed([1]), observed([2]), task=task_of(source)).is_right
    assert judged(observed([1]), observed([]), task=task_of(source)).reason == "length"
    assert not judged(observed([1]), observed(5), task=task_of(source)).is_right


def test_a_function_is_tried_on_each_case():
    task = task_of(
        "validator:\n  table_test:\n    function_name: f\n    test_cases:\n    - a: 1\n    - a: 2\n"
    )
    assert judged(observed(f=lambda a: 2 * a), observed(f=lambda a: a + a), task=task).is_right
    verdict = judged(observed(f=lambda a: 2 * a), observed(f=lambda a: a + 1), task=task)
    assert verdict.kind == "other function"


@pytest.mark.parametrize(
    ("metric", "ratio", "good", "bad"), [("r2", 0.99, 0.6, 0.4), ("mse", 1.01, 0.4, 0.6)]
)
def test_a_model_must_be_as_good_as_the_reference(monkeypatch, metric, ratio, good, bad):
    def score(labels, predicted):
        return predicted

    metrics = SimpleNamespace(r2_score=score, mean_squared_error=score)
    monkeypatch.setitem(sys.modules, "sklearn", SimpleNamespace(metrics=metrics))
    monkeypatch.setitem(sys.modules, "sklearn.metrics", metrics)
    task = task_of(
        "validator:\n  model:\n    model_name: m\n    inputs_name: x\n    labels_name: y\n"
        f"    metric_type: {metric}\n    tolerance: {ratio}\n"
    )

    def with_model(quality):
        return observed(m=SimpleNamespace(predict=lambda inputs: quality), x=1, y=1)

    assert judged(with_model(0.5), with_model(good), task=task).is_right
    assert judged(with_model(0.5), with_model(bad), task=task).kind == "other model"
    assert judged(with_model(0.5), observed(m="no model"), task=task).kind == "other model"


def test_any_drawing_is_any_other():
    from matplotlib.figure import Figure

    drawn = observed(Figure().subplots())
    assert judged(drawn, observed([Figure()])) == judging.Verdict(True, "figure")
    assert judged(drawn, replace(observed(), has_figure=True)).is_right
    assert judged(drawn, observed(3)).kind == "other value"


def test_a_value_is_judged_beside_variables_where_the_reference_computes_one():
    check = '"""\nquestion: Save it.\nvalidator:\n  namespace_check:\n    x:\n"""\nx = 1\n'
    shows, computes = (tasks.parse_notebook(check + last)[0].task for last in ("x", "x + 1"))
    assert not shows.validation.judges_value
    assert computes.validation.judges_value
    assert not judged(observed(2, x=1), observed(3, x=1), task=computes).is_right


def test_what_raises_is_wrong_by_its_name():
    answer = replace(observed(12), error=KeyError("units"))
    assert judged(observed(12), answer).kind == "raises KeyError"
    unparsed = replace(observed(), error=SyntaxError("?"), does_parse=False)
    assert judged(observed(12), unparsed).kind == "does not parse"


def test_a_copy_is_limited_and_changes_nothing(tmp_path):
    (tmp_path / "inputs").mkdir()
    state = [1]

    def change():
        state.append(2)
        Path("inputs/new").write_text("new")
        return repr(state).encode()

    trial = trials.run_in_copy(change, cpu_s=5, folder=tmp_path)
    assert trial == trials.Trial("done", b"[1, 2]")
    assert state == [1]
    assert not (tmp_path / "inputs" / "new").exists()
    assert trials.run_in_copy(_spin, cpu_s=1, folder=tmp_path).ending == "time limit"
    assert trials.run_in_copy(lambda: os._exit(3), cpu_s=1, folder=tmp_path).ending == "died"
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        trials.run_in_copy(lambda: bytes(1 // 0), cpu_s=1, folder=tmp_path)


def _spin():
    while True:
        pass


@pytest.fixture
def notebook(tmp_path):
    folder = tmp_path / "sales"
    (folder / "inputs").mkdir(parents=True)
    (folder / "inputs" / "sales.csv").write_text("units,price\n1,2\n3,4\n")
    (folder / "notebook.py").write_text(NOTEBOOK)
    return tasks.read_notebooks(tmp_path)[0]


@pytest.fixture
def shell(monkeypatch, tmp_path):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    shell = shells.SessionShell(engine="scripted", model="scripted")
    yield shell
    shell.close()


def collect(results):
    run = running.Run()
    for result in results:
        run.add(result)
    return run


def test_answers_run_in_a_copy_of_the_notebook_as_it_stands(shell, notebook):
    answers = ("sales = pd.read_csv('inputs/sales.csv')", "4", "sales['triple'] = 1; 1/0")
    engine = ScriptedEngine([f"```python\n{answer}\n```" for answer in answers])
    asker = shells.PlainAsker(Session(config=shell.session.config, engine=engine))
    run = collect(running.run_notebooks(shell, asker, [notebook]))
    kinds = [(outcome.kind, outcome.is_right) for outcome in run.outcomes]
    assert kinds == [("variables", True), ("value", True), ("raises ZeroDivisionError", False)]
    assert [left_out.index for left_out in run.left_out] == [4]
    assert "nobody" in run.left_out[0].reason
    replies = shells.ReplayAsker((outcome.question, outcome.reply) for outcome in run.outcomes)
    assert collect(running.run_notebooks(shell, replies, [notebook])) == run
    asked = engine.requests[2].prompt.request
    assert 'sales["units"].sum()' in asked
    assert "triple" not in asked


def test_the_magic_is_asked_below_the_cells_of_the_notebook(shell, notebook):
    run = collect(running.run_notebooks(shell, shells.MagicAsker(shell), [notebook], limit=2))
    counting = run.outcomes[1]
    assert 'sales = pd.read_csv("inputs/sales.csv")' in counting.prompt
    assert counting.prompt.count("Read `inputs/sales.csv`") == 0
    assert "How many units were sold?" in counting.prompt
    assert counting.code.startswith("request = ")
    assert (counting.kind, counting.tokens > 0) == ("prints another value", True)


def test_an_answer_may_not_use_what_the_task_forbids(shell, notebook):
    def error():
        seen = trials.observe(shell.shell, "secret", forbidden=("secret",))
        return f"{seen.error!r}, {seen.namespace['secret']}".encode()

    with shell.notebook(notebook.folder) as folder:
        shell.run("secret = 1")
        trial = trials.run_in_copy(error, cpu_s=5, folder=folder)
    assert trial.payload.decode().startswith("NameError")
    assert trial.payload.endswith(b", 1")


def test_the_judge_refuses_what_is_wrong(shell, notebook):
    lines = list(running.check_judge(shell, [notebook]))
    assert len(lines) == 1
    assert "left out" in lines[0]


def outcome(index, *, is_right):
    return running.Outcome(
        notebook="sales", index=index, question="?", reference="1", is_right=is_right,
        kind="value" if is_right else "other value", tokens=10, seconds=1.5,
    )  # fmt: skip


def test_runs_are_kept_reported_and_compared(tmp_path):
    here = running.Run([outcome(n, is_right=n < 3) for n in range(6)])
    here.left_out.append(running.LeftOut(notebook="sales", index=9, reason="its reference: no"))
    there = running.Run([outcome(n, is_right=n == 4) for n in range(1, 6)])
    reporting.save_run(here, tmp_path / "here.json", about={"model": "m"})
    assert reporting.load_run(tmp_path / "here.json") == here
    report = "\n".join(reporting.report(here))
    assert "right: 3/6, 50.0%" in report
    assert "| wrong | other value | 3 | 50.0% |" in report
    assert "sales 9: left out" in report
    first, *differing = reporting.compare(here, there)
    assert "of 5 tasks that both asked, right: 2 here, 1 there" in first
    assert "only here 2, only there 1, McNemar's exact p = 1" in first
    assert len(differing) == 3


def test_mcnemar_is_the_sign_test_of_what_differs():
    assert reporting.mcnemar_p(0, 0) == 1
    assert reporting.mcnemar_p(0, 5) == pytest.approx(2 / 32)
    assert reporting.mcnemar_p(9, 1) == pytest.approx(2 * 11 / 1024)


@pytest.mark.parametrize(
    ("test", "entry_point", "call"),
    [
        ("def check():\n    assert result == 1\n", "none", "check()"),
        ("def check(candidate):\n    assert result == 1\n", "none", "check(None)"),
        ("def check(candidate):\n    assert candidate(1) == 1\n", "keep", "check(keep)"),
    ],
)
def test_a_test_is_called_with_what_it_takes(test: str, entry_point: str, call: str) -> None:
    task = {"test": test, "entry_point": entry_point}

    assert running_code.check_call(task) == call


@pytest.mark.parametrize(
    ("code", "kind", "expected"),
    [
        ("df['ü'].mean()", "another method", "df['ü'].average()"),
        ("(df / 2).mean()", "another method", "(df / 2).average()"),
        ("df.sort_values('ä', ascending=False)", "another keyword",
         "df.sort_values('ä', asc=False)"),
        ("x = df['unit price']", "another column", "x = df['price']"),
        ("df[['a', 'b']]", "single brackets", "df['a', 'b']"),
        ("df.shape", "an attribute called", "df.shape()"),
        ("f(1)", "an unclosed bracket", "f(1"),
        ("f('ä', b)", "a missing comma", "f('ä' b)"),
        ("f([1, 2])", "a missing comma", "f([1 2])"),
        ("f(a, by=[1, 2])", "a missing comma", "f(a by=[1, 2])"),
        ("{'a': 1, 'b': 2}", "a missing comma", "{'a': 1 'b': 2}"),
        ("df[df.a == 1].b", "a single equals sign", "df[df.a = 1].b"),
        ("x = f('ä', 1)", "a missing quote", "x = f('ä, 1)"),
        ("x = ''", "a missing quote", None),
        ("f(1).b", "a bracket too many", "f(1)).b"),
    ],
)  # fmt: skip
def test_a_fault_is_put_in_as_people_make_it(code, kind, expected):
    others = Counter({name: 1 for name, _ in faults.FAULTS if name != kind})
    found = faults.faulty(code, before=others)
    if expected is None:
        assert found is None or found.kinds != (kind,)
    else:
        assert found == faults.Faulty((kind,), expected)


def test_of_the_faults_that_can_be_put_in_the_rarest_is():
    code = "df.sort_values('a', ascending=False).mean()"
    before = Counter({"another method": 1})
    assert faults.faulty(code, before=before).kinds == ("another keyword",)
    assert faults.faulty("x = 1", before=Counter()) is None


def test_of_several_faults_only_the_last_keeps_the_code_from_being_read():
    code = "df.sort_values('a', ascending=False).mean()"
    before = Counter({"another keyword": 1})
    found = faults.faulty(code, count=2, before=before)
    assert found.kinds == ("another method", "an unclosed bracket")
    assert found.code == "df.sort_values('a', ascending=False).average("
    before = Counter({name: 1 for name, _ in faults.READABLE})
    assert set(faults.faulty(code, count=2, before=before).kinds) - dict(faults.READABLE).keys()
    assert faults.faulty("f(1)", count=2, before=Counter()) is None
