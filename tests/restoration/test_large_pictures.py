"""Large pictures: nothing of their size is made but the result, and the result is the same."""

import numpy as np
import pytest
from helpers import hole, photograph, random_model
from peak_memory import peak_bytes
from skimage.restoration import inpaint_biharmonic

from bio_scnn import restore
from bio_scnn.data.masks import make_mask
from bio_scnn.network import fills
from bio_scnn.network.architecture import Architecture
from bio_scnn.network.fills import biharmonic_fill, fill, harmonic_fill, mean_fill, zero_values
from bio_scnn.network.options import SpikingOptions

CLOSED = SpikingOptions(engine="closed-form")


@pytest.mark.parametrize(
    ("dtype", "result", "others"),
    # Checks of floats need a byte for each value, and a mask; all others look at some rows.
    [("uint8", 3, 1.5), ("float32", 12, 5)],
)
def test_memory_follows_the_holes(dtype, result, others):
    model, peaks, sizes = random_model(), [], (2_000_000, 8_000_000)
    for pixels in sizes:
        image = np.ones((1000, pixels // 1000, 3), dtype)
        mask = np.zeros(image.shape[:2], bool)
        mask[500:520, 700:730] = True
        done = []

        def work(image=image, mask=mask, done=done):
            done.append(restore(image, mask, model=model, options=CLOSED, rates_every=8))

        peaks.append(peak_bytes(work))
        assert (done[0].image[~mask] == 1).all()
        assert np.isfinite(done[0].rate_maps).any()
    each = (peaks[1] - peaks[0]) / (sizes[1] - sizes[0])
    assert result <= each < result + others  # scaled to float64, the picture alone would take 24


@pytest.fixture
def solved(monkeypatch):
    """Numbers of equations that were solved together."""
    sizes, whole = [], fills._solve

    def noted(matrix, right):
        sizes.append(len(right))
        return whole(matrix, right)

    monkeypatch.setattr(fills, "_solve", noted)
    return sizes


@pytest.mark.parametrize("kind", ["boxes", "scratches"])
@pytest.mark.parametrize("method", [harmonic_fill, biharmonic_fill])
def test_holes_that_do_not_touch_are_solved_in_turns(monkeypatch, solved, method, kind):
    image = np.tile(photograph() / 255, (3, 4, 1))
    mask = make_mask(kind, image.shape[:2], np.random.default_rng(5), 0.05)
    missing = np.count_nonzero(mask)
    expected = method(image, mask)
    assert solved == [missing]
    monkeypatch.setattr(fills, "_AT_ONCE", missing // 4)
    np.testing.assert_allclose(method(image, mask), expected, rtol=0, atol=1e-11)
    assert len(solved) >= 4
    assert sum(solved[1:]) == missing


def test_holes_two_pixels_apart_depend_on_each_other(monkeypatch, solved):
    """They share a row of the Laplacian. A biharmonic fill of each on its own is another one."""
    image, mask = photograph(40, 40) / 255, np.zeros((40, 40), bool)
    mask[10, 10] = mask[10, 12] = mask[11, 21] = mask[30:33, 30:33] = mask[0, 39] = True
    mask[10, 22] = True  # diagonal neighbours
    monkeypatch.setattr(fills, "_AT_ONCE", 1)
    filled = biharmonic_fill(image, mask)
    assert sorted(solved) == [1, 2, 2, 9]
    expected = inpaint_biharmonic(fill(image, mask, zero_values), mask, channel_axis=-1)
    np.testing.assert_allclose(filled, expected, rtol=0, atol=1e-12)
    alone = np.zeros_like(mask)
    alone[10, 10] = True
    assert np.abs(biharmonic_fill(image, alone) - expected)[10, 10].max() > 1e-6
    solved.clear()
    harmonic_fill(image, mask)
    assert sorted(solved) == [1, 2, 2, 9]  # found once, for both


def test_fills_share_one_laplacian(monkeypatch):
    built, build = [], fills._laplacian
    monkeypatch.setattr(fills, "_laplacian", lambda *given: built.append(given) or build(*given))
    image, mask = photograph() / 255, hole()
    both = Architecture().guess(image, mask)
    assert len(built) == 1
    np.testing.assert_array_equal(both[..., :3], harmonic_fill(image, mask))
    np.testing.assert_array_equal(both[..., 3:], biharmonic_fill(image, mask))
    assert len(built) == 3


def test_known_pixels_are_looked_at_some_rows_at_a_time(monkeypatch):
    image, mask = photograph() / 255, hole()
    mask[20:30] = True  # rows of which nothing is known
    whole = [method(image, mask) for method in (mean_fill, biharmonic_fill)]
    np.testing.assert_allclose(whole[0][25, 0], image[~mask].mean(axis=0), rtol=1e-12)
    monkeypatch.setattr(fills, "_SLAB", 100)
    np.testing.assert_allclose(mean_fill(image, mask), whole[0], rtol=1e-13)
    np.testing.assert_array_equal(biharmonic_fill(image, mask), whole[1])
