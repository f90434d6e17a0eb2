"""Networks as NIR graphs: what is written comes back, and computes what the network does."""

from __future__ import annotations

import json
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
from helpers import PLAIN, SMALL, random_model

from bio_scnn import TABLE_1, InputError, LIFParameters, firing_rate
from bio_scnn.crossval.adapters._support import quiet_import
from bio_scnn.crossval.nir_io import describe, import_nir
from bio_scnn.network.checkpoint import load_model, model_path
from bio_scnn.network.cnn import ConvLayer
from bio_scnn.network.nir_export import NIRLossWarning, export_nir
from bio_scnn.network.units import LIFUnit

peer = pytest.mark.peer


def test_without_nir_one_line_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nir", None)  # as if not installed
    with pytest.raises(InputError, match="pip install nir"):
        export_nir(random_model(), tmp_path / "a.nir", input_shape=(8, 8))


def exported(model, path, **options):
    nir = pytest.importorskip("nir")
    with pytest.warns(NIRLossWarning) as caught:
        written = export_nir(model, path, input_shape=(16, 24), **options)
    assert len(caught) == 1
    return written, nir.read(path), str(caught[0].message)


@peer
@pytest.mark.parametrize("architecture", [SMALL, PLAIN], ids=["default", "paper"])
def test_export_round_trips(tmp_path, architecture):
    model = random_model(architecture)
    written, read, message = exported(model, tmp_path / "a.nir")
    assert read.nodes.keys() == written.nodes.keys()
    assert sorted(read.edges) == sorted(written.edges)
    values = 0
    for name, node in written.nodes.items():
        for field, value in node.to_dict().items():
            again = read.nodes[name].to_dict()[field]
            if field == "metadata":
                assert value == again
            else:
                np.testing.assert_array_equal(value, again)
                values += np.size(value)
    assert values > 1000
    for name, kernel in model.params.items():
        layer, kind = name.split(".")
        stored = kernel.transpose(3, 2, 0, 1) if kernel.ndim == 4 else kernel
        np.testing.assert_array_equal(getattr(read.nodes[layer], kind), stored)
    (neuron,) = import_nir(tmp_path / "a.nir")
    assert neuron.params == TABLE_1  # with t_ref, from the metadata
    fold = architecture.fold
    assert neuron.count == architecture.channels * (16 // fold) * (24 // fold)
    for lost in ("clip", "refractory period of 1 ms", "rates from spikes", "rectifiers"):
        assert lost in message
        assert lost in read.metadata["not_in_nir"]
    assert ("pixel shuffles" in message) == ("concatenation" in message) == (fold == 2)
    assert json.loads(read.metadata["lif"])["tau_ms"] == 40


@peer
@pytest.mark.parametrize("architecture", [SMALL, PLAIN], ids=["default", "paper"])
def test_what_is_written_computes_what_the_network_does(tmp_path, architecture):
    """The graph's nodes in PyTorch, and in between what their metadata say is missing."""
    torch = pytest.importorskip("torch")
    model = random_model(architecture)
    _, graph, _ = exported(model, tmp_path / "a.nir")

    def run(name, x):
        node = graph.nodes[name]
        y = torch.nn.functional.conv2d(
            x,
            *(torch.tensor(value) for value in (node.weight, node.bias)),
            stride=tuple(map(int, node.stride)),
            padding=tuple(map(int, node.padding)),
            dilation=tuple(map(int, node.dilation)),
        )
        assert tuple(y.shape) == tuple(node.output_type["output"])
        return y

    def last(x):
        return x.permute(1, 2, 0).numpy()

    rng = np.random.default_rng(0)
    size = graph.nodes["input"].input_type["input"]
    x = rng.uniform(-0.5, 1, (*size[1:], size[0]))
    z = model.features(x)
    features = run("snn", torch.tensor(x).permute(2, 0, 1))
    np.testing.assert_allclose(last(features), z, atol=1e-12)
    assert graph.nodes["encode"].metadata["before"] == "clip to [0, 1]"
    neuron = LIFUnit(model.lif)
    current = neuron.currents(z)
    np.testing.assert_allclose(last(run("encode", features.clamp(0, 1))), current, rtol=1e-13)
    rate_hz = firing_rate(current)
    seen = normalised = run("normalise", torch.tensor(rate_hz).permute(2, 0, 1))
    np.testing.assert_allclose(last(normalised), neuron.normalise(rate_hz) - 0.5, atol=1e-12)
    for name, layer in zip([f"conv{n}" for n in range(2, 7)], architecture.layers, strict=True):
        said = graph.nodes[name].metadata
        assert ("before" in said) == layer.see_rates
        inputs = torch.cat([seen, normalised]) if layer.see_rates else seen
        seen = run(name, inputs)
        after = said.get("after", "")
        if "add the input" in after:
            seen = seen + inputs
        if "rectify" in after:
            seen = seen.clamp_min(0)
        if f"unfold {layer.upsample}" in after:
            c, h, w = seen.shape
            u = layer.upsample
            folded = seen.reshape(u, u, c // u**2, h, w).permute(2, 3, 0, 4, 1)
            seen = folded.reshape(c // u**2, h * u, w * u)
    fill = rng.random((16, 24, 3 * len(architecture.fills)))
    expected = model.decode(fill, neuron.normalise(rate_hz))
    output = last(seen)
    if architecture.residual:
        assert "add a residual" in graph.nodes["conv6"].metadata["after"]
        # The formula of `Architecture.compose`, written out for two fills.
        first, second = fill[..., :3], fill[..., 3:]
        output = first + 0.1 * output[..., :3] + (0.5 + output[..., 3:]) * (second - first)
    assert expected.std() > 0.01
    np.testing.assert_allclose(output, expected, atol=1e-11)


@peer
@pytest.mark.parametrize("name", ["inpaint", "paper"])
def test_shipped_models_can_be_written(tmp_path, name):
    model, _ = load_model(model_path(name))
    _, read, _ = exported(model, tmp_path / "a.nir")
    assert read.nodes["snn"].weight.dtype == np.float32
    assert "as Table 1" in describe(tmp_path / "a.nir")


@peer
def test_the_spiking_part_runs_where_it_is_imported(tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("norse")
    # Norse ignores r, so that its spikes are those of this network only with R = 1.
    lif = LIFParameters(C_ms=40.0)
    model = replace(random_model(PLAIN), lif=lif)
    _, graph, message = exported(model, tmp_path / "a.nir", part="spiking")
    assert "rectifiers" not in message
    assert list(graph.inputs) == ["input"]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "nirtorch.load is being", DeprecationWarning)
        module = quiet_import("norse.torch").from_nir(graph, dt=1e-4, ignore_warnings=True)
    x = np.random.default_rng(0).uniform(0, 1, graph.nodes["input"].input_type["input"])
    z = model.features(np.moveaxis(x, 0, -1))
    inside = (z > 0.02) & (z < 0.98)
    assert inside.mean() > 0.1
    expected = firing_rate(LIFUnit(lif).currents(z), replace(lif, t_ref_ms=0.0))
    count, state = 0, None
    with torch.no_grad():
        for _ in range(1000):
            spikes, state = module(torch.tensor(x, dtype=torch.float32)[None], state)
            count = count + spikes[0].permute(1, 2, 0).numpy()
    assert np.abs(count / 0.1 - expected)[inside].max() < 10 + 5  # one spike, and the grid's part


@peer
@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"input_shape": (15, 24)}, "multiples of 4"),
        ({}, {"input_shape": (0, 24)}, "multiples of 4"),
        ({}, {"part": "cnn"}, "part 'cnn'"),
        ({"neurons": "relu"}, {}, "export_nir needs a network of LIF neurons"),
        (
            {"layers": (ConvLayer(8, stride=2), ConvLayer(64, upsample=4, relu=False))},
            {},
            "no uneven padding",
        ),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, change, options, message):
    pytest.importorskip("nir")
    architecture = replace(SMALL, **change)
    model = random_model(architecture, last=f"conv{len(architecture.layers) + 1}")
    with pytest.raises(InputError, match=message):
        export_nir(model, tmp_path / "a.nir", **{"input_shape": (16, 24)} | options)
    assert not (tmp_path / "a.nir").exists()
