"""A column that a question asks about and no table has: an answer that runs makes one itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from types import ModuleType

from codeface_jupyter.namespace import column_names
from codeface_jupyter.syntax import parse_module
from codeface_jupyter.trials.bindings import names_bound
from codeface_jupyter.trials.checks.undefined_names import ALWAYS_THERE
from codeface_jupyter.trials.checks.wording import code_span, listed

__all__ = ["made_up_column_note"]

# As a request begins that asks about what is there.
ASKS_ABOUT = re.compile(
    r"\W*(?:(?:please|can you|could you|the)\s+)?(?:what|which|who|when|where|how|is|are|does|do"
    r"|did|show|plot|draw|list|print|display|find|tell|average|mean|median|sum|total|top"
    r"|highest|lowest|largest|smallest)\b",
    re.IGNORECASE,
)
# Whoever says one of these may want something that is not there yet, or says how to make it.
ASKS_TO_MAKE = re.compile(
    r"\b(?:append|assign|assume|assuming|build|calculate|calculating|calculation|call|"
    r"categori|classif|cluster|combine|combining|combination|comput|convert|correct|creat|"
    r"deduct|define|defining|definition|deriv|divid|encod|engineer|estimat|extract|feature|"
    r"forecast|generate|generating|generation|impute|imputing|imputation|include|including|"
    r"insert|introduc|invent|label|mak|merg|multiply|multiplied|normali|pars|predict|random|"
    r"renam|replac|simulat|split|standardi|stor|subtract|suppos|transform)|\b(?:add(?:s|ed|"
    r"ing)?|as|based|bins?|binned|clip(?:ped)?|could(?! you)|cut|fill(?:ed)?|flag(?:ged)?|"
    r"from|give|if|join(?:ed)?|made|map(?:ped)?|mark(?:ed)?|meaning|means|minus|mock|name|"
    r"named|naming|new|plus|put|saved?|saving|scal(?:e|ed|ing)|set|should|times|turn(?:ed)?|"
    r"using|with an?|would|being|over|above|below|off|per\s?cent)\b|"
    r"i\.e\.|[=*+→(]|\d\s*(?:%|percent)",
    re.IGNORECASE,
)
# What is computed, whatever the table: a question about it asks to compute it.
COMPUTED = re.compile(
    r"(?:year|quarter|month|week|weekday|day|hour|minute|date|time|season|age|decade|"
    r"duration|delay|share|percent(?:age)?|pct|proportion|fraction|rank|ranking|position|"
    r"count|number|frequency|total|sum|average|avg|mean|median|min(?:imum)?|max(?:imum)?|"
    r"range|std|variance|ratio|rate|diff(?:erence)?|change|growth|increase|decrease|trend|"
    r"cumulative|cumsum|running|rolling|outliers?|zscore|score|missing|duplicates?|length|"
    r"size|width|bins?|groups?|category|level|bracket|class|cluster|predict(?:ed|ions?)|"
    r"forecast|residuals?|error|distance|index|result|value|label|flag|moving|smooth\w*|"
    r"cum\w+|norm\w*|log\w*|squared?|correlation|deviation|spread|gap|margin|distribution|"
    r"histogram|even|odd|squares?|cubes?|shuffle\w*)s?",
    re.IGNORECASE,
)
# A part of a date is there, though it has no column, and so are the rows that a word is true of.
PARTS_OF_VALUES = frozenset({"dt", "str", "index", "name", "columns", "reset_index", "attrs"})
TRUTHS = frozenset({
    *("between", "contains", "duplicated", "eq", "ge", "gt", "isin", "isna", "isnull", "le", "lt"),
    *("ne", "notna", "notnull"),
})  # fmt: skip
# Of a table with more, not all names are known.
MAX_COLUMNS = 500


def made_up_column_note(request: str, code: str, namespace: Mapping[str, object]) -> str:
    """Return a sentence on a column that a question is about and ``code`` makes; empty if none.

    Where a request may want it made, or says what of, there is nothing to say.

    Parameters
    ----------
    request
        What was asked, in the user's words.
    code
        The answer's code.
    namespace
        The notebook's variables.
    """
    module = parse_module(code)
    if module is None or not ASKS_ABOUT.match(request) or ASKS_TO_MAKE.search(request):
        return ""
    tables = {name: set(found) for name, one in namespace.items() if (found := column_names(one))}
    known = {name.casefold() for found in (*tables.values(), namespace) for name in found}
    aliases = {name: name for name in tables} | dict(_copies(module))
    for table, column, value in _new_columns(module):
        of = aliases.get(table, "")
        if not _is_asked_for(column, request) or column.casefold() in known or of not in tables:
            continue
        if _is_rebound(table, module, is_copy=table != of) or len(tables[of]) >= MAX_COLUMNS:
            continue
        sources = _sources(value, tables[of], table=table, namespace=namespace)
        if sources is not None and not any(_is_asked_for(one, request) for one in sources):
            how = f"makes one from {listed(sources)}" if sources else "makes one up"
            return f"{code_span(of)} has no column {code_span(column)}; this code {how}."
    return ""


def _is_asked_for(column: str, request: str) -> bool:
    """Whether a request says a column's name, in the plural perhaps."""
    # A single letter is a word of a formula, or an axis.
    if len(column) == 1 or COMPUTED.fullmatch(column):
        return False
    said = rf"(?<![\w.]){re.escape(column)}(?:e?s)?(?!\w)"
    return bool(re.search(said, request, re.IGNORECASE))


def _copies(module: ast.Module) -> Iterator[tuple[str, str]]:
    for statement in module.body:
        match statement:
            case ast.Assign(
                targets=[ast.Name(id=name)],
                value=ast.Call(func=ast.Attribute(value=ast.Name(id=of), attr="copy")),
            ):
                yield name, of


def _new_columns(module: ast.Module) -> Iterator[tuple[str, str, ast.expr]]:
    """Yield what a code assigns at its top level: a table's name, a column's, and its value."""
    for statement in module.body:
        match statement:
            case ast.Assign(
                targets=[
                    ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str(column)))
                ],
                value=value,
            ):
                yield name, column, value
        if not isinstance(statement, ast.Expr | ast.Assign):
            continue
        for node in ast.walk(statement.value):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="assign")):
                    yield from ((name, one.arg, one.value) for one in node.keywords if one.arg)


def _is_rebound(name: str, module: ast.Module, *, is_copy: bool) -> bool:
    """Whether a name may be another table when its column is made: joined with another, say."""
    binds = [node for node in module.body if name in names_bound(node)]
    return len(binds) > is_copy


def _sources(
    value: ast.expr, columns: set[str], *, table: str, namespace: Mapping[str, object]
) -> list[str] | None:
    """Return the columns that a value is computed from; None if from anything else."""
    own = names_bound(value) | {table}
    found: dict[str, None] = {}
    keys = {id(key) for key in _group_keys(value)}
    for node in ast.walk(value):
        match node:
            case ast.Name(id=name) if name not in own | ALWAYS_THERE:
                if not isinstance(namespace.get(name), ModuleType):
                    return None
            case ast.Attribute(attr=attr) if attr in PARTS_OF_VALUES | TRUTHS:
                return None
            case ast.Compare():
                return None
            case ast.Attribute(value=ast.Name(id=name), attr=attr) if name in own:
                found |= dict.fromkeys({attr} & columns)
            case ast.Constant(value=str(text)) if id(node) not in keys:
                # A text that is no column is a category, or names another thing.
                if text not in columns:
                    return None
                found[text] = None
    return list(found)


def _group_keys(value: ast.expr) -> Iterator[ast.AST]:
    """Yield what names columns to group by, and functions: these are not what it is made of."""
    for node in ast.walk(value):
        match node:
            case ast.Call(
                func=ast.Attribute(attr="groupby" | "transform" | "agg"), args=[first, *_]
            ):
                yield from ast.walk(first)
