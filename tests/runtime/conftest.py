"""A cluster that the tests of a module share; it costs time as long as it is there."""

import pytest
from dask_processes import scheduler, workers


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Address of a scheduler with two workers."""
    folder = tmp_path_factory.mktemp("dask")
    distributed = pytest.importorskip("distributed")
    with scheduler(folder) as address, workers(address, folder):
        with distributed.Client(address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        yield address
