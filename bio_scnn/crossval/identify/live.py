"""Identification of a live layer from the outside: probes, hypotheses, and a run to prove them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.hypotheses import Probed, neurons, probed
from bio_scnn.crossval.identify.identification import Identification
from bio_scnn.crossval.identify.probing import Layer, Run, prepared
from bio_scnn.crossval.identify.stepped import SteppedNeuron, step


def validation_drive(layer: Layer, tau: float, blocked: int) -> NDArray[np.float64]:
    """Drive ``(steps, 40)``: held, stepping and noisy inputs and impulses of all sizes."""
    rng = np.random.default_rng(20)
    steps = int(np.clip(12 * tau + 12 * blocked, 300, 1500))
    a = layer.ever
    level = a / max(min(tau, steps / 3), 1)
    held = np.array([0.5, 1.02, 1.1, 1.4, 2, 3.5, 7, 20, -2, 60]) * level
    x = np.zeros((steps, 40))
    x[:, :10] = held
    size = level * np.geomspace(1, 40, 10)
    x[:, 10:20] = rng.normal(0.5, 1.5, (steps, 10)) * size
    blocks = rng.uniform(-1, 3, (steps // 25 + 1, 10)) * level * np.geomspace(1, 8, 10)
    x[:, 20:30] = np.repeat(blocks, 25, axis=0)[:steps]
    pulses = rng.random((steps, 10)) < np.geomspace(0.02, 0.6, 10)
    x[:, 30:] = pulses * rng.uniform(-0.4, 1.2, (steps, 10)) * a
    return x
