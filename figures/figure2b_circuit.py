"""Figure 2(b): the circuit of the LIF neuron, labelled with the values that every simulation uses.

A current charges a capacitor that a resistor discharges. A comparator watches their voltage: when
it reaches the threshold, the neuron spikes, and a switch holds the voltage at its reset value for
the refractory period. The symbols are those of ANSI (IEEE 315).
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyArrowPatch, Polygon

from bio_scnn.commands.options import run
from bio_scnn.neuron.parameters import TABLE_1
from figures import common
from tools import drawing
from tools.drawing import BLACK, COLUMN, VERMILION, styled

Point = tuple[float, float]

# Inches: the page, the wires of the node V and of the ground, and each branch between them.
HEIGHT, TOP, LOW = 2.36, 2.1, 0.9
SOURCE, RESISTOR, CAPACITOR, SWITCH, COMPARATOR = 0.46, 0.94, 1.46, 2.06, 2.46
MIDDLE = (TOP + LOW) / 2
BLADE = MIDDLE - 0.1  # where the spike's wire takes hold of the switch
OUTPUT = TOP - 0.13  # the comparator's inputs are as far above and below it
WIRE: dict[str, Any] = {
    "color": BLACK,
    "lw": 0.9,
    "solid_capstyle": "round",
    "solid_joinstyle": "round",
}


def measure() -> dict[str, float]:
    """The values on the labels: Table 1's, and the resistance that follows from them."""
    values = dataclasses.asdict(TABLE_1)
    shown = ("C_ms", "tau_ms", "V_th", "V_reset", "t_ref_ms")
    return {name: values[name] for name in shown} | {"R": TABLE_1.R}


@styled
def draw(data: dict[str, float]) -> Any:
    """The circuit, with its equations beneath."""
    figure = plt.figure(figsize=(COLUMN, HEIGHT), layout="none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, COLUMN), ylim=(0, HEIGHT))
    axes.axis("off")

    wire(axes, [(SOURCE, TOP), (COMPARATOR, TOP)])
    wire(axes, [(SOURCE, LOW), (CAPACITOR, LOW)])
    for junction in ((RESISTOR, TOP), (CAPACITOR, TOP), (SWITCH, TOP), (RESISTOR, LOW)):
        axes.add_patch(Circle(junction, 0.027, color=BLACK, zorder=3))
    label(axes, (CAPACITOR + SWITCH) / 2, TOP + 0.12, "$V(t)$", ha="center")
    current_source(axes)
    resistor(axes)
    capacitor(axes)
    ground(axes)
    label(axes, SOURCE - 0.2, MIDDLE, "$I(t)$", ha="right")
    label(axes, RESISTOR + 0.11, MIDDLE, f"$R$ =\n{data['R']:g}")
    label(axes, CAPACITOR + 0.16, MIDDLE - 0.16, f"$C$ =\n{data['C_ms']:g} ms")
    switch(axes)
    comparator(axes)
    label(axes, SWITCH + 0.07, LOW, rf"$V_\mathrm{{reset}}$ = {data['V_reset']:g}")
    label(axes, COMPARATOR - 0.05, TOP - 0.46, rf"$V_\mathrm{{th}}$ = {data['V_th']:g}")
    held = f"closed for\n$t_\\mathrm{{ref}}$ = {data['t_ref_ms']:g} ms"
    label(axes, SWITCH + 0.18, BLADE - 0.2, held, color=VERMILION)
    equations(axes, data)
    return figure


def wire(axes: Axes, points: Sequence[Point], **style: Any) -> None:
    """A line through points."""
    axes.plot(*zip(*points, strict=True), **WIRE | style)


def terminal(axes: Axes, at: Point) -> None:
    """An open end, where a fixed potential is applied."""
    axes.add_patch(Circle(at, 0.03, fc="white", ec=BLACK, lw=0.9, zorder=3))


def label(axes: Axes, x: float, y: float, text: str, **style: Any) -> None:
    """Text beside a symbol, to its right unless told."""
    plain: dict[str, Any] = {"ha": "left", "va": "center", "fontsize": 8, "linespacing": 1.2}
    axes.text(x, y, text, **plain | style)


def current_source(axes: Axes) -> None:
    """A circle with the current's direction in it: into the node V."""
    r = 0.16
    wire(axes, [(SOURCE, LOW), (SOURCE, MIDDLE - r)])
    wire(axes, [(SOURCE, MIDDLE + r), (SOURCE, TOP)])
    axes.add_patch(Circle((SOURCE, MIDDLE), r, fc="none", ec=BLACK, lw=0.9))
    arrow(axes, (SOURCE, MIDDLE - 0.11), (SOURCE, MIDDLE + 0.12))


def resistor(axes: Axes) -> None:
    """Three teeth to either side."""
    half, tooth = 0.22, 0.065
    y = MIDDLE - half + 2 * half * np.array([0, 1, 3, 5, 7, 9, 11, 12]) / 12
    x = RESISTOR + tooth * np.array([0, 1, -1, 1, -1, 1, -1, 0])
    wire(axes, [(RESISTOR, LOW), *zip(x, y, strict=True), (RESISTOR, TOP)])


def capacitor(axes: Axes) -> None:
    """Two plates."""
    gap, half = 0.035, 0.13
    for y, end in ((MIDDLE - gap, LOW), (MIDDLE + gap, TOP)):
        wire(axes, [(CAPACITOR - half, y), (CAPACITOR + half, y)], lw=1.4)
        wire(axes, [(CAPACITOR, y), (CAPACITOR, end)])


def ground(axes: Axes) -> None:
    """Three bars, below the common wire."""
    wire(axes, [(RESISTOR, LOW), (RESISTOR, LOW - 0.1)])
    for bar, half in enumerate((0.11, 0.07, 0.03)):
        y = LOW - 0.1 - 0.04 * bar
        wire(axes, [(RESISTOR - half, y), (RESISTOR + half, y)])


def switch(axes: Axes) -> None:
    """Open, as it is between spikes; the comparator closes it."""
    upper, lower = BLADE + 0.16, BLADE - 0.16
    wire(axes, [(SWITCH, TOP), (SWITCH, upper)])
    wire(axes, [(SWITCH, lower), (SWITCH, LOW)])
    blade = (SWITCH - 0.13, upper)
    wire(axes, [(SWITCH, lower), blade])
    for y in (upper, lower):
        axes.add_patch(Circle((SWITCH, y), 0.02, color=BLACK, zorder=3))
    terminal(axes, (SWITCH, LOW))


def comparator(axes: Axes) -> None:
    """V above, V_th below, the spike to the right, and what the spike does to the switch."""
    tip = COMPARATOR + 0.4
    corners = [(COMPARATOR, OUTPUT - 0.25), (COMPARATOR, OUTPUT + 0.25), (tip, OUTPUT)]
    axes.add_patch(Polygon(corners, fc="none", ec=BLACK, lw=0.9, joinstyle="round"))
    low = 2 * OUTPUT - TOP
    label(axes, COMPARATOR + 0.03, TOP, "+")
    label(axes, COMPARATOR + 0.03, low, "−")
    reference = (COMPARATOR - 0.13, TOP - 0.46)
    wire(axes, [(COMPARATOR, low), (COMPARATOR - 0.13, low), reference])
    terminal(axes, reference)
    branch = tip + 0.1
    wire(axes, [(tip, OUTPUT), (branch, OUTPUT)])
    arrow(axes, (branch, OUTPUT), (branch + 0.28, OUTPUT), VERMILION)
    label(axes, branch + 0.14, OUTPUT + 0.11, "spike", ha="center", color=VERMILION)
    axes.add_patch(Circle((branch, OUTPUT), 0.027, color=VERMILION, zorder=3))
    control = [(branch, OUTPUT), (branch, BLADE), (SWITCH - 0.065, BLADE)]
    wire(axes, control, color=VERMILION, ls=(0, (3, 2)), dash_capstyle="butt")


def arrow(axes: Axes, start: Point, end: Point, colour: str = BLACK) -> None:
    """A wire that shows its direction."""
    style: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 6, "lw": 0.9}
    axes.add_patch(FancyArrowPatch(start, end, shrinkA=0, shrinkB=0, color=colour, **style))


def equations(axes: Axes, data: dict[str, float]) -> None:
    """Eq. 1 and 2, with their numbers."""
    ms = f"{data['tau_ms']:g} ms"
    rows = (
        (0.44, r"$\dfrac{dV}{dt} = \dfrac{I(t) - V/R}{C}$," f"    $\\tau = RC$ = {ms}", "(1)"),
        (0.13, r"$V \geq V_\mathrm{th}$:  spike, then $V \leftarrow V_\mathrm{reset}$", "(2)"),
    )
    for y, text, number in rows:
        label(axes, 0.2, y, text)
        label(axes, COLUMN - 0.06, y, number, ha="right")


def main(args: argparse.Namespace | None = None) -> None:
    """Read, draw, save."""
    args = args or common.arguments(common.parser(__doc__))
    data = measure()
    drawing.save(args, "figure2b_circuit", draw(data), data)


if __name__ == "__main__":
    run(main)
