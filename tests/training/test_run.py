"""Whole runs: what they write, and that they stop and go on bit for bit."""

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from helpers import photograph
from tiny_training import CONFIG, weights
from waiting import alive, wait_for

from bio_scnn import InputError
from bio_scnn.data.images import write_image
from bio_scnn.network.checkpoint import load_model
from bio_scnn.network.cnn import ConvLayer
from bio_scnn.train import main


@pytest.mark.nightly
@pytest.mark.slow
def test_killed_run_resumes_to_the_same_weights(config, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    main(["--config", str(config), "-o", str(whole), "--quiet"])
    # The other run is killed, hard, after its second checkpoint.
    code = (
        "import os, sys\n"
        "from bio_scnn import train\n"
        "from bio_scnn.training import progress\n"
        "save, saved = progress.save_state, []\n"
        "def save_and_die(*args):\n"
        "    save(*args)\n"
        "    saved.append(args)\n"
        "    if len(saved) == 2: os._exit(9)\n"
        "progress.save_state = save_and_die\n"
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


# Of 5,000 steps patches are still being prepared; those of 130 are ready, and wait to be taken.
@pytest.mark.parametrize("steps", ["5000", "130"])
def test_killed_run_leaves_no_process_behind(config, tmp_path, steps):
    script = tmp_path / "long.py"
    script.write_text(
        "import multiprocessing, os, sys\n"
        "from bio_scnn import train\n"
        "from bio_scnn.training import progress\n"
        "def stop(*args):\n"
        "    print(*(child.pid for child in multiprocessing.active_children()), flush=True)\n"
        "    os._exit(9)\n"
        "progress.save_state = stop\n"
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


def test_training_writes_what_it_promises(config, tmp_path, capsys):
    folder = tmp_path / "run"
    main(["--config", str(config), "-o", str(folder), "--seed", "4"])
    printed = capsys.readouterr()
    assert "hole PSNR (dB) strokes" in printed.out + printed.err
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
    assert str(tmp_path) not in json.dumps(about["data"])
    # The file that was written trains the same again.
    main(["--config", str(folder / "tiny.toml"), "-o", str(tmp_path / "again"), "--quiet"])
    for name, value in weights(tmp_path / "again").items():
        np.testing.assert_array_equal(value, model.params[name])


def test_bad_files_are_reported_and_counted(config, tmp_path, capsys):
    config.write_text(CONFIG.replace("dead_leaves_fraction = 1.0", "dead_leaves_fraction = 0.5"))
    folder = tmp_path / "photos"
    for number in range(8):
        write_image(folder / f"good{number}.png", photograph(90, 90))
        (folder / f"bad{number}.png").write_bytes(b"no image")
    main(["--config", str(config), "-o", str(tmp_path / "run"), "--data", str(folder), "--quiet"])
    printed = capsys.readouterr().err
    assert "8 unreadable images skipped" in printed
    assert all(f"bad{number}.png" in printed for number in range(8))
    _, about = load_model(tmp_path / "run" / "tiny.safetensors")
    assert about["data"]["skipped"] == 8


def test_a_run_starts_from_the_weights_of_a_model(config, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    main(["--config", str(config), "-o", str(first), "--quiet"])
    model = str(first / "tiny.safetensors")
    # Of a step of nearly no size the weights are those that it began with; neurons may differ.
    config.write_text(
        CONFIG.replace("steps = 12", "steps = 1")
        .replace("channels = 6\n", 'channels = 6\nneurons = "relu"\n', 1)
        .replace("warmup = 2", "warmup = 1000")
    )
    words = ["--config", str(config), "-o", str(second), "--quiet", "--start-from", model]
    main([*words, "--learning-rate", "1e-9"])
    for name, value in weights(first).items():
        np.testing.assert_allclose(weights(second)[name], value, rtol=0, atol=1e-8)
    assert load_model(second / "tiny.safetensors")[0].architecture.neurons == "relu"
    with pytest.raises(InputError, match="start from a model of the same architecture"):
        main(["--config", str(config), "-o", str(tmp_path / "x"), "--start-from", "inpaint"])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders here")
def test_pipes_and_names_that_a_terminal_obeys_in_a_folder_of_photographs(
    config, tmp_path, capsys
):
    config.write_text(CONFIG.replace("dead_leaves_fraction = 1.0", "dead_leaves_fraction = 0.5"))
    folder = tmp_path / "photos"
    for name in ("a", "b", "c"):
        write_image(folder / f"{name}.png", photograph(90, 90))
    os.mkfifo(folder / "pipe.png")
    (folder / "\x1b[31mred.png").write_bytes(b"no picture")
    main(["--config", str(config), "-o", str(tmp_path / "run"), "--quiet", "--data", str(folder)])
    told = capsys.readouterr().err
    assert "pipe.png: is no regular file" in told
    assert "x1b[31mred.png" in told
    assert "\x1b" not in told
    assert (tmp_path / "run" / "tiny.safetensors").is_file()
