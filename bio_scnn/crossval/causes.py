"""Catalogue of likely causes of a failure: a stable code each, and its English text.

Tests and other programs read codes, people read texts. A code stays when its text is reworded.
Where one cause is put into words differently, by what it was found with, the key of a text is the
code, a slash, and what tells the texts apart: ``input.delayed`` and ``input.delayed/regression``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

from bio_scnn.crossval.fault_texts import FAULT_TEXTS
from bio_scnn.crossval.oracles.counters import COUNTER_TEXTS


@dataclass(frozen=True)
class Cause:
    """Likely cause of a failure.

    Attributes
    ----------
    code : str
        One of `CODES`; several that act together are joined by ``+``, alternatives by ``|``.
    text : str
        The same in English, with the numbers that were measured.
    """

    code: str
    text: str


def cause(key: str, **numbers: object) -> Cause:
    """Cause with a text of the catalogue.

    Parameters
    ----------
    key : str
        Of `TEXTS`.
    **numbers
        What the text has placeholders for.
    """
    return Cause(key.partition("/")[0], TEXTS[key].format(**numbers))


def single_codes(code: str) -> frozenset[str]:
    """Codes that a joined one is made of."""
    return frozenset(re.split(r"[+|]", code)) - {""}


def both(causes: Sequence[Cause]) -> Cause:
    """Cause that consists of several acting together."""
    return Cause("+".join(c.code for c in causes), "; ".join(c.text for c in causes))


def either(causes: Sequence[Cause]) -> Cause:
    """Cause that is one of several: nothing that was measured tells them apart."""
    return Cause("|".join(c.code for c in causes), ", or ".join(c.text for c in causes))


_KEPT = "{}: what the layer was first built with is kept, or hard-coded"

TEXTS: MappingProxyType[str, str] = MappingProxyType(
    {
        # How V gets across a step: values of GridNeuron.update.
        "update.exact": "exact",
        "update.forward-euler": "forward Euler",
        "update.backward-euler": "backward Euler",
        "update.crank-nicolson": "Crank-Nicolson",
        "update.exact-decay-euler-gain": "decay exp(-dt/tau), but input scaled by dt/tau",
        "update.euler-decay-exact-gain": "decay 1 - dt/tau, but input scaled by 1 - exp(-dt/tau)",
        "update.input-unscaled": "input not scaled by 1 - exp(-dt/tau): R I is added at every "
        "step",
        "update.leak-after-input": "leak applied after the input: "
        "V <- (V + R I (1 - exp(-dt/tau))) exp(-dt/tau)",
        "update.leak-after-input-euler-gain": "leak applied after the input: "
        "V <- (V + R I dt/tau) exp(-dt/tau)",
        "update.leak-after-input-euler": "leak applied after the input: "
        "V <- (V + R I dt/tau) (1 - dt/tau)",
        "update.input-unscaled-R-ignored": "input not scaled at all: I is added at every step",
        "update.input-scaled-twice": "input scaled by dt/tau twice",
        "update.input-scaled-twice-exact": "input scaled by 1 - exp(-dt/tau) twice",
        "update.input-scaled-twice-euler": "input scaled by dt/tau twice, forward Euler",
        "update.input-times-dt": "input scaled by dt (in seconds) once more",
        "update.R-ignored": "input not scaled by R: the resistance is ignored (r = 1)",
        "update.R-ignored-euler": "resistance ignored (r = 1), forward Euler",
        "update.R-twice": "input scaled by R twice",
        "update.C-for-tau": "C taken for tau",
        "update.tau-1000-times-long": "tau 1000 times too long: a unit taken for another "
        "(ms for s)",
        "update.tau-1000-times-short": "tau 1000 times too short: a unit taken for another "
        "(s for ms)",
        "update.tau-times-dt": "tau multiplied by dt (in seconds)",
        "update.tau-over-dt": "tau divided by dt (in seconds)",
        "update.dt-1-ms": "dt taken to be 1 ms, whatever it is (tau counted in steps)",
        "update.dt-0.1-ms": "dt taken to be 0.1 ms, whatever it is",
        "update.dt-0.1-ms-euler": "dt taken to be 0.1 ms, whatever it is, forward Euler",
        "update.dt-1-ms-euler": "dt taken to be 1 ms, whatever it is, forward Euler",
        "update.no-leak": "no leak: a pure integrator",
        "update.no-leak/regression": "no leak: V does not decay",
        "update.no-leak-exact-gain": "no leak: V does not decay, and its input is scaled by "
        "1 - exp(-dt/tau)",
        "update.no-leak-unscaled": "no leak, and R I added at every step",
        "update.no-memory": "no memory: V is R I at every step (decay 0)",
        "update.no-memory-exact-gain": "no memory: V is (1 - exp(-dt/tau)) R I at every step",
        # Steps for which V is held: values of GridNeuron.refractory, and what intervals tell.
        "refractory.as-set": "as declared",
        "refractory.one-step-short": "refractory period is t_ref - dt",
        "refractory.one-step-short/measured": "refractory period is t_ref - dt: one step short",
        "refractory.one-step-long": "refractory period is t_ref + dt, or the reset comes one step "
        "late",
        "refractory.one-step-long/measured": "one step too many in each interval: the refractory "
        "period is t_ref + dt, or the reset comes one step late",
        "refractory.two-steps-short": "refractory period is t_ref - 2 dt",
        "refractory.two-steps-long": "refractory period is t_ref + 2 dt",
        "refractory.steps-off": "refractory period is t_ref {steps:+g} dt",
        "refractory.none": "no refractory period",
        "refractory.none/measured": "the refractory period is ignored",
        "refractory.counted-in-ms": "t_ref in ms taken for a number of steps: dt assumed to be "
        "1 ms",
        "refractory.counted-in-ms/measured": "t_ref in ms is taken for a number of steps: dt is "
        "assumed to be 1 ms",
        "refractory.counted-in-ms-truncated": "t_ref in ms, truncated, taken for a number of "
        "steps: dt assumed to be 1 ms",
        "refractory.dt-assumed": "t_ref is counted in steps of {dt_ms:g} ms, whatever dt is",
        "refractory.at-least-one-step": "refractory period of at least one step: 0 acts as dt",
        "refractory.truncated": "refractory period truncated to int(t_ref/dt)",
        "refractory.truncated/measured": "t_ref/dt is truncated to a whole number: int(0.3/0.1) "
        "is 2",
        "refractory.rounded-clock": "refractory period is {way} here and there: it is compared "
        "with times that are rounded, as in t - t_last > t_ref",
        **COUNTER_TEXTS,
        "refractory.hidden-step": "{steps} hidden step(s) in each interval: the reset comes one "
        "step late, or there is a refractory step that was not asked for",
        "refractory.acts-as": "every interval is {off_ms:.6g} ms too {way}: the refractory period "
        "acts as {acts_ms:.6g} ms, not {t_ref_ms:g} ms",
        "clamp.held": "V held at V_reset while refractory",
        "clamp.none": "V integrates during the refractory period: it is not clamped",
        # Threshold, spike and reset.
        "threshold.reached": "V >= V_th",
        "threshold.exceeded": "V > V_th",
        "threshold.exceeded/measured": "V > V_th is tested instead of V >= V_th",
        "threshold.reached/measured": "V >= V_th is tested instead of V > V_th",
        "spikes.several-per-step": "several spikes in one step",
        "reset.value": "reset to V_reset",
        "reset.subtract": "subtract instead of reset: V_th - V_reset is subtracted from V",
        "reset.zero": "reset to 0 instead of V_reset",
        "reset.zero/measured": "V is reset to 0, whatever V_reset is",
        "reset.elsewhere": "V starts from another value than V_reset after a spike",
        "late.none": "reset in the step of the spike",
        "late.reset": "reset one step late",
        "late.test": "threshold tested on the V of the step before: spike and reset one step late",
        "late.test/first-spike": "threshold and reset act one step late",
        # Input.
        "input.held": "input as given",
        "input.delayed": "input acts one step late (or spikes are labelled one step late)",
        "input.delayed/first-spike": "the input acts one step late",
        "input.delayed/first-step": "the input acts one step late: V has not moved at the end of "
        "the first step",
        "input.delayed/regression": "the input acts one step late: V follows the current of the "
        "step before",
        "input.averaged": "input averaged over two neighbouring steps",
        "input.averaged/regression": "the input is averaged over two neighbouring steps",
        "input.rectified": "negative input taken as 0",
        "input.rectified/regression": "negative input is taken as 0",
        "input.clipped": "input clipped to [0, 1]",
        "input.clipped/regression": "input is clipped",
        "input.first": "input of the first step used throughout: changes are ignored",
        "input.variance-biased": "noise has a biased variance: V varies {times:.3g} times as much "
        "as it should",
        "input.non-finite-spreads": "non-finite input spreads to other neurons",
        # V and where it starts.
        "bounds.none": "V free to go below 0",
        "bounds.zero": "V clamped at 0 from below",
        "bounds.zero/regression": "V is clamped at 0 from below",
        "offset.none": "nothing added to V",
        "offset.V_reset": "V_reset is added to V at every step, not only at a reset",
        "start.free": "the neuron starts free to fire",
        "start.refractory": "the neuron starts refractory, as if it had fired at time 0",
        "start.random": "the initial V is random: equal neurons do not fire together",
        "start.random/batch": "the initial V is random, or depends on the batch: intervals are "
        "right",
        "membrane.not-finite": "V is not finite",
        "membrane.not-finite/recorded": "V contains NaN or infinity",
        "membrane.float16": "V is computed in float16, not in {declared}",
        "membrane.float32": "V is computed in float32, not in {declared}",
        "membrane.relaxes-otherwise": "V relaxes with tau = {tau_ms:.4g} ms instead of "
        "{right_ms:g} ms, towards {gain:.4g} RI",
        "membrane.shown-before-reset": "V is shown before the reset where a neuron fires, not "
        "after it as declared",
        "membrane.shown-before-reset/recorded": 'V is given before reset: declare {{"membrane": '
        '"before reset"}} in answer.json',
        "membrane.shown-after-reset/recorded": 'V is given after reset: declare {{"membrane": '
        '"after reset"}} in answer.json',
        "membrane.wrong-at-steps": "V at the ends of the steps is another, though the spikes are "
        "right",
        # Constants that act as others.
        "constant.tau": "the time constant tau acts as {times:.3f} times what it should be",
        "constant.gain": "the resistance R, or the gain of the input, acts as {times:.3f} times "
        "what it should be",
        "constant.threshold": "the threshold's distance from V_reset acts as {times:.3f} times "
        "what it should be",
        "constant.some": "the error does not vanish with dt: a constant is wrong, not the grid",
        "ignored.V_th": _KEPT.format("V_th is ignored"),
        "ignored.t_ref": _KEPT.format("t_ref is ignored"),
        "ignored.R": _KEPT.format("R is ignored"),
        "ignored.tau": _KEPT.format("tau is ignored"),
        "ignored.tau-R": _KEPT.format("tau and R are ignored"),
        "ignored.dt": _KEPT.format("dt is ignored"),
        "ignored.tau-dt": _KEPT.format("tau and dt are ignored"),
        # What a stepped neuron tells beside those: fields of SteppedNeuron.
        "reset.partial": "partial reset: a spike makes V <- {keep:.6g} V {to:+.6g}",
        "reset.undershoot": "undershoot: V is reset to {to:.6g}, below V_reset = {right:g}",
        "reset.other-value": "V is reset to {to:.6g} instead of V_reset = {right:g}",
        "reset.other-step": "{by:.6g} is subtracted from V at a spike, not V_th - V_reset = "
        "{right:g}",
        "reset.absent": "V is not reset at a spike",
        "reset.after-update": "the reset acts at the end of the next step, after its update",
        "clamp.leaks": "V decays, without input, during the refractory period",
        "synapse.before-membrane": "the input passes through a synaptic current, which decays by "
        "a factor of {decay:.6g} a step",
        "adaptation.current": "spike-triggered current: each spike takes {jump:.4g} off the drive "
        "of V, decaying by a factor of {decay:.6g} a step",
        "adaptation.threshold": "moving threshold: each spike raises it by {jump:.4g}, decaying "
        "by a factor of {decay:.6g} a step",
        "leak.linear": "linear leak: V moves towards 0 by {leak:.6g} a step, whatever it is",
        "leak.dead-zone": "V smaller than {size:.6g} does not leak: its low bits are dropped "
        "before the leak is taken",
        "format.no-dead-zone": "V moves by a unit towards 0 at least, where rounding would let it "
        "stay",
        "bias.added": "a bias: {bias:.6g} is added to V at every step",
        "bias.added/rest": "a bias: {bias:.6g} is added to V at every step, so that it relaxes to "
        "{to:.6g}, not to V_rest = {rest:g}",
        "bounds.floor": "V is clamped at {floor:.6g} from below",
        "bounds.ceiling": "V is clamped at {ceiling:.6g} from above",
        "start.elsewhere": "V starts at {start:.6g}",
        "start.zero": "V starts at 0, not at V_reset",
        "input.delayed/steps": "the input acts {steps} step(s) late",
        "input.inverted": "positive input lowers V: its sign is turned",
        "membrane.bfloat16": "V is computed in bfloat16",
        "format.fixed-point": "fixed point: V is a multiple of {unit:.6g}, and products are "
        "rounded ({rounding})",
        "format.saturates": "V saturates at a word of {word} bits",
        "format.wraps/unsigned": "V is kept in a word without a sign: a negative V reads as a "
        "large one",
        "format.wraps": "V wraps round at a word of {word} bits",
        **FAULT_TEXTS,
        # Intervals, times and labels.
        "output.silent": "it never fires",
        "output.silent/recorded": "no neuron ever fires: is the current read?",
        "intervals.adaptation": "the interval drifts: adaptation, or a threshold that moves",
        "intervals.noisy": "intervals jitter, of a neuron alone too: V or the threshold is noisy",
        "intervals.carried-over": "intervals jitter: V, the clock or another neuron carries "
        "something over",
        "clock.float32": "the clock is accumulated in single precision (float32), or not in whole "
        "steps",
        "clock.on-grid": 'every spike lies on the time grid: do not declare {{"precise": true}}',
        "label.late": "spikes are labelled {steps} step(s) late",
        "label.late/recorded": 'every spike is dated one step late: does "spike_label" have to be '
        '"end"?',
        "label.early": "spikes are labelled {steps} step(s) early",
        "label.early/recorded": 'every spike is dated one step early: does "spike_label" have to '
        'be "start"?',
        # What any layer owes its users.
        "random.unseeded": "not deterministic: it draws random numbers that no seed controls",
        "random.seed-ignored": "the seed is not honoured",
        "random.variance-biased": "noise variance is biased by {percent:+.0f} %",
        "random.mean-biased": "the mean of the noise is biased",
        "state.build": "state of an earlier layer is left: build does not start from V_reset",
        "state.reset": "state leaks between runs: reset does not bring V, the refractory counter "
        "or the generator back",
        "state.run-length": "the result depends on the length of the run",
        "neurons.coupled": "the result of a neuron depends on the batch: neurons are coupled",
        "neurons.mixed-up": "spikes are reported for the wrong neurons: their order is mixed up",
        "neurons.summed/all": "each neuron takes the sum of all inputs",
        "neurons.summed/before": "each neuron takes the sum of its own input and those of the "
        "neurons before it: a running sum along the wrong axis",
        "neurons.centred": "the mean of all neurons' inputs is taken off each input",
        "neurons.neighbour/before": "each neuron takes the input of the one before it",
        "neurons.neighbour/after": "each neuron takes the input of the one after it",
        "neurons.share/reset": "a spike of any neuron resets all neurons",
        "neurons.share/refractory": "a spike of any neuron makes all neurons refractory",
        "neurons.share/adaptation": "the spikes of all neurons raise each one's adaptation: their "
        "mean",
        "neurons.share/one": "only the neuron farthest above its threshold fires in a step",
        "neurons.position/apart": "results depend on the position of a neuron, not on the others: "
        "noise that is the same in every run, or parameters of its own",
        "neurons.position": "results depend on the position of a neuron: neurons are coupled or "
        "mixed up",
    }
)
"""Texts by code, or by code and variant; placeholders for numbers in braces."""

CODES: frozenset[str] = frozenset(key.partition("/")[0] for key in TEXTS)
"""Every code there is."""
