"""Pictures and files of pictures that several tests of `data` make and look into."""

import struct
import zlib

import numpy as np
import tifffile
from helpers import hole
from restored import written_again

KNOWN = ~hole()


def random_image(channels, dtype, shape=(13, 17)):
    rng = np.random.default_rng(7)
    shape = shape if channels == 1 else (*shape, channels)
    if np.dtype(dtype).kind == "f":
        return rng.random(shape).astype(dtype)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def written(source, suffix=None):
    target = source.with_name(f"again{suffix or source.suffix}")
    return target, written_again(source, target)


def tiff(path):
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        return page, page.asarray()


def png_of_bits(path, values, bits):
    """A grey PNG file of 1, 2 or 4 bits, for Pillow writes those of one bit only."""
    rows = np.unpackbits(values[..., np.newaxis], axis=2)[..., -bits:].reshape(len(values), -1)
    packed = np.packbits(rows, axis=1)
    stream = b"".join(b"\0" + row.tobytes() for row in packed)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", values.shape[1], values.shape[0], bits, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(stream)),
        (b"IEND", b""),
    )
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d))
            for k, d in chunks
        )
    )
