"""The steps of a colour picture's restoration, one by one."""

import numpy as np
from helpers import SMALL, hole, photograph, random_model

from bio_scnn import Restoration, restore
from bio_scnn.network.options import SpikingOptions
from bio_scnn.restoration.colour import ColourRestoration
from bio_scnn.restoration.orientation import orientations
from bio_scnn.restoration.picture import UnitPicture
from bio_scnn.restoration.scale import scale_of
from bio_scnn.restoration.tiling import Tiling

CLOSED = SpikingOptions(engine="closed-form")


def test_steps_by_hand_are_the_restoration():
    image, mask = np.tile(photograph() / 255, (2, 2, 1)), hole(192, 160)
    model, tiling = random_model(), Tiling(largest=64)
    result = Restoration(image)
    work = ColourRestoration(
        UnitPicture(image, mask, scale_of(image, mask)), model, CLOSED, orientations("default"),
        np.random.SeedSequence(0), result, False, tiling,
    )  # fmt: skip
    assert len(work.parts) > 2
    assert work.guesses.shape == (mask.sum(), 6)
    assert not work.answers.any()
    covered = np.concatenate([work.numbers(part.turn, part.tile.core) for part in work.parts])
    np.testing.assert_array_equal(np.sort(covered), np.arange(mask.sum()))
    for number, part in enumerate(work.parts[::-1]):  # in any order
        convolved = work.prepare([part])
        (rates,) = work.fire(convolved)
        assert rates.shape == convolved.features[0].shape
        assert rates.shape[-1] == SMALL.channels
        work.finish(part, convolved.fills[0], rates)
        assert work.finished == number + 1
    expected = restore(image, mask, model=model, options=CLOSED, tiling=tiling).image
    np.testing.assert_array_equal(work.answers.clip(0, 1), expected[mask])
    assert result.engine == "closed form"
    assert result.seconds.keys() == {"fill", "convolution", "neurons", "cnn"}
