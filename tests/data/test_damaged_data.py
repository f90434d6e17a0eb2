"""Damage in fax, PackBits, JPEG and WebP data is told or refused; whole files are neither."""

import io
import struct

import numpy as np
import pytest
import tifffile
from helpers import photograph
from PIL import Image

from bio_scnn import InputError
from bio_scnn.data.ends import webp_is_damaged
from bio_scnn.data.pictures import read_picture

DRAWN = photograph(80, 120)[..., 0] > 120
FLAT = np.kron(photograph(10, 15)[..., 0], np.ones((8, 8), np.uint8))


def stored(image, **options):
    file = io.BytesIO()
    Image.fromarray(image).save(file, **options)
    return file.getvalue()


def place(data):
    """Start of the first strip of a page and end of the last, in bytes."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        return page.dataoffsets[0], page.dataoffsets[-1] + page.databytecounts[-1]


def said(path, data):
    """Everything that is said of a file: a refusal, or doubts."""
    path.write_bytes(data)
    try:
        return " ".join(read_picture(path).doubts)
    except InputError as error:
        return str(error)


def damages(data, start, end, seed=0):
    """Copies with zeros, noise or a flipped bit somewhere."""
    rng = np.random.default_rng(seed)
    for at in rng.integers(start + 4, end - 40, 12):
        yield data[:at] + bytes(30) + data[at + 30 :]
        yield data[:at] + rng.integers(0, 256, 30, np.uint8).tobytes() + data[at + 30 :]
        yield data[:at] + bytes([data[at] ^ 1 << int(rng.integers(8))]) + data[at + 1 :]


@pytest.mark.sweep(2)
@pytest.mark.parametrize("options", [{}, {278: 16}, {266: 2}])
@pytest.mark.parametrize("compression", ["group3", "tiff_ccitt"])
def test_damaged_rows_of_a_fax_are_told(compression, options, tmp_path):
    path = tmp_path / "a.tif"
    data = stored(DRAWN, format="TIFF", compression=compression, tiffinfo=options)
    assert said(path, data) == ""
    right, wrong = read_picture(path).pixels, 0
    for copy in damages(data, *place(data)):
        told = said(path, copy)
        if "fax data are damaged" in told or "end before" in told or "decoder error" in told:
            wrong += 1
        else:  # a code of another that is as long
            assert told == ""
            assert (read_picture(path).pixels != right).any(axis=1).sum() <= 1
    assert wrong >= 34


@pytest.mark.parametrize("options", [1, 4, 5])
def test_a_fax_with_filled_rows_or_rows_told_by_others_is_whole(options, tmp_path):
    data = stored(DRAWN, format="TIFF", compression="group3", tiffinfo={292: options})
    assert said(tmp_path / "a.tif", data) == ""


def packbits_page(strips, rows, width, each):
    """A grey TIFF file of given PackBits strips of so many rows each."""
    entries = {
        256: width, 257: rows, 258: 8, 259: 32773, 262: 1, 273: 0, 277: 1, 278: each, 279: 0,
    }  # fmt: skip
    lists = 10 + 12 * len(entries) + 4
    start, sizes = lists + 8 * len(strips), [*map(len, strips)]
    starts = start + np.cumsum([0, *sizes[:-1]])
    many = len(strips) > 1
    entries |= {273: lists if many else start, 279: lists + 4 * len(strips) if many else sizes[0]}
    table = b"".join(
        struct.pack("<HHII", tag, 4, len(strips) if tag in (273, 279) else 1, value)
        for tag, value in sorted(entries.items())
    )
    parts = [b"II*\0", struct.pack("<IH", 8, len(entries)), table, bytes(4)]
    parts += [np.asarray(numbers, "<u4").tobytes() for numbers in (starts, sizes)]
    return b"".join([*parts, *strips])


ROW = bytes([256 - 9, 7, 2, 1, 2, 3, 256 - 2, 9])  # ten times 7, three bytes, three times 9


@pytest.mark.parametrize(
    ("strips", "told"),
    [
        ([4 * ROW, 2 * ROW], ""),
        ([4 * ROW, 4 * ROW], ""),  # some encoders fill up the last strip
        ([4 * ROW + b"\x80", 2 * ROW + b"\x80\0"], ""),  # and others to whole words
        ([4 * ROW, ROW + ROW[:-2]], "end before"),
        ([3 * ROW, 2 * ROW], "end before"),
        ([4 * ROW, ROW + b"\xf8" + ROW[1:]], "end before"),
        ([4 * ROW, b"\xf0" + ROW[1:] + ROW], "damaged in strip 2 of 2"),
        ([3 * ROW + b"\xf4" + ROW[1:], 2 * ROW], "damaged in strip 1 of 2"),
        ([5 * ROW, 3 * ROW], "damaged in strip 1 of 2 and 1 more"),
    ],
)
def test_packbits_of_another_length_is_told(strips, told, tmp_path):
    found = said(tmp_path / "a.tif", packbits_page(strips, 6, 16, 4))
    if not told:
        assert found == ""
        row = [7] * 10 + [1, 2, 3] + [9] * 3
        assert (read_picture(tmp_path / "a.tif").pixels == row).all()
    else:
        assert "PackBits data" in found
        assert told in found


@pytest.mark.sweep(2)
@pytest.mark.parametrize("image", [FLAT, DRAWN, photograph()])
def test_packbits_of_libtiff_are_whole(image, tmp_path):
    for rows in (1, 7, 80):
        options = {"format": "TIFF", "compression": "packbits", "tiffinfo": {278: rows}}
        assert said(tmp_path / "a.tif", stored(image, **options)) == ""


def test_damaged_jpeg_strips_are_told(tmp_path):
    path = tmp_path / "a.tif"
    data = stored(photograph(96, 120), format="TIFF", compression="jpeg", tiffinfo={278: 32})
    assert said(path, data) == ""
    start, end = place(data)
    faults = [said(path, copy) for copy in damages(data, start, end)]
    assert sum("its JPEG data are damaged in strip" in told for told in faults) > 3
    assert np.mean([told != "" for told in faults]) > 0.3


@pytest.mark.sweep(2)
@pytest.mark.parametrize("options", [{"quality": 80}, {"quality": 30}, {"lossless": True}])
@pytest.mark.parametrize("alpha", [False, True])
def test_damage_in_webp_data_is_told(options, alpha, tmp_path):
    image = photograph(96, 120)
    if alpha:
        soft = (np.indices(image.shape[:2]).sum(axis=0) % 256).astype(np.uint8)
        image = np.dstack([image, soft])
    data = stored(image, format="WEBP", **options)
    assert said(tmp_path / "a.webp", data) == ""
    begin = data.index(b"VP8", 20 if alpha else 12) if not options.get("lossless") else 40
    faults = [said(tmp_path / "a.webp", copy) for copy in damages(data, begin + 8, len(data))]
    assert all(
        "WebP data are damaged" in told or "not a readable" in told for told in faults if told
    )
    least = 0.3 if options.get("lossless") else 0.9
    assert np.mean([told != "" for told in faults]) >= least


def test_frames_and_alpha_of_webp_files_are_looked_at():
    image = photograph(64, 64)
    frames = [Image.fromarray(np.roll(image, shift, axis=1)) for shift in (0, 9)]
    file = io.BytesIO()
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:], quality=80)
    data = file.getvalue()
    assert not webp_is_damaged(data)
    at = data.rindex(b"VP8 ") + 300
    assert webp_is_damaged(data[:at] + bytes(60) + data[at + 60 :])
    soft = np.indices(image.shape[:2]).sum(axis=0).astype(np.uint8)
    data = stored(np.dstack([image, soft ^ image[..., 0] & 7]), format="WEBP", quality=80)
    start = data.index(b"ALPH") + 8
    assert not webp_is_damaged(data)
    copies = damages(data, start, data.index(b"VP8 ", start))
    assert sum(webp_is_damaged(copy) for copy in copies) > 4
