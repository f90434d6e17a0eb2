"""Scripts that make pages of the docs: they run, count right and refuse what is unclear."""

import dataclasses
import json

import numpy as np
import pytest
from helpers import photograph, random_model

from bio_scnn import InputError
from bio_scnn.data.images import write_image
from bio_scnn.data.masks import MASK_KINDS
from bio_scnn.network.checkpoint import config_path, save_model
from bio_scnn.runtime.config import from_table, read_toml
from bio_scnn.training.settings import Config
from bio_scnn.training.validation import ValidationSet
from tools.docs import ablation, restoration


def default_config():
    path = config_path("inpaint")
    return from_table(Config, read_toml(path), str(path))


def test_every_variant_can_be_trained_and_differs():
    config = default_config()
    made = {
        name: ablation.changed(config, change, 100) for name, change in ablation.VARIANTS.items()
    }
    shown = {variant.training.steps * variant.training.batch for variant in made.values()}
    assert shown == {2400}
    base = made.pop("as configured")
    same = [name for name, variant in made.items() if variant == base]
    assert same == ["a quarter of the photographs"]  # which changes the folder instead


def test_variants_are_measured_on_their_own_fills(tmp_path):
    write_image(tmp_path / "a.png", photograph(300, 280))
    config = default_config()
    small = dataclasses.replace(config, training=dataclasses.replace(config.training, patch=64))
    validation = ValidationSet.make([tmp_path / "a.png"], small, [])
    both = ("harmonic", "biharmonic")
    classical = ablation.fills(validation)
    for fill in both:
        config = ablation.changed(
            default_config(), {"architecture": {"fills": (fill,), "channels": 4}}, 10
        )
        model = random_model(config.architecture)
        for name in ("conv6.weight", "conv6.bias"):  # a residual of zero: the fill itself
            model.params[name][:] = 0
        found = ablation.scores(model, validation, both)
        for kind in MASK_KINDS:
            for way in ("", " noise", " count"):
                assert found[kind + way] == pytest.approx(classical[fill][kind], abs=1e-3)


def test_the_ablations_page_gives_differences():
    row = {kind + way: 20.0 for kind in MASK_KINDS for way in ("", " noise", " count")}
    base = row | {"boxes": 21.0, "boxes noise": 20.75}
    page = ablation.page(
        ablation.table({"as configured": base, "other": row}, {"mean": row}), 50, 3
    )
    assert "trained for 50 steps" in page
    assert "| as configured | 20.00 | 21.00 | 20.00 | 0.00 / 0.25 / 0.00 |" in page
    assert "| other | +0.00 | -1.00 | +0.00 | 0.00 / 0.00 / 0.00 |" in page
    assert "seeds |" not in page
    lower = base | {"boxes": 20.0}
    seeds = ablation.table({"as configured": base, "seed 1": lower, "seed 2": base}, {})
    assert "| standard deviation of the seeds | 0.00 | 0.58 | 0.00 | | |" in seeds


@pytest.fixture
def words(tmp_path):
    write_image(tmp_path / "photos" / "a.png", photograph(90, 70))
    save_model(tmp_path / "tiny.safetensors", random_model().astype(np.float32), {})
    data, model = str(tmp_path / "photos"), str(tmp_path / "tiny.safetensors")
    return ["--data", data, "--model", model, "-o", str(tmp_path / "page")]


def test_the_page_counts_what_was_measured(words, tmp_path, capsys):
    few = [*words, "--sizes", "48", "--coverages", "0.1"]
    restoration.main(few)
    text = (tmp_path / "page.md").read_text()
    assert text == capsys.readouterr().out.rstrip("\n") + "\n"
    kept = json.loads((tmp_path / "page" / "scores.json").read_text())
    cases = kept["hole_psnr"]["a.png"]
    # Three kinds of holes and two coverages of large ones, in colour and in grey.
    assert len(cases) == 2 * (3 + 2)
    gains = [ours - max(classics) for ours, *classics in cases.values()]
    words = " ".join(text.split())
    mean = f"the mean difference is {np.mean(gains):+.2f} dB"
    assert f"**10 restorations of 1 photographs: {mean}" in words
    worse = sum(gain < -0.3 for gain in gains)
    assert 0 < worse  # its weights are random
    assert f"{worse} ({worse / 10:.1%}) by more than 0.3 dB" in words
    assert str(tmp_path) not in text
    assert (tmp_path / "page" / "worst.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_measured_is_kept_unless_the_model_changes(words, tmp_path, capsys):
    few = [*words, "--sizes", "48", "--coverages", "0.1"]
    restoration.main(few)
    file = tmp_path / "page" / "scores.json"
    kept = json.loads(file.read_text())
    case = next(iter(kept["hole_psnr"]["a.png"]))
    kept["hole_psnr"]["a.png"][case] = [11.0, 22.0, 33.0]
    file.write_text(json.dumps(kept))
    restoration.main([*few[:-1], "0.1", "0.2"])
    again = json.loads(file.read_text())["hole_psnr"]["a.png"]
    assert again[case] == [11.0, 22.0, 33.0]
    assert len(again) == 2 * (6 + 2)
    other = random_model(seed=1).astype(np.float32)
    save_model(tmp_path / "tiny.safetensors", other, {})
    with pytest.raises(InputError, match="is of another model or engine"):
        restoration.main(few)


def test_photographs_of_one_name_are_refused(words, tmp_path):
    write_image(tmp_path / "photos" / "b" / "a.png", photograph(60, 60))
    with pytest.raises(InputError, match="several photographs of one name"):
        restoration.main(words)
