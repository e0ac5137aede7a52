"""An object's real class, found without running the object's own code."""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping

__all__ = [
    "bases_of",
    "class_name",
    "is_instance",
    "members_of",
    "module_of",
    "own_attributes",
    "type_name",
]


def bases_of(obj: object) -> tuple[type, ...]:
    """Return the real classes of an object, whatever its ``__class__`` claims."""
    # Through type itself: a metaclass may answer anything.
    mro: tuple[type, ...] = type.__dict__["__mro__"].__get__(type(obj))
    return mro


def members_of(cls: type) -> Mapping[str, object]:
    """Return what a class itself defines, by name."""
    members: Mapping[str, object] = type.__dict__["__dict__"].__get__(cls)
    return members


def own_attributes(obj: object) -> dict[str, object]:
    """Return an instance's own attributes, unless its class makes something else of them."""
    places = (members_of(base) for base in bases_of(obj))
    descriptor = next((place["__dict__"] for place in places if "__dict__" in place), None)
    # Any other is code of the class.
    if not isinstance(descriptor, types.GetSetDescriptorType | types.MemberDescriptorType):
        return {}
    state = descriptor.__get__(obj)
    return state if type(state) is dict else {}


def is_instance(obj: object, module: str, name: str) -> bool:
    """Whether an object is of a library's class; a library not imported is left so."""
    found = sys.modules.get(module)
    return found is not None and any(vars(found).get(name) is cls for cls in bases_of(obj))


def class_name(cls: type) -> str:
    """Return a class's name alone."""
    # Through type itself, here and below: a metaclass may have a property of that name.
    name: str = type.__dict__["__name__"].__get__(cls)
    return name


def module_of(cls: type) -> str:
    """Return the name of the module that a class says to be from; empty if it says none."""
    module = type.__dict__["__module__"].__get__(cls)
    # Heap types may put anything there.
    return module if isinstance(module, str) else ""


def type_name(cls: type) -> str:
    """Return a class's name, with its module unless that goes without saying."""
    module = module_of(cls)
    name = type.__dict__["__qualname__"].__get__(cls)
    if module in ("builtins", "__main__", ""):
        return str(name)
    return f"{module.partition('.')[0]}.{name}"
