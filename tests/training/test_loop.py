"""The loop: it learns, whoever works on the shards, and says when it diverges."""

import dataclasses

import numpy as np
import pytest
from helpers import SMALL, hole, photograph

from bio_scnn.neuron.parameters import TABLE_1
from bio_scnn.training.batches import batch_of
from bio_scnn.training.loop import fit
from bio_scnn.training.settings import TrainingSettings
from bio_scnn.training.state import initial_state


def test_training_learns_one_picture():
    batch = batch_of(photograph()[np.newaxis] / 255, hole()[np.newaxis], SMALL, "hole")
    settings = TrainingSettings(steps=60, batch=1, learning_rate=1e-2, warmup=0, shards=2)
    state = initial_state(SMALL, settings, batch)
    losses = []
    fit(state, iter([batch] * 60), SMALL, TABLE_1, settings, lambda _, loss: losses.append(loss))
    assert len(losses) == 60
    assert losses[-1] < 0.5 * losses[0]


def test_threads_do_not_change_the_result():
    truth = np.stack([photograph(32, 32) for _ in range(3)]) / 255
    truth = truth.astype(np.float32)
    mask = np.random.default_rng(2).random(truth.shape[:3]) < 0.2
    batch = batch_of(truth, mask, SMALL, "hole")
    settings = TrainingSettings(steps=5, batch=3, shards=3)
    ends = []
    for threads in (1, 2, 3):
        state = initial_state(SMALL, settings, batch)
        source = iter([batch] * 5)
        ends.append(fit(state, source, SMALL, TABLE_1, settings, lambda *_: None, threads))
    for end in ends[1:]:
        for name, value in ends[0].params.items():
            np.testing.assert_array_equal(end.params[name], value)
    assert ends[0].params["conv2.weight"].dtype == np.float32


def test_diverged_training_is_an_error():
    batch = batch_of(photograph()[np.newaxis] / 255, hole()[np.newaxis], SMALL, "hole")
    settings = TrainingSettings(steps=1, batch=1)
    state = initial_state(SMALL, settings, batch)
    params = state.params | {"conv6.bias": np.full(16, np.nan)}
    state = dataclasses.replace(state, params=params)
    with pytest.raises(FloatingPointError, match="loss is nan at step 0"):
        fit(state, iter([batch]), SMALL, TABLE_1, settings, lambda *_: None)
