"""Colours under an alpha of zero have no influence on what is restored."""

import numpy as np
import pytest
from helpers import photograph, random_model

from bio_scnn import inpaint, restore
from bio_scnn.network.options import SpikingOptions
from bio_scnn.restoration.transparency import seen_channels

CLOSED = SpikingOptions(engine="closed-form")
RED = (220, 40, 40)


def disc(under, dtype="uint8"):
    """A red disc on nothing, whatever colour nothing has, and a hole over its edge."""
    y, x = np.mgrid[:96, :128]
    inside = (y - 48) ** 2 + (x - 60) ** 2 < 35**2
    image = np.zeros((96, 128, 4), np.uint8)
    image[..., :3] = under
    image[inside] = (*RED, 255)
    mask = np.zeros((96, 128), bool)
    mask[40:60, 80:105] = True
    if dtype == "uint16":
        return image.astype(np.uint16) * 257, mask
    return (image, mask) if dtype == "uint8" else ((image / 255).astype(dtype), mask)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_what_is_under_transparency_does_not_leak(dtype):
    rng = np.random.default_rng(0)
    results = []
    for under in (0, 255, RED, rng.integers(0, 256, (96, 128, 3))):
        image, mask = disc(under, dtype)
        results.append(inpaint(image, mask, channel_axis=-1, quality="fast"))
        assert (results[-1][~mask] == image[~mask]).all()
    top = np.iinfo(dtype).max if dtype.startswith("u") else 1
    for result in results:
        np.testing.assert_array_equal(result[mask], results[0][mask])
        visible = mask & (result[..., 3] > top / 2)
        assert visible.sum() > 50
        assert np.abs(result[visible][:, :3] / top - np.array(RED) / 255).max() < 0.02


def test_grey_with_alpha():
    image, mask = disc(0)
    grey = np.stack([image[..., 0], image[..., 3]], axis=-1)
    results = []
    for under in (0, 90, 255):
        grey[grey[..., 1] == 0, 0] = under
        results.append(restore(grey, mask, model=random_model(), options=CLOSED).image[mask])
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_a_fourth_channel_that_is_no_alpha_hides_nothing():
    results = []
    for under in (0, 255):
        image, mask = disc(under)
        done = restore(image, mask, model=random_model(), options=CLOSED, alpha=False)
        results.append(done.image[mask])
    assert (results[0] != results[1]).any()


def test_opaque_pictures_are_not_copied():
    image = np.dstack([photograph(), np.full((96, 80), 255, np.uint8)])
    mask = np.zeros((96, 80), bool)
    mask[10:20] = True
    image[mask] = 0  # of missing pixels nothing is asked
    assert seen_channels(image, mask) is image
    image[50, 50] = (9, 9, 9, 0)
    seen = seen_channels(image, mask)
    assert seen is not image
    assert (image[50, 50] == (9, 9, 9, 0)).all()
    assert (seen[50, 50] != image[50, 50]).any()
    changed = (seen != image).any(axis=2)
    assert changed.sum() == 1


def test_hidden_colours_are_those_of_the_nearest_pixel_that_is_seen(monkeypatch):
    from bio_scnn.restoration import transparency

    rng = np.random.default_rng(1)
    image = rng.integers(1, 256, (60, 50, 4)).astype(np.uint8)
    image[..., 3] = np.where(rng.random((60, 50)) < 0.05, 255, 0)
    mask = rng.random((60, 50)) < 0.1
    whole = seen_channels(image, mask)
    rows, columns = np.nonzero((image[..., 3] > 0) & ~mask)
    for row, column in zip(*np.nonzero((image[..., 3] == 0) & ~mask), strict=True):
        distance = (rows - row) ** 2 + (columns - column) ** 2
        nearest = distance == distance.min()
        colours = image[rows[nearest], columns[nearest], :3]
        assert (colours == whole[row, column, :3]).all(axis=1).any()
    # Of a picture seen in blocks the same, up to choices between equals.
    monkeypatch.setattr(transparency, "_BLOCK", 16)
    blocks = seen_channels(image, mask)
    assert (blocks == whole).all(axis=2).mean() > 0.9


def test_a_picture_of_which_nothing_is_seen():
    image, mask = np.full((40, 30, 4), 70, np.uint8), np.zeros((40, 30), bool)
    image[..., 3], mask[5:9, 5:9] = 0, True
    result = restore(image, mask, model=random_model(), options=CLOSED).image
    assert (result[~mask] == image[~mask]).all()
