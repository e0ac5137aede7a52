"""Which lines of a code are put in front of one that goes on from it, and where."""

import time

import pandas as pd
import pytest

from codeface_jupyter.context import Cell, Rewrite
from codeface_jupyter.trials.earlier_code import adds_something, needed_earlier_code
from codeface_jupyter.trials.kept_names import with_lost_names
from codeface_jupyter.trials.needed_statements import needed_statements, with_lines_above


def lines_for(name, code, **options):
    return needed_statements(code, [name], **options).split("\n")


@pytest.mark.parametrize(
    "last",
    [
        "a.append(2)",
        "a.pop()",
        "a.update(b=2)",
        "a.fit(X, y)",
        "a.set_title('x')",
        "a.sort_values('x', inplace=True)",
        "(a := 2)",
        "random.shuffle(a)",
    ],
)
def test_a_last_line_that_changes_something_is_needed(last):
    assert lines_for("a", f"a = make()\n{last}") == ["a = make()", last]


@pytest.mark.parametrize(
    "last", ["a", "a.x", "a.mean()", "a.head()", "a.groupby('x').sum()", "a.plot()", "print(a)"]
)
def test_a_last_line_that_shows_something_is_not(last):
    assert lines_for("a", f"a = make()\n{last}") == ["a = make()"]


@pytest.mark.parametrize(
    "line",
    [
        "a.to_csv('out.csv')",
        "a.info()",
        "a.describe()",
        "a.plot(figsize=(6, 3))",
        "a.plot('x', 'y')",
        "a.plot.bar(x='x')",
        "a['x'].hist(bins=20)",
        "a.save('out.bin')",
        "a.write_html('out.html')",
        "for x in range(3):\n    a.to_csv(f'{x}.csv')",
    ],
)
def test_what_shows_draws_or_writes_something_is_not_done_again(line):
    assert lines_for("a", f"a = make()\n{line}\nb = 2") == ["a = make()"]


@pytest.mark.parametrize(
    "line",
    ["a.partial_fit(X)", "a.plot([1, 2])", "a.hist(values)", "for x in X:\n    a.partial_fit(x)"],
)
def test_what_may_change_something_is(line):
    assert "\n".join(lines_for("a", f"a = make()\n{line}\nb = 2")) == f"a = make()\n{line}"


def test_what_is_drawn_on_an_axis_belongs_to_it():
    code = "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.bar(names, heights)"
    assert needed_statements(code, ["ax"]) == code
    assert needed_statements(f"{code}\nfig.savefig('out.png')", ["ax"]) == code


def test_what_a_module_does_is_not_done_again():
    code = "import os\nos.remove('old.csv')\nfiles = os.listdir()"
    assert needed_statements(code, ["files"]) == "import os\nfiles = os.listdir()"


@pytest.mark.parametrize(
    ("head", "drawn"),
    [
        ("import random\nrandom.seed(1)", "random.random()"),
        ("import numpy as np\nnp.random.seed(0)", "np.random.rand(3)"),
        ("import torch\ntorch.manual_seed(0)", "torch.randn(3)"),
    ],
)
def test_the_seed_of_random_numbers_comes_with_them(head, drawn):
    code = f"{head}\nother = 1\nx = {drawn}\nx"
    assert needed_statements(code, ["x"]) == f"{head}\nx = {drawn}"
    assert needed_statements(code, ["other"]) == "other = 1"
    assert needed_statements(code, ["other"], below=f"{drawn} + other") == f"{head}\nother = 1"


def test_the_seed_comes_with_numbers_of_any_length():
    drawn = f"a[0x{'f' * 5000}].random"
    code = f"{drawn}.seed(1)\nx = 1"
    assert needed_statements(code, ["x"], below="a.b") == "x = 1"
    assert needed_statements(code, ["x"], below=f"{drawn}.rand()") == code


def test_lines_come_below_what_has_to_be_the_first():
    future = "from __future__ import annotations"
    assert with_lines_above(f"{future}\nb = a", "a = 1") == f"{future}\na = 1\nb = a"
    assert with_lines_above("b = a", "a = 1") == "a = 1\nb = a"
    assert with_lines_above("b = (", "a = 1") == "a = 1\nb = ("


def test_an_edited_cell_keeps_them_there():
    cell = Cell(source="from __future__ import annotations\nx = 1\nprint(x)", cell_id="c")
    new = "from __future__ import annotations\nprint(x + 1)"
    kept = with_lost_names(new, Rewrite.of(cell), [cell])
    assert kept == "from __future__ import annotations\nx = 1\nprint(x + 1)"


@pytest.mark.parametrize(
    ("earlier", "code", "needed"),
    [
        ("max = 3\nprint(max)", "print(max([1, 2]))", ""),
        ("list = [1]", "list(range(3))", ""),
        ("max = 3", "print(max + 1)", "max = 3"),
        ("def round(x):\n    return x", "round(1.5)", "def round(x):\n    return x"),
        ("%matplotlib inline\nval = 3\nval", "print(val)", "val = 3"),
    ],
)
def test_a_follow_up_calls_python_s_own_functions(earlier, code, needed):
    assert needed_earlier_code(code, earlier, namespace={}, cells=()) == needed


REVENUE = 'sales["revenue"] = sales["units"] * sales["price"]'
BY_CITY = 'sales.groupby("city")["revenue"].sum()'
RENAMED = 'sales = sales.rename(columns={"units": "pieces"})'
LOWER = "sales.columns = sales.columns.str.upper()"


@pytest.mark.parametrize(
    ("earlier", "code", "needed"),
    [
        (f"{REVENUE}\nsales.head()", BY_CITY, REVENUE),
        (f"import numpy as np\n{REVENUE}\n{RENAMED}", BY_CITY, f"{REVENUE}\n{RENAMED}"),
        (RENAMED, 'sales["pieces"].max()', RENAMED),
        (LOWER, 'sales["CITY"].nunique()', LOWER),
        (f"rate = 2\n{REVENUE}", f"print(rate)\n{BY_CITY}", f"rate = 2\n{REVENUE}"),
        # The code makes it, the notebook has it, or nobody does.
        (REVENUE, f"{REVENUE}\n{BY_CITY}", ""),
        (REVENUE, 'sales.groupby("city")["units"].sum()', ""),
        (REVENUE, 'sales["profit"].sum()', ""),
        ('sales["units"] = sales["units"] + 1', 'sales["profit"].sum()', ""),
    ],
)
def test_a_follow_up_reads_columns_of_the_answer_before(earlier, code, needed):
    sales = pd.DataFrame({"city": ["Rome"], "units": [3], "price": [1.5]})
    names = {"sales": sales}
    assert needed_earlier_code(code, earlier, namespace=names, cells=()) == needed


STRIPPED = 'sales["city"] = sales["city"].str.strip()'
TITLED = 'sales["city"] = sales["city"].str.title()'


@pytest.mark.parametrize(
    ("earlier", "code", "cells", "needed"),
    [
        (LOWER, 'sales.columns = sales.columns.str.replace(" ", "_")', (), LOWER),
        (f"{STRIPPED}\nsales.head()", f"{TITLED}\nsales", (), STRIPPED),
        (STRIPPED, f"{STRIPPED}\n{TITLED}", (), ""),
        (STRIPPED, 'sales["city"] = "Rome"', (), ""),
        (STRIPPED, 'sales["units"] = sales["units"] + 1', (), ""),
        (STRIPPED, TITLED, (Cell(source=f"{STRIPPED}  # done"),), ""),
    ],
)
def test_what_is_done_in_addition_is_done_after_the_answer_before(earlier, code, cells, needed):
    sales = pd.DataFrame({"city": ["Rome"], "units": [3]})
    names = {"sales": sales}
    options = {"namespace": names, "cells": cells}
    assert needed_earlier_code(code, earlier, is_added=True, **options) == needed
    assert needed_earlier_code(code, earlier, **options) == ""


@pytest.mark.parametrize(
    ("words", "is_added"),
    [
        ("also in title case", True),
        ("and replace spaces", True),
        ("replace the spaces, too", True),
        ("Now sort them as well", True),
        ("in upper case instead", False),
        ("no, title case", False),
    ],
)
def test_words_tell_that_something_is_to_be_added(words, is_added):
    assert adds_something(words) is is_added


def test_columns_that_a_cell_makes_need_only_that_cell():
    sales = pd.DataFrame({"city": ["Rome"], "units": [3], "price": [1.5]})
    waiting = Cell(source=REVENUE, was_run=False)
    assert not needed_earlier_code(BY_CITY, REVENUE, namespace={"sales": sales}, cells=(waiting,))


def test_many_seeds_that_nothing_needs_take_no_time():
    lines = [f"x{n} = f(x{n - 1})" for n in range(1_000)]
    code = "\n".join(f"torch.manual_seed({n})\n{line}" for n, line in enumerate(lines))
    begin = time.perf_counter()
    assert lines_for("x999", code) == lines
    assert time.perf_counter() - begin < 3
