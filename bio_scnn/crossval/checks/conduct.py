"""Conduct of a layer: the same answer again, neurons that stay apart, and clean failure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.causes import Cause, cause
from bio_scnn.crossval.oracles import drives
from bio_scnn.crossval.oracles.compare import compare, noisy_alone
from bio_scnn.crossval.oracles.precision import TIME_TOLERANCE_MS, rounding_error
from bio_scnn.crossval.subject import Finding, Skip, Subject
from bio_scnn.neuron.trace import Trace


def _currents(subject: Subject, neurons: int, steps: int = 300) -> NDArray[np.float64]:
    """Constant and noisy currents in turn."""
    p, dt = subject.params, subject.dt_ms
    current = drives.noise(p, dt, steps, neurons, coloured=True)
    constant = drives.level(p, np.linspace(2.2, 11.0, current[0, ::2].size))
    constant[1::3] = constant[1]  # some fire together
    current[:, ::2] = drives.off_tie(constant, dt, p, subject.dtype)
    return current


def _differs(subject: Subject, one: Trace, other: Trace) -> str:
    """Difference between two traces that should agree, in words; empty if there is none.

    Vector instructions may round the last digits of V otherwise when arrays are laid out
    otherwise; spikes are compared with that in mind.
    """
    time = TIME_TOLERANCE_MS[subject.dtype]
    for neuron, (a, b) in enumerate(zip(one.spike_times_ms, other.spike_times_ms, strict=True)):
        if len(a) != len(b):
            return f"neuron {neuron} fires {len(a)} and {len(b)} times"
        if len(a) and np.abs(a - b).max() > time:
            return f"neuron {neuron} fires up to {np.abs(a - b).max():.3g} ms apart"
    if one.membrane is not None and other.membrane is not None:
        V, W = (np.asarray(trace.membrane, dtype=np.float64) for trace in (one, other))
        finite = np.isfinite(V) & np.isfinite(W)
        if not np.array_equal(V[~finite], W[~finite], equal_nan=True):
            return "V is finite in one and not in the other"
        V, W = np.where(finite, V, 0), np.where(finite, W, 0)
        largest = np.abs(V).max(initial=subject.scale)
        if np.abs(V - W).max(initial=0) > _apart(subject) * largest:
            return f"V differs by up to {np.abs(V - W).max():.3g}"
    return ""


def _apart(subject: Subject) -> float:
    """Relative difference of V that the order of operations may bring about."""
    tau = subject.neuron.tau_ms
    steps = tau / subject.dt_ms if np.isfinite(tau) else 0
    return min(float(rounding_error(subject.dtype, steps)), 0.3)


def _alike(said: str, where: str, alike: str, why: Cause | None) -> Finding:
    """Finding of a comparison of traces, from their difference in words."""
    return Finding(not said, f"{where} {said}" if said else alike, alike, why if said else None)


def _part(trace: Trace, neurons: list[int] | NDArray, steps: int | None = None) -> Trace:
    membrane = None if trace.membrane is None else trace.membrane[:steps, neurons]
    return Trace(tuple(trace.spike_times_ms[i] for i in neurons), membrane)


def determinism(subject: Subject) -> Finding:
    """The same layer, built anew with the same seed, gives the same spikes and the same V.

    Once after another layer, once after itself, and once more after that other layer: what was
    built before must not matter, and nothing may be drawn that no seed controls.
    """
    said, why = subject.once(_repetition)
    return _alike(said, "twice the same:", "the same", why)


def _repetition(subject: Subject) -> tuple[str, Cause | None]:
    """Difference between two equal runs, in words, and its cause; empty if there is none."""
    current = _currents(subject, 8)
    before = np.abs(current[:173]) * 1.5
    before[:100] *= _strong(subject, 1e5)  # fires all the time, and so forgets what was before
    # All the more if no refractory period goes on from before, which would set the phase.
    rest = round(subject.neuron.t_ref_ms / subject.dt_ms) + 1
    before = np.concatenate([np.zeros((rest, before.shape[1])), before])
    runs = []
    for _ in range(2):
        subject.run(before)
        runs += [subject.run(current, seed=3), subject.run(current, seed=3)]
    if random := _differs(subject, runs[0], runs[2]):
        return random, cause("random.unseeded")
    if said := _differs(subject, runs[0], runs[1]):
        return said, cause("state.build")
    return "", None


def _strong(subject: Subject, factor: float) -> float:
    """A factor for large currents; less if each spike takes a precise neuron no time, or so large
    numbers are infinite.
    """
    endless = subject.claims.precise and not subject.neuron.t_ref_ms
    return 10.0 if endless or subject.dtype == "float16" else factor


def _must_repeat(subject: Subject) -> None:
    """Skip a check that compares two runs if two equal runs differ already."""
    if subject.once(_repetition)[0]:
        raise Skip("two equal runs differ already: see determinism")


def _must_not_be_noisy(subject: Subject) -> None:
    """Skip a check that compares neurons if each has noise of its own."""
    _must_repeat(subject)
    if subject.once(noisy_alone):
        raise Skip("a neuron alone is noisy already: see spike_intervals")


def state_reset(subject: Subject) -> Finding:
    """After its own reset a layer is like a new one: no state passes to the next run.

    The run before ends with half of the neurons refractory, and the others in the middle of
    charging.
    """
    _must_repeat(subject)
    current = _currents(subject, 8)
    fresh = subject.run(current)
    before = current[:173].copy()
    before[:, 1::2] *= _strong(subject, 1e4)  # nearly always refractory
    subject.run(before)
    subject.adapter.reset()
    said = _differs(subject, fresh, subject.trace(current))
    return _alike(said, "after a reset,", "as new after a reset", cause("state.reset"))


def batch_invariance(subject: Subject) -> Finding:
    """The spikes of a neuron do not depend on the number of neurons simulated with it.

    Four neurons alone, one by one, and in a layer of 300.
    """
    _must_not_be_noisy(subject)
    many = _currents(subject, 300)
    layer = subject.run(many)
    said, moved, shifted = "", [], []
    for neuron in (0, 151, 298, 299):
        alone = subject.run(many[:, [neuron]])
        differs = _differs(subject, alone, _part(layer, [neuron]))
        said = said or differs
        if differs and neuron % 2:  # noise gives a train of its own: is it another neuron's?
            moved.append(
                not _same_spikes(alone, layer, neuron, subject)
                and any(_same_spikes(alone, layer, other, subject) for other in range(300))
            )
        elif differs:
            one, other = np.diff(alone.spike_times_ms[0]), np.diff(layer.spike_times_ms[neuron])
            some = min(len(one), len(other))
            begins = [t.spike_times_ms[k][:1] for t, k in ((alone, 0), (layer, neuron))]
            alike = some > 0 and np.allclose(one[:some], other[:some], rtol=1e-9)
            shifted.append(alike and not np.allclose(begins[0], begins[1]))
    why = cause("neurons.coupled")
    if moved and all(moved):
        why = cause("neurons.mixed-up")
    elif shifted and all(shifted):
        why = cause("start.random/batch")
    elif said and _stay_apart(subject, many, layer):
        why = cause("neurons.position/apart")
    return Finding(
        not said,
        f"alone and in a layer of 300, {said}" if said else "the same alone and among 300",
        "the same",
        why if said else None,
    )


def _stay_apart(subject: Subject, current: NDArray, trace: Trace) -> bool:
    """True if neurons do not notice what the others get, in a layer of one size."""
    kept = np.arange(current.shape[1]) % 3 == 1
    other = np.where(kept, current, 0.5 * current[::-1])
    found = subject.run(other)
    some = np.flatnonzero(kept)
    return not _differs(subject, _part(trace, some), _part(found, some))


def _same_spikes(alone: Trace, layer: Trace, neuron: int, subject: Subject) -> bool:
    one, other = alone.spike_times_ms[0], layer.spike_times_ms[neuron]
    return len(one) == len(other) and bool(
        np.all(np.abs(one - other) <= TIME_TOLERANCE_MS[subject.dtype])
    )


def permutation(subject: Subject) -> Finding:
    """Neurons in another order give the same spikes in that order.

    A layer of 300 with constant and noisy currents, and the same layer shuffled.
    """
    _must_not_be_noisy(subject)
    current = _currents(subject, 300)
    order = np.random.default_rng(1).permutation(300)
    one, other = subject.run(current), subject.run(current[:, order])
    said = _differs(subject, _part(one, order), other)
    right = compare(subject, one, current, subject.setup(300))
    apart = said and _stay_apart(subject, current, one)
    why = cause("neurons.position/apart" if apart else "neurons.position")
    found = _alike(said, "permuted,", "the same in another order", why)
    return replace(found, values={"wrong_neurons": right.wrong})


def causality(subject: Subject) -> Finding:
    """Later input does not change earlier output: a longer run begins as a shorter one.

    300 steps and the first 200 of them.
    """
    _must_repeat(subject)
    current = _currents(subject, 8)
    end = 200 * subject.dt_ms
    longer, shorter = subject.run(current), subject.run(current[:200])
    # A spike at the very end of the shorter run may be labelled after it.
    cut = end - 1e-6
    begun = Trace(
        tuple(t[t < cut] for t in longer.spike_times_ms),
        None if longer.membrane is None else longer.membrane[:200],
    )
    short = Trace(tuple(t[t < cut] for t in shorter.spike_times_ms), shorter.membrane)
    said = _differs(subject, short, begun)
    where = "200 steps alone and as part of 300:"
    return _alike(said, where, "the same", cause("state.run-length"))


def non_finite_input(subject: Subject) -> Finding:
    """NaN or infinite input is refused, or affects only the neuron that gets it.

    One value of one neuron's current is replaced; the other neurons must not notice.
    """
    _must_repeat(subject)
    current = _currents(subject, 8)
    clean = subject.run(current)
    said = refused = ""
    others = [0, 1, 2, 4, 5, 6, 7]
    for bad in (np.nan, np.inf):
        spoilt = current.copy()
        spoilt[40, 3] = bad
        try:
            with np.errstate(invalid="ignore", over="ignore"):
                found = subject.run(spoilt)
        except Exception as error:
            refused = type(error).__name__
            continue
        difference = _differs(subject, _part(clean, others), _part(found, others))
        said = said or (f"with {bad} in neuron 3, {difference}" if difference else "")
    return Finding(
        not said,
        said or (f"refused ({refused})" if refused else "the other neurons are untouched"),
        "refused, or the other neurons are untouched",
        cause("input.non-finite-spreads") if said else None,
    )


def single_precision(subject: Subject) -> Finding:
    """In float32 the spikes fall into the same steps, also after a long time.

    V is rounded at every step, which moves it by some 1e-7; currents whose crossings lie in the
    middle of a step must not care, over two seconds.
    """
    if "float32" not in subject.claims.dtypes:
        raise Skip("it declares no float32")
    p, dt = subject.params, subject.dt_ms * 5
    stepped = subject.in_steps(p, dt) if subject.plain else p
    current = drives.held(drives.rates(stepped, dt, 6, "float32"), round(2000 / dt))
    trace = subject.run(current, dt_ms=dt, dtype="float32")
    setup = subject.setup(current.shape[1], dt_ms=dt, dtype="float32")
    found = compare(subject, trace, current, setup)
    if not (found.neurons or subject.plain):
        raise Skip("only ties to compare")
    return Finding(
        found.wrong == 0,
        found.observed,
        f"{found.expected} spikes, in the same steps as in float64",
        values=found.values(),
    )
