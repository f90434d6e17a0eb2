"""Hidden colours, those under an alpha of zero: they say nothing about what is beside them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_BLOCK, _MARGIN = 512, 64  # pixels; colours spread from no farther than the margin
_SLAB = 2**20  # pixels looked at at a time


def seen_channels(channels: NDArray, mask: NDArray[np.bool_]) -> NDArray:
    """Channels to restore from: where alpha is zero, colours are those of what can be seen nearby.

    Programs leave anything there: black, white, what was erased. Restored from, it would tinge
    what can be seen at the edge.

    Parameters
    ----------
    channels : array, shape (H, W, C)
        The last one is alpha.
    mask : bool array, shape (H, W)
        True where a pixel is missing, and so cannot be seen either.

    Returns
    -------
    array, shape (H, W, C)
        The same array if no known pixel is hidden; otherwise a copy.
    """
    slabs = list(_slabs(mask.shape))
    if not any(((channels[s][..., -1] == 0) & ~mask[s]).any() for s in slabs):
        return channels
    result = channels.copy()
    total, number = np.zeros(channels.shape[-1] - 1), 0
    for slab in slabs:
        visible = (channels[slab][..., -1] > 0) & ~mask[slab]
        total += channels[slab][..., :-1].sum(axis=(0, 1), where=visible[..., np.newaxis])
        number += int(np.count_nonzero(visible))
    mean = total / max(number, 1)
    mean = (np.rint(mean) if channels.dtype.kind in "ub" else mean).astype(channels.dtype)
    for top in range(0, mask.shape[0], _BLOCK):
        for left in range(0, mask.shape[1], _BLOCK):
            _spread(channels, mask, result, (top, left), mean)
    return result


def _slabs(shape: tuple[int, ...]) -> Iterator[slice]:
    rows = max(_SLAB // shape[1], 1)
    return (slice(top, top + rows) for top in range(0, shape[0], rows))


def _spread(
    channels: NDArray,
    mask: NDArray[np.bool_],
    result: NDArray,
    corner: tuple[int, int],
    mean: NDArray,
) -> None:
    """Give the hidden pixels of one block the colours of the nearest visible ones, or the mean."""
    core = tuple(slice(start, start + _BLOCK) for start in corner)
    hidden = (channels[core][..., -1] == 0) & ~mask[core]
    if not hidden.any():
        return
    wide = tuple(slice(max(start - _MARGIN, 0), start + _BLOCK + _MARGIN) for start in corner)
    visible = (channels[wide][..., -1] > 0) & ~mask[wide]
    colours = result[core][..., :-1]
    colours[hidden] = mean
    # Far from all holes nobody asks for colours.
    if not visible.any() or not mask[wide].any():
        return
    from scipy.ndimage import distance_transform_edt

    distance, nearest = distance_transform_edt(~visible, return_indices=True)
    inner = tuple(
        slice(s.start - w.start, s.stop - w.start) for s, w in zip(core, wide, strict=True)
    )
    near = hidden & (distance[inner] <= _MARGIN)
    rows, columns = (axis[inner][near] for axis in nearest)
    colours[near] = channels[wide][rows, columns, :-1]
