"""Currents that change: steps, frozen noise, and noise that the implementation makes itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.causes import cause
from bio_scnn.crossval.checks.needs import needs
from bio_scnn.crossval.oracles import drives
from bio_scnn.crossval.oracles.compare import compare, compare_exact
from bio_scnn.crossval.oracles.right import reading
from bio_scnn.crossval.protocol import whole_steps
from bio_scnn.crossval.subject import Finding, Skip, Subject


def step_currents(subject: Subject) -> Finding:
    """A current that changes at grid times acts from its own step on.

    Jumps fall before, inside and after refractory periods, up to fourteen times rheobase and down
    to negative values; in some neurons, from far below to above the threshold in one step. The
    oracle goes from event to event for neurons that claim precise times,
    and over the grid for the others.
    """
    p, dt = subject.params, subject.dt_ms
    steps = drives.long_enough(p, dt)
    jumps = [drives.stepping(p, dt, steps, 24), drives.jumping(p, dt, steps, 4)]
    return _driven(subject, np.concatenate(jumps, axis=1))


def frozen_noise(subject: Subject) -> Finding:
    """White noise, held over each step and known in advance, gives the oracle's spikes.

    Every step has another current, so that a crossing depends on all of the past since the last
    reset. Anything that filters, delays or clips the input shows here.
    """
    p, dt = subject.params, subject.dt_ms
    steps = drives.long_enough(p, dt)
    return _driven(subject, drives.noise(p, dt, steps, 24, coloured=False))


def coloured_noise(subject: Subject) -> Finding:
    """An Ornstein-Uhlenbeck current, known in advance, gives the oracle's spikes.

    With Table 1's correlation time, 10 ms, the current stays away from its mean for many steps, as
    it does in a network.
    """
    p, dt = subject.params, subject.dt_ms
    steps = drives.long_enough(p, dt)
    return _driven(subject, drives.noise(p, dt, steps, 24, coloured=True))


def _driven(subject: Subject, current: NDArray[np.float64]) -> Finding:
    trace = subject.run(current)
    setup = subject.setup(current.shape[1])
    found = compare(subject, trace, current, setup)
    values = found.values()
    oracle = "exact neuron"
    if not subject.claims.precise:
        oracle = "on-grid oracle, in the same steps"
        # Without a refractory period, a short time constant makes the exact neuron fire many times
        # in a step: there is nothing to compare with.
        slow = subject.neuron.t_ref_ms or subject.neuron.tau_ms > 10 * subject.dt_ms
        if subject.plain and slow:
            exact = compare_exact(trace, current, setup, subject.claims)
            values["spike_count_error_against_exact"] = exact.spikes - exact.expected
        else:
            oracle = f"{reading(subject).name}, in the same steps"
    fires = np.isfinite(subject.neuron.V_th)
    if (fires and found.expected < found.neurons) or found.neurons < 12:
        raise Skip("the oracle fires too little, or on ties, to compare with")
    return Finding(
        found.wrong == 0,
        found.observed,
        f"the {found.expected} spikes of the {oracle}",
        values=values,
    )


@needs("a closed form", "held drive")
def own_noise(subject: Subject) -> Finding:
    """Noise that the implementation generates has the requested variance.

    An Ornstein-Uhlenbeck current of standard deviation s and correlation time tau_noise, held
    over steps with ``k = exp(-dt/tau_noise)``, moves V below threshold by ``s R (1 - a)`` per
    step, ``a = exp(-dt/tau)``; after many tau its variance is ``(s R (1 - a))^2 (1 + a k)/((1 -
    a^2)(1 - a k))``. Mean and variance over 4,000 neurons are held to five standard errors. The
    same seed gives the same V, another seed another.
    """
    if not subject.claims.own_noise:
        raise Skip("it makes no noise of its own")
    p, neurons = subject.params, 4000
    s = float(drives.level(p, 0.05) - drives.level(p, 0.0))  # Table 1's 0.1
    # The longest of these steps of which the refractory period is a whole number.
    dt = next(
        step
        for step in subject.dt_ms * np.array([10, 5, 2, 1])
        if step == subject.dt_ms or whole_steps(p.t_ref_ms, step)
    )
    mean = float(drives.level(p, 0.3))
    steps = round(8 * p.tau_ms / dt)
    current = np.full((steps, neurons), mean)
    runs = [subject.run(current, dt_ms=dt, noise_std=s, seed=seed).membrane for seed in (1, 1, 2)]
    if any(V is None for V in runs):
        raise Skip("it does not show V")
    last, again, other = (np.asarray(V, dtype=np.float64)[-1] for V in runs)
    a, k = np.exp(-dt / p.tau_ms), np.exp(-dt / p.tau_noise_ms)
    variance = (s * p.R * (1 - a)) ** 2 * (1 + a * k) / ((1 - a**2) * (1 - a * k))
    settled = p.R * mean + (p.V_reset - p.R * mean) * a**steps
    z_mean = float((last.mean() - settled) / np.sqrt(variance / neurons))
    z_variance = float((last.var() / variance - 1) / np.sqrt(2 / neurons))
    same, differs = bool(np.array_equal(last, again)), bool(not np.array_equal(last, other))
    ok = abs(z_mean) < 5 and abs(z_variance) < 5 and same and differs
    why = None
    if abs(z_variance) >= 5:
        why = cause("random.variance-biased", percent=100 * (last.var() / variance - 1))
    elif abs(z_mean) >= 5:
        why = cause("random.mean-biased")
    elif not ok:
        why = cause("random.seed-ignored")
    return Finding(
        ok,
        f"mean of V {z_mean:+.1f} and variance {z_variance:+.1f} standard errors off; the same "
        f"seed gives {'the same' if same else 'another'} V",
        "both within 5",
        why,
        {"z_mean": z_mean, "z_variance": z_variance, "variance_ratio": last.var() / variance},
    )
