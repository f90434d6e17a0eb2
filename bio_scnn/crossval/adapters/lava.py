"""Lava's LIF process by its published update: the floating-point model, without Lava."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.adapters._support import Framework, approach
from bio_scnn.crossval.protocol import Capabilities, Setup
from bio_scnn.neuron.models import CubaLIFParameters
from bio_scnn.neuron.trace import Trace


class LavaFloat(Framework):
    """``u = u (1 - du) + a``, ``v = v (1 - dv) + u``, then ``v > vth`` and v = 0.

    With ``du = 1 - exp(-dt/tau_syn)``, ``dv = 1 - exp(-dt/tau)`` and the activation ``a`` scaled
    by both that is a CubaLIF; with ``du = 1`` a LIF.

    References
    ----------
    Lava's `PyLifModelFloat`, https://github.com/lava-nc/lava, src/lava/proc/lif/models.py.
    """

    name = "lava-float"
    distributions = ("numpy",)
    resets_to_rest = True
    params = CubaLIFParameters(tau_ms=20, tau_syn_ms=5)
    capabilities = Capabilities(
        refractory="none", fires_at_threshold=False, families=("LIF", "CubaLIF")
    )
    cannot = ("a refractory period", "a reset potential other than the resting potential")

    u: NDArray[np.float64]
    v: NDArray[np.float64]

    def make(self, setup: Setup) -> None:
        p = setup.params
        cuba = isinstance(p, CubaLIFParameters)
        self.du = approach(setup, p.tau_syn_ms) if cuba else 1.0
        self.dv = approach(setup)
        self.weight = p.R * (p.w if cuba else 1.0) * self.du * self.dv
        self.reset()

    def run(self, current: NDArray[np.float64]) -> Trace:
        raster, membrane = np.zeros(current.shape, dtype=bool), np.empty(current.shape)
        for n, activation in enumerate(self.weight * current):
            self.u = self.u * (1 - self.du) + activation
            self.v = self.v * (1 - self.dv) + self.u
            raster[n] = self.v > self.setup.params.V_th
            self.v = np.where(raster[n], 0.0, self.v)
            membrane[n] = self.v
        return Trace.from_raster(raster, self.setup.dt_ms, membrane)

    def reset(self) -> None:
        """u and v of 0, as when the process is made."""
        self.u, self.v = np.zeros((2, self.setup.neurons))
