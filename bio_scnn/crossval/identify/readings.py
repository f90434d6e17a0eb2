"""Readings of a stepped neuron: one sentence of code, one of physics, and parameters of eq. 1."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

from bio_scnn.crossval.identify.display import affine
from bio_scnn.crossval.identify.format_words import decayed_words, format_words, plain
from bio_scnn.crossval.identify.formats import FixedPoint, FloatingPoint
from bio_scnn.crossval.identify.numbers import simplest
from bio_scnn.crossval.identify.spike_words import (
    adapts,
    currents,
    fires,
    resets,
    steps_of,
    times,
    waits,
)
from bio_scnn.crossval.identify.stepped import SteppedNeuron, Synapse
from bio_scnn.crossval.protocol import DTYPES, Capabilities
from bio_scnn.errors import InputError
from bio_scnn.neuron.parameters import LIFParameters

_SHAPES = {
    "averaged": "x averaged over this step and the last",
    "rectified": "negative x taken as 0",
    "clipped": "x clipped to [0, 1]",
}


def code_sentence(neuron: SteppedNeuron) -> str:
    """Sentence that says what a neuron does in a step, as code would.

    Parameters
    ----------
    neuron : SteppedNeuron

    Returns
    -------
    str

    Examples
    --------
    >>> code_sentence(SteppedNeuron(decay=0.5, fires_at_threshold=False))
    'V <- 0.5 V + x; fires above 1; reset to 0 in the same step'
    """
    parts = [*_update(neuron), fires(neuron), resets(neuron), waits(neuron), adapts(neuron)]
    if neuron.spike_delay:
        parts.append(f"spikes reported {steps_of(neuron.spike_delay)} late")
    if neuron.start:
        parts.append(f"V starts at {plain(neuron.start)}")
    return "; ".join(part for part in [*parts, format_words(neuron)] if part)


def _update(neuron: SteppedNeuron) -> list[str]:
    x = f"x({steps_of(neuron.input_delay)} ago)" if neuron.input_delay else "x"
    parts = []
    if (synapse := neuron.synapse) is not None:
        parts += currents(synapse, x)
        x = _drive_words(synapse)
    V = decayed_words(neuron) or times(neuron.decay, "V", first=True)
    rest = 0.0 if decayed_words(neuron) else resting(neuron)
    if rest:
        above = f"(V {'-' if rest > 0 else '+'} {plain(abs(rest))})"
        V = f"{plain(rest)}{times(neuron.decay, above)}"
    if neuron.leak:
        V = f"{V or '0'} moved by {plain(neuron.leak)} towards 0"
    if " + " in x and abs(neuron.gain) != 1:
        x = f"({x})"
    total = V + times(neuron.gain, x, first=not V)
    if neuron.bias and not rest:
        total += f" {'-' if neuron.bias < 0 else '+'} {plain(abs(neuron.bias))}"
    parts.append(f"V <- {total or '0'}")
    if neuron.dead_input:
        parts.append(f"x of size {plain(neuron.dead_input)} or less taken as 0")
    if neuron.dead_change:
        parts.append(f"changes of V of {plain(neuron.dead_change)} or less left out")
    if neuron.input_shape in _SHAPES:
        parts.append(_SHAPES[neuron.input_shape])
    if neuron.input_low > -math.inf or neuron.input_high < math.inf:
        parts.append(f"x cut at {_bounds(neuron.input_low, neuron.input_high)}")
    if neuron.floor > -math.inf:
        parts.append(f"V kept at {plain(neuron.floor)} or above")
    if neuron.ceiling < math.inf:
        parts.append(f"V kept at {plain(neuron.ceiling)} or below")
    return parts


def _drive_words(synapse: Synapse) -> str:
    """Current that drives V, in words."""
    second, ago = synapse.second, "" if synapse.fresh else "(1 step ago)"
    if second is None:
        return f"S{ago}"
    return f"A{ago}" if second.behind else f"S{ago} + A{ago}"


def resting(neuron: SteppedNeuron) -> float:
    """Resting potential, if code that has one is simpler than code with a bias; else 0."""
    if not neuron.bias or not 0 < neuron.decay < 1:
        return 0.0
    rest = neuron.bias / (1 - neuron.decay)
    near = 1e-9 * max(abs(rest), abs(neuron.threshold))
    short = simplest(rest - near, rest + near)
    meant = any(v and abs(rest - v) <= 1e-6 * abs(v) for v in (neuron.start, neuron.reset_to))
    written = [len(plain(abs(value)).replace("0.", "")) for value in (short, neuron.bias)]
    return rest if meant or written[0] + 1 < written[1] else 0.0


def _bounds(low: float, high: float) -> str:
    """Bounds in words, those that there are."""
    sides = [plain(low)] * (low > -math.inf) + [plain(high)] * (high < math.inf)
    return " and ".join(sides)


def physics_sentence(neuron: SteppedNeuron, dt_ms: float | None) -> str:
    """Sentence that says what a neuron is in terms of eq. 1: tau, R, V_th, t_ref.

    Parameters
    ----------
    neuron : SteppedNeuron
    dt_ms : float or None, ms
        Time step; None gives times in steps.

    Returns
    -------
    str

    Examples
    --------
    >>> print(physics_sentence(SteppedNeuron(decay=0), None))
    not eq. 1: no memory, gain 1, V_th = 1, no refractory period
    """
    parts = [_flow(neuron, dt_ms), _threshold(neuron, dt_ms)]
    if neuron.synapse is not None:
        S = neuron.synapse
        if S.second is None:
            what = f"synaptic current with tau = {_tau(S.decay, dt_ms)}"
        else:
            what = "alpha synapse" if S.second.behind else "two synapses side by side"
            what += f" with tau = {_tau(S.decay, dt_ms)} and {_tau(S.second.decay, dt_ms)}"
        parts.insert(0, f"{what}{', cleared by each spike' * S.cleared}, then")
    if neuron.adaptation is not None:
        a = neuron.adaptation
        parts.append(f"adaptation ({a.on}) with tau = {_tau(a.decay, dt_ms)}")
    if neuron.subtracts and neuron.reset_to:
        parts.append(f"{plain(-neuron.reset_to)} subtracted at a spike")
    return ", ".join(parts).replace("then, ", "then ")


def _tau(decay: float, dt_ms: float | None) -> str:
    if decay <= 0:
        return "0"
    if decay >= 1:
        return "infinity"
    return _time(-1 / math.log(decay), dt_ms)


def _time(steps: float, dt_ms: float | None) -> str:
    return f"{plain(steps)} steps" if dt_ms is None else f"{plain(steps * dt_ms)} ms"


def _flow(neuron: SteppedNeuron, dt_ms: float | None) -> str:
    at = "" if dt_ms is None else f" at dt = {plain(dt_ms)} ms"
    gain = neuron.gain * (1 if neuron.synapse is None else neuron.synapse.gain)
    if neuron.leak:
        per = plain(neuron.leak if dt_ms is None else neuron.leak / dt_ms)
        return f"linear leak of {per} a {'step' if dt_ms is None else 'ms'}{at}, not eq. 1"
    if neuron.decay == 1:
        return f"eq. 1 without leak (integrate-and-fire){at}: V rises by {plain(gain)} x a step"
    if not 0 < neuron.decay < 1:
        what = "no memory" if neuron.decay == 0 else f"decay {plain(neuron.decay)} a step"
        return f"not eq. 1: {what}{at}, gain {plain(gain)}"
    euler = _time(1 / (1 - neuron.decay), dt_ms)
    text = f"eq. 1 with tau = {_tau(neuron.decay, dt_ms)}{at} (forward Euler: {euler})"
    text += f", R = {plain(neuron.gain / (1 - neuron.decay))}"
    if neuron.bias:
        text += f", V_rest = {plain(neuron.bias / (1 - neuron.decay))}"
    return text


def _threshold(neuron: SteppedNeuron, dt_ms: float | None) -> str:
    if neuron.threshold == math.inf:
        return "no threshold"
    text = f"V_th = {plain(neuron.threshold)}"
    if neuron.reset_keep == 0 and neuron.reset_to:
        text += f", V_reset = {plain(neuron.reset_to)}"
    if not neuron.refractory:
        return text + ", no refractory period"
    return f"{text}, t_ref = {_time(neuron.refractory, dt_ms)}"


def as_parameters(
    neuron: SteppedNeuron,
    dt_ms: float | None,
    reading: Literal["exact", "forward Euler"] = "exact",
) -> tuple[LIFParameters, Capabilities] | None:
    """Parameters and claims with which `check_lif` checks a stepped neuron.

    Parameters
    ----------
    neuron : SteppedNeuron
    dt_ms : float or None, ms
        Time step; None takes a step for 1 ms.
    reading : {"exact", "forward Euler"}
        A decay is ``exp(-dt/tau)``, or ``1 - dt/tau``.

    Returns
    -------
    (LIFParameters, Capabilities) or None
        None if it is no LIF neuron of eq. 1 and 2, or a value of it is out of bounds. V is
        claimed not to be shown, and counted from the rest if it starts there.
    """
    neuron = _above_rest(neuron)
    form = neuron.number_format
    if not _is_plain(neuron) or not isinstance(form, FloatingPoint):
        return None
    dt = 1.0 if dt_ms is None else dt_ms
    V_reset = neuron.reset_to + (neuron.threshold if neuron.subtracts else 0.0)
    away = 1 - neuron.decay
    try:
        params = LIFParameters(
            tau_ms=dt / (-math.log(neuron.decay) if reading == "exact" else away),
            R=neuron.gain / away,
            V_th=neuron.threshold,
            V_reset=V_reset,
            t_ref_ms=neuron.refractory * dt,
            reset="subtract" if neuron.subtracts else "value",
        )
    except InputError:
        return None
    return params, Capabilities(
        refractory="steps" if neuron.refractory else "none",
        reset=params.reset,
        integrator=reading,
        fires_at_threshold=neuron.fires_at_threshold,
        membrane="none",
        dtypes=(form.name,),
    )


def _above_rest(neuron: SteppedNeuron) -> SteppedNeuron:
    """A neuron with V counted from its rest, if it starts there."""
    if not 0 < neuron.decay < 1 or not neuron.bias:
        return neuron
    rest = neuron.bias / (1 - neuron.decay)
    if abs(rest - neuron.start) > 1e-9 * abs(rest):
        return neuron
    return replace(affine(neuron, 1.0, -rest), bias=0.0, start=0.0)


def _is_plain(neuron: SteppedNeuron) -> bool:
    """True for a neuron of eq. 1 and 2 on a grid, as `check_lif` checks it."""
    form = neuron.number_format
    start = neuron.reset_to + (neuron.threshold if neuron.subtracts else 0.0)
    return (
        0 < neuron.decay < 1
        and neuron.gain > 0
        and neuron.synapse is None
        and neuron.adaptation is None
        and not (neuron.bias or neuron.leak or neuron.input_delay or neuron.spike_delay)
        and neuron.reset_keep in (0.0, 1.0)
        and neuron.threshold < math.inf
        and abs(start - neuron.start) <= 1e-9 * abs(neuron.threshold)
        and neuron.reset_when == "same-step"
        and neuron.tested == "new"
        and (not neuron.refractory or neuron.while_refractory == "held")
        and neuron.input_shape == "as-given"
        and neuron.floor == -math.inf
        and neuron.ceiling == math.inf
        and not neuron.several
        and not isinstance(form, FixedPoint)
        and form.name in DTYPES
    )
