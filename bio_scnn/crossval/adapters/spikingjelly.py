"""SpikingJelly: `neuron.LIFNode` in single-step mode."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.adapters._support import TorchSteps, approach
from bio_scnn.crossval.protocol import Capabilities, Setup


class LIFNode(TorchSteps):
    """``V += (x + V_reset - V)/tau'``, then ``V >= threshold``.

    ``tau' = 1/(1 - exp(-dt/tau))`` makes this the solution of eq. 1 over a step; its tau is a
    number without a unit, and dt/tau would be Euler's step. V_reset is also where the neuron
    rests, so the input is ``RI - V_reset``.
    """

    name = "spikingjelly"
    distributions = ("spikingjelly", "torch")
    capabilities = Capabilities(refractory="none", dtypes=("float64", "float32"))
    cannot = ("a refractory period",)

    def make(self, setup: Setup) -> None:
        from spikingjelly.activation_based import neuron

        self.node = neuron.LIFNode(
            tau=1 / approach(setup),
            v_threshold=setup.params.V_th,
            v_reset=setup.params.V_reset,
        )

    def scale(self, current: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.setup.params.R * current - self.setup.params.V_reset

    def step(self, x: Any) -> tuple[Any, Any]:
        spikes = self.node(x)
        return spikes, self.node.v

    def reset(self) -> None:
        """`functional.reset_net`."""
        from spikingjelly.activation_based import functional

        functional.reset_net(self.node)
