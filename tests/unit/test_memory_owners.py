"""Arrays whose memory is not their own are described without being read."""

from __future__ import annotations

import array
import ctypes
import mmap
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from codeface_jupyter.namespace import column_names, describe
from codeface_jupyter.namespace.writing import TIMES

torch = pytest.importorskip("torch")

COUNT = 1_000
MAPPED_BYTES = COUNT * 8

Maker = Callable[[Path], object]


def mapped(path: Path) -> np.ndarray:
    """Return an array over a file, as of a block of shared memory."""
    path.write_bytes(np.arange(COUNT, dtype=float).tobytes())
    with path.open("r+b") as file:
        return np.ndarray((COUNT,), buffer=mmap.mmap(file.fileno(), MAPPED_BYTES))


def buffer_of_mapped(path: Path) -> np.ndarray:
    return np.frombuffer(mapped(path).base, dtype=float)


def memory_map(path: Path) -> np.ndarray:
    mapped(path)
    return np.asarray(np.memmap(path, dtype=float))


def masked_series(path: Path) -> pd.Series:
    values = pd.arrays.FloatingArray(mapped(path), np.zeros(COUNT, dtype=bool))
    return pd.Series(values, copy=False)


def of_c(_: Path) -> np.ndarray:
    return np.ctypeslib.as_array((ctypes.c_double * COUNT)())


class Lender:
    """Says where an array's values are, and keeps nothing of it."""

    def __init__(self, array: np.ndarray) -> None:
        self.__array_interface__ = array.__array_interface__


def masked_by_mapped(path: Path) -> np.ndarray:
    mask = mapped(path).view(bool)[:COUNT]
    return np.ma.masked_array(np.arange(COUNT, dtype=float), mask=mask)


def intervals(path: Path) -> pd.Series:
    values = mapped(path)
    array = pd.arrays.IntervalArray.from_arrays(values[:-1], values[1:], copy=False)
    return pd.Series(array, copy=False)


def categories(path: Path) -> pd.Series:
    return pd.Series(pd.Categorical.from_codes([0, 1], pd.Index(mapped(path)[:5], copy=False)))


def levels(path: Path) -> pd.MultiIndex:
    index = pd.Index(mapped(path)[:5], copy=False)
    return pd.MultiIndex(levels=[index, ["u"]], codes=[np.arange(5), np.zeros(5, int)])


NOT_OWN: list[tuple[str, Maker]] = [
    ("an array", mapped),
    ("a part of it", lambda path: mapped(path)[::2][3:]),
    ("a buffer", buffer_of_mapped),
    ("a view of it", lambda path: np.asarray(memoryview(mapped(path)))),
    ("an array of what tells where it is", lambda path: np.asarray(Lender(mapped(path)))),
    ("an array by way of DLPack", lambda path: np.from_dlpack(mapped(path))),
    ("the array of a shared tensor", lambda _: torch.zeros(COUNT).double().share_memory_().numpy()),
    ("a mask", masked_by_mapped),
    ("a memory map as an array", memory_map),
    ("memory of C", of_c),
    ("a bytearray, which may move", lambda _: np.ndarray((COUNT,), buffer=bytearray(MAPPED_BYTES))),
    ("too long a look", lambda _: as_strided(np.zeros(10), shape=(11,))),
    ("a tensor of it", lambda path: torch.from_numpy(mapped(path))),
    ("a series", lambda path: pd.Series(mapped(path), copy=False)),
    ("a series of a masked array", masked_series),
    ("an index", lambda path: pd.Index(mapped(path), copy=False)),
    ("a frame", lambda path: pd.DataFrame(mapped(path).reshape(-1, 2), copy=False)),
    ("intervals", intervals),
]  # fmt: skip


OWN: list[tuple[str, object]] = [
    ("an array", np.arange(COUNT, dtype=float)),
    ("turned around", np.arange(COUNT, dtype=float)[::-1]),
    ("transposed", np.arange(COUNT, dtype=float).reshape(10, -1).T),
    ("windows", sliding_window_view(np.arange(COUNT, dtype=float), 3)),
    ("repeated", np.broadcast_to(np.arange(COUNT, dtype=float), (3, COUNT))),
    ("bytes", np.frombuffer(np.arange(COUNT, dtype=float).tobytes())),
    ("a bytearray that is held", np.frombuffer(bytearray(np.arange(COUNT, dtype=float).tobytes()))),
    ("an array.array", np.asarray(array.array("d", range(COUNT)))),
    ("a tensor's array", torch.arange(COUNT, dtype=torch.float64).numpy()),
    ("a tensor", torch.arange(COUNT, dtype=torch.float64)),
    ("a parameter", torch.nn.Parameter(torch.arange(COUNT, dtype=torch.float64))),
    ("a series", pd.Series(np.arange(COUNT, dtype=float))),
    ("a frame", pd.DataFrame({"x": np.arange(COUNT, dtype=float)})),
    ("a frame of nullable numbers", pd.DataFrame({"x": pd.array(range(COUNT), dtype="Int64")})),
]


def said(obj: object) -> str:
    return describe(obj, name="x", allow_values=True, detail="full").text


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in NOT_OWN])
def test_values_in_memory_that_may_be_gone_are_not_read(make: Maker, tmp_path: Path) -> None:
    text = said(make(tmp_path / "mapped.bin"))
    assert "range" not in text
    assert "e.g." not in text
    assert "float64" in text.lower()


def test_of_a_column_that_is_not_read_no_missing_values_are_counted(tmp_path: Path) -> None:
    column = pd.Series(mapped(tmp_path / "mapped.bin"), copy=False)
    assert "nulls" not in describe(column).facts
    assert describe(column.copy()).facts["nulls"] == 0


def test_neither_are_categories(tmp_path: Path) -> None:
    assert said(categories(tmp_path / "mapped.bin")) == "x: Series of 2: (category)"


@pytest.mark.parametrize("make", [levels, lambda path: pd.Index(mapped(path)[:5], copy=False)])
def test_neither_are_the_names_of_columns(make: Maker, tmp_path: Path) -> None:
    frame = pd.DataFrame(np.zeros((2, 5)), columns=make(tmp_path / "mapped.bin"))
    assert said(frame) == f"x: DataFrame 2{TIMES}5"
    assert column_names(frame) == []


@pytest.mark.parametrize("obj", [pytest.param(obj, id=name) for name, obj in OWN])
def test_values_in_memory_of_its_own_are_told(obj: object) -> None:
    assert "range 0 to 999" in said(obj)


GONE = """
import os
from multiprocessing.shared_memory import SharedMemory
import numpy as np, pandas as pd, torch
from codeface_jupyter.namespace import describe

def make():
    memory = SharedMemory(create=True, size=8 << 20)
    array = np.ndarray((1 << 20,), buffer=memory.buf)
    array[:] = range(1 << 20)
    few = pd.Index(array[:5], copy=False)
    objects = [
        array, array[::2], torch.from_numpy(array), pd.Series(array, copy=False),
        pd.DataFrame(array.reshape(-1, 2), copy=False),
        pd.Series(range(1 << 20), index=pd.Index(array, copy=False)),
        np.asarray(memoryview(array)), np.from_dlpack(array),
        pd.DataFrame([[0.0] * 5], columns=few),
        pd.Series(pd.Categorical.from_codes([0, 1], few)),
        pd.Series(range(5), index=pd.MultiIndex(levels=[few, ["u"]], codes=[range(5), [0] * 5])),
    ]
    memory.close()
    memory.unlink()
    return objects

for obj in make():
    for allow_values in (False, True):
        for detail in ("brief", "full"):
            describe(obj, name="x", detail=detail, allow_values=allow_values)
print("alive")
"""


@pytest.mark.skipif(
    sys.platform == "win32", reason="shared memory stays there as long as it is used"
)
def test_shared_memory_that_was_closed_does_not_end_the_kernel() -> None:
    run = subprocess.run(
        [sys.executable, "-c", GONE], check=False, capture_output=True, text=True, timeout=120
    )
    assert run.stdout == "alive\n", run.stderr
