"""A configuration file that trains in seconds."""

import pytest
from tiny_training import CONFIG


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(CONFIG)
    return path
