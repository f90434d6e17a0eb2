"""Batches: the loss's weights, and patches that are shown again in another way."""

import dataclasses

import numpy as np
import pytest
from helpers import PLAIN, SMALL, hole, photograph

from bio_scnn.data.datasets import DataSettings, embedded_images
from bio_scnn.data.sampler import PatchSampler
from bio_scnn.network.fills import FILLS
from bio_scnn.training.batches import (
    Prepared,
    batch_of,
    make_batch,
    prepare,
    random_looks,
    show,
)
from bio_scnn.training.settings import TrainingSettings


def test_loss_weights():
    truth = np.stack([photograph(), photograph()[::-1]]) / 255
    mask = np.stack([hole(), hole()[:, ::-1]])
    plain = batch_of(truth, mask, PLAIN, "image")
    error = (plain.weight[..., np.newaxis] * (plain.fill - plain.truth) ** 2).sum()
    assert error == pytest.approx(np.mean((plain.fill - truth) ** 2))  # an MSE
    hard = batch_of(truth, mask, SMALL, "hole")
    assert (hard.weight[~mask] == 0).all()
    # The mean of the fills scores just under 1, on hard and on easy images alike.
    mean = (hard.fill[..., :3] + hard.fill[..., 3:]) / 2
    scores = (hard.weight[..., np.newaxis] * (mean - truth) ** 2).sum(axis=(1, 2, 3))
    assert (0.35 < scores).all()
    assert (scores < 0.5).all()


@pytest.mark.parametrize("name", sorted(set(FILLS) - {"zero"}))
def test_variations_commute_with_the_fills(name):
    truth, mask = photograph(40, 40) / 255, hole(40, 40)
    architecture = dataclasses.replace(SMALL, fills=(name, "mean"))
    unvaried = Prepared(truth[None], architecture.guess(truth, mask)[None], mask[None])
    seen = set()
    for seed in range(12):
        looks = random_looks(np.random.default_rng(seed), np.array([0]))
        varied = show(unvaried, looks)
        expected = architecture.guess(varied.truth[0], varied.mask[0])
        np.testing.assert_allclose(varied.fill[0], expected, rtol=0, atol=1e-9)
        assert 0 <= varied.truth.min() < varied.truth.max() <= 1
        seen.add(varied.fill.tobytes())
    assert len(seen) == 12


def test_patches_are_shown_again_in_another_way():
    data = DataSettings(n_dead_leaves=2, dead_leaves_fraction=0.5, dead_leaves_size=64)
    sampler = PatchSampler(embedded_images()[:2], data)
    settings = TrainingSettings(batch=2, patch=64, reuse=3)
    prepared = prepare(sampler, SMALL, settings, 0)
    assert len(prepared.truth) == 16
    first = [make_batch(prepared, SMALL, settings, step) for step in range(8)]
    shown = np.concatenate([batch.truth for batch in first])
    # Each of them once in the first eight steps, as it is.
    order = lambda patches: sorted(patch.tobytes() for patch in patches)  # noqa: E731
    assert order(shown) == order(prepared.truth)
    later = [make_batch(prepared, SMALL, settings, step) for step in range(8, 16)]
    again = np.concatenate([batch.truth for batch in later])
    assert not set(order(again)) & set(order(shown))
    # But their masks are the same, up to turns and flips: no pixel more or less.
    count = [sorted(np.concatenate([b.mask for b in part]).sum((1, 2))) for part in (first, later)]
    assert count[0] == count[1]
    same = make_batch(prepared, SMALL, settings, 9)
    np.testing.assert_array_equal(same.fill, later[1].fill)
