"""snnTorch: `snntorch.Leaky`, called step by step with its state passed along."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.adapters.torch_layers import (
    TorchSteps,
    refuse_refractory,
    refuse_reset_value,
)
from bio_scnn.crossval.protocol import Capabilities, Setup
from bio_scnn.runtime.provenance import versions


class Leaky(TorchSteps):
    """``V = beta V + x``, then ``V > threshold``; V is zeroed at the start of the next step.

    With ``beta = exp(-dt/tau)`` and ``x = RI (1 - beta)`` that solves eq. 1 over a step.
    """

    name = "snntorch"
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

    def versions(self) -> dict[str, str]:
        return versions("snntorch", "torch")

    def build(self, setup: Setup) -> None:
        import snntorch
        import torch

        refuse_refractory(setup)
        refuse_reset_value(setup)
        self.setup = setup
        dtype = getattr(torch, setup.dtype)
        self.layer = snntorch.Leaky(
            beta=torch.tensor(math.exp(-setup.dt_ms / setup.params.tau_ms), dtype=dtype),
            threshold=torch.tensor(setup.params.V_th, dtype=dtype),
            reset_mechanism="zero",
        )
        self.reset()

    def scale(self, current: NDArray[np.float64]) -> NDArray[np.float64]:
        params = self.setup.params
        return params.R * current * -math.expm1(-self.setup.dt_ms / params.tau_ms)

    def step(self, x: Any) -> tuple[Any, Any]:
        spikes, self.V = self.layer(x, self.V)
        return spikes, self.V

    def reset(self) -> None:
        """`Leaky.reset_mem`, formerly `init_leaky`."""
        self.V = self.layer.reset_mem()
