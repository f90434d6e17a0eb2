"""EXIF orientation of an image file, and arrays turned by it."""

from __future__ import annotations

from pathlib import Path

from numpy.typing import NDArray

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


def upright(image: NDArray, orientation: int) -> NDArray:
    """Undo one of the eight EXIF orientations: from the array stored to the picture meant."""
    if orientation >= 5:
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return image


def turned_back(image: NDArray, orientation: int) -> NDArray:
    """Undo `upright`: from the picture meant to the array stored."""
    return upright(image, {6: 8, 8: 6}.get(orientation, orientation))
