"""The broken neurons are broken in the way they say, and the good ones are not.

Each probe measures one error by its size, which is worked out here, and fails on a good neuron.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import broken_neurons as catalogue
import numpy as np
import pytest
from broken_neurons import BROKEN, GOOD, GridNeuron

from bio_scnn.crossval.causes import CODES
from bio_scnn.crossval.protocol import Adapter, CannotRepresent, Setup
from bio_scnn.crossval.subject import Subject
from bio_scnn.neuron.closed_form import current_for_rate
from bio_scnn.neuron.events import exact_trace
from bio_scnn.neuron.parameters import TABLE_1
from bio_scnn.neuron.trace import Trace

DT = 0.1
X = DT / 40
BELOW = 1.8  # a current below rheobase: RI = 0.9
FIRING = float(current_for_rate(151.0))

Probe = Callable[[type[Adapter]], None]
PROBES: dict[type[Adapter], Probe] = {}


def probe(name: str) -> Callable[[Probe], Probe]:
    def register(function: Probe) -> Probe:
        PROBES[getattr(catalogue, name)] = function
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


# Correct neurons


@pytest.mark.parametrize("cls", GOOD)
@pytest.mark.parametrize("dt", [0.1, 0.25, 1.0])
@pytest.mark.parametrize("rate_hz", [97.0, 123.0, 151.0, 187.0])
def test_good_neuron_fires_on_the_grid(cls: type[Adapter], dt: float, rate_hz: float) -> None:
    t_ref = 0.0 if cls.capabilities.refractory == "none" else 1.0
    current = float(current_for_rate(rate_hz))
    found = end_steps(cls, current, dt, ms=200, t_ref_ms=t_ref)
    first, interval = crossing(current, dt), crossing(current, dt) + round(t_ref / dt)
    np.testing.assert_array_equal(found, np.arange(first, 200 / dt + 0.5, interval))
    assert len(found) > 15


@pytest.mark.parametrize("cls", GOOD)
def test_good_neuron_follows_the_exact_one(cls: type[Adapter]) -> None:
    current = 1.9 * np.sin(np.arange(500)[:, None] / 80 + np.arange(3))
    subject = Subject(cls())
    trace = subject.run(current)
    exact = exact_trace(current, DT, subject.params).membrane
    tolerance = 1e-6 if subject.dtype == "float32" else 1e-14
    np.testing.assert_allclose(trace.membrane, exact, rtol=0, atol=tolerance)
    assert np.ptp(exact) > 0.1
    subject.adapter.reset()
    np.testing.assert_array_equal(subject.trace(current).membrane, trace.membrane)


@pytest.mark.parametrize("cls", GOOD)
def test_good_neuron_shows_v_as_declared(cls: type[Adapter]) -> None:
    subject = Subject(cls())
    trace = subject.run(np.full((300, 1), FIRING))
    n = crossing(FIRING)
    before = cls.capabilities.membrane == "before reset"
    assert trace.membrane[n - 2, 0] < 1
    assert (trace.membrane[n - 1, 0] >= 1) == before
    clamped = round(subject.params.t_ref_ms / DT)
    if not before:
        assert np.all(trace.membrane[n - 1 : n + clamped] == 0)
    assert trace.membrane[n + clamped, 0] > 0


def test_good_neuron_refuses_a_refractory_period_it_has_not() -> None:
    for cls, t_ref in zip(GOOD, (0.25, 0.25, 1.0), strict=True):
        with pytest.raises(CannotRepresent):
            layer(cls, t_ref_ms=t_ref)


# What the catalogue says of itself

SAME_CAUSE = [
    # Classes whose errors are the same one, or cannot be told apart from outside.
    {"ForwardEuler", "SpikesOnlyEuler"},
    {"ResetDoesNothing", "ResetKeepsCountdown"},
    {"SharedCountdown", "NeighbourReset", "LateralInhibition", "VectorBody", "LostSpikes"},
    {"LabelsEnd", "InputDelayed"},
]


@pytest.mark.parametrize("cls", BROKEN)
def test_truth_is_a_cause_of_the_catalogue_and_that_of_no_other_error(cls: type[Adapter]) -> None:
    assert cls.truth
    assert set(cls.truth) <= CODES
    kin = set().union({cls.__name__}, *(k for k in SAME_CAUSE if cls.__name__ in k))
    others = {other.__name__ for other in BROKEN if set(cls.truth) & set(other.truth)}
    assert others == kin


def test_every_broken_neuron_has_a_name_and_a_probe() -> None:
    assert len(BROKEN) >= 30
    assert set(PROBES) == set(BROKEN)
    assert len({cls.name for cls in (*BROKEN, *GOOD)}) == len(BROKEN) + len(GOOD)


@pytest.mark.parametrize("cls", BROKEN)
def test_broken_neuron_is_broken_as_it_says(cls: type[Adapter]) -> None:
    PROBES[cls](cls)


@pytest.mark.parametrize("cls", BROKEN)
def test_good_neuron_does_not_pass_for_broken(cls: type[Adapter]) -> None:
    with pytest.raises(AssertionError):
        PROBES[cls](GridNeuron)


@pytest.mark.parametrize("cls", BROKEN)
def test_broken_neuron_gives_traces_of_the_right_form(cls: type[Adapter]) -> None:
    trace = Subject(cls()).run(np.full((100, 3), FIRING))
    assert (trace.membrane is None) == (cls.capabilities.membrane == "none")


# Integrator, parameters and units


def V_after(steps: int, cls: type[Adapter]) -> float:
    return drive(cls, BELOW, steps * DT).membrane[-1, 0]


def close(value: float) -> object:
    return pytest.approx(value, rel=1e-11)


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
