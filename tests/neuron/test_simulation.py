"""Arguments that `simulate` takes and refuses."""

import numpy as np
import pytest

from bio_scnn.errors import InputError
from bio_scnn.neuron import _brian2 as codegen
from bio_scnn.neuron import _brian2_network
from bio_scnn.neuron.closed_form import current_for_rate, firing_rate
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.neuron.simulation import simulate


@pytest.mark.parametrize(
    ("keywords", "says"),
    [
        ({"duration_ms": 25.5}, "duration_ms (=25.5 ms) must be a whole multiple of dt_ms"),
        ({"dt_ms": 0.3}, "t_ref_ms (=1 ms) must be a whole multiple of dt_ms (=0.3 ms)"),
        (
            {"mode": "stock", "dt_ms": 5},
            "t_ref_ms (=1 ms) must be a whole multiple of dt_ms (=5 ms)",
        ),
        (
            {"current": [1e9, 0.0], "params": LIFParameters(t_ref_ms=0)},
            "the current (=1e+09) makes a neuron without a refractory period fire over 100,000",
        ),
        ({"dt_ms": 0.0}, "must be greater than 0 ms"),
        ({"duration_ms": -1}, "must be greater than 0 ms"),
        ({"duration_ms": np.nan}, "duration_ms (=nan ms) must be a finite number"),
        ({"current": [np.nan]}, "current contains NaN or infinity"),
        ({"current": [[1.0]] * 3}, "current (shape (3, 1)) must have one row per step"),
        ({"current": 3.0}, "current (shape ()) must have shape (neurons,)"),
        ({"current": []}, "current (shape (0,)) must have shape (neurons,)"),
        ({"current": ["a"]}, "current must be an array of real numbers"),
        ({"record": [2]}, "record contains 2: indices go from 0 to 1"),
        ({"record": [-1]}, "record contains -1"),
        ({"record": [0.5]}, "must be a sequence of neuron indices"),
        ({"mode": "fast"}, "mode (='fast') must be one of 'exact', 'stock'"),
        ({"target": "gpu"}, "target (='gpu') must be one of 'auto', 'numpy', 'cython'"),
        ({"seed": -1}, "seed (=-1) must be an integer of at least 0"),
        ({"seed": 0.5}, "seed (=0.5) must be an integer"),
        ({"noise_std": -0.1}, "noise_std (=-0.1) must be at least 0"),
        ({"synaptic_events": np.ones((25, 3))}, "synaptic_events (shape (25, 3)) must have"),
        ({"synaptic_events": np.ones((24, 2))}, "synaptic_events (shape (24, 2)) must have"),
    ],
)
def test_bad_input_is_refused(keywords, says):
    with pytest.raises(InputError) as error:
        simulate(**{"current": [5.0, 6.0], "duration_ms": 25, **keywords})
    assert says in str(error.value)


def test_events_that_make_a_neuron_fire_without_end_are_refused(monkeypatch):
    monkeypatch.setattr(_brian2_network, "MOST_SPIKES", 300)  # of 100,000, which take a minute
    params = LIFParameters(t_ref_ms=0, tau_ms=1e-3, R=1e5)
    events = 1e9 * np.ones((25, 2))
    with pytest.raises(InputError, match="events make a neuron fire over 300 times in a step"):
        simulate([5.0, 6.0], params, duration_ms=25, synaptic_events=events)


def test_bad_readout_is_refused():
    with pytest.raises(InputError, match="readout"):
        simulate([10.0], duration_ms=25).rate_hz("mean")


def test_quantities_are_accepted():
    brian2 = codegen.load_brian2()
    one = simulate([10.0], duration_ms=25 * brian2.ms, dt_ms=0.5 * brian2.ms)
    assert one.count[0] == 2
    assert one.dt_ms == 0.5
    with pytest.raises(InputError, match="wrong unit"):
        simulate([10.0], duration_ms=25 * brian2.mV)
    with pytest.raises(InputError, match="wrong unit"):
        simulate(np.array([10.0]) * brian2.nA, duration_ms=25)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"dt_ms": 5e-324}, "over 200,000,000 steps"),
        ({"dt_ms": 1e-300}, "over 200,000,000 steps"),
        ({"duration_ms": 1e300}, "over 200,000,000 steps"),
        ({"params": LIFParameters(t_ref_ms=1e300)}, "too short beside t_ref_ms"),
        ({"params": None}, "must be those of a neuron"),
        ({"current": [10**400]}, "beyond the largest float"),
        ({"current": np.ma.array([9.0], mask=[True])}, "not masked entries"),
        ({"current": np.array(["1970-01-01"], "M8[s]")}, "not dates"),
        ({"current": np.array([9 + 5j])}, "not complex numbers"),
        ({"current": ["9.0"]}, "not text"),
        ({"noise_std": 1e308}, "larger than a float holds"),
        ({"record": range(10**12)}, "indices go from 0 to 0"),
        ({"record": [0] * 1000, "duration_ms": 1e8}, "GB of memory, and there are"),
        ({"synaptic_events": np.full((50, 1), 1e307)}, "add up to more than a float holds"),
        ({"mode": []}, "mode .* must be one of"),
        ({"seed": -1}, "seed .* must be an integer of at least 0"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_numbers_that_no_simulation_has_are_refused_before_it_begins(change, wrong):
    given = {"current": [9.0], "duration_ms": 50} | change
    with pytest.raises(InputError, match=wrong) as caught:
        simulate(**given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("params", [None, 3, "x", np.zeros(2)])
def test_closed_forms_take_parameters_only(params):
    for function in (firing_rate, current_for_rate):
        with pytest.raises(InputError, match="must be LIFParameters"):
            function(9.0, params)
