"""Entrants of the benchmark of scale; each runs in a process of its own and leaves its counts."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import _bench

Array = NDArray[Any]
TAU_MS, DT_MS, RATE = 20.0, 1.0, 0.1
"""Time constant, time step of the frameworks, and input spikes per ms."""


def weights() -> list[Array]:
    """Weights of the two convolutions, the same in every entrant."""
    rng = np.random.default_rng(3)
    shapes, means = ((4, 2, 3, 3), (1, 4, 4, 4)), (0.03, 0.02)
    return [
        rng.normal(mean, 0.12, shape).astype(np.float32).astype(float)
        for shape, mean in zip(shapes, means, strict=True)
    ]


def sizes(side: int) -> tuple[tuple[int, int, int], ...]:
    """Shapes of the input and of both layers of neurons."""
    return (2, side, side), (4, side, side), (1, side // 4, side // 4)


def graph(side: int) -> Any:
    """The network as a graph of NIR."""
    from bio_scnn.nir import build_graph

    def conv(weight: Array, stride: int, padding: int) -> dict[str, Any]:
        pairs = {"stride": [stride] * 2, "padding": [padding] * 2, "dilation": [1, 1]}
        fields = {key: np.array(value) for key, value in pairs.items()}
        bias = np.zeros(len(weight))
        return {"type": "Conv2d", "weight": weight, "groups": 1, "bias": bias, **fields}

    def cells(shape: tuple[int, ...]) -> dict[str, Any]:
        values = {"tau": TAU_MS / 1e3, "r": TAU_MS / DT_MS, "v_leak": 0.0, "v_threshold": 1.0}
        return {"type": "LIF"} | {key: np.full(shape, value) for key, value in values.items()}

    shapes, (first, second) = sizes(side), weights()
    nodes = {
        "input": {"type": "Input", "shape": np.array(shapes[0])},
        "c1": conv(first, 1, 1),
        "n1": cells(shapes[1]),
        "c2": conv(second, 4, 0),
        "n2": cells(shapes[2]),
        "output": {"type": "Output", "shape": np.array(shapes[2])},
    }
    names = list(nodes)
    return build_graph({"nodes": nodes, "edges": list(pairwise(names))})


def given(side: int, duration_ms: float) -> tuple[Array, Array]:
    """Input spikes at any time, no grid: ascending times in ms, and neurons."""
    rng = np.random.default_rng(5)
    neurons = int(np.prod(sizes(side)[0]))
    number = rng.poisson(neurons * RATE * duration_ms)
    times = np.sort(rng.random(number)) * duration_ms
    return times, rng.integers(0, neurons, number)


def frames(side: int, duration_ms: float) -> Callable[[], Any]:
    """Iterator over the steps: number of spikes of each input."""
    times, who = given(side, duration_ms)
    steps = round(duration_ms / DT_MS)
    ends = np.searchsorted(times, np.arange(steps + 1) * DT_MS)
    shape = sizes(side)[0]

    def every() -> Any:
        for a, b in pairwise(ends):
            counts = np.bincount(who[a:b], minlength=int(np.prod(shape)))
            yield counts.reshape(shape).astype(np.float32)

    return every


def exact(side: int, duration_ms: float, folder: str) -> dict[str, Any]:
    """Continuous time, layer by layer."""
    from bio_scnn.nir.layered import Spikes, run_layers

    network, inputs = graph(side), Spikes(*given(side, duration_ms))

    def work() -> tuple[list[Array], int]:
        found = run_layers(network, inputs, area_s=DT_MS / 1e3)
        counts = [
            np.bincount(layer.who, minlength=network.nodes[name].size)
            for name, layer in found.items()
        ]
        return counts, sum(layer.events for layer in found.values())

    return _measured("exact", folder, work)


def grid(side: int, duration_ms: float, folder: str) -> dict[str, Any]:
    """bio_scnn's dialect `euler`, float64, step by step."""
    from dataclasses import replace

    from bio_scnn.nir import DIALECTS
    from bio_scnn.nir.grid import GridRun

    machine = GridRun(graph(side), replace(DIALECTS["euler"], dt_ms=DT_MS))

    def step(x: Array) -> list[Array]:
        shown = machine.step({"input": x})
        return [shown["n1"], shown["n2"]]

    return _measured("grid", folder, lambda: _added(step, frames(side, duration_ms)))


def framework(name: str, side: int, duration_ms: float, folder: str) -> dict[str, Any]:
    """A framework on PyTorch, float32, step by step."""
    import torch

    layers = _layers(name, sizes(side))
    gain = 1.0 if name == "snntorch" else TAU_MS / DT_MS
    kernels = [torch.tensor(gain * weight, dtype=torch.float32) for weight in weights()]

    def step(x: Array) -> list[Array]:
        first = torch.nn.functional.conv2d(torch.from_numpy(x)[None], kernels[0], padding=1)
        fired = layers[0](first)
        last = layers[1](torch.nn.functional.conv2d(fired, kernels[1], stride=4))
        return [fired.numpy(), last.numpy()]

    with torch.no_grad():
        return _measured(name, folder, lambda: _added(step, frames(side, duration_ms)))


def _layers(name: str, shapes: tuple[tuple[int, ...], ...]) -> list[Callable[[Any], Any]]:
    """Both layers of neurons, each a function from input to spikes that keeps its state."""
    import torch

    def keeping(call: Callable[[Any, Any], tuple[Any, Any]], start: Any) -> Callable[[Any], Any]:
        kept = [start]

        def step(x: Any) -> Any:
            spikes, kept[0] = call(x, kept[0])
            return spikes

        return step

    if name == "snntorch":
        import snntorch

        beta = 1 - DT_MS / TAU_MS
        cells = [snntorch.Leaky(beta=beta, reset_mechanism="zero") for _ in shapes[1:]]
        starts = [torch.zeros((1, *shape)) for shape in shapes[1:]]
        return [keeping(cell, start) for cell, start in zip(cells, starts, strict=True)]
    if name == "norse":
        import norse.torch as n

        about = n.LIFBoxParameters(tau_mem_inv=torch.tensor(1 / TAU_MS))
        return [keeping(n.LIFBoxCell(about, dt=DT_MS), None) for _ in shapes[1:]]
    from spikingjelly.activation_based import neuron

    return [neuron.LIFNode(tau=TAU_MS / DT_MS) for _ in shapes[1:]]


def _added(
    step: Callable[[Array], list[Array]], every: Callable[[], Any]
) -> tuple[list[Array], int]:
    """Spike counts of both layers over all steps."""
    counts: list[Array] = []
    for x in every():
        spikes = step(x)
        if not counts:
            counts = [np.zeros(layer.size, np.int64) for layer in spikes]
        for total, layer in zip(counts, spikes, strict=True):
            total += layer.ravel() != 0
    return counts, 0


def _measured(
    name: str, folder: str, work: Callable[[], tuple[list[Array], int]]
) -> dict[str, Any]:
    """Seconds, largest memory and spikes of some work, whose counts are left in a folder."""
    start = time.perf_counter()
    counts, events = work()
    seconds = time.perf_counter() - start
    np.savez(Path(folder) / name, *counts)
    memory = _bench.high_water_bytes() if _bench.has_memory() else 0
    spikes = [int(layer.sum()) for layer in counts]
    return {"seconds": seconds, "bytes": memory, "spikes": spikes, "events": events}
