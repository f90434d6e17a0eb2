"""Correct layers of many neurons, drawn at random and written by hand: none may raise an alarm."""

import math
from dataclasses import dataclass

import numpy as np

from bio_scnn.crossval import Capabilities
from bio_scnn.crossval.identify.formats import FloatingPoint
from bio_scnn.neuron.parameters import LIFParameters

METHODS = ("exact", "forward Euler", "backward Euler", "Crank-Nicolson")


@dataclass(frozen=True)
class Layer:
    """A correct neuron: what it declares, and how it steps."""

    dt_ms: float
    h: float  # dt/tau
    R: float
    V_th: float
    V_reset: float
    t_ref_steps: int
    reset: str = "value"
    integrator: str = "exact"
    fires_at_threshold: bool = True
    dtype: str = "float64"
    membrane: str = "after reset"
    starts_at: str = "V_reset"
    drive: str = "current"
    declares_soft: bool = False  # by its parameters, not only by its claims
    stretch: float = 1.0  # of tau, for a wrong one
    more: int = 0  # refractory steps, for a wrong one

    @property
    def params(self):
        tau, t_ref = self.dt_ms / self.h, self.t_ref_steps * self.dt_ms
        band = {"rate_min_hz": 100 / t_ref, "rate_max_hz": 500 / t_ref} if t_ref > 2 else {}
        return LIFParameters(
            tau_ms=tau,
            R=self.R,
            V_th=self.V_th,
            V_reset=self.V_reset,
            t_ref_ms=t_ref,
            reset=self.reset if self.declares_soft else "value",
            **band,
        )

    @property
    def claims(self):
        return Capabilities(
            refractory="steps" if self.t_ref_steps else "none",
            reset=self.reset,
            integrator=self.integrator,
            fires_at_threshold=self.fires_at_threshold,
            membrane=self.membrane,
            dtypes=(self.dtype,),
            drive=self.drive,
        )

    def constants(self):
        """Decay and gain of a step."""
        h = self.h / self.stretch
        decay, share = {
            "exact": (math.exp(-h), -math.expm1(-h)),
            "forward Euler": (1 - h, h),
            "backward Euler": (1 / (1 + h), h / (1 + h)),
            "Crank-Nicolson": ((2 - h) / (2 + h), 2 * h / (2 + h)),
        }[self.integrator]
        return decay, self.R * (h if self.drive == "impulses" else share)

    def __call__(self, current):
        rounded = FloatingPoint(self.dtype).product
        decay, gain = map(rounded, self.constants())
        V_th, V_reset = rounded(self.V_th), rounded(self.V_reset)
        V = np.full(current.shape[1], 0.0 if self.starts_at == "0" else float(V_reset))
        left = np.zeros(current.shape[1], dtype=int)
        spikes, shown = np.zeros(current.shape), np.zeros(current.shape)
        for n, x in enumerate(rounded(current)):
            new = rounded(rounded(decay * V) + rounded(gain * x))
            V = np.where(left == 0, new, V)
            over = V >= V_th if self.fires_at_threshold else V > V_th
            fired = over & (left == 0)
            after = V_reset if self.reset == "value" else rounded(V - rounded(V_th - V_reset))
            left = np.where(fired, self.t_ref_steps + self.more, np.maximum(left - 1, 0))
            before, V = V, np.where(fired, after, V)
            spikes[n], shown[n] = fired, before if self.membrane == "before reset" else V
        return spikes if self.membrane == "none" else (spikes, shown)


def drawn(seed):
    """A correct layer at random, over all that a neuron in steps may be."""
    rng = np.random.default_rng([20, seed])
    pick = lambda *options: options[rng.integers(len(options))]  # noqa: E731
    dtype = pick("float64", "float64", "float64", "float32", "float32", "bfloat16", "float16")
    half = dtype in ("bfloat16", "float16")
    # Decay a step from 0.1 (and less) to 0.999; half precision does not hold the slow ones.
    h = float(np.exp(rng.uniform(math.log(0.05 if half else 1e-3), math.log(3.0))))
    V_th = float(np.exp(rng.uniform(math.log(0.02), math.log(20.0 if half else 1e4))))
    reset = pick("value", "value", "value", "subtract")
    integrator = pick("exact", *METHODS)
    return Layer(
        dt_ms=pick(0.05, 0.1, 0.2, 0.5, 1.0),
        h=h,
        R=float(np.exp(rng.uniform(math.log(0.04), math.log(250.0)))),
        V_th=V_th,
        V_reset=V_th * pick(0.0, 0.0, 0.0, -0.5, -0.2, 0.4) if reset == "value" else 0.0,
        t_ref_steps=int(pick(0, 1, 2, 5, 10, 20, 30)) if reset == "value" else 0,
        reset=reset,
        integrator=integrator,
        fires_at_threshold=bool(rng.random() < 0.7),
        dtype=dtype,
        membrane=pick("after reset", "before reset", "none"),
        starts_at=pick("V_reset", "0"),
        drive=pick("current", "current", "current", "impulses"),
        declares_soft=bool(rng.random() < 0.5),
    )
