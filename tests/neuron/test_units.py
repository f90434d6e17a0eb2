"""Values as users give them: what is taken for numbers, what is converted, what is refused."""

import datetime
import decimal
import fractions
import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse

from bio_scnn.errors import InputError
from bio_scnn.neuron import _brian2 as codegen
from bio_scnn.neuron.closed_form import (
    current_for_rate,
    firing_rate,
    first_spike_ms,
    membrane,
    rate_derivative,
    spike_count,
    spike_times,
)
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.neuron.simulation import simulate
from bio_scnn.neuron.synapse import presynaptic_events
from bio_scnn.neuron.units import to_array, to_number

VALUES = [9.0, 12.0, 20.0]
COUNT = [1, 2, 4]  # spikes in 20 ms


class Tensor:
    """Stand-in of PyTorch's tensor: a method `dim`, and NumPy only once detached."""

    def __init__(self, values, dtype="torch.float32", ready=False):
        self.values, self.dtype, self.ready = np.asarray(values), dtype, ready

    def dim(self):
        return self.values.ndim

    def detach(self):
        return Tensor(self.values, self.dtype, "detached")

    def cpu(self):
        return Tensor(self.values, self.dtype, self.ready == "detached")

    def float(self):
        return Tensor(self.values.astype(np.float32), "torch.float32", self.ready)

    def __array__(self, dtype=None, copy=None):
        if self.ready is not True or self.dtype == "torch.bfloat16":
            raise TypeError("can't convert it")
        return self.values


@pytest.mark.parametrize(
    "values",
    [
        VALUES,
        tuple(VALUES),
        [9, 12, 20],
        np.array([9, 12, 20], np.uint8),
        np.array(VALUES, np.float16),
        np.array(VALUES, np.longdouble),
        np.array(VALUES, object),
        np.ma.array(VALUES),
        [np.float32(9), 12, np.array(20.0)],
        [decimal.Decimal(9), fractions.Fraction(12), 20.0],
        np.array(VALUES[::-1])[::-1],
        Tensor(VALUES),
        Tensor(VALUES, "torch.bfloat16"),
        [Tensor(9.0), Tensor(12.0), Tensor(20.0)],
        memoryview(np.array(VALUES)),
    ],
    ids=lambda values: type(values).__name__,
)
def test_real_numbers_in_any_wrapping_are_taken(values):
    array = to_array(values, "current", "dimensionless")
    assert array.dtype in (np.float32, np.float64)
    np.testing.assert_array_equal(array, VALUES)
    np.testing.assert_allclose(firing_rate(values), firing_rate(np.array(VALUES)), rtol=1e-6)
    assert simulate(values, duration_ms=20).count.tolist() == COUNT


def test_single_precision_stays_and_arrays_are_not_copied():
    for dtype in (np.float32, np.float64):
        values = np.array(VALUES, dtype)
        assert to_array(values, "current", "dimensionless") is values
    assert to_array([1], "current", "dimensionless").dtype == np.float64
    assert to_array(Tensor(np.float32(VALUES)), "x", "dimensionless").dtype == np.float32
    assert to_array(np.float32(1), "x", "dimensionless").shape == ()


def test_one_number_in_any_wrapping_is_taken():
    for value in (9, np.int8(9), np.array(9.0), Tensor(9.0), np.ma.array(9.0), decimal.Decimal(9)):
        assert to_number(value, "duration_ms", "ms") == 9.0
        assert type(to_number(value, "duration_ms", "ms")) is float


REFUSED = {
    "text": (["a", "b"], "text"),
    "digits": (["1", "2"], "text"),
    "bytes": ([b"1"], "bytes"),
    "complex": ([1 + 0j], "complex numbers"),
    "truth": ([True, False], "truth values"),
    "one_truth": ([1.0, True], "truth values"),
    "dates": (np.array(["2020-01-01"], "M8[D]"), "dates"),
    "time_spans": (np.array([5], "m8[ms]"), "time spans"),
    "timedelta": ([datetime.timedelta(1)], "timedelta"),
    "none": ([1.0, None], "None"),
    "dict": ({"current": 1.0}, "dict"),
    "ragged": ([[1.0], [1.0, 2.0]], "rows of different lengths"),
    "ragged_arrays": ([np.ones(1), np.ones(2)], "rows of different lengths"),
    "masked": (np.ma.array([1.0, 2.0], mask=[True, False]), "masked entries"),
    "masked_item": ([1.0, np.ma.masked], "masked entries"),
    "sparse": (sparse.csr_array(np.eye(2)), "csr_array"),
    "records": (np.zeros(2, [("a", float)]), "records"),
    "huge": ([10**400], "a number beyond the largest float"),
    "huge_among": ([1.5, decimal.Decimal("1e400")], "NaN or infinity"),
    "unreadable": (Tensor([1.0], "torch.qint8", ready="no"), None),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_holds_no_real_numbers_is_refused_in_one_line(case):
    values, holds = REFUSED[case]
    if case == "unreadable":
        values.detach = lambda: values
        values.cpu = lambda: values
        holds = "Tensor (can't convert it)"
    for function, name in (
        (firing_rate, "current"),
        (first_spike_ms, "current"),
        (rate_derivative, "current"),
        (current_for_rate, "rate_hz"),
        (lambda v: spike_count(v, 10.0), "current"),
        (lambda v: membrane(v, 10.0), "t_ms"),
        (lambda v: spike_times(v, 10.0), "current"),
        (lambda v: presynaptic_events(v, 1, 1, rng=np.random.default_rng(0)), "rate_hz"),
        (lambda v: simulate(v, duration_ms=10), "current"),
        (lambda v: simulate([1.0], duration_ms=1, synaptic_events=v), "synaptic_events"),
    ):
        if case == "huge_among" and function in (firing_rate, first_spike_ms, rate_derivative):
            continue  # an infinite current has a rate
        with pytest.raises(InputError) as error:
            function(values)
        text = str(error.value)
        assert "\n" not in text
        if case != "huge_among":
            assert f"{name} must be an array of real numbers" in text
            assert f", not {holds}" in text


@pytest.mark.parametrize(
    "value", ["9", b"9", True, np.True_, None, 1j, [9.0], np.ones((1, 1)), np.ma.masked, 10**400]
)
def test_what_is_not_one_number_is_refused(value):
    with pytest.raises(InputError, match=r"^tau_ms \(=.*\) must be one number \(ms\)$"):
        LIFParameters(tau_ms=value)
    with pytest.raises(InputError, match=r"^duration_ms \(=.*\) must be one number \(ms\)$"):
        simulate([1.0], duration_ms=value)


def test_values_that_are_not_finite_are_refused_where_they_mean_nothing():
    for bad in (np.nan, np.inf, -np.inf):
        for function in (
            lambda v: spike_count([1.0, v], 10.0),
            lambda v: membrane([1.0, v], 9.0),
            lambda v: membrane(1.0, v),
            lambda v: simulate([1.0, v], duration_ms=10),
        ):
            with pytest.raises(InputError, match="contains NaN or infinity: give finite numbers"):
                function(bad)
        with pytest.raises(InputError, match="must be a finite number"):
            spike_count(9.0, bad)


# --- quantities of Brian2 ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def units():
    """Brian2's units; imported as the package does, which keeps its warnings out of the tests."""
    return codegen.load_brian2()


def test_quantities_are_converted_also_inside_lists(units):
    ms, second, Hz = units.ms, units.second, units.Hz
    for times in (
        [1 * ms, 0.002 * second],
        (1 * ms, 2 * ms),
        np.array([1 * ms, 0.002 * second], dtype=object),
        [1, 2] * ms,
        [[1, 2] * ms][0],
    ):
        np.testing.assert_allclose(to_array(times, "t_ms", "ms"), [1.0, 2.0], rtol=1e-15)
        np.testing.assert_allclose(membrane(times, 9.0), membrane([1.0, 2.0], 9.0), rtol=1e-14)
    np.testing.assert_allclose(
        to_array([[1 * ms, 2 * ms], [3, 4] * ms], "t_ms", "ms"), [[1, 2], [3, 4]], rtol=1e-15
    )
    assert current_for_rate([100 * Hz, 0.2 / ms])[1] == pytest.approx(current_for_rate(200.0))
    assert to_number(ms, "dt_ms", "ms") == 1.0  # a unit is a quantity too
    ratio = np.array(VALUES) * units.mV / units.Quantity(1.0, dim=units.mV.dim)
    np.testing.assert_allclose(1e3 * to_array(ratio, "current", "dimensionless"), VALUES)
    assert to_array([units.Quantity(9.0), 12.0], "current", "dimensionless").tolist() == [9, 12]


@pytest.mark.parametrize("target", ["numpy", "cython"])
def test_currents_with_a_unit_are_refused_wherever_it_stands(units, target):
    for current in (
        15 * units.nA,
        [15 * units.nA],
        [[15 * units.nA], [15 * units.nA]],
        (15000 * units.mV,),
        [15, 16] * units.nA,
        np.array([15 * units.nA, 2.0], dtype=object),
        [[15, 16] * units.nA],
        [1.0, 15 * units.nA],
    ):
        for keywords in ({"current": current}, {"current": [9.0], "synaptic_events": current}):
            with pytest.raises(InputError) as error:
                simulate(**keywords, duration_ms=10, target=target)
            assert "has the wrong unit: it must be dimensionless" in str(error.value)
            assert "\n" not in str(error.value)


def test_wrong_and_mixed_units_are_refused(units):
    for wrong in ([1 * units.mV], [1 * units.ms, 1 * units.mV], [1 * units.Hz], 1 * units.nA):
        with pytest.raises(InputError, match="has the wrong unit: it must be in ms"):
            membrane(wrong, 9.0)
    for mixed in ([1 * units.ms, 2.0], [[1, 2] * units.ms, [3.0, 4.0]]):
        with pytest.raises(InputError, match="t_ms mixes numbers with and without a unit"):
            membrane(mixed, 9.0)
    with pytest.raises(InputError, match=r"must be one number \(ms\)"):
        LIFParameters(tau_ms=[20 * units.ms])
    long = np.arange(10_000.0) * units.mV
    with pytest.raises(InputError) as error:
        membrane(long, 9.0)
    assert len(str(error.value)) < 150
    assert "\n" not in str(error.value)


# --- other packages ----------------------------------------------------------------------------


class Quantity:
    """Stand-in of Pint's quantity."""

    def __init__(self, magnitude, units):
        self.magnitude, self.units = magnitude, units

    def to(self, units):
        factors = {("s", "ms"): 1e3, ("kHz", "Hz"): 1e3, ("", "dimensionless"): 1.0}
        return Quantity(np.asarray(self.magnitude) * factors[self.units, units], units)


def test_quantities_of_other_packages_are_converted_by_their_own_method():
    assert to_number(Quantity(0.02, "s"), "tau_ms", "ms") == 20.0
    assert to_array([Quantity(0.1, "kHz"), Quantity(0.2, "kHz")], "r", "Hz").tolist() == [100, 200]
    assert to_array(Quantity([9.0], ""), "current", "dimensionless").tolist() == [9.0]
    with pytest.raises(InputError, match=r"^tau_ms \(=.*\) has the wrong unit: it must be in ms$"):
        LIFParameters(tau_ms=Quantity(20.0, "mV"))
    with pytest.raises(InputError, match="mixes numbers with and without a unit"):
        to_array([Quantity(0.1, "kHz"), 100.0], "rate_hz", "Hz")


def test_quantities_of_the_packages_themselves():
    pint = pytest.importorskip("pint")
    ureg = pint.UnitRegistry()
    assert LIFParameters(tau_ms=0.02 * ureg.second).tau_ms == pytest.approx(20.0)
    np.testing.assert_allclose(to_array([1, 2] * ureg.kilohertz, "r", "Hz"), [1000, 2000])
    assert to_number(9 * ureg.dimensionless, "current", "dimensionless") == 9.0
    with pytest.raises(InputError, match="wrong unit"):
        LIFParameters(tau_ms=20 * ureg.mV)


def test_quantities_that_neo_brings():
    quantities = pytest.importorskip("quantities")
    assert LIFParameters(tau_ms=0.02 * quantities.s).tau_ms == pytest.approx(20.0)
    assert to_array([0.1, 0.2] * quantities.kHz, "r", "Hz").tolist() == [100.0, 200.0]
    assert to_array([9.0] * quantities.dimensionless, "x", "dimensionless").tolist() == [9.0]
    for wrong in (20 * quantities.mV, [20 * quantities.mV]):
        with pytest.raises(InputError, match="wrong unit"):
            membrane(wrong, 9.0)


def test_quantities_of_astropy():
    units = pytest.importorskip("astropy.units")
    assert LIFParameters(tau_ms=0.02 * units.s).tau_ms == pytest.approx(20.0)
    assert to_array([9.0] * units.one, "x", "dimensionless").tolist() == [9.0]
    with pytest.raises(InputError, match="wrong unit"):
        LIFParameters(tau_ms=20 * units.mV)


def test_series_and_tables_of_pandas():
    pandas = pytest.importorskip("pandas")
    series = pandas.Series(VALUES, index=[7, 8, 9])
    assert simulate(series, duration_ms=20).count.tolist() == COUNT
    np.testing.assert_array_equal(firing_rate(series), firing_rate(VALUES))
    assert to_array(series.astype("Float64"), "x", "dimensionless").tolist() == VALUES
    assert to_array(pandas.DataFrame([VALUES]), "x", "dimensionless").shape == (1, 3)
    with pytest.raises(InputError):  # a missing entry is NaN in some versions, NA in others
        simulate(pandas.Series([1.0, None], dtype="Float64"), duration_ms=20)
    for bad in (pandas.Series(["a"]), pandas.to_datetime(pandas.Series(["2020-01-01"]))):
        with pytest.raises(InputError, match="must be an array of real numbers"):
            firing_rate(bad)


@pytest.mark.peer
def test_tensors_of_torch():
    torch = pytest.importorskip("torch")
    expected = simulate(VALUES, duration_ms=20).count.tolist()
    tensor = torch.tensor(VALUES)
    for given in (
        tensor,
        tensor.double().requires_grad_(),
        tensor.bfloat16(),
        tensor.half(),
        tensor.int(),
        [tensor[0], tensor[1], 20.0],
        tensor.double().requires_grad_() * 1,
    ):
        assert simulate(given, duration_ms=20).count.tolist() == expected
        np.testing.assert_allclose(firing_rate(given), firing_rate(VALUES), rtol=1e-6)
    assert firing_rate(tensor).dtype == np.float32
    assert LIFParameters(tau_ms=torch.tensor(20.0)).tau_ms == 20.0
    for bad in (tensor.to_sparse(), tensor > 10, tensor.cfloat(), torch.tensor(VALUES).to("meta")):
        with pytest.raises(InputError, match="current must be an array of real numbers"):
            simulate(bad, duration_ms=20)


@pytest.mark.peer
def test_arrays_of_jax():
    jax = pytest.importorskip("jax")
    for dtype in (jax.numpy.float32, jax.numpy.bfloat16, jax.numpy.int32):
        given = jax.numpy.asarray(VALUES, dtype)
        np.testing.assert_allclose(firing_rate(given), firing_rate(VALUES), rtol=1e-6)
        assert simulate(given, duration_ms=20).count.tolist() == COUNT
    with pytest.raises(InputError, match="not"):
        jax.jit(firing_rate)(jax.numpy.asarray(VALUES))


def test_recognising_them_imports_no_package():
    code = (
        "import sys; from bio_scnn.neuron.units import to_array; to_array([1.0], 'x', 'ms');"
        "print({'brian2', 'torch', 'pandas', 'pint'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr
