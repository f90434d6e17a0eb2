"""Training in PyTorch against the one in NumPy: batches, losses, weights, and the command."""

import dataclasses

import numpy as np
import pytest
from helpers import PLAIN, SMALL, hole, photograph, random_model
from tiny_training import weights

from bio_scnn import InputError
from bio_scnn.data.datasets import DataSettings, embedded_images
from bio_scnn.data.sampler import PatchSampler
from bio_scnn.network.architecture import network_input
from bio_scnn.network.units import UNITS
from bio_scnn.neuron.parameters import TABLE_1
from bio_scnn.train import main
from bio_scnn.training.ahead import batches
from bio_scnn.training.batches import Prepared, fill_holes, make_batch, prepare
from bio_scnn.training.loop import fit
from bio_scnn.training.settings import Config, TrainingSettings
from bio_scnn.training.state import initial_state
from bio_scnn.training.validation import ValidationSet

pytestmark = pytest.mark.peer
torch = pytest.importorskip("torch")

from bio_scnn.training._torch_batches import torch_batch  # noqa: E402
from bio_scnn.training.on_torch import (  # noqa: E402
    Device,
    TorchForward,
    fit_on_torch,
    torch_input,
)

STEPS = 50
SETTINGS = TrainingSettings(
    steps=STEPS, batch=4, patch=32, reuse=4, pool=4, warmup=10, optimizer="muon",
    learning_rate=2e-3, feature_noise=(0.0, 0.1), shards=2,
)  # fmt: skip


def prepared_groups(architecture, settings, dtype):
    """Every group of a run, of dead leaves and photographs, in a precision."""
    data = DataSettings(n_dead_leaves=2, dead_leaves_fraction=0.3, dead_leaves_size=64)
    sampler = PatchSampler(embedded_images()[:2], data)
    for group in range(-(-settings.steps // settings.group_steps)):
        prepared = prepare(sampler, architecture, settings, group)
        yield Prepared(prepared.truth.astype(dtype), prepared.fill.astype(dtype), prepared.mask)


def relative(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


@pytest.fixture(scope="module")
def numpy_run():
    """Losses and end of a NumPy training, by kind of unit and precision."""
    known = {}

    def run(architecture, settings, dtype):
        key = (architecture, settings, dtype)
        if key not in known:
            prepared = list(prepared_groups(architecture, settings, dtype))
            first = make_batch(prepared[0], architecture, settings, 0)
            begin, losses = initial_state(architecture, settings, first), []
            source = batches(iter(prepared), architecture, settings, 0)
            end = fit(
                begin, source, architecture, TABLE_1, settings,
                lambda _, loss: losses.append(loss),
            )  # fmt: skip
            known[key] = begin, prepared, losses, end
        return known[key]

    return run


def torch_run(begin, prepared, architecture, settings, precision):
    losses = []
    end = fit_on_torch(
        begin, iter(prepared), architecture, TABLE_1, settings,
        lambda _, loss: losses.append(loss), Device("cpu", precision),
    )  # fmt: skip
    return losses, end


@pytest.mark.sweep(3)
@pytest.mark.parametrize("neurons", UNITS)
@pytest.mark.parametrize(("precision", "tolerance"), [("float64", 1e-9), ("float32", 1e-3)])
def test_fifty_steps_agree_with_numpy(numpy_run, neurons, precision, tolerance):
    architecture = dataclasses.replace(SMALL, neurons=neurons)
    begin, prepared, expected, end = numpy_run(architecture, SETTINGS, np.dtype(precision))
    losses, found = torch_run(begin, prepared, architecture, SETTINGS, precision)
    assert len(losses) == STEPS
    np.testing.assert_allclose(losses, expected, rtol=tolerance)
    assert found.step == end.step == STEPS
    for part in ("params", "m", "v", "ema"):
        for name, value in getattr(end, part).items():
            mine = getattr(found, part)[name]
            assert mine.shape == value.shape
            assert mine.dtype == value.dtype == np.dtype(precision)
            if part in ("params", "ema"):
                assert relative(mine, value) < tolerance, (part, name)
    # They did move, and by far more than they differ.
    assert relative(end.params["conv2.weight"], begin.params["conv2.weight"]) > 0.01


@pytest.mark.parametrize("loss", ["hole", "image"])
@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_losses_and_optimizers_agree(numpy_run, loss, optimizer):
    settings = dataclasses.replace(SETTINGS, loss=loss, optimizer=optimizer, steps=8)
    begin, prepared, expected, end = numpy_run(SMALL, settings, np.dtype("float64"))
    losses, found = torch_run(begin, prepared, SMALL, settings, "float64")
    np.testing.assert_allclose(losses, expected, rtol=1e-9)
    for name, value in end.params.items():
        assert relative(found.params[name], value) < 1e-9, name


def test_another_batch_is_told_apart(numpy_run):
    begin, prepared, expected, _ = numpy_run(SMALL, SETTINGS, np.dtype("float64"))
    other = dataclasses.replace(SETTINGS, seed=1)
    losses, _ = torch_run(begin, prepared, SMALL, other, "float64")
    assert np.abs(np.array(losses) / expected - 1).max() > 1e-3


@pytest.mark.parametrize("architecture", [SMALL, PLAIN], ids=["default", "paper"])
def test_batches_are_the_same(architecture):
    settings = dataclasses.replace(SETTINGS, reuse=1 if "zero" in architecture.fills else 4)
    (prepared,) = prepared_groups(architecture, dataclasses.replace(settings, steps=1), float)
    tensors = Prepared(*map(Device("cpu", "float64").tensor, prepared))
    looks = set()
    for step in range(settings.group_steps):
        expected = make_batch(prepared, architecture, settings, step)
        found = torch_batch(tensors, architecture, settings, step)
        for name, mine, value in zip(expected._fields, found, expected, strict=True):
            np.testing.assert_allclose(mine.numpy(), value, rtol=1e-12, atol=1e-15, err_msg=name)
        looks.add(expected.truth.tobytes())
    assert len(looks) == settings.group_steps


def test_input_is_that_of_the_numpy_network():
    fill = fill_holes(photograph()[None] / 255, hole()[None], SMALL).fill
    found = torch_input(SMALL, torch.from_numpy(fill), torch.from_numpy(hole()[None]))
    np.testing.assert_allclose(found, network_input(SMALL, fill, hole()[None]), atol=1e-15)


@pytest.mark.nightly
def test_bfloat16_learns_about_the_same(numpy_run):
    begin, prepared, expected, _ = numpy_run(SMALL, SETTINGS, np.dtype("float32"))
    losses, _ = torch_run(begin, prepared, SMALL, SETTINGS, "bfloat16")
    difference = np.abs(np.array(losses) / expected - 1)
    assert 1e-6 < difference.max() < 0.1


def test_command_trains_resumes_and_changes_backends(config, tmp_path):
    common = ["--config", str(config), "--quiet"]
    for backend in ("numpy", "torch"):
        main([*common, "-o", str(tmp_path / backend), "--backend", backend])
    for name, value in weights(tmp_path / "numpy").items():
        assert relative(weights(tmp_path / "torch")[name], value) < 1e-3, name
    # A run goes on under either backend: here from NumPy's last step, which is the end.
    main([*common, "-o", str(tmp_path / "numpy"), "--backend", "torch", "--resume"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--backend", "torch", "--device", "nonsense"], "device 'nonsense'"),
        (["--backend", "torch", "--precision", "tf32"], "tf32 is for CUDA"),
        (["--device", "cuda"], "--device is for --backend torch"),
    ],
)
def test_bad_devices_are_one_clear_line(config, tmp_path, words, message):
    with pytest.raises(InputError, match=message):
        main(["--config", str(config), "-o", str(tmp_path / "run"), *words])


@pytest.mark.parametrize("neurons", UNITS)
def test_validation_on_a_device_is_that_of_numpy(neurons):
    architecture = dataclasses.replace(SMALL, neurons=neurons)
    config = Config(
        architecture=architecture, data=DataSettings(seed=1), training=TrainingSettings(patch=32)
    )
    validation = ValidationSet.make(embedded_images()[:2], config, [])
    model = random_model(architecture)
    expected = validation.scores(model, 0)
    found = validation.scores(TorchForward(model, Device("cpu", "float64")), 0)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        # The fills are in single precision, and so are parts of the network in NumPy.
        assert found[name] == pytest.approx(value, rel=1e-5), name
