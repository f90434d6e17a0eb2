"""Surrogate gradients beside exact ones: likeness by hand, planted ones, layers of one's own."""

import json

import numpy as np
import pytest

from bio_scnn import InputError, LIFParameters, validate
from bio_scnn.crossval.gradients import GradientLayer, compare_gradients, layer_of
from bio_scnn.crossval.gradients.command import findings, lines_of
from bio_scnn.crossval.gradients.comparing import LEVELS, by_numbers, likeness, random_drive
from bio_scnn.neuron.adjoint import spike_gradients
from bio_scnn.neuron.closed_form import rate_derivative, rheobase
from bio_scnn.neuron.hybrid_system import run
from bio_scnn.neuron.models import hybrid_system

PARAMS = LIFParameters.from_decay(0.9, 1.0)


def test_likeness_is_that_of_two_vectors():
    exact = np.array([[3.0, -4.0], [0.0, 0.0]])
    same = likeness("a", 2 * exact, exact)
    assert (same.sign, same.cosine, same.scale, same.zero) == (1, 1, 2, 0)
    assert likeness("a", -exact, exact).cosine == -1
    half = likeness("a", np.array([[3.0, 0.0], [5.0, 0.0]]), exact)
    assert (half.sign, half.zero) == (0.5, 0.5)
    assert half.cosine == pytest.approx(9 / (5 * np.hypot(3, 5)))
    assert np.isnan(likeness("a", exact, 0 * exact).cosine)
    assert np.isnan(likeness("a", 0 * exact, exact).cosine)


def spiking(torch, backward):
    """A layer with PARAMS' neuron on a grid, and any gradient of its spikes."""

    class Layer(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            V, rows = torch.zeros_like(x[0]), []
            for row in x:
                V = 0.9 * V + row
                rows.append((V >= 1).to(V.dtype))
                V = V * (1 - rows[-1])
            return torch.stack(rows)

        @staticmethod
        def backward(ctx, g):
            return backward(g)

    return GradientLayer("planted", PARAMS, 1.0, "float64", lambda x: (Layer.apply(x), {}), "")


def test_planted_gradients_are_measured():
    torch = pytest.importorskip("torch")
    once, thrice = (compare_gradients(spiking(torch, lambda g, k=k: k * g)) for k in (1.0, 3.0))
    assert once.spikes > 100
    assert once.ok
    # A straight-through estimator: each step's spike counts the same, at every current.
    straight = np.full(LEVELS.shape, 1e3)
    exact = rate_derivative(LEVELS * rheobase(PARAMS), PARAMS)
    assert once.rows[2].scale == pytest.approx(np.linalg.norm(straight) / np.linalg.norm(exact))
    assert once.silent == pytest.approx(1)
    for a, b in zip(once.rows, thrice.rows, strict=True):
        assert b.scale == pytest.approx(3 * a.scale)
        assert b.cosine == pytest.approx(a.cosine)
    assert any("make silent neurons fire" in sentence for sentence in findings(once))
    zero = compare_gradients(spiking(torch, lambda g: 0 * g))
    assert zero.rows[0].zero == 1
    assert any("gradient of 0" in sentence for sentence in findings(zero))
    spoilt = compare_gradients(spiking(torch, lambda g: g / 0))
    assert not spoilt.ok
    assert "not finite" in "\n".join(lines_of(spoilt))


def test_a_number_is_compared_by_what_it_does_to_the_neuron():
    """Beside central differences of the exact run; 1 % off at most."""
    made = {"beta": lambda f: LIFParameters.from_decay(0.9 * f, 1.0),
            "th": lambda f: LIFParameters.from_decay(0.9, 1.0, V_th=f)}  # fmt: skip

    def scaled(name, factor):
        if name == "odd":
            raise InputError("no neuron explains its spikes")
        return made[name](factor)

    layer = GradientLayer("own", PARAMS, 1.0, "float64", lambda x: (x, {}), "", scaled)
    inputs, weights = random_drive(layer, np.random.default_rng(0))
    current = inputs @ weights

    def loss(params):
        times = run(hybrid_system(params), current, 1.0).spike_times_ms
        return sum(np.cos(t / 40).sum() for t in times), times

    times = loss(PARAMS)[1]
    assert sum(map(len, times)) > 100
    exact = spike_gradients(PARAMS, current, 1.0, times, [-np.sin(t / 40) / 40 for t in times])
    rows = by_numbers(layer, {"beta": (0.9, 1.0), "th": (1.0, -1.0), "odd": (0.5, 1.0)}, exact)
    assert [row.what for row in rows] == ["spike times, by beta", "spike times, by th"]
    for row, (name, found) in zip(rows, (("beta", 1.0), ("th", -1.0)), strict=True):
        slope = (loss(made[name](1 + 1e-7))[0] - loss(made[name](1 - 1e-7))[0]) / 2e-7
        assert abs(slope) > 1
        assert row.scale == pytest.approx(1 / abs(slope), rel=0.01)
        assert row.cosine == pytest.approx(np.sign(found * slope))
    silent = GradientLayer("declared", PARAMS, 1.0, "float64", lambda x: (x, {}), "")
    assert by_numbers(silent, {"beta": (0.9, 1.0)}, exact) == []


LAYERS = """
import torch


class Surrogate(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u)
        return (u >= 0).to(u.dtype)

    @staticmethod
    def backward(ctx, g):
        return g / (1 + 10 * ctx.saved_tensors[0].abs()) ** 2


def step(V, x):
    V = 0.9 * V + x
    z = Surrogate.apply(V - 1)
    return V * (1 - z), z


class BatchFirst(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.beta = torch.nn.Parameter(torch.tensor(0.9))
        self.unused = torch.nn.Parameter(torch.tensor(1.0))

    def forward(self, x):
        V, spikes = torch.zeros_like(x[:, 0]), []
        for row in x.unbind(1):
            V = self.beta * V + row
            spikes.append(Surrogate.apply(V - 1))
            V = V * (1 - spikes[-1])
        return torch.stack(spikes, 1)


def detached(x):
    V, spikes = torch.zeros_like(x[0]), []
    for row in x:
        V = 0.9 * V + row
        spikes.append((V >= 1).to(V.dtype))
        V = V * (1 - spikes[-1])
    return torch.stack(spikes)


def numpy_only(x):
    import numpy

    return numpy.cumsum(numpy.asarray(x), axis=0) % 1 > 0.5
"""


def test_own_layers_in_their_calling_conventions(tmp_path, capsys):
    torch = pytest.importorskip("torch")
    path = tmp_path / "layers.py"
    path.write_text(LAYERS)
    x = torch.rand((40, 3), generator=torch.Generator().manual_seed(1)) * 0.6
    found = []
    for name in ("step", "BatchFirst"):
        given = x.clone().requires_grad_()
        spikes, named = layer_of(f"{path}:{name}", 1.0, {"decay": 0.9}).forward(given)
        (spikes * torch.arange(40.0)[:, None]).sum().backward()
        found.append((spikes.detach(), given.grad, named))
    assert found[0][0].sum() > 10
    assert torch.equal(found[0][0], found[1][0])
    assert torch.allclose(found[0][1], found[1][1])
    assert set(found[1][2]) == {"beta", "unused"}
    with pytest.raises(SystemExit):  # a parameter that nothing reaches
        validate.main([f"{path}:BatchFirst", "--gradients", "--decay", "0.9", "--json"])
    (table,) = json.loads(capsys.readouterr().out)["layers"]
    assert table["parameters"]["unused"] == "missing"
    assert float(table["parameters"]["beta"]) > 0
    with pytest.raises(SystemExit):
        validate.main([f"{path}:detached", "--gradients", "--decay", "0.9"])
    assert "no gradient reaches the input" in capsys.readouterr().out
    with pytest.raises(InputError):
        validate.main([f"{path}:numpy_only", "--gradients", "--decay", "0.9"])


def test_what_has_no_gradient_is_refused():
    with pytest.raises(InputError, match="goes with names"):
        validate.main(["--gradients"])
    with pytest.raises(InputError, match="it is none"):
        validate.main(["closed-form", "--gradients"])
