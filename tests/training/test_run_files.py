"""A saved run: with what it can be resumed."""

import dataclasses
import json

import numpy as np
import pytest
from helpers import photograph
from tiny_training import CONFIG

from bio_scnn import InputError
from bio_scnn.data.images import write_image
from bio_scnn.network.architecture import param_shapes
from bio_scnn.network.checkpoint import load_tensors, save_tensors
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.runtime.config import from_table, read_toml
from bio_scnn.train import main
from bio_scnn.training.run_files import STATE_FORMAT, RunFiles, Snapshot, load_state, save_state
from bio_scnn.training.settings import Config
from bio_scnn.training.state import TrainingState


def saved_run(path, config):
    """A run of three steps that was saved there, of zeros."""
    shapes = param_shapes(config.architecture)
    zero = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    run = Snapshot(TrainingState(3, zero, zero, zero, zero), (0.5, 0.25), [{"step": 3}])
    save_state(path, run, config, "x")
    return run


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
    run = saved_run(files.state, loaded)
    tensors, metadata = load_tensors(files.state, STATE_FORMAT)
    table = json.loads(metadata["config"])
    del table["lif"]["t_ref_ms"], table["training"]["clip_slope"]
    save_tensors(files.state, tensors, metadata | {"config": json.dumps(table)})
    found = load_state(files.state, loaded, "x")
    assert (found.state.step, found.losses, found.log) == (3, run.losses, run.log)
    other = dataclasses.replace(loaded, lif=LIFParameters(t_ref_ms=2.0))
    with pytest.raises(InputError, match=r"lif\.t_ref_ms = 1\.0, not 2\.0"):
        load_state(files.state, other, "x")


@pytest.mark.parametrize(
    "change",
    [
        *({"step": text} for text in ("x", "-1", "13", "1e3", "9" * 5000, "², ")),
        *(
            {"log": text}
            for text in ("3", "{}", "[3]", "[" * 100_000, '[{"step": 4}]', '[{"a": 1}]')
        ),
        *({"losses": text} for text in ("{}", '["a"]', "[null]", "nonsense")),
        *({"config": text} for text in ("3", "[]", '{"a": 1}', '{"training": {"steps": "x"}}')),
        *({key: None} for key in ("step", "config", "log", "photographs")),
    ],
    ids=lambda change: "-".join(f"{k}={str(v)[:12]}" for k, v in change.items()),
)
def test_damaged_descriptions_of_a_run_are_refused_in_a_line(config, tmp_path, change):
    files = RunFiles(tmp_path, "tiny")
    loaded = from_table(Config, read_toml(config), "tiny")
    saved_run(files.state, loaded)
    tensors, metadata = load_tensors(files.state, STATE_FORMAT)
    changed = {k: v for k, v in (metadata | change).items() if v is not None}
    save_tensors(files.state, tensors, changed)
    with pytest.raises(InputError, match=r"tiny\.state\.safetensors") as caught:
        load_state(files.state, loaded, "x")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_damaged_arrays_of_a_run_are_refused_in_a_line(config, tmp_path):
    files = RunFiles(tmp_path, "tiny")
    loaded = from_table(Config, read_toml(config), "tiny")
    saved_run(files.state, loaded)
    tensors, metadata = load_tensors(files.state, STATE_FORMAT)
    bias = tensors["v/snn.bias"]
    damages = {
        "params: .*not fit": {"params/snn.bias": None},
        "m: .*not fit": {"m/snn.bias": np.zeros(7, np.float32)},
        "ema: snn.bias must hold finite floats": {"ema/snn.bias": np.full_like(bias, np.nan)},
        "v, a mean of squares, is negative": {"v/snn.bias": bias - 1},
        "several types": {"v/snn.bias": bias.astype(np.float64)},
        "no part of a training": {"w/snn.bias": bias},
    }
    for wrong, change in damages.items():
        changed = {k: v for k, v in (tensors | change).items() if v is not None}
        save_tensors(files.state, changed, metadata)
        with pytest.raises(InputError, match=wrong):
            load_state(files.state, loaded, "x")
    data = files.state.read_bytes().replace(b'"step":"3"', b'"step":"5"')
    files.state.write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        load_state(files.state, loaded, "x")
