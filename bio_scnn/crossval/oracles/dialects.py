"""Dialects of the clock-driven neuron: the ways in which implementations step eq. 1 on a grid.

Each has a short name, the code of the cause without its first part: the update
``"forward-euler"`` is the cause ``update.forward-euler``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from bio_scnn.crossval.causes import Cause, both, cause
from bio_scnn.crossval.oracles.counters import COUNTERS
from bio_scnn.neuron.parameters import LIFParameters

_Update = Callable[[float, LIFParameters], tuple[float, float]]


def _made(decay: Callable[[float], float], gain: Callable[[float], float]) -> _Update:
    """Update from two functions of dt/tau: the decay, and the weight of R I."""
    return lambda dt, p: (decay(dt / p.tau_ms), gain(dt / p.tau_ms))


def _exp(h: float) -> float:
    return math.exp(-h)


def _rise(h: float) -> float:
    return -math.expm1(-h)


def _euler(h: float) -> float:
    return 1 - h


def _h(h: float) -> float:
    return h


UPDATES: MappingProxyType[str, _Update] = MappingProxyType(
    {
        "exact": _made(_exp, _rise),
        "forward-euler": _made(_euler, _h),
        "backward-euler": lambda dt, p: (1 / (1 + dt / p.tau_ms), dt / (p.tau_ms + dt)),
        "crank-nicolson": _made(lambda h: (1 - h / 2) / (1 + h / 2), lambda h: h / (1 + h / 2)),
        "rk2": _made(lambda h: 1 - h + h**2 / 2, lambda h: h - h**2 / 2),
        "rk4": _made(
            lambda h: 1 - h + h**2 / 2 - h**3 / 6 + h**4 / 24,
            lambda h: h - h**2 / 2 + h**3 / 6 - h**4 / 24,
        ),
        "exact-decay-euler-gain": _made(_exp, _h),
        "half-input-before-leak": _made(_exp, lambda h: h * (1 + _exp(h)) / 2),
        "euler-decay-exact-gain": _made(_euler, _rise),
        "input-unscaled": _made(_exp, lambda h: 1.0),
        "leak-after-input": _made(_exp, lambda h: _rise(h) * _exp(h)),
        "leak-after-input-euler-gain": _made(_exp, lambda h: h * _exp(h)),
        "leak-after-input-euler": _made(_euler, lambda h: h * (1 - h)),
        "input-unscaled-R-ignored": lambda dt, p: (_exp(dt / p.tau_ms), 1 / p.R),
        "input-scaled-twice": _made(_exp, lambda h: _rise(h) * h),
        "input-scaled-twice-exact": _made(_exp, lambda h: _rise(h) ** 2),
        "input-scaled-twice-euler": _made(_euler, lambda h: h**2),
        "input-times-dt": lambda dt, p: (
            _exp(dt / p.tau_ms),
            _rise(dt / p.tau_ms) * dt * 1e-3,
        ),
        "R-ignored": lambda dt, p: (_exp(dt / p.tau_ms), _rise(dt / p.tau_ms) / p.R),
        "R-ignored-euler": lambda dt, p: (1 - dt / p.tau_ms, dt / p.tau_ms / p.R),
        "R-twice": lambda dt, p: (_exp(dt / p.tau_ms), _rise(dt / p.tau_ms) * p.R),
        "C-for-tau": lambda dt, p: (_exp(dt / p.C_ms), _rise(dt / p.C_ms)),
        "tau-1000-times-long": _made(lambda h: _exp(h / 1e3), lambda h: _rise(h / 1e3)),
        "tau-1000-times-short": _made(lambda h: _exp(h * 1e3), lambda h: _rise(h * 1e3)),
        "tau-times-dt": lambda dt, p: (_exp(1e3 / p.tau_ms), _rise(1e3 / p.tau_ms)),
        "tau-over-dt": lambda dt, p: (
            _exp(1e-3 * dt**2 / p.tau_ms),
            _rise(1e-3 * dt**2 / p.tau_ms),
        ),
        "dt-1-ms": lambda dt, p: (_exp(1 / p.tau_ms), _rise(1 / p.tau_ms)),
        "dt-0.1-ms": lambda dt, p: (_exp(0.1 / p.tau_ms), _rise(0.1 / p.tau_ms)),
        "dt-0.1-ms-euler": lambda dt, p: (1 - 0.1 / p.tau_ms, 0.1 / p.tau_ms),
        "dt-1-ms-euler": lambda dt, p: (1 - 1 / p.tau_ms, 1 / p.tau_ms),
        "no-leak": _made(lambda h: 1.0, _h),
        "no-leak-exact-gain": _made(lambda h: 1.0, _rise),
        "no-leak-unscaled": _made(lambda h: 1.0, lambda h: 1.0),
        "no-memory": _made(lambda h: 0.0, lambda h: 1.0),
        "no-memory-exact-gain": _made(lambda h: 0.0, _rise),
    }
)
"""Update of V over a step, as factors (a, g) of V <- a V + g R I, from dt in ms and parameters."""

UPDATE_OF: MappingProxyType[str, str] = MappingProxyType(
    {
        "exact": "exact",
        "forward Euler": "forward-euler",
        "backward Euler": "backward-euler",
        "Crank-Nicolson": "crank-nicolson",
        "adaptive": "exact",
    }
)
"""Key of `UPDATES` by integrator, as ``Capabilities.integrator`` names it."""

REFRACTORY: MappingProxyType[str, Callable[[float, LIFParameters], int]] = MappingProxyType(
    {
        "as-set": lambda dt, p: round(p.t_ref_ms / dt),
        "one-step-short": lambda dt, p: max(round(p.t_ref_ms / dt) - 1, 0),
        "one-step-long": lambda dt, p: round(p.t_ref_ms / dt) + 1,
        "two-steps-short": lambda dt, p: max(round(p.t_ref_ms / dt) - 2, 0),
        "two-steps-long": lambda dt, p: round(p.t_ref_ms / dt) + 2,
        "none": lambda dt, p: 0,
        "counted-in-ms": lambda dt, p: round(p.t_ref_ms),
        "counted-in-ms-truncated": lambda dt, p: int(p.t_ref_ms),
        "at-least-one-step": lambda dt, p: max(round(p.t_ref_ms / dt), 1),
        "truncated": lambda dt, p: int(p.t_ref_ms / dt),
        **COUNTERS,
    }
)
"""Steps for which V is held after a spike, from dt in ms and the parameters."""

# Codes of what is neither update nor refractory period, which have names of their own.
_CODES = {
    ("fires_at_threshold", True): "threshold.reached",
    ("fires_at_threshold", False): "threshold.exceeded",
    ("clamped", True): "clamp.held",
    ("clamped", False): "clamp.none",
    ("late", ""): "late.none",
    ("bounded", True): "bounds.zero",
    ("bounded", False): "bounds.none",
    ("offset", True): "offset.V_reset",
    ("offset", False): "offset.none",
    ("starts_refractory", True): "start.refractory",
    ("starts_refractory", False): "start.free",
}


@dataclass(frozen=True)
class GridNeuron:
    """A clock-driven neuron; the defaults are the on-grid oracle.

    Attributes
    ----------
    update : str
        Key of `UPDATES`.
    fires_at_threshold : bool
        ``V >= V_th``, or ``V > V_th``.
    reset : {"value", "subtract", "zero"}
        To V_reset, by V_th - V_reset, or to 0 whatever V_reset is.
    refractory : str
        Key of `REFRACTORY`.
    clamped : bool
        V is held while refractory; if not, it goes on and only the spikes are suppressed.
    late : {"", "reset", "test"}
        The reset acts in the step after the spike; or the threshold is tested on the V of the
        step before.
    input : {"held", "delayed", "averaged", "rectified", "clipped", "first"}
        As given; one step late; the mean of this step's and the last one's; negative values as
        0; values outside [0, 1] as its bounds; that of the first step throughout.
    bounded : bool
        V is kept at 0 or above.
    offset : bool
        V_reset is added to V at every step.
    starts_refractory : bool
        The first spike cannot come before t_ref, as if there had been one at time 0.
    """

    update: str = "exact"
    fires_at_threshold: bool = True
    reset: Literal["value", "subtract", "zero"] = "value"
    refractory: str = "as-set"
    clamped: bool = True
    late: Literal["", "reset", "test"] = ""
    input: Literal["held", "delayed", "averaged", "rectified", "clipped", "first"] = "held"
    bounded: bool = False
    offset: bool = False
    starts_refractory: bool = False

    def changes_from(self, base: GridNeuron) -> dict[str, Any]:
        """Fields, with their values here, in which it differs from another."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != getattr(base, field.name)
        }

    def difference_from(self, base: GridNeuron) -> Cause | None:
        """Cause that makes another neuron this one; None if they are the same."""
        causes = [
            cause(_CODES.get((field, value), f"{field}.{value}"))
            for field, value in self.changes_from(base).items()
        ]
        return both(causes) if causes else None


PERFECT = GridNeuron()
"""The on-grid oracle."""
