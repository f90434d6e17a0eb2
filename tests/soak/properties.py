"""Properties of the readers, for any input that hypothesis finds."""

from __future__ import annotations

import contextlib
import io
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tomli_w
from helpers import random_model
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tiny_training import CONFIG

from bio_scnn import InputError
from bio_scnn.crossval.exchange import read_npy
from bio_scnn.crossval.identify.recording_files import read_recording
from bio_scnn.crossval.vectors import check_vectors
from bio_scnn.data.images import IMAGE_SUFFIXES, read_image, read_mask, write_image
from bio_scnn.data.pictures import read_picture
from bio_scnn.network.checkpoint import load_model, save_model
from bio_scnn.runtime.config import from_table, read_toml, to_table
from bio_scnn.training.settings import Config
from tests.hostile.files import NIRFiles, Vectors
from tests.hostile.headers import picture_files
from tests.hostile.running import available
from tests.soak.outcome import Outcome

Property = Callable[..., None]

SIDES = st.integers(1, 40)
DTYPES = st.sampled_from(["uint8", "uint16", "float32", "float64"])


def refused_in_a_line(path: Path, read: Callable[[Path], object]) -> None:
    """What a reader must do with any file: read it, or name it in one line."""
    try:
        read(path)
    except InputError as error:
        said = str(error)
        assert path.name in said, said
        assert len(said.splitlines()) == 1, said
        assert len(said) < 1500, said


@st.composite
def damaged(draw: st.DrawFn, valid: bytes) -> bytes:
    """The bytes of a valid file with a few places changed, cut off or doubled."""
    data = bytearray(valid)
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, max(len(data) - 1, 0)))
        data[place : place + draw(st.integers(0, 4))] = draw(st.binary(max_size=8))
    return bytes(data[: draw(st.one_of(st.none(), st.integers(0, len(data))))])


def pictures_come_back(folder: Path) -> Property:
    @given(st.data(), SIDES, SIDES, DTYPES, st.integers(1, 4), st.booleans())
    def test(data, height, width, dtype, channels, png):
        suffix = ".png" if png and dtype.startswith("u") else ".tif"
        shape = (height, width) if channels == 1 else (height, width, channels)
        elements = {"elements": st.floats(0, 1, width=32)} if dtype[0] == "f" else {}
        image = data.draw(hnp.arrays(dtype, shape, **elements))
        write_image(folder / f"a{suffix}", image)
        read = read_image(folder / f"a{suffix}")
        assert read.dtype == image.dtype
        np.testing.assert_array_equal(read, image)

    return test


def masks_come_back(folder: Path) -> Property:
    @given(hnp.arrays(bool, st.tuples(SIDES, SIDES)), st.sampled_from([".png", ".tif", ".bmp"]))
    def test(mask, suffix):
        if mask.all() or not mask.any():
            return
        write_image(folder / f"m{suffix}", mask.astype(np.uint8) * 255)
        np.testing.assert_array_equal(read_mask(folder / f"m{suffix}"), mask)

    return test


def damaged_pictures(folder: Path) -> Property:
    files = picture_files()

    @given(st.data(), st.sampled_from(sorted(files)))
    def test(data, name):
        path = folder / name
        path.write_bytes(data.draw(damaged(files[name])))
        refused_in_a_line(path, lambda p: read_picture(p, max_pixels=100_000))

    return test


def any_bytes(folder: Path) -> Property:
    @given(st.binary(max_size=300), st.sampled_from(sorted(IMAGE_SUFFIXES)))
    def test(data, suffix):
        path = folder / f"b{suffix}"
        path.write_bytes(data)
        refused_in_a_line(path, lambda p: read_image(p, max_pixels=100_000))

    return test


def models(folder: Path) -> Property:
    path, model = folder / "small.safetensors", random_model().astype(np.float32)
    save_model(path, model, {"name": "small"})
    valid = path.read_bytes()

    @given(damaged(valid))
    def test(data):
        path.write_bytes(data)

        def same(path: Path) -> None:
            read, _ = load_model(path)
            assert (read.architecture, read.lif) == (model.architecture, model.lif)
            for name, value in model.params.items():
                np.testing.assert_array_equal(read.params[name], value)

        refused_in_a_line(path, same)

    return test


def configurations(folder: Path) -> Property:
    path = folder / "tiny.toml"
    path.write_text(CONFIG)
    config = from_table(Config, read_toml(path), "tiny")
    valid = tomli_w.dumps(to_table(config)).encode()

    @given(damaged(valid))
    def test(data):
        path.write_bytes(data)
        refused_in_a_line(path, lambda p: from_table(Config, read_toml(p), str(p)))

    path.write_bytes(valid)
    assert from_table(Config, read_toml(path), "tiny") == config
    return test


def recordings(folder: Path) -> Property:
    values = hnp.arrays("float64", (7, 3), elements=st.floats(-1e6, 1e6))

    @given(st.data(), values, st.sampled_from(["csv", "npy", "npz"]))
    def test(data, table, kind):
        path, file = folder / f"r.{kind}", io.BytesIO()
        if kind == "csv":
            rows = [",".join(map(repr, row)) for row in table.tolist()]
            file.write("\n".join(["input,V,spike", *rows]).encode())
        elif kind == "npy":
            np.save(file, table)
        else:
            np.savez(file, **dict(zip(("input", "V", "spikes"), table.T, strict=True)))
        path.write_bytes(file.getvalue())
        found = read_recording(path)
        for name, column in zip(("input", "V", "spikes"), table.T, strict=True):
            np.testing.assert_array_equal(found[name], column)
        path.write_bytes(data.draw(damaged(file.getvalue())))
        refused_in_a_line(path, read_recording)

    return test


def arrays(folder: Path) -> Property:
    path = folder / "a.npy"

    @given(st.data(), hnp.arrays(DTYPES, hnp.array_shapes(max_side=5)))
    def test(data, array):
        np.save(path, array)
        np.testing.assert_array_equal(read_npy(path), array)
        path.write_bytes(data.draw(damaged(path.read_bytes())))
        with contextlib.suppress(ValueError, OSError):
            read_npy(path)

    return test


def vectors(folder: Path) -> Property:
    subject = Vectors(folder)
    subject.damage(np.random.default_rng(0))
    manifest = folder / "manifest.json"

    @given(st.integers(0, 2**31), st.one_of(st.none(), damaged(manifest.read_bytes())))
    def test(number, text):
        subject.damage(np.random.default_rng(number))
        if text is not None:
            manifest.write_bytes(text)
        refused_in_a_line(folder, check_vectors)

    return test


def nir_files(folder: Path) -> Property:
    subject = NIRFiles(folder)

    @given(st.integers(0, 2**31))
    def test(number):
        subject.damage(np.random.default_rng(number))
        refused_in_a_line(subject.path, lambda _path: subject.use())

    return test


PROPERTIES = (
    pictures_come_back, masks_come_back, damaged_pictures, any_bytes, models, configurations,
    recordings, arrays, vectors, nir_files,
)  # fmt: skip
BATCH = 100


def readers(folder: Path, number: int, until: float, first: int) -> list[Outcome]:
    """Each property on as many inputs as there is time for, in turns."""
    there = [p for p in PROPERTIES if p is not nir_files or available("NIR files")]
    done, seconds = dict.fromkeys(there, 0), dict.fromkeys(there, 0.0)
    findings: dict[Callable, list[str]] = {p: [] for p in there}
    turn = 0
    while turn == 0 or (time.monotonic() < until and sum(done.values()) < number):
        for one in there:
            began = time.monotonic()
            place = folder / one.__name__
            place.mkdir(exist_ok=True)
            quiet = settings(
                max_examples=BATCH, deadline=None, database=None,
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    seed(first + turn)(quiet(one(place)))()
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                note = " ".join(" ".join(getattr(error, "__notes__", [])).split())[:400]
                findings[one].append(f"{type(error).__name__}: {str(error)[:300]} ({note})")
            done[one] += BATCH
            seconds[one] += time.monotonic() - began
            if time.monotonic() > until and turn:
                break
        turn += 1
    return [
        Outcome(
            f"readers: {p.__name__}", done[p], number // len(there), seconds[p], "", findings[p]
        )
        for p in there
    ]
