"""Effect of a difference on the rate of a neuron, found by stepping both."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from bio_scnn.crossval.identify.stepped import SteppedNeuron, step

_RATE_HZ = 150.0
_STEPS = 4000


def effect_on_rate(right: SteppedNeuron, changes: dict[str, Any], dt_ms: float | None) -> str:
    """Rate of the neuron with one difference, where the right one fires at some 150 Hz."""
    other = replace(right, **changes)
    x = _current(right, dt_ms)
    if x is None:
        return ""
    drive = np.full((_STEPS, 1), x)
    with np.errstate(all="ignore"):
        counts = [int(step(neuron, drive).spikes.sum()) for neuron in (right, other)]
    if not counts[0]:
        return ""
    if dt_ms is None:
        unit, per = f"times in {_STEPS:,} steps", 1.0
    else:
        unit, per = "Hz", 1e3 / (_STEPS * dt_ms)
    at = "" if dt_ms is None else "at "
    right_rate, rate = (f"{count * per:.4g} {unit}" for count in counts)
    if right_rate == rate:
        return f"the rate stays at {rate}"
    return f"a neuron that should fire {at}{right_rate} fires {at}{rate}"


def _current(right: SteppedNeuron, dt_ms: float | None) -> float | None:
    """Held input at which a neuron fires every 1/150 s, or as fast as is well within reach."""
    interval = 1e3 / _RATE_HZ / (1.0 if dt_ms is None else dt_ms)
    steps = max(interval - right.refractory, 2.0)
    steps = min(steps, 5 / (1 - right.decay)) if right.decay < 1 else steps
    left = right.decay**steps
    reset = right.threshold + right.reset_to if right.subtracts else right.reset_to
    whole = -math.expm1(steps * math.log(right.decay)) if right.decay > 0 else 1.0
    if right.gain <= 0 or whole <= 0:
        return None
    away = 1 - right.decay
    x = ((right.threshold - left * reset) / whole * away - right.bias) / right.gain
    return x * (1 + 1e-3) if math.isfinite(x) and x > 0 else None
