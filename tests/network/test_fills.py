"""First guesses for the holes: the equations they solve, and scikit-image's."""

import numpy as np
import pytest
from helpers import photograph
from skimage.restoration import inpaint_biharmonic

from bio_scnn.data.masks import MASK_KINDS, make_mask
from bio_scnn.network.fills import biharmonic_fill, fill, harmonic_fill, mean_fill, zero_values


@pytest.mark.parametrize("kind", MASK_KINDS)
def test_harmonic_fill_solves_laplace(kind):
    rng = np.random.default_rng(4)
    image, mask = rng.random((40, 31, 3)), make_mask(kind, (40, 31), rng, 0.4)
    filled = harmonic_fill(image, mask)
    np.testing.assert_array_equal(filled[~mask], image[~mask])
    padded = np.pad(filled, ((1, 1), (1, 1), (0, 0)))
    inside = np.pad(np.ones(mask.shape), 1)
    shifts = [(0, 1), (2, 1), (1, 0), (1, 2)]
    total = sum(padded[i : i + 40, j : j + 31] for i, j in shifts)
    neighbours = sum(inside[i : i + 40, j : j + 31] for i, j in shifts)
    residual = (filled - total / neighbours[..., np.newaxis])[mask]
    assert np.abs(residual).max() < 1e-12
    assert mask.sum() > 100


def test_harmonic_fill_reproduces_a_plane():
    row, col = np.mgrid[:20, :30]
    plane = (0.01 * row + 0.02 * col)[..., np.newaxis]
    mask = np.zeros((20, 30), bool)
    mask[5:15, 8:22] = True
    np.testing.assert_allclose(harmonic_fill(plane, mask), plane, atol=1e-12)


def test_harmonic_fill_ignores_what_lies_in_the_hole():
    image = np.random.default_rng(5).random((12, 12, 1))
    mask = np.zeros((12, 12), bool)
    mask[:5, :7] = True  # at the frame, too
    spoilt = image.copy()
    spoilt[mask] = np.nan
    np.testing.assert_array_equal(harmonic_fill(spoilt, mask), harmonic_fill(image, mask))


def test_simple_fills_by_hand():
    image = np.array([[[0.2], [0.4]], [[0.6], [0.9]]])
    mask = np.array([[False, False], [False, True]])
    assert fill(image, mask, zero_values)[1, 1] == 0
    assert mean_fill(image, mask)[1, 1] == pytest.approx(0.4)
    assert mean_fill(image, mask)[0, 1] == 0.4


def test_biharmonic_fill_keeps_known_pixels():
    image = np.random.default_rng(6).random((16, 16, 3))
    mask = np.zeros((16, 16), bool)
    mask[4:8, 4:8] = True
    filled = biharmonic_fill(image, mask)
    np.testing.assert_array_equal(filled[~mask], image[~mask])
    assert not np.allclose(filled[mask], image[mask])


@pytest.mark.parametrize("kind", MASK_KINDS)
def test_biharmonic_fill_is_that_of_scikit_image(kind):
    image = photograph(96, 80) / 255
    mask = make_mask(kind, image.shape[:2], np.random.default_rng(2))
    mask[:6, :9] = mask[40:, -1:] = True  # holes at the frame, where the equation changes
    expected = inpaint_biharmonic(fill(image, mask, zero_values), mask, channel_axis=-1)
    filled = biharmonic_fill(image, mask)
    np.testing.assert_allclose(filled, expected, rtol=0, atol=1e-10)
    assert np.abs(filled - harmonic_fill(image, mask)).max() > 0.01  # and it is another fill


def test_biharmonic_fill_of_integers():
    image, mask = photograph(32, 40), np.zeros((32, 40), bool)
    mask[:4] = mask[12:20, 9:30] = True
    filled = biharmonic_fill(image, mask)
    np.testing.assert_array_equal(filled, biharmonic_fill(image.astype(float), mask))
    assert filled[mask].max() <= image[~mask].max()


def test_biharmonic_fill_overshoots_no_known_value():
    step = np.zeros((40, 60, 1))
    step[:, 25:30] = 0.2
    step[:, 30:] = 1.0
    mask = np.zeros((40, 60), bool)
    mask[10:30, 32:50] = True
    filled = biharmonic_fill(step, mask)
    assert filled.max() == 1.0
    assert filled.min() == 0.0
