"""``%codeface_models``: list, fetch, name, choose and remove models."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from IPython.core.error import StdinNotImplementedError, UsageError
from IPython.core.magic import line_magic, magics_class, no_var_expand
from IPython.display import display

from codeface_jupyter.config import AUTO_MODEL
from codeface_jupyter.config.permissions import Permissions
from codeface_jupyter.jobs import Job
from codeface_jupyter.magics.base import BaseMagics
from codeface_jupyter.magics.options import split_words
from codeface_jupyter.view.findings import Remark
from codeface_jupyter.view.tables import Table

if TYPE_CHECKING:
    from codeface_jupyter.config import Settings
    from codeface_jupyter.models.local_model import ModelRequest

__all__ = ["ModelMagics"]

USAGE = (
    "%codeface_models takes no argument, or: list | pull [MODEL] [--trust-remote-code] "
    "[--allow-pickle] | use MODEL | unload | info MODEL | alias NAME MODEL | dealias NAME | "
    "remove MODEL [--yes]"
)
# The options that each verb takes.
OPTIONS = {"pull": {"--trust-remote-code", "--allow-pickle"}, "remove": {"--yes"}}


@magics_class
class ModelMagics(BaseMagics):
    """List, fetch, name, choose, unload and remove models."""

    @no_var_expand
    @line_magic
    def codeface_models(self, line: str) -> None:
        """List models; fetch, choose, describe, name, unload or remove one.

        Without an argument it lists those that are here or recommended, with ``list`` all
        that are known.
        ``alias`` gives a model a name of your own, which works wherever a model is
        named, in every notebook. ``remove`` asks first, and removes only what lies in
        CodeFace's own cache folder. ``pull --allow-pickle`` also takes pickled weights,
        and ``pull --trust-remote-code`` the model's own Python files: both can carry
        malicious code, and every call that loads them needs the option again.

        ::

            In [1]: %codeface_models

            In [2]: %codeface_models pull qwen2.5-coder-1.5b

            In [3]: %codeface_models alias big qwen2.5-coder-1.5b

            In [4]: %codeface_models use big

            In [5]: %codeface_models info big

            In [6]: %codeface_models unload

            In [7]: %codeface_models remove big
        """
        words = split_words(line)
        options = {word for word in words if word.startswith("--")}
        words = [word for word in words if word not in options]
        if not options <= OPTIONS.get(words[0] if words else "list", set()):
            raise UsageError(USAGE)
        match words:
            case [] | ["list"]:
                self._list(is_short=not words)
            case ["pull", *model] if len(model) <= 1:
                self._pull(*model, options=options)
            case ["use", model]:
                self._use(model)
            case ["unload"]:
                self.extension.session.unload()
                sys.stdout.write("The model's memory is free; the next question loads it again.\n")
            case ["info", model]:
                self._info(model)
            case ["alias", name, model]:
                self._alias(name, model)
            case ["dealias", name]:
                model = self.extension.config.aliases.remove(name)
                sys.stdout.write(f"{name} no longer stands for {model}.\n")
            case ["remove", model]:
                self._remove(model, is_agreed="--yes" in options)
            case _:
                raise UsageError(USAGE)

    def _request(self, model: str) -> ModelRequest:
        from codeface_jupyter.models.local_model import ModelRequest

        config = self.extension.config
        if model == AUTO_MODEL:
            choice = self.extension.session.model_choice(config.settings)
            model = model if choice is None else choice.name
        return ModelRequest.named(model, config=config)

    def _list(self, *, is_short: bool) -> None:
        from codeface_jupyter.engines.auto_model import foreseen_rates
        from codeface_jupyter.models.listing import COLUMNS, explain_listing, list_models
        from codeface_jupyter.trials.copy_support import asks_second

        config = self.extension.config
        settings = config.settings
        models = list_models(settings, rates=lambda entry: foreseen_rates(entry, settings))
        choice = self.extension.session.model_choice(settings)
        if choice is not None:
            display(Remark(choice.describe(asks_second=asks_second(settings))))
        note = explain_listing(settings, aliases=config.aliases.read())
        shown = [m for m in models if m.is_here or m.is_recommended] if is_short else models
        if len(shown) < len(models):
            note = f"{len(models) - len(shown)} more: %codeface_models list. {note}"
        title = "Models here, and recommended ones" if is_short else "Known models"
        display(Table(title, COLUMNS, [model.cells() for model in shown], note=note))

    def _pull(self, model: str | None = None, *, options: set[str]) -> None:
        from codeface_jupyter.magics.show_progress import show_work

        permissions = Permissions(
            trust_remote_code="--trust-remote-code" in options,
            allow_pickle="--allow-pickle" in options,
        )
        sys.stderr.write("".join(f"Warning: {text}\n" for text in permissions.warnings()))
        session = self.extension.session
        show_work(self.extension, lambda: session.pull(model, permissions=permissions))

    def _use(self, model: str) -> None:
        from codeface_jupyter.engines.auto_model import runs_catalog

        config = self.extension.config
        settings = config.with_overrides({"model": model})
        is_run_here = settings.engine == "auto" or runs_catalog(settings)
        told = _told_of(settings) if is_run_here else _told_elsewhere(settings)
        config.set(model=model)
        sys.stdout.write(f"{told}\n")

    def _info(self, model: str) -> None:
        from codeface_jupyter.models.model_details import model_details

        display(Table(model, ("", ""), model_details(self._request(model))))

    def _alias(self, name: str, model: str) -> None:
        from codeface_jupyter.models.alias_check import give_alias

        told = give_alias(name, self._request(model), self.extension.config.aliases)
        sys.stdout.write(f"{told}\n")

    def _remove(self, model: str, *, is_agreed: bool) -> None:
        from codeface_jupyter.models.removal import own_files, remove_files, size_bytes
        from codeface_jupyter.models.storage import format_bytes

        request = self._request(model)
        files = own_files(request)
        lines = [f"{format_bytes(size_bytes(path)):>9}  {path}\n" for path in files]
        sys.stdout.write("".join(lines))
        if not is_agreed and not _agreed():
            sys.stdout.write("Nothing was removed.\n")
            return
        # Files that are mapped into memory keep their disk space, or cannot be removed at all.
        self.extension.session.unload()
        remove_files(request, files, job=Job())
        sys.stdout.write("Removed.\n")


def _told_of(settings: Settings) -> str:
    """Return what there is to say of a model that is set, for an engine that runs it here."""
    from codeface_jupyter.models.fetch import locate
    from codeface_jupyter.models.local_model import ModelRequest

    name = settings.model
    if name == AUTO_MODEL:
        return "The best model that runs well here answers from now on."
    # The revision that is set belongs to this model from now on.
    found = locate(ModelRequest.of(settings))
    return f"{name} answers from now on.{'' if found else _to_come(name)}"


def _told_elsewhere(settings: Settings) -> str:
    """Return what there is to say where the engine, a server's say, has models of its own."""
    if settings.model == AUTO_MODEL:
        return (
            f"The {settings.engine} engine chooses no model: it is asked for one that is called "
            f"{AUTO_MODEL!r} from now on. Name the one that is to answer."
        )
    return f"{settings.model} answers from now on."


def _to_come(name: str) -> str:
    """Return what there is to say of a model that is set and not here."""
    from codeface_jupyter.models.catalog import meant_instead

    fetched = "It is fetched at the next question, or now by %codeface_models pull."
    return f" {meant_instead(name) or fetched}"


def _agreed() -> bool:
    try:
        return input("Remove these files? [y/N] ").strip().lower() in {"y", "yes"}
    except (StdinNotImplementedError, EOFError):
        raise UsageError(
            "%codeface_models remove: nobody can confirm this; --yes removes without asking."
        ) from None
