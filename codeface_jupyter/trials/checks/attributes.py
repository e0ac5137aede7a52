"""What attributes an object or a class has, found out without asking either."""

from __future__ import annotations

import abc
import types
from collections.abc import Mapping
from typing import TypeGuard

from codeface_jupyter.namespace.classes import members_of, own_attributes
from codeface_jupyter.namespace.writing import PLAIN_TYPES
from codeface_jupyter.trials.checks.modules import has_submodule, members

__all__ = [
    "class_attributes",
    "class_member",
    "gains_attributes",
    "has_attribute",
    "has_member",
    "is_transparent",
    "is_usual_class",
    "member_names",
]

# Their ``__getattr__`` gives submodules and what ``__all__`` names, and nothing else.
COMPLETE_MODULES = frozenset({"numpy", "scipy", "sklearn"})
# Their own ``__getattribute__`` does what that of any object does.
PLAINLY_LOOKED_INTO = PLAIN_TYPES | {list, tuple, dict, set, frozenset, bytearray, object}


def has_attribute(obj: object, name: str) -> bool | None:
    """Whether an object has an attribute; None where only the object itself can say."""
    if type(obj) is types.ModuleType:
        return has_member(obj, name)
    if is_usual_class(obj):
        return class_member(obj, name) is not None or class_member(type(obj), name) is not None
    if not is_transparent(type(obj)):
        return None
    return class_member(type(obj), name) is not None or name in own_attributes(obj)


def has_member(module: types.ModuleType, name: str) -> bool | None:
    """Whether a plain module has an attribute; None where only the module itself can say."""
    held = members(module)
    if name in held or class_member(types.ModuleType, name) is not None:
        return True
    own_name = held.get("__name__")
    if type(own_name) is not str or has_submodule(own_name, name):
        return None
    if "__getattr__" not in held:
        return False
    return None if own_name not in COMPLETE_MODULES or name in _listed(held) else False


def member_names(module: types.ModuleType) -> list[str]:
    """Return a module's public names, and those that it says it gives."""
    held = members(module)
    names = {name for name in (*list(held), *_listed(held)) if type(name) is str}
    return sorted(name for name in names if not name.startswith("_"))


def is_usual_class(obj: object) -> TypeGuard[type]:
    """Whether an object is a class that is made and looked into as most are."""
    return type(obj) is type or type(obj) is abc.ABCMeta


def is_transparent(cls: type) -> bool:
    """Whether a class's instances have the attributes that can be seen, and no others."""
    return is_usual_class(cls) and not any(map(_answers_itself, _bases(cls)))


def gains_attributes(cls: type) -> bool:
    """Whether instances of a class have a dict, so that they may be given further attributes."""
    return class_member(cls, "__dict__") is not None


def class_attributes(cls: type) -> frozenset[str]:
    """Return the names that a class and its bases define."""
    return frozenset(name for base in _bases(cls) for name in members_of(base))


def class_member(cls: type, name: str) -> object:
    """Return what a class or a base of it defines under a name; None if neither does."""
    for base in _bases(cls):
        if name in members_of(base):
            found = members_of(base)[name]
            # What is defined as None is there all the same.
            return types.NoneType if found is None else found
    return None


def _bases(cls: type) -> tuple[type, ...]:
    """Return a class and its bases, whatever its metaclass says."""
    found: tuple[type, ...] = type.__dict__["__mro__"].__get__(cls)
    return found


def _answers_itself(base: type) -> bool:
    """Whether a class has its own way to find attributes."""
    own = members_of(base)
    if base is object:
        return False
    if "__getattr__" in own or "__class__" in own:
        return True
    return "__getattribute__" in own and base not in PLAINLY_LOOKED_INTO


def _listed(held: Mapping[str, object]) -> frozenset[str]:
    names = held.get("__all__")
    return frozenset(names) if type(names) is list or type(names) is tuple else frozenset()
