"""Architectures: what is refused, and how far a pixel can be seen."""

import dataclasses

import numpy as np
import pytest
from helpers import SMALL, random_model

from bio_scnn import InputError
from bio_scnn.network.architecture import Architecture
from bio_scnn.network.cnn import ConvLayer


def test_reach_bounds_the_receptive_field():
    model = random_model()
    reach, size = model.architecture.reach, 2 * model.architecture.reach + 32
    rng = np.random.default_rng(4)
    fill, mask = rng.random((1, size, size, 6)), np.zeros((1, size, size), bool)
    middle = size // 2
    moved = fill.copy()
    moved[0, middle : middle + 4, middle : middle + 4] += 0.3
    outputs = [model.forward(f, mask)[0] for f in (fill, moved)]
    changed = np.argwhere(np.abs(outputs[0] - outputs[1]).max(axis=-1) > 0)
    assert changed.min() >= middle - reach
    assert changed.max() < middle + 4 + reach
    # Not a bound that holds for anything: the field is more than a third of it.
    assert middle - changed.min() > reach / 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": (ConvLayer(12, relu=False),)}, "1/2 resolution with 12 channels"),
        ({"layers": (ConvLayer(8, residual=True), *SMALL.layers)}, "must keep its 6 channels"),
        ({"layers": (ConvLayer(9, upsample=2), *SMALL.layers)}, "upsample squared"),
        (
            {"layers": (ConvLayer(8, stride=2), ConvLayer(8, see_rates=True))},
            "rates are at 1/2, this layer at 1/4",
        ),
    ],
)
def test_impossible_architectures_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        dataclasses.replace(SMALL, **change)


def test_default_architecture():
    default = Architecture()
    assert default.multiple == 4
    assert default.input_channels == 28
    assert len(default.layers) == 5
