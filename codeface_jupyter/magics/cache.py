"""``%codeface_cache``: show, clear and switch the response cache."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from IPython.core.error import UsageError
from IPython.core.magic import line_magic, magics_class, no_var_expand
from IPython.display import display

from codeface_jupyter.magics.base import BaseMagics

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from codeface_jupyter.config.response_cache_setting import ResponseCacheSetting
    from codeface_jupyter.magics.extension import Extension

__all__ = ["CacheMagics"]


@magics_class
class CacheMagics(BaseMagics):
    """Manage the response cache."""

    def __init__(self, shell: InteractiveShell, extension: Extension) -> None:
        super().__init__(shell, extension)
        self._choice_before_off: ResponseCacheSetting | str = "memory"

    @no_var_expand
    @line_magic
    def codeface_cache(self, line: str) -> None:
        """Show what the response cache holds and has saved; clear it or switch it off or on.

        A cached answer is replayed when exactly the same question is asked again; with
        ``--no-cache``, a question always asks the model. Clearing a cache in Redis
        clears it for everyone who shares it.

        ::

            In [1]: %codeface_cache

            In [2]: %codeface_cache clear

            In [3]: %codeface_cache off
        """
        config = self.extension.config
        match line.split():
            case []:
                self._show_cache()
            case ["clear"]:
                cache = self.extension.session.use_response_cache(config.settings)
                sys.stdout.write(f"Answers removed: {cache.clear():,}\n")
            case ["off"]:
                if config.settings.response_cache:
                    self._choice_before_off = config.settings.response_cache
                config.set(response_cache="off")
                sys.stdout.write("The response cache is off: every question asks the model.\n")
            case ["on"]:
                if not config.settings.response_cache:
                    config.set(response_cache=self._choice_before_off)
                sys.stdout.write("The response cache is on.\n")
            case _:
                raise UsageError("%codeface_cache takes no argument, or one of: clear | off | on")

    def _show_cache(self) -> None:
        from codeface_jupyter.view.reports import cache_table

        session, settings = self.extension.session, self.extension.config.settings
        cache = session.use_response_cache(settings)
        summary, status = session.metrics.summary(), cache.status()
        display(
            cache_table(
                summary, status, failures=cache.failures, is_on=bool(settings.response_cache)
            )
        )
