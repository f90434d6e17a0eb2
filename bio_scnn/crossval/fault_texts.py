"""Texts of faults that a declared neuron may have: those of `faults.catalogue`."""

from __future__ import annotations

from types import MappingProxyType

FAULT_TEXTS: MappingProxyType[str, str] = MappingProxyType(
    {
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
    }
)
"""As `causes.TEXTS`, of which they are a part."""
