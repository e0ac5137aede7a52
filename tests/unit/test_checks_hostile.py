"""Objects that raise, hang, change or lie, and odd codes: none is run, none is waited for."""

from __future__ import annotations

import contextlib
import gc
import sys
import threading
import time
import types

import numpy as np
import pandas as pd
import pytest

from codeface_jupyter.namespace.foreign_code import attempt
from codeface_jupyter.trials.checks import check_code
from codeface_jupyter.trials.checks.all_checks import findings_in
from codeface_jupyter.trials.shape import shape

CODES = (
    "x.nope", "x.nope()", "x['nope']", "x[0]", "x()", "x(1, wrong=2)", "x + 1", "x.a.b.c",
    "x = []", "x.attribute = 1", "x['a'] = 1", "del x['a']", "for y in x: y.nope", "len(x)",
    "x.groupby('nope')['z'].sum()", "x.query('nope > 1')", "x.head().loc[:, 'nope']", "print(x)",
    "f'{x}'", "map(x, [1])", "setattr(x, 'a', 1)", "x.str.upper()",
    "x.apply(lambda r: r['nope'], axis=1)", "from x import y",
    "nope.x", "xx", "sorted(x, key=x.nope)", "with x as y: y.z", "x @ x", "x[x > 1]['nope']",
)  # fmt: skip
touched: list[object] = []


class Spy:
    """Remembers whatever is asked of it."""

    def __getattribute__(self, name):
        touched.append(name)
        raise RuntimeError(name)

    def __getitem__(self, key):
        touched.append(key)

    def __call__(self, *args):
        touched.append(args)

    def _touched(self, *_):
        touched.append("operator")
        raise RuntimeError

    __len__ = __iter__ = __bool__ = __repr__ = __str__ = __dir__ = _touched
    __hash__ = __eq__ = __contains__ = __add__ = __matmul__ = __gt__ = __enter__ = _touched


class SpyMeta(type):
    def __getattribute__(cls, name):
        touched.append(name)
        raise RuntimeError(name)

    def _touched(cls, *_):
        touched.append("operator")
        raise RuntimeError

    __call__ = __iter__ = __len__ = __instancecheck__ = __subclasscheck__ = _touched
    __hash__ = __eq__ = __dir__ = _touched


class Properties:
    @property
    def raising(self):
        touched.append("raising")
        raise RuntimeError

    @property
    def hanging(self):
        touched.append("hanging")
        threading.Event().wait(5)

    @property
    def __dict__(self):
        touched.append("__dict__")
        return {}


class Posing:
    @property
    def __class__(self):
        touched.append("__class__")
        return pd.DataFrame


class OwnFrame(pd.DataFrame):
    @property
    def columns(self):
        touched.append("columns")
        return ["made up"]

    def __getattr__(self, name):
        touched.append(name)
        return 3


class OwnDict(dict):
    def __contains__(self, key):
        touched.append(key)
        return False

    def __missing__(self, key):
        return key


class Signed:
    @property
    def __signature__(self):
        touched.append("__signature__")
        raise RuntimeError

    def __call__(self):
        pass


class Label:
    def __hash__(self):
        return hash("nope")

    def __eq__(self, other):
        touched.append("__eq__")
        raise RuntimeError

    def __str__(self):
        touched.append("__str__")
        return "label"


def wrapped():
    pass


wrapped.__wrapped__ = Spy()


def misplaced():
    pass


misplaced.__module__ = Spy()


def recursive():
    items: dict[str, object] = {}
    items["x"] = items
    return items


def labelled():
    label = Label()
    # pandas itself compares labels as it makes the frame.
    frame = pd.DataFrame([[1]])
    frame.columns = pd.Index([label], dtype=object)
    return frame


OBJECTS = {
    "spy": Spy, "class with a spying metaclass": lambda: SpyMeta("C", (), {}),
    "instance of it": lambda: type.__call__(SpyMeta("C", (), {})), "properties": Properties,
    "posing": Posing, "own frame": lambda: OwnFrame({"a": [1]}), "own dict": lambda: OwnDict(a=1),
    "signed": Signed, "wrapped": lambda: wrapped, "misplaced": lambda: misplaced,
    "recursive": recursive, "labels": labelled,
    "keys": lambda: {Label(): 1}, "module": lambda: LazyModule("x"),
}  # fmt: skip


class LazyModule(types.ModuleType):
    def __getattr__(self, name):
        touched.append(name)
        raise RuntimeError


@pytest.fixture(autouse=True)
def untouched():
    yield
    touched.clear()


@pytest.mark.parametrize("make", OBJECTS.values(), ids=OBJECTS.keys())
def test_nothing_is_asked_of_an_object(make):
    namespace = {"x": make()}
    touched.clear()
    for code in CODES:
        findings_in(code, namespace)
        assert touched == [], code


@pytest.mark.parametrize("name", ["spy", "instance of it", "posing", "own frame", "module"])
def test_nothing_is_said_of_what_only_the_object_knows(name):
    for code in ("x.nope", "x['nope']", "x.nope.more", "x.nope(1)", "x.groupby('nope')"):
        assert check_code(code, {"x": OBJECTS[name]()}) == ()


def test_names_that_hide_builtins_of_libraries(monkeypatch):
    fake = types.ModuleType("pandas")
    fake.DataFrame = Spy()
    monkeypatch.setitem(sys.modules, "pandas", fake)
    assert findings_in("x['a']\nx.head()", {"x": Spy()}) == ()
    assert touched == []


def test_a_wide_frame_takes_no_longer_than_the_limit():
    frame = pd.DataFrame(np.zeros((2, 10_000)), columns=[f"column {n}" for n in range(10_000)])
    begin = time.perf_counter()
    (finding,) = check_code("frame['Column_77']", {"frame": frame})
    assert "it has `column 77`" in finding.message
    assert time.perf_counter() - begin < 0.5
    assert check_code("frame['no such thing']", {"frame": frame})[0].message.endswith(
        "and 9,994 more."
    )


def test_what_takes_too_long_is_given_up():
    class Endless(dict[str, object]):
        def __contains__(self, key):
            while True:
                pass

    class Mapping(dict[str, object]):
        def keys(self):
            while True:
                pass

    begin = time.perf_counter()
    assert check_code("x", {"y": Endless(), "x": Mapping()}, timeout_s=0.2) == ()
    code = "\n".join(f"def f{n}(): return [g{n} for g{n} in x]" for n in range(3_000))
    with no_collections():
        check_code(code, {"x": []}, timeout_s=0.2)
        assert time.perf_counter() - begin < 3
        for thread in threading.enumerate():
            if thread.name == "codeface-describe":
                thread.join(10)


@contextlib.contextmanager
def no_collections():
    """Collect no garbage: Hypothesis is called at each, where a thread's end is only printed."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


ODD = {
    "long": "x = 1\n" * 17_000,
    "deep": "(" * 150 + ")" * 150,
    "too deep": "[" * 5_000 + "]" * 5_000,
    "a long sum": "x = " + " + ".join(["1"] * 3_000),
    "attributes without end": "x" + ".real" * 900,
    "nested loops": "\n".join(f"{' ' * n}for i{n} in []:" for n in range(15))
    + "\n"
    + " " * 15
    + "0",
    "null": "x = '\0'",
    "surrogate": "x = '\ud800'",
    "line ends": "x = 1\r\ny = x\rz = y\n",
    "form feed": "x = 1\f\ny = x",
    "empty": "",
    "white space": " \n\t\n",
    "comment": "# only words",
    "byte order mark": "\ufeffx = 1",
    "backslash": "x = \\",
    "magics only": "%ls\n" * 100,
    "unterminated": "x = '''a",
    "escape": "x = '\\d'",
    "is literal": "x = 1\nx is 1",
}


@pytest.mark.parametrize("code", ODD.values(), ids=ODD.keys())
def test_odd_codes_are_read_or_left(code):
    begin = time.perf_counter()
    findings = check_code(code, {})
    assert time.perf_counter() - begin < 2
    for finding in findings:
        assert finding.kind == "syntax"
        assert 1 <= finding.line <= code.count("\n") + code.count("\r") + 1
        finding.message.encode()


@pytest.mark.parametrize(
    "call", ["pd.concat([{}])", "pd.merge({}, df)", "df.merge({})", "pd.merge({}[['a']], df)"]
)
def test_calls_within_calls_are_read_to_the_innermost(call):
    code = "df['nope']"
    for _ in range(20):
        code = call.format(code)

    found = check_code(code, {"pd": pd, "df": pd.DataFrame({"a": [1]})})

    assert [finding.kind for finding in found] == ["unknown_key"]


def test_names_cannot_end_a_code_span():
    frame = pd.DataFrame({"a`b": [1], "**bold**": [1], "<img>": [1], "two\nlines": [1]})
    (finding,) = check_code("frame['x``y']", {"frame": frame})
    assert "``` x``y ```" in finding.message
    assert "`` a`b ``" in finding.message
    assert "\n" not in finding.message


def test_other_threads_see_nothing(capsys):
    class Printing:
        def __repr__(self):
            print("seen")

    check_code("x.nope\nx = '\\d'", {"x": Printing()})
    assert capsys.readouterr() == ("", "")


DEEP = {
    "a sum": "x = " + " + ".join(["y"] * 900),
    "attributes": "x" + ".real" * 900,
    "calls": "x" + ".head()" * 400,
    "signs": "-" * 900 + "1",
    "just deep enough": "[" * 90 + "]" * 90,
    "a printed sum": "print(" + " + ".join(["y"] * 900) + ")",
    "indented": " x = " + " + ".join(["y"] * 900),
}


@pytest.mark.parametrize("code", DEEP.values(), ids=DEEP.keys())
def test_the_stack_lasts_for_what_the_interpreter_runs_meanwhile(code):
    short = []

    def collected(_phase, _info):
        try:
            go_down(500)
        except RecursionError as error:
            short.append(error)

    before = gc.get_threshold()
    gc.callbacks.append(collected)
    gc.set_threshold(20)
    try:
        attempt(lambda: findings_in(code, {"x": pd.DataFrame()}), timeout_s=20)
        attempt(lambda: shape([code], {"x": pd.DataFrame()}, []), timeout_s=20)
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(collected)
    assert short == []


def go_down(levels):
    return levels and go_down(levels - 1)
