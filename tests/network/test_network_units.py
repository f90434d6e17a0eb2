"""Units of the spiking layer: band, rates, readout, and their backward rules."""

import dataclasses

import numpy as np
import pytest
from helpers import SMALL, hole, photograph, random_model

from bio_scnn import TABLE_1, InputError, current_for_rate, firing_rate
from bio_scnn.network.architecture import network_input
from bio_scnn.network.options import SpikingOptions
from bio_scnn.network.units import LIFUnit, OneStepUnit, Rectifier
from bio_scnn.training.batches import batch_of
from bio_scnn.training.gradients import loss_and_grads

RNG = np.random.default_rng
LIF = LIFUnit()


def test_band_ends_are_table_1_rates():
    low, high = LIF.band
    assert TABLE_1.R * low == pytest.approx(4.963, abs=1e-3)
    assert TABLE_1.R * high == pytest.approx(10.508, abs=1e-3)
    np.testing.assert_allclose(firing_rate(np.array([low, high])), [100, 200], rtol=1e-14)


def test_encoder_clips_and_spans_the_band():
    low, high = LIF.band
    np.testing.assert_allclose(
        LIF.currents(np.array([-3, 0, 0.5, 1, 7.0])),
        [low, low, (low + high) / 2, high, high],
        rtol=1e-15,
    )
    u = LIF.rates(np.linspace(0, 1, 101))
    assert abs(u[0]) < 1e-12
    assert abs(u[-1] - 1) < 1e-12
    assert (np.diff(u) > 0).all()
    assert (u[1:-1] > np.linspace(0, 1, 101)[1:-1]).all()  # concave


def test_encoder_gradient_agrees_with_central_differences():
    rng = np.random.default_rng(2)
    z = rng.uniform(0.01, 0.99, (5, 7))
    du, step = rng.standard_normal(z.shape), 1e-6

    def u(z):
        return LIF.rates(z)

    numeric = du * (u(z + step) - u(z - step)) / (2 * step)
    np.testing.assert_allclose(LIF.backward(z, du), numeric, rtol=1e-6)


def test_clipped_features_get_the_slope_asked_for():
    z = np.array([-0.5, 0.0, 1.0, 1.5])
    exact = LIF.backward(z, np.ones(4))
    assert exact[[0, 3]].tolist() == [0, 0]
    leaky = LIF.backward(z, np.ones(4), clip_slope=0.1)
    np.testing.assert_allclose(leaky, [0.1 * exact[1], exact[1], exact[2], 0.1 * exact[2]])


def test_encoding_keeps_single_precision():
    z = np.random.default_rng(3).random((4, 4)).astype(np.float32)
    u = LIF.rates(z)
    assert LIF.currents(z).dtype == u.dtype == LIF.backward(z, u).dtype == np.float32


def test_currents_invert_rates():
    rates = np.linspace(100, 200, 11)
    np.testing.assert_allclose(firing_rate(current_for_rate(rates)), rates, rtol=1e-13)


@pytest.mark.parametrize("neurons", ["relu", "one-step"])
def test_other_neurons_are_no_simulation_and_have_gradients_of_their_own(neurons):
    architecture = dataclasses.replace(SMALL, neurons=neurons)
    model = random_model(architecture)
    batch = batch_of(photograph()[np.newaxis] / 255, hole()[np.newaxis], architecture, "hole")
    x = network_input(architecture, batch.fill[0], batch.mask[0])
    z, again = (model.features(x, SpikingOptions(), RNG(seed)) for seed in (0, 1))
    fired = model.fire(z, SpikingOptions())
    assert (fired.neurons, fired.spikes) == (0, 0)
    assert neurons in fired.engine
    if neurons == "relu":
        np.testing.assert_array_equal(fired.rates, np.where(z > 0, z, 0))
        np.testing.assert_array_equal(again, z)
    else:
        assert set(np.unique(fired.rates)) == {0.0, 1.0}
        # The layer is noisy by itself: near the threshold spikes come and go.
        assert 0.01 < (model.fire(again).rates != fired.rates).mean() < 0.5
        noisy = model.features(np.zeros((64, 64, 28)), SpikingOptions(), RNG(0))
        assert (noisy - model.params["snn.bias"]).std() == pytest.approx(0.1, rel=0.02)
    _, grads = loss_and_grads(model, batch)
    assert all(np.abs(grad).max() > 0 for grad in grads.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"readout": "count"}, "readout 'count' needs .* LIF neurons; .* neurons = 'relu'"),
        ({"current_noise": 0.1}, "current_noise needs"),
        ({"duration_ms": 50.0}, "duration_ms needs"),
    ],
)
def test_what_only_neurons_have_is_refused_without_them(options, message):
    model = random_model(dataclasses.replace(SMALL, neurons="relu"))
    with pytest.raises(InputError, match=message):
        model.fire(np.zeros((4, 4, 6)), SpikingOptions(**options), RNG(0))


def test_rectifier_has_the_gradient_of_a_rectifier():
    z, du, unit = RNG(0).normal(0.3, 0.5, 1000), RNG(1).normal(size=1000), Rectifier()
    ahead, behind = unit.rates(z + 1e-7), unit.rates(z - 1e-7)
    far = np.abs(z) > 1e-6
    found = unit.backward(z, du)
    np.testing.assert_allclose(found[far], (du * (ahead - behind) / 2e-7)[far], atol=1e-7)


def test_binary_spikes_let_the_gradient_through_inside_the_band():
    z = np.array([-0.2, 0.1, 0.6, 1.4])
    np.testing.assert_array_equal(OneStepUnit().rates(z), [0, 0, 1, 1])
    found = OneStepUnit().backward(z, np.full(4, 3.0), clip_slope=0.1)
    np.testing.assert_allclose(found, [0.3, 3, 3, 0.3])


def test_counts_are_read_without_bias():
    model = random_model()
    z = RNG(0).uniform(0, 1, (40, 40, 6))
    exact = model.fire(z).rates
    counted = model.fire(z, SpikingOptions(engine="closed-form", readout="count"))
    simulated = model.fire(z, SpikingOptions(readout="count"), RNG(0))
    np.testing.assert_array_equal(simulated.rates, counted.rates)
    off = counted.rates - exact
    assert np.abs(off).max() <= 0.05 + 1e-9  # half a spike in 100 ms, of a band of 100 Hz
    assert abs(off.mean()) < 0.002
    assert off.std() == pytest.approx(0.1 / np.sqrt(12), rel=0.05)
