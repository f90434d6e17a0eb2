"""LIF neurons with one deliberate error each, to measure what a conformance suite finds.

Every class of `BROKEN` declares what an author who does not know of the error would declare. The
first sentence of its docstring is the error; `truth` are patterns (`re.search`, ignoring case),
any of which a correct statement of the cause matches. `GOOD` are correct neurons of different
style.

Numbers such as "snnTorch #416" are issues and pull requests of the project in question, where the
error, or one very much like it, was reported.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.protocol import Adapter, CannotRepresent, Capabilities, Setup
from bio_scnn.neuron.trace import Trace


def every(*parts: str) -> str:
    """A pattern that matches a text in which all the parts are found, in any order."""
    return "(?s:" + "".join(f"(?=.*(?:{part}))" for part in parts) + ")"


# What correct causes have in common

REFRACTORY = r"refractor|t_ref\b|dead time"
ONE_SHORT = r"t_ref - (1 )?\*? ?dt|\bshort\b|shorter(?! than dt)|[-−] ?1 ?(dt|step)|minus one"
ONE_LONG = r"t_ref \+ (1 )?\*? ?dt|\blong\b|longer|\bextra\b|\+ ?1 ?(dt|step)|plus one|additional"
TAU = r"\btau\b|time constant"
INPUT = r"(?<!\d )(input|gain|asymptot|V_inf|steady|effective R\b)(?!.{0,12}\d times)"
INPUT_RI = r"input|current|gain|drive|\bRI\b"
GAIN_MISMATCH = (
    r"gain[ -]mismatch|mismatch.{0,40}gain",
    every("gain|input", "decay", "disagree|mismatch|inconsisten|not (match|belong|fit)|differ"),
)
FIXED_DT = (
    r"(?s:\A(?!.*(refractor|t_ref))(?=.*(\bdt\b|time step|step size))(?=.*(\bhard|\bfixed|ignored"
    r"|\bassum|not (used|depend)|no effect|whatever|regardless|independent of|as if)))"
)
OTHERS = (
    r"(?<!for )(?<!of )(other|next|adjacent|another) neurons?|between neurons",
    r"neighbou?r(s|ing neurons?)?\b|\bcoupl|cross-?talk|not independent|interact",
    r"depend(s|ing)? on.{0,40}(other|neighbo|batch|layer|position|order|number of neurons)",
    r"\bbatch|lateral|(under|with|by)( a)? permut",
)
STATE_SURVIVES = (
    r"state.{0,30}(surviv|leak|carr|left over|remain|\bkept|\bkeeps|previous|persist)",
    r"(surviv\w*|leaks?|carr(y|ies|ied)|left over|remains|persists?)\b.{0,40}(reset|run|build)",
)
RESET_FAILS = (
    r"(?<!V_)reset(\(\))?.{0,30}(does n|no effect|incomplete|not restore|ignored)",
    r"\breset\(\).{0,30}(leaves|forgets|fails)",
    r"(after|second).{0,15}(reset|run)\b.{0,40}(differ|not the same)",
)
LABEL = every(
    r"label|dated|stamp|declar|spike times?",
    r"\bstart|\bend\b|shift|(one|1) (step|dt)|\bearly|\blate\b|offset",
)
FLOAT32 = (r"(float|fp)-?32|single[ -]precision|32[ -]bit",)


def whole_steps(t_ref_ms: float, dt_ms: float) -> int:
    """The refractory period in steps."""
    steps = round(t_ref_ms / dt_ms)
    if abs(steps * dt_ms - t_ref_ms) > 1e-9 * dt_ms:
        raise CannotRepresent(f"t_ref = {t_ref_ms:g} ms is not a whole number of {dt_ms:g} ms")
    return steps


# Correct neurons


class GridNeuron(Adapter):
    """The exact exponential, and a countdown of refractory steps, in float64.

    Its parts are methods so that a broken neuron can differ in one of them.
    """

    name = "grid neuron"
    works_in: str | None = None  # a type other than the one asked for
    truth: tuple[str, ...] = ()

    def build(self, setup: Setup) -> None:
        self.setup = setup
        self.dtype = np.dtype(self.works_in or setup.dtype)
        self.decay, self.gain = self.coefficients()
        self.clamp = self.refractory_steps(setup.params.t_ref_ms, setup.dt_ms)
        self.start()

    def coefficients(self) -> tuple[float, float]:
        p, x = self.setup.params, self.setup.dt_ms / self.setup.params.tau_ms
        return math.exp(-x), -p.R * math.expm1(-x)

    def refractory_steps(self, t_ref_ms: float, dt_ms: float) -> int:
        return whole_steps(t_ref_ms, dt_ms)

    def start(self) -> None:
        neurons = self.setup.neurons
        self.V = np.full(neurons, self.setup.params.V_reset, self.dtype)
        self.left = np.zeros(neurons, int)  # refractory steps still to come

    def reset(self) -> None:
        self.start()

    def run(self, current: NDArray[np.float64]) -> Trace:
        raster = np.zeros(current.shape, int)
        membrane = np.empty(current.shape, self.dtype)
        # Inf and NaN in a current are the caller's business and stay in their neuron.
        with np.errstate(invalid="ignore", over="ignore"):
            for n, I in enumerate(self.seen(current).astype(self.dtype)):  # noqa: E741 - as in eq. 1
                raster[n] = self.step(I)
                membrane[n] = self.recorded()
        return self.trace(raster, membrane)

    def seen(self, current: NDArray) -> NDArray:
        return current

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        free = self.left == 0
        self.left[~free] -= 1
        self.V[free] = self.advanced(I)[free]
        fired = free & self.crosses()
        self.peak = self.V.copy()
        self.restart(fired)
        self.left[fired] = self.clamp
        return fired

    def advanced(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        return self.decay * self.V + self.gain * I

    def crosses(self) -> NDArray:
        return self.V >= self.setup.params.V_th

    def restart(self, fired: NDArray) -> None:
        self.V[fired] = self.setup.params.V_reset

    def recorded(self) -> NDArray:
        return self.V

    def trace(self, raster: NDArray, membrane: NDArray) -> Trace:
        return Trace.from_raster(raster, self.setup.dt_ms, membrane)


class Float32Neuron(Adapter):
    """Single precision throughout, and honest about it; relaxes V towards its asymptote."""

    name = "float32 neuron"
    capabilities = Capabilities(dtypes=("float32",))
    truth: tuple[str, ...] = ()

    def build(self, setup: Setup) -> None:
        self.setup = setup
        p = setup.params
        self.k = np.float32(-np.expm1(-setup.dt_ms / p.tau_ms))
        self.pause = whole_steps(p.t_ref_ms, setup.dt_ms)
        self.reset()

    def reset(self) -> None:
        self.now = 0
        self.V = np.full(self.setup.neurons, self.setup.params.V_reset, np.float32)
        self.released = np.zeros(self.setup.neurons, int)  # first step it may move in

    def run(self, current: NDArray[np.float64]) -> Trace:
        p = self.setup.params
        spikes, membrane = [], []
        with np.errstate(invalid="ignore", over="ignore"):
            for V_inf in (p.R * current).astype(np.float32):
                moves = self.now >= self.released
                self.V = np.where(moves, self.V + self.k * (V_inf - self.V), self.V)
                fired = moves & (self.V >= np.float32(p.V_th))
                self.V = np.where(fired, np.float32(p.V_reset), self.V)
                self.now += 1
                self.released[fired] = self.now + self.pause
                spikes.append(fired)
                membrane.append(self.V)
        return Trace.from_raster(spikes, self.setup.dt_ms, membrane)


class NoRefractoryNeuron(Adapter):
    """No refractory period; dates spikes to the start of the step and shows V before the reset."""

    name = "neuron without refractory period"
    capabilities = Capabilities(refractory="none", spike_label="start", membrane="before reset")
    truth: tuple[str, ...] = ()

    def build(self, setup: Setup) -> None:
        if setup.params.t_ref_ms:
            raise CannotRepresent("no refractory period")
        self.setup = setup
        self.reset()

    def reset(self) -> None:
        self.V = np.full(self.setup.neurons, self.setup.params.V_reset)

    def run(self, current: NDArray[np.float64]) -> Trace:
        p = self.setup.params
        beta = np.exp(-self.setup.dt_ms / p.tau_ms)
        membrane = np.empty(current.shape)
        with np.errstate(invalid="ignore"):
            for n, x in enumerate((1 - beta) * p.R * current):
                membrane[n] = beta * self.V + x
                self.V = np.where(membrane[n] >= p.V_th, p.V_reset, membrane[n])
        return Trace.from_raster(membrane >= p.V_th, self.setup.dt_ms, membrane, label="start")


# Integrator


class ForwardEuler(GridNeuron):
    """Forward Euler instead of the exponential.

    The usual layer of a deep-learning framework.
    """

    name = "forward Euler"
    truth = (r"(forward|explicit)[ -]euler",)

    def coefficients(self) -> tuple[float, float]:
        p, x = self.setup.params, self.setup.dt_ms / self.setup.params.tau_ms
        return 1 - x, p.R * x


class SpikesOnlyEuler(ForwardEuler):
    """Forward Euler instead of the exponential, in a layer that returns nothing but spikes."""

    name = "spikes only"
    capabilities = Capabilities(membrane="none")

    def trace(self, raster: NDArray, membrane: NDArray) -> Trace:
        return Trace.from_raster(raster, self.setup.dt_ms)


class BackwardEuler(GridNeuron):
    """Backward Euler instead of the exponential.

    NEURON's default.
    """

    name = "backward Euler"
    truth = (r"(backward|implicit)\b.{0,14}euler", r"1\s*/\s*\(1 \+ dt\s*/\s*tau\)")

    def coefficients(self) -> tuple[float, float]:
        p, x = self.setup.params, self.setup.dt_ms / self.setup.params.tau_ms
        return 1 / (1 + x), p.R * x / (1 + x)


class CrankNicolson(GridNeuron):
    """Crank-Nicolson instead of the exponential.

    NEURON with ``secondorder = 1``; V is off by some 1e-6 at dt = 0.1 ms.
    """

    name = "Crank-Nicolson"
    truth = (r"crank", r"trapez", r"second[ -]order", r"midpoint")

    def coefficients(self) -> tuple[float, float]:
        p, half = self.setup.params, self.setup.dt_ms / self.setup.params.tau_ms / 2
        return (1 - half) / (1 + half), 2 * p.R * half / (1 + half)


class EulerDecayExactGain(GridNeuron):
    """Gain mismatch: decay 1 - dt/tau, but an input gain of 1 - exp(-dt/tau)."""

    name = "Euler decay, exact gain"
    truth = (
        *GAIN_MISMATCH,
        every("decay", r"1 - dt\s*/\s*tau", "gain|input"),
        every(INPUT, r"too (small|low|weak)(?! by a factor)|0\.9987|0\.1[23] ?%"),
    )

    def coefficients(self) -> tuple[float, float]:
        p, x = self.setup.params, self.setup.dt_ms / self.setup.params.tau_ms
        return 1 - x, -p.R * math.expm1(-x)


class ExactDecayEulerGain(GridNeuron):
    """Gain mismatch: decay exp(-dt/tau), but an input gain of dt/tau."""

    name = "exact decay, Euler gain"
    truth = (
        *GAIN_MISMATCH,
        every("gain|input", r"(?<!-)\bdt\s*/\s*tau", r"\bexp|exact"),
        every(INPUT, r"too (large|high|strong)|1\.0012|0\.1[23] ?%"),
    )

    def coefficients(self) -> tuple[float, float]:
        p, x = self.setup.params, self.setup.dt_ms / self.setup.params.tau_ms
        return math.exp(-x), p.R * x


class LeakMissing(GridNeuron):
    """No leak: V integrates the input and decays not at all.

    An integrate-and-fire neuron, decay factor 1, where the leaky one was meant.
    """

    name = "beta 1"
    truth = (
        r"\b(no|without( a)?|lacks?( a| the)?|missing|absent) (leak|decay)",
        every(r"\b(leak|decay)\b", "missing|absent|not applied|lack|ignored|left out"),
        r"(non-?leaky|perfect|pure|ideal) integrat",
        r"tau.{0,30}infinit",
        r"(beta|decay) (factor )?(is|=|of) ?1(?![.\d])(?! -)",
    )

    def coefficients(self) -> tuple[float, float]:
        return 1.0, super().coefficients()[1]


class NoMemory(GridNeuron):
    """No memory: V is RI of the same step, whatever it was before.

    A neuron imported with the decay factor 0; snnTorch #416, #452.
    """

    name = "beta 0"
    truth = (
        r"memory",
        r"(beta|decay) (factor )?(is|=|of) ?(0(?![.\d])|zero)",
        r"tau.{0,40}(\bzero\b|(?<![.\d])0(?![.\d])|too (small|short))",
        r"not integrat|no integration|does not accumulate",
        r"\bV (is|=|equals) R\s?\*?\s?I\b",
    )

    def coefficients(self) -> tuple[float, float]:
        return 0.0, self.setup.params.R


# Parameters and units


class _WrongTau(GridNeuron):
    def tau_ms(self) -> float:
        raise NotImplementedError  # each subclass has its own

    def coefficients(self) -> tuple[float, float]:
        p, x = self.setup.params, self.setup.dt_ms / self.tau_ms()
        return math.exp(-x), -p.R * math.expm1(-x)


class TauSecondsAsMs(_WrongTau):
    """Tau is 1000 times too short: its value in seconds is taken as milliseconds."""

    name = "tau in s read as ms"
    truth = (
        every(TAU, r"1,?000|0\.001|1e-0?3", "short|small|fast|divid|less"),
        every(TAU, r"(?<!milli)(seconds|\bs\b).{0,20}\b(taken|read|used|treated|as)\b.{0,12}\bm"),
        every(TAU, r"wrong unit|units?\b.{0,20}(mix|confus)|0\.04 ?ms"),
    )

    def tau_ms(self) -> float:
        return self.setup.params.tau_ms / 1e3


class TauMsAsSeconds(_WrongTau):
    """Tau is 1000 times too long: its value in milliseconds is taken as seconds."""

    name = "tau in ms read as s"
    truth = (
        every(TAU, r"1,?000|1e\+?0?3|4e\+?0?4|40 ?s\b", "long|large|slow|multipl|more"),
        every(TAU, r"(milliseconds|\bms\b).{0,20}\b(taken|read|used|treated|as)\b.{0,12}\bs"),
        every(TAU, r"wrong unit|units?\b.{0,20}(mix|confus)|40,?000 ?ms|40 s\b"),
    )

    def tau_ms(self) -> float:
        return self.setup.params.tau_ms * 1e3


class TauFromC(_WrongTau):
    """C is taken for tau: the membrane is too slow by a factor of 2 (80 ms)."""

    name = "C for tau"
    truth = (
        every(TAU, r"\bC\b|capacit|(?<![.\d])80(\.0*)? ?ms"),
        every(
            TAU,
            r"factor (of )?2(?![.\d])|\b2(\.0*)? ?times (too|as)|twice (as|too|tau|the)|doubled",
        ),
    )

    def tau_ms(self) -> float:
        return self.setup.params.C_ms


class TauTimesDt(_WrongTau):
    """Tau was multiplied by dt (in seconds) on export, so that dt drops out: exp(-1/tau).

    norse #411.
    """

    name = "exported tau * dt"
    truth = (
        r"tau ?(\*|x|times|·) ?(the )?dt|dt ?(\*|x|times|·) ?tau",
        r"(?s:(\btau\b|time constant).{0,20}(multiplied|scaled) (by|with))",
        every(TAU, r"(far|much) too (short|small)|1e-0?4|10,?000|0\.0040* ?ms"),
        every(r"\bdt\b|time step", r"drops out|no effect|ignored|independent of|(is|=) 1 s\b"),
    )

    def tau_ms(self) -> float:
        return self.setup.params.tau_ms * self.setup.dt_ms * 1e-3


class _FixedDt(GridNeuron):
    fixed_ms: float

    def coefficients(self) -> tuple[float, float]:
        p, x = self.setup.params, self.fixed_ms / self.setup.params.tau_ms
        return math.exp(-x), -p.R * math.expm1(-x)


class DtFixedAtTenthMs(_FixedDt):
    """The membrane uses a hard-coded dt of 0.1 ms whatever the time step is.

    snnTorch's NIR import, 1e-4 s.
    """

    name = "dt 1e-4"
    fixed_ms = 0.1
    truth = (FIXED_DT,)


class DtFixedAtOneMs(_FixedDt):
    """The membrane uses a hard-coded dt of 1 ms whatever the time step is."""

    name = "dt 1e-3"
    fixed_ms = 1.0
    truth = (FIXED_DT,)


class CachedCoefficients(GridNeuron):
    """Decay and gain are cached: a layer built with another tau or dt keeps those of the first."""

    name = "cached coefficients"
    truth = (
        r"\bcache|\bstale|(earlier|previous|first) build|re-?buil[dt]|old (param|coef)",
        every(
            r"\btau\b|\bdt\b|time step|parameters",
            r"ignored|no effect|not (used|depend)|\bkeeps|change|\bhard|\bfixed",
        ),
    )

    def coefficients(self) -> tuple[float, float]:
        if not hasattr(self, "decay"):
            self.decay, self.gain = super().coefficients()
        return self.decay, self.gain


class RIgnored(GridNeuron):
    """R is ignored: the input is I, not RI.

    norse's NIR import.
    """

    name = "R = 1"
    truth = (
        r"\bR\b.{0,40}(ignored|is 1\b|= ?1\b|taken as 1|not (used|applied)|missing|left out|lack)",
        r"\bI\b.{0,15}(instead of|not|rather than).{0,5}\bR ?\*? ?I\b",
        every("resistance", "ignor|not (used|applied)|missing|left out|omit|taken as 1"),
    )

    def coefficients(self) -> tuple[float, float]:
        decay, gain = super().coefficients()
        return decay, gain / self.setup.params.R


class InputScaledTwice(GridNeuron):
    """The input is scaled by dt/tau twice."""

    name = "input scaled twice"
    truth = (
        every("input|current|gain|drive", r"\btwice|two times|\bdouble|\bagain\b|squared"),
        every("input|current|gain|drive", "too (small|weak|low)", r"factor|\d times"),
    )

    def coefficients(self) -> tuple[float, float]:
        decay, gain = super().coefficients()
        return decay, gain * self.setup.dt_ms / self.setup.params.tau_ms


class InputUnscaled(GridNeuron):
    """The input is not scaled by the time step: RI is added to V at every step.

    The ``beta V + x`` of snnTorch's Leaky, fed with a current.
    """

    name = "input not scaled"
    truth = (
        every(INPUT_RI, r"(not|un|never) ?-?(scaled|weighted|multiplied)|without (scal|dt)"),
        every(INPUT_RI, r"\badd(ed|s)\b", r"(each|every|per) step|whole|in full"),
        every(INPUT_RI, "too (large|strong|high)", r"factor|\d times|\bfar\b|\bmuch\b"),
        every(INPUT_RI, r"tau ?/ ?dt|1 ?/ ?\(1 ?- ?(exp|decay|beta)"),
    )

    def coefficients(self) -> tuple[float, float]:
        return super().coefficients()[0], self.setup.params.R


class ThresholdHardCoded(GridNeuron):
    """The threshold is 1 whatever V_th is."""

    name = "threshold 1"
    truth = (
        every(
            r"V_th\b|threshold",
            r"\bhard|\bfixed|ignored|not used|no effect|whatever|(is|at|=) 1(?![.\d])|always",
        ),
    )

    def crosses(self) -> NDArray:
        return self.V >= 1.0


# Refractory period

REFRACTORY = r"refractor|t_ref|dead time"


class RefractoryOneShort(GridNeuron):
    """The refractory period is one step too short: t_ref - dt.

    The spike's own step is counted. BindsNET #137; a stock Brian2 script.
    """

    name = "t_ref - dt"
    truth = (every(REFRACTORY, ONE_SHORT),)

    def refractory_steps(self, t_ref_ms: float, dt_ms: float) -> int:
        return max(whole_steps(t_ref_ms, dt_ms) - 1, 0)


class RefractoryOneLong(GridNeuron):
    """The refractory period is one step too long: t_ref + dt, and dt without one.

    The countdown is tested before it is decremented.
    """

    name = "t_ref + dt"
    truth = (
        every(REFRACTORY, ONE_LONG),
        r"(extra|hidden|additional|dead) (dead |refractory )?step",
    )

    def refractory_steps(self, t_ref_ms: float, dt_ms: float) -> int:
        return whole_steps(t_ref_ms, dt_ms) + 1


class RefractoryIgnored(GridNeuron):
    """The refractory period is ignored: there is none."""

    name = "t_ref ignored"
    truth = (
        every(
            REFRACTORY, r"ignor|missing|absent|no effect|not (applied|honou?red|implemented|used)"
        ),
        r"(?s:\A(?!.*(hidden|acts)).*\b(no|without( a| any)?|lacks?( a)?) refractor)",
        r"(refractor\w*( period)?|t_ref)[ =]{1,3}(0(\.0*)? (ms|steps)|zero)",
        r"(refractor\w*|t_ref)[^;.]{0,30} (is|=|be|lasts) (0(\.0*)?( ms| steps?)|zero|none)",
    )

    def refractory_steps(self, t_ref_ms: float, dt_ms: float) -> int:
        return 0


class RefractoryCountedInMs(GridNeuron):
    """The refractory period is taken as a number of steps: right only if dt is 1 ms.

    1 ms at dt = 0.1 ms lasts one step, 0.1 ms.
    """

    name = "t_ref in steps of 1 ms"
    truth = (
        every(REFRACTORY, r"(number|count) of steps|(in|as) steps|\bunits?\b|counted in"),
        every(REFRACTORY, r"\bdt\b|time step|step", r"(is|=|of|assum\w*) (?<![.\d])1 ms|assum"),
        every(REFRACTORY, "(not|never|without) (being )?(scal|multipl|divid|convert)"),
        r"(refractor\w*|t_ref).{0,20}(is|=|lasts|only) (0\.10* ms|(one|1) step)"
        r"(?! (too|off|short))",
    )

    def refractory_steps(self, t_ref_ms: float, dt_ms: float) -> int:
        return int(t_ref_ms)


class RefractoryTruncated(GridNeuron):
    """int(t_ref/dt) truncates: a refractory period of 0.3 ms is 2 steps of 0.1 ms, not 3."""

    name = "int(t_ref / dt)"
    truth = (
        every(REFRACTORY, r"trunc|\bround|\bfloor(ed|s)?\b(?!\()|\bint\(|floating|representation"),
    )

    def refractory_steps(self, t_ref_ms: float, dt_ms: float) -> int:
        return int(t_ref_ms / dt_ms)


class RefractoryClock(GridNeuron):
    """The refractory period is now and then one step off, by rounding of t - t_last > t_ref.

    Brian2 #943 and #949, fixed in 2.1.3; brainpy 2.8.
    """

    name = "t - t_last"
    truth = (
        every(
            REFRACTORY, r"\bround|\bfloat|jitter|\bvar(y|ies)\b|irregular|sometimes|now and then"
        ),
        every(r"\bISIs?\b|interval", r"jitter|\bvar(y|ies)\b|irregular|scatter|inconsist"),
    )

    def start(self) -> None:
        super().start()
        self.t = 0.0
        self.t_last = np.full(self.setup.neurons, -np.inf)

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        self.t += self.setup.dt_ms
        free = self.t - self.t_last > self.setup.params.t_ref_ms
        self.V[free] = self.advanced(I)[free]
        fired = free & self.crosses()
        self.restart(fired)
        self.t_last[fired] = self.t
        return fired


class HiddenStep(GridNeuron):
    """A hidden refractory step after every spike of a neuron said to have no refractory period.

    snnTorch's Lapicque with the reset 'zero'.
    """

    name = "hidden step"
    capabilities = Capabilities(refractory="none")
    truth = (
        r"(hidden|extra|undeclared|additional|dead|lost|idle).{0,20}step",
        every(REFRACTORY, "hidden|undeclared|extra|although|despite|too long"),
        r"refractor.{0,30}(is|of|=|lasts) (one|1) (step|dt)(?! (too short|off|short))",
    )

    def refractory_steps(self, t_ref_ms: float, dt_ms: float) -> int:
        return 1


class AtLeastOneStep(GridNeuron):
    """A refractory period of 0 acts as one step: it is never shorter than dt.

    Nengo #1427 is about the same range.
    """

    name = "max(1, steps)"
    truth = (
        r"(hidden|extra|undeclared|additional|dead|lost|idle).{0,20}step",
        every(
            REFRACTORY,
            r"at least|minimum|hidden|never shorter|(period of|t_ref( =)?) 0(?![.\d])|zero",
        ),
    )

    def refractory_steps(self, t_ref_ms: float, dt_ms: float) -> int:
        return max(whole_steps(t_ref_ms, dt_ms), 1)


class StartsRefractory(GridNeuron):
    """The neuron starts refractory, as if it had fired at t = 0."""

    name = "t_last = 0"
    truth = (every(REFRACTORY, r"\bstarts?\b|begin|initial|outset|first spike|t ?= ?0"),)

    def start(self) -> None:
        super().start()
        self.left[:] = self.clamp


class IntegratesWhileRefractory(GridNeuron):
    """V is not clamped during the refractory period: it integrates, only spikes are suppressed.

    Both readings of the term are in BindsNET #76.
    """

    name = "not clamped"
    truth = (
        every(
            REFRACTORY,
            r"(not|isn't|un)[ -]?(clamped|held|frozen)|integrat|charg(es|ing)|evolv|suppress|relax"
            r"|continues|(V|membrane) (moves|rises)",
        ),
    )

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        self.V = self.advanced(I)
        fired = (self.left == 0) & self.crosses()
        self.left[self.left > 0] -= 1
        self.restart(fired)
        self.left[fired] = self.clamp
        return fired


class SharedCountdown(GridNeuron):
    """One refractory countdown is shared by the layer: a spike of any neuron stops them all.

    A static variable in a C port.
    """

    name = "static countdown"
    truth = (
        *OTHERS,
        every(REFRACTORY, r"\bshare|all neurons|\bglobal|\bcommon|\blayer"),
    )

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        fired = super().step(I)
        if fired.any():
            self.left[:] = self.clamp
            self.restart(np.ones_like(fired))
        return fired


# Threshold and reset


class StrictThreshold(GridNeuron):
    """V has to exceed the threshold: > instead of >=.

    snnTorch and norse.
    """

    name = ">"
    truth = (
        r">(?!=).{0,40}(instead|for|not|rather|where|,).{0,20}>=",
        every(r"V_th\b|threshold", r"\bexceed|strict|\bequal|exactly|only above|>(?!=)"),
    )

    def crosses(self) -> NDArray:
        return self.V > self.setup.params.V_th


class ThresholdOnPreviousV(GridNeuron):
    """The threshold is tested on the V of the step before: spikes come one step late.

    spyx 1.0.
    """

    name = "previous V"
    truth = (
        every("threshold|spike|test", r"previous|step before|preceding|\bold V\b"),
        r"(?s:\A(?!.*reset)(?=.*spike)(?=.*(\bstep|\bdt\b))"
        r"(?=.*(\blate\b|\bdelay|after the (cross|thresh))))",
    )

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        fired = (self.left == 0) & self.crosses()
        free = (self.left == 0) & ~fired
        self.left[self.left > 0] -= 1
        self.V[free] = self.advanced(I)[free]
        self.restart(fired)
        self.left[fired] = self.clamp
        return fired


class ThresholdNoise(GridNeuron):
    """The threshold is noisy: drawn anew at each step, from a seeded generator.

    A stochastic layer left in its training mode.
    """

    name = "escape noise"
    truth = (
        every("threshold", r"\bnois|random|jitter|fluctuat|stochastic|\bdrawn"),
        r"\bescape|stochastic|\bnoisy",
        r"(hidden|own|internal|added) noise|noise (of its own|that)",
    )

    def start(self) -> None:
        super().start()
        self.rng = np.random.default_rng(self.setup.seed)

    def crosses(self) -> NDArray:
        noise = 0.02 * self.rng.standard_normal(self.V.shape)
        return self.V >= self.setup.params.V_th + noise


class UnseededJitter(GridNeuron):
    """Not deterministic: thresholds have 1 % jitter drawn from an unseeded generator."""

    name = "unseeded"
    truth = (
        r"\b(not |non-?|in)determin",
        r"unseeded|not seeded|without a seed|(ignores|ignored).{0,12}seed",
        r"\b(not |ir)re(producible|peatable)",
        every("same (setup|seed|current|run)", "differ"),
    )

    def start(self) -> None:
        super().start()
        rng = np.random.default_rng()
        self.jitter = 1 + 0.01 * rng.standard_normal(self.setup.neurons)

    def crosses(self) -> NDArray:
        return self.V >= self.setup.params.V_th * self.jitter


class Adaptation(GridNeuron):
    """Spike-frequency adaptation: each spike raises the threshold, which decays in 100 ms.

    An adaptive neuron (ALIF, DiehlAndCook) where the plain one was meant.
    """

    name = "adaptive threshold"
    truth = (
        r"\badapt|habituat",
        every("threshold", r"\b(rises?|rais|grow|increas|moves|drift)"),
        every(r"\brate\b|\bISIs?\b|interval", r"\bdrift|\bslows|lengthen|\bgrow|declin|decreas"),
    )

    def start(self) -> None:
        super().start()
        self.theta = np.zeros(self.setup.neurons)

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        self.theta *= math.exp(-self.setup.dt_ms / 100)
        fired = super().step(I)
        self.theta[fired] += 0.02
        return fired

    def crosses(self) -> NDArray:
        return self.V >= self.setup.params.V_th + self.theta


class DelayedReset(GridNeuron):
    """The reset is delayed: it comes one step after the spike.

    snnTorch's default ``reset_delay=True``; #364.
    """

    name = "delayed reset"
    truth = (every("reset", r"\bdelay|\blate\b|next step|following step|step after|postpon"),)

    def start(self) -> None:
        super().start()
        self.pending = np.zeros(self.setup.neurons, bool)

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        free = (self.left == 0) & ~self.pending
        self.left[self.left > 0] -= 1
        self.V[free] = self.advanced(I)[free]
        fired = free & self.crosses()
        self.restart(self.pending)
        self.left[self.pending] = self.clamp
        self.pending = fired
        return fired


class SubtractReset(GridNeuron):
    """Reset by subtraction of V_th - V_reset, declared as a reset to V_reset.

    The default of snnTorch, sinabs and rockpool; snnTorch #379.
    """

    name = "soft reset"
    truth = (r"subtract|soft reset", every("reset", "overshoot|excess|residu|remainder"))

    def restart(self, fired: NDArray) -> None:
        p = self.setup.params
        self.V[fired] -= p.V_th - p.V_reset


class ResetToZero(GridNeuron):
    """V is reset to 0 although V_reset is something else.

    A multiplication of V by 1 - spike; the NIR export in snnTorch #384 has no v_reset.
    """

    name = "reset to 0"
    truth = (
        every("reset", r"(?<![.\d])0(?![.\d])|\bzero|ignored|not used|wrong (value|potential)"),
    )

    def restart(self, fired: NDArray) -> None:
        self.V[fired] = 0.0


class ResetAddedEveryStep(GridNeuron):
    """V_reset is added to V at every step, not only at the reset.

    sinabs 3.1.3, ``MembraneReset(-0.5)``.
    """

    name = "V = V (1 - s) + V_reset"
    truth = (
        every("reset", r"(every|each|per) (time )?step", r"\badd|accumulat|offset|bias|appl"),
        every(r"V_reset\b", r"\badd(ed|s)\b|offset|\bbias|drift"),
    )

    def advanced(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        return super().advanced(I) + self.setup.params.V_reset


class FloorAtZero(GridNeuron):
    """V is clamped at 0 from below.

    Nengo's default ``min_voltage=0``.
    """

    name = "min_voltage 0"
    truth = (
        every(
            r"\bV\b|membrane|potential|hyperpolari",
            r"(clamp|clip|limit|rectif|cut|bound)\w*.{0,25}(\b0\b|zero|below|negative)"
            r"|\bfloor\b(?!\()|below (0|zero)|min_voltage|never negative|lower bound",
        ),
    )

    def advanced(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        return np.maximum(super().advanced(I), 0)


class MultipleSpikes(GridNeuron):
    """Several spikes per step: floor(V/V_th) of them at a strong current, refractory or not.

    The default of sinabs and rockpool.
    """

    name = "multi-spike"
    truth = (
        r"(several|multiple|multi|more than one|two|many|double|duplicate)[ -]spikes?\b",
        every(
            "spike",
            "(same|one|single|per|a) step|same time",
            "several|more than one|multi|two|twice",
        ),
    )

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        fired = super().step(I)
        p = self.setup.params
        spikes = np.floor((self.peak - p.V_reset) / (p.V_th - p.V_reset))
        return np.where(fired, np.minimum(spikes, 100), 0).astype(int)


# Input


class CurrentClipped(GridNeuron):
    """The current is clipped to [0, 1].

    An input that is taken to be a pixel.
    """

    name = "clip(I, 0, 1)"
    truth = (
        every(
            r"current|input|drive|\bI\b",
            r"\bclip|saturat|\blimited|\bbounded|\bclamp|\[0, 1\]|\bcapped",
        ),
    )

    def seen(self, current: NDArray) -> NDArray:
        return np.clip(current, 0, 1)


class CurrentRectified(GridNeuron):
    """Negative currents are rectified to 0.

    A ReLU before the layer.
    """

    name = "relu(I)"
    truth = (every("current|input|drive", r"rectif|negative|below (0|zero)|\brelu|inhibit"),)

    def seen(self, current: NDArray) -> NDArray:
        return np.maximum(current, 0)


class InputDelayed(GridNeuron):
    """The input is delayed by one step."""

    name = "input one step late"
    truth = (
        every(
            "current|input|drive", r"\bdelay|\blate\b|\blag|step before|one step behind|shifted"
        ),
    )

    def seen(self, current: NDArray) -> NDArray:
        return np.concatenate([np.zeros_like(current[:1]), current[:-1]])


class CurrentOfFirstStep(GridNeuron):
    """The current of the first step is used throughout: changes of the input are ignored.

    A layer that was written for still images.
    """

    name = "static input"
    truth = (
        every(
            "current|input|drive",
            r"\b(first|initial) (step|value|current|one)|\bstatic|frozen|\bchang|\bvar(y|ies)\b",
            r"ignor|only|\bnot\b|throughout|\bkee?pt?\b|never|\bno\b",
        ),
    )

    def seen(self, current: NDArray) -> NDArray:
        return np.broadcast_to(current[:1], current.shape)


class InputAveraged(GridNeuron):
    """The input is averaged over two neighbouring steps, which takes variance from a noise."""

    name = "averaged input"
    truth = (
        every(
            "current|input|drive|noise|variance|fluctuat",
            r"averag|smooth|low-?pass|filter|interpolat|neighbou?ring steps|two steps|half a step",
        ),
        every("variance|fluctuation|noise", r"too (small|low)|reduc|attenuat|\bloses?\b|\blost\b"),
    )

    def seen(self, current: NDArray) -> NDArray:
        return (current + np.concatenate([current[:1], current[:-1]])) / 2


class SqrtDtDeviation(GridNeuron):
    """Noise has a biased variance: the deviation of I from its mean is scaled by sqrt(dt), not dt.

    Euler-Maruyama applied to a noise that is coloured already.
    """

    name = "Euler-Maruyama"
    truth = (
        r"sqrt|maruyama|square root|white noise",
        every(
            r"variance|fluctuation|noise|deviation|\bstd\b|changes of",
            r"\bbias|too (large|strong|high|big)|amplif|inflat|exaggerat|scal(ed|ing)",
        ),
    )

    def seen(self, current: NDArray) -> NDArray:
        mean = current.mean(axis=0)
        return mean + (current - mean) / math.sqrt(self.setup.dt_ms)


# State, neurons next to each other, randomness


class ResetDoesNothing(GridNeuron):
    """State survives: reset() does nothing."""

    name = "empty reset"
    truth = (*STATE_SURVIVES, *RESET_FAILS)

    def reset(self) -> None:
        """Nothing, and that is the error."""


class ResetKeepsCountdown(GridNeuron):
    """reset() is incomplete: it forgets the refractory countdown."""

    name = "reset of V only"
    truth = (*STATE_SURVIVES, *RESET_FAILS, every(r"\breset\(", REFRACTORY))

    def reset(self) -> None:
        self.V[:] = self.setup.params.V_reset


class BuildKeepsV(GridNeuron):
    """State survives: build() keeps the V of a layer of the same size."""

    name = "buffer reused"
    truth = (
        *STATE_SURVIVES,
        r"(build|new layer|fresh).{0,40}(state|\bV\b|keeps|kept|previous|differ|V_reset)",
        r"\bV\b.{0,30}(previous|earlier) (run|layer|build)",
        r"\b(initial|start).{0,40}(\bV is|previous|earlier|not (at )?V_reset)",
    )

    def build(self, setup: Setup) -> None:
        old = getattr(self, "V", None)
        super().build(setup)
        if old is not None and len(old) == setup.neurons:
            self.V = old


class RandomInitialV(GridNeuron):
    """The initial V is random, between V_reset and V_th.

    Nengo's default.
    """

    name = "random V(0)"
    truth = (every(r"\binitial|\bstart|V\(0\)|V_0\b", r"random|V_reset|wrong|uniform|\bV\b"),)

    def start(self) -> None:
        super().start()
        p, rng = self.setup.params, np.random.default_rng(self.setup.seed)
        self.V[:] = rng.uniform(p.V_reset, p.V_th, self.setup.neurons)


class NeighbourReset(GridNeuron):
    """A spike also resets the next neuron: the slice of the reset is one too wide."""

    name = "wide slice"
    truth = OTHERS

    def restart(self, fired: NDArray) -> None:
        wide = fired.copy()
        wide[1:] |= fired[:-1]
        super().restart(wide)


class LateralInhibition(GridNeuron):
    """Neurons inhibit each other: a spike lowers V of the other neurons in the layer.

    A winner-take-all option left on.
    """

    name = "winner takes all"
    truth = (*OTHERS, r"inhibit")

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        fired = super().step(I)
        self.V[(self.left == 0) & ~fired] -= 0.05 * fired.mean()
        return fired


class VectorBody(GridNeuron):
    """Results depend on the number of neurons: blocks of eight use forward Euler, the rest exp.

    A vectorised loop with a faster function than its scalar remainder.
    """

    name = "SIMD body"
    truth = (*OTHERS, r"forward euler|number of neurons|layer size|size of the layer")

    def advanced(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        p, x = self.setup.params, self.setup.dt_ms / self.setup.params.tau_ms
        V = super().advanced(I)
        body = len(V) // 8 * 8
        V[:body] = (1 - x) * self.V[:body] + x * p.R * I[:body]
        return V


class PermutedSpikes(GridNeuron):
    """Spikes are reported for the wrong neurons in layers of more than 10.

    Neurons are sorted by their names, and "10" comes before "2".
    """

    name = "sorted names"
    truth = (
        r"permut|shuffl|swap|mis-?assign|mixed up|scrambl|wrong (neuron|order|index)|reorder",
        r"(reported|assigned|come) \w+ (other|another)",
        r"exchang\w* neurons|neurons? (are |is )?(mixed|confused|exchanged)",
    )

    def trace(self, raster: NDArray, membrane: NDArray) -> Trace:
        order = sorted(range(raster.shape[1]), key=str)
        return super().trace(raster[:, order], membrane)


class NaNSpreads(GridNeuron):
    """NaN in the current of one neuron spreads to all.

    A matrix product with the identity.
    """

    name = "identity weights"
    truth = (r"nan|not a number|non-?finite", *OTHERS)

    def seen(self, current: NDArray) -> NDArray:
        return current + 0 * current.sum(axis=1, keepdims=True)


class LostSpikes(GridNeuron):
    """Spikes are lost if more than 16 neurons fire in a step: the event queue is full."""

    name = "event queue of 16"
    truth = (
        every(r"spikes?\b|events?\b", r"\blost\b|\bloses?\b|\bdrop|missing|queue|overflow|buffer"),
        *OTHERS,
    )

    def step(self, I: NDArray) -> NDArray:  # noqa: E741 - as in eq. 1
        reported = super().step(I)
        reported[np.flatnonzero(reported)[16:]] = False
        return reported


# What is reported, and in which precision


class LabelsStart(GridNeuron):
    """Spikes are dated to the start of the step, and declared to be at its end."""

    name = "label start"
    truth = (LABEL,)

    def trace(self, raster: NDArray, membrane: NDArray) -> Trace:
        return Trace.from_raster(raster, self.setup.dt_ms, membrane, label="start")


class LabelsEnd(GridNeuron):
    """Spikes are dated to the end of the step, and declared to be at its start."""

    name = "label end"
    capabilities = Capabilities(spike_label="start")
    truth = (LABEL,)


class ShowsVBeforeReset(GridNeuron):
    """V is recorded before the reset, and declared to be after it."""

    name = "V before reset"
    truth = (
        every(
            r"\bV\b|membrane|record|sampl|shown?|report",
            r"before (the )?reset|overshoot|pre-?reset|peak",
        ),
    )

    def recorded(self) -> NDArray:
        return self.peak


class Float32Times(GridNeuron):
    """Spike times drift: the clock accumulates dt in float32.

    V is in float64, as declared.
    """

    name = "t += dt"
    truth = (*FLOAT32, every(r"\btimes?\b", r"\bdrift|\bclock|accumulat"))

    def trace(self, raster: NDArray, membrane: NDArray) -> Trace:
        dt = np.full(len(raster), self.setup.dt_ms, np.float32)
        ends = np.cumsum(dt, dtype=np.float32).astype(np.float64)
        return Trace(tuple(ends[column > 0] for column in raster.T), membrane)


class Float32Membrane(GridNeuron):
    """V is in float32, and declared to be in float64."""

    name = "V in float32"
    works_in = "float32"
    truth = (*FLOAT32, r"(reduced|lower?|limited) precision")

    def trace(self, raster: NDArray, membrane: NDArray) -> Trace:
        return super().trace(raster, membrane.astype(np.float64))


class Float16Membrane(Float32Membrane):
    """V is in float16, and declared to be in float64."""

    name = "V in float16"
    works_in = "float16"
    truth = (
        r"(float|fp)-?16|half[ -]precision|16[ -]bit",
        r"(reduced|lower?|limited) precision|quanti[sz]",
    )


def _broken() -> tuple[type[GridNeuron], ...]:
    found = []
    for thing in globals().values():
        if isinstance(thing, type) and issubclass(thing, GridNeuron) and thing.truth:
            found.append(thing)
    return tuple(found)


GOOD: tuple[type[Adapter], ...] = (GridNeuron, Float32Neuron, NoRefractoryNeuron)
BROKEN: tuple[type[Adapter], ...] = _broken()
