"""When an answer counts as right, tried for real on copies of a notebook's variables."""

import numpy as np
import pandas as pd
import pytest

from codeface_jupyter.evaluation.judge import unfit, verdict
from codeface_jupyter.trials.copy import Limits
from codeface_jupyter.trials.guard.landlock import landlock_version
from codeface_jupyter.trials.guard.seccomp import can_filter
from codeface_jupyter.trials.outcome import try_code

pytestmark = pytest.mark.skipif(
    not (landlock_version() and can_filter()), reason="needs Landlock and seccomp filters"
)

LIMITS = Limits(seconds=60)


class Model:
    """Has no text of its own, and its state makes it what it is, as with estimators."""

    def fit(self, values):
        self.total_ = sum(values)
        return self


def tried(code):
    names = {
        "Model": Model,
        "np": np,
        "pd": pd,
        "t": pd.DataFrame({"region": ["n", "s", "n"], "units": [1, 2, 4]}),
        "x": [3],
    }
    return try_code(code, names, limits=LIMITS, has_digests=True)


def judged(reference, answer):
    found = verdict(tried(reference), tried(answer))
    return found.kind, found.difference


@pytest.mark.parametrize(
    ("reference", "answer"),
    [
        ("t.units.sum()", "total = t['units'].sum()\ntotal"),
        ("t.units.sum()", "print(t.units.sum())"),
        ("print(t.units.sum())", "t.units.sum()"),
        ("t[t.units > 1]", "print(t.query('units > 1'))"),
        ("total = t.units.sum()", "s = t.units.sum()"),
        ("total = t.units.sum()", "column = t.units.mean()\ns = t.units.sum()\ns"),
        ("t['double'] = t.units * 2", "t = t.assign(double=2 * t.units)\nt.head()"),
        ("x.append(4)", "x += [4]"),
    ],
)
def test_what_does_the_same_is_right_whatever_it_is_called(reference, answer):
    assert judged(reference, answer) == ("right", "")


@pytest.mark.parametrize(
    ("reference", "answer", "difference"),
    [
        ("t.units.sum()", "t.units.max()", "gives 4, not 7"),
        ("t.units.sum()", "total = t.units.sum()", "gives nothing, not 7"),
        ("''.join([])", "total = t.units.sum()", "gives nothing, not "),
        ("'  '", "1", "gives 1, not "),
        ("t.head(2)", "t.tail(2)", "gives another DataFrame of 2 rows and 2 columns"),
        ("print('a b')", "print('a c')", "gives the text 'a c', not the text 'a b'"),
        ("s = t.units.sum()", "t.units.sum()", "changes nothing, where the cell makes s = 7"),
        ("x.append(4)", "y = [3, 4]", "makes y = list of 2, where the cell changes x (from "),
        ("Model().fit(x)", "Model()", "gives another Model"),
        ("model = Model().fit(x)", "model = Model()", "makes model = Model, with other data"),
        ("np.poly1d([1, 2])", "np.poly1d([1, 3])", "gives another poly1d"),
        ("t.groupby('region')", "t.groupby('units')", "gives another DataFrameGroupBy"),
        ("t['a'] = 1", "t['a'] = 2", "changes t (adds column `a`), with other data than the cell"),
    ],
)
def test_what_does_something_else_is_wrong_and_says_how(reference, answer, difference):
    kind, found = judged(reference, answer)
    assert kind == "wrong"
    assert found.startswith(difference)


def test_an_answer_that_raises_says_what():
    kind, difference = judged("t.units.sum()", "t.unit.sum()")
    assert kind == "raises"
    assert difference.startswith("raises AttributeError: ")


def test_an_answer_that_would_write_is_wrong():
    kind, difference = judged("t.units.sum()", "t.to_csv('t.csv')")
    assert kind == "wrong"
    assert difference.startswith("refused: would write ")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("t.units.sum()", ""),
        ("none", "its own code raises"),
        ("t.to_csv('t.csv')", "does what a copy may not do, such as writing a file"),
        ("def f():\n    return 1", "shows no data and changes none"),
        ("import time\ntime.time_ns() % 1_000_003", "gives something else each time"),
        ("import matplotlib.pyplot as plt\nplt.title('no data')", "shows no data and changes none"),
        ("(u for u in t.units)", "shows no data and changes none"),
        ("rows = zip(x, x)", "shows no data and changes none"),
        ("y = None", "shows no data and changes none"),
        ("t", "gives only what is there already"),
        ("print(t)", "gives only what is there already"),
        ("t.head()", "gives only what is there already"),
        ("other = t.copy()", "gives only what is there already"),
        ("t.rename(columns={'units': 'n'})", "gives only what is there already"),
        ("t.columns = ['a', 'b']", "gives only what is there already"),
        ("t['b'] = 1\nt", ""),
        ("x.append(1)", ""),
        ("t.head(1)", ""),
    ],
)
def test_why_a_cell_is_no_task(code, reason):
    assert unfit(tried(code), tried(code)) == reason
