"""Training patches are a function of their generator, and bad files do no harm."""

import dataclasses
import itertools
import pickle
import shutil
import time

import numpy as np
import pytest

import bio_scnn.data.sampler
from bio_scnn.data.datasets import (
    DataSettings,
    embedded_images,
    find_images,
)
from bio_scnn.data.images import read_rgb, write_image
from bio_scnn.data.sampler import PatchSampler
from bio_scnn.errors import InputError

SMALL = DataSettings(n_dead_leaves=4, dead_leaves_size=64, downscaling=(1.0, 2.0))


def batch(sampler, seed, n=4, size=32):
    return sampler.patches(np.random.default_rng(seed), n, size)


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


def test_patches_larger_than_the_dead_leaves_are_refused():
    leaves = PatchSampler([], dataclasses.replace(SMALL, dead_leaves_fraction=1.0))
    with pytest.raises(InputError, match="dead_leaves_size 64"):
        batch(leaves, 0, size=65)
