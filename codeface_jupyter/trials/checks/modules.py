"""What can be imported, found out without importing anything.

The names are a model's, which makes some up, and somebody else's finder may do anything with them:
there are some that install what is imported. Only those that are known to look and do no more are
asked, and what they do not find may be there where there are others.
"""

from __future__ import annotations

import re
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

from codeface_jupyter.namespace.classes import module_of

__all__ = ["has_module", "has_submodule", "loaded_module", "may_have_module", "members"]

# The modules of finders that look and do no more: Python's own, and those of packages that are
# installed editable or bring modules of others.
LOOK = re.compile(
    r"_frozen_importlib(_external)?|__editable__\w*|_distutils_hack|([\w.]+\.)?six"
    r"|(setuptools|pkg_resources)\.extern|_pytest\.assertion\.rewrite"
)
# Those of finders that are there for certain modules only, which others find too or which are the
# package's own.
PASSED_OVER = re.compile(
    r"_virtualenv|importlib_metadata|(IPython|pydev_ipython|google\.colab|httpx2|mlflow|transformers"
    r"|wandb|wrapt)\.[\w.]+"
)


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
    return has_module(parent) and _finds_submodule(parent, last)


def may_have_module(name: str) -> bool:
    """Whether a module is there, or may be found by what is not asked."""
    return has_module(name) or _may_be_found_by_others()


def has_submodule(parent: str, name: str) -> bool:
    """Whether a module has a submodule, or may have one."""
    return _finds_submodule(parent, name) or _may_be_found_by_others()


def _finds_submodule(parent: str, name: str) -> bool:
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
    """Ask each finder that only looks, as an import would; none of them imports."""
    for finder in sys.meta_path:
        is_asked = LOOK.fullmatch(_module_of(finder)) is not None
        find_spec = getattr(finder, "find_spec", None) if is_asked else None
        spec: ModuleSpec | None = find_spec(name, places) if find_spec else None
        if spec is not None:
            return spec
    return None


def _may_be_found_by_others() -> bool:
    known = (LOOK, PASSED_OVER)
    modules = map(_module_of, sys.meta_path)
    return not all(any(one.fullmatch(module) for one in known) for module in modules)


def _module_of(finder: object) -> str:
    cls = finder if isinstance(finder, type) else type(finder)
    return module_of(cls)
