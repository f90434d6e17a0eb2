"""Drives of a layer that show its faults, and the declared neuron as a machine."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.faults.fitting import Data
from bio_scnn.crossval.faults.flow import flow
from bio_scnn.crossval.faults.machine import Machine
from bio_scnn.crossval.faults.running import run
from bio_scnn.crossval.faults.search import Fault, search, search_pair
from bio_scnn.crossval.oracles.grid import raster_of
from bio_scnn.crossval.subject import Subject
from bio_scnn.neuron.models import hybrid_system

_BEGIN = 25  # steps in which the start of V shows
_ORDER = {"flow": "flow", "second first": "fresh", "membrane first": "old"}
_UPDATE = {
    "exact": "exact",
    "forward Euler": "forward-euler",
    "backward Euler": "backward-euler",
    "Crank-Nicolson": "crank-nicolson",
    "adaptive": "exact",
}


def declared(subject: Subject) -> list[Machine]:
    """The neuron that a subject declares, in each way in which it may be stepped."""
    neuron, claims = hybrid_system(subject.params), subject.claims
    second, numbers = "", dict[str, Any]()
    for current in neuron.currents:
        if current.weight is not None:
            second, numbers = "synapse", {"tau_syn_ms": current.tau_ms}
            numbers["gain_times"] = current.weight
        elif current.at_spike:
            on_V = current.at_spike / (neuron.R if current.on_threshold else 1.0)
            second, numbers = "adaptation", {"tau_w_ms": current.tau_ms, "b": on_V}
            numbers["w_moves"] = "threshold" if current.on_threshold else "V"
    soft = neuron.reset == "subtract"
    fires = math.isfinite(neuron.V_th)
    V_th, V_reset = (neuron.V_th, neuron.V_reset) if fires else (neuron.R, 0.0)
    where: dict[str, Any] = {
        "tau_ms": neuron.tau_ms,
        "R": neuron.R,
        "dt_ms": subject.dt_ms,
        "params": subject.params,
        "second": second,
        "order_declared": claims.order != "open",
        "impulses": claims.drive == "impulses",
        "update": _UPDATE[claims.integrator],
        "threshold": V_th,
        "fires": "" if fires else "never",
        "keep": float(soft),
        "to": V_reset - V_th if soft else V_reset,
        "start": V_reset,
        "rest": subject.rest,
        "refractory": round(neuron.t_ref_ms / subject.dt_ms),
        "strict": not claims.fires_at_threshold,
        "shown": "before" if claims.membrane == "before reset" else "after",
        **numbers,
    }
    exact = claims.integrator in ("exact", "adaptive")
    orders = ["flow"] if exact else []
    if second:
        orders += ["old", "fresh"]
    if second and claims.order != "open":
        orders = [o for o in orders if o == _ORDER[claims.order]] or orders
    # Beside a V by another integrator, the second variable may decay exactly.
    seconds = dict.fromkeys([_UPDATE[claims.integrator], *(["exact"] if second else [])])
    # A neuron may start at V_reset, or at rest.
    starts = dict.fromkeys([V_reset, 0.0])
    return [
        Machine(**{**where, "start": start}, order=order, second_update=update)
        for start in starts
        for order in orders or ["old"]
        for update in seconds
    ]


def drive(m: Machine, steps: int, seed: int) -> NDArray[np.float64]:
    """Drive ``(steps, 30)``: held, stepping, noisy, negative and huge inputs, and impulses."""
    rng = np.random.default_rng(seed)
    at_once = m.threshold / abs(flow(m).g + flow(m).c or 1.0)
    held = m.threshold / (m.R * m.gain_times) if math.isfinite(m.tau_ms) else at_once / 20
    tau = m.tau_ms / m.dt_ms if math.isfinite(m.tau_ms) else 10.0
    rough = max(1.0, math.sqrt(tau) / 3)
    x = np.zeros((steps, 30))
    x[:, :6] = np.array([0.7, 1.07, 1.31, 2.1, 4.3, 9.7]) * rng.uniform(0.98, 1.02, 6) * held
    noise = rng.normal(0.0, 1.0, (steps, 6)) * rough
    x[:, 6:12] = (np.array([0.5, 0.9, 1.2, 2, 4, 0.0]) + noise * [0.7, 1, 2, 3, 4, 4]) * held
    blocks = rng.uniform(-1.5, 4, (steps // 17 + 1, 6)) * [0.5, 0.6, 1, 1.5, 2, 4] * held
    x[:, 12:18] = np.repeat(blocks, 17, axis=0)[:steps]
    pulses = rng.random((steps, 6)) < [0.03, 0.06, 0.1, 0.2, 0.3, 0.6]
    x[:, 18:24] = pulses * rng.uniform(-0.5, [[1.2, 1.5, 1.5, 1, 0.8, 0.5]], (steps, 6)) * at_once
    ramp = np.linspace(-0.5, 1, steps)[:, None]
    x[:, 24:27] = ramp * [1.4, 3, 8] * held
    x[:, 27] = rng.uniform(0, 2, steps) * at_once
    x[:, 28] = rng.uniform(-3, 6, steps) * at_once
    x[:, 29] = np.where(np.arange(steps) % 40 < 20, -0.6, 1.5) * held * rough
    return x


def answers(subject: Subject, m: Machine) -> tuple[Data, Data, Data]:
    """Answers of a layer to three drives."""
    tau = m.tau_ms / m.dt_ms if math.isfinite(m.tau_ms) else 20.0
    steps = int(np.clip(6 * tau + 6 * m.refractory, 240, 600))
    data, more, proof = (
        _answer(subject, m, drive(m, length, seed))
        for length, seed in ((steps, 1), (steps, 2), (2 * steps, 3))
    )
    return data, more, proof


def _answer(subject: Subject, m: Machine, x: NDArray[np.float64]) -> Data:
    trace = subject.run(x)
    spikes = raster_of(trace, len(x), subject.dt_ms, subject.claims.spike_label)
    V = None
    if trace.membrane is not None and subject.claims.membrane != "none":
        V = np.asarray(trace.membrane, dtype=np.float64)
    size = m.threshold - min(0.0, m.to if m.keep == 0 else 0.0)
    return Data(x, spikes, V, abs(size), subject.dtype)


def likeliest(options: list[Machine], data: Data) -> list[Machine]:
    """Ways of stepping, one start for all: the first one unless others agree far better."""
    # Where V starts shows before the first spikes.
    one = options[0]
    begun = [m for m in options if replace(m, start=one.start) == one]
    first = data.first(_BEGIN)
    start = min(begun, key=lambda m: float(first.loss(run([m], first.x))[0])).start
    options = [m for m in options if m.start == start]
    losses = [float(data.loss(run([m], data.x))[0]) for m in options]
    # A fault may make the wrong one a little better.
    if min(losses) >= 0.2 * losses[0]:
        losses[0] = 0.0
    return [options[k] for k in np.argsort(losses, kind="stable")]


def fault(subject: Subject, *, pairs: bool = True) -> Fault | None:
    """Fault of a layer that declares its neuron; worked out once.

    Parameters
    ----------
    subject : Subject
    pairs : bool
        Try two faults at once where one does not do.

    Returns
    -------
    Fault or None
        None if it is the neuron that it declares, or one that machines do not step: it never
        fires, or its threshold is not positive.

    Raises
    ------
    Exception
        Whatever the layer raises under the drives.
    """
    single = subject.once(_single)
    if single is None or single.cause is not None or not pairs:
        return single
    return subject.once(_double)


def _single(subject: Subject) -> Fault | None:
    ways, data = subject.once(_asked)
    nearest = None
    for way in ways:  # a fault hides which way it is
        found = search(way, data)
        if found is None or found.cause is not None:
            return found
        nearest = nearest or found
    return nearest


def _double(subject: Subject) -> Fault:
    (way, *_), data = subject.once(_asked)
    single = subject.once(_single)
    assert single is not None
    return search_pair(way, data, single)


def _asked(subject: Subject) -> tuple[list[Machine], tuple[Data, Data, Data]]:
    """Ways in which the declared neuron may be stepped, the likeliest first, and answers."""
    options = declared(subject)
    data = answers(subject, options[0])
    return likeliest(options, data[0]) if options[0].threshold > 0 else [], data
