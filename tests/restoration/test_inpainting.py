"""Restoring arrays: what is kept, which shapes and types work, and what is refused."""

import dataclasses
import gc
import sys

import numpy as np
import pytest
from helpers import SMALL, hole, photograph, random_model

from bio_scnn import InputError, inpaint, restore
from bio_scnn.data.masks import MASK_KINDS, make_mask
from bio_scnn.network.architecture import Architecture
from bio_scnn.network.cnn import ConvLayer
from bio_scnn.network.fills import biharmonic_fill, harmonic_fill
from bio_scnn.network.options import SpikingOptions
from bio_scnn.restoration.metrics import hole_psnr
from bio_scnn.restoration.tiling import Tiling

CLOSED = SpikingOptions(engine="closed-form")


@pytest.fixture(scope="module")
def model():
    return random_model()


def as_type(image, dtype):
    if np.dtype(dtype).kind == "f":
        return (image / 255).astype(dtype)
    return image.astype(dtype) * (np.iinfo(dtype).max // 255)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "float32", "float64"])
@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4, 5])
def test_any_type_and_channels(model, dtype, channels):
    image = as_type(photograph(33, 46), dtype)
    if channels is None:
        image = image[..., 0]
    else:
        image = np.concatenate([image, image[..., ::-1]], axis=-1)[..., :channels]
    mask = hole(33, 46)
    result = restore(image, mask, model=model, options=CLOSED, seed=0)
    assert result.image.dtype == image.dtype
    assert result.image.shape == image.shape
    np.testing.assert_array_equal(result.image[~mask], image[~mask])  # bit for bit
    spoilt = image.copy()
    spoilt[mask] = 1
    again = restore(spoilt, mask, model=model, options=CLOSED, seed=0)
    np.testing.assert_array_equal(again.image, result.image)  # the hole was not looked at
    assert (result.image[mask] != spoilt[mask]).mean() > 0.5  # and it was filled


@pytest.mark.parametrize("size", [(4, 4), (5, 7), (1, 30), (64, 3), (57, 41)])
def test_any_size(model, size):
    image = photograph(*size)
    mask = np.zeros(size, bool)
    mask[size[0] // 2, size[1] // 2] = True
    result = restore(image, mask, model=model, options=CLOSED)
    assert result.image.shape == image.shape


def test_untrained_residual_is_the_mean_of_the_fills():
    model = random_model()
    params = model.params | {"conv6.weight": np.zeros_like(model.params["conv6.weight"])}
    silent = type(model)(SMALL, params)
    image, mask = photograph() / 255, hole()
    expected = (harmonic_fill(image, mask) + biharmonic_fill(image, mask)) / 2
    found = inpaint(image, mask, channel_axis=-1, model=silent, engine="closed-form")
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_every_neuron_is_simulated(model):
    image, mask = photograph(40, 48), hole(40, 48)
    result = restore(image, mask, model=model, seed=1)
    assert result.neurons == 20 * 24 * SMALL.channels
    assert result.spikes >= 2 * result.neurons
    assert result.engine.startswith("brian2 (")
    assert set(result.seconds) == {"fill", "convolution", "neurons", "cnn"}
    assert result.rate_maps.shape == (20, 24, 4)
    assert -1e-9 <= result.rate_maps.min() < result.rate_maps.max() <= 1 + 1e-9
    closed = restore(image, mask, model=model, options=CLOSED)
    assert closed.neurons == closed.spikes == 0
    np.testing.assert_array_equal(closed.image, result.image)


def test_tiles_do_not_show(model, monkeypatch):
    image = np.tile(photograph() / 255, (2, 3, 1))[:180, :200]
    rng = np.random.default_rng(3)
    mask = np.zeros(image.shape[:2], bool)
    for _ in range(6):
        row, col = rng.integers(0, 160, 2)
        mask[row : row + 12, col : col + 20] = True
    whole = restore(image, mask, model=model, options=CLOSED)
    for together in (2**21, 1):  # all tiles at once, and one after the other
        tiling, done = Tiling(largest=64, together=together), []
        tiled = restore(
            image, mask, model=model, options=CLOSED, progress=done.append, tiling=tiling
        )
        np.testing.assert_allclose(tiled.image, whole.image, rtol=0, atol=1e-12)
        assert len(done) >= 4
        assert done == sorted(done)
        assert done[-1] == 1
    # The negative: without their margins the tiles would show.
    monkeypatch.setattr(type(SMALL), "reach", 0)
    seamed = restore(image, mask, model=model, options=CLOSED, tiling=tiling)
    assert np.abs(seamed.image - whole.image).max() > 1e-4


SYMMETRIES = {
    "upside down": lambda a: a[::-1],
    "mirrored": lambda a: a[:, ::-1],
    "quarter turn": lambda a: np.moveaxis(a, 0, 1)[::-1],
    "transposed": lambda a: np.moveaxis(a, 0, 1),
}


@pytest.mark.parametrize("symmetry", SYMMETRIES.values(), ids=SYMMETRIES)
def test_best_turns_with_the_picture(model, symmetry):
    image, mask = photograph(45, 58) / 255, hole(45, 58)  # sides that have to be padded
    image[mask] = np.nan

    def difference(quality):
        upright, turned = (
            inpaint(a, m, channel_axis=-1, model=model, engine="closed-form", quality=quality)
            for a, m in ((image, mask), (symmetry(image), symmetry(mask)))
        )
        return np.abs(symmetry(upright) - turned).max()

    assert difference("best") < 1e-10
    assert difference("default") > 1e-3


def test_best_is_the_mean_of_eight_restorations(model):
    image, mask = 0.4 + 0.2 * photograph(42, 50) / 255, hole(42, 50)  # far from being clipped
    total = np.zeros(image.shape)
    for axes in ((0, 1), (1, 0)):
        for rows in (1, -1):
            for columns in (1, -1):

                def there(a, axes=axes, rows=rows, columns=columns):
                    return np.moveaxis(a[::rows, ::columns], (0, 1), axes)

                restored = inpaint(
                    there(image), there(mask), channel_axis=-1, model=model, quality="fast"
                )
                total += np.moveaxis(restored, axes, (0, 1))[::rows, ::columns]
    best = inpaint(image, mask, channel_axis=-1, model=model, engine="closed-form", quality="best")
    np.testing.assert_allclose(best, total / 8, rtol=0, atol=1e-10)


def test_best_simulates_every_orientation(model):
    image, mask = photograph(33, 42), hole(33, 42)
    done = []
    default, best = (
        restore(image, mask, model=model, quality=quality, progress=progress)
        for quality, progress in (("default", None), ("best", done.append))
    )
    assert best.neurons == 8 * default.neurons == 8 * 18 * 22 * SMALL.channels
    assert 7 * default.spikes < best.spikes < 9 * default.spikes
    assert done == [pytest.approx(n / 8) for n in range(1, 9)]
    np.testing.assert_array_equal(best.rate_maps, default.rate_maps)  # of the picture as it is
    np.testing.assert_array_equal(best.image[~mask], image[~mask])
    assert (best.image != default.image).any()


def test_tiles_do_not_show_in_the_best(model, monkeypatch):
    image, mask = np.tile(photograph() / 255, (2, 2, 1))[:131, :150], hole(131, 150)

    def best(tiling):
        return restore(
            image, mask, model=model, options=CLOSED, quality="best", tiling=tiling
        ).image

    whole, small = best(Tiling()), Tiling(largest=64)
    np.testing.assert_allclose(best(small), whole, rtol=0, atol=1e-12)
    monkeypatch.setattr(type(SMALL), "reach", 0)
    assert np.abs(best(small) - whole).max() > 1e-4


def test_fast_is_the_simulated_result(model):
    image, mask = photograph(60, 50) / 255, hole(60, 50)
    default, fast = (
        restore(image, mask, model=model, quality=quality) for quality in ("default", "fast")
    )
    np.testing.assert_allclose(fast.image, default.image, rtol=0, atol=1e-9)
    assert default.neurons > fast.neurons == fast.spikes == 0
    assert fast.engine == "closed form"
    assert restore(image, mask, model=model, options=CLOSED, quality="fast").engine == fast.engine


def test_best_is_better_with_the_shipped_model():
    # On the mean of the kinds of holes: a single hole may come out worse.
    image, gain = photograph(128, 128), []
    for kind in MASK_KINDS:
        mask = make_mask(kind, image.shape[:2], np.random.default_rng(0))
        default, best = (
            inpaint(image, mask, channel_axis=-1, engine="closed-form", quality=quality)
            for quality in ("default", "best")
        )
        gain.append(hole_psnr(best, image, mask) - hole_psnr(default, image, mask))
    assert np.mean(gain) > 0


def test_tiles_without_holes_are_passed_over(model):
    image, mask = np.tile(photograph(), (3, 3, 1)), np.zeros((288, 240), bool)
    mask[10:14, 10:14] = True
    result = restore(image, mask, model=model, options=CLOSED, tiling=Tiling(largest=64))
    assert np.isnan(result.rate_maps[100:]).all()
    assert np.isfinite(result.rate_maps[:32, :32]).all()


def test_rate_maps_are_those_of_the_whole_picture():
    model = random_model(dataclasses.replace(SMALL, channels=4))
    image, mask = np.tile(photograph(), (2, 2, 1))[:151, :133], np.zeros((151, 133), bool)
    mask[10:14, 10:14] = mask[140:144, 100:110] = True
    whole = restore(image, mask, model=model, options=CLOSED).rate_maps
    parts = restore(image, mask, model=model, options=CLOSED, tiling=Tiling(overhead=0)).rate_maps
    seen = np.isfinite(parts[..., 0])
    assert 0.2 < seen.mean() < 0.9
    for number in range(4):  # which may be in another order
        away = [np.abs(parts[..., number] - whole[..., n])[seen].max() for n in range(4)]
        assert min(away) < 1e-6


def test_neurons_that_show_no_interval_are_an_error(model):
    options = SpikingOptions(duration_ms=10)
    with pytest.raises(InputError, match="fired only once in 10 ms"):
        restore(photograph(), hole(), model=model, options=options)


def test_tiles_fit_any_fold():
    layers = (ConvLayer(27, upsample=3, relu=False),)
    architecture = Architecture(("harmonic",), fold=3, channels=5, layers=layers)
    model = random_model(architecture, last="conv2")
    image, mask = np.tile(photograph(30, 80), (1, 3, 1)), np.zeros((30, 240), bool)
    mask[10:14, 100:230] = True
    whole = restore(image, mask, model=model, options=CLOSED).image
    tiled = restore(image, mask, model=model, options=CLOSED, tiling=Tiling(largest=64)).image
    np.testing.assert_array_equal(tiled, whole)


@pytest.mark.parametrize("name", ["cnn_twin", "inpaint", "one_step", "paper"])
def test_shipped_models_restore_a_photograph(name):
    image, mask = photograph(128, 128), hole(128, 128)
    restored = inpaint(image, mask, channel_axis=-1, model=name)
    mean = np.where(mask[..., np.newaxis], image[~mask].mean(axis=0), image).astype(np.uint8)
    assert hole_psnr(restored, image, mask) > hole_psnr(mean, image, mask) + 1


@pytest.mark.slow
def test_calls_leave_nothing_behind(model):
    image, mask = photograph(32, 32), hole(32, 32)

    def calls(number):
        for _ in range(number):
            inpaint(image, mask, channel_axis=-1, model=model)
        gc.collect()
        return len(gc.get_objects()), sys.getallocatedblocks()

    calls(40)  # caches of the packages are full by then
    objects, blocks = calls(10)
    more_objects, more_blocks = calls(50)
    assert more_objects - objects < 25
    assert more_blocks - blocks < 500  # every call once left 11 kB, some hundred blocks
