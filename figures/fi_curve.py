"""Firing rate against current: the closed form, this project's simulation, and a plain script.

Table 1's neuron is simulated for two seconds, from the rheobase to beyond 200 Hz. The exact mode
solves for the times of spike and release inside the time step. A stock Brian2 script keeps both on
its grid, where a refractory period of 1 ms loses one step.
"""

from __future__ import annotations

import argparse
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from bio_scnn import TABLE_1, current_for_rate, firing_rate, simulate
from bio_scnn.commands.options import run
from bio_scnn.neuron.closed_form import rheobase
from bio_scnn.neuron.parameters import NOISE_STD
from figures import common
from tools import drawing
from tools.drawing import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION, styled

CURRENTS = 100
HIGHEST_HZ = 220.0
DURATION_MS = 2000.0
NOISY = 20  # neurons that are averaged at each current
SEED = 0
# What is drawn: mode, time step in ms, standard deviation of the noise.
RUNS = {
    "exact, dt = 0.1 ms": ("exact", 0.1, 0.0),
    "exact, dt = 1 ms": ("exact", 1.0, 0.0),
    "stock, dt = 0.1 ms": ("stock", 0.1, 0.0),
    "stock, dt = 1 ms": ("stock", 1.0, 0.0),
    f"exact, noise σ = {NOISE_STD:g}": ("exact", 1.0, NOISE_STD),
}
LOOKS = {
    name: {"color": color, "marker": marker, "ls": "", "ms": 2.5, "mew": 0.6, "mfc": "none"}
    for name, color, marker in zip(
        RUNS, (BLUE, SKY, VERMILION, ORANGE, GREEN), "os^vx", strict=True
    )
}


def measure() -> dict[str, Any]:
    """Rates in Hz by the closed form and by every run, at the same currents.

    A silent neuron has a rate of 0, one that spikes once NaN; noisy ones are averaged.
    """
    low, high = rheobase(), float(current_for_rate(HIGHEST_HZ))
    current = np.linspace(0.9 * low, high, CURRENTS)
    rates = {}
    for name, (mode, dt_ms, noise_std) in RUNS.items():
        repeats = NOISY if noise_std else 1
        recording = simulate(
            np.repeat(current, repeats),
            duration_ms=DURATION_MS,
            dt_ms=dt_ms,
            mode=mode,
            noise_std=noise_std,
            seed=SEED,
        )
        rates[name] = recording.rate_hz("isi").reshape(-1, repeats).mean(axis=1)
    return {"current": current, "closed_form_hz": firing_rate(current), "rate_hz": rates}


def error_percent(data: dict[str, Any], name: str) -> Any:
    """Deviation of a run's rates from the closed form; NaN where either is no positive number."""
    exact, rate = data["closed_form_hz"], data["rate_hz"][name]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((exact > 0) & (rate > 0), 100 * (rate / exact - 1), np.nan)


def summary(data: dict[str, Any]) -> dict[str, Any]:
    """Largest error of each run between Table 1's rates, and how far noise reaches."""
    exact = data["closed_form_hz"]
    band = (exact >= TABLE_1.rate_min_hz) & (exact <= TABLE_1.rate_max_hz)
    return {
        name: {
            "largest_error_percent": float(np.nanmax(np.abs(error_percent(data, name)[band]))),
            "currents_in_band": int(band.sum()),
        }
        for name in RUNS
    }


def listed(data: dict[str, Any]) -> dict[str, Any]:
    """The measured rates as plain lists."""
    rates = {name: rate.tolist() for name, rate in data["rate_hz"].items()}
    lists = {key: data[key].tolist() for key in ("current", "closed_form_hz")}
    return {**lists, "rate_hz": rates}


@styled
def draw(data: dict[str, Any]) -> Any:
    """The curve, the errors, and the errors' size on a logarithmic axis."""
    figure, (curve, error, size) = plt.subplots(
        3, 1, figsize=(drawing.COLUMN, 5.6), sharex=True, height_ratios=(1.5, 1, 1.2)
    )
    current = data["current"]
    curve.plot(current, data["closed_form_hz"], color=BLACK, label="closed form")
    error.axhline(0, color=BLACK, lw=0.8)
    for name, look in LOOKS.items():
        # Exact rates lie on the curve: fewer marks, above the others, leave both to be seen.
        every = slice(None, None, 6) if name.startswith("exact") else slice(None)
        look = look | {"zorder": 3 if name.startswith("exact") else 2}
        percent = error_percent(data, name)
        curve.plot(current[every], data["rate_hz"][name][every], label=name, **look)
        error.plot(current[every], percent[every], **look)
        size.plot(current, np.where(percent == 0, np.nan, np.abs(percent)), **look)
    for panel in (curve, error, size):
        panel.axvline(rheobase(), color=PURPLE, lw=0.7, ls=":")
    band = current_for_rate([TABLE_1.rate_min_hz, TABLE_1.rate_max_hz])
    curve.axvspan(*band, color=SKY, alpha=0.15, lw=0)
    curve.text(band.mean(), 6, "Table 1's band", ha="center", fontsize=7)
    curve.text(rheobase() + 0.3, 205, "rheobase", fontsize=7)
    figure.legend(loc="outside upper center", ncols=2, handlelength=1.2)
    curve.set(ylabel="rate (Hz)", ylim=(0, 230))
    error.set(ylabel="error (%)")
    size.set(
        ylabel="|error| (%)", yscale="log", xlabel="current I (dimensionless)", ylim=(1e-14, 1e2)
    )
    size.set_yticks([1e-12, 1e-8, 1e-4, 1])
    return figure


def main(args: argparse.Namespace | None = None) -> None:
    """Simulate, compare, draw, save."""
    args = args or common.arguments(common.parser(__doc__))
    data = measure()
    facts = summary(data)
    drawing.save(args, "fi_curve", draw(data), {"summary": facts, **listed(data)})
    for name, of in facts.items():
        print(f"{name}: at most {of['largest_error_percent']:.1e} % between 100 and 200 Hz")


if __name__ == "__main__":
    run(main)
