"""Colours and textures of dead leaves: natural colours, gradients, stripes, noise, photographs."""

import numpy as np


def natural_colours(n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw colours (n, 3) around one mean, spread along the principal axes of natural images."""
    axes = np.array([(1, 1, 1), (1, 0, -1), (1, -2, 1)]) / np.sqrt([[3], [2], [6]])
    spread = np.array([0.38, 0.10, 0.05]) * np.exp(rng.normal(0, 0.3, 3))
    mean = rng.uniform(0.3, 0.6) + rng.normal(0, (0.1, 0.05, 0.03)) @ axes
    return np.clip(mean + (rng.laplace(0, 0.7, (n, 3)) * spread) @ axes, 0.0, 1.0)


def made_up_texture(leaf: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw what each leaf adds to its flat colour: gradient, stripes and 1/f noise, all grey.

    Parameters
    ----------
    leaf : ndarray of int, shape (H, W)
        Which of the `n` leaves is seen at each pixel.
    n : int
        Number of leaves.
    rng : numpy.random.Generator

    Returns
    -------
    texture : ndarray of float32, shape (H, W)
    """
    height, width = leaf.shape
    row, column = np.ogrid[:height, :width]
    along = rng.uniform(0, 2 * np.pi, n)
    slope = rng.normal(0, 0.15, n) / max(height, width)
    wave = 2 * np.pi / np.exp(rng.uniform(np.log(4), np.log(40), n))
    stripes = rng.uniform(0.02, 0.15, n) * (rng.random(n) < 0.15)
    noise = rng.exponential(0.06, n) * (rng.random(n) < 0.6)
    table = np.stack([np.cos(along), np.sin(along), slope, wave, stripes, noise])
    cos, sin, slope_at, wave_at, stripes_at, noise_at = table.astype(np.float32)[:, leaf]
    position = cos * (column - width / 2).astype(np.float32)
    position += sin * (row - height / 2).astype(np.float32)
    texture = slope_at * position
    texture += noise_at * _pink_noise((height, width), rng)
    striped = stripes_at > 0
    texture[striped] += stripes_at[striped] * np.sin(wave_at[striped] * position[striped])
    return texture


def paper_over(
    image: np.ndarray, leaf: np.ndarray, n: int, photograph: np.ndarray, rng: np.random.Generator
) -> None:
    """Give some leaves a texture from a photograph, in place.

    One leaf in four shows a piece of the photograph. To three in ten a piece of a Gaussian texture
    is added that has the photograph's spectrum and its covariance of colours [1]_.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W, 3)
    leaf, n, rng
        As for `made_up_texture`.
    photograph : ndarray of float32, shape (h, w, 3)
        Intensities in [0, 1].

    References
    ----------
    .. [1] B. Galerne, Y. Gousseau, J.-M. Morel, "Random phase textures: theory and synthesis",
       IEEE Trans. Image Processing 20, 2011.
    """
    kind = rng.choice(3, n, p=(0.45, 0.25, 0.30))
    strength = rng.uniform(0.2, 1.0, n).astype(np.float32)
    texture = _gaussian_texture(photograph, (128, 128), rng)
    for source, wanted in ((photograph, 1), (texture, 2)):
        down, right = (rng.integers(2 * side, size=n) for side in source.shape[:2])
        row, column = np.nonzero((kind == wanted)[leaf])
        here = leaf[row, column]
        piece = source[
            _reflect(row + down[here], source.shape[0]),
            _reflect(column + right[here], source.shape[1]),
        ]
        if wanted == 1:
            image[row, column] = piece
        else:
            image[row, column] += strength[here, None] * piece


def _reflect(index: np.ndarray, size: int) -> np.ndarray:
    """Indices into an axis that is mirrored at its ends, for ever."""
    index = index % (2 * size)
    return np.minimum(index, 2 * size - 1 - index)


def _gaussian_texture(
    photograph: np.ndarray, shape: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """White noise filtered with a windowed piece of a photograph, the same for all channels."""
    height, width = (min(a, b) for a, b in zip(shape, photograph.shape, strict=False))
    row = int(rng.integers(photograph.shape[0] - height, endpoint=True))
    column = int(rng.integers(photograph.shape[1] - width, endpoint=True))
    piece = photograph[row : row + height, column : column + width]
    piece = piece - piece.mean(axis=(0, 1))
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
    spot = np.fft.rfft2(piece * window[..., None], shape, axes=(0, 1))
    noise = np.fft.rfft2(rng.standard_normal(shape))
    texture = np.fft.irfft2(spot * noise[..., None], shape, axes=(0, 1))
    return (texture * (piece.std() / (texture.std() + 1e-6))).astype(np.float32)


def _pink_noise(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Noise of unit variance whose amplitude falls as 1 / frequency."""
    spectrum = np.fft.rfft2(rng.standard_normal(shape, dtype=np.float32))
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1]))
    frequency[0, 0] = np.inf
    noise = np.fft.irfft2(spectrum / frequency, shape).astype(np.float32)
    return noise / (noise.std() + 1e-6)
