"""The network in PyTorch: outputs and gradients against the NumPy one."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from helpers import PLAIN, SMALL, hole, photograph, random_model

from bio_scnn import InputError, current_for_rate, firing_rate
from bio_scnn.crossval.adapters import ENTRIES
from bio_scnn.crossval.networks.readout import adapter_rates
from bio_scnn.network.architecture import network_input
from bio_scnn.network.checkpoint import load_model, model_path
from bio_scnn.network.cnn import ConvLayer
from bio_scnn.network.torch_model import to_torch
from bio_scnn.network.units import LIFUnit
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.training.batches import batch_of
from bio_scnn.training.gradients import loss_and_grads

peer = pytest.mark.peer
ODD = dataclasses.replace(  # kernels whose padding is uneven
    PLAIN,
    layers=(ConvLayer(5, kernel=2), ConvLayer(8, stride=2), ConvLayer(12, relu=False, upsample=2)),
)
ARCHITECTURES = pytest.mark.parametrize(
    "architecture", [SMALL, PLAIN, ODD], ids=["default", "paper", "odd"]
)


def batch_for(architecture):
    return batch_of(photograph(48, 40)[None] / 255, hole(48, 40)[None], architecture, "hole")


def tensor_input(architecture, batch):
    import torch

    x = network_input(architecture, batch.fill, batch.mask)
    return torch.from_numpy(x).permute(0, 3, 1, 2)


def last_first(tensor):
    return tensor.detach().permute(0, 2, 3, 1).numpy()


def random(architecture):
    last = f"conv{len(architecture.layers) + 1}"
    return random_model(architecture, last=last)


@peer
@ARCHITECTURES
def test_output_is_that_of_the_numpy_network(architecture):
    pytest.importorskip("torch")
    model, batch = random(architecture), batch_for(architecture)
    rates = model.fire(
        model.features(network_input(architecture, batch.fill[0], batch.mask[0]))
    ).rates
    assert rates.std() > 0.05
    expected = model.decode(batch.fill[0], rates)
    found = last_first(to_torch(model)(tensor_input(architecture, batch)))[0]
    assert np.abs(found - expected).max() < 1e-10
    # The same network with one weight changed is told apart.
    moved = model.params | {"conv2.weight": model.params["conv2.weight"] * 1.001}
    other = dataclasses.replace(model, params=moved)
    assert (
        np.abs(last_first(to_torch(other)(tensor_input(architecture, batch)))[0] - expected).max()
        > 1e-6
    )


@peer
@ARCHITECTURES
@pytest.mark.parametrize("clip_slope", [0.0, 0.1])
def test_gradients_are_those_of_the_numpy_network(architecture, clip_slope):
    torch = pytest.importorskip("torch")
    model, batch = random(architecture), batch_for(architecture)
    z = model.features(network_input(architecture, batch.fill, batch.mask))
    assert 0.01 < np.mean((z < 0) | (z > 1)) < 0.99  # both sides of the clip are there
    loss, expected = loss_and_grads(model, batch, clip_slope=clip_slope)
    network = to_torch(model, clip_slope=clip_slope)
    error = network(tensor_input(architecture, batch)).permute(0, 2, 3, 1)
    error = error - torch.from_numpy(batch.truth)
    value = (torch.from_numpy(batch.weight)[..., None] * error**2).sum()
    value.backward()
    assert value.item() == pytest.approx(loss, rel=1e-12)
    found = {name: parameter.grad.numpy() for name, parameter in network.named_parameters()}
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        mine = found[name].transpose(2, 3, 1, 0) if gradient.ndim == 4 else found[name]
        scale = np.abs(gradient).max()
        assert scale > 0, name
        assert np.abs(mine - gradient).max() <= 1e-9 * scale, name


@peer
def test_clip_slope_changes_the_gradient_of_the_first_layer():
    pytest.importorskip("torch")
    model, batch = random(SMALL), batch_for(SMALL)
    gradients = []
    for clip_slope in (0.0, 0.1):
        network = to_torch(model, clip_slope=clip_slope)
        (network(tensor_input(SMALL, batch)) ** 2).sum().backward()
        gradients.append(network.snn.weight.grad.numpy())
    assert np.abs(gradients[0] - gradients[1]).max() > 1e-3 * np.abs(gradients[0]).max()


@peer
@pytest.mark.parametrize("name", ["inpaint", "paper"])
def test_shipped_file_loads_directly(name):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file

    path = model_path(name)
    model, _ = load_model(path)
    network = to_torch(
        dataclasses.replace(model, params={k: 0 * v for k, v in model.params.items()})
    )
    assert network.load_state_dict(load_file(path)).missing_keys == []
    batch = batch_for(model.architecture)
    fill = batch.fill.astype(np.float32)
    expected = model.forward(fill, batch.mask)
    x = torch.from_numpy(network_input(model.architecture, fill, batch.mask))
    found = last_first(network(x.permute(0, 3, 1, 2)))
    assert found.dtype == np.float32
    assert expected.std() > 0.1
    assert np.abs(found - expected).max() < 2e-5  # two orders of summation in float32


@peer
def test_closed_form_rates_and_their_slope():
    torch = pytest.importorskip("torch")
    from bio_scnn.network._torch_layers import ClosedFormRates
    from bio_scnn.neuron.closed_form import rate_derivative

    params = LIFParameters(V_reset=-0.3, tau_ms=30.0, t_ref_ms=2.0)
    values = np.array([-1.0, 0.0, 1.0, 2.2, 3.0, 10.0, 50.0])
    current = torch.tensor(values, requires_grad=True)
    rates = ClosedFormRates(params)(current)
    rates.sum().backward()
    np.testing.assert_allclose(rates.detach(), firing_rate(values, params), rtol=1e-13)
    np.testing.assert_allclose(current.grad, rate_derivative(values, params), rtol=1e-11)
    assert (rates > 0).sum() == 3


def grid_layer(surrogate):
    """A clock-driven LIF layer of Table 1 without refractory period, in plain PyTorch."""
    import torch

    class Spike(torch.autograd.Function):
        @staticmethod
        def forward(ctx, V):
            ctx.save_for_backward(V)
            return (V >= 1).to(V.dtype)

        @staticmethod
        def backward(ctx, gradient):
            (V,) = ctx.saved_tensors
            return gradient * surrogate / (1 + 10 * (V - 1).abs()) ** 2

    def layer(current):
        decay = np.exp(-0.1 / 40)
        V, spikes = torch.zeros_like(current[0]), []
        for held in current:
            V = decay * V + (1 - decay) * 0.5 * held
            spikes.append(Spike.apply(V))
            V = V * (1 - spikes[-1].detach())
        return torch.stack(spikes)

    return layer


@peer
def test_rates_are_read_from_spikes():
    torch = pytest.importorskip("torch")
    from bio_scnn.network._torch_layers import SpikeRates

    params = LIFParameters(t_ref_ms=0.0)
    current = torch.tensor([1.0, *current_for_rate(np.array([101.0, 153.0, 198.0]), params)])
    exact = firing_rate(current.numpy(), params)
    isi = SpikeRates(grid_layer(1.0), dt_ms=0.1, duration_ms=200.0, readout="isi")(current)
    assert isi[0] == 0
    interval, shortest = 1e3 / isi[1:].numpy(), 1e3 / exact[1:]
    assert ((interval >= shortest - 1e-9) & (interval <= shortest + 0.1)).all()
    count = SpikeRates(grid_layer(1.0), dt_ms=0.1, duration_ms=200.0)(current)
    assert (abs(count - isi) <= 5 + 1e-9).all()
    assert count[3] > count[2] > count[1] > count[0] == 0


@peer
def test_surrogate_gradients_reach_the_first_layer():
    pytest.importorskip("torch")
    from bio_scnn.network._torch_layers import SpikeRates

    model, batch = random(SMALL), batch_for(SMALL)
    sizes = []
    for surrogate in (1.0, 0.0):
        layer = SpikeRates(grid_layer(surrogate), dt_ms=0.1, duration_ms=20.0)
        network = to_torch(model, layer)
        network(tensor_input(SMALL, batch)).sum().backward()
        sizes.append(float(network.snn.weight.grad.abs().max()))
        assert network.conv2.weight.grad.abs().max() > 0
    assert sizes[0] > 0 == sizes[1]


@peer
def test_numpy_rates_take_the_layers_place():
    pytest.importorskip("torch")
    from bio_scnn.network._torch_layers import NumpyRates

    model, batch = random(SMALL), batch_for(SMALL)
    x = tensor_input(SMALL, batch)
    expected = to_torch(model)(x)
    assert abs(to_torch(model, NumpyRates(firing_rate))(x) - expected).max() < 1e-12
    adapter = ENTRIES["closed-form"].load()
    spiking = NumpyRates(adapter_rates(adapter, model.lif, dt_ms=1.0))
    assert abs(to_torch(model, spiking)(x) - expected).max() < 1e-9
    late = to_torch(model, NumpyRates(lambda current: 0.98 * firing_rate(current)))(x)
    assert abs(late - expected).max() > 1e-3


@peer
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dt_ms": 0.3, "duration_ms": 1.0}, "whole number of steps"),
        ({"dt_ms": 0.1, "readout": "phase"}, "readout 'phase'"),
    ],
)
def test_impossible_readouts_are_refused(options, message):
    pytest.importorskip("torch")
    from bio_scnn.network._torch_layers import SpikeRates

    with pytest.raises(InputError, match=message):
        SpikeRates(grid_layer(1.0), **options)


@peer
def test_a_layer_of_the_wrong_shape_is_refused():
    torch = pytest.importorskip("torch")
    from bio_scnn.network._torch_layers import SpikeRates

    with pytest.raises(InputError, match="returned shape"):
        SpikeRates(lambda current: current[0], dt_ms=0.1)(torch.ones(3))


def test_without_pytorch_one_line_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed
    monkeypatch.delitem(sys.modules, "bio_scnn.network._torch_layers", raising=False)
    with pytest.raises(InputError, match="pip install torch"):
        to_torch(random_model())


def test_importing_does_not_load_pytorch():
    code = "import sys, bio_scnn.network.torch_model; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_currents_of_the_encoder_span_the_band():
    # What the first layers of both networks share, and the other tests rely on.
    currents = LIFUnit().currents(np.array([-1.0, 0.0, 1.0, 2.0]))
    np.testing.assert_allclose(firing_rate(currents), [100, 100, 200, 200], rtol=1e-13)
