"""NEURON: a passive section per neuron, with a threshold event that resets and holds it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.adapters._support import Framework, quiet_import
from bio_scnn.crossval.protocol import Capabilities, Setup
from bio_scnn.neuron.trace import Trace

_NEVER = 1e9
# Interpolating V linearly over a step h puts a spike up to h**2/(8 tau) late, 8e-6 ms for Table 1.
_LONGEST_STEP_MS = 0.05
_AREA_UM2 = 100.0  # 1 nA is 1 mA/cm2


class _Neuron(Framework):
    """Eq. 1 as a passive membrane, in units of 1e-3 mA/cm2: cm is C, g_pas is 1e-3/R.

    NEURON has one model per process. A run makes its sections and removes them.
    """

    distributions = ("neuron",)
    adaptive: bool

    def make(self, setup: Setup) -> None:
        quiet_import("neuron", NEURON_MODULE_OPTIONS="-nogui")

    def run(self, current: NDArray[np.float64]) -> Trace:
        neuron = quiet_import("neuron", NEURON_MODULE_OPTIONS="-nogui")
        dt = self.setup.dt_ms
        with _settings(neuron.h, dt, self.adaptive) as cvode:
            if self.adaptive:
                # One by one: CVODE's step is common to all neurons of a model, and its
                # second-order detection aborts the process when two cross within one.
                parts = [self._simulate(neuron.h, cvode, train[:, None]) for train in current.T]
            else:
                parts = [self._simulate(neuron.h, cvode, current)]
        trains = tuple(train for part, _ in parts for train in part)
        return Trace(trains, np.concatenate([V for _, V in parts], axis=1))

    def _simulate(
        self, h: Any, cvode: Any, current: NDArray[np.float64]
    ) -> tuple[list[NDArray[np.float64]], NDArray[np.float64]]:
        setup, steps, dt = self.setup, len(current), self.setup.dt_ms
        sampled = h.Vector(np.arange(steps + 1) * dt)
        cells = [_Cell(h, setup, train, cvode, self.adaptive) for train in current.T]
        try:
            for cell in cells:
                # The fixed step records at the steps themselves, the other interpolates.
                cell.recorded.record(cell.membrane, sampled if self.adaptive else dt)
            context = h.ParallelContext()
            # Between exchanges of spikes with other processes, of which there are none.
            context.set_maxstep((steps + 2) * dt)
            h.finitialize(setup.params.V_reset)
            # One step more, or rounding may keep the last sample from being taken.
            context.psolve((steps + 1.5) * dt)
            trains = [self._times(np.array(cell.spikes), steps) for cell in cells]
            membrane = [cell.recorded.as_numpy()[1 : steps + 1].copy() for cell in cells]
        finally:
            # Events that are still queued hold sections. NEURON aborts the whole process if one
            # is deleted in the middle of the next run.
            h.finitialize(0.0)
            cells.clear()
        return trains, np.array(membrane).T

    def reset(self) -> None:
        """Nothing to do: `finitialize` starts every run."""

    def _times(self, times: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
        dt = self.setup.dt_ms
        if self.adaptive:
            return times[times <= steps * dt]
        # Detection on the grid adds 1e-10 ms, and t is a sum of steps: back to whole steps.
        step = np.rint(times / dt)
        return step[step <= steps] * dt


class NeuronCvode(_Neuron):
    """Adaptive steps of CVODE, with second-order threshold detection."""

    name = "neuron-cvode"
    adaptive = True
    capabilities = Capabilities(
        refractory="time",
        integrator="adaptive",
        precise=True,
        fires_at_threshold=False,
        spike_label="exact",
    )
    cannot = ("exact spike times: V is interpolated linearly between CVODE's steps",)


class NeuronBackwardEuler(_Neuron):
    """NEURON's default method: fixed steps of backward Euler."""

    name = "neuron-backward-euler"
    adaptive = False
    capabilities = Capabilities(
        refractory="steps",
        integrator="backward Euler",
        fires_at_threshold=False,
        membrane="before reset",
    )
    cannot = (
        "a spike or a release inside a step",
        "spikes in successive steps: V must have been below the threshold at the end of one",
    )
    expected_failures = MappingProxyType(
        dict.fromkeys(
            ("reset_delay", "as_declared"),
            "without a refractory period, a neuron that crosses the threshold in every "
            "step fires once and no more: the detector waits for V below it at the end of a step",
        )
    )


class _Cell:
    """A section, its current, and what happens to it at the threshold."""

    def __init__(
        self, h: Any, setup: Setup, current: NDArray[np.float64], cvode: Any, adaptive: bool
    ):
        p = setup.params
        section = h.Section()
        section.nseg, section.L, section.diam = 1, 10.0, _AREA_UM2 / 10.0 / np.pi
        section.insert("pas")
        section.cm, section.g_pas, section.e_pas = p.C_ms, 1e-3 / p.R, 0.0
        clamp = h.IClamp(section(0.5))
        clamp.delay, clamp.dur = 0.0, 2 * _NEVER
        if adaptive:  # which starts anew at each change
            changes = np.flatnonzero(np.diff(current, prepend=np.nan) != 0)
            times = h.Vector(changes * setup.dt_ms)
            played = h.Vector(1e-3 * current[changes])
            played.play(clamp._ref_amp, times)
        else:
            times, played = None, h.Vector(1e-3 * current)
            played.play(clamp._ref_amp, setup.dt_ms)
        self.membrane = section(0.5)._ref_v
        self.recorded = h.Vector()
        self.spikes: list[float] = []
        detector = h.NetCon(self.membrane, None, sec=section)
        detector.threshold = p.V_th
        detector.record(_on_spike(h, setup, section, clamp, self.spikes, cvode, adaptive))
        self._alive = section, clamp, times, played, detector


def _on_spike(
    h: Any,
    setup: Setup,
    section: Any,
    clamp: Any,
    spikes: list[float],
    cvode: Any,
    adaptive: bool,
) -> Callable[[], None]:
    p = setup.params

    def release() -> None:
        section.g_pas, clamp.delay = 1e-3 / p.R, 0.0
        if adaptive:
            cvode.re_init()

    def spike() -> None:
        spikes.append(h.t)
        section.v = p.V_reset
        if p.t_ref_ms:
            section.g_pas, clamp.delay = 0.0, _NEVER  # neither leak nor current: V stays
            cvode.event(h.t + p.t_ref_ms, release)
        if adaptive:
            cvode.re_init()

    return spike


@contextlib.contextmanager
def _settings(h: Any, dt: float, adaptive: bool) -> Iterator[Any]:
    """NEURON's integrator, set up for a run; everything is restored after."""
    cvode = h.CVode()
    functions = {
        "active": adaptive,
        "use_local_dt": False,
        "condition_order": 2,
        "atol": 1e-10,
        "rtol": 0.0,
        "maxstep": min(dt, _LONGEST_STEP_MS),
    }
    before = {name: getattr(cvode, name)() for name in functions}
    fixed = h.dt, h.secondorder
    try:
        for name, value in functions.items():
            getattr(cvode, name)(value)
        h.dt, h.secondorder = dt, 0
        yield cvode
    finally:
        for name, value in before.items():
            getattr(cvode, name)(value)
        h.dt, h.secondorder = fixed
