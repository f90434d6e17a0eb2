"""Types of numbers in pictures, and bits below eight or between eight and sixteen."""

import struct

import numpy as np
import pytest
import tifffile
from helpers import photograph
from picture_files import KNOWN, png_of_bits, tiff, written
from PIL import Image

from bio_scnn import InputError
from bio_scnn.data.images import read_image
from bio_scnn.data.pictures import read_picture


@pytest.mark.parametrize("compression", [None, "zlib", "tiff_lzw"])
@pytest.mark.parametrize(
    "dtype", ["int8", "int16", "int32", "uint32", "int64", "uint64", "float16", "float64"]
)
def test_numbers_of_every_type(tmp_path, dtype, compression):
    rng = np.random.default_rng(4)
    if dtype.startswith("float"):
        values = rng.random((96, 80)).astype(dtype)
    else:
        limits = np.iinfo(dtype if dtype[-2:] != "64" else f"{dtype[:-2]}32")
        values = rng.integers(limits.min, limits.max, (96, 80), dtype, endpoint=True)
    path = tmp_path / "a.tif"
    if compression == "tiff_lzw":
        if dtype != "int32":
            pytest.skip("Pillow writes no other of these")
        Image.fromarray(values).save(path, compression=compression)
    else:
        tifffile.imwrite(path, values, compression=compression, photometric="minisblack")
    page = read_picture(path)
    assert page.pixels.dtype.kind == "f"
    np.testing.assert_array_equal(page.pixels, values)
    target, _ = written(path)
    _, again = tiff(target)
    assert again.dtype == dtype
    np.testing.assert_array_equal(again[KNOWN], values[KNOWN])
    expected = np.rint(0.3) if not dtype.startswith("float") else 0.3
    np.testing.assert_allclose(again[~KNOWN], expected, rtol=1e-3)
    if not dtype.startswith("float"):
        with pytest.raises(InputError, match=f"has {dtype} pixels"):
            read_image(path)


@pytest.mark.parametrize("dtype", ["int64", "uint64", "complex64"])
def test_numbers_that_cannot_be_worked_on_are_refused(tmp_path, dtype):
    values = np.full((9, 9), 2**53 + 1, dtype)  # of integers the first that no float is
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack")
    with pytest.raises(InputError, match=rf"a\.tif: has {dtype} pixels; expected"):
        read_picture(tmp_path / "a.tif")


def test_greys_of_few_bits(tmp_path):
    values = photograph()[..., 0] >> 4
    png_of_bits(tmp_path / "a.png", values, 4)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), values * 17)
    target, lost = written(tmp_path / "a.png")
    assert lost == ["its 4 bits a pixel, written as 8"]
    np.testing.assert_array_equal(read_image(target)[KNOWN], values[KNOWN] * 17)


def twelve_bits(path, values):
    """An uncompressed TIFF file of 12 bits a sample, made by hand."""
    pairs = values.reshape(len(values), -1, 2).astype(np.uint32)
    both = (pairs[..., 0] << 12) | pairs[..., 1]
    data = np.stack([both >> 16, both >> 8 & 255, both & 255], axis=-1).astype(np.uint8).tobytes()
    height, width = values.shape
    tags = [
        (256, 4, width), (257, 4, height), (258, 3, 12), (259, 3, 1), (262, 3, 1), (273, 4, 200),
        (277, 3, 1), (278, 4, height), (279, 4, len(data)),
    ]  # fmt: skip
    entries = b"".join(
        struct.pack("<HHI", code, kind, 1) + struct.pack("<I", value) for code, kind, value in tags
    )
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)
    path.write_bytes(head.ljust(200, b"\0") + data)


def test_twelve_bits_are_white_where_they_were(tmp_path):
    values = photograph()[..., 0].astype(np.uint16) * 16 + 15
    twelve_bits(tmp_path / "a.tif", values)
    expected = np.rint(values / 4095 * 65535)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), expected)
    target, lost = written(tmp_path / "a.tif")
    assert lost == ["its 12 bits a sample, written as 16"]
    np.testing.assert_array_equal(read_image(target)[KNOWN], expected[KNOWN])
