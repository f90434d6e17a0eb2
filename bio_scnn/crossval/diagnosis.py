"""Why an implementation fires as it does: the simplest neuron on a grid that fires the same way.

The probes are fired into the implementation once. Then every `GridNeuron` that differs from what
was declared in one respect, or in two, is run on the same probes, and the one with the fewest
differences that gives the same spikes in the same steps is the explanation.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.oracles import drives as probes
from bio_scnn.crossval.oracles.compare import membrane_tolerance
from bio_scnn.crossval.oracles.grid import REFRACTORY, UPDATES, GridNeuron, grid_trace, raster_of
from bio_scnn.crossval.protocol import CannotRepresent, Capabilities
from bio_scnn.crossval.subject import Subject, varied
from bio_scnn.neuron.parameters import LIFParameters

_SHORT = 150  # steps after which most hypotheses are out already
# Relative error of V by floating-point type that still counts as the same; second-order methods
# are farther off than this.
_MEMBRANE_ERROR = {"float64": 1e-9, "float32": 1e-4, "float16": 1e-1}

_WORDS = {
    ("fires_at_threshold", True): "V >= V_th",
    ("fires_at_threshold", False): "V > V_th",
    ("reset", "value"): "reset to V_reset",
    ("reset", "subtract"): "subtract instead of reset: V_th - V_reset is subtracted from V",
    ("reset", "zero"): "reset to 0 instead of V_reset",
    ("clamped", True): "V held at V_reset while refractory",
    ("clamped", False): "V integrates during the refractory period: it is not clamped",
    ("late", "reset"): "reset one step late",
    (
        "late",
        "test",
    ): "threshold tested on the V of the step before: spike and reset one step late",
    ("late", ""): "reset in the step of the spike",
    ("input", "held"): "input as given",
    ("input", "delayed"): "input acts one step late (or spikes are labelled one step late)",
    ("input", "averaged"): "input averaged over two neighbouring steps",
    ("input", "rectified"): "negative input taken as 0",
    ("input", "clipped"): "input clipped to [0, 1]",
    ("input", "first"): "input of the first step used throughout: changes are ignored",
    ("offset", True): "V_reset is added to V at every step, not only at a reset",
    ("offset", False): "nothing added to V",
    ("starts_refractory", True): "the neuron starts refractory, as if it had fired at time 0",
    ("starts_refractory", False): "the neuron starts free to fire",
    ("bounded", True): "V clamped at 0 from below",
    ("bounded", False): "V free to go below 0",
}


@dataclass(frozen=True, eq=False)
class _Answer:
    """One probe, and what the implementation did."""

    current: NDArray[np.float64]
    dt_ms: float
    params: LIFParameters
    raster: NDArray[np.int64]
    membrane: NDArray | None
    before_reset: bool  # whether `membrane` is said to be V before the reset
    dtype: str


def claimed_neuron(claims: Capabilities) -> GridNeuron:
    """The neuron on a grid that an implementation says it is."""
    return GridNeuron(
        update="exact" if claims.integrator == "adaptive" else claims.integrator,
        fires_at_threshold=claims.fires_at_threshold,
        reset=claims.reset,
    )


def diagnose(subject: Subject) -> tuple[GridNeuron, str] | None:
    """The simplest grid neuron that fires as the implementation does, and it in words.

    Returns
    -------
    (GridNeuron, str) or None
        None if no hypothesis gives the same spikes. The words name only the differences from
        what the implementation declares, and are empty if there are none.
    """
    answers = asked(subject)
    if not any(answer.raster.any() for answer in answers):
        return None  # nothing can be told from silence
    base = claimed_neuron(subject.claims)
    second_choice = None
    for hypotheses in ([base], single_differences(base), _pairs(base)):
        fitting = [(_membrane_error(answers, h), h) for h in hypotheses if _fits(answers, h)]
        if fitting:
            error, best = min(fitting, key=lambda pair: pair[0])
            if error < _MEMBRANE_ERROR[subject.dtype]:
                alike = [h for other, h in fitting if other <= error]
                # Without V, several may fit: the two that stand first in the catalogue are told.
                words = list(dict.fromkeys(describe(h, base) for h in alike))[:2]
                return best, ", or ".join(words)
            second_choice = second_choice or best
    # The spikes are explained and V is not: it may be sampled at another moment than declared.
    return None if second_choice is None else (second_choice, describe(second_choice, base))


def asked(subject: Subject) -> list[_Answer]:
    """The answers to the probes, fired once per subject; none if it cannot be built for any."""
    if "answers" not in subject.shared:
        subject.shared["answers"] = list(_ask(subject))
    found: list[_Answer] = subject.shared["answers"]
    return found


def explain(subject: Subject) -> tuple[GridNeuron, str] | None:
    """What `diagnose` finds, worked out once per subject."""
    if "explanation" not in subject.shared:
        subject.shared["explanation"] = diagnose(subject)
    found: tuple[GridNeuron, str] | None = subject.shared["explanation"]
    return found


def describe(neuron: GridNeuron, base: GridNeuron) -> str:
    """The differences between two grid neurons, in words."""
    words = []
    for field in dataclasses.fields(GridNeuron):
        value = getattr(neuron, field.name)
        if value != getattr(base, field.name):
            words.append(_WORDS.get((field.name, value), str(value) or "as declared"))
    return "; ".join(words)


def _ask(subject: Subject) -> Iterator[_Answer]:
    """Fire the probes: the neuron under test, then another one at another time step."""
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
    for params, step in dict.fromkeys(neurons):
        current = _probe(params, step)
        try:
            trace = subject.run(current, params=params, dt_ms=step)
        except CannotRepresent:
            continue
        raster = raster_of(trace, len(current), step, subject.claims.spike_label)
        before_reset = subject.claims.membrane == "before reset"
        yield _Answer(current, step, params, raster, trace.membrane, before_reset, subject.dtype)


def _probe(params: LIFParameters, dt: float) -> NDArray[np.float64]:
    """Constant, jumping and noisy currents, and a sweep over nine orders of magnitude."""
    steps = 500
    low, rheobase = params.V_reset / params.R, (params.V_th - params.V_reset) / params.R
    sweep = low + rheobase * 3.7 * 10.0 ** np.arange(-3, 6)
    return np.concatenate(
        [
            probes.held(probes.rates(params, dt, 5), steps),
            probes.held(sweep, steps),
            probes.stepping(params, dt, steps, 5),
            probes.noise(params, dt, steps, 5, coloured=False),
        ],
        axis=1,
    )


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
    """Two differences, each in a respect of its own."""
    singles = single_differences(base)
    for one, two in itertools.combinations(singles, 2):
        changes = [
            {
                field.name: getattr(neuron, field.name)
                for field in dataclasses.fields(GridNeuron)
                if getattr(neuron, field.name) != getattr(base, field.name)
            }
            for neuron in (one, two)
        ]
        if not changes[0].keys() & changes[1].keys():
            yield replace(base, **changes[0], **changes[1])


def _fits(answers: list[_Answer], neuron: GridNeuron) -> bool:
    return all(_same(a, neuron, _SHORT) for a in answers) and all(
        _same(a, neuron, None) for a in answers
    )


def _same(answer: _Answer, neuron: GridNeuron, steps: int | None) -> bool:
    """Whether the spikes are the same wherever rounding does not decide."""
    with np.errstate(over="ignore", invalid="ignore"):
        found = grid_trace(answer.current[:steps], answer.dt_ms, answer.params, neuron)
        tie = membrane_tolerance(answer.dtype, answer.params, answer.dt_ms, found.before_reset)
        clear = found.margin(answer.params.V_th) > tie
    return np.array_equal(found.raster[:, clear], answer.raster[:steps][:, clear]) and bool(
        clear.sum() > clear.size / 2
    )


def _membrane_error(answers: list[_Answer], neuron: GridNeuron) -> float:
    """Largest difference of V, relative to the largest V; 0 where there is no V."""
    worst = 0.0
    for answer in answers:
        if answer.membrane is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                found = grid_trace(answer.current, answer.dt_ms, answer.params, neuron)
                V = np.asarray(answer.membrane, dtype=np.float64)
                right = found.before_reset if answer.before_reset else found.membrane
                off = np.abs(V - right)
                scale = np.abs(found.before_reset).max(axis=0) + 1e-300
                worst = max(worst, float(np.nanmax(off / scale)))
    return worst
