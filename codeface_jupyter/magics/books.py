"""``%codeface_stats`` and ``%codeface_config``: what it cost, and how it is set."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import display

from codeface_jupyter.config import Settings
from codeface_jupyter.magics.options import parse
from codeface_jupyter.tables import Table

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from codeface_jupyter.magics.extension import Extension
    from codeface_jupyter.metrics import SessionSummary

__all__ = ["BookMagics"]


@magics_class
class BookMagics(Magics):
    """Show the session's books."""

    def __init__(self, shell: InteractiveShell, extension: Extension) -> None:
        super().__init__(shell)
        self.extension = extension

    @no_var_expand
    @line_magic
    @magic_arguments()
    @argument("--json", action="store_true", help="Print the figures as JSON.")
    @argument("--reset", action="store_true", help="Start counting anew.")
    def codeface_stats(self, line: str) -> None:
        """Show what this session's answers cost: requests, tokens, times, memory.

        ::

            In [1]: %codeface_stats

            In [2]: %codeface_stats --json
        """
        args, words = parse(self.codeface_stats, line)
        if words:
            raise UsageError(f"%codeface_stats takes options only, not {words!r}.")
        metrics = self.extension.session.metrics
        if args.reset:
            metrics.reset()
        summary = metrics.summary()
        if args.json:
            sys.stdout.write(json.dumps(asdict(summary), indent=2) + "\n")
            return
        display(stats_table(summary))

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
        display(Table("CodeFace settings", ("setting", "value", "from", "meaning"), rows))


def stats_table(summary: SessionSummary) -> Table:
    """Lay a session's figures out for people."""
    rows = [
        ("requests", f"{summary.requests:,}"),
        ("errors", f"{summary.errors:,}"),
        (
            "response cache",
            f"{summary.response_cache_hits:,} hits, {summary.response_cache_saved_s:.1f} s saved",
        ),
        ("prompt tokens", f"{summary.prompt_tokens:,}"),
        ("generated tokens", f"{summary.generated_tokens:,}"),
        ("time to first token", f"{summary.median_time_to_first_token_s:.2f} s (median)"),
        ("decode rate", f"{summary.median_decode_tokens_per_s:.1f} tokens/s (median)"),
        ("time spent answering", f"{summary.generation_s:.1f} s"),
        ("time spent loading", f"{summary.load_s:.1f} s"),
        ("peak memory", f"{summary.peak_memory_bytes / 1e9:.2f} GB"),
    ]
    return Table("CodeFace in this session", ("", ""), rows)


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
