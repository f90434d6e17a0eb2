"""First guesses for missing pixels: what the network starts from, and what it is compared with.

The harmonic and the biharmonic fill come from one matrix, the Laplacian ``L`` of the grid of
pixels: with the known pixels given, the first makes ``L f`` vanish at every missing pixel, and
the second makes the sum of its squares over all pixels as small as it can be. Both are exact, by
one sparse factorisation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy  # whose parts load when they are first used
from numpy.typing import NDArray


class _Laplacian(NamedTuple):
    """The rows of the Laplacian that a missing pixel enters: ``missing @ x + known``."""

    missing: scipy.sparse.csc_array  # (rows, missing pixels)
    known: NDArray[np.float64]  # (rows, C), what the known pixels contribute
    here: NDArray[np.intp]  # the row of each missing pixel


Values = Callable[[NDArray, NDArray[np.bool_]], NDArray[np.float64]]


def fill(image: NDArray, mask: NDArray[np.bool_], values: Values) -> NDArray[np.float64]:
    """Put values ``(missing pixels, C)`` of a function in this module into a float64 image."""
    filled = np.array(image, np.float64)
    filled[mask] = values(image, mask)
    return filled


def zero_values(image: NDArray, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Set the missing pixels to zero (black), as the paper does."""
    return np.zeros((np.count_nonzero(mask), image.shape[-1]))


def mean_values(image: NDArray, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Set the missing pixels to the mean of the known ones, channel by channel."""
    known = ~mask[..., np.newaxis]
    mean = np.mean(image, axis=(0, 1), dtype=np.float64, where=known)
    return np.tile(mean, (int(np.count_nonzero(mask)), 1))


def harmonic_values(image: NDArray, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Solve Laplace's equation at the missing pixels; see `harmonic_fill`."""
    if not mask.any():
        return zero_values(image, mask)
    laplacian = _laplacian(image, mask)
    inside = laplacian.missing[laplacian.here]
    return _solve(inside, -laplacian.known[laplacian.here])


def biharmonic_values(image: NDArray, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Solve the biharmonic equation at the missing pixels; see `biharmonic_fill`."""
    if not mask.any():
        return zero_values(image, mask)
    laplacian = _laplacian(image, mask)
    normal = laplacian.missing.T @ laplacian.missing
    right = -(laplacian.missing.T @ laplacian.known)
    known = ~mask[..., np.newaxis]
    low, high = (
        extreme(image, axis=(0, 1), where=known, initial=initial)
        for extreme, initial in ((np.min, np.inf), (np.max, -np.inf))
    )
    return np.clip(_solve(normal, right), low, high)


def mean_fill(image: NDArray, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Set the missing pixels to the mean of the known ones, channel by channel."""
    return fill(image, mask, mean_values)


def harmonic_fill(image: NDArray, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Solve Laplace's equation in the holes.

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
    return fill(image, mask, harmonic_values)


def biharmonic_fill(image: NDArray, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Solve the biharmonic equation in the holes: the surface of a thin plate.

    Unlike the harmonic fill it goes on with the slopes found at the rim of a hole. It may so
    overshoot; values beyond the range of a channel's known ones are set to the nearest in it.
    The result is that of scikit-image's `inpaint_biharmonic` [1]_, which it takes longer to find.

    Parameters
    ----------
    image, mask
        As for `harmonic_fill`.

    Returns
    -------
    array, shape (H, W, C), float64

    References
    ----------
    .. [1] S. B. Damelin, N. S. Hoang, "On surface completion and image inpainting by biharmonic
       functions", Int. J. Math. Math. Sci. 2018, 3950312.
    """
    return fill(image, mask, biharmonic_values)


def _laplacian(image: NDArray, mask: NDArray[np.bool_]) -> _Laplacian:
    """Build the Laplacian at the missing pixels and their neighbours."""
    height, width = mask.shape
    near = scipy.ndimage.binary_dilation(mask)
    rows, cols = np.nonzero(near)
    number = np.full(mask.shape, -1, np.int32)
    number[mask] = np.arange(np.count_nonzero(mask))

    def value(r: NDArray, c: NDArray) -> NDArray[np.float64]:
        """Of known pixels; zero where they are missing."""
        return np.where(mask[r, c, np.newaxis], 0.0, image[r, c].astype(np.float64))

    i, j, weight = [], [], []
    degree = np.zeros(len(rows))
    known = np.zeros((len(rows), image.shape[-1]))
    for d_row, d_col in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        r, c = rows + d_row, cols + d_col
        here = np.flatnonzero((r >= 0) & (r < height) & (c >= 0) & (c < width))
        r, c = r[here], c[here]
        degree[here] += 1
        known[here] -= value(r, c)
        neighbour = number[r, c]
        coupled = neighbour >= 0
        i.append(here[coupled])
        j.append(neighbour[coupled])
        weight.append(np.full(len(i[-1]), -1.0))
    known += degree[:, np.newaxis] * value(rows, cols)
    missing = np.flatnonzero(mask[rows, cols])
    i.append(missing)
    j.append(np.arange(len(missing)))
    weight.append(degree[missing])
    matrix = scipy.sparse.csc_array(
        (np.concatenate(weight), (np.concatenate(i), np.concatenate(j))),
        shape=(len(rows), len(missing)),
    )
    return _Laplacian(matrix, known, missing)


def _solve(matrix: scipy.sparse.csc_array, right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve a symmetric positive definite system: no pivoting, an ordering made for symmetry."""
    factors = scipy.sparse.linalg.splu(
        scipy.sparse.csc_matrix(matrix),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    return factors.solve(right)


FILLS: dict[str, Values] = {
    "zero": zero_values,
    "mean": mean_values,
    "harmonic": harmonic_values,
    "biharmonic": biharmonic_values,
}
