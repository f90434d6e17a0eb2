"""Metrics against numbers worked out by hand and scikit-image's functions."""

import dataclasses

import numpy as np
import pytest
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from bio_scnn.errors import InputError
from bio_scnn.restoration.metrics import evaluate, hole_mse, hole_psnr, mse, ssim, strips


@pytest.fixture
def pair():
    rng = np.random.default_rng(1)
    truth = rng.random((20, 24, 3))
    return np.clip(truth + rng.normal(0, 0.1, truth.shape), 0, 1), truth


def test_numbers_worked_out_by_hand():
    truth = np.zeros((2, 5))
    restored = truth.copy()
    restored[0, 0], restored[1, 4] = 0.1, 0.3
    mask = restored > 0
    mask[0, 1] = True
    assert mse(restored, truth) == pytest.approx(0.1 / 10)
    assert hole_mse(restored, truth, mask) == pytest.approx(0.1 / 3)
    assert hole_psnr(restored, truth, mask) == pytest.approx(14.77121, abs=1e-5)
    colours, colourful = np.dstack([truth] * 3), np.dstack([restored, truth, truth])
    assert hole_mse(colourful, colours, mask) == pytest.approx(0.1 / 9)


def test_agreement_with_scikit_image(pair):
    a, b = pair
    assert mse(a, b) == pytest.approx(mean_squared_error(a, b))
    everything = np.ones(a.shape[:2], bool)
    assert hole_psnr(a, b, everything) == pytest.approx(
        peak_signal_noise_ratio(b, a, data_range=1)
    )
    expected = structural_similarity(a, b, data_range=1, channel_axis=2)
    assert ssim(a, b) == pytest.approx(expected)
    assert 0.3 < expected < 0.99
    grey = structural_similarity(a[..., 0], b[..., 0], data_range=1)
    assert ssim(a[..., 0], b[..., 0]) == pytest.approx(grey)


def test_only_the_hole_counts(pair):
    a, b = pair
    mask = np.zeros(a.shape[:2], bool)
    mask[3:9, 4:11] = True
    elsewhere = a.copy()
    elsewhere[~mask] = 0.0
    assert hole_mse(elsewhere, b, mask) == hole_mse(a, b, mask)
    assert mse(elsewhere, b) > mse(a, b)
    composited = np.where(mask[..., None], a, b)
    assert mse(composited, b) == pytest.approx(hole_mse(a, b, mask) * mask.mean())


def test_equal_images(pair):
    result = evaluate(pair[1], pair[1], np.eye(20, 24, dtype=bool))
    assert dataclasses.asdict(result) == {
        "mse": 0.0,
        "hole_mse": 0.0,
        "hole_psnr": float("inf"),
        "ssim": pytest.approx(1.0),
        "coverage": 20 / 480,
    }


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_integers_are_scaled_by_their_type(dtype):
    white = np.iinfo(dtype).max
    a, b = np.full((9, 9), white, dtype), np.zeros((9, 9), dtype)
    assert mse(a, b) == 1.0
    assert hole_psnr(a, b, np.ones((9, 9), bool)) == 0.0
    assert mse(a, np.ones((9, 9), np.float32)) == 0.0


@pytest.mark.parametrize(("side", "window"), [(3, 3), (4, 3), (5, 5), (6, 5), (7, 7)])
def test_ssim_of_small_images_uses_the_window_that_fits(side, window):
    rng = np.random.default_rng(side)
    a, b = rng.random((2, side, 12, 3))
    expected = structural_similarity(a, b, data_range=1, channel_axis=2, win_size=window)
    assert ssim(a, b) == pytest.approx(expected)


@pytest.mark.parametrize("shape", [(41, 24, 3), (41, 24), (7, 9)])
def test_large_images_are_measured_in_strips(shape):
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 256, (2, *shape), np.uint8)
    mask = rng.random(shape[:2]) < 0.3
    whole = evaluate(a, b, mask)
    assert 0 < abs(whole.ssim) < 0.9
    strip = 10 * a[0].size
    in_strips = evaluate(a, b, mask, strip=strip)
    for name, value in dataclasses.asdict(whole).items():
        assert getattr(in_strips, name) == pytest.approx(value, rel=1e-12), name
    assert len(list(strips(a, strip, 6))) == -(-(shape[0] - 6) // 10)


def test_wrong_arguments_are_refused(pair):
    a, b = pair
    mask = np.ones(a.shape[:2], bool)
    for told, call in {
        r"\(20, 24, 3\) and \(20, 24\)": lambda: mse(a, b[..., 0]),
        "int64": lambda: mse(np.ones((3, 3), int), np.ones((3, 3))),
        r"shape \(4,\)": lambda: mse(np.ones(4), np.ones(4)),
        r"needs \(20, 24\)": lambda: hole_mse(a, b, mask.T),
        "bool": lambda: hole_mse(a, b, mask.astype(np.uint8)),
        "no missing pixel": lambda: evaluate(a, b, ~mask),
        "too small": lambda: ssim(a[:2], b[:2]),
    }.items():
        with pytest.raises(InputError, match=told):
            call()
