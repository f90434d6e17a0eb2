"""JPEG and fax data that end early are refused, whole ones never; libtiff prints nothing."""

import io
import os
import sys
import threading

import numpy as np
import pytest
import tifffile
from helpers import photograph
from PIL import Image

from bio_scnn import InputError
from bio_scnn.data.ends import jpeg_ends_early
from bio_scnn.data.images import read_image
from bio_scnn.runtime.printed import printed_lines

FAX = ("group3", "group4", "tiff_ccitt")
WAYS = (
    {},
    {"progressive": True},
    {"optimize": True, "quality": 40},
    {"restart_marker_blocks": 3},
    {"progressive": True, "restart_marker_rows": 1},
)


def jpeg(image, **options):
    file = io.BytesIO()
    image.save(file, "JPEG", **{"quality": 90} | options)
    return file.getvalue()


def ended(data, part):
    """A JPEG file whose last scan ends after a part, with the marker of the end."""
    start = data.rindex(b"\xff\xda") + 14
    return data[: start + int(part * (len(data) - start - 2))] + b"\xff\xd9"


@pytest.mark.parametrize("options", WAYS)
@pytest.mark.parametrize("shape", [(40, 72), (1, 1)])
def test_whole_jpeg_files_are_read(shape, options, tmp_path):
    for kind in ("RGB", "L", "CMYK"):
        pixels = np.full((*shape, 3), 128, np.uint8)  # the very grey that decoders fill in
        for image in (Image.fromarray(pixels), photograph(*shape)):
            if not isinstance(image, Image.Image):
                image = Image.fromarray(image)
            data = jpeg(image.convert(kind), **options)
            assert not jpeg_ends_early(data)
            (tmp_path / "a.jpg").write_bytes(data + b"what a camera appends \xff\xd9")
            assert read_image(tmp_path / "a.jpg").shape[:2] == shape


@pytest.mark.parametrize("options", WAYS)
@pytest.mark.parametrize("part", [0.2, 0.95])
def test_jpeg_files_that_end_early_are_refused(options, part, tmp_path):
    image = Image.fromarray(photograph(64, 96))
    data = ended(jpeg(image, **options), part)
    assert np.asarray(Image.open(io.BytesIO(data))).shape == (64, 96, 3)  # Pillow says nothing
    (tmp_path / "half.jpg").write_bytes(data)
    with pytest.raises(InputError, match=r"half\.jpg: its JPEG data end before the last row"):
        read_image(tmp_path / "half.jpg")


def test_progressive_files_that_lack_their_last_scans_are_refused(tmp_path):
    data = jpeg(Image.fromarray(photograph(64, 96)), progressive=True)
    (tmp_path / "coarse.jpg").write_bytes(data[: data.rindex(b"\xff\xda")] + b"\xff\xd9")
    with pytest.raises(InputError, match="end before"):
        read_image(tmp_path / "coarse.jpg")


def page(path, image, compression):
    """Save a page, and tell where its last strip is."""
    image.save(path, compression=compression)
    with tifffile.TiffFile(path) as file:
        return file.pages[0].dataoffsets[-1], file.pages[0].databytecounts[-1]


@pytest.mark.parametrize("compression", [*FAX, "jpeg"])
def test_strips_that_end_early_are_refused_and_nothing_is_printed(compression, tmp_path, capfd):
    drawn = Image.fromarray(np.where(photograph(80, 120)[..., 0] > 120, 255, 0).astype(np.uint8))
    image = drawn.convert("1") if compression in FAX else Image.fromarray(photograph(80, 120))
    path = tmp_path / "a.tif"
    start, size = page(path, image, compression)
    whole = read_image(path)
    assert whole.shape[:2] == (80, 120)
    if compression in FAX:
        np.testing.assert_array_equal(whole, np.asarray(image.convert("L")))
    data = path.read_bytes()
    for part in (0.3, 0.8):
        kept = start + int(part * size)
        end = b"\xff\xd9" if compression == "jpeg" else b""
        filling = bytes(start + size - kept - len(end))
        if compression == "tiff_ccitt":  # whose rows may end in zeros
            filling = b"\xff" * len(filling)
        path.write_bytes(data[:kept] + end + filling + data[start + size :])
        with pytest.raises(InputError, match=r"a\.tif: .*(end before|damaged|decoder error)"):
            read_image(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("compression", FAX)
@pytest.mark.parametrize("value", [0, 255])
def test_a_blank_fax_is_whole(compression, value, tmp_path):
    page(tmp_path / "blank.tif", Image.new("1", (130, 90), value), compression)
    assert (read_image(tmp_path / "blank.tif") == value).all()


def test_lines_of_others_are_passed_on(capfd):
    with printed_lines() as lines:
        os.write(2, b"LZWDecode: Using code not yet in table.\n")
        other = threading.Thread(target=lambda: print("three of four done", file=sys.__stderr__))
        other.start()
        other.join()
        os.write(2, b"half a line")
    assert lines == ["LZWDecode: Using code not yet in table."]
    assert "half a line" in capfd.readouterr().err
