"""The loop of training, which can stop and go on bit for bit.

A batch is a function of the seed and the step alone, and the images of a batch are dealt out to
a fixed number of shards whose gradients are added in order. A run that is killed and resumed
therefore ends at the very same weights, whoever works on the shards: threads here, however many,
or machines of a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

from bio_scnn.network.architecture import Architecture
from bio_scnn.network.cnn import Params
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.runtime.cluster import Cluster
from bio_scnn.training.batches import Batch
from bio_scnn.training.gradients import feature_noise, loss_and_grads
from bio_scnn.training.settings import TrainingSettings
from bio_scnn.training.state import TrainingState, clipped, descend


def shard_gradients(
    numbered: tuple[int, Batch],
    model: HybridSCNN,
    settings: TrainingSettings,
    step: int,
) -> tuple[float, Params]:
    """Loss and gradients of one shard of a step's batch, which is given with its number."""
    part, shard = numbered
    noise = feature_noise(model, settings, shard, step, part)
    return loss_and_grads(model, shard, clip_slope=settings.clip_slope, feature_noise=noise)


def fit(
    state: TrainingState,
    source: Iterator[Batch],
    architecture: Architecture,
    lif: LIFParameters,
    settings: TrainingSettings,
    on_step: Callable[[TrainingState, float], None],
    threads: int | None = None,
    cluster: Cluster | None = None,
) -> TrainingState:
    """Train to the last step.

    Parameters
    ----------
    state : TrainingState
        From `initial_state`, or from a checkpoint.
    source : iterator of Batch
        Batches from ``state.step`` on.
    architecture, lif, settings
    on_step : callable
        Called with the new state and the loss of the step.
    threads : int, optional
        Number of shards computed at the same time on this machine; by default all of them. The
        result does not depend on it.
    cluster : Cluster, optional
        Cluster whose workers compute the shards instead. On processors of one kind the result is
        the same.

    Returns
    -------
    TrainingState

    Raises
    ------
    FloatingPointError
        If the loss is no longer finite.
    InputError
        If the cluster is lost.
    """
    parts = min(settings.shards, settings.batch)
    # One thread per shard, each with a BLAS of one thread: the copies between the matrix
    # products then run side by side as well.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads or parts) as pool:
        for batch in source:
            shards = [(part, batch.shard(part, parts)) for part in range(parts)]
            shared = (HybridSCNN(architecture, state.params, lif), settings, state.step)
            if cluster is None:
                jobs = [pool.submit(shard_gradients, shard, *shared) for shard in shards]
                found = [job.result() for job in jobs]
            else:
                found = cluster.all(shard_gradients, shards, *shared)
            losses, gradients = zip(*found, strict=True)
            loss = sum(losses)
            if not np.isfinite(loss):
                raise FloatingPointError(f"the loss is {loss} at step {state.step}")
            total = gradients[0]
            for more in gradients[1:]:
                total = {name: value + more[name] for name, value in total.items()}
            state = descend(state, clipped(total, settings), settings, pool)
            on_step(state, loss)
    return state
