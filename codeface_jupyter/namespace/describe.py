"""Describe any object: by its kind, or by its own ``_ai_repr_`` or ``repr``."""

from __future__ import annotations

import asyncio
import inspect
import io
import types
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from codeface_jupyter.namespace import arrays, frames, objects
from codeface_jupyter.namespace.classes import bases_of, is_instance, members_of, type_name
from codeface_jupyter.namespace.foreign_code import attempt
from codeface_jupyter.namespace.memory_owners import holds_its_values
from codeface_jupyter.namespace.outline import Description, Detail, Outline, View
from codeface_jupyter.namespace.relevance import word_stems
from codeface_jupyter.namespace.writing import PLAIN_TYPES, write_label
from codeface_jupyter.privacy import HIDDEN, has_secret, is_secret_name, mask
from codeface_jupyter.shorten import shorten

__all__ = ["column_names", "describe", "is_data", "is_lazily_computed"]

# With what surrounds it, an object's own code costs less than a fifth of a second. Ours takes
# milliseconds; its limit is for subclasses that do strange things in a library's place.
OWN_CODE_TIMEOUT_S = 0.1
DESCRIBER_TIMEOUT_S = 0.5
MAX_CHARS: dict[Detail, int] = {"brief": 400, "full": 8_000}
MAX_REPR_CHARS = 160
MAX_SECRET_CHARS = 1_000

Describer = Callable[[Any, View], Outline]

# A library that the user has not imported cannot have made the object: see is_instance.
LIBRARY_DESCRIBERS: tuple[tuple[str, str, Describer], ...] = (
    ("pandas", "DataFrame", frames.pandas_frame),
    ("pandas", "Series", frames.pandas_series),
    ("pandas", "Index", frames.pandas_index),
    ("polars", "DataFrame", frames.polars_frame),
    ("polars", "LazyFrame", frames.polars_lazy_frame),
    ("polars", "Series", frames.polars_series),
    ("pyarrow", "Table", frames.arrow_table),
    ("pyarrow", "RecordBatch", frames.arrow_table),
    ("pyarrow", "ChunkedArray", frames.arrow_array),
    ("pyarrow", "Array", frames.arrow_array),
    ("numpy", "ndarray", arrays.numpy_array),
    ("torch", "Tensor", arrays.torch_tensor),
    ("torch.nn", "Module", objects.torch_model),
    ("sklearn.base", "BaseEstimator", objects.sklearn_model),
)
FRAMES = (
    ("pandas", "DataFrame", "columns"),
    ("polars", "DataFrame", "columns"),
    ("pyarrow", "Table", "column_names"),
)
MAX_COLUMN_NAMES = 500
# Their text is the result of a query, which is run when they are written.
COMPUTED_WHEN_WRITTEN = (
    ("daft", "DataFrame"), ("django.db.models.query", "QuerySet"), ("duckdb", "DuckDBPyRelation"),
    ("ibis.expr.types.core", "Expr"), ("pyspark.sql.dataframe", "DataFrame"),
    ("snowflake.snowpark", "DataFrame"), ("sqlalchemy.orm", "Query"),
)  # fmt: skip
DATA_DESCRIBERS = frozenset(
    {objects.container, objects.mapping, *(describer for *_, describer in LIBRARY_DESCRIBERS)}
)
OTHER_LIBRARY_DESCRIBERS: tuple[tuple[str, str, Describer], ...] = (
    ("numpy", "generic", objects.plain_value),
    ("pandas", "Timestamp", objects.plain_value),
    ("pandas", "Timedelta", objects.plain_value),
    ("matplotlib.figure", "Figure", objects.figure),
)
BASE_DESCRIBERS: tuple[tuple[type, Describer], ...] = (
    (type, objects.klass),
    (types.ModuleType, objects.module),
    *((cls, objects.function) for cls in objects.FUNCTIONS),
    *((cls, objects.iterator) for cls in objects.ITERATORS),
    (dict, objects.mapping),
    *((cls, objects.container) for cls in objects.SEQUENCES),
)


def describe(
    obj: object,
    *,
    name: str = "",
    detail: Detail = "brief",
    max_chars: int | None = None,
    allow_values: bool = False,
    about: str = "",
) -> Description:
    """Return a short description of an object.

    An object's own ``_ai_repr_`` (Jupyter enhancement proposal 128: a MIME bundle,
    perhaps from a coroutine) comes first, then what we know of its class, then its
    ``repr``. The object is not changed, consumed, collected or printed.

    Parameters
    ----------
    obj
        Anything.
    name
        What the notebook calls it.
    detail
        One line, and for a data frame one more for each column that matters; or all that
        is worth reading.
    max_chars
        The longest text; unless given, 400 characters in brief, 2,000 for a data frame, and
        8,000 in full.
    allow_values
        Whether values may be shown, not only names, types and shapes. The value of
        a name that looks like a secret's is never shown.
    about
        What is asked: of a data frame, the columns that it names are described in brief.
    """
    limit = MAX_CHARS[detail] if max_chars is None else max_chars
    view = View(
        is_full=detail == "full",
        allow_values=allow_values and not is_secret_name(name),
        name=name,
        stems=word_stems(about),
    )
    # Here, not under a time limit: the first call loads the detectors.
    has_secret(name)
    outline = attempt(lambda: _outline(obj, view), timeout_s=DESCRIBER_TIMEOUT_S)
    if outline is None:
        outline = Outline("object", type_name(type(obj)))
    elif view.allow_values:
        outline = _with_own_words(obj, outline, max_chars=limit)
    if max_chars is None:
        limit = max(limit, outline.max_chars)
    text = f"{name}: {outline.text}" if name else outline.text
    if view.is_full and outline.body:
        text += f"\n{outline.body}"
    text, _ = mask(text, is_code=True)
    return Description(
        name=name,
        kind=outline.kind,
        type_name=type_name(type(obj)),
        facts={name: _without_secrets(name, fact) for name, fact in outline.facts.items()},
        text=shorten(text, max_chars=limit),
    )


def is_lazily_computed(obj: object) -> bool:
    """Whether writing an object would run the query that it stands for."""
    return any(is_instance(obj, module, name) for module, name in COMPUTED_WHEN_WRITTEN)


def is_data(obj: object) -> bool:
    """Whether an object is data or a model, judged by its class: cheaper than describing it."""
    return _describer(obj) in DATA_DESCRIBERS


def column_names(obj: object) -> list[str]:
    """Return the names of a data frame's first columns; none for anything else."""
    for module, cls, attribute in FRAMES:
        if is_instance(obj, module, cls):
            names = attempt(partial(_labels, obj, attribute), timeout_s=OWN_CODE_TIMEOUT_S)
            return names or []
    return []


def _labels(obj: object, attribute: str) -> list[str]:
    labels = getattr(obj, attribute)[:MAX_COLUMN_NAMES]
    if is_instance(labels, "pandas", "Index") and not holds_its_values(labels):
        return []
    return [write_label(label) for label in labels]


def _outline(obj: object, view: View) -> Outline:
    return _describer(obj)(obj, view)


def _describer(obj: object) -> Describer:
    """Return the describer of an object, by its exact class, its bases or its library."""
    if type(obj) in PLAIN_TYPES:
        return objects.plain_value
    bases = bases_of(obj)
    for base, describer in BASE_DESCRIBERS:
        if base in bases:
            return describer
    for module, cls, describer in (*LIBRARY_DESCRIBERS, *OTHER_LIBRARY_DESCRIBERS):
        if is_instance(obj, module, cls):
            return describer
    return objects.iterator if _has(obj, "__next__") else objects.some_object


def _with_own_words(obj: object, outline: Outline, *, max_chars: int) -> Outline:
    """Put an object's ``_ai_repr_``, or for an unknown class its ``repr``, in place of our own."""
    if _has(obj, "_ai_repr_"):
        words = attempt(lambda: _ai_repr(obj), timeout_s=OWN_CODE_TIMEOUT_S)
        if words:
            facts = {**outline.facts, "ai_repr": True}
            return Outline(outline.kind, _cut(words, max_chars=max_chars), facts, outline.body)
    elif outline.kind == "object" and _has_harmless_repr(obj):
        words = attempt(lambda: repr(obj), timeout_s=OWN_CODE_TIMEOUT_S)
        if words:
            # Our own line says what a long repr would bury.
            written = _cut(words, max_chars=min(max_chars, MAX_REPR_CHARS)).replace("\n", " ")
            outline.facts["repr"] = written
            outline.text = f"{type_name(type(obj))}: {written}"
    return outline


def _without_secrets(name: str, fact: object) -> object:
    """Return a fact without secrets: it is shown beside the description, and saved with it."""
    if isinstance(fact, str):
        return mask(fact, is_code=True)[0] if not is_secret_name(name) else HIDDEN
    if isinstance(fact, Mapping):
        return {key: _without_secrets(str(key), part) for key, part in fact.items()}
    if isinstance(fact, list | tuple):
        return [_without_secrets(name, part) for part in fact]
    return fact


def _cut(words: str, *, max_chars: int) -> str:
    """Return the start of an object's own words, without secrets: half of one looks like none."""
    text, _ = mask(str(words[: max_chars + MAX_SECRET_CHARS]))
    return shorten(text, max_chars=max_chars)


def _ai_repr(obj: object) -> str:
    """Call an object's ``_ai_repr_`` and return the text in its answer."""
    method = inspect.getattr_static(type(obj), "_ai_repr_").__get__(obj, type(obj))
    hints = {"multimodal": False} if _takes_hints(method) else {}
    answer = method(**hints)
    if inspect.isawaitable(answer):
        answer = asyncio.run(_awaited(answer))
    if isinstance(answer, str):
        return answer
    if not isinstance(answer, Mapping):
        return ""
    for mime in ("text/plain", "text/markdown", *(m for m in answer if str(m).startswith("text/"))):
        if isinstance(answer.get(mime), str):
            return str(answer[mime])
    return ""


async def _awaited(answer: Any) -> object:
    return await answer


def _takes_hints(method: Callable[..., object]) -> bool:
    parameters = inspect.signature(method).parameters
    return "multimodal" in parameters or any(
        parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()
    )


def _has(obj: object, name: str) -> bool:
    """Whether an object's class defines something, without asking the object."""
    return any(name in members for members in _members(obj))


def _has_harmless_repr(obj: object) -> bool:
    """Whether a class has a ``repr`` of its own that speaks for itself.

    A proxy's would compute what it stands for; proxies say that they are of
    another class, or answer for every attribute.
    """
    own = [members for cls, members in _classes(obj) if cls is not object]
    is_proxy = any({"__class__", "__getattribute__"} & members.keys() for members in own)
    is_kept_closed = io.IOBase in bases_of(obj) or is_lazily_computed(obj)
    return not is_proxy and not is_kept_closed and any("__repr__" in members for members in own)


def _classes(obj: object) -> Iterator[tuple[type, Mapping[str, object]]]:
    for cls in bases_of(obj):
        yield cls, members_of(cls)


def _members(obj: object) -> Iterator[Mapping[str, object]]:
    for _, members in _classes(obj):
        yield members
