"""The eight symmetries of the grid of pixels, in which a picture can be restored."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bio_scnn.network.options import Quality


class Orientation(NamedTuple):
    """A symmetry of the grid of pixels: quarter turns, and whether a reflection follows."""

    quarter_turns: int = 0
    mirrored: bool = False

    def view(self, image: NDArray) -> NDArray:
        """Turn an image ``(H, W, ...)``. Being a view, what is written to it is turned back."""
        rotated = np.rot90(image, self.quarter_turns)
        return rotated[:, ::-1] if self.mirrored else rotated


def orientations(quality: Quality) -> list[Orientation]:
    """The orientations that are restored and averaged, the picture's own first."""
    if quality != "best":
        return [Orientation()]
    return [Orientation(turns, mirrored) for mirrored in (False, True) for turns in range(4)]
