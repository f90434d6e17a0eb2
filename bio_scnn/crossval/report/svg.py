"""Curves of an implementation as inline SVG; colours come from the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

from bio_scnn.crossval.report.words import decimal
from bio_scnn.crossval.results import Portrait

WIDTH = 440
_LEFT, _RIGHT = 70, 10
_TOLERANCE = 0.2  # pixels that a line may lie beside its points
_LARGEST = 1e100  # of what an axis shows: sums and products of more may overflow


def fi_curve_svg(portrait: Portrait, name: str) -> str:
    """The f-I curve: exact, of a perfect neuron on the grid, measured; and the errors below."""
    errors = [
        [100 * (r / e - 1) if e > 0 else math.nan for r, e in zip(rates, exact, strict=True)]
        for exact in (portrait.exact_rate_hz,)
        for rates in (portrait.floor_rate_hz, portrait.rate_hz)
    ]
    x = _range(portrait.current)
    curves = _Panel(
        x, _range([0, *portrait.exact_rate_hz, *portrait.rate_hz]), 10, 190, "rate (Hz)"
    )
    below = _Panel(x, _range([0, *_middle(errors[0]), *_middle(errors[1])]), 218, 84, "error (%)")
    return _svg(
        342,
        f"Firing rate of {name} against the current, and its error in percent",
        [
            *curves.frame(labels=False),
            *curves.line(portrait.current, portrait.exact_rate_hz, "exact"),
            *curves.line(portrait.current, portrait.floor_rate_hz, "floor"),
            *curves.dots(portrait.current, portrait.rate_hz),
            *below.frame("current (dimensionless)"),
            *below.line(x, (0.0, 0.0), "exact"),
            *below.line(portrait.current, errors[0], "floor"),
            *below.dots(portrait.current, errors[1]),
        ],
    )


def membrane_svg(portrait: Portrait, name: str) -> str:
    """V of a neuron at the target rate, with the spikes above: exact and measured."""
    t = portrait.t_ms
    V = [math.nan if v is None else v for v in portrait.membrane]
    heights = [0, 1, *portrait.exact_membrane, *_middle(V)]
    panel = _Panel(_range([0, *t]), _range(heights), 50, 252, "V (dimensionless)")
    marks = []
    for row, (kind, spikes) in enumerate(
        (("exact", portrait.exact_spikes_ms), ("measured", portrait.spikes_ms))
    ):
        top = 10 + 18 * row
        marks += [
            f'<path class="{kind}" d="M{panel.px(s):.1f} {top}v14"/>'
            for s in spikes
            if panel.x[0] <= s <= panel.x[1]
        ]
        marks.append(f'<text x="{_LEFT - 6}" y="{top + 11}" class="end">{kind}</text>')
    return _svg(
        342,
        f"Membrane potential and spikes of {name}, exact and measured",
        [
            *panel.frame("time (ms)"),
            *panel.line(t, portrait.exact_membrane, "exact"),
            *panel.line(t, V, "measured"),
            *marks,
        ],
    )


class _Panel:
    """Axes in data coordinates."""

    def __init__(
        self, x: tuple[float, float], y: tuple[float, float], top: float, height: float, label: str
    ):
        self.x, self.y, self.top, self.height, self.label = x, y, top, height, label

    def px(self, x: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * (x - self.x[0]) / (self.x[1] - self.x[0])

    def py(self, y: float) -> float:
        return self.top + self.height * (self.y[1] - y) / (self.y[1] - self.y[0])

    def frame(self, x_label: str = "", labels: bool = True) -> list[str]:
        """Grid lines, tick labels, axis labels."""
        bottom = self.top + self.height
        parts = []
        for value in _ticks(*self.y, 5 if self.height > 100 else 3):
            y = self.py(value)
            parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>')
            parts.append(
                f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" class="end">{decimal(value, 6)}</text>'
            )
        for value in _ticks(*self.x, 7):
            x = self.px(value)
            parts.append(f'<path class="grid" d="M{x:.1f} {self.top}V{bottom}"/>')
            if labels:
                at = f'x="{x:.1f}" y="{bottom + 15}"'
                parts.append(f'<text {at} class="middle">{decimal(value, 6)}</text>')
        middle = self.top + self.height / 2
        parts.append(
            f'<text x="13" y="{middle}" class="middle" transform="rotate(-90 13 {middle})">'
            f"{self.label}</text>"
        )
        if x_label:
            centre = (_LEFT + WIDTH - _RIGHT) / 2
            parts.append(f'<text x="{centre}" y="{bottom + 33}" class="middle">{x_label}</text>')
        return parts

    def line(self, x: Sequence[float], y: Sequence[float], kind: str) -> list[str]:
        """A polyline, interrupted where a value is not finite."""
        pieces, stretch = [], []
        for a, b in [*zip(x, y, strict=True), (math.nan, math.nan)] if y else []:
            if math.isfinite(a) and math.isfinite(b):
                stretch.append(self._at(a, b))
            elif stretch:
                pieces.append("M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in _thinned(stretch)))
                stretch = []
        return [f'<path class="{kind}" d="{"".join(pieces)}"/>'] if pieces else []

    def dots(self, x: Sequence[float], y: Sequence[float]) -> list[str]:
        """A mark at each point."""
        finite = [(a, b) for a, b in zip(x, y, strict=True) if math.isfinite(b)]
        marks = ["M{:.1f} {:.1f}h0".format(*self._at(a, b)) for a, b in finite]
        return [f'<path class="measured dots" d="{"".join(marks)}"/>'] if marks else []

    def _at(self, x: float, y: float) -> tuple[float, float]:
        # What is far off stays at the rim.
        return self.px(x), self.py(min(max(y, self.y[0]), self.y[1]))


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Without the points that lie on the line between others (Ramer, Douglas and Peucker)."""
    keep = {0, len(points) - 1}
    spans = [(0, len(points) - 1)]
    while spans:
        first, last = spans.pop()
        (x0, y0), (x1, y1) = points[first], points[last]
        length = math.hypot(x1 - x0, y1 - y0) or 1.0
        far, where = _TOLERANCE, 0
        for index in range(first + 1, last):
            x, y = points[index]
            distance = abs((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)) / length
            if distance > far:
                far, where = distance, index
        if where:
            keep.add(where)
            spans += [(first, where), (where, last)]
    return [points[index] for index in sorted(keep)]


def _svg(height: int, label: str, parts: Sequence[str]) -> str:
    label = escape(label)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">'
        + "".join(parts)
        + "</svg>"
    )


def _middle(values: Sequence[float]) -> list[float]:
    """Without the outermost 2 %, which would squeeze the rest."""
    finite = sorted(value for value in values if math.isfinite(value))
    cut = len(finite) // 50
    return finite[cut : len(finite) - cut]


def _range(values: Iterable[float]) -> tuple[float, float]:
    finite = [value for value in values if abs(value) < _LARGEST] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    margin = 0.05 * (high - low) or 0.5 * abs(high) or 1.0
    return low - margin * (low != 0), high + margin


def _ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers within a range."""
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    step *= next(m for m in (1, 2, 5, 10) if (high - low) / (m * step) <= most)
    first = math.ceil(low / step)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]
