"""Run a notebook in a real kernel, show its answers as they stream, and keep the result.

The executed notebook and an HTML page are written to the output folder.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter

MAX_SOURCE_LINES = 12


class StreamingClient(NotebookClient):
    """Executes a notebook and writes what its cells show, as they show it."""

    def __init__(self, notebook: nbformat.NotebookNode, **options: Any) -> None:
        super().__init__(notebook, **options)
        self._shown: dict[str, str] = {}
        self._growing = ""
        self._line_is_open = False

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Write new text before nbclient records the message."""
        content = msg["content"]
        match msg["msg_type"]:
            case "stream":
                self._write(content["text"])
            case "display_data" | "update_display_data" | "execute_result":
                display_id = content.get("transient", {}).get("display_id", "")
                self._show(display_id, content["data"].get("text/plain", ""))
        return super().process_message(msg, cell, cell_index)

    def _show(self, display_id: str, text: str) -> None:
        if self._line_is_open and display_id != self._growing:
            self._write("\n")
        self._growing = display_id
        before = self._shown.get(display_id, "") if display_id else ""
        # An answer on its way grows in one display: only what is new is written.
        if text.startswith(before):
            self._write(text[len(before) :] + ("" if display_id else "\n"))
        else:
            self._write(f"\r{text}")
        if display_id:
            self._shown[display_id] = text

    def _write(self, text: str) -> None:
        self._line_is_open = not text.endswith("\n") if text else self._line_is_open
        sys.stdout.write(text)
        sys.stdout.flush()


def show_source(cell: nbformat.NotebookNode, cell_index: int) -> None:
    """Write a cell's source before it runs."""
    lines = cell.source.splitlines()
    shown = lines[:MAX_SOURCE_LINES] + (["…"] if len(lines) > MAX_SOURCE_LINES else [])
    sys.stdout.write(f"\n\n[cell {cell_index + 1}] " + "\n  ".join(shown) + "\n\n")
    sys.stdout.flush()


def run(path: Path, output_dir: Path) -> tuple[Path, Path]:
    """Execute the notebook at ``path``; return the written notebook and HTML page."""
    notebook = nbformat.read(path, as_version=4)
    client = StreamingClient(notebook, timeout=900, resources={"metadata": {"path": path.parent}})
    client.on_cell_execute = show_source
    output_dir.mkdir(parents=True, exist_ok=True)
    executed, page = output_dir / path.name, output_dir / f"{path.stem}.html"
    try:
        client.execute()
    finally:
        # Also when a cell failed: its output says why.
        nbformat.write(notebook, executed)
    body, _ = HTMLExporter().from_notebook_node(notebook)
    page.write_text(body, encoding="utf-8")
    return executed, page


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--output-dir", type=Path, default=Path("build"))
    args = parser.parse_args()
    try:
        executed, page = run(args.notebook, args.output_dir)
    except CellExecutionError as error:
        sys.stderr.write(f"\n{error}\nThe notebook stopped here.\n")
        return 1
    sys.stdout.write(
        f"\n\nWritten: {executed} and {page}.\n"
        "See it live: `make lab` opens the quick start in JupyterLab.\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
