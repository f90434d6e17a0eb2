"""The benchmark of scale: its entrants get one input, and its errors are counted."""

import numpy as np
import pytest
from benchmark_tables import drawn, rows_of

from benchmarks import _scale, scale


def test_frames_hold_every_spike_of_the_input():
    times, who = _scale.given(8, 5.0)
    frames = list(_scale.frames(8, 5.0)())
    assert len(frames) == 5
    assert sum(float(frame.sum()) for frame in frames) == len(times) > 20
    late = times >= 4
    np.testing.assert_array_equal(frames[4].ravel(), np.bincount(who[late], minlength=128))


def test_errors_are_shares_of_the_exact_counts(tmp_path):
    np.savez(tmp_path / "exact", np.array([4, 0, 6]), np.array([0]))
    np.savez(tmp_path / "other", np.array([5, 1, 3]), np.array([0]))
    assert scale.errors(tmp_path, "other") == [0.5, 0]
    assert scale.errors(tmp_path, "exact") == [0, 0]


@pytest.mark.benchmark
def test_entrants_side_by_side():
    data = scale.measured(16, 10.0)
    there = {name: row for name, row in data["rows"].items() if "missing" not in row}
    assert there["exact"]["error"] == [0, 0]
    assert there["exact"]["events"] > 16 * 16 * 4 * 10
    assert there["exact"]["spikes"][0] > 100
    for name in set(there) - {"exact", "grid"}:
        assert there[name]["spikes"] == there["grid"]["spikes"], name
    assert data["neurons"] == 16 * 16 * 4 + 16
    assert "bio_scnn, continuous time" in rows_of(scale.table(data))
    assert drawn(scale.draw(data))
    assert len(scale.goals(data)) == 3
