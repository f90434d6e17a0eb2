"""Steps of machines in which a crossing is dated inside the step, and V goes on from there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def stepped_within(state: Any, x: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Spikes, V and margin of a step whose crossing is interpolated.

    Parameters
    ----------
    state : State
        Of machines whose `within` is "line", "line, unbounded" (of a V that was above the
        threshold already), "line, then held" or "exact"; V and the time that is
        left of the refractory period, in ms, are moved on.
    x : (machines, neurons) array
        Input of the step.
    """
    m, p = state.m, state.p
    dt, tau = m.dt_ms, m.tau_ms
    target = p.g * x / (1 - p.d)

    def after(V: NDArray, part: NDArray) -> NDArray:
        """V after a part of the step."""
        if m.update == "forward-euler":
            return np.asarray(V + (target - V) * part / tau)
        return np.asarray(target + (V - target) * np.exp(-part / tau))

    if m.within in ("line", "line, unbounded"):
        u = p.d * state.V + p.g * x
        s = u >= p.threshold
        rest = (u - p.threshold) / np.where(u == state.V, 1, u - state.V)
        rest = np.clip(rest, 0, 1) if m.within == "line" else rest
        on = after(np.broadcast_to(p.to, u.shape), rest * dt)
        on = np.minimum(on, 0.999 * p.threshold) if m.cap < np.inf else on
        state.V = np.where(s, on, u)
        return s.astype(np.int64), state.V, u - p.threshold
    old, part = state.V, np.clip(dt - state.clock.left, 0, dt)
    left = np.maximum(state.clock.left * 1.0 - dt, 0)
    u = np.where(part > 1e-12 * dt, after(old, part), old)
    s = u >= p.threshold
    if m.within == "exact":
        since = -tau * np.log1p(-(u - p.threshold) / (target - p.threshold))
    else:
        since = np.clip((u - p.threshold) / np.where(u == old, 1, u - old), 0, 1) * dt
    state.V = np.where(s, p.to, u)
    left = np.where(s, np.maximum(p.refractory * dt - np.nan_to_num(since), 0), left)
    state.clock.left = left
    return s.astype(np.int64), state.V, u - p.threshold
