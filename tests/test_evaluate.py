"""The command that measures models beside the classical fills."""

import json

import numpy as np
import pytest
from helpers import photograph, random_model

from bio_scnn import InputError
from bio_scnn.checkpoint import save_model
from bio_scnn.evaluate import classical, main, score
from bio_scnn.fills import mean_fill
from bio_scnn.images import write_image
from bio_scnn.masks import MASK_KINDS, make_mask
from bio_scnn.metrics import hole_psnr


@pytest.fixture
def words(tmp_path):
    for name, rows in (("a", 90), ("b", 120)):
        write_image(tmp_path / "photos" / f"{name}.png", photograph(rows, 100))
    for folder in ("1", "2"):
        save_model(tmp_path / folder / "m.safetensors", random_model(), {"name": folder})
    models = [str(tmp_path / folder / "m.safetensors") for folder in ("1", "2")]
    return ["--data", str(tmp_path / "photos"), "--engine", "closed-form", "--model", *models]


def test_scores_are_those_of_the_mask_of_the_seed():
    pictures = [photograph(), photograph()[::-1]]
    rows = list(score({"mean": classical(mean_fill)}, pictures, "boxes", 3))
    for number, (picture, (name, row)) in enumerate(zip(pictures, rows, strict=True)):
        rng = np.random.default_rng([3, MASK_KINDS.index("boxes"), number])
        mask = make_mask("boxes", picture.shape[:2], rng)
        filled = np.where(mask[..., np.newaxis], picture[~mask].mean(axis=0), picture)
        assert name == "mean"
        expected = hole_psnr(np.rint(filled).astype(np.uint8), picture, mask)
        assert row["hole_psnr"] == pytest.approx(expected)


@pytest.mark.parametrize("size", ["64", "0"])
def test_models_of_one_name_have_rows_of_their_own(words, size, capsys):
    main([*words, "--size", size, "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["pictures"] == (4 if size == "64" else 2)
    for kind in MASK_KINDS:
        table = report["scores"][kind]
        assert len([name for name in table if name.startswith("bio_scnn")]) == 2
        assert table["harmonic"]["hole_psnr"] > table["mean of known pixels"]["hole_psnr"]


def test_table(words, capsys):
    main([*words, "--size", "64", "--crops", "1"])
    printed = capsys.readouterr().out
    assert printed.startswith("1 crops of 64 x 64")
    assert printed.count("biharmonic (scikit-image)") == 3


def test_sizes_out_of_range_are_refused(words):
    with pytest.raises(InputError, match="--size must be at least 8"):
        main([*words, "--size", "3"])
