"""Machines with faults beside loops written out; and layers with them, whose faults are named."""

import math
from dataclasses import replace

import numpy as np
import pytest

from bio_scnn.crossval import Capabilities, FixedPointNeuron, as_adapter, check_lif
from bio_scnn.crossval.faults.catalogue import hypotheses
from bio_scnn.crossval.faults.coupling import coupled
from bio_scnn.crossval.faults.fitting import trials
from bio_scnn.crossval.faults.machine import Machine
from bio_scnn.crossval.faults.probes import fault
from bio_scnn.crossval.faults.running import run
from bio_scnn.crossval.subject import Subject
from bio_scnn.neuron.models import AdaptiveLIFParameters, LIParameters
from bio_scnn.neuron.parameters import LIFParameters

DECAY = math.exp(-0.1)
X = np.random.default_rng(5).normal(0.6, 1.5, (200, 4)) * 3
X[:, 2] *= np.arange(200) % 7 == 0  # pauses
PLAIN = Machine(tau_ms=10.0, R=1.0, threshold=1.0)
CUBA = replace(PLAIN, second="synapse", tau_syn_ms=5.0, order="fresh")
SOFT = replace(PLAIN, keep=1.0, to=-1.0)


def looped(step, *, soft=False):
    """Spikes of a loop: `step` gives V, and the threshold, from V, x, memory and the last V."""
    V, memory, spikes = np.zeros(X.shape[1]), {}, []
    for n, x in enumerate(X):
        V, threshold = step(V, x, n, memory)
        s = threshold <= V
        memory["spikes"] = s
        V = np.where(s, V - threshold if soft else 0.0, V)
        spikes.append(s)
    return np.array(spikes, dtype=int)


def window(V, x, n, memory):
    past = memory.setdefault("past", [])
    if n and memory["spikes"].any():  # a reset to 0 forgets what was before
        past[:] = [np.where(memory["spikes"], 0.0, p) for p in past]
    past.append((1 - DECAY) * x)
    return sum(DECAY**k * p for k, p in enumerate(past[: -7 - 1 : -1])), 1.0


def downwards(V, x, n, memory):
    slow = math.exp(-0.1 / 3)
    return x + (V - x) * np.where(V > x, slow, DECAY), 1.0


def bent(V, x, n, memory):
    a = math.exp(-0.2)
    memory["S"] = a * memory.get("S", 0.0) + (1 - a) * x
    return DECAY * V + (1 - DECAY) * 1.5 * np.tanh(memory["S"] / 1.5), 1.0


def past_synapse(V, x, n, memory):
    a = math.exp(-0.2)
    memory["S"] = a * memory.get("S", 0.0) + (1 - a) * x
    return DECAY * V + (1 - DECAY) * (memory["S"] + 0.3 * x), 1.0


def raised(V, x, n, memory):
    memory["th"] = memory.get("th", 1.0) + (0.02 * memory["spikes"] if n else 0.0)
    return DECAY * V + (1 - DECAY) * x, memory["th"]


def fading(V, x, n, memory):
    return DECAY * V + (1 - DECAY) * x * min(n / 50, 1), 1.0


def paused(V, x, n, memory):
    memory["quiet"] = np.where(x != 0, 0, memory.get("quiet", 0) + 1)
    return np.where(memory["quiet"] < 3, DECAY, 1.0) * V + (1 - DECAY) * x, 1.0


def twice(V, x, n, memory):
    V = DECAY * V + (1 - DECAY) * x
    last = memory.get("last", 0 * V)
    memory["last"] = np.where((V >= 1) & (last >= 1), 0.0, V)
    return V, np.where(last >= 1, 1.0, np.inf)


def replaced(V, x, n, memory):
    a = math.exp(-0.2)
    memory["S"] = np.where(x != 0, (1 - a) * x, a * memory.get("S", 0.0))
    return DECAY * V + (1 - DECAY) * 4 * memory["S"], 1.0


def all_reset(V, x, n, memory):
    if n and memory["spikes"].any():
        V = 0.0 * V
    return DECAY * V + (1 - DECAY) * x, 1.0


@pytest.mark.sweep(2)
@pytest.mark.parametrize(
    ("step", "machine", "faults"),
    [
        (window, PLAIN, {"window": 7}),
        (downwards, PLAIN, {"falls": "above", "falls_times": 3.0}),
        (bent, CUBA, {"s_soft": 1.5}),
        (past_synapse, CUBA, {"x_past": 0.3}),
        (raised, SOFT, {"th_jump": 0.02, "th_decay": 1.0, "to_moves": True}),
        (fading, PLAIN, {"x_fades": 50}),
        (paused, PLAIN, {"leaks_when": "pause", "leak_every": 3}),
        (twice, PLAIN, {"tested": "both"}),
        (replaced, replace(CUBA, R=4.0), {"s_adds": False}),
        (all_reset, PLAIN, {"all_neurons": "reset"}),
    ],
)
def test_a_machine_with_a_fault_fires_as_a_loop_that_has_it(step, machine, faults):
    spikes = looped(step, soft=machine.keep == 1)
    assert spikes.sum() > 10
    assert np.array_equal(run([replace(machine, **faults)], X).spikes[:, 0], spikes)
    assert not np.array_equal(run([machine], X).spikes[:, 0], spikes)


def smoothed(V, kept):
    kept.append(V)
    return np.mean([*([0 * V] * 3), *kept][-4:], axis=0)


def clamped(V, kept):
    return V


def leaky(x, *, tau=10.0, show=clamped, low=-np.inf, high=np.inf, fires=np.inf):
    """V of a leaky integrator, with faults."""
    V, kept, out = np.zeros(x.shape[1]), [], []
    a = np.exp(-1 / tau)
    for x_n in x:
        V = np.clip(a * V + (1 - a) * x_n, low, high)
        V = np.where(fires <= V, 0.0, V)
        out.append(show(V, kept))
    return np.array(out)


def subject(layer, params, family, **claims):
    claims = Capabilities(families=(family,), **claims)
    return Subject(as_adapter(layer, dt_ms=1.0, params=params, capabilities=claims), 1.0)


@pytest.mark.sweep(3)
@pytest.mark.parametrize(
    ("faults", "code"),
    [
        ({"show": smoothed}, "membrane.shown-smoothed"),
        pytest.param({"fires": 1.2}, "reset.unmeant", marks=pytest.mark.slow),
        pytest.param({"low": -1.5, "high": 1.5}, "bounds.both", marks=pytest.mark.slow),
        pytest.param({"tau": 14.0}, "constant.tau", marks=pytest.mark.slow),
    ],
)
def test_a_fault_of_a_leaky_integrator_is_named(faults, code):
    found = fault(subject(lambda x: leaky(x, **faults), LIParameters(tau_ms=10), "LI"))
    assert found is not None
    assert found.cause is not None
    assert found.cause.code == code


def test_a_right_leaky_integrator_has_no_fault():
    assert fault(subject(leaky, LIParameters(tau_ms=10), "LI")) is None


def together(x, threshold=1.0, *, shared=True):
    V, out = np.zeros(x.shape[1]), []
    for x_n in x:
        V = DECAY * V + (1 - DECAY) * x_n
        s = threshold <= V
        V = np.where(s.any() if shared else s, 0, V)
        out.append(s)
    return np.array(out)


def test_neurons_that_reset_one_another_are_told():
    params = LIFParameters(tau_ms=10, R=1, V_th=1, t_ref_ms=0)
    declared = {"refractory": "none", "membrane": "none"}
    found = coupled(subject(together, params, "LIF", **declared))
    assert found is not None
    assert found.cause is not None
    assert found.cause.code == "neurons.share"
    apart = subject(lambda x: together(x, shared=False), params, "LIF", **declared)
    assert coupled(apart) is None


@pytest.mark.slow
def test_inputs_summed_along_the_wrong_axis_are_told_beside_another_fault():
    params = LIFParameters(tau_ms=10, R=1, V_th=1, t_ref_ms=0)
    layer = lambda x: together(x.cumsum(axis=1), 1.5, shared=False)  # noqa: E731
    found = coupled(subject(layer, params, "LIF", refractory="none", membrane="none"))
    assert found is not None
    assert found.cause is not None
    assert {"neurons.summed", "constant.threshold"} <= set(
        found.cause.code.replace("|", "+").split("+")
    )


def moving(x):
    V, theta, out = np.zeros(x.shape[1]), np.zeros(x.shape[1]), []
    for x_n in x:
        theta = theta * DECAY
        V = V * DECAY + (1 - DECAY) * x_n
        s = 1 + theta <= V
        V = np.where(s, 0.2, V)
        theta = theta + 0.4 * s
        out.append(s)
    return np.array(out)


@pytest.mark.nightly
@pytest.mark.slow
def test_two_numbers_that_are_wrong_are_fitted_together():
    params = AdaptiveLIFParameters(tau_ms=10, tau_w_ms=50, b=0.4, adapts="threshold")
    claims = {"refractory": "none", "membrane": "none", "order": "second first"}
    found = fault(subject(moving, params, "adaptive LIF", **claims))
    assert found is not None
    assert found.cause is not None
    assert sorted(found.cause.code.split("+")) == ["constant.tau", "reset.other-value"]
    assert found.machine.tau_w_ms == pytest.approx(10, rel=0.03)
    assert found.machine.to == pytest.approx(0.2, rel=0.03)


def chip(bits):
    """Fixed point whose weight of 0.1 is not rounded to the bits of the decay."""

    def run(x):
        V, out = np.zeros(x.shape[1], dtype=np.int64), []
        k = round(0.97 * 2**bits)
        for i in np.rint(0.1 * x * 1024).astype(np.int64):
            V = np.clip(np.sign(V) * (np.abs(V) * k >> bits) + i, -32768, 32767)
            out.append(V >= 1024)
            V = np.where(out[-1], 0, V)
        return np.array(out)

    return run


def test_another_rounding_of_the_input_is_told():
    params = LIFParameters.from_decay(0.9, 1.0, gain=0.2, V_th=1.0, t_ref_ms=0.0)
    form = FixedPointNeuron(word=16, fraction=5, rounding="truncate", decay_bits=12)
    claims = Capabilities(refractory="none", membrane="none", fixed_point=form)

    def layer(x, rounded=np.floor):
        V, out = np.zeros(x.shape[1], dtype=np.int64), []
        for i in rounded(0.2 * x * 32).astype(np.int64):
            V = np.clip(np.sign(V) * (np.abs(V) * 3686 >> 12) + i, -32768, 32767)
            out.append(V >= 32)
            V = np.where(out[-1], 0, V)
        return np.array(out)

    for run_, code in ((layer, "format.input-rounding"), (lambda x: layer(x, np.rint), "")):
        adapter = as_adapter(run_, dt_ms=1.0, params=params, capabilities=claims)
        report = check_lif(adapter, dt_ms=1.0, checks=["as_declared"], on_fail=None)
        assert report.verdict_code == code
        assert report.ok is not bool(code)


@pytest.mark.parametrize(("bits", "code"), [(12, ""), (5, "format.decay")])
def test_a_weight_that_is_not_rounded_is_the_declared_one_too(bits, code):
    params = LIFParameters.from_decay(0.97, 1.0, gain=0.1, V_th=1.0, t_ref_ms=0.0)
    form = FixedPointNeuron(word=16, fraction=10, rounding="truncate", decay_bits=12)
    claims = Capabilities(refractory="none", membrane="none", fixed_point=form)
    layer = as_adapter(chip(bits), dt_ms=1.0, params=params, capabilities=claims)
    report = check_lif(layer, dt_ms=1.0, checks=["as_declared"], on_fail=None)
    assert report.ok is not bool(code)
    assert report.verdict_code == code


BASES = {
    "LIF": replace(PLAIN, refractory=3, rest=-65.0, params=LIFParameters(tau_ms=10, t_ref_ms=3)),
    "LIF, soft": SOFT,
    "IF": replace(SOFT, tau_ms=math.inf),
    "LI": replace(PLAIN, fires="never", rest=-70.0),
    "LI, impulses": replace(PLAIN, fires="never", impulses=True),
    "CubaLIF": CUBA,
    "CubaLIF, flow": replace(CUBA, order="flow"),
    "CubaLIF, old, impulses": replace(CUBA, order="old", impulses=True),
    "adaptive": replace(PLAIN, second="adaptation", tau_w_ms=30.0, b=0.3, order="flow"),
    "moving": replace(
        SOFT, second="adaptation", tau_w_ms=30.0, b=0.3, order="fresh", w_moves="threshold"
    ),
}


@pytest.mark.sweep(3)
@pytest.mark.slow
@pytest.mark.parametrize("name", BASES)
def test_every_fault_can_be_run_and_told(name):
    base, x = BASES[name], X[:30]
    ordinary, changed = run([base], x), 0
    for h in hypotheses(base):
        values = tuple(float(trials(r, 5)[3]) for r in h.ranges)
        machine = h.make(base, *values)
        ran = run([machine], x)
        assert h.cause(values).text
        changed += not (
            np.array_equal(ran.spikes, ordinary.spikes) and np.array_equal(ran.V, ordinary.V)
        )
    assert changed > 50
