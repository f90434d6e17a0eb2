"""Figure 2(a): membrane potential and input current of a neuron under three drives.

Brian2 simulates the neuron of Table 1 under a constant current, under spikes of presynaptic
neurons whose currents decay over 60 ms, and under coloured noise of 10 ms on the constant
current. The dashed line over each trace is the solution of eq. 1, computed from event to event
without Brian2.
"""

from __future__ import annotations

import argparse
import math
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from bio_scnn import TABLE_1, LIFParameters, Recording, current_for_rate, simulate
from bio_scnn.commands.options import run
from bio_scnn.neuron.synapse import presynaptic_events
from figures import common
from figures.common import STRONG_NOISE
from tools import drawing
from tools.drawing import BLACK, BLUE, GREY, ORANGE, VERMILION, styled

SEED = 4
DT_MS = 0.1
RATE_HZ = 150.0  # of the constant current, the middle of Table 1's band
PRESYNAPTIC_HZ = (100.0, 120.0, 150.0, 180.0, 200.0)
WEIGHT = 0.35  # current that one presynaptic spike adds


def presynaptic() -> NDArray[np.float64]:
    """Currents that the presynaptic spikes add, (steps, presynaptic neurons)."""
    rng = np.random.default_rng(SEED)
    n = len(PRESYNAPTIC_HZ)
    steps = round(100 / DT_MS)
    return presynaptic_events(PRESYNAPTIC_HZ, steps, n, dt_ms=DT_MS, weight=WEIGHT, rng=rng)


def recordings() -> dict[str, Recording]:
    """Simulate one neuron under each of the three drives."""
    current = current_for_rate([RATE_HZ])
    options: dict[str, Any] = {"dt_ms": DT_MS, "record": [0]}
    events = presynaptic().sum(axis=1, keepdims=True)
    noisy: dict[str, Any] = {"noise_std": STRONG_NOISE, "seed": SEED}
    return {
        "constant current": simulate(current, duration_ms=40, **options),
        "presynaptic spikes": simulate([0.0], duration_ms=100, synaptic_events=events, **options),
        f"coloured noise, σ = {STRONG_NOISE:g}": simulate(
            current, duration_ms=40, **noisy, **options
        ),
    }


def follow(
    held: NDArray[np.float64],
    synaptic: NDArray[np.float64],
    dt_ms: float,
    params: LIFParameters = TABLE_1,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Solve eq. 1 from event to event: start of a step, spike, end of a refractory period.

    Between events the current is ``held + synaptic exp(-t/tau_syn)`` and eq. 1 has the solution
    written below; the instants at which it reaches V_th are found by bracketing.

    Parameters
    ----------
    held, synaptic : (steps,) array, dimensionless
        Currents at the start of each step: constant within it, and decaying.
    dt_ms : float, ms

    Returns
    -------
    membrane : (steps + 1,) array, dimensionless
    spikes_ms : (spikes,) array, ms
    """
    tau, tau_syn, R = params.tau_ms, params.tau_syn_ms, params.R
    membrane = [params.V_reset]
    spikes: list[float] = []
    V, released = params.V_reset, 0.0
    for step, (I_held, I_syn) in enumerate(zip(held, synaptic, strict=True)):
        now, end = step * dt_ms, (step + 1) * dt_ms
        while released < end:
            if released > now:
                I_syn *= math.exp(-(released - now) / tau_syn)
                now = released

            def solution(s: float, V: float = V, I_held: float = I_held, I_syn: float = I_syn):
                leak, decay = math.exp(-s / tau), math.exp(-s / tau_syn)
                slow = R * I_syn * tau_syn / (tau_syn - tau) * (decay - leak)
                return R * I_held + (V - R * I_held) * leak + slow

            if solution(end - now) < params.V_th:
                V = solution(end - now)
                break
            # V rises towards its drive, so the end of so short a step tells of every crossing.
            wait = brentq(lambda s: solution(s) - params.V_th, 0, end - now, xtol=1e-14)
            spikes.append(now + wait)
            I_syn *= math.exp(-wait / tau_syn)
            now, V, released = now + wait, params.V_reset, now + wait + params.t_ref_ms
        membrane.append(V)
    return np.array(membrane), np.array(spikes)


def bound(value: float) -> str:
    """One digit that is not below the value."""
    exponent = math.floor(math.log10(value))
    return f"{math.ceil(value / 10**exponent):d}e{exponent:d}"


def measure() -> dict[str, Any]:
    """Traces, spikes, and how far the simulation is from the solution of eq. 1."""
    data = {}
    for name, recording in recordings().items():
        current = recording.current[0]
        zero = np.zeros_like(current)
        synaptic = name == "presynaptic spikes"
        held, decaying = (zero, current) if synaptic else (current, zero)
        exact_V, exact_spikes = follow(held, decaying, recording.dt_ms)
        spikes = recording.spike_trains_ms[0]
        data[name] = {
            "t_ms": recording.t_ms,
            "V": recording.membrane[0],
            "I": current,
            "spikes_ms": spikes,
            "exact_V": exact_V,
            "exact_spikes_ms": exact_spikes,
            "V_deviation": float(np.max(np.abs(recording.membrane[0] - exact_V))),
            "spike_deviation_ms": float(np.max(np.abs(spikes - exact_spikes))),
        }
    return data


@styled
def draw(data: dict[str, Any], params: LIFParameters = TABLE_1) -> Any:
    """V above I for each drive."""
    figure, axes = plt.subplots(
        2, len(data), figsize=(drawing.PAGE, 3.4), sharex="col", height_ratios=(1.8, 1)
    )
    for (upper, lower), name in zip(axes.T, data, strict=True):
        of = data[name]
        for spike in of["spikes_ms"]:
            upper.axvspan(spike, spike + params.t_ref_ms, ymax=0.84, color=GREY, alpha=0.4, lw=0)
        upper.plot(of["t_ms"], of["V"], color=BLUE, lw=1.6, label="V, Brian2")
        upper.plot(of["t_ms"], of["exact_V"], color=BLACK, lw=0.7, ls=(0, (3, 2)), label="eq. 1")
        ticks = {"marker": "|", "ls": "", "ms": 6, "color": VERMILION}
        upper.plot(of["spikes_ms"], np.full(len(of["spikes_ms"]), 1.13), label="spikes", **ticks)
        upper.axhline(params.V_th, color=ORANGE, lw=0.7)
        upper.axhline(params.V_reset, color=GREY, lw=0.5)
        upper.set(title=name, ylim=(-0.06, 1.45), yticks=(0, 0.5, 1))
        upper.text(
            0.02,
            0.985,
            f"$|\\Delta V|$ ≤ {bound(of['V_deviation'])},  $|\\Delta t|$ ≤ "
            f"{bound(of['spike_deviation_ms'])} ms",
            transform=upper.transAxes,
            va="top",
            fontsize=7,
        )
        lower.plot(of["t_ms"][:-1], of["I"], color=BLACK, lw=0.7, drawstyle="steps-post")
        lower.set(xlabel="time (ms)", ylim=(0, 1.15 * of["I"].max()))
        if name == "presynaptic spikes":
            steps, neurons = np.nonzero(presynaptic())
            heights = (1 + 0.9 * neurons / len(PRESYNAPTIC_HZ)) * of["I"].max()
            lower.plot(steps * DT_MS, heights, ls="", marker="|", ms=2.5, mew=0.5, color=GREY)
            lower.set_ylim(0, 2 * of["I"].max())
            text = f"spikes of {len(PRESYNAPTIC_HZ)} neurons"
            lower.text(99, 1.95 * of["I"].max(), text, ha="right", va="bottom", fontsize=6.5)
        lower.set_xlim(0, of["t_ms"][-1])
    axes[0, 0].set_ylabel("V (dimensionless)")
    axes[1, 0].set_ylabel("I (dimensionless)")
    for label, height in (("th", params.V_th), ("reset", params.V_reset)):
        axes[0, -1].annotate(
            f"$V_\\mathrm{{{label}}}$", (1, height), xycoords=("axes fraction", "data"),
            xytext=(2, 0), textcoords="offset points", va="center",
        )  # fmt: skip
    handles, labels = axes[0, 0].get_legend_handles_labels()
    clamp = plt.Rectangle((0, 0), 1, 1, color=GREY, alpha=0.4, lw=0)
    figure.legend(
        [*handles, clamp],
        [*labels, f"refractory, {params.t_ref_ms:g} ms"],
        loc="outside upper center",
        ncols=4,
    )
    return figure


def main(args: argparse.Namespace | None = None) -> None:
    """Simulate, compare, draw, save."""
    args = args or common.arguments(common.parser(__doc__))
    data = measure()
    facts = {
        name: {key: of[key] for key in ("V_deviation", "spike_deviation_ms")}
        | {"spikes": len(of["spikes_ms"])}
        for name, of in data.items()
    }
    drawing.save(args, "figure2a_membrane", draw(data), facts)
    for name, of in facts.items():
        print(
            f"{name}: {of['spikes']} spikes; largest deviation from eq. 1: V "
            f"{of['V_deviation']:.1e}, spike times {of['spike_deviation_ms']:.1e} ms"
        )


if __name__ == "__main__":
    run(main)
