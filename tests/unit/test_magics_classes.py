"""A file of magics does nothing until `magics/__init__.py` lists its class."""

from importlib import import_module
from pkgutil import iter_modules

from codeface_jupyter import magics
from codeface_jupyter.magics.base import BaseMagics


def classes_of_magics():
    """Yield each class of magics with the module that has it."""
    for module in iter_modules(magics.__path__, prefix=f"{magics.__name__}."):
        for value in vars(import_module(module.name)).values():
            is_class = isinstance(value, type) and value.__module__ == module.name
            if is_class and issubclass(value, BaseMagics) and value is not BaseMagics:
                yield value


def test_every_class_of_magics_is_registered():
    listed, there = magics.magics_classes(), list(classes_of_magics())
    assert there
    missing = [f"{c.__module__}.{c.__name__}" for c in there if c not in listed]
    assert not missing, f"magics_classes() in magics/__init__.py lacks {', '.join(missing)}"


def test_every_class_that_is_registered_has_magics():
    classes = magics.magics_classes()
    assert classes
    for cls in classes:
        assert cls.registered, f"{cls.__name__} is not decorated with @magics_class"
        assert any(cls.magics.values()), f"{cls.__name__} has no magic"
