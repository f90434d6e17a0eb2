"""A saved run: with what it can be resumed."""

import dataclasses
import json

import numpy as np
import pytest
from helpers import photograph
from tiny_training import CONFIG

from bio_scnn import InputError
from bio_scnn.data.images import write_image
from bio_scnn.network.checkpoint import load_tensors, save_tensors
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.runtime.config import from_table, read_toml
from bio_scnn.train import main
from bio_scnn.training.run_files import STATE_FORMAT, RunFiles, Snapshot, load_state, save_state
from bio_scnn.training.settings import Config
from bio_scnn.training.state import TrainingState


def test_resuming_needs_the_same_data_and_a_saved_state(config, tmp_path):
    config.write_text(CONFIG.replace("dead_leaves_fraction = 1.0", "dead_leaves_fraction = 0.5"))
    words = ["--config", str(config), "-o", str(tmp_path / "run"), "--quiet"]
    with pytest.raises(InputError, match="nothing has been saved"):
        main([*words, "--resume"])
    assert not (tmp_path / "run").exists()
    folder = tmp_path / "photos"
    for name in ("a", "b", "c"):
        write_image(folder / f"{name}.png", photograph(90, 90))
    main([*words, "--data", str(folder)])
    with pytest.raises(InputError, match="other photographs; give the same --data"):
        main([*words, "--resume"])


def test_a_state_that_lacks_a_setting_was_run_with_its_default(config, tmp_path):
    files = RunFiles(tmp_path, "tiny")
    loaded = from_table(Config, read_toml(config), "tiny")
    zero = {"w": np.zeros(2, np.float32)}
    run = Snapshot(TrainingState(3, zero, zero, zero, zero), (0.5, 0.25), [{"step": 3}])
    save_state(files.state, run, loaded, "x")
    tensors, metadata = load_tensors(files.state, STATE_FORMAT)
    table = json.loads(metadata["config"])
    del table["lif"]["t_ref_ms"], table["training"]["clip_slope"]
    save_tensors(files.state, tensors, metadata | {"config": json.dumps(table)})
    found = load_state(files.state, loaded, "x")
    assert (found.state.step, found.losses, found.log) == (3, run.losses, run.log)
    other = dataclasses.replace(loaded, lif=LIFParameters(t_ref_ms=2.0))
    with pytest.raises(InputError, match=r"lif\.t_ref_ms = 1\.0, not 2\.0"):
        load_state(files.state, other, "x")
