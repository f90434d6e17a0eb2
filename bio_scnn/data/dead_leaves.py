"""Dead leaves: generated images of occluding shapes, whose statistics are those of photographs."""

import numpy as np
import scipy  # whose parts load when they are first used
from PIL import Image, ImageDraw

from bio_scnn.data.leaf_textures import made_up_texture, natural_colours, paper_over
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
            image = scipy.ndimage.gaussian_filter(image, (blur, blur, 0))
        else:
            near = scipy.ndimage.gaussian_filter(near * covered[..., None], (blur, blur, 0))
            covered = scipy.ndimage.gaussian_filter(covered, blur)
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
