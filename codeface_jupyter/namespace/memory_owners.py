"""Whose memory the values of an array are in: reading what is gone ends the kernel.

An array made of a buffer does not always keep it: shared memory may be closed under it, a mapped
file cut short. What is mapped is on disk besides, and even a sample of it reads all of it.
"""

from __future__ import annotations

import array
from typing import Any

from codeface_jupyter.namespace.classes import (
    bases_of,
    class_name,
    is_instance,
    module_of,
    type_name,
)

__all__ = ["holds_its_values", "numpy_holds", "torch_holds"]

# By module and name: these never let go of their memory while an array looks into it. Those of
# pyarrow and polars are what the columns of a file that was read are made of.
KEEPING = frozenset({
    ("builtins", "NoneType"), ("builtins", "bytes"),
    ("builtins", "PySeries"), ("builtins", "PySliceContainer"),
    ("pyarrow.lib", "Buffer"), ("pyarrow.lib", "ChunkedArray"),
})  # fmt: skip
ARROW_ARRAY = ("pyarrow", "Array")
# pyarrow's own, as it writes it; of any other capsule nobody knows what is in it.
ARROW_CAPSULE = '<capsule object "arrow::Buffer" at '
# These may grow, and so move, unless a memoryview keeps them from it.
MOVING = (bytearray, array.array)
# In which the arrays of pandas keep their values, and where they are missing.
PANDAS_PARTS = (
    "_ndarray", "_data", "_mask", "categories", "_left", "_right", "_sparse_values",
)  # fmt: skip


def numpy_holds(values: Any) -> bool:
    """Whether the memory of a NumPy array is there as long as the array, as far as can be told."""
    import numpy as np

    last, owner, is_viewed = values, values, False
    while True:
        if np.ndarray in bases_of(owner):
            last, owner = owner, np.ndarray.base.__get__(owner)
        elif type_name(type(owner)) == "numpy.DummyArray":
            # What `as_strided` puts between an array and the one that it looks into.
            owner = owner.base
        elif type(owner) is memoryview:
            owner, is_viewed = owner.obj, True
        else:
            break
    return _keeps_memory(owner, is_viewed=is_viewed) and _is_within(_reach(values), _reach(last))


def torch_holds(tensor: Any) -> bool:
    """Whether the memory of a tensor in main memory was allocated by torch, for this process."""
    storage = tensor.untyped_storage()
    # Of a fixed size is what was made of a NumPy array, or what one looks into.
    return bool(storage.resizable() and not storage.is_shared())


def holds_its_values(values: Any) -> bool:
    """Whether what a pandas Series or Index keeps its values in is there as long as it is."""
    match class_name(type(values)):
        case "RangeIndex":
            return True
        case "MultiIndex":
            return all(map(_part_holds, (*values.levels, *values.codes)))
    return _part_holds(values.array)


def _part_holds(part: Any) -> bool:
    """Whether a part of what pandas keeps values in holds them; what is not NumPy's keeps its own.

    It may be made of other parts: the categories of a column are an Index.
    """
    if is_instance(part, "numpy", "ndarray"):
        return numpy_holds(part)
    if is_instance(part, "pandas", "Index"):
        return holds_its_values(part)
    if is_instance(part, "pandas.api.extensions", "ExtensionArray"):
        return all(_part_holds(getattr(part, name, None)) for name in PANDAS_PARTS)
    return True


def _keeps_memory(owner: Any, *, is_viewed: bool) -> bool:
    """Whether an owner is known to keep what it lends: of others nobody knows what they do."""
    cls = type(owner)
    if cls in MOVING:
        return is_viewed
    if is_instance(owner, "torch", "Tensor"):
        # As soon as an array looks into it, torch no longer tells whether it allocated it itself.
        return not owner.untyped_storage().is_shared()
    if (module_of(cls), class_name(cls)) == ("builtins", "PyCapsule"):
        return repr(owner).startswith(ARROW_CAPSULE)
    return (module_of(cls), class_name(cls)) in KEEPING or is_instance(owner, *ARROW_ARRAY)


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
