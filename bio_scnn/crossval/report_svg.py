"""Curves of an implementation as inline SVG; colours come from the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

from bio_scnn.crossval.results import Portrait

WIDTH = 560
_LEFT, _RIGHT = 52, 12
_MOST_POINTS = 600


def fi_curve_svg(portrait: Portrait, name: str) -> str:
    """The f-I curve: exact, of a perfect neuron on the grid, measured; and the errors below."""
    errors = [
        [100 * (r / e - 1) if e > 0 else math.nan for r, e in zip(rates, exact, strict=True)]
        for exact in (portrait.exact_rate_hz,)
        for rates in (portrait.floor_rate_hz, portrait.rate_hz)
    ]
    x = _range(portrait.current)
    curves = _Panel(
        x, _range([0, *portrait.exact_rate_hz, *portrait.rate_hz]), 10, 200, "rate (Hz)"
    )
    below = _Panel(x, _range([0, *_middle(errors[0]), *_middle(errors[1])]), 222, 90, "error (%)")
    return _svg(
        352,
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
    """V of a neuron that shall fire at 150 Hz, with the spikes above: exact and measured."""
    t = portrait.t_ms
    heights = [0, 1, *portrait.exact_membrane, *_middle(portrait.membrane)]
    panel = _Panel(_range([0, *t]), _range(heights), 50, 262, "V (dimensionless)")
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
        352,
        f"Membrane potential and spikes of {name}, exact and measured",
        [
            *panel.frame("time (ms)"),
            *panel.line(t, portrait.exact_membrane, "exact"),
            *panel.line(t, portrait.membrane, "measured"),
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
                f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" class="end">{_number(value)}</text>'
            )
        for value in _ticks(*self.x, 7):
            x = self.px(value)
            parts.append(f'<path class="grid" d="M{x:.1f} {self.top}V{bottom}"/>')
            if labels:
                parts.append(
                    f'<text x="{x:.1f}" y="{bottom + 15}" class="middle">{_number(value)}</text>'
                )
        middle = self.top + self.height / 2
        parts.append(
            f'<text x="11" y="{middle}" class="middle" transform="rotate(-90 11 {middle})">'
            f"{self.label}</text>"
        )
        if x_label:
            centre = (_LEFT + WIDTH - _RIGHT) / 2
            parts.append(f'<text x="{centre}" y="{bottom + 33}" class="middle">{x_label}</text>')
        return parts

    def line(self, x: Sequence[float], y: Sequence[float], kind: str) -> list[str]:
        """A polyline, interrupted where a value is not finite."""
        pieces: list[str] = []
        pen = "M"
        for point in self._points(x, y):
            if point is None:
                pen = "M"
            else:
                pieces.append(f"{pen}{point[0]:.1f} {point[1]:.1f}")
                pen = "L"
        return [f'<path class="{kind}" d="{"".join(pieces)}"/>'] if pieces else []

    def dots(self, x: Sequence[float], y: Sequence[float]) -> list[str]:
        """A mark at each point."""
        marks = [f"M{p[0]:.1f} {p[1]:.1f}h0" for p in self._points(x, y) if p is not None]
        return [f'<path class="measured dots" d="{"".join(marks)}"/>'] if marks else []

    def _points(
        self, x: Sequence[float], y: Sequence[float]
    ) -> Iterable[tuple[float, float] | None]:
        stride = -(-max(len(x), 1) // _MOST_POINTS)
        low, high = self.y
        for number, (a, b) in enumerate(zip(x, y, strict=True)):
            if number % stride:
                continue
            if not (math.isfinite(a) and math.isfinite(b)):
                yield None
                continue
            # What is far off stays at the rim.
            yield self.px(a), self.py(min(max(b, low), high))


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
    finite = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    margin = 0.05 * (high - low) or 0.5 * abs(high) or 1.0
    return low - margin * (low != 0), high + margin


def _ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers within a range."""
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    step *= next(m for m in (1, 2, 5, 10) if (high - low) / (m * step) <= most)
    first = math.ceil(low / step)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def _number(value: float) -> str:
    return f"{value:.6g}".replace("-", "−")
