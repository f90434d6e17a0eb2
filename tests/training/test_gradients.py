"""Gradients of the whole network against differences; noise and scale of the features."""

import dataclasses

import numpy as np
import pytest
from helpers import PLAIN, SMALL, hole, photograph, random_model

from bio_scnn.network.architecture import network_input
from bio_scnn.training.batches import batch_of
from bio_scnn.training.gradients import feature_noise, loss_and_grads, scale_features
from bio_scnn.training.settings import TrainingSettings

RNG = np.random.default_rng


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
    model = scale_features(random_model(architecture), batch)
    loss_value, grads = loss_and_grads(model, batch)
    assert grads.keys() == model.params.keys()
    step = 1e-5
    rounding = np.finfo(float).eps * loss_value / step
    for name, gradient in grads.items():
        for _ in range(10):
            direction = rng.standard_normal(gradient.shape)
            direction /= np.linalg.norm(direction)

            def value(t, name=name, direction=direction):
                moved = model.params | {name: model.params[name] + t * direction}
                return loss_and_grads(dataclasses.replace(model, params=moved), batch)[0]

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


def test_scaled_features_lie_in_the_band():
    batch = batch_of(photograph()[np.newaxis] / 255, hole()[np.newaxis], SMALL, "hole")
    model = scale_features(random_model(), batch)
    z = model.features(network_input(SMALL, batch.fill, batch.mask))
    np.testing.assert_allclose(z.mean(axis=(0, 1, 2)), 0.4, atol=1e-9)
    np.testing.assert_allclose(z.std(axis=(0, 1, 2)), 0.25, atol=1e-9)


def test_every_patch_has_one_of_the_noise_levels():
    settings = TrainingSettings(feature_noise=(0.0, 0.1))
    truth, mask = np.zeros((64, 32, 32, 3)), np.zeros((64, 32, 32), bool)
    mask[:, 4:9, 4:9] = True
    batch = batch_of(truth, mask, SMALL, "hole")
    noise = feature_noise(random_model(), settings, batch, 0, 0)
    std = noise.std(axis=(1, 2, 3))
    silent = std == 0
    assert 0.25 < silent.mean() < 0.75
    np.testing.assert_allclose(std[~silent], 0.1, rtol=0.1)
    assert feature_noise(random_model(), TrainingSettings(), batch, 0, 0) is None
    # Of every step, shard and seed it is another, and of the same ones the same.
    again = feature_noise(random_model(), settings, batch, 0, 0)
    np.testing.assert_array_equal(again, noise)
    for step, part, seed in ((1, 0, 0), (0, 1, 0), (0, 0, 1)):
        others = dataclasses.replace(settings, seed=seed)
        assert not np.array_equal(feature_noise(random_model(), others, batch, step, part), noise)
