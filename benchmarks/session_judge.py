"""Judge an answer by what the reference cell did from the same state.

The reference runs in one copy of the process and leaves an `Expected`, which travels as
bytes into the answer's copy and is compared there.
"""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from session_tasks import Comparison, ModelCheck, SessionTask, TableTest
from session_trial import Observed
from session_values import Options, difference

__all__ = ["Expected", "Verdict", "expected_of", "judge", "keep_variables"]

# What a metric is computed from, by its name in a task.
METRICS = {
    "accuracy": "accuracy_score",
    "roc_auc": "roc_auc_score",
    "r2": "r2_score",
    "mse": "mean_squared_error",
}
DRAWING_PACKAGES = ("matplotlib.", "seaborn.", "plotly.")
NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*\.?\d*(?:e[-+]?\d+)?\s?%?", re.I)
MAX_SHOWN_CHARS = 400


@dataclass(frozen=True)
class Figure:
    """Stands for a drawing: any equals any."""


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right, in which way or why not, and what it gave.

    Attributes
    ----------
    is_right
        Whether it counts.
    kind
        ``value``, ``variables``, ``figure`` or ``printed``; else what went wrong.
    reason
        What differs, for who reads the results.
    found
        What it gave, shortened.
    """

    is_right: bool
    kind: str
    reason: str = ""
    found: str = ""


@dataclass(frozen=True)
class Expected:
    """What the reference did, as far as the task looks at it.

    Attributes
    ----------
    value
        The value of its last expression; `Figure` if it draws one.
    calls, text
        What it printed, where it has no value and changes nothing.
    variables
        Those that an answer must leave with the same values.
    inputs, labels, metrics
        What a model is asked, what is right, and how right the reference's is.
    outputs
        What the function gives for each case.
    """

    value: Any = None
    calls: tuple[tuple[Any, ...], ...] = ()
    text: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)
    inputs: Any = None
    labels: Any = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    outputs: Sequence[Any] = ()

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to compare an answer with."""
        checks = self.variables, self.metrics, self.outputs, self.text.strip()
        return self.value is None and not any(checks)


def keep_variables(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return copies of the variables, and those that cannot be copied as they are."""
    kept = {}
    for name, value in namespace.items():
        if _is_data(value):
            try:
                kept[name] = copy.deepcopy(value)
            except (TypeError, ValueError, pickle.PickleError):
                kept[name] = value
    return kept


def expected_of(task: SessionTask, observed: Observed, before: Mapping[str, Any]) -> Expected:
    """Return what an answer is to be compared with.

    Parameters
    ----------
    observed
        What the reference did.
    before
        The variables before it, kept by `keep_variables`.

    Raises
    ------
    KeyError
        If the reference lacks a variable that the task looks at.
    """
    how, namespace = task.validation, observed.namespace
    names = set(how.variables)
    value = _with_figures(observed) if how.judges_value else None
    says_nothing = how.judges_value and value is None and not names
    if says_nothing:
        changed = _changed(before, namespace)
        names = changed & task.quoted_names or changed
    expected = Expected(
        value=value,
        variables={name: namespace[name] for name in sorted(names)},
        calls=tuple(observed.calls) if says_nothing and not names else (),
        text=observed.text if says_nothing and not names else "",
        outputs=_outputs(how.table, namespace) if how.table else (),
    )
    if how.model is None:
        return expected
    inputs, labels = namespace[how.model.inputs_name], namespace[how.model.labels_name]
    metrics = _metrics(how.model, namespace, inputs=inputs, labels=labels)
    kept = {name: getattr(expected, name) for name in Expected.__dataclass_fields__}
    return Expected(**{**kept, "inputs": inputs, "labels": labels, "metrics": metrics})


def judge(task: SessionTask, observed: Observed, expected: Expected) -> Verdict:
    """Compare what an answer did with what the reference did."""
    if observed.error is not None:
        kind = f"raises {type(observed.error).__name__}"
        return Verdict(
            False, kind if observed.does_parse else "does not parse", str(observed.error)
        )
    for check in (_judge_variables, _judge_model, _judge_table):
        verdict = check(task, observed, expected)
        if verdict is not None:
            return verdict
    if expected.value is not None:
        return _judge_value(task, observed, expected)
    if expected.text:
        return _judge_text(task, observed, expected)
    return Verdict(True, "variables")


def _judge_variables(task: SessionTask, observed: Observed, expected: Expected) -> Verdict | None:
    for name, value in expected.variables.items():
        if name not in observed.namespace:
            return Verdict(False, "other variables", f"no variable {name}")
        compare = _comparison(task.validation.variables.get(name))
        differs = compare(value, observed.namespace[name])
        if differs:
            found = _shown(observed.namespace[name])
            return Verdict(False, "other variables", f"{name}: {differs}", found)
    return None


def _judge_model(task: SessionTask, observed: Observed, expected: Expected) -> Verdict | None:
    check = task.validation.model
    if check is None:
        return None
    try:
        metrics = _metrics(
            check, observed.namespace, inputs=expected.inputs, labels=expected.labels
        )
    except Exception as error:  # noqa: BLE001 - the answer's own model may do anything
        return Verdict(False, "other model", f"{type(error).__name__}: {error}")
    for metric, ratio in check.ratios.items():
        value, reference = metrics[metric], expected.metrics[metric]
        slack = (ratio - 1) * abs(reference)
        is_good = value <= reference + slack if ratio > 1 else value >= reference + slack
        if not is_good:
            return Verdict(False, "other model", f"{metric} {value:.4g}, not {reference:.4g}")
    return None


def _judge_table(task: SessionTask, observed: Observed, expected: Expected) -> Verdict | None:
    test = task.validation.table
    if test is None:
        return None
    try:
        outputs = _outputs(test, observed.namespace)
    except Exception as error:  # noqa: BLE001 - the answer's own function may do anything
        return Verdict(False, "other function", f"{type(error).__name__}: {error}")
    differs = difference(expected.outputs, outputs)
    return Verdict(False, "other function", differs, _shown(outputs)) if differs else None


def _judge_value(task: SessionTask, observed: Observed, expected: Expected) -> Verdict:
    compare = _comparison(task.validation.value, names=task.quoted_names)
    value = _with_figures(observed)
    if value is not None:
        differs = compare(expected.value, value)
        if differs:
            return Verdict(False, "other value", differs, _shown(value))
        return Verdict(True, "figure" if isinstance(value, Figure) else "value")
    if not observed.text.strip():
        return Verdict(False, "no value", "neither a value nor anything printed")
    is_right = _is_printed(expected.value, observed, compare)
    return Verdict(
        is_right, "printed" if is_right else "prints another value", found=_cut(observed.text)
    )


def _judge_text(task: SessionTask, observed: Observed, expected: Expected) -> Verdict:
    """Compare with a reference that only prints: what it prints, or its value."""
    compare = _comparison(task.validation.value, names=task.quoted_names)
    values = [args[0] for args in expected.calls if len(args) == 1]
    if len(values) == 1 and observed.value is not None:
        differs = compare(values[0], observed.value)
        kind = "other value" if differs else "value"
        return Verdict(not differs, kind, differs or "", _shown(observed.value))
    is_right = observed.text.split() == expected.text.split() or (
        len(values) == 1 and _is_printed(values[0], observed, compare)
    )
    kind = "printed" if is_right else "prints another value" if observed.text else "no value"
    return Verdict(is_right, kind, found=_cut(observed.text))


def _is_printed(
    expected: object, observed: Observed, compare: Callable[[Any, Any], str | None]
) -> bool:
    """Whether what was printed is the expected value, besides words that announce it."""
    objects = [argument for args in observed.calls for argument in _without_words(args)]
    several = tuple(objects) if isinstance(expected, tuple) else objects
    candidates = [*objects, several] if len(objects) == 1 else [several]
    if any(compare(expected, candidate) is None for candidate in candidates):
        return True
    return _says(observed.text.strip(), expected)


def _says(text: str, expected: object) -> bool:
    """Whether a text announces just this: a line for each of several values."""
    if isinstance(expected, str):
        end = rf"(?:^|[:=]\s*|\bis )['\"]?{re.escape(expected)}['\"]?\.?$"
        return bool(re.search(end, text))
    if isinstance(expected, Mapping):
        expected = list(expected.values())
    if isinstance(expected, list | tuple):
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return len(lines) == len(expected) and all(map(_says, lines, expected))
    numbers = NUMBER.findall(text)
    if len(numbers) != 1 or numbers[0].endswith("%"):
        return False
    return difference(expected, float(numbers[0].replace(",", ""))) is None


def _without_words(args: tuple[Any, ...]) -> list[Any]:
    """Return what ``print`` was given without the texts before it."""
    values = [argument for argument in args if not isinstance(argument, str)]
    return values or list(args[-1:])


def _comparison(
    how: Comparison, *, names: frozenset[str] | None = None
) -> Callable[[Any, Any], str | None]:
    """Return the function that says what differs.

    Parameters
    ----------
    names
        The column names that count where the task says nothing of them; None is all.
    """
    if isinstance(how, str):
        return _own_comparison(how)
    options = dict(how or {})
    options.pop("ignore_dtypes", None)  # they never count
    if options.pop("ignore_names", False):
        names = frozenset()
    compared = Options(names=names, **options)

    def compare(expected: Any, found: Any) -> str | None:
        return difference(expected, found, options=compared)

    return compare


def _own_comparison(source: str) -> Callable[[Any, Any], str | None]:
    defined: dict[str, Any] = {}
    exec(source, defined)  # the data set's own code, not the answer's

    def compare(expected: Any, found: Any) -> str | None:
        try:
            match = defined["compare_fn"](expected, found)
        except Exception as error:  # noqa: BLE001 - it expects what the reference gives
            return f"{type(error).__name__}: {error}"
        return None if match["match"] else match["reason"] or "differs"

    return compare


def _with_figures(observed: Observed) -> Any:
    """Return the value, or `Figure` for a drawing, also one that is no value."""
    if _is_drawing(observed.value) or (observed.value is None and observed.has_figure):
        return Figure()
    return observed.value


def _is_drawing(value: Any) -> bool:
    # Plotting gives artists, or arrays, lists and dicts of them.
    for _ in range(3):
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list | tuple) or type(value).__name__ == "ndarray":
            value = next(iter(value), None) if getattr(value, "ndim", 1) else None
    return type(value).__module__.startswith(DRAWING_PACKAGES)


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """Return the variables that are new or have another value; functions and modules aside."""
    return {
        name
        for name, value in after.items()
        if _is_data(value) and (name not in before or difference(before[name], value) is not None)
    }


def _is_data(value: Any) -> bool:
    return not callable(value) and type(value).__name__ != "module"


def _metrics(
    check: ModelCheck, namespace: Mapping[str, Any], *, inputs: Any, labels: Any
) -> dict[str, float]:
    import sklearn.metrics

    predicted = namespace[check.model_name].predict(inputs)
    return {
        metric: float(getattr(sklearn.metrics, METRICS[metric])(labels, predicted))
        for metric in check.ratios
    }


def _outputs(test: TableTest, namespace: Mapping[str, Any]) -> list[Any]:
    function = namespace[test.function_name]
    return [function(**copy.deepcopy(dict(case))) for case in test.cases]


def _shown(value: object) -> str:
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[:MAX_SHOWN_CHARS]}…"
