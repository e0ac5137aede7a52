"""An object's real class, found without running the object's own code."""

from __future__ import annotations

import sys
from collections.abc import Mapping

__all__ = ["bases_of", "is_instance", "members_of", "type_name"]


def bases_of(obj: object) -> tuple[type, ...]:
    """Return the real classes of an object, whatever its ``__class__`` claims."""
    # Through type itself: a metaclass may answer anything.
    mro: tuple[type, ...] = type.__dict__["__mro__"].__get__(type(obj))
    return mro


def members_of(cls: type) -> Mapping[str, object]:
    """Return what a class itself defines, by name."""
    members: Mapping[str, object] = type.__dict__["__dict__"].__get__(cls)
    return members


def is_instance(obj: object, module: str, name: str) -> bool:
    """Whether an object is of a library's class; a library not imported is left so."""
    found = sys.modules.get(module)
    return found is not None and any(vars(found).get(name) is cls for cls in bases_of(obj))


def type_name(cls: type) -> str:
    """Return a class's name, with its module unless that goes without saying."""
    module = type.__getattribute__(cls, "__module__")
    name = type.__getattribute__(cls, "__qualname__")
    # Heap types may put anything there.
    module = module if isinstance(module, str) else ""
    if module in ("builtins", "__main__", ""):
        return str(name)
    return f"{module.partition('.')[0]}.{name}"
