"""Random neurons of every kind, with parameters over their whole range and drives to match."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bio_scnn.neuron.models import (
    AdaptiveLIFParameters,
    CubaLIFParameters,
    IFParameters,
    LIParameters,
    NeuronParameters,
)
from bio_scnn.neuron.parameters import LIFParameters

KINDS = (
    LIFParameters, IFParameters, LIParameters, CubaLIFParameters, AdaptiveLIFParameters
)  # fmt: skip

POTENTIALS = (  # threshold, reset, rest
    (1.0, 0.0, 0.0),
    (1.0, -1.0, 0.0),
    (-50.0, -65.0, -65.0),
    (-50.0, -60.0, -70.0),
    (15.0, -5.0, 0.0),
    (0.01, 0.0, 0.0),
    (1.0, 0.9, 0.3),
)


@dataclass(frozen=True)
class Case:
    """A neuron and its drive; arrivals are rows (time in ms, 0, size)."""

    params: NeuronParameters
    current: np.ndarray
    dt_ms: float
    impulses: np.ndarray
    events: np.ndarray


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(math.exp(rng.uniform(math.log(low), math.log(high))))


def random_case(rng: np.random.Generator, kind: type, steps: int, *, mild: bool = False) -> Case:
    """A neuron of a kind that fires now and then; `mild`: without stiffness."""
    tau = log_uniform(rng, 5, 50) if mild else log_uniform(rng, 1e-2, 1e5)
    dt = log_uniform(rng, 0.5, 5) if mild else log_uniform(rng, 0.01, 5)
    span = steps * dt
    V_th, V_reset, V_rest = POTENTIALS[rng.integers(len(POTENTIALS))]
    jump, R = V_th - V_reset, log_uniform(rng, 0.01, 100)
    others = [log_uniform(rng, tau / 20, tau * 20) for _ in range(2)]
    if not mild:
        choices = tau, tau * (1 + 1e-12), tau * 1.0005, log_uniform(rng, 1e-3, 1e3), others[0]
        others[0] = choices[rng.integers(len(choices))]
        others[1] = (others[0], others[1], log_uniform(rng, 1e-2, 1e4))[rng.integers(3)]
    tau_syn, tau_w = others
    latency = log_uniform(rng, 0.3 * dt, span / 3)
    if kind is IFParameters:
        size = jump / latency / R
    else:
        size = (V_th - V_rest + jump / max(np.expm1(min(latency / tau, 700)), 1e-9)) / R
    t_ref = (0.0, rng.uniform(0, min(50, span / 4)), dt)[rng.integers(3)]
    spiking = {
        "V_th": V_th, "V_reset": V_reset, "t_ref_ms": t_ref,
        "reset": ("value", "subtract")[rng.integers(2)],
    }  # fmt: skip
    w = rng.uniform(0.2, 3)
    params = {
        LIFParameters: lambda: LIFParameters(
            tau_ms=tau, R=R, V_rest=V_rest, tau_syn_ms=tau_syn, **spiking
        ),
        IFParameters: lambda: IFParameters(R=R, tau_syn_ms=tau_syn, **spiking),
        LIParameters: lambda: LIParameters(tau_ms=tau, R=R, V_rest=V_rest, tau_syn_ms=tau_syn),
        CubaLIFParameters: lambda: CubaLIFParameters(
            tau_ms=tau, R=R, V_rest=V_rest, tau_syn_ms=tau_syn, w=w, **spiking
        ),
        AdaptiveLIFParameters: lambda: AdaptiveLIFParameters(
            tau_ms=tau, R=R, V_rest=V_rest, tau_syn_ms=tau_syn, tau_w_ms=tau_w,
            b=size * rng.uniform(-0.02, 1), **spiking,
        ),
    }[kind]()  # fmt: skip
    shape = (
        lambda: np.ones(steps),
        lambda: np.repeat(rng.uniform(-1, 2.5, -(-steps // 8)), 8)[:steps],
        lambda: 1 + rng.normal(0, 1, steps),
        lambda: np.zeros(steps),
    )[rng.integers(4)]()
    current = size * shape / (w if kind is CubaLIFParameters else 1)
    to_V = 1 / R if kind is IFParameters else tau / R
    charge = jump * to_V if kind is not CubaLIFParameters else size * tau_syn
    synaptic = size if kind is CubaLIFParameters else size * max(1, min(tau, span) / tau_syn)
    return Case(
        params,
        current[:, np.newaxis],
        dt,
        _arrivals(rng, steps, dt, charge),
        _arrivals(rng, steps, dt, synaptic),
    )


def _arrivals(rng: np.random.Generator, steps: int, dt: float, size: float) -> np.ndarray:
    """None, or some, a part of them at the starts of steps."""
    count = int(rng.integers(0, 12)) * int(rng.integers(2))
    times = rng.uniform(0, steps * dt, count)
    starts = rng.integers(0, steps, count) * dt
    rows = np.zeros((count, 3))
    rows[:, 0] = np.where(rng.random(count) < 0.3, starts, times)
    rows[:, 2] = size * rng.uniform(-0.5, 2.2, count)
    return rows
