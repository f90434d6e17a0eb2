"""The models that are shipped: small, with card, log and the configuration that trained them."""

import csv
import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from bio_scnn.errors import InputError
from bio_scnn.network import checkpoint
from bio_scnn.network.checkpoint import config_path, load_model, model_path
from bio_scnn.runtime.config import from_table, read_toml, to_table
from bio_scnn.train import configured, parser
from bio_scnn.training.settings import Config

NAMES = ("cnn_twin", "inpaint", "lif_twin", "one_step", "paper")


def config_of(name):
    path = config_path(name)
    return from_table(Config, read_toml(path), str(path))


def test_they_are_all_there():
    assert (
        tuple(sorted(path.stem for path in config_path("inpaint").parent.glob("*.toml"))) == NAMES
    )


def test_a_model_whose_weights_are_not_installed_says_where_they_are(tmp_path, monkeypatch):
    for name in ("inpaint.safetensors", "inpaint.toml", "cnn_twin.toml"):
        (tmp_path / name).touch()
    monkeypatch.setattr(checkpoint, "_FOLDERS", (tmp_path,))
    assert config_path("cnn_twin") == tmp_path / "cnn_twin.toml"
    with pytest.raises(InputError, match=r"'cnn_twin' are in a checkout only; choose"):
        model_path("cnn_twin")
    with pytest.raises(InputError, match="there is no shipped model 'twin'; choose from inpaint"):
        model_path("twin")


@pytest.mark.parametrize("name", NAMES)
def test_each_was_trained_by_its_configuration_and_the_command_it_names(name):
    path = model_path(name)
    assert path.stat().st_size < 3_000_000
    model, about = load_model(path)
    program, *words = shlex.split(about["command"])
    assert [program, *words[:2]] == ["python", "-m", "bio_scnn.train"]
    args = parser().parse_args(words[2:])
    assert Path(args.config).stem == name
    args.config = name
    config = configured(args)
    assert model.architecture == config.architecture
    assert model.lif == config.lif
    asked = json.loads(json.dumps(to_table(config)))
    for table in ("data", "training"):
        stored = about["config"][table]
        assert stored
        assert {key: asked[table][key] for key in stored} == stored
    with path.with_name(f"{name}-log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    last = {key: float(value) for key, value in rows[-1].items()}
    assert last["step"] == config.training.steps
    for key, value in about["validation"].items():
        assert last[key] == pytest.approx(value)
    assert about["sha256"] in path.with_suffix(".md").read_text("utf-8")
    # What the command says beside the configuration, the card says as well.
    for word in ("--start-from", "--steps", "--learning-rate", "--seed"):
        if word in words:
            assert f"{word} {words[words.index(word) + 1]}" in path.with_suffix(".md").read_text()


def test_the_twin_differs_in_its_neurons_only():
    spiking, twin = config_of("lif_twin"), config_of("cnn_twin")
    assert twin.architecture.neurons == "relu"
    same = replace(twin.architecture, neurons="lif")
    assert replace(twin, architecture=same) == spiking
