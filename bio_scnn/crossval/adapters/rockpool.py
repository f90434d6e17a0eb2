"""Rockpool: `LIFNeuronTorch`, its leaky integrate-and-fire neuron without a synapse."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.adapters._support import TorchLayer, approach
from bio_scnn.crossval.protocol import Capabilities, Setup


class LIFNeuron(TorchLayer):
    """``V = alpha V + x`` with ``alpha = exp(-dt/tau)``, ``V >= threshold``, then V - threshold.

    The input is ``RI (1 - alpha)``. One spike per step is allowed, as eq. 2 has it; the default
    is up to 2**16, of which each subtracts the threshold once.
    """

    name = "rockpool"
    distributions = ("rockpool", "torch")
    resets_to_rest = True
    capabilities = Capabilities(refractory="none", reset="subtract", dtypes=("float32",))
    cannot = (
        "a refractory period",
        "a reset to a value: the threshold is subtracted",
        "float64: parameters, spikes and records are float32",
    )

    def make(self, setup: Setup) -> None:
        import torch
        from rockpool.nn.modules import LIFNeuronTorch

        self.layer = LIFNeuronTorch(
            setup.neurons,
            tau_mem=setup.params.tau_ms / 1e3,
            threshold=setup.params.V_th,
            dt=setup.dt_ms / 1e3,
            max_spikes_per_dt=torch.tensor(1.0),
        )

    def scale(self, current: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.setup.params.R * current * approach(self.setup)

    def call(self, inputs: Any) -> tuple[Any, Any]:
        spikes, _, record = self.layer.evolve(inputs[None], record=True)
        return spikes[0], record["vmem"][0]

    def reset(self) -> None:
        """`reset_state`."""
        self.layer.reset_state()
