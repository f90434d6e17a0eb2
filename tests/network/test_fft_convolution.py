"""The convolution in front of the neurons against direct sums and matrix products."""

import numpy as np
import pytest
from scipy import ndimage

from bio_scnn.network.conv2d import conv2d
from bio_scnn.network.fft_convolution import feature_maps


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
