"""What caused an error, in a sentence or two: computed from its text and the live values."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

from codeface_jupyter.context import ErrorInfo
from codeface_jupyter.magics.failing_line import FailingLine
from codeface_jupyter.magics.text_in_columns import told_text_columns
from codeface_jupyter.namespace import column_names
from codeface_jupyter.namespace.classes import class_name
from codeface_jupyter.privacy import has_secret, is_secret_name
from codeface_jupyter.trials.checks import check_code
from codeface_jupyter.trials.checks.modules import has_module
from codeface_jupyter.trials.checks.source import read_source
from codeface_jupyter.trials.checks.usual_imports import missing_usual_module
from codeface_jupyter.trials.checks.wording import (
    code_span,
    is_slip,
    message_sentence,
    message_span,
    nearest,
    other_names,
)
from codeface_jupyter.trials.failed_statement import failed_statement
from codeface_jupyter.trials.few_words import PLAIN, few_words
from codeface_jupyter.trials.mistyped_modules import meant_module
from codeface_jupyter.trials.unbracketed import unbracketed
from codeface_jupyter.wording import counted

__all__ = ["explain_error"]

Explain = Callable[[ErrorInfo, Mapping[str, object]], str]

MAX_NAMED = 3
# To find those that are written nearly so.
MAX_KEYS = 1_000
SEQUENCES = (list, tuple, str)
# How pandas says that labels are missing, and where they stand in that.
MISSING_LABELS = re.compile(r"not in index|not found|do(?:es)? not exist|are in the ")
QUOTED = re.compile(r"'([^']+)'|: (\S.*)$")
NUMBERS = (int, float)


def explain_error(error: ErrorInfo, namespace: Mapping[str, object]) -> str:
    """Return what caused ``error``, as Markdown in which only code spans mean anything.

    Parameters
    ----------
    error
        The error, with the objects that the failing line names where they still exist.
    namespace
        The notebook's variables.
    """
    explain = EXPLANATIONS.get(error.ename)
    said = explain(error, namespace) if explain else ""
    said = "" if has_secret(said) else said
    where = error.traceback.rpartition("\n")[2]
    place, _, code = where.partition(": ")
    # Which cell it is stands right above.
    place = place.removesuffix(" in the cell")
    beginning = (
        f"{error.ename} in {place}, {code_span(code)}"
        if code and not has_secret(code)
        else error.ename
    )
    message = _message(error)
    first = f"{beginning}: {said or message}" if said or message else f"{beginning}."
    return " ".join(filter(None, [first, _behind(error)]))


def _message(error: ErrorInfo) -> str:
    is_said = error.evalue and not has_secret(error.evalue)
    return message_sentence(error.evalue) if is_said else ""


def _behind(error: ErrorInfo) -> str:
    """Return what the error came from, if another one stands behind it."""
    last = error.causes.rpartition("\n")[2]
    return f"Behind it is {message_sentence(last)}" if last and not has_secret(last) else ""


def _unknown_name(error: ErrorInfo, namespace: Mapping[str, object]) -> str:
    match = re.search(r"name '([^']+)' is not defined", error.evalue)
    if match is None:
        return ""
    name = code_span(match[1])
    for finding in check_code(error.source, namespace):
        if finding.message.startswith(f"{name} is not imported"):
            return finding.message
    is_a_module = re.search(rf"(?<![\w.]){re.escape(match[1])}\s*\.\s*\w", error.source)
    if is_a_module and (module := missing_usual_module(match[1])):
        return f"{name} is usually {module}, which is not installed here."
    close = nearest(match[1], [name for name in namespace if not name.startswith("_")])
    if not close.names:
        callables = [name for name, value in vars(builtins).items() if callable(value)]
        close = nearest(match[1], [name for name in callables if is_slip(match[1], name)])
    return f"nothing is called {name} here{close.hint('there is')}."


def _local_name(error: ErrorInfo, _: Mapping[str, object]) -> str:
    match = re.search(r"variable '([^']+)'", error.evalue)
    if match is None:
        return ""
    return (
        f"{code_span(match[1])} is assigned in this function, so it is the function's own name, "
        "and it has no value yet."
    )


def _unknown_key(error: ErrorInfo, _: Mapping[str, object]) -> str:
    wanted = _keys_in(error.evalue)
    names = dict(_shown_values(error))
    if error.line:
        owners = FailingLine(error.line, names).looked_up(wanted)
    else:
        owners = {name: value for name, value in names.items() if _keys_of(value)}
    missing = {
        name: key for name, value in owners.items() for key in wanted[::-1] if _may_lack(value, key)
    }
    if len(missing) != 1:
        return ""
    name, key = missing.popitem()
    keys = _keys_of(owners[name])
    what = "columns" if column_names(owners[name]) else "keys"
    if not keys and type(owners[name]) is not dict:
        return ""
    close = nearest(key, keys) if isinstance(key, str) else nearest("", [])
    ending = other_names(close, keys, what=what) if _are_plain(keys) else "."
    return f"{code_span(name)} has no {what[:-1]} {code_span(repr(key))}{ending}"


def _keys_of(value: object) -> list[object]:
    columns: list[object] = [*column_names(value)]
    return columns or (list(islice(value, MAX_KEYS)) if type(value) is dict else [])


def _may_lack(value: object, key: object) -> bool:
    """Whether a key may be missing, as it may where nobody knows what there is."""
    if type(value) is dict:
        return isinstance(key, Hashable) and key not in value
    # Columns are known as they are written.
    columns = column_names(value)
    return type(value) not in SEQUENCES and key not in columns and str(key) not in columns


def _keys_in(message: str) -> list[object]:
    """Return the keys that a message is about: it is one, a list of some, or names some."""
    said: object = message
    with suppress(ValueError, SyntaxError):
        said = ast.literal_eval(message)
    if isinstance(said, list):
        return said
    if not isinstance(said, str) or not MISSING_LABELS.search(said):
        return [said]
    return [quoted or last for quoted, last in QUOTED.findall(said)] or [said]


def _are_plain(keys: list[object] | list[str]) -> bool:
    return not any(isinstance(key, str) and has_secret(repr(key)) for key in keys)


def _unknown_attribute(error: ErrorInfo, _: Mapping[str, object]) -> str:
    match = re.search(r"'?(\w+)'?(?: object)? has no attribute '(\w+)'", error.evalue)
    if match is None:
        return ""
    owner, attribute = match.groups()
    for name, value in _shown_values(error):
        if value is None and owner == "NoneType":
            return f"{code_span(name)} is None, which has no {code_span(attribute)}."
        if owner in (_class_name(value), name) or _is_module(value, owner):
            known = [*_attributes(value), *column_names(value)]
            if attribute in known:
                # Something else of its kind lacks it: a part of it, as of a frame.
                continue
            hint = nearest(attribute, known).hint()
            return f"{code_span(name)} has no attribute {code_span(attribute)}{hint}."
    return ""


def _is_module(value: object, name: str) -> bool:
    return isinstance(value, ModuleType) and value.__name__.rpartition(".")[2] == name


def _attributes(value: object) -> list[str]:
    """Return the names of a value's class, or of a module, without running code of theirs."""
    if isinstance(value, ModuleType):
        return list(vars(value))
    return [name for cls in type.mro(type(value)) for name in vars(cls) if not name.startswith("_")]


def _missing_module(error: ErrorInfo, _: Mapping[str, object]) -> str:
    match = re.search(r"No module named '([^']+)'", error.evalue)
    if match is None:
        return ""
    module = code_span(match[1])
    meant = meant_module(error.evalue)
    hint = f" Did you mean {code_span(meant[1])}?" if meant is not None else ""
    package = match[1].partition(".")[0]
    if package != match[1] and has_module(package):
        return f"there is no module {module}.{hint}"
    return f"{module} is not installed in the environment of this kernel.{hint}"


def _zero(error: ErrorInfo, _: Mapping[str, object]) -> str:
    line = FailingLine(error.line, dict(_shown_values(error)))
    zeros = [divisor for divisor in line.divisors() if _may_be_zero(line.value_of(divisor))]
    if len(zeros) != 1 or isinstance(zeros[0], ast.Constant):
        return ""
    return f"{code_span(line.text_of(zeros[0]))} is 0."


def _may_be_zero(value: object) -> bool:
    return type(value) not in NUMBERS or value == 0


def _bad_index(error: ErrorInfo, _: Mapping[str, object]) -> str:
    line = FailingLine(error.line, dict(_shown_values(error)))
    owners = [
        owner
        for owner, index in line.indexed()
        if not _has_item(line.value_of(owner), line.value_of(index))
    ]
    values = [line.value_of(owner) for owner in owners]
    if len(owners) != 1 or type(values[0]) not in SEQUENCES:
        return ""
    count = counted(len(values[0]), "item")
    return f"{code_span(line.text_of(owners[0]))} has {count}, numbered from 0."


def _has_item(owner: Any, index: Any) -> bool:
    """Whether taking an item cannot be what failed; a dict's failure is not about numbers."""
    if type(owner) is dict:
        return True
    is_known = type(owner) in SEQUENCES and type(index) is int
    return is_known and -len(owner) <= index < len(owner)


def _bad_type(error: ErrorInfo, _: Mapping[str, object]) -> str:
    said = [message_span(error.evalue)] if error.evalue.strip() else []
    names = dict(_shown_values(error))
    why = _lacks_brackets(error) or told_text_columns(error.line, names, message=error.evalue)
    if why:
        return "; ".join([*said, why])
    values = [(name, value) for name, value in names.items() if not callable(value)]
    if "NoneType" in error.evalue:
        values = [(name, value) for name, value in values if value is None]
    if not values or isinstance(values[0][1], ModuleType):
        return ""
    kinds = [
        f"{code_span(name)} is {'None' if value is None else f'of type {_class_name(value)}'}"
        for name, value in values[:MAX_NAMED]
    ]
    return f"{'; '.join([*said, ', '.join(kinds)])}."


def _bad_value(error: ErrorInfo, _: Mapping[str, object]) -> str:
    why = _lacks_brackets(error) if "truth value" in error.evalue else ""
    return f"{message_span(error.evalue)}; {why}" if why else ""


def _lacks_brackets(error: ErrorInfo) -> str:
    """Return the end of a sentence if comparisons lack brackets in what failed; else nothing."""
    source = read_source(error.source)
    statement = failed_statement(source.tree, error.source, error)
    found = unbracketed(source, statement) if statement is not None else None
    return found.told if found is not None else ""


def _failed_assertion(error: ErrorInfo, _: Mapping[str, object]) -> str:
    """Return what the variables are that an assertion is about, as far as few words say it all.

    They may have changed since.
    """
    names = FailingLine(error.line, dict(_shown_values(error))).names
    values = [
        f"{code_span(name)} is {code_span(few_words(value))}"
        for name, value in names.items()
        if type(value) in PLAIN
    ]
    if not values:
        return ""
    said = message_span(error.evalue) if error.evalue.strip() else "this does not hold"
    return f"{said}; now {', '.join(values[:MAX_NAMED])}."


def _missing_file(error: ErrorInfo, _: Mapping[str, object]) -> str:
    match = re.search(r"'([^']+)'", error.evalue)
    if match is None or Path(match[1]).is_absolute():
        return ""
    with suppress(OSError):
        return f"there is no {code_span(match[1])} in the working folder, {code_span(Path.cwd())}."
    return ""


def _bad_syntax(error: ErrorInfo, _: Mapping[str, object]) -> str:
    # Of code that Python cannot read, no line has run.
    what = "what it is given" if error.names else "it"
    return f"Python cannot read {what}: {_message(error)}" if _message(error) else ""


def _shown_values(error: ErrorInfo) -> list[tuple[str, object]]:
    return [(name, value) for name, value in error.names.items() if not is_secret_name(name)]


def _class_name(value: object) -> str:
    return class_name(type(value))


EXPLANATIONS: Mapping[str, Explain] = {
    "AssertionError": _failed_assertion,
    "AttributeError": _unknown_attribute,
    "FileNotFoundError": _missing_file,
    "IndentationError": _bad_syntax,
    "IndexError": _bad_index,
    "KeyError": _unknown_key,
    "ModuleNotFoundError": _missing_module,
    "NameError": _unknown_name,
    "SyntaxError": _bad_syntax,
    "TabError": _bad_syntax,
    "TypeError": _bad_type,
    "UnboundLocalError": _local_name,
    "ValueError": _bad_value,
    "ZeroDivisionError": _zero,
}
