"""Remedies: what to change in the code, one line for every cause of the catalogue."""

from __future__ import annotations

from types import MappingProxyType

from bio_scnn.crossval.causes import CODES, single_codes
from bio_scnn.crossval.oracles.counters import COUNTER_TEXTS

_UPDATE = "scale the input by R (1 - exp(-dt/tau)) once: V <- a V + R (1 - a) I, a = exp(-dt/tau)"
_DECLARE = "set decay = exp(-dt/tau) for the exact step, or declare integrator="
_UNITS = "give tau and dt in the same unit, and the decay as exp(-dt/tau)"
_COUNT = "block and hold V for round(t_ref/dt) steps after the one of the spike"
_CLOCK = "count steps in integers: time = step * dt, refractory = round(t_ref/dt)"
_RESET = "write V = where(spike, V_reset, V) after the threshold, in the same step"
_BATCH = "compute every neuron from its own column only; call .eval() where there is batch norm"
_STATE = "make V and all counters anew in reset() and at the start of each run"
_SEED = "draw from one generator that is made from the seed"
_GIVEN = "read the parameter when the layer is built or called; do not store it in a constant"
_BOUND = "drop the clamp (relu, clip, max) on V, unless it is meant"
_NOISE = "scale the noise per step by sqrt(1 - exp(-2 dt/tau_noise)), and do not shift it"
_FORMAT = "compute in float64 (.double()), or declare dtypes=("

# In the order of the catalogue; codes that name what is right have no remedy.
_FIRST: dict[str, str] = {
    "update.forward-euler": _DECLARE + '"forward Euler"',
    "update.backward-euler": _DECLARE + '"backward Euler"',
    "update.crank-nicolson": _DECLARE + '"Crank-Nicolson"',
    "update.exact-decay-euler-gain": "scale the input by R (1 - exp(-dt/tau)), not by R dt/tau",
    "update.euler-decay-exact-gain": "use one method: decay exp(-dt/tau) with gain 1 - decay",
    "update.rk2": _DECLARE.replace(", or declare integrator=", "") + " (no integrator is needed)",
    "update.rk4": _DECLARE.replace(", or declare integrator=", "") + " (no integrator is needed)",
    "threshold.before-leak": "update V, leak and input, before the threshold is tested",
    "threshold.before-input": "add the input of the step before the threshold is tested",
    "threshold.drift": "keep the threshold fixed",
    "reset.value": 'subtract V_th - V_reset at a spike (snnTorch: reset_mechanism="subtract"; '
    "SpikingJelly: v_reset=None)",
    "reset.overshoot": "set V to V_reset, whatever it was",
    "synapse.missing": "filter the input by S <- a S + (1 - a) x, a = exp(-dt/tau_syn) "
    "(snnTorch: Synaptic; Norse: LIFCell)",
    "synapse.order": "update S and V in the declared order, V reading S once (fresh: S, then V), "
    "or declare Capabilities(order=...)",
    "adaptation.order": "update w and V in the declared order, add b in the step of the spike, "
    "or declare Capabilities(order=...)",
    "synapse.unscaled": "multiply the input by 1 - exp(-dt/tau_syn)",
    "adaptation.sign": "take w off the input: I - w",
    "adaptation.lasting": "multiply w by exp(-dt/tau_w) in each step",
    "adaptation.saturates": "leave w unbounded",
    "synapse.reset": "let the synaptic current go on through a spike",
    "synapse.twice": "filter the input once",
    "synapse.beside": "drive V by one synaptic current",
    "leak.skipped": "multiply V by exp(-dt/tau) in every step, or by exp(-n dt/tau) after n",
    "input.lost": "read the input of every step that is not refractory",
    "input.restarts": "count steps in a wider integer",
    "state.forgotten": "hand the state on from one piece of a run to the next",
    "reset.before-input": "reset after the input is added: V = where(spike, V_reset, V)",
    "spikes.edge": "test V >= V_th in every step, whatever V was before",
    "spikes.merged": "subtract V_th once for each spike",
    "spikes.dropped": "hand out every spike, or leave its V as it is",
    "synapse.set": "write S = a S + x, not S = x",
    "threshold.magnitude": "test V >= V_th, without abs",
    "synapse.saturates": "hand the synaptic current on as it is",
    "synapse.decays": "multiply S by exp(-dt/tau_syn) in every step",
    "synapse.bypassed": "drive V by the synaptic current alone",
    "adaptation.subtracted": "subtract V_th - V_reset, whatever the adaptation has made of V_th",
    "adaptation.decays": "multiply w by exp(-dt/tau_w) in every step, then add b at a spike",
    "input.fades-in": "use the whole input from the first step on",
    "format.input-rounding": "round the input as declared, or declare input_rounding=",
    "input.drifts": "keep R and the weights fixed",
    "adaptation.of-V": "change w at spikes alone, or leave the coupling to V out",
    "leak.two-times": "use one tau for V, whatever its sign or direction",
    "state.window": "keep V from step to step, or use a window of many tau",
    "membrane.shown-late": "return V after the update of the step",
    "membrane.shown-smoothed": "return V itself, not its mean",
    "membrane.shown-bounded": "return V itself, without a bound",
    "reset.unmeant": "remove threshold and reset, or declare a LIF",
    "input.rounded": "hand the input on with all its digits",
    "neurons.neighbour": "use the input of the neuron itself: check the index",
    "synapse.rectified": "let the synaptic current be negative",
    "leak.added": "remove the leak, or declare a LIF",
    "adaptation.missing": "add b to w at each spike",
    "adaptation.set": "write w = w + b at a spike, not w = b",
    "adaptation.strength": "check b and its unit",
    "clamp.frozen-synapse": "let the synaptic current go on while V is held",
    "clamp.frozen-adaptation": "let w go on while V is held",
    "refractory.float-countdown": _CLOCK,
    **dict.fromkeys(COUNTER_TEXTS, _CLOCK),
    "refractory.blocked-by-negative": "keep a counter for the refractory period, apart from V",
    "refractory.paused": "count the refractory period down in every step",
    "refractory.started-again": "start the refractory period at a spike alone",
    "membrane.while-refractory": "return the V that is tested: V_reset while refractory",
    "input.magnitude": "drop the abs on the input",
    "input.blocks": "use the input of each step",
    "input.pool": "use the whole input of this step at once",
    "input.saturates": "hand the input on as it is",
    "input.dead-zone": "use small inputs too",
    "input.noise": "remove the noise on the input",
    "bounds.dead-zone": "make small changes of V too: use more digits",
    "leak.dead-zone": "take the leak of the whole V: multiply first, shift last",
    "format.no-dead-zone": "round the product as declared, and let small V stay",
    "format.product-wraps": "give the product the bits of decay and V together",
    "format.dropped-bits": "multiply the whole V first, then shift",
    "format.logical-shift": "use an arithmetic shift (Verilog: >>> on signed; C: a signed type)",
    "format.stochastic": "round to the nearest, or declare the stochastic rounding",
    "format.rounding": "round as declared, or declare the rounding that the circuit has",
    "format.decay": "use more bits for the decay",
    "spikes.doublets": "test the threshold on V after its reset, once a step",
    "spikes.lasting": "hand a spike out in the step of its crossing alone",
    "spikes.interpolated": "declare precise=True, or reset at the end of the step",
    "output.buffer": "copy the buffer out when it is full, and clear it",
    "update.input-unscaled": "multiply the input by 1 - decay (SpikingJelly: decay_input=True; "
    "snnTorch: multiply the weights by 1 - beta)",
    "update.leak-after-input": "let V decay first, then add the input: a V + (1 - a) R I",
    "update.input-times-dt": "do not multiply the input by dt; R (1 - exp(-dt/tau)) holds it",
    "update.R-ignored": "multiply the input by R",
    "update.C-for-tau": "use tau = R C for the decay, not C",
    "update.no-leak": "multiply V by exp(-dt/tau) in each step",
    "update.no-memory": "keep V from one step to the next (hand the state on)",
    "refractory.none": "add a refractory period (Norse: LIFRefrac; Brian2: refractory=...)",
    "refractory.rounded-clock": _CLOCK,
    "refractory.hidden-step": "reset in the step of the spike (snnTorch: reset_delay=False)",
    "refractory.acts-as": "set t_ref to the time meant; " + _CLOCK,
    "clamp.none": "hold V while refractory (Brian2: (unless refractory) in the equation)",
    "clamp.stores-input": "drop the input of refractory steps",
    "clamp.leaks": "hold V at V_reset while refractory (Brian2: (unless refractory))",
    "threshold.exceeded": "test V >= V_th, or declare fires_at_threshold=False",
    "spikes.several-per-step": "report 0 or 1 a step: spike = V >= V_th (Lava, sinabs: "
    "single spikes)",
    "reset.subtract": 'set V to V_reset at a spike (snnTorch: reset_mechanism="zero"; '
    'SpikingJelly: v_reset=0.0), or declare reset="subtract"',
    "reset.zero": "use V_reset, not 0, where V is reset",
    "reset.elsewhere": _RESET,
    "reset.partial": _RESET,
    "reset.undershoot": "set V to V_reset, without a further subtraction",
    "reset.other-value": "pass the V_reset that is meant",
    "reset.other-step": "subtract V_th - V_reset, no more and no less",
    "reset.absent": _RESET,
    "reset.after-update": "reset in the step of the spike (snnTorch: reset_delay=False)",
    "late.reset": "reset in the step of the spike (snnTorch: reset_delay=False)",
    "late.test": "update V before the threshold is tested",
    "input.delayed": "read the input of this step before V is updated; drop the buffer or delay",
    "input.averaged": "use the input of this step alone",
    "input.rectified": "drop the relu on the input",
    "input.clipped": "drop the clip on the input",
    "input.inverted": "check the sign of the weight",
    "input.first": "read the input anew in every step",
    "input.variance-biased": _NOISE,
    "input.non-finite-spreads": _BATCH,
    "offset.V_reset": "add V_reset only at a reset",
    "bias.added": "remove the bias, or add it to V_rest: V_rest = bias/(1 - decay)",
    "leak.linear": "multiply V by exp(-dt/tau) instead of subtracting a constant",
    "synapse.before-membrane": "drive V by the input itself (Norse: LIFBoxCell; snnTorch: Leaky, "
    "not Synaptic), or compare with a CubaLIF",
    "adaptation.current": "set the adaptation's strength to 0, or compare with an adaptive LIF",
    "adaptation.threshold": "keep the threshold fixed, or compare with an adaptive LIF",
    "intervals.adaptation": "keep threshold and drive fixed, or compare with an adaptive LIF",
    "format.fixed-point": "use more fraction bits, and round products to the nearest",
    "format.saturates": "use a wider word, or smaller weights",
    "format.wraps": "saturate at the ends of the word, or use a wider one",
    "start.refractory": "start free to fire: the counter begins at 0",
    "start.random": "start every neuron at V_reset",
    "start.elsewhere": "start every neuron at V_reset",
    "start.zero": "start V at V_reset instead of 0, if the neuron shall begin as after a spike",
    "membrane.not-finite": "look for a division by 0, or a decay above 1",
    "membrane.float16": _FORMAT + '"float16",)',
    "membrane.float32": _FORMAT + '"float32",)',
    "membrane.bfloat16": "compute in float32 or float64: bfloat16 holds three digits",
    "membrane.relaxes-otherwise": _UPDATE,
    "membrane.shown-before-reset": 'return V after the reset, or declare membrane="before reset"',
    "membrane.shown-after-reset": 'declare membrane="after reset"',
    "membrane.wrong-at-steps": "return V as it is at the end of each step",
    "constant.tau": _UNITS,
    "constant.gain": "check R, the weight, and the unit of the current",
    "constant.threshold": "check V_th and V_reset, and their unit",
    "constant.some": "check the unit of each constant",
    "output.silent": "check that the input reaches V, and the unit of V_th",
    "intervals.noisy": "remove the noise on V and on the threshold",
    "intervals.carried-over": _STATE,
    "clock.float32": _CLOCK,
    "clock.on-grid": "declare precise=False: spikes lie on the grid",
    "label.late": 'date a spike by the step in which V crosses, or declare spike_label="end"',
    "label.early": 'date a spike by the step in which V crosses, or declare spike_label="start"',
    "random.unseeded": _SEED,
    "random.seed-ignored": _SEED,
    "random.variance-biased": _NOISE,
    "random.mean-biased": _NOISE,
    "state.run-length": "let a step depend on the past alone",
    "neurons.mixed-up": "keep the order of the neurons from input to output",
}

# By the first part of a code, or by more of it: the longest that fits counts.
_BY_KIND: dict[str, str] = {
    "update.": _UPDATE,
    "update.leak-after-input": "let V decay first, then add the input: a V + (1 - a) R I",
    "update.input-scaled-twice": "scale the input by 1 - exp(-dt/tau) once only",
    "update.R-": "multiply the input by R, once",
    "update.tau-": _UNITS,
    "update.dt-": "compute exp(-dt/tau) from the dt that is given",
    "update.no-leak": "multiply V by exp(-dt/tau) in each step",
    "update.no-memory": "keep V from one step to the next (hand the state on)",
    "refractory.": _COUNT,
    "refractory.counted-in-ms": "divide t_ref by dt: round(t_ref/dt) steps",
    "refractory.truncated": "round t_ref/dt, do not truncate it",
    "bounds.": _BOUND,
    "ignored.": _GIVEN,
    "state.": _STATE,
    "neurons.": _BATCH,
}

RIGHT: frozenset[str] = frozenset(
    {
        *("update.exact", "refractory.as-set", "clamp.held", "threshold.reached"),
        *("late.none", "input.held", "bounds.none", "offset.none", "start.free"),
    }
)
"""Codes that name what a neuron of eq. 1 does, and need no remedy."""


def _remedy(code: str) -> str:
    if code in _FIRST:
        return _FIRST[code]
    kinds = [kind for kind in _BY_KIND if code.startswith(kind)]
    return _BY_KIND[max(kinds, key=len)]


REMEDIES: MappingProxyType[str, str] = MappingProxyType(
    {code: _remedy(code) for code in sorted(CODES - RIGHT)}
)
"""Remedy of each cause, by its code."""


def remedy(code: str) -> str:
    """Remedy of a cause in one line; joined codes give theirs one after the other."""
    lines = [REMEDIES[one] for one in sorted(single_codes(code)) if one in REMEDIES]
    return "; ".join(dict.fromkeys(lines))
