"""Configurations that are refused."""

from dataclasses import replace

import pytest
from tiny_training import CONFIG

from bio_scnn import InputError
from bio_scnn.runtime.config import from_table
from bio_scnn.train import main
from bio_scnn.training.settings import Config


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


def test_unknown_configuration_is_refused():
    with pytest.raises(InputError, match=r"no shipped model 'inpant'; choose from .*inpaint"):
        main(["--config", "inpant", "--quiet"])


def test_a_zero_fill_is_not_recoloured(tmp_path):
    config = tmp_path / "zero.toml"
    text = CONFIG.replace("channels = 6\n", 'channels = 6\nfills = ["zero", "mean"]\n', 1)
    config.write_text(text)
    with pytest.raises(InputError, match=r"reuse is 4; .* zero fill .* set reuse to 1"):
        main(["--config", str(config), "-o", str(tmp_path / "run"), "--quiet"])


@pytest.mark.parametrize(
    ("table", "wrong"),
    [
        ({"training": {"batch": 10**12}}, "a batch of 1000000000000 patches"),
        ({"training": {"patch": 2**24}}, "16777216 pixels a side"),
        ({"training": {"pool": 10**12}}, "of which 1000000000000 are prepared together"),
        ({"data": {"n_dead_leaves": 10**12}}, "n_dead_leaves = 1000000000000"),
        (
            {"architecture": {"channels": 65536, "kernel": 255}},
            "the architecture has .* weights: this needs",
        ),
    ],
)
def test_settings_that_no_memory_holds_are_refused_before_they_are_tried(table, wrong):
    config = from_table(Config, table, "a.toml")
    with pytest.raises(InputError, match=wrong) as caught:
        config.check_memory()
    assert "GB of memory, and there are" in str(caught.value)
    Config().check_memory()


@pytest.mark.parametrize(
    ("table", "name"),
    [("training", "batch"), ("training", "steps"), ("data", "n_dead_leaves")],
)  # fmt: skip
def test_numbers_that_no_float_holds_are_refused(table, name):
    config = Config()
    huge = replace(getattr(config, table), **{name: int("9" * 400)})
    with pytest.raises(InputError, match=rf"{name} is above 2\^53"):
        replace(config, **{table: huge})
    seeded = replace(config, training=replace(config.training, seed=2**60))
    assert seeded.training.seed == 2**60
