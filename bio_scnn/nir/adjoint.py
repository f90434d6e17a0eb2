"""Exact gradients of spike times through whole networks: the event-driven adjoint, in NIR graphs.

Between events a neuron's state is linear. Backwards in time its adjoint decays by itself, jumps at
the neuron's spikes, and gives each impulse the derivative by its size and by its time; the latter
is the slope of the loss by the spike that sent it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError
from bio_scnn.nir.cells import Cell
from bio_scnn.nir.events import Event, Fired, Instant, Replay, replay
from bio_scnn.nir.graph import FIRING, Graph
from bio_scnn.nir.maps import matrix_of
from bio_scnn.nir.paths import wire
from bio_scnn.nir.running import Activity, given_inputs

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NetworkGradients:
    """Gradients of a loss that depends on a network's spike times.

    Attributes
    ----------
    weights : mapping of (str, str) to (targets, sources) array
        By a node that fires and one that drives it, neurons in flat order: with respect to the
        matrix of all maps between them.
    bias : mapping of str to (neurons,) array
        With respect to a constant added to the input of a node that fires.
    fields : mapping of str to mapping of str to (neurons,) array
        By a node that fires and a field of its neurons, in NIR's names and units: ``tau``, ``r``,
        ``v_leak``, ``v_threshold``, ``v_reset``; of a CubaLIF ``tau_mem``, ``tau_syn``, ``w_in``.
    inputs : mapping of str to (steps, inputs) array
        With respect to the inputs: impulses, or held currents.
    """

    weights: Mapping[tuple[str, str], Array]
    bias: Mapping[str, Array]
    fields: Mapping[str, Mapping[str, Array]]
    inputs: Mapping[str, Array]


def network_gradients(
    graph: Graph,
    inputs: Any,
    activity: Activity,
    loss_slopes: Mapping[str, Array],
    *,
    spike_area_s: float,
    held: bool = False,
    reset: str = "value",
) -> NetworkGradients:
    """Exact gradients of a loss of spike times, through all layers of a network.

    Parameters
    ----------
    graph : Graph
        Of maps and IF, LIF and CubaLIF neurons.
    inputs, spike_area_s, held, reset
        As `bio_scnn.nir.run` got them in continuous time.
    activity : Activity
        What it returned.
    loss_slopes : mapping of str to (spikes,) array, 1/ms
        Derivative of the loss with respect to each spike time of a node, in the order of
        ``activity.times_ms``; nodes that are missing have 0.

    Returns
    -------
    NetworkGradients

    Raises
    ------
    InputError
        If the graph has other nodes, the activity is one of a grid, or slopes do not fit.

    Notes
    -----
    A spike at which V crosses the threshold moves by ``-dV / V'``. One that an impulse causes at
    once (in IF and LIF) happens at the impulse's time: it does not depend on weights at all. If
    several impulses come together, each has an equal share in its time. In a loop such a spike may
    cause others, of the same neuron too; all of them move with the first. Spikes that appear or
    vanish have no derivative.

    References
    ----------
    T. C. Wunderlich, C. Pehle, "Event-based backpropagation can compute exact gradients for
    spiking neural networks", Scientific Reports 11, 2021.
    """
    _check(graph, activity, loss_slopes)
    given = {n: x.reshape(len(x), -1) for n, x in given_inputs(graph, inputs).items()}
    run = replay(graph, given, activity, area_ms=1e3 * spike_area_s, held=held, reset=reset)
    back = _Backwards(run, activity, loss_slopes, given)
    for instant in reversed(run.instants):
        back.through(instant)
    return back.found()


def _check(graph: Graph, activity: Activity, slopes: Mapping[str, Array]) -> None:
    for node in graph.nodes.values():
        if (node.has_state and not node.fires) or node.kind in ("Delay", "Threshold"):
            raise InputError(
                f"{graph.name}: gradients go through maps and {', '.join(FIRING)}, not through "
                f"the {node.kind} {node.name!r}"
            )
    if activity.mode != "continuous":
        raise InputError("gradients need a run in continuous time, not one on a grid")
    for name, slope in slopes.items():
        if name not in activity.times_ms:
            raise InputError(f"{graph.name}: {name!r} has no spikes for slopes to be given")
        if np.shape(slope) != activity.times_ms[name].shape:
            raise InputError(
                f"{name!r} has {activity.times_ms[name].size} spikes and {np.size(slope)} slopes"
            )


class _Backwards:
    """Adjoint of all neurons, from the last event to the first."""

    def __init__(
        self,
        run: Replay,
        activity: Activity,
        slopes: Mapping[str, Array],
        given: Mapping[str, Array],
    ) -> None:
        self.run, self.cells, self.given = run, run.cells, given
        self.p = {n: np.zeros((2, c.size)) for n, c in self.cells.items()}
        self.of_time = {
            n: np.asarray(slopes.get(n, np.zeros(t.size)), dtype=np.float64)
            for n, t in activity.times_ms.items()
        }
        self.who = activity.who
        self.weights = {
            (n, a): np.zeros(m.shape) for n in self.cells for a, m in run.matrices[n].items()
        }
        self.inputs = {n: np.zeros(x.shape) for n, x in given.items()}
        self.bias = {n: np.zeros(c.size) for n, c in self.cells.items()}
        self.of_rates = {n: np.zeros((6, c.size)) for n, c in self.cells.items()}
        self.levels = {
            n: {key: np.zeros(c.size) for key in ("v_threshold", "v_reset")}
            for n, c in self.cells.items()
        }

    def found(self) -> NetworkGradients:
        """The gradients, once all instants have been gone through."""
        fields = {
            n: {**cell.of_fields(self.of_rates[n]), **self.levels[n]}
            for n, cell in self.cells.items()
        }
        return NetworkGradients(self.weights, self.bias, fields, self.inputs)

    def through(self, instant: Instant) -> None:
        """Everything of an instant, and the time up to the next one."""
        for name, cell in self.cells.items():
            if self.p[name].any():
                self.flow(name, cell, instant)
        moved: list[Array] = []
        for event in instant.events:
            moved.append(np.zeros(self.cells[event.node].size))
            if event.fired is not None:
                places = event.fired.places
                np.add.at(
                    moved[-1], self.who[event.node][places], self.of_time[event.node][places]
                )
        for number in reversed(range(len(moved))):
            event, cell = instant.events[number], self.cells[instant.events[number].node]
            if event.arrived:
                self.receive(event, cell, instant.step, number, moved)
            else:
                self.cross(event, cell, moved[number])

    def flow(self, name: str, cell: Cell, instant: Instant) -> None:
        """The adjoint from the next instant back to this one, and the currents between them."""
        held = instant.current[name]
        before, by_current, slopes = cell.back(
            self.p[name], instant.states.get(name), held, instant.length
        )
        self.p[name] = before
        self.of_rates[name] += slopes
        self.bias[name] += by_current
        if self.run.held:
            for source, matrix in self.run.matrices[name].items():
                if source in self.given:
                    self.inputs[source][instant.step] += matrix.T @ by_current
                    u = self.given[source][instant.step]
                    self.weights[name, source] += np.outer(by_current, u)

    def receive(
        self, event: Event, cell: Cell, step: int, number: int, moved: list[Array]
    ) -> None:
        """Impulses, and the spikes that they cause at once."""
        name, fired, p = event.node, event.fired, self.p[event.node]
        (a, k, b), (B_V, B_S) = cell.rates, cell.jump
        by_time = -(p[0] * (a * B_V + k * B_S) + p[1] * b * B_S)
        shared, count = np.zeros(cell.size), np.zeros(cell.size)
        if fired is not None:
            who, keeps = fired.who, 1.0 if cell.subtracts else 0.0
            shared[who] = p[0, who] * (keeps * fired.before - fired.after) + moved[number][who]
            by_time[who] = 0.0
            self.of_reset(event, fired, p[0, who])
            p[0, who] *= keeps
            for one in event.arrived:
                count += (self.run.matrices[name][one.source] != 0) @ (one.sizes != 0.0).astype(
                    float
                )
        by_size = p[0] * B_V + p[1] * B_S
        self.of_rates[name][4:] += cell.area_ms * p * event.total
        for one in event.arrived:
            matrix, on = self.run.matrices[name][one.source], np.flatnonzero(one.sizes)
            self.weights[name, one.source][:, on] += np.outer(by_size, one.sizes[on])
            if one.event < 0:
                self.inputs[one.source][step, on] += matrix[:, on].T @ by_size
                continue
            moved[one.event][on] += one.sizes[on] * (matrix[:, on].T @ by_time)
            if fired is not None:
                moved[one.event][on] += (matrix[:, on] != 0).T @ (shared / np.maximum(count, 1))

    def cross(self, event: Event, cell: Cell, moved: Array) -> None:
        """Spikes at which V crosses the threshold by itself."""
        p, fired = self.p[event.node], event.fired
        assert fired is not None
        who, keeps = fired.who, 1.0 if cell.subtracts else 0.0
        q = p[0, who] * (keeps * fired.before - fired.after) + moved[who]
        self.of_reset(event, fired, p[0, who])
        self.levels[event.node]["v_threshold"][who] += q / fired.before
        p[0, who] = keeps * p[0, who] - q / fired.before

    def of_reset(self, event: Event, fired: Fired, p: Array) -> None:
        """Derivatives by the level that a spike sets V to, or takes off it."""
        levels = self.levels[event.node]
        if self.cells[event.node].subtracts:
            levels["v_threshold"][fired.who] -= p * fired.often
            levels["v_reset"][fired.who] += p * fired.often
        else:
            levels["v_reset"][fired.who] += p


def map_gradients(graph: Graph, found: NetworkGradients) -> dict[str, Array]:
    """Gradients of the weights of a graph's own maps, shared ones (of convolutions) added up.

    Parameters
    ----------
    graph : Graph
    found : NetworkGradients

    Returns
    -------
    dict of str to array
        By node: of the shape of its weight.
    """
    active = {*wire(graph).active}

    def paths(name: str) -> Iterator[tuple[str, list[str]]]:
        """Maps between a node and each node that drives it, the nearest first."""
        for before in graph.sources(name):
            if before in active:
                yield before, []
            else:
                yield from ((end, [before, *rest]) for end, rest in paths(before))

    gradients: dict[str, Array] = {}
    for target in found.bias:
        for source, maps in paths(target):
            matrices = [matrix_of(graph.nodes[name])[0] for name in maps]
            for i, name in enumerate(maps):
                if "weight" not in graph.nodes[name].values:
                    continue
                part = found.weights[target, source]
                for matrix in matrices[:i]:  # behind it
                    part = matrix.T @ part
                for matrix in reversed(matrices[i + 1 :]):  # before it
                    part = part @ matrix.T
                own = _of_weight(graph.nodes[name], part)
                gradients[name] = gradients[name] + own if name in gradients else own
    return gradients


def _of_weight(node: Any, part: Array) -> Array:
    """Gradient of a weight from that of the matrix that it makes."""
    weight = node.values["weight"]
    numbers = np.arange(1.0, weight.size + 1).reshape(weight.shape)
    places = matrix_of(replace(node, values={**node.values, "weight": numbers}))[0].tocoo()
    index = np.rint(places.data).astype(np.int64) - 1
    sums = np.bincount(index, part[places.row, places.col], weight.size)
    return sums.reshape(weight.shape)
