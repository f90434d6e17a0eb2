"""Recordings: rates, spikes as arrays, tables and Neo segments, time axes, and the plot."""

import sys

import matplotlib
import numpy as np
import pytest

from bio_scnn.errors import InputError
from bio_scnn.neuron.closed_form import current_for_rate
from bio_scnn.neuron.recording import Recording
from bio_scnn.neuron.simulation import simulate
from bio_scnn.neuron.trace import Trace, isi_rate_hz, mean_rate_hz

CURRENT = [9.0, 1.0, 20.0, 14.0]


@pytest.fixture(scope="module")
def recording():
    return simulate(CURRENT, duration_ms=60, dt_ms=0.5, record=[2, 1, 0])


@pytest.fixture(scope="module")
def bare():
    return simulate(CURRENT, duration_ms=60)


def test_a_recording_is_shown_in_one_short_line(recording, bare):
    spikes = int(recording.count.sum())
    assert repr(recording) == (
        f"<Recording of 4 neurons, 60 ms in steps of 0.5 ms (exact, numpy): {spikes} spikes; "
        "recorded: 3 neurons>"
    )
    assert "recorded: 0 neurons" in repr(bare)
    one = simulate(current_for_rate([30.0]), duration_ms=35, mode="stock", record=[0])
    assert "of 1 neuron, 35 ms in steps of 1 ms (stock, numpy): 1 spike; recorded: 1 neuron>" in (
        repr(one)
    )


def test_spikes_are_two_arrays_in_the_order_of_time(recording):
    i, t_ms = recording.spike_arrays()
    assert i.dtype == np.int64
    assert len(t_ms) == recording.count[[2, 1, 0]].sum() > 10
    assert np.all(np.diff(t_ms) >= 0)
    for neuron, train in zip(recording.record, recording.spike_trains_ms, strict=True):
        np.testing.assert_array_equal(t_ms[i == neuron], train)
    assert set(i) == {0, 2}


def test_each_trace_has_its_own_time_axis(recording):
    assert recording.t_ms.shape == recording.membrane.shape[1:] == (121,)
    assert recording.t_current_ms.shape == recording.current.shape[1:] == (120,)
    np.testing.assert_array_equal(recording.t_ms, np.arange(121) * 0.5)
    np.testing.assert_array_equal(recording.t_current_ms, np.arange(120) * 0.5)
    changing = np.arange(10.0)[:, np.newaxis]
    stepped = simulate(changing, duration_ms=10, record=[0])
    np.testing.assert_array_equal(stepped.current[0], stepped.t_current_ms)


def test_spikes_as_a_table(recording):
    pandas = pytest.importorskip("pandas")
    table = recording.to_dataframe()
    assert isinstance(table, pandas.DataFrame)
    assert list(table.columns) == ["neuron", "time_ms"]
    counts = table.groupby("neuron")["time_ms"].count()
    assert counts.to_dict() == {0: recording.count[0], 2: recording.count[2]}


def test_a_segment_of_neo(recording):
    neo = pytest.importorskip("neo")
    segment = recording.to_neo()
    assert isinstance(segment, neo.Segment)
    assert [train.annotations["neuron"] for train in segment.spiketrains] == [2, 1, 0]
    for train, times in zip(segment.spiketrains, recording.spike_trains_ms, strict=True):
        np.testing.assert_array_equal(train.rescale("ms").magnitude, times)
        assert float(train.t_stop.rescale("ms")) == 60.0
    V, current = segment.analogsignals
    assert (V.name, current.name) == ("V", "I")
    np.testing.assert_array_equal(V.magnitude, recording.membrane.T)
    np.testing.assert_array_equal(current.magnitude, recording.current.T)
    np.testing.assert_allclose(V.times.rescale("ms").magnitude, recording.t_ms)
    np.testing.assert_allclose(current.times.rescale("ms").magnitude, recording.t_current_ms)
    assert V.array_annotations["neuron"].tolist() == [2, 1, 0]


def test_what_is_not_installed_is_named_with_its_command(recording, monkeypatch):
    for package, method in (("pandas", "to_dataframe"), ("neo", "to_neo")):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(InputError, match=f"^{method} needs {package}: pip install {package}$"):
            getattr(recording, method)()


def test_what_was_not_recorded_is_not_taken_for_silence(bare):
    assert bare.total_spikes > 10
    for method in ("spike_arrays", "to_dataframe", "to_neo", "plot"):
        with pytest.raises(InputError, match=r"no neuron was recorded: .*record=\[0, 1\]"):
            getattr(bare, method)()


def test_the_plot_shows_what_was_recorded(recording):
    with matplotlib.rc_context({"backend": "Agg"}):
        from matplotlib import pyplot

        above, below = recording.plot()
        try:
            lines = [line for line in above.lines if len(line.get_xdata()) == 121]
            for line, V in zip(lines, recording.membrane, strict=True):
                np.testing.assert_array_equal(line.get_xydata().T, [recording.t_ms, V])
            ticks = [len(marks.get_segments()) for marks in above.collections]
            assert ticks == [len(train) for train in recording.spike_trains_ms]
            lowest = min(
                y for marks in above.collections for s in marks.get_segments() for y in s[:, 1]
            )
            assert lowest > recording.membrane.max()
            assert len(below.patches) == 3
            labels = above.get_ylabel(), below.get_ylabel(), below.get_xlabel()
            assert labels == ("membrane potential V", "current I", "time (ms)")
            texts = [text.get_text() for text in above.get_legend().get_texts()]
            assert texts == ["neuron 2", "neuron 1", "neuron 0"]
            above.figure.draw_without_rendering()
            own = pyplot.figure().subplots(1, 2)
            assert list(recording.plot(own)) == list(own)
            silent = simulate([0.0], duration_ms=5, record=[0])
            assert silent.plot()[0].figure not in (above.figure, own[0].figure)
        finally:
            pyplot.close("all")


def test_rates_from_intervals_in_one_place(recording):
    count, first, last = [0, 1, 2, 3, 2], [9, 3, 3, 3, 7], [0, 3, 8, 23, 7]
    rate = isi_rate_hz(count, first, last, single=-1.0)
    np.testing.assert_allclose(rate, [0, -1, 200, 100, -1], rtol=1e-15)
    trains = ([], [3.0], [3.0, 8.0], [3.0, 4.0, 23.0], [7.0, 7.0])
    trace = Trace(tuple(np.array(train) for train in trains))
    np.testing.assert_array_equal(mean_rate_hz(trace), isi_rate_hz(count, first, last, single=0.0))
    recorded = Trace(recording.spike_trains_ms)
    np.testing.assert_array_equal(mean_rate_hz(recorded), recording.rate_hz()[[2, 1, 0]])
    once = simulate(current_for_rate([30.0]), duration_ms=35)
    assert once.count.tolist() == [1]
    assert np.isnan(once.rate_hz()[0])
    assert isinstance(once, Recording)
