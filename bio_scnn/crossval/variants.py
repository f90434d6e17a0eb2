"""Variants of a neuron of eq. 1: other parameters, and potentials counted from rest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.neuron.trace import Trace


def varied(params: LIFParameters, **changes: Any) -> LIFParameters:
    """Another neuron; the encoder's band, which plays no part here, makes way for a long t_ref."""
    t_ref = changes.get("t_ref_ms", params.t_ref_ms)
    if t_ref * params.rate_max_hz >= 500:
        changes |= {"rate_min_hz": 100 / t_ref, "rate_max_hz": 500 / t_ref}
    if "C_ms" in changes:  # R follows, if it was given before
        changes.setdefault("R", None)
    return replace(params, **changes)


def zero_of(params: Any) -> float:
    """Potential from which a neuron's are counted: V_rest; V_reset of an IF with V_th <= 0."""
    if hasattr(params, "V_rest"):
        return float(params.V_rest)
    return float(params.V_reset) if params.V_th <= 0 else 0.0


def from_rest(params: Any, zero: float) -> Any:
    """Parameters of a neuron with its potentials counted from `zero`; back with ``-zero``."""
    named = {name: getattr(params, name, None) for name in ("V_th", "V_reset", "V_rest")}
    changes = {name: V - zero for name, V in named.items() if V is not None}
    return replace(params, **changes) if zero else params


def trace_from_rest(trace: Trace, zero: float) -> Trace:
    """Trace with V counted from `zero`."""
    if not zero or trace.membrane is None:
        return trace
    return replace(trace, membrane=trace.membrane - zero)
