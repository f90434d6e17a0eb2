"""Declared sizes are checked before anything of that size is made; an option lifts the limit."""

import struct
import zlib

import numpy as np
import pytest
import tifffile
from helpers import photograph
from peak_memory import peak_bytes
from PIL import Image

from bio_scnn import InputError
from bio_scnn.data.codecs import load_pixels
from bio_scnn.data.datasets import find_images
from bio_scnn.data.images import read_image, read_mask
from bio_scnn.data.limits import MAX_PIXELS
from bio_scnn.data.pictures import read_picture
from bio_scnn.data.png import chunks, dump_png16

WIDE, HIGH = 30_000, 24_000


def claims(path, dtype="uint16", samples=1):
    """A small TIFF file whose tags claim a large picture."""
    tifffile.imwrite(
        path, np.zeros((64, 64, samples), dtype), compression="zlib",
        photometric="rgb" if samples > 2 else "minisblack",
    )  # fmt: skip
    with tifffile.TiffFile(path, mode="r+") as file:
        for code, value in ((256, WIDE), (257, HIGH), (278, HIGH)):
            file.pages[0].tags[code].overwrite(value)


def png_claims(path, bits, colour):
    head = struct.pack(">IIBBBBB", WIDE, HIGH, bits, colour, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(9999))), (b"IEND", b""))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d))
            for k, d in chunks
        )
    )


@pytest.mark.parametrize("read", [read_image, read_picture, read_mask])
@pytest.mark.parametrize(
    "name",
    [
        "u1.tif",
        "u2.tif",
        "f4.tif",
        "f8.tif",
        "8.png",
        "16.png",
        "16c.png",
        "1.png",
        "a.pgm",
        "a.bmp",
    ],
)
def test_bombs_are_refused_by_their_declared_size(tmp_path, name, read):
    path = tmp_path / name
    if name.endswith(".tif"):
        claims(path, name[:2])
    elif name.endswith(".png"):
        png_claims(path, *{"8": (8, 2), "16": (16, 0), "16c": (16, 2), "1": (1, 0)}[path.stem])
    elif name == "a.pgm":
        path.write_bytes(b"P5 %d %d 65535\n" % (WIDE, HIGH) + bytes(999))
    else:
        Image.new("L", (4, 4)).save(path)
        data = bytearray(path.read_bytes())
        data[18:26] = struct.pack("<ii", WIDE, HIGH)
        path.write_bytes(data)

    def attempt():
        with pytest.raises(InputError, match=r"720 million; no more than 268.*--max-pixels"):
            read(path)

    assert peak_bytes(attempt) < 20e6


def test_many_bytes_a_pixel_count(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((10, 10, 5)), photometric="minisblack", planarconfig="contig")
    assert read_picture(path, max_pixels=250).pixels.shape == (10, 10, 5)
    with pytest.raises(InputError, match="says it has 10 x 10 pixels"):
        read_picture(path, max_pixels=249)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.gif"])
def test_the_limit_is_what_it_says(tmp_path, name):
    Image.fromarray(photograph(40, 30)).save(tmp_path / name)
    assert read_image(tmp_path / name, max_pixels=1200).shape == (40, 30, 3)
    with pytest.raises(InputError, match="--max-pixels 1200 "):
        read_image(tmp_path / name, max_pixels=1199)


def test_pillows_own_limit_is_neither_in_the_way_nor_changed(tmp_path, monkeypatch):
    Image.fromarray(photograph()).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert load_pixels(tmp_path / "a.png", strip=80).shape == (96, 80, 3)
    assert Image.MAX_IMAGE_PIXELS == 100
    assert MAX_PIXELS > 200e6  # a photograph of 200 megapixels is read


def test_names_of_all_formats_are_found_in_folders(tmp_path):
    image = Image.fromarray(photograph())
    formats = {
        "a.JPG": "JPEG", "b.jfif": "JPEG", "c.jpe": "JPEG", "d.avif": "AVIF", "e.jp2": "JPEG2000",
        "f.tga": "TGA", "g.pnm": "PPM", "h.pbm": "PPM", "i.pcx": "PCX", "j.dib": "DIB",
        "k.j2k": "JPEG2000", "l.apng": "PNG",
    }  # fmt: skip
    Image.init()
    formats = {name: kind for name, kind in formats.items() if kind in Image.SAVE}  # no old AVIF
    for name, kind in formats.items():
        (image.convert("1") if name == "h.pbm" else image).save(tmp_path / name, kind)
    (tmp_path / "notes.txt").write_text("no picture")
    found = find_images(tmp_path)
    assert [path.name for path in found] == sorted(formats)
    for path in found:
        assert read_image(path).shape[:2] == (96, 80)


def interlaced(image):
    """A PNG file of an 8-bit RGB image, in the seven passes of the format."""
    passes = ["::8 ::8", "::8 4::8", "4::8 ::4", "::4 2::4", "2::4 ::2", "::2 1::2", "1::2 ::1"]
    raw = b""
    for one in passes:
        rows, columns = (
            slice(*(int(n) if n else None for n in p.split(":"))) for p in one.split()
        )
        raw += b"".join(b"\0" + row.tobytes() for row in image[rows, columns] if row.size)
    head = struct.pack(">IIBBBBB", image.shape[1], image.shape[0], 8, 2, 0, 0, 1)
    return png_of(head, zlib.compress(raw))


def png_of(head, data):
    parts = ((b"IHDR", head), (b"IDAT", data), (b"IEND", b""))
    coded = [
        struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(coded)


@pytest.mark.parametrize("kind", ["RGB", "RGBA", "P", "1", "L", "grey 16", "RGB 16"])
def test_pixels_that_end_before_the_header_says_are_refused(tmp_path, kind):
    path = tmp_path / "a.png"
    if kind == "RGB 16":
        path.write_bytes(dump_png16(photograph().astype(np.uint16) * 257, 3))
    elif kind == "grey 16":
        path.write_bytes(dump_png16(photograph()[..., 0].astype(np.uint16) * 257, 1))
    else:
        Image.fromarray(photograph()).convert(kind).save(path)
    whole = path.read_bytes()
    with path.open("rb") as file:
        data = b"".join(part for name, part in chunks(file, data=True) if name == b"IDAT")
    width, height, *rest = struct.unpack(">IIBBBBB", whole[16:29])
    path.write_bytes(png_of(struct.pack(">IIBBBBB", width, height + 1, *rest), data))
    with pytest.raises(InputError, match=rf"^{path}: .*(end after|not a readable)"):
        read_image(path)


@pytest.mark.parametrize("size", [(24, 24), (1, 1), (5, 3), (2, 1), (1, 9)])
def test_black_rows_at_the_end_are_no_missing_ones(tmp_path, size):
    """A row of zeros is what Pillow gives for missing ones, too; interlaced or not."""
    image = np.zeros((*size, 3), np.uint8)
    for data in (interlaced(image), None):
        if data is None:
            Image.fromarray(image).save(tmp_path / "a.png")
        else:
            (tmp_path / "a.png").write_bytes(data)
        np.testing.assert_array_equal(read_image(tmp_path / "a.png"), image)
