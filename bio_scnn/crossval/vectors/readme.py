"""Units, conventions and tolerances of the test vectors, and the README that states them."""

from __future__ import annotations

from typing import Any

from bio_scnn.neuron.parameters import LIFParameters

UNITS = {
    "time": "ms",
    "rate": "Hz",
    "current": "dimensionless",
    "V": "dimensionless",
    "R": "dimensionless",
    "C": "ms",
}

CONVENTIONS = {
    "equation": "C dV/dt = I - V/R, tau = R C",
    "start": "V = V_reset at time 0, not refractory",
    "current": "row n is held over [n dt, (n + 1) dt)",
    "spike": "when V reaches V_th",
    "after a spike": "V = V_reset for t_ref, then eq. 1 again",
    "membrane": "row n is V at (n + 1) dt, after a reset",
    "exact": "spikes and releases at any time, inside steps too",
    "grid": "V exact at (n + 1) dt; if V >= V_th there, spike, V = V_reset, and V stays for "
    "round(t_ref/dt) steps",
    "grid label": "a spike that is found at (n + 1) dt belongs to step n, has the time "
    "(n + 1) dt, and is a 1 in row n of the raster",
}

TOLERANCES = {
    "membrane": 2e-5,
    "grid_time_steps": 0.01,
    "precise_time_ms": 1e-6,
}
TOLERANCES_MEAN = {
    "membrane": "largest error of V, as a share of its scale: what float32 may cost; while V is "
    "this close to V_th, a neuron on the grid may fire or not. The scale is V_th or V_reset, "
    "whichever is larger in magnitude, plus 1 % of the magnitude of R I",
    "grid_time_steps": "a spike time of a neuron on the grid may be this far, in steps, from a "
    "multiple of dt",
    "precise_time_ms": "largest error of a spike time, in ms, of a neuron declared as precise",
}

_TEXT = """# Test vectors of a leaky integrate-and-fire neuron

Currents, and the exact spikes and potentials that they cause, as plain files. Feed each
`current` to your neuron and write its spikes beside it.

    C dV/dt = I - V/R        tau = R C
    V >= V_th: a spike, V = V_reset, and V stays there for t_ref

In these files: {neuron}.
Some cases have another V_reset or t_ref; `setup.json` of the case is what counts. V, I and R
have no unit, times are in ms (or in s, where the name ends in `_s`). Every current is exact in
single precision.

## A case

Each folder is one case: N neurons, uncoupled, over a number of steps of dt.

| file | what it is |
|---|---|
| `setup.json` | parameters, dt, steps, neurons; no nesting |
| `current.npy`, `.csv` | I, one row per step, one column per neuron |
| `exact_spikes.npy`, `.csv` | neuron (from 0) and time in ms of every spike, exact |
| `exact_membrane.npy` | exact V at the ends of the steps, after a reset |
| `grid_spikes.npy`, `.csv` | the best on a time grid: a raster of 0 and 1; neuron, step, time |
| `grid_membrane.npy` | V of that neuron at the ends of the steps, after a reset |
| `rates.csv` | spikes, and rate from the mean interval, per neuron, exact and on the grid |

Row n of a current holds from n dt to (n + 1) dt. Row n of V, and of a raster, belongs to the
moment (n + 1) dt. At the start V = V_reset and no neuron is refractory.

`.npy`: the bytes 93 4E 55 4D 50 59 01 00, the length L of the header as 16-bit number, L bytes of
text that name type and shape (skip them), then the numbers, row by row, little endian: float64,
in `grid_spikes.npy` unsigned bytes. CSV files of arrays have no header; those of spikes and
rates have one.

## Compare them yourself

A neuron on the time grid: your spikes must be those of `grid_spikes.csv`, step by step. In all
cases with a "nearest" above {membrane:g} in the last column below, V stays so far from V_th at the
ends of steps that single precision is enough for that. In the others rounding may move a spike
by one step, and all later ones of that neuron with it: there, compare interval by interval.
`exact_spikes.csv` shows what the grid itself costs.

A neuron that finds spikes inside the steps: compare with `exact_spikes.csv`; {precise:g} ms is
close enough.

## Have them compared

Write into the folder of each case

| file | what it is |
|---|---|
| `answer_spikes.csv` | a line `neuron,time_ms`, then neuron and time of each spike, in any order |
| or `answer_spikes.npy` | a raster, one row per step, one column per neuron, not 0 = spike |
| `answer_membrane.npy` or `.csv` | V at the ends of the steps, if you have it |
| `cannot.txt` | instead of an answer: why the neuron cannot do this case |

and, beside this file or in a case, `answer.json` if one of these is not as it is here:

    {{"precise": false, "spike_label": "end", "membrane": "after reset", "refractory": "steps"}}

`precise`: spikes are found inside the steps. `spike_label`: `"start"` if the time of a spike is
the start of its step. `membrane`: `"before reset"` if V of a step with a spike does not show the
reset. `refractory`: `"none"` if there is no refractory period; the cases with one are then left
out. Cases without an answer are left out, too. Then, where bio_scnn is installed:

    python -m bio_scnn.validate --check-vectors .

It first compares every file with its SHA-256 in `manifest.json`. Spikes on the grid are judged
interval by interval: the perfect neuron restarts at each spike of yours, so that one late spike
does not make all later ones wrong.

| tolerance | value | meaning |
|---|---|---|
{tolerances}

## Cases

| case | what for | dt (ms) | steps | neurons | spikes, exact | on the grid | nearest |
|---|---|---|---|---|---|---|---|
{cases}

"Nearest": smallest distance of V from V_th at the end of a step, on the grid, as a share of
its scale.
"""


def readme(params: LIFParameters, cases: dict[str, dict[str, Any]]) -> str:
    """The README that goes with exported vectors.

    Parameters
    ----------
    params : LIFParameters
    cases : dict
        As in ``manifest.json``.
    """
    p = params
    neuron = (
        f"tau = {p.tau_ms:g} ms, R = {p.R:g}, C = {p.C_ms:g} ms, V_th = {p.V_th:g}, "
        f"V_reset = {p.V_reset:g}, t_ref = {p.t_ref_ms:g} ms"
    )
    rows = [
        f"| `{name}` | {c['about']} | {c['dt_ms']:g} | {c['steps']} | {c['neurons']} | "
        f"{c['spikes']} | {c['grid_spikes']} | {c['nearest_to_threshold']:.1g} |"
        for name, c in cases.items()
    ]
    limits = [
        f"| {name} | {TOLERANCES[name]:g} | {text} |" for name, text in TOLERANCES_MEAN.items()
    ]
    return _TEXT.format(
        neuron=neuron,
        membrane=TOLERANCES["membrane"],
        precise=TOLERANCES["precise_time_ms"],
        tolerances="\n".join(limits),
        cases="\n".join(rows),
    )
