"""Run a notebook in a real kernel, show its answers as they stream, and keep the result.

The executed notebook and an HTML page are written to the output folder.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter
from traitlets.config import Config

MAX_SOURCE_LINES = 12
# The path of a socket has 104 bytes at most on macOS, with what Jupyter adds to it.
MAX_SOCKET_PATH = 80
# "Reading the tokenizer … 1 s", "Step 4 of 4: Reading the prompt: 60%, 2 s left".
PROGRESS = re.compile(r"[^\n]+(?: … |: \d)[^\n]*?\d s(?: left)?")
STEP = re.compile(r".+?(?= … |: \d)")
TO_LINE_END = "\x1b[K"


class StreamingClient(NotebookClient):
    """Executes a notebook and writes what its cells show, as they show it."""

    def __init__(self, notebook: nbformat.NotebookNode, **options: Any) -> None:
        super().__init__(notebook, **options)
        # What stands there of each display, and whose text is the last.
        self._shown: dict[str, str] = {}
        self._growing = ""
        self._progress = ""
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
        if not display_id:
            self._end_line()
            self._write(f"{text}\n")
            return
        if display_id != self._growing:
            self._end_line()
        self._growing = display_id
        # An answer on its way grows in one display, above a line that says what is waited for.
        answer, progress = _parted(text)
        before = self._shown.get(display_id, "")
        if answer and not answer.startswith(before):
            self._end_line()
            before = ""
        if answer:
            self._write(answer[len(before) :])
            self._shown[display_id] = answer
        if progress:
            self._tell(progress)

    def _tell(self, progress: str) -> None:
        """Rewrite the line of progress; where lines stay, write each step once."""
        step = STEP.match(progress)[0]
        if not self._progress:
            self._end_line()
        if sys.stdout.isatty():
            sys.stdout.write(f"\r{progress}{TO_LINE_END}")
        elif step != self._progress:
            sys.stdout.write(f"{step} …\n")
        self._progress = step
        sys.stdout.flush()

    def _end_line(self) -> None:
        if self._line_is_open:
            self._write("\n")

    def _write(self, text: str) -> None:
        if not text:
            return
        if self._progress and sys.stdout.isatty():
            sys.stdout.write(f"\r{TO_LINE_END}")
        self._progress = ""
        self._line_is_open = not text.endswith("\n")
        sys.stdout.write(text)
        sys.stdout.flush()


def _parted(text: str) -> tuple[str, str]:
    """Return what a display shows of an answer, and the line of progress below it."""
    above, _, last = text.rpartition("\n\n")
    return (above, last) if PROGRESS.fullmatch(last) else (text, "")


def show_source(cell: nbformat.NotebookNode, cell_index: int) -> None:
    """Write a cell's source before it runs."""
    lines = cell.source.splitlines()
    shown = lines[:MAX_SOURCE_LINES] + (["…"] if len(lines) > MAX_SOURCE_LINES else [])
    sys.stdout.write(f"\n\n[cell {cell_index + 1}] " + "\n  ".join(shown) + "\n\n")
    sys.stdout.flush()


def local_connection(folder: Path) -> Config:
    """Return how to reach the kernel: by sockets in ``folder``, where the system has such ones.

    In a folder whose path is too long for them there are none. Of a connection over TCP the
    kernel warns, in the middle of the demo.
    """
    kernel = str(folder / "kernel")
    if os.name == "nt" or len(kernel) > MAX_SOCKET_PATH:
        return Config()
    return Config({"KernelManager": {"transport": "ipc", "ip": kernel}})


def run(path: Path, output_dir: Path) -> tuple[Path, Path]:
    """Execute the notebook at ``path``; return the written notebook and HTML page."""
    notebook = nbformat.read(path, as_version=4)
    output_dir.mkdir(parents=True, exist_ok=True)
    executed, page = output_dir / path.name, output_dir / f"{path.stem}.html"
    with tempfile.TemporaryDirectory(prefix="codeface-") as sockets:
        options = {"metadata": {"path": path.parent}}
        config = local_connection(Path(sockets))
        client = StreamingClient(notebook, timeout=900, resources=options, config=config)
        client.on_cell_execute = show_source
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
