"""Photographs that several modules read."""

import pytest

from bio_scnn.data.datasets import embedded_images, resize
from bio_scnn.data.images import read_rgb, write_image


@pytest.fixture
def folder(tmp_path):
    """Six different photographs in two folders."""
    root = tmp_path / "photos"
    for i, source in enumerate(embedded_images()[:6]):
        image = resize(read_rgb(source), 2.5)
        write_image(root / f"part{i % 2}" / f"{i}.{'png' if i % 2 else 'jpg'}", image)
    return root
