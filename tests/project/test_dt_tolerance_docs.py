"""The page of time steps: spikes keep their area at every step, and agreement is counted."""

import numpy as np
import pytest
from nir_graphs import chain, lif

from bio_scnn.nir import DIALECTS, run
from tools.docs import dt_tolerance as page


@pytest.fixture(scope="module")
def graph():
    weights = {"type": "Linear", "weight": np.eye(3) * 30}
    return chain((3,), fc=weights, cells=lif(3, tau=0.002))


def test_spikes_keep_their_area():
    x = np.array([[1.0], [0], [1], [1]])
    np.testing.assert_array_equal(
        page.at_step(x, 0.5, as_held=True)[:, 0], [2, 0, 0, 0, 2, 0, 2, 0]
    )
    np.testing.assert_array_equal(page.at_step(x, 0.5, as_held=False)[:3, 0], [1, 0, 0])
    np.testing.assert_array_equal(page.at_step(x, 2.0, as_held=True)[:, 0], [0.5, 1])
    np.testing.assert_array_equal(page.at_step(x, 4.0, as_held=False)[:, 0], [3])


def test_the_trained_step_is_the_dialect_itself(graph):
    x = (np.random.default_rng(0).random((64, 3)) < [0.1, 0.5, 0.2]).astype(float)
    euler = DIALECTS["euler"]
    found = page.output_counts(graph, x, euler, 1.0)
    wanted = run(graph, x, dialect="euler", dt_ms=euler.dt_ms).spikes[page.last_node(graph)]
    np.testing.assert_array_equal(found, wanted.sum(0))
    assert found.argmax() == 1
    fine = page.output_counts(graph, x, DIALECTS["exact"], 0.125)
    np.testing.assert_allclose(fine, page.exact_counts(graph, x, euler.dt_ms), atol=1)


def test_cells_and_lines(graph, monkeypatch):
    monkeypatch.setattr(page, "FACTORS", (1.0, 4.0))
    monkeypatch.setattr(page, "PATTERNS", 2)
    xs = page.patterns(graph, np.random.default_rng(1))
    assert len(xs) == 2
    table = page.measure(graph, [x[:64] for x in xs], 0.1)
    assert set(table) == set(page.conventions())
    euler = table["forward Euler"]
    assert euler[0.1].trained == 2
    assert euler[0.1].spikes > 10
    assert euler[0.4].error > 0
    text = page.page("net", table, 0.1)
    assert f"| forward Euler | 0.1 | {euler[0.1].spikes} |" in text
    assert "- forward Euler: 0.1" in text
