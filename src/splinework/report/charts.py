"""Small line charts and bars as SVG in the colours of the page, styled by `assets/network.css` like those of the scripts."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from splinework.report.html import NOTHING, Html, element, join, number, text
from splinework.report.plot.protocols import Floats

Along = Callable[[float], float]
WIDTH, HEIGHT = 300, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 10, 10, 36


@dataclass(frozen=True)
class Line:
    """A curve.

    Attributes:
        x: Places, increasing.
        band: Lower and upper ends at the places, or None.
        kind: CSS class.
        points: Whether to mark the points.
        name: Name at its end; empty for none.
    """

    x: Floats
    y: Floats
    band: tuple[Floats, Floats] | None = None
    kind: str = "curve"
    points: bool = False
    name: str = ""


def line_chart(
    lines: Sequence[Line],
    label: str,
    *,
    names: tuple[str, str] = ("", ""),
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    rug: Floats | None = None,
    log: bool = False,
) -> Html:
    """Curves with axes."""
    left, right = x_range or extent([line.x for line in lines])
    low, high = y_range or extent([part for line in lines for part in (line.y, *(line.band or ()))], room=0.06)
    log = log and left > 0

    def across(x: float) -> float:
        share = math.log(x / left) / math.log(right / left) if log and right > left else (x - left) / (right - left)
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * share

    def up(y: float) -> float:
        return _TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - (y - low) / (high - low))

    floor = HEIGHT - _BOTTOM
    parts = [_horizontal(low, high, up)]
    for value in _log_ticks(left, right) if log else ticks(left, right, 5):
        parts.append(
            f'<line class="tick" x1="{across(value):.1f}" x2="{across(value):.1f}" y1="{floor}" y2="{floor + 4}"/>'
        )
        parts.append(f'<text x="{across(value):.1f}" y="{floor + 16}" text-anchor="middle">{number(value, 3)}</text>')
    if names[0]:
        middle = (_LEFT + WIDTH - _RIGHT) / 2
        parts.append(
            f'<text class="name" x="{middle}" y="{HEIGHT - 4}" text-anchor="middle">{text(names[0][:34])}</text>'
        )
    for line in lines:
        parts.append(_drawn(line, across, up, (low, high)))
    if rug is not None and len(rug):
        shown = np.unique(np.quantile(rug, np.linspace(0, 1, 60)))
        strokes = "".join(
            f"M{across(float(x)):.1f},{floor}v-5" for x in shown if left <= x <= right and (x > 0 or not log)
        )
        parts.append(f'<path class="rug" d="{strokes}"/>')
    return _svg(parts, label, WIDTH, HEIGHT)


def _drawn(line: Line, across: Along, up: Along, ends: tuple[float, float]) -> str:
    low, high = ends
    there = [(float(x), float(min(max(y, low), high))) for x, y in zip(line.x, line.y, strict=True) if math.isfinite(y)]
    parts = []
    if line.band is not None and all(np.isfinite(end).all() for end in line.band):
        lower, upper = (np.clip(end, low, high) for end in line.band)
        outline = [*zip(line.x, upper, strict=True), *reversed(list(zip(line.x, lower, strict=True)))]
        places = "L".join(f"{across(float(x)):.1f},{up(float(y)):.1f}" for x, y in outline)
        parts.append(f'<path class="band" d="M{places}Z"/>')
    if there:
        places = "L".join(f"{across(x):.1f},{up(y):.1f}" for x, y in there)
        parts.append(f'<path class="{line.kind}" d="M{places}"/>')
    if line.points:
        parts += [f'<circle class="dot" cx="{across(x):.1f}" cy="{up(y):.1f}" r="3"/>' for x, y in there]
    return "".join(parts)


def bar_chart(
    labels: Sequence[str], values: Floats, label: str, *, widths: Floats | None = None, ends: tuple[float, float]
) -> Html:
    """Horizontal bars from zero with their labels, and whiskers where there are widths; `ends` are those of the axis."""
    step, left = 22, 104
    height = _TOP + step * len(labels) + _BOTTOM - 10
    low, high = min(ends[0], 0.0), max(ends[1], 0.0)

    def across(value: float) -> float:
        return left + (WIDTH - left - _RIGHT) * (min(max(value, low), high) - low) / (high - low)

    floor = _TOP + step * len(labels)
    parts = []
    for value in ticks(low, high, 3):
        kind = "zero" if value == 0 else "grid"
        parts.append(
            f'<line class="{kind}" x1="{across(value):.1f}" x2="{across(value):.1f}" y1="{_TOP}" y2="{floor}"/>'
        )
        parts.append(f'<text x="{across(value):.1f}" y="{floor + 16}" text-anchor="middle">{number(value, 3)}</text>')
    for place, (name, value) in enumerate(zip(labels, values.tolist(), strict=True)):
        y = _TOP + step * place
        shown = name if len(name) <= 15 else f"{name[:14]}…"
        parts.append(
            f'<text x="{left - 6}" y="{y + 15}" text-anchor="end">{text(shown)}<title>{text(name)}</title></text>'
        )
        if not math.isfinite(value):
            continue
        a, b = sorted((across(0.0), across(value)))
        parts.append(f'<rect class="bar" x="{a:.1f}" y="{y + 4}" width="{max(1.0, b - a):.1f}" height="{step - 8}"/>')
        if widths is not None and math.isfinite(widths[place]):
            a, b = across(value - widths[place]), across(value + widths[place])
            parts.append(f'<path class="whisker" d="M{a:.1f},{y + step / 2}H{b:.1f}"/>')
    return _svg(parts, label, WIDTH, height)


def _svg(parts: Sequence[str], label: str, width: int, height: int) -> Html:
    return Html(
        f'<svg class="chart" role="img" aria-label="{text(label)}" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}">{"".join(parts)}</svg>'
    )


def figure(chart: Html, caption: str) -> Html:
    """A chart with a caption."""
    return element("figure", chart, element("figcaption", text(caption))) if chart else NOTHING


def grid(figures: Sequence[Html]) -> Html:
    """Figures side by side."""
    return element("div", join(*figures), class_="chart-grid") if figures else NOTHING


def extent(lists: Sequence[Floats], room: float = 0.0) -> tuple[float, float]:
    """The ends of all finite values, with some room; never of width zero."""
    finite = np.concatenate([np.asarray(values, dtype=float)[np.isfinite(values)] for values in lists] or [np.zeros(0)])
    if not len(finite):
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    if not high - low > 1e-12 * max(abs(low), abs(high)):
        half = max(1.0, abs(low)) / 2
        return low - half, high + half
    return low - room * (high - low), high + room * (high - low)


def ticks(low: float, high: float, count: int) -> list[float]:
    """Round values between two ends."""
    if not high > low:
        return [low]
    size = 10.0 ** math.floor(math.log10((high - low) / count))
    step = next(f * size for f in (1, 2, 5, 10, 20) if f * size >= 0.999 * (high - low) / count)
    first = math.ceil(low / step - 1e-9)
    return [place * step for place in range(first, math.floor(high / step + 1e-9) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1,) if high / low > 1e3 else (1, 3)
    found = [step * 10.0**power for power in powers for step in steps]
    kept = [value for value in found if low <= value <= high]
    kept = kept[:: max(1, len(kept) // 5)]
    return kept if len(kept) > 1 else [low, high]


def _horizontal(low: float, high: float, up: Along) -> str:
    parts = []
    values = ticks(low, high, 4)
    spaced = all(b > a for a, b in pairwise(values))
    for value in values if spaced else [low]:
        kind = "zero" if value == 0 else "grid"
        y = up(value)
        parts.append(f'<line class="{kind}" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{number(value, 3)}</text>')
    return "".join(parts)
