"""The neuron of a NIR file's LIF node, as eq. 1 says it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters


@dataclass(frozen=True)
class NIRNeuron:
    """The neurons of a LIF node that share their parameters.

    Attributes
    ----------
    node : str
        Name of the node; inside subgraphs ``"outer.inner"``.
    params : LIFParameters
        Eq. 1 with V counted from `v_leak`: NIR's ``tau dV/dt = v_leak - V + r I`` is eq. 1 then.
        ``t_ref_ms`` comes from the node's metadata, for NIR has no such field; 0 without.
    v_leak : float, dimensionless
    count : int
        How many neurons of the node have these parameters.
    """

    node: str
    params: LIFParameters
    v_leak: float = 0.0
    count: int = 1

    def graph(self, neurons: int) -> Any:
        """A `nir.NIRGraph` of an input, `neurons` of these, and an output."""
        import nir

        def full(value: float) -> NDArray[np.float64]:
            return np.full(neurons, value)

        p, shape = self.params, np.array([neurons])
        return nir.NIRGraph(
            {
                "input": nir.Input({"input": shape}),
                "lif": nir.LIF(
                    tau=full(p.tau_ms / 1e3),
                    r=full(p.R),
                    v_leak=full(self.v_leak),
                    v_threshold=full(p.V_th + self.v_leak),
                    v_reset=full(p.V_reset + self.v_leak),
                ),
                "output": nir.Output({"output": shape}),
            },
            [("input", "lif"), ("lif", "output")],
        )


def neurons_of(name: str, node: dict[str, Any], path: Path) -> list[NIRNeuron]:
    """The distinct neurons of a LIF node, the most frequent first.

    Parameters
    ----------
    name : str
    node : dict
        Its fields, as `file.load_nodes` has checked them.
    path : Path
        For error messages.
    """
    columns = [
        np.atleast_1d(np.asarray(node[field], dtype=float))
        for field in ("tau", "r", "v_leak", "v_threshold")
    ]
    columns.append(np.broadcast_to(node.get("v_reset", 0.0), columns[0].shape))
    columns.append(_refractory_ms(name, node, path, columns[0].shape))
    rows, counts = np.unique(
        np.stack([column.ravel() for column in columns], axis=1), axis=0, return_counts=True
    )
    neurons = []
    for index in np.argsort(-counts, kind="stable"):
        tau, r, v_leak, threshold, reset, t_ref_ms = map(float, rows[index])
        band: dict[str, Any] = {}
        if t_ref_ms and 1e3 / t_ref_ms <= TABLE_1.rate_max_hz:
            # Table 1's band of rates is out of this neuron's reach.
            band = {"rate_min_hz": 400 / t_ref_ms, "rate_max_hz": 800 / t_ref_ms}
        try:
            params = LIFParameters(
                V_th=threshold - v_leak,
                V_reset=reset - v_leak,
                t_ref_ms=t_ref_ms,
                tau_ms=tau * 1e3,
                C_ms=tau * 1e3 / r,
                **band,
            )
        except InputError as error:
            raise InputError(f"{path}: LIF node {name!r}: {error}") from None
        neurons.append(NIRNeuron(name, params, v_leak, int(counts[index])))
    return neurons


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
            f"{path}: LIF node {name!r}: t_ref of its metadata must be one number, in seconds, or "
            f"an array of shape {shape}"
        ) from None
    if not (np.isfinite(t_ref).all() and (t_ref >= 0).all()):
        raise InputError(
            f"{path}: LIF node {name!r}: t_ref of its metadata must be at least 0 s, and finite"
        )
    return t_ref * 1e3
