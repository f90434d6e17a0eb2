"""The stages together: one engine against the other, and gradients of the whole."""

import dataclasses

import numpy as np
import pytest
from helpers import PLAIN, SMALL, hole, photograph, random_model

from bio_scnn import InputError
from bio_scnn.network.architecture import Architecture, network_input
from bio_scnn.network.cnn import ConvLayer
from bio_scnn.network.hybrid import SpikingOptions
from bio_scnn.network.units import rates_backward, rates_of
from bio_scnn.training.batches import batch_of
from bio_scnn.training.gradients import forward, loss_and_grads, scale_features

RNG = np.random.default_rng


def spiking(model, options, seed=0):
    batch = batch_of(
        photograph()[np.newaxis] / 255, hole()[np.newaxis], model.architecture, "hole"
    )
    x = network_input(model.architecture, batch.fill, batch.mask)[0]
    z = model.features(x, options, RNG(seed))
    fired = model.fire(z, options, RNG(seed))
    return z, fired, model.restore(batch.fill[0], fired.rates), batch


@pytest.mark.parametrize("architecture", [SMALL, PLAIN], ids=["default", "paper"])
def test_simulated_network_agrees_with_closed_form(architecture):
    model = random_model(architecture)
    _, simulated, restored, _ = spiking(model, SpikingOptions(engine="brian2"))
    z, closed, expected, batch = spiking(model, SpikingOptions(engine="closed-form"))
    assert simulated.neurons == z.size
    assert simulated.spikes >= 2 * z.size  # every neuron fired at least twice
    assert 0.05 < closed.rates.std()  # and not all of them alike
    assert np.abs(simulated.rates - closed.rates).max() < 1e-11
    assert np.abs(restored - expected).max() < 1e-9
    # The training path computes the same with matrix products.
    trained = forward(architecture, model.params, model.lif, batch.fill, batch.mask)[0]
    assert np.abs(trained - expected).max() < 1e-9


def test_spikes_carry_the_information():
    model = random_model()
    _, fired, restored, batch = spiking(model, SpikingOptions())
    constant = model.restore(batch.fill[0], np.full_like(fired.rates, fired.rates.mean()))
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


def with_fills(*names):
    last = dataclasses.replace(SMALL.layers[-1], channels=4 * (2 + len(names)))
    return dataclasses.replace(SMALL, fills=names, layers=(*SMALL.layers[:-1], last))


@pytest.mark.parametrize("size", [(12, 20), (8, 4)])
@pytest.mark.parametrize(
    "architecture",
    [SMALL, PLAIN, with_fills("harmonic"), with_fills("harmonic", "mean", "biharmonic")],
    ids=["default", "paper", "one fill", "three fills"],
)
@pytest.mark.parametrize("loss", ["hole", "image"])
def test_gradient_of_the_whole_network(architecture, loss, size):
    rng = RNG(3)
    truth, mask = rng.random((2, *size, 3)), rng.random((2, *size)) < 0.3
    batch = batch_of(truth, mask, architecture, loss)
    params = scale_features(random_model(architecture).params, architecture, batch)
    lif = random_model().lif
    loss_value, grads = loss_and_grads(architecture, params, lif, batch)
    assert grads.keys() == params.keys()
    step = 1e-5
    rounding = np.finfo(float).eps * loss_value / step
    for name, gradient in grads.items():
        for _ in range(10):
            direction = rng.standard_normal(gradient.shape)
            direction /= np.linalg.norm(direction)

            def value(t, name=name, direction=direction):
                moved = params | {name: params[name] + t * direction}
                return loss_and_grads(architecture, moved, lif, batch)[0]

            wide = (value(step) - value(-step)) / (2 * step)
            narrow = (value(step / 2) - value(-step / 2)) / step
            numeric = (4 * narrow - wide) / 3
            analytic = np.vdot(gradient, direction)
            scale = max(abs(analytic), 1e-3 * np.linalg.norm(gradient))
            # They differ where a feature crosses the clip or a ReLU its corner within the step,
            # or where rounding shows: then the differences know nothing, and others must.
            if max(abs(wide - narrow), rounding) <= 2e-7 * scale:
                break
        else:
            pytest.fail(f"{name}: no direction in which differences can tell")
        assert abs(numeric - analytic) <= 1e-6 * scale, (name, numeric, analytic)


def test_reach_bounds_the_receptive_field():
    model = random_model()
    reach, size = model.architecture.reach, 2 * model.architecture.reach + 32
    rng = RNG(4)
    fill, mask = rng.random((1, size, size, 6)), np.zeros((1, size, size), bool)
    middle = size // 2
    moved = fill.copy()
    moved[0, middle : middle + 4, middle : middle + 4] += 0.3
    outputs = [
        forward(model.architecture, model.params, model.lif, f, mask)[0] for f in (fill, moved)
    ]
    changed = np.argwhere(np.abs(outputs[0] - outputs[1]).max(axis=-1) > 0)
    assert changed.min() >= middle - reach
    assert changed.max() < middle + 4 + reach
    # Not a bound that holds for anything: the field is more than a third of it.
    assert middle - changed.min() > reach / 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": (ConvLayer(12, relu=False),)}, "1/2 resolution with 12 channels"),
        ({"layers": (ConvLayer(8, residual=True), *SMALL.layers)}, "must keep its 6 channels"),
        ({"layers": (ConvLayer(9, upsample=2), *SMALL.layers)}, "upsample squared"),
        (
            {"layers": (ConvLayer(8, stride=2), ConvLayer(8, see_rates=True))},
            "rates are at 1/2, this layer at 1/4",
        ),
    ],
)
def test_impossible_architectures_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        dataclasses.replace(SMALL, **change)


def test_default_architecture():
    default = Architecture()
    assert default.multiple == 4
    assert default.input_channels == 28
    assert len(default.layers) == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "nest"}, "engine 'nest' is unknown; choose from brian2, closed-form"),
        ({"readout": "phase"}, "readout 'phase'"),
        ({"current_noise": -1.0}, "current_noise is -1.0"),
        ({"feature_noise": float("nan")}, "feature_noise is nan"),
        ({"engine": "closed-form", "current_noise": 0.1}, "use the engine 'brian2'"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        SpikingOptions(**options)


@pytest.mark.parametrize("neurons", ["relu", "one-step"])
def test_other_neurons_are_no_simulation_and_have_gradients_of_their_own(neurons):
    architecture = dataclasses.replace(SMALL, neurons=neurons)
    model = random_model(architecture)
    z, fired, restored, batch = spiking(model, SpikingOptions())
    assert (fired.neurons, fired.spikes) == (0, 0)
    assert neurons in fired.engine
    again = spiking(model, SpikingOptions(), seed=1)
    if neurons == "relu":
        np.testing.assert_array_equal(fired.rates, np.where(z > 0, z, 0))
        np.testing.assert_array_equal(again[2], restored)
    else:
        assert set(np.unique(fired.rates)) == {0.0, 1.0}
        # The layer is noisy by itself: near the threshold spikes come and go.
        assert 0.01 < (again[1].rates != fired.rates).mean() < 0.5
        expected = model.features(np.zeros((64, 64, 28)), SpikingOptions(), RNG(0))
        assert (expected - model.params["snn.bias"]).std() == pytest.approx(0.1, rel=0.02)
    _, grads = loss_and_grads(architecture, model.params, model.lif, batch)
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
    z, du = RNG(0).normal(0.3, 0.5, 1000), RNG(1).normal(size=1000)
    ahead, behind = rates_of("relu", z + 1e-7), rates_of("relu", z - 1e-7)
    far = np.abs(z) > 1e-6
    found = rates_backward("relu", z, du)
    np.testing.assert_allclose(found[far], (du * (ahead - behind) / 2e-7)[far], atol=1e-7)


def test_binary_spikes_let_the_gradient_through_inside_the_band():
    z = np.array([-0.2, 0.1, 0.6, 1.4])
    np.testing.assert_array_equal(rates_of("one-step", z), [0, 0, 1, 1])
    found = rates_backward("one-step", z, np.full(4, 3.0), clip_slope=0.1)
    np.testing.assert_allclose(found, [0.3, 3, 3, 0.3])


def test_counts_are_read_without_bias():
    model = random_model()
    z = RNG(0).uniform(0, 1, (40, 40, 6))
    exact = model.fire(z, SpikingOptions(engine="closed-form"), RNG(0)).rates
    counted = model.fire(z, SpikingOptions(engine="closed-form", readout="count"), RNG(0))
    simulated = model.fire(z, SpikingOptions(readout="count"), RNG(0))
    np.testing.assert_array_equal(simulated.rates, counted.rates)
    off = counted.rates - exact
    assert np.abs(off).max() <= 0.05 + 1e-9  # half a spike in 100 ms, of a band of 100 Hz
    assert abs(off.mean()) < 0.002
    assert off.std() == pytest.approx(0.1 / np.sqrt(12), rel=0.05)
