"""Model files: what comes back, and what is refused."""

import json
import os

import numpy as np
import pytest
from helpers import SMALL, random_model
from peak_memory import peak_bytes
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from bio_scnn import InputError
from bio_scnn.network.checkpoint import FORMAT, digest, load_model, metadata_digest, save_model


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
    metadata = {k: v for k, v in metadata.items() if v is not None}
    if "sha256_metadata" not in changes:
        metadata["sha256_metadata"] = metadata_digest(metadata)
    save_file(tensors, path, metadata)


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
        ({"architecture": "{"}, "architecture, is not valid JSON"),
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


def test_a_bit_flipped_anywhere_in_the_description_is_noticed(stored):
    model, path = stored
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    refused = 0
    for position in range(8, end, 9):
        for bit in (0, 4):
            flipped = bytearray(data)
            flipped[position] ^= 1 << bit
            path.write_bytes(flipped)
            try:
                again, about = load_model(path)
            except InputError:
                refused += 1
                continue
            # What is left is white space, and the order of names.
            assert (again.architecture, again.lif) == (model.architecture, model.lif)
            assert about["name"] == "small"
    assert refused > 0.95 * 2 * len(range(8, end, 9))


def test_a_file_of_before_is_held_to_what_it_was_trained_as(stored):
    model, path = stored
    lif = json.dumps({"V_th": 1.5})
    config = json.dumps({"config": {"lif": {"V_th": 1.0}}})
    rewrite(path, sha256_metadata=None, about=config)
    assert load_model(path)[0].lif == model.lif
    rewrite(path, sha256_metadata=None, about=config, lif=lif)
    with pytest.raises(InputError, match="its lif is not the one that its description says"):
        load_model(path)
    rewrite(path, sha256_metadata=None, about="{}", lif=lif)
    assert load_model(path)[0].lif.V_th == 1.5


@pytest.mark.parametrize("weight", [2e9, -1e38])
def test_weights_beyond_what_can_be_computed_with_are_refused(stored, weight):
    _, path = stored
    tensors = load_file(path)
    tensors["conv3.weight"][0, 0, 0, 0] = weight
    rewrite(path, tensors)
    with pytest.raises(InputError, match=r"conv3\.weight holds a weight of"):
        load_model(path)


@pytest.mark.parametrize(
    ("key", "text", "wrong"),
    [
        ("about", "[" * 100_000, "nested too deeply"),
        ("lif", "9" * 5000, "thousands of digits"),
        ("lif", '{"tau_ms": 1' + "0" * 400 + "}", "up to 64 bits"),
        ("architecture", '{"channels": 1000000000000000000}', "65536 at most"),
        ("architecture", '{"layers": [{"channels": 4, "dilation": 1000000}]}', "1024 at most"),
    ],
)
def test_sizes_and_numbers_are_checked_before_they_are_believed(stored, key, text, wrong):
    _, path = stored
    rewrite(path, **{key: text})

    def refused():
        with pytest.raises(InputError, match=wrong) as caught:
            load_model(path)
        assert len(str(caught.value)) < 400

    assert peak_bytes(refused) < 10e6
