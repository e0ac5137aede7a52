"""A code with the names that it means, where the checks are certain which these are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from codeface_jupyter.generation import Edit
from codeface_jupyter.trials.checks.all_checks import NOT_THERE, check_code
from codeface_jupyter.trials.checks.in_place import gives_nothing_there
from codeface_jupyter.trials.checks.source import read_source
from codeface_jupyter.trials.checks.wording import code_span, is_slip

__all__ = ["Replaced", "with_missing_imports", "with_names_that_exist"]

# A module that is missing may be one to install: another one's name is no mending.
MENDABLE = NOT_THERE - {"missing_module"}
QUOTES = "'\""


@dataclass(frozen=True)
class Replaced:
    """A name that does not exist, the one in its place, and the line of the code."""

    name: str
    other: str
    line: int

    @property
    def note(self) -> str:
        """A sentence that says so."""
        names = (self.name, self.other)
        # A space at the end of a column's name would not be seen.
        has_edge = any(name != name.strip() for name in names)
        name, other = (code_span(repr(name) if has_edge else name) for name in names)
        return f"Line {self.line}: there is no {name}; {other} stands in its place."


def with_names_that_exist(
    code: str, namespace: Mapping[str, object]
) -> tuple[str, list[Replaced]] | None:
    """Return ``code`` with the one name that is meant in the place of each that does not exist.

    With it comes which these are.

    None if nothing in it is missing, or one of what is missing may be more than a slip.
    """
    missing = [f for f in check_code(code, namespace) if f.kind in MENDABLE]
    edits = [edit for finding in missing for edit in finding.edits]
    is_all = all(finding.edits for finding in missing)
    if not edits or not is_all or not all(_is_certain(edit, code) for edit in edits):
        return None
    in_order = sorted(set(edits), key=lambda edit: edit.start)
    replaced = [_replaced(edit, code) for edit in in_order if not _adds_import(edit)]
    return _edited(code, edits), list(dict.fromkeys(replaced))


def with_missing_imports(code: str, namespace: Mapping[str, object]) -> tuple[str, list[str]]:
    """Return ``code`` with the imports that it lacks, and which these are.

    Only of names that everybody has from the same module, which is there: see `usual_import`.
    """
    missing = [f for f in check_code(code, namespace) if f.kind == "unknown_name"]
    edits = [edit for finding in missing for edit in finding.edits if _adds_import(edit)]
    return _edited(code, edits), sorted({edit.replacement.strip() for edit in edits})


def _is_certain(edit: Edit, code: str) -> bool:
    if _adds_import(edit):
        return True
    name, other = _names(edit, code)
    is_attribute = code[: edit.start].rstrip().endswith(".")
    if is_attribute and gives_nothing_there(other, read_source(code), edit.end):
        return False
    return is_slip(name, other)


def _replaced(edit: Edit, code: str) -> Replaced:
    return Replaced(*_names(edit, code), line=code.count("\n", 0, edit.start) + 1)


def _names(edit: Edit, code: str) -> tuple[str, str]:
    return code[edit.start : edit.end].strip(QUOTES), edit.replacement.strip(QUOTES)


def _adds_import(edit: Edit) -> bool:
    return edit.start == edit.end and edit.replacement.startswith(("import ", "from "))


def _edited(code: str, edits: Iterable[Edit]) -> str:
    # From the end, so that the places before stay what they are.
    in_order = sorted(set(edits), key=lambda edit: (edit.start, edit.end, edit.replacement))
    for edit in reversed(in_order):
        code = code[: edit.start] + edit.replacement + code[edit.end :]
    return code
