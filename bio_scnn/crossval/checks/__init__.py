"""Checks of a LIF layer, each a function of a `Subject` whose docstring gives the physics."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from bio_scnn.crossval.checks import (
    conduct,
    declared,
    drive,
    membrane,
    rates,
    refractory,
    spiking,
    transfer,
)
from bio_scnn.crossval.subject import Finding, Subject

Check = Callable[[Subject], Finding]

CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        conduct.determinism,
        rates.fi_curve,
        rates.spike_intervals,
        rates.first_spike,
        membrane.subthreshold_membrane,
        membrane.spiking_membrane,
        refractory.refractory_period,
        spiking.reset_value,
        spiking.reset_overshoot,
        refractory.reset_delay,
        spiking.threshold_equality,
        spiking.silence,
        drive.step_currents,
        drive.frozen_noise,
        drive.coloured_noise,
        drive.own_noise,
        transfer.convergence,
        transfer.other_time_step,
        transfer.other_neuron,
        conduct.single_precision,
        conduct.state_reset,
        conduct.batch_invariance,
        conduct.permutation,
        conduct.causality,
        conduct.non_finite_input,
        declared.as_declared,
    )
}
"""Every check by name, in the order in which they run."""


def check_names() -> tuple[str, ...]:
    """Names of all checks, in the order in which they run."""
    return tuple(CHECKS)


def describe(name: str) -> str:
    """Statement of a check, in one sentence."""
    return (inspect.getdoc(CHECKS[name]) or "").split("\n\n")[0].replace("\n", " ")


__all__ = ["CHECKS", "Check", "check_names", "describe"]
