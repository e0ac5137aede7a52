"""Signatures tell no value without leave, and run nothing that stands in them."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import pytest

from codeface_jupyter.context.variables import describe_names
from codeface_jupyter.namespace import describe, signatures

LIMIT = 4711
PEOPLE = pd.DataFrame({"name": ["Alice"]})


class Asked:
    """Notes whatever it is asked."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __repr__(self) -> str:
        self.calls.append("repr")
        return "4711"

    def __getattr__(self, name: str) -> object:
        self.calls.append(name)
        raise AttributeError(name)

    def __call__(self) -> None: ...


def pay(person, frame=PEOPLE, cap=LIMIT, currency="CHF 4711", *, is_dry=False, note=None): ...


class Model:
    def __init__(self, frame=PEOPLE, *, cap=LIMIT) -> None: ...

    def fit(self, frame=PEOPLE, cap=LIMIT) -> None: ...


@dataclass
class Person:
    name: str = "Alice"
    cap: int = LIMIT
    others: list[str] = field(default_factory=list)


@pytest.mark.parametrize(
    ("obj", "text"),
    [
        (pay, "pay(person, frame=..., cap=..., currency=..., *, is_dry=False, note=None)"),
        (functools.cache(pay), "pay(person, frame=..., cap=..., currency=..., *, is_dry=False"),
        (functools.partial(pay, cap=LIMIT), "partial(person, frame=..., *, cap=..., currency=..."),
        (Model, "Model(frame=..., *, cap=...)"),
        (Model().fit, "fit(frame=..., cap=...)"),
        (Person, "Person(name: 'str' = ..., cap: 'int' = ..., others: 'list[str]' = ...)"),
    ],
)
@pytest.mark.parametrize("detail", ["brief", "full"])
def test_defaults_are_values(obj: object, text: str, detail: Any) -> None:
    description = describe(obj, detail=detail)
    head = description.text.partition("\n")[0]
    assert text.replace("'", "") in head
    for told in (head, str(description.facts["signature"])):
        assert "4711" not in told
        assert "Alice" not in told


def test_no_value_is_told_of_what_functions_take() -> None:
    ask = functools.partial(pay, frame=PEOPLE)
    lines = describe_names({"person": Person(), "model": Model()}, allow_values=False)
    lines += [describe(obj).text for obj in (pay, ask, Model, Person, Person())]
    assert "4711" not in "\n".join(lines)
    assert "Alice" not in "\n".join(lines)


def test_with_leave_values_are_told_that_code_can_say() -> None:
    text = describe(pay, allow_values=True).text
    assert "frame=..., cap=4711, currency='CHF 4711'" in text
    assert "others: list[str] = ..." in describe(Person, allow_values=True).text


def test_with_leave_a_class_and_a_function_are_told_by_name() -> None:
    def make(kind=dict, key=len, by=pay, some=[1], size=np.float64(3)): ...  # noqa: B006, B008

    told = describe(make, allow_values=True).text
    assert "make(kind=dict, key=len, by=pay, some=..., size=3.0)" in told


def test_an_annotation_that_cannot_be_worked_out_costs_the_signature_only(monkeypatch) -> None:
    def raise_error(*_: object, **options: object) -> None:
        raise NameError("name 'Later' is not defined")

    monkeypatch.setattr(signatures.inspect, "signature", raise_error)
    assert describe(pay).text.startswith("def pay(...)")


def _make_default(asked: Asked) -> object:
    def function(query: object = asked) -> None: ...

    return function


def _make_annotation(asked: Asked) -> object:
    def function(query: object) -> None: ...

    function.__annotations__ = {"query": asked, "return": Annotated[int, asked]}
    return function


def _make_nested(asked: Asked) -> object:
    def function(query: object) -> None: ...

    function.__annotations__ = {"query": list[Literal[asked]]}  # type: ignore[valid-type]
    return function


def _make_wrapped(asked: Asked) -> object:
    def function(query: object) -> None: ...

    function.__wrapped__ = asked  # type: ignore[attr-defined]
    return function


def _make_class(asked: Asked) -> object:
    def init(self: object, query: object = asked) -> None: ...

    init.__wrapped__ = asked  # type: ignore[attr-defined]
    return type("Made", (), {"__init__": init})


def _make_marked(name: str, *, kind: str) -> Callable[[Asked], object]:
    """Return what makes a class, a function or a partial with an attribute that is asked."""

    def make(asked: Asked) -> object:
        def function(query: object) -> None: ...

        made = {"class": type("Made", (), {}), "function": function}
        obj = made.get(kind) or functools.partial(function)
        setattr(obj, name, asked)
        return obj

    return make


def _make_of_metaclass(name: str) -> Callable[[Asked], object]:
    def make(asked: Asked) -> object:
        meta = type("Meta", (type,), {name: property(lambda _: repr(asked))})
        return meta("Made", (), {})

    return make


MARKED = [
    pytest.param(_make_marked(name, kind=kind), id=f"{name} of a {kind}")
    for kind in ("class", "function", "partial")
    for name in ("__signature__", "__text_signature__", "__wrapped__")
    # Of a class, that one cannot be set.
    if (kind, name) != ("class", "__text_signature__")
] + [
    pytest.param(_make_of_metaclass(name), id=f"{name} of a metaclass")
    for name in ("__module__", "__signature__", "__text_signature__", "__wrapped__")
]


@pytest.mark.parametrize("make", MARKED)
def test_nothing_that_stands_for_a_signature_is_asked(make: Callable[[Asked], object]) -> None:
    asked = Asked()
    assert describe(make(asked), allow_values=True).text.startswith(("def ", "class "))
    assert asked.calls == []


def test_arguments_that_a_partial_has_too_many_of_are_not_written() -> None:
    asked = Asked()
    partial = functools.partial(pay, *[asked] * 9)
    assert describe(partial, allow_values=True).text.startswith("def partial(...)")
    assert describe(functools.partial(partial, 1)).text.startswith("def partial(...)")
    assert asked.calls == []


@pytest.mark.parametrize("allow_values", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        _make_default,
        _make_annotation,
        _make_nested,
        _make_wrapped,
        _make_class,
        lambda asked: functools.partial(pay, frame=asked),
        lambda asked: functools.partial(asked, 1),
    ],
    ids=["default", "annotation", "nested", "wrapped", "class", "bound", "called"],
)
def test_nothing_in_a_signature_is_run(make: Callable[[Asked], object], allow_values: bool) -> None:
    asked = Asked()
    obj = make(asked)
    asked.calls.clear()
    text = describe(obj, allow_values=allow_values).text
    assert asked.calls == []
    assert text.startswith(("def ", "class "))


def test_types_are_told_as_they_stand() -> None:
    def function(query: object) -> None: ...

    function.__annotations__ = {
        "query": dict[str, list[pd.DataFrame | None]] | Callable[..., Literal["a", 1]],
        "return": Annotated[int, 4711],
    }
    assert "(query: dict[str, list[pandas" in describe(function).text
    assert "Literal['a', 1]]) -> int" in describe(function).text


class Estimator:
    """Stands in for an estimator of scikit-learn."""

    def __init__(self, depth=1, seed=1, is_fast=1) -> None: ...

    def get_params(self, *, deep: bool) -> dict[str, object]:
        return {"depth": 4711, "seed": None, "is_fast": False}


def test_of_a_model_s_parameters_only_what_may_be_any_is_told(monkeypatch) -> None:
    base = types.SimpleNamespace(BaseEstimator=Estimator)
    monkeypatch.setitem(sys.modules, "sklearn.base", base)
    text = describe(Estimator()).text
    assert "Estimator(depth=int, seed=None, is_fast=False)" in text
