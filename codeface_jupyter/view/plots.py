"""Small plots of a metric over a series of requests: SVG for notebooks, text for terminals."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Series", "sparkline", "svg_plots"]

LEVELS = "▁▂▃▄▅▆▇█"
GAP = "·"
WIDTH, PANEL_HEIGHT = 600, 74
LEFT, RIGHT, TOP, BOTTOM = 8, 592, 22, 68
RADIUS = 2.5

# The text's own color where the page has no theme, so that it is readable on light and dark.
SVG_STYLE = (
    "width:100%;max-width:600px;height:auto;display:block;"
    "font-family:var(--jp-ui-font-family,sans-serif);font-size:11px"
)
LINE_STYLE = "stroke:var(--jp-brand-color1,currentColor);fill:none;stroke-width:1.5"
POINT_STYLE = "fill:var(--jp-brand-color1,currentColor)"


@dataclass(frozen=True, kw_only=True)
class Series:
    """One metric of each request, oldest first.

    Attributes
    ----------
    name
        What the metric is called.
    unit
        Follows each value, as in ``12.5 tokens/s``.
    values
        Zero or more each; None where a request has no value.
    labels
        A label for each request; as many as there are values.
    """

    name: str
    unit: str
    values: Sequence[float | None]
    labels: Sequence[str]

    @property
    def known(self) -> list[float]:
        """The values without the missing ones."""
        return [value for value in self.values if value is not None]

    def describe(self) -> str:
        """Return the metric's name and range, in words."""
        if not self.known:
            return f"{self.name}: none yet"
        low, high = (self.text_of(bound) for bound in (min(self.known), max(self.known)))
        return f"{self.name}: {low}" if low == high else f"{self.name}: {low} to {high}"

    def text_of(self, value: float) -> str:
        """Return one value with its unit, with about three digits."""
        digits = 0 if value >= 100 else 1 if value >= 10 else 2  # noqa: PLR2004 - three digits
        return f"{value:,.{digits}f} {self.unit}"


def sparkline(series: Series) -> str:
    """Return a character per request, as high as its value; a dot where there is none."""
    top = max(series.known, default=0.0) or 1.0
    return "".join(
        GAP if value is None else LEVELS[min(int(value / top * len(LEVELS)), len(LEVELS) - 1)]
        for value in series.values
    )


def svg_plots(panels: Sequence[Series]) -> str:
    """Return one SVG element with a panel for each series, one below the other.

    Each panel begins at zero; a point shows its request as a tooltip.
    """
    body = "".join(
        f'<g transform="translate(0 {number * PANEL_HEIGHT})">{_panel(series)}</g>'
        for number, series in enumerate(panels)
    )
    title = html.escape("; ".join(series.describe() for series in panels), quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} '
        f'{PANEL_HEIGHT * len(panels)}" style="{SVG_STYLE}" role="img" aria-label="{title}">'
        f"{body}</svg>"
    )


def _panel(series: Series) -> str:
    # Where all values are zero, any scale will do.
    top = max(series.known, default=0.0) or 1.0
    step = (RIGHT - LEFT) / max(len(series.values) - 1, 1)
    points = [
        (LEFT + number * step, BOTTOM - value / top * (BOTTOM - TOP), series.text_of(value), label)
        for number, (value, label) in enumerate(zip(series.values, series.labels, strict=True))
        if value is not None
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, *_ in points)
    circles = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}" style="{POINT_STYLE}">'
        f"<title>{html.escape(f'{text}: {label}')}</title></circle>"
        for x, y, text, label in points
    )
    return (
        f'<text x="{LEFT}" y="12" fill="currentColor">{html.escape(series.describe())}</text>'
        f'<path d="M{LEFT} {BOTTOM}H{RIGHT}" stroke="currentColor" stroke-opacity="0.3"/>'
        f'<polyline points="{line}" style="{LINE_STYLE}"/>{circles}'
    )
