"""The good neurons of the catalogue follow the closed form on their grid."""

from __future__ import annotations

import numpy as np
import pytest
from broken_neurons import GOOD
from neuron_probes import DT, FIRING, crossing, end_steps, layer

from bio_scnn.crossval.protocol import Adapter, CannotRepresent
from bio_scnn.crossval.subject import Subject
from bio_scnn.neuron.closed_form import current_for_rate
from bio_scnn.neuron.events import exact_trace


@pytest.mark.parametrize("cls", GOOD)
@pytest.mark.parametrize("dt", [0.1, 0.25, 1.0])
@pytest.mark.parametrize("rate_hz", [97.0, 123.0, 151.0, 187.0])
def test_good_neuron_fires_on_the_grid(cls: type[Adapter], dt: float, rate_hz: float) -> None:
    t_ref = 0.0 if cls.capabilities.refractory == "none" else 1.0
    current = float(current_for_rate(rate_hz))
    found = end_steps(cls, current, dt, ms=200, t_ref_ms=t_ref)
    first, interval = crossing(current, dt), crossing(current, dt) + round(t_ref / dt)
    np.testing.assert_array_equal(found, np.arange(first, 200 / dt + 0.5, interval))
    assert len(found) > 15


@pytest.mark.parametrize("cls", GOOD)
def test_good_neuron_follows_the_exact_one(cls: type[Adapter]) -> None:
    current = 1.9 * np.sin(np.arange(500)[:, None] / 80 + np.arange(3))
    subject = Subject(cls())
    trace = subject.run(current)
    exact = exact_trace(current, DT, subject.params).membrane
    tolerance = 1e-6 if subject.dtype == "float32" else 1e-14
    np.testing.assert_allclose(trace.membrane, exact, rtol=0, atol=tolerance)
    assert np.ptp(exact) > 0.1
    subject.adapter.reset()
    np.testing.assert_array_equal(subject.trace(current).membrane, trace.membrane)


@pytest.mark.parametrize("cls", GOOD)
def test_good_neuron_shows_v_as_declared(cls: type[Adapter]) -> None:
    subject = Subject(cls())
    trace = subject.run(np.full((300, 1), FIRING))
    n = crossing(FIRING)
    before = cls.capabilities.membrane == "before reset"
    assert trace.membrane[n - 2, 0] < 1
    assert (trace.membrane[n - 1, 0] >= 1) == before
    clamped = round(subject.params.t_ref_ms / DT)
    if not before:
        assert np.all(trace.membrane[n - 1 : n + clamped] == 0)
    assert trace.membrane[n + clamped, 0] > 0


def test_good_neuron_refuses_a_refractory_period_it_has_not() -> None:
    for cls, t_ref in zip(GOOD, (0.25, 0.25, 1.0), strict=True):
        with pytest.raises(CannotRepresent):
            layer(cls, t_ref_ms=t_ref)
