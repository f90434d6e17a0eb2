"""Proposed mask of a picture and its preview, to be looked at before anything is restored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bio_scnn.data.damage import propose_damage
from bio_scnn.data.images import image_file
from bio_scnn.data.mask_reading import Reading
from bio_scnn.errors import InputError
from bio_scnn.restoration.outputs import Outputs
from bio_scnn.restoration.panel import marked
from bio_scnn.restoration.scale import Scale, scale_of

_ROWS = 256  # of the preview that are drawn together


def proposed(path: Path, image: NDArray, empty: NDArray[np.bool_] | None) -> Reading:
    """Mask of what looks like scratches and dust in a picture.

    Parameters
    ----------
    path : Path
        Names the picture in errors.
    image : array, shape (H, W) or (H, W, C)
    empty : bool array, shape (H, W), optional
        Pixels that hold no data.

    Raises
    ------
    InputError
        If there is nothing of that kind, or the picture is too small.
    """
    unknown = np.zeros(image.shape[:2], bool) if empty is None else empty
    unit = scale_of(image, unknown).to_unit(image)
    unit[unknown] = 0
    try:
        mask = propose_damage(np.clip(unit, 0, 1)) & ~unknown
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    if not mask.any():
        raise InputError(
            f"{path}: nothing in it looks like a scratch or dust; paint over what is missing in a "
            "copy of the picture, and give that as --mask"
        )
    return Reading(mask, "where it looks like scratches or dust")


def proposal_files(
    image: NDArray, mask: NDArray[np.bool_], unknown: NDArray[np.bool_], outputs: Outputs
) -> dict[Path, bytes]:
    """Files of a proposal: the mask, white where missing, and the picture with it in pink."""
    preview = np.empty((*mask.shape, 3), np.uint8)
    scale: Scale = scale_of(image, unknown)
    for top in range(0, len(mask), _ROWS):
        rows = slice(top, top + _ROWS)
        unit = np.clip(np.nan_to_num(scale.to_unit(image[rows])), 0, 1)
        preview[rows] = np.rint(255 * marked(unit, mask[rows]))
    return {
        outputs.mask: image_file(outputs.mask, np.where(mask, np.uint8(255), np.uint8(0))),
        outputs.preview: image_file(outputs.preview, preview),
    }
