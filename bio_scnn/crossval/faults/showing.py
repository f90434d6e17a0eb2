"""V of machines while refractory, and V as it is shown."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


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
