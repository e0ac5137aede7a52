"""Modules that a request asks for and that are not installed: no other answer can do without."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from codeface_jupyter.syntax import parse_module
from codeface_jupyter.trials.checks.modules import may_have_module
from codeface_jupyter.trials.checks.packages import PACKAGES

__all__ = ["asks_for_missing_module"]


# Besides those whose package has another name.
KNOWN = frozenset({
    *("bokeh", "catboost", "dask", "duckdb", "folium", "gensim", "geopandas", "jax", "keras"),
    *("lightgbm", "matplotlib", "networkx", "nltk", "numba", "openpyxl", "optuna", "plotly"),
    "polars",
    *("prophet", "pyarrow", "pyspark", "requests", "scipy", "seaborn", "shap", "spacy"),
    *("sqlalchemy", "statsmodels", "sympy", "tensorflow", "torch", "transformers", "wordcloud"),
    "xgboost",
}) | frozenset(PACKAGES)  # fmt: skip
# No word of the language: KMeans, train_test_split.
SPECIAL_NAME = re.compile(r"\w*(?:[a-z][A-Z]|[A-Z]{2}|_|\d)\w*|[A-Z]\w+")


def asks_for_missing_module(request: str, code: str) -> bool:
    """Whether ``code`` imports a module that is not installed and that ``request`` asks for.

    A model may make modules up: only well-known ones count by their names, others by what is
    imported from them, if that is no word of the language.

    Parameters
    ----------
    request
        What was asked: "scale them with StandardScaler".
    code
        The answer's code.
    """
    module = parse_module(code)
    if module is None:
        return False
    words = {re.escape(word) for node in ast.walk(module) for word in _missing(node)}
    return bool(words) and re.search(rf"\b(?:{'|'.join(words)})\b", request) is not None


def _missing(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            for alias in names:
                yield from _names_of(alias.name)
        case ast.ImportFrom(module=str(name), level=0, names=names) if not _is_there(name):
            yield from _names_of(name)
            yield from (alias.name for alias in names if SPECIAL_NAME.fullmatch(alias.name))


def _names_of(name: str) -> Iterator[str]:
    top = name.partition(".")[0]
    if top in KNOWN and not may_have_module(top):
        yield from (top, PACKAGES.get(top, top))


def _is_there(name: str) -> bool:
    return may_have_module(name.partition(".")[0])
