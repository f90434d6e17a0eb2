"""The race with PyTorch: what it counts, compares and refuses."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from benchmark_tables import drawn, rows_of

from benchmarks import _racers, race_pytorch
from bio_scnn.errors import InputError
from bio_scnn.network.architecture import Architecture
from bio_scnn.network.cnn import ConvLayer
from bio_scnn.network.hybrid import HybridSCNN

ROOT = Path(__file__).resolve().parent.parent.parent
BENCHMARKS = ROOT / "benchmarks"
SCRIPT = "benchmarks.race_pytorch"


def test_operations_are_those_counted_by_hand():
    layers = (
        ConvLayer(6, kernel=4, stride=2),
        ConvLayer(20, upsample=2),
        ConvLayer(12, kernel=1, relu=False, see_rates=True, upsample=2),
    )
    architecture = Architecture(fills=("harmonic",), channels=5, layers=layers)
    # An image of 8 x 8 folds to 4 x 4 pixels of 16 channels.
    expected = [
        2 * (4 * 4) * (3 * 3 * 16) * 5,
        2 * (2 * 2) * (4 * 4 * 5) * 6,
        2 * (2 * 2) * (3 * 3 * 6) * 20,
        2 * (4 * 4) * (1 * 1 * 10) * 12,
    ]
    assert race_pytorch.layer_flops(architecture, 8) == expected
    first, rest = expected[0], sum(expected[1:])
    tasks = race_pytorch.task_flops(architecture, 8, 3)
    assert tasks == {"forward": 3 * (first + rest), "step": 3 * (2 * first + 3 * rest)}


def test_medians_ratios_and_rates():
    ours, theirs = np.array([1.0, 2, 4]), np.array([3.0, 2, 8])
    seconds = {name: dict.fromkeys(race_pytorch.TASKS, theirs) for name in race_pytorch.RUNNERS}
    seconds[race_pytorch.OURS] = dict.fromkeys(race_pytorch.TASKS, ours)
    seconds["product"] = {"product": np.array([0.5, 0.5, 9])}
    summary = race_pytorch.summarise(seconds, {"forward": 6, "step": 18}, 4.0)
    row = summary["tasks"]["step"][_racers.DEFAULT]
    assert row["median_ms"] == 3000
    assert row["ratio"] == 2  # of 3, 1 and 2
    assert row["gflops"] == pytest.approx(6e-9)
    assert summary["tasks"]["forward"][race_pytorch.OURS]["of_product"] == pytest.approx(3 / 8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--patch", "100"], "--patch is 100; it must be a multiple of 8"),
        (["--batch", "0"], "--batch is 0; it must be at least 1"),
        (["--threads", "0"], "--threads is 0; it must be at least 1"),
    ],
)
def test_bad_options_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        race_pytorch.parse(arguments)


def test_without_pytorch_there_is_one_line():
    hide = """
import importlib.metadata as metadata, runpy, sys
there = metadata.version
def version(name):
    if name == "torch":
        raise metadata.PackageNotFoundError(name)
    return there(name)
metadata.version = version
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-c", hide, SCRIPT, "--quick"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if not line.startswith("warning: others")]
    assert lines == ["error: the race needs PyTorch, not installed here: pip install torch"]


@pytest.mark.peer
def test_operations_are_those_pytorch_counts():
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    from bio_scnn.network.architecture import network_input
    from bio_scnn.network.torch_model import to_torch

    model, batch = _racers.make_case(32, 2)
    x = torch.tensor(network_input(model.architecture, batch.fill, batch.mask)).movedim(-1, 1)
    network = to_torch(model)
    expected = race_pytorch.task_flops(model.architecture, 32, 2)
    with FlopCounterMode(display=False) as counter:
        y = network(x)
    assert counter.get_total_flops() == expected["forward"]
    with FlopCounterMode(display=False) as counter:
        y = network(x)
        y.sum().backward()
    assert counter.get_total_flops() == expected["step"]


@pytest.mark.peer
def test_networks_that_differ_are_not_raced(monkeypatch):
    pytest.importorskip("torch")
    model, batch = _racers.make_case(32, 2)
    right = _racers.torch_runner

    def wrong(model, *rest):
        moved = model.params | {"conv2.bias": model.params["conv2.bias"] + 1e-3}
        return right(HybridSCNN(model.architecture, moved), *rest)

    with ThreadPoolExecutor(2) as pool:
        found = _racers.check(model, batch, pool, 2)
        assert set(found) == {"float32", "float64"}
        monkeypatch.setattr(_racers, "torch_runner", wrong)
        with pytest.raises(InputError, match="PyTorch and bio_scnn differ in float64"):
            _racers.check(model, batch, pool, 2)


@pytest.mark.nightly
@pytest.mark.peer
def test_quick_race(tmp_path):
    pytest.importorskip("torch")
    done = subprocess.run(
        [sys.executable, "-m", SCRIPT, "--quick", "--threads", "1", "--output", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    assert "channels last" in done.stdout
    result = json.loads((tmp_path / "race_pytorch.json").read_text("utf-8"))
    for rows in result["threads"]["1"]["tasks"].values():
        assert len(rows) == 3
        assert all(row["ratio"] > 0 and row["gflops"] > 0 for row in rows.values())
    assert set(result["threads"]["1"]["memory_bytes"]) == set(race_pytorch.RUNNERS)
    assert "</svg>" in (tmp_path / "race_pytorch.svg").read_text("utf-8")


def test_the_race_is_shown_as_it_was_kept():
    data = json.loads((BENCHMARKS / "results" / "race_pytorch.json").read_text("utf-8"))
    # Three entrants with two tasks and one memory each, and a header, for each number of threads.
    assert len(rows_of(race_pytorch.table(data))) == len(data["threads"]) * (3 * 3 + 2)
    goals = race_pytorch.goals(data)
    assert len(goals) == 2 * len(data["threads"]) * len(race_pytorch.TASKS)
    assert sum("channels last" in goal for goal in goals) == len(goals) / 2
    assert drawn(race_pytorch.draw(data))
