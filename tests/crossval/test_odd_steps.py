"""Faults of some steps only, decays that are wrong by themselves, and a moving threshold."""

import math

import numpy as np
import pytest

from bio_scnn import LIFParameters
from bio_scnn.crossval import Capabilities, as_adapter, check_lif
from bio_scnn.neuron.events import exact_trace
from bio_scnn.neuron.models import AdaptiveLIFParameters, CubaLIFParameters

LIF = LIFParameters.from_decay(0.9, 1.0, V_th=2.0)
SOFT = LIFParameters.from_decay(0.8, 1.0, V_th=2.0, reset="subtract")
CUBA = CubaLIFParameters(
    tau_ms=-1 / math.log(0.9), tau_syn_ms=-1 / math.log(0.6), w=1 / 0.4, R=1 / 0.1, V_th=3.0
)
MOVING = AdaptiveLIFParameters(
    tau_ms=-1 / math.log(0.9), tau_w_ms=-1 / math.log(0.95), b=0.3, R=10.0, adapts="threshold"
)


def layer(update, threshold=2.0, *, soft=False, strict=False, dropped=False):
    """A layer whose V is updated by a function of V, x, the last spikes and the step."""

    def run(x):
        V, last, before = np.zeros((3, x.shape[1]))
        spikes, seen = np.zeros(x.shape), np.zeros(x.shape)
        for n, given in enumerate(x):
            V = update(V, given, last, n)
            last = (V > threshold if strict else V >= threshold) * 1.0
            V = np.where(last > 0, V - threshold if soft else 0, V)
            spikes[n] = last * (before == 0) if dropped else last
            before = spikes[n]
            seen[n] = V
        return spikes, seen

    return run


def rectified(x):
    S, V = np.zeros((2, x.shape[1]))
    spikes, seen = np.zeros(x.shape), np.zeros(x.shape)
    for n, given in enumerate(x):
        S = np.maximum(0.6 * S + given, 0)
        V = 0.9 * V + S
        spikes[n] = V >= 3
        V = np.where(spikes[n] > 0, 0, V)
        seen[n] = V
    return spikes, seen


def moving(*, decay=0.95, jump=0.3):
    def run(x):
        A, V = np.zeros((2, x.shape[1]))
        spikes, seen = np.zeros(x.shape), np.zeros(x.shape)
        for n, given in enumerate(x):
            V = 0.9 * V + given
            spikes[n] = V >= 1 + A
            A = decay * A + jump * spikes[n]
            V = np.where(spikes[n] > 0, 0, V)
            seen[n] = V
        return spikes, seen

    return run


def judged(run, params, checks=("spiking_membrane", "as_declared")):
    families = {CubaLIFParameters: "CubaLIF", AdaptiveLIFParameters: "adaptive LIF"}
    claims = Capabilities(
        refractory="none",
        families=(families.get(type(params), "LIF"),),
        reset=params.reset,
        order="membrane first" if params is MOVING else "second first",
    )
    adapter = as_adapter(run, params=params, capabilities=claims, dt_ms=1.0)
    return check_lif(adapter, dt_ms=1.0, checks=checks, on_fail=None)


@pytest.mark.sweep(3)
@pytest.mark.parametrize(
    ("run", "params", "code"),
    [
        (layer(lambda V, x, s, n: 0.8 * V + x * (1 - s), soft=True), SOFT, "input.lost"),
        (layer(lambda V, x, s, n: 0.8 ** (s == 0) * V + x, soft=True), SOFT, "leak.skipped"),
        (layer(lambda V, x, s, n: 0.81 ** (n % 2 == 1) * V + x), LIF, "leak.skipped"),
        (layer(lambda V, x, s, n: 0.9 * V * (n % 100 > 0) + x), LIF, "state.forgotten"),
        (layer(lambda V, x, s, n: 0.9 * V + x, dropped=True), LIF, "spikes.dropped"),
        (layer(lambda V, x, s, n: 0.97 * V + x), LIF, "constant.tau"),
        (rectified, CUBA, "synapse.rectified"),
        (moving(decay=1.0), MOVING, "adaptation.lasting"),
        (moving(jump=0.45), MOVING, "adaptation.strength"),
    ],
)
def test_a_fault_of_some_steps_is_named(run, params, code):
    report = judged(run, params)
    assert not report.ok
    assert report.verdict_code == code
    assert report.identity.departures[0].remedy


@pytest.mark.parametrize("strict", [False, True])
def test_a_layer_of_one_neuron_tells_above_from_at_the_threshold(strict):
    run = layer(lambda V, x, s, n: 0.9 * V + x, strict=strict)
    report = judged(run, LIF, ["threshold_equality"])
    assert report.ok is not strict
    assert [r.status for r in report.results] == ["failed" if strict else "passed"]


def test_a_moving_threshold_is_declared_and_passes():
    report = judged(moving(), MOVING, None)
    assert report.ok
    assert report.count("passed") >= 10


@pytest.mark.parametrize("reset", ["value", "subtract"])
def test_spike_times_under_a_moving_threshold_are_exact(reset):
    p = AdaptiveLIFParameters(tau_ms=10, tau_w_ms=30, b=0.3, adapts="threshold", reset=reset)
    found = exact_trace(np.full((120, 1), 2.1), 0.5, p).spike_times_ms[0]
    V = w = 0.0
    times, h = [], 2e-3
    for n in range(round(60 / h)):
        w *= math.exp(-h / 30)
        V = 2.1 + (V - 2.1) * math.exp(-h / 10)
        if V >= 1 + w:
            times.append((n + 1) * h)
            V, w = (V - 1 if reset == "subtract" else 0.0), w + 0.3
    assert len(times) > 3
    np.testing.assert_allclose(found, times, atol=0.01)
