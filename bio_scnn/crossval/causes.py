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
        # What a declared neuron with one fault tells: `faults.catalogue`.
        "update.rk2": "second-order Runge-Kutta",
        "update.rk4": "fourth-order Runge-Kutta",
        "update.half-input-before-leak": "half of the input is added before the leak and half "
        "after it: V <- (V + R I dt/(2 tau)) exp(-dt/tau) + R I dt/(2 tau)",
        "threshold.before-leak": "the threshold is tested before the leak of the step",
        "threshold.before-leak/reset": "the threshold is tested before the leak of the step, "
        "and V leaks after the reset too",
        "threshold.before-leak/alone": "the threshold is tested on V + R I (1 - exp(-dt/tau)), "
        "before the leak of the step; V itself is right",
        "threshold.before-input": "the threshold is tested after the leak and before the input of "
        "the step",
        "threshold.magnitude": "the magnitude of V is compared: it fires below -V_th, too",
        "threshold.drift": "the threshold changes by {percent:.4g} % at each {when}",
        "threshold.drift/by": "each spike raises the threshold by {by:.4g} for good",
        "late.test/twice": "it fires only where V reaches the threshold in two steps running",
        "late.test/old": "the threshold is tested on the V of the step before",
        "reset.overshoot": "what V has above the threshold is taken off below V_reset",
        "synapse.missing": "the synaptic current is missing: the input drives V itself",
        "synapse.order/flow": "V and the synaptic current are stepped together, by the exact flow",
        "synapse.order/fresh": "V takes another moment of the synaptic current: that of the "
        "step's end",
        "synapse.order/old": "V takes the synaptic current of the step before: it is updated "
        "after V has read it",
        "synapse.order/twice": "V takes the synaptic current twice in a step: before its update "
        "and after it",
        "synapse.order/mean": "V takes the mean of the synaptic current before and after its "
        "update",
        "adaptation.order/flow": "V and the adaptation are stepped together, by the exact flow",
        "adaptation.order/fresh": "the adaptation decays before V takes it, a step early",
        "adaptation.order/old": "V takes the adaptation of the step before: it decays after V has "
        "read it",
        "adaptation.order/late": "the adaptation takes its jump at a spike a step late",
        "synapse.unscaled": "the synaptic current is not normalised: S <- a S + x, without 1 - a",
        "synapse.set": "an input sets the synaptic current to its size, where it should add to it",
        "synapse.saturates": "the synaptic current saturates: V takes "
        "{bound:.6g} tanh(S / {bound:.6g})",
        "synapse.saturates/cut": "the synaptic current is cut at {bound:.6g} ({side})",
        "synapse.decays/input": "the synaptic current does not decay in steps with an input",
        "synapse.decays/silence": "the synaptic current decays only in steps with an input",
        "synapse.bypassed": "the input drives V itself, too, {times:.4g} times as strong as it "
        "drives the synaptic current",
        "adaptation.subtracted": "what the reset subtracts is not as declared: the threshold that "
        "the adaptation has moved, or the fixed one",
        "adaptation.decays": "the adaptation does not decay in the step of a spike",
        "adaptation.of-V": "the adaptation grows with V, too: w gains {each:.4g} V in each step",
        "adaptation.sign": "the adaptation has the other sign: it is added to the input",
        "adaptation.threshold/instead": "the adaptation raises the threshold by R w; it should "
        "lower the input",
        "adaptation.lasting": "the adaptation does not decay",
        "adaptation.current/instead": "the adaptation is taken off V as a current; it should "
        "raise the threshold",
        "adaptation.saturates": "w goes no higher than {most:.6g}",
        "synapse.reset/partly": "a spike leaves {keep:.4g} of the synaptic current",
        "synapse.reset": "a spike sets the synaptic current to 0",
        "synapse.twice": "the input passes through the synapse twice",
        "synapse.twice/second": "the synaptic current passes through a second one, which decays "
        "by a factor of {decay:.6g} a step (alpha synapse)",
        "synapse.beside": "a second synaptic current beside the first drives V; it decays by a "
        "factor of {decay:.6g} a step",
        "leak.skipped": "V does not leak in the step after a spike",
        "leak.skipped/silence": "V leaks only in steps with an input: silent steps have no leak",
        "leak.skipped/together": "V leaks in one of {steps} steps only, by the leak of all of "
        "them",
        "leak.two-times/above": "V relaxes downwards with {times:.4g} times tau, and upwards with "
        "tau",
        "leak.two-times/negative": "a negative V decays with {times:.4g} times tau",
        "leak.skipped/pause": "V leaks for {steps} steps at most in a pause of the input",
        "input.fades-in": "the input fades in over the first {steps} steps",
        "input.lost": "the input of the step after a spike is lost",
        "input.restarts": "the input is read from its beginning again after {steps} steps",
        "state.window": "V holds the last {steps} steps only: what came in before is forgotten",
        "state.forgotten": "the state begins anew every {steps} steps",
        "reset.before-input": "V is reset before the input of the step is added, which is left in "
        "V",
        "spikes.edge": "no spike where V stayed above the threshold: only a rising crossing fires",
        "spikes.merged": "a reset takes off every threshold that V holds: spikes still due are "
        "merged into one",
        "spikes.dropped": "no more than {most} spike(s) in {steps} steps are handed out, though V "
        "is reset",
        "synapse.rectified": "the synaptic current cannot go below 0",
        "constant.tau/alone": "the decay is that of {times:.3f} times tau; the gain of the input "
        "is as it should be",
        "leak.added": "a leak: V decays by a factor of {decay:.6g} a step",
        "adaptation.missing": "the adaptation is missing: a spike adds nothing to w",
        "adaptation.set": "w is set to b at a spike, not raised by it",
        "adaptation.strength": "the adaptation's b acts as {times:.4g} times what it should be",
        "clamp.stores-input": "input of the refractory period is stored and added to V after it",
        "clamp.frozen-synapse": "the synaptic current stands still during the refractory period",
        "clamp.frozen-synapse/input": "the synaptic current takes no input during the refractory "
        "period",
        "clamp.frozen-adaptation": "the adaptation stands still during the refractory period",
        "clamp.none/clipped": "V integrates during the refractory period, but no higher than "
        "{cap:.6g}",
        "refractory.float-countdown": "t_ref counted down in {dtype}: rounding makes it "
        "{steps} steps instead of {right}",
        "refractory.rounded-clock/clock": "the refractory period is measured by a clock in "
        "{dtype}: rounding makes it a step longer or shorter here and there",
        "refractory.blocked-by-negative": "a negative V counts as refractory: the step after it "
        "loses its input",
        "refractory.blocked-by-negative/count": "the refractory period is only counted in steps "
        "with an input that is not negative",
        "refractory.blocked-by-negative/blocks": "a negative V counts as refractory: it cannot "
        "fire in the step after it",
        "refractory.blocked-by-negative/climbs": "a negative V counts as refractory: it climbs by "
        "{pace:.4g} a step and takes no input",
        "refractory.blocked-by-negative/counter": "the refractory period is counted by a negative "
        "V, which climbs by {pace:.4g} a step: inhibition makes it longer, or starts it",
        "refractory.paused": "the refractory period is only counted in steps with an input",
        "refractory.started-again/any": "refractory period retriggered: any excitation during it "
        "starts it anew",
        "refractory.started-again/input": "refractory period retriggered: an input with R I above "
        "{size:.4g} during it starts it anew",
        "refractory.started-again/V": "refractory period retriggered: V at the threshold "
        "during it starts it anew",
        "membrane.while-refractory": "V shown while refractory is another, though the spikes are "
        "right",
        "membrane.while-refractory/value": "V is shown at {value:.6g} while refractory, "
        "not at V_reset",
        "membrane.while-refractory/peak": "V is shown as it was at the spike while refractory, "
        "not at V_reset: it is reset at the end",
        "membrane.while-refractory/threshold": "V is shown at V_th while refractory, not at "
        "V_reset",
        "membrane.while-refractory/integrates": "the V shown goes on integrating while "
        "refractory; the one that fires is held",
        "membrane.shown-late": "V is shown {steps} step(s) late",
        "membrane.shown-late/held": "V is shown anew in one of {steps} steps only",
        "membrane.shown-smoothed/so-far": "the {kind} of V over all steps so far is shown",
        "membrane.shown-smoothed": "the mean of V over the last {steps} steps is shown",
        "membrane.shown-bounded": "V is shown no higher than {bound:.6g}; V itself goes on",
        "membrane.shown-bounded/rectified": "V is shown no lower than 0; V itself goes on",
        "membrane.shown-bounded/soft": "V is shown through a bend: {bound:.6g} tanh(V / "
        "{bound:.6g})",
        "reset.unmeant": "V is reset where it reaches {threshold:.6g}, though no threshold is "
        "declared",
        "membrane.shown-after-reset/seen": "V is shown after the reset, not before it as declared",
        "constant.tau/exchanged": "tau and tau_syn are exchanged",
        "constant.tau/syn": "the time constant tau_syn acts as {times:.4g} times what it should "
        "be",
        "constant.tau/w": "the time constant tau_w acts as {times:.4g} times what it should be",
        "constant.gain/units": "the input acts {times:g} times as strong: a unit taken for "
        "another",
        "input.magnitude": "the magnitude of the input is used: its sign is lost",
        "input.blocks": "the input is averaged over blocks of {steps} steps",
        "input.blocks/first": "the input is read in one of {steps} steps only, and used in all of "
        "them",
        "input.drifts": "the gain of the input changes by {percent:.4g} % at each step",
        "input.rounded": "the input is rounded to multiples of {unit:.6g} ({rounding})",
        "input.pool": "{percent:.4g} % of each input act one step later",
        "input.clipped/bound": "input {bound} is cut",
        "input.saturates": "the input saturates: {bound:.6g} tanh(I / {bound:.6g})",
        "input.first/times": "the input of the first step acts {times:g} times",
        "input.dead-zone": "input smaller than {size:.6g} counts as 0",
        "bounds.dead-zone": "changes of V smaller than {size:.6g} in a step are dropped",
        "bounds.both": "V is clamped between {low:.6g} and {high:.6g}",
        "bounds.change": "V cannot change by more than {most:.6g} in a step",
        "bounds.wraps": "V wraps round between {low:.6g} and {high:.6g}",
        "format.rounding": "products are rounded otherwise ({rounding}) than declared "
        "({declared})",
        "format.input-rounding": "the weighted input is rounded otherwise ({rounding}) than "
        "declared ({declared})",
        "format.product-wraps": "the product of decay and V overflows: {k} V wraps round at "
        "{word} bits before it is shifted by {bits}",
        "format.dropped-bits": "the lowest {dropped} bits of V are dropped before it is "
        "multiplied",
        "format.logical-shift": "a negative V is shifted as if it had no sign: a logical shift of "
        "{word} bits in place of an arithmetic one",
        "format.stochastic": "products are rounded at random",
        "format.decay": "the decay is rounded to {bits} bits",
        "spikes.doublets": "spikes come twice: V of the step before, above the threshold and not "
        "yet reset, fires again",
        "spikes.doublets/repeated": "spikes come twice: each is repeated in the next step",
        "spikes.lasting": "every spike is handed out in {steps} steps",
        "spikes.interpolated": "the crossing is interpolated within the step, and V goes on "
        "from there",
        "output.buffer": "the output comes from a buffer of {steps} steps that is not renewed in "
        "time: half of it repeats the block before",
        "input.noise": "noise is added to the input, the same in every run",
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
