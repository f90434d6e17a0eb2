"""Whole networks as NIR files hold them: run exactly in continuous time, or as a framework does.

::

    file -> graph         nodes, edges, shapes, checked          reading, graph, shapes
         -> continuous    event-driven, exact between events     continuous
         -> grid          step by step in a declared dialect     dialects, steps, grid
         -> activity      spikes and V per node, open points     running, open_points
"""

from bio_scnn.nir.dialects import DIALECTS, Dialect
from bio_scnn.nir.graph import Graph, Node
from bio_scnn.nir.reading import build_graph, read_graph
from bio_scnn.nir.running import Activity, run

__all__ = [
    "DIALECTS",
    "Activity",
    "Dialect",
    "Graph",
    "Node",
    "build_graph",
    "read_graph",
    "run",
]
