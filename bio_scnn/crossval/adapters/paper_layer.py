"""The paper's own spiking layer, as section 2.2.1 describes its "forward method"."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.adapters._support import Framework
from bio_scnn.crossval.protocol import CannotRepresent, Capabilities, Setup
from bio_scnn.neuron.parameters import NOISE_STD
from bio_scnn.neuron.trace import Trace

_NOISE = "every step adds its own 0.1 N(0, 1) to the current"
_PLACE = "the noise of a neuron depends on its place in the layer and on the layer's size"


class ForwardMethod(Framework):
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

    It does not print the scale of x: dt/C makes steps 2 and 3 together eq. 1, to first order in
    dt/tau. Nor a refractory period, though Table 1 has one.

    The same seed gives the same noise, which `reset` starts anew.
    """

    name = "paper-one-step"
    distributions = ("bio_scnn", "numpy")
    capabilities = Capabilities(refractory="none", integrator="forward Euler")
    cannot = (
        "a refractory period: the forward method has none, though Table 1 lists 1 ms",
        "a neuron without noise: 0.1 N(0, 1) is part of the forward method",
        "coloured noise: the noise of a step knows nothing of the one before",
        "silence under negative currents: spikes may be negative, so V_reset must be above -V_th",
    )
    expected_failures = MappingProxyType(
        {
            "fi_curve": _NOISE,
            "spike_intervals": _NOISE,
            "first_spike": "V relaxes towards RI (1 - dt/tau): it crosses V_th later",
            "subthreshold_membrane": f"{_NOISE}, and V relaxes towards RI (1 - dt/tau)",
            "spiking_membrane": f"{_NOISE}, and V relaxes towards RI (1 - dt/tau)",
            "silence": "spikes may be negative: V fires at -V_th too",
            "step_currents": "spikes may be negative: V fires at -V_th too",
            "frozen_noise": _NOISE,
            "coloured_noise": _NOISE,
            "other_time_step": _NOISE,
            "other_neuron": _NOISE,
            "batch_invariance": _PLACE,
            "permutation": _PLACE,
            "as_declared": f"{_NOISE}; no neuron on a grid has noise",
        }
    )

    def make(self, setup: Setup) -> None:
        if setup.params.V_reset <= -setup.params.V_th:
            raise CannotRepresent(
                f"V_reset (={setup.params.V_reset:g}) at or below -V_th: it would fire negative "
                "spikes at rest"
            )
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
        return Trace.from_raster(spikes != 0, dt_ms, membrane)

    def reset(self) -> None:
        """V and the noise start anew; the paper prints no reset between images."""
        self.V = np.full(self.setup.neurons, self.setup.params.V_reset)
        self.rng = np.random.default_rng(self.setup.seed)
