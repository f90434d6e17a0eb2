"""Witnesses of the reference: two simulators that also find spikes inside the steps.

NEST's ``iaf_psc_delta_ps`` and Nengo's ``LIF`` were written by others, share no code with Brian2
or with this project, and solve for crossings and releases too. `examine` gives the reference and
a witness the same currents and compares every spike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.adapters import ENTRIES
from bio_scnn.crossval.protocol import Setup
from bio_scnn.neuron.closed_form import current_for_rate
from bio_scnn.neuron.noise import ornstein_uhlenbeck
from bio_scnn.neuron.parameters import NOISE_STD, TABLE_1, LIFParameters
from bio_scnn.neuron.recording import Recording
from bio_scnn.neuron.simulation import simulate

WITNESSES = ("nest-delta-ps", "nengo")
"""Names of the adapters that vouch for the reference."""


@dataclass(frozen=True)
class Testimony:
    """Comparison of the spikes of a witness and of the reference under one kind of current.

    Attributes
    ----------
    witness, drive : str
    dt_ms : float, ms
    neurons : int
    spikes : int
        Of the reference, in all neurons together.
    refractory_steps : int
        Changes of the current that fell into a refractory period.
    miscounted : int
        Neurons with another number of spikes than the reference.
    difference_s : float, s
        Largest difference of a spike time; NaN if a neuron is miscounted.
    """

    witness: str
    drive: str
    dt_ms: float
    neurons: int
    spikes: int
    refractory_steps: int
    miscounted: int
    difference_s: float


def constant(steps: int, neurons: int, dt_ms: float, rng: np.random.Generator) -> NDArray:
    """Currents over the band of rates of Table 1, both ends included."""
    rates = np.linspace(TABLE_1.rate_min_hz, TABLE_1.rate_max_hz, neurons)
    return np.broadcast_to(current_for_rate(rates), (steps, neurons))


def stepped(steps: int, neurons: int, dt_ms: float, rng: np.random.Generator) -> NDArray:
    """Uniform in [0, 25), anew after 0 to 8 ms: below rheobase, above, in refractory periods."""
    longest = max(1, round(8 / dt_ms))
    current = np.empty((steps, neurons))
    for train in current.T:
        held = rng.integers(1, longest + 1, steps)
        train[:] = np.repeat(rng.uniform(0, 25, steps), held)[:steps]
    return current


def white(steps: int, neurons: int, dt_ms: float, rng: np.random.Generator) -> NDArray:
    """Gaussian and independent from step to step, about means from near rheobase upwards."""
    return np.linspace(2, 15, neurons) + rng.normal(0, 6, (steps, neurons))


def coloured(steps: int, neurons: int, dt_ms: float, rng: np.random.Generator) -> NDArray:
    """Stationary, standard deviation 3, correlation time of Table 1, the same means as `white`."""
    x = ornstein_uhlenbeck(steps, neurons, dt_ms, TABLE_1.tau_noise_ms, rng)
    return np.linspace(2, 15, neurons) + 3 * x


DRIVES: MappingProxyType[str, Callable[..., NDArray]] = MappingProxyType(
    {
        "constant": constant,
        "steps": stepped,
        "white noise": white,
        "Ornstein-Uhlenbeck noise": coloured,
        "the reference's own noise": constant,
    }
)
"""Currents that drive the neurons, by kind; to the last, `simulate` adds ``noise_std``."""


def reference(
    drive: str,
    dt_ms: float = 0.1,
    *,
    neurons: int = 200,
    duration_ms: float = 1000.0,
    seed: int = 0,
    params: LIFParameters = TABLE_1,
) -> Recording:
    """The reference under one of `DRIVES`, with every neuron recorded."""
    steps = round(duration_ms / dt_ms)
    return simulate(
        DRIVES[drive](steps, neurons, dt_ms, np.random.default_rng(seed)),
        params,
        duration_ms=duration_ms,
        dt_ms=dt_ms,
        noise_std=NOISE_STD if drive == "the reference's own noise" else 0.0,
        seed=seed,
        record=range(neurons),
    )


def examine(
    witness: str, drive: str, recording: Recording, params: LIFParameters = TABLE_1
) -> Testimony:
    """Give a witness the currents of a recording, and compare.

    Parameters
    ----------
    witness : str
        One of `WITNESSES`, or any adapter that is known by name.
    drive : str
        Name of the currents.
    recording : Recording
        From `reference`.
    params : LIFParameters
        Neuron that the witness simulates.
    """
    dt, neurons = recording.dt_ms, len(recording.record)
    adapter = ENTRIES[witness].load()
    adapter.build(Setup(params, neurons, dt))
    trace = adapter.run(np.ascontiguousarray(recording.current.T))
    trains = list(zip(trace.spike_times_ms, recording.spike_trains_ms, strict=True))
    miscounted = sum(len(theirs) != len(ours) for theirs, ours in trains)
    difference = np.nan
    if not miscounted:
        difference = max(np.abs(theirs - ours).max(initial=0) for theirs, ours in trains) * 1e-3
    return Testimony(
        witness,
        drive,
        dt,
        neurons,
        spikes=sum(len(ours) for _, ours in trains),
        refractory_steps=_changes_while_refractory(recording, params.t_ref_ms),
        miscounted=miscounted,
        difference_s=float(difference),
    )


def _changes_while_refractory(recording: Recording, t_ref_ms: float) -> int:
    number = 0
    for train, current in zip(recording.spike_trains_ms, recording.current, strict=True):
        changes = recording.t_ms[1:-1][np.diff(current) != 0]
        last = np.searchsorted(train, changes) - 1
        since = changes[last >= 0] - train[last[last >= 0]]
        number += int(np.sum(since < t_ref_ms))
    return number
