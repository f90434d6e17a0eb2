"""First guesses for missing pixels: what the network starts from, and what it is compared with.

The harmonic and the biharmonic fill come from one matrix, the Laplacian ``L`` of the grid of
pixels: with the known pixels given, the first makes ``L f`` vanish at every missing pixel, and
the second makes the sum of its squares over all pixels as small as it can be. Both are exact, by
one factorisation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
import scipy  # whose parts load when they are first used
from numpy.typing import NDArray

from bio_scnn.runtime.memory import give_back_freed_memory

# What a solve takes for each pixel, and the pixels of holes that do not touch in one solve.
_BYTES, _AT_ONCE = 2400, 2**16
# A band as wide as this takes about as long as a sparse factorisation, and no more memory.
_WIDEST_BAND = 120
_SLAB = 2**20  # pixels that are looked at together where a fill needs all known ones


class Pixels(Protocol):
    """An image ``(H, W, C)``: an array, or anything that is indexed like one."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, where: Any, /) -> Any: ...


class _Laplacian(NamedTuple):
    """The rows of the Laplacian that a missing pixel enters: ``missing @ x + known``."""

    missing: scipy.sparse.csc_array  # (rows, missing pixels)
    known: NDArray[np.float64]  # (rows, C), what the known pixels contribute
    here: NDArray[np.intp]  # the row of each missing pixel

    def of(self, some: NDArray[np.intp] | slice) -> _Laplacian:
        """Rows of some of the missing pixels, if none couples them to others."""
        return _Laplacian(self.missing[:, some], self.known, self.here[some])

    def independent(self) -> list[NDArray[np.intp] | slice]:
        """Groups of missing pixels that no row couples to one another, each of many holes."""
        missing, _, here = self
        if len(here) <= _AT_ONCE:
            return [slice(None)]
        coupled = missing.indices, np.repeat(here, np.diff(missing.indptr))
        graph = scipy.sparse.csr_array((missing.data, coupled), shape=[missing.shape[0]] * 2)
        _, hole = scipy.sparse.csgraph.connected_components(graph, directed=False)
        hole = hole[here]
        order = np.argsort(hole, kind="stable")
        sizes = np.bincount(hole)
        before = np.cumsum(sizes) - sizes
        turn = np.repeat(before // _AT_ONCE, sizes)  # holes that begin in the same stretch
        return [*np.split(order, np.flatnonzero(np.diff(turn)) + 1)]


@dataclass(frozen=True)
class Holes:
    """Missing pixels of an image, and the equations there, which several fills share."""

    image: Pixels
    mask: NDArray[np.bool_]

    @cached_property
    def laplacian(self) -> _Laplacian:
        return _laplacian(self.image, self.mask)

    @cached_property
    def groups(self) -> list[NDArray[np.intp] | slice]:
        """Missing pixels, by their place among them, that are solved for in turns."""
        return self.laplacian.independent()

    def solve(
        self, equations: Callable[[_Laplacian], tuple[scipy.sparse.sparray, NDArray]]
    ) -> NDArray[np.float64]:
        """Solve symmetric positive definite equations at the missing pixels.

        Parameters
        ----------
        equations : callable
            Gives the matrix and the right-hand side for what a group's Laplacian is.

        Returns
        -------
        array, shape (missing pixels, C)
        """
        found = np.empty((len(self.laplacian.here), self.image.shape[-1]))
        for group in self.groups:
            found[group] = _solve(*equations(self.laplacian.of(group)))
        give_back_freed_memory(_BYTES * min(len(found), _AT_ONCE))
        return found

    def known(self) -> Iterator[NDArray]:
        """The values ``(n, C)`` of known pixels, a few rows of a large image at a time."""
        height, width = self.mask.shape
        rows = max(_SLAB // width, 1)
        for top in range(0, height, rows):
            slab = slice(top, top + rows)
            yield self.image[slab][~self.mask[slab]]


Values = Callable[[Holes], NDArray[np.float64]]


def fill(image: NDArray, mask: NDArray[np.bool_], values: Values) -> NDArray[np.float64]:
    """Put values ``(missing pixels, C)`` of a function in this module into a float64 image."""
    filled = np.array(image, np.float64)
    filled[mask] = values(Holes(image, mask))
    return filled


def zero_values(holes: Holes) -> NDArray[np.float64]:
    """Set the missing pixels to zero (black), as the paper does."""
    return np.zeros((np.count_nonzero(holes.mask), holes.image.shape[-1]))


def mean_values(holes: Holes) -> NDArray[np.float64]:
    """Set the missing pixels to the mean of the known ones, channel by channel."""
    missing = int(np.count_nonzero(holes.mask))
    total = sum(known.sum(axis=0, dtype=np.float64) for known in holes.known())
    return np.tile(total / (holes.mask.size - missing), (missing, 1))


def harmonic_values(holes: Holes) -> NDArray[np.float64]:
    """Solve Laplace's equation at the missing pixels; see `harmonic_fill`."""
    if not holes.mask.any():
        return zero_values(holes)

    def equations(laplacian: _Laplacian) -> tuple[scipy.sparse.sparray, NDArray]:
        missing, known, here = laplacian
        return missing[here], -known[here]

    return holes.solve(equations)


def biharmonic_values(holes: Holes) -> NDArray[np.float64]:
    """Solve the biharmonic equation at the missing pixels; see `biharmonic_fill`."""
    if not holes.mask.any():
        return zero_values(holes)

    def equations(laplacian: _Laplacian) -> tuple[scipy.sparse.sparray, NDArray]:
        missing, known, _ = laplacian
        return missing.T @ missing, -(missing.T @ known)

    found = holes.solve(equations)
    low, high = (np.full(found.shape[-1], end) for end in (np.inf, -np.inf))
    for part in filter(len, holes.known()):
        for channel, values in enumerate(part.T):  # ten times as fast as min(axis=0)
            low[channel] = min(low[channel], values.min())
            high[channel] = max(high[channel], values.max())
    return np.clip(found, low, high)


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


def _laplacian(image: Pixels, mask: NDArray[np.bool_]) -> _Laplacian:
    """Build the Laplacian at the missing pixels and their neighbours.

    Pixels are looked up by their place in the image, in C order: nothing is of its size.
    """
    height, width = mask.shape
    missing = np.flatnonzero(mask)

    def neighbours(
        place: NDArray[np.intp],
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """In each direction: which of the places have one, and where that is."""
        row, column = np.divmod(place, width)
        for d_row, d_column in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            r, c = row + d_row, column + d_column
            having = np.flatnonzero((r >= 0) & (r < height) & (c >= 0) & (c < width))
            yield having, place[having] + d_row * width + d_column

    def value(place: NDArray[np.intp]) -> NDArray[np.float64]:
        """Values of known pixels; zero where they are missing."""
        where = np.divmod(place, width)
        return np.where(mask[where][:, np.newaxis], 0.0, image[where].astype(np.float64))

    near = np.unique(np.concatenate([missing, *(there for _, there in neighbours(missing))]))
    i, j, weight = [], [], []
    degree = np.zeros(len(near))
    known = np.zeros((len(near), image.shape[-1]))
    for here, there in neighbours(near):
        degree[here] += 1
        known[here] -= value(there)
        coupled = mask[np.divmod(there, width)]
        i.append(here[coupled].astype(np.int32))
        j.append(np.searchsorted(missing, there[coupled]).astype(np.int32))
        weight.append(np.full(len(i[-1]), -1.0))
    known += degree[:, np.newaxis] * value(near)
    rows = np.searchsorted(near, missing)
    i.append(rows.astype(np.int32))
    j.append(np.arange(len(missing), dtype=np.int32))
    weight.append(degree[rows])
    matrix = scipy.sparse.csc_array(
        (np.concatenate(weight), (np.concatenate(i), np.concatenate(j))),
        shape=(len(near), len(missing)),
    )
    return _Laplacian(matrix, known, rows)


def _solve(matrix: scipy.sparse.sparray, right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solution of symmetric positive definite equations: banded if holes are narrow."""
    order = scipy.sparse.csgraph.reverse_cuthill_mckee(matrix.tocsr(), symmetric_mode=True)
    place = np.empty_like(order)
    place[order] = np.arange(len(order), dtype=order.dtype)
    entries = matrix.tocoo()
    row, column = (place[axis] for axis in entries.coords)
    below = row - column
    width = int(below.max())
    if width > _WIDEST_BAND:
        return _solve_sparse(matrix, right)
    lower = below >= 0
    band = np.zeros((width + 1, len(order)), order="F")
    band[below[lower], column[lower]] = entries.data[lower]
    _, found, failed = scipy.linalg.lapack.dpbsv(band, right[order], lower=1, overwrite_ab=1)
    return _solve_sparse(matrix, right) if failed else found[place]


def _solve_sparse(matrix: scipy.sparse.sparray, right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without pivoting, in an ordering made for symmetry."""
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
