"""A live layer's neuron, found from the outside: hand-written loops in, their constants out."""

import math

import numpy as np
import pytest

from bio_scnn import LIFParameters
from bio_scnn.crossval.causes import CODES
from bio_scnn.crossval.identify import SteppedNeuron, Synapse
from bio_scnn.crossval.identify.differences import differences, meant_neuron
from bio_scnn.crossval.identify.live import identify
from bio_scnn.crossval.identify.readings import as_parameters, code_sentence, physics_sentence
from bio_scnn.crossval.remedies import REMEDIES, RIGHT, remedy


def plain(decay, gain=1.0, threshold=1.0, t_ref=0, reset=0.0, dtype=np.float64, strict=False):
    """A layer ``V <- decay V + gain x`` with a refractory counter, and its V after the reset."""

    def run(x):
        V, left = np.full(x.shape[1], 0, dtype), np.zeros(x.shape[1], int)
        spikes, shown = np.zeros(x.shape, int), np.zeros(x.shape)
        for n, value in enumerate(x.astype(dtype)):
            new = dtype(decay) * V + dtype(gain) * value
            V = np.where(left == 0, new, V)
            over = V > dtype(threshold) if strict else V >= dtype(threshold)
            spikes[n] = over & (left == 0)
            V = np.where(spikes[n] > 0, dtype(reset), V)
            left = np.where(spikes[n] > 0, t_ref, np.maximum(left - 1, 0))
            shown[n] = V
        return spikes, shown

    return run


def hidden(run):
    """The same layer without its V."""
    return lambda x: (run(x)[0], None)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_spikes_alone_tell_decay_threshold_and_equality(dtype, strict):
    found = identify(hidden(plain(0.5, threshold=0.25, dtype=dtype, strict=strict)))
    n = found.neuron
    assert found.spikes > 500
    assert found.spikes_wrong == 0
    assert (n.decay, n.gain, n.threshold, n.reset_to) == (0.5, 1, 0.25, 0)
    assert n.fires_at_threshold is not strict
    assert n.number_format.name == dtype.__name__
    assert (n.refractory, n.synapse, n.adaptation) == (0, None, None)


def test_an_exact_neuron_with_a_refractory_period_is_told_with_its_unit_of_V():
    decay = np.exp(-0.1 / 40)
    found = identify(plain(decay, gain=15 * (1 - decay), threshold=15.0, t_ref=10, reset=-5.0))
    n = found.neuron
    assert found.exact
    assert found.V_shown == "after reset"
    assert n.decay == pytest.approx(decay, abs=1e-12)
    assert n.gain == pytest.approx(15 * (1 - decay), rel=1e-9)
    assert (n.threshold, n.refractory) == (15, 10)
    assert n.reset_to == pytest.approx(-5, abs=1e-8)


def test_an_inhibited_layer_that_fires_at_rest_is_told():
    def run(x):
        V, spikes = np.zeros(x.shape[1]), np.zeros(x.shape, int)
        for n, value in enumerate(x):
            V = 0.9 * V - 2 * value + 0.3
            spikes[n] = V >= 1
            V = V - spikes[n]
        return spikes, None

    n = identify(run).neuron
    assert n.gain < 0
    assert n.decay == pytest.approx(0.9, abs=1e-9)
    assert n.bias / n.threshold == pytest.approx(0.3, rel=1e-6)
    assert n.gain / n.threshold == pytest.approx(-2, rel=1e-6)
    assert (n.reset_keep, -n.reset_to / n.threshold) == (1, pytest.approx(1, rel=1e-6))


def test_a_synapse_is_not_taken_for_a_longer_time_constant():
    def run(x):
        V = S = np.zeros(x.shape[1])
        spikes = np.zeros(x.shape, int)
        for n, value in enumerate(x):
            V = 0.95 * V + 0.05 * S
            S = 0.8 * S + 0.2 * value
            spikes[n] = V > 1
            V = np.where(spikes[n] > 0, 0, V)
        return spikes, None

    found = identify(run)
    assert found.spikes > 500
    assert found.spikes_wrong == 0
    assert found.neuron.decay == pytest.approx(0.95, abs=1e-6)
    assert found.neuron.synapse.decay == pytest.approx(0.8, abs=1e-6)
    assert not found.neuron.synapse.fresh


def test_a_moving_threshold_is_told():
    def run(x):
        V, w, spikes = np.zeros(x.shape[1]), np.zeros(x.shape[1]), np.zeros(x.shape, int)
        for n, value in enumerate(x):
            V = 0.9 * V + value
            spikes[n] = V >= 1 + w
            V, w = np.where(spikes[n] > 0, 0, V), 0.98 * w + 0.1 * spikes[n]
        return spikes, None

    found = identify(run)
    assert found.spikes_wrong == 0
    w = found.neuron.adaptation
    assert w.on == "threshold"
    assert (w.decay, w.jump) == (pytest.approx(0.98, abs=1e-6), pytest.approx(0.1, rel=1e-5))


@pytest.mark.parametrize(("half", "rounding"), [(0, "floor"), (1, "nearest")])
def test_fixed_point_is_told_bit_for_bit(half, rounding):
    def run(x):
        V, spikes = np.zeros(x.shape[1], np.int64), np.zeros(x.shape, int)
        for n, value in enumerate(x):
            V = ((V * 230 + 128 * half) >> 8) + np.trunc(32 * value).astype(np.int64)
            spikes[n] = V >= 640
            V = np.where(spikes[n] > 0, 0, V)
        return spikes, None

    found = identify(run)
    n = found.neuron
    assert found.spikes > 500
    assert found.spikes_wrong == 0
    assert (n.number_format.unit, n.number_format.rounding) == (1 / 32, rounding)
    assert (n.decay, n.threshold) == (230 / 256, 20)


@pytest.mark.parametrize("kind", ["held", "leaks", "integrates"])
def test_the_refractory_period_is_told_by_what_V_does(kind):
    def run(x):
        V, left = np.zeros(x.shape[1]), np.zeros(x.shape[1], int)
        spikes = np.zeros(x.shape, int)
        for n, value in enumerate(x):
            free = left == 0
            other = {"held": V, "leaks": 0.9 * V, "integrates": 0.9 * V + value}[kind]
            V = np.where(free, 0.9 * V + value, other)
            spikes[n] = (V >= 1) & free
            V = np.where(spikes[n] > 0, -0.5, V)
            left = np.where(spikes[n] > 0, 5, np.maximum(left - 1, 0))
        return spikes, None

    n = identify(run).neuron
    assert (n.refractory, n.while_refractory) == (5, kind)
    assert n.reset_to == pytest.approx(-0.5, abs=1e-9)


@pytest.mark.nightly
@pytest.mark.slow
def test_what_is_none_of_these_is_said_not_to_be_explained():
    def quadratic(x):
        V, spikes = np.zeros(x.shape[1]), np.zeros(x.shape, int)
        for n, value in enumerate(x):
            V = np.clip(V + 0.3 * V * (V - 0.4) + value, -5, 5)
            spikes[n] = V >= 1
            V = np.where(spikes[n] > 0, 0, V)
        return spikes, None

    found = identify(quadratic)
    assert found.spikes_explained < 0.99
    assert found.excluded


def test_a_layer_that_never_fires_is_said_to():
    silent = identify(lambda x: (np.zeros(x.shape, int), None))
    assert silent.neuron is None
    assert "never fires" in str(silent)


# --- readings and differences --------------------------------------------------------------------


def test_a_sentence_of_code_and_one_of_physics():
    n = SteppedNeuron(0.5, fires_at_threshold=False)
    assert code_sentence(n) == "V <- 0.5 V + x; fires above 1; reset to 0 in the same step"
    text = physics_sentence(n, 1.0)
    for part in ("tau = 1.4427 ms at dt = 1 ms", "(forward Euler: 2 ms)", "R = 2", "V_th = 1"):
        assert part in text
    assert "steps" in physics_sentence(n, None)


def test_parameters_step_the_same_neuron():
    n = SteppedNeuron(0.75, gain=0.5, refractory=3)
    for reading in ("exact", "forward Euler"):
        params, claims = as_parameters(n, 0.5, reading)
        update = "exact" if reading == "exact" else "forward-euler"
        again = meant_neuron(params, 0.5, update)
        assert (again.decay, again.gain) == (pytest.approx(0.75), pytest.approx(0.5))
        assert (again.refractory, claims.integrator) == (3, reading)
    assert as_parameters(SteppedNeuron(0.9, synapse=Synapse(0.5)), 1.0) is None


def test_every_difference_has_cause_remedy_and_effect():
    params = LIFParameters()
    assert differences(meant_neuron(params, 0.1), params, 0.1) == []
    off = SteppedNeuron(0.9, gain=0.5, fires_at_threshold=False, synapse=Synapse(0.5))
    found = differences(off, params, 0.1)
    codes = {d.cause.code for d in found}
    assert {"refractory.none", "threshold.exceeded", "synapse.before-membrane"} <= codes
    assert all(d.remedy for d in found)
    euler = differences(meant_neuron(params, 1.0, "exact-decay-euler-gain"), params, 1.0)
    assert [d.cause.code for d in euler] == ["update.exact-decay-euler-gain"]
    (silent,) = differences(meant_neuron(LIFParameters(t_ref_ms=0), 0.1), params, 0.1)
    assert "Hz" in silent.effect


def test_every_cause_has_a_remedy_in_one_line():
    assert set(REMEDIES) == CODES - RIGHT
    assert all(line and "\n" not in line for line in REMEDIES.values())
    assert remedy("reset.zero+update.no-leak").count("; ") == 1


@pytest.mark.parametrize(
    ("gain", "told"),
    [
        (0.5, set()),
        pytest.param(0.505, {"constant.gain"}, marks=[pytest.mark.slow, pytest.mark.nightly]),
    ],
)
def test_a_difference_that_rounding_hides_is_none(gain, told):
    decay = math.exp(-0.25 / 40)

    def run(x):
        V, spikes = np.zeros(x.shape[1], np.float32), []
        for current in np.float32(gain) * x.astype(np.float32):
            V = current + (V - current) * np.float32(decay)
            spikes.append(V >= 1)
            V = V * ~spikes[-1]
        return np.array(spikes), None

    found = identify(run, dt_ms=0.25)
    assert found.spikes_explained == 1
    apart = differences(found.neuron, LIFParameters(), 0.25, resolution=found.resolution)
    assert {d.cause.code for d in apart} == {"refractory.none", "membrane.float32"} | told
    assert not any("1.000" in d.cause.text for d in apart)
