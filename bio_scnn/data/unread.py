"""Formats of files that people have and that are not read, such as HEIF and PDF, by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

# Place in the file, what is there, and the name of the format.
_UNREAD = (
    (4, b"ftypheic", "HEIF"), (4, b"ftypheix", "HEIF"), (4, b"ftypmif1", "HEIF"),
    (4, b"ftypheim", "HEIF"), (4, b"ftyphevc", "HEIF"), (4, b"ftypmsf1", "HEIF"),
    (0, b"\xff\x0a", "JPEG XL"), (4, b"JXL \r\n", "JPEG XL"), (0, b"%PDF", "PDF"),
    (0, b"gimp xcf", "GIMP's own format"), (0, b"v/1\x01", "OpenEXR"), (0, b"#?R", "Radiance HDR"),
    (0, b"FUJIFILMCCD-RAW", "a raw photograph"), (4, b"ftypcrx", "a raw photograph"),
    (0, b"<svg", "SVG"), (0, b"<?xml", "XML, such as SVG"), (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"P7\n", "PAM"), (4, b"ftypmp4", "a film"), (4, b"ftypisom", "a film"),
)  # fmt: skip

# Of such files and others that cameras, scanners and editors write, for folders.
_SUFFIXES = frozenset({
    ".heic", ".heif", ".hif", ".jxl", ".pdf", ".psd", ".psb", ".xcf", ".kra", ".exr", ".hdr",
    ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".pef", ".srw", ".czi",
    ".lif", ".nd2", ".lsm", ".dcm", ".fits",
})  # fmt: skip


def unread_files(paths: Iterable[Path]) -> str:
    """Number of pictures that are not looked for in folders, by suffix, in words; or nothing."""
    found = Counter(path.suffix.lower() for path in paths)
    each = [f"{found[suffix]} {suffix}" for suffix in sorted(found) if suffix in _SUFFIXES]
    return f"{', '.join(each)} left out" if each else ""


def why_unread(path: Path) -> str:
    """Reason why a file cannot be read, and what to do, where its format is a known one."""
    with path.open("rb") as file:
        head = file.read(32)
    for place, begin, name in _UNREAD:
        if head[place:].startswith(begin):
            return f"it is {name}, which is not read; save it as PNG, JPEG or TIFF"
    return "of no known format" if head else "it is empty"
