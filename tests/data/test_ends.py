"""JPEG and fax data that end early are refused, whole ones never; libtiff prints nothing."""

import io
import os
import re
import struct
import sys
import threading

import numpy as np
import pytest
import tifffile
from helpers import photograph
from PIL import Image

from bio_scnn import InputError
from bio_scnn.data.ends import jpeg_fault
from bio_scnn.data.images import read_image
from bio_scnn.data.pictures import read_picture
from bio_scnn.restoration.job import prepare
from bio_scnn.restoration.request import Request
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
            assert jpeg_fault(data) == ""
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


def damaged(data, how):
    """A JPEG file with damage in the middle of its last scan."""
    start = data.rindex(b"\xff\xda") + 14
    at = start + (len(data) - start) // 2
    return {
        "zeros": data[:at] + bytes(40) + data[at + 40 :],
        "noise": data[:at] + bytes(range(50, 90)) + data[at + 40 :],
        "lost": data[:at] + data[at + 40 :],
        "twice": data[:at] + data[at - 40 : at] + data[at:],
        "a marker": data[:at] + b"\xff\x17" + data[at + 2 :],
    }[how]


@pytest.mark.parametrize("how", ["zeros", "noise", "lost", "twice", "a marker"])
@pytest.mark.parametrize("options", WAYS)
def test_damage_in_the_middle_is_told(options, how, tmp_path):
    image = photograph(64, 96)
    data = damaged(jpeg(Image.fromarray(image), **{"quality": 97} | options), how)
    mask = np.zeros((64, 96), np.uint8)
    mask[10:14, 10:60] = 255
    Image.fromarray(mask).save(tmp_path / "m.png")
    (tmp_path / "bad.jpg").write_bytes(data)
    request = Request(mask=tmp_path / "m.png", output=tmp_path)
    try:
        warnings = prepare(tmp_path / "bad.jpg", request).warnings
    except InputError as error:
        told = str(error)
    else:
        (told,) = warnings or ("",)
    if jpeg_fault(data) == "":  # as many blocks as there were: their decoder cannot know
        assert how != "a marker"
        assert told == ""
    else:
        assert re.search(r"bad\.jpg: (its JPEG data|not a readable image)", told)


def test_most_damage_is_told():
    data, rng = jpeg(Image.fromarray(photograph(96, 96)), quality=95), np.random.default_rng(1)
    start = data.rindex(b"\xff\xda") + 14
    faults = []
    for at in rng.integers(start, len(data) - 200, 40):
        noise = rng.integers(0, 255, 60, np.uint8).tobytes()
        for instead in (noise, b""):
            faults.append(jpeg_fault(data[:at] + instead + data[at + 60 :]))
    assert np.mean([fault != "" for fault in faults]) > 0.6
    assert {"early", "damaged"} <= {*faults}


@pytest.mark.parametrize("kind", [b"tEXt", b"IDAT", b"gAMA", b"IEND"])
@pytest.mark.parametrize("where", ["before", "after"])
def test_wrong_checksums_of_png_files_are_told(kind, where, tmp_path):
    contents = {b"tEXt": b"Title\0damaged", b"gAMA": bytes(4)}
    file = io.BytesIO()
    Image.fromarray(photograph()).save(file, "PNG")
    data = file.getvalue()
    if kind in contents:
        chunk = struct.pack(">I", len(contents[kind])) + kind + contents[kind] + b"none"
        at = 33 if where == "before" else data.rindex(b"IEND") - 4
        data = data[:at] + chunk + data[at:]
    else:
        end = data.rindex(b"IEND") - 4 if kind == b"IDAT" else len(data)
        data = data[: end - 1] + bytes([data[end - 1] ^ 1]) + data[end:]
    (tmp_path / "a.png").write_bytes(data)
    page = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(page.pixels, photograph())
    assert kind.decode() in page.doubts[0]
    assert not page.metadata.chunks
    (tmp_path / "a.png").write_bytes(data[:29] + b"none" + data[33:])
    with pytest.raises(InputError, match=r"a\.png: its chunk IHDR is damaged"):
        read_picture(tmp_path / "a.png")


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_strips_that_are_missing_are_refused(compression, tmp_path):
    path = tmp_path / "a.tif"
    for tag in (273, 279):  # where they are, and how long
        tifffile.imwrite(path, photograph(), rowsperstrip=20, compression=compression)
        with tifffile.TiffFile(path) as file:
            place = file.pages[0].tags[tag]
            at, each = place.valueoffset, {3: 2, 4: 4}[place.dtype]
        data = bytearray(path.read_bytes())
        data[at + 2 * each : at + 3 * each] = bytes(each)
        path.write_bytes(data)
        with pytest.raises(InputError, match=r"its strip 3 of 5 is missing"):
            read_image(path)


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
        for filler in (b"\0",) if compression == "group4" else (b"\0", b"\xff"):  # ones are code
            filled = filling.replace(b"\0", filler)
            path.write_bytes(data[:kept] + end + filled + data[start + size :])
            with pytest.raises(InputError, match=r"a\.tif: .*(end before|damaged|decoder error)"):
                read_image(path)
    if compression in ("group4", "tiff_ccitt"):
        path.write_bytes(data[: start + 60] + bytes(30) + data[start + 90 :])
        with pytest.raises(InputError, match="fax data are damaged"):
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
