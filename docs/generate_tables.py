"""Write the README's tables from the code they describe; ``--check`` only compares."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from codeface_jupyter.config import Settings
from codeface_jupyter.magics import magics_classes
from codeface_jupyter.magics.codeface import CodeFace
from codeface_jupyter.models.catalog import CATALOG
from codeface_jupyter.models.storage import format_bytes

README = Path(__file__).parent.parent / "README.md"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    lines = [f"| {' | '.join(row)} |" for row in (head, *rows)]
    return "\n".join([lines[0], "|" + " --- |" * lines[0].count(" | ") + " --- |", *lines[1:]])


def magics_table() -> str:
    """Return the magics and the first sentence of each one's help."""
    rows = []
    for cls in magics_classes():
        names = {**cls.magics["line"], **cls.magics["cell"]}
        for name in names:
            prefix = "%%" if name in cls.magics["cell"] else "%"
            rows.append((f"`{prefix}{name}`", summary(getattr(cls, name))))
    return table(("magic", "what it does"), sorted(rows))


def summary(magic: object) -> str:
    """Return the first sentence of a magic's own help, which follows its usage."""
    text = re.sub(r"\A::\s+%\S.*?\n\s*\n", "", (magic.__doc__ or "").strip(), flags=re.DOTALL)
    return " ".join(re.split(r"\.\s|\n\s*\n", text.strip())[0].split()).rstrip(".")


def options_table() -> str:
    """Return the options of ``%%codeface``."""
    rows = []
    for action in CodeFace.codeface.parser._actions:  # noqa: SLF001 - argparse has no listing
        if action.option_strings:
            value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
            names = ", ".join(f"`{option}`" for option in action.option_strings)
            rows.append((names + value, action.help or ""))
    return table(("option", "what it does"), rows)


def models_table() -> str:
    """Return the catalog."""
    rows = (
        (
            f"`{entry.name}`",
            f"{entry.parameters / 1e9:.1f} B",
            format_bytes(entry.memory_bytes("bfloat16")),
            "chat" if entry.is_chat else "base",
            entry.licence,
        )
        for entry in CATALOG.values()
    )
    return table(("name", "parameters", "memory (bf16)", "kind", "licence"), rows)


def settings_table() -> str:
    """Return the settings."""
    rows = (
        (f"`{name}`", default(name), field.description or "")
        for name, field in Settings.model_fields.items()
    )
    return table(("setting", "default", "meaning"), rows)


def default(name: str) -> str:
    """Return a setting's default; folders differ from machine to machine."""
    field = Settings.model_fields[name]
    if field.default_factory is not None:
        return "the user's cache folder"
    return "" if field.default in (None, ()) else f"`{field.default}`"


TABLES = {
    "magics": magics_table,
    "options": options_table,
    "models": models_table,
    "settings": settings_table,
}


def with_tables(text: str) -> str:
    """Return ``text`` with every marked table made anew."""
    for name, make in TABLES.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        pattern = re.compile(f"{begin}.*?{end}", re.DOTALL)
        text = pattern.sub(f"{begin}\n{make()}\n{end}".replace("\\", r"\\"), text)
    return text


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    before = README.read_text(encoding="utf-8")
    after = with_tables(before)
    if args.check and after != before:
        sys.stderr.write("README.md is behind the code: run `python docs/generate_tables.py`.\n")
        return 1
    README.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
