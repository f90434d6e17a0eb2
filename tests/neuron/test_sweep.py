"""`simulate` against solutions at 50 digits, over the whole range of the LIF's parameters."""

import os
import shutil

import numpy as np
import pytest
from fifty_digits import Agreement, agree
from neuron_cases import POTENTIALS, log_uniform

from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.neuron.simulation import simulate

ROUNDING, TIME_MS = 1e-13, 1e-10
"""Errors that `agree` allows: of V, relative to the largest V, and of spike times (1e-13 s)."""

NEEDS_COMPILER = pytest.mark.skipif(
    shutil.which(os.environ.get("CC", "cc").split()[0]) is None, reason="no C compiler"
)
DRIVES = "constant", "stepping", "Ornstein-Uhlenbeck", "synaptic"


def random_set(rng: np.random.Generator, steps: int):
    """Parameters, dt, and a current and events of one neuron for each of `DRIVES`."""
    dt = log_uniform(rng, 0.01, 5)
    tau = log_uniform(rng, max(dt, 0.01), 1e5)
    V_th, V_reset, V_rest = POTENTIALS[rng.integers(len(POTENTIALS))]
    R = log_uniform(rng, 0.01, 100)
    hold = (0, 1, int(rng.integers(1, max(2, min(steps // 4, int(50 / dt))))))[rng.integers(3)]
    tau_syn = (tau, tau * (1 + 1e-12), *(log_uniform(rng, 1e-3, 1e3) for _ in range(4)))[
        rng.integers(6)
    ]
    params = LIFParameters(
        V_th=V_th, V_reset=V_reset, V_rest=V_rest, tau_ms=tau, R=R, t_ref_ms=hold * dt,
        tau_syn_ms=tau_syn, reset=("value", "subtract")[rng.integers(2)],
    )  # fmt: skip
    span = steps * dt
    latency = log_uniform(rng, 1.1 * dt, span / 3)
    size = (V_th - V_rest + (V_th - V_reset) / np.expm1(min(latency / tau, 700))) / R
    noise = [rng.normal()]
    keep = np.exp(-dt / params.tau_noise_ms)
    for _ in range(steps - 1):
        noise.append(keep * noise[-1] + np.sqrt(1 - keep**2) * rng.normal())
    current = np.column_stack([
        np.full(steps, size),
        size * np.repeat(rng.uniform(-1, 2, -(-steps // 8)), 8)[:steps],
        size * (1 + 0.5 * np.array(noise)),
        np.full(steps, size * rng.uniform(-0.5, 1)),
    ])  # fmt: skip
    events = np.zeros((steps, len(DRIVES)))
    often = rng.random(steps) < 0.15
    strength = size * max(1, min(tau, span) / tau_syn)
    events[often, -1] = strength * rng.uniform(-0.3, 2, often.sum())
    return params, dt, current, events


def agreements(rng: np.random.Generator, target: str, steps: int) -> list[Agreement]:
    params, dt, current, events = random_set(rng, steps)
    recording = simulate(
        current, params, duration_ms=steps * dt, dt_ms=dt, synaptic_events=events,
        record=range(len(DRIVES)), target=target,
    )  # fmt: skip
    found = []
    for i, times in enumerate(recording.spike_trains_ms):
        assert recording.count[i] == len(times)
        rows = [(n * dt, events[n, i]) for n in np.flatnonzero(events[:, i])]
        V = recording.membrane[i, 1:]
        allowed = {"rounding": ROUNDING, "time_ms": TIME_MS}
        found.append(agree(times, V, params, current[:, i], dt, events=rows, **allowed))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "sets"), [("numpy", 180), pytest.param("cython", 75, marks=NEEDS_COMPILER)]
)
def test_sweep(target, sets, every_case):
    sets = sets if every_case else sets // 15
    rng = np.random.default_rng({"numpy": 1, "cython": 2}[target])
    steps, found, faults = 40, [], []
    for n in range(sets):
        try:
            found.append(agreements(rng, target, steps))
        except AssertionError as error:
            faults.append(f"set {n}: {error}")
    assert not faults, f"{len(faults)} of {sets}:\n" + "\n".join(faults[:10])
    for name, column in zip(DRIVES, zip(*found, strict=True), strict=True):
        plain = [x for x in column if not x.grazes]
        ties = sum(x.tie for x in column)
        print(
            f"\n{target}, {name}: {len(column)} configurations, {sum(x.spikes for x in column)} "
            f"spikes, {ties} ties; {len(plain)} with times off by up to "
            f"{max(x.time_error_ms for x in plain):.2g} ms and V by "
            f"{max(x.V_error for x in plain):.2g}; {len(column) - len(plain) - ties} that graze "
            f"V_th, {max(x.strain for x in column):.2g} of what is allowed"
        )
        assert ties <= 0.02 * sets
        assert sum(x.spikes > 0 for x in column) > 0.4 * sets
