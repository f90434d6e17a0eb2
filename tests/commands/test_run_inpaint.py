"""The command line, run in its own process as people do, and in this one for its errors."""

import json
import subprocess
import sys

import numpy as np
import pytest
from helpers import hole, photograph, random_model

from bio_scnn import InputError
from bio_scnn.commands import report
from bio_scnn.data.images import read_image, write_image
from bio_scnn.network.checkpoint import save_model
from bio_scnn.restoration import job
from bio_scnn.run_inpaint import main

KEYS = {
    "name",
    "hole_psnr",
    "hole_mse",
    "mse",
    "ssim",
    "neurons",
    "spikes",
    "seconds",
    "engine",
}


@pytest.fixture
def folder(tmp_path):
    """A photograph, its damaged version, a mask, and a small model."""
    image, mask = photograph(), hole()
    write_image(tmp_path / "truth.png", image)
    write_image(tmp_path / "damaged.png", np.where(mask[..., np.newaxis], 255, image).astype("u1"))
    write_image(tmp_path / "mask.png", mask.astype(np.uint8))
    save_model(tmp_path / "model.safetensors", random_model(), {"name": "small"})
    return tmp_path


def call(folder, *words):
    """Arguments of a quick run in a folder."""
    model = ["--model", str(folder / "model.safetensors"), "-o", str(folder / "out")]
    return [str(folder / w) if str(w).endswith(".png") else str(w) for w in words] + model


def test_damaged_image_with_mask_and_truth(folder, capsys):
    main(call(folder, "damaged.png", "--mask", "mask.png", "--truth", "truth.png", "--json"))
    row = json.loads(capsys.readouterr().out)
    assert row.keys() >= KEYS
    assert row["name"] == "damaged.png"
    assert row["neurons"] == 48 * 40 * 6
    assert row["spikes"] >= 2 * row["neurons"]
    assert row["engine"] == "brian2"
    restored = read_image(folder / "out" / "damaged_restored.png")
    mask = hole()
    np.testing.assert_array_equal(restored[~mask], photograph()[~mask])
    error = np.mean((restored[mask] / 255 - photograph()[mask] / 255) ** 2)
    assert row["hole_mse"] == pytest.approx(error)
    assert row["hole_psnr"] == pytest.approx(-10 * np.log10(error))
    assert row["mse"] == pytest.approx(error * mask.mean())
    assert read_image(folder / "out" / "damaged_panel.png").std() > 10


def test_panel_can_be_left_out(folder, capsys):
    words = "damaged.png", "--mask", "mask.png"
    main(call(folder, *words))
    assert "damaged_panel.png" in capsys.readouterr().out
    files = {path.name: path.read_bytes() for path in (folder / "out").iterdir()}
    assert files.keys() == {"damaged_restored.png", "damaged_panel.png"}
    for path in (folder / "out").iterdir():
        path.unlink()
    main(call(folder, *words, "--no-panel"))
    assert "_panel.png" not in capsys.readouterr().out
    (only,) = (folder / "out").iterdir()
    assert only.read_bytes() == files["damaged_restored.png"]


def test_quiet_compares_with_no_other_fill(folder, capsys, monkeypatch):
    monkeypatch.setattr(report, "baselines", lambda job: pytest.fail("were compared"))
    main(call(folder, "truth.png", "--mask-kind", "boxes", "--quiet"))
    assert not capsys.readouterr().out
    assert (folder / "out" / "truth_restored.png").is_file()
    with pytest.raises(pytest.fail.Exception, match="were compared"):
        main(call(folder, "truth.png", "--mask-kind", "boxes"))


def test_nothing_is_measured_that_nobody_reads_of(folder, monkeypatch):
    monkeypatch.setattr(job, "measure", lambda *words: pytest.fail("was measured"))
    words = ["truth.png", "--mask-kind", "boxes", "--no-panel"]
    main(call(folder, *words, "--quiet"))
    assert (folder / "out" / "truth_restored.png").is_file()
    for read in ([], ["--quiet", "--json"]):
        with pytest.raises(pytest.fail.Exception, match="was measured"):
            main(call(folder, *words, *read))


def test_without_a_truth_nothing_is_claimed(folder, capsys):
    main(call(folder, "damaged.png", "--mask", "mask.png", "--json"))
    row = json.loads(capsys.readouterr().out)
    assert row["hole_psnr"] is row["mse"] is row["ssim"] is None
    assert row["spikes"] > 0


def test_table_of_several_images(folder, capsys):
    write_image(folder / "grey.png", photograph()[..., 0].astype(np.uint16) * 257)
    main(call(folder, "truth.png", "grey.png", "--mask-kind", "boxes", "--coverage", "0.05"))
    printed = capsys.readouterr().out
    assert printed.count("5.0 % missing") == 2
    assert printed.count("biharmonic (scikit-image)") == 2
    assert printed.count("spikes; engine brian2") == 2
    assert read_image(folder / "out" / "grey_restored.png").dtype == np.uint16


def test_seed_chooses_the_mask(folder, capsys):
    rows = []
    for seed in ("1", "1", "2"):
        main(call(folder, "truth.png", "--mask-kind", "strokes", "--json", "--seed", seed))
        rows.append(json.loads(capsys.readouterr().out))
    assert rows[0]["hole_mse"] == rows[1]["hole_mse"] != rows[2]["hole_mse"]


def test_neuron_options(folder, capsys):
    results = {}
    for name, words in {
        "plain": [],
        "closed": ["--engine", "closed-form"],
        "count": ["--readout", "count", "--duration", "50"],
        "dt": ["--dt", "0.5"],
        "noise": ["--noise", "0.2"],
        "feature": ["--feature-noise", "0.1"],
    }.items():
        panel = ["--no-panel"]  # which takes longer than all the rest
        main(call(folder, "truth.png", "--mask-kind", "boxes", "--json", *panel, *words))
        results[name] = json.loads(capsys.readouterr().out)
    assert results["plain"]["hole_mse"] == results["closed"]["hole_mse"]
    assert results["plain"]["hole_mse"] == results["dt"]["hole_mse"]
    assert results["closed"]["spikes"] == 0
    assert results["count"]["spikes"] > 1.5 * results["plain"]["spikes"]
    for name in ("count", "noise", "feature"):
        assert results[name]["hole_mse"] != results["plain"]["hole_mse"]


def test_qualities(folder, capsys):
    words = ["truth.png", "--mask-kind", "boxes", "--no-panel", "--quality"]
    rows = {}
    for quality in ("fast", "default", "best"):
        main(call(folder, *words, quality, "--json"))
        rows[quality] = json.loads(capsys.readouterr().out)
        assert rows[quality]["quality"] == quality
    assert rows["fast"]["hole_mse"] == rows["default"]["hole_mse"] != rows["best"]["hole_mse"]
    assert rows["fast"]["engine"] == "closed-form"
    assert rows["fast"]["neurons"] == 0
    assert rows["best"]["neurons"] == 8 * rows["default"]["neurons"] > 0

    main(call(folder, *words, "fast"))
    assert "nothing simulated: closed form" in capsys.readouterr().out
    main(call(folder, *words, "best"))
    printed = capsys.readouterr().out
    assert "mean of the picture's eight flips and rotations" in printed
    assert f"simulated {rows['best']['neurons']:,} neurons" in printed


def test_help_tells_what_a_quality_simulates(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "--quality {fast,default,best}" in printed
    assert "fast: simulate nothing" in printed


def test_quiet_says_nothing(folder, capsys):
    main(call(folder, "truth.png", "--mask-kind", "boxes", "--quiet"))
    printed = capsys.readouterr()
    assert printed.out == printed.err == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["truth.png"], "say what is missing"),
        (["none.png", "--mask", "mask.png"], r"none\.png"),
        (["broken.png", "--mask", "mask.png"], r"broken\.png"),
        (["truth.png", "--mask", "none.png"], r"none\.png"),
        (["truth.png", "--mask", "small.png"], "must be of the same size"),
        (["truth.png", "--mask", "empty.png"], "mask is empty"),
        (["truth.png", "--mask", "full.png"], "mask is full"),
        (["truth.png", "--mask", "mask.png", "--truth", "small.png"], "they must agree"),
        (["truth.png", "--truth", "mask.png"], "--truth needs --mask"),
        (["truth.png", "--mask", "mask.png", "--mask-kind", "boxes"], "leave out --mask-kind"),
        (["truth.png", "--mask-kind", "boxes", "--coverage", "2"], "coverage"),
        (["truth.png", "truth.png", "--mask-kind", "boxes"], "would be saved as truth_restored"),
        (["truth.png", "--mask-kind", "boxes", "--duration", "-5"], "duration"),
        (["truth.png", "--mask-kind", "boxes", "--dt", "3"], "dt_ms"),
        (["truth.png", "--mask-kind", "boxes", "--noise", "-1"], "noise"),
        (["truth.png", "--mask-kind", "boxes", "--seed", "-1"], "seed"),
        (
            ["truth.png", "--mask-kind", "boxes", "--quality", "fast", "--engine", "brian2"],
            "'fast' simulates nothing, engine 'brian2' every spike",
        ),
        (
            ["truth.png", "--mask-kind", "boxes", "--quality", "fast", "--noise", "0.1"],
            "'fast' simulates nothing, so it knows no current noise",
        ),
    ],
)
def test_bad_input_touches_no_output(folder, words, message):
    (folder / "broken.png").write_bytes((folder / "truth.png").read_bytes()[:200])
    write_image(folder / "small.png", hole(20, 20).astype(np.uint8))
    write_image(folder / "empty.png", np.zeros((96, 80), np.uint8))
    write_image(folder / "full.png", np.ones((96, 80), np.uint8))
    with pytest.raises(InputError, match=message):
        main(call(folder, *words))
    assert not (folder / "out").exists()


@pytest.mark.parametrize("name", ["a$b_{$.png", "日本 é.png", "row.png", "thin.png"])
def test_odd_names_and_shapes(folder, name, capsys):
    shape = {"row.png": (1, 48), "thin.png": (900, 3)}.get(name, (40, 40))
    write_image(folder / name, np.resize(photograph(), (*shape, 3)))
    main(call(folder, name, "--mask-kind", "boxes", "--json", "--coverage", "0.2"))
    printed = capsys.readouterr()
    assert printed.err == ""
    assert (json.loads(printed.out)["ssim"] is None) == (name == "row.png")


def test_floats_beyond_the_unit_range(folder, capsys):
    image = photograph().astype(np.float32) * 4 - 100
    write_image(folder / "wide.tif", image)
    main(call(folder, folder / "wide.tif", "--mask-kind", "boxes", "--engine", "closed-form"))
    assert "biharmonic" in capsys.readouterr().out
    restored = read_image(folder / "out" / "wide_restored.tif")
    assert restored.dtype == np.float32
    assert (restored == image).mean() > 0.8


def test_inputs_are_never_overwritten(folder):
    write_image(folder / "truth_restored.png", photograph())
    words = call(folder, "truth.png", "truth_restored.png", "--mask-kind", "boxes")
    words[-1] = str(folder)
    with pytest.raises(InputError, match="would replace an input"):
        main(words)


def test_output_that_is_a_file(folder):
    words = call(folder, "truth.png", "--mask-kind", "boxes")
    words[-1] = str(folder / "mask.png")
    with pytest.raises(InputError, match="is a file; it must be a folder"):
        main(words)


def test_wrong_model_file(folder):
    with pytest.raises(InputError, match=r"truth\.png is not a readable safetensors file"):
        main(
            [
                str(folder / "truth.png"),
                "--mask-kind",
                "boxes",
                "--model",
                str(folder / "truth.png"),
            ]
        )


def test_one_failure_does_not_stop_the_others(folder, capsys):
    words = call(folder, "none.png", "truth.png", "--mask-kind", "boxes", "--json")
    with pytest.raises(InputError, match="1 of 2 images could not be restored"):
        main(words)
    printed = capsys.readouterr()
    assert json.loads(printed.out)["name"] == "truth.png"
    assert "none.png" in printed.err


def test_exit_code_and_one_line(folder):
    command = [sys.executable, "-m", "bio_scnn.run_inpaint", "none.jpg", "--mask-kind", "boxes"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "none.jpg" in done.stderr


@pytest.fixture
def many(folder):
    """Three pictures in a folder, one of them no picture at all."""
    for name, start in (("a", 0), ("b", 8)):
        write_image(folder / "many" / f"{name}.png", photograph()[start:])
    (folder / "many" / "c.png").write_bytes(b"not an image")
    return folder


@pytest.mark.slow
def test_a_folder_in_several_processes_gives_the_same(many, capsys):
    words = [str(many / "many"), "--model", str(many / "model.safetensors"), "--json"]
    words += ["--mask-kind", "boxes", "--feature-noise", "0.1"]
    with pytest.raises(InputError, match=r"^1 of 3 images could not be restored$"):
        main([*words, "--jobs", "1", "-o", str(many / "out1")])
    here = capsys.readouterr()
    # As people run it: the processes cannot import what is defined in the command's module.
    command = [*words, "--jobs", "2", "-o", str(many / "out2")]
    done = subprocess.run(
        [sys.executable, "-m", "bio_scnn.run_inpaint", *command],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.endswith("error: 1 of 3 images could not be restored\n")
    for printed, errors in ((here.out, here.err), (done.stdout, done.stderr)):
        assert "c.png" in errors
        rows = [json.loads(line) for line in printed.splitlines()]
        assert {row["name"] for row in rows} == {"a.png", "b.png"}
    one, two = (
        {path.name: path.read_bytes() for path in (many / out).iterdir()}
        for out in ("out1", "out2")
    )
    assert len(one) == 4
    assert one == two


def test_what_is_done_is_not_done_again(many, capsys):
    (many / "many" / "c.png").unlink()
    words = call(many, "--mask-kind", "boxes", "--json", "--skip-done")
    main([str(many / "many"), *words])
    assert len(capsys.readouterr().out.splitlines()) == 2
    (many / "out" / "b_restored.png").unlink()
    kept = (many / "out" / "a_restored.png").stat().st_mtime_ns
    main([str(many / "many"), *words])
    printed = capsys.readouterr()
    assert [json.loads(line)["name"] for line in printed.out.splitlines()] == ["b.png"]
    assert "1 of 2 are done" in printed.err
    main([str(many / "many"), *words, "--jobs", "2"])
    assert capsys.readouterr().out == ""
    assert (many / "out" / "a_restored.png").stat().st_mtime_ns == kept


def test_jobs_are_counted_from_one(folder):
    with pytest.raises(InputError, match=r"--jobs is 0; it must be at least 1"):
        main(call(folder, "truth.png", "--mask-kind", "boxes", "--jobs", "0"))
