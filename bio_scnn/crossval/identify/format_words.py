"""Number formats in a programmer's words: roundings, shifts, words and units."""

from __future__ import annotations

from bio_scnn.crossval.identify.formats import FixedPoint
from bio_scnn.crossval.identify.stepped import SteppedNeuron

_ROUNDED = {
    "truncate": "towards zero",
    "floor": "down",
    "ceil": "up",
    "away": "away from zero",
    "nearest": "to the nearest, halves up",
    "nearest-even": "to the nearest, halves to even",
    "half-away": "to the nearest, halves away from zero",
    "stochastic": "at random",
}


def plain(x: float) -> str:
    """Number with at most six digits, as a reader expects it."""
    return f"{x + 0.0:.6g}"


def decayed_words(neuron: SteppedNeuron) -> str:
    """Leak of V in shifts, as ``V - (V >> 4)``; empty if it is a plain product."""
    form = neuron.number_format
    if not isinstance(form, FixedPoint) or not form.shifts:
        return ""
    words = ""
    for many, by in form.shifts:
        size = f"{abs(many)} " * (abs(many) != 1) + (f"(V >> {by})" if by else "V")
        sign = "-" if many < 0 else "+"
        words += f" {sign} {size}" if words else f"{'-' * (many < 0)}{size}"
    return words


def format_words(neuron: SteppedNeuron) -> str:
    """Number format of a neuron in words; empty for float64."""
    form = neuron.number_format
    if not isinstance(form, FixedPoint):
        return "" if form.name == "float64" else f"in {form.name}"
    whole = form.unit == 1
    parts = ["V in whole numbers" if whole else f"V in units of {plain(form.unit)}"]
    if form.unit == 2.0**-15:
        parts[0] += " (s16.15, as on SpiNNaker)"
    parts += [_products(neuron, form), _input(neuron, form), _word(form)]
    return ", ".join(part for part in parts if part)


def _products(neuron: SteppedNeuron, form: FixedPoint) -> str:
    rounded = _ROUNDED[form.rounding]
    if form.joint:
        text = f"decay V + gain x rounded {rounded} as a whole"
    elif form.shifts:
        text = f"each shift rounded {rounded}"
    elif neuron.decay in (0.0, 1.0):
        text = ""
    else:
        text = f"decay V{_fraction(neuron.decay)} rounded {rounded}"
    if neuron.synapse is not None and form.synapse_rounding == form.rounding:
        text += f", decay S{_fraction(neuron.synapse.decay)} too"
    elif neuron.synapse is not None:
        text += f", decay S{_fraction(neuron.synapse.decay)} {_ROUNDED[form.synapse_rounding]}"
    moves = [] if form.dead_zone else ["V"]
    if neuron.synapse is not None and not form.synapse_dead_zone:
        moves.append("S")
    least = f", {' and '.join(moves)} move{'s' * (len(moves) == 1)} by a unit at least"
    return text + least * bool(moves) + _circuit(form)


def _circuit(form: FixedPoint) -> str:
    """Circuit of the product, where it matters."""
    dropped = f", the lowest {form.dropped} bits of V dropped before" * bool(form.dropped)
    wraps = f", k V wraps round at {form.product_word} bits" if form.product_word else ""
    shift = f", k V shifted without its sign in {form.logical} bits" if form.logical else ""
    return dropped + wraps + shift


def _fraction(decay: float) -> str:
    """A decay over a power of two, in brackets; empty if it is none of up to 16 bits."""
    for bits in range(1, 17):
        k = decay * 2.0**bits
        if k == round(k):
            return f" ({k:.0f} V >> {bits})" if bits > 3 else ""
    return ""


def _input(neuron: SteppedNeuron, form: FixedPoint) -> str:
    if form.input_unit:
        to = "whole numbers" if form.input_unit == 1 else f"units of {plain(form.input_unit)}"
        taken = f"x rounded to {to} ({_ROUNDED[form.taken_rounding or form.input_rounding]})"
        weighted = not form.joint and not (neuron.gain / form.unit * form.input_unit).is_integer()
        if weighted and neuron.synapse is None:
            taken += f", its product {_ROUNDED[form.input_rounding]}"
        return taken
    if form.joint or form.input_rounding == form.rounding:
        return ""
    if (neuron.gain / form.unit).is_integer():
        return ""
    return f"the input {_ROUNDED[form.input_rounding]}"


def _word(form: FixedPoint) -> str:
    if form.word is None:
        return ""
    does = "saturates" if form.overflow == "saturate" else "wraps round"
    return f"{does} at {form.word} bits" + " without a sign" * (not form.signed)
