"""Factors of a step of machines: decays and weights, by the update at work."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from bio_scnn.crossval.faults.machine import Machine
from bio_scnn.crossval.oracles.dialects import UPDATES


@dataclass(frozen=True)
class Flow:
    """Factors of a step: ``V <- d V + g x + c S - k w``, ``S <- a S + e x``, ``w <- q w``.

    `jump` is what a spike adds to w.
    """

    d: float
    g: float
    c: float = 0.0
    a: float = 0.0
    e: float = 0.0
    k: float = 0.0
    q: float = 0.0
    jump: float = 0.0


def flow(m: Machine) -> Flow:
    """Factors of a step of a machine."""
    d, share = _filter(m, m.tau_ms, m.update)
    if m.impulses and "synapse" not in (m.second, "synapse" * (m.second == "both")):
        share = m.dt_ms if math.isinf(m.tau_ms) else m.dt_ms / m.tau_ms
    d, share = _quantised(m, d, share)
    d, g = d * m.decay_times, share * m.R * m.gain_times
    c = a = e = k = q = jump = 0.0
    together = m.order == "flow" and not m.impulses
    if m.second in ("synapse", "both"):
        a, e = _filter(m, m.tau_syn_ms, m.second_update)
        if m.impulses:
            e = m.dt_ms / m.tau_syn_ms
        if together:
            c = m.gain_times * _shared(m, m.tau_syn_ms, a, d)
            g = g - c
        elif m.order == "flow":  # impulses at the ends of steps: the current decays in between
            c, g = m.gain_times * _shared(m, m.tau_syn_ms, a, d), 0.0
        elif m.order == "old":
            c, g = g, 0.0
        elif m.order in ("twice", "mean"):
            each = g if m.order == "twice" else g / 2
            c, g = each * (1 + a), each * e
        else:
            c, g = g * a, g * e
    if m.second in ("adaptation", "both"):
        q, _ = _filter(m, m.tau_w_ms, m.second_update)
        whole = share * m.R * m.gain_times
        k = m.gain_times * _shared(m, m.tau_w_ms, q, d) if together else whole
        if m.order == "fresh":
            k = whole * q
        jump = m.b
    return Flow(d, g, c, a, e, k, q, jump)


def _filter(m: Machine, tau_ms: float, update: str) -> tuple[float, float]:
    if math.isinf(tau_ms):
        return 1.0, m.dt_ms
    C_ms = getattr(m.params, "C_ms", tau_ms)
    where: Any = SimpleNamespace(tau_ms=tau_ms, R=m.R, C_ms=C_ms)
    return UPDATES[update](m.dt_ms, where)


def _shared(m: Machine, tau_ms: float, a: float, d: float) -> float:
    """Weight of a decaying current in V after a step, by the exact flow of both."""
    if math.isinf(m.tau_ms):
        return m.R * tau_ms * (1 - a)
    if abs(tau_ms / m.tau_ms - 1) < 1e-6:
        return m.R * m.dt_ms / tau_ms * d
    return m.R * tau_ms * (a - d) / (tau_ms - m.tau_ms)


def _quantised(m: Machine, d: float, share: float) -> tuple[float, float]:
    if not m.decay_bits:
        return d, share
    size = 2.0**m.decay_bits
    down = math.floor(d * size + {"nearest": 0.5, "down": 0.0, "up": 1 - 1e-9}[m.decay_rounding])
    d = down / size
    return d, 1 - d if m.gain_follows else share
