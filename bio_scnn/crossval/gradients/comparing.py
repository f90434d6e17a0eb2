"""One loss through a layer's surrogate gradient and through exact derivatives, compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.gradients.layers import GradientLayer
from bio_scnn.errors import InputError
from bio_scnn.neuron.adjoint import SpikeGradients, spike_gradients
from bio_scnn.neuron.closed_form import rate_derivative, rheobase
from bio_scnn.neuron.hybrid_system import run
from bio_scnn.neuron.models import hybrid_system

Array = NDArray[np.float64]
INPUTS, NEURONS, MOST_STEPS = 12, 16, 1000
_STEP, _OF_LEAK = 0.005, 0.05  # by which a learnable number is changed: of it, of 1 less it
LEVELS = np.concatenate([np.linspace(0.5, 0.95, 6), np.geomspace(1.05, 5, 20)])
"""Constant currents in units of the rheobase, for the derivative of the rate."""


@dataclass(frozen=True)
class Likeness:
    """Surrogate gradient beside the exact one.

    Attributes
    ----------
    what : str
        The loss and the variable.
    sign : float
        Share of entries with the same sign, of those that the exact gradient has.
    cosine : float
        Of the angle between the two; NaN if one is zero.
    scale : float
        Length of the surrogate gradient over that of the exact one.
    zero : float
        Share of the exact gradient's entries at which the surrogate one is exactly 0.
    """

    what: str
    sign: float
    cosine: float
    scale: float
    zero: float


@dataclass(frozen=True)
class GradientReport:
    """Comparison of a layer's gradients.

    Attributes
    ----------
    layer : GradientLayer
    steps, spikes, exact_spikes : int
        Of the run on random input, by the layer and by eq. 1.
    rows : tuple of Likeness
        By the current, a weight, and for the rate; then by each learnable number of the neuron.
    silent : float
        Mean size of the surrogate gradient of the rate below rheobase over that above.
    parameters : dict of str to str
        What reaches each learnable parameter: "missing", "zero", "not finite" or its size.
    missing : bool
        No gradient reaches the input.
    finite : bool
        All gradients are.
    """

    layer: GradientLayer
    steps: int
    spikes: int
    exact_spikes: int
    rows: tuple[Likeness, ...] = ()
    silent: float = 0.0
    parameters: dict[str, str] = field(default_factory=dict)
    missing: bool = False
    finite: bool = True

    @property
    def ok(self) -> bool:
        """True if finite gradients arrive at the input and at every parameter."""
        bad = ("missing", "not finite")
        return not self.missing and self.finite and not set(bad) & set(self.parameters.values())


def likeness(what: str, found: Array, exact: Array) -> Likeness:
    """Comparison of two gradients of one shape; NaN where there is nothing to compare."""
    has = np.abs(exact) > 1e-9 * np.abs(exact).max(initial=0.0)
    if not has.any():
        return Likeness(what, np.nan, np.nan, np.nan, np.nan)
    lengths = float(np.linalg.norm(found)), float(np.linalg.norm(exact))
    return Likeness(
        what,
        float(np.mean(np.sign(found[has]) == np.sign(exact[has]))),
        float(np.sum(found * exact)) / (lengths[0] * lengths[1]) if lengths[0] else np.nan,
        lengths[0] / lengths[1],
        float(np.mean(found[has] == 0)),
    )


def random_drive(layer: GradientLayer, rng: np.random.Generator) -> tuple[Array, Array]:
    """Random spikes ``(steps, inputs)``, and weights that drive neurons to 1.2 to 3 rheobases."""
    steps = int(np.clip(8 * layer.params.tau_ms / layer.dt_ms, 150, MOST_STEPS))
    inputs = (rng.random((steps, INPUTS)) < 0.3).astype(float)
    weights = rng.uniform(-0.3, 1.0, (INPUTS, NEURONS))
    level = np.linspace(1.2, 3.0, NEURONS) * rheobase(layer.params)
    return inputs, weights * level / (inputs @ weights).mean(0)


def compare_gradients(layer: GradientLayer, seed: int = 0) -> GradientReport:
    """Gradients of a layer beside the exact ones.

    Two losses are taken: the output filtered by an alpha function, as it stands at the end of the
    run, of which a spike's share depends smoothly on its time; and the rate under a constant
    current.

    Parameters
    ----------
    layer : GradientLayer
    seed : int
        Of the random input.
    """
    inputs, weights = random_drive(layer, np.random.default_rng(seed))
    current = inputs @ weights
    steps, dt = len(current), layer.dt_ms
    end, width = steps * dt, steps * dt / 5
    times = run(hybrid_system(layer.params), current, dt).spike_times_ms
    slopes = [_alpha_slope((end - train) / width) / -width for train in times]
    exactly = spike_gradients(layer.params, current, dt, times, slopes)
    exact = exactly.current
    kernel = _alpha(np.arange(steps - 1, -1, -1, dtype=np.float64) * (dt / width))
    spikes, found, named, numbers = _through(layer, current, kernel[:, None])
    counts = steps, round(float(spikes.sum())), sum(map(len, times))
    if found is None:
        return GradientReport(layer, *counts, parameters=named, missing=True)
    levels = LEVELS * rheobase(layer.params)
    _, by_step, _, _ = _through(layer, np.tile(levels, (steps, 1)), np.full((steps, 1), 1e3 / end))
    assert by_step is not None
    if not (np.isfinite(found).all() and np.isfinite(by_step).all()):
        return GradientReport(layer, *counts, parameters=named, finite=False)
    rate = by_step.sum(0)
    silent, active = np.abs(rate[LEVELS < 1]).mean(), np.abs(rate[LEVELS > 1]).mean()
    rows = (
        likeness("spike times, by the current of a step", found, exact),
        likeness("spike times, by a weight", inputs.T @ found, inputs.T @ exact),
        likeness("rate, by a constant current", rate, rate_derivative(levels, layer.params)),
        *by_numbers(layer, numbers, exactly),
    )
    share = float(silent / active) if active else 0.0
    return GradientReport(layer, *counts, rows, share, named)


def by_numbers(
    layer: GradientLayer, found: dict[str, tuple[float, float]], exact: SpikeGradients
) -> list[Likeness]:
    """Gradients by learnable numbers of the neuron, such as its decay.

    What a number does to tau, R, V_th, V_reset and t_ref is found by identifying the layer again
    with a little more and a little less of it: the exact derivative is good to about 1 %. `found`
    has the value of each, and the layer's gradient by a relative change of it.
    """
    rows: list[Likeness] = []
    if (scaled := layer.scaled) is None:
        return rows
    for name, (value, gradient) in found.items():
        step = _STEP
        if 0 < value < 1:  # it may be a decay, which is near 1
            step = min(step, _OF_LEAK * (1 - value) / value)
        try:
            more, less = scaled(name, 1 + step), scaled(name, 1 - step)
        except InputError:  # then it is another neuron
            continue
        slope = sum(
            float(getattr(exact, key).sum()) * (getattr(more, key) - getattr(less, key))
            for key in ("tau_ms", "R", "V_th", "V_reset", "t_ref_ms")
        )
        by_relative = np.array([slope / (2 * step)])
        rows.append(likeness(f"spike times, by {name}", np.array([gradient]), by_relative))
    return rows


def _alpha(u: Array) -> Array:
    return u * np.exp(1 - u)


def _alpha_slope(u: Array) -> Array:
    return (1 - u) * np.exp(1 - u)


def _through(
    layer: GradientLayer, current: Array, share: Array
) -> tuple[Array, Array | None, dict[str, str], dict[str, tuple[float, float]]]:
    """Spikes of a layer, the gradient of their weighted sum, and what reaches its parameters.

    The last are parameters that are one number, and the gradient by a relative change of each.
    """
    import torch

    x = torch.tensor(current, dtype=getattr(torch, layer.dtype), requires_grad=True)
    spikes, named = layer.forward(x)
    raster = spikes.detach().double().numpy()
    if not spikes.requires_grad:
        return raster, None, dict.fromkeys(named, "missing"), {}
    (spikes * torch.as_tensor(share, dtype=spikes.dtype)).sum().backward()
    told = {name: _size(value.grad) for name, value in named.items()}
    numbers = {
        name: (float(value.detach()), float(value.grad * value.detach()))
        for name, value in named.items()
        if value.numel() == 1 and value.grad is not None and float(value.detach())
    }
    return raster, None if x.grad is None else x.grad.double().numpy(), told, numbers


def _size(gradient: Any) -> str:
    if gradient is None:
        return "missing"
    value = float(gradient.double().abs().max())
    return "not finite" if not np.isfinite(value) else f"{value:.2g}" if value else "zero"
