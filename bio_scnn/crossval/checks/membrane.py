"""The membrane potential, where an implementation shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.causes import Cause, both, cause
from bio_scnn.crossval.checks import others
from bio_scnn.crossval.checks.needs import needs
from bio_scnn.crossval.identify.formats import FloatingPoint
from bio_scnn.crossval.identify.numbers import grid_of
from bio_scnn.crossval.oracles import drives
from bio_scnn.crossval.oracles.compare import membrane_tolerance
from bio_scnn.crossval.oracles.dialects import UPDATES
from bio_scnn.crossval.oracles.follow import follow
from bio_scnn.crossval.oracles.grid import raster_of, shaped_input
from bio_scnn.crossval.subject import Finding, Skip, Subject
from bio_scnn.neuron.events import exact_trace
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.neuron.trace import Trace


def subthreshold_membrane(subject: Subject) -> Finding:
    """Below threshold, V relaxes exponentially towards RI, with time constant tau.

    Over a step of constant current, ``V <- RI + (V - RI) exp(-dt/tau)`` without error at any dt.
    The currents are frozen noise between -1.5 and 0.9 of the threshold, constants and a pulse.
    The update that V follows is estimated from V itself by regression, ``V <- a V + g RI``, which
    tells forward Euler from a wrong time constant, gain or resistance.
    """
    if not subject.plain:
        return others.subthreshold(subject)
    p, dt = subject.params, subject.dt_ms
    jump = p.V_th - p.V_reset
    rng = np.random.default_rng(5)
    margin = max(0.1, 2 * subject.rounding)
    if margin > 0.9:
        raise Skip(f"{subject.dtype} rounds V too much with so short a time step")
    current = rng.uniform(p.V_reset - 1.5 * jump, p.V_th - margin * jump, (400, 6)) / p.R
    current[:, 4] = (p.V_reset + (1 - margin) * jump) / p.R
    current[:, 5] = np.where(np.arange(400) < 200, p.V_reset - jump, p.V_reset) / p.R
    V = _membrane(subject.run(current))
    right = exact_trace(current, dt, p).membrane
    assert right is not None
    tolerance = membrane_tolerance(subject.dtype, p, dt, right).max() / jump
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(V - right) / jump
        bias = float(np.mean(V[200:] - right[200:]) / jump)
        spread = float(np.std(V[200:, :4]) / np.std(right[200:, :4]) - 1)
    worst = float(error.max())
    ok = bool(worst <= tolerance)  # False for NaN
    why = None if ok else _membrane_cause(V, current, right, subject)
    if not ok and not why and abs(bias) < 0.02 and abs(spread) > 0.02:
        why = cause("input.variance-biased", times=1 + spread)
    rmse = float(np.sqrt(np.mean(error**2)))
    return Finding(
        ok,
        f"V off by up to {worst:.2g} (RMS {rmse:.2g}) of V_th - V_reset",
        f"at most {tolerance:.2g}",
        why,
        {
            "membrane_max_error": worst,
            "membrane_rms_error": rmse,
            "membrane_mean_error": bias,
            "membrane_std_error_percent": 100 * spread,
        },
    )


@needs("a spike")
def spiking_membrane(subject: Subject) -> Finding:
    """Between spikes V charges from V_reset, and it is V_reset while refractory.

    V is followed from each of the implementation's own spikes, so that only its shape counts:
    V_reset for t_ref, then ``RI + (V_reset - RI) exp(-s/tau)``.
    """
    if not subject.plain:
        return others.spiking(subject)
    p, dt = subject.in_steps(), subject.dt_ms
    current = drives.rates(p, dt, 6, subject.dtype)
    current = drives.held(current, drives.span(p, dt, current, 2.4))
    trace = subject.run(current)
    V = _membrane(trace)
    jump = p.V_th - p.V_reset
    fired = raster_of(trace, len(current), dt, subject.claims.spike_label) > 0
    if subject.claims.precise:
        right = exact_trace(current, dt, p).membrane
        assert right is not None
        # A step that ends on a spike to rounding may show V_th or V_reset.
        near = 1e-6 * jump
        before = (np.abs(right - p.V_th) < near) & (np.abs(V - p.V_reset) < near)
        after = (np.abs(V - p.V_th) < near) & (np.abs(right - p.V_reset) < near)
        clear = ~(before | after)
    else:
        # Nothing but the spikes of the implementation restarts V.
        right = follow(fired, current, dt, p, tolerance=np.inf).after
        shows_reset = subject.claims.membrane == "after reset"
        clear = np.ones(right.shape, bool) if shows_reset else ~fired
    if not any(len(train) > 1 for train in trace.spike_times_ms):
        return Finding(False, "no neuron fired twice", "each fires several times")
    tolerance = membrane_tolerance(subject.dtype, p, dt, right).max() / jump
    with np.errstate(invalid="ignore"):
        error = np.where(clear, np.abs(V - right), 0) / jump
    worst = float(error.max())
    ok = bool(worst <= tolerance)
    step, neuron = np.unravel_index(int(np.nanargmax(error)), error.shape)
    why = None
    else_right = np.nanmax(np.where(fired, 0, error)) <= tolerance
    declared = not subject.claims.precise and subject.claims.membrane == "after reset"
    if not ok and declared and else_right:
        why = cause("membrane.shown-before-reset")
    return Finding(
        ok,
        f"V = {V[step, neuron]:.6g} at {(step + 1) * dt:g} ms; off by up to {worst:.2g} of "
        "V_th - V_reset",
        f"V = {right[step, neuron]:.6g}; at most {tolerance:.2g} off",
        why,
        {"membrane_max_error": worst},
    )


def _membrane(trace: Trace) -> NDArray[np.float64]:
    if trace.membrane is None:
        raise Skip("it does not show V")
    return np.asarray(trace.membrane, dtype=np.float64)


def _membrane_cause(
    V: NDArray, current: NDArray, right: NDArray, subject: Subject
) -> Cause | None:
    """Cause of a V that is not as it should be below the threshold, from V itself."""
    p, dt = subject.params, subject.dt_ms
    if not np.isfinite(V).all():
        return cause("membrane.not-finite")
    jump = p.V_th - p.V_reset
    before = np.concatenate([np.full_like(V[:1], p.V_reset), V[:-1]])
    # Single precision: all digits of V that float64 has beyond it are zero, and the error is
    # that of rounding, not of a formula.
    kinds: tuple[tuple[Literal["bfloat16", "float16", "float32"], float], ...]
    grid = grid_of(V) is not None  # of fixed point, whose few levels every format holds
    kinds = (("bfloat16", 0.15), ("float16", 2e-2), ("float32", 1e-4))
    for dtype, coarse in kinds:
        rounded = np.array_equal(V, FloatingPoint(dtype).product(V)) and not grid
        if dtype != subject.dtype and rounded and np.abs(V - right).max() < coarse * jump:
            return cause(f"membrane.{dtype}", declared=subject.dtype)
    fit = _Fit(V, before, current, dt, p)
    if V.min() >= 0 and before.min() >= 0 and (p.R * current).min() < 0 and (V == 0).any():
        moving = (V > 0) & (before > 0)
        if moving.any() and fit.update(moving) == ("exact", "held"):
            return cause("bounds.zero/regression")
    if found := fit.update(np.ones(V.shape, bool)):
        name, kind = found
        causes = [cause(f"input.{kind}/regression")] if kind != "held" else []
        causes += [cause(f"update.{name}")] if name != "exact" else []
        return both(causes) if causes else None
    return fit.regression(jump)


@dataclass(frozen=True, eq=False)
class _Fit:
    """V, V of the step before, and the current, ``(steps, neurons)``, to find an update for."""

    V: NDArray
    before: NDArray
    current: NDArray
    dt: float
    p: LIFParameters

    def update(self, where: NDArray) -> tuple[str, str] | None:
        """Update and input, as `GridNeuron` names them, that V follows; None if none does."""
        scale = np.abs(self.V).max() + 1e-300
        limit = 2e-6 * min(1.0, 10 * self.dt / self.p.tau_ms)
        for kind in ("held", "rectified", "clipped"):
            shaped = self.p.R * shaped_input(self.current, kind)
            for name, update in UPDATES.items():
                a, g = update(self.dt, self.p)
                off = np.abs(a * self.before + g * shaped - self.V)[where].max() / scale
                if off < limit:
                    return name, kind
        return None

    def regression(self, jump: float) -> Cause | None:
        """Cause from the regression of V on its last value, on RI, and on RI a step before."""
        R, tau = self.p.R, self.p.tau_ms
        late = shaped_input(self.current, "delayed")
        columns = (self.before, R * self.current, R * late)
        design = np.stack([column[1:].ravel() for column in columns], axis=1)
        V = self.V[1:].ravel()
        (a, g, d), *_ = np.linalg.lstsq(design, V, rcond=None)
        left_over = np.abs(design @ (a, g, d) - V).max() / jump
        if not (left_over < 1e-4 and a < 1 + 1e-6):
            return None
        if abs(d) > 10 * abs(g):
            return cause("input.delayed/regression")
        if abs(d - g) < 0.1 * abs(g):
            return cause("input.averaged/regression")
        if a >= 1 - 1e-9:
            return cause("update.no-leak/regression")
        if a <= 0:
            return None
        found_tau, gain = -self.dt / np.log(a), (g + d) / (1 - a)
        if max(abs(found_tau / tau - 1), abs(gain - 1)) <= 1e-4:
            return None
        if abs(found_tau / tau - 1) <= 1e-4:
            return cause("constant.gain", times=gain)
        if abs(gain - 1) <= 1e-4:
            return cause("constant.tau", times=found_tau / tau)
        return cause("membrane.relaxes-otherwise", tau_ms=found_tau, right_ms=tau, gain=gain)
