"""Variants of a neuron of eq. 1: other parameters, and potentials counted from V_rest."""

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


def from_rest(params: Any, V_rest: float) -> Any:
    """Parameters of a LIF with its potentials counted from `V_rest`; others as they are.

    ``from_rest(p, -V_rest)`` takes that back.
    """
    if not V_rest or not isinstance(params, LIFParameters):
        return params
    V_th, V_reset, left = (V - V_rest for V in (params.V_th, params.V_reset, params.V_rest))
    return replace(params, V_th=V_th, V_reset=V_reset, V_rest=left)


def trace_from_rest(trace: Trace, V_rest: float) -> Trace:
    """Trace with V counted from `V_rest`."""
    if not V_rest or trace.membrane is None:
        return trace
    return replace(trace, membrane=trace.membrane - V_rest)
