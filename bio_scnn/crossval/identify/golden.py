"""Golden vectors: drive, V and spikes of a neuron in fixed point, as hex for test benches."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bio_scnn.crossval.identify.stepped import SteppedNeuron, step
from bio_scnn.crossval.q_format import FixedPointNeuron
from bio_scnn.errors import InputError


def as_hex(values: ArrayLike, bits: int) -> str:
    """Lines of whole numbers as hex in two's complement, as ``$readmemh`` reads them.

    Parameters
    ----------
    values : (n,) array of whole numbers
    bits : int

    Returns
    -------
    str
        One number a line, of ``ceil(bits / 4)`` digits.
    """
    digits, mask = -(-bits // 4), (1 << bits) - 1
    half = 1 << (bits - 1)
    lines = []
    for value in np.asarray(values).ravel():
        if not -half <= int(value) <= mask:
            raise InputError(f"{int(value)} does not fit {bits} bits")
        lines.append(f"{int(value) & mask:0{digits}x}")
    return "\n".join(lines) + "\n"


def golden_vectors(
    neuron: SteppedNeuron,
    form: FixedPointNeuron,
    folder: Path,
    x: ArrayLike | None = None,
    *,
    seed: int = 0,
) -> None:
    """Write a test bench's files: what is added to V, V and spikes of each step, as hex.

    Parameters
    ----------
    neuron : SteppedNeuron
        From `in_fixed_point`.
    form : FixedPointNeuron
    folder : Path
        Gets ``drive.hex``, ``V.hex``, ``spikes.hex``, ``parameters.json`` and ``README.md``.
    x : (steps,) array, optional
        Input, current times R; by default silence, steps and noise of both signs.
    seed : int
        Of the default input, and of stochastic rounding.
    """
    rng = np.random.default_rng(seed)
    inputs = np.asarray(_stimulus(neuron, rng) if x is None else x, dtype=np.float64)[:, None]
    unit = 2.0**-form.fraction
    if x is None and neuron.gain:
        # what a step adds must fit the word as well
        low, high = (bound * unit / neuron.gain for bound in _bounds(form.word))
        inputs = np.clip(inputs, low, high)
    run = step(neuron, inputs, rng)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    units = {"drive": run.drive / unit, "V": run.V / unit}
    for name, values in units.items():
        (folder / f"{name}.hex").write_text(as_hex(np.rint(values).astype(int), form.word))
    (folder / "spikes.hex").write_text(as_hex(run.spikes, 1))
    table = {
        **asdict(form),
        "steps": len(inputs),
        "decay_k": round(neuron.decay * 2**form.decay_bits),
        "leak": round(neuron.leak / unit),
        "threshold": round(neuron.threshold / unit),
        "reset": "subtract" if neuron.subtracts else "value",
        "reset_to": round(neuron.reset_to / unit),
        "refractory": int(neuron.refractory),
        "start": round(neuron.start / unit),
    }
    (folder / "parameters.json").write_text(json.dumps(table, indent=2) + "\n")
    (folder / "README.md").write_text(_README.format(**table))


def _bounds(word: int) -> tuple[int, int]:
    """Least and greatest whole number of a word."""
    return -(2 ** (word - 1)), 2 ** (word - 1) - 1


def _stimulus(neuron: SteppedNeuron, rng: np.random.Generator) -> NDArray[np.float64]:
    """Input that visits silence, a slow and a fast rate, negative V, and the word's bounds."""
    level = neuron.threshold
    noise = rng.normal(1.1 * level, 4 * level, 500)
    parts = [np.zeros(20), np.full(300, 1.1 * level), np.full(200, 3 * level), noise]
    return np.concatenate([*parts, np.full(100, -5 * level), rng.normal(0, 40 * level, 200)])


_README = """\
# Golden vectors of a leaky integrate-and-fire neuron in fixed point

V is a signed word of {word} bits, {fraction} of them behind the point. One line a step, two's
complement, for `$readmemh`:

- `drive.hex`: what the step adds to V, already weighted ({word} bits)
- `V.hex`: V after the step, after a reset ({word} bits)
- `spikes.hex`: 1 if the step has a spike

A step: V <- round(V k / 2^{decay_bits}) with k = {decay_k}, rounded "{rounding}";
V moved by {leak} towards 0; plus drive; {overflow} at {word} bits. From {threshold} on it fires,
and V becomes {reset_to} (reset "{reset}": with "subtract", that is added). Then V is held, and
drive ignored, for {refractory} steps. V is {start} before the first step. All of them in units of
2^-{fraction}; also in `parameters.json`. With stochastic rounding no hardware has the same bits:
compare rates.
"""
