"""Masks of missing pixels: strokes, boxes and scratches, drawn until a coverage is reached.

A mask is built from elements (a brush stroke, a box, a scratch, a line of text), see
`mask_elements`. The last one is cut off where the requested coverage is reached, so the realised
coverage is exact to the pixel.
"""

import numpy as np

from bio_scnn.data import mask_elements
from bio_scnn.data.mask_elements import Draw, Sizes
from bio_scnn.errors import InputError

MASK_KINDS = ("strokes", "boxes", "scratches")
DEFAULT_COVERAGE = {"strokes": 0.15, "boxes": 0.10, "scratches": 0.09}

_ELEMENTS: dict[str, Draw] = {
    "strokes": mask_elements.stroke,
    "boxes": mask_elements.box,
    "scratches": mask_elements.scratch_or_text,
}
_TRAINING_ELEMENTS: tuple[Draw, ...] = (
    *_ELEMENTS.values(),
    mask_elements.outline,
    mask_elements.outline,  # twice: what people cut out is as often a patch as anything
    mask_elements.lines,
    mask_elements.rows,
    mask_elements.specks,
)
_TRAINING_COVERAGE = (0.01, 0.40)


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
    _fill_up(mask, coverage, _ELEMENTS[kind], Sizes(), rng)
    return mask


def random_training_mask(
    shape: tuple[int, int], rng: np.random.Generator, varied: float = 0.4
) -> np.ndarray:
    """Draw a mask from a wide mixture, for training.

    Most are as in the evaluation: one of `MASK_KINDS` with its sizes and, but for a
    factor around 1, its coverage. The others miss 1-40 % of the pixels, small parts more often:
    strokes, boxes, scratches and text of any size, turned rectangles, ellipses and blobs up to
    three quarters of the image and across its border, lines and grids, whole rows and columns,
    single pixels and small clusters. One in three of these mixes two kinds.

    Parameters
    ----------
    shape : (H, W)
        Height and width of the mask in pixels.
    rng : numpy.random.Generator
        Source of every random choice.
    varied : float
        Fraction of masks that are not as in the evaluation, in [0, 1].

    Returns
    -------
    mask : ndarray of bool, shape (H, W)
        True where a pixel is missing.
    """
    mask = _empty(shape)
    if rng.random() < 1 - varied:
        kind = MASK_KINDS[rng.integers(len(MASK_KINDS))]
        coverage = DEFAULT_COVERAGE[kind] * float(np.exp(rng.normal(0.0, 0.3)))
        _fill_up(mask, np.clip(coverage, *_TRAINING_COVERAGE), _ELEMENTS[kind], Sizes(), rng)
        return mask
    draw, another = (_TRAINING_ELEMENTS[i] for i in rng.integers(len(_TRAINING_ELEMENTS), size=2))
    coverage = float(np.exp(rng.uniform(*np.log(_TRAINING_COVERAGE))))
    if draw is mask_elements.outline:  # or else large holes would be rare
        coverage = float(rng.uniform(*_TRAINING_COVERAGE))
    sizes = _random_sizes(mask.shape, coverage, rng)
    if rng.random() < 1 / 3:
        _fill_up(mask, coverage * rng.uniform(0.3, 0.7), another, sizes, rng)
    _fill_up(mask, coverage, draw, sizes, rng)
    return mask


def _random_sizes(shape: tuple[int, ...], coverage: float, rng: np.random.Generator) -> Sizes:
    def range_within(low: float, high: float) -> tuple[int, int]:
        # Log-uniform ends: thin and thick elements are equally likely.
        ends = np.sort(np.exp(rng.uniform(np.log(low), np.log(high), 2)))
        return round(ends[0]), round(ends[1])

    # Up to half a dozen shapes make up the coverage, so that a high one may be a single hole.
    side = np.sqrt(coverage * shape[0] * shape[1] / rng.uniform(0.8, 6.0))
    shape_side = np.clip([0.6 * side, 1.5 * side], 2, 0.75 * min(shape)).round().astype(int)
    return Sizes(
        stroke_width=range_within(2, 32),
        box_side=range_within(4, 64),
        scratch_width=range_within(1, 6),
        text_height=range_within(8, 48),
        shape_side=(int(shape_side[0]), int(shape_side[1])),
        line_period=range_within(3, 32),
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
    mask: np.ndarray, coverage: float, draw: Draw, sizes: Sizes, rng: np.random.Generator
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
