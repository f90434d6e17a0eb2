"""Neurons of a node between events, as the adjoint needs them: flow, and its derivatives.

The flow over a time h is made of divided differences of exp. They are computed without loss of
digits wherever their arguments lie, also if two time constants are alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.nir.graph import Node

Array = NDArray[np.float64]
Values = NDArray[Any]
Three = tuple[Values, Values, Values]

_NEAR, _TERMS = 0.5, 14  # where power series are taken, and their terms: the next is below 1e-16
_TINY = 1e-30  # imaginary step: its square vanishes beside 1, so no digit is lost


def _once(u: Values) -> Values:
    """Divided difference of exp at 0 and u."""
    near = np.abs(u) < _NEAR
    v, total = np.where(near, u, 0), np.ones_like(u)
    for n in range(_TERMS if near.any() else 0, 1, -1):
        total = 1 + v * total / n
    return np.where(near, total, (np.exp(u) - 1) / np.where(near, 1, u))


def _between(u: Values, v: Values) -> Values:
    """Divided difference of exp at u and v."""
    high = np.where(np.real(u) > np.real(v), u, v)
    return np.exp(high) * _once(u + v - 2 * high)


def _twice(u: Values, v: Values) -> Values:
    """Divided difference of exp at 0, u and v."""
    swap = np.abs(u) > np.abs(v)
    u, v = np.where(swap, v, u), np.where(swap, u, v)
    near = np.abs(v) < _NEAR
    x, y = np.where(near, u, 0), np.where(near, v, 0)
    total, power, whole, factor = np.zeros_like(x), np.ones_like(y), np.ones_like(x), 2.0
    for n in range(_TERMS if near.any() else 0):
        total = total + whole / factor
        power, factor = power * y, factor * (n + 3)
        whole = x * whole + power
    return np.where(near, total, (_between(u, v) - _once(u)) / np.where(near, 1, v))


class Cell:
    """Neurons of a node as ``V' = a V + k S + ..., S' = b S + ...``, in ms.

    Attributes
    ----------
    rates : (a, k, b)
    jump, current : (V, S)
        What an impulse of size 1 adds; what a current of 1 adds per ms.
    goal : array
        Change of V per ms by v_leak.
    """

    def __init__(self, node: Node, area_ms: float, *, subtracts: bool) -> None:
        self.node, self.area_ms = node, area_ms
        self.size, self.subtracts = node.size, subtracts
        self.threshold, self.reset_to = self._flat("v_threshold"), self._flat("v_reset")
        a, k, b, self.goal, current_V, current_S = self._made_of({})
        self.rates: Three = a, k, b
        self.current = current_V, current_S
        self.jump = area_ms * current_V, area_ms * current_S

    def _flat(self, key: str) -> Array:
        return np.asarray(self.node.values[key], dtype=np.float64).ravel()

    def _made_of(self, changed: dict[str, Values]) -> tuple[Values, ...]:
        """Rates a, k and b, goal and currents, some fields being others than the file's."""
        v = {key: np.asarray(x).ravel() for key, x in self.node.values.items()} | changed
        zero = np.zeros(self.size)
        if self.node.kind == "CubaLIF":
            tau, tau_S = 1e3 * v["tau_mem"], 1e3 * v["tau_syn"]
            return -1 / tau, v["r"] / tau, -1 / tau_S, v["v_leak"] / tau, zero, v["w_in"] / tau_S
        if self.node.kind == "LIF":
            tau = 1e3 * v["tau"]
            return -1 / tau, zero, zero, v["v_leak"] / tau, v["r"] / tau, zero
        return zero, zero, zero, zero, v["r"] / 1e3, zero

    def of_fields(self, slopes: Values) -> dict[str, Array]:
        """Derivatives by NIR's fields from those by a, k, b, goal and the two currents."""
        found = {}
        for key in self.node.values:
            if key.startswith("tau") or key in ("r", "w_in", "v_leak"):
                moved = self._made_of({key: self._flat(key) + 1j * _TINY})
                found[key] = sum(
                    s * np.imag(x) / _TINY for s, x in zip(slopes, moved, strict=True)
                )
        return found

    def propagators(self, h: float, a: Values, b: Values) -> tuple[Three, Three]:
        """Matrix exponential of a time, and its integral from 0: VV, VS with k = 1, SS."""
        u, v = a * h, b * h
        return (
            (np.exp(u), h * _between(u, v), np.exp(v)),
            (h * _once(u), h * h * _twice(u, v), h * _once(v)),
        )

    def flow(self, x: Array, held: Array, h: float) -> Array:
        """State after a time, ``(2, neurons)``; `held` is a current."""
        a, k, b = self.rates
        (E_V, E_k, E_S), (I_V, I_k, I_S) = self.propagators(h, a, b)
        c_V, c_S = self.goal + self.current[0] * held, self.current[1] * held
        V = E_V * x[0] + k * (E_k * x[1] + I_k * c_S) + I_V * c_V
        return np.array([V, E_S * x[1] + I_S * c_S])

    def back(self, p: Array, x: Array | None, held: Array, h: float) -> tuple[Array, Array, Array]:
        """The adjoint a time earlier; the derivative by a current; those by `_made_of`.

        Parameters
        ----------
        p : (2, neurons) array
            Adjoint at the end.
        x : (2, neurons) array or None
            State at the start; an IF needs none.
        held : (neurons,) array
            Current.
        h : float, ms

        Returns
        -------
        before : (2, neurons) array
        by_current : (neurons,) array
        slopes : (6, neurons) array
            By a, k, b, goal and the two factors of the current.
        """
        a, k, b = self.rates
        (E_V, E_k, E_S), (I_V, I_k, I_S) = self.propagators(h, a, b)
        by_V, by_S = p[0] * I_V, p[0] * k * I_k + p[1] * I_S
        slopes = np.zeros((6, self.size))
        slopes[3:] = by_V, by_V * held, by_S * held
        if x is not None:
            c_V, c_S = self.goal + self.current[0] * held, self.current[1] * held
            slopes[1] = p[0] * (E_k * x[1] + I_k * c_S)
            by_a, by_b = np.array([[1j * _TINY, 0], [0, 1j * _TINY]])[..., None]
            (E, F, G), (J, K, L) = self.propagators(h, a + by_a, b + by_b)
            V = E * x[0] + k * (F * x[1] + K * c_S) + J * c_V
            slopes[[0, 2]] = np.imag(p[0] * V + p[1] * (G * x[1] + L * c_S)) / _TINY
        before = np.array([p[0] * E_V, p[0] * k * E_k + p[1] * E_S])
        return before, by_V * self.current[0] + by_S * self.current[1], slopes

    def slope(self, x: Array, held: Array) -> Array:
        """V'."""
        a, k, _ = self.rates
        return a * x[0] + k * x[1] + self.goal + self.current[0] * held
