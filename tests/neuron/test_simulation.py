"""The Brian2 reference against the closed form, an event-driven solver and the on-grid oracle."""

import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from scipy.optimize import brentq

from bio_scnn.errors import InputError
from bio_scnn.neuron import _brian2 as codegen
from bio_scnn.neuron import simulation as lif
from bio_scnn.neuron.closed_form import (
    current_for_rate,
    firing_rate,
    first_spike_ms,
    membrane,
    rheobase,
    spike_count,
    spike_times,
)
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters
from bio_scnn.neuron.simulation import simulate

TOLERANCE_MS = 1e-9  # 1e-12 s
NEEDS_COMPILER = pytest.mark.skipif(
    shutil.which(os.environ.get("CC", "cc").split()[0]) is None, reason="no C compiler"
)
TARGETS = pytest.mark.parametrize(
    "target", ["numpy", pytest.param("cython", marks=[NEEDS_COMPILER, pytest.mark.slow])]
)
BAND = np.linspace(current_for_rate(100.0), current_for_rate(200.0), 10_000)
OTHER = LIFParameters(
    V_th=0.7,
    V_reset=-0.4,
    t_ref_ms=2.0,
    tau_ms=13.0,
    C_ms=30.0,
    rate_max_hz=300.0,
    tau_syn_ms=5.0,
    tau_noise_ms=3.0,
)


# --- exact mode, constant currents ------------------------------------------------------------


def compare_with_closed_form(currents, recording, params):
    """Mismatched counts, largest time error in s and largest relative rate error."""
    latency = first_spike_ms(currents, params)
    isi = latency + params.t_ref_ms
    count = spike_count(currents, recording.duration_ms, params)
    with np.errstate(invalid="ignore"):
        last = latency + (recording.count - 1) * isi
    fired = recording.count > 0
    time_error = max(
        np.max(np.abs(recording.first_spike_ms - latency)[fired], initial=0.0),
        np.max(np.abs(recording.last_spike_ms - last)[fired], initial=0.0),
    )
    for neuron, train in zip(recording.record, recording.spike_trains_ms, strict=True):
        expected = spike_times(currents[neuron], recording.duration_ms, params)
        if len(train) == len(expected):  # otherwise the counts already tell
            time_error = max(time_error, np.max(np.abs(train - expected), initial=0.0))
    several = recording.count > 1
    rate_error = np.abs(recording.rate_hz() / firing_rate(currents, params) - 1)[several]
    assert several.mean() > 0.9, "most neurons must have fired"
    return np.sum(recording.count != count), 1e-3 * time_error, np.max(rate_error)


@TARGETS
@pytest.mark.parametrize("dt_ms", [0.1, 0.25, 0.5, 1.0, 1.6, 2.5, 5.0])
def test_constant_currents_are_exact(dt_ms, target):
    # No neuron of the band comes closer to a spike at exactly 1000 ms than rounding can move
    # it, so the counts leave nothing to decide.
    isi = 1e3 / firing_rate(BAND)
    phase = (1000.0 - first_spike_ms(BAND)) / isi
    assert np.min(np.abs(phase - np.round(phase))) > 1e-6

    recording = simulate(
        BAND, duration_ms=1000, dt_ms=dt_ms, record=range(0, 10_000, 500), target=target
    )
    mismatches, time_error_s, rate_error = compare_with_closed_form(BAND, recording, TABLE_1)
    print(f"dt {dt_ms} ms {target}: {mismatches=} {time_error_s=:.2e} {rate_error=:.2e}")
    assert mismatches == 0
    assert time_error_s <= 1e-12
    assert rate_error <= 1e-12
    assert recording.total_spikes == recording.count.sum() > 1_000_000


@pytest.mark.parametrize("dt_ms", [0.5, 2.0])
def test_other_parameters_are_exact(dt_ms):
    currents = np.linspace(rheobase(OTHER) * 1.01, 5e3, 1000)
    recording = simulate(currents, OTHER, duration_ms=500, dt_ms=dt_ms, record=range(0, 1000, 50))
    error = compare_with_closed_form(currents, recording, OTHER)
    assert error[0] == 0, error
    assert error[1] <= 1e-12, error
    assert error[2] <= 1e-12, error


@pytest.mark.parametrize("steps", [230, 150, 70])
def test_long_steps_are_exact_with_other_parameters(steps):
    # Longer than t_ref, no multiple of it, and up to nearly the fastest neuron's interval.
    currents = np.linspace(1.01, 4, 1000) * rheobase(OTHER)
    dt_ms = 500 / steps
    assert OTHER.t_ref_ms < dt_ms < OTHER.t_ref_ms + first_spike_ms(currents[-1], OTHER) < 7.5
    recording = simulate(currents, OTHER, duration_ms=500, dt_ms=dt_ms, record=range(0, 1000, 50))
    # Neurons that are released in the step of their spike, and in the next.
    inside = np.concatenate(recording.spike_trains_ms) % dt_ms
    assert np.mean(inside + OTHER.t_ref_ms < dt_ms) > 0.05
    assert np.mean(inside + OTHER.t_ref_ms > dt_ms) > 0.25
    error = compare_with_closed_form(currents, recording, OTHER)
    assert error[0] == 0, error
    assert error[1] <= 1e-12, error
    assert error[2] <= 1e-12, error


def test_a_step_longer_than_an_interval_is_refused():
    fast, slow = current_for_rate([200.0, 100.0])
    assert simulate([slow], duration_ms=50, dt_ms=10).count.tolist() == [5]
    for keywords, says in (
        ({}, "must not exceed the shortest interval between spikes (5 ms)"),
        ({"noise_std": 0.1}, "must not exceed t_ref_ms (=1 ms) in exact mode where the drive"),
        ({"synaptic_events": np.ones((5, 2))}, "in exact mode where the drive may change"),
        ({"current": [[fast, slow]] * 5}, "in exact mode where the drive may change"),
        ({"mode": "stock"}, "t_ref_ms (=1 ms) must be a whole multiple of dt_ms (=10 ms)"),
    ):
        with pytest.raises(InputError) as error:
            simulate(**{"current": [fast, slow], "duration_ms": 50, "dt_ms": 10, **keywords})
        assert says in str(error.value)


def test_near_rheobase_the_error_grows_with_the_conditioning():
    # The crossing is read off a V that rises with slope (RI - V_th)/tau, so that a rounding of V
    # moves the spike by as much more: about 1e-16 tau / (relative distance to rheobase).
    distance = np.array([1e-2, 1e-4, 1e-6])
    currents = rheobase() * (1 + distance)
    recording = simulate(currents, duration_ms=700)
    assert np.all(recording.count >= 1)
    error = np.abs(recording.first_spike_ms - first_spike_ms(currents))
    assert np.all(error <= 20 * 1e-16 * 40 / distance), error


def test_a_neuron_off_by_one_step_fails_the_comparison():
    """The comparison is sharp enough to see a refractory period one step short."""
    short = LIFParameters(t_ref_ms=TABLE_1.t_ref_ms - 0.1)
    recording = simulate(BAND[::100], short, duration_ms=1000, dt_ms=0.1)
    mismatches, time_error_s, rate_error = compare_with_closed_form(
        BAND[::100], recording, TABLE_1
    )
    assert mismatches > 50
    assert time_error_s > 1e-3
    assert rate_error > 5e-3


def test_a_spike_on_a_grid_point_is_found_once():
    # 100 and 200 Hz put their spikes at 9, 19, ... and 4, 9, ... ms, on the grid to rounding.
    currents = current_for_rate(np.array([100.0, 200.0, 125.0]))
    for dt_ms in (0.1, 0.25, 0.5, 1.0):
        recording = simulate(currents, duration_ms=102, dt_ms=dt_ms, record=[0, 1, 2])
        assert recording.count.tolist() == [10, 20, 12]
        np.testing.assert_allclose(
            recording.spike_trains_ms[0], np.arange(9, 100, 10), atol=TOLERANCE_MS
        )
        assert recording.rate_hz("count") == pytest.approx(recording.count / 0.102)


def test_two_spikes_give_the_rate_and_fewer_are_told_apart():
    recording = simulate([1.0, current_for_rate(30.0), BAND[0], BAND[-1]], duration_ms=35)
    assert recording.count.tolist() == [0, 1, 3, 7]
    rate = recording.rate_hz()
    assert rate[0] == 0
    assert np.isnan(rate[1])
    np.testing.assert_allclose(rate[2:], [100.0, 200.0], rtol=1e-13)
    assert np.isnan(recording.first_spike_ms[0])
    assert np.isnan(recording.last_spike_ms[0])


@pytest.mark.parametrize("dt_ms", [0.25, 1.0, 2.4])
@pytest.mark.parametrize("params", [TABLE_1, OTHER], ids=["table1", "other"])
def test_membrane_overlays_the_closed_form(params, dt_ms):
    currents = np.array([0.5, 1.3, 2.2, 2.7]) * rheobase(params) * 2
    recording = simulate(currents, params, duration_ms=60, dt_ms=dt_ms, record=[3, 1, 0, 2])
    order = list(recording.record)
    V = membrane(recording.t_ms, currents[order][:, None], params)
    clear = np.ones(V.shape, bool)
    refractory = np.zeros(V.shape, bool)
    for row, neuron in enumerate(order):
        for spike in spike_times(currents[neuron], 60, params):
            t = recording.t_ms
            # On a spike to rounding, V_th and V_reset are both right; not so at a release.
            clear[row] &= np.abs(t - spike) > TOLERANCE_MS
            refractory[row] |= (t > spike) & (t < spike + params.t_ref_ms)
    assert clear.mean() > 0.9
    assert refractory.sum() > 3
    assert np.all(recording.membrane[clear & refractory] == params.V_reset)
    assert np.max(np.abs(recording.membrane - V)[clear]) < 1e-12
    assert np.all(recording.current == currents[order][:, None])
    assert recording.t_ms[-1] == 60


# --- exact mode, currents that step ------------------------------------------------------------


def event_driven(current, dt_ms, params):
    """Spike times, ms, of one neuron: from event to event, blind to the grid in between."""
    V, free_from, spikes = params.V_reset, 0.0, []
    for step, I in enumerate(current):  # noqa: E741 - the symbol of eq. 1
        now, end = step * dt_ms, (step + 1) * dt_ms
        while free_from < end:
            now = max(now, free_from)
            V_inf = params.R * I
            if V_inf > params.V_th:
                crossing = now + params.tau_ms * np.log((V_inf - V) / (V_inf - params.V_th))
                if crossing <= end:
                    spikes.append(crossing)
                    V, free_from = params.V_reset, crossing + params.t_ref_ms
                    continue
            V = V_inf + (V - V_inf) * np.exp(-(end - now) / params.tau_ms)
            break
    return np.array(spikes)


@TARGETS
@pytest.mark.parametrize(("params", "dt_ms"), [(TABLE_1, 0.1), (TABLE_1, 1.0), (OTHER, 0.5)])
def test_currents_that_step_are_exact(params, dt_ms, target):
    rng = np.random.default_rng(3)
    steps, neurons = round(200 / dt_ms), 60
    # Half of the neurons get a new current at every step, half at random grid times; with
    # refractory periods of 1 to 10 steps, many changes fall inside one.
    current = rng.uniform(-10, 60, (steps, neurons))
    for neuron in range(0, neurons, 2):
        change = rng.random(steps) < 0.05
        change[0] = True
        current[:, neuron] = current[np.maximum.accumulate(np.where(change, range(steps), 0)), 0]
        current[:, neuron] = (
            rng.permutation(current[:, neuron])
            if neuron % 4
            else current[np.maximum.accumulate(np.where(change, range(steps), 0)), neuron + 1]
        )
    recording = simulate(
        current, params, duration_ms=200, dt_ms=dt_ms, record=range(neurons), target=target
    )
    worst, inside = 0.0, 0
    for neuron, train in enumerate(recording.spike_trains_ms):
        expected = event_driven(current[:, neuron], dt_ms, params)
        assert len(train) == recording.count[neuron] == len(expected), neuron
        worst = max(worst, np.max(np.abs(train - expected), initial=0.0))
        changes = dt_ms * (1 + np.flatnonzero(np.diff(current[:, neuron])))
        since = changes - expected[np.maximum(np.searchsorted(expected, changes) - 1, 0)]
        inside += np.sum((since > 0) & (since < params.t_ref_ms))
    assert inside > 100, "no current stepped inside a refractory period"
    assert np.mean(recording.count > 5) > 0.9
    assert worst <= TOLERANCE_MS, worst


# --- stock mode --------------------------------------------------------------------------------


@TARGETS
@pytest.mark.parametrize("dt_ms", [0.1, 0.25, 0.5, 1.0])
def test_stock_mode_matches_the_on_grid_oracle(dt_ms, target):
    recording = simulate(BAND, duration_ms=1000, dt_ms=dt_ms, mode="stock", target=target)
    steps, refractory = round(1000 / dt_ms), round(TABLE_1.t_ref_ms / dt_ms)

    def oracle(first):
        return np.where(first > steps, 0, 1 + (steps - first) // (first + refractory - 1))

    # At the two ends of the band, 100 and 200 Hz, V meets the threshold on a grid point and
    # rounding alone decides in which step V > V_th. So the formula is compared off the ties, and
    # a recursion that rounds as Brian2's update does is compared everywhere.
    exact = first_spike_ms(BAND) / dt_ms
    tie = np.abs(exact - np.round(exact)) < 1e-9
    assert tie.sum() == 2
    assert np.sum((recording.count != oracle(np.ceil(exact)))[~tie]) == 0

    V, first, step = np.zeros_like(BAND), np.zeros(BAND.shape, int), 0
    decay = np.exp(-dt_ms / (TABLE_1.C_ms * TABLE_1.R))
    while np.any(first == 0):
        step += 1
        V = BAND * TABLE_1.R - BAND * TABLE_1.R * decay + V * decay
        first[np.greater(V, TABLE_1.V_th) & (first == 0)] = step
    assert np.sum(recording.count != oracle(first)) == 0
    # And it is not exact: that is what the exact mode is for.
    off = np.max(np.abs(recording.rate_hz() / firing_rate(BAND) - 1))
    assert off > 5e-3, off


# --- synaptic drive ----------------------------------------------------------------------------


def synaptic_solution(current, events, dt_ms, params):
    """Spike times of one neuron with an exponential synapse: sampled finely, then bisected."""
    tau, tau_syn, R = params.tau_ms, params.tau_syn_ms, params.R
    V, I_syn, free_from, spikes = params.V_reset, 0.0, 0.0, []
    for step, increment in enumerate(events):
        begin, end = step * dt_ms, (step + 1) * dt_ms
        I_syn += increment
        now = begin
        while free_from < end:
            now = max(now, free_from)
            I_now = I_syn * np.exp(-(now - begin) / tau_syn)
            drive = R * I_now * tau_syn / (tau_syn - tau)

            def above(s, V=V, drive=drive):
                slow, fast = np.exp(-s / tau_syn), np.exp(-s / tau)
                V_inf = R * current
                return V_inf + (V - V_inf) * fast + drive * (slow - fast) - params.V_th

            s = np.linspace(0, end - now, 401)
            hits = np.flatnonzero(above(s) >= 0)
            if hits.size and hits[0] > 0:
                root = brentq(above, s[hits[0] - 1], s[hits[0]], xtol=1e-14, rtol=1e-15)
                now += root
                spikes.append(now)
                V, free_from = params.V_reset, now + params.t_ref_ms
                continue
            V = above(end - now) + params.V_th
            break
        I_syn *= np.exp(-dt_ms / tau_syn)
    return np.array(spikes)


@TARGETS
@pytest.mark.parametrize(("params", "dt_ms"), [(TABLE_1, 1.0), (TABLE_1, 0.25), (OTHER, 2.0)])
def test_synaptic_drive_is_exact(params, dt_ms, target):
    rng = np.random.default_rng(5)
    steps, neurons = round(100 / dt_ms), 24
    happens = rng.random((steps, neurons)) < 0.3
    events = happens * rng.normal(2.0, 6.0, (steps, neurons))  # both signs
    current = rng.uniform(0, 6, neurons)
    recording = simulate(
        current,
        params,
        duration_ms=100,
        dt_ms=dt_ms,
        synaptic_events=events,
        record=range(neurons),
        target=target,
    )
    worst = 0.0
    for neuron, train in enumerate(recording.spike_trains_ms):
        expected = synaptic_solution(current[neuron], events[:, neuron], dt_ms, params)
        assert len(train) == len(expected), neuron
        worst = max(worst, np.max(np.abs(train - expected), initial=0.0))
    assert np.mean(recording.count > 1) > 0.6
    assert worst <= TOLERANCE_MS, worst


@TARGETS
def test_a_peak_inside_a_step_is_not_missed(target):
    # After one presynaptic spike V peaks at t_peak, where it equals R I_syn. Scaled to pass the
    # threshold by one part in 1e6, V is above it for 0.1 ms only.
    tau, tau_syn = TABLE_1.tau_ms, TABLE_1.tau_syn_ms
    t_peak = np.log(tau_syn / tau) / (1 / tau - 1 / tau_syn)
    peak = TABLE_1.R * np.exp(-t_peak / tau_syn)
    weight = TABLE_1.V_th / peak * np.array([1 + 1e-6, 1 - 1e-6, 1 + 1e-9])
    events = np.zeros((80, 3))
    events[0] = weight
    recording = simulate(
        np.zeros(3), duration_ms=80, synaptic_events=events, record=[0], target=target
    )
    V_end_of_step = recording.membrane[0]
    assert recording.count.tolist() == [1, 0, 1]
    assert np.max(V_end_of_step) < TABLE_1.V_th
    expected = synaptic_solution(0.0, events[:, 0], 1.0, TABLE_1)
    # The approach to a peak is flat, here 3e-5 per ms: a rounding of V moves the crossing by
    # 3e4 times as many ms.
    assert abs(recording.spike_trains_ms[0][0] - expected[0]) <= TOLERANCE_MS


def test_synaptic_current_decays_with_tau_syn():
    events = np.zeros((10, 1))
    events[2] = 3.0
    recording = simulate(np.ones(1), duration_ms=10, synaptic_events=events, record=[0])
    expected = 1 + 3 * np.exp(-(np.arange(10) - 2) / TABLE_1.tau_syn_ms) * (np.arange(10) >= 2)
    np.testing.assert_allclose(recording.current[0], expected, rtol=1e-14)


# --- noise -------------------------------------------------------------------------------------


def test_noise_has_the_stated_variance_and_correlation():
    neurons, steps, std = 4000, 60, 0.1
    recording = simulate(
        np.full(neurons, 5.0),
        duration_ms=steps,
        noise_std=std,
        seed=11,
        record=range(neurons),
    )
    x = (recording.current - 5.0) / std
    # Neurons are independent: an estimate from n of them has the standard error below.
    for lag in (0, 1, 10, 30):
        a, b = x[:, 20], x[:, 20 + lag]
        rho = np.exp(-lag / TABLE_1.tau_noise_ms)
        z = (np.mean(a * b) - rho) / np.sqrt((1 + rho**2) / neurons)
        assert abs(z) < 4, (lag, z)
    z_start = (np.mean(x[:, 0] ** 2) - 1) / np.sqrt(2 / neurons)
    z_mean = np.mean(x[:, -1]) * np.sqrt(neurons)
    assert abs(z_start) < 4, "stationary from the start"
    assert abs(z_mean) < 4


@TARGETS
def test_noise_is_reproducible_and_leaves_the_global_generator_alone(target):
    np.random.seed(1)  # noqa: NPY002 - the legacy state is what must not change
    state = np.random.get_state()[1].copy()  # noqa: NPY002 - as above
    keywords = {"duration_ms": 50, "noise_std": 2.0, "record": [1, 7], "target": target}
    one = simulate(BAND[:50], seed=4, **keywords)
    two = simulate(BAND[:50], seed=4, **keywords)
    other = simulate(BAND[:50], seed=5, **keywords)
    for field in ("count", "first_spike_ms", "last_spike_ms", "membrane", "current"):
        np.testing.assert_array_equal(getattr(one, field), getattr(two, field))
    assert not np.array_equal(one.first_spike_ms, other.first_spike_ms)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002 - as above
    # The noise itself does not depend on the target.
    numpy = simulate(BAND[:50], seed=4, **{**keywords, "target": "numpy"})
    np.testing.assert_array_equal(one.current, numpy.current)


def test_noisy_spikes_are_exact_given_the_noise():
    recording = simulate(BAND[::200], duration_ms=100, noise_std=3.0, seed=2, record=range(50))
    for train, current in zip(recording.spike_trains_ms, recording.current, strict=True):
        expected = event_driven(current, 1.0, TABLE_1)
        assert len(train) == len(expected)
        np.testing.assert_allclose(train, expected, atol=TOLERANCE_MS)


# --- batching, large runs, interruption ---------------------------------------------------------


def test_results_do_not_depend_on_batching(monkeypatch):
    whole = simulate(BAND[:1000], duration_ms=30, record=[999, 3, 500])
    parts = [simulate(BAND[start : start + 37], duration_ms=30) for start in range(0, 1000, 37)]
    monkeypatch.setattr(lif, "_CHUNK", 64)
    seen = []
    chunked = simulate(BAND[:1000], duration_ms=30, record=[999, 3, 500], progress=seen.append)
    for field in ("count", "first_spike_ms", "last_spike_ms"):
        expected = getattr(whole, field)
        np.testing.assert_array_equal(
            np.concatenate([getattr(part, field) for part in parts])[:1000], expected
        )
        np.testing.assert_array_equal(getattr(chunked, field), expected)
    np.testing.assert_array_equal(chunked.membrane, whole.membrane)
    for one, two in zip(chunked.spike_trains_ms, whole.spike_trains_ms, strict=True):
        np.testing.assert_array_equal(one, two)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_single_precision_currents_are_taken_as_they_are():
    single = BAND[:100].astype(np.float32)
    one = simulate(single, duration_ms=50)
    two = simulate(single.astype(float), duration_ms=50)
    np.testing.assert_array_equal(one.last_spike_ms, two.last_spike_ms)


@pytest.mark.skipif(
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN, reason="Ctrl-C is ignored, as under nohup"
)
def test_ctrl_c_propagates_and_the_next_run_is_whole():
    def interrupt(done):
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        simulate(BAND, duration_ms=2000, dt_ms=0.1, target="numpy", progress=interrupt)
    assert simulate(BAND[:1], duration_ms=25).count[0] == 2


def test_ctrl_c_stays_ignored():
    code = (
        "import signal\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from bio_scnn import current_for_rate, simulate\n"
        "done = simulate(current_for_rate([150.0]), duration_ms=25, target='numpy', "
        "progress=lambda done: signal.raise_signal(signal.SIGINT))\n"
        "assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN\n"
        "print(done.count[0])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == 3  # after 6.67, 13.33 and 20 ms


def test_brian2_settings_are_restored():
    brian2 = codegen.load_brian2()
    names = [
        "codegen.target",
        "codegen.runtime.cython.cache_dir",
        "codegen.cpp.extra_compile_args_gcc",
        "core.stop_on_keyboard_interrupt",
    ]
    before = [brian2.prefs[name] for name in names]
    simulate(BAND[:1], duration_ms=25)
    assert [brian2.prefs[name] for name in names] == before
    assert brian2.defaultclock.dt / brian2.ms == pytest.approx(0.1)


def test_brian2_is_imported_late_and_leaves_no_log(tmp_path):
    script = (
        "import sys, bio_scnn.neuron.simulation, bio_scnn\n"
        "assert 'brian2' not in sys.modules\n"
        "hook = sys.excepthook\n"
        "assert bio_scnn.neuron.simulation.simulate([10.0], duration_ms=25).count[0] == 2\n"
        "assert sys.excepthook is hook\n"
        "import os; os._exit(0)\n"  # no exit handler may be needed to clean up
    )
    subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        timeout=120,
    )
    assert list(tmp_path.iterdir()) == []


# --- code generation ----------------------------------------------------------------------------


def test_auto_starts_on_numpy(monkeypatch, tmp_path):
    monkeypatch.setenv("BIO_SCNN_CACHE", str(tmp_path))
    assert simulate(BAND, duration_ms=25).target == "numpy"
    assert list(tmp_path.iterdir()) == []


@NEEDS_COMPILER
@pytest.mark.slow
def test_cython_compiles_once_and_auto_then_uses_it(tmp_path):
    script = (
        "import sys, bio_scnn.neuron._brian2, bio_scnn.neuron.simulation\n"
        "bio_scnn.neuron._brian2.WORK_WORTH_LOADING = 100\n"
        "r = bio_scnn.neuron.simulation.simulate([10.0] * 9, duration_ms=25, target=sys.argv[1])\n"
        "assert r.count.tolist() == [2] * 9\n"
        "print(r.target)\n"
    )

    def run(target):
        command = [sys.executable, "-c", script, target]
        environment = {**os.environ, "BIO_SCNN_CACHE": str(tmp_path)}
        done = subprocess.run(
            command, check=True, env=environment, timeout=300, capture_output=True, text=True
        )
        return done.stdout.strip(), sorted(tmp_path.rglob("*.so"))

    assert run("auto") == ("numpy", [])
    target, compiled = run("cython")
    assert target == "cython"
    assert len(compiled) >= 5
    assert run("auto") == ("cython", compiled), "compiled again, or not found"


def test_no_compiler_is_one_line_or_a_warning(monkeypatch, tmp_path):
    monkeypatch.setenv("BIO_SCNN_CACHE", str(tmp_path))
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(InputError, match="'no-such-compiler' is not on the path") as error:
        simulate(BAND[:3], duration_ms=25, target="cython")
    assert "\n" not in str(error.value)
    monkeypatch.setattr(codegen, "WORK_WORTH_COMPILING", 1)
    with pytest.warns(RuntimeWarning, match="running slower on numpy"):
        assert simulate(BAND[:3], duration_ms=25).target == "numpy"


def test_unwritable_cache_is_named(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BIO_SCNN_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setenv("CC", sys.executable)
    with pytest.raises(InputError, match="BIO_SCNN_CACHE names another"):
        simulate(BAND[:3], duration_ms=25, target="cython")


def test_brian2_is_loaded_off_the_main_thread_and_leaves_signals_alone():
    """As in a worker of a cluster; the first to use it there are two at once."""
    script = (
        "import signal, threading, bio_scnn.neuron.simulation\n"
        "install, handler = signal.signal, signal.getsignal(signal.SIGINT)\n"
        "def work():\n"
        "    bio_scnn.neuron._brian2.load_brian2()\n"
        "    print(bio_scnn.neuron.simulation.simulate([10.0], duration_ms=25).count[0])\n"
        "load = bio_scnn.neuron._brian2.load_brian2\n"
        "threads = [threading.Thread(target=load) for _ in range(3)]\n"
        "threads.append(threading.Thread(target=work))\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
        "assert signal.signal is install and signal.getsignal(signal.SIGINT) is handler\n"
        "print(bio_scnn.neuron.simulation.simulate([10.0], duration_ms=25).count[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, timeout=120, capture_output=True, text=True
    )
    assert done.stdout.split() == ["2", "2"]
    assert done.stderr == ""


def test_brian2_is_loaded_beside_other_work():
    script = (
        "import sys, threading, bio_scnn.neuron._brian2 as codegen\n"
        "codegen.load_brian2_meanwhile()\n"
        "assert threading.active_count() == 2\n"
        "for thread in threading.enumerate()[1:]: thread.join()\n"
        "assert 'brian2' in sys.modules\n"
        "codegen.load_brian2_meanwhile()\n"
        "assert threading.active_count() == 1\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


def test_what_keeps_brian2_from_loading_is_left_to_who_needs_it(tmp_path):
    (tmp_path / "brian2.py").write_text("raise ImportError('out of order')")
    script = (
        "import sys, threading, bio_scnn.neuron._brian2 as codegen\n"
        "codegen.load_brian2_meanwhile()\n"
        "for thread in threading.enumerate()[1:]: thread.join()\n"
        "try: codegen.load_brian2()\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, timeout=120, capture_output=True, text=True,
        cwd=tmp_path,
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == ("out of order", "")


def test_a_wrong_canary_is_not_trusted(monkeypatch):
    def wrong(target):
        return "a small simulation gave the spike counts [0, 0, 0]" if target == "cython" else None

    monkeypatch.setattr(codegen, "why_no_cython", lambda: None)
    with pytest.raises(InputError, match="spike counts"):
        codegen.working_target("cython", 1, "model", wrong)
    with pytest.warns(RuntimeWarning, match="spike counts"):
        assert codegen.working_target("auto", 10**12, "model", wrong) == "numpy"


# --- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keywords", "says"),
    [
        ({"duration_ms": 25.5}, "duration_ms (=25.5 ms) must be a whole multiple of dt_ms"),
        ({"dt_ms": 0.3}, "t_ref_ms (=1 ms) must be a whole multiple of dt_ms (=0.3 ms)"),
        ({"dt_ms": 50}, "dt_ms (=50 ms) must not exceed tau_ms (=40 ms)"),
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
        (
            {"synaptic_events": np.ones((25, 2)), "params": LIFParameters(tau_syn_ms=40.01)},
            "tau_syn_ms (=40.01 ms) must differ from tau_ms (=40 ms)",
        ),
    ],
)
def test_bad_input_is_refused(keywords, says):
    with pytest.raises(InputError) as error:
        simulate(**{"current": [5.0, 6.0], "duration_ms": 25, **keywords})
    assert says in str(error.value)


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


def test_brian2_loads_after_an_import_that_failed():
    # Some frameworks try to import Brian2 and do without; warnings as errors make it fail halfway.
    code = """
import sys, warnings
with warnings.catch_warnings():
    warnings.simplefilter("error")
    try:
        import brian2
    except Warning:
        assert "brian2.core" in sys.modules
from bio_scnn import simulate
print(simulate([20.0], duration_ms=25).count)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[4]", done.stderr
