"""Trainable parameters of imported neurons: which field of the file each is, and in what form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.nir.graph import Graph

Array = NDArray[np.float64]

_WORDS: Mapping[str, tuple[str, ...]] = {
    "tau_syn": ("syn", "alpha"),
    "tau_mem": ("mem", "beta"),
    "tau": ("tau", "mem", "beta", "decay"),
    "v_threshold": ("thr", "v_th"),
    "v_leak": ("leak", "rest"),
    "r": ("r", "resistance"),
}
"""Parts of the names that frameworks give to parameters, by NIR's field."""


def of_neurons(graph: Graph, network: Any, dt_ms: float) -> Iterator[tuple[str, str, Any, Array]]:
    """Parameters of a torch module that are fields of neurons.

    A parameter is one of a node if the node's name stands in its own, and its values are those of
    a field, or of a time constant's decay per step.

    Yields
    ------
    node, field : str
    parameter : torch.nn.Parameter
    factor : array
        Derivative of the field by the parameter.
    """
    for name, parameter in network.named_parameters():
        owner, _, word = name.rpartition(".")
        node = next((n for n in graph.nodes.values() if n.name.replace(".", "_") == owner), None)
        if node is None or not node.fires or not parameter.requires_grad:
            continue
        own = parameter.detach().double().numpy().ravel()
        for field, words in _WORDS.items():
            named = word == field or any(w in word for w in words if len(w) > 1)
            value = np.asarray(node.values.get(field, np.empty(0)), dtype=np.float64).ravel()
            if not named or own.size != value.size:
                continue
            for form, factor in _forms(field, value, dt_ms / 1e3):
                if np.allclose(own, form, rtol=1e-5, atol=1e-9):
                    yield node.name, field, parameter, factor
                    break
            else:
                continue
            break


def _forms(field: str, value: Array, dt: float) -> Iterator[tuple[Array, Array]]:
    """Forms in which a field is kept, and its derivative by each."""
    yield value, np.ones_like(value)
    if field.startswith("tau"):
        yield 1 - dt / value, value**2 / dt
        decay = np.exp(-dt / value)
        yield decay, value**2 / (dt * decay)
        yield 1e3 * value, np.full_like(value, 1e-3)
        yield 1 / value, -(value**2)
