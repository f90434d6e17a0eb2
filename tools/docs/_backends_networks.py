"""One spiking network in snnTorch, Norse and SpikingJelly, and in NumPy as the reference.

Two linear layers, each before LIF neurons: V <- V + (x - V) / tau, a spike above 1, V <- 0. The
three frameworks are set to this equation; snnTorch has no gain of its own, so its weights are
divided by tau.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError

Array = NDArray[np.float64]
TAU = 10.0
"""Time constant in steps: its inverse is rounded in every binary format, as users' are."""


@dataclass(frozen=True)
class Problem:
    """Input spikes and weights of the network.

    Attributes
    ----------
    spikes : ndarray
        Zeros and ones, ``(steps, batch, inputs)``.
    weights : tuple of ndarray
        One of ``(outputs, inputs)`` per layer, each value a float32's.
    """

    spikes: Array
    weights: tuple[Array, ...]


@dataclass(frozen=True)
class Trace:
    """Spikes and V of a layer, ``(steps, batch, neurons)``; V after the reset.

    `margin` is how far V was above the threshold before the reset; only the reference has it.
    """

    spikes: Array
    V: Array
    margin: Array | None = None


def problem(
    rng: np.random.Generator, *, sizes: tuple[int, ...] = (64, 128, 10), steps=200, batch=32
) -> Problem:
    """A network with weights that keep every layer firing, and Poisson input."""
    gains = (3.6, 4.5)
    weights = tuple(
        (rng.normal(0.35, 1.0, (after, before)) * gain / np.sqrt(before))
        .astype(np.float32)
        .astype(float)
        for before, after, gain in zip(sizes, sizes[1:], gains, strict=False)
    )
    rate = rng.uniform(0.05, 0.35, (1, batch, sizes[0]))
    return Problem((rng.random((steps, batch, sizes[0])) < rate).astype(float), weights)


def reference(given: Problem) -> list[Trace]:
    """The network in NumPy, float64, step by step."""
    x, traces = given.spikes, []
    for weight in given.weights:
        V = np.zeros((x.shape[1], len(weight)))
        rows = []
        for row in x:
            V = V + (row @ weight.T - V) / TAU
            fired = V > 1
            margin = V - 1
            V = np.where(fired, 0.0, V)
            rows.append((fired.astype(float), V, margin))
        traces.append(Trace(*(np.array(part) for part in zip(*rows, strict=True))))
        x = traces[-1].spikes
    return traces


Run = Callable[[Any], list[tuple[Any, Any]]]
"""From input spikes, a tensor ``(steps, batch, inputs)``, to spikes and V per layer, likewise."""


def _linear(given: Problem, divisor: float, device: str, dtype: Any) -> Any:
    import torch

    layers = []
    for weight in given.weights:
        layer = torch.nn.Linear(*weight.shape[::-1], bias=False)
        layer.weight.data = torch.as_tensor(weight / divisor)
        layers.append(layer.to(device=device, dtype=dtype))
    return torch.nn.ModuleList(layers)


def _stepped(step: Callable[..., Any], start: Callable[[Any], Any]) -> Run:
    """A run of a function from the input and the state to spikes and V per layer and the state."""
    import torch

    def run(x: Any) -> list[tuple[Any, Any]]:
        state, rows = start(x), []
        for row in x:
            found, state = step(row, state)
            rows.append([(z.clone(), v.clone()) for z, v in found])
        return [
            (torch.stack([row[k][0] for row in rows]), torch.stack([row[k][1] for row in rows]))
            for k in range(len(rows[0]))
        ]

    return run


def _keep(function: Any) -> Any:
    return function


def snntorch(given: Problem, device: str, dtype: Any, wrap: Callable[[Any], Any] = _keep) -> Run:
    """The network of `snntorch.Leaky`, called step by step; `wrap` may compile a step."""
    import snntorch as snn
    import torch

    linear = _linear(given, TAU, device, dtype)
    neurons = torch.nn.ModuleList(
        snn.Leaky(beta=1 - 1 / TAU, threshold=1.0, reset_mechanism="zero") for _ in linear
    ).to(device=device, dtype=dtype)

    def step(x: Any, state: Any) -> Any:
        found, after = [], []
        for layer, neuron, v in zip(linear, neurons, state, strict=True):
            x, v = neuron(layer(x.to(layer.weight.dtype)), v)  # its spikes are always float32
            found.append((x, torch.where(x > 0, torch.zeros_like(v), v)))  # it resets a step later
            after.append(v)
        return found, after

    def start(x: Any) -> Any:
        return [x.new_zeros(x.shape[1], layer.out_features) for layer in linear]

    return _stepped(wrap(step), start)


def norse(given: Problem, device: str, dtype: Any, wrap: Callable[[Any], Any] = _keep) -> Run:
    """The network of `norse.torch.LIFBoxCell`, called step by step; `wrap` may compile a step."""
    import norse.torch as n
    import torch

    linear = _linear(given, 1.0, device, dtype)
    about = n.LIFBoxParameters(tau_mem_inv=torch.tensor(1 / TAU, device=device, dtype=dtype))
    cells = [n.LIFBoxCell(about, dt=1.0).to(device=device, dtype=dtype) for _ in linear]

    def step(x: Any, state: Any) -> Any:
        found, after = [], []
        for layer, cell, held in zip(linear, cells, state, strict=True):
            x, kept = cell(layer(x), held)
            found.append((x, kept.v))
            after.append(kept)
        return found, after

    def start(x: Any) -> Any:
        kind = n.LIFBoxFeedForwardState
        return [kind(v=x.new_zeros(x.shape[1], layer.out_features)) for layer in linear]

    return _stepped(wrap(step), start)


def _spikingjelly_nodes(count: int, mode: str, backend: str) -> list[Any]:
    import inspect

    from spikingjelly.activation_based import neuron

    options: dict[str, Any] = {"tau": TAU, "step_mode": mode, "store_v_seq": mode == "m"}
    if "backend" in inspect.signature(neuron.LIFNode.__init__).parameters:  # before 2.0
        if backend not in ("torch", "cupy"):
            raise InputError(f"this version has no choice {backend!r}")
        options["backend"] = backend
    elif backend == "cupy":
        raise InputError("this version has no backend 'cupy'")
    return [neuron.LIFNode(**options) for _ in range(count)]


def spikingjelly(mode: str, backend: str) -> Callable[..., Run]:
    """The network of `LIFNode`, step by step (mode "s") or all steps at once ("m").

    From version 2.0 on the environment variable of `BACKENDS` chooses how it is computed.
    """

    def build(given: Problem, device: str, dtype: Any, wrap: Callable[[Any], Any] = _keep) -> Run:
        linear = _linear(given, 1.0, device, dtype)
        nodes = _spikingjelly_nodes(len(linear), mode, backend)

        def step(x: Any, state: Any) -> Any:
            found = []
            for layer, node in zip(linear, nodes, strict=True):
                x = node(layer(x))
                found.append((x, node.v_seq if mode == "m" else node.v))
            return found, state

        def start(x: Any) -> None:
            for node in nodes:
                node.reset()

        if mode == "s":
            return _stepped(wrap(step), start)
        whole = wrap(step)

        def run(x: Any) -> list[tuple[Any, Any]]:
            start(x)
            found: list[tuple[Any, Any]] = whole(x, None)[0]
            return found

        return run

    return build


IMPLEMENTATION = "SJ_LIF_CUDA_IMPLEMENTATION"
WAYS: dict[str, tuple[str, Callable[..., Run], dict[str, str]]] = {
    "snntorch": ("snntorch", snntorch, {}),
    "norse": ("norse", norse, {}),
} | {
    f"spikingjelly {backend} {mode}": (
        "spikingjelly",
        spikingjelly(mode, backend),
        {} if backend == "cupy" else {IMPLEMENTATION: backend},
    )
    for backend in ("torch", "cuda", "triton", "cupy")
    for mode in ("s", "m")
    if (backend, mode) != ("cupy", "s")
}
"""By name: the package, what builds the network, and the environment it needs."""
