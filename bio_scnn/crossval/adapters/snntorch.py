"""snnTorch: `Leaky` and `Synaptic`, called step by step with their state passed along."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.adapters._support import TorchSteps, approach, tensor
from bio_scnn.crossval.protocol import Capabilities, Setup
from bio_scnn.neuron.models import CubaLIFParameters


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


class Synaptic(TorchSteps):
    """``S = alpha S + x``, ``V = beta V + S``, ``V > threshold``; V is reset in the same step.

    With ``alpha = exp(-dt/tau_syn)``, ``beta = exp(-dt/tau)`` and ``x`` scaled by ``(1 - alpha)``
    and ``(1 - beta)`` that is a CubaLIF, its synapse stepped before its membrane.
    """

    name = "snntorch-synaptic"
    distributions = ("snntorch", "torch")
    resets_to_rest = subtracts = True
    params = CubaLIFParameters(tau_ms=20, tau_syn_ms=5)
    capabilities = Capabilities(
        refractory="none",
        fires_at_threshold=False,
        dtypes=("float64", "float32"),
        families=("CubaLIF",),
        order="second first",
    )
    cannot = ("a refractory period", "a reset potential other than the resting potential")

    state: tuple[Any, Any]

    def make(self, setup: Setup) -> None:
        import snntorch

        p = setup.params
        self.layer = snntorch.Synaptic(
            alpha=tensor(math.exp(-setup.dt_ms / p.tau_syn_ms), setup),
            beta=tensor(math.exp(-setup.dt_ms / p.tau_ms), setup),
            threshold=tensor(p.V_th, setup),
            reset_mechanism="subtract" if p.reset == "subtract" else "zero",
            reset_delay=False,
        )
        self.reset()

    def scale(self, current: NDArray[np.float64]) -> NDArray[np.float64]:
        p = self.setup.params
        taken = approach(self.setup) * approach(self.setup, p.tau_syn_ms)
        return p.R * p.w * taken * current

    def step(self, x: Any) -> tuple[Any, Any]:
        spikes, *self.state = self.layer(x, *self.state)
        return spikes, self.state[1]

    def reset(self) -> None:
        """`Synaptic.reset_mem`."""
        self.state = self.layer.reset_mem()
