"""Model files: what comes back, and what is refused."""

import json
import os

import numpy as np
import pytest
from helpers import SMALL, random_model
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from bio_scnn import InputError
from bio_scnn.network.checkpoint import FORMAT, digest, load_model, save_model


@pytest.fixture
def stored(tmp_path):
    model = random_model().astype(np.float32)
    path = tmp_path / "small.safetensors"
    save_model(path, model, {"name": "small", "score": 1.5})
    return model, path


def rewrite(path, tensors=None, **changes):
    """Write a model file again with other tensors or metadata, and a checksum that fits."""
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    tensors = load_file(path) if tensors is None else tensors
    metadata |= {"sha256": digest(tensors)} | changes
    save_file(tensors, path, {k: v for k, v in metadata.items() if v is not None})


def test_round_trip(stored):
    model, path = stored
    again, about = load_model(path)
    assert again.architecture == model.architecture == SMALL
    assert again.lif == model.lif
    assert about["name"] == "small"
    assert about["score"] == 1.5
    assert len(about["sha256"]) == 64
    for name, value in model.params.items():
        np.testing.assert_array_equal(again.params[name], value)
        assert again.params[name].dtype == np.float32
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # nothing left beside it


def test_kernels_are_stored_as_pytorch_wants_them(stored):
    model, path = stored
    weight = load_file(path)["conv2.weight"]
    assert weight.shape == (8, 6, 4, 4)  # (C_out, C_in, k, k)
    assert weight[3, 2, 1, 0] == model.params["conv2.weight"][1, 0, 2, 3]


def test_interrupted_writing_keeps_the_old_file(stored, monkeypatch):
    model, path = stored
    before = path.read_bytes()

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(InputError, match="no space left"):
        save_model(path, model, {"name": "other"})
    monkeypatch.undo()
    assert path.read_bytes() == before


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"there is no file .*none\.safetensors"):
        load_model(tmp_path / "none.safetensors")


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x00" * 64])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "other.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a readable safetensors file"):
        load_model(path)


def test_truncated_file_is_refused(stored):
    _, path = stored
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="not a readable safetensors file"):
        load_model(path)


def test_damaged_weights_are_noticed(stored):
    _, path = stored
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="damaged: its checksum"):
        load_model(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "diffusion.9"}, f"'diffusion.9'; expected {FORMAT!r}"),
        ({"format": None}, "has the format None"),
        ({"lif": None}, "lacks a valid description"),
        ({"architecture": "{"}, "lacks a valid description"),
        ({"architecture": json.dumps({"channels": 7, "depth": 3})}, "unknown setting 'depth'"),
        ({"lif": json.dumps({"tau_ms": -40.0})}, "lif: .*tau_ms"),
        ({"architecture": json.dumps({"channels": 6})}, "do not fit the architecture"),
    ],
)
def test_wrong_descriptions_are_refused(stored, change, message):
    _, path = stored
    rewrite(path, **change)
    with pytest.raises(InputError, match=message):
        load_model(path)


def test_missing_weights_are_named(stored):
    _, path = stored
    tensors = load_file(path)
    del tensors["conv4.bias"]
    rewrite(path, tensors)
    with pytest.raises(InputError, match=r"do not fit the architecture: conv4\.bias"):
        load_model(path)


@pytest.mark.peer
def test_pytorch_opens_the_file(stored):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file as load_torch

    model, path = stored
    layer = torch.nn.Conv2d(6, 8, 4, stride=2)
    tensors = load_torch(path)
    layer.load_state_dict({"weight": tensors["conv2.weight"], "bias": tensors["conv2.bias"]})
    np.testing.assert_array_equal(layer.bias.detach().numpy(), model.params["conv2.bias"])
