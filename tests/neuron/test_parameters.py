"""Table 1: the printed values, their units and their checks."""

import dataclasses
import pickle

import numpy as np
import pytest

from bio_scnn.errors import InputError
from bio_scnn.neuron.closed_form import current_for_rate, firing_rate, membrane, rheobase
from bio_scnn.neuron.parameters import NOISE_STD, TABLE_1, LIFParameters
from bio_scnn.neuron.units import to_array, to_number


def test_defaults_are_the_printed_rows():
    printed = {
        "V_th": 1.0,
        "V_reset": 0.0,
        "t_ref_ms": 1.0,
        "tau_ms": 40.0,
        "C_ms": 80.0,
        "rate_min_hz": 100.0,
        "rate_max_hz": 200.0,
        "tau_syn_ms": 60.0,
        "tau_noise_ms": 10.0,
    }
    # What the paper leaves open: eq. 1 has no resting potential, and R follows from eq. 3.
    assert dataclasses.asdict(TABLE_1) == printed | {"R": 0.5, "V_rest": 0.0, "reset": "value"}
    assert NOISE_STD == 0.1


def test_resistance_is_derived():
    assert TABLE_1.R == 0.5
    assert LIFParameters(tau_ms=20.0).R == 0.25
    with pytest.raises(dataclasses.FrozenInstanceError):
        TABLE_1.tau_ms = 20.0


def test_either_of_capacitance_and_resistance_is_given():
    given = LIFParameters(tau_ms=7.0, R=1 / 3)
    assert given.R == 1 / 3
    assert given.C_ms == pytest.approx(21.0, rel=1e-15)
    assert LIFParameters(tau_ms=7.0, R=1 / 3, C_ms=21.0) == given
    with pytest.raises(InputError, match=r"C_ms \(=80 ms\) times R \(=1\) must be tau_ms"):
        LIFParameters(C_ms=80.0, R=1.0)


def test_what_was_not_given_follows_the_rest_when_replaced():
    with_R = LIFParameters(tau_ms=10.0, R=2.0)
    assert dataclasses.replace(with_R, tau_ms=20.0) == LIFParameters(tau_ms=20.0, R=2.0)
    with_C = pickle.loads(pickle.dumps(LIFParameters(C_ms=10.0)))
    assert dataclasses.replace(with_C, tau_ms=20.0).R == 2.0
    assert dataclasses.replace(TABLE_1, R=1.0).C_ms == 40.0
    with pytest.raises(InputError, match="leave one of them out, or set it to None"):
        dataclasses.replace(with_C, R=7.0)
    assert dataclasses.replace(with_C, R=7.0, C_ms=None).R == 7.0


def test_a_decay_per_step_is_eq_1_under_a_held_current():
    p = LIFParameters.from_decay(0.9, dt_ms=0.5, gain=3.0, V_th=2.0, reset="subtract")
    assert (p.t_ref_ms, p.V_th, p.reset) == (0.0, 2.0, "subtract")
    assert np.exp(-0.5 / p.tau_ms) == pytest.approx(0.9, rel=1e-15)
    V = membrane(np.arange(4) * 0.5, 0.05, p)
    stepped = [0.0]
    for _ in range(3):
        stepped.append(0.9 * stepped[-1] + 3.0 * 0.05)
    np.testing.assert_allclose(V, stepped, rtol=1e-15)
    for decay in (0.0, 1.0, -0.5, 1.5):
        with pytest.raises(InputError, match="must be between 0 and 1"):
            LIFParameters.from_decay(decay, dt_ms=1.0)


def test_resting_potential_shifts_every_potential():
    shifted = LIFParameters(V_th=-64.0, V_reset=-65.0, V_rest=-65.0)
    current = current_for_rate(np.array([100.0, 150.0, 200.0]))
    assert rheobase(shifted) == rheobase()
    np.testing.assert_allclose(firing_rate(current, shifted), firing_rate(current), rtol=1e-13)
    np.testing.assert_allclose(
        membrane(3.0, current, shifted), membrane(3.0, current) - 65.0, rtol=1e-14
    )
    assert current_for_rate(150.0, shifted) == pytest.approx(current_for_rate(150.0), rel=1e-14)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("tau_ms", float("nan"), "tau_ms (=nan ms) must be a finite number"),
        ("C_ms", 0.0, "C_ms (=0 ms) must be greater than 0 ms"),
        ("t_ref_ms", -1, "t_ref_ms (=-1 ms) must be at least 0 ms"),
        ("tau_syn_ms", -60, "tau_syn_ms (=-60 ms) must be greater than 0 ms"),
        ("tau_noise_ms", float("inf"), "tau_noise_ms (=inf ms) must be a finite number"),
        ("V_reset", 1.0, "V_reset (=1, dimensionless) must be below V_th (=1)"),
        ("V_th", "high", "V_th (='high') must be one number (dimensionless)"),
        ("V_th", True, "V_th (=True) must be one number"),
        ("C_ms", [80.0, 81.0], "must be one number (ms)"),
        ("rate_min_hz", 300.0, "rate_min_hz (=300 Hz) must be below rate_max_hz (=200 Hz)"),
        ("R", 0.0, "R (=0) must be greater than 0"),
        ("V_rest", None, "V_rest (=None) must be one number"),
        ("reset", "zero", "reset (='zero') must be one of 'value', 'subtract'"),
    ],
)
def test_bad_values_are_refused_with_their_unit(field, value, says):
    with pytest.raises(InputError) as error:
        LIFParameters(**{field: value})
    assert says in str(error.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"V_th": 1e308, "V_reset": -1e308},
        {"V_th": 1e308, "V_rest": -1e308},
        {"V_th": 1e10, "R": 1e-300},
        {"tau_ms": 1e-300, "C_ms": 1e300},
        {"tau_ms": 1e300, "R": 1e-300},
        {"tau_ms": 1e-300, "R": 1e300},
    ],
)
def test_parameters_beyond_floats_are_refused(fields):
    with pytest.raises(InputError, match=r"largest float|than a float holds"):
        LIFParameters(**fields)


class _Dimension:
    """The part of Brian2's Dimension that is used, so that this file needs no Brian2."""

    def __init__(self, **powers):
        self.powers = powers

    def get_dimension(self, name):
        return self.powers.get(name, 0)


class _Quantity(np.ndarray):
    dim = _Dimension(time=1)


def test_quantities_are_converted_and_wrong_units_refused():
    time = np.array(0.04).view(_Quantity)
    assert LIFParameters(tau_ms=time).tau_ms == pytest.approx(40.0, rel=1e-15)
    np.testing.assert_allclose(
        to_array(np.array([0.001, 0.002]).view(_Quantity), "t", "ms"), [1.0, 2.0], rtol=1e-15
    )
    with pytest.raises(InputError, match="wrong unit: it must be in Hz"):
        to_number(time, "rate", "Hz")
    time.dim = _Dimension(time=1, length=1)
    with pytest.raises(InputError, match="wrong unit: it must be in ms"):
        to_number(time, "tau", "ms")
