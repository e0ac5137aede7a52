"""``%codeface_stats``: show, serve or push the session's metrics."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from IPython.core.error import UsageError
from IPython.core.magic import line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import display

from codeface_jupyter.magics.base import BaseMagics
from codeface_jupyter.magics.options import parse
from codeface_jupyter.privacy import masked_url

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["StatsMagics"]


@magics_class
class StatsMagics(BaseMagics):
    """Show the session's metrics."""

    @no_var_expand
    @line_magic
    @magic_arguments()
    @argument("--json", action="store_true", help="Print the metrics as JSON.")
    @argument(
        "--frame", action="store_true", help="Return a data frame with a row for each request."
    )
    @argument("--reset", action="store_true", help="Reset the metrics.")
    @argument(
        "--serve",
        metavar="PORT",
        type=int,
        help="Serve the metrics for Prometheus, on this machine only; 0 picks a free port.",
    )
    @argument("--push", metavar="URL", help="Push the metrics once to a Prometheus Pushgateway.")
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
            raise UsageError(f"%codeface_stats takes only options, not {words!r}.")
        session = self.extension.session
        if args.serve is not None:
            url = session.prometheus.serve(args.serve)
            sys.stdout.write(f"Metrics are served, on this machine only, at {url}\n")
        if args.push is not None:
            session.prometheus.push(args.push)
            sys.stdout.write(f"Metrics were pushed to {masked_url(args.push)}\n")
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
