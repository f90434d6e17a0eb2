"""Feed-forward networks of many neurons in continuous time: layer by layer, in bounded memory.

A neuron that only gets impulses, and rests below its threshold, fires at impulses alone. So each
neuron goes from impulse to impulse, all neurons of a block at once, and a layer needs nothing but
the spikes of the layers before it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError
from bio_scnn.nir.graph import Graph, Node
from bio_scnn.nir.maps import matrix_of

Array = NDArray[Any]
BLOCK_EVENTS = 2_000_000
"""Impulses that are held at a time, per thread; some 100 bytes each."""


@dataclass(frozen=True, eq=False)
class Spikes:
    """Spikes of a layer in continuous time.

    Attributes
    ----------
    times_ms : (spikes,) array, ms
        Ascending.
    who : (spikes,) int array
        The neurons, in flat order.
    events : int
        Impulses that the layer got, each a spike through one weight.
    """

    times_ms: Array
    who: Array
    events: int = 0


def run_layers(
    graph: Graph, given: Spikes, *, area_s: float, threads: int | None = None
) -> dict[str, Spikes]:
    """Exact spikes of every layer of a chain of maps and impulse-driven IF and LIF neurons.

    Parameters
    ----------
    graph : Graph
        Input, then maps and neurons in turn.
    given : Spikes
        Of the input.
    area_s : float, s
        Area of a spike.
    threads : int, optional
        Default: one per core. The result does not depend on it.

    Returns
    -------
    dict of str to Spikes
        By node, in the order of the chain.

    Raises
    ------
    InputError
        If the graph is no such chain, has a bias, or a neuron that rests at or above threshold.
    """
    order = [node for node in graph.nodes.values() if node.kind not in ("Input", "Output")]
    chain = [*graph.inputs, *(node.name for node in order), *graph.outputs]
    if graph.back or list(graph.edges) != list(pairwise(chain)):
        raise InputError(f"{graph.name}: layers are run one after the other in a chain only")
    found: dict[str, Spikes] = {}
    matrix: Any = None
    for node in order:
        if node.fires:
            _check(node)
            given = _layer(node, matrix, given, area_s, threads or os.cpu_count() or 1)
            found[node.name], matrix = given, None
            continue
        own, constant = matrix_of(node)
        if constant.any():
            raise InputError(f"{graph.name}: {node.name} has a bias, which is no impulse")
        matrix = own if matrix is None else own @ matrix
    return found


def _check(node: Node) -> None:
    if node.kind not in ("IF", "LIF"):
        raise InputError(f"{node.name} is a {node.kind}; layers of IF and LIF are run")
    rest = node.values.get("v_leak", np.zeros(1))
    if np.any(rest >= node.values["v_threshold"]):
        raise InputError(
            f"{node.name} rests at its threshold or above, and fires without impulses"
        )


def _layer(node: Node, matrix: Any, given: Spikes, area_s: float, threads: int) -> Spikes:
    """Spikes of the neurons of a node."""
    if matrix is None:
        from scipy import sparse

        matrix = sparse.csr_array(sparse.eye_array(node.size))
    values = {key: np.broadcast_to(v, node.input_shape).ravel() for key, v in node.values.items()}
    # Impulses of a neuron: of each weight as many as its input has spikes.
    spikes = np.bincount(given.who, minlength=matrix.shape[1])
    per_weight = np.concatenate([[0], np.cumsum(spikes[matrix.indices])])
    load = per_weight[matrix.indptr]

    def block(bounds: tuple[int, int]) -> tuple[Array, Array]:
        part = slice(*bounds)
        own = {key: v[part] for key, v in values.items()}
        events = _events(matrix[part], given)
        times, who = _through(own, *events, area_s)
        return times, who + bounds[0]

    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(block, _blocks(load)))
    times, who = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((who, times))
    return Spikes(times[order], who[order], int(load[-1]))


def _blocks(load: Array) -> Iterator[tuple[int, int]]:
    """Ranges of neurons, each with some `BLOCK_EVENTS` impulses and fewer than 2**16 neurons."""
    first, neurons = 0, len(load) - 1
    while first < neurons:
        last = int(np.searchsorted(load, load[first] + BLOCK_EVENTS, side="right")) - 1
        last = min(max(last, first + 1), first + 65_535, neurons)
        yield first, last
        first = last


def _events(matrix: Any, given: Spikes) -> tuple[Array, Array, Array]:
    """Neuron, time and size of the impulses of some neurons, by neuron and then by time."""
    columns = matrix.tocsc()
    begin = columns.indptr[given.who]
    count = columns.indptr[given.who + 1] - begin
    some = count > 0
    begin, count, times = begin[some].astype(np.int64), count[some], given.times_ms[some]
    place = np.arange(count.sum()) + np.repeat(begin - (np.cumsum(count) - count), count)
    neuron = columns.indices[place].astype(np.uint16)
    order = np.argsort(neuron, kind="stable")  # by radix: the times are ascending already
    place = place[order]
    return neuron[order], np.repeat(times, count)[order], columns.data[place]


def _through(
    values: Mapping[str, Array], neuron: Array, times: Array, size: Array, area_s: float
) -> tuple[Array, Array]:
    """Times and neurons of the spikes of some neurons, from impulse to impulse."""
    if not len(neuron):
        return np.empty(0), np.empty(0, dtype=np.int64)
    new = np.diff(neuron, prepend=-1).astype(bool) | (np.diff(times, prepend=np.nan) != 0)
    starts = np.flatnonzero(new)
    neuron, times, size = (
        neuron[starts].astype(np.int64),
        times[starts],
        np.add.reduceat(size, starts),
    )
    count = np.bincount(neuron, minlength=len(values["r"]))
    first = np.cumsum(count) - count
    busy = np.argsort(-count, kind="stable")  # those that go on longest in front
    still = np.searchsorted(-count[busy], -np.arange(int(count.max())), side="left")
    tau = values["tau"][busy] * 1e3 if "tau" in values else None
    rest = values["v_leak"][busy] if tau is not None else np.zeros(len(busy))
    jump = (values["r"] * area_s / values.get("tau", np.ones(1)))[busy]
    threshold, reset = values["v_threshold"][busy], values["v_reset"][busy]
    V, last = np.zeros(len(busy)), np.zeros(len(busy))
    fired_at, fired = [np.empty(0)], [np.empty(0, dtype=np.int64)]
    for rank, n in enumerate(still):
        event = first[busy[:n]] + rank
        now = times[event]
        V = V[:n]
        if tau is not None:
            V = rest[:n] + (V - rest[:n]) * np.exp((last[:n] - now) / tau[:n])
        V += jump[:n] * size[event]
        fires = V > threshold[:n]
        V[fires] = reset[:n][fires]
        fired_at.append(now[fires])
        fired.append(busy[:n][fires])
        last = now
    return np.concatenate(fired_at), np.concatenate(fired)
