"""Masks have exactly the asked coverage, elements of the right size, and no other randomness."""

import hashlib
import time

import numpy as np
import pytest
from scipy import ndimage

import bio_scnn.data.masks
from bio_scnn.data.mask_elements import Sizes
from bio_scnn.data.masks import DEFAULT_COVERAGE, MASK_KINDS, make_mask, random_training_mask
from bio_scnn.errors import InputError

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


def test_the_masks_of_published_numbers_never_change():
    # Boxes are drawn by NumPy alone; strokes and text may differ with the version of Pillow.
    digest = hashlib.sha256()
    for seed in range(20):
        mask = make_mask("boxes", (256, 256), np.random.default_rng(seed))
        digest.update(np.packbits(mask).tobytes())
    assert digest.hexdigest() == "f4405c5d8313be882732ff50bf1d72ae0c8d3601061443908241283c0970e924"


def training_masks(n, shape=(128, 128), seed=0):
    rng = np.random.default_rng(seed)
    return np.stack([random_training_mask(shape, rng) for _ in range(n)])


def test_training_masks_vary():
    masks = training_masks(600)
    coverage = masks.mean(axis=(1, 2))
    assert coverage.min() >= 0.0099
    assert coverage.max() <= 0.4001
    assert np.subtract(*np.percentile(coverage, [95, 5])) > 0.2
    reach = np.array([thickness(mask) for mask in masks])
    assert 0.02 < np.mean(reach < 2.5) < 0.3  # single pixels, thin lines
    assert np.percentile(reach, 50) < 12 < 22 < np.percentile(reach, 99)
    # Whole rows or columns are lost, and holes lie at the border as well as inside.
    assert 0.03 < np.mean([m.all(axis=0).any() or m.all(axis=1).any() for m in masks]) < 0.3
    border = np.ones((128, 128), bool)
    border[1:-1, 1:-1] = False
    assert 0.3 < np.mean([m[border].any() for m in masks]) < 0.95
    # Many small pieces, or meshes that enclose known pixels.
    assert 0.02 < np.mean([ndimage.label(m)[1] > 60 for m in masks]) < 0.3
    assert 0.02 < np.mean([ndimage.label(~m)[1] > 20 for m in masks]) < 0.4


def test_one_hole_may_be_three_quarters_of_the_patch_wide():
    sides = []
    for mask in training_masks(600, seed=1):
        labels, n = ndimage.label(mask)
        for where in ndimage.find_objects(labels) if n <= 3 else []:
            if mask[where].mean() > 0.7:
                sides.append(min(mask[where].shape))
    assert 60 < max(sides) <= 110


def test_most_training_masks_are_as_evaluated(monkeypatch):
    drawn = []
    fill_up = bio_scnn.data.masks._fill_up

    def record(mask, coverage, draw, sizes, rng):
        drawn.append((coverage, draw, sizes))
        fill_up(mask, coverage, draw, sizes, rng)

    monkeypatch.setattr(bio_scnn.data.masks, "_fill_up", record)
    like = []
    rng = np.random.default_rng(0)
    for _ in range(400):
        mask = random_training_mask((128, 128), rng)
        coverage, draw, sizes = drawn[-1]
        assert mask.mean() == pytest.approx(coverage, abs=1e-4)
        by_kind = [
            DEFAULT_COVERAGE[k] for k in MASK_KINDS if bio_scnn.data.masks._ELEMENTS[k] is draw
        ]
        if sizes == Sizes() and by_kind:
            like.append(np.log(coverage / by_kind[0]))
    assert len(like) > 0.5 * 400
    assert abs(np.mean(like)) < 0.08
    assert 0.2 < np.std(like) < 0.4


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


def test_masks_can_all_be_like_those_of_the_evaluation_or_none():
    rng = np.random.default_rng(0)
    alike = [random_training_mask((96, 96), rng, 0.0).mean() for _ in range(60)]
    varied = [random_training_mask((96, 96), rng, 1.0).mean() for _ in range(60)]
    # Around 9, 10 and 15 %, against anything from 1 to 40 %.
    assert 0.03 < min(alike) < max(alike) < 0.4
    assert np.quantile(varied, 0.1) < 0.03 < 0.2 < np.quantile(varied, 0.9)
