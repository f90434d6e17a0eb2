"""Muon against the singular value decomposition and PyTorch's, and the learning rate."""

import dataclasses

import numpy as np
import pytest

from bio_scnn.training.optimizers import learning_rate, muon, orthogonalise
from bio_scnn.training.settings import TrainingSettings
from bio_scnn.training.state import TrainingState, descend

RNG = np.random.default_rng


@pytest.mark.parametrize("shape", [(60, 8), (8, 60), (20, 20)])
def test_orthogonalising_changes_singular_values_only(shape):
    matrix = RNG(0).standard_normal(shape)
    U, S, V_T = np.linalg.svd(matrix, full_matrices=False)
    S = S / np.linalg.norm(matrix)
    for _ in range(5):
        S = 3.4445 * S - 4.7750 * S**3 + 2.0315 * S**5
    found = orthogonalise(matrix)
    np.testing.assert_allclose(found, U * S @ V_T, rtol=0, atol=1e-6)
    values = np.linalg.svd(found, compute_uv=False)
    assert values.max() < 1.25
    assert np.median(values) > 0.65
    # The negative: the matrix itself is far from orthogonal.
    before = np.linalg.svd(matrix / np.linalg.norm(matrix), compute_uv=False)
    assert before.max() < 0.65 or before.max() > 1.25 or before.min() < 0.3


def test_steps_have_one_size_whatever_the_gradient():
    g = RNG(1).standard_normal((3, 3, 16, 24))
    steps = [muon(scale * g, np.zeros_like(g), 0.9)[0] for scale in (1e-6, 1.0, 1e3)]
    for step in steps:
        np.testing.assert_allclose(step, steps[1], rtol=1e-3, atol=1e-4)
        assert np.sqrt(np.mean(step**2)) == pytest.approx(0.2, rel=0.2)


def test_momentum_without_gradient_fades_away():
    # As behind rectifiers that have died: the squares of such a momentum underflow in float32.
    g = RNG(5).standard_normal((3, 3, 16, 24)).astype(np.float32)
    m, sizes = 1e-3 * g, []
    for _ in range(1200):
        step, m = muon(np.zeros_like(g), m, 0.9)
        assert np.isfinite(step).all()
        sizes.append(float(np.abs(step).max()))
    assert max(sizes) < 1.5
    assert sizes[0] > 0.1
    assert sizes[-1] < 1e-9


def test_small_directions_get_their_share():
    # A gradient of two directions of which one is a hundred times weaker.
    Q, _ = np.linalg.qr(RNG(2).standard_normal((32, 8)))
    g = Q[:, :1] @ np.eye(8)[:1] + 0.01 * Q[:, 1:2] @ np.eye(8)[1:2]
    step, _ = muon(g, np.zeros_like(g), 0.9)
    shares = np.abs(Q.T @ step)[[0, 1], [0, 1]]
    assert 0.5 < shares[1] / shares[0] < 2


def test_biases_have_adam():
    settings = TrainingSettings(optimizer="muon", warmup=0)
    params = {"a.weight": RNG(3).standard_normal((3, 3, 4, 5)), "a.bias": np.ones(5)}
    grads = {name: RNG(4).standard_normal(value.shape) for name, value in params.items()}
    zeros = {name: np.zeros_like(value) for name, value in params.items()}
    state = TrainingState(0, params, zeros, zeros, params)
    by_muon = descend(state, grads, settings)
    by_adam = descend(state, grads, dataclasses.replace(settings, optimizer="adam"))
    np.testing.assert_array_equal(by_muon.params["a.bias"], by_adam.params["a.bias"])
    assert np.abs(by_muon.params["a.weight"] - by_adam.params["a.weight"]).max() > 1e-4


@pytest.mark.peer
def test_muon_agrees_with_pytorch():
    torch = pytest.importorskip("torch")
    start = RNG(5).standard_normal((36, 12))
    theirs = torch.nn.Parameter(torch.tensor(start.copy(), dtype=torch.float32))
    optimizer = torch.optim.Muon(
        [theirs], lr=1e-2, momentum=0.9, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"
    )
    ours, m = start.copy(), np.zeros_like(start)
    for k in range(20):
        g = RNG(k).standard_normal(start.shape)
        step, m = muon(g, m, 0.9)
        ours = ours - 1e-2 * step
        theirs.grad = torch.tensor(g, dtype=torch.float32)
        optimizer.step()
    moved = np.linalg.norm(ours - start)
    off = np.linalg.norm(ours - theirs.detach().numpy())
    assert off < 0.02 * moved  # theirs iterates in bfloat16, of 8 bits


def test_schedule():
    settings = TrainingSettings(steps=1100, warmup=100, learning_rate=2e-3)
    assert learning_rate(settings, 0) == pytest.approx(2e-5)
    assert learning_rate(settings, 99) == pytest.approx(2e-3)
    assert learning_rate(settings, 600) == pytest.approx(1e-3)
    assert learning_rate(settings, 1099) < 1e-8
    constant = dataclasses.replace(settings, schedule="constant")
    assert learning_rate(constant, 1099) == 2e-3
