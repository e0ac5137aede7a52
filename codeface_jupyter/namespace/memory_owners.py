"""Whose memory the values of an array are in: reading what is gone ends the kernel.

An array made of a buffer does not always keep it: shared memory may be closed under it, a mapped
file cut short. What is mapped is on disk besides, and even a sample of it reads all of it.
"""

from __future__ import annotations

import array
import ctypes
import mmap
from typing import Any

from codeface_jupyter.namespace.classes import bases_of, class_name, is_instance, type_name

__all__ = ["holds_its_values", "numpy_holds", "torch_holds"]

# Their memory may be unmapped, cut short or freed by whoever else knows of it.
MAPPED = (mmap.mmap, ctypes.Array)
# These may grow, and so move, unless a memoryview keeps them from it.
MOVING = (bytearray, array.array)
# In which the arrays of pandas keep their values, and where they are missing.
PANDAS_PARTS = ("_ndarray", "_data", "_mask")


def numpy_holds(values: Any) -> bool:
    """Whether the memory of a NumPy array is there as long as the array, as far as can be told."""
    import numpy as np

    last, owner = values, values
    while owner is not None:
        if np.ndarray in bases_of(owner):
            last, owner = owner, np.ndarray.base.__get__(owner)
        elif type_name(type(owner)) == "numpy.DummyArray":
            # What `as_strided` puts between an array and the one that it looks into.
            owner = owner.base
        else:
            break
    return _keeps_memory(owner) and _is_within(_reach(values), _reach(last))


def torch_holds(tensor: Any) -> bool:
    """Whether the memory of a tensor in main memory was allocated by torch, for this process."""
    storage = tensor.untyped_storage()
    # Of a fixed size is what was made of a NumPy array, or what one looks into.
    return bool(storage.resizable() and not storage.is_shared())


def holds_its_values(values: Any) -> bool:
    """Whether what a pandas Series or Index keeps its values in is there as long as it is."""
    if class_name(type(values)) in ("RangeIndex", "MultiIndex"):
        # Neither is made of an array that was given to it.
        return True
    parts = (getattr(values.array, name, None) for name in PANDAS_PARTS)
    return all(numpy_holds(part) for part in parts if is_instance(part, "numpy", "ndarray"))


def _keeps_memory(owner: Any) -> bool:
    if isinstance(owner, MOVING):
        return False
    if isinstance(owner, memoryview):
        owner = owner.obj
    return not isinstance(owner, MAPPED)


def _reach(values: Any) -> tuple[int, int]:
    """Return from where to where in memory an array looks."""
    import numpy as np

    plain = np.ndarray.view(values, np.ndarray)
    begin, _ = plain.__array_interface__["data"]
    steps = [
        (length - 1) * stride for length, stride in zip(plain.shape, plain.strides, strict=True)
    ]
    low = sum(step for step in steps if step < 0)
    high = sum(step for step in steps if step > 0)
    return begin + low, begin + high + plain.itemsize


def _is_within(inner: tuple[int, int], outer: tuple[int, int]) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]
