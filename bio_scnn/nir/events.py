"""Events of a run in continuous time, gone through again: what the adjoint needs of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.nir.graph import Graph, Node
from bio_scnn.nir.paths import wire
from bio_scnn.nir.running import Activity

Array = NDArray[np.float64]
_DENSE = 1_000_000
Three = tuple[Array, Array, Array]


class Cell:
    """Neurons of a node as ``V' = a V + k S + ..., S' = b S + ...``, in ms.

    Attributes
    ----------
    rates : (a, k, b)
    jump, current : (V, S)
        What an impulse of size 1 adds; what a current of 1 adds per ms.
    goal : array
        Change of V per ms by v_leak.
    """

    def __init__(self, node: Node, area_ms: float, *, subtracts: bool) -> None:
        v = {key: np.asarray(x, float).ravel() for key, x in node.values.items()}
        zero = np.zeros(node.size)
        self.size, self.subtracts = node.size, subtracts
        self.threshold, self.reset_to = v["v_threshold"], v["v_reset"]
        if node.kind == "CubaLIF":
            tau, tau_S = 1e3 * v["tau_mem"], 1e3 * v["tau_syn"]
            self.rates: Three = -1 / tau, v["r"] / tau, -1 / tau_S
            self.current = zero, v["w_in"] / tau_S
        elif node.kind == "LIF":
            tau = 1e3 * v["tau"]
            self.rates = -1 / tau, zero, zero
            self.current = v["r"] / tau, zero
        else:
            self.rates = zero, zero, zero
            self.current = v["r"] / 1e3, zero
        self.goal = -self.rates[0] * v.get("v_leak", zero)
        self.jump = area_ms * self.current[0], area_ms * self.current[1]

    def propagators(self, h: float) -> tuple[Three, Three]:
        """Matrix exponential of a time, and its integral from 0: entries VV, VS, SS."""
        a, k, b = self.rates
        E_a, E_b = np.exp(a * h), np.exp(b * h)
        I_a = np.where(a == 0, h, np.expm1(a * h) / np.where(a == 0, 1, a))
        I_b = np.where(b == 0, h, np.expm1(b * h) / np.where(b == 0, 1, b))
        alike = np.abs(a - b) <= 1e-7 * np.abs(a)
        apart = np.where(alike, 1, a - b)
        E_k = k * np.where(alike, h * E_a, (E_a - E_b) / apart)
        ramp = np.where(a == 0, h * h / 2, (h * E_a - I_a) / np.where(a == 0, 1, a))
        I_k = k * np.where(alike, ramp, (I_a - I_b) / apart)
        return (E_a, E_k, E_b), (I_a, I_k, I_b)

    def flow(self, x: Array, held: Array, h: float) -> Array:
        """State after a time, ``(2, neurons)``; `held` is a current."""
        (E_V, E_k, E_S), (I_V, I_k, I_S) = self.propagators(h)
        c_V, c_S = self.goal + self.current[0] * held, self.current[1] * held
        V = E_V * x[0] + E_k * x[1] + I_V * c_V + I_k * c_S
        return np.array([V, E_S * x[1] + I_S * c_S])

    def slope(self, x: Array, held: Array) -> Array:
        """V'."""
        a, k, _ = self.rates
        return a * x[0] + k * x[1] + self.goal + self.current[0] * held


@dataclass(frozen=True, eq=False)
class Fired:
    """Neurons that fire at an instant: V' before and after, and how often they do."""

    who: NDArray[np.int64]
    before: Array
    after: Array
    often: Array


@dataclass(eq=False)
class Instant:
    """Events at a time, and how long nothing happens after them.

    Attributes
    ----------
    step : int
        Of the input.
    spikes : mapping of str to int array
        Places of its spikes in the activity's lists.
    arrived : mapping of str to mapping of str to array
        Spikes, or sizes of impulses, of each source of a node.
    crossed, caused : mapping of str to Fired
        Spikes by a crossing, and by an impulse.
    """

    step: int
    length: float = 0.0
    spikes: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    arrived: dict[str, dict[str, Array]] = field(default_factory=dict)
    crossed: dict[str, Fired] = field(default_factory=dict)
    caused: dict[str, Fired] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Replay:
    """A run's instants, neurons, and the matrices between them, by target and source."""

    cells: Mapping[str, Cell]
    matrices: Mapping[str, Mapping[str, Any]]
    instants: list[Instant]
    held: bool


def replay(
    graph: Graph,
    given: Mapping[str, Array],
    activity: Activity,
    *,
    area_ms: float,
    held: bool,
    reset: str,
) -> Replay:
    """Go through the spikes of a run again, with the states that the adjoint needs."""
    wiring = wire(graph)
    cells = {
        n: Cell(graph.nodes[n], area_ms, subtracts=reset == "subtract")
        for n in wiring.active
        if graph.nodes[n].fires
    }
    matrices = {n: {a: _quick(path.whole) for a, path in wiring.into[n].items()} for n in cells}
    steps = len(next(iter(given.values())))
    grid = np.arange(steps + 1) * np.float64(activity.dt_ms)
    times = np.unique(np.concatenate([grid, *activity.times_ms.values()]))
    x = {n: np.zeros((2, cell.size)) for n, cell in cells.items()}
    for n, cell in cells.items():
        x[n][0] = np.where(cell.threshold <= 0, cell.reset_to, 0.0)
    instants = []
    for t, after in zip(times, [*times[1:], times[-1]], strict=True):
        step = min(int(np.searchsorted(grid, t, side="right")) - 1, steps - 1)
        now = Instant(step, float(after - t))
        starts = t == grid[step]
        current = {
            n: wiring.constant[n]
            + sum(m @ given[a][step] for a, m in matrices[n].items() if held and a in given)
            for n in cells
        }
        sent: dict[str, Array] = {}
        if not held and starts and t < grid[-1]:
            sent = {a: u[step] for a, u in given.items() if u[step].any()}
        _fire(now, t, cells, activity, x, current, matrices, sent)
        for n, cell in cells.items():
            x[n] = cell.flow(x[n], current[n], now.length)
        instants.append(now)
    return Replay(cells, matrices, instants, held)


def _quick(matrix: Any) -> Any:
    """A matrix in the form that is multiplied fastest."""
    return matrix.toarray() if np.prod(matrix.shape) <= _DENSE else matrix.tocsc()


def _fire(
    now: Instant,
    t: float,
    cells: Mapping[str, Cell],
    activity: Activity,
    x: dict[str, Array],
    current: Mapping[str, Array],
    matrices: Mapping[str, Mapping[str, Any]],
    sent: dict[str, Array],
) -> None:
    """Spikes and impulses of an instant: crossings first, then what arrives, in order."""
    often: dict[str, Array] = {}
    for n, cell in cells.items():
        span = np.searchsorted(activity.times_ms[n], [t, np.nextafter(t, np.inf)])
        if span[0] < span[1]:
            now.spikes[n] = np.arange(*span)
            often[n] = np.bincount(activity.who[n][slice(*span)], minlength=cell.size).astype(
                float
            )
            sent[n] = often[n]
    drive = {n: {a: sent[a] for a in matrices[n] if a in sent} for n in cells}
    for n, cell in cells.items():
        if n in often:
            arrives = sum((matrices[n][a] @ s for a, s in drive[n].items()), np.zeros(cell.size))
            at_once = (cell.jump[0] * arrives != 0) & (often[n] > 0)
            who = np.flatnonzero((often[n] > 0) & ~at_once)
            if who.size:
                now.crossed[n] = _reset(cell, x[n], current[n], who, often[n])
    for n, cell in cells.items():
        if not drive[n]:
            continue
        now.arrived[n] = drive[n]
        arrives = sum((matrices[n][a] @ s for a, s in drive[n].items()), np.zeros(cell.size))
        before = cell.slope(x[n], current[n])
        done = now.crossed[n].who if n in now.crossed else np.empty(0, dtype=np.int64)
        x[n][0] += cell.jump[0] * arrives
        x[n][1] += cell.jump[1] * arrives
        left = often[n].copy() if n in often else np.zeros(cell.size)
        left[done] = 0
        if (who := np.flatnonzero(left)).size:
            fired = _reset(cell, x[n], current[n], who, left)
            now.caused[n] = Fired(who, before[who], fired.after, fired.often)


def _reset(cell: Cell, x: Array, current: Array, who: Any, often: Array) -> Fired:
    """Reset the neurons that fire, in place."""
    before = cell.slope(x, current)[who]
    if cell.subtracts:
        x[0, who] -= often[who] * (cell.threshold - cell.reset_to)[who]
    else:
        x[0, who] = cell.reset_to[who]
    return Fired(who, before, cell.slope(x, current)[who], often[who])
