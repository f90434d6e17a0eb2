"""Data is found, divided and sampled reproducibly, and bad files do no harm."""

import dataclasses
import itertools
import pickle
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import scipy
from PIL import Image

import bio_scnn.data.sampler
from bio_scnn.data.datasets import (
    DataSettings,
    embedded_images,
    find_images,
    resize,
    split,
    validation_crops,
)
from bio_scnn.data.dead_leaves import dead_leaves
from bio_scnn.data.images import read_rgb, write_image
from bio_scnn.data.leaf_textures import _gaussian_texture, paper_over
from bio_scnn.data.sampler import PatchSampler
from bio_scnn.errors import InputError

SMALL = DataSettings(n_dead_leaves=4, dead_leaves_size=64, downscaling=(1.0, 2.0))


def batch(sampler, seed, n=4, size=32):
    return sampler.patches(np.random.default_rng(seed), n, size)


@pytest.fixture
def folder(tmp_path):
    """Six different photographs in two folders."""
    root = tmp_path / "photos"
    for i, source in enumerate(embedded_images()[:6]):
        image = resize(read_rgb(source), 2.5)
        write_image(root / f"part{i % 2}" / f"{i}.{'png' if i % 2 else 'jpg'}", image)
    return root


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


def test_dead_leaves_look_like_occluding_objects():
    image = dead_leaves((128, 160), np.random.default_rng(0))
    assert image.shape == (128, 160, 3)
    assert image.dtype == np.float32
    assert image.min() >= 0.0
    assert image.max() <= 1.0
    np.testing.assert_array_equal(image, dead_leaves((128, 160), np.random.default_rng(0)))
    assert (image != dead_leaves((128, 160), np.random.default_rng(1))).any()
    # Edges are rare and strong: gradients have far heavier tails than a Gaussian's kurtosis of 3.
    images = [dead_leaves((128, 128), np.random.default_rng(i)) for i in range(8)]
    steps = np.concatenate([np.diff(grey.mean(axis=2), axis=1).ravel() for grey in images])
    assert np.mean(steps**4) / np.mean(steps**2) ** 2 > 6
    # Channels are correlated, as in photographs, but not equal.
    correlation = np.mean(
        [np.corrcoef(i[..., 0].ravel(), i[..., 2].ravel())[0, 1] for i in images]
    )
    assert 0.5 < correlation < 0.995


def spectral_slope(images):
    """Exponent of the power spectrum of grey square images, averaged over the images."""
    powers, size = [], images[0].shape[0]
    for image in images:
        grey = image.mean(axis=2)
        window = np.outer(np.hanning(size), np.hanning(size))
        powers.append(np.abs(np.fft.rfft2((grey - grey.mean()) * window)) ** 2)
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size))
    band = (frequency > 0.03) & (frequency < 0.25)
    return np.polyfit(np.log(frequency[band]), np.log(np.mean(powers, axis=0)[band]), 1)[0]


def test_dead_leaves_have_the_spectrum_of_photographs():
    slope = spectral_slope([dead_leaves((128, 128), np.random.default_rng(i)) for i in range(12)])
    assert -3.5 < slope < -1.5  # photographs: about -2
    noise = np.random.default_rng(0).random((12, 128, 128, 3))
    assert spectral_slope(noise) > -0.3


def photograph(name, factor=2.0):
    (path,) = (path for path in embedded_images() if path.stem == name)
    return resize(read_rgb(path), factor).astype(np.float32) / 255


def test_leaves_from_a_photograph_have_its_spectrum():
    names = ("coffee", "chelsea", "rocket", "astronaut")
    images = [photograph(name) for name in names]
    crops = [image[i : i + 128, j : j + 128] for image in images for i in (0, 20) for j in (0, 60)]
    leaves = [
        dead_leaves((128, 128), np.random.default_rng(i), photograph=images[i % 4])
        for i in range(24)
    ]
    assert spectral_slope(leaves) == pytest.approx(spectral_slope(crops), abs=0.6)


def test_leaves_from_a_photograph_have_its_colours():
    for name, other in (("coffee", "rocket"), ("chelsea", "coffee")):
        source = photograph(name)
        leaves = [
            dead_leaves((96, 96), np.random.default_rng(i), photograph=source) for i in range(24)
        ]
        pixels = np.concatenate([image.reshape(-1, 3) for image in leaves])
        wanted = source.reshape(-1, 3)
        assert np.abs(pixels.mean(axis=0) - wanted.mean(axis=0)).max() < 0.06
        covariance, expected = np.cov(pixels.T), np.cov(wanted.T)
        distance = np.linalg.norm(covariance - expected) / np.linalg.norm(expected)
        # Clipping, grey textures and chance account for what is left.
        assert distance < 0.35
        far = np.cov(photograph(other).reshape(-1, 3).T)
        assert distance < 0.7 * np.linalg.norm(covariance - far) / np.linalg.norm(expected)


def test_a_gaussian_texture_has_the_covariance_of_its_photograph():
    source = photograph("coffee")
    rng = np.random.default_rng(0)
    textures = np.stack([_gaussian_texture(source, (96, 96), rng) for _ in range(64)])
    assert textures.shape == (64, 96, 96, 3)
    ours = np.corrcoef(textures.reshape(-1, 3).T)
    np.testing.assert_allclose(ours, np.corrcoef(source.reshape(-1, 3).T), atol=0.15)
    # Gaussian: no heavier tails, whatever edges the photograph has.
    each = textures / textures.std(axis=(1, 2, 3), keepdims=True)
    assert np.mean(np.diff(each, axis=1) ** 4) / np.mean(np.diff(each, axis=1) ** 2) ** 2 < 5


def test_some_leaves_are_pieces_of_the_photograph():
    rng = np.random.default_rng(0)
    source = rng.random((40, 50, 3), dtype=np.float32)
    leaf = np.arange(64 * 64).reshape(64, 64) // 256
    image = np.full((64, 64, 3), -1.0, np.float32)
    paper_over(image, leaf, 16, source, rng)
    known = {pixel.tobytes() for pixel in source.reshape(-1, 3)}
    copied = np.array([pixel.tobytes() in known for pixel in image.reshape(-1, 3)]).reshape(64, 64)
    untouched = (image == -1.0).all(axis=2)
    whole = [np.unique(leaf[where]).size * 256 == where.sum() for where in (copied, untouched)]
    assert whole == [True, True]
    assert copied.any()
    assert untouched.any()
    assert not (copied | untouched).all()


def test_some_images_are_partly_out_of_focus(monkeypatch):
    def images():
        return [dead_leaves((64, 64), np.random.default_rng(i), r_min=6.0) for i in range(60)]

    def energy(image):
        return np.mean(np.diff(image, axis=1) ** 2)

    seen = images()
    monkeypatch.setattr(scipy.ndimage, "gaussian_filter", lambda image, sigma: image)
    in_focus = images()
    changed = [(a, b) for a, b in zip(seen, in_focus, strict=True) if (a != b).any()]
    assert 10 < len(changed) < 30
    lost = np.array([1 - energy(a) / energy(b) for a, b in changed])
    assert lost.min() > 0
    assert lost.max() > 0.5


def test_radii_and_palette_are_respected():
    rng = np.random.default_rng(0)
    fine = dead_leaves((96, 96), rng, r_min=1.5, r_max=4.0)
    coarse = dead_leaves((96, 96), rng, r_min=20.0, r_max=60.0)
    assert np.abs(np.diff(fine, axis=0)).mean() > 3 * np.abs(np.diff(coarse, axis=0)).mean()
    red = np.array([[0.9, 0.1, 0.1], [0.6, 0.0, 0.0]])
    image = dead_leaves((96, 96), rng, palette=red)
    assert (image[..., 0] > image[..., 1]).mean() > 0.95


def test_dead_leaves_are_quick():
    rng = np.random.default_rng(0)
    start = time.perf_counter()
    for _ in range(5):
        dead_leaves((256, 256), rng)
    # About 40 ms each on an idle machine; generous, since test machines are not.
    assert (time.perf_counter() - start) / 5 < 0.6


# Sampling


def test_patches_are_a_function_of_the_generator(folder):
    sampler = PatchSampler(find_images(folder), SMALL)
    first = batch(sampler, 1)
    assert first.shape == (4, 32, 32, 3)
    assert first.dtype == np.float32
    assert first.min() >= 0.0
    assert first.max() <= 1.0
    assert (first != batch(sampler, 2)).any()
    np.testing.assert_array_equal(first, batch(sampler, 1))
    assert len({patch.tobytes() for patch in batch(sampler, 3, n=16)}) > 8


def test_patches_do_not_depend_on_memory_history_or_process(folder):
    paths = find_images(folder)
    expected = [batch(PatchSampler(paths, SMALL), seed) for seed in range(6)]
    starved = PatchSampler(paths, SMALL)
    starved._cache.max_bytes = 20_000  # holds no two images
    resumed = pickle.loads(pickle.dumps(PatchSampler(paths, SMALL)))
    for seed in reversed(range(6)):
        np.testing.assert_array_equal(batch(starved, seed), expected[seed])
        np.testing.assert_array_equal(batch(resumed, seed), expected[seed])
    held = starved._cache
    assert held.n_bytes == sum(array.nbytes for array in held._arrays.values())
    assert len(held._arrays) == 1


def test_memory_stays_bounded_and_large_folders_are_not_read_in_advance(folder, monkeypatch):
    read, paths = [], find_images(folder)
    monkeypatch.setattr(
        bio_scnn.data.sampler, "read_rgb", lambda path: read.append(path) or read_rgb(path)
    )
    limited = dataclasses.replace(SMALL, memory_mb=1)
    sampler = PatchSampler(paths * 20, limited)
    assert len(read) == 8
    for seed in range(10):
        batch(sampler, seed)
    assert 8 < len(read) <= 8 + 10 * 4 * 8
    assert sampler._cache.n_bytes <= 2**20
    roomy = PatchSampler(paths, SMALL)
    read.clear()
    batch(roomy, 0, n=20)
    assert read == []


def test_unreadable_photographs_are_skipped_and_reported(folder):
    paths = find_images(folder)
    broken = folder / "part0" / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n but no more")
    mixed = find_images(folder)
    assert broken in mixed
    sampler = PatchSampler(mixed, SMALL)
    assert [path for path, _ in sampler.skipped] == [broken]
    assert "broken.png" in sampler.skipped[0][1]
    assert sampler.description()["photographs"] == len(paths)
    assert sampler.description()["skipped"] == 1
    for seed in range(10):
        batch(sampler, seed)
    assert len(sampler.skipped) == 1
    # Met later rather than sooner, a broken file changes nothing.
    late = PatchSampler(mixed, SMALL)
    late.skipped.clear()
    late._unreadable.clear()
    np.testing.assert_array_equal(batch(late, 4, n=30), batch(sampler, 4, n=30))
    assert len(late.skipped) == 1


def test_nothing_readable_is_refused(tmp_path):
    for name in ("a.png", "b.jpg"):
        (tmp_path / name).write_text("no image")
    with pytest.raises(InputError, match="none of the 2 photographs"):
        PatchSampler(find_images(tmp_path), SMALL)
    with pytest.raises(InputError, match="no photographs"):
        PatchSampler([], SMALL)


def test_small_photographs_are_enlarged(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (12, 50, 3), dtype=np.uint8)
    write_image(tmp_path / "a.png", noise)
    only = dataclasses.replace(SMALL, dead_leaves_fraction=0.0)
    patches = batch(PatchSampler([tmp_path / "a.png"], only), 0)
    assert patches.shape == (4, 32, 32, 3)
    assert patches.std() > 0.05


def test_the_mixture_is_what_was_asked_for(tmp_path):
    rng = np.random.default_rng(0)
    # One channel dominates in photographs by far more than any dead leaves do.
    image = rng.integers(200, 256, (80, 80, 3), dtype=np.uint8)
    image[..., 1:] = rng.integers(0, 30, (80, 80, 2), dtype=np.uint8)
    write_image(tmp_path / "a.png", image)
    for fraction in (0.0, 0.3, 1.0):
        settings = dataclasses.replace(
            SMALL,
            dead_leaves_fraction=fraction,
            dead_leaves_from_photographs=0.0,
            downscaling=(1.0,),
            keep_flat=0.1,
        )
        sampler = PatchSampler([] if fraction == 1.0 else [tmp_path / "a.png"], settings)
        rng = np.random.default_rng(1)
        cut = [sampler._interesting_patch(rng, 32) for _ in range(200)]
        noisy = np.mean([patch[..., 0].min() >= 200 for patch in cut])
        assert noisy == pytest.approx(1 - fraction, abs=0.12)


def test_smooth_patches_are_mostly_rejected(tmp_path):
    ramp = np.broadcast_to(np.linspace(0, 255, 800)[:, None, None], (800, 400, 3))
    image = ramp.astype(np.uint8)
    image[:, 350:] = np.random.default_rng(0).integers(0, 256, (800, 50, 3))
    write_image(tmp_path / "a.png", image)
    shares = []
    for min_detail, keep_flat in ((0.0, 0.0), (0.05, 1.0), (0.05, 0.1), (0.05, 0.0)):
        settings = DataSettings(
            dead_leaves_fraction=0.0,
            downscaling=(1.0,),
            min_detail=min_detail,
            keep_flat=keep_flat,
        )
        sampler = PatchSampler([tmp_path / "a.png"], settings)
        rng = np.random.default_rng(1)
        cut = [sampler._interesting_patch(rng, 32) for _ in range(300)]
        shares.append(np.mean([np.diff(patch.astype(int), axis=1).any() for patch in cut]))
    assert shares[0] == pytest.approx(shares[1], abs=0.08)  # neither rejects any
    assert 2 * shares[1] < shares[2] < 1.0
    # At most eight are drawn; the last stays.
    found = 1 - (1 - shares[0]) ** 8
    assert shares[3] == pytest.approx(found, abs=0.12)


def test_augmentation_keeps_the_scene_and_varies_its_look():
    patch = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    patch[:8] //= 4
    rng = np.random.default_rng(1)
    looks = np.empty((400, 16, 16, 3), np.float32)
    for out in looks:
        bio_scnn.data.sampler._augment(patch, rng, out=out)
    spread = np.abs(looks - looks.mean(axis=3, keepdims=True)).max(axis=(1, 2, 3))
    assert 0.04 < np.mean(spread < 1e-6) < 0.2  # grey
    halves = np.stack(
        [looks[:, :8].mean((1, 2, 3)), looks[:, 8:].mean((1, 2, 3)),
         looks[:, :, :8].mean((1, 2, 3)), looks[:, :, 8:].mean((1, 2, 3))]
    )  # fmt: skip
    darkest = np.bincount(halves.argmin(axis=0), minlength=4) / 400
    assert darkest.min() > 0.15  # every turn occurs
    # Undoing the right turn, flip and order of channels leaves a straight line of intensities.
    turned = [np.rot90(patch, k)[:, ::step] for k in range(4) for step in (1, -1)]
    orders = [*itertools.permutations(range(3)), (0, 0, 0), (1, 1, 1), (2, 2, 2)]
    candidates = np.stack([t[..., order].ravel() for t in turned for order in orders])
    best = []
    for out in looks:
        correlation = np.corrcoef(np.vstack([candidates, out.ravel()]))[-1, :-1]
        best.append(correlation[np.abs(correlation).argmax()])
    assert np.abs(best).min() > 0.995
    assert 0.1 < np.mean(np.array(best) < 0) < 0.3  # negatives


def test_patches_are_quick(folder):
    sampler = PatchSampler(find_images(folder), SMALL)
    batch(sampler, 0, n=20, size=64)
    start = time.perf_counter()
    for seed in range(10):
        batch(sampler, seed, n=6, size=64)
    # Well under 1 ms each on an idle machine; generous, since test machines are not.
    assert (time.perf_counter() - start) / 10 < 0.1


def test_description_tells_no_absolute_path(folder, tmp_path):
    settings = dataclasses.replace(SMALL, folder=str(folder))
    told = PatchSampler(find_images(folder), settings).description()
    assert told["folder"] == "photos"
    assert told["photographs"] == 6
    assert told["formats"] == {"jpg": 3, "png": 3}
    assert str(tmp_path) not in repr(told)
    moved = tmp_path / "elsewhere" / "photos"
    shutil.copytree(folder, moved)
    there = dataclasses.replace(SMALL, folder=str(moved))
    assert PatchSampler(find_images(moved), there).description() == told
    (moved / "part0" / "0.jpg").rename(moved / "part0" / "renamed.jpg")
    renamed = PatchSampler(find_images(moved), there).description()
    assert renamed["names_sha256"] != told["names_sha256"]
    by_default = PatchSampler(embedded_images()[:1], SMALL).description()
    assert by_default["folder"] == "photographs of scikit-image"


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


def test_patches_larger_than_the_dead_leaves_are_refused():
    leaves = PatchSampler([], dataclasses.replace(SMALL, dead_leaves_fraction=1.0))
    with pytest.raises(InputError, match="dead_leaves_size 64"):
        batch(leaves, 0, size=65)


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
