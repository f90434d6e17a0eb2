"""Inputs as machines take them: delayed, averaged, bounded, filtered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.faults.machine import Machine
from bio_scnn.crossval.identify.stepped import shifted


def inputs(m: Machine, p: Any, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Input ``(steps, machines or 1, neurons)`` that acts in each step."""
    X = x[:, None, :]
    if m.x_restart:
        X = X[np.arange(len(X)) % m.x_restart]
    if m.x_shape:
        X = SHAPES[m.x_shape](X)
    if m.block:
        whole = len(X) // m.block * m.block
        blocks = X[:whole].reshape(-1, m.block, *X.shape[1:])
        of_block = blocks.mean(1) if m.block_of == "mean" else blocks[:, 0]
        first = X[whole : whole + 1].repeat(len(X) - whole, 0)
        rest = X[whole:] if m.block_of == "mean" else first
        X = np.concatenate([np.repeat(of_block, m.block, axis=0), rest])
    if m.x_low > -np.inf or m.x_high < np.inf:
        X = np.clip(X, p.x_low, p.x_high)
    if m.x_unit:
        X = _ROUNDED[m.x_rounding](X / p.x_unit) * p.x_unit
    if m.x_soft:
        X = p.x_soft * np.tanh(X / p.x_soft)
    if m.x_drift:
        X = X * (1 + p.x_drift * np.arange(len(X))[:, None, None])
    if m.x_fades:
        n = np.arange(len(X)) + (m.x_fades < 0)
        X = X * np.minimum(n / abs(m.x_fades), 1)[:, None, None]
    if m.x_first != 1:
        factor = np.ones((len(X), 1, 1))
        factor[0] = m.x_first
        X = X * factor
    if m.x_dead:
        X = np.where(np.abs(X) < p.x_dead, 0.0, X)
    if m.x_now != 1:
        X = p.x_now * X + (1 - p.x_now) * shifted(X, 1)
    if m.filtered:
        X = _filtered(m, p, X)
    return shifted(X, m.delay)


SHAPES: Mapping[str, Callable[[NDArray], NDArray]] = {
    "rectified": lambda x: np.maximum(x, 0),
    "magnitude": np.abs,
    "first": lambda x: np.broadcast_to(x[:1], x.shape),
    "inverted": np.negative,
    "summed/all": lambda x: x.sum(axis=-1, keepdims=True) + 0 * x,
    "summed/before": lambda x: x.cumsum(axis=-1),
    "centred": lambda x: x - x.mean(axis=-1, keepdims=True),
    "neighbour/before": lambda x: np.roll(x, 1, axis=-1),
    "neighbour/after": lambda x: np.roll(x, -1, axis=-1),
}
"""Changes of an input by name; the last axis is that of the neurons."""

_ROUNDED: Mapping[str, Callable[[NDArray], NDArray]] = {
    "nearest": lambda x: np.floor(x + 0.5),
    "down": np.floor,
    "towards zero": np.trunc,
}


def _filtered(m: Machine, p: Any, X: NDArray) -> NDArray[np.float64]:
    """Input through a first-order filter, normalised or not, of this step or the last one."""
    weight = {"normalised": 1 - p.x_decay, "unscaled": 1.0}.get(m.filtered.split()[0], p.x_gain)
    weight = np.asarray(weight)
    shape = np.broadcast_shapes(X.shape[1:], np.shape(p.x_decay), weight.shape)
    out, S = np.empty((len(X), *shape)), np.zeros(shape)
    for n, value in enumerate(X):
        old, S = S, p.x_decay * S + weight * value
        out[n] = old if m.filtered.endswith("old") else S
    return out
