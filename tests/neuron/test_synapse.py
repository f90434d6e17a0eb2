"""Presynaptic spike trains: how many spikes, how regular, and what is refused."""

import numpy as np
import pytest

from bio_scnn.errors import InputError
from bio_scnn.neuron.simulation import simulate
from bio_scnn.neuron.synapse import presynaptic_events

RATES = np.array([0.0, 0.2, 150.0, 2500.0])  # Hz: none, rare, usual, several in a step of 1 ms


@pytest.mark.parametrize("n_presynaptic", [1, 3])
@pytest.mark.parametrize("kind", ["regular", "poisson"])
def test_any_rate_gives_its_number_of_spikes(kind, n_presynaptic):
    trains = presynaptic_events(
        RATES,
        20_000,
        4,
        kind=kind,
        weight=0.5,
        n_presynaptic=n_presynaptic,
        rng=np.random.default_rng(0),
    )
    assert trains.shape == (20_000, 4)
    spikes = trains / 0.5
    assert np.all(spikes == np.rint(spikes))
    expected = 20 * n_presynaptic * RATES
    spread = 4 * np.sqrt(expected) if kind == "poisson" else n_presynaptic
    assert np.all(np.abs(spikes.sum(axis=0) - expected) <= spread)
    assert spikes.sum(axis=0)[3] > 45_000


def test_regular_trains_are_regular_and_poisson_trains_are_not():
    for kind, cv in (("regular", 0.0), ("poisson", 1.0)):
        rng = np.random.default_rng(1)
        trains = presynaptic_events(20.0, 400_000, 1, dt_ms=0.1, kind=kind, rng=rng)
        intervals = np.diff(np.flatnonzero(trains[:, 0]))
        assert len(intervals) > 700
        # The standard error of the coefficient is about 1/sqrt(2 n), and below a step for none.
        assert abs(np.std(intervals) / np.mean(intervals) - cv) < 0.1 * cv + 1e-3


def test_several_presynaptic_neurons_have_phases_of_their_own():
    rng = np.random.default_rng(2)
    trains = presynaptic_events(10.0, 100, 1, n_presynaptic=20, rng=rng)
    assert trains.sum() == 20
    assert np.count_nonzero(trains) > 10


def test_a_train_drives_the_neuron():
    rng = np.random.default_rng(3)
    events = presynaptic_events(2000.0, 100, 2, weight=0.5, n_presynaptic=10, rng=rng)
    assert simulate([0.0, 0.0], duration_ms=100, synaptic_events=events).count.min() > 10


@pytest.mark.parametrize(
    ("keywords", "says"),
    [
        ({"rate_hz": -1.0}, "rate_hz (=-1 Hz) must be at least 0 Hz"),
        ({"rate_hz": np.nan}, "rate_hz contains NaN or infinity"),
        ({"rate_hz": 1e18}, "rate_hz (=1e+18 Hz) makes more spikes than a float counts"),
        ({"rate_hz": [1.0, 2.0, 3.0]}, "rate_hz (shape (3,)) must be one rate or have shape (2,)"),
        ({"rate_hz": "fast"}, "rate_hz must be an array of real numbers (Hz), not text"),
        ({"dt_ms": 0.0}, "dt_ms (=0 ms) must be greater than 0 ms"),
        ({"n_steps": 0}, "n_steps (=0) must be greater than 0"),
        ({"n": 2.5}, "n (=2.5) must be a whole number"),
        ({"n_presynaptic": None}, "n_presynaptic (=None) must be a whole number"),
        ({"kind": "bursts"}, "kind (='bursts') must be one of 'regular', 'poisson'"),
        ({"weight": [1.0, 2.0]}, "weight (=[1.0, 2.0]) must be one number"),
        ({"rng": 0}, "rng (a int) must be a generator"),
    ],
)
def test_bad_input_is_refused(keywords, says):
    right = {"rate_hz": 100.0, "n_steps": 10, "n": 2, "rng": np.random.default_rng(0)}
    with pytest.raises(InputError) as error:
        presynaptic_events(**(right | keywords))
    assert says in str(error.value)
