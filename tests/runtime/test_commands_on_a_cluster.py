"""Commands on a cluster give what they give here, whatever dies on the way."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from helpers import SMALL, hole, photograph, random_model
from waiting import wait_for

from bio_scnn import InputError, train, validate
from bio_scnn.data.images import write_image
from bio_scnn.network.checkpoint import load_model, save_model
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.neuron.parameters import TABLE_1
from bio_scnn.run_inpaint import main
from bio_scnn.runtime.places import open_place
from bio_scnn.training.batches import batch_of
from bio_scnn.training.loop import fit, shard_gradients
from bio_scnn.training.settings import TrainingSettings
from bio_scnn.training.state import initial_state

pytest.importorskip("distributed")


def call(folder, *words):
    """Arguments of a quick run of run_inpaint."""
    return [str(folder / "photos"), "--model", str(folder / "model.safetensors"), *words]


@pytest.fixture
def photos(tmp_path):
    """Pictures, one of which is none, a mask and a small model."""
    for name, start in (("a", 0), ("b", 8), ("c", 16)):
        write_image(tmp_path / "photos" / f"{name}.png", photograph()[start : start + 64])
    (tmp_path / "photos" / "d.png").write_bytes(b"not an image")
    write_image(tmp_path / "mask.png", hole(64, 80).astype(np.uint8))
    save_model(tmp_path / "model.safetensors", random_model(), {"name": "small"})
    return tmp_path


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.sweep(2)
@pytest.mark.slow
@pytest.mark.parametrize(
    "holes",
    [["--mask-kind", "boxes", "--noise", "0.1"], ["--mask", "mask.png"]],
)
def test_pictures_are_restored_as_here(address, photos, holes, capsys):
    holes = [str(photos / word) if word.endswith(".png") else word for word in holes]
    printed = {}
    for name, place in (("here", ["-j", "2"]), ("there", ["--scheduler", address])):
        with pytest.raises(InputError, match="1 of 4 images could not be restored"):
            main(call(photos, *holes, *place, "-o", str(photos / name), "--json"))
        printed[name] = capsys.readouterr()
    assert printed["here"].err == printed["there"].err
    assert str(photos / "photos" / "d.png") in printed["there"].err
    assert len(printed["there"].out.splitlines()) == 3
    assert len(contents(photos / "here")) == 6
    assert contents(photos / "here") == contents(photos / "there")


def test_workers_write_nothing(address, photos, monkeypatch):
    """Pictures travel both ways: a worker in another folder would not find these paths."""
    monkeypatch.chdir(photos)
    words = ["photos/a.png", "--model", "model.safetensors", "--mask", "mask.png", "--quiet"]
    main([*words, "-o", "here"])
    main([*words, "-o", "there", "--scheduler", address])
    assert contents(photos / "here") == contents(photos / "there") != {}


@pytest.mark.nightly
@pytest.mark.slow
def test_a_worker_killed_while_it_restores(address, photos):
    (photos / "photos" / "d.png").unlink()
    for name in "efgh":
        write_image(photos / "photos" / f"{name}.png", photograph(200, 180))
    words = ["--mask-kind", "strokes", "--readout", "count", "--duration", "400"]
    main(call(photos, *words, "-o", str(photos / "here"), "--quiet"))
    there = call(photos, *words, "-o", str(photos / "there"), "--quiet", "--scheduler", address)
    with open_place(scheduler=address) as cluster:
        pids = cluster.client.run(os.getpid)
        process = subprocess.Popen([sys.executable, "-m", "bio_scnn.run_inpaint", *there])
        busy = wait_for(lambda: [w for w, t in cluster.client.processing().items() if t])[0]
        time.sleep(0.3)
        assert cluster.client.processing()[busy]
        os.kill(pids[busy], signal.SIGKILL)
        assert process.wait(120) == 0
    assert contents(photos / "here") == contents(photos / "there")


@pytest.mark.slow
def test_ctrl_c_leaves_a_free_cluster(address, photos):
    for name in "efgh":
        write_image(photos / "photos" / f"{name}.png", photograph(200, 180))
    words = ["--mask-kind", "strokes", "--readout", "count", "--duration", "400", "--quiet"]
    command = call(photos, *words, "-o", str(photos / "there"), "--scheduler", address)
    process = subprocess.Popen(
        [sys.executable, "-m", "bio_scnn.run_inpaint", *command],
        stderr=subprocess.PIPE,
        text=True,
    )
    with open_place(scheduler=address) as cluster:
        wait_for(lambda: any(cluster.client.processing().values()))
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
        assert process.returncode == 130
        assert told.splitlines()[-1] == "interrupted"
        assert "Traceback" not in told
        wait_for(lambda: not any(cluster.client.processing().values()), 60)


CONFIG = """
[architecture]
channels = 6
layers = [
    { channels = 8, kernel = 4, stride = 2 },
    { channels = 16, upsample = 2 },
    { channels = 16, upsample = 2, relu = false, see_rates = true },
]
[data]
n_dead_leaves = 4
dead_leaves_size = 64
dead_leaves_fraction = 1.0
[training]
steps = 8
batch = 5
patch = 32
shards = 3
warmup = 2
validate_every = 4
log_every = 1
optimizer = "muon"
feature_noise = [0.0, 0.05]
"""


@pytest.mark.slow
def test_training_on_a_cluster_is_training_here(address, tmp_path):
    (tmp_path / "tiny.toml").write_text(CONFIG)
    words = ["--config", str(tmp_path / "tiny.toml"), "--quiet", "-o"]
    train.main([*words, str(tmp_path / "here"), "--jobs", "1"])
    train.main([*words, str(tmp_path / "there"), "--scheduler", address])
    logs = [(tmp_path / place / "tiny-log.csv").read_text() for place in ("here", "there")]
    assert logs[0] == logs[1]
    here, there = (load_model(tmp_path / p / "tiny.safetensors")[0] for p in ("here", "there"))
    for name, value in here.params.items():
        np.testing.assert_array_equal(there.params[name], value)


def learning_case(shards, dtype=np.float32, size=64, **changes):
    """Six steps on six patches: what `fit` needs but for the place."""
    rng = np.random.default_rng(3)
    truth = np.stack([photograph(size, size + 16 * n)[:, -size:] for n in range(6)]) / 255
    mask = rng.random((6, size // 4, size // 4)).repeat(4, 1).repeat(4, 2) < 0.2
    batch = batch_of(truth.astype(dtype), mask, SMALL, "hole")
    settings = TrainingSettings(steps=6, batch=6, warmup=2, shards=shards, **changes)
    return initial_state(SMALL, settings, batch), batch, settings


def learn(state, batch, settings, **where):
    """Losses of every step, and the last state."""
    losses = []
    end = fit(
        state,
        iter([batch] * settings.steps),
        SMALL,
        TABLE_1,
        settings,
        lambda _, loss: losses.append(loss),
        **where,
    )
    return np.array(losses), end


def test_a_worker_killed_in_training_costs_only_time(address):
    case = learning_case(shards=3, size=128, feature_noise=(0.0, 0.1))
    losses, end = learn(*case)
    killed = []
    with open_place(scheduler=address) as cluster:
        client = cluster.client
        pids = client.run(os.getpid)

        def kill():
            busy = wait_for(lambda: [w for w, t in client.processing().items() if t])[0]
            os.kill(pids[busy], signal.SIGKILL)
            killed.append(busy)

        killer = threading.Thread(target=kill)
        killer.start()
        losses_there, end_there = learn(*case, cluster=cluster)
        killer.join()
    assert killed
    assert len(losses) == 6
    np.testing.assert_array_equal(losses_there, losses)
    for name, value in end.params.items():
        np.testing.assert_array_equal(end_there.params[name], value)


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 1e-6), (np.float64, 1e-12)])
@pytest.mark.parametrize("shards", [2, 3, 6])
def test_shards_are_one_batch(shards, dtype, rtol):
    """Only the order of sums differs.

    Without noise on the features, which is drawn shard by shard.
    """
    whole, _ = learn(*learning_case(1, dtype))
    parts, _ = learn(*learning_case(shards, dtype))
    np.testing.assert_allclose(parts, whole, rtol=rtol)
    assert whole[-1] < 0.97 * whole[0]


def test_a_shard_that_fails_ends_the_training(address):
    state, batch, settings = learning_case(2)
    broken = batch._replace(weight=batch.weight[:, :8])
    with open_place(scheduler=address) as cluster:
        with pytest.raises(InputError, match="a task on the cluster failed: ValueError"):
            learn(state, broken, settings, cluster=cluster)
        shards = [(part, batch.shard(part, 2)) for part in range(2)]
        shared = (HybridSCNN(SMALL, state.params), settings, 0)
        assert len(cluster.all(shard_gradients, shards, *shared)) == 2


@pytest.mark.nightly
@pytest.mark.slow
def test_validation_on_a_cluster(address, capsys):
    words = ["exact", "brian2-stock", "--only", "silence", "refractory_period"]
    printed = []
    for place in ([], ["--scheduler", address]):
        validate.main([*words, *place])
        printed.append(capsys.readouterr().out)
    assert "brian2-stock: refractory_period" in printed[1]
    assert printed[0] == printed[1]


def test_validation_of_files_stays_here():
    with pytest.raises(InputError, match="mean files of this machine"):
        validate.main(["--command", "x {dir}", "--scheduler", "tcp://nobody:1"])


WORDS = {
    "run_inpaint": [],
    "train": ["--steps", "1", "--output", "nowhere"],
    "validate": ["exact"],
}


@pytest.mark.parametrize("module", WORDS)
def test_without_dask_there_is_one_line(module, tmp_path):
    hide = "import sys; sys.modules['distributed'] = None; import runpy; "
    hide += f"runpy.run_module('bio_scnn.{module}', run_name='__main__', alter_sys=True)"
    words = [*WORDS[module], "--scheduler", "tcp://127.0.0.1:9"]
    done = subprocess.run(
        [sys.executable, "-c", hide, *words],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "error: --scheduler needs Dask, not installed here: pip install distributed\n"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.nightly
@pytest.mark.slow
def test_the_command_lines_give_up_soon(tmp_path):
    running = [
        subprocess.Popen(
            [sys.executable, "-m", f"bio_scnn.{module}", *words, "--scheduler", "tcp://127.0.0.1:9"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        )
        for module, words in WORDS.items()
    ]  # fmt: skip
    # What loading the commands takes beside other work is no part of their patience.
    began = time.monotonic()
    with (
        pytest.raises(InputError, match="within 10 s"),
        open_place(scheduler="tcp://127.0.0.1:9"),
    ):
        pass
    assert time.monotonic() - began < 20
    for process in running:
        _, told = process.communicate()
        assert process.returncode == 2
        assert told.count("\n") == 1
        assert "no Dask scheduler answers at tcp://127.0.0.1:9 within 10 s" in told
    assert not list(tmp_path.iterdir())
