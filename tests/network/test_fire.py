"""Fill, convolution and encoder: the stages in front of the neurons and behind them."""

import numpy as np
import pytest
from helpers import photograph
from scipy import ndimage
from skimage.restoration import inpaint_biharmonic

from bio_scnn import TABLE_1, current_for_rate, firing_rate
from bio_scnn.data.masks import MASK_KINDS, make_mask
from bio_scnn.network.conv2d import conv2d
from bio_scnn.network.fft_convolution import feature_maps
from bio_scnn.network.fills import biharmonic_fill, fill, harmonic_fill, mean_fill, zero_values
from bio_scnn.network.units import current_band, encode, encoder_backward, normalise


@pytest.mark.parametrize("kernel", [1, 3, 7])
@pytest.mark.parametrize("shape", [(1, 1), (14, 9), (70, 45)])  # less than a block, and several
def test_convolution_agrees_with_the_direct_sum_and_with_matrix_products(shape, kernel):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((*shape, 4))
    weight, bias = rng.standard_normal((kernel, kernel, 4, 6)), rng.standard_normal(6)
    z = feature_maps(x, weight, bias)
    for c_out in range(6):
        direct = bias[c_out] + sum(
            ndimage.correlate(x[..., c_in], weight[..., c_in, c_out], mode="constant")
            for c_in in range(4)
        )
        np.testing.assert_allclose(z[..., c_out], direct, rtol=0, atol=1e-13 * kernel)
    np.testing.assert_allclose(z, conv2d(x[np.newaxis], weight, bias)[0], rtol=0, atol=1e-12)
    # The negative: a convolution in the mathematical sense turns its kernel round.
    if kernel > 1 and shape > (1, 1):
        assert np.abs(feature_maps(x, weight[::-1, ::-1], bias) - z).max() > 1


def test_band_ends_are_table_1_rates():
    low, high = current_band()
    assert TABLE_1.R * low == pytest.approx(4.963, abs=1e-3)
    assert TABLE_1.R * high == pytest.approx(10.508, abs=1e-3)
    np.testing.assert_allclose(firing_rate(np.array([low, high])), [100, 200], rtol=1e-14)


def test_encoder_clips_and_spans_the_band():
    low, high = current_band()
    np.testing.assert_allclose(
        encode(np.array([-3, 0, 0.5, 1, 7.0])),
        [low, low, (low + high) / 2, high, high],
        rtol=1e-15,
    )
    u = normalise(firing_rate(encode(np.linspace(0, 1, 101))))
    assert abs(u[0]) < 1e-12
    assert abs(u[-1] - 1) < 1e-12
    assert (np.diff(u) > 0).all()
    assert (u[1:-1] > np.linspace(0, 1, 101)[1:-1]).all()  # concave


def test_encoder_gradient_agrees_with_central_differences():
    rng = np.random.default_rng(2)
    z = rng.uniform(0.01, 0.99, (5, 7))
    du, step = rng.standard_normal(z.shape), 1e-6

    def u(z):
        return normalise(firing_rate(encode(z)))

    numeric = du * (u(z + step) - u(z - step)) / (2 * step)
    np.testing.assert_allclose(encoder_backward(z, du), numeric, rtol=1e-6)


def test_clipped_features_get_the_slope_asked_for():
    z = np.array([-0.5, 0.0, 1.0, 1.5])
    exact = encoder_backward(z, np.ones(4))
    assert exact[[0, 3]].tolist() == [0, 0]
    leaky = encoder_backward(z, np.ones(4), clip_slope=0.1)
    np.testing.assert_allclose(leaky, [0.1 * exact[1], exact[1], exact[2], 0.1 * exact[2]])


def test_encoding_keeps_single_precision():
    z = np.random.default_rng(3).random((4, 4)).astype(np.float32)
    u = normalise(firing_rate(encode(z)))
    assert encode(z).dtype == u.dtype == encoder_backward(z, u).dtype == np.float32


def test_currents_invert_rates():
    rates = np.linspace(100, 200, 11)
    np.testing.assert_allclose(firing_rate(current_for_rate(rates)), rates, rtol=1e-13)


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
