"""Image files encoded: pixels in the form and with the metadata of the file they came from."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bio_scnn.data import png
from bio_scnn.data.codecs import Stored, quiet
from bio_scnn.data.forms import Form, indexed, plain, stored
from bio_scnn.data.metadata import Metadata, left_out, pillow_options
from bio_scnn.data.tiff_writing import Written, dump_tiff, other_compression

TIFF = (".tif", ".tiff")
JPEG = (".jpg", ".jpeg")


def to_write(
    page: Stored, pixels: NDArray, mask: NDArray[np.bool_], suffix: str
) -> tuple[Written, list[str]]:
    """Values of a restored page for a format, and what of the page is lost in it.

    Parameters
    ----------
    page : Stored
        As read.
    pixels : array
        Of its shape and type, restored and settled.
    mask : bool array, shape (H, W)
        True where they were.
    suffix : str
        Names the format; in lower case, with its dot.
    """
    form, metadata, lost = page.form, page.metadata, left_out(page.metadata, suffix)
    if suffix in TIFF:
        if remark := other_compression(metadata):
            lost.append(remark)
        return Written(stored(form, pixels, mask), form, metadata), lost
    four = pixels.shape[2:] == (4,)
    if form.kind == "inks" and suffix in JPEG and four:
        return Written(stored(form, pixels, mask), form, metadata), lost
    if form.kind == "bilevel" and suffix == ".png":
        return Written(pixels >= 128, Form(), metadata), lost
    if form.kind == "palette" and suffix == ".png":
        return Written(pixels, form, metadata), lost
    if form.kind not in ("inks", "lab"):
        if form.kind in ("palette", "bilevel"):
            lost.append("the palette" if form.kind == "palette" else "its one bit a pixel")
        return Written(plain(form, pixels), Form(), metadata), lost
    rgb = None
    if form.kind == "inks" and four and pixels.dtype == np.uint8 and metadata.icc:
        rgb = _by_profile(255 - pixels, metadata.icc)
    lost.append(
        f"{'the inks' if form.kind == 'inks' else 'CIE Lab'}, converted to sRGB"
        + (" by their profile" if rgb is not None else "")
    )
    values = plain(form, pixels) if rgb is None else rgb
    return Written(values, Form(), metadata.without_profile()), lost


def _by_profile(inks: NDArray[np.uint8], icc: bytes) -> NDArray[np.uint8] | None:
    """sRGB of C, M, Y and K by their own profile; None if that is of no use."""
    from PIL import ImageCms

    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        target = ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(_image(inks, Form("inks")), profile, target,
                                          outputMode="RGB")  # fmt: skip
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    return None if image is None else np.asarray(image)


def dump_pixels(image: NDArray, channels: int, suffix: str) -> bytes:
    """Bytes of an image file of a format.

    Parameters
    ----------
    image : ndarray of uint8, uint16, float32 or float64, shape (H, W) or (H, W, channels)
        Contiguous, and of a depth that the format holds.
    channels : int
        1 for (H, W).
    suffix : str
        Names the format; in lower case, with its dot.

    Returns
    -------
    data : bytes
    """
    assert channels == (1 if image.ndim == 2 else image.shape[2])
    return dump_pages([Written(image, Form(), Metadata())], suffix)


@quiet()
def dump_pages(pages: Sequence[Written], suffix: str) -> bytes:
    """Bytes of an image file of one page or several, of a format that holds them."""
    (image, form, metadata), *more = pages
    if suffix in TIFF:
        return dump_tiff(pages)
    if suffix in (".ppm", ".pgm"):
        height, width = image.shape[:2]
        white = np.iinfo(image.dtype).max
        header = f"P{5 if image.ndim == 2 else 6}\n{width} {height}\n{white}\n".encode()
        return header + image.astype(image.dtype.newbyteorder(">")).tobytes()
    if suffix == ".png" and image.dtype == np.uint16:
        data = png.dump_png16(image, 1 if image.ndim == 2 else image.shape[2])
        return png.with_chunks(data, png.chunks_of(metadata))
    kind = _KINDS.get(suffix, suffix[1:].upper())
    options = dict(_OPTIONS.get(kind, {}))
    if kind != "PNG":
        options |= pillow_options(metadata, kind)
    if "qtables" in options:  # says it already
        del options["quality"]
    first = _image(image, form)
    if more:
        options |= _animated([page.metadata for page in pages])
        frames = [_image(page.values, Form()) for page in pages]
        modes = {frame.mode for frame in frames}
        shared = ("RGB" if modes & {"RGB", "RGBA"} else "L") + "A" * bool(modes & {"LA", "RGBA"})
        first, *options["append_images"] = (frame.convert(shared) for frame in frames)
    buffer = io.BytesIO()
    first.save(buffer, kind, **options)
    data = buffer.getvalue()
    return png.with_chunks(data, png.chunks_of(metadata)) if kind == "PNG" else data


_KINDS = {".jpg": "JPEG", ".jpeg": "JPEG"}
_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True, "exact": True},
}


def _animated(frames: Sequence[Metadata]) -> dict[str, Any]:
    """Pillow's options for frames."""
    first = frames[0].animation
    options: dict[str, Any] = {
        "save_all": True,
        "duration": [frame.animation.get("duration") or 0 for frame in frames],
    }
    # None is a GIF that does not say: it is shown once.
    return options | {"loop": 1 if first.get("loop") is None else first["loop"]}


def _image(values: NDArray, form: Form) -> Image.Image:
    """Pillow's image of values as they are stored."""
    size = values.shape[1::-1]
    if form.kind == "inks":
        return Image.frombytes("CMYK", size, values.tobytes())
    if form.kind != "palette" or form.palette is None:
        return Image.fromarray(values)
    index, colours = indexed(values, form.palette)
    image = Image.frombytes("P", size, index.tobytes())
    channels = colours.shape[1]
    rgb = colours[:, :3] if channels >= 3 else np.repeat(colours[:, :1], 3, axis=1)
    image.putpalette(rgb.tobytes())
    if channels in (2, 4):
        image.info["transparency"] = colours[:, -1].tobytes()
    return image
