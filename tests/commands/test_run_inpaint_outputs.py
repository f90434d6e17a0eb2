"""Output files of the command line: nothing that was there is lost, by any name."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from helpers import hole, photograph, random_model
from PIL import Image

from bio_scnn import InputError
from bio_scnn.data.images import read_image, write_image
from bio_scnn.network.checkpoint import save_model
from bio_scnn.run_inpaint import main

WHITE = hole().astype(np.uint8) * 255


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the command in a folder with a picture and a mask; gives what it printed."""
    monkeypatch.chdir(tmp_path)
    write_image("p.png", photograph())
    write_image("mask.png", WHITE)
    save_model(tmp_path / "m.safetensors", random_model(), {"name": "small"})

    def call(*words):
        main([*map(str, words), "--model", "m.safetensors", "--quality", "fast"])
        return capsys.readouterr()

    return call


def contents(folder):
    """Bytes of all files below a folder."""
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("role", ["mask", "picture", "truth", "mask of a folder", "link"])
@pytest.mark.parametrize("what", ["panel", "restored", "Panel"])
def test_no_input_is_replaced(run, tmp_path, role, what):
    name = f"p_{what}.png"
    write_image(name, photograph() if role in ("picture", "truth") else WHITE)
    words = {
        "mask": ["p.png", "--mask", name],
        "picture": ["p.png", name, "--mask", "mask.png"],
        "truth": ["p.png", "--mask", "mask.png", "--truth", name],
        "mask of a folder": ["p.png", "--mask", "masks"],
        "link": ["p.png", "--mask", "link.png"],
    }[role]
    out = "."
    if role == "mask of a folder":
        write_image("masks/p.png", WHITE)
        (tmp_path / name).rename(tmp_path / "masks" / name)
        out = "masks"
    (tmp_path / "link.png").symlink_to(name)
    (tmp_path / "other").symlink_to(out)
    before = contents(tmp_path)
    with pytest.raises(InputError, match=r"would replace an input, .*; use another --output"):
        run(*words, "-o", "other")
    assert contents(tmp_path) == before


def test_no_two_results_under_one_name(run):
    write_image("a/x.png", photograph())
    write_image("b/X.bmp", photograph())
    with pytest.raises(InputError, match=r"saved as X_restored\.png: a/x\.png and b/X\.bmp"):
        run("a/x.png", "b/X.bmp", "--mask-kind", "boxes")


def test_the_model_is_an_input(run, tmp_path):
    (tmp_path / "p_restored.png").write_bytes((tmp_path / "m.safetensors").read_bytes())
    with pytest.raises(InputError, match="would replace an input, p_restored"):
        main(["p.png", "--mask", "mask.png", "-o", ".", "--model", "p_restored.png"])


@pytest.mark.parametrize("name", ["result.jpg", "deep/Result.PNG", "r.tif", "r.webp", "r.bmp"])
def test_a_file_is_written_under_its_name(run, tmp_path, name):
    run("p.png", "--mask", "mask.png", "-o", name)
    path = tmp_path / name
    panel = f"{path.stem}_panel.png"
    assert {file.name for file in path.parent.iterdir()} >= {path.name, panel}
    with Image.open(path) as image:
        assert image.size == (80, 96)
    if path.suffix != ".jpg":
        np.testing.assert_array_equal(read_image(path)[~hole()], photograph()[~hole()])
    run("p.png", "--mask", "mask.png", "-o", name)  # over our own, again


def test_an_output_that_cannot_be_meant(run, tmp_path):
    write_image("q.png", photograph())
    for words, message in (
        (["p.png", "q.png", "-o", "r.png"], "names one file, and there are 2 pictures"),
        (["p.png", "-o", "q.png"], "is a file; it must be a folder, a new file, or an earlier"),
        (["p.png", "-o", "p.png"], "is a file; it must be"),
        (["p.png", "-o", "r.gif"], r"cannot write files of type '\.gif'"),
    ):
        before = contents(tmp_path)
        with pytest.raises(InputError, match=message):
            run(*words, "--mask", "mask.png")
        assert contents(tmp_path) == before
    (tmp_path / "folder.png").mkdir()
    run("p.png", "--mask", "mask.png", "-o", "folder.png")
    assert (tmp_path / "folder.png" / "p_restored.png").is_file()


@pytest.mark.parametrize("name", ["r.heic", "r.pdf", "R.SVG", "r.npy", "-"])
def test_no_folder_has_the_name_of_a_file(run, tmp_path, name):
    with pytest.raises(InputError, match=r"cannot write files of type|--output - is no file"):
        run("p.png", "--mask", "mask.png", "-o", name)
    assert not (tmp_path / name).exists()


def test_results_and_masks_below_the_pictures_are_no_pictures(run, tmp_path):
    write_image("in/a.png", photograph())
    write_image("in/below/b.png", photograph())
    write_image("in/masks/a.png", WHITE)
    write_image("in/masks/b.png", WHITE)
    words = ["in", "--mask", "in/masks", "-o", "in/done", "--no-panel"]
    for _ in range(2):  # and once more, over the results
        run(*words)
        names = {path.name for path in (tmp_path / "in" / "done").iterdir()}
        assert names == {"a_restored.png", "b_restored.png"}
    assert "2 of 2 are done" in run(*words, "--skip-done").err
    run("in/done", "--mask", "mask.png", "-o", "again", "--no-panel")  # but may be chosen
    assert (tmp_path / "again" / "a_restored_restored.png").is_file()


def test_an_earlier_result_is_kept(run, tmp_path):
    words = ["p.png", "--mask-kind", "boxes", "--no-panel"]
    run(*words, "--seed", "1")
    first = (tmp_path / "restored" / "p_restored.png").read_bytes()
    assert not run(*words, "--seed", "1").err  # the same again replaces itself
    assert list(contents(tmp_path / "restored")) == ["p_restored.png"]
    assert "is kept as p_restored-1.png" in run(*words, "--seed", "2").err
    second = (tmp_path / "restored" / "p_restored.png").read_bytes()
    run(*words, "--seed", "3")
    kept = contents(tmp_path / "restored")
    assert kept["p_restored-1.png"] == first
    assert kept["p_restored-2.png"] == second
    assert len(set(kept.values())) == 3
    run(*words, "--seed", "4", "--overwrite")
    assert len(contents(tmp_path / "restored")) == 3


def test_done_means_complete_and_of_these_settings(run, tmp_path):
    words = ["p.png", "--mask", "mask.png", "--no-panel", "--skip-done"]

    def is_done(*more):
        return "1 of 1 are done" in run(*words, *more).err

    result = tmp_path / "restored" / "p_restored.png"
    assert not is_done()
    assert is_done()
    whole = result.read_bytes()
    result.write_bytes(whole[: len(whole) // 2])
    assert not is_done()
    assert result.read_bytes() == whole
    result.write_bytes(whole[:300] + bytes([whole[300] ^ 1]) + whole[301:])
    assert not is_done()
    for more in (["--mask-grow", "1"], ["--seed", "3"], ["--quality", "best"], ["--nodata", "9"]):
        assert not is_done(*more)
        assert is_done(*more)
    assert not is_done()
    write_image(result, photograph())  # of another program
    assert not is_done()
    for changed in ("p.png", "mask.png"):
        image = read_image(changed)
        image[0, 0] = 255 - image[0, 0]
        write_image(changed, image)
        assert not is_done()
        assert is_done()
    assert "are done" not in run(*words[:3], "--skip-done").err  # its panel is not there
    assert "are done" in run(*words[:3], "--skip-done").err
    save_model(tmp_path / "m.safetensors", random_model(seed=5), {"name": "other"})
    words[0] = "./p.png"
    done = subprocess.run(
        [sys.executable, "-m", "bio_scnn.run_inpaint", *words, "--model", "m.safetensors",
         "--quality", "fast"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "are done" not in done.stderr


@pytest.mark.parametrize("kind", ["pipe", "loop", "nowhere", "folder"])
def test_what_is_no_file_ends_only_itself(run, tmp_path, kind, capsys):
    write_image("many/a.png", photograph())
    odd = tmp_path / "many" / "b.png"
    if kind == "pipe":
        os.mkfifo(odd)
    elif kind == "folder":
        (odd / "c").mkdir(parents=True)
    else:
        odd.symlink_to(odd.name if kind == "loop" else "none.png")
    words = ["many", "--mask-kind", "boxes", "--no-panel", "--json"]
    if kind == "folder":
        assert not run(*words).err
    else:
        with pytest.raises(InputError, match="1 of 2 images could not be restored"):
            run(*words)
        printed = capsys.readouterr()
        assert json.loads(printed.out)["name"] == "a.png"
        assert "b.png: is " in printed.err
        with pytest.raises(InputError, match=r"b\.png: is "):
            run("p.png", "--mask", odd)


def command(folder, *words, **options):
    """Run the command in a process of its own."""
    line = [sys.executable, "-m", "bio_scnn.run_inpaint", *words]
    line += ["--model", "m.safetensors", "--quality", "fast"]
    return subprocess.run(line, cwd=folder, check=False, timeout=100, **options)


def test_names_that_are_no_text(run, tmp_path):
    for name in (b"caf\xe9.png", b"red\x1b[31m.png"):
        (tmp_path / os.fsdecode(name)).write_bytes((tmp_path / "p.png").read_bytes())
        done = command(
            tmp_path, os.fsdecode(name), "--mask-kind", "boxes", "-o", "out", capture_output=True
        )
        assert done.returncode == 0, done.stderr
        assert b"\x1b" not in done.stdout
        assert b"\xe9" not in done.stdout
        assert (tmp_path / "out" / os.fsdecode(name.replace(b".", b"_panel."))).is_file()


def test_a_standard_output_of_few_letters(run, tmp_path):
    write_image("日本.png", photograph())
    few = dict(os.environ, PYTHONIOENCODING="ascii")
    words = ["日本.png", "--mask-kind", "boxes", "--no-panel"]
    done = command(tmp_path, *words, capture_output=True, env=few)
    assert done.returncode == 0, done.stderr
    assert b"\\u65e5\\u672c.png: 96 x 80" in done.stdout


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)])
def test_closed_streams(run, tmp_path, closed):
    shell = " ".join(f"{number}>&-" for number in closed)
    script = f'exec "$@" {shell}'
    line = ["sh", "-c", script, "sh", sys.executable, "-m", "bio_scnn.run_inpaint", "p.png"]
    line += ["--mask", "mask.png", "--model", "m.safetensors", "--quality", "fast", "--no-panel"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    result = read_image(tmp_path / "restored" / "p_restored.png")
    np.testing.assert_array_equal(result[~hole()], photograph()[~hole()])
