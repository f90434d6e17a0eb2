"""Table 1: the printed values, their units and their checks."""

import dataclasses

import numpy as np
import pytest

from bio_scnn.errors import InputError
from bio_scnn.neuron.parameters import NOISE_STD, TABLE_1, LIFParameters
from bio_scnn.neuron.units import strip_unit, to_number


def test_defaults_are_the_printed_rows():
    assert dataclasses.asdict(TABLE_1) == {
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
    assert NOISE_STD == 0.1


def test_resistance_is_derived():
    assert TABLE_1.R == 0.5
    assert LIFParameters(tau_ms=20.0).R == 0.25
    with pytest.raises(TypeError):
        LIFParameters(R=0.5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        TABLE_1.tau_ms = 20.0


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
        ("rate_max_hz", 1000.0, "must be below 1/t_ref (=1000 Hz for t_ref_ms=1 ms)"),
    ],
)
def test_bad_values_are_refused_with_their_unit(field, value, says):
    with pytest.raises(InputError) as error:
        LIFParameters(**{field: value})
    assert says in str(error.value)


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
        strip_unit(np.array([0.001, 0.002]).view(_Quantity), "t", "ms"), [1.0, 2.0], rtol=1e-15
    )
    with pytest.raises(InputError, match="wrong unit: it must be in Hz"):
        to_number(time, "rate", "Hz")
    time.dim = _Dimension(time=1, length=1)
    with pytest.raises(InputError, match="wrong unit: it must be in ms"):
        to_number(time, "tau", "ms")
