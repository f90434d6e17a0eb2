"""Graphs of the `nir` package as importers get them: subgraphs without their ends."""

import numpy as np
import pytest
from nir_graphs import cuba, lif, table

from bio_scnn.nir import build_graph, read_graph, run


@pytest.mark.peer
def test_a_subgraph_leaves_no_ends_behind():
    """Inner ends would make nirtorch wait for ever; the network is the same without them."""
    pytest.importorskip("nir")
    from bio_scnn.nir.importers import to_nir

    ends = {k: {"type": k.title(), "shape": np.array([2])} for k in ("input", "output")}
    w = {"type": "Linear", "weight": np.array([[0.0, 3.0], [-2.0, 0.0]])}
    inside = {"n": cuba(2, tau_mem=0.004), "w": w, **ends}
    edges = [("input", "n"), ("n", "w"), ("w", "n"), ("n", "output")]
    sub = {"type": "NIRGraph", "nodes": inside, "edges": edges}
    whole = build_graph(
        table(
            {"sub": sub, "l": lif(2)},
            [("input", "sub"), ("sub", "l"), ("l", "output")],
            (2,),
            (2,),
        )
    )
    plain = read_graph(to_nir(whole))
    assert set(plain.nodes) == {"input", "sub.n", "sub.w", "l", "output"}
    assert {("input", "sub.n"), ("sub.n", "l"), ("sub.w", "sub.n")} <= set(plain.edges)
    x = (np.random.default_rng(0).random((100, 2)) < 0.3) * 30.0
    one, two = (run(g, x, dialect="euler", dt_ms=1.0).counts for g in (whole, plain))
    assert one == two
    assert one["sub.n"] > 5
