"""Scratches and dust that are proposed: found where they were drawn, not elsewhere."""

import numpy as np
import pytest
from skimage.data import chelsea

from bio_scnn import InputError
from bio_scnn.data.damage import propose_damage
from tools.docs._scratched import damaged, judged


@pytest.mark.parametrize("colour", [0, 255])
def test_a_line_and_a_speck_on_a_smooth_picture(colour):
    y, x = np.mgrid[:120, :160]
    picture = (120 + 40 * np.sin(x / 40) + 30 * np.cos(y / 30))[..., None] * [1, 0.9, 0.8]
    picture += np.random.default_rng(0).normal(0, 2, picture.shape)
    drawn = np.zeros((120, 160), bool)
    drawn[20:100, 50:52] = drawn[60:64, 120:124] = True
    assert not propose_damage(np.clip(picture / 255, 0, 1)).any()
    picture[drawn] = colour
    found = propose_damage(np.clip(picture / 255, 0, 1))
    assert not (drawn & ~found).any()
    assert found.sum() < 2.5 * drawn.sum()


def test_coloured_lines_are_no_scratches():
    picture = np.full((100, 100, 3), 0.5)
    picture[10:90, 50:52] = (0.9, 0.5, 0.1)  # neither lighter nor darker in every colour
    assert not propose_damage(picture).any()


def test_most_damage_of_a_photograph_is_found():
    photograph = chelsea()
    picture, mask = damaged(photograph, np.random.default_rng(2))
    assert 0.005 < mask.mean() < 0.1
    assert (picture != photograph).any(axis=-1)[mask].mean() > 0.95
    found = judged(propose_damage(picture / 255), mask, propose_damage(photograph / 255))
    assert found.precision > 0.7
    assert found.recall > 0.5
    assert found.undamaged < 0.005


def test_judged_by_hand():
    mask, proposal = np.zeros((9, 9), bool), np.zeros((9, 9), bool)
    mask[4, 1:5] = True
    proposal[5, 4] = proposal[0, 0] = True  # one beside the damage, one far from it
    found = judged(proposal, mask, ~mask)
    assert found.precision == 0.5
    assert found.recall == 0.5  # columns 3 and 4
    assert (found.damaged, found.undamaged) == (4 / 81, 77 / 81)


def test_alpha_is_not_looked_at_and_tiny_pictures_are_refused():
    picture = np.full((60, 60, 4), 0.5)
    picture[10:50, 30, 3] = 1.0
    assert not propose_damage(picture).any()
    with pytest.raises(InputError, match="too small to look for damage"):
        propose_damage(np.zeros((20, 400)))
