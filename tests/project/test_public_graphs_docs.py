"""The page of public NIR graphs: its list, and its rows without any framework."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest

from bio_scnn.errors import InputError
from bio_scnn.nir import build_graph
from tools.docs import DOCS, public_graphs


def test_every_listed_graph_is_on_the_page():
    page = (DOCS / "public-graphs.md").read_text("utf-8")
    listed = public_graphs.sources()
    assert len({one.name for one in listed}) == len(listed) > 30
    for one in listed:
        assert page.count(f"`{one.name}`") >= 2
        assert f"| `{one.commit}` | {one.path} |" in page


def test_a_file_is_taken_from_a_clone(tmp_path):
    clone = tmp_path / "some+one"
    clone.mkdir()
    git = ["git", "-C", str(clone), "-c", "user.name=a", "-c", "user.email=a@b"]
    (clone / "a.nir").write_bytes(b"\x00\xffold")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *command], check=True)
    source = public_graphs.Source("a", "some/one", "HEAD", "a.nir")
    assert public_graphs.written(source, tmp_path, tmp_path).read_bytes() == b"\x00\xffold"
    with pytest.raises(InputError, match="some/one"):
        public_graphs.written(
            public_graphs.Source("b", "some/one", "HEAD", "b"), tmp_path, tmp_path
        )


def test_the_input_grows_until_the_output_fires():
    lif = {"tau": [0.01], "r": [1.0], "v_leak": [0.0], "v_threshold": [1.0], "type": "LIF"}
    _, size, found = public_graphs.driven(build_graph(lif))
    assert size == 100.0  # each adds 0.1 ms / 10 ms of it, and two come close together
    assert found.outputs["output"].any()
    silent = build_graph(lif | {"v_threshold": np.array([1e9])})
    assert public_graphs.driven(silent)[1] == 1.0
    first, _, said = public_graphs.rows("one", build_graph(lif), [])
    assert first.startswith("| `one` | 1 LIF | 100 | ")
    assert said == []
