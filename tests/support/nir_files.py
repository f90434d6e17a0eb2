"""NIR files of one node, and the adapters of the frameworks that import them."""

from __future__ import annotations

import numpy as np
import pytest

from bio_scnn.crossval.nir_io import nir_adapters
from bio_scnn.neuron.models import CubaLIFParameters, IFParameters, LIParameters

NODE = "node/nodes/lif"


def lif_file(path, shape=(3,), metadata=None, **changes):
    """A graph of an input, one LIF node, and an output."""
    nir = pytest.importorskip("nir")
    values = {"tau": 0.04, "r": 0.5, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0} | changes
    fields = {name: np.broadcast_to(value, shape).copy() for name, value in values.items()}
    ends = {"input": nir.Input({"input": np.array(shape)})}
    ends["lif"] = nir.LIF(**fields, metadata=metadata or {})
    ends["output"] = nir.Output({"output": np.array(shape)})
    nir.write(path, nir.NIRGraph(ends, [("input", "lif"), ("lif", "output")]))
    return path


def in_framework(path, framework):
    """The adapter of a file's one LIF node in a framework."""
    pytest.importorskip(framework)
    (found,) = [a for a in nir_adapters(path) if a.framework == framework]
    return found


def other_file(path, node, shape=(3,)):
    """A graph of an input, one node, and an output, as files before v_reset have it."""
    nir, h5py = pytest.importorskip("nir"), pytest.importorskip("h5py")
    ends = {"input": nir.Input({"input": np.array(shape)}), "lif": node(nir, shape)}
    ends["output"] = nir.Output({"output": np.array(shape)})
    nir.write(path, nir.NIRGraph(ends, [("input", "lif"), ("lif", "output")]))
    with h5py.File(path, "a") as file:
        file[NODE].pop("v_reset", None)
    return path


OTHERS = {
    "IF": (
        lambda nir, shape: nir.IF(r=np.full(shape, 1e4), v_threshold=np.full(shape, 2.0)),
        IFParameters(R=10.0, V_th=2.0),
    ),
    "LI": (
        lambda nir, shape: nir.LI(
            tau=np.full(shape, 0.02), r=np.full(shape, 3.0), v_leak=np.full(shape, -0.5)
        ),
        LIParameters(tau_ms=20.0, R=3.0, V_rest=-0.5),
    ),
    "CubaLIF": (
        lambda nir, shape: nir.CubaLIF(
            tau_mem=np.full(shape, 0.02),
            tau_syn=np.full(shape, 0.005),
            r=np.full(shape, 200.0),
            v_leak=np.zeros(shape),
            v_threshold=np.ones(shape),
            w_in=np.full(shape, 50.0),
        ),
        CubaLIFParameters(tau_ms=20.0, tau_syn_ms=5.0, R=200.0, w=50.0),
    ),
}
