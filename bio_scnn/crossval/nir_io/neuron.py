"""The neurons of a NIR file's nodes, as eq. 1 or their own family's equation says them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.nir_io.file import FIELDS
from bio_scnn.errors import InputError
from bio_scnn.neuron.models import (
    CubaLIFParameters,
    IFParameters,
    LIParameters,
    NeuronParameters,
)
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters


@dataclass(frozen=True)
class NIRNeuron:
    """The neurons of a node that share their parameters.

    Attributes
    ----------
    node : str
        Name of the node; inside subgraphs ``"outer.inner"``.
    params : LIFParameters, IFParameters, LIParameters or CubaLIFParameters
        Of a LIF, eq. 1 with V counted from `v_leak`: NIR's ``tau dV/dt = v_leak - V + r I`` is
        eq. 1 then. Others keep their resting potential.
        ``t_ref_ms`` comes from the node's metadata, for NIR has no such field; 0 without.
    v_leak : float, dimensionless
    count : int
        How many neurons of the node have these parameters.
    assumed : str
        In words, what the file does not say and was assumed; empty if nothing was.
    """

    node: str
    params: NeuronParameters
    v_leak: float = 0.0
    count: int = 1
    assumed: str = ""

    @property
    def kind(self) -> str:
        """Type of the node."""
        return type(self.params).__name__.removesuffix("Parameters")

    @property
    def r(self) -> float:
        """Resistance, or gain per second, as the file has it."""
        return self._fields()["r"]

    def graph(self, neurons: int) -> Any:
        """A `nir.NIRGraph` of an input, `neurons` of these, and an output."""
        import nir

        shape = np.array([neurons])
        fields = {name: np.full(neurons, value) for name, value in self._fields().items()}
        return nir.NIRGraph(
            {
                "input": nir.Input({"input": shape}),
                "lif": getattr(nir, self.kind)(**fields),
                "output": nir.Output({"output": shape}),
            },
            [("input", "lif"), ("lif", "output")],
        )

    def _fields(self) -> dict[str, float]:
        """Fields of the node, in seconds."""
        p = self.params
        if isinstance(p, IFParameters):
            return {"r": p.R * 1e3, "v_threshold": p.V_th, "v_reset": p.V_reset}
        if isinstance(p, LIParameters):
            return {"tau": p.tau_ms / 1e3, "r": p.R, "v_leak": p.V_rest}
        found = {
            "r": p.R,
            "v_leak": self.v_leak + p.V_rest,
            "v_threshold": p.V_th + self.v_leak,
            "v_reset": p.V_reset + self.v_leak,
        }
        if isinstance(p, CubaLIFParameters):
            times = {"tau_mem": p.tau_ms / 1e3, "tau_syn": p.tau_syn_ms / 1e3}
            return found | times | {"w_in": p.w}
        return found | {"tau": p.tau_ms / 1e3}


def neurons_of(name: str, node: dict[str, Any], path: Path) -> list[NIRNeuron]:
    """The distinct neurons of a LIF, IF, LI or CubaLIF node, the most frequent first.

    Parameters
    ----------
    name : str
    node : dict
        Its fields, as `file.load_nodes` has checked them.
    path : Path
        For error messages.
    """
    kind, required = node["type"], FIELDS[node["type"]]
    columns = [np.atleast_1d(np.asarray(node[field], dtype=float)) for field in required]
    columns.append(np.broadcast_to(node.get("v_reset", 0.0), columns[0].shape))
    columns.append(_refractory_ms(name, node, path, columns[0].shape))
    rows, counts = np.unique(
        np.stack([column.ravel() for column in columns], axis=1), axis=0, return_counts=True
    )
    assumed = ""
    if "v_threshold" in required and "v_reset" not in node:
        assumed = "it has no v_reset, as in files of older versions: v_reset = 0 is assumed"
    neurons = []
    for index in np.argsort(-counts, kind="stable"):
        names = (*required, "v_reset", "t_ref_ms")
        values = dict(zip(names, map(float, rows[index]), strict=True))
        try:
            params = _parameters(kind, values)
        except InputError as error:
            raise InputError(f"{path}: {kind} node {name!r}: {error}") from None
        v_leak = values["v_leak"] if kind == "LIF" else 0.0
        neurons.append(NIRNeuron(name, params, v_leak, int(counts[index]), assumed))
    return neurons


def _parameters(kind: str, values: dict[str, float]) -> NeuronParameters:
    """Parameters of a neuron from the fields of its node, in seconds, and its t_ref in ms."""
    r, t_ref_ms = values["r"], values["t_ref_ms"]
    if kind == "LI":
        return LIParameters(tau_ms=values["tau"] * 1e3, R=r, V_rest=values["v_leak"])
    fires: dict[str, Any] = {
        "V_th": values["v_threshold"],
        "V_reset": values["v_reset"],
        "t_ref_ms": t_ref_ms,
    }
    if kind == "IF":  # dv/dt = r I, per second
        return IFParameters(R=r / 1e3, **fires)
    if kind == "CubaLIF":
        return CubaLIFParameters(
            tau_ms=values["tau_mem"] * 1e3,
            tau_syn_ms=values["tau_syn"] * 1e3,
            w=values["w_in"],
            R=r,
            V_rest=values["v_leak"],
            **fires,
        )
    band: dict[str, Any] = {}
    if t_ref_ms and 1e3 / t_ref_ms <= TABLE_1.rate_max_hz:
        # Table 1's band of rates is out of this neuron's reach.
        band = {"rate_min_hz": 400 / t_ref_ms, "rate_max_hz": 800 / t_ref_ms}
    tau_ms, v_leak = values["tau"] * 1e3, values["v_leak"]
    return LIFParameters(
        V_th=values["v_threshold"] - v_leak,
        V_reset=values["v_reset"] - v_leak,
        t_ref_ms=t_ref_ms,
        tau_ms=tau_ms,
        C_ms=tau_ms / r,
        **band,
    )


def _refractory_ms(
    name: str, node: dict[str, Any], path: Path, shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """``t_ref`` of the metadata, where `export_nir` puts it, in seconds; 0 if there is none."""
    metadata = node.get("metadata")
    value = metadata.get("t_ref", 0.0) if isinstance(metadata, dict) else 0.0
    try:
        t_ref = np.broadcast_to(np.asarray(value, dtype=float), shape)
    except (TypeError, ValueError):
        raise InputError(
            f"{path}: node {name!r}: t_ref of its metadata must be one number, in seconds, or "
            f"an array of shape {shape}"
        ) from None
    if not (np.isfinite(t_ref).all() and (t_ref >= 0).all()):
        raise InputError(
            f"{path}: node {name!r}: t_ref of its metadata must be at least 0 s, and finite"
        )
    return t_ref * 1e3
