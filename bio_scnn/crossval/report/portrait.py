"""Rate, f-I curve and V of an implementation's neuron that shall fire at 150 Hz."""

from __future__ import annotations

import math

import numpy as np

from bio_scnn.crossval.oracles import drives as probes
from bio_scnn.crossval.results import Portrait
from bio_scnn.crossval.subject import Subject
from bio_scnn.neuron.closed_form import current_for_rate, firing_rate
from bio_scnn.neuron.events import exact_trace
from bio_scnn.neuron.trace import mean_rate_hz


def effect(subject: Subject) -> str:
    """The rate of a neuron that shall fire at the target rate, and the best that a grid allows.

    It is worked out once; whatever the implementation raises becomes part of the text.
    """
    return subject.once(_effect)


def _effect(subject: Subject) -> str:
    if not subject.plain:
        return _other_effect(subject)
    full, wanted = subject.full, subject.target_rate_hz
    try:
        rate = subject.rate_at_target()
    except (Exception, SystemExit) as error:
        return f"a {wanted:.4g} Hz neuron cannot be run ({type(error).__name__})"
    text = f"a {wanted:.4g} Hz neuron fires at {rate:.2f} Hz"
    try:
        current = current_for_rate(wanted, full)
        floor, own = (
            float(probes.rate_floor(current, subject.dt_ms, p)) for p in (full, subject.params)
        )
    except Exception:  # a neuron that the closed form has no number for
        return text
    if subject.params == full:
        return f"{text} (grid floor {floor:.2f} Hz)"
    return f"{text} (grid floor {own:.2f} Hz without a refractory period; {floor:.2f} Hz with)"


def _other_effect(subject: Subject) -> str:
    """The same for a neuron without a closed form: its worst rate under constant currents."""
    p, dt = subject.params, subject.dt_ms
    current = probes.held(probes.rates(p, dt, 4), max(round(250 / dt), 100))
    if math.isinf(subject.neuron.V_th):
        return ""
    try:
        rate = mean_rate_hz(subject.run(current))
    except (Exception, SystemExit) as error:
        return f"a neuron under constant currents cannot be run ({type(error).__name__})"
    exact = mean_rate_hz(exact_trace(current, dt, p))
    worst = int(np.argmax(np.abs(rate - exact)))
    return f"a {exact[worst]:.4g} Hz neuron fires at {rate[worst]:.2f} Hz"


def target_rate(subject: Subject) -> float | None:
    """Measured rate of a neuron that shall fire at the target rate, Hz; None if it cannot run.

    None for neurons without a closed form of their rate, too.
    """
    if not subject.plain:
        return None
    try:
        return subject.rate_at_target()
    except (Exception, SystemExit):
        return None


def portray(subject: Subject) -> Portrait | None:
    """The curves of an implementation, for drawing; None if it cannot be run, or has no f-I curve
    in closed form.
    """
    if not subject.plain:
        return None
    try:
        return _portray(subject)
    except (Exception, SystemExit):
        return None


def _portray(subject: Subject) -> Portrait:
    p, dt, target = subject.params, subject.dt_ms, subject.target_rate_hz
    highest = min(240.0, 0.8 * p.rate_limit_hz)
    lowest = min(20.0, highest / 4)
    current = np.concatenate(
        [
            p.V_th / p.R * np.array([0.5, 0.9, 0.99]),
            current_for_rate(np.linspace(lowest, highest, 33), p),
        ]
    )
    # As long as four intervals of the slowest take.
    rate = mean_rate_hz(subject.run(probes.held(current, round(4e3 / lowest / dt))))
    steps = round(6e3 / target / dt)
    shown = probes.held(np.array([current_for_rate(target, p)]), steps)
    trace, exact = subject.run(shown), exact_trace(shown, dt, p)
    assert exact.membrane is not None
    V = np.empty(0) if trace.membrane is None else np.asarray(trace.membrane, float)[:, 0]
    return Portrait(
        current=_floats(current),
        rate_hz=_floats(rate),
        exact_rate_hz=_floats(firing_rate(current, p)),
        floor_rate_hz=_floats(probes.rate_floor(current, dt, p)),
        t_ms=_floats(dt * np.arange(1, steps + 1)),
        membrane=tuple(v if math.isfinite(v) else None for v in _floats(V)),
        exact_membrane=_floats(exact.membrane[:, 0]),
        spikes_ms=_floats(trace.spike_times_ms[0]),
        exact_spikes_ms=_floats(exact.spike_times_ms[0]),
    )


def _floats(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(f"{value:.7g}") for value in values)
