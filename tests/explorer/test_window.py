"""A window of neurons: those of the restoration, put across a hole."""

import numpy as np
import pytest
from helpers import hole, photograph, random_model

from bio_scnn.explorer.window import View, choose_corner, record_window
from bio_scnn.network.architecture import network_input
from bio_scnn.network.options import SpikingOptions
from bio_scnn.network.units import LIFUnit


@pytest.mark.parametrize("centre", [(0, 0), (95, 79), (40, 33)])
def test_the_neurons_are_those_of_the_restoration(centre):
    network, image, mask = random_model(), photograph()[:95], hole()[:95]
    options = SpikingOptions(dt_ms=0.5)
    where = (min(centre[0], 94), centre[1])
    window = record_window(image, mask, network, options, View(10, 2, where))
    architecture = network.architecture
    fill = architecture.guess(np.where(mask[..., np.newaxis], 0, image / 255), mask)
    pad = [(0, -n % architecture.multiple) for n in mask.shape]
    fill, padded = np.pad(fill, [*pad, (0, 0)], mode="edge"), np.pad(mask, pad)
    x = network_input(architecture, fill, padded)
    z = network.features(x, options, np.random.default_rng(0))
    rows = slice(window.top, window.top + 10)
    columns = slice(window.left, window.left + 10)
    np.testing.assert_allclose(window.z, z[rows, columns][..., window.maps], atol=1e-12)
    rates = network.fire(z, SpikingOptions(), np.random.default_rng(0)).rates
    mine = window.recording.rate_hz("isi").reshape(window.z.shape)
    theirs = 100 + 100 * rates[rows, columns][..., window.maps]
    np.testing.assert_allclose(mine, theirs, rtol=1e-11)
    spread = rates[rows, columns].std(axis=(0, 1))
    assert set(window.maps) == set(np.argsort(-spread)[:2])
    np.testing.assert_array_equal(window.current, LIFUnit().currents(window.z))
    blocks = padded.reshape(padded.shape[0] // 2, 2, -1, 2).sum(axis=(1, 3))
    np.testing.assert_array_equal(window.missing, blocks[rows, columns])


def test_the_window_is_put_across_a_hole():
    mask = np.zeros((60, 91), bool)
    mask[40:48, 60:70] = True
    flat = np.zeros(mask.shape)
    detailed = flat.copy()
    detailed[30:, ::3] = 1
    for brightness in (flat, detailed):
        top, left = choose_corner(mask, brightness, 2, 8)
        missing = mask[2 * top : 2 * top + 16, 2 * left : 2 * left + 16].mean()
        assert 0.2 < missing < 0.6
    assert choose_corner(mask, flat, 2, 1000) == (0, 0)
