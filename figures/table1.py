"""Table 1: the neuron's parameters, read off the object that every simulation uses."""

from __future__ import annotations

import argparse
from typing import Any

from bio_scnn.commands.options import run
from bio_scnn.neuron.parameters import TABLE_1
from figures import common
from tools import drawing
from tools.drawing import styled, table_figure

# Field: the paper's row, the unit printed there, and what the value does here.
ROWS = {
    "V_th": ("Threshold value", "", "V fires on reaching it (eq. 2)"),
    "V_reset": ("Reset potential", "", "V after a spike, and at the start"),
    "tau_noise_ms": ("Noise", "ms", "correlation time of the current noise"),
    "t_ref_ms": ("Refractory period", "ms", "V is clamped for so long"),
    "rate_min_hz": ("Firing rate (minimum)", "Hz", "of a neuron with feature 0"),
    "rate_max_hz": ("Firing rate (maximum)", "Hz", "of a neuron with feature 1"),
    "tau_ms": ("Membrane time constant", "ms", "leak of eq. 3"),
    "tau_syn_ms": ("Post-synaptic current", "ms", "decay of the synaptic current"),
    "C_ms": ("Membrane capacitance", "ms", "of eq. 1, V and I being dimensionless"),
}
SYMBOLS = {
    "V_th": r"$V_\mathrm{th}$",
    "V_reset": r"$V_\mathrm{reset}$",
    "tau_noise_ms": r"$\tau_\mathrm{noise}$",
    "t_ref_ms": r"$t_\mathrm{ref}$",
    "rate_min_hz": r"$r_\mathrm{min}$",
    "rate_max_hz": r"$r_\mathrm{max}$",
    "tau_ms": r"$\tau$",
    "tau_syn_ms": r"$\tau_\mathrm{syn}$",
    "C_ms": r"$C$",
}


def measure() -> dict[str, Any]:
    """The values of `TABLE_1`, and the resistance that follows from them."""
    return {name: getattr(TABLE_1, name) for name in (*ROWS, "R")}


@styled
def draw(data: dict[str, Any]) -> Any:
    """The table."""
    rows = [
        [name, SYMBOLS[key], f"{data[key]:g} {unit}".strip(), role]
        for key, (name, unit, role) in ROWS.items()
    ]
    derived = "τ/C, so that eq. 1 and eq. 3 leak alike"
    rows.append(["(not printed) resistance", "$R$", f"{data['R']:g}", derived])
    return table_figure(["Table 1's row", "symbol", "value", "role"], rows, 4.6)


def main(args: argparse.Namespace | None = None) -> None:
    """Read, draw, save."""
    args = args or common.arguments(common.parser(__doc__))
    data = measure()
    drawing.save(args, "table1", draw(data), data)


if __name__ == "__main__":
    run(main)
