"""Sinabs: its layers `LIF` and `IAF` with `SingleSpike`, and `ExpLeak`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.adapters._support import TorchLayer
from bio_scnn.crossval.protocol import Capabilities, Setup
from bio_scnn.neuron.models import IFParameters, LIParameters


class LIF(TorchLayer):
    """``V = alpha V + (1 - alpha) x`` with ``alpha = exp(-1/tau_mem)``, then ``V >= threshold``.

    ``tau_mem`` counts steps: tau/dt. By default the layer may fire several times in a step and
    subtracts the threshold; eq. 2 needs `SingleSpike` and `MembraneReset`.
    """

    name = "sinabs"
    distributions = ("sinabs", "torch")
    resets_to_rest = True
    capabilities = Capabilities(refractory="none", dtypes=("float64", "float32"))
    cannot: tuple[str, ...] = (
        "a refractory period",
        "a reset potential other than the resting potential: MembraneReset adds its "
        "reset_value in every step, with or without a spike",
    )

    def make(self, setup: Setup) -> None:
        import torch
        from sinabs.activation import MembraneReset, SingleSpike
        from sinabs.layers import LIF as Layer

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

    def call(self, inputs: Any) -> tuple[Any, Any]:
        spikes = self.layer(inputs[None])[0]
        return spikes, self.layer.recordings["v_mem"][0]

    def reset(self) -> None:
        """`reset_states`."""
        self.layer.reset_states()


class IAF(LIF):
    """``V = V + x``, then ``V >= threshold``; the input is ``R I dt``, the gain of a step."""

    name = "sinabs-iaf"
    subtracts = True
    params = IFParameters(R=0.05)
    capabilities = Capabilities(refractory="none", dtypes=("float64", "float32"), families=("IF",))

    def make(self, setup: Setup) -> None:
        import torch
        from sinabs.activation import MembraneReset, MembraneSubtract, SingleSpike
        from sinabs.layers import IAF as Layer

        soft = setup.params.reset == "subtract"
        self.layer = Layer(
            spike_threshold=torch.tensor(setup.params.V_th, dtype=torch.float64),
            spike_fn=SingleSpike,
            reset_fn=MembraneSubtract() if soft else MembraneReset(),
            record_states=True,
        ).to(getattr(torch, setup.dtype))

    def scale(self, current: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.setup.params.R * self.setup.dt_ms * current


class ExpLeak(LIF):
    """``V = alpha V + (1 - alpha) x``, which is its output: a leaky integrator."""

    name = "sinabs-expleak"
    params = LIParameters(tau_ms=20)
    capabilities = Capabilities(dtypes=("float64", "float32"), families=("LI",))
    cannot = ("a resting potential other than 0",)

    def make(self, setup: Setup) -> None:
        import torch
        from sinabs.layers import ExpLeak as Layer

        tau_steps = setup.params.tau_ms / setup.dt_ms
        self.layer = Layer(tau_mem=tau_steps, norm_input=True).to(getattr(torch, setup.dtype))
        self.layer.tau_mem.data.fill_(tau_steps)

    def call(self, inputs: Any) -> tuple[Any, Any]:
        V = self.layer(inputs[None])[0]
        return np.zeros(V.shape), V
