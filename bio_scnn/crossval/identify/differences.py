"""Differences between the neuron that was found and the one that was meant, and what they cost."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bio_scnn.crossval.causes import Cause, cause
from bio_scnn.crossval.identify.effects import effect_on_rate
from bio_scnn.crossval.identify.formats import FixedPoint, read_as_rounded
from bio_scnn.crossval.identify.second_differences import (
    another_order,
    at_once,
    in_units_of,
    second_differences,
    steady_gain,
    unexchanged,
)
from bio_scnn.crossval.identify.stepped import SteppedNeuron
from bio_scnn.crossval.oracles.dialects import REFRACTORY, UPDATES
from bio_scnn.crossval.remedies import remedy
from bio_scnn.neuron.models import NeuronParameters
from bio_scnn.neuron.parameters import LIFParameters

_CLOSE = 1e-5  # relative difference of two numbers that are the same, in float32 too


@dataclass(frozen=True)
class Difference:
    """Difference of a neuron from the one that was meant.

    Attributes
    ----------
    cause : Cause
        Code of the catalogue, and the difference in words.
    remedy : str
        What to change, in one line.
    effect : str
        What it does to the rate of a neuron; empty if that cannot be told.
    """

    cause: Cause
    remedy: str
    effect: str

    def __str__(self) -> str:
        """Cause, effect and remedy in one line."""
        effect = f" ({self.effect})" if self.effect else ""
        return f"{self.cause.text}{effect}: {self.remedy}"


_Change = tuple[Cause, dict[str, Any]]


def meant_neuron(params: LIFParameters, dt_ms: float, update: str = "exact") -> SteppedNeuron:
    """Stepped neuron that eq. 1 and 2 make on a grid.

    Parameters
    ----------
    params : LIFParameters
    dt_ms : float, ms
    update : str
        Key of `oracles.dialects.UPDATES`.

    Returns
    -------
    SteppedNeuron
    """
    decay, weight = UPDATES[update](dt_ms, params)
    subtract = params.reset == "subtract"
    return SteppedNeuron(
        decay=decay,
        gain=weight * params.R,
        bias=params.V_rest * (1 - decay),
        threshold=params.V_th,
        reset_keep=1.0 if subtract else 0.0,
        reset_to=params.V_reset - params.V_th if subtract else params.V_reset,
        refractory=round(params.t_ref_ms / dt_ms),
        start=params.V_reset,
    )


def differences(
    neuron: SteppedNeuron,
    params: NeuronParameters | None,
    dt_ms: float | None,
    *,
    right: SteppedNeuron | None = None,
    V_seen: bool = False,
    resolution: float = 0.0,
    ordered: bool = False,
) -> list[Difference]:
    """Differences of a neuron from the one that was meant, with remedies and effects on rates.

    Parameters
    ----------
    neuron : SteppedNeuron
        The neuron that was found.
    params : LIFParameters, those of another family, or None
        The neuron that was meant; None if `right` says it all, and has the constants of `neuron`.
    dt_ms : float or None, ms
        Time step; None takes a step for 1 ms.
    right : SteppedNeuron, optional
        The same as it is stepped; needed for any but eq. 1, exact.
    V_seen : bool
        The unit of V is known, since V was seen: the threshold itself is compared too.
    resolution : float
        Relative error of the neuron's numbers: a smaller difference is none.
    ordered : bool
        The order of V and the synaptic current in a step is meant, too.

    Returns
    -------
    list of Difference
        Empty if the neuron steps eq. 1 exactly.
    """
    dt = 1.0 if dt_ms is None else dt_ms
    if right is None:
        assert isinstance(params, LIFParameters)
        right = meant_neuron(params, dt)
    found = neuron if V_seen or params is None else in_units_of(neuron, params)
    close = max(_CLOSE, 2 * resolution)
    found, exchanged = unexchanged(found, right, close)
    pair = _Pair(found, right, params, dt, close)
    told = [*exchanged, *(another_order(found, right) if ordered else ())]
    first = [Difference(why, remedy(why.code), "") for why in told]
    return first + [
        Difference(why, remedy(why.code), effect_on_rate(right, changes, dt_ms))
        for part in (_update, _refractory, _spike, _input, _state)
        for why, changes in part(pair)
    ]


@dataclass(frozen=True)
class _Pair:
    """The neuron that was found, the one that was meant, and how near is the same."""

    found: SteppedNeuron
    right: SteppedNeuron
    params: Any
    dt: float
    close: float

    def same(self, a: float, b: float, scale: float = 0.0) -> bool:
        """True if two numbers differ by no more than is known of them."""
        return _same(a, b, scale, self.close)


def _same(a: float, b: float, scale: float = 0.0, close: float = _CLOSE) -> bool:
    return a == b or abs(a - b) <= close * max(abs(a), abs(b), scale)


def _update(pair: _Pair) -> Iterator[_Change]:
    found, right = pair.found, pair.right
    gain = found.gain * steady_gain(found) / steady_gain(right)
    if pair.same(at_once(found), at_once(right)):  # what an input does in its own step is right
        gain = right.gain
    changes: dict[str, Any] = {"decay": found.decay, "gain": gain}
    if found.leak:
        yield cause("leak.linear", leak=found.leak), {"leak": found.leak, "decay": found.decay}
    elif gain < 0:
        yield cause("input.inverted"), changes
    elif not (pair.same(found.decay, right.decay, 1e-3) and pair.same(gain, right.gain)):
        yield _update_cause(found.decay, gain, pair), changes
    if not pair.same(found.threshold, right.threshold):
        reset = right.reset_to if not right.subtracts else right.reset_to + right.threshold
        times = (found.threshold - reset) / (right.threshold - reset)
        yield cause("constant.threshold", times=times), {"threshold": found.threshold}
    if not pair.same(found.bias, right.bias, pair.close * abs(found.threshold)):
        bias = found.bias - right.bias
        yield cause("bias.added", bias=bias), {"bias": found.bias}


def _update_cause(decay: float, gain: float, pair: _Pair) -> Cause:
    """Cause of an update that is not the exact one: one of the catalogue, or constants."""
    right, params, dt = pair.right, pair.params, pair.dt
    for name, update in UPDATES.items() if isinstance(params, LIFParameters) else ():
        a, weight = update(dt, params)
        if pair.same(a, decay, 1e-3) and pair.same(weight * params.R, gain) and name != "exact":
            return cause(f"update.{name}")
    if pair.same(decay, right.decay, 1e-3):
        return cause("constant.gain", times=gain / right.gain)
    if right.decay >= 1 > decay > 0:
        return cause("leak.added", decay=decay)
    if decay >= 1:
        return cause("update.no-leak/regression")
    if decay <= 0:
        return cause("update.no-memory")
    tau, R = -dt / math.log(decay), gain / (1 - decay)
    wrong_tau = cause("constant.tau", times=tau / params.tau_ms)
    bits, kept = (
        read_as_rounded(right.decay, decay),
        pair.same(gain, right.gain) or pair.same(R, params.R),
    )
    if bits and kept:
        return cause("format.decay", bits=bits)
    if pair.same(gain, right.gain):
        return cause("constant.tau/alone", times=tau / params.tau_ms)
    if pair.same(R, params.R):
        return wrong_tau
    wrong_gain = cause("constant.gain", times=R / params.R)
    return Cause(f"{wrong_tau.code}+{wrong_gain.code}", f"{wrong_tau.text}; {wrong_gain.text}")


def _refractory(pair: _Pair) -> Iterator[_Change]:
    found, right = pair.found, pair.right
    if found.refractory != right.refractory:
        names = [
            n for n, steps in REFRACTORY.items() if steps(pair.dt, pair.params) == found.refractory
        ]
        off = found.refractory - right.refractory
        changes = {"refractory": found.refractory}
        first = "none" if not found.refractory else (names or [""])[0]
        if first:
            yield cause(f"refractory.{first}"), changes
        else:
            yield cause("refractory.steps-off", steps=off), changes
    if found.refractory and found.while_refractory != "held":
        code = "clamp.none" if found.while_refractory == "integrates" else "clamp.leaks"
        yield cause(code), {"while_refractory": found.while_refractory}


def _spike(pair: _Pair) -> Iterator[_Change]:
    found, right = pair.found, pair.right
    if found.fires_at_threshold != right.fires_at_threshold:
        yield (
            cause("threshold.exceeded/measured"),
            {"fires_at_threshold": found.fires_at_threshold},
        )
    keep, to = found.reset_keep, found.reset_to
    changes = {"reset_keep": keep, "reset_to": to}
    far = not pair.same(to, right.reset_to, pair.close * abs(found.threshold))
    if keep == 1 and to == 0:
        yield cause("reset.absent"), changes
    elif keep not in (0.0, 1.0):
        yield cause("reset.partial", keep=keep, to=to), changes
    elif keep != right.reset_keep:
        yield cause("reset.subtract" if keep else "reset.value"), changes
    elif far and keep == 1:
        yield cause("reset.other-step", by=-to, right=-right.reset_to), changes
    elif far and to == 0:
        yield cause("reset.zero"), changes
    elif far:
        code = "reset.undershoot" if to < right.reset_to else "reset.other-value"
        yield cause(code, to=to, right=right.reset_to), changes
    if found.reset_when != "same-step":
        late = "late.reset" if found.reset_when == "next-step" else "reset.after-update"
        yield cause(late), {"reset_when": found.reset_when}
    if found.tested == "old":
        yield cause("late.test/first-spike"), {"tested": "old"}
    if found.several:
        yield cause("spikes.several-per-step"), {"several": True}
    if found.spike_delay:
        yield cause("label.late", steps=found.spike_delay), {"spike_delay": found.spike_delay}


def _input(pair: _Pair) -> Iterator[_Change]:
    found, right = pair.found, pair.right
    if found.input_delay:
        changes = {"input_delay": found.input_delay}
        yield cause("input.delayed/steps", steps=found.input_delay), changes
    if found.input_shape != "as-given":
        yield cause(f"input.{found.input_shape}"), {"input_shape": found.input_shape}
    yield from second_differences(found, right, pair.same)


def _state(pair: _Pair) -> Iterator[_Change]:
    found, right = pair.found, pair.right
    if not pair.same(found.start, right.start, pair.close * abs(found.threshold)):
        yield cause("start.elsewhere", start=found.start), {"start": found.start}
    if found.floor > -math.inf:
        code = "bounds.zero" if found.floor == 0 else "bounds.floor"
        yield cause(code, floor=found.floor), {"floor": found.floor}
    if found.ceiling < math.inf:
        yield cause("bounds.ceiling", ceiling=found.ceiling), {"ceiling": found.ceiling}
    form = found.number_format
    if not isinstance(form, FixedPoint):
        if form.name != "float64":
            code = f"membrane.{form.name}"
            yield cause(code, declared="float64"), {"number_format": form}
        return
    rounding = form.rounding
    changes = {"number_format": form}
    if found.decay != 1 or found.synapse is not None or found.gain % form.unit:
        yield cause("format.fixed-point", unit=form.unit, rounding=rounding), changes
    if form.word is not None:
        code = "format.saturates" if form.overflow == "saturate" else "format.wraps"
        yield cause(code, word=form.word), changes
