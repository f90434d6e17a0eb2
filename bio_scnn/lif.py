"""The spiking layer: eq. 1 integrated by Brian2, with spike times that do not see the grid.

A plain Brian2 script tests the threshold at the end of each step and restarts at the start of
one, so at dt = 0.1 ms its rates are up to 2 % off. In the ``"exact"`` mode the model itself solves
for the crossing inside the step and restarts the neuron inside the step in which its refractory
period ends. Between those moments Brian2's ``exact`` integration holds, so any dt up to t_ref
gives the same spikes: 1 ms is the default because ten steps of 0.1 ms buy nothing.

References
----------
Sanaullah, K. Roy, U. Rückert, T. Jungeblut, "A Hybrid Spiking-Convolutional Neural Network
Approach for Advancing Machine Learning Models", NLDL 2024, eq. 1, eq. 2 and Table 1.
"""

from __future__ import annotations

import functools
import math
import operator
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import codegen
from .errors import InputError
from .table1 import TABLE_1, LIFParameters, strip_unit, to_number

EQUATIONS = """
dV/dt = (I - V/R)/C : 1 (unless refractory)
"""
"""Eq. 1. R = tau/C is dimensionless, C a time."""

_CONSTANT_DRIVE = """
I : 1
"""

_SYNAPTIC_DRIVE = """
I = I_ext + I_syn : 1
dI_syn/dt = -I_syn/tau_syn : 1
I_ext : 1
peaked : boolean
"""

_BOOKKEEPING = """
count : integer
first_spike : second
last_spike : second
residue : second
waiting : boolean
"""

# Time from the crossing to the end of the step, given V at the end of the step.
_RESIDUE_CONSTANT = """
residue = tau*log1p((V - V_th)/(R*I - V))
"""

# The same with I_syn decaying inside the step. V is written around the end of the step (s = 0,
# s < 0 inside), as a function of u = -tau*grow with grow = exp(-s/tau), in which a constant drive
# gives a straight line, I_syn > 0 a concave curve and I_syn < 0 a convex one. Started at the end
# of the step from which the approach is monotone, each round replaces the curve by its osculating
# parabola and solves that: the error is cubed, also where V only just reaches the threshold.
_RESIDUE_SYNAPTIC = (
    "\ngrow = exp(dt/tau*int(I_syn >= 0))\n"
    + 5
    * (
        "s = -tau*log(grow)\n"
        "f = V - V_th + (V - R*I_ext)*(grow - 1) + R*I_syn*(s/tau)*grow*exprel(kappa*s)\n"
        "slope = (I - V/R)/C - I_syn/(tau_syn*C)*s*exprel(kappa*s)\n"
        "bend = -I_syn*exp(-s/tau_syn)/(tau_syn*C)/grow**2\n"
        "root = sqrt(clip(slope**2 - 2*f*bend, 0*hertz**2, inf*hertz**2))\n"
        "grow += 2*f/(tau*clip(slope + root, 1e-30*hertz, inf*hertz))\n"
        "grow = clip(grow, 1, exp(dt/tau))\n"
    )
    + "residue = tau*log(grow)\n"
)

_EXACT_SPIKE = """
last_spike = t + dt - residue
waiting = True
"""

_STOCK_SPIKE = """
last_spike = t
"""

_COUNT_AND_RESET = """
count += 1
first_spike += last_spike*int(count == 1)
V = V_reset
"""

# V at the end of the step in which the neuron is released, `residue` before that end.
_RELEASE_CONSTANT = """
V = V_reset - (R*I - V_reset)*expm1(-residue/tau)
waiting = False
"""

_RELEASE_SYNAPTIC = """
V = V_reset - (R*I_ext - V_reset)*expm1(-residue/tau) + R*I_syn*residue/tau*exprel(-kappa*residue)
waiting = False
"""

# While I_syn decays, V may touch the threshold inside a step and be below it again at its end.
# Only a falling V can have done so, and the tangent at the end bounds the peak from above.
_MAYBE_PEAKED = (
    "not_refractory and I_syn > 0 and V < V_th and I < V/R "
    "and V - (I - V/R)/C*tau*expm1(dt/tau) >= V_th"
)
"""A cheap test for all neurons; `_PEAK` is exact, for the few that pass."""

_PEAK = """
s = clip(log1p(clip(kappa*tau_syn*(I - V/R)/I_syn, -0.999, inf))/kappa, -dt, 0*second)
V_peak = V + (V - R*I_ext)*expm1(-s/tau) + R*I_syn*(s/tau)*exp(-s/tau)*exprel(kappa*s)
peaked = V_peak >= V_th and s > -dt and t + dt + s > last_spike + t_ref
"""

_LONG_AGO_S = -1e4
_CHUNK = 2**20
_MODES = ("exact", "stock")


@dataclass(frozen=True, eq=False)
class Recording:
    """What `simulate` returns.

    Attributes
    ----------
    count : (neurons,) int64 array
        Spikes in (0, duration].
    first_spike_ms, last_spike_ms : (neurons,) array, ms
        NaN where the neuron did not fire.
    record : tuple of int
        The recorded neurons; the next three follow its order.
    spike_trains_ms : tuple of (spikes,) arrays, ms
    t_ms : (steps + 1,) array, ms
        The sample instants k dt, from 0 to the duration.
    membrane : (len(record), steps + 1) array, dimensionless
        V at `t_ms`, continuous from the right: V_reset from a spike until the release.
    current : (len(record), steps) array, dimensionless
        The total current I just after the start of each step: input, noise and synapses.
    duration_ms, dt_ms : float, ms
    mode : {"exact", "stock"}
    target : {"numpy", "cython"}
        The code generation target that ran.
    """

    count: NDArray[np.int64]
    first_spike_ms: NDArray[np.float64]
    last_spike_ms: NDArray[np.float64]
    record: tuple[int, ...]
    spike_trains_ms: tuple[NDArray[np.float64], ...]
    t_ms: NDArray[np.float64]
    membrane: NDArray[np.float64]
    current: NDArray[np.float64]
    duration_ms: float
    dt_ms: float
    mode: str
    target: str

    @property
    def total_spikes(self) -> int:
        """Spikes of all neurons together."""
        return int(self.count.sum())

    def rate_hz(self, readout: str = "isi") -> NDArray[np.float64]:
        """Firing rate of every neuron.

        Parameters
        ----------
        readout : {"isi", "count"}
            ``"isi"`` is the inverse of the mean inter-spike interval, exact from two spikes on.
            ``"count"`` is spikes per duration, in levels of 1/duration.

        Returns
        -------
        (neurons,) array, Hz
            With ``"isi"``, 0 for no spike and NaN for a single one: one spike shows no interval,
            and either a rate of 0 or a guess would be wrong. Simulate longer to avoid it.

        Raises
        ------
        InputError
            If `readout` is another word.
        """
        _one_of("readout", readout, ("isi", "count"))
        if readout == "count":
            return self.count / (self.duration_ms * 1e-3)
        rate = np.where(self.count == 0, 0.0, np.nan)
        elapsed = self.last_spike_ms - self.first_spike_ms
        return np.divide(1e3 * (self.count - 1), elapsed, out=rate, where=self.count > 1)


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
        Time step; `t_ref` must be a whole number of them.
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
    _one_of("mode", mode, _MODES)
    _one_of("target", target, codegen.TARGETS)
    dt, duration, steps = _grid(duration_ms, dt_ms, mode, params)
    current = _drive(current, "current", steps)
    neurons = current.shape[-1]
    events = None
    if synaptic_events is not None:
        events = _drive(synaptic_events, "synaptic_events", steps)
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
    noise_std = to_number(noise_std, "noise_std", "dimensionless")
    if noise_std < 0:
        raise InputError(f"noise_std (={noise_std:g}) must be at least 0")
    seeds = _seed_sequence(seed)
    record = _indices(record, neurons)

    synaptic = events is not None
    codegen.load_brian2()  # its complaints are about the caller, not about a target
    target = codegen.working_target(
        target,
        neurons * steps,
        "".join(_model(mode, synaptic).values()),
        lambda candidate: _canary(candidate, mode, synaptic),
    )
    report = None if progress is None else _throttled(progress)
    chunks = []
    for number, start in enumerate(range(0, neurons, _CHUNK)):
        stop = min(start + _CHUNK, neurons)
        chunks.append(
            _run(
                target,
                current[..., start:stop],
                None if events is None else events[:, start:stop],
                params,
                dt,
                steps,
                mode=mode,
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


def presynaptic_events(
    rate_hz: ArrayLike,
    n_steps: int,
    n: int,
    *,
    dt_ms: float = 1.0,
    weight: float = 1.0,
    kind: str = "regular",
    rng: np.random.Generator,
    params: LIFParameters = TABLE_1,
) -> NDArray[np.float64]:
    """Increments of the synaptic current from one presynaptic neuron per neuron.

    Parameters
    ----------
    rate_hz : float or (n,) array_like or Quantity, Hz
        Presynaptic rates, in the band [rate_min, rate_max] of Table 1.
    n_steps, n : int
        Numbers of steps and of neurons.
    dt_ms : float or Quantity, ms
    weight : float, dimensionless
        Current that one presynaptic spike adds.
    kind : {"regular", "poisson"}
        Evenly spaced spikes with a random phase, or independent ones.
    rng : numpy.random.Generator
        Draws the phases or the spikes.
    params : LIFParameters

    Returns
    -------
    (n_steps, n) array, dimensionless
        For ``synaptic_events`` of `simulate`. A spike arrives at the start of the step that
        follows it, at most dt late.

    Raises
    ------
    InputError
        If a rate lies outside the band, or another argument cannot be used.
    """
    _one_of("kind", kind, ("regular", "poisson"))
    dt = to_number(dt_ms, "dt_ms", "ms")
    weight = to_number(weight, "weight", "dimensionless")
    if dt <= 0 or n_steps < 1 or n < 1:
        raise InputError(
            f"dt_ms (={dt:g} ms), n_steps (={n_steps}) and n (={n}) must be greater than 0"
        )
    rate = np.asarray(strip_unit(rate_hz, "rate_hz", "Hz"), dtype=float)
    if rate.shape not in ((), (n,)):
        raise InputError(f"rate_hz (shape {rate.shape}) must be one rate or have shape {(n,)}")
    inside = (rate >= params.rate_min_hz) & (rate <= params.rate_max_hz)
    if not inside.all():
        raise InputError(
            f"rate_hz (={rate[~inside].flat[0]:g} Hz) must lie between rate_min_hz "
            f"(={params.rate_min_hz:g} Hz) and rate_max_hz (={params.rate_max_hz:g} Hz)"
        )
    per_step = rate * (dt * 1e-3)
    if kind == "poisson":
        return weight * rng.poisson(per_step, (n_steps, n)).astype(np.float64)
    spikes_before = np.arange(n_steps + 1)[:, np.newaxis] * per_step + rng.random(n)
    spikes: NDArray[np.float64] = np.diff(np.floor(spikes_before), axis=0)
    return weight * spikes


@dataclass(frozen=True, eq=False)
class _Result:
    count: NDArray[np.int64]
    first_ms: NDArray[np.float64]
    last_ms: NDArray[np.float64]
    trains_ms: list[list[float]]
    V: NDArray[np.float64]
    I: NDArray[np.float64]  # noqa: E741


def _model(mode: str, synaptic: bool) -> dict[str, str]:
    """The strings that make up a model; together they also name its compiled modules."""
    model = {"equations": EQUATIONS + (_SYNAPTIC_DRIVE if synaptic else _CONSTANT_DRIVE)}
    model["equations"] += _BOOKKEEPING
    if mode == "stock":
        return model | {"threshold": "V > V_th", "reset": _STOCK_SPIKE + _COUNT_AND_RESET}
    if not synaptic:
        return model | {
            "threshold": "V >= V_th",
            "reset": _RESIDUE_CONSTANT + _EXACT_SPIKE + _COUNT_AND_RESET,
            "release": _RELEASE_CONSTANT,
        }
    return model | {
        "threshold": "V >= V_th or peaked",
        "reset": _RESIDUE_SYNAPTIC + _EXACT_SPIKE + _COUNT_AND_RESET + "peaked = False\n",
        "release": _RELEASE_SYNAPTIC,
        "peak": _PEAK,
    }


def _run(target: str, *args: Any, **kwargs: Any) -> _Result:
    """`_run_network` on a target; on return nothing is left of the network."""
    with codegen.brian2_settings(target) as brian2:
        return _run_network(brian2, *args, **kwargs)


def _run_network(
    b2: Any,
    current: NDArray[Any],
    events: NDArray[Any] | None,
    params: LIFParameters,
    dt_ms: float,
    steps: int,
    *,
    mode: str,
    noise_std: float = 0.0,
    rng: np.random.Generator | None = None,
    record: Sequence[int] = (),
    report: Callable[[float], None] | None = None,
    share: tuple[float, float] = (0.0, 1.0),
) -> _Result:
    """Build one Brian2 network, run it, read it out."""
    model = _model(mode, events is not None)
    neurons = current.shape[-1]
    ms = b2.ms
    # Constants go by name: a literal would be compiled in, and every new value recompiled.
    # The fixed names of the objects serve the same end.
    constants = {
        "V_th": params.V_th,
        "V_reset": params.V_reset,
        "t_ref": params.t_ref_ms * ms,
        "tau": params.tau_ms * ms,
        "C": params.C_ms * ms,
        "R": params.R,
        "tau_syn": params.tau_syn_ms * ms,
        "kappa": (1 / params.tau_ms - 1 / params.tau_syn_ms) / ms,
    }
    clock = b2.Clock(dt_ms * ms, name="bio_scnn_clock")
    checks = {"release": "waiting and not_refractory", "peak": _MAYBE_PEAKED}
    checks = {event: check for event, check in checks.items() if event in model}
    group = b2.NeuronGroup(
        neurons,
        model["equations"],
        method="exact",
        threshold=model["threshold"],
        reset=model["reset"],
        refractory="t_ref",
        events=dict(checks),  # Brian2 adds its own to the dictionary
        namespace=constants,
        clock=clock,
        name="bio_scnn_lif",
    )
    # Both belong between the state update and the threshold. Release first: it sets V.
    for order, event in enumerate(checks):
        group.set_event_schedule(event, when="after_groups", order=2 * order)
        group.run_on_event(event, model[event], when="after_groups", order=2 * order + 1)
    state = {
        name: group.variables[name].get_value()
        for name in ("V", "count", "first_spike", "last_spike")
    }
    state["V"][:] = params.V_reset
    state["last_spike"][:] = _LONG_AGO_S
    drive = group.variables["I" if events is None else "I_ext"].get_value()
    drive[:] = current if current.ndim == 1 else current[0]
    I_syn = None if events is None else group.variables["I_syn"].get_value()

    rows = np.array(record, dtype=np.intp)
    samples_V = np.empty((len(record), steps + 1))
    samples_I = np.empty((len(record), steps))
    trains: list[list[float]] = [[] for _ in record]
    seen = np.zeros(len(record), dtype=int)
    step = 0
    noise: NDArray[np.float64] | None = None
    if noise_std and rng is not None:
        noise = np.asarray(rng.standard_normal(neurons))
        keep = math.exp(-dt_ms / params.tau_noise_ms)
        renew = math.sqrt(-math.expm1(-2 * dt_ms / params.tau_noise_ms))

    def before_step() -> None:
        if current.ndim == 2 or noise is not None:
            drive[:] = current if current.ndim == 1 else current[step]
        if noise is not None and rng is not None:
            drive[:] += noise_std * noise
            noise[:] = keep * noise + renew * rng.standard_normal(neurons)
        if I_syn is not None and events is not None:
            I_syn[:] += events[step]
        samples_V[:, step] = state["V"][rows]
        samples_I[:, step] = drive[rows] if I_syn is None else drive[rows] + I_syn[rows]

    def after_step() -> None:
        nonlocal step
        step += 1
        for row in np.flatnonzero(state["count"][rows] != seen):
            trains[row].append(1e3 * float(state["last_spike"][rows[row]]))
            seen[row] += 1
        if report is not None:
            report(share[0] + (share[1] - share[0]) * step / steps)

    network = b2.Network(group)
    if current.ndim == 2 or noise_std or events is not None or len(record):
        network.add(b2.NetworkOperation(before_step, clock=clock, when="start"))
    if len(record) or report is not None or len(network.objects) > 1:
        network.add(b2.NetworkOperation(after_step, clock=clock, when="end"))
    network.run(steps * dt_ms * ms, namespace={})
    if int(clock.variables["timestep"].get_value().item()) != steps:
        raise RuntimeError("Brian2 stopped before the end of the simulation")

    samples_V[:, steps] = state["V"][rows]
    silent = state["count"] == 0
    return _Result(
        count=state["count"].astype(np.int64),
        first_ms=np.where(silent, np.nan, 1e3 * state["first_spike"]),
        last_ms=np.where(silent, np.nan, 1e3 * state["last_spike"]),
        trains_ms=trains,
        V=samples_V,
        I=samples_I,
    )


@functools.cache
def _canary(target: str, mode: str, synaptic: bool) -> str | None:
    """Simulate three neurons with known spike counts; once per process, target and model.

    Brian2 can skip a code block that fails to translate without saying so.

    Returns
    -------
    str or None
        What is wrong.
    """
    expected = {"exact": [0, 2, 4], "stock": [0, 2, 5]}[mode]
    current = np.array([1.9, 10.0, 20.0])
    events = None
    if synaptic:  # a fourth neuron is lifted over the threshold by its synapse alone
        current = np.append(current, 0.0)
        events = np.zeros((25, 4))
        events[0, 3] = 20.0
        expected = [*expected, 4]
    try:
        count = _run(target, current, events, TABLE_1, 1.0, 25, mode=mode).count
    except Exception as error:
        return f"a small simulation failed: {str(error.__cause__ or error).splitlines()[0]}"
    if count.tolist() == expected:
        return None
    return f"a small simulation gave the spike counts {count.tolist()} instead of {expected}"


def _grid(
    duration_ms: Any, dt_ms: Any, mode: str, params: LIFParameters
) -> tuple[float, float, int]:
    """dt and duration in ms, and the number of steps, checked."""
    dt = to_number(dt_ms, "dt_ms", "ms")
    duration = to_number(duration_ms, "duration_ms", "ms")
    if dt <= 0 or duration <= 0:
        raise InputError(
            f"dt_ms (={dt:g} ms) and duration_ms (={duration:g} ms) must be greater than 0 ms"
        )
    if mode == "exact" and dt > min(params.t_ref_ms, params.tau_ms) * (1 + 1e-9):
        raise InputError(
            f"dt_ms (={dt:g} ms) must not exceed t_ref_ms (={params.t_ref_ms:g} ms) nor tau_ms "
            f"(={params.tau_ms:g} ms) in exact mode"
        )
    for name, value in (("t_ref_ms", params.t_ref_ms), ("duration_ms", duration)):
        whole = round(value / dt)
        if whole < 1 or abs(value / dt - whole) > 1e-9 * whole:
            raise InputError(
                f"{name} (={value:g} ms) must be a whole multiple of dt_ms (={dt:g} ms)"
            )
    return dt, duration, round(duration / dt)


def _drive(values: ArrayLike, name: str, steps: int) -> NDArray[Any]:
    values = strip_unit(values, name, "dimensionless")
    try:
        array = np.asarray(values)
        if array.dtype not in (np.float32, np.float64):
            array = array.astype(np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be an array of real numbers") from None
    if array.ndim not in (1, 2) or array.size == 0:
        raise InputError(
            f"{name} (shape {array.shape}) must have shape (neurons,) or (steps, neurons)"
        )
    if array.ndim == 2 and array.shape[0] != steps:
        raise InputError(
            f"{name} (shape {array.shape}) must have one row per step: duration_ms/dt_ms = {steps}"
        )
    if not np.isfinite(array).all():
        raise InputError(f"{name} contains NaN or infinity: give finite numbers")
    return array


def _indices(record: Sequence[int], neurons: int) -> tuple[int, ...]:
    try:
        indices = tuple(operator.index(index) for index in record)
    except TypeError:
        raise InputError(f"record (={record!r}) must be a sequence of neuron indices") from None
    for index in indices:
        if not 0 <= index < neurons:
            raise InputError(f"record contains {index}: indices go from 0 to {neurons - 1}")
    return indices


def _seed_sequence(seed: int | np.random.SeedSequence | None) -> np.random.SeedSequence:
    if isinstance(seed, np.random.SeedSequence):
        return seed
    try:
        return np.random.SeedSequence(None if seed is None else operator.index(seed))
    except (TypeError, ValueError):
        raise InputError(f"seed (={seed!r}) must be an integer of at least 0") from None


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


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"{name} (={value!r}) must be one of {', '.join(map(repr, choices))}")
