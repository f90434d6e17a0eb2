"""Rectangles around the holes: all of them, once, no larger than asked for, and few."""

import numpy as np
import pytest

from bio_scnn.data.masks import MASK_KINDS, make_mask
from bio_scnn.restoration.tiling import Tiling, runs_of, tiles


def computed(found):
    """Pixels that are computed."""
    return sum(tile.pixels for tile in found)


@pytest.mark.parametrize("kind", MASK_KINDS)
@pytest.mark.parametrize(("shape", "multiple"), [((200, 317), 4), ((97, 450), 6), ((64, 64), 1)])
def test_every_hole_is_in_one_rectangle(kind, shape, multiple):
    reach = 12
    mask = make_mask(kind, shape, np.random.default_rng(1), 0.03)
    times = np.zeros(shape, int)
    found = tiles(mask, reach, multiple, Tiling(largest=100))
    assert found
    for tile in found:
        times[tile.core] += 1
        for core, margin, side in zip(tile.core, tile.margin, shape, strict=True):
            assert core.start % multiple == 0
            assert core.stop % multiple == 0 or core.stop == side
            assert core.stop - core.start <= 100
            assert margin.start == max(core.start - reach, 0)
            assert margin.stop == min(core.stop + reach, side)
        rows, columns = np.indices(shape)
        for index in (rows, columns):  # the core, found by way of the margin
            np.testing.assert_array_equal(index[tile.margin][tile.inner], index[tile.core])
    assert times[mask].min() == times.max() == 1


def test_no_hole_needs_nothing():
    assert tiles(np.zeros((50, 60), bool), 8, 4) == []


def test_work_follows_the_holes_and_not_the_picture():
    work = []
    for side in (1000, 4000):
        mask = np.zeros((side, side), bool)
        for corner in (40, side - 60):
            mask[corner : corner + 20, corner : corner + 20] = True
        found = tiles(mask, 56, 4)
        assert len(found) == 2
        work.append(computed(found))
    assert work[0] == pytest.approx(work[1], rel=0.1)
    assert work[1] < 2 * (20 + 8 + 2 * 56) ** 2


def test_what_lies_close_is_computed_together():
    mask = np.zeros((400, 400), bool)
    mask[100:110, 100:110] = mask[100:110, 140:150] = True
    (tile,) = tiles(mask, 56, 4)
    assert tile.core == (slice(100, 112), slice(100, 152))


@pytest.mark.parametrize(
    ("sizes", "most", "expected"),
    [
        ([], 5, []),
        ([9], 5, [[9]]),
        ([2, 3, 1, 9, 4, 1], 5, [[2, 3], [1], [9], [4, 1]]),
        ([1, 1, 1], 0, [[1], [1], [1]]),
        ([1, 2, 3], 6, [[1, 2, 3]]),
    ],
)
def test_runs_are_as_long_as_they_may_be(sizes, most, expected):
    assert [sizes[run] for run in runs_of(sizes, most)] == expected
