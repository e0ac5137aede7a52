"""What can be imported, found out without importing anything."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["has_module", "has_submodule", "loaded_module", "members"]


def loaded_module(name: str) -> ModuleType | None:
    """Return a plain module that is imported already."""
    module = sys.modules.get(name)
    return module if type(module) is ModuleType else None


def members(module: ModuleType) -> dict[str, object]:
    """Return what a plain module holds, without asking it."""
    held: dict[str, object] = object.__getattribute__(module, "__dict__")
    return held


def has_module(name: str) -> bool:
    """Whether a module is imported or can be, judged by what finds it."""
    if name in sys.modules:
        return True
    parent, _, last = name.rpartition(".")
    if not parent:
        return _find(name, None) is not None
    # Of what is not there, nobody can say what it may have.
    return has_module(parent) and has_submodule(parent, last)


def has_submodule(parent: str, name: str) -> bool:
    """Whether a module has a submodule, or may have one."""
    full_name = f"{parent}.{name}"
    if full_name in sys.modules:
        return True
    places = _places(parent)
    return places is None or _find(full_name, places) is not None


def _places(name: str) -> list[str] | None:
    """Return where a package's modules are; empty for a plain module, None if unknown."""
    module = loaded_module(name)
    if module is not None:
        path = members(module).get("__path__", [])
    elif name in sys.modules:
        return None
    else:
        outer, _, _ = name.rpartition(".")
        outer_places = _places(outer) if outer else None
        spec = None if outer and outer_places is None else _find(name, outer_places)
        if spec is None:
            return None
        path = spec.submodule_search_locations or []
    try:
        # A namespace package's path is an object of the import system's own.
        return [str(place) for place in path]  # type: ignore[attr-defined]
    except TypeError:
        return None


def _find(name: str, places: list[str] | None) -> ModuleSpec | None:
    """Ask each finder, as an import would; none of them imports."""
    for finder in sys.meta_path:
        find_spec = getattr(finder, "find_spec", None)
        spec: ModuleSpec | None = find_spec(name, places) if find_spec else None
        if spec is not None:
            return spec
    return None
