"""Pictures scaled to [0, 1] and back."""

import numpy as np
import pytest
from helpers import hole, photograph

from bio_scnn.restoration.orientation import orientations
from bio_scnn.restoration.picture import UnitPicture
from bio_scnn.restoration.scale import scale_of


def test_scaled_where_looked_at():
    image, mask = np.float32(1000) * photograph(40, 30) - 7, hole(40, 30)
    image[mask] = np.nan
    scale = scale_of(image, mask)
    low, span = scale
    assert (low, low + span) == (image[~mask].min(), image[~mask].max())
    expected = (image.astype(float) - low) / span
    expected[mask] = 0
    picture = UnitPicture(image, mask, scale)
    assert picture.shape == image.shape
    rows, columns = np.nonzero(mask | ~mask)
    for where in (slice(3, 30), (slice(5, 9), slice(20)), (rows[::7], columns[::7])):
        np.testing.assert_array_equal(picture[where], expected[where])
    for turn in orientations("best"):
        np.testing.assert_array_equal(
            picture.turned(turn)[4:20, 3:11], turn.view(expected)[4:20, 3:11]
        )


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "uint32", "float32", "float64"])
def test_values_come_back_from_the_unit_range(dtype):
    image = (photograph(20, 30) > 99) if dtype == "bool" else photograph(20, 30).astype(dtype)
    scale = scale_of(image, hole(20, 30))
    unit = scale.to_unit(image)
    assert unit.dtype == (dtype if dtype.startswith("float") else "float64")
    if not dtype.startswith("float"):
        white = 1 if dtype == "bool" else 255  # the fewest bits that hold them, 8 at least
        np.testing.assert_array_equal(unit, image / np.float64(white))
    back = scale.from_unit(unit, dtype)
    assert back.dtype == dtype
    np.testing.assert_allclose(back, image, rtol=0, atol=1e-4 if dtype == "float32" else 1e-9)


@pytest.mark.parametrize(
    ("dtype", "largest", "bits"),
    [
        ("uint8", 3, 8), ("uint16", 3, 8), ("uint16", 255, 8), ("uint16", 256, 9),
        ("uint16", 4095, 12), ("uint16", 65535, 16), ("uint32", 65536, 17),
        ("uint32", 2**32 - 1, 32),
    ],
)  # fmt: skip
def test_integers_are_scaled_by_the_bits_that_they_use(dtype, largest, bits):
    image, mask = np.zeros((50, 40, 3), dtype), hole(50, 40)
    image[7, 3, 1] = largest
    image[mask] = np.iinfo(dtype).max  # is not looked at
    assert scale_of(image, mask) == (0.0, 2.0**bits - 1)


def test_floats_in_the_unit_range_are_left_as_they_are():
    image, mask = photograph(20, 30) / 255, hole(20, 30)
    image[mask] = 1e9  # is not looked at
    assert scale_of(image, mask) == (0.0, 1.0)
    image[~mask] = 0.5
    assert scale_of(image, mask) == (0.0, 1.0)
    image[~mask] = 7.0
    assert scale_of(image, mask) == (7.0, 1.0)  # of no span
