"""The imports that a code means without saying so."""

from __future__ import annotations

import importlib
import sys

import pytest

from codeface_jupyter.trials.checks import check_code, with_missing_imports
from codeface_jupyter.trials.checks import usual_imports as table

DATETIME, CLASS = "import datetime", "from datetime import datetime"


@pytest.fixture
def everything_is_installed(monkeypatch):
    modules = {*table.MEMBERS, *table.ALIASES.values(), *table.BY_OWN_NAME}
    monkeypatch.setattr(table, "has_module", modules.__contains__)


@pytest.mark.parametrize(
    ("code", "statement"),
    [
        ("Counter('aab').most_common(1)", "from collections import Counter"),
        ("total = defaultdict(int)", "from collections import defaultdict"),
        ("@dataclass\nclass A: ...", "from dataclasses import dataclass"),
        ("Path('a.csv').exists()", "from pathlib import Path"),
        ("datetime.now()", CLASS),
        ("datetime(2026, 1, 1)", CLASS),
        ("isinstance(1, datetime)", CLASS),
        ("datetime.datetime.now()", DATETIME),
        ("datetime.date.today(), datetime.timedelta(1)", DATETIME),
        ("np.zeros(3)", "import numpy as np"),
        ("math.pi", "import math"),
    ],
)
def test_what_everybody_has_from_one_module_is_imported(code, statement):
    mended, added = with_missing_imports(code, {})
    assert (mended, added) == (f"{statement}\n{code}", [statement])
    exec(compile(statement, "<import>", "exec"), {})


@pytest.mark.usefixtures("everything_is_installed")
def test_of_a_name_for_several_modules_none_is_imported():
    # scipy, sympy or spacy
    assert with_missing_imports("sp.solve(1)", {}) == ("sp.solve(1)", [])


@pytest.mark.usefixtures("everything_is_installed")
@pytest.mark.parametrize(
    ("code", "statement"),
    [
        ("stats.zscore([1])", "from scipy import stats"),
        ("scipy.stats.zscore([1])", "import scipy.stats"),
        ("sklearn.metrics.r2_score([1], [1])", "import sklearn.metrics"),
        ("sklearn.__version__", "import sklearn"),
        ("sklearn.svm.SVC(), sklearn.clone(1)", "import sklearn.svm"),
        ("train_test_split([1])", "from sklearn.model_selection import train_test_split"),
        ("StandardScaler().fit([1])", "from sklearn.preprocessing import StandardScaler"),
    ],
)
def test_so_is_what_is_from_packages_for_science(code, statement):
    assert with_missing_imports(code, {})[1] == [statement]


@pytest.mark.usefixtures("everything_is_installed")
@pytest.mark.parametrize(
    "code",
    [
        "stats",
        "sum(stats)",
        "np",
        "data.load()",
        "product('a')",
        "token.lower()",
        "Counter = 1\nCounter",
        "def f(Path):\n    return Path('a')",
    ],
)
def test_what_may_be_data_is_not_imported(code):
    assert with_missing_imports(code, {}) == (code, [])


def test_what_the_notebook_has_is_not_imported():
    assert with_missing_imports("Counter('a')", {"Counter": str})[1] == []


@pytest.mark.parametrize("code", ["stats.zscore([1])", "SVC()", "plt.plot([1])", "sklearn.svm"])
def test_what_is_not_installed_is_not_imported(monkeypatch, code):
    packages = {"scipy", "sklearn", "matplotlib"}
    for name in [name for name in sys.modules if name.partition(".")[0] in packages]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [])
    assert with_missing_imports(code, {}) == (code, [])
    assert "is not defined" in check_code(code, {})[0].message


@pytest.mark.parametrize("module", [m for m in table.MEMBERS if m in sys.stdlib_module_names])
def test_the_modules_have_what_is_imported_from_them(module):
    assert [
        n for n in table.MEMBERS[module] if not hasattr(importlib.import_module(module), n)
    ] == []
