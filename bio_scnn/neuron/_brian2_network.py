"""One Brian2 network: built from the strings of `_brian2_equations`, run, read out, forgotten."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError
from bio_scnn.neuron import _brian2 as codegen
from bio_scnn.neuron import _brian2_linear as linear
from bio_scnn.neuron._brian2_crossing import CYTHON, first_crossing
from bio_scnn.neuron._brian2_equations import EVENT_CHECKS, Kind, model
from bio_scnn.neuron._brian2_linear import LinearKind
from bio_scnn.neuron.closed_form import first_spike_ms
from bio_scnn.neuron.linear import LinearNeuron
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters
from bio_scnn.neuron.time_grid import MOST_SPIKES, TimeGrid


@dataclass(frozen=True, eq=False)
class Job:
    """Task of one network; `simulate` explains and has checked the fields.

    Attributes
    ----------
    current : (neurons,) or (steps, neurons) array
    events : (steps, neurons) array or None
    params : LIFParameters or LinearNeuron
    grid : TimeGrid
    kind : Kind or LinearKind
        Of the model.
    noise_std : float
    rng : numpy.random.Generator or None
        Of the noise.
    record : tuple of int
    """

    current: NDArray[Any]
    events: NDArray[Any] | None
    params: LIFParameters | LinearNeuron
    grid: TimeGrid
    kind: Kind | LinearKind
    noise_std: float = 0.0
    rng: np.random.Generator | None = None
    record: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Result:
    """Result of one network: `Recording` explains the fields, V and I are its traces."""

    count: NDArray[np.int64]
    first_ms: NDArray[np.float64]
    last_ms: NDArray[np.float64]
    trains_ms: list[NDArray[np.float64]]
    V: NDArray[np.float64]
    I: NDArray[np.float64]  # noqa: E741 - the symbol of eq. 1


def run(target: str, job: Job, report: Callable[[float], None] | None = None) -> Result:
    """Simulate on a target; nothing is left of the network after.

    `report`, if any, is called after every step with the fraction done.
    """
    with codegen.brian2_settings(target) as brian2:
        simulation = _Simulation(brian2, job, report)
        # A crossing at the edge of what numbers can tell may overflow before it is clipped.
        with np.errstate(divide="ignore", over="ignore"):
            simulation.network.run(job.grid.steps * job.grid.dt_ms * brian2.ms, namespace={})
        return simulation.result()


class _Input:
    """The currents, noise and events of each step, as they are handed to the neurons."""

    def __init__(self, job: Job, group: Any) -> None:
        self.job = job
        drive, synapse = job.kind.inputs
        self.drive = group.variables[drive].get_value()
        self.synapse = group.variables[synapse].get_value() if job.kind.synaptic else None
        self.parts = [(sign, group.variables[name].get_value()) for name, sign in job.kind.total]
        self.drive[:] = job.current if job.current.ndim == 1 else job.current[0]
        self.noise = None
        if job.noise_std and job.rng is not None:
            self.noise = job.rng.standard_normal(len(self.drive))
            noise = job.params if isinstance(job.params, LIFParameters) else TABLE_1
            elapsed = job.grid.dt_ms / noise.tau_noise_ms
            self.keep, self.renew = math.exp(-elapsed), math.sqrt(-math.expm1(-2 * elapsed))
        self.changes = job.current.ndim == 2 or self.noise is not None or self.synapse is not None

    def set(self, step: int) -> None:
        """Bring the input of a step to the neurons."""
        job = self.job
        if job.current.ndim == 2 or self.noise is not None:
            self.drive[:] = job.current if job.current.ndim == 1 else job.current[step]
        if self.noise is not None and job.rng is not None:
            self.drive[:] += job.noise_std * self.noise
            self.noise[:] = self.keep * self.noise
            self.noise += self.renew * job.rng.standard_normal(len(self.noise))
        if self.synapse is not None and job.events is not None:
            self.synapse[:] += job.events[step]

    def total(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """The current of some neurons, with those of synapses and adaptation."""
        return sum((sign * part[rows] for sign, part in self.parts), np.zeros(len(rows)))


class _Recorder:
    """V, I and the spikes of the recorded neurons, step by step."""

    def __init__(self, job: Job, state: dict[str, NDArray[Any]], given: _Input) -> None:
        self.params, self.state, self.given = job.params, state, given
        self.rows = np.array(job.record, dtype=np.intp)
        self.V = np.empty((len(job.record), job.grid.steps + 1))
        self.I = np.empty((len(job.record), job.grid.steps))
        self.trains: list[list[float]] = [[] for _ in job.record]
        self.seen = np.zeros(len(job.record))

    def sample(self, step: int) -> None:
        """Keep V and I just after the start of a step."""
        self.V[:, step] = self.state["V"][self.rows]
        self.I[:, step] = self.given.total(self.rows)

    def collect_spikes(self) -> None:
        """Keep the spikes since the last call. Several under a held current are periodic."""
        count = self.state["count"][self.rows]
        for row in np.flatnonzero(count != self.seen):
            neuron = self.rows[row]
            last = 1e3 * float(self.state["last_spike"][neuron])
            before = np.arange(count[row] - self.seen[row] - 1, 0, -1)
            if before.size and isinstance(self.params, LIFParameters):
                isi = self.params.t_ref_ms + first_spike_ms(self.given.drive[neuron], self.params)
                self.trains[row].extend((last - before * isi).tolist())
            self.trains[row].append(last)
        self.seen = count


class _Simulation:
    """A network with one group of neurons, and what is done in its steps besides."""

    def __init__(self, b2: Any, job: Job, report: Callable[[float], None] | None) -> None:
        self.job, self.report = job, report
        self.step = 0
        self.clock = b2.Clock(job.grid.dt_ms * b2.ms, name="bio_scnn_clock")
        group, self.round = _neurons(b2, job, self.clock)
        names = ("V", "count", "first_spike", "last_spike")
        self.state = {name: group.variables[name].get_value() for name in names}
        self.state["V"][:] = job.params.V_reset
        self.fired = group.variables["_spikespace"].get_value()
        self.input = _Input(job, group)
        self.recorder = _Recorder(job, self.state, self.input)
        self.network = b2.Network(group)
        if self.input.changes or job.record:
            self._add(b2, self.before_step, "start")
        if self.round:
            self._add(b2, self.further_rounds, "after_resets")
        if job.record or report is not None or len(self.network.objects) > 1:
            self._add(b2, self.after_step, "end")

    def _add(self, b2: Any, operation: Callable[[], None], when: str) -> None:
        self.network.add(b2.NetworkOperation(operation, clock=self.clock, when=when))

    def before_step(self) -> None:
        """Bring in the input; V is as the last step left it."""
        self.input.set(self.step)
        self.recorder.sample(self.step)

    def further_rounds(self) -> None:
        """Fire again whoever crosses the threshold again in the same step."""
        for _ in range(MOST_SPIKES):
            if not self.fired[-1]:
                return
            self.recorder.collect_spikes()
            for part in self.round:
                part.run()
        what = "synaptic_events" if isinstance(self.job.kind, Kind) else "current and events"
        raise InputError(
            f"{what} make a neuron fire over {MOST_SPIKES:,} times in a step: "
            f"dt_ms (={self.job.grid.dt_ms:g} ms) must be smaller"
        )

    def after_step(self) -> None:
        """Collect spikes, report progress."""
        self.step += 1
        self.recorder.collect_spikes()
        if self.report is not None:
            self.report(self.step / self.job.grid.steps)

    def result(self) -> Result:
        """All that is kept."""
        if int(self.clock.variables["timestep"].get_value().item()) != self.job.grid.steps:
            raise RuntimeError("Brian2 stopped before the end of the simulation")
        state, recorder = self.state, self.recorder
        recorder.V[:, -1] = state["V"][recorder.rows]
        silent = state["count"] == 0
        return Result(
            count=state["count"].astype(np.int64),
            first_ms=np.where(silent, np.nan, 1e3 * state["first_spike"]),
            last_ms=np.where(silent, np.nan, 1e3 * state["last_spike"]),
            trains_ms=[np.array(train) for train in recorder.trains],
            V=recorder.V,
            I=recorder.I,
        )


def _neurons(b2: Any, job: Job, clock: Any) -> tuple[Any, list[Any]]:
    """The group of neurons, and the parts of it that make up a further round, if there are any."""
    strings, checks, constants = _model(b2, job)
    refractory = job.kind.mode == "stock" and not job.kind.long_step
    group = b2.NeuronGroup(
        job.current.shape[-1],
        strings["equations"],
        method=strings["method"],
        threshold=strings["threshold"],
        reset=strings["reset"],
        refractory="t_ref" if refractory else False,
        events=dict(checks),  # Brian2 adds its own to the dictionary
        namespace=constants,
        clock=clock,
        name="bio_scnn_lif",
    )
    # All belong between the state update and the threshold, in this order.
    for order, event in enumerate(checks):
        group.set_event_schedule(event, when="after_groups", order=2 * order)
        group.run_on_event(event, strings[event], when="after_groups", order=2 * order + 1)
    if isinstance(job.kind, LinearKind) and "near" in checks:
        # On every target, the crossings of the few neurons that come near are solved in NumPy.
        from brian2.codegen.runtime.numpy_rt import NumpyCodeObject

        group.resetter["near"].codeobj_class = NumpyCodeObject
    parts = group.thresholder, group.resetter
    again = ("near", "spike") if job.kind.by_rounds else ()
    return group, [part[event] for event in again for part in parts]


def _model(b2: Any, job: Job) -> tuple[dict[str, Any], dict[str, str], dict[str, Any]]:
    """Strings, conditions of the events, and namespace of a job's group."""
    if isinstance(job.kind, LinearKind):
        assert isinstance(job.params, LinearNeuron)
        constants = linear.constants(b2, job.params, job.grid.dt_ms)
        return linear.model(job.kind), linear.event_checks(job.kind), constants
    assert isinstance(job.params, LIFParameters)
    strings = model(job.kind, job.params.reset)
    checks = {event: check for event, check in EVENT_CHECKS.items() if event in strings}
    return strings, checks, _constants(b2, job, job.params)


def _constants(b2: Any, job: Job, params: LIFParameters) -> dict[str, Any]:
    """The namespace of the group.

    Constants go by name: a literal would be compiled in, and every new value recompiled. The fixed
    names of the objects serve the same end.
    """
    ms = b2.ms
    tau, tau_syn = params.tau_ms, params.tau_syn_ms
    constants = {
        "V_th": params.V_th,
        "V_reset": params.V_reset,
        "V_rest": params.V_rest,
        "t_ref": params.t_ref_ms * ms,
        "t_ref_steps": round(params.t_ref_ms / job.grid.dt_ms),
        "tau": tau * ms,
        "C": params.C_ms * ms,
        "R": params.R,
        "tau_syn": tau_syn * ms,
        "tau_slow": max(tau, tau_syn) * ms,
        "rate_difference": abs(tau_syn - tau) / (tau * tau_syn) / ms,
    }
    if job.kind.synaptic and job.kind.mode == "exact":
        s = b2.second
        crossing = b2.Function(first_crossing, arg_units=[1, 1, 1, s, 1, s, s], return_unit=s)
        crossing.implementations.add_numpy_implementation(first_crossing, discard_units=True)
        crossing.implementations.add_implementation("cython", code=CYTHON)
        constants["first_crossing"] = crossing
    return constants
