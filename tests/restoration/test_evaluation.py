"""Scores of methods on the same holes, and how sure their means are."""

import numpy as np
import pytest
from helpers import photograph
from scipy import stats

from bio_scnn.data.masks import MASK_KINDS, make_mask
from bio_scnn.network.fills import mean_values
from bio_scnn.restoration.evaluation import bootstrap, score, summary
from bio_scnn.restoration.methods import classical
from bio_scnn.restoration.metrics import hole_psnr


def test_scores_are_those_of_the_mask_of_the_seed():
    pictures = [photograph(), photograph()[::-1]]
    rows = list(score({"mean": classical(mean_values)}, pictures, "boxes", 3))
    for number, (picture, (name, row)) in enumerate(zip(pictures, rows, strict=True)):
        rng = np.random.default_rng([3, MASK_KINDS.index("boxes"), number])
        mask = make_mask("boxes", picture.shape[:2], rng)
        filled = np.where(mask[..., np.newaxis], picture[~mask].mean(axis=0), picture)
        assert name == "mean"
        expected = hole_psnr(np.rint(filled).astype(np.uint8), picture, mask)
        assert row["hole_psnr"] == pytest.approx(expected)


def test_interval_is_that_of_scipy():
    values = np.random.default_rng(0).gamma(3.0, size=30)
    expected = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=20_000
    ).confidence_interval
    np.testing.assert_allclose(bootstrap(values, np.arange(30)), expected, rtol=0.02)


def test_interval_of_crops_is_that_of_their_photographs():
    values, photograph = np.random.default_rng(1).normal(size=20), np.arange(20)
    once = bootstrap(values, photograph)
    copies = bootstrap(np.tile(values, 5), np.tile(photograph, 5))
    np.testing.assert_allclose(copies, once, rtol=0, atol=1e-12)
    naive = bootstrap(np.tile(values, 5), np.arange(100))  # the negative: far too sure
    assert naive[1] - naive[0] < 0.6 * (once[1] - once[0])


def test_no_interval_of_one_photograph_or_of_perfect_fills():
    assert np.isnan(bootstrap(np.array([1.0, 2.0]), np.zeros(2, int))).all()
    rows = [{"hole_psnr": value, "ssim": 1, "mse": 0, "hole_mse": 0} for value in (np.inf, 20)]
    table = summary({"biharmonic (scikit-image)": rows, "other": rows}, np.arange(2))
    assert np.isnan(table["other"]["over_biharmonic"])
    assert np.isnan(table["other"]["hole_psnr_interval"]).all()


def test_differences_are_of_the_same_holes():
    def rows(*psnr):
        return [{"hole_psnr": value, "ssim": 1, "mse": 0, "hole_mse": 0} for value in psnr]

    scores = {"biharmonic (scikit-image)": rows(10, 30, 20), "ours": rows(11, 31, 21)}
    found = summary(scores, np.arange(3))["ours"]
    assert found["over_biharmonic"] == 1
    assert found["over_biharmonic_interval"] == (1, 1)  # whatever is drawn
    low, high = found["hole_psnr_interval"]
    assert low < 15 < 27 < high
