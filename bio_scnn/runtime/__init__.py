"""Execution of work: places, processes, memory, files, configuration, provenance."""

from bio_scnn.runtime.config import from_table, read_toml, to_table
from bio_scnn.runtime.files import finite, write_whole
from bio_scnn.runtime.places import Cluster, Here, Place, open_place
from bio_scnn.runtime.provenance import machine, versions
from bio_scnn.runtime.tasks import Failure, Task

__all__ = [
    "Cluster",
    "Failure",
    "Here",
    "Place",
    "Task",
    "finite",
    "from_table",
    "machine",
    "open_place",
    "read_toml",
    "to_table",
    "versions",
    "write_whole",
]
