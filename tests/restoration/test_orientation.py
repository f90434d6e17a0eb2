"""The eight symmetries of a square: all different, and views that are written through."""

import numpy as np

from bio_scnn.restoration.orientation import orientations


def test_there_are_eight_and_the_first_changes_nothing():
    image = np.arange(6).reshape(2, 3)
    views = [turn.view(image) for turn in orientations("best")]
    assert len({(view.shape, view.tobytes()) for view in views}) == len(views) == 8
    np.testing.assert_array_equal(views[0], image)
    assert orientations("default") == orientations("fast") == orientations("best")[:1]


def test_what_is_written_to_a_view_is_turned_back():
    for turn in orientations("best"):
        image, written = np.zeros((4, 5, 3)), np.random.default_rng(1).random((4, 5, 3))
        turn.view(image)[:] = turn.view(written)
        np.testing.assert_array_equal(image, written)
