"""Mask files: found by name, turned with their picture, inverted, grown, refused in words."""

import numpy as np
import pytest
import tifffile
from helpers import hole, photograph
from PIL import Image

from bio_scnn import InputError
from bio_scnn.data.images import read_image, write_image
from bio_scnn.data.mask_files import finished, grown, is_mask_beside, masks_for, read_mask_for
from bio_scnn.data.mask_reading import Reading
from bio_scnn.data.orientation import stored_orientation, turned_back
from bio_scnn.data.upright import upright

WHITE = hole().astype(np.uint8) * 255


def save_turned(path, image, orientation):
    """Save an image as a camera does: stored turned, with the tag that says so."""
    exif = Image.Exif()
    exif[274] = orientation
    stored = np.ascontiguousarray(turned_back(image, orientation))
    Image.fromarray(stored).save(path, exif=exif)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turning_is_what_pillow_does(orientation, tmp_path):
    save_turned(tmp_path / "a.png", photograph(), orientation)
    assert stored_orientation(tmp_path / "a.png") == orientation
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), photograph())
    with Image.open(tmp_path / "a.png") as stored:
        assert (stored.size == (80, 96)) == (orientation < 5)
        np.testing.assert_array_equal(upright(np.array(stored), orientation), photograph())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_masks_follow_their_turned_picture(orientation, tmp_path):
    picture = tmp_path / "p.png"
    save_turned(picture, photograph(), orientation)
    save_turned(tmp_path / "tagged.png", WHITE, orientation)
    Image.fromarray(WHITE).save(tmp_path / "upright.png")
    Image.fromarray(turned_back(WHITE, orientation).copy()).save(tmp_path / "stored.png")
    for name in ("tagged", "upright"):
        found = read_mask_for(picture, tmp_path / f"{name}.png", photograph())
        np.testing.assert_array_equal(found.mask, hole())
    found = read_mask_for(picture, tmp_path / "stored.png", photograph())
    if orientation >= 5:  # its size tells
        np.testing.assert_array_equal(found.mask, hole())
    elif orientation > 1:  # nothing does
        assert f"EXIF orientation {orientation}" in found.warnings[0]


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_painted_copy_tells_how_it_lies(orientation, tmp_path):
    square = np.ascontiguousarray(photograph(80, 80))  # its size tells nothing
    missing = np.zeros((80, 80), bool)
    missing[20:24, 10:60] = True
    save_turned(tmp_path / "p.png", square, orientation)
    painted = np.where(missing[..., np.newaxis], np.uint8([255, 0, 0]), square)
    Image.fromarray(painted).save(tmp_path / "upright.png")
    Image.fromarray(turned_back(painted, orientation).copy()).save(tmp_path / "stored.png")
    for name in ("upright", "stored"):
        found = read_mask_for(tmp_path / "p.png", tmp_path / f"{name}.png", square)
        np.testing.assert_array_equal(found.mask, missing)
        assert found.warnings == ()


def test_a_picture_with_holes_is_a_mask_of_its_own(tmp_path):
    alpha = np.where(hole(), 0, 255).astype(np.uint8)
    holed = np.dstack([photograph(), alpha])
    write_image(tmp_path / "p.png", holed)
    found = read_mask_for(tmp_path / "p.png", tmp_path / "p.png", holed)
    np.testing.assert_array_equal(found.mask, hole())


def test_a_mask_with_a_tag_that_its_picture_has_not(tmp_path):
    write_image(tmp_path / "p.png", photograph())
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(WHITE).save(tmp_path / "m.png", exif=exif)
    assert read_image(tmp_path / "m.png").shape == (80, 96)
    found = read_mask_for(tmp_path / "p.png", tmp_path / "m.png", photograph())
    np.testing.assert_array_equal(found.mask, hole())


def test_sizes_and_the_picture_itself_are_refused(tmp_path):
    picture, small = tmp_path / "p.png", tmp_path / "small.png"
    write_image(picture, photograph())
    write_image(small, WHITE[:40])
    (tmp_path / "link.png").symlink_to(picture)
    with pytest.raises(InputError, match=r"small\.png has 40 x 80 .* must be of the same size"):
        read_mask_for(picture, small, photograph())
    for same in (picture, tmp_path / "link.png"):
        with pytest.raises(InputError, match=r"given as picture and as mask.* --mask auto"):
            read_mask_for(picture, same, photograph())
    (tmp_path / "copy.png").write_bytes(picture.read_bytes())
    with pytest.raises(InputError, match=r"copy\.png is the picture itself"):
        read_mask_for(picture, tmp_path / "copy.png", photograph())


@pytest.mark.parametrize("by", [0, 1, 2, 5])
def test_growing_takes_what_is_near(by, monkeypatch):
    monkeypatch.setattr("bio_scnn.data.mask_files._STRIP", 400)  # several strips
    mask = np.zeros((50, 40), bool)
    mask[3, 4] = mask[30, 20] = mask[49, 39] = True
    points, (rows, columns) = np.argwhere(mask), np.indices(mask.shape)
    distance = np.min([np.hypot(rows - r, columns - c) for r, c in points], axis=0)
    np.testing.assert_array_equal(grown(mask, by), distance <= by)


def test_inverted_warned_and_refused(tmp_path):
    path, reading = tmp_path / "m.png", Reading(hole(), "where it is white")
    assert not finished(reading, path).warnings
    np.testing.assert_array_equal(finished(reading, path).mask, hole())
    other = Reading(~hole(), "where it is white")
    np.testing.assert_array_equal(finished(other, path, invert=True).mask, hole())
    share = 1 - hole().mean()
    assert 0.5 < share < 0.95
    (line,) = finished(other, path).warnings
    assert f"{100 * share:.1f} % as missing" in line
    assert "--mask-invert" in line
    most = np.ones((100, 100), bool)
    most[:2] = False
    full = Reading(most, "where it is white")
    with pytest.raises(InputError, match=r"98\.0 % .* --mask-invert; .*--max-missing 1"):
        finished(full, path)
    assert finished(full, path, most=1).mask.mean() == 0.98
    with pytest.raises(InputError, match="leave out --mask-invert"):
        finished(Reading(~most, ""), path, invert=True)
    for value, message in ((0, "mask is empty"), (1, "mask is full")):
        with pytest.raises(InputError, match=message):
            finished(Reading(np.full((9, 9), value, bool), ""), path)


def test_masks_of_a_folder_by_name(tmp_path):
    masks = tmp_path / "masks"
    for name in ("a.png", "B_mask.JPG", "mask_c.tif", "d.jpg.png", "both.png", "both_mask.png"):
        write_image(masks / name, WHITE)
    for picture, mask in (
        ("a.jpg", "a.png"), ("A.tif", "a.png"), ("b.png", "B_mask.JPG"), ("c.png", "mask_c.tif"),
        ("d.jpg", "d.jpg.png"),
    ):  # fmt: skip
        assert masks_for(tmp_path / picture, [masks]) == (masks / mask,)
    files = [masks / "a.png", masks / "B_mask.JPG"]
    assert masks_for(tmp_path / "b.png", files, only=False) == (masks / "B_mask.JPG",)
    assert masks_for(tmp_path / "b.png", files) == tuple(files)  # of its pages
    assert masks_for(tmp_path / "b.png", files[:1], only=False) == tuple(files[:1])  # of all
    with pytest.raises(InputError, match=r"no mask of its name .* name it x\.png or x_mask"):
        masks_for(tmp_path / "x.png", [masks])
    with pytest.raises(InputError, match=r"both.* may both be its mask; keep one"):
        masks_for(tmp_path / "both.jpg", [masks])


def test_masks_beside_the_pictures(tmp_path):
    for name in ("a.png", "a_mask.png", "b.png", "b-mask.png", "c_mask.png"):
        write_image(tmp_path / name, WHITE)
    assert masks_for(tmp_path / "a.png", [tmp_path]) == (tmp_path / "a_mask.png",)
    names = {"a", "b", "a_mask", "b-mask", "c_mask"}
    assert is_mask_beside(tmp_path / "a_mask.png", names)
    assert is_mask_beside(tmp_path / "b-mask.png", names)
    assert not is_mask_beside(tmp_path / "c_mask.png", names)  # of no picture
    assert not is_mask_beside(tmp_path / "a.png", names)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "uint32", "float64"])
def test_masks_of_any_numbers(tmp_path, dtype):
    image, mask = np.zeros((20, 30), np.uint8), np.zeros((20, 30), bool)
    mask[5:9, 4:20] = True
    for marked in (1, -1) if np.dtype(dtype).kind == "i" else (1, 200):
        tifffile.imwrite(tmp_path / "m.tif", mask.astype(dtype) * np.dtype(dtype).type(marked))
        read = read_mask_for(tmp_path / "a.png", tmp_path / "m.tif", image, 0, 10**6)
        np.testing.assert_array_equal(read.mask, mask)


def test_a_mask_of_five_channels_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", np.zeros((20, 30, 5), np.uint8), planarconfig="contig")
    with pytest.raises(InputError, match=r"m\.tif: has 5 channels"):
        read_mask_for(tmp_path / "a.png", tmp_path / "m.tif", np.zeros((20, 30)), 0, 10**6)
