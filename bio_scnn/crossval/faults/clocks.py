"""Refractory clocks of machines: counters in whole steps, and sums of rounded times."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.faults.machine import Machine

CLOCKS = tuple(
    f"{kind} {dtype} {unit} {test}"
    for kind in ("sum", "product")
    for dtype in ("float32", "float64")
    for unit in ("ms", "s")
    for test in ("until <", "until <=", "since <", "since <=")
)
"""Clocks by which a neuron is refractory: time summed or multiplied, in a unit, and the test."""


class Clock:
    """Refractory state of machines."""

    def __init__(self, m: Machine, refractory: Any, shape: tuple[int, int]):
        self.m, self.n, self.t = m, refractory, 0
        self.left: NDArray[Any] = np.zeros(shape)
        self.running = bool(np.any(np.asarray(refractory) != 0))
        if m.clock:
            kind, dtype, unit, self.how, self.test = m.clock.split()
            self.summed, self.type = kind == "sum", np.dtype(dtype).type
            size = 1.0 if unit == "ms" else 1e-3
            self.dt, self.t_ref = m.dt_ms * size, m.params.t_ref_ms * size
            self.now = self.type(0)
            never = -1e3 * (self.t_ref + self.dt)
            self.mark = np.full(shape, never, dtype=self.type)

    def restart(self) -> None:
        """End of every refractory period."""
        self.left = np.zeros_like(self.left)

    def free(self) -> NDArray[np.bool_]:
        """True for neurons that may fire in this step."""
        if not self.m.clock:
            return self.left <= 0
        if not self.summed:
            self.now = self.type(self.type(self.t) * self.type(self.dt))
        if self.how == "until":
            over = self.now >= self.mark if self.test == "<" else self.now > self.mark
            return np.asarray(over)
        past = self.now - self.mark
        limit = self.type(self.t_ref)
        return np.asarray(past >= limit if self.test == "<" else past > limit)

    def tick(self, s: NDArray, free: NDArray, x: NDArray, V: NDArray) -> None:
        """End of a step in which some fired."""
        self.t += 1
        if self.m.clock:
            mark = self.now + self.type(self.t_ref) if self.how == "until" else self.now
            self.mark = np.where(s, mark, self.mark).astype(self.type)
            if self.summed:
                self.now = self.type(self.now + self.type(self.dt))
        elif self.running:
            less = np.maximum(self.left - 1, 0)
            if self.m.negative == "counts while x >= 0":
                less = np.where(x >= 0, less, self.left)
            elif self.m.negative == "counts while x > 0":
                less = np.where(x > 0, less, self.left)
            elif self.m.negative == "counts while x":
                less = np.where(x != 0, less, self.left)
            self.left = np.where(s, self.n, less)
