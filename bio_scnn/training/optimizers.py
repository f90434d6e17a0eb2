"""Steps of gradient descent on one array or tensor: Adam, and Muon for kernels."""

from __future__ import annotations

import math

from bio_scnn.network.conv2d import Array
from bio_scnn.training.settings import TrainingSettings

# Coefficients of the quintic that is iterated, and how often (Jordan et al., 2024). They draw
# singular values from 0.01 to 1 near 1, into 0.7 to 1.2, as fast as a quintic can.
_QUINTIC = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
# Added to the norm that a matrix is divided by. Where no gradient comes any more, as behind dead
# rectifiers, the momentum fades away: the square of its norm would underflow in float32, and the
# iteration, no longer given singular values below 1, diverge. So the step fades as well.
_VANISHING = 1e-12
# The root mean square of a step of Muon per unit of the learning rate, as Adam's usually is, so
# that one learning rate does for both (Liu et al., 2025).
_RMS = 0.2


def adam(
    g: Array, m: Array, v: Array, t: int, beta1: float, beta2: float
) -> tuple[Array, Array, Array]:
    """One step of Adam (Kingma & Ba 2015, algorithm 1).

    Parameters
    ----------
    g, m, v : array, of one shape
        Gradient, and its two moments so far.
    t : int
        Number of this step, from 1.
    beta1, beta2 : float
        Decay rates of the moments.

    Returns
    -------
    step, m, v : arrays
        What is subtracted from the weights, to be multiplied by the learning rate, and the new
        moments.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    correction = math.sqrt(1 - beta2**t) / (1 - beta1**t)
    return correction * m / (v**0.5 + 1e-8), m, v


def muon(g: Array, m: Array, beta: float) -> tuple[Array, Array]:
    """One step of Muon: momentum, orthogonalised [1]_ [2]_.

    A kernel ``(k, k, C_in, C_out)`` is taken as the matrix that multiplies its windows. Every
    direction in which that matrix can change is given a step of the same size, however small its
    gradient: what Adam does for single weights, this does for combinations of them.

    Parameters
    ----------
    g, m : array, shape (..., C_out)
        Gradient and momentum so far.
    beta : float
        Decay rate of the momentum, which is Nesterov's.

    Returns
    -------
    step, m : arrays

    References
    ----------
    .. [1] K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024.
    .. [2] J. Liu et al., "Muon is scalable for LLM training", 2025.
    """
    ahead, m = _momentum(g, m, beta)
    matrix = orthogonalise(ahead.reshape(-1, ahead.shape[-1]))
    return muon_size(matrix.shape) * matrix.reshape(g.shape), m


def muon_of_stack(g: Array, m: Array, beta: float, size: Array) -> tuple[Array, Array]:
    """One step of Muon for many matrices at once.

    Parameters
    ----------
    g, m : array, shape (n, rows, columns)
        Gradients and momenta; matrices of fewer rows or columns are padded with zeros, which
        changes nothing. No matrix has more columns than rows.
    beta : float
    size : array, shape (n, 1, 1)
        `muon_size` of each.
    """
    ahead, m = _momentum(g, m, beta)
    return size * orthogonalise(ahead), m


def muon_size(shape: tuple[int, ...]) -> float:
    """Factor of a step of Muon for a matrix of this shape."""
    return _RMS * math.sqrt(max(shape))


def _momentum(g: Array, m: Array, beta: float) -> tuple[Array, Array]:
    """Nesterov's momentum: the direction of the step, and the momentum kept."""
    m = beta * m + (1 - beta) * g
    return beta * m + (1 - beta) * g, m


def orthogonalise(matrix: Array) -> Array:
    """Bring all singular values near 1 by five Newton-Schulz iterations, ``(..., m, n)``.

    Of an ``m x n`` matrix ``U S V^T`` it returns nearly ``U V^T``.
    """
    a, b, c = _QUINTIC
    wide = matrix.shape[-2] < matrix.shape[-1]
    x = matrix.mT if wide else matrix
    # The Frobenius norm bounds the largest singular value.
    x = x / ((x * x).sum((-2, -1))[..., None, None] ** 0.5 + _VANISHING)
    for _ in range(_ITERATIONS):
        gram = x.mT @ x
        x = a * x + x @ (b * gram + c * (gram @ gram))
    return x.mT if wide else x


def learning_rate(settings: TrainingSettings, step: int) -> float:
    """Rate of a step (counted from 0): linear warm-up, then the schedule."""
    s = settings
    if step < s.warmup:
        return s.learning_rate * (step + 1) / s.warmup
    if s.schedule == "constant":
        return s.learning_rate
    done = (step - s.warmup) / max(s.steps - s.warmup, 1)
    return s.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
