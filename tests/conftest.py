"""Distribution of the tests over processes."""

import pytest


def pytest_collection_modifyitems(items):
    """Keep tests that share a fixture of their module in one process, which makes it once."""
    for item in items:
        defined = item._fixtureinfo.name2fixturedefs.values()
        if any(fixture[-1].scope == "module" for fixture in defined):
            item.add_marker(pytest.mark.xdist_group(item.module.__name__))
