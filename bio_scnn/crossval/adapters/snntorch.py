"""snnTorch: `snntorch.Leaky`, called step by step with its state passed along."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.adapters._support import TorchSteps, approach, tensor
from bio_scnn.crossval.protocol import Capabilities, Setup


class Leaky(TorchSteps):
    """``V = beta V + x``, then ``V > threshold``; V is zeroed at the start of the next step.

    With ``beta = exp(-dt/tau)`` and ``x = RI (1 - beta)`` that solves eq. 1 over a step.
    """

    name = "snntorch"
    distributions = ("snntorch", "torch")
    resets_to_rest = True
    capabilities = Capabilities(
        refractory="none",
        fires_at_threshold=False,
        membrane="before reset",
        dtypes=("float64", "float32"),
    )
    cannot = (
        "a refractory period",
        "a reset potential other than the resting potential: reset_mechanism is 'zero', "
        "'subtract' or 'none'",
    )

    V: Any

    def make(self, setup: Setup) -> None:
        import snntorch

        self.layer = snntorch.Leaky(
            beta=tensor(math.exp(-setup.dt_ms / setup.params.tau_ms), setup),
            threshold=tensor(setup.params.V_th, setup),
            reset_mechanism="zero",
        )
        self.reset()

    def scale(self, current: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.setup.params.R * current * approach(self.setup)

    def step(self, x: Any) -> tuple[Any, Any]:
        spikes, self.V = self.layer(x, self.V)
        return spikes, self.V

    def reset(self) -> None:
        """`Leaky.reset_mem`, formerly `init_leaky`."""
        self.V = self.layer.reset_mem()
