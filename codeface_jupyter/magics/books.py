"""``%codeface_stats``, ``%codeface_cache``, ``%codeface_config``: what it cost, how it is set."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import display

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.choice import EngineChoice, engine_choice
from codeface_jupyter.magics.family import MagicFamily
from codeface_jupyter.magics.options import parse
from codeface_jupyter.urls import masked_url
from codeface_jupyter.view.tables import Table

if TYPE_CHECKING:
    import pandas as pd
    from IPython.core.interactiveshell import InteractiveShell

    from codeface_jupyter.config.response_cache_choice import ResponseCacheChoice
    from codeface_jupyter.magics.extension import Extension

__all__ = ["BookMagics"]


@magics_class
class BookMagics(MagicFamily):
    """Show the session's books."""

    def __init__(self, shell: InteractiveShell, extension: Extension) -> None:
        super().__init__(shell, extension)
        self._choice_before_off: ResponseCacheChoice | str = "memory"

    @no_var_expand
    @line_magic
    @magic_arguments()
    @argument("--json", action="store_true", help="Print the figures as JSON.")
    @argument("--frame", action="store_true", help="Return a data frame, a row per request.")
    @argument("--reset", action="store_true", help="Start counting anew.")
    @argument(
        "--serve",
        metavar="PORT",
        type=int,
        help="Serve the figures to Prometheus, on this machine only; 0 takes a free port.",
    )
    @argument("--push", metavar="URL", help="Send the figures to a Prometheus Pushgateway, once.")
    def codeface_stats(self, line: str) -> pd.DataFrame | None:
        """Show what this session's answers cost: requests, tokens, times, memory.

        ::

            In [1]: %codeface_stats

            In [2]: frame = %codeface_stats --frame

            In [3]: %codeface_stats --serve 9464
        """
        from codeface_jupyter.view.reports import SessionReport, memory_table, records_frame

        args, words = parse(self.codeface_stats, line)
        if words:
            raise UsageError(f"%codeface_stats takes options only, not {words!r}.")
        session = self.extension.session
        if args.serve is not None:
            url = session.prometheus.serve(args.serve)
            sys.stdout.write(f"The figures are served to this machine at {url}\n")
        if args.push is not None:
            session.prometheus.push(args.push)
            sys.stdout.write(f"The figures were pushed to {masked_url(args.push)}\n")
        if args.reset:
            session.metrics.reset()
        if args.json:
            figures = asdict(session.metrics.summary())
            sys.stdout.write(json.dumps(figures, indent=2) + "\n")
        elif args.frame:
            return records_frame(session.metrics.records)
        elif args.serve is None and args.push is None:
            tables = [memory_table(session.memory())]
            display(SessionReport(session.metrics.summary(), session.metrics.records, tables))
        return None

    @no_var_expand
    @line_magic
    def codeface_cache(self, line: str) -> None:
        """Show what the response cache holds and saved; clear it, or switch it off or on.

        An answer in it is replayed when the very same question is asked again;
        ``--no-cache`` at a question asks the model all the same. Clearing a cache in
        Redis clears it for everyone who shares it.

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
                sys.stdout.write(f"{cache.clear():,} answers were forgotten.\n")
            case ["off"]:
                if config.settings.response_cache:
                    self._choice_before_off = config.settings.response_cache
                config.set(response_cache="off")
            case ["on"]:
                if not config.settings.response_cache:
                    config.set(response_cache=self._choice_before_off)
            case _:
                raise UsageError("%codeface_cache takes nothing, or one of: clear | off | on")

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

    @no_var_expand
    @line_magic
    def codeface_config(self, line: str) -> None:
        """Show every setting, its value and where the value comes from; or set some.

        ::

            In [1]: %codeface_config

            In [2]: %codeface_config temperature=0.2 max_new_tokens=300
        """
        config = self.extension.config
        if line.strip():
            config.set(**_assignments(line))
        settings = config.settings
        rows = [
            (name, _shown(getattr(settings, name)), config.origin(name), field.description or "")
            for name, field in Settings.model_fields.items()
        ]
        title = f"CodeFace settings; {_engine_told(engine_choice(settings))}"
        display(Table(title, ("setting", "value", "from", "meaning"), rows))


def _engine_told(choice: EngineChoice) -> str:
    if not choice.is_certain:
        return "the engine is chosen once the model has been fetched"
    return f"the engine is {choice.name}: {choice.reason}"


def _assignments(line: str) -> dict[str, Any]:
    """Parse ``name=value`` words; values are JSON, or text as it stands."""
    values: dict[str, Any] = {}
    for word in line.split():
        name, equals, text = word.partition("=")
        if not equals:
            raise UsageError(f"%codeface_config: name=value was expected, not {word!r}.")
        try:
            values[name] = json.loads(text)
        except json.JSONDecodeError:
            values[name] = text
    return values


def _shown(value: object) -> str:
    return "" if value is None else str(value)
