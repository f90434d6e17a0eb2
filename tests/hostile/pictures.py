"""Cases of picture and mask files: damaged, lying about their size, or of another kind."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from bio_scnn import run_inpaint
from bio_scnn.data.images import read_image
from bio_scnn.data.pictures import read_picture
from tests.hostile.headers import GREY, RGB, SIDE, by_pillow, by_tifffile, lying, picture_files
from tests.hostile.mutations import bytes_mutated, one_of
from tests.hostile.programs import silently

HOLE = np.zeros((SIDE, SIDE), bool)
HOLE[6:12, 5:15] = True

OTHERS = {
    "empty.png": b"",
    "text.jpg": b"no picture\n" * 9,
    "page.tif": b"<html>" * 40,
    "zip.png": b"PK\3\4" + bytes(60),
    "zeros.bmp": bytes(5000),
    "program.gif": b"\x7fELF" + bytes(range(256)),
    "script.eps.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) run\n",
    "svg.webp": b'<svg xmlns="http://www.w3.org/2000/svg"><script>0</script></svg>',
    "raw.tif": b"II*\0\x08\0\0\0\0\0" + bytes(4),
}
"""Files that are no pictures, by name."""


def restored(words: list) -> None:
    """Restore as the command line does; the error of a damaged file is raised again."""
    fast = ["--quality=fast", "--no-panel", "--quiet", "--max-pixels=100000"]
    silently(run_inpaint.main, [*fast, *map(str, words)])


class Pictures:
    """A picture file in a folder with a good one, which is restored whatever the other is."""

    def __init__(self, folder: Path) -> None:
        self.files, self.folder = picture_files(), folder / "pictures"
        self.output = folder / "restored"

    def damage(self, rng: np.random.Generator) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.output, ignore_errors=True)
        self.folder.mkdir()
        (self.folder / "zz.png").write_bytes(self.files["rgb.png"])
        name = one_of(rng, sorted(self.files))
        data = self.files[name]
        match int(rng.integers(10)):
            case 0:
                pass
            case 1:
                name = one_of(rng, sorted(OTHERS))
                data = OTHERS[name]
            case 2 | 3 | 4 | 5:
                data = lying(name, data, rng)
            case _:
                data = bytes_mutated(data, rng)
        self.path = self.folder / name
        self.path.write_bytes(data)

    def use(self) -> None:
        words = [self.folder, "--mask-kind", "boxes", "-o", self.output]
        try:
            restored(words)
        finally:
            assert (self.output / "zz_restored.png").is_file(), "the good picture is not restored"
            assert not list(self.output.glob(".*")), "a partial file is left"
        (result,) = (p for p in self.output.iterdir() if not p.name.startswith("zz_"))
        before, after = read_picture(self.path), read_picture(result)
        assert before.pixels.shape == after.pixels.shape or before.form != after.form


MASKS = {
    "white.png": by_pillow(HOLE.astype(np.uint8) * 255, "PNG"),
    "ones.png": by_pillow(HOLE.astype(np.uint8), "PNG"),
    "bits.png": by_pillow(HOLE, "PNG"),
    "bits.tif": by_pillow(HOLE, "TIFF", compression="group4"),
    "palette.gif": by_pillow(HOLE.astype(np.uint8) * 255, "GIF"),
    "painted.png": by_pillow(np.where(HOLE[..., None], np.uint8([255, 0, 0]), RGB), "PNG"),
    "erased.png": by_pillow(np.dstack([RGB, np.where(HOLE, 0, 255).astype(np.uint8)]), "PNG"),
    "layer.webp": by_pillow(
        np.dstack([np.zeros_like(RGB), HOLE.astype(np.uint8) * 255]), "WEBP", lossless=True
    ),
    "floats.tif": by_tifffile(HOLE.astype(np.float32)),
    "wide.tif": by_tifffile(HOLE.astype(np.uint16) * 65535, compression="zlib"),
}
"""Masks of `HOLE` in every form that is read exactly."""

ODD = {
    "black.png": np.zeros((SIDE, SIDE), np.uint8),
    "full.png": np.full((SIDE, SIDE), 255, np.uint8),
    "photograph.png": RGB,
    "noise.png": np.random.default_rng(5).integers(0, 256, (SIDE, SIDE), np.uint8),
    "small.png": HOLE[:-1].astype(np.uint8) * 255,
    "one.png": np.ones((1, 1), np.uint8),
    "nan.tif": np.full((SIDE, SIDE), np.nan, np.float32),
    "infinite.tif": np.where(HOLE, np.inf, 0).astype(np.float32),
    "negative.tif": np.where(HOLE, -1, 0).astype(np.int16),
    "five.tif": np.zeros((SIDE, SIDE, 5), np.uint8),
    "nearly.png": np.where(GREY == GREY[0, 0], 0, 255).astype(np.uint8),
}


class Masks:
    """A mask of a good picture."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.output = folder / "masks", folder / "out"
        self.picture = folder / "photo.png"
        Image.fromarray(RGB).save(self.picture)

    def damage(self, rng: np.random.Generator) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.output, ignore_errors=True)
        self.folder.mkdir()
        which, self.exact = int(rng.integers(10)), False
        name = one_of(rng, sorted(MASKS))
        data = MASKS[name]
        if which < 2:
            self.exact = True
        elif which < 4:
            name = one_of(rng, sorted(ODD))
            write = by_tifffile if name.endswith(".tif") else by_pillow
            data = write(ODD[name], **({} if write is by_tifffile else {"kind": "PNG"}))
        elif which < 7:
            data = lying(name, data, rng)
        else:
            data = bytes_mutated(data, rng)
        self.path = self.folder / name
        self.path.write_bytes(data)
        self.words = one_of(rng, ([],) * 6 + (["--mask-invert"], ["--mask-grow", "3"]))
        self.exact = self.exact and not self.words

    def use(self) -> None:
        restored([self.picture, "--mask", self.path, "-o", self.output, *self.words])
        image = read_image(self.output / "photo_restored.png")
        if self.exact:
            np.testing.assert_array_equal(image[~HOLE], RGB[~HOLE])
            assert (image[HOLE] != RGB[HOLE]).any()
        assert os.listdir(self.output) == ["photo_restored.png"]
