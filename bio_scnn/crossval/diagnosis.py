"""Diagnosis: the simplest clock-driven neuron that fires as an implementation does.

An `Answer` is a current and the spikes that an implementation made of it, fired into it just now
or recorded elsewhere. Every `GridNeuron` that differs from what was declared in one respect, or in
two, is run on the same currents, and the one with the fewest differences that gives the same
spikes in the same steps is the explanation.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.causes import Cause, cause, either
from bio_scnn.crossval.oracles import drives
from bio_scnn.crossval.oracles.compare import membrane_tolerance
from bio_scnn.crossval.oracles.counters import COUNTERS
from bio_scnn.crossval.oracles.dialects import REFRACTORY, UPDATE_OF, UPDATES, GridNeuron
from bio_scnn.crossval.oracles.grid import GridTrace, grid_trace, raster_of
from bio_scnn.crossval.oracles.precision import largest_magnitude
from bio_scnn.crossval.periods import counters
from bio_scnn.crossval.protocol import CannotRepresent, Capabilities
from bio_scnn.crossval.subject import Subject
from bio_scnn.crossval.variants import varied
from bio_scnn.neuron.parameters import LIFParameters

_PREFIXES = (20, 150, None)  # steps after which most hypotheses are out already; at last, all
# Relative error of V by floating-point type that still counts as the same; second-order methods
# are farther off than this.
_MEMBRANE_ERROR = {"float64": 1e-9, "float32": 1e-4, "float16": 1e-1, "bfloat16": 3e-1}


@dataclass(frozen=True, eq=False)
class Answer:
    """A current, and what an implementation made of it on its time grid.

    Attributes
    ----------
    current : (steps, neurons) float64 array, dimensionless
    dt_ms : float, ms
    params : LIFParameters
    raster : (steps, neurons) array
        Spikes per step.
    near : callable
        From a `GridTrace` under the first steps of the current, by how much rounding may move
        its V: an array that broadcasts to ``(steps, neurons)``.
    membrane : (steps, neurons) array or None, dimensionless
    before_reset : bool
        Whether `membrane` is said to be V before the reset.
    """

    current: NDArray[np.float64]
    dt_ms: float
    params: LIFParameters
    raster: NDArray
    near: Callable[[GridTrace], NDArray[np.float64]]
    membrane: NDArray | None = None
    before_reset: bool = False

    def run(self, neuron: GridNeuron, steps: int | None = None) -> GridTrace:
        """Trace of a grid neuron under the first steps of the current."""
        with np.errstate(over="ignore", invalid="ignore"):
            return grid_trace(self.current[:steps], self.dt_ms, self.params, neuron)

    def clear(self, found: GridTrace) -> NDArray[np.bool_]:
        """Neurons, ``(neurons,)``, of a trace on which rounding does not decide."""
        with np.errstate(over="ignore", invalid="ignore"):
            return found.clear(self.params.V_th, self.near(found))

    def fits(self, neuron: GridNeuron, steps: int | None = None, shift: int = 0) -> bool:
        """True if a grid neuron gives the same spikes, `shift` steps later.

        Neurons whose spikes rounding decides are left out; they must not be the majority.
        """
        found = self.run(neuron, steps)
        clear = self.clear(found)
        length = len(found.raster)
        kept = slice(max(shift, 0), length + min(shift, 0))
        ours = np.roll(found.raster, shift, axis=0)[kept]
        theirs = self.raster[:length][kept]
        return bool(2 * clear.sum() >= clear.size) and np.array_equal(
            theirs[:, clear], ours[:, clear]
        )

    def membrane_error(self, neuron: GridNeuron) -> float:
        """Largest difference of V, relative to the largest V; 0 where there is no V."""
        if self.membrane is None:
            return 0.0
        found = self.run(neuron)
        right = found.before_reset if self.before_reset else found.membrane
        with np.errstate(over="ignore", invalid="ignore"):
            off = np.abs(np.asarray(self.membrane, dtype=np.float64) - right)
            scale = np.abs(found.before_reset).max(axis=0) + 1e-300
            return max(0.0, float(np.nanmax(off / scale)))


def fits_all(answers: Sequence[Answer], neuron: GridNeuron, shift: int = 0) -> bool:
    """True if a grid neuron gives the spikes of every answer, `shift` steps later."""
    return all(a.fits(neuron, steps, shift) for steps in _PREFIXES for a in answers)


@dataclass(frozen=True)
class Explanation:
    """A grid neuron that fires as an implementation does.

    Attributes
    ----------
    neuron : GridNeuron
    cause : Cause or None
        Its differences from what was declared; None if there are none. If another neuron fires
        alike, those are an alternative.
    """

    neuron: GridNeuron
    cause: Cause | None


def search(
    answers: Sequence[Answer], base: GridNeuron, *, error: float = np.inf, pairs: bool = True
) -> Explanation | None:
    """Simplest grid neuron that gives all answers.

    Parameters
    ----------
    answers : sequence of Answer
    base : GridNeuron
        What the implementation is said to be.
    error : float
        Relative error of V that still counts as the same. A neuron with the same spikes and
        another V is a second choice: V may be sampled at another moment than declared.
    pairs : bool
        Try two differences at once, where one does not do.

    Returns
    -------
    Explanation or None
        None if no neuron gives the same spikes, or there are none.
    """
    if not any(answer.raster.any() for answer in answers):
        return None  # nothing can be told from silence
    second_choice = None
    for hypotheses in ([base], single_differences(base), _pairs(base) if pairs else ()):
        fitting = [
            (max(a.membrane_error(h) for a in answers), h)
            for h in hypotheses
            if fits_all(answers, h)
        ]
        if not fitting:
            continue
        least, best = min(fitting, key=lambda pair: pair[0])
        if least < error:
            # Without V, several may fit: the two that stand first in the catalogue are told.
            alike = [h.difference_from(base) for other, h in fitting if other <= least]
            causes = list(dict.fromkeys(c for c in alike if c))[:2]
            return Explanation(best, either(causes) if causes else None)
        second_choice = second_choice or best
    if second_choice is None:
        return None
    return Explanation(second_choice, second_choice.difference_from(base))


def single_differences(base: GridNeuron) -> list[GridNeuron]:
    """Every neuron on a grid that differs from `base` in one respect, as implementations do."""
    return [
        *(replace(base, refractory=name) for name in REFRACTORY if name != base.refractory),
        *(replace(base, update=name) for name in UPDATES if name != base.update),
        *(replace(base, late=late) for late in ("reset", "test") if late != base.late),
        replace(base, reset="subtract" if base.reset == "value" else "value"),
        replace(base, reset="zero"),
        replace(base, clamped=not base.clamped),
        replace(base, bounded=not base.bounded),
        *(
            replace(base, input=kind)
            for kind in ("delayed", "averaged", "rectified", "clipped", "first")
        ),
        replace(base, offset=True),
        replace(base, starts_refractory=True),
        replace(base, fires_at_threshold=not base.fires_at_threshold),
    ]


def _pairs(base: GridNeuron) -> Iterator[GridNeuron]:
    """Neurons with two differences, each in a respect of its own."""
    # Counters in floating point are told by themselves, or not at all.
    kinds = [n for n in single_differences(base) if n.refractory not in COUNTERS]
    singles = [neuron.changes_from(base) for neuron in kinds]
    for one, two in itertools.combinations(singles, 2):
        if not one.keys() & two.keys():
            yield replace(base, **one, **two)


# --- a live layer ------------------------------------------------------------------------------


def claimed_neuron(claims: Capabilities) -> GridNeuron:
    """Grid neuron that an implementation says it is."""
    return GridNeuron(
        update=UPDATE_OF[claims.integrator],
        fires_at_threshold=claims.fires_at_threshold,
        reset=claims.reset,
    )


def explain(subject: Subject) -> Explanation | None:
    """Simplest grid neuron that fires as an implementation does; worked out once.

    Raises
    ------
    Exception
        Whatever the implementation raises under the probes.
    """
    return subject.once(_explain)


def answers(subject: Subject) -> list[Answer]:
    """Answers of an implementation to the probes, fired once.

    There are none if it cannot be built, or is so coarse that rounding decides when it fires.
    """
    return subject.once(_ask)


def _explain(subject: Subject) -> Explanation | None:
    asked, claimed = answers(subject), claimed_neuron(subject.claims)
    error = _MEMBRANE_ERROR[subject.dtype]
    found = search(asked, claimed, error=error)
    if found is not None and found.neuron.refractory in COUNTERS and (names := counters(subject)):
        counted = replace(found.neuron, refractory=names[0])  # which of them all periods tell
        return Explanation(counted, counted.difference_from(claimed))
    if found is None or found.cause is None or not fits_all(asked, claimed):
        return found
    # Of a V that is held after a spike, a late reset and the other side of it look alike.
    other = [replace(a, before_reset=not a.before_reset) for a in asked]
    if max(a.membrane_error(claimed) for a in other) >= error:
        return found
    shown = "after-reset/seen" if subject.claims.membrane == "before reset" else "before-reset"
    return Explanation(claimed, cause(f"membrane.shown-{shown}"))


def _ask(subject: Subject) -> list[Answer]:
    """Fire the probes: the neuron under test, then others at other time steps."""
    p, dt = subject.params, subject.dt_ms
    # Another time constant, capacitance, threshold and reset, and a refractory period that
    # binary fractions do not hold.
    t_ref = 3 * 2.5 * dt if p.t_ref_ms else 0.0
    other = varied(p, V_th=0.8, V_reset=-0.25, t_ref_ms=t_ref, tau_ms=25.0, C_ms=40.0)
    plain = varied(other, V_reset=p.V_reset, V_th=p.V_th)
    neurons = (
        (p, dt),
        (varied(p, t_ref_ms=0.0), dt),
        (other, 2.5 * dt),
        (plain, 2.5 * dt),
        (p, 0.5 * dt),
        (varied(p, t_ref_ms=0.7 if p.t_ref_ms else 0.0), 0.1),  # 0.7/0.1 is just below 7
    )
    found, claimed = [], claimed_neuron(subject.claims)
    for params, step in dict.fromkeys(neurons):
        with contextlib.suppress(CannotRepresent):
            answer = _answer(subject, params, step)
            # Where rounding decides when the declared neuron fires, nothing can be told.
            if 2 * np.sum(answer.clear(answer.run(claimed))) >= answer.current.shape[1]:
                found.append(answer)
    return found


def _answer(subject: Subject, params: LIFParameters, dt_ms: float) -> Answer:
    current = _probe(subject.in_steps(params, dt_ms), dt_ms, subject.dtype)
    trace = subject.run(current, params=params, dt_ms=dt_ms)
    return Answer(
        current,
        dt_ms,
        params,
        raster_of(trace, len(current), dt_ms, subject.claims.spike_label),
        near=lambda found: membrane_tolerance(subject.dtype, params, dt_ms, found.before_reset),
        membrane=trace.membrane,
        before_reset=subject.claims.membrane == "before reset",
    )


def _probe(params: LIFParameters, dt_ms: float, dtype: str) -> NDArray[np.float64]:
    """Constant, jumping and noisy currents, and a sweep over nine orders of magnitude."""
    steps = 500
    sweep = drives.level(params, 3.7 * 10.0 ** np.arange(-3, 6))
    sweep = sweep[np.abs(params.R * sweep) < largest_magnitude(dtype) / 10]
    return np.concatenate(
        [
            drives.held(drives.rates(params, dt_ms, 5, dtype), steps),
            drives.held(sweep, steps),
            drives.stepping(params, dt_ms, steps, 5),
            drives.noise(params, dt_ms, steps, 5, coloured=False),
        ],
        axis=1,
    )
