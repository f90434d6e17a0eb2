"""Damage of a photograph, proposed: scratches and dust, by top-hats and lines.

A scratch is thin, long, lighter or darker than both its sides in every colour, and more so than
the texture around it; dust is small and alone. Candidates are what a top-hat leaves where a line
through it is strong as well; a sum of the logarithms of five of their properties decides. Its
weights were fitted to synthetic damage of photographs, see docs/scratches.md.

It is a proposal to look at and to correct: twigs, wires and highlights are as thin as scratches,
and nothing here knows what they are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError

_WIDTH = 7  # pixels: nothing that is wider in every direction is proposed
_LINE, _ANGLES = 21, 12  # pixels along which a line is followed, and its directions
_AROUND = 41  # side of the square whose texture is compared with
_CROWD = 81  # and of that in which other candidates are counted
_FLOOR = 0.01  # of white: texture that every picture has
_CANDIDATE = 2.2  # times the texture around
_LONG, _LEAST = 16, 4  # pixels: length of a scratch rather than of dust; the smallest area
# Of the logarithms of: top-hat over its root mean square around, top-hat, candidates around over
# own area, length, mean width; and a constant.
_SCRATCH = np.array([11.7, 1.9, -1.1, 0.44, -1.4, -9.7])
_DUST = np.array([4.9, 1.3, 0.0, -1.0, 1.6, -3.8])


def propose_damage(image: NDArray) -> NDArray[np.bool_]:
    """Mask of what looks like scratches and dust, with a pixel around for their soft edges.

    Parameters
    ----------
    image : array, shape (H, W) or (H, W, C), in [0, 1]
        Of four or two channels the last is alpha, and not looked at.

    Returns
    -------
    mask : bool array, shape (H, W)
        True where a pixel is proposed as damaged; there may be none.

    Raises
    ------
    InputError
        If the picture is too small to have texture.
    """
    if min(image.shape[:2]) < _LINE:
        raise InputError(
            f"a picture of {image.shape[0]} x {image.shape[1]} pixels is too small to look for "
            f"damage; it must be {_LINE} pixels high and wide"
        )
    from scipy import ndimage

    channels = image.reshape(*image.shape[:2], -1)
    if channels.shape[-1] in (2, 4):
        channels = channels[..., :-1]
    found = np.zeros(image.shape[:2], bool)
    # White lifts the darkest colour, black lowers the brightest: coloured things do neither.
    for values in (channels.min(axis=-1), 1 - channels.max(axis=-1)):
        found |= _lighter(np.nan_to_num(values).astype(np.float32))
    return ndimage.binary_dilation(found, np.ones((3, 3), bool))


def _lighter(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Scratches and dust that are lighter than what is around."""
    from scipy import ndimage

    hat = values - ndimage.grey_opening(values, (_WIDTH, _WIDTH))
    texture = ndimage.uniform_filter(hat, _AROUND) + np.float32(_FLOOR)
    candidates = (hat > _CANDIDATE * texture) & (_along(hat) > _CANDIDATE * texture)
    labels, count = ndimage.label(candidates, np.ones((3, 3), bool))
    if count == 0:
        return candidates
    area = np.bincount(labels.ravel())[1:].astype(np.float64)
    length = np.array(
        [
            np.hypot(rows.stop - rows.start, columns.stop - columns.start)
            for rows, columns in ndimage.find_objects(labels)
        ]
    )
    mean_square = np.maximum(ndimage.uniform_filter(hat * hat, _AROUND), 0)
    crowd = ndimage.uniform_filter(candidates.astype(np.float32), _CROWD) * _CROWD**2

    def mean(of: NDArray) -> NDArray[np.float64]:
        return ndimage.mean(of, labels, np.arange(1, count + 1))

    contrast = mean(hat / (np.sqrt(mean_square) + np.float32(_FLOOR)))
    facts = np.stack([contrast, mean(hat), mean(crowd) / area, length, area / length])
    logs = np.log(np.maximum(facts, 1e-3))
    weights = np.where(length >= _LONG, _SCRATCH[:, np.newaxis], _DUST[:, np.newaxis])
    score = (weights[:-1] * logs).sum(axis=0) + weights[-1]
    return np.concatenate([[False], (score > 0) & (area >= _LEAST)])[labels]


def _along(hat: NDArray[np.float32]) -> NDArray[np.float32]:
    """Largest mean along a line through each pixel, of a dozen directions."""
    from scipy import ndimage

    half = _LINE // 2
    at = np.arange(-half, half + 1)
    strongest = np.zeros_like(hat)
    for angle in np.arange(_ANGLES) * np.pi / _ANGLES:
        weights = np.zeros((_LINE, _LINE), np.float32)
        rows, columns = np.rint(at * np.sin(angle)), np.rint(at * np.cos(angle))
        weights[rows.astype(int) + half, columns.astype(int) + half] = 1 / _LINE
        np.maximum(strongest, ndimage.correlate(hat, weights), out=strongest)
    return strongest
