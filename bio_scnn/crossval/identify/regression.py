"""Least squares that outliers do not move: for updates of V, fitted to steps of several kinds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAME = 1e-13
"""Rounding of float64, relative to the largest V: residuals below it are none."""


def trimmed(
    A: NDArray[np.float64], y: NDArray[np.float64], groups: list[NDArray[np.bool_]]
) -> tuple[NDArray, float, float, float]:
    """Least squares that leaves outliers out, but of no group more than half.

    A short input among many steps without one would else pass for an outlier.

    Parameters
    ----------
    A : (rows, columns) array
    y : (rows,) array
    groups : list of (rows,) bool arrays
        Rows with an input, and rows without.

    Returns
    -------
    coefficients : (columns,) array
    residual : float
        What seven rows of ten are off by at most, in the worse group.
    deviation : float
        Standard deviation of the first coefficient.
    tail : float
        As `residual`, for 99 rows of a hundred.
    """

    def offs(coefficients: NDArray, share: float) -> NDArray:
        """Errors of columns of coefficients, ``(columns, trials)``, in their worst group."""
        error = np.abs(y - (A @ coefficients).T)
        ranks = [(rows, int(share * (len(rows) - 1))) for rows in members]
        return np.max([np.partition(error[:, rows], k)[:, k] for rows, k in ranks], axis=0)

    def off(coefficients: NDArray, share: float) -> float:
        return float(offs(coefficients[:, np.newaxis], share)[0])

    members = [np.flatnonzero(group) for group in groups]

    floor = SAME * max(float(np.abs(y).max()), 1e-300)
    best = np.linalg.lstsq(A, y, rcond=None)[0]
    least = off(best, 0.5)
    rng = np.random.default_rng(0)
    if least > floor:
        each = A.shape[1]
        some = [np.concatenate([rng.choice(g, size=each) for g in members]) for _ in range(25)]
        smallest = np.finfo(float).eps * each * len(members)  # as in lstsq
        trials = (np.linalg.pinv(A[some], rcond=smallest) @ y[some][..., np.newaxis])[..., 0]
        errors = offs(trials.T, 0.5)
        if errors.min() < least:
            best, least = trials[errors.argmin()], float(errors.min())
    kept = np.zeros(len(y), dtype=bool)
    for _ in range(8):
        now = np.abs(y - A @ best) <= 6 * max(off(best, 0.5), floor)
        if np.array_equal(kept, now):
            break
        kept = now
        best = np.linalg.lstsq(A[kept], y[kept], rcond=None)[0]
    rms = float(np.sqrt(np.mean((y - A @ best)[kept] ** 2)))
    inverse = np.linalg.pinv(A[kept].T @ A[kept])
    deviation = rms * float(np.sqrt(max(inverse[0, 0], 0)))
    return best, off(best, 0.7), deviation, off(best, 0.99)
