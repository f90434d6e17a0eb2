"""Picture files of every format, and the same with headers that lie about them."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import tifffile
from PIL import Image

from tests.hostile.mutations import one_of

SIDE = 24
RGB = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
GREY = RGB[..., 0]

SIZES = (0, 1, 7, 25, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**32 - 1)
"""Widths and heights that a header may claim."""


def by_pillow(image: np.ndarray, kind: str, mode: str | None = None, **options) -> bytes:
    """A picture file as Pillow writes it."""
    file, picture = io.BytesIO(), Image.fromarray(image)
    (picture.convert(mode) if mode else picture).save(file, kind, **options)
    return file.getvalue()


def by_tifffile(image: np.ndarray, **options) -> bytes:
    """A TIFF file as tifffile writes it."""
    file = io.BytesIO()
    bigtiff = options.pop("bigtiff", False)
    options.setdefault("photometric", "rgb" if image.shape[-1] == 3 else "minisblack")
    with tifffile.TiffWriter(file, bigtiff=bigtiff) as writer:
        for page in image if options.pop("pages", False) else [image]:
            writer.write(page, **options)
    return file.getvalue()


def picture_files() -> dict[str, bytes]:
    """A small valid file of each format and kind, by the name it has in a folder."""
    wide, floats = RGB.astype(np.uint16) * 257, (RGB / 255).astype(np.float32)
    clear = np.dstack([RGB, GREY])
    frames = [Image.fromarray(RGB[::-1])]
    exif = Image.Exif()
    exif[274], exif[0x8298] = 6, "(c) nobody"
    files = {
        "rgb.png": by_pillow(RGB, "PNG", exif=exif, dpi=(300, 300)),
        "clear.png": by_pillow(clear, "PNG"),
        "palette.png": by_pillow(RGB, "PNG", "P", transparency=3),
        "bits.png": by_pillow(GREY, "PNG", "1"),
        "sixteen.png": by_pillow(wide[..., 0], "PNG"),
        "key.png": by_pillow(RGB, "PNG", transparency=(1, 2, 3)),
        "rgb.jpg": by_pillow(RGB, "JPEG", exif=exif, comment=b"x"),
        "progressive.jpg": by_pillow(RGB, "JPEG", progressive=True, subsampling=2),
        "inks.jpg": by_pillow(RGB, "JPEG", "CMYK"),
        "plain.tif": by_tifffile(RGB, resolution=(300, 300)),
        "wide.tif": by_tifffile(wide, compression="zlib", predictor=False),
        "big.tif": by_tifffile(floats, bigtiff=True),
        "pages.tif": by_tifffile(np.stack([RGB, RGB[::-1]]), pages=True),
        "tiles.tif": by_tifffile(GREY.astype(np.int16), tile=(16, 16), compression="zlib"),
        "lzw.tif": by_pillow(RGB, "TIFF", compression="tiff_lzw"),
        "fax.tif": by_pillow(GREY, "TIFF", "1", compression="group4"),
        "packbits.tif": by_pillow(GREY, "TIFF", compression="packbits"),
        "rgb.bmp": by_pillow(RGB, "BMP"),
        "frames.gif": by_pillow(RGB, "GIF", save_all=True, append_images=frames),
        "grey.tga": by_pillow(GREY, "TGA"),
        "rgb.pcx": by_pillow(RGB, "PCX"),
        "grey.pgm": by_pillow(GREY, "PPM"),
        "wide.ppm": b"P6 24 24 65535\n" + wide.astype(">u2").tobytes(),
        "plain.pnm": b"P2\n# a\n2 2 9\n1 2 3 4\n",
        "floats.pfm": b"Pf\n24 24\n-1.0\n" + floats[..., 0].tobytes(),
    }
    for name, kind in (("rgb.webp", "WEBP"), ("rgb.avif", "AVIF"), ("rgb.jp2", "JPEG2000")):
        try:
            files[name] = by_pillow(RGB, kind)
        except (KeyError, OSError):  # this Pillow was built without it
            continue
    return files


def lying(name: str, data: bytes, rng: np.random.Generator) -> bytes:
    """The file with another number where its header states a size, a place or a type."""
    if data[:4] in (b"II*\0", b"II+\0"):
        return _lying_tiff(data, rng)
    if data[:4] == b"\x89PNG":
        return _lying_png(data, rng)
    changed, value = bytearray(data), int(one_of(rng, SIZES))
    places = {".bmp": (18, 22, 10, 28), ".gif": (6, 8), ".tga": (12, 14, 16), ".pcx": (8, 10, 66)}
    suffix = name[name.rindex(".") :]
    if suffix in (".pgm", ".ppm", ".pnm", ".pfm"):
        size = str(one_of(rng, (*SIZES, "9" * 5000, -3, 10**30))).encode()
        return data.replace(b"24", size, 1)
    if suffix == ".jpg":  # height and width of the start of the frame
        at = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2")) + 5 + 2 * int(rng.integers(2))
        changed[at : at + 2] = struct.pack(">H", value % 2**16)
    elif suffix in places:
        at = one_of(rng, places[suffix])
        changed[at : at + 2] = struct.pack("<H", value % 2**16)
        if suffix == ".bmp":
            changed[at : at + 4] = struct.pack("<I", value)
    else:
        at = int(rng.integers(min(len(data), 200)))
        changed[at : at + 4] = struct.pack(">I", value)
    return bytes(changed)


def _lying_tiff(data: bytes, rng: np.random.Generator) -> bytes:
    """A TIFF file one of whose tags has another value, count or type; or whose pages never end."""
    big = data[2] == 43
    first = struct.unpack_from("<Q", data, 8)[0] if big else struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<Q" if big else "<H", data, first)[0]
    start, length = first + (8 if big else 2), 20 if big else 12
    changed = bytearray(data)
    if rng.random() < 0.1:
        code, end = ("<Q", start + count * length) if big else ("<I", start + count * length)
        struct.pack_into(code, changed, end, int(one_of(rng, (first, 3, len(data), 2**31))))
        return bytes(changed)
    at = start + length * int(rng.integers(count))
    field = int(rng.integers(4))
    if field == 0:  # its type
        struct.pack_into("<H", changed, at + 2, int(rng.integers(0, 19)))
    elif field == 1:  # how many values it has
        struct.pack_into("<I", changed, at + 4, int(one_of(rng, SIZES)))
    else:  # its value, or the place of it
        place = at + (12 if big else 8)
        struct.pack_into("<I", changed, place, int(one_of(rng, (*SIZES, 2, 3, 5, 8, 16, 32, 77))))
    return bytes(changed)


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file, with its checksum."""
    crc = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc)


def _lying_png(data: bytes, rng: np.random.Generator) -> bytes:
    """A PNG file whose header, with a checksum that fits, claims another picture."""
    width, height, *rest = struct.unpack(">IIBBBBB", data[16:29])
    match int(rng.integers(5)):
        case 0:
            width = int(one_of(rng, SIZES))
        case 1:
            height = int(one_of(rng, SIZES))
        case 2:
            rest[int(rng.integers(5))] = int(rng.integers(18))
        case 3:  # 64 MB of text, or of a profile, in a few kilobytes
            bomb = zlib.compress(bytes(2**26), 9)
            extra = one_of(
                rng, ((b"zTXt", b"Comment\0\0"), (b"iCCP", b"p\0\0"), (b"iTXt", b"XML\0\1\0\0\0"))
            )
            return data[:33] + chunk(extra[0], extra[1] + bomb) + data[33:]
        case _:
            extra = one_of(rng, (b"tRNS", b"PLTE", b"eXIf", b"pHYs", b"acTL", b"gAMA", b"iCCP"))
            body = rng.integers(0, 256, int(rng.integers(0, 40)), np.uint8).tobytes()
            return data[:33] + chunk(extra, body) + data[33:]
    try:
        header = struct.pack(">IIBBBBB", width, height, *rest)
    except struct.error:
        return data[:20]
    return data[:8] + chunk(b"IHDR", header) + data[33:]
