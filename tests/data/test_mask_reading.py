"""Masks as people make them: what is meant is missing, whatever the program that saved it."""

import io

import numpy as np
import pytest
from helpers import hole, photograph
from PIL import Image, ImageDraw

from bio_scnn import InputError
from bio_scnn.data.copies import is_copy
from bio_scnn.data.mask_reading import mask_of
from bio_scnn.data.masks import make_mask


def strokes(shape=(192, 256), factor=1):
    """Strokes as a painting program draws them, smoothed if drawn at a larger factor."""
    drawn = Image.new("L", (shape[1] * factor, shape[0] * factor))
    pen = ImageDraw.Draw(drawn)
    for top in range(15, shape[0] - 8, 22):
        ends = (8 * factor, top * factor, (shape[1] - 8) * factor, (top + 6) * factor)
        pen.line(ends, fill=255, width=4 * factor)
    return np.array(drawn.resize(shape[::-1], Image.Resampling.BOX))


def through(image, form, **options):
    """Pixels of an image after it was saved in a format."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, form, **options)
    return np.array(Image.open(buffer))


def overlap(found, expected):
    """Pixels in both masks over those in either."""
    return np.count_nonzero(found & expected) / np.count_nonzero(found | expected)


@pytest.mark.parametrize("quality", [95, 90, 75, 50, 20])
def test_a_jpeg_mask_is_what_was_drawn(quality):
    drawn = strokes()
    found = mask_of(through(drawn, "JPEG", quality=quality))
    assert overlap(found.mask, drawn > 127) > 0.98
    # The negative: every value that is not zero, as it once was read.
    assert overlap(through(drawn, "JPEG", quality=quality) != 0, drawn > 127) < 0.8


def test_soft_edges_are_cut_at_half_and_told():
    drawn = strokes(factor=8)
    assert len(np.unique(drawn)) > 10
    found = mask_of(drawn)
    np.testing.assert_array_equal(found.mask, drawn > 127.5)
    assert found.how == "where it is above 127.5"
    assert not found.warnings
    fuzzy = np.repeat(np.linspace(0, 255, 256).astype(np.uint8)[None], 100, axis=0)
    fuzzy[:, :150], fuzzy[:, 200:] = 0, 255
    assert "lies between" in mask_of(fuzzy).warnings[0]


@pytest.mark.parametrize(
    ("black", "white"), [(0, 255), (3, 255), (3, 250), (0, 1), (0, 128), (100, 200), (0, 65535)]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_brighter_of_two_values(black, white, channels):
    dtype = np.uint16 if white > 255 else np.uint8
    mask = np.where(hole(), white, black).astype(dtype)
    image = np.stack([mask] * channels, axis=-1)
    np.testing.assert_array_equal(mask_of(image).mask, hole())
    np.testing.assert_array_equal(mask_of(image / np.iinfo(dtype).max).mask, hole())


def test_off_black_is_black():
    rng = np.random.default_rng(0)
    noisy = np.where(hole(), 255, rng.integers(1, 4, hole().shape)).astype(np.uint8)
    np.testing.assert_array_equal(mask_of(noisy).mask, hole())
    with pytest.raises(InputError, match=r"no value above 3 of 255.*make missing pixels white"):
        mask_of(rng.integers(0, 4, hole().shape).astype(np.uint8))
    assert not mask_of(np.full((9, 9), 3, np.uint8)).mask.any()
    assert mask_of(np.full((9, 9), 255, np.uint8)).mask.all()


COLOURS = {
    "red": (255, 0, 0), "dark red": (150, 0, 10), "green": (0, 255, 60), "pink": (255, 0, 255),
    "white": (255, 255, 255), "black": (0, 0, 0), "grey": (128, 128, 128),
}  # fmt: skip


@pytest.mark.parametrize("colour", COLOURS.values(), ids=COLOURS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_paint_of_any_colour_over_a_copy(colour, dtype):
    picture, mask = photograph(), hole()
    painted = np.where(mask[..., np.newaxis], np.uint8(colour), picture)
    scale = np.iinfo(dtype).max // 255
    deep = (picture.astype(np.uint32) * scale).astype(dtype)
    found = mask_of(painted, deep)
    differs = np.abs(painted.astype(int) - picture).max(axis=-1) > 1
    assert not (differs & ~found.mask).any()
    assert not (found.mask & ~mask).any()
    assert overlap(found.mask, mask) > 0.94  # some pixels were as black as the paint
    assert found.how == "where it differs from the picture"
    assert not found.warnings


def test_red_over_a_grey_picture():
    grey, mask = photograph()[..., 0], hole()
    painted = np.stack([grey] * 3, axis=-1)
    painted[mask] = COLOURS["red"]
    assert overlap(mask_of(painted, grey).mask, mask) > 0.99


@pytest.mark.parametrize("quality", [95, 85, 75])
def test_paint_over_a_copy_saved_as_jpeg(quality):
    picture = np.tile(photograph(), (2, 2, 1))
    mask = strokes(picture.shape[:2]) > 127
    painted = np.where(mask[..., np.newaxis], np.uint8(COLOURS["red"]), picture)
    found = mask_of(through(painted, "JPEG", quality=quality, subsampling=0), picture)
    assert np.count_nonzero(mask & ~found.mask) < 0.05 * mask.sum()
    assert found.mask.mean() < 2 * mask.mean()
    assert "lossy copy" in found.warnings[0]


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
@pytest.mark.parametrize("colour", [(255, 0, 0), (255, 255, 255)])
def test_paint_that_a_lossy_format_smeared_is_no_damage(colour, form):
    picture = np.tile(photograph(), (2, 2, 1))
    mask = strokes(picture.shape[:2]) > 127  # of four pixels, twice what is stored
    painted = np.where(mask[..., np.newaxis], np.uint8(colour), picture)
    copy = through(painted, form, quality=85, **({"subsampling": 2} if form == "JPEG" else {}))
    found = mask_of(copy, picture).mask
    assert np.count_nonzero(mask & ~found) < 0.02 * np.count_nonzero(mask)
    assert np.count_nonzero(found & ~mask) < 0.25 * np.count_nonzero(mask)
    left = np.arange(mask.shape[1])[:, np.newaxis] < 80  # two paints: neither is smeared
    two = np.where(mask[..., np.newaxis], np.where(left, np.uint8([255, 0, 0]), 250), picture)
    found = mask_of(through(two.astype(np.uint8), "JPEG", quality=95, subsampling=0), picture).mask
    assert np.count_nonzero(mask & ~found) < 0.05 * np.count_nonzero(mask)


def test_the_picture_itself_is_no_mask():
    with pytest.raises(InputError, match="is the picture itself: nothing is painted over"):
        mask_of(photograph(), photograph())
    picture = np.tile(photograph(), (2, 2, 1))
    jpeg = through(picture, "JPEG", quality=85)
    with pytest.raises(InputError, match="is the picture itself"):
        mask_of(jpeg, picture)


@pytest.mark.parametrize("under", ["black", "white", "picture"])
def test_erased_from_an_opaque_layer(under):
    picture, mask = photograph(), hole()
    colour = {"black": 0 * picture, "white": 0 * picture + 255, "picture": picture}[under]
    layer = np.dstack([colour, np.where(mask, 0, 255).astype(np.uint8)])
    found = mask_of(layer, picture)
    np.testing.assert_array_equal(found.mask, mask)
    assert "erased" in found.how


def test_the_pictures_own_transparency_is_not_missing():
    picture, mask = np.dstack([photograph(), np.full(hole().shape, 255, np.uint8)]), hole()
    picture[:20, :, 3] = 0  # never was there
    painted = picture.copy()
    painted[mask] = (255, 0, 0, 255)
    found = mask_of(painted, picture).mask
    assert overlap(found, mask) > 0.99
    assert not (found & ~mask).any()


@pytest.mark.parametrize("ink", [(255, 255, 255), (0, 0, 0), (255, 0, 0)])
@pytest.mark.parametrize("paper", [(0, 0, 0), (255, 255, 255)])
def test_painted_on_a_transparent_layer(ink, paper):
    mask = hole()
    colour = np.where(mask[..., np.newaxis], np.uint8(ink), np.uint8(paper))
    layer = np.dstack([colour, np.where(mask, 255, 0).astype(np.uint8)])
    np.testing.assert_array_equal(mask_of(layer, photograph()).mask, mask)


def test_a_layer_of_two_halves_is_doubtful():
    alpha = np.zeros((40, 40), np.uint8)
    alpha[:18] = 255
    found = mask_of(np.dstack([0 * alpha, alpha]))
    assert "--mask-invert" in found.warnings[0]
    np.testing.assert_array_equal(found.mask, alpha > 0)


@pytest.mark.parametrize("ground", ["black", "white", "grey", "grey photograph"])
def test_coloured_on_any_ground(ground):
    mask, grey = hole(), photograph()[..., 1]
    level = {"black": 0, "white": 255, "grey": 128, "grey photograph": grey}[ground]
    image = np.stack([np.broadcast_to(level, mask.shape)] * 3, axis=-1).astype(np.uint8)
    image[mask] = (230, 20, 30)
    np.testing.assert_array_equal(mask_of(image, photograph()[::-1]).mask, mask)


def test_an_unrelated_photograph_is_no_mask():
    y, x = np.mgrid[:90, :120]
    smooth = (128 + 60 * np.sin(x / 20) + 40 * np.cos(y / 15)).astype(np.uint8)
    with pytest.raises(InputError, match=r"is not a mask: .* neither dark nor bright"):
        mask_of(smooth, photograph(90, 120)[..., 0])


def test_a_mask_of_a_scan_is_no_copy_of_it():
    rng = np.random.default_rng(1)
    scan = np.where(rng.random((96, 80)) < 0.1, 0, 255).astype(np.uint8)  # black on white
    inverted = np.where(hole(), 0, 255).astype(np.uint8)
    assert not is_copy(inverted[..., None], scan[..., None])
    np.testing.assert_array_equal(mask_of(inverted, scan).mask, ~hole())
    torn = np.where(hole(), 0, scan).astype(np.uint8)
    for damaged in (scan, torn):  # black letters agree with a mask's black
        np.testing.assert_array_equal(mask_of(255 - inverted, damaged).mask, hole())
    night = np.clip(scan // 16, 0, 12).astype(np.uint8)
    white = np.where(hole(), 255, 0).astype(np.uint8)
    np.testing.assert_array_equal(mask_of(white, night).mask, hole())
    painted = scan.copy()
    painted[hole()] = 128
    assert is_copy(painted[..., None], scan[..., None])


@pytest.mark.parametrize("black", [0.4, 0.5, 0.51, 0.6])
def test_a_mask_of_a_dithered_picture_is_no_copy_of_it(black):
    rng = np.random.default_rng(2)
    dithered = np.where(rng.random((96, 80)) < black, 0, 255).astype(np.uint8)
    dithered[hole()] = 255
    mask = np.where(hole(), 255, 0).astype(np.uint8)
    np.testing.assert_array_equal(mask_of(mask, dithered).mask, hole())
    soft = through(mask, "JPEG", quality=60)
    assert overlap(mask_of(soft, dithered).mask, hole()) > 0.98
    painted = np.where(hole(), 0, dithered).astype(np.uint8)  # the other way round it is a copy
    found = mask_of(painted, dithered)
    np.testing.assert_array_equal(found.mask, hole())
    assert found.how == "where it differs from the picture"


def test_holes_that_the_picture_has_as_well():
    picture = np.dstack([photograph(), np.where(hole(), 0, 255).astype(np.uint8)])
    found = mask_of(picture, picture)
    np.testing.assert_array_equal(found.mask, hole())
    assert found.how == "where it is transparent, as the picture is"


def test_nan_is_what_was_erased():
    flat = np.where(hole(), np.nan, 1).astype(np.float32)
    found = mask_of(flat)
    np.testing.assert_array_equal(found.mask, hole())
    assert found.how == "where it is erased"
    picture = (photograph()[..., 0] / 255).astype(np.float32)
    found = mask_of(np.where(hole(), np.nan, picture), picture)
    np.testing.assert_array_equal(found.mask, hole())
    marked = np.where(hole(), 1, 0).astype(np.float32)
    marked[:5] = np.nan  # beyond the map: neither marked nor erased from one colour
    expected = hole()
    expected[:5] = False
    np.testing.assert_array_equal(mask_of(marked).mask, expected)


def test_white_damage_of_a_photograph_is_painted_over_whole():
    # The damage is the photograph's most frequent value, and nothing of it is left in the copy.
    scratched = np.random.default_rng(3).integers(0, 230, (60, 80, 3)).astype(np.uint8)
    damage = make_mask("scratches", scratched.shape[:2], np.random.default_rng(5), 0.1)
    usual = np.where(damage[..., np.newaxis], np.uint8([255, 0, 255]), scratched)
    wanted = mask_of(usual, scratched).mask
    scratched[damage] = 235
    copy = scratched.copy()
    copy[damage] = (255, 0, 255)
    found = mask_of(copy, scratched)
    assert found.how == "where it differs from the picture"
    assert damage.sum() > 200
    assert (found.mask >= damage).all()
    np.testing.assert_array_equal(found.mask, wanted)
