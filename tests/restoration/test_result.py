"""Maps of the firing rates that a restoration keeps."""

import numpy as np
import pytest
from helpers import photograph, random_model

from bio_scnn import restore
from bio_scnn.network.options import SpikingOptions
from bio_scnn.restoration.tiling import Tiling

CLOSED = SpikingOptions(engine="closed-form")


@pytest.mark.parametrize("step", [2, 3, 7, 64, 1000])
def test_thinned_rate_maps(step):
    image, mask = np.tile(photograph(), (2, 3, 1)), np.zeros((192, 240), bool)
    mask[10:14, 10:14] = mask[150:163, 141:170] = True
    how = {"model": random_model(), "options": CLOSED, "tiling": Tiling(overhead=0)}
    result = restore(image, mask, **how)
    maps = result.rate_maps
    assert maps.shape == (96, 120, 4)
    assert len(result.rates.parts) == 2
    assert 0 < np.isnan(maps).mean() < 0.9
    thinned = restore(image, mask, **how, rates_every=step)
    assert sum(part.size for _, part in thinned.rates.parts) <= maps.size / step
    np.testing.assert_array_equal(thinned.rate_maps, maps[::step, ::step])
