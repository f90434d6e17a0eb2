"""Pages and frames: all of them are read and written, and other pictures in a file are named."""

import numpy as np
import pytest
import tifffile
from helpers import hole, photograph
from PIL import Image
from restored import written_again

from bio_scnn import InputError
from bio_scnn.data.images import read_image
from bio_scnn.data.pictures import picture_file, read_picture

KNOWN = ~hole()
FRAMES = [np.roll(photograph(), 10 * number, axis=1) for number in range(3)]


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.gif", {}), ("a.webp", {"lossless": True}), ("a.png", {})],
)
@pytest.mark.parametrize("target", ["again.png", "again.webp"])
def test_frames_of_animations(tmp_path, name, options, target):
    durations = [100, 200, 300]
    first, *more = map(Image.fromarray, FRAMES)
    first.save(
        tmp_path / name, save_all=True, append_images=more, duration=durations, loop=0, **options
    )
    with Image.open(tmp_path / name) as opened:
        before = []
        for number in range(3):
            opened.seek(number)
            before.append(np.asarray(opened.convert("RGB")))
    page = read_picture(tmp_path / name, 2)
    assert page.pages == 3
    np.testing.assert_array_equal(page.pixels[..., :3], before[2])
    assert written_again(tmp_path / name, tmp_path / target) == []
    with Image.open(tmp_path / target) as back:
        assert back.n_frames == 3
        assert back.info["loop"] == 0
        for number, frame in enumerate(before):
            back.seek(number)
            back.load()
            assert back.info["duration"] == durations[number]
            after = np.asarray(back.convert("RGB"))
            np.testing.assert_array_equal(after[KNOWN], frame[KNOWN])
            assert (after[~KNOWN] == 76).all()


def test_a_still_picture_does_not_become_an_animation(tmp_path):
    Image.fromarray(FRAMES[0]).save(tmp_path / "a.gif")
    written_again(tmp_path / "a.gif", tmp_path / "b.png")
    assert b"acTL" not in (tmp_path / "b.png").read_bytes()


def test_pages_of_tiff_files_are_each_what_they_were(tmp_path):
    pages = [
        (photograph(), {"photometric": "rgb", "resolution": (300, 300), "resolutionunit": 2}),
        (photograph(50, 70)[..., 0] > 99, {"photometric": "miniswhite", "compression": "zlib"}),
        (photograph()[..., 1].astype(np.uint16) * 200, {"photometric": "minisblack"}),
    ]
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for pixels, options in pages:
            writer.write(pixels, metadata=None, description=f"{pixels.dtype}", **options)
    assert written_again(tmp_path / "a.tif", tmp_path / "b.tif") == []
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert len(file.pages) == 3
        for (pixels, _), page in zip(pages, file.pages, strict=True):
            again = page.asarray()
            assert again.dtype == pixels.dtype
            known = ~hole(*pixels.shape[:2])
            np.testing.assert_array_equal(again[known], pixels[known])
            assert page.description == str(pixels.dtype)
        assert [int(page.compression) for page in file.pages] == [1, 8, 1]
        assert file.pages[0].tags[282].value == (300, 1)
    with Image.open(tmp_path / "b.tif") as back:
        assert back.n_frames == 3


def test_pages_that_a_format_cannot_hold_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.stack(FRAMES), photometric="rgb", metadata=None)
    for name in ("b.png", "b.jpg"):
        with pytest.raises(InputError, match=r"does not hold 3 pages; use \.tif, or.*--page"):
            written_again(tmp_path / "a.tif", tmp_path / name)
    page = read_picture(tmp_path / "a.tif", 1)
    data, lost = picture_file(tmp_path / "b.png", [(page, page.pixels, hole())])
    (tmp_path / "b.png").write_bytes(data)
    np.testing.assert_array_equal(read_image(tmp_path / "b.png"), FRAMES[1])
    assert lost == []


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.gif", "a.jpg", "a.pgm"])
def test_pages_that_are_not_there(tmp_path, name):
    if name == "a.pgm":
        (tmp_path / name).write_bytes(b"P5 2 1 65535\n" + bytes(4))
    else:
        Image.fromarray(photograph()).save(tmp_path / name)
    with pytest.raises(InputError, match=r"has 1 page\(s\); there is no page 2"):
        read_picture(tmp_path / name, 1)


def test_reduced_copies_are_no_pages(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(FRAMES[0], photometric="rgb", metadata=None)
        writer.write(FRAMES[0][::2, ::2], photometric="rgb", metadata=None, subfiletype=1)
        writer.write(KNOWN, photometric=4, metadata=None, subfiletype=4)
        writer.write(FRAMES[1], photometric="rgb", metadata=None)
    assert read_picture(tmp_path / "a.tif").pages == 2
    np.testing.assert_array_equal(read_picture(tmp_path / "a.tif", 1).pixels, FRAMES[1])
    lost = written_again(tmp_path / "a.tif", tmp_path / "b.tif")
    assert lost == ["reduced copies and masks of pages"]


def test_previews_of_cameras_are_no_pages(tmp_path):
    first, second = (Image.fromarray(frame) for frame in FRAMES[:2])
    first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[second])
    page = read_picture(tmp_path / "a.jpg")
    assert page.pages == 1
    assert written_again(tmp_path / "a.jpg", tmp_path / "b.png") == ["MPO's further pictures"]


def test_one_page_of_a_stack_is_not_described_as_all(tmp_path):
    for name, options in (("shaped", {}), ("imagej", {"imagej": True}), ("ome", {"ome": True})):
        path = tmp_path / f"{name}.tif"
        stack = np.stack([frame[..., 0] for frame in FRAMES])
        tifffile.imwrite(path, stack, photometric="minisblack", **options)
        first = read_picture(path)
        if name == "imagej":  # of one directory for all of them
            assert first.metadata.lost == ("ImageJ's further frames",) or first.pages == 3
        data, _ = picture_file(tmp_path / "b.tif", [(first, first.pixels, hole())])
        (tmp_path / "b.tif").write_bytes(data)
        np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), stack[0])
        if first.pages == 3:
            written_again(path, tmp_path / "b.tif")
            again = tifffile.imread(tmp_path / "b.tif")
            np.testing.assert_array_equal(again[:, KNOWN], stack[:, KNOWN])


def test_raw_photographs_and_endless_chains_are_refused(tmp_path, monkeypatch):
    from bio_scnn.data import tiff

    tifffile.imwrite(tmp_path / "a.tif", FRAMES[0][..., 0], photometric="cfa")
    with pytest.raises(InputError, match="raw photograph"):
        read_picture(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "a.tif", np.stack(FRAMES), photometric="rgb")
    monkeypatch.setattr(tiff, "_MOST_PAGES", 2)
    with pytest.raises(InputError, match="has 3 pages; no more than 2"):
        read_picture(tmp_path / "a.tif")
