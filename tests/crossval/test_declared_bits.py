"""Layers that declare a Q-format, against integers that are written out here."""

import dataclasses
import json

import numpy as np
import pytest

from bio_scnn import LIFParameters
from bio_scnn.crossval import Capabilities, FixedPointNeuron, as_adapter, check_lif
from bio_scnn.crossval.adapters import ENTRIES
from bio_scnn.crossval.checks.declared import as_declared
from bio_scnn.crossval.identify import identify
from bio_scnn.crossval.results import Report
from bio_scnn.crossval.subject import Subject
from bio_scnn.crossval.whole_judgement import in_whole_numbers
from bio_scnn.errors import InputError
from bio_scnn.validate import main

K, M, UP, T = 3600, 12, 4, 4000
FORM = FixedPointNeuron(16, 0, "floor", decay_bits=M, input_fraction=0)
PARAMS = LIFParameters(
    tau_ms=-1 / np.log(K / 2**M), R=16 / (1 - K / 2**M), V_th=4000.0, V_reset=0.0, t_ref_ms=3.0
)


def wrapped(p, bits):
    half = 1 << (bits - 1)
    return (p + half) % (2 * half) - half


class Circuit:
    """Neuron in 16 bits: ``v <- (k v >> 12) + (x << 4)``, held for three steps at a spike."""

    above, held = False, 3

    def leak(self, v, rng):
        return (v * K) >> M

    def bounded(self, v):
        return np.clip(v, -(2**15), 2**15 - 1)

    def __call__(self, x):
        x, rng = np.floor(np.asarray(x) + 0.5).astype(np.int64), np.random.default_rng(5)
        v, left = np.zeros(x.shape[1], np.int64), np.zeros(x.shape[1], np.int64)
        spikes, shown = np.zeros(x.shape, int), np.zeros(x.shape)
        for t, now in enumerate(x):
            v = np.where(left > 0, v, self.bounded(self.leak(v, rng) + (now << UP)))
            fired = (left == 0) & ((v > T) if self.above else (v >= T))
            left = np.where(fired, self.held, np.maximum(left - 1, 0))
            v = np.where(fired, 0, v)
            spikes[t], shown[t] = fired, v
        return spikes, shown


def variant(**parts):
    return type("Variant", (Circuit,), parts)()


FAULTS = {
    "format.product-wraps": variant(leak=lambda _, v, rng: wrapped(v * K, 26) >> M),
    "format.dropped-bits": variant(leak=lambda _, v, rng: ((v >> 3) * K) >> (M - 3)),
    "format.logical-shift": variant(leak=lambda _, v, rng: ((v * K) % 2**32) >> M),
    "format.rounding": variant(leak=lambda _, v, rng: (v * K + 2048) >> M),
    "format.wraps": variant(bounded=lambda _, v: wrapped(v, 16)),
    "threshold.exceeded": variant(above=True),
    "leak.linear": variant(
        leak=lambda _, v, rng: np.sign(v) * np.maximum(np.abs(v) - 100, 0)
    ),
    "refractory.steps-off": variant(held=4),
    "format.stochastic": variant(
        leak=lambda _, v, rng: np.floor(v * K / 2**M + rng.random(v.shape)).astype(np.int64)
    ),
}  # fmt: skip


def adapter(layer, form=FORM, *, hidden=False):
    claims = Capabilities(membrane="none" if hidden else "after reset", fixed_point=form)
    return as_adapter(
        lambda x: layer(x)[0] if hidden else layer(x),
        dt_ms=1.0,
        params=PARAMS,
        capabilities=claims,
    )


def checked(layer, form=FORM, **how):
    return check_lif(adapter(layer, form, **how), dt_ms=1.0, checks=["as_declared"], on_fail=None)


@pytest.mark.parametrize("hidden", [False, True])
def test_declared_machine_is_checked_bit_for_bit(hidden):
    report = checked(Circuit(), hidden=hidden)
    result = report.results[-1]
    assert report.ok
    assert "bit for bit" in result.observed
    assert int(result.observed.split()[1].replace(",", "")) > 300  # spikes
    assert result.values["spikes_wrong"] == result.values["V_wrong"] == 0
    assert in_whole_numbers(Subject(adapter(Circuit(), hidden=hidden), 1.0)) is None


def test_report_says_what_the_word_costs():
    report = checked(Circuit())
    (said,) = report.remarks
    assert "V in 16 bits" in said
    assert "% at 20 Hz" in said
    assert "a word of" in said
    assert Report.from_json(json.loads(json.dumps(report.to_json()))) == report


HIDDEN = ("format.product-wraps", "leak.linear", "format.logical-shift")


@pytest.mark.sweep(3)
@pytest.mark.parametrize(
    ("code", "hidden"), [*((c, False) for c in FAULTS), *((c, True) for c in HIDDEN)]
)
def test_fault_of_a_declared_machine_is_named(code, hidden):
    found = in_whole_numbers(Subject(adapter(FAULTS[code], hidden=hidden), 1.0))
    assert found.sure
    assert found.cause[1] == code
    assert found.spikes > 300


def test_fault_is_the_verdict_of_the_report():
    report = checked(FAULTS["format.product-wraps"])
    assert not report.ok
    assert report.verdict_code == "format.product-wraps"
    assert "3600 V wraps round at 26 bits" in report.verdict


@pytest.mark.parametrize("code", ["format.product-wraps", "format.dropped-bits"])
def test_circuit_of_the_product_is_identified(code):
    layer = FAULTS[code]
    found = identify(layer)
    assert found.exact
    assert found.neuron.threshold == T
    form = found.neuron.number_format
    assert form.dropped == 3 if code == "format.dropped-bits" else form.product_word


def test_stochastic_rounding_that_is_declared_is_held_to_its_neighbours():
    form = FixedPointNeuron(16, 0, "stochastic", decay_bits=M, input_fraction=0)
    right, biased = (
        as_declared(Subject(adapter(layer, form), 1.0))
        for layer in (FAULTS["format.stochastic"], Circuit())
    )
    assert right.ok
    assert not biased.ok
    assert "standard errors" in biased.observed


def test_declaration_that_is_none_is_refused():
    with pytest.raises(InputError, match="must be a FixedPointNeuron"):
        Capabilities(fixed_point=16)
    with pytest.raises(InputError, match="goes with linear_leak"):
        FixedPointNeuron(leak=3)


def test_the_command_line_declares_a_format(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chip.py").write_text(
        "import numpy as np\n"
        "def layer(x):\n"
        "    v, spikes, shown = np.zeros(x.shape[1], np.int64), [], []\n"
        "    for now in np.floor(16 * x + 0.5).astype(np.int64):\n"
        "        v = np.clip((v * 7 >> 3) + now, -512, 511)\n"
        "        spikes.append(v >= 48)\n"
        "        v = np.where(spikes[-1], 0, v)\n"
        "        shown.append(v / 16)\n"
        "    return np.array(spikes), np.array(shown)\n"
    )
    words = ["chip.py:layer", "--dt", "1", "--decay", "0.875", "--threshold", "3", "--word", "10"]
    words += ["--fraction", "4", "--only", "as_declared"]
    with pytest.raises(SystemExit):
        main([*words, "--rounding", "nearest"])
    out = capsys.readouterr().out
    assert "rounded otherwise (floor) than declared (nearest)" in out
    assert "costs in rate" in out


@pytest.mark.parametrize("shifts_down", [False, True])
def test_lavas_fixed_model_is_its_declared_machine_bit_for_bit(shifts_down):
    lava = ENTRIES["lava-fixed"].load()
    if shifts_down:  # an arithmetic shift of a negative V rounds down, not towards zero
        claims = dataclasses.replace(lava.capabilities.fixed_point, rounding="floor")
        lava.capabilities = dataclasses.replace(lava.capabilities, fixed_point=claims)
    report = check_lif(lava, dt_ms=1.0, checks=["as_declared"], on_fail=None)
    assert report.ok is not shifts_down
    assert ("bit for bit" in report.results[0].observed) is not shifts_down
