"""Arguments of `inpaint`: what each does, and what is refused."""

import dataclasses

import numpy as np
import pytest
from helpers import hole, photograph, random_model

from bio_scnn import InputError, inpaint, restore
from bio_scnn.network.options import SpikingOptions, spiking_options

CLOSED = SpikingOptions(engine="closed-form")


@pytest.fixture(scope="module")
def model():
    return random_model()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda *given: inpaint(*given, quality="good"), "'good' is unknown; choose from fast"),
        (lambda *given: restore(*given, quality="good"), "'good' is unknown"),
        (lambda *given: inpaint(*given, engine="brian2", quality="fast"), "simulates nothing"),
        (
            lambda *given: restore(*given, options=SpikingOptions(), quality="fast"),
            "'fast' simulates nothing, engine 'brian2' every spike",
        ),
    ],
)
def test_qualities_that_cannot_be_had(call, message):
    with pytest.raises(InputError, match=message):
        call(photograph()[..., 0], hole())


def test_fast_knows_no_current_noise():
    with pytest.raises(InputError, match="'fast' simulates nothing, so it knows no current noise"):
        spiking_options("fast", current_noise=0.1)
    assert spiking_options("best", current_noise=0.1).engine == "brian2"
    assert spiking_options("fast", feature_noise=0.1).engine == "closed-form"


def test_overwriting(model):
    image, mask = photograph(), hole()
    expected = restore(image, mask, model=model, options=CLOSED).image
    np.testing.assert_array_equal(image, photograph())
    image.flags.writeable = False
    result = restore(image, mask, model=model, options=CLOSED, overwrite=True).image
    np.testing.assert_array_equal(result, expected)
    image.flags.writeable = True
    result = restore(image, mask, model=model, options=CLOSED, overwrite=True).image
    assert result is image
    np.testing.assert_array_equal(result, expected)
    assert (result[mask] != photograph()[mask]).any()


def test_channel_axis(model):
    image, mask = photograph(32, 40), hole(32, 40)
    last = inpaint(image, mask, channel_axis=-1, model=model, engine="closed-form")
    first = inpaint(
        np.moveaxis(image, -1, 0), mask, channel_axis=0, model=model, engine="closed-form"
    )
    np.testing.assert_array_equal(np.moveaxis(first, 0, -1), last)
    grey = inpaint(image[..., 0], mask, model=model, engine="closed-form")
    assert grey.shape == (32, 40)


def test_floats_outside_the_unit_range_are_scaled(model):
    image, mask = photograph() / 255, hole()
    kept = np.moveaxis(np.stack([image[..., c] for c in range(3)]), 0, -1)
    low, high = kept[~mask].min(), kept[~mask].max()
    unit = (kept - low) / (high - low)
    wide = 1000 * unit - 300
    expected = inpaint(unit, mask, channel_axis=-1, model=model, engine="closed-form")
    found = inpaint(wide, mask, channel_axis=-1, model=model, engine="closed-form")
    np.testing.assert_allclose(found, 1000 * expected - 300, rtol=0, atol=1e-9)


def test_seeded_noise(model):
    image, mask = photograph(40, 40), hole(40, 40)
    noisy = SpikingOptions(current_noise=0.1, feature_noise=0.1)
    once, twice, other = (
        restore(image, mask, model=model, options=noisy, seed=seed).image for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(once, twice)
    assert (once != other)[mask].mean() > 0.1


@pytest.mark.parametrize(
    ("image", "mask", "message"),
    [
        (np.zeros((8, 8)), np.ones((8, 9)), r"mask has shape \(8, 9\), the image \(8, 8\)"),
        (np.zeros((8, 8)), np.zeros((8, 8)), "mask is empty"),
        (np.zeros((8, 8)), np.ones((8, 8)), "mask is full"),
        (np.full((8, 8), np.nan), np.eye(8), "56 known values of the image are NaN"),
        (np.full((8, 8), np.inf), np.eye(8), "NaN, infinite or no data"),
        (np.zeros((0, 8)), np.zeros((0, 8)), r"image has shape \(0, 8\)"),
        (np.zeros((8, 8), complex), np.eye(8), "holds complex128"),
        (np.zeros((8, 8), "int16"), np.eye(8), "holds int16"),
        (np.zeros((8, 8), "uint64"), np.eye(8), "holds uint64"),
        (np.zeros((8, 8, 3)), np.eye(8), "channel_axis=-1"),
    ],
)
def test_bad_input_is_refused(model, image, mask, message):
    with pytest.raises(InputError, match=message):
        inpaint(image, mask, model=model)


def test_nan_in_the_hole_is_fine(model):
    image, mask = photograph() / 255, hole()
    image[mask] = np.nan
    restored = inpaint(image, mask, channel_axis=-1, model=model, engine="closed-form")
    assert np.isfinite(restored).all()


def test_unknown_model():
    with pytest.raises(InputError, match="no shipped model 'resnet'"):
        inpaint(photograph(), hole(), channel_axis=-1, model="resnet")


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"seed": -1}, "seed .* must be an integer of at least 0"),
        ({"seed": "x"}, "seed .* must be an integer"),
        ({"model": 3}, "must be a name, a file, or a network"),
        ({"model": "a" * 5000}, "there is no file aaa"),
        ({"quality": np.eye(3)}, "quality .* is unknown"),
        ({"engine": []}, "engine .* is unknown"),
        ({"readout": np.zeros(0)}, "readout .* is unknown"),
        ({"nodata": "x"}, "nodata .* must be a number"),
        ({"channel_axis": 1.5}, "must be a whole number"),
        ({"image": range(10**12), "channel_axis": None}, "image .* is no array"),
        ({"mask": np.full((96, 80), "x")}, "the mask holds <U1"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_arguments_of_another_kind_are_refused_in_a_line(change, wrong):
    given = {"image": photograph(), "mask": hole(), "channel_axis": -1, "quality": "fast"}
    with pytest.raises(InputError, match=wrong) as caught:
        inpaint(**(given | change))
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:.* encountered in:RuntimeWarning")
def test_weights_whose_products_overflow_write_no_picture():
    whole = random_model()
    params = {name: value * 1e120 for name, value in whole.params.items()}
    with np.errstate(all="ignore"), pytest.raises(InputError, match="output is not finite"):
        restore(
            photograph(), hole(), model=dataclasses.replace(whole, params=params), options=CLOSED
        )
