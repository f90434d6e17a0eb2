"""Pictures whose pixels are numbers of colours, as colours to work on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bio_scnn.data.forms import COLOURS, Form

_AT_ONCE = 2**20  # pixels counted at a time


def of_palette(index: NDArray[np.uint8], table: NDArray[np.uint8]) -> tuple[NDArray, Form]:
    """Colours of a picture, and its form; grey if all of them are.

    Parameters
    ----------
    index : array of uint8, shape (H, W)
    table : array of uint8, shape (n, 3) or (n, 4)
        Colours, RGB or RGBA. Numbers beyond them are black.
    """
    whole = np.zeros((COLOURS, table.shape[1]), np.uint8)
    whole[:, 3:] = 255
    whole[: len(table)] = table[:COLOURS]
    flat, used = index.reshape(-1), np.zeros(COLOURS, bool)
    for start in range(0, flat.size, _AT_ONCE):
        used |= np.bincount(flat[start : start + _AT_ONCE], minlength=COLOURS) > 0
    colours = whole[used]
    if (colours[:, :1] == colours[:, 1:3]).all():
        whole = np.concatenate([whole[:, :1], whole[:, 3:]], axis=1)
    form = Form(kind="palette", palette=whole[used])
    pixels = whole[index]
    return (pixels[..., 0] if pixels.shape[2] == 1 else pixels), form
