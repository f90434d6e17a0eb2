"""The picture that shows what was restored."""

import gc

import numpy as np
from helpers import hole, photograph
from matplotlib import rc_context
from matplotlib.figure import Figure

from bio_scnn.restoration.panel import draw_panel


def test_a_panel_is_the_same_whoever_draws_it():
    maps = np.random.default_rng(0).random((48, 40, 4))
    expected = draw_panel(photograph(), hole(), photograph(), maps)
    with rc_context({"font.size": 20, "figure.facecolor": "red", "savefig.dpi": 30}):
        assert draw_panel(photograph(), hole(), photograph(), maps) == expected


def test_pictures_leave_no_figures_behind():
    """They hold megabytes each, in reference cycles that Python may not collect for long."""

    def figures():
        return sum(isinstance(found, Figure) for found in gc.get_objects())

    maps = np.random.default_rng(0).random((48, 40, 4))
    gc.collect()
    gc.disable()
    try:
        before = figures()  # of other tests
        for _ in range(2):
            assert draw_panel(photograph(), hole(), photograph(), maps)
            assert figures() == before
        Figure()
        assert figures() == before + 1  # a figure has cycles: one that is not collected is seen
    finally:
        gc.enable()
