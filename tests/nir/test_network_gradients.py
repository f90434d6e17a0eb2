"""Surrogate gradients of imported networks, layer by layer, with planted ones."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from nir_graphs import cuba, table

from bio_scnn import validate
from bio_scnn.errors import InputError
from bio_scnn.nir import build_graph
from bio_scnn.nir.gradients import compare_network, exact_gradients, scales_apart

torch = pytest.importorskip("torch")
DT = 1.0


@pytest.fixture(scope="module")
def case():
    """Two layers of CubaLIF neurons, an input, and the exact gradients."""
    rng = np.random.default_rng(3)
    n = {"r": 9.0, "tau_mem": 0.009, "tau_syn": 0.004, "w_in": 4.0}
    nodes = {
        "w1": {"type": "Linear", "weight": rng.uniform(0.2, 0.6, (4, 3)).astype(np.float32)},
        "n1": cuba(4, **n),
        "w2": {"type": "Linear", "weight": rng.uniform(0.2, 0.6, (2, 4)).astype(np.float32)},
        "n2": cuba(2, **n),
    }
    names = ["input", *nodes, "output"]
    graph = build_graph(table(nodes, list(pairwise(names)), (3,), (2,)))
    x = {"input": (rng.random((30, 3)) < 0.4).astype(float)}
    return graph, x, exact_gradients(graph, x, DT)


class Planted(torch.nn.Module):
    """Weights of the graph, and any gradients of them; it puts out no spikes."""

    name, sequences, keeps_gain = "planted", False, False

    def __init__(self, graph, given):
        super().__init__()
        self.weights = torch.nn.ParameterList(
            torch.nn.Parameter(torch.tensor(graph.nodes[n].values["weight"])) for n in given
        )
        self.given = [None if g is None else torch.tensor(g) for g in given.values()]

    def network(self, graph, dt_ms):
        return self

    def forward(self, row):
        total = torch.zeros(2)
        for weight, gradient in zip(self.weights, self.given, strict=True):
            if gradient is not None:
                total = total + Through.apply(weight, gradient)
        return total


class Decays(torch.nn.Module):
    """A parameter of the first layer's neurons, and its gradient; no spikes."""

    name, sequences = "decays", False

    def __init__(self, value, gradient, keeps_gain=False):
        super().__init__()
        self.keeps_gain = keeps_gain
        self.n1 = torch.nn.Module()
        self.n1.beta = torch.nn.Parameter(torch.tensor(value))
        self.gradient = torch.tensor(gradient)

    def network(self, graph, dt_ms):
        return self

    def forward(self, row):
        return Through.apply(self.n1.beta, self.gradient)


class Through(torch.autograd.Function):
    @staticmethod
    def forward(ctx, weight, gradient):
        ctx.save_for_backward(gradient)
        return torch.zeros(2)

    @staticmethod
    def backward(ctx, g):
        return ctx.saved_tensors[0].float() / 60, None  # 30 steps, 2 outputs


def test_planted_gradients_are_measured(case):
    graph, x, exact = case
    assert all(np.abs(exact[n]).max() > 1e-3 for n in ("w1", "w2"))
    planted = Planted(graph, {"w1": 3 * exact["w1"], "w2": -exact["w2"]})
    one, two = compare_network(graph, x, planted, DT, exact)
    assert (one.node, two.node) == ("w1", "w2")
    assert one.like.sign == 1
    assert one.like.cosine == pytest.approx(1, abs=1e-5)
    assert two.like.cosine == pytest.approx(-1, abs=1e-5)
    assert one.like.scale / two.like.scale == pytest.approx(3, rel=1e-4)
    assert "at 0 degrees" in one.told
    assert "against the exact direction" in two.told


@pytest.mark.parametrize(
    ("form", "by_form"),
    [
        (lambda tau: 1 - 1e-3 / tau, lambda tau: tau**2 / 1e-3),
        (lambda tau: np.exp(-1e-3 / tau), lambda tau: tau**2 / 1e-3 * np.exp(1e-3 / tau)),
        (lambda tau: tau, lambda tau: 1.0),
    ],
)
def test_a_trainable_decay_is_compared_by_what_it_does_to_tau(case, form, by_form):
    graph, x, exact = case
    tau = np.full(4, 0.009)
    assert np.abs(exact["n1.tau_mem"]).max() > 1e-3
    given = Decays(form(tau), 5 * exact["n1.tau_mem"] * by_form(tau))
    one = next(v for v in compare_network(graph, x, given, DT, exact) if v.node == "n1.tau_mem")
    assert one.like.cosine == pytest.approx(1, abs=1e-5)
    assert one.like.scale == pytest.approx(5 * 30 / 60, rel=1e-4)  # 30 steps of a sixtieth
    assert "moves tau_mem at 0 degrees" in one.told
    # With the gain kept, r grows with tau.
    kept = (exact["n1.tau_mem"] + exact["n1.r"] * 9.0 / tau) * by_form(tau)
    two = next(
        v
        for v in compare_network(graph, x, Decays(form(tau), kept, keeps_gain=True), DT, exact)
        if v.node == "n1.tau_mem"
    )
    assert two.like.cosine == pytest.approx(1, abs=1e-5)
    other = compare_network(graph, x, Decays(0.3 * form(tau), tau), DT, exact)
    assert all(v.node != "n1.tau_mem" for v in other)  # its values are none of the file's


def test_missing_zero_and_spoilt_gradients_are_told(case):
    graph, x, exact = case
    bad = np.full((2, 4), np.inf)
    one, two = compare_network(graph, x, Planted(graph, {"w1": None, "w2": bad}), DT, exact)
    assert (one.state, two.state) == ("missing", "not finite")
    assert "no gradient reaches" in one.told
    one, two = compare_network(
        graph, x, Planted(graph, {"w1": 0 * exact["w1"], "w2": exact["w2"] / 100}), DT, exact
    )
    assert (one.state, two.state) == ("zero", "")
    apart = compare_network(
        graph, x, Planted(graph, {"w1": 9 * exact["w1"], "w2": exact["w2"]}), DT, exact
    )
    assert "of w1 is 9 times as large as that of w2" in scales_apart(apart)
    assert not scales_apart([one, two])


def test_a_network_whose_spikes_hang_on_impulses_has_no_exact_gradient(case):
    graph, x, _ = case
    silent = {"input": 0 * x["input"]}
    one, _ = compare_network(
        graph, silent, Planted(graph, {"w1": np.ones((4, 3)), "w2": None}), DT
    )
    assert one.state == "exact zero"


@pytest.mark.peer
def test_gradients_of_a_graph_on_the_command_line(capsys):
    for package in ("nir", "nirtorch", "norse"):
        pytest.importorskip(package)
    path = Path(__file__).with_name("recurrent.nir")
    with pytest.raises(InputError, match="--against"):
        validate.main(["--graph", str(path), "--gradients"])
    validate.main(["--graph", str(path), "--gradients", "--against", "norse"])
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("  sub.w ") for line in lines)  # in the loop
    exact = dict(line.split() for line in lines if line.startswith("  sub.lif."))
    # As if the unit of V were another: r, over v_threshold and v_reset.
    levels = float(exact["sub.lif.v_threshold"]) + float(exact["sub.lif.v_reset"])
    assert float(exact["sub.lif.r"]) == pytest.approx(-levels, abs=0.01)
