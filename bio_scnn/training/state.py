"""State of a training run, and one step of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bio_scnn.errors import InputError
from bio_scnn.network.architecture import Architecture, init_params
from bio_scnn.network.checkpoint import load_model
from bio_scnn.network.cnn import Params
from bio_scnn.network.conv2d import Array
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.training.batches import Batch
from bio_scnn.training.gradients import scale_features
from bio_scnn.training.optimizers import adam, learning_rate, muon
from bio_scnn.training.settings import TrainingSettings

KernelStep = Callable[[Array, Array, float], tuple[Array, Array]]


@dataclass(frozen=True)
class TrainingState:
    """State of a training run; each step returns a new one.


    Attributes
    ----------
    step : int
        Steps done.
    params, m, v, ema : dict of arrays
        Weights, the optimizer's moments, and the moving average of the weights.
    """

    step: int
    params: Params
    m: Params
    v: Params
    ema: Params

    def as_arrays(self) -> TrainingState:
        """This state in NumPy arrays."""
        return self


def initial_state(
    architecture: Architecture, settings: TrainingSettings, batch: Batch
) -> TrainingState:
    """Random weights in the batch's precision, with the first layer scaled on it."""
    model = HybridSCNN(
        architecture, init_params(architecture, np.random.default_rng([settings.seed, 0]))
    )
    params = scale_features(model, batch).astype(batch.truth.dtype).params
    zeros = {name: np.zeros_like(value) for name, value in params.items()}
    return TrainingState(0, params, zeros, zeros, params)


def started(state: TrainingState, path: Path) -> TrainingState:
    """The initial state with the weights of a model file.

    Raises
    ------
    InputError
        If its arrays have other names or shapes.
    """
    model, _ = load_model(path)
    shapes, theirs = ({k: v.shape for k, v in p.items()} for p in (state.params, model.params))
    for name in sorted(shapes.keys() | theirs.keys()):
        if shapes.get(name) != theirs.get(name):
            raise InputError(
                f"{path}: {name} has shape {theirs.get(name)}, and the network to be trained "
                f"{shapes.get(name)}; start from a model of the same architecture"
            )
    params = {k: model.params[k].astype(v.dtype) for k, v in state.params.items()}
    return replace(state, params=params, ema=params)


def clipped(grads: Params, settings: TrainingSettings) -> Params:
    """Gradients whose norm, all together, is at most ``settings.clip_norm``."""
    norm = math.sqrt(sum(float(np.vdot(g, g)) for g in grads.values()))
    if not settings.clip_norm or norm <= settings.clip_norm:
        return grads
    scale = settings.clip_norm / norm
    return {name: scale * g for name, g in grads.items()}


def descend(
    state: TrainingState,
    grads: Params,
    settings: TrainingSettings,
    pool: Executor | None = None,
    kernel_step: KernelStep = muon,
) -> TrainingState:
    """One step of the optimizer, for arrays or tensors.

    A pool's threads share the arrays; the result does not depend on them.

    Parameters
    ----------
    state : TrainingState
    grads : dict of arrays
        Gradients, clipped.
    settings : TrainingSettings
    pool : concurrent.futures.Executor, optional
    kernel_step : callable
        The step of Muon for whatever has more than one axis.
    """
    s = settings
    t = state.step + 1
    rate = learning_rate(s, state.step)
    # The average starts as the plain mean of the first steps, so that it holds no random weights.
    decay = min(s.ema, state.step / t)

    def move(name: str) -> tuple[Array, Array, Array, Array]:
        p, g, m, v = state.params[name], grads[name], state.m[name], state.v[name]
        if s.optimizer == "muon" and p.ndim > 1:
            step, m = kernel_step(g, m, s.beta1)
        else:
            step, m, v = adam(g, m, v, t, s.beta1, s.beta2)
        p = p - rate * step
        return p, m, v, decay * state.ema[name] + (1 - decay) * p if s.ema else p

    # The largest first, so that no thread is left with it while others have nothing to do.
    names = sorted(state.params, key=lambda name: -math.prod(state.params[name].shape))
    moved = dict(zip(names, (pool.map if pool else map)(move, names), strict=True))
    parts = zip(*(moved[name] for name in state.params), strict=True)
    params, m, v, ema = (dict(zip(state.params, part, strict=True)) for part in parts)
    return replace(state, step=t, params=params, m=m, v=v, ema=ema)
