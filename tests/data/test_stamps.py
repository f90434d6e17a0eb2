"""Stamps in image files: found again, only while the file is complete; pixels are the same."""

import io

import numpy as np
import pytest
from helpers import photograph
from PIL import Image

from bio_scnn.data.stamps import same_but_stamp, settings_of, stamped

ONE, TWO = "0f" * 32, "a1" * 32
FORMATS = {
    "PNG": {}, "JPEG": {}, "WEBP": {"lossless": True}, "TIFF": {}, "BMP": {}, "PPM": {},
}  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
def test_a_stamp_in_a_file(form):
    buffer = io.BytesIO()
    Image.fromarray(photograph(30, 41)).save(buffer, form, **FORMATS[form])
    data = buffer.getvalue()
    assert settings_of(data) is None
    marked = stamped(data, ONE)
    assert settings_of(marked) == ONE
    assert same_but_stamp(marked, data)
    assert same_but_stamp(marked, stamped(data, TWO))
    assert not same_but_stamp(marked, stamped(data + b"x", ONE))
    with Image.open(io.BytesIO(marked)) as image, Image.open(io.BytesIO(data)) as before:
        np.testing.assert_array_equal(np.asarray(image), np.asarray(before))
    for broken in (marked[:-1], marked[: len(marked) // 2], b""):
        assert settings_of(broken) is None
    for place in range(0, len(data), 101):
        flipped = bytearray(marked)
        flipped[place] ^= 4
        assert settings_of(bytes(flipped)) != ONE


def test_a_stamp_that_came_with_the_picture_is_not_ours():
    buffer = io.BytesIO()
    Image.fromarray(photograph(30, 41)).save(buffer, "PNG")
    twice = stamped(stamped(buffer.getvalue(), TWO), ONE)
    assert settings_of(twice) == ONE
