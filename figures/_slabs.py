"""The diagram of figure 1: slabs for the arrays, arrows for the connections, a table beneath.

Coordinates are inches. A slab is as high as its array's resolution, and as wide as the square root
of its channels, so that 4 can be seen beside 192.
"""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Polygon
from matplotlib.path import Path

from tools.drawing import BLUE, GREY, PAGE, VERMILION

Point = tuple[float, float]

HEIGHT, MARGIN, FULL = 2.98, 0.06, 0.72  # of the page, around it, of a slab at full resolution
WIDEST, PER_CHANNEL = 0.42, 0.0217  # inches; per square root of a channel
SLANT = 0.16  # how far a slab recedes, of its height
TABLE, ROW, MIDDLE = 1.1, 0.128, 1.77
TITLE, SUBTITLE = 2.83, 2.71
INK, PALE = "#333333", "#FCEBE1"
SMALL = 6.5
ROWS = ("kernel", "stride", "dilation", "pixels", "channels", "parameters")


def diagram(data: dict[str, Any]) -> Any:
    """Draw what `figure1_architecture.describe` found."""
    figure = plt.figure(figsize=(PAGE, HEIGHT), layout="none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, PAGE), ylim=(0, HEIGHT))
    axes.axis("off")
    stages = [stage for stage in data["stages"] if stage["kind"] != "composition"]
    left, right = MARGIN + FULL, PAGE - MARGIN - FULL
    pitch = (right - left) / len(stages)
    x = {stage["name"]: left + (i + 0.47) * pitch for i, stage in enumerate(stages)}
    spiking_band(axes, data, x["snn"] - pitch / 2, x["neurons"] + pitch / 2)
    cnn_title(axes, stages, x["conv2"] - 0.4 * pitch, x[stages[-1]["name"]] + 0.4 * pitch)
    x |= {"input": MARGIN + FULL / 2, "composition": right + FULL / 2}
    thumbnail(axes, data["input_png"], x["input"], "input")
    thumbnail(axes, data["output_png"], x["composition"], "output")
    fills = "\n".join(stages[0]["fills"])
    write(axes, x["fills"], MIDDLE + (0.5 + SLANT) * FULL + 0.06, fills, va="bottom")
    chain(axes, data, stages, x)
    links(axes, data, x)
    table(axes, data, x)
    return figure


def named(data: dict[str, Any], name: str) -> dict[str, Any]:
    """One stage."""
    return next(stage for stage in data["stages"] if stage["name"] == name)


def seen_again(data: dict[str, Any]) -> dict[str, int]:
    """Channels of the rates that join a stage's output, by that stage."""
    pairs = itertools.pairwise(stage["name"] for stage in data["stages"])
    before = {after: name for name, after in pairs}
    joins = [link for link in data["connections"] if link["kind"] == "concatenation"]
    return {before[link["to"]]: link["channels"] for link in joins}


def cnn_title(axes: Axes, stages: Sequence[dict[str, Any]], left: float, right: float) -> None:
    """Title above the layers behind the neurons, and the meaning of a slab's size."""
    middle, layers = (left + right) / 2, sum("kernel" in stage for stage in stages) - 1
    title = f"CNN: {layers} convolution layers"
    write(axes, middle, TITLE, title, color=BLUE, fontsize=7.5, weight="bold")
    axes.plot([left, right], [SUBTITLE + 0.03] * 2, color=BLUE, lw=0.8)
    write(axes, middle, SUBTITLE - 0.06, "slab height: resolution,  width: √channels")


def chain(
    axes: Axes, data: dict[str, Any], stages: Sequence[dict[str, Any]], x: dict[str, float]
) -> None:
    """The slabs, from input to output, and the rates beside those that they join."""
    joined, neurons = seen_again(data), named(data, "neurons")
    end = MARGIN + FULL  # of what was drawn last
    for stage in stages:
        parts = [(slab_width(stage["shape"][2]), colour_of(stage))]
        if stage["name"] in joined:
            parts.append((slab_width(joined[stage["name"]]), colour_of(neurons)))
        start = x[stage["name"]] - sum(width for width, _ in parts) / 2
        height = FULL * stage["resolution"]
        arrow(axes, [(end + 0.02, MIDDLE), (start - 0.015, MIDDLE)])
        for width, colour in parts:
            slab(axes, start, width, height, colour)
            start += width
        end = start + SLANT * height / 2
        if stage["name"] in joined:
            rates_arrow(axes, neurons, x["neurons"], start - parts[-1][0] / 2, height)
    arrow(axes, [(end + 0.02, MIDDLE), (PAGE - MARGIN - FULL - 0.015, MIDDLE)])


def links(axes: Axes, data: dict[str, Any], x: dict[str, float]) -> None:
    """Residual connections above the slabs, the fills' way to the output below them."""
    for link in data["connections"]:
        start, end = x[link["from"]], x.get(link["to"], 0.0)
        if link["kind"] == "residual":
            height = FULL * named(data, link["to"])["resolution"]
            top, d = MIDDLE + height * (0.5 + SLANT), SLANT * height / 2
            start, end, high = start + d + 0.04, end + d - 0.04, top + 0.12
            arrow(axes, [(start, top), (start, high), (end, high), (end, top + 0.01)])
            write(axes, (start + end) / 2, high + 0.065, "+", fontsize=8)
        elif link["kind"] == "composition":
            bottom, low = MIDDLE - FULL / 2 - 0.02, MIDDLE - FULL / 2 - 0.22
            arrow(axes, [(start, bottom), (start, low), (end, low), (end, bottom)])
            write(axes, (start + end) / 2, low, "fills, weighted pixel by pixel", box=True)


def slab_width(channels: int) -> float:
    """Inches; beyond some 370 channels all are as wide."""
    return min(PER_CHANNEL * channels**0.5, WIDEST)


def colour_of(stage: dict[str, Any]) -> str:
    """Spiking, convolution, or neither: an arrangement of numbers without weights."""
    if stage["name"] == "neurons":
        return VERMILION if stage["spikes"] else GREY
    return BLUE if "kernel" in stage else GREY


def slab(axes: Axes, left: float, width: float, height: float, colour: str) -> None:
    """A box seen from the side: its channels in front, its picture plane receding."""
    bottom, top, d = MIDDLE - height / 2, MIDDLE + height / 2, SLANT * height
    right = left + width
    front = [(left, bottom), (right, bottom), (right, top), (left, top)]
    lid = [(left, top), (right, top), (right + d, top + d), (left + d, top + d)]
    side = [(right, bottom), (right + d, bottom + d), (right + d, top + d), (right, top)]
    base = np.array(to_rgb(colour))
    for corners, light in ((lid, 0.65), (side, 0.2), (front, 0.4)):
        face = 1 - (1 - base) * (1 - light)
        axes.add_patch(Polygon(corners, fc=face, ec=INK, lw=0.4, joinstyle="round", zorder=3))


def arrow(axes: Axes, points: Sequence[Point], colour: str = INK) -> None:
    """An arrow along a line with corners."""
    style: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 5, "lw": 0.7}
    axes.add_patch(FancyArrowPatch(path=Path(points), color=colour, zorder=2, **style))


def rates_arrow(
    axes: Axes, neurons: dict[str, Any], start: float, end: float, height: float
) -> None:
    """The neurons' rates, past the layers between, to where they are seen again."""
    colour = VERMILION if neurons["spikes"] else INK
    kinds = {"trains": "firing rates", None: "rectified features"}
    what = kinds.get(neurons["spikes"], "spikes")
    low, bottom = MIDDLE - FULL / 2 - 0.06, MIDDLE - FULL * neurons["resolution"] / 2
    points = [(start, bottom - 0.02), (start, low), (end, low), (end, MIDDLE - height / 2 - 0.02)]
    arrow(axes, points, colour)
    write(axes, (start + end) / 2, low, f"{what}, concatenated", box=True, color=colour)


def spiking_band(axes: Axes, data: dict[str, Any], left: float, right: float) -> None:
    """Band behind the spiking layer's slabs and columns, with its neurons and some spikes."""
    stage = named(data, "neurons")
    colour = VERMILION if stage["spikes"] else INK
    fill = PALE if stage["spikes"] else "#F0F0F0"
    corner, size = (left, MARGIN), (right - left, HEIGHT - 2 * MARGIN)
    style = "round,pad=0,rounding_size=0.05"
    axes.add_patch(FancyBboxPatch(corner, *size, boxstyle=style, fc=fill, ec="none", zorder=0))
    middle = (left + right) / 2
    title, unit = ("spiking layer", "neurons") if stage["spikes"] else ("no spikes", "units")
    write(axes, middle, TITLE, title, color=colour, fontsize=7.5, weight="bold")
    write(axes, middle, SUBTITLE, f"{stage['units']:,} {unit}")
    width, height = 0.8, 0.23
    x, y = middle - width / 2, 2.38
    if data["spike_trains_ms"]:
        trains = data["spike_trains_ms"]
        write(axes, middle, y - 0.07, f"{len(trains)} in Brian2, {data['duration_ms']:g} ms")
        for row, train in enumerate(trains):
            at = x + width * np.array(train) / data["duration_ms"]
            base = y + height * row / len(trains)
            stroke = [base, base + 0.85 * height / len(trains), np.nan]
            axes.plot(np.repeat(at, 3), stroke * len(at), color=colour, lw=0.8)
    else:  # what stands in the place of the neurons, as a function of the feature
        steps = {"rectifiers": [(0, 0), (0.5, 0), (1, 1)]}
        u, v = np.transpose(steps.get(stage["kind"], [(0, 0), (0.5, 0), (0.5, 1), (1, 1)]))
        axes.plot(x + width * u, y + height * v, color=colour)


def thumbnail(axes: Axes, png: str, centre: float, name: str) -> None:
    """A picture at full resolution, seen from the front, below its name."""
    pixels = plt.imread(io.BytesIO(base64.b64decode(png)))
    box = (centre - FULL / 2, centre + FULL / 2, MIDDLE - FULL / 2, MIDDLE + FULL / 2)
    axes.imshow(pixels, extent=box, interpolation="none", aspect="auto", zorder=3)
    axes.set(xlim=(0, PAGE), ylim=(0, HEIGHT))  # which imshow changes
    write(axes, centre, MIDDLE + FULL / 2 + 0.09, name)


def write(axes: Axes, x: float, y: float, text: str, *, box: bool = False, **style: Any) -> None:
    """Text at its centre; a box covers the line it stands on."""
    plain: dict[str, Any] = {
        "ha": "center",
        "va": "center",
        "fontsize": SMALL,
        "color": INK,
        "zorder": 4,
    }
    if box:
        style["bbox"] = {"fc": "white", "ec": "none", "pad": 1}
    axes.text(x, y, text, **plain | style)


def heading(stage: dict[str, Any]) -> str:
    """A stage's name above its column, on two lines."""
    kind = stage["kind"]
    if "kernel" in stage:
        number = 1 if stage["name"] == "snn" else stage["name"].removeprefix("conv")
        return f"conv {number}" + ("\n+ ReLU" if kind.endswith("ReLU") else "")
    if "factor" in stage:
        return f"{'fold' if kind == 'fold' else 'unfold'}\n{stage['factor']} × {stage['factor']}"
    return kind.removesuffix(" (Brian2)").replace(" ", "\n", 1)


def table(axes: Axes, data: dict[str, Any], x: dict[str, float]) -> None:
    """Kernels, shapes and parameters, each below its slab."""
    lines = [TABLE - 0.29 - ROW * (row + 0.5) for row in range(len(ROWS))]
    for name, y in zip(ROWS, lines, strict=True):
        write(axes, MARGIN, y, name, ha="left")
    for y in (TABLE - 0.27, lines[-1] + ROW / 2):
        axes.plot([MARGIN, PAGE - MARGIN], [y, y], color=INK, lw=0.4, zorder=1)
    write(axes, x["composition"], lines[-1], f"Σ {data['parameters']:,}", weight="bold")
    if data["stages"][-1]["kind"] != "composition":
        write(axes, x["composition"], TABLE - 0.13, "restored")
    joined = seen_again(data)
    for stage in data["stages"]:
        centre = x[stage["name"]]
        colour = VERMILION if stage["spikes"] else INK
        write(axes, centre, TABLE - 0.13, heading(stage), color=colour, linespacing=1.1)
        height, width, channels = stage["shape"]
        cells = {"pixels": f"{height}²" if height == width else f"{height}×{width}"}
        cells["channels"] = str(channels)
        if stage["name"] in joined:
            cells["channels"] += f" + {joined[stage['name']]}"
        if "kernel" in stage:
            cells |= {"kernel": f"{stage['kernel']} × {stage['kernel']}"}
            cells |= {key: str(stage[key]) for key in ("stride", "dilation")}
            cells["parameters"] = f"{stage['parameters']:,}"
        for name, y in zip(ROWS, lines, strict=True):
            write(axes, centre, y, cells.get(name, ""))
