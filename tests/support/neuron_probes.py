"""Measurements of a broken neuron: V, spikes and pauses, each under a constant current.

Each probe measures one error by its size, which is worked out here, and fails on a good neuron.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from broken_neurons import BROKEN

from bio_scnn.crossval.protocol import Adapter, Setup
from bio_scnn.neuron.closed_form import current_for_rate
from bio_scnn.neuron.parameters import TABLE_1
from bio_scnn.neuron.trace import Trace

DT = 0.1
X = DT / 40
BELOW = 1.8  # a current below rheobase: RI = 0.9
FIRING = float(current_for_rate(151.0))

Probe = Callable[[type[Adapter]], None]
CATALOGUE = {cls.__name__: cls for cls in BROKEN}
PROBES: dict[type[Adapter], Probe] = {}


def probe(name: str) -> Callable[[Probe], Probe]:
    def register(function: Probe) -> Probe:
        PROBES[CATALOGUE[name]] = function
        return function

    return register


def layer(
    cls: type[Adapter], neurons: int = 1, dt: float = DT, seed: int = 0, **params
) -> Adapter:
    adapter = cls()
    dtype = adapter.capabilities.dtypes[0]
    adapter.build(Setup(replace(TABLE_1, **params), neurons, dt, dtype, seed))
    return adapter


def drive(cls: type[Adapter], current, ms: float = 60, dt: float = DT, **params) -> Trace:
    """A run of one neuron per constant current."""
    rows = np.full((round(ms / dt), np.size(current)), current, float)
    return layer(cls, np.size(current), dt, **params).run(rows)


def first_step(cls: type[Adapter], dt: float = DT, **params) -> float:
    """V after one step below rheobase."""
    return drive(cls, BELOW, dt, dt, **params).membrane[0, 0]


def crossing(current: float, dt: float = DT) -> int:
    """Step at whose end an exact neuron is above the threshold, counted from 1."""
    return math.ceil(40 * math.log(current / (current - 2)) / dt)


def end_steps(cls: type[Adapter], current: float, dt: float = DT, ms: float = 60, **params):
    """Numbers of the steps at whose ends the spikes are, as they are declared."""
    times = drive(cls, current, ms, dt, **params).spike_times_ms[0]
    return np.rint(times / dt).astype(int) + (cls.capabilities.spike_label == "start")


def pause(cls: type[Adapter], t_ref: float, dt: float = DT) -> set[int]:
    """Steps of each interval beyond those that it takes to reach the threshold."""
    intervals = np.diff(end_steps(cls, FIRING, dt, t_ref_ms=t_ref))
    assert len(intervals) > 2
    return set((intervals - crossing(FIRING, dt)).tolist())


def V_after(steps: int, cls: type[Adapter]) -> float:
    return drive(cls, BELOW, steps * DT).membrane[-1, 0]


def close(value: float) -> object:
    return pytest.approx(value, rel=1e-11)
