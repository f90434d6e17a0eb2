"""The membrane potential, where an implementation shows it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.oracles import drives as probes
from bio_scnn.crossval.oracles.compare import membrane_tolerance
from bio_scnn.crossval.oracles.follow import _followed
from bio_scnn.crossval.oracles.grid import UPDATES, raster_of, shaped_input
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
    p, dt = subject.params, subject.dt_ms
    jump = p.V_th - p.V_reset
    rng = np.random.default_rng(5)
    current = rng.uniform(p.V_reset - 1.5 * jump, p.V_th - 0.1 * jump, (400, 6)) / p.R
    current[:, 4] = (p.V_reset + 0.9 * jump) / p.R
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
    cause = "" if ok else _membrane_cause(V, current, dt, p, subject)
    if not ok and not cause and abs(bias) < 0.02 and abs(spread) > 0.02:
        cause = (
            f"noise has a biased variance: V varies {1 + spread:.3g} times as much as it should"
        )
    rmse = float(np.sqrt(np.mean(error**2)))
    return Finding(
        ok,
        f"V off by up to {worst:.2g} (RMS {rmse:.2g}) of V_th - V_reset",
        f"at most {tolerance:.2g}",
        cause,
        {
            "membrane_max_error": worst,
            "membrane_rms_error": rmse,
            "membrane_mean_error": bias,
            "membrane_std_error_percent": 100 * spread,
        },
    )


def spiking_membrane(subject: Subject) -> Finding:
    """Between spikes V charges from V_reset, and it is V_reset while refractory.

    V is followed from each of the implementation's own spikes, so that only its shape counts:
    V_reset for t_ref, then ``RI + (V_reset - RI) exp(-s/tau)``.
    """
    p, dt = subject.params, subject.dt_ms
    current = probes.held(probes.rates(p, dt, 6), max(round(60 / dt), 40))
    trace = subject.run(current)
    V = _membrane(trace)
    jump = p.V_th - p.V_reset
    if subject.claims.precise:
        right = exact_trace(current, dt, p).membrane
        assert right is not None
        # A step that ends on a spike to rounding may show V_th or V_reset.
        near = 1e-6 * jump
        before = (np.abs(right - p.V_th) < near) & (np.abs(V - p.V_reset) < near)
        after = (np.abs(V - p.V_th) < near) & (np.abs(right - p.V_reset) < near)
        clear = ~(before | after)
    else:
        right, clear = _followed(subject, trace, current)
    if not any(len(train) > 1 for train in trace.spike_times_ms):
        return Finding(False, "no neuron fired twice", "each fires several times")
    tolerance = membrane_tolerance(subject.dtype, p, dt, right).max() / jump
    with np.errstate(invalid="ignore"):
        error = np.where(clear, np.abs(V - right), 0) / jump
    worst = float(error.max())
    ok = bool(worst <= tolerance)
    step, neuron = np.unravel_index(int(np.nanargmax(error)), error.shape)
    cause = ""
    if not ok and not subject.claims.precise and subject.claims.membrane == "after reset":
        at_spikes = raster_of(trace, len(current), dt, subject.claims.spike_label) > 0
        if np.nanmax(np.where(at_spikes, 0, error)) <= tolerance:
            cause = "V is shown before the reset where a neuron fires, not after it as declared"
    return Finding(
        ok,
        f"V = {V[step, neuron]:.6g} at {(step + 1) * dt:g} ms; off by up to {worst:.2g} of "
        "V_th - V_reset",
        f"V = {right[step, neuron]:.6g}; at most {tolerance:.2g} off",
        cause,
        values={"membrane_max_error": worst},
    )


def _membrane(trace: Trace) -> NDArray[np.float64]:
    if trace.membrane is None:
        raise Skip("it does not show V")
    return np.asarray(trace.membrane, dtype=np.float64)


def _membrane_cause(
    V: NDArray, current: NDArray, dt: float, p: LIFParameters, subject: Subject
) -> str:
    if not np.isfinite(V).all():
        return "V is not finite"
    jump = p.V_th - p.V_reset
    before = np.concatenate([np.full_like(V[:1], p.V_reset), V[:-1]])
    # Single precision: all digits of V that float64 has beyond it are zero, and the error is
    # that of rounding, not of a formula.
    for dtype, coarse in (("float16", 2e-2), ("float32", 1e-4)):
        right = exact_trace(current, dt, p).membrane
        if (
            np.array_equal(V, V.astype(dtype))
            and np.ptp(V) > 0
            and np.abs(V - right).max() < coarse * jump
        ):
            return f"V is computed in {dtype}, not in {subject.dtype}"
    if V.min() >= 0 and before.min() >= 0 and (p.R * current).min() < 0 and (V == 0).any():
        moving = (V > 0) & (before > 0)
        if moving.any() and _matches(V, before, current, moving, dt, p) == "exact":
            return "V is clamped at 0 from below"
    rising = np.ones(V.shape, bool)
    if name := _matches(V, before, current, rising, dt, p):
        return name if name != "exact" else ""
    late = shaped_input(current, "delayed")
    design = np.stack([a[1:].ravel() for a in (before, p.R * current, p.R * late)], axis=1)
    (a, g, d), *_ = np.linalg.lstsq(design, V[1:].ravel(), rcond=None)
    left_over = np.abs(design @ (a, g, d) - V[1:].ravel()).max() / jump
    if left_over < 1e-4 and a < 1 + 1e-6:
        if abs(d) > 10 * abs(g):
            return "the input acts one step late: V follows the current of the step before"
        if abs(d - g) < 0.1 * abs(g):
            return "the input is averaged over two neighbouring steps"
        if a >= 1 - 1e-9:
            return "no leak: V does not decay"
        if 0 < a and max(abs(-dt / np.log(a) / p.tau_ms - 1), abs((g + d) / (1 - a) - 1)) > 1e-4:
            return (
                f"V relaxes with tau = {-dt / np.log(a):.4g} ms instead of {p.tau_ms:g} ms, "
                f"towards {(g + d) / (1 - a):.4g} RI"
            )
    return ""


def _matches(
    V: NDArray, before: NDArray, current: NDArray, where: NDArray, dt: float, p: LIFParameters
) -> str:
    """Name of the update that V follows, or nothing."""
    scale = np.abs(V).max() + 1e-300
    for kind in ("held", "rectified", "clipped"):
        shaped = p.R * shaped_input(current, kind)
        for name, update in UPDATES.items():
            a, g = update(dt, p)
            off = np.abs(a * before + g * shaped - V)[where].max() / scale
            if off < 2e-6 * min(1.0, 10 * dt / p.tau_ms):
                if kind == "held":
                    return name
                words = {
                    "rectified": "negative input is taken as 0",
                    "clipped": "input is clipped",
                }
                return words[kind] if name == "exact" else f"{words[kind]}; {name}"
    return ""
