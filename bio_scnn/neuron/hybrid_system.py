"""A spiking neuron as a hybrid system, its run from event to event, and its steps on a time grid.

Between events the state flows, and the flow is known exactly. At events it jumps: a spike, an
impulse, a presynaptic spike. `run` goes from event to event, so no time grid enters its solution;
`on_grid` looks at the threshold at the ends of steps only, as clock-driven code does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError
from bio_scnn.neuron.trace import Trace

Array = NDArray[np.float64]

_MOST_SPIKES = 100_000  # of a neuron in a step: more would take forever


class HybridSystem(Protocol):
    """A layer of equal neurons; see `LinearNeuron` for one that has all of this.

    A state is an array ``(variables, neurons)`` whose first row is V. Currents and times are
    arrays ``(neurons,)``, in the order of the state's columns. No method changes its arguments.
    """

    @property
    def t_ref_ms(self) -> float:
        """Time for which V is held after a spike, ms."""

    @property
    def names(self) -> Sequence[str]:
        """Names of the variables after V."""

    def start(self, neurons: int) -> Array:
        """State at time 0."""

    def flow(self, state: Array, current: Array, time_ms: Array) -> Array:
        """State after a time without events under a held current."""

    def hold(self, state: Array, current: Array, time_ms: Array) -> Array:
        """State after a time within the refractory period: V stays, the rest may go on."""

    def margin(self, state: Array) -> Array:
        """V - V_th."""

    def crossing(self, state: Array, current: Array, within_ms: Array) -> Array:
        """Time until V first rises to V_th; ``inf`` if that is not within a given time."""

    def jump(self, state: Array, excess: Array) -> Array:
        """State after a spike at which V was `excess` above V_th: 0 where it crossed V_th."""

    def impulse(self, state: Array, charge: Array, held: NDArray[np.bool_]) -> Array:
        """State after an impulse of current, ``charge`` in units of current times ms."""

    def receive(self, state: Array, amount: Array) -> Array:
        """State after a presynaptic spike that adds `amount` to the synaptic current."""


@dataclass(frozen=True)
class Arrivals:
    """Impulses and presynaptic spikes, sorted by step, neuron and time.

    Attributes
    ----------
    time_ms : (arrivals,) array, ms
        Since the start of the step.
    neuron, rank : (arrivals,) int arrays
        `rank` counts the arrivals of a neuron in a step from 0.
    charge, amount : (arrivals,) arrays
        Of the impulse and of the presynaptic spike.
    bounds : (steps + 1,) int array
        Step n has the arrivals ``bounds[n]`` to ``bounds[n + 1]``.
    """

    time_ms: Array
    neuron: NDArray[np.int64]
    rank: NDArray[np.int64]
    charge: Array
    amount: Array
    bounds: NDArray[np.int64]

    @classmethod
    def sort(cls, impulses: Array, events: Array, steps: int, dt_ms: float) -> Arrivals:
        """From rows ``(time_ms, neuron, charge)`` and ``(time_ms, neuron, amount)``.

        What arrives at one neuron at one time adds up.
        """
        both = np.zeros((len(impulses) + len(events), 4))
        both[: len(impulses), :3] = impulses
        both[len(impulses) :, [0, 1, 3]] = events
        where, inverse = np.unique(both[:, :2], axis=0, return_inverse=True)
        sums = np.zeros((len(where), 2))
        np.add.at(sums, inverse.reshape(-1), both[:, 2:])
        grid = np.arange(steps + 1) * dt_ms
        step = np.searchsorted(grid, where[:, 0], side="right") - 1
        order = np.lexsort((where[:, 0], where[:, 1], step))
        step, where, sums = step[order], where[order], sums[order]
        neuron = where[:, 1].astype(np.int64)
        index = np.arange(len(step))
        first = np.diff(step, prepend=-1).astype(bool) | np.diff(neuron, prepend=-1).astype(bool)
        rank = index - np.maximum.accumulate(np.where(first, index, 0))
        since = _since_start(where[:, 0], step, dt_ms)
        bounds = np.searchsorted(step, np.arange(steps + 1))
        return cls(since, neuron, rank, sums[:, 0], sums[:, 1], bounds)

    def table(self, step: int, neurons: int) -> Array | None:
        """Times, charges and amounts of a step, ``(3, rank, neuron)``, after the last one inf."""
        part = slice(self.bounds[step], self.bounds[step + 1])
        if part.start == part.stop:
            return None
        rank, neuron = self.rank[part], self.neuron[part]
        table = np.zeros((3, rank.max() + 2, neurons))
        table[0] = np.inf
        table[:, rank, neuron] = self.time_ms[part], self.charge[part], self.amount[part]
        return table


def _since_start(time_ms: Array, step: NDArray[np.int64], dt_ms: float) -> Array:
    """``time - step dt`` without the rounding of the product; below dt, and 0 at a step's start.

    dt is split into two numbers of half as many digits, whose products with `step` are exact.
    """
    start, upper = step * dt_ms, (2**27 + 1) * dt_ms
    upper -= upper - dt_ms
    rounding = (step * upper - start) + step * (dt_ms - upper)
    since = np.where(time_ms == start, 0.0, (time_ms - start) - rounding)
    return np.clip(since, 0.0, np.nextafter(dt_ms, 0))


def _any(of: NDArray[np.bool_]) -> bool:
    """True if any is; for few neurons, counting takes a tenth of the time of `any`."""
    return bool(np.count_nonzero(of))


NO_ARRIVALS = np.empty((0, 3))


def run(
    neuron: HybridSystem,
    current: Array,
    dt_ms: float,
    impulses: Array = NO_ARRIVALS,
    events: Array = NO_ARRIVALS,
) -> Trace:
    """Spike times and states of a layer, from event to event.

    Parameters
    ----------
    neuron : HybridSystem
    current : (steps, neurons) array
        Held over [n dt, (n + 1) dt).
    dt_ms : float, ms
    impulses, events : (arrivals, 3) arrays
        Rows ``(time_ms, neuron, charge)`` and ``(time_ms, neuron, amount)``, in any order, each
        time within the run. What arrives at one neuron at one time adds up.

    Returns
    -------
    Trace
        Times of spikes, V and the other variables at the ends of the steps.

    Raises
    ------
    InputError
        If a neuron fires some 100,000 times in a step.

    Notes
    -----
    A neuron fires when V rises to V_th, or when an impulse carries it there. After a spike that
    leaves V at or above V_th (``reset="subtract"`` after a large impulse) it fires again as soon
    as it is not held. Close to V_th, V itself decides nothing: a V that only rounding has brought
    to V_th does not fire.
    """
    steps, neurons = current.shape
    arrivals = Arrivals.sort(impulses, events, steps, dt_ms)
    layer = _Layer(neuron, neurons)
    states = np.empty((steps, *layer.state.shape))
    # Currents that are not finite give NaN, which never crosses; rates of change may be 0.
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        for n in range(steps):
            layer.advance(current[n], n, dt_ms, arrivals.table(n, neurons))
            states[n] = layer.state
    variables = {name: states[:, i] for i, name in enumerate(neuron.names, 1)}
    return Trace(layer.spike_times(), states[:, 0], variables)


class _Layer:
    """State of a run: the neurons' states, who is held until when, and the spikes so far."""

    def __init__(self, neuron: HybridSystem, neurons: int) -> None:
        self.neuron = neuron
        self.state = neuron.start(neurons)
        # The refractory period ends in this step, at this time since its start.
        self.release_step = np.full(neurons, -1)
        self.release = np.zeros(neurons)
        self.over = np.zeros(neurons, dtype=bool)  # carried to V_th, and has not fired yet
        self.fired: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
        self.times: list[Array] = [np.empty(0)]

    def advance(self, current: Array, n: int, dt_ms: float, table: Array | None) -> None:
        """Go through step n; times are counted from its start, which keeps their digits."""
        neurons = len(current)
        now, ahead = np.zeros(neurons), self.release_step - n
        self.held = np.where(ahead == 0, self.release, np.where(ahead > 0, np.inf, -np.inf))
        last = np.full(neurons, -np.inf)  # spike in this step
        rank = np.zeros(neurons, dtype=np.int64)
        moving = np.arange(neurons)
        for _ in range(_MOST_SPIKES):
            # Each neuron goes to what comes first: a spike, its release, an arrival, the end.
            who: Any = slice(None) if moving.size == neurons else moving  # no copies of all
            t, drive, over = now[who], current[who], self.over[who]
            end = np.full(t.shape, dt_ms)
            if table is not None:
                due = table[0, rank[moving], moving]
                end = np.minimum(due, dt_ms)
            held = self.held[who] > t
            goal = np.where(held, np.minimum(self.held[who], end), end) if _any(held) else end
            state, fires, t = self._to_event(self.state[:, who], drive, t, goal, held, over)
            fired = moving[fires]
            if fired.size and not self._fire(fired, n, dt_ms, t[fires], state[:, fires], last):
                break
            self.state[:, who], now[who] = state, t
            if table is not None:
                here = ~fires & (t == due)
                self._arrive(moving[here], t[here], table[1:], rank)
                rank[moving[here]] += 1
            goes_on = t < dt_ms
            if _any(over := self.over[who]):
                goes_on |= over & (self.held[who] <= t)
            moving = moving[goes_on]
            if not moving.size:
                return
        raise InputError(
            f"the current ({current[moving].max():g}) makes a neuron without a refractory period "
            f"fire over {_MOST_SPIKES:,} times in a step"
        )

    def _fire(
        self,
        who: NDArray[np.int64],
        n: int,
        dt_ms: float,
        when: Array,
        state: Array,
        last: Array,
    ) -> bool:
        """Note the spikes of some neurons, and hold them; False if they come too often."""
        over = self.over[who]
        if np.any(~over & (when - last[who] < dt_ms / _MOST_SPIKES)):
            return False
        last[who] = when
        self.fired.append(who)
        self.times.append(n * dt_ms + when)
        self.held[who] = when + self.neuron.t_ref_ms
        whole, self.release[who] = np.divmod(self.held[who], dt_ms)
        self.release_step[who] = n + whole
        self.over[who] = over & (self.neuron.margin(state) >= 0)
        return True

    def _to_event(
        self,
        state: Array,
        drive: Array,
        t: Array,
        goal: Array,
        held: NDArray[np.bool_],
        over: NDArray[np.bool_],
    ) -> tuple[Array, NDArray[np.bool_], Array]:
        """State, who fired, and time at the next spike, or at `goal` without one."""
        left = goal - t
        wait = self.neuron.crossing(state, drive, left)
        if _any(over):
            wait[over] = 0.0
        fires = wait <= left
        if some_held := _any(held):
            fires &= ~held
        some = _any(fires)
        length = np.where(fires, wait, left) if some else left
        after = self.neuron.flow(state, drive, length)
        if some_held:
            after[:, held] = self.neuron.hold(state[:, held], drive[held], length[held])
        if not some:
            return after, fires, goal
        reached = after[:, fires]
        excess = np.where(over[fires], self.neuron.margin(reached), 0.0)
        after[:, fires] = self.neuron.jump(reached, excess)
        return after, fires, np.where(fires, t + wait, goal)

    def _arrive(
        self, who: NDArray[np.int64], t: Array, sent: Array, rank: NDArray[np.int64]
    ) -> None:
        """Impulses and presynaptic spikes act."""
        charge, amount = sent[:, rank[who], who]
        held = self.held[who] > t
        state = self.state[:, who]
        if amount.any():
            state = self.neuron.receive(state, amount)
        if charge.any():
            state = self.neuron.impulse(state, charge, held)
        self.state[:, who] = state
        self.over[who] |= ~held & (charge > 0) & (self.neuron.margin(state) >= 0)

    def spike_times(self) -> tuple[Array, ...]:
        """Spike times of each neuron, ms."""
        fired, times = np.concatenate(self.fired), np.concatenate(self.times)
        order = np.argsort(fired, kind="stable")
        counts = np.bincount(fired, minlength=len(self.release))
        return tuple(np.split(times[order], np.cumsum(counts)[:-1]))


def step(
    neuron: HybridSystem, state: Array, left: NDArray[np.int64], current: Array, dt_ms: float
) -> tuple[Array, NDArray[np.int64], NDArray[np.bool_]]:
    """One step of a neuron on a time grid, whose threshold is tested at the end of the step.

    Parameters
    ----------
    neuron : HybridSystem
    state : (variables, neurons) array
    left : (neurons,) int array
        Steps for which V is still held.
    current : (neurons,) array
        Held over the step.
    dt_ms : float, ms

    Returns
    -------
    state, left : as given, at the end of the step, after the reset
    fires : (neurons,) bool array
        At most one spike per step.
    """
    time, free = np.full(current.shape, dt_ms), left == 0
    state = np.where(free, neuron.flow(state, current, time), neuron.hold(state, current, time))
    margin = neuron.margin(state)
    fires = free & (margin >= 0)
    state = np.where(fires, neuron.jump(state, margin), state)
    hold = round(neuron.t_ref_ms / dt_ms)
    return state, np.where(fires, hold, np.maximum(left - 1, 0)), fires


def on_grid(neuron: HybridSystem, current: Array, dt_ms: float) -> Trace:
    """Spike times, at the ends of steps, and states of a layer on a time grid; see `step`.

    Parameters and what is returned are those of `run`.
    """
    steps, neurons = current.shape
    state, left = neuron.start(neurons), np.zeros(neurons, dtype=np.int64)
    states = np.empty((steps, *state.shape))
    raster = np.zeros(current.shape, dtype=bool)
    for n, drive in enumerate(current):
        state, left, raster[n] = step(neuron, state, left, drive, dt_ms)
        states[n] = state
    trace = Trace.from_raster(raster, dt_ms, states[:, 0])
    variables = {name: states[:, i] for i, name in enumerate(neuron.names, 1)}
    return Trace(trace.spike_times_ms, trace.membrane, variables)
