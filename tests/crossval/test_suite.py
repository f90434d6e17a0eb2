"""The conformance suite: its oracles, its diagnosis, its verdicts on right and wrong layers."""

import dataclasses
import re

import numpy as np
import pytest
from grid_layer import Grid

from bio_scnn.crossval import (
    CannotRepresent,
    Capabilities,
    ConformanceError,
    ConformanceWarning,
    Trace,
    check_lif,
    diagnosis,
)
from bio_scnn.crossval.adapters import ENTRIES
from bio_scnn.crossval.checks import CHECKS
from bio_scnn.crossval.oracles import drives as probes
from bio_scnn.crossval.oracles.grid import PERFECT, GridNeuron, crossing_steps, grid_trace
from bio_scnn.crossval.subject import Subject
from bio_scnn.crossval.suite import check_names, describe
from bio_scnn.errors import InputError
from bio_scnn.neuron.closed_form import first_spike_ms, membrane, spike_times
from bio_scnn.neuron.events import exact_trace
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters
from bio_scnn.neuron.simulation import simulate

pytest_plugins = ["pytester"]


# --- the oracles -------------------------------------------------------------------------------


@pytest.mark.parametrize("t_ref_ms", [0.0, 1.0, 2.37])
def test_events_give_the_closed_form_under_constant_currents(t_ref_ms):
    params = LIFParameters(t_ref_ms=t_ref_ms)
    currents = np.array([1.9, 2.1, 10.0, 21.0, 400.0])
    trace = exact_trace(probes.held(currents, 200), 0.5, params)
    for neuron, current in enumerate(currents):
        expected = spike_times(current, 100, params)
        np.testing.assert_allclose(trace.spike_times_ms[neuron], expected, rtol=1e-11)
    assert len(trace.spike_times_ms[-1]) > 30  # several in a step, without a refractory period
    t = 0.5 * np.arange(1, 201)
    V = membrane(t[:, None], currents[:3], params)
    np.testing.assert_allclose(trace.membrane[:, :3], V, atol=1e-12)


@pytest.mark.parametrize("make", [probes.stepping, probes.noise])
def test_events_agree_with_brian2_when_currents_change(make):
    extra = {"coloured": True} if make is probes.noise else {}
    current = make(TABLE_1, 0.5, 400, 30, **extra)
    trace = exact_trace(current, 0.5, TABLE_1)
    recording = simulate(current, duration_ms=200, dt_ms=0.5, record=range(30))
    assert recording.total_spikes > 200
    for one, other in zip(trace.spike_times_ms, recording.spike_trains_ms, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-9)
    np.testing.assert_allclose(trace.membrane.T, recording.membrane[:, 1:], atol=1e-11)


@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_the_on_grid_oracle_is_the_floor(dt):
    current = probes.rates(TABLE_1, dt)
    found = grid_trace(probes.held(current, round(200 / dt)), dt, TABLE_1)
    isi = TABLE_1.t_ref_ms + dt * np.ceil(first_spike_ms(current) / dt)
    for neuron in range(len(current)):
        times = dt * (1 + np.flatnonzero(found.raster[:, neuron]))
        assert len(times) > 5
        np.testing.assert_allclose(np.diff(times), isi[neuron])
        np.testing.assert_allclose(times[0], isi[neuron] - TABLE_1.t_ref_ms)
    np.testing.assert_allclose(1e3 / isi, probes.rate_floor(current, dt, TABLE_1))


def test_labels_lead_back_to_the_step_of_the_crossing():
    steps = np.array([3, 4, 90])
    raster = np.zeros((100, 1))
    raster[steps] = 1
    for label in ("end", "start"):
        trace = Trace.from_raster(raster, 0.1, label=label)
        assert crossing_steps(trace, 0.1, label)[0].tolist() == steps.tolist()
    inside = Trace(((steps + 0.4) * 0.1,))
    assert crossing_steps(inside, 0.1, "exact")[0].tolist() == steps.tolist()


@pytest.mark.parametrize("spikes", [np.zeros(3), np.full((3, 2), np.nan)])
def test_a_raster_of_the_wrong_form_is_refused(spikes):
    with pytest.raises(InputError, match="the spike raster"):
        Trace.from_raster(spikes, 0.1)


# --- the diagnosis -----------------------------------------------------------------------------

# What no spikes on these probes can tell from the oracle: another check looks at ties.
UNSEEN = GridNeuron(fires_at_threshold=False)
# What never fires on them: nothing can be told from silence.
SILENT = GridNeuron(input="clipped")


@pytest.mark.parametrize(
    "neuron",
    diagnosis.single_differences(PERFECT),
    ids=lambda n: diagnosis.describe(n, PERFECT)[:40],
)
def test_every_single_difference_is_recognised(neuron):
    if neuron == SILENT:
        assert diagnosis.diagnose(Subject(Grid(neuron))) is None
        return
    found, words = diagnosis.diagnose(Subject(Grid(neuron)))
    if neuron == UNSEEN:
        assert found == PERFECT
        return
    assert found == neuron
    assert words == diagnosis.describe(neuron, PERFECT) != ""


@pytest.mark.parametrize(
    "neuron",
    [
        GridNeuron(update="forward Euler", refractory="no refractory period"),
        GridNeuron(reset="subtract", input="delayed"),
        GridNeuron(update="no leak: a pure integrator", late="test"),
    ],
)
def test_two_differences_are_recognised_from_spikes_alone(neuron):
    class Blind(Grid):
        def run(self, current):
            return Trace(super().run(current).spike_times_ms)

    assert diagnosis.diagnose(Subject(Blind(neuron)))[0] == neuron


def test_what_is_declared_is_not_a_difference():
    euler = Grid(GridNeuron(update="forward Euler"), integrator="forward Euler")
    assert diagnosis.diagnose(Subject(euler))[1] == ""


# --- verdicts ----------------------------------------------------------------------------------


def test_every_check_says_what_it_states():
    assert len(CHECKS) == len(check_names()) >= 20
    for name in check_names():
        assert describe(name).endswith("."), name
        assert len(CHECKS[name].__doc__) > len(describe(name)), f"{name} gives no physics"


@pytest.mark.parametrize("name", ["exact", "closed-form"])
def test_our_own_engines_pass_all_they_claim(name):
    report = check_lif(ENTRIES[name].load())
    assert report.ok
    assert report.count("passed") >= 20
    assert {r.check for r in report.results if r.status == "skipped"} <= {
        "reset_delay",
        "threshold_equality",
        "own_noise",
        "single_precision",
        "as_declared",
    }
    assert report.portrait.rate_hz[10] == pytest.approx(report.portrait.exact_rate_hz[10])


@pytest.mark.parametrize("dt_ms", [0.1, 0.25, 1.0])
def test_the_on_grid_oracle_passes_at_any_time_step(dt_ms):
    report = check_lif(Grid(), dt_ms=dt_ms, on_fail=None)
    assert [r for r in report.results if r.status not in ("passed", "skipped")] == []
    assert report.behaves_like == "the on-grid oracle"


def test_a_failure_says_what_why_and_what_it_does_to_a_rate():
    short = Grid(GridNeuron(refractory="refractory period is t_ref - dt"))
    with pytest.raises(ConformanceError, match=r"refractory_period: observed 0\.900 ms") as error:
        check_lif(short, checks=["refractory_period"])
    message = str(error.value)
    assert "expected 1.000 ms" in message
    assert "likely cause: refractory period is t_ref - dt" in message
    assert "a 150 Hz neuron fires at 151.52 Hz (grid floor 149.25 Hz)" in message
    with pytest.warns(ConformanceWarning, match="refractory_period"):
        check_lif(short, checks=["refractory_period"], on_fail="warn")


def test_announced_failures_are_xfail_and_their_absence_xpass():
    short = Grid(GridNeuron(refractory="refractory period is t_ref - dt"))
    announced = {"refractory_period": "known", "silence": "thought to fire"}
    report = check_lif(short, checks=announced, expected_failures=announced, on_fail="raise")
    assert {r.check: r.status for r in report.results} == {
        "refractory_period": "xfail",
        "silence": "xpass",
    }
    assert report.ok
    with pytest.raises(InputError, match="there is no check 'silense'"):
        check_lif(short, expected_failures={"silense": "typing error"})


def test_a_declared_difference_fails_as_expected_and_hides_no_other():
    euler = GridNeuron(update="forward Euler")
    report = check_lif(Grid(euler, integrator="forward Euler"))
    status = {r.check: r.status for r in report.results}
    assert status["subthreshold_membrane"] == "xfail"
    assert status["as_declared"] == "passed"
    both = dataclasses.replace(euler, refractory="refractory period is t_ref - dt")
    report = check_lif(Grid(both, integrator="forward Euler"), on_fail=None)
    failed = {r.check: r.cause for r in report.results if r.status == "failed"}
    assert failed["as_declared"] == "refractory period is t_ref - dt"
    assert failed["refractory_period"].startswith("refractory period is t_ref - dt")
    assert "subthreshold_membrane" not in failed
    # Declared, but not so: the declaration itself is wrong.
    report = check_lif(Grid(PERFECT, integrator="forward Euler"), on_fail=None)
    status = {r.check: r.status for r in report.results}
    assert status["subthreshold_membrane"] == "xpass"
    assert status["as_declared"] == "failed"


def test_whatever_a_layer_raises_is_a_result():
    class Fragile(Grid):
        def run(self, current):
            if current.shape[1] > 100:
                raise MemoryError("too many neurons")
            return super().run(current)

    report = check_lif(Fragile(), on_fail=None)
    wrong = {r.check: (r.status, r.reason) for r in report.results if r.status == "error"}
    assert wrong == {
        "batch_invariance": ("error", "MemoryError: too many neurons"),
        "permutation": ("error", "MemoryError: too many neurons"),
    }


@pytest.mark.parametrize(
    ("trace", "says"),
    [
        (lambda n, t: Trace((np.empty(0),) * (n + 1)), "returned spike trains of"),
        (lambda n, t: Trace((np.array([2.0, 1.0]),) * n), "not a list of finite, ascending times"),
        (lambda n, t: Trace((np.empty(0),) * n, np.zeros((t, n + 1))), "returned V of shape"),
    ],
)
def test_answers_of_the_wrong_form_are_named(trace, says):
    class Wrong(Grid):
        def run(self, current):
            return trace(current.shape[1], len(current))

    (result,) = check_lif(Wrong(), checks=["fi_curve"], on_fail=None).results
    assert result.status == "error"
    assert says in result.reason


def test_a_layer_with_one_neuron_and_one_time_step_is_checked_as_far_as_that_goes():
    class Fixed(Grid):
        def build(self, setup):
            if setup.dt_ms != 0.1 or setup.params != TABLE_1:
                raise CannotRepresent("its time step and its neuron are built in")
            super().build(setup)

    report = check_lif(Fixed())
    status = {r.check: r.status for r in report.results}
    assert status["refractory_period"] == "passed"
    assert status["other_time_step"] == status["other_neuron"] == "skipped"
    short = Fixed(GridNeuron(refractory="refractory period is t_ref - dt"))
    report = check_lif(short, on_fail=None)
    assert {r.check: r.cause for r in report.results if r.status == "failed"}[
        "refractory_period"
    ].startswith("refractory period is t_ref - dt")


# --- pytest ------------------------------------------------------------------------------------

LAYER = """
import numpy as np
from bio_scnn.crossval import Adapter, Capabilities, Trace

class Layer(Adapter):
    name = "mine"
    capabilities = Capabilities(refractory="none", integrator="forward Euler")

    def build(self, setup):
        self.setup, self.V = setup, np.full(setup.neurons, setup.params.V_reset)

    def run(self, current):
        p, dt, raster, V = self.setup.params, self.setup.dt_ms, [], []
        if p.t_ref_ms:
            from bio_scnn.crossval import CannotRepresent
            raise CannotRepresent("no refractory period")
        for I in current:
            self.V += dt / p.tau_ms * (p.R * I - self.V)
            raster.append(self.V >= p.V_th)
            self.V[raster[-1]] = p.V_reset
            V.append(self.V.copy())
        return Trace.from_raster(raster, dt, V)
"""


def test_checks_are_pytest_tests(pytester):
    pytester.makepyfile(layer=LAYER)
    pytester.makepyfile(
        """
        from bio_scnn.crossval.testing import parametrize_with_checks
        from layer import Layer

        class Leaky(Layer):
            name = "wrong"
            def run(self, current):
                self.V += 0.3
                return super().run(current)

        @parametrize_with_checks([Layer()], expected_failures={"silence": "is thought to fail"})
        def test_mine(check):
            check()

        @parametrize_with_checks([Leaky()])
        def test_wrong(check):
            check()
        """
    )
    # -c: the warnings of this project's own configuration are not what is tested.
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-rxXf", "-p", "no:nengo")
    outcomes = result.parseoutcomes()
    assert outcomes["failed"] >= 2
    assert outcomes["xfailed"] >= 3
    assert outcomes["xpassed"] == 1
    assert outcomes["passed"] >= 10
    result.stdout.fnmatch_lines_random(
        [
            "XPASS *test_mine?mine-silence? - is thought to fail",
            "XFAIL *test_mine?mine-subthreshold_membrane? - declared: forward Euler*",
            "FAILED *test_wrong?wrong-first_spike? *",
        ]
    )


def test_checks_from_the_command_line(pytester):
    path = pytester.makepyfile(layer=LAYER)
    result = pytester.runpytest_subprocess(
        "-p", "no:nengo", "--check-lif", f"{path}:Layer", "--check-lif-dt", "0.5", "-q"
    )
    outcomes = result.parseoutcomes()
    assert "failed" not in outcomes
    assert outcomes["passed"] > 10
    assert outcomes["xfailed"] >= 1
    result = pytester.runpytest_subprocess("-p", "no:nengo", "--check-lif", "snntorhc", "-q")
    result.stderr.fnmatch_lines("*did you mean snntorch?*")


# --- no false alarm, no false comfort ----------------------------------------------------------

BAND = {"rate_min_hz": 1.0, "rate_max_hz": 20.0}  # plays no part here
NEURONS = {
    "millivolts": LIFParameters(V_th=15, V_reset=-5, tau_ms=20, C_ms=20, t_ref_ms=2, **BAND),
    "negative": LIFParameters(V_th=-50, V_reset=-65, tau_ms=20, C_ms=20, t_ref_ms=2, **BAND),
    "slow": LIFParameters(tau_ms=100, C_ms=200, **BAND),
    "fast": LIFParameters(tau_ms=10, C_ms=10, t_ref_ms=5, **BAND),
    "narrow": LIFParameters(V_reset=0.9, **BAND),
    "tiny": LIFParameters(V_th=1e-4, C_ms=4000, **BAND),
    "no refractory period": LIFParameters(t_ref_ms=0, **BAND),
}


class Single(Grid):
    """The on-grid oracle's update, computed in single precision."""

    name = "single"

    def __init__(self):
        self.capabilities = Capabilities(dtypes=("float32",))

    def run(self, current):
        p, dt, one = self.setup.params, self.setup.dt_ms, np.float32
        keep, V = one(np.exp(-dt / p.tau_ms)), np.full(current.shape[1], p.V_reset, one)
        left, raster, membrane = np.zeros(V.shape, int), [], []
        for I in current:  # noqa: E741 - the symbol of eq. 1
            V_inf = (p.R * I).astype(one)
            V = np.where(left > 0, one(p.V_reset), V_inf + (V - V_inf) * keep)
            raster.append((p.V_th <= V) & (left == 0))
            V = np.where(raster[-1], one(p.V_reset), V)
            left = np.where(raster[-1], round(p.t_ref_ms / dt), np.maximum(left - 1, 0))
            membrane.append(V)
        return Trace.from_raster(raster, dt, membrane)


@pytest.mark.slow
@pytest.mark.parametrize("params", NEURONS.values(), ids=NEURONS)
@pytest.mark.parametrize(
    ("layer", "dt_ms"),
    [(Grid, 0.05), (Single, 0.25), (ENTRIES["closed-form"].load, 0.1)],
    ids=["grid", "single", "closed form"],
)
def test_correct_neurons_are_not_blamed(layer, params, dt_ms):
    report = check_lif(layer(), params=params, dt_ms=dt_ms, on_fail=None)
    assert [r for r in report.results if r.status not in ("passed", "skipped")] == []
    assert report.count("passed") >= 18
    assert report.verdict == ""


@pytest.mark.parametrize(
    ("constant", "says"),
    [
        ({"tau_ms": 38.0, "C_ms": 76.0}, r"the time constant tau acts as 0\.9(49|50|51) times"),
        ({"C_ms": 80.0 / 1.05}, r"the resistance R, or the gain of the input, acts as 1\.05"),
    ],
)
@pytest.mark.parametrize("shows_V", [False, True])
def test_a_wrong_constant_is_not_taken_for_a_refractory_period(constant, says, shows_V):
    class Wrong(Grid):
        def run(self, current):
            wrong = dataclasses.replace(self.setup.params, **constant)
            found = grid_trace(current, self.setup.dt_ms, wrong)
            return Trace.from_raster(
                found.raster, self.setup.dt_ms, found.membrane if shows_V else None
            )

    report = check_lif(Wrong(), checks=["fi_curve", "refractory_period"], on_fail=None)
    causes = {r.check: r.cause for r in report.results}
    assert re.match(says, causes["fi_curve"])
    assert causes["refractory_period"] == ""
    assert re.match(says, report.verdict)


def test_silence_is_called_silence():
    class Silent(Grid):
        def run(self, current):
            return Trace((np.empty(0),) * current.shape[1])

    report = check_lif(Silent(), on_fail=None)
    assert report.verdict == "it never fires"
    assert report.behaves_like == ""


def test_what_cannot_be_built_is_skipped_and_no_success():
    class Nothing(Grid):
        def build(self, setup):
            raise CannotRepresent("there is no such neuron")

    report = check_lif(Nothing(), on_fail=None)
    assert {r.status for r in report.results} == {"skipped"}
    assert not report.ok


def test_a_refractory_period_off_the_grid_is_refused():
    with pytest.raises(InputError, match=r"whole multiple of dt_ms \(=0\.3 ms\)"):
        check_lif(Grid(), dt_ms=0.3)
    assert check_lif(Grid(refractory="none"), dt_ms=0.3, checks=["fi_curve"]).ok


def test_endless_firing_is_refused_and_infinite_currents_do_not_fire():
    params = LIFParameters(t_ref_ms=0)
    current = np.array([[20.0, np.inf, np.nan]] * 100)
    trace = exact_trace(current, 0.1, params)
    assert [len(train) for train in trace.spike_times_ms] == [2, 0, 0]
    with pytest.raises(InputError, match="fire over 100,000 times in a step"):
        exact_trace(np.full((3, 1), 1e300), 0.1, params)
