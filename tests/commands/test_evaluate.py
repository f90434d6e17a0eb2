"""The command that measures models beside the classical fills."""

import json

import numpy as np
import pytest
from helpers import photograph, random_model

from bio_scnn import InputError
from bio_scnn.data.images import write_image
from bio_scnn.data.masks import DEFAULT_COVERAGE, MASK_KINDS
from bio_scnn.evaluate import main
from bio_scnn.network.checkpoint import save_model


@pytest.fixture
def words(tmp_path):
    for name, rows in (("a", 90), ("b", 120)):
        write_image(tmp_path / "photos" / f"{name}.png", photograph(rows, 100))
    for folder in ("1", "2"):
        save_model(tmp_path / folder / "m.safetensors", random_model(), {"name": folder})
    models = [str(tmp_path / folder / "m.safetensors") for folder in ("1", "2")]
    return ["--data", str(tmp_path / "photos"), "--engine", "closed-form", "--model", *models]


@pytest.mark.parametrize("size", ["64", "0"])
def test_models_of_one_name_have_rows_of_their_own(words, size, capsys):
    main([*words, "--size", size, "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["pictures"] == (4 if size == "64" else 2)
    for kind in MASK_KINDS:
        table = report["scores"][kind]
        assert len([name for name in table if name.startswith("bio_scnn")]) == 2
        assert table["harmonic"]["hole_psnr"] > table["mean of known pixels"]["hole_psnr"]


def test_coverage_grey_and_quality(words, capsys):
    quick = [w for w in words if not w.endswith("2/m.safetensors")] + ["--size", "48"]
    rows = {}
    for name, more in {
        "plain": [],
        "covered": ["--coverage", "0.3"],
        "grey": ["--grey"],
        "best": ["--quality", "best"],
    }.items():
        main([*quick, *more, "--json"])
        rows[name] = json.loads(capsys.readouterr().out)
    plain = rows["plain"]
    assert plain["photographs"] == 2
    assert plain["quality"] == "default"
    assert plain["coverage"] == DEFAULT_COVERAGE
    assert rows["covered"]["coverage"] == 0.3
    for kind in MASK_KINDS:
        harmonic = {name: row["scores"][kind]["harmonic"] for name, row in rows.items()}
        ours = [rows[n]["scores"][kind] for n in ("plain", "best")]
        model = next(name for name in ours[0] if name.startswith("bio_scnn"))
        assert ours[0][model]["hole_mse"] != ours[1][model]["hole_mse"]
        assert harmonic["best"] == harmonic["plain"]
        assert harmonic["grey"]["hole_mse"] != harmonic["plain"]["hole_mse"]
        assert harmonic["covered"]["mse"] / harmonic["covered"]["hole_mse"] == pytest.approx(
            0.3, rel=0.01
        )
        low, high = harmonic["plain"]["hole_psnr_interval"]
        assert low <= harmonic["plain"]["hole_psnr"] <= high


def test_mean_of_the_fills_is_beside_them(words, capsys):
    main([*words, "--size", "64", "--json"])
    for table in json.loads(capsys.readouterr().out)["scores"].values():
        both = [table["harmonic"], table["biharmonic (scikit-image)"]]
        mean = table["mean of harmonic and biharmonic"]
        # The squared error of a mean is at most the mean of the squared errors, up to rounding.
        assert mean["hole_mse"] < np.mean([row["hole_mse"] for row in both]) + 1e-5
        assert mean["over_biharmonic"] == pytest.approx(mean["hole_psnr"] - both[1]["hole_psnr"])


def test_table(words, capsys):
    main([*words, "--size", "64", "--crops", "1"])
    printed = capsys.readouterr().out
    assert printed.startswith("1 crops of 64 x 64")
    assert printed.count("biharmonic (scikit-image)") == 3
    assert "quality default, nothing simulated" in printed


def test_sizes_out_of_range_are_refused(words):
    with pytest.raises(InputError, match="--size must be at least 8"):
        main([*words, "--size", "3"])
