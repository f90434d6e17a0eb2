"""Image files are decoded in strips that neither show nor take much memory."""

import numpy as np
import pytest
from helpers import photograph
from peak_memory import peak_bytes
from PIL import Image

from bio_scnn.data.codecs import load_pixels


def test_reading_needs_little_more_than_the_picture(tmp_path):
    path = tmp_path / "large.png"
    Image.fromarray(np.tile(photograph(100, 100), (20, 30, 1))).save(path)
    read = []
    assert peak_bytes(lambda: read.append(load_pixels(path, strip=2**16))) < 1.2 * read[0].nbytes
    with Image.open(path) as opened:
        np.testing.assert_array_equal(read[0], np.array(opened))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_strips_do_not_show(tmp_path, mode, orientation):
    path = tmp_path / ("picture.jpg" if mode == "CMYK" else "picture.png")
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(photograph(37, 23)).convert(mode).save(path, exif=exif)
    whole = load_pixels(path)
    assert whole.shape[:2] == ((37, 23) if orientation == 1 else (23, 37))
    strips = load_pixels(path, strip=100)
    assert strips.dtype == whole.dtype
    np.testing.assert_array_equal(strips, whole)
