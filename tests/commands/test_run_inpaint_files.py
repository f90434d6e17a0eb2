"""The command line on files as people have them: what came in is in the result, or is named."""

import json
import os

import numpy as np
import pytest
import tifffile
from helpers import hole, photograph, random_model
from PIL import Image

from bio_scnn import InputError
from bio_scnn.data.images import read_image, write_image
from bio_scnn.network.checkpoint import save_model
from bio_scnn.run_inpaint import main

MASK = hole()


@pytest.fixture
def run(tmp_path, capsys):
    """The command on a picture of the folder, with its mask; what it prints."""
    save_model(tmp_path / "model.safetensors", random_model(), {"name": "small"})
    write_image(tmp_path / "mask.png", MASK * np.uint8(255))

    def command(name, *words, mask=True, panel=False):
        holes = ["--mask", str(tmp_path / "mask.png")] if mask else ["--mask-kind", "boxes"]
        words = [*map(str, words)]
        holes = [] if "--mask" in words else holes
        words = [*words] if panel else [*words, "--no-panel"]
        main(
            [str(tmp_path / name), *holes, "--quality", "fast", "-o", str(tmp_path / "out"),
             "--model", str(tmp_path / "model.safetensors"), *words]
        )  # fmt: skip
        return capsys.readouterr()

    return command


def test_what_is_not_kept_is_said_in_one_line(run, tmp_path):
    caption = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x08\x1c\x02\x78\0\3abc"
    marker = b"\xff\xed" + (2 + len(caption)).to_bytes(2, "big") + caption
    Image.fromarray(photograph()).save(tmp_path / "a.jpg", extra=marker, dpi=(300, 300))
    printed = run("a.jpg")
    assert printed.err == ""
    (line,) = [line for line in printed.out.splitlines() if "not kept" in line]
    assert line == "  not kept: the IPTC block"
    assert json.loads(run("a.jpg", "--json").out)["not_kept"] == ["the IPTC block"]
    assert run("a.jpg", "--quiet").out == ""
    Image.fromarray(photograph()).save(tmp_path / "a.jpg")
    assert "not kept" not in run("a.jpg").out
    assert "not_kept" not in json.loads(run("a.jpg", "--json").out)


def test_pictures_of_a_folder_that_are_not_read_are_told(run, tmp_path):
    (tmp_path / "phone").mkdir()
    write_image(tmp_path / "phone" / "IMG_1.jpg", photograph())
    (tmp_path / "phone" / "IMG_2.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(90))
    printed = run("phone")
    line = f"warning: {tmp_path / 'phone'}: 1 .heic left out; save them as PNG, JPEG or TIFF"
    assert line in printed.err
    assert (tmp_path / "out" / "IMG_1_restored.png").exists()
    assert run("phone", "--quiet").err == ""


def test_all_pages_are_restored(run, tmp_path):
    pages = [np.roll(photograph(), 9 * number, axis=0) for number in range(3)]
    tifffile.imwrite(tmp_path / "a.tif", np.stack(pages), photometric="rgb", metadata=None)
    printed = run("a.tif", panel=True)
    for number in (1, 2, 3):
        assert f"a.tif, page {number} of 3: 96 x 80" in printed.out
    assert printed.out.count("saved") == 2  # the first page's panel, and the file
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "a_panel.png", "a_restored.tif",
    }  # fmt: skip
    whole = tifffile.imread(tmp_path / "out" / "a_restored.tif")
    for page, restored in zip(pages, whole, strict=True):
        np.testing.assert_array_equal(restored[~MASK], page[~MASK])
        assert (restored[MASK] != page[MASK]).any()
    rows = [json.loads(line) for line in run("a.tif", "--json").out.splitlines()]
    assert [(row["page"], row["pages"]) for row in rows] == [(1, 3), (2, 3), (3, 3)]

    printed = run("a.tif", "--page", "2")
    assert "not kept: its other 2 page(s), as --page says" in printed.out
    one = tifffile.imread(tmp_path / "out" / "a_restored.tif")
    np.testing.assert_array_equal(one, whole[1])
    with pytest.raises(InputError, match=r"has 3 page\(s\); there is no page 4"):
        run("a.tif", "--page", "4")
    with pytest.raises(InputError, match="--page is 0; it must be at least 1"):
        run("a.tif", "--page", "0")
    with pytest.raises(InputError, match=r"its 3 pages .* with --page, .*--max-pixels 23040"):
        run("a.tif", "--max-pixels", "23039")


@pytest.mark.parametrize("painted", [False, True], ids=["white on black", "painted copies"])
def test_pages_without_damage_stay_as_they_are(run, tmp_path, painted):
    pages = np.stack([np.roll(photograph(), 9 * number, axis=0) for number in range(3)])
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="rgb", metadata=None)
    masks = np.stack([0 * MASK, MASK, 0 * MASK])
    white = np.repeat(np.where(masks, 255, 0).astype(np.uint8)[..., np.newaxis], 3, axis=3)
    marked = np.where(masks[..., np.newaxis], np.uint8([255, 0, 0]), pages) if painted else white
    tifffile.imwrite(tmp_path / "m.tif", marked, photometric="rgb", metadata=None)
    printed = run("a.tif", "--mask", tmp_path / "m.tif", mask=False, panel=True)
    assert printed.out.count("nothing is missing here") == 2
    assert (tmp_path / "out" / "a_panel.png").is_file()
    restored = tifffile.imread(tmp_path / "out" / "a_restored.tif")
    changed = (restored != pages).any(axis=3)
    assert changed[1].any()
    assert not (changed & (masks == 0)).any()
    tifffile.imwrite(tmp_path / "none.tif", 0 * white, photometric="rgb", metadata=None)
    with pytest.raises(InputError, match="the mask is empty on all 3 pages"):
        run("a.tif", "--mask", tmp_path / "none.tif", mask=False)
    with pytest.raises(InputError, match="the mask is empty: in"):  # of the only one wanted
        run("a.tif", "--mask", tmp_path / "none.tif", "--page", "2", mask=False)


def test_pages_with_holes_made_for_them_are_measured(run, tmp_path):
    pages = [photograph(), photograph()[::-1]]
    first, second = map(Image.fromarray, pages)
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second], duration=80)
    rows = [json.loads(line) for line in run("a.gif", "--json", mask=False).out.splitlines()]
    assert len(rows) == 2
    assert all(row["hole_psnr"] > 5 for row in rows)
    with Image.open(tmp_path / "out" / "a_restored.png") as back:
        assert back.n_frames == 2


def test_a_page_of_another_size_than_the_mask(run, tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for page in (photograph(), photograph(50, 80)):
            writer.write(page, photometric="rgb", metadata=None)
    with pytest.raises(InputError, match="must be of the same size"):
        run("a.tif")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["1", "P", "CMYK", "I;16", "LA", "RGBA", "F"])
def test_modes_come_out_as_they_went_in(run, tmp_path, kind):
    image = Image.fromarray(photograph())
    if kind == "I;16":
        image = Image.fromarray(photograph()[..., 0].astype(np.uint16) * 255)
    else:
        image = image.quantize(40) if kind == "P" else image.convert(kind)
    name = "a.tif" if kind in ("CMYK", "F") else "a.png"
    image.save(tmp_path / name)
    assert "not kept" not in run(name).out
    with Image.open(tmp_path / "out" / f"a_restored{name[1:]}") as back:
        assert back.mode == kind
        shown = "RGBA" if kind == "P" else kind
        before, after = (np.asarray(one.convert(shown)) for one in (image, back))
    np.testing.assert_array_equal(after[~MASK], before[~MASK])
    assert (after[MASK] != before[MASK]).any()


@pytest.mark.parametrize("dtype", ["int16", "int32", "uint32", "float16"])
def test_other_numbers_are_restored_in_their_own_range(run, tmp_path, dtype):
    heights = (photograph()[..., 0].astype(float) * 10 - (500 if dtype != "uint32" else 0)) / 4
    image = heights.astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack")
    row = json.loads(run("a.tif", "--json", mask=False).out)
    restored = tifffile.imread(tmp_path / "out" / "a_restored.tif")
    assert restored.dtype == dtype
    assert (restored == image).mean() > 0.8
    assert float(restored.min()) >= float(image.min()) - 1
    assert float(restored.max()) <= float(image.max()) + 1
    assert row["hole_psnr"] > 8


def test_eight_bits_in_sixteen_are_restored_as_well_as_eight(run, tmp_path):
    scores = []
    for dtype in (np.uint8, np.uint16):
        write_image(tmp_path / "a.png", photograph().astype(dtype))
        scores.append(json.loads(run("a.png", "--json", mask=False).out))
    assert scores[1]["hole_psnr"] == pytest.approx(scores[0]["hole_psnr"], abs=1e-9)
    restored = read_image(tmp_path / "out" / "a_restored.png")
    assert restored.dtype == np.uint16
    assert restored.max() <= 255


def test_the_limit_of_pixels_and_how_to_lift_it(run, tmp_path):
    write_image(tmp_path / "a.png", photograph())
    with pytest.raises(InputError, match=r"a\.png: says it has 80 x 96 pixels.*--max-pixels 7680"):
        run("a.png", "--max-pixels", "7679")
    assert "saved" in run("a.png", "--max-pixels", "7680").out


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs here")
def test_what_is_no_regular_file_is_refused(run, tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a\.png: is no regular file"):
        run("a.png")
