"""Adam against a hand-computed case and PyTorch, and runs that stop and go on bit for bit."""

import contextlib
import csv
import dataclasses
import io
import json
import subprocess
import sys

import numpy as np
import pytest
from helpers import PLAIN, SMALL, hole, photograph, random_model
from waiting import alive, wait_for

from bio_scnn import InputError
from bio_scnn.data.datasets import DataSettings, embedded_images
from bio_scnn.data.images import write_image
from bio_scnn.data.sampler import PatchSampler
from bio_scnn.network.architecture import network_input
from bio_scnn.network.checkpoint import load_model
from bio_scnn.network.cnn import ConvLayer
from bio_scnn.network.conv2d import conv2d
from bio_scnn.network.fills import FILLS
from bio_scnn.neuron.parameters import TABLE_1
from bio_scnn.train import main
from bio_scnn.training import loop as training
from bio_scnn.training.batches import batch_of, make_batch, prepare, random_variation
from bio_scnn.training.gradients import feature_noise, scale_features
from bio_scnn.training.optimizers import learning_rate
from bio_scnn.training.settings import TrainingSettings
from bio_scnn.training.state import TrainingState, descend, initial_state

CONFIG = """
[architecture]
channels = 6
layers = [
    { channels = 8, kernel = 4, stride = 2 },
    { channels = 8, dilation = 2, residual = true },
    { channels = 8, dilation = 4, residual = true },
    { channels = 16, upsample = 2 },
    { channels = 16, upsample = 2, relu = false, see_rates = true },
]

[data]
n_dead_leaves = 4
dead_leaves_size = 64
dead_leaves_fraction = 1.0

[training]
steps = 12
batch = 3
patch = 32
warmup = 2
validate_every = 4
optimizer = "muon"
log_every = 2
feature_noise = [0.0, 0.02]
"""


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
    state = descend(TrainingState(0, zeros, zeros, zeros, zeros), grads, settings)
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


def test_schedule():
    settings = TrainingSettings(steps=1100, warmup=100, learning_rate=2e-3)
    assert learning_rate(settings, 0) == pytest.approx(2e-5)
    assert learning_rate(settings, 99) == pytest.approx(2e-3)
    assert learning_rate(settings, 600) == pytest.approx(1e-3)
    assert learning_rate(settings, 1099) < 1e-8
    constant = dataclasses.replace(settings, schedule="constant")
    assert learning_rate(constant, 1099) == 2e-3


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


def test_loss_weights():
    truth = np.stack([photograph(), photograph()[::-1]]) / 255
    mask = np.stack([hole(), hole()[:, ::-1]])
    plain = batch_of(truth, mask, PLAIN, "image")
    error = (plain.weight[..., np.newaxis] * (plain.fill - plain.truth) ** 2).sum()
    assert error == pytest.approx(np.mean((plain.fill - truth) ** 2))  # an MSE
    hard = batch_of(truth, mask, SMALL, "hole")
    assert (hard.weight[~mask] == 0).all()
    # The mean of the fills scores just under 1, on hard and on easy images alike.
    mean = (hard.fill[..., :3] + hard.fill[..., 3:]) / 2
    scores = (hard.weight[..., np.newaxis] * (mean - truth) ** 2).sum(axis=(1, 2, 3))
    assert (0.35 < scores).all()
    assert (scores < 0.5).all()


def test_training_learns_one_picture():
    batch = batch_of(photograph()[np.newaxis] / 255, hole()[np.newaxis], SMALL, "hole")
    settings = TrainingSettings(steps=60, batch=1, learning_rate=1e-2, warmup=0, shards=2)
    state = initial_state(SMALL, settings, batch)
    losses = []
    training.fit(
        state, iter([batch] * 60), SMALL, TABLE_1, settings, lambda _, loss: losses.append(loss)
    )
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
        ends.append(
            training.fit(state, source, SMALL, TABLE_1, settings, lambda *_: None, threads)
        )
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
        training.fit(state, iter([batch]), SMALL, TABLE_1, settings, lambda *_: None)


def test_scaled_features_lie_in_the_band():
    batch = batch_of(photograph()[np.newaxis] / 255, hole()[np.newaxis], SMALL, "hole")
    params = scale_features(random_model().params, SMALL, batch)
    x = network_input(SMALL, batch.fill, batch.mask)
    z = conv2d(x, params["snn.weight"], params["snn.bias"])
    np.testing.assert_allclose(z.mean(axis=(0, 1, 2)), 0.4, atol=1e-9)
    np.testing.assert_allclose(z.std(axis=(0, 1, 2)), 0.25, atol=1e-9)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(CONFIG)
    return path


def weights(folder):
    return load_model(folder / "tiny.safetensors")[0].params


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run from its start to its end: its folder, and what it printed."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "tiny.toml").write_text(CONFIG)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        main(["--config", str(folder / "tiny.toml"), "-o", str(folder / "run"), "--seed", "4"])
    return folder / "run", printed.getvalue()


def test_killed_run_resumes_to_the_same_weights(config, tmp_path, whole):
    whole, broken = whole[0], tmp_path / "broken"
    config.write_text(CONFIG + "seed = 4\n")
    # The other run is killed, hard, after its second checkpoint.
    code = (
        "import os, sys\n"
        "from bio_scnn import train\n"
        "from bio_scnn.training import run\n"
        "save, saved = run.save_state, []\n"
        "def save_and_die(*args):\n"
        "    save(*args)\n"
        "    saved.append(args)\n"
        "    if len(saved) == 2: os._exit(9)\n"
        "run.save_state = save_and_die\n"
        "if __name__ == '__main__': train.main(sys.argv[1:])\n"
    )
    script = tmp_path / "die.py"
    script.write_text(code)
    command = [sys.executable, str(script), "--config", str(config), "-o", str(broken), "--quiet"]
    assert subprocess.run(command, check=False, timeout=120).returncode == 9
    assert not (broken / "tiny.safetensors").exists()
    with pytest.raises(InputError, match="add --resume"):
        main(["--config", str(config), "-o", str(broken), "--quiet"])
    with pytest.raises(InputError, match=r"training\.steps = 12, not 13"):
        main(["--config", str(config), "-o", str(broken), "--quiet", "--resume", "--steps", "13"])
    main(["--config", str(config), "-o", str(broken), "--quiet", "--resume"])
    expected, found = weights(whole), weights(broken)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)
    assert (whole / "tiny-log.csv").read_text() == (broken / "tiny-log.csv").read_text()


# Of 5,000 steps batches are still being prepared; those of 12 wait all to be taken.
@pytest.mark.parametrize("steps", ["5000", "12"])
def test_killed_run_leaves_no_process_behind(config, tmp_path, steps):
    script = tmp_path / "long.py"
    script.write_text(
        "import multiprocessing, os, sys\n"
        "from bio_scnn import train\n"
        "from bio_scnn.training import run\n"
        "def stop(*args):\n"
        "    print(*(child.pid for child in multiprocessing.active_children()), flush=True)\n"
        "    os._exit(9)\n"
        "run.save_state = stop\n"
        "if __name__ == '__main__': train.main(sys.argv[1:])\n"
    )
    command = [sys.executable, str(script), "--config", str(config), "--steps", steps]
    done = subprocess.run(
        [*command, "-o", str(tmp_path / "run"), "--quiet"],
        check=False,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    assert done.returncode == 9
    (worker,) = map(int, done.stdout.split())
    wait_for(lambda: not alive(worker))


def test_training_writes_what_it_promises(tmp_path, whole):
    folder, printed = whole
    assert "hole PSNR (dB) strokes" in printed
    names = {path.name for path in folder.iterdir()}
    suffixes = (".safetensors", ".state.safetensors", ".toml", "-log.csv", "-curves.png")
    assert names == {f"tiny{suffix}" for suffix in suffixes}
    with open(folder / "tiny-log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [2, 4, 6, 8, 10, 12]
    assert all(float(row["loss"]) > 0 for row in rows)
    assert [bool(row["psnr_boxes"]) for row in rows] == [False, True] * 3
    model, about = load_model(folder / "tiny.safetensors")
    assert model.architecture.layers[0] == ConvLayer(8, kernel=4, stride=2)
    assert about["config"]["training"]["seed"] == 4
    assert about["data"]["dead_leaves"] == 4
    assert "--seed 4" in about["command"]
    assert str(folder.parent) not in json.dumps(about["data"])
    # The file that was written trains the same again.
    main(["--config", str(folder / "tiny.toml"), "-o", str(tmp_path / "again"), "--quiet"])
    for name, value in weights(tmp_path / "again").items():
        np.testing.assert_array_equal(value, model.params[name])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("steps = 12", "steps = 0", "training: steps is 0; it must be at least 1"),
        ("steps = 12", "steps = 'many'", "steps is 'many'; expected int"),
        ("steps = 12", "stepz = 12", "unknown setting 'stepz'"),
        ("steps = 12", "loss = 'l1'", "loss is 'l1'; choose from 'hole', 'image'"),
        ("[training]", "[tranining]", "unknown setting 'tranining'"),
        ("[training]", "[training", "not valid TOML"),
        ("upsample = 2 }", "upsample = 3 }", "upsample squared"),
        ("channels = 6", "fills = ['median']", "fills is .*'median'.*; choose some of zero, mean"),
        ("channels = 6", "kernel = 4", "must be odd"),
        ("channels = 6", "channels = 0", "must be at least 1"),
        ("channels = 16", "channels = -1", "channels of a layer is -1"),
        ("patch = 32", "patch = 34", "patch is 34; this architecture needs a multiple of 4"),
        ("warmup = 2", "clip_norm = -1.0", "clip_norm is -1.0"),
        ("warmup = 2", "learning_rate = inf", "learning_rate is inf"),
    ],
)
def test_bad_configurations_are_refused(config, tmp_path, old, new, message):
    config.write_text(CONFIG.replace(old, new))
    with pytest.raises(InputError, match=message):
        main(["--config", str(config), "-o", str(tmp_path / "run"), "--quiet"])
    assert not (tmp_path / "run" / "tiny.safetensors").exists()


def test_resuming_needs_the_same_data_and_a_saved_state(config, tmp_path):
    config.write_text(CONFIG.replace("dead_leaves_fraction = 1.0", "dead_leaves_fraction = 0.5"))
    words = ["--config", str(config), "-o", str(tmp_path / "run"), "--quiet", "--steps", "4"]
    with pytest.raises(InputError, match="nothing has been saved"):
        main([*words, "--resume"])
    assert not (tmp_path / "run").exists()
    folder = tmp_path / "photos"
    for name in ("a", "b", "c"):
        write_image(folder / f"{name}.png", photograph(90, 90))
    main([*words, "--data", str(folder)])
    with pytest.raises(InputError, match="other photographs; give the same --data"):
        main([*words, "--resume"])


def test_bad_files_are_reported_and_counted(config, tmp_path, capsys):
    config.write_text(CONFIG.replace("dead_leaves_fraction = 1.0", "dead_leaves_fraction = 0.5"))
    folder = tmp_path / "photos"
    for number in range(8):
        write_image(folder / f"good{number}.png", photograph(90, 90))
        (folder / f"bad{number}.png").write_bytes(b"no image")
    words = ["--config", str(config), "-o", str(tmp_path / "run"), "--quiet", "--steps", "4"]
    main([*words, "--data", str(folder)])
    printed = capsys.readouterr().err
    assert "8 unreadable images skipped" in printed
    assert all(f"bad{number}.png" in printed for number in range(8))
    _, about = load_model(tmp_path / "run" / "tiny.safetensors")
    assert about["data"]["skipped"] == 8


def test_unreadable_validation_images_are_not_fatal(config, tmp_path, capsys):
    (tmp_path / "val").mkdir()
    (tmp_path / "val" / "bad.png").write_bytes(b"no image")
    words = ["--config", str(config), "-o", str(tmp_path / "run"), "--quiet", "--steps", "4"]
    write_image(tmp_path / "photos" / "a.png", photograph(90, 90))
    main([*words, "--data", str(tmp_path / "photos"), "--val", str(tmp_path / "val")])
    assert "validating on those of the training" in capsys.readouterr().err


def test_unknown_configuration_is_refused():
    with pytest.raises(InputError, match=r"no shipped model 'inpant'; choose from .*inpaint"):
        main(["--config", "inpant", "--quiet"])


def small_run(**changes):
    images = embedded_images()[:2]
    data = DataSettings(n_dead_leaves=2, dead_leaves_fraction=0.5, dead_leaves_size=64)
    settings = TrainingSettings(batch=2, patch=64, reuse=3, **changes)
    return PatchSampler(images, data), settings


@pytest.mark.parametrize("name", sorted(set(FILLS) - {"zero"}))
def test_variations_commute_with_the_fills(name):
    truth, mask = photograph(40, 48) / 255, hole(40, 48)
    architecture = dataclasses.replace(SMALL, fills=(name, "mean"))
    seen = set()
    for seed in range(12):
        vary = random_variation(np.random.default_rng(seed))
        varied = vary(architecture.guess(truth, mask))
        expected = architecture.guess(vary(truth), vary(mask))
        np.testing.assert_allclose(varied, expected, rtol=0, atol=1e-9)
        assert 0 <= vary(truth).min() < vary(truth).max() <= 1
        seen.add(varied.tobytes())
    assert len(seen) == 12


def test_a_zero_fill_is_not_recoloured(tmp_path):
    config = tmp_path / "zero.toml"
    text = CONFIG.replace("channels = 6\n", 'channels = 6\nfills = ["zero", "mean"]\n', 1)
    config.write_text(text)
    with pytest.raises(InputError, match=r"reuse is 4; .* zero fill .* set reuse to 1"):
        main(["--config", str(config), "-o", str(tmp_path / "run"), "--quiet"])


def test_patches_are_shown_again_in_another_way():
    sampler, settings = small_run()
    prepared = prepare(sampler, SMALL, settings, 0)
    assert len(prepared.truth) == 16
    first = [make_batch(prepared, SMALL, settings, step) for step in range(8)]
    shown = np.concatenate([batch.truth for batch in first])
    # Each of them once in the first eight steps, as it is.
    order = lambda patches: sorted(patch.tobytes() for patch in patches)  # noqa: E731
    assert order(shown) == order(prepared.truth)
    later = [make_batch(prepared, SMALL, settings, step) for step in range(8, 16)]
    again = np.concatenate([batch.truth for batch in later])
    assert not set(order(again)) & set(order(shown))
    # But their masks are the same, up to turns and flips: no pixel more or less.
    count = [sorted(np.concatenate([b.mask for b in part]).sum((1, 2))) for part in (first, later)]
    assert count[0] == count[1]
    same = make_batch(prepared, SMALL, settings, 9)
    np.testing.assert_array_equal(same.fill, later[1].fill)


def test_every_patch_has_one_of_the_noise_levels():
    _, settings = small_run(feature_noise=(0.0, 0.1))
    truth, mask = np.zeros((64, 32, 32, 3)), np.zeros((64, 32, 32), bool)
    mask[:, 4:9, 4:9] = True
    batch = batch_of(truth, mask, SMALL, "hole")
    noise = feature_noise(SMALL, settings, batch, np.random.default_rng(0))
    std = noise.std(axis=(1, 2, 3))
    silent = std == 0
    assert 0.25 < silent.mean() < 0.75
    np.testing.assert_allclose(std[~silent], 0.1, rtol=0.1)
    _, none = small_run()
    assert feature_noise(SMALL, none, batch, np.random.default_rng(0)) is None
