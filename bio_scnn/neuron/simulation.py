"""The spiking layer: eq. 1 integrated by Brian2, with spike times that do not see the grid.

A plain Brian2 script tests the threshold at the end of each step and restarts at the start of
one, so at dt = 0.1 ms its rates are up to 2 % off. In the ``"exact"`` mode the model itself solves
for the crossing inside the step and restarts the neuron inside the step in which its refractory
period ends. Between those moments Brian2's ``exact`` integration holds, so any dt up to t_ref
gives the same spikes: 1 ms is the default because ten steps of 0.1 ms buy nothing. Under a
constant drive a step may be as long as the shortest interval between two spikes.

`simulate` is the whole of it to a caller. The model that Brian2 integrates is in `lif_model`, one
run of it in `lif_network`.

References
----------
Sanaullah, K. Roy, U. Rückert, T. Jungeblut, "A Hybrid Spiking-Convolutional Neural Network
Approach for Advancing Machine Learning Models", NLDL 2024, eq. 1, eq. 2 and Table 1.
"""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bio_scnn.errors import InputError
from bio_scnn.neuron import _brian2 as codegen
from bio_scnn.neuron import _brian2_equations as lif_model
from bio_scnn.neuron import _brian2_network as lif_network
from bio_scnn.neuron._brian2_equations import EQUATIONS
from bio_scnn.neuron.closed_form import first_spike_ms
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters
from bio_scnn.neuron.recording import Recording
from bio_scnn.neuron.synapse import presynaptic_events
from bio_scnn.neuron.time_grid import is_long, time_grid
from bio_scnn.neuron.units import one_of, to_array, to_number

__all__ = ["EQUATIONS", "Recording", "presynaptic_events", "simulate"]

_CHUNK = 2**20  # neurons in one network; bounds its memory, whatever the size of the layer


def simulate(
    current: ArrayLike,
    params: LIFParameters = TABLE_1,
    *,
    duration_ms: float,
    dt_ms: float = 1.0,
    mode: str = "exact",
    noise_std: float = 0.0,
    seed: int | np.random.SeedSequence | None = None,
    record: Sequence[int] = (),
    synaptic_events: ArrayLike | None = None,
    target: str = "auto",
    layer_size: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Recording:
    """Simulate uncoupled LIF neurons in Brian2.

    Parameters
    ----------
    current : (neurons,) or (steps, neurons) array_like, dimensionless
        Input current, constant or held over each step.
    params : LIFParameters
    duration_ms : float or Quantity, ms
        A whole number of steps.
    dt_ms : float or Quantity, ms
        Time step; `t_ref` must be a whole number of them. In exact mode, under a constant
        `current` alone, it may also be longer than that, up to the shortest interval between the
        spikes of any neuron: the same spikes in fewer steps.
    mode : {"exact", "stock"}
        ``"exact"`` finds spikes and releases inside the steps. ``"stock"`` is what a plain
        Brian2 script does: ``V > V_th`` tested at the end of a step, the spike dated to the
        start of it, the next one possible when t_ref has passed since that date.
    noise_std : float, dimensionless
        Standard deviation of an Ornstein-Uhlenbeck current with correlation time
        ``params.tau_noise_ms``, started in its stationary state, sampled exactly at the starts
        of the steps and held over them.
    seed : int or SeedSequence, optional
        Of the noise. The same seed and the same shapes give the same noise, on every target.
    record : sequence of int
        Neurons of which spike trains, V and I are kept.
    synaptic_events : (steps, neurons) array_like, dimensionless, optional
        Increments of the synaptic current at the starts of the steps. It decays with
        ``params.tau_syn_ms`` and adds to `current`.
    target : {"auto", "numpy", "cython"}
        Code generation target. ``"numpy"`` starts at once; ``"cython"`` is about twice
        as fast on large work, but has to compile for some 15 s the first time on a machine.
        ``"auto"`` weighs the two.
    layer_size : int, optional
        Neurons of the whole layer, where it is simulated in parts: ``"auto"`` weighs the whole.
    progress : callable, optional
        Called several times a second with the fraction done, and with 1.0 at the end.

    Returns
    -------
    Recording

    Raises
    ------
    InputError
        If an argument cannot be used; the message says what would be right.
    KeyboardInterrupt
        On Ctrl-C; a partial result is never returned.

    Warns
    -----
    RuntimeWarning
        If ``target="auto"`` would choose Cython but it does not work.

    Notes
    -----
    Noiseless results of a neuron do not depend on which others are simulated with it. Targets
    use different implementations of ``exp`` and ``log`` and may differ in the last digits.

    Spike times are off by the rounding of V divided by its slope at the threshold: below 1e-13 s
    over a second of 100 to 200 Hz, growing as 1/(RI - V_th) towards rheobase.

    Examples
    --------
    >>> recording = simulate([9.0, 10.0, 20.0], duration_ms=25)
    >>> recording.count.tolist()
    [2, 2, 4]
    """
    one_of("mode", mode, lif_model.MODES)
    one_of("target", target, codegen.TARGETS)
    current = drive(current, "current")
    noise_std = to_number(noise_std, "noise_std", "dimensionless")
    if noise_std < 0:
        raise InputError(f"noise_std (={noise_std:g}) must be at least 0")
    constant = current.ndim == 1 and not noise_std and synaptic_events is None
    shortest = _shortest_isi_ms(current, params) if constant else None
    dt, duration, steps = time_grid(duration_ms, dt_ms, mode, params, shortest)
    if current.ndim == 2 and len(current) != steps:
        raise InputError(
            f"current (shape {current.shape}) must have one row per step: duration_ms/dt_ms = "
            f"{steps}"
        )
    neurons = current.shape[-1]
    events = None
    if synaptic_events is not None:
        events = drive(synaptic_events, "synaptic_events")
        if events.shape != (steps, neurons):
            raise InputError(
                f"synaptic_events (shape {events.shape}) must have shape (steps, neurons) = "
                f"{(steps, neurons)}"
            )
        if abs(params.tau_syn_ms / params.tau_ms - 1) < 1e-3:
            raise InputError(
                f"tau_syn_ms (={params.tau_syn_ms:g} ms) must differ from tau_ms "
                f"(={params.tau_ms:g} ms) by 0.1 % or more: Brian2's exact solution divides by "
                "their difference"
            )
    seeds = seed_sequence(seed)
    record = neuron_indices(record, neurons)

    synaptic = events is not None
    long_step = mode == "exact" and is_long(dt, params)
    codegen.load_brian2()  # its complaints are about the caller, not about a target
    target = codegen.working_target(
        target,
        max(neurons, layer_size) * steps,
        "".join(lif_model.model(mode, synaptic, long_step).values()),
        lambda candidate: lif_network.canary(candidate, mode, synaptic, long_step),
    )
    report = None if progress is None else _throttled(progress)
    chunks = []
    for number, start in enumerate(range(0, neurons, _CHUNK)):
        stop = min(start + _CHUNK, neurons)
        chunks.append(
            lif_network.run(
                target,
                current[..., start:stop],
                None if events is None else events[:, start:stop],
                params,
                dt,
                steps,
                mode=mode,
                long_step=long_step,
                noise_std=noise_std,
                rng=np.random.default_rng(_child(seeds, number)),
                record=[index - start for index in record if start <= index < stop],
                report=report,
                share=(start / neurons, stop / neurons),
            )
        )
    if progress is not None:
        progress(1.0)

    # The chunks hold the recorded neurons chunk by chunk; `place` restores the caller's order.
    place = np.argsort(np.argsort([index // _CHUNK for index in record], kind="stable"))
    trains = [train for chunk in chunks for train in chunk.trains_ms]
    return Recording(
        count=np.concatenate([chunk.count for chunk in chunks]),
        first_spike_ms=np.concatenate([chunk.first_ms for chunk in chunks]),
        last_spike_ms=np.concatenate([chunk.last_ms for chunk in chunks]),
        record=record,
        spike_trains_ms=tuple(np.array(trains[index], dtype=float) for index in place),
        t_ms=np.arange(steps + 1, dtype=np.float64) * dt,
        membrane=np.concatenate([chunk.V for chunk in chunks])[place],
        current=np.concatenate([chunk.I for chunk in chunks])[place],
        duration_ms=duration,
        dt_ms=dt,
        mode=mode,
        target=target,
    )


def _shortest_isi_ms(current: NDArray[Any], params: LIFParameters) -> float:
    """Of all neurons under a constant current; infinite if none ever fires."""
    return params.t_ref_ms + float(first_spike_ms(np.max(current).astype(float), params))


def _child(seeds: np.random.SeedSequence, number: int) -> np.random.SeedSequence:
    # As seeds.spawn would, but without counting up the caller's object.
    return np.random.SeedSequence(seeds.entropy, spawn_key=(*seeds.spawn_key, number))


def _throttled(progress: Callable[[float], None]) -> Callable[[float], None]:
    """`progress`, called at most ten times a second."""
    last = time.monotonic()

    def report(done: float) -> None:
        nonlocal last
        if time.monotonic() - last >= 0.1:
            last = time.monotonic()
            progress(done)

    return report


def drive(values: ArrayLike, name: str) -> NDArray[Any]:
    """A (neurons,) or (steps, neurons) array; float32 stays as it is, to save memory."""
    array = to_array(values, name, "dimensionless", finite=True)
    if array.ndim not in (1, 2) or array.size == 0:
        raise InputError(
            f"{name} (shape {array.shape}) must have shape (neurons,) or (steps, neurons)"
        )
    return array


def neuron_indices(record: Sequence[int], neurons: int) -> tuple[int, ...]:
    """Indices of neurons as plain integers, in the order given."""
    try:
        indices = tuple(operator.index(index) for index in record)
    except TypeError:
        raise InputError(f"record (={record!r}) must be a sequence of neuron indices") from None
    for index in indices:
        if not 0 <= index < neurons:
            raise InputError(f"record contains {index}: indices go from 0 to {neurons - 1}")
    return indices


def seed_sequence(seed: int | np.random.SeedSequence | None) -> np.random.SeedSequence:
    """The seed sequence itself, or one made of an integer or of fresh entropy."""
    if isinstance(seed, np.random.SeedSequence):
        return seed
    try:
        return np.random.SeedSequence(None if seed is None else operator.index(seed))
    except (TypeError, ValueError):
        raise InputError(f"seed (={seed!r}) must be an integer of at least 0") from None
