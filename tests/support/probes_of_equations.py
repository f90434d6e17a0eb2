"""Probes of broken equations: integrator, parameters, refractory period, reset."""

from __future__ import annotations

import math
from dataclasses import replace

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
from bio_scnn.neuron.parameters import TABLE_1

# Integrator, parameters and units


@probe("ForwardEuler")
def _(cls):
    assert V_after(200, cls) == close(0.9 * (1 - (1 - X) ** 200))


@probe("SpikesOnlyEuler")
def _(cls):
    # RI = 1.05 is reached in 1217.8 steps, by Euler in 1216.3.
    assert crossing(2.1) == 1218
    assert end_steps(cls, 2.1, ms=150).tolist() == [1217]
    assert drive(cls, 2.1).membrane is None


@probe("BackwardEuler")
def _(cls):
    assert V_after(200, cls) == close(0.9 * (1 - (1 + X) ** -200))


@probe("CrankNicolson")
def _(cls):
    assert V_after(200, cls) == close(0.9 * (1 - ((1 - X / 2) / (1 + X / 2)) ** 200))


@probe("EulerDecayExactGain")
def _(cls):
    assert V_after(20000, cls) == close(0.9 * (1 - math.exp(-X)) / X)


@probe("ExactDecayEulerGain")
def _(cls):
    assert V_after(20000, cls) == close(0.9 * X / (1 - math.exp(-X)))


@probe("LeakMissing")
def _(cls):
    assert V_after(50, cls) == close(50 * 0.9 * (1 - math.exp(-X)))


@probe("NoMemory")
def _(cls):
    assert first_step(cls) == close(0.9)
    trace = layer(cls).run(np.array([[BELOW], [0.0]]))
    assert trace.membrane[1, 0] == 0


def has_tau(cls: type[Adapter], tau_ms: float, dt: float = DT) -> None:
    assert first_step(cls, dt) == close(-0.9 * math.expm1(-dt / tau_ms))


@probe("TauSecondsAsMs")
def _(cls):
    has_tau(cls, 0.04)


@probe("TauMsAsSeconds")
def _(cls):
    has_tau(cls, 40000)


@probe("TauFromC")
def _(cls):
    has_tau(cls, 80)


@probe("TauTimesDt")
def _(cls):
    has_tau(cls, 40 * 1e-4, 0.1)
    has_tau(cls, 40 * 1e-3, 1.0)


@probe("DtFixedAtTenthMs")
def _(cls):
    has_tau(cls, 40, 0.1)
    has_tau(cls, 400, 1.0)


@probe("DtFixedAtOneMs")
def _(cls):
    has_tau(cls, 40, 1.0)
    has_tau(cls, 4, 0.1)


@probe("CachedCoefficients")
def _(cls):
    adapter = layer(cls)
    adapter.build(Setup(replace(TABLE_1, tau_ms=10.0, C_ms=20.0)))
    V = adapter.run(np.full((1, 1), BELOW)).membrane[0, 0]
    assert V == close(-0.9 * math.expm1(-X))


@probe("RIgnored")
def _(cls):
    assert first_step(cls) == close(-1.8 * math.expm1(-X))


@probe("InputScaledTwice")
def _(cls):
    assert first_step(cls) == close(-0.9 * math.expm1(-X) * X)


@probe("InputUnscaled")
def _(cls):
    assert first_step(cls) == close(0.9)
    assert drive(cls, 0.02, 0.2).membrane[1, 0] == close(0.01 * (1 + math.exp(-X)))


@probe("ThresholdHardCoded")
def _(cls):
    trace = drive(cls, FIRING, V_th=2.0)
    assert len(trace.spike_times_ms[0]) > 5
    assert trace.membrane.max() < 1


# Refractory period


@probe("RefractoryOneShort")
def _(cls):
    assert pause(cls, 1.0) == {9}
    assert pause(cls, 1.0, 1.0) == {0}


@probe("RefractoryOneLong")
def _(cls):
    assert pause(cls, 1.0) == {11}
    assert pause(cls, 0.0) == {1}


@probe("RefractoryIgnored")
def _(cls):
    assert pause(cls, 1.0) == {0}


@probe("RefractoryCountedInMs")
def _(cls):
    assert pause(cls, 1.0, 1.0) == {1}
    assert pause(cls, 1.0) == {1}
    assert pause(cls, 2.0) == {2}


@probe("RefractoryTruncated")
def _(cls):
    assert pause(cls, 1.0) == {10}
    assert pause(cls, 0.3) == {2}


@probe("RefractoryClock")
def _(cls):
    assert pause(cls, 1.0) in ({9, 10}, {10, 11})


@probe("HiddenStep")
def _(cls):
    assert pause(cls, 0.0) == {1}


@probe("AtLeastOneStep")
def _(cls):
    assert pause(cls, 1.0) == {10}
    assert pause(cls, 0.0) == {1}


@probe("StartsRefractory")
def _(cls):
    assert pause(cls, 1.0) == {10}
    assert end_steps(cls, FIRING)[0] == crossing(FIRING) + 10


@probe("IntegratesWhileRefractory")
def _(cls):
    assert pause(cls, 1.0) == {0}
    n = crossing(FIRING)
    V = drive(cls, FIRING).membrane[n, 0]  # one step after the spike
    assert V == close(-FIRING / 2 * math.expm1(-X))
    # It does suppress spikes: 800 would fire every step.
    assert set(np.diff(end_steps(cls, 1600.0, t_ref_ms=1.0))) == {11}


# Threshold and reset


@probe("StrictThreshold")
def _(cls):
    V_th = -0.5 * math.expm1(-X) * 4  # where a current of 4 brings V in one step
    trace = drive(cls, 4.0, 0.2, V_th=V_th)
    assert trace.membrane[0, 0] == V_th
    assert trace.spike_times_ms[0].tolist() == [0.2]


@probe("ThresholdOnPreviousV")
def _(cls):
    n = crossing(FIRING)
    trace = drive(cls, FIRING)
    assert end_steps(cls, FIRING)[0] == n + 1
    assert trace.membrane[n - 1, 0] >= 1
    assert trace.membrane[n, 0] == 0
    assert pause(cls, 1.0) == {11}


@probe("ThresholdNoise")
def _(cls):
    assert len(pause(cls, 1.0)) > 1
    assert pause(cls, 1.0) == pause(cls, 1.0)


@probe("UnseededJitter")
def _(cls):
    first, second = (drive(cls, [2.2] * 20, 150) for _ in range(2))
    assert any(
        a.tolist() != b.tolist()
        for a, b in zip(first.spike_times_ms, second.spike_times_ms, strict=True)
    )


@probe("Adaptation")
def _(cls):
    intervals = np.diff(end_steps(cls, FIRING, ms=200))
    assert np.all(np.diff(intervals) >= 0)
    assert intervals[-1] > 1.1 * intervals[0]


@probe("DelayedReset")
def _(cls):
    n = crossing(FIRING)
    trace = drive(cls, FIRING)
    assert end_steps(cls, FIRING)[0] == n
    assert trace.membrane[n - 1, 0] >= 1
    assert trace.membrane[n, 0] == 0
    assert pause(cls, 1.0) == {11}


@probe("SubtractReset")
def _(cls):
    n = crossing(FIRING)
    V = drive(cls, FIRING).membrane[n - 1, 0]
    assert V == pytest.approx(-FIRING / 2 * math.expm1(-n * X) - 1, abs=1e-12)
    assert V > 1e-3


@probe("ResetToZero")
def _(cls):
    trace = drive(cls, FIRING, V_reset=-0.5)
    assert len(trace.spike_times_ms[0]) > 3
    assert trace.membrane[np.rint(trace.spike_times_ms[0] / DT).astype(int) - 1, 0].max() == 0


@probe("ResetAddedEveryStep")
def _(cls):
    V = drive(cls, 0.0, 0.2, V_reset=-0.5).membrane[:, 0]
    assert V[0] == close(-0.5 * math.exp(-X) - 0.5)
    assert V[1] == close(V[0] * math.exp(-X) - 0.5)


@probe("FloorAtZero")
def _(cls):
    assert np.all(drive(cls, -2.0).membrane == 0)
    trace = layer(cls).run(np.array([[BELOW], [-0.1]]))
    assert trace.membrane[1, 0] < trace.membrane[0, 0]  # negative currents do count above 0


@probe("MultipleSpikes")
def _(cls):
    current = 3.5 / (-0.5 * math.expm1(-X))
    assert drive(cls, current, 0.5).spike_times_ms[0].tolist() == [0.1, 0.1, 0.1]
