"""Dead leaves: generated images of occluding shapes, with colours and textures of their own."""

import numpy as np
from PIL import Image, ImageDraw


def dead_leaves(
    shape: tuple[int, int],
    rng: np.random.Generator,
    *,
    r_min: float | None = None,
    r_max: float | None = None,
    palette: np.ndarray | None = None,
) -> np.ndarray:
    """Generate an image of occluding shapes, whose statistics resemble those of photographs.

    Discs, ellipses, rectangles and polygons with a power-law density of radii, proportional to
    1 / r**3 between `r_min` and `r_max`, cover one another until the plane is full; each has a
    colour, a gradient and at times a texture of its own.

    Parameters
    ----------
    shape : (H, W)
        Size of the image in pixels.
    rng : numpy.random.Generator
        Source of every random choice.
    r_min, r_max : float, optional
        Smallest and largest radius in pixels; by default drawn from 2.5-16 px and 0.3-0.7 of
        the shorter side.
    palette : ndarray, shape (N, 3), optional
        Colours in [0, 1] to choose from, such as pixels of a photograph. By default colours
        vary along the principal axes of natural ones: mostly in brightness, then blue-yellow,
        then green-red.

    Returns
    -------
    image : ndarray of float32, shape (H, W, 3)
        Intensities in [0, 1].

    References
    ----------
    .. [1] A. B. Lee, D. Mumford, J. Huang, "Occlusion models for natural images", IJCV 2001.
    """
    height, width = shape
    r_min = np.exp(rng.uniform(np.log(2.5), np.log(16.0))) if r_min is None else r_min
    r_max = max(rng.uniform(0.3, 0.7) * min(shape), 2 * r_min) if r_max is None else r_max
    # The inverse of the cumulative distribution of 1 / r**3.
    inner, outer = r_min**-2.0, r_max**-2.0
    mean_area = 2 * np.log(r_max / r_min) / (inner - outer) * np.pi
    # Six layers on average leave exp(-6) of the plane to the background leaf.
    n_leaves = int(np.clip(6 * height * width / mean_area, 8, 6000))
    radius = (inner - rng.random(n_leaves) * (inner - outer)) ** -0.5
    labels = _paint_labels((2 * height, 2 * width), 2 * radius, rng)

    # Painted at twice the size, averaged to antialias the edges; textures need no such care.
    n_colours = n_leaves + 1
    colours = (
        _natural_colours(n_colours, rng) if palette is None else rng.choice(palette, n_colours)
    )
    flat = colours.astype(np.float32)[labels]
    flat = flat.reshape(height, 2, width, 2, 3).mean(axis=(1, 3))
    leaf = labels[::2, ::2]
    image = flat + _textures(leaf, n_colours, rng)[..., None]
    return np.clip(_blur(image, rng.uniform(0.0, 0.2)), 0.0, 1.0)


def _paint_labels(
    shape: tuple[int, int], radius: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Paint leaves 1..n over background 0, from back to front; each pixel keeps its top leaf."""
    n_leaves = len(radius)
    canvas = Image.new("I", (shape[1], shape[0]))
    pen = ImageDraw.Draw(canvas)
    centre = rng.uniform((0, 0), (shape[1], shape[0]), (n_leaves, 2))
    kind = rng.choice(4, n_leaves, p=(0.4, 0.2, 0.2, 0.2))
    angle = rng.uniform(0, 2 * np.pi, n_leaves)
    # Axes of the same area as the disc, so that the radii's law holds for every kind.
    stretch = np.sqrt(np.exp(rng.normal(0, 0.5, n_leaves)))
    corners = rng.integers(3, 8, n_leaves)
    for i in range(n_leaves):
        x, y = centre[i]
        if kind[i] == 0:
            r = radius[i]
            pen.ellipse((x - r, y - r, x + r, y + r), fill=i + 1)
            continue
        n_corners = (24, 4, corners[i])[kind[i] - 1]
        turn = 2 * np.pi * np.arange(n_corners) / n_corners
        u, v = radius[i] * stretch[i] * np.cos(turn), radius[i] / stretch[i] * np.sin(turn)
        cos, sin = np.cos(angle[i]), np.sin(angle[i])
        outline = np.stack([x + cos * u - sin * v, y + sin * u + cos * v], axis=1)
        pen.polygon(outline.ravel().tolist(), fill=i + 1)
    return np.asarray(canvas)


def _natural_colours(n: int, rng: np.random.Generator) -> np.ndarray:
    """Colours (n, 3) around one mean, spread along the principal axes of natural images."""
    axes = np.array([(1, 1, 1), (1, 0, -1), (1, -2, 1)]) / np.sqrt([[3], [2], [6]])
    spread = np.array([0.38, 0.10, 0.05]) * np.exp(rng.normal(0, 0.3, 3))
    mean = rng.uniform(0.3, 0.6) + rng.normal(0, (0.1, 0.05, 0.03)) @ axes
    return np.clip(mean + (rng.laplace(0, 0.7, (n, 3)) * spread) @ axes, 0.0, 1.0)


def _textures(leaf: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """What each leaf adds to its flat colour, (H, W): gradient, stripes and 1/f noise."""
    height, width = leaf.shape
    row, column = np.ogrid[:height, :width]
    along = rng.uniform(0, 2 * np.pi, n)
    slope = rng.normal(0, 0.15, n) / max(height, width)
    wave = 2 * np.pi / np.exp(rng.uniform(np.log(4), np.log(40), n))
    stripes = rng.uniform(0.02, 0.15, n) * (rng.random(n) < 0.15)
    noise = rng.exponential(0.06, n) * (rng.random(n) < 0.6)
    table = np.stack([np.cos(along), np.sin(along), slope, wave, stripes, noise]).astype(
        np.float32
    )
    cos, sin, slope_at, wave_at, stripes_at, noise_at = table[:, leaf]
    position = cos * (column - width / 2).astype(np.float32)
    position += sin * (row - height / 2).astype(np.float32)
    texture = slope_at * position
    texture += noise_at * _pink_noise((height, width), rng)
    striped = stripes_at > 0
    texture[striped] += stripes_at[striped] * np.sin(wave_at[striped] * position[striped])
    return texture


def _pink_noise(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Noise of unit variance whose amplitude falls as 1 / frequency."""
    spectrum = np.fft.rfft2(rng.standard_normal(shape, dtype=np.float32))
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1]))
    frequency[0, 0] = np.inf
    noise = np.fft.irfft2(spectrum / frequency, shape).astype(np.float32)
    return noise / (noise.std() + 1e-6)


def _blur(image: np.ndarray, weight: float) -> np.ndarray:
    """Mix each pixel with its neighbours along both axes, as a lens and a sensor do."""
    for axis in (0, 1):
        padded = np.pad(image, [(1, 1) if i == axis else (0, 0) for i in range(3)], mode="edge")
        before, after = np.split(padded, [-2], axis)[0], np.split(padded, [2], axis)[1]
        image = (1 - 2 * weight) * image + weight * (before + after)
    return image
