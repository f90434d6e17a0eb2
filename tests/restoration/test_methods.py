"""Methods that are compared, against the fills they are made of."""

import numpy as np
import pytest
from helpers import hole, photograph, random_model

from bio_scnn import inpaint
from bio_scnn.network.fills import biharmonic_fill, harmonic_fill, mean_fill
from bio_scnn.network.options import SpikingOptions
from bio_scnn.restoration.methods import CLASSICAL, REFERENCE, classical, mean_of_fills, network

FILLS = {"mean of known pixels": mean_fill, "harmonic": harmonic_fill, REFERENCE: biharmonic_fill}


@pytest.mark.parametrize("name", FILLS)
@pytest.mark.parametrize("grey", [False, True])
def test_classical_fills_of_8_bit_pictures(name, grey):
    image, mask = photograph(), hole()
    image = image[..., 0] if grey else image
    expected = FILLS[name]((image / 255).reshape(*mask.shape, -1), mask).reshape(image.shape)
    found = classical(CLASSICAL[name])(image, mask)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, np.rint(255 * expected.clip(0, 1)))
    assert (found[mask] != image[mask]).mean() > 0.5
    np.testing.assert_array_equal(image, photograph()[..., 0] if grey else photograph())


def test_floats_of_any_range_keep_it():
    image, mask = photograph() * 40.0 - 300, hole()
    found = classical(CLASSICAL["harmonic"])(image, mask)
    np.testing.assert_allclose(found, harmonic_fill(image, mask), rtol=0, atol=1e-8)


def test_the_mean_is_taken_before_rounding():
    image, mask = photograph(), hole()
    unit = image / 255
    expected = 255 * (harmonic_fill(unit, mask) + biharmonic_fill(unit, mask)) / 2
    np.testing.assert_array_equal(classical(mean_of_fills)(image, mask), np.rint(expected))


def test_a_network_is_its_restoration():
    model, options = random_model(), SpikingOptions(engine="closed-form")
    image, mask = photograph(), hole()
    expected = inpaint(
        image, mask, channel_axis=-1, model=model, quality="best", engine="closed-form"
    )
    np.testing.assert_array_equal(network(model, options, "best")(image, mask), expected)
