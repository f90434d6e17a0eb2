"""Feed-forward networks of many neurons in continuous time: layer by layer, in bounded memory.

Each neuron goes from impulse to impulse, all neurons of a block at once, and a layer needs nothing
but the spikes of the layers before it. Biases are currents that are always held: between impulses
a neuron fires by itself only with a period that has a closed form.
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
    graph: Graph,
    given: Spikes,
    *,
    area_s: float,
    end_ms: float | None = None,
    threads: int | None = None,
) -> dict[str, Spikes]:
    """Exact spikes of every layer of a chain of maps and impulse-driven IF and LIF neurons.

    Parameters
    ----------
    graph : Graph
        Input, then maps and neurons in turn: weights, convolutions, pools, biases.
    given : Spikes
        Of the input.
    area_s : float, s
        Area of a spike.
    end_ms : float, ms, optional
        End of the run. Needed if a bias, or v_leak, makes a neuron fire without impulses.
    threads : int, optional
        Default: one per core. The result does not depend on it.

    Returns
    -------
    dict of str to Spikes
        By node, in the order of the chain.

    Raises
    ------
    InputError
        If the graph is no such chain, has a neuron that fires without impulses and no end, or
        spikes are given after the end.
    """
    order = [node for node in graph.nodes.values() if node.kind not in ("Input", "Output")]
    chain = [*graph.inputs, *(node.name for node in order), *graph.outputs]
    if graph.back or list(graph.edges) != list(pairwise(chain)):
        raise InputError(f"{graph.name}: layers are run one after the other in a chain only")
    if end_ms is not None and len(given.times_ms) and given.times_ms[-1] > end_ms:
        raise InputError(
            f"a spike is given at {given.times_ms[-1]:g} ms, after end_ms (={end_ms:g} ms)"
        )
    found: dict[str, Spikes] = {}
    matrix, held = None, np.zeros(int(np.prod(graph.the_input().output_shape)))
    for node in order:
        if node.fires:
            values = _values(node, held, end_ms)
            given = _layer(matrix, given, values, area_s, end_ms, threads or os.cpu_count() or 1)
            found[node.name], matrix, held = given, None, np.zeros(node.size)
            continue
        own, constant = matrix_of(node)
        held = own @ held + constant
        matrix = own if matrix is None else own @ matrix
    return found


def _values(node: Node, held: Array, end_ms: float | None) -> dict[str, Array]:
    """Parameters of a node's neurons in ms, flat: gain, tau, goal or slope, threshold, reset."""
    if node.kind not in ("IF", "LIF"):
        raise InputError(f"{node.name} is a {node.kind}; layers of IF and LIF are run")
    v = {key: np.broadcast_to(x, node.input_shape).ravel() for key, x in node.values.items()}
    if np.any(v["v_reset"] >= v["v_threshold"]):
        raise InputError(f"{node.name}: v_reset must be below v_threshold")
    found = {"threshold": v["v_threshold"], "reset": v["v_reset"]}
    if node.kind == "LIF":
        found |= {"tau": v["tau"] * 1e3, "goal": v["v_leak"] + v["r"] * held}
        found["gain"] = v["r"] / v["tau"]
        alone = found["goal"] > found["threshold"]
    else:
        found |= {"slope": v["r"] * held / 1e3, "gain": v["r"]}
        alone = found["slope"] > 0
    if end_ms is None and alone.any():
        raise InputError(
            f"{node.name} rests above its threshold, with v_leak or a bias, and fires without "
            "impulses: give end_ms"
        )
    return found | {"alone": alone}


def _layer(
    matrix: Any,
    given: Spikes,
    values: Mapping[str, Array],
    area_s: float,
    end_ms: float | None,
    threads: int,
) -> Spikes:
    """Spikes of the neurons of a node."""
    if matrix is None:
        from scipy import sparse

        matrix = sparse.csr_array(sparse.eye_array(len(values["gain"])))
    # Impulses of a neuron: of each weight as many as its input has spikes.
    spikes = np.bincount(given.who, minlength=matrix.shape[1])
    per_weight = np.concatenate([[0], np.cumsum(spikes[matrix.indices])])
    load = per_weight[matrix.indptr]

    def block(bounds: tuple[int, int]) -> tuple[Array, Array]:
        part = slice(*bounds)
        own = {key: v[part] for key, v in values.items()}
        neuron, times, size = _events(matrix[part], given)
        alone = np.flatnonzero(own["alone"]).astype(neuron.dtype)
        if alone.size:  # an impulse of nothing at the end, up to which they fire
            neuron = np.concatenate([neuron, alone])
            order = np.argsort(neuron, kind="stable")
            neuron = neuron[order]
            times = np.concatenate([times, np.full(alone.size, end_ms)])[order]
            size = np.concatenate([size, np.zeros(alone.size)])[order]
        found, who = _through(own, neuron, times, size * area_s)
        return found, who + bounds[0]

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
    values: Mapping[str, Array], neuron: Array, times: Array, charge: Array
) -> tuple[Array, Array]:
    """Times and neurons of the spikes of some neurons, from impulse to impulse."""
    if not len(neuron):
        return np.empty(0), np.empty(0, dtype=np.int64)
    new = np.diff(neuron, prepend=-1).astype(bool) | (np.diff(times, prepend=np.nan) != 0)
    starts = np.flatnonzero(new)
    neuron, times, charge = (
        neuron[starts].astype(np.int64),
        times[starts],
        np.add.reduceat(charge, starts),
    )
    count = np.bincount(neuron, minlength=len(values["gain"]))
    first = np.cumsum(count) - count
    busy = np.argsort(-count, kind="stable")  # those that go on longest in front
    still = np.searchsorted(-count[busy], -np.arange(int(count.max())), side="left")
    v = {key: one[busy] for key, one in values.items()}
    V = np.where(v["threshold"] <= 0, v["reset"], 0.0)
    last = np.zeros(len(busy))
    alone = bool(v["alone"].any())
    fired_at, fired = [np.empty(0)], [np.empty(0, dtype=np.int64)]
    for rank, n in enumerate(still):
        if n < len(V):
            v = {key: one[:n] for key, one in v.items()}
            V, last = V[:n], last[:n]
        event = first[busy[:n]] + rank
        now = times[event]
        if alone:
            V, last, spikes, who = _by_itself(v, V, last, now)
            fired_at.append(spikes)
            fired.append(busy[:n][who])
        V = _flow(v, V, now - last)
        V += v["gain"] * charge[event]
        fires = V > v["threshold"]
        V[fires] = v["reset"][fires]
        fired_at.append(now[fires])
        fired.append(busy[:n][fires])
        last = now
    return np.concatenate(fired_at), np.concatenate(fired)


def _flow(v: Mapping[str, Array], V: Array, wait: Array) -> Array:
    """V after a time without impulses and spikes."""
    if "slope" in v:
        return V + v["slope"] * wait
    return v["goal"] + (V - v["goal"]) * np.exp(-wait / v["tau"])


def _by_itself(
    v: Mapping[str, Array], V: Array, last: Array, now: Array
) -> tuple[Array, Array, Array, Array]:
    """Spikes between two impulses: V and time after the last of them; times and neurons."""
    wait, period = _crossing(v, V), _crossing(v, v["reset"])
    who = np.flatnonzero(v["alone"] & (last + wait <= now))
    begin, between, until = (last + wait)[who], period[who], now[who]
    some = np.floor((until - begin) / between).astype(np.int64)
    some -= begin + some * between > until  # the division may round up
    times = np.repeat(begin, some + 1)
    number = np.arange(len(times)) - np.repeat(np.cumsum(some + 1) - some - 1, some + 1)
    times += number * np.repeat(between, some + 1)
    last = last.copy()
    last[who] = begin + some * between
    V = V.copy()
    V[who] = v["reset"][who]
    return V, last, times, np.repeat(who, some + 1)


def _crossing(v: Mapping[str, Array], V: Array) -> Array:
    """Time from V to the threshold of neurons that fire by themselves; inf of the others."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if "slope" in v:
            wait = (v["threshold"] - V) / v["slope"]
        else:
            wait = v["tau"] * np.log((v["goal"] - V) / (v["goal"] - v["threshold"]))
    return np.where(v["alone"], wait, np.inf)
