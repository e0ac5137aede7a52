"""``%codeface_stats``: what this session's answers cost."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from IPython.core.error import UsageError
from IPython.core.magic import line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import display

from codeface_jupyter.magics.base import MagicFamily
from codeface_jupyter.magics.options import parse
from codeface_jupyter.privacy import masked_url

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["StatsMagics"]


@magics_class
class StatsMagics(MagicFamily):
    """Show the session's figures."""

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
