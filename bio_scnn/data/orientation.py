"""EXIF orientation of an image file, and arrays turned by it."""

from __future__ import annotations

from pathlib import Path

from numpy.typing import NDArray

from bio_scnn.data.upright import upright

_TAG = 274  # the EXIF and TIFF tag


def stored_orientation(path: Path) -> int:
    """EXIF orientation that a file states, 1 to 8; 1 if it states none or cannot be read."""
    from PIL import Image

    if not path.is_file():
        return 1
    try:
        with path.open("rb") as file, Image.open(file) as image:
            found = image.getexif().get(_TAG, 1)
    except Exception:  # whoever reads the picture says what is wrong with the file
        return 1
    return found if found in range(1, 9) else 1


def turned_back(image: NDArray, orientation: int) -> NDArray:
    """Undo `upright`: from the picture meant to the array stored."""
    return upright(image, {6: 8, 8: 6}.get(orientation, orientation))
