"""The stages together: one engine against the other, and a picture against a batch."""

import numpy as np
import pytest
from helpers import PLAIN, SMALL, hole, photograph, random_model

from bio_scnn.network.architecture import network_input
from bio_scnn.network.options import CLOSED_FORM, SpikingOptions
from bio_scnn.training.batches import batch_of

RNG = np.random.default_rng


def spiking(model, options, seed=0):
    batch = batch_of(
        photograph()[np.newaxis] / 255, hole()[np.newaxis], model.architecture, "hole"
    )
    x = network_input(model.architecture, batch.fill[0], batch.mask[0])
    z = model.features(x, options, RNG(seed))
    fired = model.fire(z, options, RNG(seed))
    return z, fired, model.decode(batch.fill[0], fired.rates), batch


@pytest.mark.parametrize("architecture", [SMALL, PLAIN], ids=["default", "paper"])
def test_simulated_network_agrees_with_closed_form(architecture):
    model = random_model(architecture)
    _, simulated, restored, _ = spiking(model, SpikingOptions(engine="brian2"))
    z, closed, expected, batch = spiking(model, CLOSED_FORM)
    assert simulated.neurons == z.size
    assert simulated.spikes >= 2 * z.size  # every neuron fired at least twice
    assert 0.05 < closed.rates.std()  # and not all of them alike
    assert np.abs(simulated.rates - closed.rates).max() < 1e-11
    assert np.abs(restored - expected).max() < 1e-9
    # A batch, as in training, is computed by matrix products instead.
    trained = model.forward(batch.fill, batch.mask)[0]
    assert np.abs(trained - expected).max() < 1e-9


def test_spikes_carry_the_information():
    model = random_model()
    _, fired, restored, batch = spiking(model, SpikingOptions())
    constant = model.decode(batch.fill[0], np.full_like(fired.rates, fired.rates.mean()))
    assert np.abs(constant - restored).max() > 0.01


def test_count_readout_is_the_exact_rate_in_levels():
    model = random_model()
    exact = spiking(model, SpikingOptions())[1].rates
    counted = spiking(model, SpikingOptions(readout="count"))[1].rates
    # One spike more or less in 100 ms, of a band of 100 Hz.
    assert np.abs(counted - exact).max() <= 0.1 + 1e-9
    assert np.unique(np.round(counted, 9)).size <= 12
    closed = spiking(model, SpikingOptions(readout="count", engine="closed-form"))[1].rates
    assert (np.abs(counted - closed) < 1e-9).mean() > 0.999


def test_noise_is_seeded_and_matters():
    model = random_model()
    options = SpikingOptions(current_noise=0.1, feature_noise=0.1)
    once, twice = (spiking(model, options, seed=5)[1].rates for _ in range(2))
    other = spiking(model, options, seed=6)[1].rates
    quiet = spiking(model, SpikingOptions())[1].rates
    np.testing.assert_array_equal(once, twice)
    assert (once != other).mean() > 0.9
    assert 0.01 < np.std(once - quiet) < 0.3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_batch_is_in_the_weights_precision_and_a_picture_of_float64_features(dtype):
    model = random_model().astype(dtype)
    fill = RNG(0).random((2, 16, 24, 6)).astype(dtype)
    mask = RNG(1).random((2, 16, 24)) < 0.3
    x = network_input(SMALL, fill, mask)
    np.testing.assert_array_equal(network_input(SMALL, fill[1], mask[1]), x[1])
    features = model.features(x)
    assert features.dtype == model.forward(fill, mask).dtype == dtype
    picture = model.features(x[1])
    assert picture.dtype == np.float64
    tolerance = 100 * np.finfo(dtype).eps
    np.testing.assert_allclose(picture, features[1], rtol=0, atol=tolerance)
    found = model.forward(fill[1], mask[1])
    np.testing.assert_allclose(found, model.forward(fill, mask)[1], rtol=0, atol=tolerance)


def test_noise_on_features_needs_a_generator():
    model = random_model()
    with pytest.raises(ValueError, match="needs a random generator"):
        model.features(np.zeros((4, 4, 28)), SpikingOptions(feature_noise=0.1))
