"""Rockpool: `LIFNeuronTorch`, its leaky integrate-and-fire neuron without a synapse."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.adapters.torch_layers import refuse_refractory, refuse_reset_value
from bio_scnn.crossval.protocol import Adapter, Capabilities, Setup
from bio_scnn.neuron.trace import Trace
from bio_scnn.runtime.provenance import versions


class LIFNeuron(Adapter):
    """``V = alpha V + x`` with ``alpha = exp(-dt/tau)``, ``V >= threshold``, then V - threshold.

    The input is ``RI (1 - alpha)``. One spike per step is allowed, as eq. 2 has it; the default
    is up to 2**16, of which each subtracts the threshold once.
    """

    name = "rockpool"
    capabilities = Capabilities(refractory="none", reset="subtract", dtypes=("float32",))
    cannot = (
        "a refractory period",
        "a reset to a value: the threshold is subtracted",
        "float64: parameters, spikes and records are float32",
    )

    def versions(self) -> dict[str, str]:
        return versions("rockpool", "torch")

    def build(self, setup: Setup) -> None:
        import torch
        from rockpool.nn.modules import LIFNeuronTorch

        refuse_refractory(setup)
        refuse_reset_value(setup)
        self.setup = setup
        self.layer = LIFNeuronTorch(
            setup.neurons,
            tau_mem=setup.params.tau_ms / 1e3,
            threshold=setup.params.V_th,
            dt=setup.dt_ms / 1e3,
            max_spikes_per_dt=torch.tensor(1.0),
        )

    def run(self, current: NDArray[np.float64]) -> Trace:
        import torch

        params, dt_ms = self.setup.params, self.setup.dt_ms
        inputs = params.R * current * -math.expm1(-dt_ms / params.tau_ms)
        with torch.no_grad():
            spikes, _, record = self.layer.evolve(
                torch.as_tensor(inputs, dtype=torch.float32)[None], record=True
            )
        return Trace.from_raster(spikes[0].numpy(), dt_ms, record["vmem"][0].numpy())

    def reset(self) -> None:
        """`reset_state`."""
        self.layer.reset_state()
