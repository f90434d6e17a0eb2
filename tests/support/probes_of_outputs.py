"""Probes of broken inputs, states and outputs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from neuron_probes import (
    BELOW,
    DT,
    FIRING,
    V_after,
    X,
    close,
    crossing,
    drive,
    end_steps,
    first_step,
    layer,
    pause,
    probe,
)

from bio_scnn.crossval.protocol import Adapter, Setup
from bio_scnn.neuron.trace import Trace

# Input


@probe("CurrentClipped")
def _(cls):
    trace = drive(cls, [FIRING, -2.0])
    assert len(trace.spike_times_ms[0]) == 0
    assert trace.membrane[0].tolist() == [close(-0.5 * math.expm1(-X)), 0]


@probe("CurrentRectified")
def _(cls):
    assert np.all(drive(cls, -2.0).membrane == 0)
    assert drive(cls, -2.0, V_reset=-0.5).membrane[0, 0] == close(-0.5 * math.exp(-X))


@probe("InputDelayed")
def _(cls):
    assert first_step(cls) == 0
    assert V_after(2, cls) == close(-0.9 * math.expm1(-X))


@probe("CurrentOfFirstStep")
def _(cls):
    rows = np.zeros((600, 2))
    rows[0, 0] = rows[1:, 1] = FIRING
    trace = layer(cls, 2).run(rows)
    assert len(trace.spike_times_ms[0]) > 5
    assert len(trace.spike_times_ms[1]) == 0


@probe("InputAveraged")
def _(cls):
    current = 0.1 * np.random.default_rng(0).standard_normal((4000, 20))
    trace = layer(cls, 20).run(current)
    change = np.diff(trace.membrane, axis=0) + (1 - math.exp(-X)) * trace.membrane[:-1]
    gain = 0.5 * (1 - math.exp(-X))
    assert (change / gain).var() == pytest.approx(0.01 / 2, rel=0.02)


@probe("SqrtDtDeviation")
def _(cls):
    trace = layer(cls).run(np.array([[0.5], [-0.5]]))
    assert trace.membrane[0, 0] == close(-0.25 * math.expm1(-X) / math.sqrt(0.1))


# State, neurons next to each other, randomness


def again(adapter: Adapter, steps: int) -> Trace:
    adapter.run(np.full((steps, 1), FIRING))
    adapter.reset()
    return adapter.run(np.full((100, 1), FIRING))


@probe("ResetDoesNothing")
def _(cls):
    assert again(layer(cls), 20).membrane[0, 0] == close(-FIRING / 2 * math.expm1(-21 * X))


@probe("ResetKeepsCountdown")
def _(cls):
    n = crossing(FIRING)
    assert again(layer(cls), 20).spike_times_ms[0][0] == close(n * DT)
    assert again(layer(cls), n).spike_times_ms[0][0] == close((n + 10) * DT)


@probe("BuildKeepsV")
def _(cls):
    adapter = layer(cls)
    adapter.run(np.full((20, 1), FIRING))
    adapter.build(Setup())
    V = adapter.run(np.full((1, 1), FIRING)).membrane[0, 0]
    assert V == close(-FIRING / 2 * math.expm1(-21 * X))


@probe("RandomInitialV")
def _(cls):
    V = drive(cls, np.zeros(1000), DT).membrane[0]
    assert V.mean() == pytest.approx(0.5, abs=0.05)
    assert V.std() == pytest.approx(math.sqrt(1 / 12), abs=0.02)


def sees_its_neighbour(cls: type[Adapter]) -> None:
    """V of neuron 1, below rheobase, while neuron 0 fires or does not."""
    quiet, loud = (drive(cls, [I, BELOW]) for I in (0.0, FIRING))  # noqa: E741
    n = crossing(FIRING)
    np.testing.assert_array_equal(quiet.membrane[: n - 1, 1], loud.membrane[: n - 1, 1])
    assert loud.membrane[n - 1, 1] < quiet.membrane[n - 1, 1]


for _name in ("SharedCountdown", "NeighbourReset", "LateralInhibition"):
    probe(_name)(sees_its_neighbour)


@probe("VectorBody")
def _(cls):
    V = drive(cls, [BELOW] * 9, 20.0).membrane[-1]
    euler, exact = (0.9 * (1 - decay**200) for decay in (1 - X, math.exp(-X)))
    assert V.tolist() == [close(euler)] * 8 + [close(exact)]


@probe("PermutedSpikes")
def _(cls):
    for neurons, place in ((10, 2), (11, 3)):
        current = np.zeros(neurons)
        current[2] = FIRING
        counts = [len(train) for train in drive(cls, current).spike_times_ms]
        assert counts.index(max(counts)) == place
        assert np.count_nonzero(counts) == 1


@probe("NaNSpreads")
def _(cls):
    assert np.isnan(drive(cls, [BELOW, np.nan], 1.0).membrane).all()
    assert not np.isnan(drive(cls, [BELOW, BELOW], 1.0).membrane).any()


@probe("LostSpikes")
def _(cls):
    counts = [len(train) for train in drive(cls, [FIRING] * 20).spike_times_ms]
    assert min(counts[:16]) > 5
    assert max(counts[16:]) == 0


# What is reported, and in which precision


@probe("LabelsStart")
def _(cls):
    assert end_steps(cls, FIRING)[0] == crossing(FIRING) - 1


@probe("LabelsEnd")
def _(cls):
    assert end_steps(cls, FIRING)[0] == crossing(FIRING) + 1


@probe("ShowsVBeforeReset")
def _(cls):
    n = crossing(FIRING)
    V = drive(cls, FIRING).membrane[:, 0]
    assert V[n - 1] == close(-FIRING / 2 * math.expm1(-n * X))
    assert V[n] == 0
    assert pause(cls, 1.0) == {10}


@probe("Float32Times")
def _(cls):
    times = drive(cls, FIRING, 1000.0).spike_times_ms[0]
    off = np.abs(times - np.rint(times / DT) * DT)
    assert 1e-3 < off.max() < DT
    assert pause(cls, 1.0) == {10}


def has_type(cls: type[Adapter], dtype: str) -> None:
    V = drive(cls, BELOW).membrane
    assert V.dtype == np.float64
    assert cls.capabilities.dtypes == ("float64",)
    np.testing.assert_array_equal(V, V.astype(dtype))


@probe("Float32Membrane")
def _(cls):
    has_type(cls, "float32")
    assert V_after(200, cls) == pytest.approx(-0.9 * math.expm1(-0.5), rel=1e-5)


@probe("Float16Membrane")
def _(cls):
    has_type(cls, "float16")
