"""`check_lif` under wrong arguments and odd answers of layers: nothing breaks it."""

import json
import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from grid_layer import Grid

from bio_scnn.crossval import (
    Adapter,
    CannotRepresent,
    Capabilities,
    ConformanceError,
    ConformanceWarning,
    Report,
    Trace,
    check_lif,
)
from bio_scnn.crossval.adapters import ENTRIES
from bio_scnn.crossval.oracles.dialects import GridNeuron
from bio_scnn.crossval.subject import Subject
from bio_scnn.crossval.suite import prepared
from bio_scnn.crossval.testing import parametrize_with_checks
from bio_scnn.errors import InputError
from bio_scnn.neuron.closed_form import firing_rate
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters
from bio_scnn.neuron.trace import mean_rate_hz

SHORT = GridNeuron(refractory="one-step-short")


def long_refractory(t_ref_ms):
    return LIFParameters(t_ref_ms=t_ref_ms, rate_min_hz=1.0, rate_max_hz=500.0 / t_ref_ms)


@pytest.mark.parametrize("t_ref_ms", [6.6, 6.7, 20.0, 60.0])
def test_the_target_rate_is_one_that_the_refractory_period_allows(t_ref_ms):
    params = long_refractory(t_ref_ms)
    report = check_lif(Grid(), dt_ms=0.1, params=params, checks=["silence"], on_fail=None)
    target = min(150, 700 / t_ref_ms)
    assert report.target_rate_hz == pytest.approx(target)
    # On a grid of 0.1 ms intervals are at most one step too long.
    assert report.rate_at_150_hz == pytest.approx(target, rel=0.11 * target / 1e3)
    assert max(report.portrait.exact_rate_hz) < 1e3 / t_ref_ms
    assert len(report.portrait.spikes_ms) >= 5
    assert Report.from_json(json.loads(json.dumps(report.to_json()))) == report


def test_the_effect_is_that_on_the_neuron_under_test():
    """Not on the adapter's own, whose refractory period is shorter."""
    params = long_refractory(10.0)
    wrong = Grid(GridNeuron(refractory="none"))
    with pytest.raises(ConformanceError) as caught:
        check_lif(wrong, params=params, checks=["refractory_period", "fi_curve"])
    message = str(caught.value)
    assert message.count("a 70 Hz neuron fires at") == 1
    assert "refractory_period: observed" in message
    assert "fi_curve: observed" in message
    subject = Subject(wrong, 0.1, params)
    charging = 1e3 / 70 - 10
    expected = 1e3 / (0.1 * np.ceil(charging / 0.1))
    assert subject.rate_at_target() == pytest.approx(expected, rel=1e-9)
    assert f"fires at {expected:.2f} Hz (grid floor" in message


def test_the_effect_names_the_floor_without_a_refractory_period():
    late = Grid(GridNeuron(refractory="none", late="test"), refractory="none")
    with pytest.raises(ConformanceError) as caught:
        check_lif(late, checks=["first_spike"])
    floor = "(grid floor 175.44 Hz without a refractory period; 149.25 Hz with)"
    assert floor in str(caught.value)


def test_a_layer_that_writes_to_its_input_changes_nothing_else():
    class Careless(Grid):
        def run(self, current):
            trace = super().run(current)
            current[:] = 0
            return trace

    checks = ["frozen_noise", "step_currents", "fi_curve", "as_declared"]
    assert check_lif(Careless(), checks=checks).count("passed") == 4
    with pytest.raises(ConformanceError):
        check_lif(Careless(SHORT), checks=checks, explain=False)


class Unable(Grid):
    def build(self, setup):
        raise CannotRepresent("it is out of order")


def test_a_run_without_checks_is_no_success():
    words = "grid: nothing could be checked: it is out of order"
    with pytest.raises(ConformanceError, match=words):
        check_lif(Unable(), checks=["fi_curve", "silence"])
    with pytest.warns(ConformanceWarning, match=words):
        report = check_lif(Unable(), checks=["silence"], on_fail="warn")
    assert not report.ok
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not check_lif(Unable(), checks=["silence"], on_fail=None).ok


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"on_fail": "rise"}, "on_fail .='rise'"),
        ({"dt_ms": 0}, "dt_ms"),
        ({"dt_ms": float("nan")}, "dt_ms"),
        ({"dt_ms": "1"}, "dt_ms"),
        ({"params": {"tau_ms": 20}}, "params .=.*must be LIFParameters"),
        ({"expected_failures": ["silence"]}, "expected_failures .*mapping"),
        ({"expected_failures": {"silense": "?"}}, "there is no check 'silense'"),
        ({"checks": "silence"}, r"checks .='silence'. must be a list of names: \['silence'\]"),
        ({"checks": []}, "at least one check"),
        ({"checks": ["silense"]}, "there is no check 'silense'"),
    ],
)
def test_what_it_cannot_use_is_named(options, words):
    with pytest.raises(InputError, match=words):
        check_lif(Grid(), **{"checks": ["silence"], **options})


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"refractory": "step"}, "refractory is 'step'; choose from 'steps', 'time', 'none'"),
        ({"reset": None}, "reset is None"),
        ({"integrator": "euler"}, "integrator is 'euler'"),
        ({"spike_label": "middle"}, "spike_label"),
        ({"membrane": True}, "membrane is True"),
        ({"precise": "no"}, "precise is 'no'"),
        ({"own_noise": 1}, "own_noise is 1"),
        ({"drive": "voltage"}, "drive"),
        ({"dtypes": ("float8",)}, "'float8'; choose from 'float64', 'float32', 'float16'"),
        ({"dtypes": "float64"}, "must be a tuple"),
        ({"dtypes": ()}, "must be a tuple"),
    ],
)
def test_claims_are_checked_where_they_are_made(claims, words):
    with pytest.raises(InputError, match=words):
        Capabilities(**claims)
    assert Capabilities(dtypes=["float32"]).dtypes == ("float32",)


@pytest.mark.parametrize(
    ("attribute", "value", "words"),
    [
        ("capabilities", {"refractory": "none"}, "its capabilities must be of the type Capab"),
        ("params", None, "its params must be of the type LIFParameters, not None"),
        ("expected_failures", ("silence",), "its expected_failures must be of the type Mapping"),
        ("expected_failures", {"silense": "?"}, "there is no check 'silense'"),
    ],
)
def test_an_adapter_says_what_it_is_in_the_right_form(attribute, value, words):
    adapter = Grid()
    setattr(adapter, attribute, value)
    with pytest.raises(InputError, match=words):
        check_lif(adapter, checks=["silence"])


@pytest.mark.parametrize("entry", [e for e in ENTRIES.values() if not e.missing()], ids=str)
def test_known_adapters_have_that_form(entry):
    assert prepared(entry.load()).adapter.name == entry.name


@pytest.mark.parametrize("versions", [None, 3, ValueError("no metadata"), SystemExit(1)])
def test_versions_that_cannot_be_had_cost_nothing(versions):
    class Odd(Grid):
        def versions(self):
            if isinstance(versions, BaseException):
                raise versions
            return versions

    report = check_lif(Odd(), checks=["silence"])
    assert (report.ok, report.versions) == (True, {})


@pytest.mark.parametrize("answer", [None, np.zeros((3, 1))])
def test_what_is_no_trace_is_named(answer):
    class Wrong(Grid):
        def run(self, current):
            return answer

    (result,) = check_lif(Wrong(), checks=["silence"], on_fail=None).results
    assert result.status == "error"
    assert "grid: run must return a Trace, not " in result.reason


@pytest.mark.parametrize(
    ("raster", "words"),
    [
        ([[0, 1], [-0.3, 0]], r"0 or 1 \(found -0\.3\): is it V\?"),
        ([[0, 1], [0.99, 0]], r"\(found 0\.99\): is it V\?"),
        ([[0, -1]], r"\(found -1\)$"),
        ([["a", "b"]], "holds <U1"),
    ],
)
def test_a_raster_counts_spikes(raster, words):
    with pytest.raises(InputError, match=words):
        Trace.from_raster(raster, 0.1)
    trace = Trace.from_raster([[True, False], [False, False]], 0.1)
    assert [train.tolist() for train in trace.spike_times_ms] == [[0.1], []]
    several = Trace.from_raster([[1, 0], [2.0, 1]], 0.5)
    assert [train.tolist() for train in several.spike_times_ms] == [[0.5, 1.0, 1.0], [1.0]]


@pytest.mark.parametrize("spikes", [np.zeros(3), np.full((3, 2), np.nan)])
def test_a_raster_of_the_wrong_form_is_refused(spikes):
    with pytest.raises(InputError, match="the spike raster"):
        Trace.from_raster(spikes, 0.1)


def test_a_single_spike_has_no_interval_and_so_no_rate():
    trace = Trace((np.empty(0), np.array([4.0]), np.array([4.0, 14.0, 24.0])))
    assert mean_rate_hz(trace).tolist() == [0.0, 0.0, 100.0]


def test_leaving_is_an_error_with_its_place():
    class Leaves(Grid):
        def run(self, current):
            raise SystemExit(3)

    report = check_lif(Leaves(), checks=["silence", "fi_curve"], on_fail=None)
    assert report.count("error") == 2
    assert "SystemExit: 3, raised in " in report.results[0].reason
    assert "test_harness.py:" in report.results[0].reason


def test_nothing_after_the_checks_can_raise():
    """The neuron fires at the rate asked for, and then no more."""

    class Tires(Grid):
        runs = 0

        def run(self, current):
            self.runs += 1
            if self.runs > 1:
                raise RuntimeError("tired")
            return super().run(current)

    report = check_lif(Tires(), checks=["subthreshold_membrane"])
    assert report.ok
    assert (report.portrait, report.rate_at_150_hz, report.behaves_like) == (None, None, "")


def test_potentials_that_are_not_finite_are_left_out():
    class Diverges(Grid):
        def run(self, current):
            trace = super().run(current)
            V = np.array(trace.membrane)
            V[3:] = np.inf
            return replace(trace, membrane=V)

    report = check_lif(Diverges(), checks=["silence"], on_fail=None, explain=False)
    assert report.portrait.membrane[2] > 0
    assert set(report.portrait.membrane[3:]) == {None}
    assert Report.from_json(json.loads(json.dumps(report.to_json()))) == report


# --- pytest ------------------------------------------------------------------------------------


def run_of(mark, name):
    """The test of a check, called; what it ended in."""
    (case,) = [p for p in mark.args[1] if p.id.endswith(f"-{name}")]
    try:
        case.values[0]()
    except BaseException as end:  # pytest's own outcomes are no exceptions
        return end
    return None


def test_pytest_knows_only_the_checks_that_there_are():
    with pytest.raises(InputError, match="there is no check 'silense'"):
        parametrize_with_checks([Grid()], expected_failures={"silense": "typing error"})
    with pytest.raises(InputError, match="dt_ms"):
        parametrize_with_checks([Grid()], dt_ms=-1)


def test_an_exception_is_no_way_to_show_a_possible_failure():
    class Euler(Grid):
        raises = False

        def run(self, current):
            if self.raises:
                raise ValueError("no")
            return super().run(current)

    euler = Euler(GridNeuron(update="forward-euler"), integrator="forward Euler")
    mark = parametrize_with_checks([euler], dt_ms=1.0)
    assert isinstance(run_of(mark, "convergence"), pytest.xfail.Exception)
    euler.raises = True
    assert isinstance(run_of(mark, "convergence"), ConformanceError)
    assert isinstance(run_of(mark, "fi_curve"), ConformanceError)


def test_closed_form_of_the_target():
    subject = Subject(Grid(), 0.1, TABLE_1)
    assert subject.target_rate_hz == 150
    assert float(firing_rate(11.0)) > 0
    assert subject.rate_at_target() == pytest.approx(1e3 / 6.7)


class Millivolts(Adapter):
    """Eq. 1 in millivolts, forward in exact steps; `rest_mV` is where V goes without a current."""

    name = "millivolts"
    params = LIFParameters(V_th=-50.0, V_reset=-60.0, V_rest=-65.0, R=40.0)

    def __init__(self, rest_mV: float | None = None):
        self.rest_mV = rest_mV

    def build(self, setup):
        self.setup = setup

    def run(self, current):
        p, dt = self.setup.params, self.setup.dt_ms
        assert p.V_rest == -65.0
        rest = p.V_rest if self.rest_mV is None else self.rest_mV
        keep, hold = math.exp(-dt / p.tau_ms), round(p.t_ref_ms / dt)
        V, left = np.full(current.shape[1], p.V_reset), np.zeros(current.shape[1], int)
        raster, shown = [], []
        for x in current:
            target = rest + p.R * x
            V = np.where(left > 0, V, target + (V - target) * keep)
            raster.append((left == 0) & (V >= p.V_th))
            V = np.where(raster[-1], p.V_reset, V)
            left = np.where(raster[-1], hold, np.maximum(left - 1, 0))
            shown.append(V)
        return Trace.from_raster(np.array(raster), dt, np.array(shown))

    def reset(self):
        pass


def test_a_resting_potential_is_taken_as_it_is_declared():
    report = check_lif(Millivolts(), dt_ms=0.5)
    assert report.ok
    assert report.count("passed") > 15
    assert "potentials are counted from -65, where V rests" in report.remarks
    wrong = check_lif(Millivolts(-64.0), dt_ms=0.5, on_fail=None)
    assert wrong.count("failed") > 5
    assert wrong.verdict_code == "bias.added"
