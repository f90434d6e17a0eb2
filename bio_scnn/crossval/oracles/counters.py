"""Refractory periods counted in floating point, which rounding makes a step longer or shorter."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import lru_cache, partial
from types import MappingProxyType

import numpy as np

from bio_scnn.neuron.parameters import LIFParameters

_MOST = 100_000


@lru_cache(maxsize=4096)
def counted(way: str, dtype: str, unit: str, t_ref_ms: float, dt_ms: float) -> int:
    """Steps that a refractory period takes if it is counted in floating point.

    Parameters
    ----------
    way : {"down", "down-to-zero", "up"}
        What is left falls by dt and blocks while it is above 0; or while it is not 0, negative
        remainders being set to 0 a step later; or the time since the spike grows by dt until it
        is t_ref or more.
    dtype : str
        Floating-point type of the counter.
    unit : {"ms", "s"}
    t_ref_ms, dt_ms : float, ms

    Returns
    -------
    int, steps
    """
    number, size = np.dtype(dtype).type, 1.0 if unit == "ms" else 1e-3
    t_ref, dt = number(t_ref_ms * size), number(dt_ms * size)
    most = min(2 * int(t_ref_ms / dt_ms) + 4, _MOST)
    time, steps = (number(0) if way == "up" else t_ref), 0
    while steps < most and (time < t_ref if way == "up" else time > 0):
        time, steps = (number(time + dt) if way == "up" else number(time - dt)), steps + 1
    return steps + (way == "down-to-zero" and time < 0)


def _steps(dt_ms: float, params: LIFParameters, *, how: tuple[str, str, str]) -> int:
    return counted(*how, params.t_ref_ms, dt_ms)


_HOW = tuple(
    itertools.product(("down", "down-to-zero", "up"), ("float32", "float64"), ("ms", "s"))
)

COUNTERS: MappingProxyType[str, Callable[[float, LIFParameters], int]] = MappingProxyType(
    {f"counted-{'-'.join(how)}": partial(_steps, how=how) for how in _HOW}
)
"""Steps that t_ref takes, by the counter, from dt in ms and the parameters."""

_WAYS = {
    "down": "t_ref is counted down by dt in {1} ({2})",
    "down-to-zero": "t_ref is counted down by dt in {1} ({2}) and compared with 0, so that a "
    "remainder blocks one more step",
    "up": "the time since a spike is counted up by dt in {1} ({2})",
}

COUNTER_TEXTS: MappingProxyType[str, str] = MappingProxyType(
    {
        f"refractory.counted-{'-'.join(how)}": _WAYS[how[0]].format(*how)
        + ": rounding makes the refractory period a step too long or too short here and there"
        for how in _HOW
    }
)
"""Causes in words, by code."""
