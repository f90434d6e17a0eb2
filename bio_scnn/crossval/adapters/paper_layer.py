"""The paper's own spiking layer, as section 2.2.1 describes its "forward method"."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.adapters import versions
from bio_scnn.crossval.adapters.torch_layers import refuse_refractory
from bio_scnn.crossval.protocol import Adapter, Capabilities, Setup, Trace
from bio_scnn.table1 import NOISE_STD


class ForwardMethod(Adapter):
    """Add noise, accumulate, leak, compare, spike: one call of the layer is one step.

    Notes
    -----
    What the paper prints, in its order, for the output x of the convolution:

    1. ``x + 0.1 N(0, 1)``, drawn anew for every neuron and every call;
    2. the potential accumulates it, ``V += x dt/C``: the input term of eq. 1;
    3. the potential leaks, ``V -= V dt/tau``: eq. 3, dt/tau being the "leak factor" that "lower
       values maintaining more information" calls for;
    4. a neuron whose V reached the threshold spikes and is reset: eq. 2. Spikes are "binary
       (positive or negative values)", read as the sign of a V that reached V_th or -V_th.

    It does not print the scale of x: dt/C is the one that makes step 2 and step 3 together a
    step of eq. 1. Nor a refractory period, though Table 1 has one.
    """

    name = "paper-one-step"
    capabilities = Capabilities(refractory="none", integrator="forward Euler")
    cannot = (
        "a refractory period: the forward method has none, though Table 1 lists 1 ms",
        "a neuron without noise: 0.1 N(0, 1) is part of the forward method",
        "coloured noise: the noise of a step knows nothing of the one before",
    )

    def versions(self) -> dict[str, str]:
        return versions("bio_scnn", "numpy")

    def build(self, setup: Setup) -> None:
        refuse_refractory(setup)
        self.setup = setup
        self.reset()

    def run(self, current: NDArray[np.float64]) -> Trace:
        params, dt_ms = self.setup.params, self.setup.dt_ms
        spikes, membrane = np.zeros(current.shape), np.empty(current.shape)
        for n, convolved in enumerate(current):
            noisy = convolved + NOISE_STD * self.rng.standard_normal(convolved.shape)
            self.V += noisy * dt_ms / params.C_ms
            self.V -= self.V * dt_ms / params.tau_ms
            fired = np.abs(self.V) >= params.V_th
            spikes[n, fired] = np.sign(self.V[fired])
            self.V[fired] = params.V_reset
            membrane[n] = self.V
        return Trace.from_raster(spikes, dt_ms, membrane)

    def reset(self) -> None:
        """V and the noise start anew; the paper prints no reset between images."""
        self.V = np.full(self.setup.neurons, self.setup.params.V_reset)
        self.rng = np.random.default_rng(self.setup.seed)
