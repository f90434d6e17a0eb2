"""Progress of a run: what it says and saves, and that Ctrl-C loses nothing."""

import os
import signal
import subprocess
import sys
import time
import tomllib

import numpy as np
import pytest
from tiny_training import CONFIG, weights

from bio_scnn.data.datasets import embedded_images
from bio_scnn.network.architecture import param_shapes
from bio_scnn.runtime.config import from_table, read_toml
from bio_scnn.train import main
from bio_scnn.training.progress import Progress
from bio_scnn.training.run_files import RunFiles, Snapshot, load_state
from bio_scnn.training.settings import Config
from bio_scnn.training.state import TrainingState
from bio_scnn.training.validation import ValidationSet


@pytest.fixture
def progress(config, tmp_path):
    loaded = from_table(Config, read_toml(config), "tiny")
    validation = ValidationSet.make(embedded_images()[:1], loaded, [])
    files = RunFiles(tmp_path / "run", "tiny")
    begin = Snapshot(at(0), (), [])
    return Progress(loaded, files, validation, "digest", begin, quiet=False)


def at(step):
    architecture = from_table(Config, tomllib.loads(CONFIG), "tiny").architecture
    shapes = param_shapes(architecture)
    zero = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    return TrainingState(step, zero, zero, zero, zero)


def test_a_line_now_and_then_where_there_is_no_bar(capsys, progress):
    assert capsys.readouterr().out == "training from step 0 to 12\n"
    progress(at(1), 0.5)
    assert capsys.readouterr().out == ""
    progress._line_at = 0.0  # half a minute later
    progress(at(2), 0.25)
    line = capsys.readouterr().out
    assert line.startswith("step 2 of 12: loss 0.3750, ")
    assert "patches/s" in line
    progress(at(3), 0.25)
    assert capsys.readouterr().out == ""


def test_the_first_checkpoint_does_not_wait_for_a_validation(progress):
    progress(at(1), 0.5)
    assert not progress.files.state.exists()
    progress._save_at = 0.0
    progress(at(2), 0.25)
    progress(at(3), 0.125)
    found = load_state(progress.files.state, progress.config, "digest")
    assert found.state.step == 2
    assert [row["step"] for row in found.log] == [2]
    progress.save()
    found = load_state(progress.files.state, progress.config, "digest")
    # The losses since the last row are kept: the next one is their mean.
    assert (found.state.step, found.losses) == (3, (0.125,))


def test_the_last_line_has_the_gains_over_both_fills(config, tmp_path, capsys):
    main(["--config", str(config), "-o", str(tmp_path / "run")])
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("hole PSNR (dB): strokes ")
    for kind in ("strokes", "boxes", "scratches"):
        assert kind in last
    assert last.count("over harmonic") == last.count("over biharmonic") == 3


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends Ctrl-C to a process")
def test_interrupted_run_says_how_to_go_on_and_ends_at_the_same_weights(config, tmp_path):
    config.write_text(
        CONFIG.replace("steps = 12", "steps = 150").replace("= 4\nopt", "= 150\nopt")
    )
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    main(["--config", str(config), "-o", str(whole), "--quiet"])
    command = [sys.executable, "-m", "bio_scnn.train", "--config", str(config), "-o", str(broken)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(
        [*command], env=os.environ | {"PYTHONUNBUFFERED": "1"}, **pipes
    ) as running:
        while not (line := running.stdout.readline()).startswith("training from step 0 to 150"):
            assert line, running.stderr.read()
        time.sleep(0.5)
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=60)[1]
    assert running.returncode == 130
    assert "stopped after step" in said
    assert "--resume goes on from there" in said
    main(["--config", str(config), "-o", str(broken), "--quiet", "--resume"])
    for name, value in weights(whole).items():
        np.testing.assert_array_equal(weights(broken)[name], value)
    assert (whole / "tiny-log.csv").read_text() == (broken / "tiny-log.csv").read_text()


INTERRUPTED_IMPORT = """
import sys

class Interrupt:
    name = sys.argv.pop(1)

    def find_spec(self, name, path=None, target=None):
        if name == self.name:
            self.name = None
            print("interrupted importing", name)
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt())
from bio_scnn import train
from bio_scnn.commands.options import run
run(lambda: train.main(sys.argv[1:]))
"""


def test_an_interrupted_import_of_what_draws_the_curves_is_an_interrupted_run(config, tmp_path):
    name = "matplotlib.rcsetup"
    words = [name, "--config", str(config), "-o", str(tmp_path / "run"), "--quiet"]
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_IMPORT, *words], capture_output=True, text=True
    )
    assert done.stdout == f"interrupted importing {name}\n"
    assert done.returncode == 130
    assert done.stderr.endswith("interrupted\n")
    assert "Traceback" not in done.stderr
