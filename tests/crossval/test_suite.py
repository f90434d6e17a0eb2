"""The conformance suite: its verdicts on right and wrong layers."""

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
)
from bio_scnn.crossval.adapters import ENTRIES
from bio_scnn.crossval.checks import CHECKS, check_names, describe
from bio_scnn.crossval.oracles.dialects import PERFECT, GridNeuron
from bio_scnn.crossval.oracles.grid import grid_trace
from bio_scnn.errors import InputError
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters

# --- verdicts ----------------------------------------------------------------------------------


def test_every_check_says_what_it_states():
    assert len(CHECKS) == len(check_names()) >= 20
    for name in check_names():
        assert describe(name).endswith("."), name
        assert len(CHECKS[name].__doc__) > len(describe(name)), f"{name} gives no physics"


@pytest.mark.parametrize("name", [pytest.param("exact", marks=pytest.mark.slow), "closed-form"])
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
    short = Grid(GridNeuron(refractory="one-step-short"))
    with pytest.raises(ConformanceError, match=r"refractory_period: observed 0\.900 ms") as error:
        check_lif(short, checks=["refractory_period"])
    message = str(error.value)
    assert "expected 1.000 ms" in message
    assert "likely cause: refractory period is t_ref - dt" in message
    assert "a 150 Hz neuron fires at 151.52 Hz (grid floor 149.25 Hz)" in message
    with pytest.warns(ConformanceWarning, match="refractory_period"):
        check_lif(short, checks=["refractory_period"], on_fail="warn")


def test_announced_failures_are_xfail_and_their_absence_xpass():
    short = Grid(GridNeuron(refractory="one-step-short"))
    announced = {"refractory_period": "known", "silence": "thought to fire"}
    report = check_lif(short, checks=announced, expected_failures=announced, on_fail="raise")
    assert {r.check: r.status for r in report.results} == {
        "refractory_period": "xfail",
        "silence": "xpass",
    }
    assert report.ok
    with pytest.raises(InputError, match="there is no check 'silense'"):
        check_lif(short, expected_failures={"silense": "typing error"})


@pytest.mark.slow
def test_a_declared_difference_fails_as_expected_and_hides_no_other():
    euler = GridNeuron(update="forward-euler")
    report = check_lif(Grid(euler, integrator="forward Euler"))
    status = {r.check: r.status for r in report.results}
    assert status["subthreshold_membrane"] == "xfail"
    assert status["as_declared"] == "passed"
    both = dataclasses.replace(euler, refractory="one-step-short")
    report = check_lif(Grid(both, integrator="forward Euler"), on_fail=None)
    failed = {r.check: r.cause_code for r in report.results if r.status == "failed"}
    assert failed["as_declared"] == failed["refractory_period"] == "refractory.one-step-short"
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
    short = Fixed(GridNeuron(refractory="one-step-short"))
    report = check_lif(short, on_fail=None)
    causes = {r.check: r.cause_code for r in report.results if r.status == "failed"}
    assert causes["refractory_period"] == "refractory.one-step-short"


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
@pytest.mark.sweep(8)
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


@pytest.mark.sweep(4)
@pytest.mark.slow
@pytest.mark.parametrize(
    ("constant", "code", "times"),
    [
        ({"tau_ms": 38.0, "C_ms": 76.0}, "constant.tau", 0.95),
        ({"C_ms": 80.0 / 1.05}, "constant.gain", 1.05),
    ],
)
@pytest.mark.parametrize("shows_V", [False, True])
def test_a_wrong_constant_is_not_taken_for_a_refractory_period(constant, code, times, shows_V):
    class Wrong(Grid):
        def run(self, current):
            wrong = dataclasses.replace(self.setup.params, **constant)
            found = grid_trace(current, self.setup.dt_ms, wrong)
            return Trace.from_raster(
                found.raster, self.setup.dt_ms, found.membrane if shows_V else None
            )

    report = check_lif(Wrong(), checks=["fi_curve", "refractory_period"], on_fail=None)
    fi_curve, refractory = report.results
    assert fi_curve.cause_code == report.verdict_code
    if code == "constant.gain" and not shows_V:  # spikes alone do not tell it from the threshold
        code = "constant.gain|constant.threshold"
    assert report.verdict_code == code
    assert float(re.search(r"acts as ([\d.]+) times", fi_curve.cause)[1]) == pytest.approx(
        times, abs=0.002
    )
    assert (refractory.cause, refractory.cause_code) == ("", "")


def test_silence_is_called_silence():
    class Silent(Grid):
        def run(self, current):
            return Trace((np.empty(0),) * current.shape[1])

    report = check_lif(Silent(), on_fail=None)
    assert (report.verdict, report.verdict_code) == ("it never fires", "output.silent")
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
