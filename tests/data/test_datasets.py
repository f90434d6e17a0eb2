"""Images are found, divided and cut into crops reproducibly."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bio_scnn.data.datasets import (
    DataSettings,
    embedded_images,
    find_images,
    left_out,
    resize,
    split,
    validation_crops,
)
from bio_scnn.data.images import read_rgb, write_image
from bio_scnn.errors import InputError


def make_files(root: Path, names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4)).save(root / name)


def relative(paths, root):
    return [path.relative_to(root).as_posix() for path in paths]


# Finding and dividing


def test_images_are_found_at_any_depth_and_sorted(tmp_path):
    wanted = ["A.PNG", "b/c.jpg", "b/c/d.tiff", "b/e.webp", "z.ppm"]
    make_files(tmp_path, [*wanted, ".hidden.png", ".cache/x.png", "b/.t/y.png"])
    (tmp_path / "b" / "notes.txt").write_text("not an image")
    (tmp_path / "README").write_text("not an image")
    (tmp_path / "b" / "loop").symlink_to(tmp_path)
    assert relative(find_images(tmp_path), tmp_path) == wanted


def test_links_to_folders_elsewhere_are_followed(tmp_path):
    make_files(tmp_path, ["disk/a.png"])
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "linked").symlink_to(tmp_path / "disk")
    assert relative(find_images(tmp_path / "photos"), tmp_path / "photos") == ["linked/a.png"]


def test_lsdir_keeps_its_originals_and_its_own_validation_set(tmp_path):
    train = ["HR/train/0001000/0000001.png", "HR/train/0002000/0001001.png"]
    val = ["val1/HR/val/0000001.png"]
    low = [
        "X2/train/0001000/0000001x2.png",
        "X4/train/0001000/0000001x4.png",
        "val1/X3/val/0000001x3.png",
    ]
    make_files(tmp_path, [*train, *val, *low])
    found = find_images(tmp_path)
    assert relative(found, tmp_path) == [*train, *val]
    for fraction in (0.0, 0.9):
        sides = split(found, fraction, 0, folder=tmp_path)
        assert [relative(side, tmp_path) for side in sides] == [train, val]
    # A folder that is merely called X2 is no reason to lose its images.
    assert len(find_images(tmp_path / "val1" / "X3")) == 1
    make_files(tmp_path, ["plain/X2/a.png", "plain/b.png"])
    assert len(find_images(tmp_path / "plain")) == 2


def test_nothing_to_find_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        find_images(tmp_path / "missing")
    with pytest.raises(InputError, match="holds no images"):
        find_images(tmp_path)


def test_pictures_of_formats_that_are_not_read_are_counted(tmp_path):
    make_files(tmp_path, ["a/1.png"])
    (tmp_path / "a" / "b").mkdir()
    for name in ("IMG_2.HEIC", "b/3.heic", "4.dng", "5.mov", ".6.dng"):
        (tmp_path / "a" / name).write_bytes(b"")
    assert left_out(tmp_path / "a") == "1 .dng, 2 .heic left out"
    assert left_out(tmp_path / "a" / "b") == "1 .heic left out"
    with pytest.raises(InputError, match=r"holds no images \(1 \.heic left out\); expected"):
        find_images(tmp_path / "a" / "b")
    (tmp_path / "c").mkdir()
    assert left_out(tmp_path / "c") == ""


def test_split_depends_on_names_and_seed_alone():
    names = [f"{i % 3}/{i}.png" for i in range(2000)]
    here = [Path("/here") / name for name in names]
    there = [Path("/some/where/else") / name for name in reversed(names)]
    train, val = split(here, 0.1, 5, folder="/here")
    assert sorted(train + val) == sorted(here)
    assert 150 < len(val) < 250
    elsewhere = split(there, 0.1, 5, folder="/some/where/else")[1]
    assert sorted(relative(elsewhere, "/some/where/else")) == sorted(relative(val, "/here"))
    # Adding images moves none, and neither does asking for a larger fraction.
    more = [*here, *(Path(f"/here/new{i}.png") for i in range(500))]
    assert set(val) == set(split(more, 0.1, 5, folder="/here")[1]) & set(here)
    assert set(val) < set(split(here, 0.3, 5, folder="/here")[1])
    assert set(val) != set(split(here, 0.1, 6, folder="/here")[1])


def test_split_leaves_no_side_empty_unless_asked():
    two = [Path("a.png"), Path("b.png")]
    for seed in range(20):
        for fraction in (0.001, 0.999):
            assert [len(side) for side in split(two, fraction, seed, folder=".")] == [1, 1]
    assert split(two, 0.0, 0, folder=".") == (two, [])
    assert split(two[:1], 0.5, 0, folder=".") == (two[:1], [])
    with pytest.raises(InputError, match="val_fraction"):
        split(two, 1.0, 0, folder=".")


def test_embedded_images_are_photographs_of_some_size():
    paths = embedded_images()
    assert len(paths) >= 8
    for path in paths:
        image = read_rgb(path)
        assert min(image.shape[:2]) >= 300
        assert image.std() > 10


# Reading and resizing


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_everything_is_read_as_8_bit_rgb(tmp_path, dtype, channels):
    codes = np.arange(240, dtype=np.uint8).reshape(12, 20)
    rgb = codes if channels < 3 else np.dstack([codes, codes[::-1], codes[:, ::-1]])
    image = np.dstack([rgb, np.full_like(codes, 7)]) if channels % 2 == 0 else rgb
    scale = {"uint8": 1, "uint16": 257, "float32": 1 / 255}[dtype]
    write_image(tmp_path / "a.tif", (image * np.float64(scale)).astype(dtype))
    expected = np.dstack([codes] * 3) if channels < 3 else rgb
    np.testing.assert_array_equal(read_rgb(tmp_path / "a.tif"), expected)


def test_downscaling_averages_instead_of_skipping():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    small = resize(stripes, 4.0)
    assert small.shape == (16, 16, 3)
    assert np.abs(small[:, 1:-1].astype(int) - 127).max() <= 4
    assert resize(stripes, 100.0, at_least=5).shape == (5, 5, 3)
    assert resize(stripes, 0.5).shape == (128, 128, 3)


# Dead leaves


# Sampling


@pytest.mark.parametrize(
    "wrong",
    [
        {"val_fraction": 1.0},
        {"dead_leaves_fraction": 1.5},
        {"n_dead_leaves": 0},
        {"seed": -1},
        {"downscaling": ()},
        {"downscaling": (0.5, 2.0)},
        {"memory_mb": 0},
        {"min_detail": float("nan")},
        {"keep_flat": -0.1},
        {"dead_leaves_from_photographs": 1.1},
    ],
)
def test_contradictory_settings_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        DataSettings(**wrong)
    DataSettings(n_dead_leaves=0, dead_leaves_fraction=0.0)


# Validation


def test_validation_crops_are_always_the_same(folder, tmp_path):
    paths = find_images(folder)
    crops = validation_crops(paths, 48, 8, seed=3)
    assert crops.shape == (8, 48, 48, 3)
    assert crops.dtype == np.float32
    assert crops.std() > 0.05
    np.testing.assert_array_equal(crops, validation_crops(paths, 48, 8, seed=3))
    assert (crops != validation_crops(paths, 48, 8, seed=4)).any()
    np.testing.assert_array_equal(crops[:5], validation_crops(paths, 48, 5, seed=3))
    arrays = [read_rgb(path) for path in paths]
    np.testing.assert_array_equal(crops, validation_crops(arrays, 48, 8, seed=3))
    (tmp_path / "bad.png").write_text("no image")
    with_bad = validation_crops([tmp_path / "bad.png", *paths], 48, 8, seed=3)
    np.testing.assert_array_equal(crops, with_bad)
    with pytest.raises(InputError, match=r"bad\.png"):
        validation_crops([tmp_path / "bad.png"], 48, 8, seed=3)


def test_validation_crops_show_much_of_large_images_and_enlarge_small_ones():
    row, column = np.mgrid[:400, :600]
    ramp = np.dstack([row * 255 / 399, column * 255 / 599, 0 * row]).astype(np.uint8)
    crop = validation_crops([ramp], 50, 1, seed=0)[0]
    # At 100 pixels across, 50 pixels span half of the rows.
    assert np.ptp(crop[..., 0]) == pytest.approx(0.5, abs=0.03)
    tiny = np.random.default_rng(0).integers(0, 256, (9, 20, 3), dtype=np.uint8)
    assert validation_crops([tiny], 32, 2, seed=0).std() > 0.05
