"""V of machines while refractory, and V as it is shown."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.stepped import shifted


def held(state: Any, old: NDArray, u: NDArray) -> NDArray:
    """V of refractory neurons after a step, from that before it and the one of an update."""
    m, p = state.m, state.p
    if m.hold == "leaks":
        return p.d * old
    if m.hold == "integrates":
        return np.minimum(u, p.cap * p.threshold) if m.cap < np.inf else u
    if m.hold == "reset":
        return np.zeros_like(old) + p.to
    return old


def shown_otherwise(m: Any, p: Any, V: NDArray[np.float64]) -> NDArray[np.float64]:
    """V ``(steps, machines, neurons)`` as it leaves a layer: bounded, smoothed, or late."""
    if m.shown_low > -np.inf or m.shown_high < np.inf:
        V = np.clip(V, p.shown_low, p.shown_high)
    if m.shown_soft:
        V = p.shown_soft * np.tanh(V / p.shown_soft)
    if m.shown_over:
        V = np.mean([shifted(V, k) for k in range(m.shown_over)], axis=0)
    if m.shown_every > 1:
        V = V[np.arange(len(V)) // m.shown_every * m.shown_every]
    if m.shown_so_far:
        count = np.arange(1, len(V) + 1)[:, None, None]
        V = np.maximum.accumulate(V) if m.shown_so_far == "max" else V.cumsum(axis=0)
        V = V / count if m.shown_so_far == "mean" else V
    return shifted(V, m.shown_late)


def shown_V(state: Any, s: NDArray, free: NDArray, tested: NDArray, x: NDArray) -> NDArray:
    """V as machines hand it out after a step.

    Parameters
    ----------
    state : State
        Of machines, after the step.
    s, free, tested : (machines, neurons) arrays
        Who fired; who was not refractory; V that was tested.
    x : (machines or 1, neurons) array
        Input of the step.
    """
    m, p = state.m, state.p
    if m.shown == "before":
        return np.where(s, tested, state.V)
    if m.shown == "after":
        return state.V
    held = s | ~free
    if m.shown.startswith("peak"):
        state.ghost = np.where(s, tested, state.ghost)
        # It may be reset in the last refractory step, or when the period is over.
        over = state.clock.free() if m.shown == "peak until the last step" else False
        return np.where(held & ~np.asarray(over), state.ghost, state.V)
    if m.shown.endswith("while counted"):  # until the counter is at 0
        held = ~state.clock.free()
    if m.shown.startswith("a value"):
        return np.where(held, p.shown_at, state.V)
    if m.shown == "threshold while counted":
        return np.where(held, p.threshold, state.V)
    if m.shown == "threshold":
        return np.where(free, state.V, p.threshold)
    state.ghost = np.where(s | free, state.V, p.d * state.ghost + p.g * x)
    return state.ghost
