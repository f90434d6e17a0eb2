"""Metadata of a picture file: profile, EXIF, XMP, resolution, texts, and how it was coded."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image, JpegImagePlugin

from bio_scnn.data.ifd import EXIF, GPS, Entry, block_bytes, read_block, swapped
from bio_scnn.data.upright import upright_exif, upright_xmp

ICC, XMP, IPTC, PHOTOSHOP = 34675, 700, 33723, 34377  # tags of TIFF files
GEOGRAPHIC = frozenset({33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113, 50844})
_RESOLUTION = (282, 283, 296)
# What a TIFF file of another picture would not say: how its own pixels are laid out and coded.
_OF_PIXELS = frozenset(
    {254, 255, *range(256, 267), 273, *range(277, 282), 284, 288, 289, 290, 291, 292, 293, 301}
    | {317, *range(320, 331), 338, 339, 340, 341, 347, 400, *range(512, 533), EXIF, GPS}
    | {274, *_RESOLUTION, ICC, XMP, 32997, 32998, 37724, 40965}
)


_LONGEST = 65500  # bytes of EXIF or XMP that a JPEG file holds


@dataclass(frozen=True)
class Metadata:
    """All that a file says besides its pixels, upright.

    Attributes
    ----------
    icc, exif, xmp, iptc : bytes
        Profile; EXIF block without ``Exif\\0\\0``; XMP packet; Photoshop's block, which holds the
        IPTC one. Empty for none.
    order : {'<', '>'}
        Byte order of `directories`.
    directories : dict
        Of a TIFF file: the tags that do not concern its pixels, as 0, `EXIF` and `GPS`.
    resolution : tuple of (x, y, unit), optional
        Unit 1 for a ratio alone, 2 for pixels per inch, 3 per centimetre.
    comment : bytes
    chunks : tuple of (kind, data)
        Of a PNG file: those that stay true when missing pixels are filled in.
    coding : dict
        How the file is compressed: options of Pillow for JPEG, of tifffile for TIFF.
    animation : dict
        ``duration`` of each frame in ms, and ``loop``.
    lost : tuple of str
        Names of what was left out in reading.
    """

    icc: bytes = b""
    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""
    order: str = "<"
    directories: Mapping[int, list[Entry]] = field(default_factory=dict)
    resolution: tuple[float, float, int] | None = None
    comment: bytes = b""
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    coding: Mapping[str, Any] = field(default_factory=dict)
    animation: Mapping[str, Any] = field(default_factory=dict)
    lost: tuple[str, ...] = ()

    @property
    def block(self) -> bytes:
        """EXIF block, of a TIFF file's directories if it has no other."""
        if self.exif or not any(self.directories.values()):
            return self.exif
        return block_bytes(self.order, dict(self.directories))

    @property
    def dpi(self) -> tuple[float, float] | None:
        """Pixels per inch, if they are known."""
        if self.resolution is None or self.resolution[2] not in (2, 3):
            return None
        factor = 1.0 if self.resolution[2] == 2 else 2.54
        return self.resolution[0] * factor, self.resolution[1] * factor

    def without(self, name: str) -> Metadata:
        """The same with one more thing that was left out in reading."""
        return replace(self, lost=(*self.lost, name))

    def of_one_page(self) -> Metadata:
        """The same without a description of all pages, as tifffile, ImageJ and OME write it."""
        stacks = (b'{"shape"', b"ImageJ=", b"<?xml")
        main = [
            entry
            for entry in self.directories.get(0, [])
            if not (entry.code == 270 and entry.value.startswith(stacks))
        ]
        return replace(self, directories={**self.directories, 0: main})

    def without_profile(self) -> Metadata:
        """The same for pixels that were converted to sRGB, as which they are read without any."""
        return replace(self, icc=b"")


def of_pillow(
    opened: Image.Image, orientation: int, chunks: tuple[tuple[bytes, bytes], ...] = ()
) -> Metadata:
    """Metadata of a file that Pillow has opened, other than TIFF.

    Parameters
    ----------
    opened : Image
        As opened: not turned yet.
    orientation : int
        By which its pixels are going to be turned.
    chunks : tuple
        Of a PNG file.
    """
    info, lost = opened.info, []
    exif = info.get("exif") or b""
    if not exif and "Raw profile type exif" in info:
        exif = opened.getexif().tobytes()
    block = upright_exif(exif, orientation) if exif else b""
    if exif and not block:
        lost.append("a damaged EXIF block")
    packet = info.get("xmp") or info.get("XML:com.adobe.xmp") or b""
    packet = packet.encode() if isinstance(packet, str) else bytes(packet)
    iptc, coding = b"", dict[str, Any]()
    if isinstance(opened, JpegImagePlugin.JpegImageFile):
        blocks = [data for kind, data in getattr(opened, "applist", []) if kind == "APP13"]
        iptc = blocks[0] if blocks else b""
        coding = {
            "qtables": dict(opened.quantization),
            "subsampling": JpegImagePlugin.get_sampling(opened),
            "progressive": bool(info.get("progressive")),
        }
        if coding["subsampling"] < 0:  # of another layout than any that can be asked for
            del coding["subsampling"]
    comment = info.get("comment") or b""
    return Metadata(
        icc=info.get("icc_profile") or b"",
        exif=block,
        xmp=upright_xmp(packet),
        iptc=iptc,
        resolution=_resolution(info, orientation >= 5) or resolution_of(block),
        comment=comment.encode() if isinstance(comment, str) else bytes(comment),
        chunks=chunks,
        coding=coding,
        lost=tuple(lost),
    )


def _resolution(info: Mapping[Any, Any], sideways: bool) -> tuple[float, float, int] | None:
    pair, unit = info.get("dpi"), 2
    if pair is None:
        pair, unit = info.get("aspect"), 1
    try:
        x, y = (float(value) for value in pair) if pair else (0.0, 0.0)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    if not (0 < x < 1e9 and 0 < y < 1e9):
        return None
    # Per metre, as PNG has it, 300 pixels per inch are 299.9994.
    x, y = (round(value) if abs(value - round(value)) < 0.013 else value for value in (x, y))
    return (y, x, unit) if sideways else (x, y, unit)


def resolution_of(block: bytes) -> tuple[float, float, int] | None:
    """Resolution that an EXIF block tells, if any."""
    try:
        order, directories = read_block(block)
        values = {entry.code: entry.value for entry in directories[0]}
        pairs = [struct.unpack(f"{order}2I", values[code]) for code in _RESOLUTION[:2]]
        (unit,) = struct.unpack(f"{order}H", values.get(296, struct.pack(f"{order}H", 2)))
        x, y = (numerator / denominator for numerator, denominator in pairs)
    except (struct.error, KeyError, ZeroDivisionError):
        return None
    return (x, y, unit) if 0 < x < 1e9 and 0 < y < 1e9 and unit in (1, 2, 3) else None


def kept_tags(entries: list[Entry], orientation: int) -> tuple[list[Entry], list[str]]:
    """Tags of a TIFF page that hold for the restored one, and names of others that are lost."""
    lost = []
    if any(entry.code == 37724 for entry in entries):
        lost.append("Photoshop's layers")
    if orientation != 1 and any(entry.code in GEOGRAPHIC for entry in entries):
        lost.append("geographic tags, which tell of the picture before it was turned upright")
        entries = [entry for entry in entries if entry.code not in GEOGRAPHIC]
    kept = [entry for entry in entries if entry.code not in _OF_PIXELS]
    return (swapped(kept) if orientation >= 5 else kept), lost


def tiff_tags(metadata: Metadata) -> tuple[str, dict[int, list[Entry]]]:
    """Byte order and tags with which a TIFF file says the same, resolution apart."""
    order, directories = metadata.order, dict(metadata.directories)
    if metadata.exif:
        try:
            order, directories = read_block(metadata.exif)
        except (struct.error, KeyError):
            directories = {}
    main = [entry for entry in directories.get(0, []) if entry.code not in _OF_PIXELS]
    known = {entry.code for entry in main}
    for code, dtype, value in (
        (ICC, 7, metadata.icc), (XMP, 1, metadata.xmp), (PHOTOSHOP, 7, _resources(metadata.iptc)),
        (270, 2, metadata.comment and metadata.comment + b"\0"),
    ):  # fmt: skip
        if value and code not in known:
            main.append(Entry(code, dtype, len(value), value))
    return order, directories | {0: main}


def _resources(app13: bytes) -> bytes:
    """Photoshop's image resources of a JPEG file's block, as a TIFF file has them."""
    head = b"Photoshop 3.0\0"
    return app13.removeprefix(head) if app13.startswith(head) else b""


def pillow_options(metadata: Metadata, kind: str) -> dict[str, Any]:
    """Options with which Pillow writes it into a JPEG, WebP, AVIF or BMP file."""
    options: dict[str, Any] = {"dpi": metadata.dpi} if metadata.dpi else {}
    if kind == "BMP":
        return options
    if metadata.icc:
        options["icc_profile"] = metadata.icc
    block, longest = metadata.block, _LONGEST if kind == "JPEG" else 2**31
    if 0 < len(block) < longest:
        options["exif"] = b"Exif\0\0" + block
    if 0 < len(metadata.xmp) < longest:
        options["xmp"] = metadata.xmp
    if kind == "JPEG":
        options |= metadata.coding if "qtables" in metadata.coding else {}
        if metadata.comment:
            options["comment"] = metadata.comment
        if metadata.iptc and len(metadata.iptc) < 65534:
            options["extra"] = (
                b"\xff\xed" + struct.pack(">H", len(metadata.iptc) + 2) + metadata.iptc
            )
    return options


def left_out(metadata: Metadata, suffix: str) -> list[str]:
    """Names of what a format cannot hold, and of what was lost before."""
    lost = list(metadata.lost)
    tiff, png, jpeg = suffix in (".tif", ".tiff"), suffix == ".png", suffix in (".jpg", ".jpeg")
    rich = tiff or png or jpeg or suffix in (".webp", ".avif")
    main = metadata.directories.get(0, [])
    if not tiff and any(entry.code in GEOGRAPHIC for entry in main):
        lost.append("geographic tags")
    if metadata.iptc and not (tiff or jpeg):
        lost.append("the IPTC block")
    if metadata.chunks and not png:
        lost.append("PNG's texts and further chunks")
    if metadata.comment and not (tiff or png or jpeg):
        lost.append("the comment")
    if metadata.resolution and not (rich or suffix == ".bmp"):
        lost.append("the resolution")
    for name, value in (
        ("the colour profile", metadata.icc), ("EXIF", metadata.block), ("XMP", metadata.xmp),
    ):  # fmt: skip
        if value and not rich:
            lost.append(name)
        elif name != "the colour profile" and jpeg and len(value) >= _LONGEST:
            lost.append(f"{name}, which is too long for a JPEG file")
    return lost
