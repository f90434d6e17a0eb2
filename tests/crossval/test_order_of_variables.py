"""Order of two variables in a step: declared, or found and stated; NEST and Nengo by formula."""

import math

import numpy as np
import pytest

from bio_scnn.crossval import Capabilities, as_adapter, check_lif
from bio_scnn.crossval.oracles.held_adaptation import held_adaptation_trace
from bio_scnn.neuron.models import AdaptiveLIFParameters, CubaLIFParameters

CUBA = CubaLIFParameters(tau_ms=15.0, tau_syn_ms=4.0, R=1.5, V_th=0.9, t_ref_ms=2.0)
ALIF = AdaptiveLIFParameters(tau_ms=10.0, tau_w_ms=60.0, b=0.4, t_ref_ms=3.0)
WHAT_V_TAKES = {
    "fresh": lambda old, new: new,
    "old": lambda old, new: old,
    "twice": lambda old, new: old + new,
    "mean": lambda old, new: (old + new) / 2,
}


def current_based(order):
    a, d = math.exp(-1 / CUBA.tau_syn_ms), math.exp(-1 / CUBA.tau_ms)

    def layer(x):
        S, V, left = np.zeros((3, x.shape[1]))
        spikes, seen = np.zeros(x.shape), np.zeros(x.shape)
        for n, given in enumerate(x):
            old, S = S, a * S + (1 - a) * given
            new = d * V + (1 - d) * CUBA.R * WHAT_V_TAKES[order](old, S)
            V = np.where(left > 0, V, new)
            spikes[n] = (left == 0) & (CUBA.V_th <= V)
            V = np.where(spikes[n] > 0, 0, V)
            left = np.where(spikes[n] > 0, 2, np.maximum(left - 1, 0))
            seen[n] = V
        return spikes, seen

    return layer


def adaptive(order, *, frozen=False):
    q, d = math.exp(-1 / ALIF.tau_w_ms), math.exp(-1 / ALIF.tau_ms)

    def layer(x):
        w, V, left, before = np.zeros((4, x.shape[1]))
        spikes, seen = np.zeros(x.shape), np.zeros(x.shape)
        for n, given in enumerate(x):
            decayed = np.where((left > 0) & frozen, w, q * w)
            new = d * V + (1 - d) * (given - (decayed if order == "fresh" else w))
            V = np.where(left > 0, V, new)
            spikes[n] = (left == 0) & (V >= 1)
            V = np.where(spikes[n] > 0, 0, V)
            w = decayed + ALIF.b * (before if order == "late" else spikes[n])
            before = spikes[n]
            left = np.where(spikes[n] > 0, 3, np.maximum(left - 1, 0))
            seen[n] = V
        return spikes, seen

    return layer


def judged(layer, params, order):
    family = "CubaLIF" if params is CUBA else "adaptive LIF"
    claims = Capabilities(families=(family,), order=order)
    adapter = as_adapter(layer, params=params, capabilities=claims, dt_ms=1.0)
    checks = ["spiking_membrane", "as_declared"]
    return check_lif(adapter, dt_ms=1.0, checks=checks, on_fail=None)


@pytest.mark.sweep(2)
@pytest.mark.parametrize(
    ("layer", "params", "order", "words"),
    [
        (current_based("old"), CUBA, "second first", "updated after V has read it"),
        (current_based("fresh"), CUBA, "membrane first", "that of the step's end"),
        (current_based("twice"), CUBA, "second first", "twice in a step"),
        (current_based("mean"), CUBA, "second first", "mean of the synaptic current"),
        (adaptive("old"), ALIF, "second first", "decays after V has read it"),
        (adaptive("late"), ALIF, "membrane first", "jump at a spike a step late"),
        (adaptive("fresh", frozen=True), ALIF, "second first", "stands still"),
        (adaptive("old", frozen=True), ALIF, "open", "stands still"),
    ],
)
def test_another_order_than_the_declared_one_is_named_with_a_remedy(layer, params, order, words):
    report = judged(layer, params, order)
    assert not report.ok
    assert words in report.verdict
    assert all(d.remedy for d in report.identity.departures)


@pytest.mark.parametrize("order", ["fresh", "old"])
def test_an_order_that_is_left_open_is_stated_on_the_first_screen(order):
    report = judged(current_based(order), CUBA, "open")
    assert report.ok
    said = {"fresh": "second first", "old": "membrane first"}[order]
    assert f'order="{said}"' in " ".join(str(report).split())
    declared = judged(current_based(order), CUBA, said)
    assert declared.ok
    assert "is not declared" not in str(declared)


def nest(x):
    """`iaf_psc_exp` by its propagators, the charge of a step jumping onto its current."""
    p, dt = CUBA, 1.0
    P11, P22 = math.exp(-dt / p.tau_syn_ms), math.exp(-dt / p.tau_ms)
    C = p.tau_ms / p.R
    beta = p.tau_syn_ms * p.tau_ms / (p.tau_ms - p.tau_syn_ms)
    P21 = beta / C * (P22 - P11)
    i_syn, V, r = np.zeros((3, x.shape[1]))
    spikes, seen = np.zeros(x.shape), np.zeros(x.shape)
    for n, given in enumerate(x):
        V = np.where(r == 0, P22 * V + P21 * i_syn, V)
        i_syn = P11 * i_syn + dt / p.tau_syn_ms * given
        spikes[n] = (r == 0) & (p.V_th <= V)
        r = np.where(spikes[n] > 0, 2, np.maximum(r - 1, 0))
        V = np.where(spikes[n] > 0, 0, V)
        seen[n] = V
    return spikes, seen


def test_propagators_between_impulses_are_the_exact_flow():
    claims = Capabilities(families=("CubaLIF",), drive="impulses", order="flow")
    adapter = as_adapter(nest, params=CUBA, capabilities=claims, dt_ms=1.0)
    checks = ["subthreshold_membrane", "spiking_membrane", "frozen_noise", "as_declared"]
    report = check_lif(adapter, dt_ms=1.0, checks=checks)
    assert report.count("passed") == 4
    assert "exact flow between impulses" in report.behaves_like
    held = Capabilities(families=("CubaLIF",), order="flow")
    adapter = as_adapter(nest, params=CUBA, capabilities=held, dt_ms=1.0)
    report = check_lif(
        adapter, dt_ms=1.0, checks=["subthreshold_membrane"], on_fail=None, explain=False
    )
    assert not report.ok


def nengo(current, dt, p):
    """`AdaptiveLIF.step` as Nengo documents it: V, then spikes within the step, then n."""
    tau_n = dt / -math.expm1(-dt / p.tau_w_ms)
    V, refractory, n = np.zeros((3, current.shape[1]))
    trains, seen = [[] for _ in V], np.zeros(current.shape)
    for step, given in enumerate(current):
        J = p.R * (given - n)
        refractory = refractory - dt
        V = V - (J - V) * np.expm1(-np.clip(dt - refractory, 0, dt) / p.tau_ms)
        for k in np.flatnonzero(V > 1):
            within = dt + p.tau_ms * math.log1p(-(V[k] - 1) / (J[k] - 1))
            refractory[k] = p.t_ref_ms + within
            trains[k].append(step * dt + within)
        fired = V > 1
        V = np.where(fired, 0, V)
        n = n + dt / tau_n * (tau_n * p.b * fired / dt - n)
        seen[step] = V
    return trains, seen


@pytest.mark.parametrize("dt", [1.0, 0.5])
def test_an_adaptation_that_is_held_over_each_step_is_nengos(dt):
    current = np.random.default_rng(4).normal(2.0, 3.0, (400, 8))
    trains, seen = nengo(current, dt, ALIF)
    found = held_adaptation_trace(current, dt, ALIF)
    assert sum(map(len, trains)) > 50
    for one, other in zip(trains, found.spike_times_ms, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)
    np.testing.assert_allclose(seen, found.membrane, atol=1e-9)
