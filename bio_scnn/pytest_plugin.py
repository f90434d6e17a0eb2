"""``pytest --check-lif NAME``: check LIF layers without a test module.

pytest loads this file wherever bio_scnn is installed. So it imports nothing before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--check-lif`` and ``--check-lif-dt``."""
    group = parser.getgroup("bio_scnn", "check LIF layers against their equation")
    group.addoption(
        "--check-lif",
        action="append",
        default=[],
        metavar="NAME",
        help="check a layer: a known framework, package.module:object, or file.py:object",
    )
    group.addoption(
        "--check-lif-dt", type=float, default=0.1, metavar="MS", help="time step (default: 0.1)"
    )


def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the checks that were asked for."""
    names = config.getoption("--check-lif")
    if names:
        import pytest

        from bio_scnn.crossval.testing import command_line_items
        from bio_scnn.errors import InputError

        try:
            items.extend(command_line_items(session, names, config.getoption("--check-lif-dt")))
        except InputError as error:
            raise pytest.UsageError(str(error)) from None
