"""Sinabs: `sinabs.layers.LIF` with `SingleSpike` and `MembraneReset`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.adapters.torch_layers import refuse_refractory, refuse_reset_value
from bio_scnn.crossval.protocol import Adapter, Capabilities, Setup
from bio_scnn.neuron.trace import Trace
from bio_scnn.runtime.provenance import versions


class LIF(Adapter):
    """``V = alpha V + (1 - alpha) x`` with ``alpha = exp(-1/tau_mem)``, then ``V >= threshold``.

    ``tau_mem`` counts steps: tau/dt. By default the layer may fire several times in a step and
    subtracts the threshold; eq. 2 needs `SingleSpike` and `MembraneReset`.
    """

    name = "sinabs"
    capabilities = Capabilities(refractory="none", dtypes=("float64", "float32"))
    cannot = (
        "a refractory period",
        "a reset potential other than the resting potential: MembraneReset adds its "
        "reset_value in every step, with or without a spike",
    )

    def versions(self) -> dict[str, str]:
        return versions("sinabs", "torch")

    def build(self, setup: Setup) -> None:
        import torch
        from sinabs.activation import MembraneReset, SingleSpike
        from sinabs.layers import LIF as Layer

        refuse_refractory(setup)
        refuse_reset_value(setup)
        self.setup = setup
        tau_steps = setup.params.tau_ms / setup.dt_ms
        self.layer = Layer(
            tau_mem=tau_steps,
            spike_threshold=torch.tensor(setup.params.V_th, dtype=torch.float64),
            spike_fn=SingleSpike,
            reset_fn=MembraneReset(),
            record_states=True,
        ).to(getattr(torch, setup.dtype))
        # The constructor rounds tau to float32, whatever the layer is converted to later.
        self.layer.tau_mem.data.fill_(tau_steps)

    def run(self, current: NDArray[np.float64]) -> Trace:
        import torch

        inputs = torch.as_tensor(
            self.setup.params.R * current, dtype=getattr(torch, self.setup.dtype)
        )
        with torch.no_grad():
            spikes = self.layer(inputs[None])[0]
        V = self.layer.recordings["v_mem"][0]
        return Trace.from_raster(spikes.numpy(), self.setup.dt_ms, V.numpy())

    def reset(self) -> None:
        """`reset_states`."""
        self.layer.reset_states()
