"""Small NIR graphs as nested tables, for tests that need no file and no other package."""

from __future__ import annotations

import itertools

import numpy as np

from bio_scnn.nir import build_graph


def neuron(kind, n=1, **values):
    """A node of n neurons; a number counts for all of them."""
    shape = n if isinstance(n, tuple) else (n,)
    return {"type": kind} | {key: np.broadcast_to(v, shape) for key, v in values.items()}


def lif(n=1, **changes):
    base = {"tau": 0.02, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0}
    return neuron("LIF", n, **base | changes)


def cuba(n=1, kind="CubaLIF", **changes):
    base = {"tau_mem": 0.02, "tau_syn": 0.005, "r": 1.0, "v_leak": 0.0, "w_in": 1.0}
    if kind == "CubaLIF":
        base |= {"v_threshold": 1.0, "v_reset": 0.0}
    return neuron(kind, n, **base | changes)


def table(nodes, edges, input_shape, output_shape=None):
    """A graph between an input and, if its shape is given, an output."""
    ends = {"input": {"type": "Input", "shape": np.array(input_shape)}}
    if output_shape is not None:
        nodes = nodes | {"output": {"type": "Output", "shape": np.array(output_shape)}}
    return {"type": "NIRGraph", "nodes": ends | nodes, "edges": edges}


def chain(input_shape, **nodes):
    """A graph of nodes one behind the other."""
    return build_graph(table(nodes, list(itertools.pairwise(["input", *nodes])), input_shape))


def two_neurons():
    """The NIR paper's two LIF neurons: the first fires by itself, and drives the second."""
    one = {"type": "Linear", "weight": np.array([[1.0]])}
    first = lif(tau=0.01, v_leak=1.2)
    return chain((1,), linear1=one, lif1=first, linear2=one, lif2=lif(tau=0.01, v_threshold=20.0))
