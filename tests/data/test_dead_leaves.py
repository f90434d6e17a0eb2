"""Generated images look like photographs of occluding objects."""

import time

import numpy as np
import pytest
import scipy
from embedded import embedded_photograph

from bio_scnn.data.dead_leaves import dead_leaves


def test_dead_leaves_look_like_occluding_objects():
    image = dead_leaves((128, 160), np.random.default_rng(0))
    assert image.shape == (128, 160, 3)
    assert image.dtype == np.float32
    assert image.min() >= 0.0
    assert image.max() <= 1.0
    np.testing.assert_array_equal(image, dead_leaves((128, 160), np.random.default_rng(0)))
    assert (image != dead_leaves((128, 160), np.random.default_rng(1))).any()
    # Edges are rare and strong: gradients have far heavier tails than a Gaussian's kurtosis of 3.
    images = [dead_leaves((128, 128), np.random.default_rng(i)) for i in range(8)]
    steps = np.concatenate([np.diff(grey.mean(axis=2), axis=1).ravel() for grey in images])
    assert np.mean(steps**4) / np.mean(steps**2) ** 2 > 6
    # Channels are correlated, as in photographs, but not equal.
    correlation = np.mean(
        [np.corrcoef(i[..., 0].ravel(), i[..., 2].ravel())[0, 1] for i in images]
    )
    assert 0.5 < correlation < 0.995


def spectral_slope(images):
    """Exponent of the power spectrum of grey square images, averaged over the images."""
    powers, size = [], images[0].shape[0]
    for image in images:
        grey = image.mean(axis=2)
        window = np.outer(np.hanning(size), np.hanning(size))
        powers.append(np.abs(np.fft.rfft2((grey - grey.mean()) * window)) ** 2)
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size))
    band = (frequency > 0.03) & (frequency < 0.25)
    return np.polyfit(np.log(frequency[band]), np.log(np.mean(powers, axis=0)[band]), 1)[0]


def test_dead_leaves_have_the_spectrum_of_photographs():
    slope = spectral_slope([dead_leaves((128, 128), np.random.default_rng(i)) for i in range(12)])
    assert -3.5 < slope < -1.5  # photographs: about -2
    noise = np.random.default_rng(0).random((12, 128, 128, 3))
    assert spectral_slope(noise) > -0.3


def test_leaves_from_a_photograph_have_its_spectrum():
    names = ("coffee", "chelsea", "rocket", "astronaut")
    images = [embedded_photograph(name) for name in names]
    crops = [image[i : i + 128, j : j + 128] for image in images for i in (0, 20) for j in (0, 60)]
    leaves = [
        dead_leaves((128, 128), np.random.default_rng(i), photograph=images[i % 4])
        for i in range(24)
    ]
    assert spectral_slope(leaves) == pytest.approx(spectral_slope(crops), abs=0.6)


def test_leaves_from_a_photograph_have_its_colours():
    for name, other in (("coffee", "rocket"), ("chelsea", "coffee")):
        source = embedded_photograph(name)
        leaves = [
            dead_leaves((96, 96), np.random.default_rng(i), photograph=source) for i in range(24)
        ]
        pixels = np.concatenate([image.reshape(-1, 3) for image in leaves])
        wanted = source.reshape(-1, 3)
        assert np.abs(pixels.mean(axis=0) - wanted.mean(axis=0)).max() < 0.06
        covariance, expected = np.cov(pixels.T), np.cov(wanted.T)
        distance = np.linalg.norm(covariance - expected) / np.linalg.norm(expected)
        # Clipping, grey textures and chance account for what is left.
        assert distance < 0.35
        far = np.cov(embedded_photograph(other).reshape(-1, 3).T)
        assert distance < 0.7 * np.linalg.norm(covariance - far) / np.linalg.norm(expected)


def test_some_images_are_partly_out_of_focus(monkeypatch):
    def images():
        return [dead_leaves((64, 64), np.random.default_rng(i), r_min=6.0) for i in range(60)]

    def energy(image):
        return np.mean(np.diff(image, axis=1) ** 2)

    seen = images()
    monkeypatch.setattr(scipy.ndimage, "gaussian_filter", lambda image, sigma: image)
    in_focus = images()
    changed = [(a, b) for a, b in zip(seen, in_focus, strict=True) if (a != b).any()]
    assert 10 < len(changed) < 30
    lost = np.array([1 - energy(a) / energy(b) for a, b in changed])
    assert lost.min() > 0
    assert lost.max() > 0.5


def test_radii_and_palette_are_respected():
    rng = np.random.default_rng(0)
    fine = dead_leaves((96, 96), rng, r_min=1.5, r_max=4.0)
    coarse = dead_leaves((96, 96), rng, r_min=20.0, r_max=60.0)
    assert np.abs(np.diff(fine, axis=0)).mean() > 3 * np.abs(np.diff(coarse, axis=0)).mean()
    red = np.array([[0.9, 0.1, 0.1], [0.6, 0.0, 0.0]])
    image = dead_leaves((96, 96), rng, palette=red)
    assert (image[..., 0] > image[..., 1]).mean() > 0.95


def test_dead_leaves_are_quick():
    rng = np.random.default_rng(0)
    start = time.perf_counter()
    for _ in range(5):
        dead_leaves((256, 256), rng)
    # About 40 ms each on an idle machine; generous, since test machines are not.
    assert (time.perf_counter() - start) / 5 < 0.6
