"""Events of a run in continuous time, gone through again: what the adjoint needs of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.nir.cells import Cell
from bio_scnn.nir.graph import Graph
from bio_scnn.nir.paths import wire
from bio_scnn.nir.running import Activity

Array = NDArray[np.float64]
_DENSE = 1_000_000


@dataclass(frozen=True, eq=False)
class Fired:
    """Spikes of a node that come together.

    Attributes
    ----------
    who : int array
        Neurons that fire.
    before, after : array
        V' before all that makes them fire, and after their reset.
    often : array
        How often each fires.
    places : int array
        Places of the spikes in the activity's lists.
    """

    who: NDArray[np.int64]
    before: Array
    after: Array
    often: Array
    places: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Arrival:
    """Impulses on their way: from which node, by which event of the instant, of which sizes.

    ``event`` is -1 for an input of the graph.
    """

    source: str
    event: int
    sizes: Array


@dataclass(frozen=True, eq=False)
class Event:
    """Impulses that reach a node, or spikes of neurons whose V crosses the threshold by itself.

    Attributes
    ----------
    node : str
    arrived : tuple of Arrival
        Empty for a crossing.
    total : array
        Sum of the impulses that reach each neuron.
    fired : Fired or None
        Spikes that they cause at once, or those of the crossing.
    """

    node: str
    arrived: tuple[Arrival, ...]
    total: Array
    fired: Fired | None


@dataclass(eq=False)
class Instant:
    """Events at a time, in their order, and the time after them in which nothing happens.

    Attributes
    ----------
    step : int
        Of the input.
    length : float, ms
    current : mapping of str to array
        What is held on the input of each node.
    events : list of Event
    states : mapping of str to (2, neurons) array
        V and S of each node with a time constant, after the events.
    """

    step: int
    length: float
    current: Mapping[str, Array]
    events: list[Event] = field(default_factory=list)
    states: dict[str, Array] = field(default_factory=dict)


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
    again = _Again(cells, matrices, activity, x)
    instants: list[Instant] = []
    for t, after in zip(times, [*times[1:], times[-1]], strict=True):
        step = min(int(np.searchsorted(grid, t, side="right")) - 1, steps - 1)
        if not instants or instants[-1].step != step:
            current = {
                n: wiring.constant[n]
                + sum(m @ given[a][step] for a, m in matrices[n].items() if held and a in given)
                for n in cells
            }
        now = Instant(step, float(after - t), current)
        if not held and t == grid[step]:
            for a, u in given.items():
                again.emit(a, -1, u[step])
        again.through(now, t)
        instants.append(now)
    return Replay(cells, matrices, instants, held)


def _quick(matrix: Any) -> Any:
    """A matrix in the form that is multiplied fastest."""
    return matrix.toarray() if np.prod(matrix.shape) <= _DENSE else matrix.tocsc()


class _Again:
    """The events of a run in their order: its spikes are known, its states are computed."""

    def __init__(
        self,
        cells: Mapping[str, Cell],
        matrices: Mapping[str, Mapping[str, Any]],
        activity: Activity,
        states: dict[str, Array],
    ) -> None:
        self.cells, self.matrices, self.activity, self.x = cells, matrices, activity, states
        self.pending: dict[str, list[Arrival]] = {}

    def emit(self, source: str, event: int, sizes: Array) -> None:
        """Send impulses to all targets, to act at this time."""
        for n in self.cells:
            if source in self.matrices[n] and sizes.any():
                self.pending.setdefault(n, []).append(Arrival(source, event, sizes))

    def through(self, now: Instant, t: float) -> None:
        """An instant, and the time after it."""
        left = {}
        for n in self.cells:
            first, last = np.searchsorted(self.activity.times_ms[n], [t, np.nextafter(t, np.inf)])
            left[n] = np.arange(first, last)
        self._cross(now, left, 0)
        number, last = 0, max((self.activity.rounds[n][x].max(initial=0) for n, x in left.items()))
        while self.pending or number < last:
            number += 1
            if not self.pending:  # V only met the threshold, and rises over it now
                self._cross(now, left, number)
            for n in self.cells:
                if n in self.pending:
                    self._receive(n, now, self._of_round(n, left[n], number))
        for n, cell in self.cells.items():
            if cell.rates[0].any():
                now.states[n] = self.x[n].copy()
            self.x[n] = cell.flow(self.x[n], now.current[n], now.length)

    def _of_round(self, n: str, places: NDArray[np.int64], number: int) -> NDArray[np.int64]:
        return places[self.activity.rounds[n][places] == number]

    def _cross(self, now: Instant, left: Mapping[str, NDArray[np.int64]], number: int) -> None:
        """Neurons whose V crosses the threshold by itself fire."""
        for n, cell in self.cells.items():
            places = self._of_round(n, left[n], number)
            if places.size:
                fired = self._reset(n, now, places, cell.slope(self.x[n], now.current[n]))
                self._note(now, Event(n, (), np.zeros(cell.size), fired))

    def _receive(self, n: str, now: Instant, places: NDArray[np.int64]) -> None:
        """Impulses reach a node, and make neurons fire."""
        arrived = tuple(self.pending.pop(n))
        total = sum(self.matrices[n][a.source] @ a.sizes for a in arrived)
        cell, x = self.cells[n], self.x[n]
        before = cell.slope(x, now.current[n])
        x[0] += cell.jump[0] * total
        x[1] += cell.jump[1] * total
        fired = self._reset(n, now, places, before) if places.size else None
        self._note(now, Event(n, arrived, total, fired))

    def _note(self, now: Instant, event: Event) -> None:
        now.events.append(event)
        if event.fired is not None:
            sizes = np.zeros(self.cells[event.node].size)
            sizes[event.fired.who] = event.fired.often
            self.emit(event.node, len(now.events) - 1, sizes)

    def _reset(self, n: str, now: Instant, places: NDArray[np.int64], before: Array) -> Fired:
        """Reset the neurons that fire, in place."""
        cell, x = self.cells[n], self.x[n]
        who, often = np.unique(self.activity.who[n][places], return_counts=True)
        if cell.subtracts:
            x[0, who] -= often * (cell.threshold - cell.reset_to)[who]
        else:
            x[0, who] = cell.reset_to[who]
        after = cell.slope(x, now.current[n])
        return Fired(who, before[who], after[who], often.astype(np.float64), places)
