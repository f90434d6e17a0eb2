"""TIFF files written with tifffile: pages, each in its own form and with its own tags."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import tifffile
from numpy.typing import NDArray

from bio_scnn.data.forms import Form, indexed
from bio_scnn.data.ifd import EXIF, GPS, Entry, directory_bytes
from bio_scnn.data.metadata import Metadata, tiff_tags
from bio_scnn.data.tiff import has_codecs, pages_of

_WRITTEN = {1: None, 8: "zlib", 32946: "zlib", 34925: "lzma"}
_WRITTEN_WITH_CODECS = {5: "lzw", 32773: "packbits", 50000: "zstd"}
_STRIP = 2**20  # bytes
# tifffile keeps these two tags for itself, so they are written under numbers beside theirs.
_BESIDE = {EXIF: EXIF - 1, GPS: GPS - 1}


class Written(NamedTuple):
    """Page to be written: values as the file holds them, and what goes with them."""

    values: NDArray
    form: Form
    metadata: Metadata


def dump_tiff(pages: Sequence[Written]) -> bytes:
    """Bytes of a TIFF file of some pages."""
    buffer, below = io.BytesIO(), []
    tags = [tiff_tags(page.metadata) for page in pages]
    big = sum(page.values.nbytes for page in pages) > 2**32 - 2**25
    order: Literal["<", ">"] = ">" if tags[0][0] == ">" else "<"
    with tifffile.TiffWriter(buffer, byteorder=order, bigtiff=big) as writer:
        for (values, form, metadata), (_, directories) in zip(pages, tags, strict=True):
            extra: list[Any] = [(*entry, True) for entry in directories[0]]
            lower = {code: found for code, found in directories.items() if code and found}
            extra += [(_BESIDE[code], 4, 1, 0, True) for code in lower]
            below.append(lower)
            writer.write(
                **_in_strips(_laid_out(values, form) | _coded(metadata)), **_resolved(metadata),
                extratags=extra, metadata=None, software=False, contiguous=False,
            )  # fmt: skip
    if any(below):
        _add_below(buffer, below)
    return buffer.getvalue()


def _laid_out(values: NDArray, form: Form) -> dict[str, Any]:
    """Arguments of tifffile for pixels of a form."""
    if form.kind == "palette" and form.palette is not None:
        index, colours = indexed(values, form.palette)
        table = np.zeros((3, 256), np.uint16)
        table[:, : len(colours)] = colours.T * np.uint16(257)
        return {"data": index, "photometric": "palette", "colormap": table}
    channels = 1 if values.ndim == 2 else values.shape[2]
    photometric, extra = form.photometric, form.extrasamples
    if photometric is None:
        photometric = 1 if channels < 3 else 2
    if extra is None:
        extra = (2,) if channels in (2, 4) else ()
    arguments = {"data": values, "photometric": photometric, "extrasamples": extra or None}
    return arguments | {"planarconfig": "contig" if channels > 1 else None}


def _in_strips(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments of tifffile, with pixels as they are in strips: it would hold them twice."""
    data = arguments["data"]
    if arguments["compression"] or arguments["tile"] or data.dtype == bool:
        return arguments
    rows = max(_STRIP // data[0].nbytes, 1)
    strips = (data[top : top + rows] for top in range(0, len(data), rows))
    more = {"data": strips, "shape": data.shape, "dtype": data.dtype, "rowsperstrip": rows}
    return arguments | more


def _coded(metadata: Metadata) -> dict[str, Any]:
    coding = metadata.coding if "compression" in metadata.coding else {}
    return {
        "compression": _compression(coding.get("compression", 8)),
        "tile": coding.get("tile"),
        "predictor": coding.get("predictor"),
    }


def _compression(code: int) -> str | None:
    if has_codecs() and code in _WRITTEN_WITH_CODECS:
        return _WRITTEN_WITH_CODECS[code]
    return _WRITTEN.get(code, "zlib")


def other_compression(metadata: Metadata) -> str:
    """Remark on a compression that is not kept; empty if it is."""
    code = metadata.coding.get("compression", 8)
    if code in _WRITTEN or (has_codecs() and code in _WRITTEN_WITH_CODECS):
        return ""
    name = tifffile.COMPRESSION(code).name if code in set(tifffile.COMPRESSION) else str(code)
    hint = "; imagecodecs keeps it" if code in _WRITTEN_WITH_CODECS else ""
    return f"{name} compression, which becomes zlib{hint}"


def _resolved(metadata: Metadata) -> dict[str, Any]:
    if metadata.resolution is None:
        return {}
    x, y, unit = metadata.resolution
    return {"resolution": (x, y), "resolutionunit": unit}


def _add_below(buffer: io.BytesIO, below: Sequence[dict[int, list[Entry]]]) -> None:
    """Append directories of EXIF and GPS tags, and let the pages point to them."""
    with tifffile.TiffFile(io.BytesIO(buffer.getvalue())) as file:
        order, big = file.byteorder, file.is_bigtiff
        places = [
            {code: page.tags[_BESIDE[code]].offset for code in lower}
            for page, lower in zip(pages_of(file), below, strict=True)
        ]
    for lower, there in zip(below, places, strict=True):
        for code, entries in lower.items():
            end = buffer.seek(0, io.SEEK_END)
            end += buffer.write(bytes(end % 2))
            buffer.write(directory_bytes(entries, end, order))
            buffer.seek(there[code])
            buffer.write(struct.pack(f"{order}HHI", code, 4, 1) if not big
                         else struct.pack(f"{order}HHQ", code, 4, 1))  # fmt: skip
            buffer.write(struct.pack(f"{order}I", end))
