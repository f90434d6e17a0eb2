"""A NIR graph in continuous time: spikes are impulses, and every event has its exact time."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError
from bio_scnn.neuron.units import one_of
from bio_scnn.nir.graph import NEURONS, Graph
from bio_scnn.nir.open_points import open_points, suggested_area_s
from bio_scnn.nir.paths import Wiring, wire
from bio_scnn.nir.population import Population
from bio_scnn.nir.smooth import SmoothLinks

if TYPE_CHECKING:
    from bio_scnn.nir.running import Activity

Array = NDArray[np.float64]
Who = NDArray[np.int64]

_SWEEPS = 1_000  # rounds of spikes through a loop at one time
_MOST_SPIKES = 20_000_000


class ContinuousRun:
    """Events of a graph in their order.

    Parameters
    ----------
    graph : Graph
    inputs : mapping of str to (steps, *shape) array
    dt_ms : float, ms
        Distance of the inputs, and of the samples of V.
    held : bool
        Inputs are currents held over a step; else impulses at its start.
    area_ms : float, ms
        Of a spike.
    reset : {"value", "subtract"}
    """

    def __init__(
        self,
        graph: Graph,
        inputs: Mapping[str, Array],
        dt_ms: float,
        *,
        held: bool,
        area_ms: float,
        reset: str,
    ) -> None:
        self.graph, self.held, self.area = graph, held, area_ms
        self.wiring: Wiring = wire(graph)
        self.smooth = SmoothLinks(graph, self.wiring, held=held)
        self.inputs = {name: x.reshape(len(x), -1) for name, x in inputs.items()}
        self.steps = len(next(iter(inputs.values())))
        self.grid: Array = np.arange(self.steps + 1) * np.float64(dt_ms)
        nodes = graph.nodes
        self.cells = {
            name: Population(nodes[name], self.grid[-1], reset, self.smooth.currents.get(name, ()))
            for name in self.wiring.active
            if nodes[name].kind in NEURONS
        }
        self.V = {name: np.zeros((self.steps, nodes[name].size)) for name in self.cells}
        self.sent = {name: np.zeros((self.steps, nodes[name].size)) for name in graph.outputs}
        self.fired: dict[str, list[tuple[Array, Who, Who]]] = {
            n: [(np.empty(0), *np.empty((2, 0), np.int64))] for n in self.cells if nodes[n].fires
        }
        # What each node holds on its outputs, and what is to come: (time, number, node, ...).
        self.out = {name: np.zeros(nodes[name].size) for name in self.wiring.active}
        self.queue: list[tuple[float, int, str, Who, Array, bool]] = []
        self.number, self.spikes, self.loops = count(), 0, graph.in_loops()
        self.pending: dict[str, Array] = {}

    def run(self) -> None:
        """Go through all events."""
        self.step, self.now, self.round = -1, -1.0, 0  # of impulses at this time
        for name in self.smooth.links:
            leak = self.cells[name].leak
            self.out[name] = leak
            for target, current, amount in self.smooth.started(name, leak):
                self.cells[target].kick(current, amount, 0.0)
        for name in self.wiring.active:
            self.hold_again(name, 0.0)
        for cell in self.cells.values():
            cell.predict(cell.everyone)
        sampled = 0
        while True:
            t = self.next_time()
            while sampled < self.steps and self.grid[sampled + 1] <= t:
                for name, cell in self.cells.items():
                    self.V[name][sampled] = cell.V_at(self.grid[sampled + 1])
                sampled += 1
            if sampled == self.steps:
                return
            self.instant(t)

    def next_time(self) -> float:
        """Time of the next event; inf if there is none."""
        times = [self.grid[self.step + 1] if self.step + 1 < self.steps else np.inf]
        times += [self.queue[0][0]] if self.queue else []
        times += [cell.crossing.min() for cell in self.cells.values() if cell.fires]
        return float(min(times))

    def instant(self, t: float) -> None:
        """Everything that happens at one time, node by node in the order of their sources."""
        if self.step + 1 < self.steps and self.grid[self.step + 1] == t:
            self.step += 1
            self.take_inputs(t)
        while self.queue and self.queue[0][0] == t:
            _, _, name, who, sizes, held = heapq.heappop(self.queue)
            if held:
                self.out[name][who] = sizes
                self.tell(name, t)
            else:
                self.emit(name, who, sizes)
        self.now, self.round = t, self.round + 1 if t == self.now else 0
        for name, cell in self.cells.items():
            if cell.fires and (who := cell.due(t)).size:
                self.fire(name, who, np.ones(who.size), t)
        for _ in range(_SWEEPS):
            if not self.pending:
                return
            self.round += 1
            for name in self.wiring.active:
                if name in self.pending:
                    self.deliver(name, self.pending.pop(name), t)
        raise InputError(
            f"{self.graph.name}: at {t:g} ms spikes go round the loop of {min(self.pending)!r} "
            f"over {_SWEEPS:,} times: without a delay it has no end"
        )

    def take_inputs(self, t: float) -> None:
        for name, x in self.inputs.items():
            now = x[self.step]
            if not self.held:
                who = np.flatnonzero(now)
                self.emit(name, who, now[who])
            elif np.any(now != self.out[name]):
                self.out[name] = now.copy()
                self.tell(name, t)

    def emit(self, name: str, who: Who, sizes: Array) -> None:
        """Send impulses along a node's paths, to act at this time."""
        for target, path in self.wiring.out[name].items() if who.size else ():
            arrives = path.spread(who, sizes)
            before = self.pending.get(target)
            self.pending[target] = arrives if before is None else before + arrives

    def tell(self, name: str, t: float) -> None:
        """Let targets know that a node holds something else on its outputs."""
        for target in self.wiring.out[name]:
            self.hold_again(target, t)

    def hold_again(self, name: str, t: float) -> None:
        """Add up again what is held on a node's inputs."""
        current = self.wiring.constant[name]
        for source, path in self.wiring.into[name].items():
            if self.out[source].any():
                current = current + path.times(self.out[source])
        if name in self.cells:
            self.cells[name].hold(current, t)
            if name in self.smooth.links:
                self.end_moves(name, t)
            return
        node = self.graph.nodes[name]
        if node.kind == "Delay":
            self.later(name, current, t, held=True)
        elif node.kind == "Threshold":
            level = np.broadcast_to(node.values["threshold"], node.input_shape).ravel()
            self.out[name] = (current > level).astype(np.float64)
            self.tell(name, t)

    def jumps(self, name: str, charge: Array, t: float) -> None:
        """An integrator that drives neurons got impulses."""
        cell = self.cells[name]
        jump = cell.gain * charge * cell.per_charge
        if self.graph.nodes[name].kind == "I":
            self.out[name] = self.out[name] + jump
            self.tell(name, t)
        for target, current, amount in self.smooth.jumped(name, jump):
            self.cells[target].kick(current, amount, t)

    def end_moves(self, name: str, t: float) -> None:
        """The value that V of an integrator tends to may have changed."""
        cell = self.cells[name]
        if self.graph.nodes[name].kind == "I":
            return
        end = cell.leak + cell.held
        if np.any(end != self.out[name]):
            change, self.out[name] = end - self.out[name], end
            self.tell(name, t)
            for target, current, amount in self.smooth.moved(name, change):
                self.cells[target].kick(current, amount, t)

    def later(self, name: str, sizes: Array, t: float, *, held: bool) -> None:
        """Put what a Delay takes into the queue."""
        node = self.graph.nodes[name]
        delay = np.broadcast_to(node.values["delay"], node.input_shape).ravel() * 1e3
        for one in np.unique(delay):
            who = np.flatnonzero((delay == one) & (held | (sizes != 0)))
            if who.size:
                when = self._on_grid(t + one)
                heapq.heappush(self.queue, (when, next(self.number), name, who, sizes[who], held))

    def _on_grid(self, t: float) -> float:
        """A time that rounding alone has taken off the inputs' times, put back."""
        near = self.grid[min(int(np.searchsorted(self.grid, t - 1e-12 * t)), self.steps)]
        return float(near) if abs(near - t) <= 4e-15 * t else float(t)

    def deliver(self, name: str, sizes: Array, t: float) -> None:
        """Impulses reach a node."""
        if name in self.cells:
            who, often = self.cells[name].receive(sizes * self.area, t)
            if name in self.smooth.links:
                self.jumps(name, sizes * self.area, t)
            if who.size:
                self.fire(name, who, often, t)
            return
        node = self.graph.nodes[name]
        if node.kind == "Delay":
            self.later(name, sizes, t, held=False)
        elif node.kind == "Threshold":
            level = np.broadcast_to(node.values["threshold"], node.input_shape).ravel()
            who = np.flatnonzero(sizes > level)
            self.emit(name, who, np.ones(who.size))
        else:
            if name in self.sent:
                self.sent[name][self._step_of(t)] += sizes
            who = np.flatnonzero(sizes)
            self.emit(name, who, sizes[who])

    def _step_of(self, t: float) -> int:
        return min(int(np.searchsorted(self.grid, t, side="right")) - 1, self.steps - 1)

    def fire(self, name: str, who: Who, often: Array, t: float) -> None:
        each = np.repeat(who, often.astype(np.int64))
        self.fired[name].append((np.full(each.size, t), each, np.full(each.size, self.round)))
        self.spikes += each.size
        if self.spikes > _MOST_SPIKES:
            raise InputError(f"{self.graph.name}: over {_MOST_SPIKES:,} spikes by {t:g} ms")
        if name in self.loops:
            self.cells[name].refuse_runaway(each, t)
        self.emit(name, who, often)


def run_continuous(
    graph: Graph,
    inputs: Mapping[str, Array],
    dt_ms: float,
    *,
    held: bool,
    area_s: float | None,
    reset: str,
) -> Activity:
    """A checked graph in continuous time; see `running.run`."""
    from bio_scnn.nir.running import Activity

    one_of("reset", reset, ("value", "subtract"))
    if area_s is not None and area_s <= 0:
        raise InputError(f"spike_area_s (={area_s:g} s) must be greater than 0 s")
    area_ms = 1e3 * (area_s or suggested_area_s(graph) or 1.0)
    events = ContinuousRun(graph, inputs, dt_ms, held=held, area_ms=area_ms, reset=reset)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        events.run()
    times, who, rounds = (
        {n: np.concatenate([part[i] for part in parts]) for n, parts in events.fired.items()}
        for i in range(3)
    )
    V = {n: v.reshape(-1, *graph.nodes[n].output_shape) for n, v in events.V.items()}
    spikes = {n: raster(times[n], who[n], events.grid, graph.nodes[n].output_shape) for n in times}
    outputs: dict[str, Any] = {**V, **spikes}
    for name, sent in events.sent.items():
        for source, path in events.wiring.into[name].items():
            if source in V and source not in spikes:
                sent = sent + events.V[source] @ path.whole.T + events.wiring.constant[name]
        outputs[name] = sent.reshape(-1, *graph.nodes[name].output_shape)
    said = open_points(graph, None, area_s, reset)
    return Activity("continuous", dt_ms, spikes, V, outputs, times, who, rounds, said)


def raster(times: Array, who: Who, grid: Array, shape: tuple[int, ...]) -> Array:
    """Spikes per step, ``(steps, *shape)``."""
    counts = np.zeros((len(grid) - 1, int(np.prod(shape))))
    step = np.minimum(np.searchsorted(grid, times, side="right") - 1, len(grid) - 2)
    np.add.at(counts, (step, who), 1)
    return counts.reshape(-1, *shape)


def spike_times(activity: Activity, name: str) -> Iterator[Array]:
    """Spike times of each neuron of a node, in flat order."""
    n = int(np.prod(activity.spikes[name].shape[1:]))
    for neuron in range(n):
        yield activity.times_ms[name][activity.who[name] == neuron]
