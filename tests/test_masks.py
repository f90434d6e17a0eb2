"""Masks have exactly the asked coverage, elements of the right size, and no other randomness."""

import time

import numpy as np
import pytest
from scipy import ndimage

from bio_scnn.errors import InputError
from bio_scnn.masks import DEFAULT_COVERAGE, MASK_KINDS, make_mask, random_training_mask

SHAPES = [(8, 8), (8, 300), (31, 17), (128, 128), (200, 133)]


def thickness(mask):
    """Largest distance from a missing pixel to a known one, in pixels."""
    return ndimage.distance_transform_edt(np.pad(mask, 1)).max()


@pytest.mark.parametrize("kind", MASK_KINDS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("coverage", [None, 0.01, 0.3, 0.9])
def test_coverage_is_exact(kind, shape, coverage):
    mask = make_mask(kind, shape, np.random.default_rng(3), coverage)
    assert mask.shape == shape
    assert mask.dtype == bool
    asked = DEFAULT_COVERAGE[kind] if coverage is None else coverage
    assert mask.sum() == max(1, round(asked * mask.size))


@pytest.mark.parametrize("kind", MASK_KINDS)
@pytest.mark.parametrize("shape", [(8, 8), (1, 2), (2, 1), (3, 40)])
def test_never_empty_never_full(kind, shape):
    for coverage in (1e-9, 0.5, 1 - 1e-9):
        for seed in range(5):
            mask = make_mask(kind, shape, np.random.default_rng(seed), coverage)
            assert 0 < mask.sum() < mask.size


@pytest.mark.parametrize("kind", MASK_KINDS)
def test_large_masks(kind):
    start = time.perf_counter()
    mask = make_mask(kind, (3000, 4000), np.random.default_rng(0))
    assert time.perf_counter() - start < 10
    assert mask.mean() == pytest.approx(DEFAULT_COVERAGE[kind], abs=1e-6)
    # Every part of a large image gets its share.
    quarters = mask.reshape(2, 1500, 2, 2000).mean(axis=(1, 3))
    assert np.all(np.abs(quarters / DEFAULT_COVERAGE[kind] - 1) < 0.2)


def test_elements_have_the_promised_sizes():
    shape = (512, 512)
    strokes = [make_mask("strokes", shape, np.random.default_rng(i), 0.05) for i in range(8)]
    scratches = [make_mask("scratches", shape, np.random.default_rng(i), 0.02) for i in range(8)]
    # Alone in a mask of low coverage, an element's half thickness is half its width.
    assert 5 <= np.mean([thickness(mask) for mask in strokes]) <= 14
    assert max(thickness(mask) for mask in scratches) <= 6
    # A box is found whole: its label's bounding box is filled, unless boxes overlap.
    sides = []
    for seed in range(8):
        mask = make_mask("boxes", shape, np.random.default_rng(seed), 0.02)
        labels, _ = ndimage.label(mask)
        for where in ndimage.find_objects(labels):
            if mask[where].all():
                sides += mask[where].shape
    whole = np.array([side for side in sides if side >= 16])
    assert len(whole) > 80
    assert whole.max() <= 32
    # At most one box in a mask is cut off to meet the coverage.
    assert len(sides) - len(whole) <= 8


def test_boxes_never_have_holes_or_ragged_sides_but_for_the_last():
    mask = make_mask("boxes", (128, 128), np.random.default_rng(0), 0.5)
    opened = ndimage.binary_opening(mask, np.ones((16, 16)))
    assert (mask & ~opened).sum() <= 32 * 32


@pytest.mark.parametrize("draw", [*MASK_KINDS, "training"])
def test_a_mask_is_a_function_of_the_generator(draw):
    def mask(seed):
        rng = np.random.default_rng(seed)
        shape = (64, 96)
        return (
            random_training_mask(shape, rng) if draw == "training" else make_mask(draw, shape, rng)
        )

    np.testing.assert_array_equal(mask(5), mask(5))
    assert (mask(5) != mask(6)).any()


def test_kinds_differ():
    masks = {
        kind: make_mask(kind, (256, 256), np.random.default_rng(0), 0.1) for kind in MASK_KINDS
    }
    reach = {kind: thickness(mask) for kind, mask in masks.items()}
    assert reach["scratches"] < reach["strokes"] < reach["boxes"] + 1


def test_missing_pixels_are_spread_over_the_image():
    # Boxes lie wholly inside, so more often in the middle of a small image.
    for kind, most in {"strokes": 1.5, "scratches": 1.5, "boxes": 2.2}.items():
        masks = [make_mask(kind, (96, 96), np.random.default_rng(i)) for i in range(300)]
        often = np.mean(masks, axis=0)
        ninths = often.reshape(3, 32, 3, 32).mean(axis=(1, 3)) / often.mean()
        assert ninths.max() < most, (kind, ninths)
        for halves in (often[:48].mean() / often[48:].mean(), often[:, :48].mean() / often.mean()):
            assert 0.75 < halves < 1.33, (kind, halves)


def test_training_masks_vary():
    rng = np.random.default_rng(0)
    masks = [random_training_mask((128, 128), rng) for _ in range(300)]
    coverage = np.array([mask.mean() for mask in masks])
    assert coverage.min() >= 0.0299
    assert coverage.max() <= 0.3001
    assert np.subtract(*np.percentile(coverage, [90, 10])) > 0.1
    reach = np.array([thickness(mask) for mask in masks])
    dropout = reach < 2.5
    assert 0.02 < dropout.mean() < 0.25
    assert np.percentile(reach, 90) > 3 * np.percentile(reach, 10)


def test_small_masks_are_quick():
    rng = np.random.default_rng(0)
    make_mask("scratches", (128, 128), rng)
    start = time.perf_counter()
    for _ in range(20):
        for kind in MASK_KINDS:
            make_mask(kind, (128, 128), rng)
    # About 0.6 ms each on an idle machine; generous, since test machines are not.
    assert (time.perf_counter() - start) / 60 < 0.02


def test_wrong_arguments_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="strokes, boxes, scratches"):
        make_mask("blobs", (8, 8), rng)
    for coverage in (0.0, 1.0, -0.1, 15, float("nan")):
        with pytest.raises(InputError, match="coverage"):
            make_mask("boxes", (8, 8), rng, coverage)
    for shape in ((0, 8), (1, 1), (8, 8, 3)):
        with pytest.raises(InputError, match="shape"):
            make_mask("boxes", shape, rng)
        with pytest.raises(InputError, match="shape"):
            random_training_mask(shape, rng)
