"""Neurons in fixed point: against integers by hand, a Verilog and a C neuron; golden vectors."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from bio_scnn import LIFParameters
from bio_scnn.crossval.identify.fixed_point import (
    FixedPointNeuron,
    in_fixed_point,
    rate_error,
    shortest_word,
)
from bio_scnn.crossval.identify.golden import as_hex, golden_vectors
from bio_scnn.crossval.identify.stepped import step
from bio_scnn.errors import InputError
from bio_scnn.neuron.parameters import TABLE_1
from bio_scnn.validate import main

FIXTURES = Path(__file__).parent / "fixtures"
PLAIN = LIFParameters(tau_ms=20, R=1, t_ref_ms=2)

ROUND = {
    "truncate": lambda p, m: int(p / 2**m),
    "floor": lambda p, m: p >> m,
    "nearest": lambda p, m: (p + (1 << (m - 1))) >> m,
}


def by_hand(drive, k, m, threshold, rounding, word, wraps, refractory):
    """The neuron in Python's integers."""
    V, left, Vs, spikes, half = 0, 0, [], [], 1 << (word - 1)
    for d in drive:
        spike = False
        if left:
            left -= 1
        else:
            V = ROUND[rounding](V * k, m) + d
            V = (V + half) % (2 * half) - half if wraps else min(max(V, -half), half - 1)
            spike = V >= threshold
            if spike:
                V, left = 0, refractory
        Vs.append(V)
        spikes.append(spike)
    return Vs, spikes


def golden(folder):
    """Golden vectors as whole numbers, read back without the writer."""
    table = json.loads((folder / "parameters.json").read_text())

    def read(name, bits):
        values = [int(line, 16) for line in (folder / name).read_text().split()]
        return [v - (1 << bits) if v >> (bits - 1) else v for v in values]

    spikes = [int(line, 16) for line in (folder / "spikes.hex").read_text().split()]
    return table, read("drive.hex", table["word"]), read("V.hex", table["word"]), spikes


@pytest.mark.parametrize("rounding", sorted(ROUND))
@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
def test_golden_vectors_are_those_of_integers_by_hand(tmp_path, rounding, overflow):
    form = FixedPointNeuron(word=10, fraction=7, rounding=rounding, overflow=overflow)
    golden_vectors(in_fixed_point(PLAIN, 1.0, form), form, tmp_path)
    table, drive, V, spikes = golden(tmp_path)
    wanted = by_hand(
        drive, table["decay_k"], 12, table["threshold"], rounding, 10, overflow == "wrap", 2
    )
    assert (V, [bool(s) for s in spikes]) == (wanted[0], wanted[1])
    assert sum(spikes) > 20
    assert min(V) == -512 or overflow == "wrap"  # the word's bound was reached
    other = by_hand(drive, table["decay_k"] - 1, 12, table["threshold"], rounding, 10, False, 2)
    assert V != other[0]


def test_a_rounding_is_not_another(tmp_path):
    runs = []
    for rounding in ROUND:
        form = FixedPointNeuron(rounding=rounding)
        x = np.random.default_rng(1).normal(1, 3, (400, 1))
        runs.append(step(in_fixed_point(PLAIN, 1.0, form), x).V)
    assert not np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[1], runs[2])


def test_stochastic_rounding_draws_from_the_generator_and_is_unbiased():
    form = FixedPointNeuron(word=12, fraction=6, rounding="stochastic")
    neuron = in_fixed_point(PLAIN, 1.0, form)
    x = np.full((300, 400), 0.9)
    first, again = (step(neuron, x, np.random.default_rng(3)).V for _ in range(2))
    other = step(neuron, x, np.random.default_rng(4)).V
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    drive = step(neuron, x, np.random.default_rng(3)).drive[0, 0]
    assert abs(first[-1].mean() - drive / (1 - neuron.decay)) < 0.02
    with pytest.raises(InputError, match="random generator"):
        step(neuron, x)


def test_longer_words_have_smaller_errors_of_rates_and_the_shortest_is_found():
    errors = [
        np.abs(rate_error(PLAIN, 1.0, FixedPointNeuron(24, bits, decay_bits=20), [20, 50])).max()
        for bits in (5, 9, 16)
    ]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.01
    rates = [50, 100]
    found = shortest_word(PLAIN, 1.0, 0.02, FixedPointNeuron(decay_bits=20), rates)
    assert np.abs(rate_error(PLAIN, 1.0, found, rates)).max() <= 0.02
    shorter = FixedPointNeuron(found.word - 1, found.fraction - 1, decay_bits=20)
    assert np.abs(rate_error(PLAIN, 1.0, shorter, rates)).max() > 0.02
    with pytest.raises(InputError, match="bits limit it"):
        shortest_word(PLAIN, 1.0, 1e-6, FixedPointNeuron(decay_bits=5), [100])


def test_hex_is_two_s_complement_and_refuses_what_does_not_fit():
    assert as_hex([0, -1, 5, -512], 10) == "000\n3ff\n005\n200\n"
    with pytest.raises(InputError, match="does not fit 4 bits"):
        as_hex([-9], 4)


def test_words_that_no_neuron_fits_are_refused():
    with pytest.raises(InputError, match="fraction bits"):
        FixedPointNeuron(word=8, fraction=8)
    with pytest.raises(InputError, match="more than a word of 8 bits"):
        in_fixed_point(LIFParameters(V_th=100), 1.0, FixedPointNeuron(word=8, fraction=4))
    with pytest.raises(InputError, match="give it more"):
        in_fixed_point(TABLE_1, 0.01, FixedPointNeuron(decay_bits=4))


def test_linear_leak_moves_v_by_whole_units_towards_0():
    form = FixedPointNeuron(16, 8, linear_leak=True)
    neuron = in_fixed_point(PLAIN, 1.0, form)
    x = np.concatenate([np.full(5, 2.0), np.zeros(300)])[:, None]
    V = np.rint(step(neuron, x).V[:, 0] * 256)
    falls = -np.diff(V[5:])
    assert set(falls[:-200]) <= {neuron.leak * 256, *falls[falls < neuron.leak * 256]}
    assert V[4] > 0
    assert V[-1] == 0


def test_the_command_line_exports_golden_vectors(tmp_path, capsys):
    main(["--export-golden", str(tmp_path / "g"), "--dt", "1", "--word", "14"])
    assert "README.md" in capsys.readouterr().out
    table, drive, V, _ = golden(tmp_path / "g")
    assert table["word"] == 14
    assert len(drive) == len(V) == table["steps"]


@pytest.mark.peer
@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
@pytest.mark.parametrize("k", [0, 1])
def test_a_verilog_neuron_has_every_bit(tmp_path, k):
    form = FixedPointNeuron(word=12, fraction=8)
    golden_vectors(in_fixed_point(PLAIN, 1.0, form), form, tmp_path)
    table = golden(tmp_path)[0]
    given = {"STEPS": table["steps"], "WORD": 12, "DECAY_K": table["decay_k"] - k}
    given |= {"REFRACTORY": table["refractory"], "THRESHOLD": table["threshold"]}
    options = [f"-Pbench.{name}={value}" for name, value in given.items()]
    source = str(FIXTURES / "lif.v")
    subprocess.run(
        ["iverilog", "-g2005-sv", *options, "-s", "bench", "-o", "sim", source],
        cwd=tmp_path, check=True,
    )  # fmt: skip
    out = subprocess.run(
        ["vvp", "sim"], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout
    wrong = int(out.split(" wrong")[0].split()[-1])
    assert wrong == 0 if k == 0 else wrong > 100


@pytest.mark.peer
@pytest.mark.skipif(shutil.which("gcc") is None, reason="no C compiler is installed")
def test_a_c_neuron_has_every_bit(tmp_path):
    form = FixedPointNeuron(word=12, fraction=8)
    golden_vectors(in_fixed_point(PLAIN, 1.0, form), form, tmp_path)
    table, drive, V, spikes = golden(tmp_path)
    program = str(tmp_path / "lif")
    subprocess.run(["gcc", "-O1", "-o", program, str(FIXTURES / "lif.c")], check=True)
    values = [table[name] for name in ("decay_k", "decay_bits", "threshold", "refractory", "word")]
    out = subprocess.run(
        [program, *map(str, values)], input="\n".join(map(str, drive)), check=True,
        capture_output=True, text=True,
    ).stdout  # fmt: skip
    rows = [tuple(map(int, line.split())) for line in out.splitlines()]
    assert rows == list(zip(V, spikes, strict=True))
