"""First guesses for missing pixels: what the network starts from, and what it is compared with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu
from skimage.restoration import inpaint_biharmonic


def zero_fill(image: NDArray, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Set the missing pixels to zero (black), as the paper does."""
    return np.where(mask[..., None], 0.0, image)


def mean_fill(image: NDArray, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Set the missing pixels to the mean of the known ones, channel by channel."""
    return np.where(mask[..., None], image[~mask].mean(axis=0), image)


def biharmonic_fill(image: NDArray, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Solve the biharmonic equation in the holes: scikit-image's `inpaint_biharmonic`."""
    return inpaint_biharmonic(image, mask, split_into_regions=False, channel_axis=-1)


def harmonic_fill(image: NDArray, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Solve Laplace's equation in the holes, exactly, by one sparse factorisation.

    Every missing pixel becomes the mean of its four neighbours, and the known pixels are the
    boundary values. Beyond the frame of the image there is nothing: a pixel there has fewer
    neighbours (a Neumann boundary).

    Parameters
    ----------
    image : array, shape (H, W, C)
        The values at missing pixels are not looked at.
    mask : bool array, shape (H, W)
        True where a pixel is missing; at least one must be known.

    Returns
    -------
    array, shape (H, W, C), float64
    """
    height, width = mask.shape
    known = zero_fill(image, mask)
    rows, cols = np.nonzero(mask)
    count = len(rows)
    if count == 0:
        return known
    unknown = np.full((height, width), -1)
    unknown[rows, cols] = np.arange(count)

    degree = np.zeros(count)
    boundary = np.zeros((count, known.shape[-1]))
    pairs = []
    for d_row, d_col in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        r, c = rows + d_row, cols + d_col
        here = np.flatnonzero((r >= 0) & (r < height) & (c >= 0) & (c < width))
        r, c = r[here], c[here]
        degree[here] += 1
        boundary[here] += known[r, c]
        neighbour = unknown[r, c]
        coupled = neighbour >= 0
        pairs.append((here[coupled], neighbour[coupled]))
    i = np.concatenate([p[0] for p in pairs])
    j = np.concatenate([p[1] for p in pairs])
    laplacian = sparse.diags_array(degree) - sparse.coo_array(
        (np.ones(len(i)), (i, j)), (count, count)
    )
    # The matrix is symmetric positive definite: no pivoting, an ordering made for symmetry.
    factors = splu(
        sparse.csc_matrix(laplacian),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    known[rows, cols] = factors.solve(boundary)
    return known


FILLS: dict[str, Callable[[NDArray, NDArray[np.bool_]], NDArray[np.float64]]] = {
    "zero": zero_fill,
    "mean": mean_fill,
    "harmonic": harmonic_fill,
    "biharmonic": biharmonic_fill,
}
