"""The convention of calling a layer is found by driving it, and wrong use is told."""

import dataclasses
import time
from typing import NamedTuple

import numpy as np
import pytest

from bio_scnn.crossval.identify.calls import Convention, find_call
from bio_scnn.crossval.protocol import CannotRepresent, Setup
from bio_scnn.crossval.report.html import html_page
from bio_scnn.crossval.report.text import text_report
from bio_scnn.crossval.resolve import as_adapter
from bio_scnn.crossval.suite import check_lif, header, prepared
from bio_scnn.errors import InputError

DECAY, GAIN = 0.9, 0.2
X = np.random.default_rng(3).uniform(-0.5, 3.0, (80, 4))


def reference(x, decay=DECAY):
    """Spikes and V of the neuron that all layers here are, by a loop of its own."""
    V = [0.0] * x.shape[1]
    spikes, shown = np.zeros(x.shape, dtype=int), np.zeros(x.shape)
    for n in range(len(x)):
        for j in range(x.shape[1]):
            V[j] = decay * V[j] + GAIN * x[n, j]
            if V[j] >= 1:
                spikes[n, j], V[j] = 1, 0.0
            shown[n, j] = V[j]
    return spikes, shown


def update(V, x, decay=DECAY):
    V = decay * V + GAIN * x
    s = V >= 1
    return np.where(s, 0.0, V), s


def loop(x, decay=DECAY, width=None):
    """All steps, along the first axis."""
    V, spikes, shown = np.zeros(width or x.shape[1:]), [], []
    for I in x:  # noqa: E741
        V, s = update(V, I, decay)
        spikes.append(s)
        shown.append(V)
    return np.array(spikes), np.array(shown)


def along(axis, ndim):
    """A function of the spikes alone, with the axis of time somewhere."""

    def layer(x):
        if x.ndim != ndim:
            raise ValueError(f"{ndim} axes, please")
        return np.moveaxis(loop(np.moveaxis(x, axis, 0))[0], 0, axis)

    return layer


class Inside:
    def __init__(self):
        self.V = 0.0

    def step(self, x):
        self.V, s = update(self.V, x)
        return s

    def reset(self):
        self.V = 0.0


class Called(Inside):
    reset = None

    def __call__(self, x):
        return self.step(x)


class Scalar:
    V = None

    def __call__(self, x):
        self.V = DECAY * (self.V or 0.0) + GAIN * x
        if self.V >= 1:
            self.V = 0.0
            return 1
        return 0


class State(NamedTuple):
    V: float
    last: float


@dataclasses.dataclass
class Record:
    V: float


def state_first(V, x):
    return update(V, x)


def state_last(x, V):
    return update(V, x)[::-1]


def optional(x, state=None):
    V, s = update(0.0 if state is None else state, x)
    return s * 1.0, V


def in_dict(state, x):
    V, s = update(state["V"], x)
    return {"V": V}, s


def in_tuple(x, state):
    V, _ = state
    V, s = update(V, x)
    return s, (V, x)


def named(x, state: State):
    V, s = update(state.V, x)
    return s, State(V, x)


def recorded(x, state: Record):
    V, s = update(state.V, x)
    return s, Record(V)


def nameless(a, b):  # the state comes first, as it does in the answer
    return update(a, b)


def closure():
    V = 0.0

    def step(x):
        nonlocal V
        V, s = update(V, x)
        return s

    return step


C = Convention
LAYERS = [
    (along(0, 2), C.TIME_FIRST, False),
    (loop, C.TIME_FIRST, True),
    (along(1, 2), C.BATCH_FIRST, False),
    (along(0, 1), C.TIME_FIRST, False),
    (along(0, 3), C.TIME_FIRST, False),
    (along(1, 3), C.BATCH_FIRST, False),
    (along(2, 3), C.BATCH_FIRST, False),
    (along(0, 5), C.TIME_FIRST, False),
    (along(1, 5), C.BATCH_FIRST, False),
    (Inside(), C.STEP, True),
    (Inside, C.STEP, True),
    (Inside().step, C.STEP, True),
    (Called(), C.STEP, True),
    (Scalar(), C.STEP, True),
    (closure(), C.STEP, False),
    (closure, C.STEP, False),
    (state_first, C.STEP_STATE, True),
    (state_last, C.STEP_STATE, True),
    (optional, C.STEP_STATE, True),
    (in_dict, C.STEP_STATE, True),
    (in_tuple, C.STEP_STATE, True),
    (named, C.STEP_STATE, True),
    (recorded, C.STEP_STATE, True),
    (nameless, C.STEP_STATE, True),
]


def codes(call):
    return {remark.code for remark in call.remarks}


@pytest.mark.parametrize(("layer", "convention", "shows"), LAYERS)
def test_each_convention_is_found_and_gives_the_same_neuron(layer, convention, shows):
    began = time.monotonic()
    call = find_call(layer)
    assert time.monotonic() - began < 3
    assert (call.convention, call.sure, call.dtype) == (convention, True, "float64")
    assert "called once" in call.sentence
    spikes, V = reference(X)
    assert 40 < spikes.sum() < 200
    for _ in range(2):  # from the initial state each time
        found = call.run(X)
        assert found.spikes.dtype.kind == "i"
        assert np.array_equal(found.spikes, spikes)
        assert (found.V is not None) == shows
        if shows:
            assert found.V == pytest.approx(V, abs=1e-12)
    assert ("one-step" in codes(call)) == (convention in (C.STEP, C.STEP_STATE))
    assert not codes(call) & {"silent", "memoryless", "coupled", "random"}


@pytest.mark.parametrize("layer", [along(1, 2), Inside(), state_first, Scalar()])
def test_an_adapter_drives_it_so(layer):
    adapter = as_adapter(layer, dt_ms=1.0)
    adapter.build(Setup(neurons=4, dt_ms=1.0))
    spikes, _ = reference(X)
    expected = [np.flatnonzero(train) + 1.0 for train in spikes.T]
    assert all(map(np.array_equal, adapter.run(X).spike_times_ms, expected))
    assert adapter.remarks
    if not isinstance(layer, Scalar):
        adapter.reset()
        assert all(map(np.array_equal, adapter.run(X).spike_times_ms, expected))
        return
    with pytest.raises(CannotRepresent, match="no method `reset`"):
        adapter.reset()
    adapter.build(Setup(neurons=4, dt_ms=1.0))
    assert all(map(np.array_equal, adapter.run(X).spike_times_ms, expected))


def test_what_takes_time_and_batch_is_called_as_it_is():
    seen = []

    def layer(current):
        seen.append(current)
        return loop(current)

    adapter = as_adapter(layer)
    assert adapter.remarks == ()
    adapter.build(Setup(neurons=4))
    seen.clear()
    adapter.run(X)
    assert [x.shape for x in seen] == [X.shape]  # once, with all of it
    assert np.array_equal(seen[0], X)


@pytest.mark.parametrize("amplitude", [1e-9, 1e6, -50.0])
def test_the_range_in_which_it_fires_is_found(amplitude):
    call = find_call(lambda x: loop(x.T / amplitude)[0].T)
    assert call.convention is C.BATCH_FIRST
    assert np.sign(call.amplitude) == np.sign(amplitude)
    assert 1 / 50 < call.amplitude / amplitude < 50


def test_a_slow_neuron_with_a_long_refractory_period():
    def layer(x):  # tau = 40 ms at 0.05 ms a step, 400 steps refractory
        V, left, out = np.zeros(x.shape[0]), np.zeros(x.shape[0]), []
        for I in x.T:  # noqa: E741
            V = np.where(left > 0, 0.0, V + 0.00125 * (0.5 * I - V))
            out.append(V >= 1)
            left = np.where(out[-1], 400, left - 1)
            V = np.where(out[-1], 0.0, V)
        return np.array(out).T

    call = find_call(layer)
    assert (call.convention, call.sure) == (C.BATCH_FIRST, True)
    assert call.amplitude > 30


def test_a_fixed_number_of_neurons():
    decays = np.linspace(0.8, 0.9, 10)

    def layer(x):
        return loop(x, decays, width=10)[0]

    call = find_call(layer, neuron=3)
    assert (call.width, codes(call)) == (10, {"fixed-width", "neurons-differ"})
    assert np.array_equal(call.run(X).spikes, reference(X, decays[3])[0])
    assert "10 neurons of its own, and number 3 is meant" in str(call.remarks[0])
    assert not np.array_equal(call.run(X).spikes, find_call(layer).run(X).spikes)
    assert find_call(layer, neurons=10).width == 10
    alike = find_call(lambda x: loop(x, np.full(10, DECAY), width=10)[0])
    assert codes(alike) == {"fixed-width"}


@pytest.mark.parametrize(
    ("layer", "code"),
    [
        (lambda x: loop(x)[0] * 40.0, "spikes.scaled"),
        (lambda x: np.where(loop(x)[0], 1, -1), "spikes.signed"),
        (lambda x: loop(x)[0] * (2 + x), "spikes.graded"),
        (lambda x: loop(x)[0] * 1 - loop(-x)[0], "spikes.negative"),
    ],
)
def test_spikes_that_are_not_0_or_1(layer, code):
    call = find_call(layer)
    assert codes(call) == {code}
    assert np.array_equal(call.run(X).spikes, reference(X)[0])
    adapter = as_adapter(layer)
    adapter.build(Setup(neurons=4))
    assert [len(t) for t in adapter.run(X).spike_times_ms] == reference(X)[0].sum(0).tolist()


def test_several_spikes_in_a_step_are_counted():
    def layer(x):
        V, out = np.zeros(x.shape[1]), []
        for I in x:  # noqa: E741
            V = V + I
            out.append(np.maximum(np.floor(V), 0))
            V = V - out[-1]
        return np.array(out)

    call = find_call(layer)
    assert codes(call) == {"spikes.several"}
    assert call.run(np.full((3, 1), 2.5)).spikes.ravel().tolist() == [2, 3, 2]


def writes(x):
    out = loop(x)[0]
    x *= 0
    return out


def never(x):
    return 0 * x


def coupled(x):
    return loop(x + np.roll(x, 1, axis=1))[0]


def half_reset():
    layer = Inside()
    layer.reset = lambda: None
    return layer


@pytest.mark.parametrize(
    ("layer", "code"),
    [
        (lambda x: loop(x)[1], "spikes.membrane"),
        (writes, "input-written"),
        (never, "silent"),
        (lambda x: x > 1, "memoryless"),
        (coupled, "coupled"),
        (lambda x: np.full(x.shape, np.nan), "spikes.not-finite"),
        (lambda x: loop(np.roll(x, -2, axis=0))[0], "acausal"),
        (lambda x: np.random.default_rng().random(x.shape) > 0.5, "random"),
        (Called(), "state-left"),
        (half_reset(), "reset.incomplete"),
        (nameless, "arguments"),
    ],
)
def test_wrong_use_is_told(layer, code):
    remarks = {remark.code: remark for remark in find_call(layer).remarks}
    assert code in remarks
    assert remarks[code].text
    assert "\n" not in str(remarks[code])


def test_integers_are_given_to_what_takes_no_others():
    def layer(x):
        V, out = np.zeros(x.shape[1], dtype=int), []
        for I in x:  # noqa: E741
            V -= V >> 4
            V += I
            out.append(V >= 100)
            V[out[-1]] = 0
        return np.array(out)

    call = find_call(layer)
    assert call.manner.medium.dtype == "int64"
    assert call.run(np.full((4, 1), 40)).spikes.ravel().tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (lambda x: 1 / 0, r"cannot be called with \(time, batch\): ZeroDivisionError"),
        (lambda x: None, "gives nothing of the shape of its input"),
        (lambda x, labels: x, r"\(x, labels\) cannot be driven by currents alone"),
        (3.0, "a float cannot be called"),
    ],
)
def test_what_cannot_be_called_is_said_in_one_line(layer, words):
    with pytest.raises(InputError, match=words) as error:
        find_call(layer)
    assert "\n" not in str(error.value)


def test_an_exception_is_reported_once():
    def broken(current):
        raise ValueError("no CUDA")

    report = check_lif(broken, on_fail=None)
    assert (report.results, report.ok) == ((), False)
    assert "ValueError: no CUDA" in report.error


def test_the_report_says_how_it_was_used():
    report = header(prepared(as_adapter(Inside(), dt_ms=1.0), 1.0))
    assert any("one step at a time" in remark for remark in report.remarks)
    assert type(report).from_json(report.to_json()).remarks == report.remarks
    text = " ".join(text_report([report]).split())
    assert f"use: Inside: {report.remarks[0]}" in text
    page = html_page([report], "", {}, "")
    assert report.remarks[0] in page
