"""Write the tables of the reference and what the settings page offers, as the code has them.

``--check`` only compares.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from pydantic.fields import FieldInfo

from codeface_jupyter.config import AUTO_MODEL, Settings
from codeface_jupyter.config.engine_options import InstalledEngine, installed_engines
from codeface_jupyter.generation import GenerationMetrics
from codeface_jupyter.magics import magics_classes
from codeface_jupyter.magics.codeface import CodeFace
from codeface_jupyter.models.catalog import CATALOG, RightAnswers
from codeface_jupyter.models.storage import format_bytes

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reference.md"
SCHEMA = ROOT / "labextension" / "schema" / "plugin.json"
SCHEMA_WIDTH = 100
PROJECT = ROOT / "pyproject.toml"
# Of engines whose extra has another name.
EXTRAS = {"openai": "remote"}


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
            "yes" if entry.fim_tokens else "",
            describe_right_answers(entry.right_answers),
        )
        for entry in CATALOG.values()
    )
    columns = (
        "name",
        "parameters",
        "memory (bf16)",
        "kind",
        "licence",
        "fills in",
        "right answers",
    )
    return table(columns, rows)


def describe_right_answers(known: RightAnswers) -> str:
    """Return what was measured here, and what the publisher says with its source."""
    measured = "" if known.measured is None else f"{known.measured} %"
    published = ""
    if known.published is not None:
        published = f"HumanEval {known.published:.1f} % ({known.source})"
    return "; ".join(filter(None, (measured, published)))


def settings_table() -> str:
    """Return the settings that do not depend on an engine."""
    return fields_table("setting", Settings.model_fields, prefix="")


def engines_table() -> str:
    """Return the engines that come with the package, what each says of itself, and its extra."""
    rows = (
        (f"`{engine.name}`", first_line(type(engine.plugin)), installation(engine.name))
        for engine in own_engines()
    )
    return table(("engine", "what it is", "install"), rows)


def installation(engine: str) -> str:
    """Return the command that installs what an engine needs beyond the package itself."""
    extra = EXTRAS.get(engine, engine)
    extras = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    return f'`pip install "codeface-jupyter[{extra}]"`' if extra in extras else "included"


def engine_options_table() -> str:
    """Return the options of the engines that come with the package, a table for each."""
    tables = [
        fields_table(f"option of `{engine.name}`", fields, f"{engine.name}.")
        for engine in own_engines()
        if (fields := engine.options.model_fields)
    ]
    return "\n\n".join(tables)


def own_engines() -> list[InstalledEngine]:
    """Return the engines that come with the package; other packages may have brought more."""
    return [
        engine
        for engine in installed_engines().values()
        if type(engine.plugin).__module__.startswith("codeface_jupyter.")
    ]


def metrics_table() -> str:
    """Return the figures of one answer, as the docstring explains them."""
    documented = re.split(r"Attributes\n-+\n", inspect.cleandoc(GenerationMetrics.__doc__ or ""))
    described = re.findall(r"^(\S.*)\n((?:    .+\n?)+)", documented[1], flags=re.M)
    rows = [
        (f"`{names.replace(', ', '`, `')}`", " ".join(text.split())) for names, text in described
    ]
    for name, member in vars(GenerationMetrics).items():
        if isinstance(member, property):
            rows.append((f"`{name}`", first_line(member)))
    return table(("figure", "what it is"), rows)


def first_line(documented: object) -> str:
    """Return the first line of a docstring."""
    return (documented.__doc__ or "").strip().split("\n")[0]


def fields_table(head: str, fields: Mapping[str, FieldInfo], prefix: str) -> str:
    """Return a table of settings, or of options after their engine's name."""
    rows = (
        (f"`{prefix}{name}`", default(field), field.description or "")
        for name, field in fields.items()
    )
    return table((head, "default", "meaning"), rows)


def default(field: FieldInfo) -> str:
    """Return a setting's default; folders differ from machine to machine."""
    if field.default_factory is not None:
        return "the user's cache folder"
    return "" if field.default in (None, ()) else f"`{field.default}`"


TABLES = {
    "magics": magics_table,
    "options": options_table,
    "settings": settings_table,
    "engines": engines_table,
    "engine options": engine_options_table,
    "models": models_table,
    "metrics": metrics_table,
}


def with_tables(text: str) -> str:
    """Return ``text`` with every marked table made anew."""
    for name, make in TABLES.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        pattern = re.compile(f"{begin}.*?{end}", re.DOTALL)
        text = pattern.sub(f"{begin}\n{make()}\n{end}".replace("\\", r"\\"), text)
    return text


def with_examples(schema: str) -> str:
    """Return the schema of the page's settings with the models and engines that can be chosen."""
    offered = {"model": CATALOG, "engine": [engine.name for engine in own_engines()]}
    for name, values in offered.items():
        pattern = re.compile(rf'("{name}": {{[^}}]*?)(\n *"examples": )\[[^\]]*\]')
        schema = pattern.sub(rf"\1\2{written_list([AUTO_MODEL, *values])}", schema)
    return schema


def written_list(values: list[str]) -> str:
    """Return a list as the schema's formatter writes it."""
    in_a_line = json.dumps(values)
    if len(f'      "examples": {in_a_line},') <= SCHEMA_WIDTH:
        return in_a_line
    return "[\n" + ",\n".join(f"        {json.dumps(value)}" for value in values) + "\n      ]"


WRITERS = {PAGE: with_tables, SCHEMA: with_examples}


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    behind = [file for file, write in WRITERS.items() if is_behind(file, write)]
    if not args.check:
        for file in behind:
            file.write_text(WRITERS[file](file.read_text(encoding="utf-8")), encoding="utf-8")
        return 0
    for file in behind:
        told = f"{file.name} is behind the code: run `python docs/generate_tables.py`.\n"
        sys.stderr.write(told)
    return int(bool(behind))


def is_behind(file: Path, write: Callable[[str], str]) -> bool:
    """Return whether a file is not as it would be written."""
    text = file.read_text(encoding="utf-8")
    return write(text) != text


if __name__ == "__main__":
    sys.exit(main())
