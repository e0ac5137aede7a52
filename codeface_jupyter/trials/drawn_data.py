"""The data that are drawn in a figure of Matplotlib's, without its colours and titles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from codeface_jupyter.namespace.classes import is_instance

__all__ = ["drawn_data"]

MAX_ITEMS = 20_000
# What stands further from a tick has nothing to do with it: categories are 1 apart.
MAX_DISTANCE = 0.5
# Where collections keep what they draw beside their points: depth, surfaces, arrows.
PARTS = ("_offsets3d", "_vec", "_faces", "U", "V", "u", "v")

# What stands at a place of an axis.
Labels = Mapping[float, str]


def drawn_data(axes: Any) -> Iterator[object]:
    """Yield the data of the artists in some axes."""
    for line in axes.lines:
        data = getattr(line, "get_data_3d", line.get_data)()
        yield ["line", [_plain(values) for values in data]]
    labels = (_labels(axes.xaxis), _labels(axes.yaxis))
    for patch in axes.patches:
        yield ["patch", _shape(patch, labels)]
    for collection in axes.collections:
        yield ["collection", collection.get_offsets().tolist()[:MAX_ITEMS], *_filled(collection)]
    for image in axes.images:
        yield ["image", image.get_array()]
    # What bars and lines are drawn for, each says by itself.
    categories = [_categories(axis) for axis in (axes.xaxis, axes.yaxis)]
    if axes.collections and any(categories):
        yield ["categories", *categories]


def _shape(patch: Any, labels: tuple[Labels, Labels]) -> object:
    box = getattr(patch, "get_bbox", None)
    if box is not None:
        left, bottom, width, height = box().bounds
        along_x, along_y = _place(left, width, labels[0]), _place(bottom, height, labels[1])
        return [along_x, along_y, width, height]
    # Slices, and steps that are filled, have a shape instead.
    is_slice = is_instance(patch, "matplotlib.patches", "Wedge")
    return [patch.get_path().vertices, patch.get_label() if is_slice else ""]


def _place(low: float, extent: float, labels: Labels) -> object:
    """Return where something begins: how far from the label that it stands at, if there is one."""
    middle = low + extent / 2
    nearest = min(labels, key=lambda place: abs(place - middle), default=None)
    if nearest is None or abs(nearest - middle) > MAX_DISTANCE:
        return low
    return [labels[nearest], round(low - nearest, 6)]


def _labels(axis: Any) -> Labels:
    """Return what an axis says at its places: its categories, or fixed labels."""
    if categories := _categories(axis):
        return categories
    if not is_instance(axis.get_major_locator(), "matplotlib.ticker", "FixedLocator"):
        return {}
    places = axis.get_ticklocs()
    texts = map(str, axis.get_major_formatter().format_ticks(places))
    labels = zip(places, texts, strict=True)
    return {float(place): text for place, text in labels if text and not _is_number(text, place)}


def _is_number(text: str, number: float) -> bool:
    try:
        return float(text.replace("\N{MINUS SIGN}", "-")) == number
    except ValueError:
        return False


def _categories(axis: Any) -> Labels:
    mapping = getattr(axis.units, "_mapping", None)
    items = mapping.items() if isinstance(mapping, Mapping) else ()
    return {float(place): str(text) for text, place in islice(items, MAX_ITEMS)}


def _filled(collection: Any) -> Iterator[object]:
    """Yield the data of a collection beside its points: what colours stand for, or areas."""
    parts = (getattr(collection, name, None) for name in PARTS)
    yield from (part for part in parts if part is not None)
    values = collection.get_array()
    if values is not None:
        yield values
    elif len(collection.get_offsets()) <= 1:
        yield from (path.vertices for path in collection.get_paths()[:MAX_ITEMS])


def _plain(data: Any) -> object:
    return list(data)[:MAX_ITEMS]
