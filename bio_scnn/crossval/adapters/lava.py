"""Lava's LIF process by its published updates: in floating and in fixed point, without Lava."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.adapters._support import Framework, approach
from bio_scnn.crossval.protocol import CannotRepresent, Capabilities, Setup
from bio_scnn.crossval.q_format import FixedPointNeuron
from bio_scnn.neuron.models import CubaLIFParameters
from bio_scnn.neuron.parameters import LIFParameters
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
        refractory="none",
        fires_at_threshold=False,
        families=("LIF", "CubaLIF"),
        order="second first",
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


_UNIT = 2.0**-16  # of V: 1 is the threshold mantissa 1024, which Lava shifts by 6 bits
_SIZE = 4096  # decays are k / 2^12
_MOST = 2**23  # of V, a word of 24 bits


class LavaFixed(Framework):
    """``v = sign(v) (|v| (4096 - dv) >> 12) + bias``, then ``v > vth << 6`` and v = 0: integers.

    The current of a step comes as the bias, which is in units of v; ``du = 4095``, so that nothing
    else arrives through u. V is counted in units of 2^-16.

    References
    ----------
    Lava's `PyLifModelBitAcc`, https://github.com/lava-nc/lava, src/lava/proc/lif/models.py.
    """

    name = "lava-fixed"
    distributions = ("numpy",)
    resets_to_rest = True
    params = LIFParameters(tau_ms=20.0, C_ms=20.0, t_ref_ms=0.0)
    capabilities = Capabilities(
        refractory="none",
        fires_at_threshold=False,
        fixed_point=FixedPointNeuron(word=24, fraction=16, rounding="truncate", decay_bits=12),
    )
    cannot = (
        "a refractory period",
        "a reset potential other than the resting potential",
        "a threshold that is no multiple of 2^-10",
    )

    v: NDArray[np.int64]

    def make(self, setup: Setup) -> None:
        p, away = setup.params, approach(setup)
        self.dv, weight = round(_SIZE * away), round(_SIZE * away * p.R)
        mantissa = p.V_th / _UNIT / 64
        if abs(mantissa - round(mantissa)) > 1e-9:
            raise CannotRepresent(f"a threshold (V_th={p.V_th:g}) that is no multiple of 2^-10")
        if not (0 < self.dv < _SIZE and weight):
            raise CannotRepresent(f"a decay of {1 - away:.6g} or a weight of {weight}, in 12 bits")
        self.gain, self.vth = weight / _SIZE, round(mantissa) << 6
        self.reset()

    def run(self, current: NDArray[np.float64]) -> Trace:
        raster, membrane = np.zeros(current.shape, dtype=bool), np.empty(current.shape)
        bias = np.floor(self.gain * current / _UNIT + 0.5).clip(-_MOST, _MOST)
        for n, arrives in enumerate(bias.astype(np.int64)):
            left = np.sign(self.v) * ((np.abs(self.v) * (_SIZE - self.dv)) >> 12)
            self.v = np.clip(left + arrives, -_MOST, _MOST - 1)
            raster[n] = self.v > self.vth
            self.v = np.where(raster[n], 0, self.v)
            membrane[n] = self.v * _UNIT
        return Trace.from_raster(raster, self.setup.dt_ms, membrane)

    def reset(self) -> None:
        """A v of 0, as when the process is made."""
        self.v = np.zeros(self.setup.neurons, dtype=np.int64)
