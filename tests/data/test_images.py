"""Files are read as what they hold, and written so that they read back the same."""

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from picture_files import random_image
from PIL import Image, ImageOps

from bio_scnn.data.images import (
    read_image,
    read_mask,
    write_image,
)
from bio_scnn.errors import InputError


def png16(image, filters, exif=None):
    """Encode a 16-bit PNG by the letter of the standard, row i with filter filters[i % n]."""
    height, width = image.shape[:2]
    channels = image.shape[2] if image.ndim == 3 else 1
    bpp = 2 * channels
    rows = [list(row.astype(">u2").tobytes()) for row in image]
    stream, above = b"", [0] * (width * bpp)
    for i, row in enumerate(rows):
        kind = filters[i % len(filters)]
        coded = []
        for j, value in enumerate(row):
            left = row[j - bpp] if j >= bpp else 0
            corner = above[j - bpp] if j >= bpp else 0
            p = left + above[j] - corner
            nearest = min(
                (abs(p - left), 0, left),
                (abs(p - above[j]), 1, above[j]),
                (abs(p - corner), 2, corner),
            )[2]
            guess = (0, left, above[j], (left + above[j]) // 2, nearest)[kind]
            coded.append((value - guess) % 256)
        stream += bytes([kind, *coded])
        above = row

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    data = zlib.compress(stream)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0))
        + (chunk(b"eXIf", exif) if exif else b"")
        + chunk(b"IDAT", data[:50])  # a stream may be cut into chunks anywhere
        + chunk(b"IDAT", data[50:])
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("suffix", "dtype", "channels"),
    [
        *[(".png", dtype, n) for dtype in ("uint8", "uint16") for n in (1, 2, 3, 4)],
        *[(".tif", d, n) for d in ("uint8", "uint16", "float32", "float64") for n in (1, 2, 3, 4)],
        *[(".bmp", "uint8", n) for n in (1, 3)],
        *[(".webp", "uint8", n) for n in (3, 4)],
        *[(".pgm", dtype, 1) for dtype in ("uint8", "uint16")],
        *[(".ppm", dtype, 3) for dtype in ("uint8", "uint16")],
    ],
)
def test_lossless_files_keep_every_pixel_and_the_depth(tmp_path, suffix, dtype, channels):
    image = random_image(channels, dtype)
    path = tmp_path / "new" / "folders" / f"image{suffix.upper()}"
    write_image(path, image)
    read = read_image(path)
    assert read.dtype == image.dtype
    np.testing.assert_array_equal(read, image)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bit_png_with_every_row_filter_reads_exactly(tmp_path, channels):
    smooth = np.cumsum(random_image(channels, "uint16") // 40, axis=1).astype(np.uint16)
    for filters in ((0,), (1,), (2,), (3,), (4,), (4, 2, 0, 1, 3)):
        path = tmp_path / "image.png"
        path.write_bytes(png16(smooth, filters))
        np.testing.assert_array_equal(read_image(path), smooth)


@pytest.mark.peer
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bit_png_agrees_with_opencv(tmp_path, channels):
    cv2 = pytest.importorskip("cv2")
    image = random_image(channels, "uint16", (61, 47))
    swap = {1: slice(None), 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
    theirs = image if channels == 1 else image[..., swap]
    write_image(tmp_path / "ours.png", image)
    back = cv2.imread(str(tmp_path / "ours.png"), cv2.IMREAD_UNCHANGED)
    assert back.dtype == np.uint16
    np.testing.assert_array_equal(back, theirs)
    assert cv2.imwrite(str(tmp_path / "theirs.png"), np.ascontiguousarray(theirs))
    np.testing.assert_array_equal(read_image(tmp_path / "theirs.png"), image)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_to_every_depth(tmp_path, orientation):
    image = random_image(3, "uint8")
    exif = Image.Exif()
    exif[274] = orientation
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", exif=exif)
    (tmp_path / "8.png").write_bytes(buffer.getvalue())
    with Image.open(io.BytesIO(buffer.getvalue())) as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened))
    np.testing.assert_array_equal(read_image(tmp_path / "8.png"), expected)

    deep = image.astype(np.uint16) * 257
    chunk = exif.tobytes().removeprefix(b"Exif\0\0")
    (tmp_path / "16.png").write_bytes(png16(deep, (1,), chunk))
    tag = (274, "H", 1, orientation, True)
    tifffile.imwrite(tmp_path / "16.tif", deep, photometric="rgb", metadata=None, extratags=[tag])
    for name in ("16.png", "16.tif"):
        np.testing.assert_array_equal(
            read_image(tmp_path / name), expected.astype(np.uint16) * 257
        )


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_tiff_files_stored_sideways_are_turned(tmp_path, mode, compression):
    image = Image.fromarray(random_image(3, "uint8")).convert(mode)
    read = []
    for orientation in (1, 6):
        path = tmp_path / f"{orientation}.tif"
        image.save(path, tiffinfo={274: orientation}, compression=compression)
        read.append(read_image(path))
    assert read[0].shape[0] != read[0].shape[1]
    np.testing.assert_array_equal(read[1], np.rot90(read[0], -1))  # 6: shown turned clockwise


def test_palettes_bits_and_cmyk_are_expanded(tmp_path):
    colours = np.array([[255, 0, 0], [0, 255, 0], [9, 8, 7]], np.uint8)
    index = np.arange(12, dtype=np.uint8).reshape(3, 4) % 3
    palette = Image.fromarray(index)
    palette.putpalette(colours.ravel().tolist())
    palette.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(read_image(tmp_path / "palette.png"), colours[index])
    palette.save(tmp_path / "transparent.png", transparency=1)
    alpha = np.where(index == 1, 0, 255)[..., None]
    np.testing.assert_array_equal(
        read_image(tmp_path / "transparent.png"), np.concatenate([colours[index], alpha], axis=2)
    )

    bits = (index == 0).astype(np.uint8) * 255
    for name in ("bits.png", "bits.tif"):
        Image.fromarray(bits).convert("1").save(tmp_path / name)
        np.testing.assert_array_equal(read_image(tmp_path / name), bits)

    red = Image.new("RGB", (8, 8), (250, 10, 10)).convert("CMYK")
    red.save(tmp_path / "cmyk.jpg", quality=95)
    read = read_image(tmp_path / "cmyk.jpg")
    assert read.shape == (8, 8, 3)
    assert np.abs(read.astype(int) - (250, 10, 10)).max() <= 4


def test_first_of_several_frames_is_read(tmp_path):
    first, second = Image.new("L", (6, 5), 200), Image.new("L", (6, 5), 20)
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    np.testing.assert_array_equal(read_image(tmp_path / "a.gif"), np.full((5, 6), 200))
    pages = np.stack([np.full((5, 6), 60_000, np.uint16), np.zeros((5, 6), np.uint16)])
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), pages[0])


def test_unusual_tiff_layouts(tmp_path):
    image = random_image(3, "uint16")
    planar = np.moveaxis(image, -1, 0)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, planar, photometric="rgb", planarconfig="separate", byteorder=">")
    np.testing.assert_array_equal(read_image(path), image)
    assert read_image(path).dtype.isnative
    tifffile.imwrite(path, image[..., 0], photometric="miniswhite")
    np.testing.assert_array_equal(read_image(path), 65535 - image[..., 0])


@pytest.mark.peer
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("compression", [1, 5, 8, 32773])
def test_16_bit_tiff_of_opencv_in_any_compression(tmp_path, channels, compression):
    cv2 = pytest.importorskip("cv2")
    image = random_image(channels, "uint16", (61, 47))
    swap = {1: slice(None), 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
    theirs = image if channels == 1 else np.ascontiguousarray(image[..., swap])
    options = [cv2.IMWRITE_TIFF_COMPRESSION, compression]
    assert cv2.imwrite(str(tmp_path / "a.tif"), theirs, options)
    read = read_image(tmp_path / "a.tif")
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, image)


def test_lzw_compressed_tiff_keeps_16_bits(tmp_path):
    # Two pixels, (1, 2, 3) and (256, 515, 65535), coded by hand as 9-bit literals.
    samples = struct.pack("<6H", 1, 2, 3, 256, 515, 65535)
    bits = "".join(f"{code:09b}" for code in (256, *samples, 257))
    bits += "0" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8)
    depths_at = 8 + 2 + 9 * 12 + 4
    tags = [
        (256, 3, 1, 2), (257, 3, 1, 1), (258, 3, 3, depths_at), (259, 3, 1, 5), (262, 3, 1, 2),
        (273, 4, 1, depths_at + 6), (277, 3, 1, 3), (278, 3, 1, 1), (279, 4, 1, len(data)),
    ]  # fmt: skip
    directory = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    (tmp_path / "a.tif").write_bytes(
        b"II*\0\x08\0\0\0" + struct.pack("<H", 9) + directory + bytes(4)
        + struct.pack("<3H", 16, 16, 16) + data
    )  # fmt: skip
    np.testing.assert_array_equal(
        read_image(tmp_path / "a.tif"), np.array([[[1, 2, 3], [256, 515, 65535]]], np.uint16)
    )


def test_decoders_print_nothing(tmp_path, capfd):
    tifffile.imwrite(tmp_path / "a.tif", random_image(3, "uint16"), photometric="rgb")
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError):
        read_image(tmp_path / "a.tif")
    broken_tag = bytearray(data)
    broken_tag[10 + 12 * 8 + 2] = 99  # a tag of an unknown type
    (tmp_path / "b.tif").write_bytes(broken_tag)
    with contextlib.suppress(InputError):
        read_image(tmp_path / "b.tif")
    assert capfd.readouterr() == ("", "")


def test_netpbm_with_comments_and_odd_white(tmp_path):
    values = np.array([[0, 1023, 512]], ">u2")
    (tmp_path / "a.pgm").write_bytes(b"P5 # made by hand\n3 1\n1023\n" + values.tobytes())
    np.testing.assert_array_equal(read_image(tmp_path / "a.pgm"), [[0, 65535, 32800]])


def test_unreadable_files_are_refused_in_one_line(tmp_path):
    whole = io.BytesIO()
    Image.fromarray(random_image(3, "uint8", (64, 64))).save(whole, "JPEG")
    deep = png16(random_image(3, "uint16"), (1,))
    broken = bytearray(deep)
    broken[200] ^= 0xFF
    contents = {
        "empty.png": b"",
        "text.png": b"no image at all",
        "cut.jpg": whole.getvalue()[:-900],
        "cut.png": deep[: len(deep) // 2],
        "broken.png": bytes(broken),
        "cut.ppm": b"P6 9 9 65535\n\0\0",
        "cut.tif": b"II*\0\x08\0\0\0",
    }
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    for compression in (None, "zlib"):
        name = f"cut {compression}.tif"
        image = random_image(3, "uint16", (64, 64))
        tifffile.imwrite(
            tmp_path / name, image, photometric="rgb", rowsperstrip=8, compression=compression
        )
        contents[name] = (tmp_path / name).read_bytes()[:-3000]
        (tmp_path / name).write_bytes(contents[name])
    tifffile.imwrite(tmp_path / "u32.tif", np.zeros((4, 4), np.uint32))
    tifffile.imwrite(
        tmp_path / "five.tif", np.zeros((8, 8, 5), np.uint16), photometric="minisblack",
        planarconfig="contig",
    )  # fmt: skip
    names = [*contents, "u32.tif", "five.tif", "missing.png", "."]
    for name in names:
        with pytest.raises(InputError) as caught:
            read_image(tmp_path / name)
        message = str(caught.value)
        assert "\n" not in message, name
        assert str(tmp_path / name) in message, name


def test_masks_of_any_kind(tmp_path):
    missing = np.zeros((6, 7), bool)
    missing[2:4, 1:5] = True
    opaque = np.full((6, 7), 255, np.uint8)
    grey = missing.astype(np.uint8)  # a value of 1 is dark, and means missing all the same
    blue = np.zeros((6, 7, 3), np.uint8)
    blue[missing, 2] = 3
    white = np.full((6, 7, 3), 255, np.uint8)
    images = {
        "grey": grey,
        "blue": blue,
        "opaque": np.dstack([grey, opaque]),
        "opaque colour": np.dstack([blue, opaque]),
        "half transparent colour": np.dstack([blue, opaque // 2]),
        "black, drawn in alpha": np.dstack([0 * blue, 255 * grey]),
        "white, drawn in alpha": np.dstack([white, 9 * grey]),
        "grey, drawn in alpha": np.dstack([opaque, 255 * grey]),
        "deep": grey.astype(np.uint16),
    }
    for name, image in images.items():
        write_image(tmp_path / f"{name}.png", image)
        read = read_mask(tmp_path / f"{name}.png")
        assert read.dtype == bool
        np.testing.assert_array_equal(read, missing, err_msg=name)
    Image.fromarray(missing).save(tmp_path / "bits.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "bits.png"), missing)


def test_an_opaque_black_mask_misses_nothing(tmp_path):
    black = np.zeros((4, 4, 4), np.uint8)
    black[..., 3] = 255
    write_image(tmp_path / "a.png", black)
    assert not read_mask(tmp_path / "a.png").any()


def test_what_is_no_image_is_told_in_words(tmp_path):
    path = tmp_path / "text.png"
    path.write_text("no image")
    with pytest.raises(InputError) as caught:
        read_image(path)
    assert str(caught.value) == f"{path}: not a readable image (of no known format)"


@pytest.mark.parametrize(
    ("data", "name"),
    [(b"\0\0\0\x24ftypheic\0\0\0\0mif1heic", "HEIF"), (b"%PDF-1.7\n", "PDF"),
     (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"), (b"\xff\x0a\x10\x20", "JPEG XL"),
     (b"gimp xcf v011\0", "GIMP"), (b"P7\nWIDTH 1\n", "PAM")],
)  # fmt: skip
def test_formats_that_are_not_read_are_named(tmp_path, data, name):
    (tmp_path / "a.jpg").write_bytes(data + bytes(40))
    with pytest.raises(InputError, match=rf"a\.jpg: .*it is .*{name}.*save it as PNG"):
        read_image(tmp_path / "a.jpg")


def test_an_empty_file_is_called_so(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"a\.png: not a readable image \(it is empty\)"):
        read_image(tmp_path / "a.png")
