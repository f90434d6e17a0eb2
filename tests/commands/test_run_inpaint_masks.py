"""Masks at the command line: what is meant is restored, doubts are told, a proposal is shown."""

import json

import numpy as np
import pytest
import tifffile
from helpers import hole, photograph, random_model

from bio_scnn import InputError
from bio_scnn.data.images import read_image, write_image
from bio_scnn.network.checkpoint import save_model
from bio_scnn.run_inpaint import main

WHITE = hole().astype(np.uint8) * 255


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the command in a folder with a picture; gives its JSON rows and what it warned of."""
    monkeypatch.chdir(tmp_path)
    write_image("p.png", photograph())
    save_model(tmp_path / "m.safetensors", random_model(), {"name": "small"})

    def call(*words, fast=("--quality", "fast", "--no-panel", "--json")):
        main([*map(str, words), "--model", "m.safetensors", *fast])
        printed = capsys.readouterr()
        return [json.loads(line) for line in printed.out.splitlines()], printed.err

    return call


def missing(folder="restored", name="p"):
    """Pixels that a restoration changed."""
    result = read_image(f"{folder}/{name}_restored.png")
    return (result[..., :3] != photograph()).any(axis=-1)


def test_the_error_says_how_to_make_a_mask_and_draws_none(run):
    with pytest.raises(
        InputError, match=r"\(1\) paint .*\(2\) or .*\(3\) or .*--mask auto"
    ) as found:
        run("p.png")
    assert "--mask painted.png" in str(found.value)
    assert "kind" not in str(found.value)


def test_painted_over_a_copy(run):
    painted = photograph().copy()
    painted[hole()] = (255, 0, 0)
    write_image("painted.png", painted)
    ((row,), warned) = run("p.png", "--mask", "painted.png")
    assert row["coverage"] == hole().mean()
    assert row["mask"] == "where it differs from the picture"
    assert not warned
    changed = missing()
    assert not (changed & ~hole()).any()
    assert changed.sum() > 0.9 * hole().sum()


def test_inverted_grown_and_mostly_missing(run):
    write_image("inv.png", 255 - WHITE)
    ((row,), warned) = run("p.png", "--mask", "inv.png")
    assert "inv.png marks" in warned
    assert "--mask-invert" in warned
    assert row["coverage"] == 1 - hole().mean()
    assert row["warnings"]
    ((row,), warned) = run("p.png", "--mask", "inv.png", "--mask-invert", "--overwrite")
    assert row["coverage"] == hole().mean()
    assert not warned
    ((more,), _) = run("p.png", "--mask", "inv.png", "--mask-invert", "--mask-grow", "2")
    assert row["coverage"] < more["coverage"] < 2 * row["coverage"]
    few = np.full(WHITE.shape, 255, np.uint8)
    few[:2] = 0
    write_image("few.png", few)
    with pytest.raises(InputError, match=r"marks 97\.9 % as missing"):
        run("p.png", "--mask", "few.png")
    run("p.png", "--mask", "few.png", "--max-missing", "1")
    for words in (("--mask-grow", "-1"), ("--max-missing", "0")):
        with pytest.raises(InputError, match=words[0]):
            run("p.png", "--mask", "few.png", *words)
    with pytest.raises(InputError, match="need --mask"):
        run("p.png", "--mask-kind", "boxes", "--mask-grow", "1")


def test_the_same_file_as_picture_and_mask(run, tmp_path):
    with pytest.raises(InputError, match="given as picture and as mask"):
        run("p.png", "--mask", "p.png")
    assert not (tmp_path / "restored").exists()


def test_a_folder_of_masks(run):
    for name in "ab":
        write_image(f"photos/{name}.png", photograph())
    write_image("masks/a.png", WHITE)
    write_image("masks/b_mask.png", 255 - WHITE)
    rows, _ = run("photos", "--mask", "masks", "-o", "out")
    assert {row["name"]: row["coverage"] for row in rows} == {
        "a.png": hole().mean(), "b.png": 1 - hole().mean(),
    }  # fmt: skip
    write_image("photos/c.png", photograph())
    with pytest.raises(InputError, match="1 of 3 images"):
        run("photos", "--mask", "masks", "-o", "out")
    with pytest.raises(InputError, match=r"has 1 page\(s\), and 2 masks are given"):
        run("photos/a.png", "--mask", "masks/a.png", "--mask", "masks/b_mask.png")


def test_a_mask_for_each_page(run):
    pages = [photograph(), photograph()[::-1].copy()]
    tifffile.imwrite("two.tif", np.stack(pages), photometric="rgb")
    other = np.roll(WHITE, 7, axis=1)
    write_image("a.png", WHITE)
    write_image("b.png", other)
    tifffile.imwrite("both.tif", np.stack([WHITE, other]), photometric="minisblack")
    for words in (("--mask", "a.png", "--mask", "b.png"), ("--mask", "both.tif")):
        rows, _ = run("two.tif", *words, "-o", words[-1][:-4])
        assert [row["page"] for row in rows] == [1, 2]
        result = tifffile.imread(f"{words[-1][:-4]}/two_restored.tif")
        for page, before, mask in zip(result, pages, (WHITE, other), strict=True):
            changed = (page != before).any(axis=-1)
            assert not (changed & (mask == 0)).any()
            assert changed.sum() > 0.9 * (mask > 0).sum()
    with pytest.raises(InputError, match=r"has 2 page\(s\), and 3 masks are given"):
        run("two.tif", *["--mask", "a.png"] * 3)
    with pytest.raises(InputError, match="--mask auto needs --page"):
        run("two.tif", "--mask", "auto", "--yes")


def test_masks_beside_the_pictures_are_not_restored(run):
    write_image("photos/a.png", photograph())
    write_image("photos/a_mask.png", WHITE)
    rows, _ = run("photos", "--mask", "photos", "-o", "out")
    assert [row["name"] for row in rows] == ["a.png"]


def test_what_holds_no_data_is_filled_or_left(run):
    heights = 500 + photograph()[..., 0].astype(np.float32)
    empty = np.zeros(heights.shape, bool)
    empty[50:60, 10:30] = True
    holed = np.where(empty, np.float32(-1), heights)
    tag = [(42113, "s", 0, "-1", True)]
    tifffile.imwrite("h.tif", holed, extratags=tag, compression="zlib")
    write_image("m.png", WHITE)
    ((row,), warned) = run("h.tif", "--mask", "m.png")
    assert "200 pixels hold no data" in warned or "pixels hold no data; they stay" in warned
    result = read_image("restored/h_restored.tif")
    np.testing.assert_array_equal(result[~hole()], holed[~hole()])
    assert result[hole()].min() > 400
    ((row,), warned) = run("h.tif", "--mask", "nodata", "-o", "filled")
    assert row["coverage"] == empty.mean()
    assert not warned
    result = read_image("filled/h_restored.tif")
    np.testing.assert_array_equal(result[~empty], heights[~empty])
    assert result[empty].min() > 400
    with pytest.raises(InputError, match="has no pixel without data"):
        run("p.png", "--mask", "nodata")
    # Measured and drawn as well, without a warning of NumPy.
    tifffile.imwrite("n.tif", np.where(empty, np.float32(np.nan), heights))
    write_image("t.tif", heights)
    run("n.tif", "--mask", "m.png", "--truth", "t.tif", fast=("--quality", "fast", "--quiet"))
    run("n.tif", "--mask-kind", "boxes", "-o", "o2", fast=("--quality", "fast", "--json"))


@pytest.fixture
def scratched(tmp_path):
    """A smooth picture with a scratch."""
    y, x = np.mgrid[:96, :80]
    picture = (120 + 40 * np.sin(x / 40) + 30 * np.cos(y / 30)).astype(np.uint8)
    picture[10:90, 40:42] = 255
    write_image(tmp_path / "s.png", picture)
    return picture


def test_a_proposal_is_shown_before_anything_is_restored(run, scratched, tmp_path):
    ((row,), warned) = run("s.png", "--mask", "auto")
    assert not warned
    assert row["output"] is None
    files = {path.name for path in (tmp_path / "restored").iterdir()}
    assert files == {"s_proposed_mask.png", "s_proposed_preview.png"}
    mask = read_image(row["proposed_mask"])
    assert set(np.unique(mask)) == {0, 255}
    assert (mask[10:90, 40:42] == 255).all()
    assert row["coverage"] == (mask > 0).mean() < 0.06
    preview = read_image(row["preview"])
    np.testing.assert_array_equal(preview[mask == 0], scratched[mask == 0][:, None].repeat(3, 1))
    assert (preview[mask > 0] == (255, 51, 153)).all()

    ((row,), _) = run("s.png", "--mask", "auto", "--yes")
    restored = read_image(row["output"])
    np.testing.assert_array_equal(restored[mask == 0], scratched[mask == 0])
    assert (restored != scratched)[10:90, 40:42].mean() > 0.9
    # The same by the mask that was written.
    ((row,), _) = run("s.png", "--mask", "restored/s_proposed_mask.png", "-o", "by_hand")
    np.testing.assert_array_equal(read_image(row["output"]), restored)
    with pytest.raises(InputError, match="--yes goes with --mask auto"):
        run("s.png", "--mask", "restored/s_proposed_mask.png", "--yes")


def test_nothing_to_propose(run, tmp_path):
    write_image("flat.png", np.full((60, 60), 90, np.uint8))
    with pytest.raises(InputError, match="nothing in it looks like a scratch"):
        run("flat.png", "--mask", "auto")
    assert not (tmp_path / "restored").exists()
