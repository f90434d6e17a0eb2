"""Steps of the optimizer against hand-computed cases and PyTorch's Adam."""

import numpy as np
import pytest

from bio_scnn.training.settings import TrainingSettings
from bio_scnn.training.state import TrainingState, clipped, descend


def scalar_state(value):
    zero = {"w": np.zeros(1)}
    return TrainingState(0, {"w": np.array([value])}, zero, zero, {"w": np.array([value])})


def test_first_step_is_the_rate_against_the_sign():
    settings = TrainingSettings(learning_rate=0.1, warmup=0, schedule="constant", clip_norm=0.0)
    for gradient in (1e-3, -5.0):
        state = descend(scalar_state(1.0), {"w": np.array([gradient])}, settings)
        assert state.params["w"][0] == pytest.approx(1 - 0.1 * np.sign(gradient), rel=1e-4)
        assert state.ema["w"][0] == state.params["w"][0]


def test_clipping_limits_the_norm():
    settings = TrainingSettings(clip_norm=1.0)
    grads = {"w": np.array([3.0, 4.0])}
    zeros = {"w": np.zeros(2)}
    state = TrainingState(0, zeros, zeros, zeros, zeros)
    state = descend(state, clipped(grads, settings), settings)
    np.testing.assert_allclose(state.m["w"], (1 - settings.beta1) * np.array([0.6, 0.8]))


def test_average_of_weights_follows_them():
    settings = TrainingSettings(ema=0.9, warmup=0, schedule="constant", learning_rate=0.01)
    state, seen = scalar_state(1.0), []
    for step in range(40):
        state = descend(state, {"w": np.array([1.0])}, settings)
        seen.append(state.params["w"][0])
        if step < 8:  # the plain mean, at first
            assert state.ema["w"][0] == pytest.approx(np.mean(seen))
    assert seen[-1] < state.ema["w"][0] < seen[-20]


@pytest.mark.peer
def test_adam_agrees_with_pytorch():
    torch = pytest.importorskip("torch")
    settings = TrainingSettings(
        learning_rate=1e-3, warmup=0, schedule="constant", beta2=0.999, clip_norm=0.0
    )
    rng = np.random.default_rng(1)
    start = rng.standard_normal(7)
    theirs = torch.tensor(start.copy(), requires_grad=True)
    optimiser = torch.optim.Adam([theirs], lr=1e-3)
    zero = {"w": np.zeros(7)}
    state = TrainingState(0, {"w": start}, zero, zero, {"w": start})
    for _ in range(50):
        # Large, for the 1e-8 that guards the division stands elsewhere in the two.
        gradient = 1e3 * rng.standard_normal(7)
        state = descend(state, {"w": gradient}, settings)
        theirs.grad = torch.tensor(gradient)
        optimiser.step()
    np.testing.assert_allclose(state.params["w"], theirs.detach().numpy(), rtol=0, atol=1e-9)
