"""Live layers in whole numbers, against loops in integers that are written out here."""

import numpy as np
import pytest

from bio_scnn import LIFParameters
from bio_scnn.crossval import Capabilities, as_adapter, check_lif
from bio_scnn.crossval.identify import FixedPoint, code_sentence, identify
from bio_scnn.crossval.identify.stepped import step
from bio_scnn.crossval.identify.whole.layer import whole_layer
from bio_scnn.crossval.subject import Subject
from bio_scnn.crossval.whole_judgement import in_whole_numbers


def towards_zero(k, bits):
    return lambda v: np.sign(v) * ((np.abs(v) * k) >> bits)


def shifted_right(k, bits):
    return lambda v: (v * k) >> bits


class Integers:
    """Neuron in integers: ``v <- leak(v) + (x << up)``; fires above `top`, or from it on."""

    def __init__(self, leak, top=75, up=0, above=False, current=None, bias=0):
        self.leak, self.top, self.up = leak, top, up
        self.above, self.current, self.bias = above, current, bias

    def bounded(self, v):
        return v

    def after_spike(self, v):
        return np.zeros_like(v)

    def taken(self, x):
        return np.rint(x).astype(np.int64)

    def __call__(self, x):
        x = self.taken(x)
        n = x.shape[1]
        v, s = np.zeros(n, np.int64), np.zeros(n, np.int64)
        spikes, shown = np.zeros(x.shape, int), np.zeros(x.shape)
        for t in range(len(x)):
            now = x[t] << self.up
            if self.current is not None:
                s = self.current(s) + now
                now = s
            v = self.bounded(self.leak(v) + now + self.bias)
            fired = v > self.top if self.above else v >= self.top
            v = np.where(fired, self.after_spike(v), v)
            spikes[t], shown[t] = fired, v
        return spikes, shown

    def hidden(self, x):
        return self(x)[0], None


class Wrapping(Integers):
    def taken(self, x):
        return np.clip(np.rint(x), 0, 255).astype(np.int64)

    def bounded(self, v):
        return v & 255


class Subtracting(Integers):
    def bounded(self, v):
        return np.clip(v, -128, 127)

    def after_spike(self, v):
        return v - self.top


class Refusing(Integers):
    def taken(self, x):
        if np.any(x != np.rint(x)):
            raise ValueError("whole numbers only")
        return super().taken(x)


@pytest.mark.parametrize("hidden", [False, True])
def test_decay_in_twelve_bits_truncated_towards_zero(hidden):
    layer = Integers(towards_zero(3501, 12), 8000, up=6, above=True)
    found = identify(layer.hidden if hidden else layer)
    n = found.neuron
    assert found.exact
    assert found.spikes > 300
    assert (n.decay, n.gain, n.threshold, n.fires_at_threshold) == (3501 / 4096, 64, 8000, False)
    assert n.number_format.rounding == "truncate"


def test_what_is_found_steps_bit_for_bit_on_another_drive():
    layer = Integers(shifted_right(13, 4))
    n = identify(layer).neuron
    x = np.random.default_rng(9).normal(4, 40, (300, 20))
    spikes, V = layer(x)
    assert spikes.sum() > 100
    ran = step(n, x)
    np.testing.assert_array_equal(ran.spikes, spikes)
    np.testing.assert_array_equal(ran.V, V)
    other = step(identify(Integers(towards_zero(13, 4))).neuron, x)
    assert (other.V != V).any()  # the other rounding is told from this one


def test_synapse_and_membrane_round_by_themselves():
    layer = Integers(
        towards_zero(3900, 12), 6400, up=6, above=True, current=towards_zero(3000, 12), bias=9
    )
    found = identify(layer)
    n = found.neuron
    assert found.exact
    assert (n.synapse.decay, n.synapse.gain, n.decay) == (3000 / 4096, 64, 3900 / 4096)
    assert (n.bias, n.threshold, n.fires_at_threshold) == (9, 6400, False)
    assert "decay S" in code_sentence(n)


@pytest.mark.parametrize("hidden", [False, True])
def test_shift_leak_is_told_as_the_shift_that_it_is(hidden):
    layer = Integers(lambda v: v - (v >> 4), 1000)
    found = identify(layer.hidden if hidden else layer)
    assert found.exact
    assert "V <- V - (V >> 4) + x; fires from 1000 on" in code_sentence(found.neuron)


def test_wrap_and_the_bounds_of_the_input_are_told_apart():
    found = identify(Wrapping(lambda v: (v >> 1) + (v >> 2), 230))
    n = found.neuron
    assert found.exact
    assert (n.input_low, n.input_high) == (0, 255)
    form = n.number_format
    assert (form.word, form.overflow, form.signed) == (8, "wrap", False)
    assert form.shifts == ((1, 1), (1, 2))
    assert "(V >> 1) + (V >> 2)" in code_sentence(n)
    assert "wraps round at 8 bits without a sign" in code_sentence(n)


@pytest.mark.parametrize("hidden", [False, True])
def test_saturation_and_subtraction(hidden):
    layer = Subtracting(shifted_right(7, 3), 100)
    found = identify(layer.hidden if hidden else layer)
    n = found.neuron
    assert found.exact
    assert (n.reset_keep, n.reset_to, n.threshold) == (1, -100, 100)
    assert (n.number_format.word, n.number_format.overflow) == (8, "saturate")


@pytest.mark.parametrize("hidden", [False, True])
def test_linear_leak_in_whole_numbers(hidden):
    layer = Integers(lambda v: np.sign(v) * np.maximum(np.abs(v) - 7, 0), 90)
    found = identify(layer.hidden if hidden else layer)
    assert found.exact
    assert (found.neuron.leak, found.neuron.decay, found.neuron.threshold) == (7, 1, 90)


def test_layer_that_refuses_fractions():
    layer = Refusing(shifted_right(13, 4))
    found = identify(layer)
    assert found.exact
    assert found.neuron.decay == 13 / 16
    assert "takes whole numbers only" in str(found)
    assert found.neuron.number_format.input_unit == 0


def test_drive_that_was_used_is_said():
    assert "was driven with those up to" in str(identify(Integers(shifted_right(13, 4))))


def test_float_layers_are_not_taken_for_whole_ones():
    def layer(x):
        v, shown, spikes = np.zeros(x.shape[1]), [], []
        for now in x:
            v = 0.9 * v + now
            fired = v >= 1
            v = np.where(fired, 0.0, v)
            spikes.append(fired)
            shown.append(v)
        return np.array(spikes, dtype=int), np.array(shown)

    assert whole_layer(layer) is None
    assert whole_layer(Integers(shifted_right(13, 4))).unit == 1
    assert not isinstance(identify(layer).neuron.number_format, FixedPoint)


# --- declared neurons ----------------------------------------------------------------------------


class Delayed(Integers):
    def taken(self, x):
        return np.vstack([np.zeros((1, x.shape[1]), np.int64), super().taken(x)])[: len(x)]


class Cut(Integers):
    def taken(self, x):
        return np.clip(super().taken(x), -16, 15)


class Bottomed(Integers):
    def bounded(self, v):
        return np.maximum(v, -20)


class Soft(Integers):
    def after_spike(self, v):
        return v - self.top


RIGHT = {"leak": towards_zero(29, 5), "top": 100, "above": True}
FAULTS = {
    "format.fixed-point": Integers(shifted_right(29, 5), 100, above=True),
    "format.decay": Integers(towards_zero(7, 3), 100, above=True),
    "threshold.reached": Integers(towards_zero(29, 5), 100),
    "constant.threshold": Integers(towards_zero(29, 5), 50, above=True),
    "input.delayed": Delayed(**RIGHT),
    "input.clipped": Cut(**RIGHT),
    "bounds.floor": Bottomed(**RIGHT),
    "reset.subtract": Soft(**RIGHT),
    "leak.dead-zone": Integers(lambda v: v - 3 * np.sign(v) * (np.abs(v) >> 5), 100, above=True),
    "leak.linear": Integers(
        lambda v: np.sign(v) * np.maximum(np.abs(v) - 9, 0), 100, above=True
    ),
}  # fmt: skip


def declared(layer):
    params = LIFParameters(
        tau_ms=-1 / np.log(29 / 32), R=32 / 3, V_th=100.0, V_reset=0.0, t_ref_ms=0.0
    )
    claims = Capabilities(refractory="none", fires_at_threshold=False, membrane="after reset")
    return as_adapter(
        lambda current: layer(current), dt_ms=1.0, params=params, capabilities=claims
    )


@pytest.mark.sweep(3)
@pytest.mark.parametrize("code", FAULTS)
def test_fault_of_a_declared_neuron_in_whole_numbers(code):
    found = in_whole_numbers(Subject(declared(FAULTS[code]), 1.0))
    assert found.sure
    assert found.cause[1] == code
    assert found.spikes > 100


def test_report_names_the_fault():
    report = check_lif(
        declared(FAULTS["reset.subtract"]), dt_ms=1.0, checks=["fi_curve"], on_fail=None
    )
    assert not report.ok
    assert report.verdict_code == "reset.subtract"


def test_float_layer_has_no_fault_in_whole_numbers():
    def layer(x):
        v, spikes = np.zeros(x.shape[1]), []
        for now in x:
            v = 0.9 * v + now
            spikes.append(v >= 1)
            v = np.where(spikes[-1], 0.0, v)
        return np.array(spikes, dtype=int), 0 * x

    assert in_whole_numbers(Subject(declared(layer), 1.0)) is None


def unsigned_counter(x):
    """Verilog's usual LIF: 8 bits without a sign, so that a negative input is a huge one."""
    V, spikes, shown = np.zeros(x.shape[1], int), [], []
    for x_n in np.trunc(x).astype(int):
        V = ((V >> 1) + (V >> 2) + x_n) & 255
        spikes.append(V >= 60)
        V = np.where(spikes[-1], 0, V)
        shown.append(V)
    return np.array(spikes), np.array(shown)


def test_a_word_without_a_sign_is_identified_though_negative_input_makes_it_fire():
    assert unsigned_counter(-np.ones((3, 1)))[0].any()
    found = identify(unsigned_counter)
    assert found.spikes_explained == 1
    assert found.V_explained == 1
    assert found.neuron.number_format.word == 8
    assert not found.neuron.number_format.signed
    assert "from 0 to" in found.remarks[0]
    x = np.random.default_rng(3).uniform(0, 90, (300, 5))
    mine, right = step(found.neuron, x), unsigned_counter(x)
    assert np.array_equal(mine.spikes > 0, right[0])
    assert np.array_equal(mine.V, right[1])
