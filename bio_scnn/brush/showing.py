"""Pictures, masks and rate maps as the browser shows them: 8 bits, packed bits, levels."""

from __future__ import annotations

import base64
import contextlib
import io
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bio_scnn.data.codecs import Stored
from bio_scnn.data.forms import Form, plain
from bio_scnn.data.images import from_float
from bio_scnn.errors import InputError
from bio_scnn.restoration.panel import rgb
from bio_scnn.restoration.result import RateMaps
from bio_scnn.restoration.scale import Scale, scale_of
from bio_scnn.runtime.files import write_whole

_MOST = 16_000_000  # pixels that are shown: telephones draw no larger canvas
_LOSSLESS = 2_000_000  # pixels up to which a picture is shown without loss


class Look(NamedTuple):
    """Look of a picture on a screen, the same before and after it is restored.

    Attributes
    ----------
    form : Form
    scale : Scale
        Of its values, to [0, 1].
    step : int
        Every step-th row and column is shown.
    """

    form: Form
    scale: Scale
    step: int

    @classmethod
    def of(cls, source: Stored, empty: NDArray[np.bool_] | None) -> Look:
        """Look of a picture; `empty` marks pixels that hold no data."""
        seen = _plain(source.form, source.pixels)
        unknown = np.zeros(seen.shape[:2], bool) if empty is None else empty
        step = math.ceil(math.sqrt(max(unknown.size / _MOST, 1)))
        return cls(source.form, scale_of(seen, unknown), step)

    def save(self, folder: Path, name: str, pixels: NDArray) -> str:
        """Name of the file, PNG or JPEG, in which the picture is shown."""
        every = pixels[:: self.step, :: self.step]
        seen = rgb(_plain(self.form, np.ascontiguousarray(every)))
        unit = np.clip(np.nan_to_num(self.scale.to_unit(seen)), 0, 1)
        image, buffer = Image.fromarray(from_float(unit, np.uint8)), io.BytesIO()
        lossless = image.width * image.height <= _LOSSLESS
        if lossless:
            image.save(buffer, "png", compress_level=1)
        else:
            image.save(buffer, "jpeg", quality=92, subsampling=0)
        file = f"{name}.{'png' if lossless else 'jpg'}"
        write_whole(folder / file, buffer.getvalue())
        return file


def _plain(form: Form, pixels: NDArray) -> NDArray:
    """Pixels as other programs show them, or as they are where none does."""
    with contextlib.suppress(InputError):
        return plain(form, pixels)
    return pixels


def packed(mask: NDArray[np.bool_]) -> bytes:
    """Bits of a mask (H, W), row after row without a gap, the first in the highest of a byte."""
    return np.packbits(mask).tobytes()


def unpacked(bits: bytes, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Mask (H, W) of `packed` bits.

    Raises
    ------
    InputError
        If there are too few or too many for the shape.
    """
    size = math.prod(shape)
    if len(bits) != -(-size // 8):
        raise InputError(f"the painted mask has {len(bits)} bytes; {-(-size // 8)} are expected")
    return np.unpackbits(np.frombuffer(bits, np.uint8), count=size).reshape(shape).astype(bool)


def rates_shown(rates: RateMaps, fold: int) -> dict[str, Any]:
    """Rate maps as base64 of bytes, map after map: 0 to 254, and 255 where nothing is known.

    Parameters
    ----------
    rates : RateMaps
        Normalised to [0, 1].
    fold : int
        Pixels of the picture along a neuron.
    """
    maps = np.moveaxis(rates.whole(), -1, 0)
    unknown = np.isnan(maps)
    levels = np.rint(254 * np.clip(np.where(unknown, 0, maps), 0, 1)).astype(np.uint8)
    levels[unknown] = 255
    number, rows, columns = levels.shape
    return {
        "maps": number,
        "rows": rows,
        "columns": columns,
        "cell": fold * rates.every,
        "levels": base64.b64encode(np.ascontiguousarray(levels).tobytes()).decode(),
    }
