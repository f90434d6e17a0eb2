"""Which pixels are missing: strokes, boxes and scratches, drawn until a coverage is reached.

A mask is built from *elements* (a brush stroke, a box, a scratch, a line of text). Each is drawn
with Pillow on a small canvas of its own, and the last one is cut off where the requested coverage
is reached, so the realised coverage is exact to the pixel.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bio_scnn.errors import InputError

MASK_KINDS = ("strokes", "boxes", "scratches")
DEFAULT_COVERAGE = {"strokes": 0.15, "boxes": 0.10, "scratches": 0.09}

_LETTERS = np.array(
    list("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzABCDEGHKLMNRSTW0123456789")
)


@dataclass(frozen=True)
class _Sizes:
    """Ranges of the elements' sizes, in pixels."""

    stroke_width: tuple[int, int] = (6, 20)
    box_side: tuple[int, int] = (16, 32)
    scratch_width: tuple[int, int] = (1, 4)
    text_height: tuple[int, int] = (10, 28)


# An element: the row and column of its upper left corner, and which pixels around there it covers.
_Element = tuple[int, int, np.ndarray]


def make_mask(
    kind: str, shape: tuple[int, int], rng: np.random.Generator, coverage: float | None = None
) -> np.ndarray:
    """Draw a mask of one kind.

    Parameters
    ----------
    kind : {"strokes", "boxes", "scratches"}
        Strokes are free-form brush strokes 6-20 px wide, as in [1]_; boxes are rectangles with
        sides of 16-32 px; scratches are thin curves of 1-4 px and lines of text. Sizes are in
        pixels whatever the image's size, but never more than half (boxes, strokes) of a tiny one.
    shape : (H, W)
        Height and width of the mask in pixels; at least two pixels in all.
    rng : numpy.random.Generator
        Source of every random choice: the mask is a function of its state and the arguments.
    coverage : float, optional
        Fraction of missing pixels, strictly between 0 and 1; by default `DEFAULT_COVERAGE[kind]`.

    Returns
    -------
    mask : ndarray of bool, shape (H, W)
        True where a pixel is missing. Exactly ``round(coverage * H * W)`` are, but at least one
        is missing and at least one is known.

    Raises
    ------
    InputError
        If the kind is unknown, the coverage is not inside (0, 1), or the shape is too small.

    References
    ----------
    .. [1] J. Yu et al., "Free-form image inpainting with gated convolution", ICCV 2019.
    """
    if kind not in MASK_KINDS:
        raise InputError(f"mask kind {kind!r} is unknown; choose one of {', '.join(MASK_KINDS)}")
    if coverage is None:
        coverage = DEFAULT_COVERAGE[kind]
    mask = _empty(shape)
    _fill_up(mask, coverage, _ELEMENTS[kind], _Sizes(), rng)
    return mask


def random_training_mask(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw a mask from a wide mixture, for training.

    Kind, coverage (3-30 %) and element sizes (strokes 2-32 px, boxes 4-48 px) all vary; one mask
    in five mixes two kinds and one in sixteen drops single pixels at random.

    Parameters
    ----------
    shape : (H, W)
        Height and width of the mask in pixels.
    rng : numpy.random.Generator
        Source of every random choice.

    Returns
    -------
    mask : ndarray of bool, shape (H, W)
        True where a pixel is missing.
    """
    mask = _empty(shape)
    choice = rng.random()
    kinds = rng.permutation(MASK_KINDS)
    if choice < 1 / 16:
        n_missing = _n_missing(mask, rng.uniform(0.03, 0.30))
        mask.flat[rng.choice(mask.size, n_missing, replace=False)] = True
        return mask
    # Half of the masks keep the default sizes, so that training centres on what is evaluated.
    sizes = _Sizes() if rng.random() < 0.5 else _random_sizes(rng)
    coverage = DEFAULT_COVERAGE[kinds[0]] * np.exp(rng.normal(0.0, 0.45))
    coverage = float(np.clip(coverage, 0.03, 0.30))
    if choice < 1 / 16 + 1 / 5:
        _fill_up(mask, coverage * rng.uniform(0.3, 0.7), _ELEMENTS[kinds[1]], sizes, rng)
    _fill_up(mask, coverage, _ELEMENTS[kinds[0]], sizes, rng)
    return mask


def _random_sizes(rng: np.random.Generator) -> _Sizes:
    def range_within(low: int, high: int) -> tuple[int, int]:
        # Log-uniform ends: thin and thick elements are equally likely.
        ends = np.sort(np.exp(rng.uniform(np.log(low), np.log(high), 2)))
        return round(ends[0]), round(ends[1])

    return _Sizes(
        stroke_width=range_within(2, 32),
        box_side=range_within(4, 48),
        scratch_width=range_within(1, 6),
        text_height=range_within(8, 48),
    )


def _empty(shape: tuple[int, int]) -> np.ndarray:
    if len(shape) != 2 or min(shape) < 1 or shape[0] * shape[1] < 2:
        raise InputError(
            f"mask shape {tuple(shape)} is unusable; give (rows, columns), >= 2 pixels"
        )
    return np.zeros((int(shape[0]), int(shape[1])), bool)


def _n_missing(mask: np.ndarray, coverage: float) -> int:
    if not 0.0 < coverage < 1.0:
        raise InputError(f"mask coverage {coverage} is out of range; give a fraction in (0, 1)")
    return min(max(round(coverage * mask.size), 1), mask.size - 1)


def _fill_up(
    mask: np.ndarray,
    coverage: float,
    draw: Callable[[tuple[int, int], _Sizes, np.random.Generator], _Element],
    sizes: _Sizes,
    rng: np.random.Generator,
) -> None:
    """Add elements to the mask in place until `coverage` of it is missing, exactly."""
    wanted = _n_missing(mask, coverage) - int(np.count_nonzero(mask))
    while wanted > 0:
        row, column, covered = draw(mask.shape, sizes, rng)
        region = mask[row : row + covered.shape[0], column : column + covered.shape[1]]
        added = covered & ~region
        n_added = int(np.count_nonzero(added))
        if n_added > wanted:
            # Cut across the longer side, so that what remains looks like a shorter element.
            lengthwise = added if added.shape[0] > added.shape[1] else added.T
            if rng.random() < 0.5:  # keep either end, lest missing pixels gather at the top left
                lengthwise = lengthwise[::-1]
            lengthwise &= np.cumsum(lengthwise).reshape(lengthwise.shape) <= wanted
            n_added = wanted
        region |= added
        wanted -= n_added


def _draw_polyline(shape: tuple[int, int], points: np.ndarray, width: int) -> _Element:
    """Draw a line with round joints and ends through `points`, (n, 2) as (row, column)."""
    reach = width / 2 + 1
    top, left = np.clip(np.floor(points.min(axis=0) - reach), 0, np.array(shape) - 1).astype(int)
    bottom, right = np.clip(np.ceil(points.max(axis=0) + reach), 1, shape).astype(int)
    canvas = Image.new("L", (max(right - left, 1), max(bottom - top, 1)))
    pen = ImageDraw.Draw(canvas)
    xy = [tuple(point) for point in (points[:, ::-1] - (left, top)).tolist()]
    pen.line(xy, fill=1, width=width)
    if width > 2:
        radius = (width - 1) / 2
        for x, y in xy:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=1)
    return int(top), int(left), np.asarray(canvas, dtype=bool)


def _walk(
    shape: tuple[int, int], steps: np.ndarray, turns: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Vertices (n + 1, 2) of a walk with the given step lengths and turns, starting anywhere."""
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(turns)
    moves = steps[:, None] * np.stack([np.sin(heading), np.cos(heading)], axis=1)
    path = np.concatenate([np.zeros((1, 2)), np.cumsum(moves, axis=0)])
    # The middle of the walk, not its start, is uniform over the image: no bias to the borders.
    return path - path.mean(axis=0) + rng.uniform((0, 0), shape)


def _stroke(shape: tuple[int, int], sizes: _Sizes, rng: np.random.Generator) -> _Element:
    width = _integer(sizes.stroke_width, rng, at_most=min(shape) // 2)
    n_steps = int(rng.integers(2, 9))
    steps = rng.uniform(0.5, 1.5, n_steps) * min(28.0, max(shape) / 4)
    # Brushes move to and fro: mostly gentle turns, now and then a reversal.
    turns = rng.normal(0, 0.7, n_steps) + np.pi * (rng.random(n_steps) < 0.2)
    return _draw_polyline(shape, _walk(shape, steps, turns, rng), width)


def _box(shape: tuple[int, int], sizes: _Sizes, rng: np.random.Generator) -> _Element:
    height = _integer(sizes.box_side, rng, at_most=shape[0] // 2)
    width = _integer(sizes.box_side, rng, at_most=shape[1] // 2)
    row = int(rng.integers(0, shape[0] - height, endpoint=True))
    column = int(rng.integers(0, shape[1] - width, endpoint=True))
    return row, column, np.ones((height, width), bool)


def _scratch_or_text(shape: tuple[int, int], sizes: _Sizes, rng: np.random.Generator) -> _Element:
    return (_text if rng.random() < 0.4 else _scratch)(shape, sizes, rng)


def _scratch(shape: tuple[int, int], sizes: _Sizes, rng: np.random.Generator) -> _Element:
    width = _integer(sizes.scratch_width, rng, at_most=max(min(shape) // 8, 1))
    length = rng.uniform(0.4, 1.5) * min(256, max(shape))
    n_steps = 12
    # A constant bend plus a wobble: long smooth arcs rather than a random walk.
    turns = (rng.normal(0, 1.2) + rng.normal(0, 1.0, n_steps)) / n_steps
    steps = np.full(n_steps, length / n_steps)
    return _draw_polyline(shape, _walk(shape, steps, turns, rng), width)


def _text(shape: tuple[int, int], sizes: _Sizes, rng: np.random.Generator) -> _Element:
    height = _integer(sizes.text_height, rng, at_most=max(min(shape) // 3, 6))
    letters = rng.choice(_LETTERS, int(rng.integers(6, 25)))
    letters[rng.random(letters.size) < 0.15] = " "
    text = "".join(letters)
    font = _font(height)
    left, top, right, bottom = (int(edge) for edge in font.getbbox(text))
    canvas = Image.new("L", (max(right - left, 1), max(bottom - top, 1)))
    pen = ImageDraw.Draw(canvas)
    pen.fontmode = "1"  # no antialiasing: a pixel is missing or it is not
    pen.text((-left, -top), text, fill=1, font=font)
    covered = np.asarray(canvas, dtype=bool)
    # Lines may start left of the image or run out of it on the right.
    row = int(rng.integers(1 - covered.shape[0], shape[0]))
    column = int(rng.integers(1 - covered.shape[1], shape[1]))
    covered = covered[max(-row, 0) :, max(-column, 0) :]
    row, column = max(row, 0), max(column, 0)
    return row, column, covered[: shape[0] - row, : shape[1] - column]


@lru_cache(maxsize=64)
def _font(height: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(height)


def _integer(ends: tuple[int, int], rng: np.random.Generator, at_most: int) -> int:
    """Draw an integer between `ends`, both included, but at most `at_most` and at least 1."""
    return max(1, min(int(rng.integers(ends[0], ends[1], endpoint=True)), at_most))


_ELEMENTS = {"strokes": _stroke, "boxes": _box, "scratches": _scratch_or_text}
