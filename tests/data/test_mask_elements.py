"""Elements of masks have the sizes and shapes that they promise."""

import numpy as np
from scipy import ndimage

from bio_scnn.data import mask_elements
from bio_scnn.data.mask_elements import Sizes
from bio_scnn.data.masks import make_mask


def thickness(mask):
    """Largest distance from a missing pixel to a known one, in pixels."""
    return ndimage.distance_transform_edt(np.pad(mask, 1)).max()


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


def test_shapes_have_the_area_of_their_formula():
    rng = np.random.default_rng(0)
    sizes = Sizes(shape_side=(60, 60))
    area = np.array([mask_elements.outline((4000, 4000), sizes, rng)[2].sum() for _ in range(300)])
    inside = area[area > 0]
    square, disc = np.abs(inside / 60**2 - 1) < 0.05, np.abs(inside / (np.pi * 30**2) - 1) < 0.05
    assert 0.2 < square.mean() < 0.45
    assert 0.28 < disc.mean() < 0.6  # and some of the blobs
    assert 0.9 < np.median(inside[~square & ~disc]) / (np.pi * 30**2) < 1.3
    turned = {mask_elements.outline((4000, 4000), sizes, rng)[2].shape for _ in range(60)}
    assert len(turned) > 15


def test_lines_repeat_with_their_period():
    rng = np.random.default_rng(0)
    upright = 0
    for _ in range(60):
        _, _, covered = mask_elements.lines((128, 128), Sizes(line_period=(8, 8)), rng)
        along = [covered[8:] == covered[:-8], covered[:, 8:] == covered[:, :-8]]
        upright += all(same.mean() > 0.999 for same in along)
        # One family of lines 1 or 2 px wide, or two that cross.
        assert 0.08 < covered.mean() < 0.5
    assert 15 < upright < 50


def test_specks_are_small_and_everywhere():
    rng = np.random.default_rng(0)
    covered = np.mean(
        [mask_elements.specks((96, 96), Sizes(), rng)[2] for _ in range(200)], axis=0
    )
    ninths = covered.reshape(3, 32, 3, 32).mean(axis=(1, 3))
    assert ninths.max() < 1.2 * ninths.min()
    one = mask_elements.specks((96, 96), Sizes(), rng)[2]
    assert 0 < one.mean() < 0.05
