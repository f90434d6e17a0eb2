"""Checks of neurons beside eq. 1: IF, LI, CubaLIF, adaptive LIF, soft reset, impulses."""

import dataclasses
import math

import numpy as np
import pytest

from bio_scnn.crossval import Capabilities, as_adapter, check_lif
from bio_scnn.crossval.adapters import ENTRIES
from bio_scnn.crossval.checks import CHECKS
from bio_scnn.crossval.checks.needs import NEEDS
from bio_scnn.crossval.identify.stepped import step
from bio_scnn.crossval.oracles.family import exact_on_grid, grid_oracle
from bio_scnn.crossval.results import Report
from bio_scnn.errors import InputError
from bio_scnn.neuron.events import solve
from bio_scnn.neuron.models import (
    AdaptiveLIFParameters,
    CubaLIFParameters,
    IFParameters,
    LIParameters,
)
from bio_scnn.neuron.parameters import LIFParameters

# --- layers, written as users write them ---------------------------------------------------------


def integrate_and_fire(p, dt, *, soft=None):
    soft = p.reset == "subtract" if soft is None else soft

    def IF(x):
        V, left = np.full(x.shape[1], p.V_reset), np.zeros(x.shape[1], int)
        spikes, seen = np.zeros(x.shape), np.zeros(x.shape)
        for n, I in enumerate(x):  # noqa: E741 - the symbol of eq. 1
            free = left == 0
            V = V + free * p.R * dt * I
            fired = free & (V >= p.V_th)
            V = np.where(fired, V - (p.V_th - p.V_reset) if soft else p.V_reset, V)
            left = np.where(fired, round(p.t_ref_ms / dt), np.maximum(left - 1, 0))
            spikes[n], seen[n] = fired, V
        return spikes, seen

    return IF


def leaky_integrator(p, dt, *, tau=1.0):
    a = math.exp(-dt / (p.tau_ms * tau))

    def LI(x):
        V, seen = np.full(x.shape[1], p.V_rest), np.zeros(x.shape)
        for n, I in enumerate(x):  # noqa: E741 - the symbol of eq. 1
            V = a * V + (1 - a) * (p.V_rest + p.R * I)
            seen[n] = V
        return seen

    return LI


def current_based(p, dt, *, a=None, b=None, w_gain=None, late=False, soft=None):
    a = math.exp(-dt / p.tau_ms) if a is None else a
    b = math.exp(-dt / p.tau_syn_ms) if b is None else b
    w_gain = (1 - b) * p.w if w_gain is None else w_gain
    soft = p.reset == "subtract" if soft is None else soft

    def CubaLIF(x):
        V, S, left = (
            np.full(x.shape[1], p.V_reset),
            np.zeros(x.shape[1]),
            np.zeros(x.shape[1], int),
        )
        spikes, seen = np.zeros(x.shape), np.zeros(x.shape)
        for n, I in enumerate(x):  # noqa: E741 - the symbol of eq. 1
            old, S = S, b * S + w_gain * I
            free = left == 0
            V = np.where(free, a * V + (1 - a) * (p.V_rest + p.R * (old if late else S)), V)
            fired = free & (V >= p.V_th)
            V = np.where(fired, V - (p.V_th - p.V_reset) if soft else p.V_reset, V)
            left = np.where(fired, round(p.t_ref_ms / dt), np.maximum(left - 1, 0))
            spikes[n], seen[n] = fired, V
        return spikes, seen

    return CubaLIF


def adaptive(p, dt, *, b=None, tau_w_ms=None, a=None, first=False):
    a = math.exp(-dt / p.tau_ms) if a is None else a
    c = math.exp(-dt / (tau_w_ms or p.tau_w_ms))
    b = p.b if b is None else b

    def ALIF(x):
        V, w, left = (
            np.full(x.shape[1], p.V_reset),
            np.zeros(x.shape[1]),
            np.zeros(x.shape[1], int),
        )
        spikes, seen = np.zeros(x.shape), np.zeros(x.shape)
        for n, I in enumerate(x):  # noqa: E741 - the symbol of eq. 1
            free = left == 0
            w = c * w if first else w
            V = np.where(free, a * V + (1 - a) * (p.V_rest + p.R * (I - w)), V)
            fired = free & (V >= p.V_th)
            V = np.where(fired, p.V_reset, V)
            w = (w if first else c * w) + b * fired
            left = np.where(fired, round(p.t_ref_ms / dt), np.maximum(left - 1, 0))
            spikes[n], seen[n] = fired, V
        return spikes, seen

    return ALIF


def soft_lif(p, dt, *, keep=1.0, gain=None, decay=None):
    a = math.exp(-dt / p.tau_ms) if decay is None else decay
    gain = p.R * (1 - a) if gain is None else gain

    def LIF(x):
        V = np.full(x.shape[1], p.V_reset)
        spikes, seen = np.zeros(x.shape), np.zeros(x.shape)
        for n, I in enumerate(x):  # noqa: E741 - the symbol of eq. 1
            V = a * V + gain * I
            fired = V >= p.V_th
            V = V - keep * fired * (p.V_th - p.V_reset)
            spikes[n], seen[n] = fired, V
        return spikes, seen

    return LIF


CUBA = CubaLIFParameters(tau_ms=20, tau_syn_ms=5, R=2, w=0.5, t_ref_ms=2, V_rest=0.3)
QUICK = CubaLIFParameters(tau_ms=2, tau_syn_ms=2, R=3, reset="subtract")
ALIF = AdaptiveLIFParameters(tau_ms=20, tau_w_ms=100, b=0.2, t_ref_ms=2)
COUNTS = IFParameters(R=0.05, t_ref_ms=2, V_reset=-0.3)
LEAKS = LIParameters(tau_ms=10, R=2, V_rest=-5)
SOFT = LIFParameters(tau_ms=10, R=2, t_ref_ms=0, reset="subtract")
SEEN = {"membrane": "after reset"}
EULER = {"integrator": "forward Euler"}

RIGHT = {
    "IF": (COUNTS, 0.5, integrate_and_fire(COUNTS, 0.5), {}),
    "IF-soft": (
        dataclasses.replace(COUNTS, reset="subtract"),
        1.0,
        integrate_and_fire(COUNTS, 1.0, soft=True),
        {},
    ),
    "LI": (LEAKS, 0.1, leaky_integrator(LEAKS, 0.1), {}),
    "CubaLIF": (CUBA, 1.0, current_based(CUBA, 1.0), {}),
    "CubaLIF-late": (CUBA, 0.5, current_based(CUBA, 0.5, late=True), {}),
    "CubaLIF-quick": (QUICK, 1.0, current_based(QUICK, 1.0), {}),
    "CubaLIF-Euler": (CUBA, 0.5, current_based(CUBA, 0.5, a=1 - 0.025, b=0.9), EULER),
    "CubaLIF-impulses": (
        CUBA,
        1.0,
        current_based(CUBA, 1.0, w_gain=CUBA.w / CUBA.tau_syn_ms),
        {"drive": "impulses"},
    ),
    "CubaLIF-Euler-of-V": (CUBA, 0.5, current_based(CUBA, 0.5, a=1 - 0.025), EULER),
    "adaptive-late": (ALIF, 0.5, adaptive(ALIF, 0.5), {}),
    "adaptive-w-first": (ALIF, 2.0, adaptive(ALIF, 2.0, first=True), {}),
    "adaptive-Euler-of-V": (ALIF, 1.0, adaptive(ALIF, 1.0, a=0.95, first=True), EULER),
    "soft": (SOFT, 0.1, soft_lif(SOFT, 0.1), {}),
    "soft-Euler": (SOFT, 1.0, soft_lif(SOFT, 1.0, decay=0.9, gain=0.2), EULER),
    "soft-impulses": (
        LIFParameters.from_decay(0.5, 1.0, reset="subtract"),
        1.0,
        soft_lif(LIFParameters.from_decay(0.5, 1.0), 1.0, gain=2 * math.log(2)),
        {"drive": "impulses"},
    ),
}
WRONG = {
    "IF reset to V_reset instead of by subtraction": (
        dataclasses.replace(COUNTS, reset="subtract"), 1.0, integrate_and_fire(COUNTS, 1.0)
    ),
    "LI with a time constant 1 % off": (LEAKS, 0.1, leaky_integrator(LEAKS, 0.1, tau=1.01)),
    "CubaLIF without its weight": (
        CUBA, 1.0, current_based(CUBA, 1.0, w_gain=1 - math.exp(-1 / 5))
    ),
    "CubaLIF without a synapse": (CUBA, 1.0, current_based(CUBA, 1.0, b=0.0)),
    "CubaLIF by Euler's method, undeclared": (
        CUBA, 0.5, current_based(CUBA, 0.5, a=1 - 0.025, b=0.9)
    ),
    "CubaLIF with its time constants exchanged": (
        CUBA, 1.0, current_based(dataclasses.replace(CUBA, tau_ms=5, tau_syn_ms=20), 1.0)
    ),
    "adaptive without adaptation": (ALIF, 0.5, adaptive(ALIF, 0.5, b=0.0)),
    "adaptive by Euler's method, undeclared": (ALIF, 1.0, adaptive(ALIF, 1.0, a=0.95)),
    "adaptive with another tau_w": (ALIF, 0.5, adaptive(ALIF, 0.5, tau_w_ms=80)),
    "soft reset that keeps a part": (SOFT, 0.1, soft_lif(SOFT, 0.1, keep=0.9)),
    "soft reset driven by impulses, undeclared": (SOFT, 1.0, soft_lif(SOFT, 1.0, gain=0.2)),
}  # fmt: skip


def checked(params, dt_ms, layer, claims=None, membrane=True, checks=None):
    shown = SEEN if membrane else {"membrane": "none"}
    capabilities = Capabilities(**shown, **(claims or {}))
    adapter = as_adapter(layer, params=params, dt_ms=dt_ms, capabilities=capabilities)
    return check_lif(adapter, dt_ms=dt_ms, checks=checks, on_fail=None, explain=False)


# --- verdicts ------------------------------------------------------------------------------------


@pytest.mark.sweep(4)
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_layer_of_any_family_passes(name):
    params, dt_ms, layer, claims = RIGHT[name]
    report = checked(params, dt_ms, layer, claims)
    assert [r for r in report.results if r.status not in ("passed", "skipped")] == []
    assert report.count("passed") >= (11 if name == "LI" else 13)
    family = "LIF" if isinstance(params, LIFParameters) else layer.__name__
    assert report.behaves_like.startswith(family.replace("ALIF", "adaptive LIF"))
    assert report.behaves_like.endswith("impulses") == ("impulses" in name)
    assert ("the step before" in report.behaves_like) == name.endswith("late")


@pytest.mark.sweep(2)
@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("membrane", [True, False])
def test_a_wrong_layer_fails(name, membrane):
    params, dt_ms, layer = WRONG[name]
    names = ["first_spike", "frozen_noise", "as_declared", "subthreshold_membrane"]
    report = checked(params, dt_ms, layer, membrane=membrane, checks=names)
    failed = {r.check for r in report.results if r.status == "failed"}
    assert "frozen_noise" in failed
    assert not report.ok
    assert report.behaves_like == ""
    if params is not LEAKS:
        assert "as_declared" in failed
        assert any("Hz neuron fires at" in r.effect for r in report.results)


OWN = ["determinism", "first_spike", "subthreshold_membrane", "silence", "state_reset"]


@pytest.mark.sweep(2)
@pytest.mark.parametrize("params", [COUNTS, LEAKS, CUBA, ALIF, SOFT])
def test_our_event_driven_engine_passes_as_every_family(params):
    engine = ENTRIES["closed-form"].load()
    report = check_lif(engine, params=params, dt_ms=0.5, checks=OWN, on_fail=None)
    assert [r for r in report.results if r.status not in ("passed", "skipped")] == []
    assert report.count("passed") == (3 if params is LEAKS else 5)
    assert Report.from_json(report.to_json()).params == report.params


@pytest.mark.slow
@pytest.mark.sweep(4)
@pytest.mark.parametrize("params", [COUNTS, LEAKS, CUBA, ALIF])
def test_simulate_passes_every_check_as_every_family(params):
    report = check_lif(ENTRIES["exact"].load(), params=params, dt_ms=0.5)
    assert report.ok
    assert report.count("passed") >= 9


@pytest.mark.parametrize(
    ("name", "follows"),
    [
        ("lava-float", "CubaLIF, the synapse, then the membrane"),
        ("snntorch-synaptic", "CubaLIF, the synapse, then the membrane"),
        ("norse-synaptic", "CubaLIF, the synapse, then the membrane, forward Euler"),
        ("nest-exp-synaptic", "CubaLIF, both variables by the exact flow between impulses"),
        ("nengo-adaptive", ""),
        ("spikingjelly-if", "IF, exact at the ends of the steps"),
        ("sinabs-iaf", "IF, exact at the ends of the steps"),
        ("sinabs-expleak", "LI, exact at the ends of the steps"),
    ],
)
def test_a_framework_has_the_family_that_it_declares(name, follows):
    if missing := ENTRIES[name].missing():
        pytest.skip(f"{' and '.join(missing)} not installed")
    names = [*OWN, "frozen_noise", "as_declared", "other_neuron"]
    report = check_lif(ENTRIES[name].load(), dt_ms=0.5, checks=names, on_fail=None)
    assert [r for r in report.results if r.status not in ("passed", "skipped")] == []
    assert report.count("passed") >= 6
    assert report.behaves_like == follows
    if follows:
        assert report.capabilities.families[-1] == follows.partition(",")[0]


# --- what checks need ----------------------------------------------------------------------------


def test_a_check_whose_need_is_not_met_is_skipped_with_that_reason():
    asked = {name: getattr(check, "needs", ()) for name, check in CHECKS.items()}
    assert set().union(*asked.values()) == set(NEEDS)
    report = checked(LEAKS, 0.1, leaky_integrator(LEAKS, 0.1))
    for result in report.results:
        if "a spike" in asked[result.check]:
            assert (result.status, result.reason) == ("skipped", "it needs a neuron that fires")
    reasons = {r.check: r.reason for r in checked(SOFT, 1.0, soft_lif(SOFT, 1.0)).results}
    assert "forgets what was before" in reasons["reset_overshoot"]
    params, dt_ms, layer, claims = RIGHT["soft-impulses"]
    params = dataclasses.replace(params, reset="value")
    reasons = {r.check: r.reason for r in checked(params, dt_ms, layer, claims).results}
    assert "not impulses" in reasons["spike_intervals"]


def test_a_family_that_is_not_declared_is_refused():
    with pytest.raises(InputError, match=r"nest-exp has no CubaLIF|needs nest-simulator"):
        check_lif(ENTRIES["nest-exp"].load(), params=CUBA)
    with pytest.raises(InputError, match="has no CubaLIF: it declares LIF"):
        check_lif(ENTRIES["brian2-stock"].load(), params=CUBA)
    with pytest.raises(InputError, match="must be LIFParameters, IFParameters"):
        check_lif(lambda x: x, params="CubaLIF")
    with pytest.raises(InputError, match="must be a tuple of some of 'LIF', 'IF'"):
        Capabilities(families=("Izhikevich",))


# --- the oracles ---------------------------------------------------------------------------------


@pytest.mark.parametrize("params", [COUNTS, LEAKS, CUBA, QUICK, ALIF, SOFT])
def test_the_grid_oracles_come_to_the_event_driven_solution(params):
    dt, current = 0.02, np.full((2000, 1), 12.0 if params is ALIF else 4.0)
    right = solve(params, current[:, 0], dt_ms=dt)
    for trace in (exact_on_grid(params, dt, current), step(grid_oracle(params, dt), current)):
        V = trace.membrane if hasattr(trace, "membrane") else trace.V
        spikes = np.flatnonzero(trace.raster if hasattr(trace, "raster") else trace.spikes)
        expected = right.spike_times_ms[0]
        assert abs(len(spikes) - len(expected)) <= 0.05 * len(expected)
        if len(expected):
            assert len(expected) > 1
            both = min(len(spikes), len(expected))
            # Every spike is up to a step late, and so are all after it.
            late = (spikes[:both] + 1) * dt - expected[:both]
            assert np.abs(late).max() < 0.02 * len(expected) + 0.1
        else:
            assert np.abs(V - right.membrane).max() < 1e-9
