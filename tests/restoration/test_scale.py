"""Scales of pictures of any range, and pixels that hold no data."""

import numpy as np
import pytest
import tifffile
from helpers import hole, photograph, random_model

from bio_scnn import InputError, inpaint
from bio_scnn.data.nodata import no_data, stored_nodata
from bio_scnn.network.fills import fill, harmonic_values
from bio_scnn.restoration.scale import (
    Scale,
    constant_channels,
    scale_of,
    type_scale,
    unit_limits,
)

NONE = np.zeros((96, 80), bool)


@pytest.mark.parametrize("span", [1e-300, 1e-12, 1e-3, 0.1, 7.0, 1e6, 1e300])
@pytest.mark.parametrize("low", [0.0, -3.0, 0.5])
def test_floats_are_scaled_by_their_own_range(span, low):
    if span < 1e-12 and low:
        pytest.skip("is below the precision of the others")
    image = low + span * (photograph() / 255)
    scale = scale_of(image, hole())
    known = image[~hole()]
    assert scale == (known.min(), known.max() - known.min())
    unit = scale.to_unit(known)
    assert unit.min() == 0
    assert unit.max() == pytest.approx(1)


def test_eight_bits_in_sixteen():
    image = photograph().astype(np.uint16)
    scale = scale_of(image, NONE)
    assert scale == (0, 255)
    assert scale_of(photograph(), NONE) == (0, 255)
    assert scale_of(photograph().astype(np.uint16) * 257, NONE) == (0, 65535)
    bright = image.copy()
    bright[0, 0] = 65535  # a hot pixel is no reason to flatten the others
    low, span = scale_of(bright, NONE)
    assert 100 < low + span < 256
    assert unit_limits(bright, NONE, Scale(low, span))[1] == pytest.approx((65535 - low) / span)


def test_the_types_range_where_it_is_used():
    for image in (photograph(), photograph() / 255, photograph() > 99):
        assert scale_of(image, NONE) == type_scale(image.dtype)
        assert unit_limits(image, NONE, type_scale(image.dtype)) == (0, 1)
    flat = np.full((96, 80), 40, np.uint16)
    assert scale_of(flat, NONE) == (0, 255)


@pytest.mark.parametrize("size", [1e-6, 1e-3, 1e5])
def test_a_restoration_scales_with_the_picture(size):
    model = random_model()
    image, mask = photograph()[..., 0] / 255, hole()
    known = image[~mask]
    image = (image - known.min()) / (known.max() - known.min())
    expected = inpaint(image, mask, model=model, engine="closed-form")
    found = inpaint(image * size, mask, model=model, engine="closed-form")
    np.testing.assert_allclose(found / size, expected, rtol=0, atol=1e-9)
    assert (found[~mask] == image[~mask] * size).all()


NO_DATA = [np.nan, np.inf, -np.inf, -3.4028234663852886e38, 1e20, -9999.0, -32768.0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("value", NO_DATA)
def test_what_holds_no_data_is_left_out_and_stays(value, dtype):
    model = random_model()
    image, mask = photograph()[..., 0].astype(dtype) + 300, hole()
    empty = np.zeros(mask.shape, bool)
    empty.flat[np.flatnonzero(~mask)[::97]] = True
    spoilt = np.where(empty, np.array(value, dtype), image)
    np.testing.assert_array_equal(no_data(spoilt, missing=mask), empty)
    found = inpaint(spoilt, mask, model=model, engine="closed-form")
    np.testing.assert_array_equal(found[~mask], spoilt[~mask])
    # As if those pixels were missing, too.
    expected = inpaint(image, mask | empty, model=model, engine="closed-form")
    np.testing.assert_array_equal(found[mask], expected[mask])


def test_a_value_that_is_named():
    image = photograph()[..., 0].astype(np.float64)
    image[5:9, 5:9] = 7.25
    found = no_data(image, 7.25)
    np.testing.assert_array_equal(found, image == 7.25)
    assert no_data(image) is None
    colours = photograph()
    colours[3, 4], colours[6, 7] = (0, 0, 0), (0, 9, 0)
    found = no_data(colours, 0)
    assert found[3, 4]
    assert not found[6, 7]
    assert no_data(colours, 0.5) is None
    assert no_data(colours, 1e9) is None
    found = inpaint(image, hole(), model=random_model(), engine="closed-form", nodata=7.25)
    empty = (image == 7.25) & ~hole()
    expected = inpaint(image, hole() | empty, model=random_model(), engine="closed-form")
    np.testing.assert_array_equal(found[hole()], expected[hole()])


def test_codes_among_the_values_are_values():
    image = np.linspace(-12000, 3000, 96 * 80).reshape(96, 80)
    image[40, 40] = -9999.0
    assert no_data(image) is None
    depths = np.full((20, 20), -32000.0)
    depths[0] = np.linspace(-40000, -30000, 20)
    assert no_data(depths) is None


def test_no_other_values_are_refused():
    image = np.full((20, 20), np.nan)
    mask = np.zeros((20, 20), bool)
    mask[4:8] = True
    with pytest.raises(InputError, match="all 320 known values of the image are NaN, infinite"):
        inpaint(image, mask, model=random_model())
    huge = np.full((20, 20), 1.7e308)
    huge[::2] = -1.7e308
    with pytest.raises(InputError, match="--nodata VALUE"):
        inpaint(huge, mask, model=random_model())


def test_a_tiff_names_its_own(tmp_path):
    tag = [(42113, "s", 0, "-9999", True)]
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 5), np.float32), extratags=tag)
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((4, 5), np.float32))
    (tmp_path / "c.tif").write_bytes(b"II*\0broken")
    assert stored_nodata(tmp_path / "a.tif") == -9999
    for name in ("b.tif", "c.tif", "none.tif"):
        assert stored_nodata(tmp_path / name) is None


@pytest.mark.parametrize("known", [0.02, 0.1])
def test_sparse_pixels_are_enough(known):
    image = photograph()[..., 0] / 255
    mask = np.random.default_rng(3).random(image.shape) > known
    found = inpaint(image, mask, quality="fast")
    other = fill(np.where(mask, 0, image)[..., None], mask, harmonic_values)[..., 0]

    def error(restored):
        return np.mean((restored - image)[mask] ** 2)

    assert error(found) < 1.1 * error(other)
    assert error(found) < 0.5 * np.var(image)


@pytest.mark.parametrize("value", [0.0, 1e-20, -7.5, 0.3, 255.0, 1e38])
def test_a_picture_of_one_value_stays_one(value):
    image = np.full((30, 40), value)
    image[10:20, 10:30] = np.nan
    image[0, 0] = np.inf  # holds no data
    restored = inpaint(image, np.isnan(image), model=random_model(), quality="fast")
    assert restored[0, 0] == np.inf
    restored[0, 0] = value
    assert (restored == value).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_one_known_pixel_is_all_there_is(dtype):
    image, mask = np.zeros((20, 30, 3), dtype), np.ones((20, 30), bool)
    mask[7, 9], image[7, 9] = False, np.array([200, 7, 0]).astype(dtype)
    restored = inpaint(image, mask, channel_axis=-1, model=random_model(), quality="fast")
    assert (restored == image[7, 9]).all()


def test_a_channel_of_one_value_is_found_where_it_is():
    image = np.dstack([photograph()[..., :2], np.full(hole().shape, 9, np.uint8)])
    image[hole()] = 77
    assert constant_channels(image, hole()) == {2: 9}
    image[-1, 0] = 8  # in a row that is not looked at first
    assert constant_channels(image, hole()) == {}
