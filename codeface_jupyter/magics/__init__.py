"""The magics: they parse, call the session, and show."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.core.magic import Magics

__all__ = ["magics_classes", "register", "unregister"]


def magics_classes() -> tuple[type[Magics], ...]:
    """Return the classes of the magics, one per concern."""
    from codeface_jupyter.magics.again import AgainMagics
    from codeface_jupyter.magics.batch import BatchMagics
    from codeface_jupyter.magics.cache import CacheMagics
    from codeface_jupyter.magics.codeface import CodeFace
    from codeface_jupyter.magics.config import ConfigMagics
    from codeface_jupyter.magics.context import ContextMagics
    from codeface_jupyter.magics.explain import ExplainMagics
    from codeface_jupyter.magics.fix_edit import FixEditMagics
    from codeface_jupyter.magics.history import HistoryMagics
    from codeface_jupyter.magics.models import ModelMagics
    from codeface_jupyter.magics.stats import StatsMagics
    from codeface_jupyter.magics.test import TestMagics

    return (
        CodeFace,
        ExplainMagics,
        FixEditMagics,
        TestMagics,
        AgainMagics,
        BatchMagics,
        ContextMagics,
        HistoryMagics,
        StatsMagics,
        CacheMagics,
        ConfigMagics,
        ModelMagics,
    )


def register(shell: InteractiveShell) -> None:
    """Make the magics and register them with ``shell``."""
    from codeface_jupyter.magics import question_mark
    from codeface_jupyter.magics.extension import Extension
    from codeface_jupyter.magics.further_answers import FurtherAnswers
    from codeface_jupyter.magics.ghost_text import GhostText
    from codeface_jupyter.magics.model_picker import ModelPicker
    from codeface_jupyter.magics.read_ahead import ReadAhead

    extension = Extension(shell)
    try:
        FurtherAnswers(extension).offer()
        GhostText(extension).offer()
        ModelPicker(extension).offer()
        ReadAhead(extension).offer()
        for magics_class in magics_classes():
            _add_magics(shell, magics_class(shell, extension))
        question_mark.add_to(shell)
    except BaseException:
        _remove_magics(shell)
        extension.close()
        raise


def unregister(shell: InteractiveShell) -> None:
    """Remove the magics from ``shell`` and close what they hold."""
    from codeface_jupyter.magics import question_mark

    question_mark.remove_from(shell)
    for extension in {magics.extension for magics in _remove_magics(shell)}:
        extension.close()


def _add_magics(shell: InteractiveShell, magics: Magics) -> None:
    registry, name = shell.magics_manager.registry, type(magics).__name__
    of_the_same_name = registry.get(name)
    shell.register_magics(magics)
    if of_the_same_name is not None:
        # IPython finds its own classes there, a HistoryMagics and a ConfigMagics among them.
        registry[name] = of_the_same_name


def _remove_magics(shell: InteractiveShell) -> list[Magics]:
    registry = shell.magics_manager.registry
    mine = [c for c in shell.configurables if type(c).__module__.startswith(f"{__name__}.")]
    for magics in mine:
        shell.configurables.remove(magics)
        if registry.get(type(magics).__name__) is magics:
            del registry[type(magics).__name__]
        for kind, names in magics.magics.items():
            for name in names:
                shell.magics_manager.magics[kind].pop(name, None)
    return mine
