"""Photographs that scikit-image brings along, by name."""

import numpy as np

from bio_scnn.data.datasets import embedded_images, resize
from bio_scnn.data.images import read_rgb


def embedded_photograph(name, factor=2.0):
    """A photograph downscaled by a factor, (H, W, 3) float32 in [0, 1]."""
    (path,) = (path for path in embedded_images() if path.stem == name)
    return resize(read_rgb(path), factor).astype(np.float32) / 255
