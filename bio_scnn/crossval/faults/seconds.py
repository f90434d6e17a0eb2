"""Second variables of machines: a synaptic current, and an adaptation, in a step of V."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def with_seconds(
    state: Any, V: NDArray, drive: NDArray, x: NDArray, free: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """V after a step that second variables act on; the state holds them, moved on.

    Parameters
    ----------
    state : State
        Of machines.
    V, drive : (machines, neurons) arrays
        V after its leak, and what the input adds to it by itself.
    x : (machines or 1, neurons) array
        Input of the step.
    free : (machines, neurons) array
        Who is not refractory.
    """
    m, p = state.m, state.p
    u = V + drive
    if m.second in ("synapse", "both"):
        a = p.a
        if m.s_leaks:
            a = np.where((x != 0) == (m.s_leaks == "input"), p.a, 1.0)
        S = a * state.S + p.e * x
        if not m.s_adds:
            S = np.where(x != 0, p.e * x, S)
        if m.s_low > -np.inf or m.s_high < np.inf:
            S = np.clip(S, p.s_low, p.s_high)
        if m.s_low > -np.inf or m.s_high < np.inf or m.s_soft or m.s_leaks or not m.s_adds:
            taken = state.S if m.order == "old" else S
            if m.s_soft:
                taken = p.s_soft * np.tanh(taken / p.s_soft)
            u = V + (p.c if m.order == "old" else p.g / p.e) * taken
        else:
            u = u + p.c * state.S
        if m.x_past:
            u = u + p.x_past * (p.c if m.order == "old" else p.g / p.e) * x
        if m.frozen.startswith("synapse"):
            S = np.where(free, S, a * state.S if m.frozen.endswith("input") else state.S)
        state.S = S
    if m.second in ("adaptation", "both"):
        w = p.q * state.w
        if m.w_V:
            w = w + p.w_V * state.V
        if m.w_moves == "V":
            taken = w if m.w_V and m.order == "fresh" else state.w
            u = u - (p.k / p.q if m.w_V and m.order == "fresh" else p.k) * taken
        state.w = np.where(free, w, state.w) if m.frozen == "adaptation" else w
    return u
