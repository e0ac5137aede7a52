"""Objects that raise, hang, print, lie: each costs a moment, and none is changed."""

from __future__ import annotations

import contextlib
import gc
import io
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import ClassVar
from unittest.mock import MagicMock

import numpy as np
import pandas as pd
import pytest

from codeface_jupyter.namespace import describe
from codeface_jupyter.namespace.foreign_code import attempt, call_guarded

MAX_SECONDS = 0.2
TIMEOUT_S = 10


class Raising:
    def __repr__(self) -> str:
        raise SystemExit("no")


class Looping:
    def __repr__(self) -> str:
        while True:
            pass


class Waiting:
    def __repr__(self) -> str:
        threading.Event().wait(2)
        return "late"


class LoopingForModels:
    def _ai_repr_(self) -> str:
        while True:
            pass


class Printing:
    def __repr__(self) -> str:
        print("noise")
        print("noise", file=sys.stderr)
        warnings.warn("noise", stacklevel=1)
        return "quiet"


class Giant:
    def __repr__(self) -> str:
        return "x" * 10**7


class NotText:
    def __repr__(self) -> str:
        return 3  # type: ignore[return-value]


class SideEffects:
    def __init__(self) -> None:
        self.calls = 0

    @property
    def value(self) -> int:
        self.calls += 1
        return self.calls

    def __len__(self) -> int:
        self.calls += 1
        return 1

    def __iter__(self) -> Iterator[int]:
        self.calls += 1
        return iter([1])

    def __bool__(self) -> bool:
        self.calls += 1
        return True

    def __eq__(self, other: object) -> bool:
        self.calls += 1
        return False

    __hash__ = None  # type: ignore[assignment]


class Fabricating:
    def __getattr__(self, name: str) -> object:
        return lambda *_, **__: {"text/plain": f"made up {name}"}


class Refusing:
    def __getattribute__(self, name: str) -> object:
        raise RuntimeError(name)


class Posing:
    """Says it is a data frame, and computes one when it is looked at."""

    evaluated = False

    @property
    def __class__(self) -> type:  # type: ignore[override]
        type(self).evaluated = True
        return pd.DataFrame

    def __repr__(self) -> str:
        type(self).evaluated = True
        return "evaluated"

    def __getattr__(self, name: str) -> object:
        type(self).evaluated = True
        return None


class RefusingMeta(type):
    def __getattribute__(cls, name: str) -> object:
        raise RuntimeError(name)


def refusing_class() -> type:
    """Return a class that answers nothing; made here, as pytest looks at a module's classes."""
    return RefusingMeta("Refused", (), {})


class LyingList(list[int]):
    def __len__(self) -> int:
        return 10**9

    def __iter__(self) -> Iterator[int]:
        while True:
            yield 1


class BrokenFrame(pd.DataFrame):
    @property
    def shape(self) -> tuple[int, int]:  # type: ignore[override]
        raise RuntimeError


def recursive_list() -> list[object]:
    items: list[object] = [1]
    items.append(items)
    return items


def deep_list() -> list[object]:
    items: list[object] = []
    for _ in range(100_000):
        items = [items]
    return items


def large_frame() -> pd.DataFrame:
    return pd.DataFrame({"a": np.arange(10_000_000), "b": np.ones(10_000_000)})


def large_text_frame() -> pd.DataFrame:
    return pd.DataFrame({"a": pd.Series(["abc", None] * 2_500_000, dtype=object)})


def text_frame() -> pd.DataFrame:
    texts = [f"text {number}" for number in range(60_000)]
    return pd.DataFrame({f"column {number}": texts for number in range(8)})


def frame_of_many_categories() -> pd.DataFrame:
    return pd.DataFrame({"a": pd.Categorical([f"text {number}" for number in range(500_000)])})


HOSTILE: list[Callable[[], object]] = [
    Raising, Looping, Waiting, LoopingForModels, Printing, Giant, NotText, SideEffects, Fabricating,
    Refusing, Posing, lambda: type.__call__(refusing_class()), refusing_class,
    lambda: LyingList([1]),
    lambda: BrokenFrame({"a": [1]}), recursive_list, deep_list, large_frame, large_text_frame,
    text_frame, frame_of_many_categories,
    MagicMock, lambda: 10**200_000, lambda: "x" * 10**8, lambda: dict.fromkeys(range(10**6)),
    lambda: np.zeros((4_000, 4_000)), lambda: pd.DataFrame(np.zeros((2, 20_000))),
    lambda: {f"key{n}": n for n in range(100_000)}, type("T", (), {"__module__": 3}),
]  # fmt: skip


@pytest.mark.parametrize("make", HOSTILE)
@pytest.mark.parametrize("detail", ["brief", "full"])
def test_it_takes_a_fraction_of_a_second(make: Callable[[], object], detail: str) -> None:
    obj = make()
    # Libraries and detectors are loaded with the first description.
    describe(pd.DataFrame({"a": ["x"]}), allow_values=True)
    start = time.perf_counter()
    description = describe(obj, name="it", detail=detail, allow_values=True)  # type: ignore[arg-type]
    assert time.perf_counter() - start < MAX_SECONDS
    assert description.text.startswith("it: ")
    assert len(description.text) <= 8_000


def test_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert describe(Giant(), allow_values=True).kind == "object"
    describe(Printing(), allow_values=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == ""


def test_a_loop_is_ended_and_leaves_no_thread() -> None:
    describe(Looping(), allow_values=True)
    for thread in threading.enumerate():
        if thread.name == "codeface-describe":
            thread.join(5)
            assert not thread.is_alive()


def test_a_loop_that_swallows_its_end_is_ended_all_the_same() -> None:
    def loop() -> None:
        with contextlib.suppress(BaseException):
            while True:
                pass
        while True:
            pass

    assert "took longer" in call_guarded(loop, timeout_s=0.1).problem
    for thread in threading.enumerate():
        if thread.name == "codeface-describe":
            thread.join(5)
            assert not thread.is_alive()


def test_output_streams_are_put_back() -> None:
    streams = sys.stdout, sys.stderr
    describe(Looping(), allow_values=True)
    assert (sys.stdout, sys.stderr) == streams


def test_no_code_of_the_object_runs_without_need() -> None:
    obj = SideEffects()
    describe(obj, detail="full", allow_values=True)
    assert obj.calls == 0


def test_a_proxy_is_not_evaluated() -> None:
    describe(Posing(), detail="full", allow_values=True)
    assert Posing.evaluated is False


def test_made_up_attributes_fool_nobody() -> None:
    assert "made up" not in describe(Fabricating(), allow_values=True).text


def test_a_generator_is_not_consumed() -> None:
    numbers = (n for n in range(3))
    described = describe(numbers, allow_values=True)
    assert described.text == "generator <genexpr>, not consumed"
    assert list(numbers) == [0, 1, 2]
    iterator = iter([1, 2])
    describe(iterator, detail="full", allow_values=True)
    assert list(iterator) == [1, 2]


def test_a_list_that_lies_about_its_length_is_counted() -> None:
    assert describe(LyingList([1, 2])).text == "LyingList of 2 int"


def test_a_frame_is_not_changed() -> None:
    frame = pd.DataFrame({"a": [1.0, None], "b": ["x", "y"]}, index=["i", "j"])
    before = frame.copy(deep=True)
    describe(frame, detail="full", allow_values=True)
    pd.testing.assert_frame_equal(frame, before)


def test_a_broken_frame_still_has_a_name() -> None:
    assert describe(BrokenFrame({"a": [1]}), name="b").text.startswith("b: ")


class StartsThread:
    """Makes a thread while it is described: the thread remembers where output goes."""

    threads: ClassVar[list[threading.Thread]] = []

    def __repr__(self) -> str:
        self.threads.append(threading.Thread())
        return "a thread starter"


def test_threads_made_meanwhile_do_not_keep_the_object_alive() -> None:
    thing = StartsThread()
    alive = weakref.ref(thing)
    describe(thing, allow_values=True)
    assert thing.threads
    del thing
    gc.collect()
    assert alive() is None


def test_output_is_as_it_was_when_calls_in_two_threads_overlap():
    before = sys.stdout, sys.stderr
    first_began, second_ended = threading.Event(), threading.Event()

    def outer():
        attempt(lambda: (first_began.set(), second_ended.wait(TIMEOUT_S)), timeout_s=TIMEOUT_S)

    thread = threading.Thread(target=outer)
    thread.start()
    first_began.wait(TIMEOUT_S)

    def inner():
        second_ended.set()
        thread.join(TIMEOUT_S)

    attempt(inner, timeout_s=TIMEOUT_S)
    assert (sys.stdout, sys.stderr) == before


def test_output_that_a_cell_redirects_meanwhile_comes_back_as_it_was():
    before = sys.stdout
    redirected = contextlib.redirect_stdout(io.StringIO())
    attempt(redirected.__enter__, timeout_s=TIMEOUT_S)
    redirected.__exit__(None, None, None)
    assert attempt(lambda: "described", timeout_s=TIMEOUT_S) == "described"
    assert sys.stdout is before


class AskedMeta(type):
    """Notes what its classes are asked for."""

    asked: ClassVar[list[str]] = []

    @property
    def __name__(cls) -> str:
        cls.asked.append("__name__")
        return "Named"


class AskedClass(metaclass=AskedMeta):
    def __init__(self) -> None:
        self.size = 3


class AskedDict:
    @property
    def __dict__(self) -> dict[str, object]:  # type: ignore[override]
        AskedMeta.asked.append("__dict__")
        return {"size": 3}


@pytest.mark.parametrize("detail", ["brief", "full"])
@pytest.mark.parametrize("allow_values", [False, True])
def test_a_class_is_not_asked_for_its_name_nor_an_object_for_its_attributes(
    detail: str, allow_values: bool
) -> None:
    AskedMeta.asked.clear()
    obj = AskedClass()

    class Holder:
        def __init__(self) -> None:
            self.part = obj

    things = (obj, AskedClass, [obj], {"a": obj}, (obj, 1), AskedDict(), [AskedDict()], Holder())
    texts = [
        describe(thing, detail=detail, allow_values=allow_values).text  # type: ignore[arg-type]
        for thing in things
    ]
    assert AskedMeta.asked == []
    assert not any("Named" in text for text in texts)
    assert "list of 1 AskedClass" in texts[2]


@pytest.mark.parametrize("allow_values", [False, True])
def test_a_tensor_of_another_class_is_not_asked(allow_values: bool) -> None:
    torch = pytest.importorskip("torch")
    asked: list[object] = []

    class Asked(torch.Tensor):  # type: ignore[misc,name-defined]
        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            asked.append(function)
            return super().__torch_function__(function, types, args, kwargs or {})

    tensor = torch.zeros(4).as_subclass(Asked)
    asked.clear()
    assert describe(tensor, allow_values=allow_values).text == "Asked 4 float32 on cpu"
    assert asked == []
