"""The spiking layer: eq. 1 integrated by Brian2, with spike times independent of the time grid.

A plain Brian2 script tests the threshold at the end of each step and restarts at the start of
one, so at dt = 0.1 ms its rates are up to 2 % off. In the ``"exact"`` mode the model itself solves
for the crossing inside the step and restarts the neuron inside the step in which its refractory
period ends. Any dt gives the same spikes: 1 ms is the default because ten steps of 0.1 ms buy
nothing, and under a constant drive still longer steps do.

`simulate` is the whole of it to a caller. The model that Brian2 integrates is in
`_brian2_equations`, one run of it in `_brian2_network`.

References
----------
Sanaullah, K. Roy, U. Rückert, T. Jungeblut, "A Hybrid Spiking-Convolutional Neural Network
Approach for Advancing Machine Learning Models", NLDL 2024, eq. 1, eq. 2 and Table 1.
"""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bio_scnn.errors import InputError
from bio_scnn.neuron import _brian2 as codegen
from bio_scnn.neuron import _brian2_linear as linear
from bio_scnn.neuron import _brian2_network as network
from bio_scnn.neuron._brian2_canary import canary
from bio_scnn.neuron._brian2_equations import EQUATIONS, MODES, Kind, text
from bio_scnn.neuron._brian2_linear import LinearKind
from bio_scnn.neuron.closed_form import first_spike_ms
from bio_scnn.neuron.linear import LinearNeuron
from bio_scnn.neuron.models import NeuronParameters, hybrid_system
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters
from bio_scnn.neuron.recording import Recording
from bio_scnn.neuron.synapse import presynaptic_events
from bio_scnn.neuron.time_grid import MOST_SPIKES, TimeGrid, is_long, time_grid
from bio_scnn.neuron.units import one_of, seed_sequence, to_array, to_number
from bio_scnn.runtime.config import shown
from bio_scnn.runtime.memory import check_fits

__all__ = ["EQUATIONS", "Recording", "presynaptic_events", "simulate"]

CHUNK = 2**20
"""Neurons in one network; bounds its memory, whatever the size of the layer."""

NUMPY_CHUNK = 2**18
"""The same on the target NumPy, which holds some twenty numbers of each neuron at a time; not with
noise, which is drawn by network."""

_LARGEST_NOISE = 40  # standard deviations, which no normal number of float64 reaches


def simulate(
    current: ArrayLike,
    params: NeuronParameters = TABLE_1,
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
    """Spike times and potentials of uncoupled neurons, simulated in Brian2.

    The class of `params` selects the neuron: LIF, IF, LI, CubaLIF or adaptive LIF.

    Parameters
    ----------
    current : (neurons,) or (steps, neurons) array_like, dimensionless
        Input current, constant or held over each step.
    params : LIFParameters, IFParameters, LIParameters, CubaLIFParameters or AdaptiveLIFParameters
    duration_ms : float or Quantity, ms
        A whole number of steps.
    dt_ms : float or Quantity, ms
        Time step. In stock mode `t_ref` must be 0 or a whole number of steps. In exact mode this
        is required of the LIF only, and only if the step is not longer than `t_ref`; otherwise
        any step can be used.
    mode : {"exact", "stock"}
        ``"exact"`` finds spikes and releases inside the steps. ``"stock"`` is what a plain
        Brian2 script does: it tests ``V > V_th`` at the end of a step, dates the spike to the
        start of the step, and counts t_ref from there. ``params.reset`` matters in stock mode
        only: in exact mode V is at V_th when it is reset, so both resets are the same.
    noise_std : float, dimensionless
        Standard deviation of an Ornstein-Uhlenbeck current with correlation time
        ``params.tau_noise_ms`` (Table 1's for other neurons than the LIF), started in its
        stationary state, sampled exactly at the starts of the steps and held over them.
    seed : int or SeedSequence, optional
        Seed of the noise. The same seed and the same shapes give the same noise, on every target.
    record : sequence of int
        Neurons of which spike trains, V and I are kept.
    synaptic_events : (steps, neurons) array_like, dimensionless, optional
        Increments of the synaptic current at the starts of the steps. It decays with
        ``params.tau_syn_ms`` and adds to `current`.
    target : {"auto", "numpy", "cython"}
        Code generation target. ``"numpy"`` starts at once; ``"cython"`` is about twice
        as fast on large work, but has to compile for some 15 s the first time on a machine.
        ``"auto"`` chooses the faster one.
    layer_size : int, optional
        Neurons of the whole layer, if it is simulated in parts; ``"auto"`` chooses by it.
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
    Without noise, the result of a neuron does not depend on the neurons simulated with it. Targets
    use different implementations of ``exp`` and ``log`` and may differ in the last digits.

    In exact mode, spike times are off by rounding: some 1e-16 s over 1 s at any dt from 0.01 ms,
    held to 1e-13 s by a sweep against 50 digits over the whole range of every parameter
    (docs/neurons.md). The error does not grow with the number of steps.
    It grows as 1/(V_inf - V_th) towards rheobase, where the problem is ill-conditioned, and with
    the spacing of float64 numbers at the time of the spike. At and below rheobase no neuron fires;
    within rounding above it, rounding decides. ``tau_syn_ms`` may have any value, that of the
    membrane's time constant included. Neurons with a synapse that fire several times in a step
    take more time: one pass of threshold and reset for each spike.

    In stock mode, rounding decides if V meets the threshold at the end of a step. It does so at
    the currents of exactly 100 and 200 Hz: at dt = 0.1 ms a plain script gives 100 or 101.01 Hz,
    and 200 or 204.08 Hz, depending on how its own update rounds.

    Examples
    --------
    >>> recording = simulate([9.0, 10.0, 20.0], duration_ms=25)
    >>> recording.count.tolist()
    [2, 2, 4]
    """
    one_of("mode", mode, MODES)
    one_of("target", target, codegen.TARGETS)
    request = Request(
        current,  # type: ignore[arg-type] # as all of these, is checked and normalised by it
        synaptic_events,  # type: ignore[arg-type]
        _described(params, synaptic=synaptic_events is not None),
        time_grid(duration_ms, dt_ms, mode, params),
        mode,
        noise_std,
        seed,  # type: ignore[arg-type]
        record,  # type: ignore[arg-type]
    )
    codegen.load_brian2()  # its complaints are about the caller, not about a target
    target = codegen.working_target(
        target,
        max(request.current.shape[-1], layer_size) * request.grid.steps,
        request.text,
        lambda candidate: canary(candidate, request.kind, request.params.reset),
    )
    return run(request, target, progress)


@dataclass(frozen=True, eq=False)
class Request:
    """The arguments of `simulate`, checked and as plain arrays and numbers.

    Raises
    ------
    InputError
        If one cannot be used.
    """

    current: NDArray[Any]
    events: NDArray[Any] | None
    params: LIFParameters | LinearNeuron
    grid: TimeGrid
    mode: str
    noise_std: float
    seeds: np.random.SeedSequence
    record: tuple[int, ...]
    kind: Kind | LinearKind = field(init=False)

    def __post_init__(self) -> None:
        current = drive(self.current, "current")
        self._set("current", current)
        self._set("noise_std", to_number(self.noise_std, "noise_std", "dimensionless"))
        if self.noise_std < 0:
            raise InputError(f"noise_std (={self.noise_std:g}) must be at least 0")
        if not np.isfinite(float(np.abs(current).max()) + _LARGEST_NOISE * self.noise_std):
            raise InputError(
                f"noise_std (={self.noise_std:g}) and current are larger than a float holds"
            )
        if current.ndim == 2 and len(current) != self.grid.steps:
            raise InputError(
                f"current (shape {current.shape}) must have one row per step: duration_ms/dt_ms "
                f"= {self.grid.steps}"
            )
        if self.events is not None:
            self._set("events", drive(self.events, "synaptic_events"))
            shape = self.grid.steps, current.shape[-1]
            if self.events.shape != shape:
                raise InputError(
                    f"synaptic_events (shape {self.events.shape}) must have shape "
                    f"(steps, neurons) = {shape}"
                )
            with np.errstate(over="ignore"):
                together = np.abs(self.events).sum(axis=0, dtype=np.float64)
            if not np.isfinite(together).all():
                raise InputError("synaptic_events of a neuron add up to more than a float holds")
        self._set("seeds", seed_sequence(self.seeds))  # type: ignore[arg-type] # so far anything
        self._set("record", neuron_indices(self.record, current.shape[-1]))
        kept = 8 * (self.grid.steps + 1) * (1 + 2 * len(self.record))
        check_fits(kept, f"{self.grid.steps} steps of {len(self.record)} recorded neurons")
        self._set("kind", self._kind())

    def _set(self, name: str, value: Any) -> None:
        # A frozen dataclass can only be normalised through object.__setattr__.
        object.__setattr__(self, name, value)

    @property
    def text(self) -> str:
        """Everything that is compiled for it."""
        if isinstance(self.kind, LinearKind):
            return linear.text(self.kind)
        return text(self.kind, self.params.reset)

    def _kind(self) -> Kind | LinearKind:
        """The model that this needs; refuses a held current that lets neurons fire forever."""
        dt, synaptic = self.grid.dt_ms, self.events is not None
        if isinstance(self.params, LinearNeuron):
            return LinearKind(self.mode, linear.usual(self.params), synaptic)
        long_step = is_long(dt, self.params)
        if self.mode == "stock" or synaptic:
            return Kind(self.mode, synaptic, long_step)
        largest = float(np.max(self.current)) + _LARGEST_NOISE * self.noise_std
        shortest = self.params.t_ref_ms + first_spike_ms(largest, self.params)
        if shortest * MOST_SPIKES < dt:
            raise InputError(
                f"the current (={largest:g}) makes a neuron without a refractory period fire over "
                f"{MOST_SPIKES:,} times in a step"
            )
        # Intervals of just a step, to rounding, are left to the next step.
        several = long_step and shortest < dt * (1 - 1e-13)
        return Kind(self.mode, False, long_step, bool(several), dt > self.params.tau_ms)

    def part(self, number: int, start: int, stop: int) -> network.Job:
        """The neurons from `start` to `stop`, as the job of one network."""
        # As seeds.spawn would, but without counting up the caller's object.
        key = (*self.seeds.spawn_key, number)
        return network.Job(
            self.current[..., start:stop],
            None if self.events is None else self.events[:, start:stop],
            self.params,
            self.grid,
            self.kind,
            self.noise_std,
            np.random.default_rng(np.random.SeedSequence(self.seeds.entropy, spawn_key=key)),
            tuple(index - start for index in self.record if start <= index < stop),
        )


def _described(params: Any, *, synaptic: bool) -> Any:
    """LIF parameters as they are, which have a model of their own; else the hybrid system."""
    if getattr(params, "adapts", "current") == "threshold":
        raise InputError(
            "adapts (='threshold') must be 'current' in simulate; "
            "bio_scnn.neuron.events.exact_trace has a moving threshold"
        )
    return params if isinstance(params, LIFParameters) else hybrid_system(params, synapse=synaptic)


def run(
    request: Request,
    target: str,
    progress: Callable[[float], None] | None = None,
    chunk: int | None = None,
) -> Recording:
    """Simulate what was asked for in as many networks as it takes, and put them together."""
    if chunk is None:
        chunk = NUMPY_CHUNK if target == "numpy" and not request.noise_std else CHUNK
    neurons = request.current.shape[-1]
    report = None if progress is None else _Throttled(progress)
    results = []
    for number, start in enumerate(range(0, neurons, chunk)):
        stop = min(start + chunk, neurons)
        part = None if report is None else report.part(start / neurons, stop / neurons)
        results.append(network.run(target, request.part(number, start, stop), part))
    if progress is not None:
        progress(1.0)

    # The chunks hold the recorded neurons chunk by chunk; `place` restores the caller's order.
    record = request.record
    place = np.argsort(np.argsort([index // chunk for index in record], kind="stable"))
    trains = [train for result in results for train in result.trains_ms]
    grid = request.grid
    return Recording(
        count=np.concatenate([result.count for result in results]),
        first_spike_ms=np.concatenate([result.first_ms for result in results]),
        last_spike_ms=np.concatenate([result.last_ms for result in results]),
        record=record,
        spike_trains_ms=tuple(trains[index] for index in place),
        t_ms=np.arange(grid.steps + 1, dtype=np.float64) * grid.dt_ms,
        membrane=np.concatenate([result.V for result in results])[place],
        current=np.concatenate([result.I for result in results])[place],
        duration_ms=grid.duration_ms,
        dt_ms=grid.dt_ms,
        mode=request.mode,
        target=target,
    )


class _Throttled:
    """A caller's `progress`, called at most ten times a second."""

    def __init__(self, progress: Callable[[float], None]) -> None:
        self.progress, self.last = progress, time.monotonic()

    def part(self, start: float, stop: float) -> Callable[[float], None]:
        """The same for what leads from one fraction to another."""
        return lambda done: self.report(start + (stop - start) * done)

    def report(self, done: float) -> None:
        if time.monotonic() - self.last >= 0.1:
            self.last = time.monotonic()
            self.progress(done)


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
    indices = []
    try:
        for item in record:
            indices.append(index := operator.index(item))
            if not 0 <= index < neurons:
                raise InputError(f"record contains {index}: indices go from 0 to {neurons - 1}")
    except TypeError:
        raise InputError(
            f"record (={shown(record)}) must be a sequence of neuron indices"
        ) from None
    return tuple(indices)
