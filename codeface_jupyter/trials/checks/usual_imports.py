"""The import that everybody has a name from, if its module is installed."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from codeface_jupyter.trials.checks.attributes import has_member
from codeface_jupyter.trials.checks.modules import has_module, loaded_module

__all__ = ["is_usual_module", "missing_usual_module", "usual_import"]

# The names that everybody imports modules by. `sp` is scipy to some, sympy or spacy to others.
ALIASES = {
    "alt": "altair",
    "go": "plotly.graph_objects",
    "nx": "networkx",
    "np": "numpy",
    "pd": "pandas",
    "pl": "polars",
    "plt": "matplotlib.pyplot",
    "px": "plotly.express",
    "sm": "statsmodels.api",
    "smf": "statsmodels.formula.api",
    "sns": "seaborn",
    "tf": "tensorflow",
}
# Packages that are imported by their own name, submodules and all.
BY_OWN_NAME = frozenset({"plotly", "scipy", "sklearn", "statsmodels"})
# Of the standard library what notebooks use; the names of other modules are as often data.
STANDARD = frozenset({
    *("collections", "csv", "datetime", "decimal", "fractions", "functools", "glob", "gzip"),
    *("io", "itertools"),
    *("json", "logging", "math", "operator", "os", "pathlib", "pickle", "random", "re"),
    *("shutil", "sqlite3", "statistics", "subprocess", "sys", "tempfile", "textwrap", "time"),
    *("urllib", "uuid", "warnings", "zipfile"),
})  # fmt: skip
# What `datetime` is a module for; otherwise the class is meant.
OF_DATETIME_MODULE = frozenset({"date", "datetime", "time", "timedelta", "timezone", "UTC"})

# What is imported from where; none of them is a likely name for data.
MEMBERS: Mapping[str, tuple[str, ...]] = {
    "collections": ("Counter", "OrderedDict", "defaultdict", "deque", "namedtuple"),
    "dataclasses": ("dataclass",),
    "datetime": ("timedelta",),
    "functools": ("lru_cache", "reduce"),
    "io": ("BytesIO", "StringIO"),
    "itertools": ("combinations", "permutations"),
    "pathlib": ("Path",),
    "scipy.stats": (
        *("chi2_contingency", "f_oneway", "kendalltau", "kruskal", "linregress"),
        *("mannwhitneyu", "pearsonr", "shapiro", "spearmanr", "ttest_1samp", "ttest_ind"),
        *("ttest_rel", "wilcoxon", "zscore"),
    ),
    "sklearn.cluster": ("AgglomerativeClustering", "DBSCAN", "KMeans"),
    "sklearn.compose": ("ColumnTransformer", "make_column_transformer"),
    "sklearn.decomposition": ("PCA",),
    "sklearn.ensemble": (
        *("GradientBoostingClassifier", "GradientBoostingRegressor"),
        *("RandomForestClassifier", "RandomForestRegressor"),
    ),
    "sklearn.impute": ("KNNImputer", "SimpleImputer"),
    "sklearn.linear_model": ("Lasso", "LinearRegression", "LogisticRegression", "Ridge"),
    "sklearn.metrics": (
        *("accuracy_score", "classification_report", "confusion_matrix", "f1_score"),
        *("mean_absolute_error", "mean_squared_error", "precision_score", "r2_score"),
        *("recall_score", "roc_auc_score", "silhouette_score"),
    ),
    "sklearn.model_selection": (
        *("GridSearchCV", "KFold", "StratifiedKFold", "cross_val_score", "train_test_split"),
    ),
    "sklearn.neighbors": ("KNeighborsClassifier", "KNeighborsRegressor"),
    "sklearn.pipeline": ("Pipeline", "make_pipeline"),
    "sklearn.preprocessing": (
        *("LabelEncoder", "MinMaxScaler", "OneHotEncoder", "OrdinalEncoder"),
        *("PolynomialFeatures", "StandardScaler"),
    ),
    "sklearn.svm": ("SVC", "SVR"),
    "sklearn.tree": ("DecisionTreeClassifier", "DecisionTreeRegressor"),
}
MODULE_OF = {name: module for module, names in MEMBERS.items() for name in names}


def usual_import(name: str, *, chains: Collection[tuple[str, ...]]) -> str | None:
    """Return the statement that a code lacks in which a name is not defined.

    None if there is no usual one, or its module is not installed.

    Parameters
    ----------
    name
        The name.
    chains
        The attributes that are read of it, one behind the other: ``("stats", "zscore")`` where
        ``name.stats.zscore`` is read, empty where it is used by itself.
    """
    found = _member(name, chains) or (_module(name, chains) if all(chains) else None)
    if found is None:
        return None
    module, statement = found
    return statement if has_module(module) else None


def missing_usual_module(name: str) -> str:
    """Return the package that everybody calls by a name; empty if it is installed, or none is."""
    package = ALIASES.get(name, "").partition(".")[0]
    return package if package and not has_module(package) else ""


def is_usual_module(name: str) -> bool:
    """Whether everybody calls a module so, installed or not."""
    return name in ALIASES or name in BY_OWN_NAME


def _member(name: str, chains: Collection[tuple[str, ...]]) -> tuple[str, str] | None:
    if name == "stats" and all(chains):
        return "scipy.stats", "from scipy import stats"
    of_module = any(chain and chain[0] in OF_DATETIME_MODULE for chain in chains)
    if name == "datetime" and not of_module:
        return "datetime", "from datetime import datetime"
    module = MODULE_OF.get(name)
    return None if module is None else (module, f"from {module} import {name}")


def _module(name: str, chains: Collection[tuple[str, ...]]) -> tuple[str, str] | None:
    if name in ALIASES:
        return ALIASES[name], f"import {ALIASES[name]} as {name}"
    if name in STANDARD and all(_may_have(name, chain[0]) for chain in chains):
        return name, f"import {name}"
    if name not in BY_OWN_NAME or not has_module(name):
        return None
    # Of most packages, submodules are there only once they are imported.
    longest = max((_as_module(name, chain) for chain in chains), key=len, default=name)
    return longest, f"import {longest}"


def _may_have(name: str, member: str) -> bool:
    """Whether a module has a member, as far as that is known without importing it."""
    module = loaded_module(name)
    return module is None or has_member(module, member) is not False


def _as_module(name: str, chain: tuple[str, ...]) -> str:
    """Return as much of a chain as is a module."""
    for part in chain:
        if not has_module(f"{name}.{part}"):
            break
        name = f"{name}.{part}"
    return name
