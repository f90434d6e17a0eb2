"""The Python in the README, docs/restore.md and docs/simulate.md runs and prints what it says."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from helpers import photograph

from bio_scnn import firing_rate
from bio_scnn.data import read_image, write_image

ROOT = Path(__file__).resolve().parent.parent.parent


def blocks(page):
    """Blocks of Python of a page, and the lines that they say they print."""
    text = (ROOT / page).read_text("utf-8")
    found = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    return found, [re.findall(r"print\(.*\)  # (.*)$", block, re.M) for block in found]


def test_the_readme(tmp_path, capsys, monkeypatch):
    (picture, layer, neuron), said = blocks("README.md")
    monkeypatch.chdir(tmp_path)
    image = photograph(40, 36)
    holes = np.zeros((40, 36), np.uint8)
    holes[10:14, 5:20] = 255
    write_image("photo.png", image)
    write_image("holes.png", holes)
    exec(compile(picture, "README.md", "exec"), {})
    result = read_image("result.png")
    assert np.array_equal(result[holes == 0], image[holes == 0])
    assert not np.array_equal(result[holes > 0], image[holes > 0])

    namespace = {}
    exec(compile(layer, "README.md", "exec"), namespace)
    assert namespace["layer"](np.full((4, 1), 0.7)).ravel().tolist() == [0, 1, 0, 1]

    exec(compile(neuron, "README.md", "exec"), namespace)
    assert capsys.readouterr().out.splitlines() == said[2]
    assert len(said[2]) == 3


def test_the_page_on_restoring():
    (block,), _ = blocks("docs/restore.md")
    namespace = {}
    exec(compile(block, "docs/restore.md", "exec"), namespace)
    restored, image, mask = (namespace[name] for name in ("restored", "image", "mask"))
    assert mask.any()
    assert not np.array_equal(restored[mask], image[mask])


def test_the_page_on_simulating():
    namespace = {}
    found, _ = blocks("docs/simulate.md")
    assert len(found) == 2
    for block in found:
        exec(compile(block, "docs/simulate.md", "exec"), namespace)
    plt.close("all")
    assert np.allclose(namespace["recording"].rate_hz("isi"), [100, 150, 200], rtol=1e-12)
    assert np.allclose(namespace["stock"].rate_hz("isi")[1], 151.52, atol=0.005)
    assert np.isclose(namespace["layer"].tau_ms, 9.49, atol=0.005)
    assert np.isclose(namespace["layer"].R, 10)
    assert firing_rate(0.1, namespace["cell"]) == 0
