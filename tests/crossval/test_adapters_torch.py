"""Each PyTorch framework runs its own neuron, and it is eq. 1 as far as the adapter says."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from bio_scnn.crossval.adapters import ENTRIES
from bio_scnn.crossval.protocol import CannotRepresent, Capabilities, Setup
from bio_scnn.crossval.suite import ConformanceError, check_lif
from bio_scnn.neuron.closed_form import current_for_rate, first_spike_ms
from bio_scnn.neuron.events import exact_trace
from bio_scnn.neuron.parameters import TABLE_1

pytestmark = pytest.mark.peer

NAMES = ("snntorch", "norse", "norse-refractory", "spikingjelly", "sinabs", "rockpool")
WITH_RESET_VALUE = ("norse", "norse-refractory", "spikingjelly")
RATES_HZ = np.array([97.0, 123.0, 151.0, 187.0])  # off the ties with every grid used here
# Rounding of V below threshold: some hundred steps, each of about one unit in the last place.
ROUNDING = {"float64": 1e-13, "float32": 1e-5}


def load(name):
    entry = ENTRIES[name]
    if missing := entry.missing():
        pytest.skip(f"{missing} not installed {entry.apart}")
    return entry.load()


def neuron_of(adapter, **changes):
    none = adapter.capabilities.refractory == "none"
    return replace(TABLE_1, **({"t_ref_ms": 0.0} if none else {}), **changes)


def steps_to_threshold(params, current, dt_ms, claims, V):
    """Steps from V to the threshold, from the closed form of the update; none of it is run."""
    h, V_inf = dt_ms / params.tau_ms, params.R * current
    rate = h if claims.integrator == "exact" else -np.log1p(-h)
    return np.ceil(np.log((V_inf - V) / (V_inf - params.V_th)) / rate)


def on_grid(params, current, dt_ms, claims, spikes=40):
    """Spike times, ms, by arithmetic from spike to spike."""
    V, steps, times = params.V_reset, 0.0, []
    decay = np.exp(-dt_ms / params.tau_ms)
    for _ in range(spikes):
        n = steps_to_threshold(params, current, dt_ms, claims, V)
        times.append((steps + n) * dt_ms)
        steps += n + round(params.t_ref_ms / dt_ms)
        if claims.reset == "subtract":
            V_inf = params.R * current
            V = V_inf + (V - V_inf) * decay**n - (params.V_th - params.V_reset)
    return np.array(times)


@pytest.mark.sweep(3)
@pytest.mark.parametrize("dt_ms", [0.1, 0.25, 1.0])
@pytest.mark.parametrize("name", NAMES)
def test_spikes_come_when_the_arithmetic_of_the_grid_says(name, dt_ms):
    adapter = load(name)
    claims, params = adapter.capabilities, neuron_of(adapter)
    current = current_for_rate(RATES_HZ)
    held = np.tile(current, (round(100 / dt_ms), 1))
    for dtype in claims.dtypes:
        adapter.build(Setup(params, len(current), dt_ms, dtype))
        trace = adapter.run(held)
        for I, train in zip(current, trace.spike_times_ms, strict=True):  # noqa: E741
            expected = on_grid(params, I, dt_ms, claims)
            expected = expected[expected <= 100 + 1e-9]
            assert len(train) == len(expected) > 8
            assert train == pytest.approx(expected, abs=1e-9)
    assert adapter.versions()
    assert all(adapter.versions().values())


@pytest.mark.parametrize("name", NAMES)
def test_intervals_are_at_most_a_step_longer_than_those_of_eq_1(name):
    adapter, dt_ms = load(name), 0.1
    params = neuron_of(adapter)
    current = current_for_rate(np.linspace(61.3, 219.7, 40))
    isi = first_spike_ms(current, params) + params.t_ref_ms
    adapter.build(Setup(params, 40, dt_ms, adapter.capabilities.dtypes[0]))
    trace = adapter.run(np.tile(current, (2000, 1)))
    early = np.full(40, 1e-6)
    if adapter.capabilities.integrator == "forward Euler":
        # Its V leads by RI (h/2) (t/tau) exp(-t/tau): the crossing comes dt t_1/(2 tau) early.
        early = 1.05 * dt_ms * first_spike_ms(current, params) / (2 * params.tau_ms)
    if adapter.capabilities.reset == "subtract":
        early = np.full(40, dt_ms)  # the overshoot of less than a step is not lost
    for train, P, gain in zip(trace.spike_times_ms, isi, early, strict=True):
        assert len(train) > 10
        assert np.all(np.diff(train) >= P - gain)
        assert np.all(np.diff(train) <= P + dt_ms + 1e-6)


@pytest.mark.parametrize("dt_ms", [0.1, 1.0])
@pytest.mark.parametrize("name", NAMES)
def test_the_membrane_is_the_closed_form_of_its_integrator(name, dt_ms):
    adapter = load(name)
    claims, params = adapter.capabilities, neuron_of(adapter)
    current = current_for_rate(RATES_HZ)
    n = np.arange(1, int(first_spike_ms(current, params).min() / dt_ms) - 1)[:, None]
    h = dt_ms / params.tau_ms
    decayed = np.exp(-n * h) if claims.integrator == "exact" else (1 - h) ** n
    for dtype in claims.dtypes:
        adapter.build(Setup(params, len(current), dt_ms, dtype))
        V = adapter.run(np.tile(current, (len(n), 1))).membrane
        assert V == pytest.approx(params.R * current * (1 - decayed), abs=ROUNDING[dtype])
        if claims.integrator == "forward Euler":  # and it is Euler's, not a better one
            lead = V - params.R * current * (1 - np.exp(-n * h))
            leading_term = params.R * current * h / 2 * (n * h) * np.exp(-n * h)
            assert lead == pytest.approx(leading_term, rel=0.03, abs=2 * ROUNDING[dtype])


@pytest.mark.parametrize("name", [n for n in NAMES if not n.startswith("norse")])
def test_the_membrane_under_noise_is_the_exact_one(name):
    adapter = load(name)
    params, dtype = neuron_of(adapter), adapter.capabilities.dtypes[0]
    rng = np.random.default_rng(0)
    current = rng.uniform(-3, 1.8, (500, 5))
    adapter.build(Setup(params, 5, 0.1, dtype))
    trace, exact = adapter.run(current), exact_trace(current, 0.1, params)
    assert trace.membrane == pytest.approx(exact.membrane, abs=ROUNDING[dtype])
    assert not any(train.size for train in trace.spike_times_ms)


@pytest.mark.parametrize("name", NAMES)
def test_what_the_membrane_shows_at_a_spike(name):
    adapter = load(name)
    params = neuron_of(adapter)
    adapter.build(Setup(params, 1, 0.1, adapter.capabilities.dtypes[0]))
    trace = adapter.run(np.full((600, 1), 12.3))
    at_spike = np.round(trace.spike_times_ms[0] / 0.1).astype(int) - 1
    assert at_spike.size > 5
    V = trace.membrane[at_spike, 0]
    if adapter.capabilities.membrane == "before reset":
        assert np.all(V >= params.V_th)
    elif adapter.capabilities.reset == "value":
        assert np.all(V == params.V_reset)
    else:
        assert np.all((V >= 0) & (V < 0.2))  # what it was above the threshold


@pytest.mark.parametrize("name", NAMES)
def test_its_own_reset_restores_it(name):
    adapter = load(name)
    adapter.build(Setup(neuron_of(adapter), 3, 0.1, adapter.capabilities.dtypes[0]))
    current = np.tile([5.0, 9.0, 13.0], (400, 1))
    first, carried_on = adapter.run(current).membrane, adapter.run(current).membrane
    assert not np.array_equal(first, carried_on)
    adapter.reset()
    assert np.array_equal(first, adapter.run(current).membrane)


@pytest.mark.parametrize("name", WITH_RESET_VALUE)
@pytest.mark.parametrize("V_reset", [-0.5, 0.25])
def test_a_reset_potential_of_its_own(name, V_reset):
    adapter = load(name)
    claims, params = adapter.capabilities, neuron_of(adapter, V_reset=V_reset, V_th=1.3)
    current = np.array([5.1, 9.3, 17.7])
    adapter.build(Setup(params, 3, 0.1))
    trace = adapter.run(np.tile(current, (1500, 1)))
    for I, train in zip(current, trace.spike_times_ms, strict=True):  # noqa: E741
        expected = on_grid(params, I, 0.1, claims)
        assert train == pytest.approx(expected[: len(train)], abs=1e-9)
        assert len(train) >= 4
    # It rests at 0, not at V_reset.
    adapter.build(Setup(params, 1, 0.1))
    at_rest = adapter.run(np.zeros((1000, 1))).membrane[:, 0]
    assert at_rest[-1] == pytest.approx(V_reset * np.exp(-100 / 40), rel=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_what_it_cannot_represent_is_refused(name):
    adapter = load(name)
    params = neuron_of(adapter)
    assert adapter.cannot
    refused = []
    if adapter.capabilities.refractory == "none":
        refused.append(replace(params, t_ref_ms=1.0))
    else:
        refused.append(replace(params, t_ref_ms=0.25))
    if name not in WITH_RESET_VALUE:
        refused.append(replace(params, V_reset=-0.5))
    for other in refused:
        with pytest.raises(CannotRepresent):
            adapter.build(Setup(other, dtype=adapter.capabilities.dtypes[0]))


@pytest.mark.parametrize("t_ref_ms", [0.0, 0.1, 0.3, 0.7, 1.1, 5.0])  # 1.1/0.1 is above 11
def test_norse_counts_the_steps_of_its_refractory_period(t_ref_ms):
    adapter = load("norse-refractory")
    params = replace(TABLE_1, t_ref_ms=t_ref_ms, rate_max_hz=150.0)
    adapter.build(Setup(params, 1, 0.1))
    trace = adapter.run(np.full((2000, 1), 14.3))
    charging = 0.1 * steps_to_threshold(params, 14.3, 0.1, adapter.capabilities, 0.0)
    intervals = np.diff(trace.spike_times_ms[0])
    assert intervals.size > 10
    assert intervals - charging == pytest.approx(t_ref_ms, abs=1e-9)
    after = round(trace.spike_times_ms[0][0] / 0.1)
    held = trace.membrane[after : after + round(t_ref_ms / 0.1) + 1, 0]
    assert np.all(held[:-1] == params.V_reset)
    assert held[-1] > params.V_reset


def test_sinabs_adds_its_reset_value_in_every_step():
    load("sinabs")
    import torch
    from sinabs.activation import MembraneReset

    state = {"v_mem": torch.tensor([0.3, 1.2])}
    after = MembraneReset(-0.5)(torch.tensor([0.0, 1.0]), state, 1.0)["v_mem"]
    assert after.tolist() == pytest.approx([-0.2, -0.5])  # 0.3 was meant to stay


@pytest.mark.sweep(2)
@pytest.mark.parametrize("dt_ms", [1.0, pytest.param(0.1, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("name", NAMES)
def test_every_check_ends_as_declared(name, dt_ms):
    report = check_lif(load(name), dt_ms=dt_ms, on_fail=None, explain=False)
    unexpected = {r.check: r.status for r in report.results if r.status in ("failed", "error")}
    assert not unexpected
    assert report.count("xpass") == 0
    assert report.count("passed") >= 10


@pytest.mark.sweep(2)
@pytest.mark.parametrize(
    ("name", "claim", "check"),
    [
        ("norse", {"integrator": "exact"}, "subthreshold_membrane"),
        ("snntorch", {"fires_at_threshold": True}, "threshold_equality"),
        ("rockpool", {"reset": "value"}, "reset_overshoot"),
        ("norse-refractory", {"integrator": "backward Euler"}, "as_declared"),
        ("spikingjelly", {"integrator": "forward Euler"}, "as_declared"),
    ],
)
def test_a_false_declaration_is_found_out(name, claim, check):
    adapter = load(name)
    adapter.capabilities = replace(adapter.capabilities, **claim)
    with pytest.raises(ConformanceError, match=check):
        check_lif(adapter, checks=[check], explain=False)


def test_a_wrong_decay_is_found_out():
    pytest.importorskip("snntorch")
    adapter = load("snntorch")
    build = adapter.build

    def euler_decay_with_exact_gain(setup):
        build(setup)
        adapter.layer.beta.fill_(1 - setup.dt_ms / setup.params.tau_ms)

    adapter.build = euler_decay_with_exact_gain
    with pytest.raises(ConformanceError, match="subthreshold_membrane"):
        check_lif(adapter, checks=["subthreshold_membrane"], explain=False)


def test_the_arithmetic_tells_neurons_apart():
    """The oracle of these tests is not so lax that any neuron passes."""
    params = replace(TABLE_1, t_ref_ms=0.0)
    current = float(current_for_rate(97.0))
    exact = on_grid(params, current, 1.0, Capabilities())
    subtracting = on_grid(params, current, 1.0, Capabilities(reset="subtract"))
    refractory = on_grid(TABLE_1, current, 1.0, Capabilities())
    euler = SimpleNamespace(integrator="forward Euler", reset="value")
    other = on_grid(params, float(current_for_rate(99.0)), 0.1, euler)
    assert not np.allclose(exact, subtracting)
    assert not np.allclose(exact, refractory)
    assert not np.allclose(
        other, on_grid(params, float(current_for_rate(99.0)), 0.1, Capabilities())
    )
