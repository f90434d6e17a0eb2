"""A network's report as one HTML page: the graph with each node's verdict, and rasters."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.nir.departures import Departures
from bio_scnn.nir.graph import Graph

COLOURS = {"agrees": "#cfe8cf", "departs": "#f3b8b0", "refused": "#e3e3e3", "": "#ffffff"}
"""Colours of nodes, by verdict."""

_DOTS, _ROWS = 4000, 40  # of a raster: more would not be seen
_BEFORE, _WINDOW = 20, 120  # steps of V before the first wrong one, and all that are drawn


def page(graph: Graph, screen: Sequence[str], judged: Sequence[Departures]) -> str:
    """The page.

    Parameters
    ----------
    graph : Graph
    screen : sequence of str
        Lines of the first screen.
    judged : sequence of Departures
        Importers that were held to the graph.
    """
    title = escape(f"{graph.name}: the network and its imports")
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        f"<title>{title}</title><style>body{{font:15px sans-serif;max-width:70em;margin:2em}}"
        "pre{background:#f6f6f6;padding:1em;overflow:auto}svg{max-width:100%}</style></head>",
        f"<body><h1>{title}</h1><pre>{escape(chr(10).join(screen))}</pre>",
    ]
    for one in judged:
        verdicts = {v.node: v.outcome for v in one.verdicts}
        parts.append(f"<h2>{escape(one.importer)}</h2><pre>{escape(str(one))}</pre>")
        parts.append(drawn(graph, verdicts))
        if one.first is not None and one.rasters is not None:
            for words, raster in zip(("the reference", one.importer), one.rasters, strict=True):
                label = f"{one.first.node} in {words}"
                parts.append(f"<p>{escape(label)}</p>{dots(raster, label)}")
            parts += potentials(graph, one)
    if not judged:
        parts.append(drawn(graph, {}))
    return "\n".join([*parts, "</body></html>\n"])


def potentials(graph: Graph, one: Departures) -> list[str]:
    """V of the worst neuron of the first wrong node, around its first wrong step."""
    if one.first is None or one.rasters is None or one.potentials is None:
        return []
    node = graph.nodes[one.first.node]
    steps = len(one.rasters[0])
    apart = (one.rasters[0] != one.rasters[1]).reshape(steps, -1)
    neuron = int(apart.sum(0).argmax())
    start = max(int(apart[:, neuron].argmax()) - _BEFORE, 0)
    curves = [
        None if V is None else V.reshape(steps, -1)[start : start + _WINDOW, neuron]
        for V in one.potentials
    ]
    level = None
    if node.fires:
        level = float(np.broadcast_to(node.values["v_threshold"], node.output_shape).flat[neuron])
    words = f"V of neuron {neuron} of {node.name} from step {start} on: the reference's (black)"
    words += (
        "; without a cause that explains it, the import's V is not known"
        if curves[1] is None
        else f", and that of the cause named for {one.importer} (red)"
    )
    words += "; its threshold is dashed" if level is not None else ""
    return [
        f"<p>{escape(words)}</p>{lines_of([c for c in curves if c is not None], level, words)}"
    ]


def lines_of(curves: Sequence[NDArray[Any]], level: float | None, label: str) -> str:
    """Curves over steps as SVG, and a dashed line at a level."""
    all_values = np.concatenate([*curves, [] if level is None else [level]])
    finite = all_values[np.isfinite(all_values)]
    low, high = float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
    width, height, span = 700, 180, (high - low) or 1.0

    def path(xs: Any, ys: Any) -> str:
        points = [
            f"{10 + 680 * x / max(len(curves[0]) - 1, 1):.1f} "
            f"{10 + 160 * (high - np.clip(y, low, high)) / span:.1f}"
            for x, y in zip(xs, ys, strict=True)
            if not np.isnan(y)
        ]
        return "M" + "L".join(points)

    drawn_lines = [
        f"<path d='{path(range(len(V)), V)}' fill='none' stroke='{colour}'/>"
        for V, colour in zip(curves, ("#222", "#c22"), strict=False)
    ]
    if level is not None:
        ends = path([0, len(curves[0]) - 1], [level, level])
        drawn_lines.append(f"<path d='{ends}' stroke='#777' stroke-dasharray='6 4'/>")
    marks = "".join(
        f"<text x='12' y='{y}' font-size='11' fill='#555'>{value:.4g}</text>"
        for y, value in ((20, high), (height - 4, low))
    )
    return (
        f"<svg viewBox='0 0 {width} {height}' width='{width}' role='img' "
        f"aria-label='{escape(label, quote=True)}'>{''.join(drawn_lines)}{marks}</svg>"
    )


def drawn(graph: Graph, verdicts: dict[str, str]) -> str:
    """The graph as SVG: nodes in the order of their sources, loops below them."""
    column: dict[str, int] = {}
    for name in graph.nodes:
        ahead = [column[a] + 1 for a in graph.sources(name) if (a, name) not in graph.back]
        column[name] = max(ahead, default=0)
    row: dict[str, int] = {}
    for name, at in column.items():
        row[name] = sum(column[other] == at for other in row)
    place = {name: (20 + 150 * column[name], 20 + 70 * row[name]) for name in column}
    width = 170 + 150 * max(column.values())
    height = 110 + 70 * max(row.values())
    lines = [
        f"<svg viewBox='0 0 {width} {height}' role='img' aria-label='graph' width='{width}'>",
        "<defs><marker id='a' viewBox='0 0 8 8' refX='8' refY='4' markerWidth='7' "
        "markerHeight='7' orient='auto'><path d='M0 0L8 4L0 8z'/></marker></defs>",
    ]
    for a, b in graph.edges:
        (x0, y0), (x1, y1) = place[a], place[b]
        back = (a, b) in graph.back
        path = f"M{x0 + 120} {y0 + 20}L{x1} {y1 + 20}"
        if back:
            m0, m1, low = x0 + 60, x1 + 60, max(y0, y1) + 80
            path = f"M{m0} {y0 + 40}C{m0} {low},{m1} {low},{m1} {y1 + 40}"
        dash = " stroke-dasharray='5 3'" if back else ""
        lines.append(f"<path d='{path}' fill='none' stroke='#555'{dash} marker-end='url(#a)'/>")
    for name, node in graph.nodes.items():
        x, y = place[name]
        outcome = verdicts.get(name, "")
        told = f"{name}: {node.kind} {outcome}".strip()
        lines.append(
            f"<g><title>{escape(told)}</title><rect x='{x}' y='{y}' width='120' height='40' "
            f"rx='6' fill='{COLOURS[outcome]}' stroke='#333'/><text x='{x + 60}' y='{y + 17}' "
            f"text-anchor='middle' font-size='13'>{escape(name[:16])}</text><text x='{x + 60}' "
            f"y='{y + 33}' text-anchor='middle' font-size='11'>"
            f"{escape(f'{node.kind} {outcome}'.strip())}</text></g>"
        )
    return "\n".join([*lines, "</svg>"])


def dots(raster: NDArray[Any], label: str) -> str:
    """Spikes of some neurons as SVG, a row for each; those that fire most."""
    flat = raster.reshape(len(raster), -1)
    shown = np.sort(np.argsort(-np.abs(flat).sum(0), kind="stable")[:_ROWS])
    steps, rows = np.nonzero(flat[:, shown])
    width, height = 700, 12 + 6 * len(shown)
    marks = "".join(
        f"M{10 + 680 * step / max(len(flat), 1):.1f} {6 + 6 * row}v4"
        for step, row in zip(steps[:_DOTS], rows[:_DOTS], strict=True)
    )
    return (
        f"<svg viewBox='0 0 {width} {height}' width='{width}' role='img' "
        f"aria-label='{escape(label, quote=True)}'><path d='{marks}' stroke='#222'/></svg>"
    )
