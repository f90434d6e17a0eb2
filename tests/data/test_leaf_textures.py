"""Textures of leaves that come from a photograph."""

import numpy as np
from embedded import embedded_photograph

from bio_scnn.data.leaf_textures import _gaussian_texture, paper_over


def test_a_gaussian_texture_has_the_covariance_of_its_photograph():
    source = embedded_photograph("coffee")
    rng = np.random.default_rng(0)
    textures = np.stack([_gaussian_texture(source, (96, 96), rng) for _ in range(64)])
    assert textures.shape == (64, 96, 96, 3)
    ours = np.corrcoef(textures.reshape(-1, 3).T)
    np.testing.assert_allclose(ours, np.corrcoef(source.reshape(-1, 3).T), atol=0.15)
    # Gaussian: no heavier tails, whatever edges the photograph has.
    each = textures / textures.std(axis=(1, 2, 3), keepdims=True)
    assert np.mean(np.diff(each, axis=1) ** 4) / np.mean(np.diff(each, axis=1) ** 2) ** 2 < 5


def test_some_leaves_are_pieces_of_the_photograph():
    rng = np.random.default_rng(0)
    source = rng.random((40, 50, 3), dtype=np.float32)
    leaf = np.arange(64 * 64).reshape(64, 64) // 256
    image = np.full((64, 64, 3), -1.0, np.float32)
    paper_over(image, leaf, 16, source, rng)
    known = {pixel.tobytes() for pixel in source.reshape(-1, 3)}
    copied = np.array([pixel.tobytes() in known for pixel in image.reshape(-1, 3)]).reshape(64, 64)
    untouched = (image == -1.0).all(axis=2)
    whole = [np.unique(leaf[where]).size * 256 == where.sum() for where in (copied, untouched)]
    assert whole == [True, True]
    assert copied.any()
    assert untouched.any()
    assert not (copied | untouched).all()
