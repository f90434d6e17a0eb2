"""Dead leaves: generated images of occluding shapes, with colours and textures of their own."""

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from bio_scnn.data.mask_elements import font_of

_LETTERS = list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:-   ")


def dead_leaves(
    shape: tuple[int, int],
    rng: np.random.Generator,
    *,
    r_min: float | None = None,
    r_max: float | None = None,
    palette: np.ndarray | None = None,
    photograph: np.ndarray | None = None,
) -> np.ndarray:
    """Generate an image of occluding shapes, whose statistics resemble those of photographs.

    Discs, ellipses, rectangles and polygons with a power-law density of radii, proportional to
    1 / r**3 between `r_min` and `r_max`, cover one another until the plane is full; each has a
    colour, a gradient and at times a texture of its own. Among them lie twigs, blades of grass,
    rows of bars, grids and writing. In one image of three some leaves are nearer than the others,
    and one of the two layers is out of focus.

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
        Colours in [0, 1] to choose from. By default the pixels of the photograph or, without one,
        colours along the principal axes of natural ones: mostly different in brightness, then
        blue-yellow, then green-red.
    photograph : ndarray, shape (h, w, 3), optional
        Intensities in [0, 1]. Some leaves take their texture from it.

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
    if photograph is not None:
        photograph = photograph.astype(np.float32)
        palette = photograph.reshape(-1, 3) if palette is None else palette

    def layer(radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # Painted at twice the size, averaged to antialias the edges; textures need no such care.
        labels, n = _paint_labels((2 * height, 2 * width), 2 * radius, rng)
        colours = natural_colours(n, rng) if palette is None else rng.choice(palette, n)
        flat = colours.astype(np.float32)[labels]
        image = flat.reshape(height, 2, width, 2, 3).mean(axis=(1, 3))
        leaf = labels[::2, ::2]
        if photograph is not None:
            paper_over(image, leaf, n, photograph, rng)
        image += made_up_texture(leaf, n, rng)[..., None]
        covered = (labels > 0).reshape(height, 2, width, 2).mean(axis=(1, 3), dtype=np.float32)
        return image, covered

    image, _ = layer(radius)
    if rng.random() < 1 / 3:
        near, covered = layer(radius[: max(n_leaves // int(rng.integers(10, 60)), 1)])
        # What is out of focus: the distance, or what is near, together with its outline.
        blur = float(np.exp(rng.uniform(np.log(0.7), np.log(4.0))))
        if rng.random() < 0.6:
            image = ndimage.gaussian_filter(image, (blur, blur, 0))
        else:
            near = ndimage.gaussian_filter(near * covered[..., None], (blur, blur, 0))
            covered = ndimage.gaussian_filter(covered, blur)
            near /= np.maximum(covered, 1e-3)[..., None]
        image += covered[..., None] * (near - image)
    return np.clip(_blur(image, rng.uniform(0.0, 0.2)), 0.0, 1.0)


def _paint_labels(
    shape: tuple[int, int], radius: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, int]:
    """Paint leaves and marks over background 0, from back to front; pixels keep the top one.

    Returns the number of what is seen at each pixel, and how many numbers there are.
    """
    n_leaves = len(radius)
    canvas = Image.new("I", (shape[1], shape[0]))
    pen = ImageDraw.Draw(canvas)
    centre = rng.uniform((0, 0), (shape[1], shape[0]), (n_leaves, 2))
    kind = rng.choice(4, n_leaves, p=(0.4, 0.2, 0.2, 0.2))
    angle = rng.uniform(0, 2 * np.pi, n_leaves)
    # Axes of the same area as the disc, so that the radii's law holds for every kind.
    stretch = np.sqrt(np.exp(rng.normal(0, 0.5, n_leaves)))
    corners = rng.integers(3, 8, n_leaves)
    # Marks lie in front of most leaves, or few of them would be seen.
    n_marks = int(rng.integers(1, 7)) if rng.random() < 0.5 else 0
    depth = n_leaves - 1 - (n_leaves * rng.random(n_marks) ** 2 * 0.3).astype(int)
    label = n_leaves
    for i in range(n_leaves):
        x, y = centre[i]
        if kind[i] == 0:
            r = radius[i]
            pen.ellipse((x - r, y - r, x + r, y + r), fill=i + 1)
        else:
            n_corners = (24, 4, corners[i])[kind[i] - 1]
            turn = 2 * np.pi * np.arange(n_corners) / n_corners
            u, v = radius[i] * stretch[i] * np.cos(turn), radius[i] / stretch[i] * np.sin(turn)
            cos, sin = np.cos(angle[i]), np.sin(angle[i])
            outline = np.stack([x + cos * u - sin * v, y + sin * u + cos * v], axis=1)
            pen.polygon(outline.ravel().tolist(), fill=i + 1)
        for _ in range(np.count_nonzero(depth == i)):
            label += 1
            mark = (_twig, _grass, _bars, _writing)[rng.integers(4)]
            mark(pen, shape, label, rng)
    return np.asarray(canvas), label + 1


def _twig(
    pen: ImageDraw.ImageDraw, shape: tuple[int, int], label: int, rng: np.random.Generator
) -> None:
    """A branch that winds, becomes thinner, and has branches of its own."""
    branches = [(rng.uniform((0, 0), shape[::-1]), rng.uniform(0, 2 * np.pi), rng.uniform(3, 12))]
    for start, heading, width in branches:
        n_steps = int(rng.integers(4, 12))
        headings = heading + np.cumsum(rng.normal(0, 0.3, n_steps))
        steps = rng.uniform(0.02, 0.06) * max(shape) * np.ones((n_steps, 1))
        moves = steps * np.stack([np.cos(headings), np.sin(headings)], axis=1)
        path = start + np.concatenate([np.zeros((1, 2)), np.cumsum(moves, axis=0)])
        for k in range(n_steps):
            thickness = max(round(width * (1 - 0.7 * k / n_steps)), 1)
            pen.line(path[k : k + 2].ravel().tolist(), fill=label, width=thickness)
            if len(branches) < 8 and width > 2 and rng.random() < 0.3:
                side = heading + rng.choice((-1, 1)) * rng.uniform(0.4, 1.2)
                branches.append((path[k], side, width / 2))


def _grass(
    pen: ImageDraw.ImageDraw, shape: tuple[int, int], label: int, rng: np.random.Generator
) -> None:
    """Blades, hairs or wires: thin curves side by side, that bend in a similar way."""
    n, width = int(rng.integers(10, 50)), int(rng.integers(1, 5))
    start = rng.uniform((0, 0), shape[::-1]) + rng.normal(0, 0.1 * max(shape), (n, 2))
    heading = rng.uniform(0, 2 * np.pi) + rng.normal(0, 0.2, n)
    bend = rng.normal(0, 0.1) + rng.normal(0, 0.05, n)
    length = rng.uniform(0.1, 0.5) * max(shape) * rng.uniform(0.6, 1.0, n)
    along = np.linspace(0, 1, 8)
    headings = heading[:, None] + bend[:, None] * np.arange(8)
    x = start[:, :1] + length[:, None] * along * np.cos(headings)
    y = start[:, 1:] + length[:, None] * along * np.sin(headings)
    for blade in np.stack([x, y], axis=2):
        pen.line(blade.ravel().tolist(), fill=label, width=width)


def _bars(
    pen: ImageDraw.ImageDraw, shape: tuple[int, int], label: int, rng: np.random.Generator
) -> None:
    """Bars of a fence or a shutter at equal distances, or a grid of them."""
    width = float(np.exp(rng.uniform(np.log(1.5), np.log(12))))
    period = width * rng.uniform(2.0, 8.0)
    n = int(np.clip(rng.uniform(0.2, 1.0) * max(shape) / period, 3, 80))
    angle = rng.uniform(0, 2 * np.pi)
    across = np.array([np.cos(angle), np.sin(angle)])
    along = np.array([-across[1], across[0]])
    middle = rng.uniform((0, 0), shape[::-1])
    half = rng.uniform(0.3, 1.0, 2) * n * period / 2
    for direction, other in ((across, along), (along, across))[: 1 + int(rng.random() < 0.5)]:
        for place in (np.arange(n) - (n - 1) / 2) * period:
            centre = middle + place * direction
            ends = np.concatenate([centre - half[0] * other, centre + half[0] * other])
            pen.line(ends.tolist(), fill=label, width=max(round(width), 1))


def _writing(
    pen: ImageDraw.ImageDraw, shape: tuple[int, int], label: int, rng: np.random.Generator
) -> None:
    """A few lines of random letters, one below the other."""
    height = round(float(np.exp(rng.uniform(np.log(14), np.log(90)))))
    letters = rng.choice(_LETTERS, (int(rng.integers(1, 5)), int(rng.integers(3, 20))))
    text = "\n".join("".join(line) for line in letters)
    x, y = rng.uniform((-0.2, -0.1), (0.8, 0.9)) * shape[::-1]
    pen.multiline_text((float(x), float(y)), text, fill=label, font=font_of(height))


def _blur(image: np.ndarray, weight: float) -> np.ndarray:
    """Mix each pixel with its neighbours along both axes, as a lens and a sensor do."""
    for axis in (0, 1):
        padded = np.pad(image, [(1, 1) if i == axis else (0, 0) for i in range(3)], mode="edge")
        before, after = np.split(padded, [-2], axis)[0], np.split(padded, [2], axis)[1]
        image = (1 - 2 * weight) * image + weight * (before + after)
    return image


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
    image: np.ndarray,
    leaf: np.ndarray,
    n: int,
    photograph: np.ndarray,
    rng: np.random.Generator,
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
