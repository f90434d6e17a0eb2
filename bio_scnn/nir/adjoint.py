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
from bio_scnn.nir.events import Cell, Instant, Replay, replay
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
    v_threshold, v_reset : mapping of str to (neurons,) array
    inputs : mapping of str to (steps, inputs) array
        With respect to the inputs: impulses, or held currents.
    """

    weights: Mapping[tuple[str, str], Array]
    bias: Mapping[str, Array]
    v_threshold: Mapping[str, Array]
    v_reset: Mapping[str, Array]
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
        Of maps and IF, LIF and CubaLIF neurons; loops only among CubaLIF.
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
    several impulses come together, each has an equal share in its time. Spikes that appear or
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
    return back.found


def _check(graph: Graph, activity: Activity, slopes: Mapping[str, Array]) -> None:
    for node in graph.nodes.values():
        if (node.has_state and not node.fires) or node.kind in ("Delay", "Threshold"):
            raise InputError(
                f"{graph.name}: gradients go through maps and {', '.join(FIRING)}, not through "
                f"the {node.kind} {node.name!r}"
            )
    if graph.back and graph.kinds() != {"CubaLIF"}:
        raise InputError(f"{graph.name}: gradients go through loops of CubaLIF neurons only")
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
        each = {n: np.zeros(c.size) for n, c in self.cells.items()}
        self.found = NetworkGradients(
            {(n, a): np.zeros(m.shape) for n in self.cells for a, m in run.matrices[n].items()},
            each,
            {n: x.copy() for n, x in each.items()},
            {n: x.copy() for n, x in each.items()},
            {n: np.zeros(x.shape) for n, x in given.items()},
        )

    def through(self, instant: Instant) -> None:
        """Everything of an instant, and the time up to the next one."""
        for name, cell in self.cells.items():
            self.flow(name, cell, instant)
        moved: dict[str, Array] = {n: np.zeros(c.size) for n, c in self.cells.items()}
        for name, places in instant.spikes.items():
            np.add.at(moved[name], self.who[name][places], self.of_time[name][places])
        for name in reversed(list(self.cells)):
            if name in instant.arrived:
                self.receive(name, self.cells[name], instant, moved)
        for name, cell in self.cells.items():
            if name in instant.crossed:
                self.cross(name, cell, instant, moved[name])

    def flow(self, name: str, cell: Cell, instant: Instant) -> None:
        """The adjoint from the next instant back to this one, and the currents between them."""
        p, length = self.p[name], instant.length
        if not p.any():
            return
        (E_V, E_VS, E_S), (I_V, I_VS, I_S) = cell.propagators(length)
        by_V, by_S = p[0] * I_V, p[0] * I_VS + p[1] * I_S
        by_current = by_V * cell.current[0] + by_S * cell.current[1]
        self.found.bias[name][:] += by_current
        if self.run.held:
            for source, matrix in self.run.matrices[name].items():
                if source in self.given:
                    self.found.inputs[source][instant.step] += matrix.T @ by_current
                    u = self.given[source][instant.step]
                    self.found.weights[name, source][:] += np.outer(by_current, u)
        self.p[name] = np.array([p[0] * E_V, p[0] * E_VS + p[1] * E_S])

    def receive(self, name: str, cell: Cell, instant: Instant, moved: dict[str, Array]) -> None:
        """Impulses, and the spikes that they cause at once."""
        p = self.p[name]
        (a, k, b), (B_V, B_S) = cell.rates, cell.jump
        caused = instant.caused.get(name)
        by_size = p[0] * B_V + p[1] * B_S
        by_time = -(p[0] * (a * B_V + k * B_S) + p[1] * b * B_S)
        shared = np.zeros(cell.size)
        if caused is not None:
            who = caused.who
            keeps = 1.0 if cell.subtracts else 0.0
            shared[who] = p[0, who] * (keeps * caused.before - caused.after) + moved[name][who]
            by_size[who] *= keeps
            by_time[who] = 0.0
            self.of_reset(name, who, p[0, who], caused.often)
            p[0, who] *= keeps
        arrivals = instant.arrived[name]
        count = np.zeros(cell.size)
        for source, sizes in arrivals.items() if caused is not None else ():
            count += (self.run.matrices[name][source] != 0) @ (sizes != 0)
        for source, sizes in arrivals.items():
            matrix = self.run.matrices[name][source]
            on = np.flatnonzero(sizes)
            self.found.weights[name, source][:, on] += np.outer(by_size, sizes[on])
            if source in self.given:
                self.found.inputs[source][instant.step, on] += matrix[:, on].T @ by_size
                continue
            moved[source][on] += sizes[on] * (matrix[:, on].T @ by_time)
            if caused is not None:
                moved[source][on] += (matrix[:, on] != 0).T @ (shared / np.maximum(count, 1))

    def cross(self, name: str, cell: Cell, instant: Instant, moved: Array) -> None:
        """Spikes at which V crosses the threshold by itself."""
        p, spike = self.p[name], instant.crossed[name]
        who, keeps = spike.who, 1.0 if cell.subtracts else 0.0
        q = p[0, who] * (keeps * spike.before - spike.after) + moved[who]
        self.of_reset(name, who, p[0, who], spike.often)
        self.found.v_threshold[name][who] += q / spike.before
        p[0, who] = keeps * p[0, who] - q / spike.before

    def of_reset(self, name: str, who: Any, p: Array, often: Array) -> None:
        """Derivatives by the level that a spike sets V to, or takes off it."""
        if self.cells[name].subtracts:
            self.found.v_threshold[name][who] -= p * often
            self.found.v_reset[name][who] += p * often
        else:
            self.found.v_reset[name][who] += p


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
