"""Pictures written to files, and their codes as floats."""

import os

import numpy as np
import pytest
from picture_files import random_image

from bio_scnn.data.images import (
    from_float,
    output_path_for,
    read_image,
    to_float,
    write_image,
)
from bio_scnn.errors import InputError


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("a.jpg", random_image(3, "uint16")),
        ("a.jpg", random_image(4, "uint8")),
        ("a.png", random_image(3, "float32")),
        ("a.bmp", random_image(1, "uint16")),
        ("a.gif", random_image(1, "uint8")),
        ("a", random_image(1, "uint8")),
        ("a.png", random_image(5, "uint8")),
        ("a.png", np.zeros((0, 4), np.uint8)),
        ("a.png", np.zeros(4, np.uint8)),
        ("a.tif", np.zeros((4, 4), np.int64)),
    ],
)
def test_what_a_format_cannot_hold_is_refused(tmp_path, name, image):
    with pytest.raises(InputError, match=name) as caught:
        write_image(tmp_path / name, image)
    assert "\n" not in str(caught.value)
    assert not any(tmp_path.iterdir())


def test_failed_writing_leaves_the_old_file_alone(tmp_path, monkeypatch):
    path, old = tmp_path / "a.png", random_image(3, "uint8")
    write_image(path, old)

    def fail(source, target):
        assert os.path.getsize(source) > 0
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(InputError, match="disk full"):
        write_image(path, 255 - old)
    np.testing.assert_array_equal(read_image(path), old)
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_a_file_in_the_way_of_a_folder(tmp_path):
    (tmp_path / "a").write_text("a file")
    with pytest.raises(InputError, match=r"cannot be written"):
        write_image(tmp_path / "a" / "b.png", random_image(1, "uint8"))


def test_jpeg_is_close(tmp_path):
    row, column = np.mgrid[:32, :32]
    image = np.stack([row * 8, column * 8, 255 - row * 4], axis=-1).astype(np.uint8)
    write_image(tmp_path / "a.jpg", image)
    error = read_image(tmp_path / "a.jpg").astype(int) - image
    assert 0 < np.abs(error).max() <= 8


def test_default_output_is_lossless():
    assert output_path_for("photos/a.jpg").as_posix() == "photos/a_restored.png"
    assert output_path_for("photos/a.TIF", "out").as_posix() == "out/a_restored.TIF"
    assert output_path_for("a.b.webp", "out").as_posix() == "out/a.b_restored.png"
    assert output_path_for("a.pfm", "out").as_posix() == "out/a_restored.tif"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_code_survives_the_trip_through_floats(dtype):
    codes = np.arange(np.iinfo(dtype).max + 1).astype(dtype).reshape(16, -1)
    scaled = to_float(codes)
    assert scaled.dtype == np.float64
    assert scaled.min() == 0.0
    assert scaled.max() == 1.0
    np.testing.assert_array_equal(from_float(scaled, dtype), codes)


def test_from_float_clips_and_rounds_half_to_even():
    levels = np.array([-3.0, 0.5, 1.5, 2.5, 254.5, 300.0]) / 255
    np.testing.assert_array_equal(from_float(levels, np.uint8), [0, 0, 2, 2, 254, 255])
    floats = from_float(levels, np.float32)
    assert floats.dtype == np.float32
    assert (floats[0], floats[-1]) == (0.0, 1.0)
    with pytest.raises(InputError, match="int32"):
        from_float(levels, np.int32)


def test_to_float_refuses_what_is_not_an_intensity():
    image = np.array([[0.0, 0.25, 1.0]])
    np.testing.assert_array_equal(to_float(image), image)
    assert to_float(image) is not image
    for wrong, told in (
        ([[0.0, 1.5]], "1.5"),
        ([[-0.1, 1.0]], "-0.1"),
        ([[np.nan, 1.0]], "NaN"),
        ([[3, 4]], "int64"),
    ):
        with pytest.raises(InputError, match=told):
            to_float(np.array(wrong))
