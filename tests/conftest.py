"""Sweeps and nightly tests: what a usual run leaves out, the same every time."""

import pytest


def pytest_addoption(parser):
    parser.addoption(
        "--every-case",
        action="store_true",
        help="run all cases of the tests marked as sweeps, not a sample of them, and the tests "
        "marked as nightly",
    )


def pytest_collection_modifyitems(config, items):
    if config.getoption("every_case"):
        return
    seen, kept, left_out = {}, [], []
    for item in items:
        if item.get_closest_marker("nightly"):
            left_out.append(item)
        elif sweep := item.get_closest_marker("sweep"):
            number = seen[item.function] = seen.get(item.function, -1) + 1
            (left_out if number % sweep.args[0] else kept).append(item)
        else:
            kept.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


@pytest.fixture
def every_case(request):
    """True where a test that loops over its cases should take them all."""
    return request.config.getoption("every_case")
